/* oneshot: how a one-shot net (a net with all operations of a space, whose weights all architectures share) is trained and scored:
 * every number that its weights depend on besides the space, the mask, the images and the seed; and the files that hold weights.
 * Pure.
 *
 * A weights file is a safetensors file with metadata format "hwnas-oneshot-1" and all parameters and running statistics of a
 * one-shot net by name, float32, in the net's order. Its digest is its content address: equal inputs give equal bytes.
 *
 * Training goes in epochs. The training images are cut into shards; in an epoch each shard is trained on by itself, from the
 * weights of the epoch before, and the mean of what comes out (oneshot_merge) is the weights of the epoch (local SGD: Stich, ICLR
 * 2019). With one shard that is plain SGD, but for the momentum, which begins at 0 in each epoch (ours). */
#ifndef HWNAS_COMMON_ONESHOT_H
#define HWNAS_COMMON_ONESHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/net.h"
#include "common/space.h"
#include "common/status.h"
#include "common/tensorfile.h"

#define ONESHOT_FORMAT "hwnas-oneshot-1"

enum { ONESHOT_SCHEDULE_MAX = 1024, ONESHOT_SHARDS_MAX = 1024, ONESHOT_EPOCHS_MAX = 10000, ONESHOT_BATCH_MAX = 1024 };

/* All that its own files accept; weights of the largest nets that are published are below it. */
enum { ONESHOT_BYTES_MAX = 192 << 20 };

enum { ONESHOT_VERSION = 1 };

struct oneshot_protocol {
    int32_t channels, cells;                 /* as struct space_build counts them in that space */
    int32_t batch;                           /* images a step */
    uint32_t epochs, shards;                 /* shards: parts of the training images, at least one batch each */
    double learning_rate, learning_rate_end; /* of the first epoch, and what half a cosine falls to behind the last */
    double momentum, weight_decay;
    double clip_norm;      /* gradients whose norm is above it are scaled down to it; 0: never */
    bool single_path;      /* an architecture's operations alone, each with weight 1, in place of the mixture */
    bool batch_statistics; /* batch norms score with the statistics of the batch, not with those that training kept */
    bool augment;          /* crops and flips of the training images */

    /* Training in turns: a step of the architecture (numbers whose softmax are the coefficients; Adam with moments 0.5 and 0.999)
     * on a batch of the validation images, down the loss and the pull of the costs; then a step of the weights (DARTS, Liu et al.,
     * ICLR 2019, section 2.3, first order). The weights file then holds the numbers, too. */
    bool bilevel;
    bool
        gumbel; /* the architecture's steps see a draw of one operation an edge, straight through (Jang, Gu and Poole, ICLR 2017) */
    double alpha_learning_rate, alpha_weight_decay; /* of Adam; 0 unless bilevel */
};

/* The published settings (EvNAS, CMANAS, pEvoNAS, NEvoNAS) at the space's own size: 50 epochs, batch 64, learning rate 0.025 to
 * 0.001, momentum 0.9, weight decay 3e-4, gradients clipped to 5, the mixture, running statistics, no augmentation; 1 shard. */
void oneshot_protocol_default(const struct space_build *defaults, struct oneshot_protocol *out);

/* Ranges: what the wire and the configuration check. STATUS_BAD_INPUT names the number. */
enum status_code oneshot_protocol_check(const struct oneshot_protocol *protocol, struct status *status);

/* Digest over ONESHOT_VERSION and every number above. */
void oneshot_protocol_digest(const struct oneshot_protocol *protocol, struct digest *out);

/* The learning rate of an epoch, 0 .. epochs-1: end + (begin - end)(1 + cos(pi epoch/epochs))/2 (Loshchilov and Hutter, ICLR 2017,
 * section 3). */
double oneshot_learning_rate(const struct oneshot_protocol *protocol, uint32_t epoch);

/* The images of a shard, from *first up to, and without, *end: [shard*count/shards, (shard+1)*count/shards). */
void oneshot_shard(const struct oneshot_protocol *protocol, size_t count, uint32_t shard, size_t *first, size_t *end);

/* Gives the net the weights that it starts with: each node's as net_init draws them, from (seed, stage, the name of its first
 * parameter) alone, so that an operation's do not depend on which others the mask has left. */
void oneshot_init(uint64_t seed, uint32_t stage, struct net *net);

/* Takes every tensor of the net, by name, out of a weights file, which may hold more (those of operations that the mask has no
 * longer: the inheritance of pEvoNAS). STATUS_BAD_INPUT names a tensor that is missing, of another type or shape, or not finite, or
 * says that the file is none of weights. */
enum status_code oneshot_load(const struct tensorfile *weights, struct net *net, struct status *status);

/* An architecture that is trained in turns with the weights: its numbers and Adam's state, in matrix form. */
struct oneshot_relaxed {
    size_t size; /* of the matrix form */
    float alpha[SPACE_MATRIX_MAX], mean[SPACE_MATRIX_MAX], square[SPACE_MATRIX_MAX];
    float steps;
};

/* Serialises all tensors of the net, and behind them those of `relaxed` (NULL: none). Caller frees *data. STATUS_BAD_INPUT names a
 * tensor that holds a number that is not finite. */
enum status_code oneshot_store(const struct net *net, const struct oneshot_relaxed *relaxed, void **data, size_t *size,
                               struct status *status);

/* Whether the bytes are what oneshot_store writes of that net, with an architecture whose matrix form has so many numbers (0:
 * without one). STATUS_BAD_INPUT names what is missing, too much, of another shape or not finite. */
enum status_code oneshot_check(const void *data, size_t size, const struct net *net, size_t matrix, struct status *status);

/* The architecture in a weights file; STATUS_BAD_INPUT when there is none that fits the space. */
enum status_code oneshot_relaxed_read(const struct space *space, const struct tensorfile *weights, struct oneshot_relaxed *out,
                                      struct status *status);

/* The element-wise mean, in double, of `count` (at least 1) weights files of one net, in their order; of one file its own bytes.
 * Caller frees *data. STATUS_BAD_INPUT says which file differs from the first, and where. */
enum status_code oneshot_merge(size_t count, const struct tensorfile *shards, void **data, size_t *size, struct status *status);

#endif
