/* engine: makes an engine from a net and drives its steps. The rule it keeps: all memory is taken in engine_create; nothing after
 * it allocates, but engine_set_mask. */
#include "worker/engine/engine.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/blas.h"
#include "worker/engine/engine_inner.h"
#include "worker/engine/isa.h"
#include "worker/engine/mask.h"
#include "worker/engine/memory.h"
#include "worker/engine/weights.h"

enum { BATCH_MAX = 65536 };

static enum status_code check_options(const struct net *net, const struct engine_options *options, const struct kernels **kernels,
                                      struct status *status)
{
    if (options->batch < 1 || options->batch > BATCH_MAX)
        return status_set(status, STATUS_BAD_INPUT, "a batch of %d images cannot be run: give 1 to %d", options->batch, BATCH_MAX);
    *kernels = isa_kernels(options->isa);
    if (!*kernels)
        return status_set(status, STATUS_UNSUPPORTED, "this CPU has no %s: its best instruction set is %s",
                          engine_isa_word(options->isa), engine_isa_word(isa_best()));
    if (net->output_count < 1)
        return status_set(status, STATUS_BAD_INPUT, "the net has no output: declare one with net_add_output");
    return net_check(net, status);
}

/* Whether all sizes of a plan fit into a size_t, from a bound that counts every value and, for every weight, its gradient, its
 * velocity and the zeros between groups. On 64-bit machines they always do. */
static int fits_addresses(const struct net *net, int batch, int lanes)
{
    double elements = 0;
    for (int i = 0; i < net->node_count; i++) {
        const struct net_shape *s = &net->nodes[i].shape;
        elements += (double)batch * (s->c + lanes) * s->h * s->w;
    }
    for (int t = 0; t < net->tensor_count; t++)
        elements += 3.0 * lanes * (double)net->tensors[t].count;
    return elements * sizeof(engine_real) < (double)(SIZE_MAX / 4);
}

static enum status_code make_plan(const struct net *net, const struct engine_options *options, const struct kernels **kernels,
                                  struct plan *plan, struct status *status)
{
    enum status_code code = check_options(net, options, kernels, status);
    if (code == STATUS_OK && !fits_addresses(net, options->batch, (*kernels)->lanes))
        code = status_set(status, STATUS_NO_MEMORY, "the net (batch %d) is too large for the addresses of a %zu-bit machine",
                          options->batch, 8 * sizeof(size_t));
    return code == STATUS_OK ? plan_make(net, options, *kernels, plan, status) : code;
}

static size_t arena_size(const struct plan *plan)
{
    const size_t bytes = plan_elements(plan) * sizeof(engine_real);
    return (bytes + MEMORY_PAGE - 1) / MEMORY_PAGE * MEMORY_PAGE;
}

enum status_code engine_plan_bytes(const struct net *net, const struct engine_options *options, size_t *bytes,
                                   struct status *status)
{
    struct plan plan;
    const struct kernels *kernels;
    enum status_code code = make_plan(net, options, &kernels, &plan, status);
    if (code != STATUS_OK)
        return code;
    *bytes = arena_size(&plan);
    plan_free(&plan);
    return STATUS_OK;
}

static void divide_arena(struct engine *e)
{
    const struct plan *p = &e->plan;
    e->weights = e->arena;
    e->gradients = e->weights + p->trainable_elements;
    e->velocity = e->gradients + p->trainable_elements;
    e->running = e->velocity + p->trainable_elements;
    e->buffers = e->running + p->running_elements;
    e->scratch = e->buffers + p->buffer_elements;
    e->norms = e->scratch + p->scratch_elements;
    e->sums = (double *)(void *)(e->norms + PLAN_NORM_PARTS * p->norm_elements);
}

/* What must be zero before the first step: padding of parameters and norms, which no kernel writes. Buffers and scratch are always
 * written before they are read, but for results that are dropped. */
static void clear_used(struct engine *e)
{
    memset(e->weights, 0, (size_t)(e->buffers - e->weights) * sizeof *e->weights);
    memset(e->norms, 0, PLAN_NORM_PARTS * e->plan.norm_elements * sizeof *e->norms);
    memset(e->sums, 0, 2 * e->plan.norm_elements * sizeof *e->sums);
}

enum status_code engine_create(const struct net *net, const struct engine_options *options, struct engine **out,
                               struct status *status)
{
    struct engine *e = calloc(1, sizeof *e);
    int used;
    if (!e)
        return status_set(status, STATUS_NO_MEMORY, "no memory for an engine");
    enum status_code code = make_plan(net, options, &e->kernels, &e->plan, status);
    if (code != STATUS_OK) {
        free(e);
        return code;
    }
    e->arena_bytes = arena_size(&e->plan);
    e->memory = options->memory;
    e->arena = memory_take(e->memory, e->arena_bytes, &used);
    if (!e->arena) {
        code = status_set(status, STATUS_NO_MEMORY, "no memory for an arena of %zu MiB (batch %d): take a smaller batch",
                          e->arena_bytes >> 20, options->batch);
        engine_free(e);
        return code;
    }
    if (e->plan.mix_count > 0 && !(e->mix = calloc(2 * (size_t)e->plan.mix_count, sizeof *e->mix))) {
        engine_free(e);
        return status_set(status, STATUS_NO_MEMORY, "no memory for %d coefficients", net->mix_count);
    }
    for (int i = 0; i < e->plan.mix_count; i++)
        e->mix[i] = 1;
    divide_arena(e);
    if (used)
        clear_used(e);
    blas_one_thread();
    weights_load(e, net);
    *out = e;
    return STATUS_OK;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    mask_free(engine);
    memory_give(engine->memory, engine->arena, engine->arena_bytes);
    plan_free(&engine->plan);
    free(engine->mix);
    free(engine);
}

size_t engine_arena_bytes(const struct engine *engine)
{
    return engine->arena_bytes;
}

const char *engine_isa_name(const struct engine *engine)
{
    return engine->kernels->name;
}

const char *engine_best_isa(void)
{
    return engine_isa_word(isa_best());
}

void engine_set_mix(struct engine *engine, const double *coefficients)
{
    if (engine->plan.mix_count > 0)
        memcpy(engine->mix, coefficients, (size_t)engine->plan.mix_count * sizeof *engine->mix);
}

void engine_forward(struct engine *engine, const engine_real *images)
{
    const struct plan *p = &engine->plan;
    engine->images = images;
    for (int i = 0; i < p->forward_count; i++)
        engine_forward_step(engine, &p->steps[i]);
    for (int i = 0; p->mode == ENGINE_TRAIN && i < p->output_count; i++)
        memset(engine_buffer(engine, p->output_gradients[i]), 0, plan_node_elements(p, p->outputs[i]) * sizeof(engine_real));
}

static struct engine_rows rows_of(const struct engine *e, int output, int buffer)
{
    const int node = e->plan.outputs[output];
    const struct net_shape *s = &e->plan.nodes[node].shape;
    const size_t stride = plan_node_elements(&e->plan, node) / (size_t)e->plan.batch;
    return (struct engine_rows){.data = engine_buffer(e, buffer),
                                .features = s->h == 1 && s->w == 1 ? (size_t)s->c : stride,
                                .stride = stride,
                                .rows = e->plan.batch};
}

struct engine_rows engine_output(const struct engine *engine, int output)
{
    assert(output >= 0 && output < engine->plan.output_count);
    return rows_of(engine, output, engine->plan.output_buffers[output]);
}

struct engine_rows engine_output_gradient(struct engine *engine, int output)
{
    assert(engine->plan.mode == ENGINE_TRAIN && output >= 0 && output < engine->plan.output_count);
    return rows_of(engine, output, engine->plan.output_gradients[output]);
}

void engine_backward(struct engine *engine)
{
    const struct plan *p = &engine->plan;
    assert(p->mode == ENGINE_TRAIN);
    if (p->mix_gradient && p->mix_count > 0)
        memset(engine->mix + p->mix_count, 0, (size_t)p->mix_count * sizeof *engine->mix);
    for (int i = p->forward_count; i < p->step_count; i++)
        engine_backward_step(engine, &p->steps[i]);
}

void engine_mix_gradient(const struct engine *engine, double *out)
{
    assert(engine->plan.mix_gradient);
    if (engine->plan.mix_count > 0)
        memcpy(out, engine->mix + engine->plan.mix_count, (size_t)engine->plan.mix_count * sizeof *out);
}

double engine_gradient_norm(const struct engine *engine)
{
    double sum = 0;
    for (size_t i = 0; i < engine->plan.trainable_elements; i++)
        sum += (double)engine->gradients[i] * (double)engine->gradients[i];
    return sqrt(sum);
}

void engine_scale_gradients(struct engine *engine, double factor)
{
    for (size_t i = 0; i < engine->plan.trainable_elements; i++)
        engine->gradients[i] = (engine_real)((double)engine->gradients[i] * factor);
}

void engine_step(struct engine *engine, const struct engine_sgd *sgd)
{
    engine->kernels->sgd(engine->plan.trainable_elements, engine->weights, engine->gradients, engine->velocity,
                         (engine_real)sgd->learning_rate, (engine_real)sgd->momentum, (engine_real)sgd->weight_decay);
    mask_apply(engine);
}

void engine_gradient(const struct engine *engine, int tensor, engine_real *out)
{
    assert(tensor >= 0 && tensor < engine->plan.tensor_count);
    weights_gradient(engine, tensor, out);
}

void engine_store_weights(const struct engine *engine, struct net *net)
{
    weights_store(engine, net);
}

void engine_load_weights(struct engine *engine, const struct net *net)
{
    weights_load(engine, net);
    mask_apply(engine);
}

enum status_code engine_set_mask(struct engine *engine, int tensor, const unsigned char *kept, struct status *status)
{
    assert(engine->plan.mode == ENGINE_TRAIN && tensor >= 0 && tensor < engine->plan.tensor_count);
    return mask_set(engine, tensor, kept, status);
}
