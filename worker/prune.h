/* prune: global magnitude pruning: which weights of a net go, exactly as many as asked for. Pure.
 *
 * Ranked together are the weights of all convolutions and dense layers; biases and batch norms are not. The smallest by |w| go
 * first; of equal ones the one that stands first: tensors in the net's order, elements in row-major order. What went once stays
 * gone (Han et al. 2015, Learning both Weights and Connections, section 3, for the criterion and for training on with a mask). */
#ifndef HWNAS_WORKER_PRUNE_H
#define HWNAS_WORKER_PRUNE_H

#include <stddef.h>
#include <stdint.h>

#include "common/net.h"
#include "common/status.h"

struct prune_mask {
    unsigned char **kept; /* owned, tensor_count: a byte an element, 0 where it is gone; NULL for tensors that are not ranked */
    int tensor_count;
    size_t total, zeros; /* ranked weights, and how many of them are gone */
};

/* The ranked tensor of a node; -1: it has none. */
int prune_ranked(const struct net_node *node);

/* A mask over the net's ranked weights that keeps all. STATUS_NO_MEMORY; *out is then empty. Free with prune_mask_free, which is
 * fine on an empty one. */
enum status_code prune_mask_create(const struct net *net, struct prune_mask *out, struct status *status);
void prune_mask_free(struct prune_mask *mask);

/* How many of `total` weights go at so many per cent (0 to 100): the nearest whole number, halves upwards. */
size_t prune_zeros(size_t total, double percent);

/* Takes away the smallest weights of the net that are still kept until exactly `zeros` are gone. The net is the one the mask was
 * made for, or a copy with other weights; it stays as it is. On failure the mask stays as it was: STATUS_BAD_INPUT when more are
 * gone already, there are not as many, or a weight is not a finite number (it names the tensor); STATUS_NO_MEMORY. */
enum status_code prune_mask_rank(struct prune_mask *mask, const struct net *net, size_t zeros, struct status *status);

/* Sets what is gone to 0 in a net of that structure. */
void prune_mask_apply(const struct prune_mask *mask, struct net *net);

/* Ranked weights of the net that are 0. */
size_t prune_count_zeros(const struct net *net);

/* Multiply-accumulates for one image when those with a weight of 0 are left out: cost.macs of a net without zeros. What our own
 * engine carries out is cost.macs all the same: it has no sparse kernels. */
int64_t prune_macs(const struct net *net);

#endif
