/* prune: ranks by magnitude over a whole net. Called by prune_chain, which trains on with the mask in place. */
#include "worker/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int prune_ranked(const struct net_node *node)
{
    return node->op == NET_CONV || node->op == NET_DENSE ? node->params[0] : -1;
}

enum status_code prune_mask_create(const struct net *net, struct prune_mask *out, struct status *status)
{
    *out = (struct prune_mask){.kept = calloc((size_t)net->tensor_count + 1, sizeof *out->kept), .tensor_count = net->tensor_count};
    int failed = out->kept == NULL;
    for (int i = 0; !failed && i < net->node_count; i++) {
        const int tensor = prune_ranked(&net->nodes[i]);
        if (tensor < 0 || out->kept[tensor] != NULL)
            continue;
        out->kept[tensor] = malloc(net->tensors[tensor].count);
        failed = out->kept[tensor] == NULL;
        if (!failed)
            memset(out->kept[tensor], 1, net->tensors[tensor].count);
        out->total += net->tensors[tensor].count;
    }
    if (!failed)
        return STATUS_OK;
    prune_mask_free(out);
    return status_set(status, STATUS_NO_MEMORY, "no memory for a pruning mask");
}

void prune_mask_free(struct prune_mask *mask)
{
    for (int t = 0; mask->kept != NULL && t < mask->tensor_count; t++)
        free(mask->kept[t]);
    free(mask->kept);
    *mask = (struct prune_mask){.kept = NULL};
}

size_t prune_zeros(size_t total, double percent)
{
    const double zeros = floor((double)total * percent / 100 + 0.5);
    return zeros < (double)total ? (size_t)zeros : total;
}

/* One weight that may go. */
struct candidate {
    float magnitude;
    size_t position; /* among all ranked weights, tensor after tensor */
    unsigned char *kept;
};

static int by_magnitude(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    if (a->magnitude != b->magnitude)
        return a->magnitude < b->magnitude ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

/* Those that are still kept; returns how many. */
static size_t gather(const struct prune_mask *mask, const struct net *net, struct candidate *out)
{
    size_t count = 0, position = 0;
    for (int t = 0; t < mask->tensor_count; t++)
        for (size_t i = 0; mask->kept[t] != NULL && i < net->tensors[t].count; i++, position++)
            if (mask->kept[t][i])
                out[count++] = (struct candidate){fabsf(net->tensors[t].data[i]), position, &mask->kept[t][i]};
    return count;
}

static enum status_code check_finite(const struct prune_mask *mask, const struct net *net, struct status *status)
{
    for (int t = 0; t < mask->tensor_count; t++)
        for (size_t i = 0; mask->kept[t] != NULL && i < net->tensors[t].count; i++)
            if (!isfinite(net->tensors[t].data[i]))
                return status_set(status, STATUS_BAD_INPUT, "element %zu of %s is not a finite number: nothing can be ranked", i,
                                  net->tensors[t].name);
    return STATUS_OK;
}

enum status_code prune_mask_rank(struct prune_mask *mask, const struct net *net, size_t zeros, struct status *status)
{
    if (zeros > mask->total)
        return status_set(status, STATUS_BAD_INPUT, "%zu weights are to go, and there are %zu", zeros, mask->total);
    if (zeros < mask->zeros)
        return status_set(status, STATUS_BAD_INPUT, "%zu weights are to be gone, and %zu are already", zeros, mask->zeros);
    if (check_finite(mask, net, status) != STATUS_OK)
        return STATUS_BAD_INPUT;
    struct candidate *candidates = malloc((mask->total + 1) * sizeof *candidates);
    if (candidates == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to rank %zu weights", mask->total);
    qsort(candidates, gather(mask, net, candidates), sizeof *candidates, by_magnitude);
    for (size_t i = 0; i < zeros - mask->zeros; i++)
        *candidates[i].kept = 0;
    mask->zeros = zeros;
    free(candidates);
    return STATUS_OK;
}

void prune_mask_apply(const struct prune_mask *mask, struct net *net)
{
    for (int t = 0; t < mask->tensor_count; t++)
        for (size_t i = 0; mask->kept[t] != NULL && i < net->tensors[t].count; i++)
            if (!mask->kept[t][i])
                net->tensors[t].data[i] = 0;
}

static size_t zeros_of(const struct net_tensor *tensor)
{
    size_t zeros = 0;
    for (size_t i = 0; i < tensor->count; i++)
        zeros += tensor->data[i] == 0;
    return zeros;
}

size_t prune_count_zeros(const struct net *net)
{
    size_t zeros = 0;
    for (int i = 0; i < net->node_count; i++)
        if (prune_ranked(&net->nodes[i]) >= 0)
            zeros += zeros_of(&net->tensors[prune_ranked(&net->nodes[i])]);
    return zeros;
}

int64_t prune_macs(const struct net *net)
{
    int64_t macs = 0;
    for (int i = 0; i < net->node_count; i++) {
        const struct net_node *node = &net->nodes[i];
        if (prune_ranked(node) < 0)
            continue;
        const struct net_tensor *weight = &net->tensors[prune_ranked(node)];
        const int64_t biases = node->params[1] >= 0 ? node->shape.c : 0;
        macs += ((int64_t)(weight->count - zeros_of(weight)) + biases) * node->shape.h * node->shape.w;
    }
    return macs;
}
