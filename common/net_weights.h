/* net_weights: weights by name between safetensors files and nets. Pure. */
#ifndef HWNAS_COMMON_NET_WEIGHTS_H
#define HWNAS_COMMON_NET_WEIGHTS_H

#include "common/net.h"
#include "common/status.h"
#include "common/tensorfile.h"

/* Copies every tensor of the net from the file's float32 tensor of the same name and shape. Running statistics may be absent and
 * then stay as they are; tensors of other names are ignored (a state dict also counts batches, and holds weights of edges that
 * cannot reach the output). STATUS_BAD_INPUT names the tensor that is absent or differs; the net may then be half filled. */
enum status_code net_weights_load(const struct tensorfile *file, struct net *net, struct status *status);

#endif
