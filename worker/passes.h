/* passes: the batches of a training: one shuffled pass over an image set after the other, and the learning rate that goes with
 * them. Deterministic in the seed. */
#ifndef HWNAS_WORKER_PASSES_H
#define HWNAS_WORKER_PASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rng.h"
#include "worker/data.h"

struct passes {
    const struct data_set *set; /* borrowed */
    int batch;
    bool augment; /* crop and flip from the second pass on: before it nothing has been seen twice */
    struct rng rng;
    uint32_t *order; /* (set->count) this pass's order of images, owned */
    float *images;   /* (batch,C,H,W) the batch drawn last, owned */
    int *labels;     /* (batch), owned */
    long steps_per_pass, step;
};

/* Zero-initialise or fill by this; free with passes_free, also after a failure. STATUS_BAD_INPUT for a batch that is not 2 to the
 * number of images, STATUS_NO_MEMORY. The set must outlive it. */
enum status_code passes_open(const struct data_set *set, int batch, bool augment, uint64_t seed, struct passes *out,
                             struct status *status);
void passes_free(struct passes *passes);

/* Draws the next batch into images and labels. Images that do not fill a batch at a pass's end wait for the next shuffle. */
void passes_next(struct passes *passes);

/* One cycle (L. Smith 2018): linear warm-up over the first fifth, then half a cosine down to 0. fraction: how far training is, 0 to
 * 1. */
double passes_rate(double peak, double fraction);

#endif
