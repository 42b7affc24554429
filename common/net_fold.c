/* net_fold: a training net made ready for inference. Called by the agent before it measures and by the ONNX export.
 *
 * The nodes are rebuilt one by one with the builders, so shapes are inferred again; only nodes that the logits need are taken. */
#include "common/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is known about each node of the old net. Arrays of node_count; one allocation. */
struct fold_plan {
    int *readers; /* how many of the needed nodes' inputs it is, one more when it is the logits */
    int *place;   /* its index in the new net, -1 where it is not needed */
    int *bn;      /* CONV: the batch normalisation folded into it, or -1 */
};

static void count_readers(const struct net *net, struct fold_plan *plan)
{
    plan->readers[net->outputs[0]] = 1;
    for (int i = net->node_count; i-- > 0;)
        for (int k = 0; plan->readers[i] > 0 && k < net->nodes[i].input_count; k++)
            plan->readers[net->nodes[i].inputs[k]]++;
}

static int is_folded(const struct net *net, const struct fold_plan *plan, int index)
{
    const struct net_node *node = &net->nodes[index];
    return node->op == NET_BATCH_NORM && plan->bn[node->inputs[0]] == index;
}

static void choose_folds(const struct net *net, struct fold_plan *plan)
{
    for (int i = 0; i < net->node_count; i++)
        plan->bn[i] = plan->place[i] = -1;
    for (int i = 0; i < net->node_count; i++) {
        const struct net_node *node = &net->nodes[i];
        if (plan->readers[i] > 0 && node->op == NET_BATCH_NORM && net->nodes[node->inputs[0]].op == NET_CONV &&
            plan->readers[node->inputs[0]] == 1)
            plan->bn[node->inputs[0]] = i;
    }
}

static void copy_params(const struct net *net, const struct net_node *from, struct net *out, int node)
{
    for (int p = 0; p < NET_PARAMS_MAX; p++) {
        int source = from->params[p], target = out->nodes[node].params[p];
        if (source < 0 || target < 0)
            continue;
        memcpy(out->tensors[target].data, net->tensors[source].data, net->tensors[source].count * sizeof(float));
        memcpy(out->tensors[target].name, net->tensors[source].name, NET_NAME_BYTES);
    }
}

/* y = weight * (conv(x) - mean) / sqrt(var + epsilon) + bias is a convolution again: each output channel's weights are scaled. */
static void fold_into(const struct net *net, const struct net_node *conv, const struct net_node *bn, struct net *out, int node)
{
    const struct net_tensor *weight = &net->tensors[conv->params[0]];
    struct net_tensor *new_weight = &out->tensors[out->nodes[node].params[0]];
    struct net_tensor *new_bias = &out->tensors[out->nodes[node].params[1]];
    const float *gamma = net->tensors[bn->params[0]].data, *beta = net->tensors[bn->params[1]].data;
    const float *mean = net->tensors[bn->params[2]].data, *var = net->tensors[bn->params[3]].data;
    const float *bias = conv->params[1] >= 0 ? net->tensors[conv->params[1]].data : NULL;
    size_t channels = (size_t)weight->dims[0], fan_in = weight->count / channels;
    for (size_t c = 0; c < channels; c++) {
        double scale = gamma[c] / sqrt((double)var[c] + (double)bn->epsilon);
        for (size_t i = 0; i < fan_in; i++)
            new_weight->data[c * fan_in + i] = (float)(weight->data[c * fan_in + i] * scale);
        new_bias->data[c] = (float)(((bias != NULL ? (double)bias[c] : 0.0) - mean[c]) * scale + beta[c]);
    }
    memcpy(new_weight->name, weight->name, NET_NAME_BYTES);
}

static int fold_conv(const struct net *net, const struct fold_plan *plan, int index, int input, struct net *out,
                     struct status *status)
{
    const struct net_node *conv = &net->nodes[index];
    const struct net_node *bn = plan->bn[index] >= 0 ? &net->nodes[plan->bn[index]] : NULL;
    int with_bias = bn != NULL || conv->params[1] >= 0;
    const struct net_conv twin = {.out_channels = conv->shape.c,
                                  .kernel = conv->kernel_h,
                                  .stride = conv->stride,
                                  .pad = conv->pad,
                                  .dilation = conv->dilation,
                                  .groups = conv->groups,
                                  .with_bias = with_bias};
    int node = net_add_conv_with(out, conv->name, input, &twin, status);
    if (node < 0)
        return -1;
    if (bn != NULL)
        fold_into(net, conv, bn, out, node);
    else
        copy_params(net, conv, out, node);
    return node;
}

/* Adds the twin of node `index`; its place in the new net or -1. */
static int fold_node(const struct net *net, const struct fold_plan *plan, int index, struct net *out, struct status *status)
{
    const struct net_node *node = &net->nodes[index];
    int inputs[NET_INPUTS_MAX] = {0};
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = plan->place[node->inputs[i]];
    int twin = -1;
    switch (node->op) {
    case NET_INPUT: return net_add_input(out, node->shape, status);
    case NET_CONV: return fold_conv(net, plan, index, inputs[0], out, status);
    case NET_BATCH_NORM:
        twin = net->tensors[node->params[0]].trainable
                   ? net_add_batch_norm(out, node->name, inputs[0], node->epsilon, status)
                   : net_add_batch_norm_fixed(out, node->name, inputs[0], node->epsilon, status);
        break;
    case NET_RELU: return net_add_relu(out, node->name, inputs[0], status);
    case NET_AVG_POOL: return net_add_avg_pool(out, node->name, inputs[0], node->kernel_h, node->stride, node->pad, status);
    case NET_MAX_POOL: return net_add_max_pool(out, node->name, inputs[0], node->kernel_h, node->stride, node->pad, status);
    case NET_ADD: return net_add_add(out, node->name, inputs, node->input_count, status);
    case NET_MIX: return net_add_mix(out, node->name, inputs, node->mix, node->input_count, status);
    case NET_SUBSAMPLE: return net_add_subsample_from(out, node->name, inputs[0], node->stride, node->offset, status);
    case NET_CONCAT: return net_add_concat(out, node->name, inputs, node->input_count, status);
    case NET_CHANNEL_SHUFFLE: return net_add_channel_shuffle(out, node->name, inputs[0], node->groups, status);
    case NET_CHANNEL_PAD: return net_add_channel_pad(out, node->name, inputs[0], node->pad_before, node->pad_after, status);
    case NET_GLOBAL_AVG_POOL: return net_add_global_avg_pool(out, node->name, inputs[0], status);
    case NET_DENSE: twin = net_add_dense(out, node->name, inputs[0], node->shape.c, status); break;
    case NET_OP_COUNT: break;
    }
    if (twin >= 0)
        copy_params(net, node, out, twin);
    return twin;
}

static enum status_code fold_nodes(const struct net *net, struct fold_plan *plan, struct net *out, struct status *status)
{
    for (int i = 0; i < net->node_count; i++) {
        if (plan->readers[i] == 0 && net->nodes[i].op != NET_INPUT)
            continue;
        if (is_folded(net, plan, i)) {
            plan->place[i] = plan->place[net->nodes[i].inputs[0]];
            continue;
        }
        struct status reason = {.code = STATUS_INTERNAL};
        plan->place[i] = fold_node(net, plan, i, out, &reason);
        if (plan->place[i] < 0)
            return status_set(status, reason.code, "%s", reason.message);
    }
    return net_add_output(out, plan->place[net->outputs[0]], status);
}

enum status_code net_fold(const struct net *net, struct net *out, struct status *status)
{
    size_t count = (size_t)net->node_count;
    int *numbers = calloc(3 * count + 1, sizeof *numbers);
    if (numbers == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to fold a net of %zu nodes", count);
    struct fold_plan plan = {.readers = numbers, .place = numbers + count, .bn = numbers + 2 * count};
    count_readers(net, &plan);
    choose_folds(net, &plan);
    enum status_code code = fold_nodes(net, &plan, out, status);
    free(numbers);
    if (code != STATUS_OK)
        net_free(out);
    else
        out->mix_count = net->mix_count;
    return code;
}
