/* cost: arithmetic on a net's shapes. Called by studies for `source: macs`, by exports and by the agent's notes. */
#include "common/cost.h"

#include <stddef.h>

static int64_t elements(struct net_shape shape)
{
    return (int64_t)shape.c * shape.h * shape.w;
}

/* Each output element costs its fan-in, and one more for a bias: the benchmark's counter does the same. */
static int64_t node_macs(const struct net *net, const struct net_node *node)
{
    if (node->op != NET_CONV && node->op != NET_DENSE)
        return 0;
    const struct net_tensor *weight = &net->tensors[node->params[0]];
    int64_t per_element = (int64_t)(weight->count / (size_t)weight->dims[0]) + (node->params[1] >= 0);
    return per_element * elements(node->shape);
}

static int64_t trainable_elements(const struct net *net)
{
    int64_t sum = 0;
    for (int i = 0; i < net->tensor_count; i++)
        if (net->tensors[i].trainable)
            sum += (int64_t)net->tensors[i].count;
    return sum;
}

static int is_read_after(const struct net *net, int index, int step)
{
    if (index == net->outputs[0])
        return 1;
    for (int i = step + 1; i < net->node_count; i++)
        for (int k = 0; k < net->nodes[i].input_count; k++)
            if (net->nodes[i].inputs[k] == index)
                return 1;
    return 0;
}

/* Whether node `input` appears among the first `count` inputs of the node: a sum may read one map twice. */
static int appears_before(const struct net_node *node, int input, int count)
{
    for (int k = 0; k < count; k++)
        if (node->inputs[k] == input)
            return 1;
    return 0;
}

/* One step at a time: the new output comes alive, and after the step every input that nobody reads later dies. Nothing is
 * allocated, so nothing can fail; the search for later readers is quadratic at worst, in a number that NET_NODES_MAX keeps small.
 */
static int64_t peak_bytes(const struct net *net)
{
    int64_t live = 0, peak = 0;
    for (int step = 0; step < net->node_count; step++) {
        const struct net_node *node = &net->nodes[step];
        live += elements(node->shape);
        if (live > peak)
            peak = live;
        for (int k = 0; k < node->input_count; k++) {
            int input = node->inputs[k];
            if (!appears_before(node, input, k) && !is_read_after(net, input, step))
                live -= elements(net->nodes[input].shape);
        }
        if (!is_read_after(net, step, step))
            live -= elements(node->shape);
    }
    return peak * (int64_t)sizeof(float);
}

void cost_of_net(const struct net *net, struct cost *out)
{
    *out = (struct cost){.params = trainable_elements(net), .peak_activation_bytes = peak_bytes(net)};
    for (int i = 0; i < net->node_count; i++)
        out->macs += node_macs(net, &net->nodes[i]);
}
