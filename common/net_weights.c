/* net_weights: for `hwnas rmi --weights` and for references that come as a PyTorch state dict. */
#include "common/net_weights.h"

#include <string.h>

static int same_shape(const struct net_tensor *tensor, const struct tensorfile_entry *entry)
{
    if (entry->dtype != TENSORFILE_F32 || entry->rank != tensor->rank)
        return 0;
    for (int d = 0; d < tensor->rank; d++)
        if (entry->dims[d] != tensor->dims[d])
            return 0;
    return 1;
}

enum status_code net_weights_load(const struct tensorfile *file, struct net *net, struct status *status)
{
    for (int i = 0; i < net->tensor_count; i++) {
        struct net_tensor *tensor = &net->tensors[i];
        const struct tensorfile_entry *entry = tensorfile_find(file, tensor->name);
        if (entry == NULL && !tensor->trainable)
            continue;
        if (entry == NULL)
            return status_set(status, STATUS_BAD_INPUT, "the weights lack \"%s\"", tensor->name);
        if (!same_shape(tensor, entry))
            return status_set(status, STATUS_BAD_INPUT, "\"%s\" is not float32 of the network's shape (%zu numbers, rank %d)",
                              tensor->name, tensor->count, tensor->rank);
        memcpy(tensor->data, entry->data, tensor->count * sizeof(float));
    }
    return STATUS_OK;
}
