/* net_build: the builders: each appends one node to a net, infers its shape and makes its parameters.
 *
 * Called by the spaces, the ONNX reader and net_fold. Whatever they are handed is checked here, so a net that was built without an
 * error satisfies everything net_check asks except unique names. After a failure the net is as it was before the call. */
#include "common/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(struct status *status, enum status_code code, const char *name, const char *what)
{
    status_set(status, code, "node %s: %s", name, what);
    return -1;
}

static int fail_memory(struct status *status, const char *name)
{
    return fail(status, STATUS_NO_MEMORY, name, "no memory");
}

/* Room for one more; 0 or -1. */
static int grow(void **items, int count, int *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return 0;
    int wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *larger = realloc(*items, (size_t)wanted * item_bytes);
    if (larger == NULL)
        return -1;
    *items = larger;
    *capacity = wanted;
    return 0;
}

static int shape_fits(struct net_shape shape)
{
    if (shape.c < 1 || shape.h < 1 || shape.w < 1)
        return 0;
    if (shape.c > NET_DIMENSION_MAX || shape.h > NET_DIMENSION_MAX || shape.w > NET_DIMENSION_MAX)
        return 0;
    return (int64_t)shape.c * shape.h <= NET_ELEMENTS_MAX && (int64_t)shape.c * shape.h * shape.w <= NET_ELEMENTS_MAX;
}

/* A node with its inputs set and everything else at rest; its shape is that of its first input. 0 or -1. */
static int start(const struct net *net, struct net_node *node, enum net_op op, const char *name, const int *inputs, int input_count,
                 struct status *status)
{
    memset(node, 0, sizeof *node);
    node->op = op;
    node->stride = 1;
    node->groups = node->dilation = 1;
    for (int i = 0; i < NET_PARAMS_MAX; i++)
        node->params[i] = -1;
    if (strlen(name) >= sizeof node->name)
        return fail(status, STATUS_BAD_INPUT, name, "the name is too long");
    strcpy(node->name, name);
    for (int i = 0; i < input_count; i++) {
        if (inputs[i] < 0 || inputs[i] >= net->node_count)
            return fail(status, STATUS_BAD_INPUT, name, "an input does not stand before it");
        node->inputs[i] = inputs[i];
    }
    node->input_count = input_count;
    if (input_count > 0)
        node->shape = net->nodes[inputs[0]].shape;
    return 0;
}

/* Appends the finished node; its index or -1. */
static int finish(struct net *net, const struct net_node *node, struct status *status)
{
    if (!shape_fits(node->shape))
        return fail(status, STATUS_BAD_INPUT, node->name, "its output is empty or too large");
    if (net->node_count >= NET_NODES_MAX)
        return fail(status, STATUS_BAD_INPUT, node->name, "the net has too many nodes");
    if (grow((void **)&net->nodes, net->node_count, &net->node_capacity, sizeof *net->nodes) != 0)
        return fail_memory(status, node->name);
    net->nodes[net->node_count] = *node;
    return net->node_count++;
}

/* Forgets the tensors made for a node that could not be finished. */
static int give_up(struct net *net, int tensor_count)
{
    while (net->tensor_count > tensor_count)
        free(net->tensors[--net->tensor_count].data);
    return -1;
}

/* Makes tensor NAME.SUFFIX with every element `value`; its index or -1. */
static int add_tensor(struct net *net, const char *name, const char *suffix, int rank, const int *dims, float value, int trainable,
                      struct status *status)
{
    struct net_tensor tensor = {.rank = rank, .count = 1, .trainable = trainable};
    if (snprintf(tensor.name, sizeof tensor.name, "%s.%s", name, suffix) >= (int)sizeof tensor.name)
        return fail(status, STATUS_BAD_INPUT, name, "the name is too long for its parameters");
    for (int i = 0; i < rank; i++) {
        tensor.dims[i] = dims[i];
        if (dims[i] < 1 || dims[i] > NET_DIMENSION_MAX || tensor.count > (size_t)NET_ELEMENTS_MAX / (size_t)dims[i])
            return fail(status, STATUS_BAD_INPUT, name, "a parameter is empty or too large");
        tensor.count *= (size_t)dims[i];
    }
    if (grow((void **)&net->tensors, net->tensor_count, &net->tensor_capacity, sizeof *net->tensors) != 0)
        return fail_memory(status, name);
    tensor.data = calloc(tensor.count, sizeof *tensor.data);
    if (tensor.data == NULL)
        return fail_memory(status, name);
    if (value != 0.0F)
        for (size_t i = 0; i < tensor.count; i++)
            tensor.data[i] = value;
    net->tensors[net->tensor_count] = tensor;
    return net->tensor_count++;
}

int net_add_input(struct net *net, struct net_shape shape, struct status *status)
{
    struct net_node node;
    if (net->node_count != 0)
        return fail(status, STATUS_BAD_INPUT, "input", "a net has one input, its first node");
    if (start(net, &node, NET_INPUT, "input", NULL, 0, status) != 0)
        return -1;
    node.shape = shape;
    return finish(net, &node, status);
}

/* Output length of a window that slides over `length`, or 0 where it does not fit. */
static int window_count(int length, int64_t extent, int stride, int pad)
{
    int64_t room = (int64_t)length + 2 * (int64_t)pad - extent;
    return room < 0 ? 0 : (int)(room / stride + 1);
}

static int in_range(int number)
{
    return number >= 1 && number <= NET_DIMENSION_MAX;
}

/* Pixels from the first to the last that a kernel covers. */
static int64_t extent_of(int kernel, int dilation)
{
    return (int64_t)(kernel - 1) * dilation + 1;
}

static int window_fits(int kernel, int stride, int pad, int dilation)
{
    return in_range(kernel) && in_range(stride) && in_range(dilation) && pad >= 0 && pad < extent_of(kernel, dilation) &&
           extent_of(kernel, dilation) <= NET_DIMENSION_MAX;
}

static void set_window(struct net_node *node, int kernel, int stride, int pad, int dilation)
{
    node->kernel_h = node->kernel_w = kernel;
    node->stride = stride;
    node->pad = pad;
    node->dilation = dilation;
    node->shape.h = window_count(node->shape.h, extent_of(kernel, dilation), stride, pad);
    node->shape.w = window_count(node->shape.w, extent_of(kernel, dilation), stride, pad);
}

int net_add_conv_with(struct net *net, const char *name, int input, const struct net_conv *conv, struct status *status)
{
    struct net_node node;
    const int dilation = conv->dilation == 0 ? 1 : conv->dilation, groups = conv->groups == 0 ? 1 : conv->groups;
    if (start(net, &node, NET_CONV, name, &input, 1, status) != 0)
        return -1;
    if (!window_fits(conv->kernel, conv->stride, conv->pad, dilation))
        return fail(status, STATUS_BAD_INPUT, name,
                    "kernel, stride and dilation must be positive and the padding smaller than the kernel");
    int in_channels = node.shape.c;
    if (groups < 1 || conv->out_channels < 1 || in_channels % groups != 0 || conv->out_channels % groups != 0)
        return fail(status, STATUS_BAD_INPUT, name, "the groups do not divide its channels");
    set_window(&node, conv->kernel, conv->stride, conv->pad, dilation);
    node.shape.c = conv->out_channels;
    node.groups = groups;
    int tensors = net->tensor_count;
    const int dims[] = {conv->out_channels, in_channels / groups, conv->kernel, conv->kernel};
    node.params[0] = add_tensor(net, name, "weight", 4, dims, 0.0F, 1, status);
    if (node.params[0] >= 0 && conv->with_bias)
        node.params[1] = add_tensor(net, name, "bias", 1, dims, 0.0F, 1, status);
    if (node.params[0] < 0 || (conv->with_bias && node.params[1] < 0))
        return give_up(net, tensors);
    int index = finish(net, &node, status);
    return index >= 0 ? index : give_up(net, tensors);
}

int net_add_conv(struct net *net, const char *name, int input, int out_channels, int kernel, int stride, int pad, int groups,
                 int with_bias, struct status *status)
{
    if (groups == 0)
        return fail(status, STATUS_BAD_INPUT, name, "the groups do not divide its channels");
    const struct net_conv conv = {
        .out_channels = out_channels, .kernel = kernel, .stride = stride, .pad = pad, .groups = groups, .with_bias = with_bias};
    return net_add_conv_with(net, name, input, &conv, status);
}

static int add_batch_norm(struct net *net, const char *name, int input, float epsilon, int fixed, struct status *status)
{
    static const struct {
        const char *suffix;
        float value;
        int trainable;
    } params[NET_PARAMS_MAX] = {{"weight", 1.0F, 1}, {"bias", 0.0F, 1}, {"running_mean", 0.0F, 0}, {"running_var", 1.0F, 0}};
    struct net_node node;
    if (start(net, &node, NET_BATCH_NORM, name, &input, 1, status) != 0)
        return -1;
    if (!(epsilon > 0.0F && epsilon <= 1.0F))
        return fail(status, STATUS_BAD_INPUT, name, "epsilon must be above 0 and at most 1");
    node.epsilon = epsilon;
    int tensors = net->tensor_count;
    for (int i = 0; i < NET_PARAMS_MAX; i++) {
        node.params[i] =
            add_tensor(net, name, params[i].suffix, 1, &node.shape.c, params[i].value, params[i].trainable && !fixed, status);
        if (node.params[i] < 0)
            return give_up(net, tensors);
    }
    int index = finish(net, &node, status);
    return index >= 0 ? index : give_up(net, tensors);
}

int net_add_batch_norm(struct net *net, const char *name, int input, float epsilon, struct status *status)
{
    return add_batch_norm(net, name, input, epsilon, 0, status);
}

int net_add_batch_norm_fixed(struct net *net, const char *name, int input, float epsilon, struct status *status)
{
    return add_batch_norm(net, name, input, epsilon, 1, status);
}

int net_add_relu(struct net *net, const char *name, int input, struct status *status)
{
    struct net_node node;
    return start(net, &node, NET_RELU, name, &input, 1, status) != 0 ? -1 : finish(net, &node, status);
}

static int add_pool(struct net *net, enum net_op op, const char *name, int input, int kernel, int stride, int pad,
                    struct status *status)
{
    struct net_node node;
    if (start(net, &node, op, name, &input, 1, status) != 0)
        return -1;
    /* More padding than half a kernel would give windows without a single pixel. */
    if (!window_fits(kernel, stride, pad, 1) || 2 * pad > kernel)
        return fail(status, STATUS_BAD_INPUT, name, "kernel and stride must be positive and the padding at most half the kernel");
    set_window(&node, kernel, stride, pad, 1);
    return finish(net, &node, status);
}

int net_add_avg_pool(struct net *net, const char *name, int input, int kernel, int stride, int pad, struct status *status)
{
    return add_pool(net, NET_AVG_POOL, name, input, kernel, stride, pad, status);
}

int net_add_max_pool(struct net *net, const char *name, int input, int kernel, int stride, int pad, struct status *status)
{
    return add_pool(net, NET_MAX_POOL, name, input, kernel, stride, pad, status);
}

/* The complaint about two inputs whose shapes do not go together; -1. */
static int shapes_differ(const struct net *net, const char *name, const char *what, int first, int other, struct status *status)
{
    struct net_shape a = net->nodes[first].shape, b = net->nodes[other].shape;
    status_set(status, STATUS_BAD_INPUT, "node %s: cannot %s %s (%d,%d,%d) and %s (%d,%d,%d)", name, what, net->nodes[first].name,
               a.c, a.h, a.w, net->nodes[other].name, b.c, b.h, b.w);
    return -1;
}

/* A node that adds its inputs up, `op`, of which it has at least `least`. */
static int start_sum(const struct net *net, struct net_node *node, enum net_op op, const char *name, const int *inputs,
                     int input_count, int least, struct status *status)
{
    char what[64];
    snprintf(what, sizeof what, "a sum has %d to %d inputs", least, NET_INPUTS_MAX);
    if (input_count < least || input_count > NET_INPUTS_MAX)
        return fail(status, STATUS_BAD_INPUT, name, what);
    if (start(net, node, op, name, inputs, input_count, status) != 0)
        return -1;
    for (int i = 1; i < input_count; i++) {
        struct net_shape a = node->shape, b = net->nodes[inputs[i]].shape;
        if (a.c != b.c || a.h != b.h || a.w != b.w)
            return shapes_differ(net, name, "add", inputs[0], inputs[i], status);
    }
    return 0;
}

int net_add_add(struct net *net, const char *name, const int *inputs, int input_count, struct status *status)
{
    struct net_node node;
    return start_sum(net, &node, NET_ADD, name, inputs, input_count, 2, status) != 0 ? -1 : finish(net, &node, status);
}

int net_add_mix(struct net *net, const char *name, const int *inputs, const int *coefficients, int input_count,
                struct status *status)
{
    struct net_node node;
    int count = net->mix_count;
    if (start_sum(net, &node, NET_MIX, name, inputs, input_count, 1, status) != 0)
        return -1;
    for (int i = 0; i < input_count; i++) {
        if (coefficients[i] < 0 || coefficients[i] >= NET_MIX_MAX)
            return fail(status, STATUS_BAD_INPUT, name, "the number of a coefficient is negative or too large");
        node.mix[i] = coefficients[i];
        count = coefficients[i] < count ? count : coefficients[i] + 1;
    }
    int index = finish(net, &node, status);
    if (index >= 0)
        net->mix_count = count;
    return index;
}

int net_add_concat(struct net *net, const char *name, const int *inputs, int input_count, struct status *status)
{
    struct net_node node;
    char what[64];
    snprintf(what, sizeof what, "a concatenation has 2 to %d inputs", NET_INPUTS_MAX);
    if (input_count < 2 || input_count > NET_INPUTS_MAX)
        return fail(status, STATUS_BAD_INPUT, name, what);
    if (start(net, &node, NET_CONCAT, name, inputs, input_count, status) != 0)
        return -1;
    for (int i = 1; i < input_count; i++) {
        struct net_shape other = net->nodes[inputs[i]].shape;
        if (node.shape.h != other.h || node.shape.w != other.w)
            return shapes_differ(net, name, "concatenate", inputs[0], inputs[i], status);
        node.shape.c += other.c;
    }
    return finish(net, &node, status);
}

int net_add_channel_shuffle(struct net *net, const char *name, int input, int groups, struct status *status)
{
    struct net_node node;
    if (start(net, &node, NET_CHANNEL_SHUFFLE, name, &input, 1, status) != 0)
        return -1;
    if (groups < 1 || node.shape.c % groups != 0)
        return fail(status, STATUS_BAD_INPUT, name, "the groups do not divide its channels");
    node.groups = groups;
    return finish(net, &node, status);
}

int net_add_subsample(struct net *net, const char *name, int input, int stride, struct status *status)
{
    return net_add_subsample_from(net, name, input, stride, 0, status);
}

int net_add_subsample_from(struct net *net, const char *name, int input, int stride, int offset, struct status *status)
{
    struct net_node node;
    if (start(net, &node, NET_SUBSAMPLE, name, &input, 1, status) != 0)
        return -1;
    if (!in_range(stride))
        return fail(status, STATUS_BAD_INPUT, name, "the stride must be positive");
    if (offset < 0 || offset >= node.shape.h || offset >= node.shape.w)
        return fail(status, STATUS_BAD_INPUT, name, "the first row and column taken lie outside its input");
    node.stride = stride;
    node.offset = offset;
    node.shape.h = (node.shape.h - offset - 1) / stride + 1;
    node.shape.w = (node.shape.w - offset - 1) / stride + 1;
    return finish(net, &node, status);
}

int net_add_channel_pad(struct net *net, const char *name, int input, int before, int after, struct status *status)
{
    struct net_node node;
    if (start(net, &node, NET_CHANNEL_PAD, name, &input, 1, status) != 0)
        return -1;
    if (before < 0 || after < 0 || before > NET_DIMENSION_MAX || after > NET_DIMENSION_MAX)
        return fail(status, STATUS_BAD_INPUT, name, "the number of zero channels is negative or too large");
    node.pad_before = before;
    node.pad_after = after;
    node.shape.c += before + after;
    return finish(net, &node, status);
}

int net_add_global_avg_pool(struct net *net, const char *name, int input, struct status *status)
{
    struct net_node node;
    if (start(net, &node, NET_GLOBAL_AVG_POOL, name, &input, 1, status) != 0)
        return -1;
    node.shape.h = node.shape.w = 1;
    return finish(net, &node, status);
}

int net_add_dense(struct net *net, const char *name, int input, int out_features, struct status *status)
{
    struct net_node node;
    if (start(net, &node, NET_DENSE, name, &input, 1, status) != 0)
        return -1;
    if (node.shape.h != 1 || node.shape.w != 1)
        return fail(status, STATUS_BAD_INPUT, name, "a dense layer reads a vector (C,1,1): pool before it");
    const int dims[] = {out_features, node.shape.c};
    node.shape.c = out_features;
    int tensors = net->tensor_count;
    node.params[0] = add_tensor(net, name, "weight", 2, dims, 0.0F, 1, status);
    if (node.params[0] >= 0)
        node.params[1] = add_tensor(net, name, "bias", 1, dims, 0.0F, 1, status);
    if (node.params[0] < 0 || node.params[1] < 0)
        return give_up(net, tensors);
    int index = finish(net, &node, status);
    return index >= 0 ? index : give_up(net, tensors);
}

enum status_code net_add_output(struct net *net, int node, struct status *status)
{
    if (node < 0 || node >= net->node_count)
        return status_set(status, STATUS_BAD_INPUT, "output %d of the net names no node", net->output_count);
    const struct net_node *named = &net->nodes[node];
    if (net->output_count >= NET_OUTPUTS_MAX)
        return status_set(status, STATUS_BAD_INPUT, "node %s: a net has at most %d outputs", named->name, NET_OUTPUTS_MAX);
    if (net->output_count == 0) {
        if (named->shape.h != 1 || named->shape.w != 1)
            return status_set(status, STATUS_BAD_INPUT, "node %s: the first output, the logits, must be a vector, not (%d,%d,%d)",
                              named->name, named->shape.c, named->shape.h, named->shape.w);
        net->classes = named->shape.c;
    }
    net->outputs[net->output_count++] = node;
    return STATUS_OK;
}

void net_name_params(struct net *net, int node, const char *prefix)
{
    static const char *const suffixes[NET_PARAMS_MAX] = {"weight", "bias", "running_mean", "running_var"};
    for (int i = 0; i < NET_PARAMS_MAX; i++) {
        int tensor = net->nodes[node].params[i];
        if (tensor >= 0)
            snprintf(net->tensors[tensor].name, NET_NAME_BYTES, "%s.%s", prefix, suffixes[i]);
    }
}
