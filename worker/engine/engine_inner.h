/* engine_inner: what an engine is made of; shared by the files that carry out its plan. */
#ifndef HWNAS_WORKER_ENGINE_ENGINE_INNER_H
#define HWNAS_WORKER_ENGINE_ENGINE_INNER_H

#include "worker/engine/plan.h"

/* Where one parameter's masked weights stand among all trainable elements. */
struct engine_mask {
    size_t *places; /* owned; NULL: nothing is masked */
    size_t count;
};

struct engine {
    struct plan plan;
    const struct kernels *kernels;
    void *arena;                  /* one mapping that holds everything below */
    struct engine_memory *memory; /* where it comes from; may be NULL */
    size_t arena_bytes;
    engine_real *weights, *gradients, *velocity; /* trainable_elements each */
    engine_real *running;                        /* running_elements */
    engine_real *norms;                          /* PLAN_NORM_PARTS * norm_elements */
    double *sums;                                /* 2 * norm_elements */
    engine_real *scratch, *buffers;
    const engine_real *images; /* the caller's, during a forward */
    double *mix;               /* owned: plan.mix_count coefficients, then as many gradients; NULL where there are none */
    struct engine_mask *masks; /* owned, plan.param_count; NULL: none was ever set */
};

/* Carry out one step. */
void engine_forward_step(struct engine *engine, const struct plan_step *step);
void engine_backward_step(struct engine *engine, const struct plan_step *step);

static inline engine_real *engine_buffer(const struct engine *e, int buffer)
{
    return buffer == PLAN_NONE ? NULL : e->buffers + e->plan.buffers[buffer].offset;
}

/* What a value of that `times` (plan.h) is multiplied with. */
static inline double engine_times(const struct engine *e, int times)
{
    return times == 0 ? 1 : e->mix[times - 1];
}

/* Where parameter number `param` of the plan stands. */
static inline engine_real *engine_home(const struct engine *e, int param)
{
    const struct plan_param *p = &e->plan.params[param];
    return (p->trainable ? e->weights : e->running) + p->offset;
}

/* Weights (or gradients) of the k-th parameter of a node; NULL where the node lacks it. */
static inline engine_real *engine_param(const struct engine *e, engine_real *of, int node, int k)
{
    const int tensor = e->plan.nodes[node].params[k];
    return tensor < 0 ? NULL : of + e->plan.params[e->plan.param_of_tensor[tensor]].offset;
}

static inline engine_real *engine_norm(const struct engine *e, int norm, enum plan_norm_part part)
{
    const struct plan_norm *n = &e->plan.norms[norm];
    return e->norms + PLAN_NORM_PARTS * n->offset + (size_t)part * n->padded;
}

static inline double *engine_sums(const struct engine *e, int norm)
{
    return norm == PLAN_NONE ? NULL : e->sums + 2 * e->plan.norms[norm].offset;
}

static inline double *engine_squares(const struct engine *e, int norm)
{
    return norm == PLAN_NONE ? NULL : engine_sums(e, norm) + e->plan.norms[norm].padded;
}

static inline struct kernels_source engine_source(const struct engine *e, struct plan_value value)
{
    return (struct kernels_source){.data = engine_buffer(e, value.buffer),
                                   .center = value.norm == PLAN_NONE ? NULL : engine_norm(e, value.norm, PLAN_CENTER),
                                   .scale = value.norm == PLAN_NONE ? NULL : engine_norm(e, value.norm, PLAN_SCALE),
                                   .rest = value.norm == PLAN_NONE ? NULL : engine_norm(e, value.norm, PLAN_REST),
                                   .shift = value.norm == PLAN_NONE ? NULL : engine_norm(e, value.norm, PLAN_SHIFT),
                                   .relu = value.relu};
}

/* The norms that a step feeds. */
static inline struct kernels_feeds engine_feeds(const struct engine *e, const struct plan_step *step)
{
    struct kernels_feeds feeds = {.count = step->feed_count};
    for (int i = 0; i < step->feed_count; i++)
        feeds.to[i] = (struct kernels_feed){.x = engine_buffer(e, e->plan.norms[step->feeds[i]].source),
                                            .mean = engine_norm(e, step->feeds[i], PLAN_CENTER),
                                            .sums = engine_sums(e, step->feeds[i]),
                                            .products = engine_squares(e, step->feeds[i])};
    return feeds;
}

/* The input of a convolution's step: one value, or two added up. *plus is room for the second. */
static inline struct kernels_source engine_conv_source(const struct engine *e, const struct plan_step *step,
                                                       struct kernels_source *plus)
{
    struct kernels_source source = engine_source(e, step->in[0]);
    if (step->in_count == 1)
        return source;
    *plus = engine_source(e, step->in[1]);
    source.plus = plus;
    return source;
}

static inline size_t engine_plane(const struct engine *e, int node)
{
    const struct net_shape *s = &e->plan.nodes[node].shape;
    return (size_t)s->h * (size_t)s->w;
}

/* Elements from one image's row of a (C,1,1) value to the next. */
static inline size_t engine_row(const struct engine *e, int channels)
{
    const size_t lanes = (size_t)e->plan.lanes;
    return ((size_t)channels + lanes - 1) / lanes * lanes;
}

#endif
