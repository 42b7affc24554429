/* cost: what a net costs on paper: multiply-accumulates, parameters, peak memory. Pure.
 *
 * MACs follow the convention of NAS-Bench-201's "FLOPs": convolutions and dense layers count, BN, ReLU, pooling and sums count 0,
 * so that `|nor_conv_3x3~0|+...` gives the figures of the benchmark's table (design: nb201_accuracy.csv, flops_M). */
#ifndef HWNAS_COMMON_COST_H
#define HWNAS_COMMON_COST_H

#include <stdint.h>

#include "common/net.h"

struct cost {
    int64_t macs;                  /* multiply-accumulates for one image */
    int64_t params;                /* trainable parameters */
    int64_t peak_activation_bytes; /* of float32 inference on one image, freeing each activation after its last reader */
};

/* Fills *out from a checked net. Never fails. */
void cost_of_net(const struct net *net, struct cost *out);

#endif
