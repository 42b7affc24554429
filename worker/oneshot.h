/* oneshot: what a worker computes with a one-shot net: an epoch's training on one shard, and an architecture's score.
 *
 * Deterministic: the same work gives the same bytes and numbers on the same ISA. Runs on the calling thread. */
#ifndef HWNAS_WORKER_ONESHOT_H
#define HWNAS_WORKER_ONESHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/images.h"
#include "common/oneshot.h"
#include "common/space.h"
#include "common/tensorfile.h"
#include "worker/engine/engine.h"

struct oneshot_work {
    const struct space *space;
    struct space_mask mask;
    struct oneshot_protocol protocol;
    uint64_t seed;                    /* the study's */
    uint32_t stage;                   /* of a space that shrinks; 0 elsewhere */
    const struct images *images;      /* to train on, or to score with */
    const struct tensorfile *weights; /* before the epoch, or to score; NULL: oneshot_init's */
    const struct images *validation;  /* bilevel training: what the architecture is trained on; else NULL */
    const double *pull;               /* bilevel training: what costs add to the loss by each share; matrix form; else NULL */
    size_t pull_count;                /* all of the matrix form */
    enum engine_isa isa;
    struct engine_memory *memory;     /* for the engines; NULL: their own */
    bool (*cancelled)(void *context); /* asked between steps; NULL: never */
    void *context;
};

struct oneshot_trained {
    void *weights; /* a weights file (common/oneshot.h), owned: the caller frees it */
    size_t bytes;
    double loss;    /* mean cross-entropy of the steps, each before its update */
    uint32_t steps; /* taken */
    double seconds; /* for display, not part of the result */
    size_t arena_bytes;
    const char *isa; /* "avx512", ...: static */
};

/* Bilevel (docs/SYSTEMS.md): before each step of the weights the architecture takes one, on a batch of the validation images, and
 * the coefficients are the softmax of its numbers, or (gumbel) a draw by them. It goes on from the one in the weights file; without
 * weights it begins with small random numbers. The file that comes out holds it.
 *
 * Trains on the images of a shard, shuffled by (seed, stage, epoch, shard), one batch a step; images that do not fill a batch are
 * left out. Step b is on architecture b mod count of the schedule: its decoded mixture (space_mixture), or by single_path its own
 * operations. With count 0 each step is on a new matrix, uniform in [0,1), whose softmax over the mask is the mixture; by
 * single_path on a new architecture of the mask that is connected. By single_path, operations that a step does not use keep
 * weights, statistics and momentum (ours), and an architecture of the schedule that is disconnected has no step.
 * STATUS_UNAVAILABLE when cancelled; STATUS_BAD_INPUT for what does not fit (weights, schedule, shard, images), naming it, and
 * where the loss is not a number any more; STATUS_UNSUPPORTED from space_build_oneshot. */
enum status_code oneshot_train(const struct oneshot_work *work, uint32_t epoch, uint32_t shard, const struct arch *schedule,
                               size_t schedule_count, struct oneshot_trained *out, struct status *status);

struct oneshot_score {
    double accuracy;      /* percent of the images whose largest logit (the first of equals) is their label's */
    double cross_entropy; /* mean over the images */
    bool feasible;        /* false: disconnected (by single_path), or the logits are not numbers; why_not says which */
    char why_not[128];
    double seconds; /* for display, not part of the result */
    size_t arena_bytes;
    const char *isa; /* NULL when nothing ran */
};

/* Scores an architecture of the mask on all images, the rest that fills no batch included: by its decoded mixture, or by
 * single_path as its own net. What is infeasible is a result, not an error: accuracy 0, cross-entropy 0. Failures as above. */
enum status_code oneshot_score(const struct oneshot_work *work, const struct arch *arch, struct oneshot_score *out,
                               struct status *status);

#endif
