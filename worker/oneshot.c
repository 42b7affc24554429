/* oneshot: what training and scoring share (the checks, the net with its weights, batches of images), and the scoring. Called by
 * the worker's job. Training is in oneshot_train.c. */
#include "worker/oneshot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/oneshot_parts.h"

enum status_code oneshot_check_work(const struct oneshot_work *work, struct status *status)
{
    enum status_code code = oneshot_protocol_check(&work->protocol, status);
    if (code == STATUS_OK && !space_mask_valid(work->space, &work->mask))
        code = status_set(status, STATUS_BAD_INPUT, "one-shot: the mask is not one of space %s", work->space->ops->name);
    return code;
}

enum status_code oneshot_check_arch(const struct oneshot_work *work, const struct arch *arch, struct status *status)
{
    char text[ARCH_TEXT_BYTES];
    if (!space_valid(work->space, arch))
        return status_set(status, STATUS_BAD_INPUT, "the architecture has genes that space %s does not know",
                          work->space->ops->name);
    if (space_mask_allows(work->space, &work->mask, arch))
        return STATUS_OK;
    space_print(work->space, arch, text);
    return status_set(status, STATUS_BAD_INPUT, "architecture %s has an operation that the mask has not", text);
}

struct space_build oneshot_sizes(const struct oneshot_work *work)
{
    return (struct space_build){.channels = work->protocol.channels,
                                .cells = work->protocol.cells,
                                .classes = work->images->classes,
                                .input = work->images->shape};
}

enum status_code oneshot_build(const struct oneshot_work *work, const struct space_mask *mask, struct net *out,
                               struct status *status)
{
    const struct space_build build = oneshot_sizes(work);
    enum status_code code = space_build_oneshot(work->space, &build, mask, out, status);
    if (code != STATUS_OK)
        return code;
    if (work->weights == NULL)
        oneshot_init(work->seed, work->stage, out);
    else
        code = oneshot_load(work->weights, out, status);
    if (code != STATUS_OK)
        net_free(out);
    return code;
}

struct data_set oneshot_pictures(const struct images *images)
{
    struct data_set set = {
        .count = (size_t)images->count, .shape = images->shape, .classes = images->classes, .images = images->pixels};
    memcpy(set.mean, images->mean, sizeof set.mean);
    memcpy(set.std, images->std, sizeof set.std);
    return set;
}

_Static_assert(sizeof((struct data_set){0}.mean) == sizeof((struct images){0}.mean), "both have a number a channel");

enum status_code oneshot_batch_open(struct oneshot_batch *batch, const struct images *images, size_t size, struct status *status)
{
    const size_t image = (size_t)images->shape.c * (size_t)images->shape.h * (size_t)images->shape.w;
    *batch = (struct oneshot_batch){.indices = malloc(size * sizeof *batch->indices),
                                    .images = malloc(size * image * sizeof *batch->images),
                                    .labels = malloc(size * sizeof *batch->labels)};
    if (batch->indices != NULL && batch->images != NULL && batch->labels != NULL)
        return STATUS_OK;
    oneshot_batch_close(batch);
    return status_set(status, STATUS_NO_MEMORY, "one-shot: no memory for a batch of %zu images", size);
}

void oneshot_batch_close(struct oneshot_batch *batch)
{
    free(batch->indices);
    free(batch->images);
    free(batch->labels);
    *batch = (struct oneshot_batch){0};
}

/* --- scoring --- */

/* One architecture's score in progress. */
struct scoring {
    const struct oneshot_work *work;
    struct net net;
    double mixture[SPACE_MATRIX_MAX];
    struct data_set pictures;
    struct oneshot_batch batch;
    size_t arena_bytes;
    const char *isa;
    double entropy; /* sum over the images so far */
    size_t right;
};

static void score_batch(struct scoring *s, struct engine *engine, size_t first, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        s->batch.indices[i] = (uint32_t)(first + i);
        s->batch.labels[i] = s->work->images->labels[first + i];
    }
    data_batch(&s->pictures, s->batch.indices, size, s->batch.images);
    engine_forward(engine, s->batch.images);
    const struct engine_rows logits = engine_output(engine, 0);
    s->entropy += engine_cross_entropy(logits, s->batch.labels, s->net.classes, 0, NULL, NULL) * (double)size;
    for (size_t i = 0; i < size; i++)
        s->right += engine_best_class(logits, (int)i, s->net.classes) == s->batch.labels[i];
}

/* Images first .. first + count - 1 in batches of `size`, which divides count. */
static enum status_code score_range(struct scoring *s, size_t first, size_t count, size_t size, struct status *status)
{
    const struct oneshot_work *work = s->work;
    const struct engine_options options = {.mode = work->protocol.batch_statistics ? ENGINE_BATCH_STATS : ENGINE_INFER,
                                           .batch = (int)size,
                                           .isa = work->isa,
                                           .convolutions = ENGINE_FAST,
                                           .memory = work->memory};
    struct engine *engine = NULL;
    if (count == 0)
        return STATUS_OK;
    enum status_code code = engine_create(&s->net, &options, &engine, status);
    if (code != STATUS_OK)
        return code;
    engine_set_mix(engine, s->mixture);
    s->isa = engine_isa_name(engine);
    if (engine_arena_bytes(engine) > s->arena_bytes)
        s->arena_bytes = engine_arena_bytes(engine);
    for (size_t at = 0; at < count && code == STATUS_OK; at += size) {
        if (work->cancelled != NULL && work->cancelled(work->context))
            code = status_set(status, STATUS_UNAVAILABLE, "cancelled at image %zu of %d", first + at, work->images->count);
        else
            score_batch(s, engine, first + at, size);
    }
    engine_free(engine);
    return code;
}

static enum status_code score_images(struct scoring *s, struct oneshot_score *out, struct status *status)
{
    const size_t count = (size_t)s->work->images->count, batch = (size_t)s->work->protocol.batch, rest = count % batch;
    const int64_t started_ns = clock_monotonic_ns();
    enum status_code code = score_range(s, 0, count - rest, batch, status);
    if (code == STATUS_OK)
        code = score_range(s, count - rest, rest, rest, status);
    if (code != STATUS_OK)
        return code;
    out->seconds = (double)(clock_monotonic_ns() - started_ns) * 1e-9;
    out->arena_bytes = s->arena_bytes;
    out->isa = s->isa;
    out->feasible = isfinite(s->entropy);
    if (out->feasible) {
        out->accuracy = 100.0 * (double)s->right / (double)count;
        out->cross_entropy = s->entropy / (double)count;
    } else {
        snprintf(out->why_not, sizeof out->why_not, "the cross-entropy is not a number");
    }
    return STATUS_OK;
}

enum status_code oneshot_score(const struct oneshot_work *work, const struct arch *arch, struct oneshot_score *out,
                               struct status *status)
{
    struct scoring s = {.work = work, .pictures = oneshot_pictures(work->images)};
    struct oneshot_score score = {0};
    struct space_mask mask = work->mask;
    enum status_code code = oneshot_check_work(work, status);
    if (code == STATUS_OK)
        code = oneshot_check_arch(work, arch, status);
    if (code != STATUS_OK)
        return code;
    if (work->protocol.single_path && !space_connected(work->space, arch)) {
        snprintf(score.why_not, sizeof score.why_not, "disconnected: the output does not depend on the input");
        *out = score;
        return STATUS_OK;
    }
    if (work->protocol.single_path)
        space_mask_of(work->space, arch, &mask);
    space_mixture(work->space, &mask, arch, s.mixture);
    net_init_empty(&s.net);
    code = oneshot_build(work, &mask, &s.net, status);
    if (code == STATUS_OK)
        code = oneshot_batch_open(&s.batch, work->images, (size_t)work->protocol.batch, status);
    if (code == STATUS_OK)
        code = score_images(&s, &score, status);
    if (code == STATUS_OK)
        *out = score;
    oneshot_batch_close(&s.batch);
    net_free(&s.net);
    return code;
}
