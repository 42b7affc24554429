/* cost: what a net costs on paper: multiply-accumulates, parameters, peak memory. Pure.
 *
 * MACs follow the convention of NAS-Bench-201's "FLOPs": convolutions and dense layers count their fan-in for each output element,
 * plus one where there is a bias; BN, ReLU, pooling, sums, concatenations and shuffles count 0. The benchmark counts every edge of
 * a cell whether or not it matters, 7.78305 + 3.93216 * (#1x1) + 35.38944 * (#3x3) million in nb201_accuracy.csv; here the net
 * counts as it is built, and the builder leaves out edges that cannot carry anything from input to output. So both figures agree
 * exactly for cells in which every edge other than `none` lives, and ours is lower by the dead convolutions elsewhere. */
#ifndef HWNAS_COMMON_COST_H
#define HWNAS_COMMON_COST_H

#include <stdint.h>

#include "common/net.h"

struct cost {
    int64_t macs;                  /* multiply-accumulates for one image */
    int64_t params;                /* trainable parameters */
    int64_t peak_activation_bytes; /* float32 inference of the net as given on one image; each map is freed after its last reader */
};

/* Fills *out from a checked net. Never fails. */
void cost_of_net(const struct net *net, struct cost *out);

#endif
