/* passes: used by whoever trains on whole image sets (reference_train, prune_chain). */
#include "worker/passes.h"

#include <math.h>
#include <stdlib.h>

enum status_code passes_open(const struct data_set *set, int batch, bool augment, uint64_t seed, struct passes *out,
                             struct status *status)
{
    const size_t pixels = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    *out = (struct passes){.set = set, .batch = batch, .augment = augment};
    if (batch < 2 || (size_t)batch > set->count)
        return status_set(status, STATUS_BAD_INPUT, "a training batch of %d; it must be 2 to the %zu images there are", batch,
                          set->count);
    out->order = malloc(set->count * sizeof *out->order);
    out->images = malloc((size_t)batch * pixels * sizeof *out->images);
    out->labels = malloc((size_t)batch * sizeof *out->labels);
    if (out->order == NULL || out->images == NULL || out->labels == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to train on %zu images", set->count);
    for (size_t i = 0; i < set->count; i++)
        out->order[i] = (uint32_t)i;
    out->steps_per_pass = (long)(set->count / (size_t)batch);
    rng_seed(&out->rng, seed);
    return STATUS_OK;
}

void passes_free(struct passes *passes)
{
    free(passes->order);
    free(passes->images);
    free(passes->labels);
    *passes = (struct passes){.set = NULL};
}

void passes_next(struct passes *passes)
{
    const struct data_set *set = passes->set;
    const size_t batch = (size_t)passes->batch;
    const long at = passes->step % passes->steps_per_pass;
    if (at == 0)
        rng_shuffle(&passes->rng, passes->order, set->count);
    const uint32_t *indices = passes->order + (size_t)at * batch;
    if (passes->augment && passes->step >= passes->steps_per_pass)
        data_batch_augmented(set, indices, batch, &passes->rng, passes->images);
    else
        data_batch(set, indices, batch, passes->images);
    for (size_t i = 0; i < batch; i++)
        passes->labels[i] = set->labels[indices[i]];
    passes->step++;
}

double passes_rate(double peak, double fraction)
{
    const double warm_up = 0.2;
    if (fraction < warm_up)
        return peak * (0.04 + 0.96 * fraction / warm_up);
    return peak * 0.5 * (1 + cos(M_PI * (fraction - warm_up) / (1 - warm_up)));
}
