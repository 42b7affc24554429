/* net: owning, copying, finding and initialising. Builders are in net_build.c, the checker in net_check.c, folding in net_fold.c.
 */
#include "common/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void net_init_empty(struct net *net)
{
    memset(net, 0, sizeof *net);
}

void net_free(struct net *net)
{
    if (net == NULL)
        return;
    for (int i = 0; i < net->tensor_count; i++)
        free(net->tensors[i].data);
    free(net->tensors);
    free(net->nodes);
    net_init_empty(net);
}

static int copy_tensors(const struct net *net, struct net *out)
{
    out->tensors = calloc((size_t)net->tensor_count + 1, sizeof *out->tensors);
    if (out->tensors == NULL)
        return -1;
    out->tensor_capacity = net->tensor_count;
    for (int i = 0; i < net->tensor_count; i++) {
        const struct net_tensor *from = &net->tensors[i];
        float *data = malloc(from->count * sizeof *data);
        if (data == NULL)
            return -1;
        memcpy(data, from->data, from->count * sizeof *data);
        out->tensors[i] = *from;
        out->tensors[i].data = data;
        out->tensor_count++;
    }
    return 0;
}

enum status_code net_copy(const struct net *net, struct net *out, struct status *status)
{
    *out = *net;
    out->tensors = NULL;
    out->tensor_count = 0;
    out->nodes = malloc(((size_t)net->node_count + 1) * sizeof *out->nodes);
    out->node_capacity = net->node_count;
    if (out->nodes == NULL || copy_tensors(net, out) != 0) {
        net_free(out);
        return status_set(status, STATUS_NO_MEMORY, "no memory to copy a net of %d nodes", net->node_count);
    }
    if (net->node_count > 0)
        memcpy(out->nodes, net->nodes, (size_t)net->node_count * sizeof *out->nodes);
    return STATUS_OK;
}

int net_find_tensor(const struct net *net, const char *name)
{
    for (int i = 0; i < net->tensor_count; i++)
        if (strcmp(net->tensors[i].name, name) == 0)
            return i;
    return -1;
}

int net_find_node(const struct net *net, const char *name)
{
    for (int i = 0; i < net->node_count; i++)
        if (strcmp(net->nodes[i].name, name) == 0)
            return i;
    return -1;
}

static void fill(struct net_tensor *tensor, float value)
{
    for (size_t i = 0; i < tensor->count; i++)
        tensor->data[i] = value;
}

/* (2u - 1) * bound and no other form: it rounds alike with and without fused multiply-add, so boards agree with the cluster. */
static void fill_uniform(struct net_tensor *tensor, double bound, struct rng *rng)
{
    for (size_t i = 0; i < tensor->count; i++)
        tensor->data[i] = (float)((2.0 * rng_uniform(rng) - 1.0) * bound);
}

void net_init_node(struct net *net, int node, struct rng *rng)
{
    static const float initial[NET_PARAMS_MAX] = {1.0F, 0.0F, 0.0F, 1.0F};
    const struct net_node *from = &net->nodes[node];
    struct net_tensor *tensors = net->tensors;
    if (from->op == NET_CONV || from->op == NET_DENSE) {
        struct net_tensor *weight = &tensors[from->params[0]];
        double fan_in = (double)(weight->count / (size_t)weight->dims[0]);
        fill_uniform(weight, 1.0 / sqrt(fan_in), rng);
        if (from->params[1] >= 0)
            fill_uniform(&tensors[from->params[1]], 1.0 / sqrt(fan_in), rng);
    } else if (from->op == NET_BATCH_NORM) {
        for (int p = 0; p < NET_PARAMS_MAX; p++)
            fill(&tensors[from->params[p]], initial[p]);
    }
}

void net_init(struct net *net, struct rng *rng)
{
    for (int i = 0; i < net->node_count; i++)
        net_init_node(net, i, rng);
}

const char *net_op_name(enum net_op op)
{
    static const char *const names[] = {
        [NET_INPUT] = "input",
        [NET_CONV] = "conv",
        [NET_BATCH_NORM] = "batch_norm",
        [NET_RELU] = "relu",
        [NET_AVG_POOL] = "avg_pool",
        [NET_ADD] = "add",
        [NET_SUBSAMPLE] = "subsample",
        [NET_CHANNEL_PAD] = "channel_pad",
        [NET_GLOBAL_AVG_POOL] = "global_avg_pool",
        [NET_DENSE] = "dense",
        [NET_MAX_POOL] = "max_pool",
        [NET_CONCAT] = "concat",
        [NET_CHANNEL_SHUFFLE] = "channel_shuffle",
        [NET_MIX] = "mix",
    };
    _Static_assert(sizeof names / sizeof names[0] == NET_OP_COUNT, "every op has a name");
    return (unsigned)op < NET_OP_COUNT ? names[op] : "unknown";
}
