/* net_check: every invariant that net.h states, for nets that came from outside or from a new builder's caller.
 *
 * Shapes are not trusted but inferred again: each node's from its input's and its attributes alone. */
#include "common/net.h"

#include <string.h>

#include <uthash.h>

struct seen_name {
    const char *name;
    UT_hash_handle hh;
};

/* Names of nodes, or of tensors, are unique: `first` is the name of item 0, `stride` the distance to the next, in bytes. */
static enum status_code check_unique(const char *first, size_t stride, int count, const char *what, struct status *status)
{
    enum status_code code = STATUS_OK;
    struct seen_name *table = NULL, *entry = NULL, *next = NULL;
    struct seen_name *entries = calloc((size_t)count + 1, sizeof *entries);
    if (entries == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to check a net of %d %ss", count, what);
    for (int i = 0; i < count && code == STATUS_OK; i++) {
        const char *name = first + (size_t)i * stride;
        HASH_FIND_STR(table, name, entry);
        if (entry != NULL) {
            code = status_set(status, STATUS_BAD_INPUT, "two %ss of the net are called %s", what, name);
        } else {
            entries[i].name = name;
            HASH_ADD_KEYPTR(hh, table, name, strlen(name), &entries[i]);
            if (entries[i].hh.tbl == NULL)
                code = status_set(status, STATUS_NO_MEMORY, "no memory to check a net of %d %ss", count, what);
        }
    }
    HASH_ITER(hh, table, entry, next)
    HASH_DEL(table, entry);
    free(entries);
    return code;
}

static enum status_code wrong(const struct net_node *node, const char *what, struct status *status)
{
    return status_set(status, STATUS_BAD_INPUT, "node %s (%s): %s", node->name, net_op_name(node->op), what);
}

static int same_shape(struct net_shape a, struct net_shape b)
{
    return a.c == b.c && a.h == b.h && a.w == b.w;
}

/* Pixels from the first to the last that the node's kernel covers. */
static int64_t extent(const struct net_node *node)
{
    return (int64_t)(node->kernel_h - 1) * (node->op == NET_CONV ? node->dilation : 1) + 1;
}

static int window_count(const struct net_node *node, int length)
{
    return (int)((length + 2 * (int64_t)node->pad - extent(node)) / node->stride + 1);
}

static int channel_sum(const struct net *net, const struct net_node *node)
{
    int64_t sum = 0; /* no more than NET_INPUTS_MAX * NET_DIMENSION_MAX */
    for (int i = 0; i < node->input_count; i++)
        sum += net->nodes[node->inputs[i]].shape.c;
    return (int)sum;
}

/* The shape that the node's attributes give for its inputs' shapes, `in` that of the first. Attributes have been checked. */
static struct net_shape inferred_shape(const struct net *net, const struct net_node *node, struct net_shape in)
{
    switch (node->op) {
    case NET_CONV: return (struct net_shape){node->shape.c, window_count(node, in.h), window_count(node, in.w)};
    case NET_AVG_POOL:
    case NET_MAX_POOL: return (struct net_shape){in.c, window_count(node, in.h), window_count(node, in.w)};
    case NET_SUBSAMPLE:
        return (struct net_shape){in.c, (in.h - node->offset - 1) / node->stride + 1, (in.w - node->offset - 1) / node->stride + 1};
    case NET_CHANNEL_PAD: return (struct net_shape){in.c + node->pad_before + node->pad_after, in.h, in.w};
    case NET_CONCAT: return (struct net_shape){channel_sum(net, node), in.h, in.w};
    case NET_GLOBAL_AVG_POOL: return (struct net_shape){in.c, 1, 1};
    case NET_DENSE: return (struct net_shape){node->shape.c, 1, 1};
    default: return in;
    }
}

static int window_is_sound(const struct net_node *node, struct net_shape in)
{
    int64_t h = (int64_t)in.h + 2 * (int64_t)node->pad, w = (int64_t)in.w + 2 * (int64_t)node->pad;
    if (node->kernel_h < 1 || node->kernel_w != node->kernel_h || node->stride < 1 || node->pad < 0)
        return 0;
    if (node->op == NET_CONV && node->dilation < 1)
        return 0;
    if (node->pad >= extent(node) || extent(node) > h || extent(node) > w)
        return 0;
    return node->op == NET_CONV || 2 * (int64_t)node->pad <= node->kernel_h;
}

static enum status_code check_attributes(const struct net_node *node, struct net_shape in, struct status *status)
{
    switch (node->op) {
    case NET_CONV:
        if (node->groups < 1 || in.c % node->groups != 0 || node->shape.c % node->groups != 0)
            return wrong(node, "the groups do not divide its channels", status);
        /* fall through */
    case NET_AVG_POOL:
    case NET_MAX_POOL:
        return window_is_sound(node, in) ? STATUS_OK : wrong(node, "kernel, stride and padding do not fit its input", status);
    case NET_BATCH_NORM: return node->epsilon > 0.0F ? STATUS_OK : wrong(node, "epsilon is not positive", status);
    case NET_SUBSAMPLE:
        if (node->offset < 0 || node->offset >= in.h || node->offset >= in.w)
            return wrong(node, "the first row and column taken lie outside its input", status);
        return node->stride >= 1 ? STATUS_OK : wrong(node, "the stride is not positive", status);
    case NET_CHANNEL_SHUFFLE:
        return node->groups >= 1 && in.c % node->groups == 0 ? STATUS_OK
                                                             : wrong(node, "the groups do not divide its channels", status);
    case NET_CHANNEL_PAD:
        return node->pad_before >= 0 && node->pad_after >= 0 && node->pad_before <= NET_DIMENSION_MAX &&
                       node->pad_after <= NET_DIMENSION_MAX
                   ? STATUS_OK
                   : wrong(node, "a number of zero channels is out of range", status);
    case NET_DENSE: return in.h == 1 && in.w == 1 ? STATUS_OK : wrong(node, "its input is not a vector", status);
    default: return STATUS_OK;
    }
}

/* Parameter p of the node is there and has these dims; trainable as stated. */
static int param_is(const struct net *net, const struct net_node *node, int p, int rank, const int *dims, int trainable)
{
    if (node->params[p] < 0 || node->params[p] >= net->tensor_count)
        return 0;
    const struct net_tensor *tensor = &net->tensors[node->params[p]];
    return tensor->rank == rank && tensor->trainable == trainable && memcmp(tensor->dims, dims, (size_t)rank * sizeof *dims) == 0;
}

static enum status_code check_params(const struct net *net, const struct net_node *node, struct net_shape in, struct status *status)
{
    int good = 1, allowed = 0;
    if (node->op == NET_CONV) {
        const int dims[] = {node->shape.c, in.c / node->groups, node->kernel_h, node->kernel_w};
        good = param_is(net, node, 0, 4, dims, 1) && (node->params[1] == -1 || param_is(net, node, 1, 1, dims, 1));
        allowed = 2;
    } else if (node->op == NET_DENSE) {
        const int dims[] = {node->shape.c, in.c};
        good = param_is(net, node, 0, 2, dims, 1) && param_is(net, node, 1, 1, dims, 1);
        allowed = 2;
    } else if (node->op == NET_BATCH_NORM) {
        const int fixed = param_is(net, node, 0, 1, &in.c, 0);
        for (int p = 0; p < NET_PARAMS_MAX; p++)
            good = good && param_is(net, node, p, 1, &in.c, p < 2 && !fixed);
        allowed = NET_PARAMS_MAX;
    }
    for (int p = allowed; p < NET_PARAMS_MAX; p++)
        good = good && node->params[p] == -1;
    return good ? STATUS_OK : wrong(node, "a parameter is missing or has the wrong shape", status);
}

static enum status_code check_node(const struct net *net, int index, struct status *status)
{
    const struct net_node *node = &net->nodes[index];
    if (memchr(node->name, '\0', sizeof node->name) == NULL || (unsigned)node->op >= NET_OP_COUNT)
        return status_set(status, STATUS_BAD_INPUT, "node %d of the net has no proper name or operator", index);
    if ((node->op == NET_INPUT) != (index == 0))
        return wrong(node, "the input, and only the input, is the first node", status);
    int joins = node->op == NET_ADD || node->op == NET_CONCAT, mixes = node->op == NET_MIX;
    int least = node->op == NET_INPUT ? 0 : joins ? 2 : 1, most = joins || mixes ? NET_INPUTS_MAX : least;
    if (node->input_count < least || node->input_count > most)
        return wrong(node, "it has the wrong number of inputs", status);
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] < 0 || node->inputs[i] >= index)
            return wrong(node, "an input does not stand before it", status);
    for (int i = 0; mixes && i < node->input_count; i++)
        if (node->mix[i] < 0 || node->mix[i] >= net->mix_count)
            return wrong(node, "it names a coefficient that the net does not have", status);
    struct net_shape s = node->shape;
    if (s.c < 1 || s.h < 1 || s.w < 1 || s.c > NET_DIMENSION_MAX || s.h > NET_DIMENSION_MAX || s.w > NET_DIMENSION_MAX ||
        (int64_t)s.c * s.h > NET_ELEMENTS_MAX || (int64_t)s.c * s.h * s.w > NET_ELEMENTS_MAX)
        return wrong(node, "its output is empty or too large", status);
    struct net_shape in = index == 0 ? s : net->nodes[node->inputs[0]].shape;
    for (int i = 1; i < node->input_count; i++) {
        struct net_shape other = net->nodes[node->inputs[i]].shape;
        if (node->op == NET_CONCAT)
            other.c = in.c;
        if (!same_shape(in, other))
            return wrong(node, "its inputs have different shapes", status);
    }
    enum status_code code = check_attributes(node, in, status);
    if (code != STATUS_OK)
        return code;
    if (!same_shape(s, inferred_shape(net, node, in)))
        return wrong(node, "its shape is not the one its input gives", status);
    return check_params(net, node, in, status);
}

static enum status_code check_tensor(const struct net *net, int index, struct status *status)
{
    const struct net_tensor *tensor = &net->tensors[index];
    if (memchr(tensor->name, '\0', sizeof tensor->name) == NULL || tensor->data == NULL || tensor->rank < 1 ||
        tensor->rank > NET_RANK_MAX)
        return status_set(status, STATUS_BAD_INPUT, "tensor %d of the net has no proper name, rank or data", index);
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        if (tensor->dims[i] < 1 || tensor->dims[i] > NET_DIMENSION_MAX ||
            count > (size_t)NET_ELEMENTS_MAX / (size_t)tensor->dims[i])
            return status_set(status, STATUS_BAD_INPUT, "tensor %s: it is empty or too large", tensor->name);
        count *= (size_t)tensor->dims[i];
    }
    if (count != tensor->count)
        return status_set(status, STATUS_BAD_INPUT, "tensor %s: it holds %zu elements but its shape has %zu", tensor->name,
                          tensor->count, count);
    return STATUS_OK;
}

static enum status_code check_outputs(const struct net *net, struct status *status)
{
    if (net->output_count < 1 || net->output_count > NET_OUTPUTS_MAX)
        return status_set(status, STATUS_BAD_INPUT, "the net has %d outputs; 1 to %d are possible", net->output_count,
                          NET_OUTPUTS_MAX);
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i] < 0 || net->outputs[i] >= net->node_count)
            return status_set(status, STATUS_BAD_INPUT, "output %d of the net names no node", i);
    const struct net_node *logits = &net->nodes[net->outputs[0]];
    if (logits->shape.h != 1 || logits->shape.w != 1 || logits->shape.c != net->classes)
        return wrong(logits, "the first output must be a vector of one number per class", status);
    return STATUS_OK;
}

enum status_code net_check(const struct net *net, struct status *status)
{
    if (net->node_count < 1 || net->node_count > NET_NODES_MAX)
        return status_set(status, STATUS_BAD_INPUT, "the net has %d nodes; 1 to %d are possible", net->node_count, NET_NODES_MAX);
    if (net->mix_count < 0 || net->mix_count > NET_MIX_MAX)
        return status_set(status, STATUS_BAD_INPUT, "the net has %d coefficients; 0 to %d are possible", net->mix_count,
                          NET_MIX_MAX);
    enum status_code code = STATUS_OK;
    for (int i = 0; i < net->tensor_count && code == STATUS_OK; i++)
        code = check_tensor(net, i, status);
    for (int i = 0; i < net->node_count && code == STATUS_OK; i++)
        code = check_node(net, i, status);
    if (code == STATUS_OK)
        code = check_outputs(net, status);
    if (code == STATUS_OK)
        code = check_unique(net->nodes[0].name, sizeof net->nodes[0], net->node_count, "node", status);
    if (code == STATUS_OK && net->tensor_count > 0)
        code = check_unique(net->tensors[0].name, sizeof net->tensors[0], net->tensor_count, "tensor", status);
    return code;
}
