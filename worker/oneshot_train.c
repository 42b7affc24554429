/* oneshot_train: one epoch's training on one shard.
 *
 * The mixture is one engine whose coefficients change from step to step. By single_path every step is a net of its own, made of an
 * architecture's operations: its weights are taken out of the one-shot net by name and put back, and the momentum waits beside
 * them, so that what a step does not use is as it was. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/oneshot_parts.h"
#include "worker/oneshot_relax.h"

enum { DRAWS_MAX = 1000 }; /* architectures drawn before it is given up to find a connected one */

struct training {
    const struct oneshot_work *work;
    const struct arch *schedule;
    size_t schedule_count;
    struct net net;        /* the one-shot net; by single_path its tensors are the weights throughout */
    struct engine *engine; /* of the mixture, for the whole epoch */
    struct engine_memory memory, *engines;
    float **velocity; /* single_path: per tensor of the net */
    engine_real *gradient;
    struct data_set pictures;
    struct oneshot_batch batch;
    uint32_t *order; /* images of the shard, shuffled */
    size_t count;
    struct rng choices, augmentation;
    struct engine_sgd sgd;

    /* bilevel */
    struct oneshot_relaxed relaxed;
    struct data_set validation_pictures;
    struct rng draws, validation_order;
    double coefficients[SPACE_MATRIX_MAX];

    double loss; /* sum over the steps */
    uint32_t steps;
    size_t arena_bytes;
    const char *isa;
};

/* The generator of one purpose in this epoch of this shard. */
static void purpose_rng(const struct oneshot_work *work, uint32_t epoch, uint32_t shard, const char *purpose, struct rng *out)
{
    struct digest_stream stream;
    struct digest digest;
    digest_begin(&stream);
    digest_text(&stream, "hwnas oneshot training");
    digest_u64(&stream, work->seed);
    digest_u64(&stream, work->stage);
    digest_u64(&stream, epoch);
    digest_u64(&stream, shard);
    digest_text(&stream, purpose);
    digest_end(&stream, &digest);
    digest_rng(&digest, out);
}

/* --- what a step is on --- */

/* A fresh matrix, uniform in [0,1). */
static void draw_matrix(struct training *t, double values[SPACE_MATRIX_MAX])
{
    for (int i = 0; i < SPACE_MATRIX_MAX; i++)
        values[i] = rng_uniform(&t->choices);
}

static void choose_mixture(struct training *t, size_t step, double mixture[SPACE_MATRIX_MAX])
{
    const struct oneshot_work *work = t->work;
    double values[SPACE_MATRIX_MAX];
    if (t->schedule_count > 0) {
        space_mixture(work->space, &work->mask, &t->schedule[step % t->schedule_count], mixture);
        return;
    }
    draw_matrix(t, values);
    space_soften(work->space, &work->mask, values, mixture);
}

/* An architecture of the mask with every operation as likely as the others of its row, and connected. */
static enum status_code draw_arch(struct training *t, struct arch *arch, struct status *status)
{
    const struct space *space = t->work->space;
    for (int draw = 0; draw < DRAWS_MAX; draw++) {
        double values[SPACE_MATRIX_MAX];
        draw_matrix(t, values);
        space_mask_values(space, &t->work->mask, values);
        space_decode(space, values, arch);
        if (space_mask_allows(space, &t->work->mask, arch) && space_connected(space, arch))
            return STATUS_OK;
    }
    return status_set(status, STATUS_UNSUPPORTED, "one-shot: of %d architectures drawn from the mask none is connected", DRAWS_MAX);
}

/* --- steps --- */

static void load_batch(struct training *t, size_t step)
{
    const size_t size = (size_t)t->work->protocol.batch;
    const uint32_t *indices = t->order + step * size;
    if (t->work->protocol.augment)
        data_batch_augmented(&t->pictures, indices, size, &t->augmentation, t->batch.images);
    else
        data_batch(&t->pictures, indices, size, t->batch.images);
    for (size_t i = 0; i < size; i++)
        t->batch.labels[i] = t->work->images->labels[indices[i]];
}

static enum status_code diverged(const struct training *t, double loss, struct status *status)
{
    return status_set(status, STATUS_BAD_INPUT,
                      "the training of the one-shot net diverged at step %u (loss %g): lower the learning rate", t->steps, loss);
}

/* Forward and backward; the gradients are clipped. */
static enum status_code find_gradients(struct training *t, struct engine *engine, struct status *status)
{
    const double limit = t->work->protocol.clip_norm;
    engine_forward(engine, t->batch.images);
    struct engine_rows gradient = engine_output_gradient(engine, 0);
    const double loss = engine_cross_entropy(engine_output(engine, 0), t->batch.labels, t->net.classes, 1, &gradient, NULL);
    if (!isfinite(loss))
        return diverged(t, loss, status);
    engine_backward(engine);
    const double norm = limit > 0 ? engine_gradient_norm(engine) : 0;
    if (norm > limit && limit > 0)
        engine_scale_gradients(engine, limit / norm);
    t->loss += loss;
    t->steps++;
    return STATUS_OK;
}

static enum status_code make_engine(struct training *t, const struct net *net, struct engine **out, struct status *status)
{
    const struct engine_options options = {.mode = ENGINE_TRAIN,
                                           .batch = t->work->protocol.batch,
                                           .isa = t->work->isa,
                                           .convolutions = ENGINE_FAST,
                                           .track_running_stats = 1,
                                           .mix_gradient = t->work->protocol.bilevel,
                                           .memory = t->engines};
    enum status_code code = engine_create(net, &options, out, status);
    if (code != STATUS_OK)
        return code;
    t->isa = engine_isa_name(*out);
    if (engine_arena_bytes(*out) > t->arena_bytes)
        t->arena_bytes = engine_arena_bytes(*out);
    return STATUS_OK;
}

/* A random batch of the validation images. */
static void load_validation(struct training *t)
{
    const size_t size = (size_t)t->work->protocol.batch;
    for (size_t i = 0; i < size; i++) {
        t->batch.indices[i] = (uint32_t)rng_below(&t->validation_order, (uint64_t)t->work->validation->count);
        t->batch.labels[i] = t->work->validation->labels[t->batch.indices[i]];
    }
    data_batch(&t->validation_pictures, t->batch.indices, size, t->batch.images);
}

/* The architecture goes down the gradient of the validation loss and the costs; then the coefficients are its own. */
static enum status_code architecture_step(struct training *t, struct status *status)
{
    const struct oneshot_work *work = t->work;
    struct rng *draws = work->protocol.gumbel ? &t->draws : NULL;
    double shares[SPACE_MATRIX_MAX], gradient[SPACE_MATRIX_MAX];
    oneshot_relax_shares(work->space, &work->mask, &t->relaxed, draws, shares, t->coefficients);
    engine_set_mix(t->engine, t->coefficients);
    load_validation(t);
    engine_forward(t->engine, t->batch.images);
    struct engine_rows rows = engine_output_gradient(t->engine, 0);
    const double loss = engine_cross_entropy(engine_output(t->engine, 0), t->batch.labels, t->net.classes, 1, &rows, NULL);
    if (!isfinite(loss))
        return diverged(t, loss, status);
    engine_backward(t->engine);
    engine_mix_gradient(t->engine, gradient);
    for (size_t i = 0; i < work->pull_count; i++)
        gradient[i] += work->pull[i];
    oneshot_relax_step(work->space, &work->mask, &work->protocol, shares, gradient, &t->relaxed);
    oneshot_relax_shares(work->space, &work->mask, &t->relaxed, draws, shares, t->coefficients);
    return STATUS_OK;
}

static enum status_code mixture_step(struct training *t, size_t step, struct status *status)
{
    if (t->work->protocol.bilevel) {
        const enum status_code code = architecture_step(t, status);
        if (code != STATUS_OK)
            return code;
    } else {
        choose_mixture(t, step, t->coefficients);
    }
    engine_set_mix(t->engine, t->coefficients);
    load_batch(t, step);
    enum status_code code = find_gradients(t, t->engine, status);
    if (code == STATUS_OK)
        engine_step(t->engine, &t->sgd);
    return code;
}

/* Moves the tensors of the path's net, by name, out of the one-shot net. Both are built by one builder: each name is there. */
static void take_path(const struct training *t, struct net *path, int *places)
{
    for (int i = 0; i < path->tensor_count; i++) {
        places[i] = net_find_tensor(&t->net, path->tensors[i].name);
        memcpy(path->tensors[i].data, t->net.tensors[places[i]].data, path->tensors[i].count * sizeof(float));
    }
}

/* PyTorch's SGD (struct engine_sgd) on a tensor of the one-shot net, with the gradient of tensor i of the path's engine. */
static void update_tensor(struct training *t, const struct engine *engine, int i, int place)
{
    struct net_tensor *tensor = &t->net.tensors[place];
    float *velocity = t->velocity[place];
    engine_gradient(engine, i, t->gradient);
    for (size_t k = 0; k < tensor->count; k++) {
        const double gradient = (double)t->gradient[k] + t->sgd.weight_decay * (double)tensor->data[k];
        velocity[k] = (float)(t->sgd.momentum * (double)velocity[k] + gradient);
        tensor->data[k] = (float)((double)tensor->data[k] - t->sgd.learning_rate * (double)velocity[k]);
    }
}

static void put_back(struct training *t, const struct engine *engine, struct net *path, const int *places)
{
    engine_store_weights(engine, path);
    for (int i = 0; i < path->tensor_count; i++) {
        if (path->tensors[i].trainable)
            update_tensor(t, engine, i, places[i]);
        else
            memcpy(t->net.tensors[places[i]].data, path->tensors[i].data, path->tensors[i].count * sizeof(float));
    }
}

static enum status_code path_step(struct training *t, size_t step, struct status *status)
{
    const struct oneshot_work *work = t->work;
    const struct space_build build = oneshot_sizes(work);
    enum status_code code = STATUS_OK;
    struct engine *engine = NULL;
    struct space_mask mask;
    struct arch arch;
    struct net path;
    if (t->schedule_count > 0)
        arch = t->schedule[step % t->schedule_count];
    else
        code = draw_arch(t, &arch, status);
    if (code != STATUS_OK || !space_connected(work->space, &arch))
        return code;
    space_mask_of(work->space, &arch, &mask);
    net_init_empty(&path);
    code = space_build_oneshot(work->space, &build, &mask, &path, status);
    int *places = code == STATUS_OK ? malloc(((size_t)path.tensor_count + 1) * sizeof *places) : NULL;
    if (code == STATUS_OK && places == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "one-shot: no memory for %d tensors", path.tensor_count);
    if (code == STATUS_OK) {
        take_path(t, &path, places);
        code = make_engine(t, &path, &engine, status);
    }
    if (code == STATUS_OK) {
        load_batch(t, step);
        code = find_gradients(t, engine, status);
    }
    if (code == STATUS_OK)
        put_back(t, engine, &path, places);
    engine_free(engine);
    free(places);
    net_free(&path);
    return code;
}

/* --- the epoch --- */

/* The images of the shard in this epoch's order. */
static enum status_code draw_order(struct training *t, uint32_t epoch, uint32_t shard, struct status *status)
{
    const struct oneshot_protocol *protocol = &t->work->protocol;
    size_t first, end;
    struct rng rng;
    oneshot_shard(protocol, (size_t)t->work->images->count, shard, &first, &end);
    t->count = end - first;
    if (t->count < (size_t)protocol->batch)
        return status_set(status, STATUS_BAD_INPUT,
                          "one-shot: shard %u of %u has %zu of the %d images, fewer than a batch of %d: take fewer shards",
                          shard + 1, protocol->shards, t->count, t->work->images->count, protocol->batch);
    t->order = malloc(t->count * sizeof *t->order);
    if (t->order == NULL)
        return status_set(status, STATUS_NO_MEMORY, "one-shot: no memory for the order of %zu images", t->count);
    for (size_t i = 0; i < t->count; i++)
        t->order[i] = (uint32_t)(first + i);
    purpose_rng(t->work, epoch, shard, "order", &rng);
    rng_shuffle(&rng, t->order, t->count);
    return STATUS_OK;
}

/* Momentum and gradients of the tensors, for single_path. */
static enum status_code make_momentum(struct training *t, struct status *status)
{
    size_t largest = 1;
    bool complete = (t->velocity = calloc((size_t)t->net.tensor_count + 1, sizeof *t->velocity)) != NULL;
    for (int i = 0; complete && i < t->net.tensor_count; i++) {
        const size_t count = t->net.tensors[i].count;
        complete = (t->velocity[i] = calloc(count + 1, sizeof **t->velocity)) != NULL;
        largest = count > largest ? count : largest;
    }
    t->gradient = malloc(largest * sizeof *t->gradient);
    if (!complete || t->gradient == NULL)
        return status_set(status, STATUS_NO_MEMORY, "one-shot: no memory for the momentum of %d tensors", t->net.tensor_count);
    return STATUS_OK;
}

/* The architecture goes on from the weights' own. */
static enum status_code prepare_relaxed(struct training *t, uint32_t epoch, uint32_t shard, struct status *status)
{
    const struct oneshot_work *work = t->work;
    struct rng rng;
    if (!work->protocol.bilevel)
        return STATUS_OK;
    t->validation_pictures = oneshot_pictures(work->validation);
    purpose_rng(work, epoch, shard, "validation", &t->validation_order);
    purpose_rng(work, epoch, shard, "draws", &t->draws);
    if (work->weights != NULL)
        return oneshot_relaxed_read(work->space, work->weights, &t->relaxed, status);
    purpose_rng(work, 0, 0, "architecture", &rng);
    oneshot_relax_begin(work->space, &rng, &t->relaxed);
    return STATUS_OK;
}

static enum status_code prepare(struct training *t, uint32_t epoch, uint32_t shard, struct status *status)
{
    const struct oneshot_work *work = t->work;
    const struct oneshot_protocol *protocol = &work->protocol;
    enum status_code code = draw_order(t, epoch, shard, status);
    purpose_rng(work, epoch, shard, "choices", &t->choices);
    purpose_rng(work, epoch, shard, "augmentation", &t->augmentation);
    t->sgd = (struct engine_sgd){oneshot_learning_rate(protocol, epoch), protocol->momentum, protocol->weight_decay};
    t->engines = work->memory != NULL ? work->memory : &t->memory;
    if (code == STATUS_OK)
        code = prepare_relaxed(t, epoch, shard, status);
    if (code == STATUS_OK)
        code = oneshot_build(work, &work->mask, &t->net, status);
    if (code == STATUS_OK)
        code = oneshot_batch_open(&t->batch, work->images, (size_t)protocol->batch, status);
    if (code == STATUS_OK)
        code = protocol->single_path ? make_momentum(t, status) : make_engine(t, &t->net, &t->engine, status);
    return code;
}

static enum status_code run_epoch(struct training *t, struct status *status)
{
    const struct oneshot_work *work = t->work;
    const size_t steps = t->count / (size_t)work->protocol.batch;
    enum status_code code = STATUS_OK;
    for (size_t step = 0; step < steps && code == STATUS_OK; step++) {
        if (work->cancelled != NULL && work->cancelled(work->context))
            return status_set(status, STATUS_UNAVAILABLE, "cancelled at step %zu of %zu", step, steps);
        code = work->protocol.single_path ? path_step(t, step, status) : mixture_step(t, step, status);
    }
    if (code == STATUS_OK && t->engine != NULL)
        engine_store_weights(t->engine, &t->net);
    return code;
}

static void training_free(struct training *t)
{
    for (int i = 0; t->velocity != NULL && i < t->net.tensor_count; i++)
        free(t->velocity[i]);
    free(t->velocity);
    free(t->gradient);
    free(t->order);
    oneshot_batch_close(&t->batch);
    engine_free(t->engine);
    engine_memory_free(&t->memory);
    net_free(&t->net);
}

static enum status_code check_bilevel(const struct oneshot_work *work, size_t schedule_count, struct status *status)
{
    const size_t size = space_matrix_size(work->space);
    if (!work->protocol.bilevel)
        return STATUS_OK;
    if (work->protocol.single_path || schedule_count > 0)
        return status_set(status, STATUS_BAD_INPUT, "one-shot: bilevel training is on mixtures that it chooses itself");
    if (work->validation == NULL || work->pull == NULL || work->pull_count != size)
        return status_set(
            status, STATUS_BAD_INPUT,
            "one-shot: bilevel training of space %s needs images of validation and %zu numbers that costs pull with, not %zu",
            work->space->ops->name, size, work->pull_count);
    if (memcmp(&work->validation->shape, &work->images->shape, sizeof work->images->shape) != 0 ||
        work->validation->classes != work->images->classes)
        return status_set(status, STATUS_BAD_INPUT, "one-shot: images of validation are not like those of training");
    return STATUS_OK;
}

static enum status_code check_training(const struct oneshot_work *work, uint32_t epoch, uint32_t shard, const struct arch *schedule,
                                       size_t schedule_count, struct status *status)
{
    enum status_code code = oneshot_check_work(work, status);
    if (code == STATUS_OK && (epoch >= work->protocol.epochs || shard >= work->protocol.shards))
        code = status_set(status, STATUS_BAD_INPUT, "one-shot: epoch %u of %u, shard %u of %u: both count from 0", epoch,
                          work->protocol.epochs, shard, work->protocol.shards);
    if (code == STATUS_OK)
        code = check_bilevel(work, schedule_count, status);
    if (code == STATUS_OK && schedule_count > ONESHOT_SCHEDULE_MAX)
        code = status_set(status, STATUS_BAD_INPUT, "one-shot: a schedule of %zu architectures; at most %d are possible",
                          schedule_count, ONESHOT_SCHEDULE_MAX);
    for (size_t i = 0; i < schedule_count && code == STATUS_OK; i++) {
        code = oneshot_check_arch(work, &schedule[i], status);
        if (code != STATUS_OK)
            status_prefix(status, "entry %zu of the schedule", i + 1);
    }
    return code;
}

enum status_code oneshot_train(const struct oneshot_work *work, uint32_t epoch, uint32_t shard, const struct arch *schedule,
                               size_t schedule_count, struct oneshot_trained *out, struct status *status)
{
    struct training t = {
        .work = work, .schedule = schedule, .schedule_count = schedule_count, .pictures = oneshot_pictures(work->images)};
    struct oneshot_trained trained = {0};
    const int64_t started_ns = clock_monotonic_ns();
    enum status_code code = check_training(work, epoch, shard, schedule, schedule_count, status);
    if (code != STATUS_OK)
        return code;
    net_init_empty(&t.net);
    code = prepare(&t, epoch, shard, status);
    if (code == STATUS_OK)
        code = run_epoch(&t, status);
    if (code == STATUS_OK)
        code = oneshot_store(&t.net, work->protocol.bilevel ? &t.relaxed : NULL, &trained.weights, &trained.bytes, status);
    if (code == STATUS_OK) {
        trained.loss = t.steps > 0 ? t.loss / t.steps : 0;
        trained.steps = t.steps;
        trained.seconds = (double)(clock_monotonic_ns() - started_ns) * 1e-9;
        trained.arena_bytes = t.arena_bytes;
        trained.isa = t.isa;
        *out = trained;
    }
    training_free(&t);
    return code;
}
