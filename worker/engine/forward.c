/* forward: carries out the forward steps of a plan. Each step is one call of a kernel or of OpenBLAS; engine.c calls them in order.
 */
#include <math.h>
#include <string.h>

#include "worker/engine/blas.h"
#include "worker/engine/engine_inner.h"

static void run_conv(struct engine *e, const struct plan_step *step)
{
    struct kernels_source plus;
    const struct kernels_forward call = {.at = plan_geometry(&e->plan, step->node),
                                         .in = engine_conv_source(e, step, &plus),
                                         .weights = engine_param(e, e->weights, step->node, 0),
                                         .bias = engine_param(e, e->weights, step->node, 1),
                                         .out = engine_buffer(e, step->out),
                                         .sums = engine_sums(e, step->norm),
                                         .squares = engine_squares(e, step->norm),
                                         .center = step->norm == PLAN_NONE ? NULL : engine_norm(e, step->norm, PLAN_CENTER),
                                         .scratch = e->scratch};
    e->kernels->conv_forward(&call);
}

static void run_sum(struct engine *e, const struct plan_step *step)
{
    struct kernels_sum call = {.n = e->plan.batch,
                               .channels = e->plan.nodes[step->node].shape.c,
                               .plane = engine_plane(e, step->node),
                               .out = engine_buffer(e, step->out),
                               .sums = engine_sums(e, step->norm),
                               .squares = engine_squares(e, step->norm),
                               .center = step->norm == PLAN_NONE ? NULL : engine_norm(e, step->norm, PLAN_CENTER),
                               .feeds = engine_feeds(e, step)};
    for (int i = 0; i < step->in_count; i++) {
        const double factor = engine_times(e, step->in[i].times);
        call.weighed |= step->in[i].times != 0;
        if (factor == 0)
            continue;
        call.factors[call.count] = (engine_real)factor;
        call.terms[call.count++] = engine_source(e, step->in[i]);
    }
    e->kernels->sum(&call);
}

/* Running statistics with momentum 0.1 and the unbiased variance, as PyTorch keeps them. */
static void track_norm(struct engine *e, const struct plan_norm *norm, size_t c, double mean, double variance, double count)
{
    engine_real *running_mean = e->running + e->plan.params[norm->running_mean].offset + c,
                *running_var = e->running + e->plan.params[norm->running_var].offset + c;
    const double unbiased = count > 1 ? variance * count / (count - 1) : variance;
    *running_mean = (engine_real)(0.9 * (double)*running_mean + 0.1 * mean);
    *running_var = (engine_real)(0.9 * (double)*running_var + 0.1 * unbiased);
}

static void run_norm(struct engine *e, int index)
{
    const struct plan *plan = &e->plan;
    const struct plan_norm *norm = &plan->norms[index];
    const engine_real *weight = engine_home(e, norm->weight), *bias = engine_home(e, norm->bias);
    const double count = (double)plan->batch * (double)norm->plane;
    const double *sums = engine_sums(e, index), *squares = engine_squares(e, index);
    engine_real *center = engine_norm(e, index, PLAN_CENTER), *inverse = engine_norm(e, index, PLAN_INVERSE),
                *scale = engine_norm(e, index, PLAN_SCALE), *rest = engine_norm(e, index, PLAN_REST),
                *shift = engine_norm(e, index, PLAN_SHIFT);
    for (size_t c = 0; c < (size_t)norm->channels; c++) {
        double mean, variance;
        if (plan->mode == ENGINE_INFER) {
            mean = (double)e->running[plan->params[norm->running_mean].offset + c];
            variance = (double)e->running[plan->params[norm->running_var].offset + c];
        } else {
            const double distance = sums[c] / count; /* of the mean from the center of the sums */
            mean = (double)center[c] + distance;
            variance = squares[c] / count - distance * distance;
            if (variance < 0) /* rounding; a NaN stays one */
                variance = 0;
            if (plan->track)
                track_norm(e, norm, c, mean, variance, count);
        }
        const double inverse_deviation = 1 / sqrt(variance + norm->epsilon);
        center[c] = (engine_real)mean;
        inverse[c] = (engine_real)inverse_deviation;
        scale[c] = (engine_real)((double)weight[c] * inverse_deviation);
        rest[c] = (engine_real)((double)weight[c] * inverse_deviation - (double)scale[c]);
        /* What rounding took from the mean goes into the shift. */
        shift[c] = (engine_real)((double)bias[c] - (mean - (double)center[c]) * (double)weight[c] * inverse_deviation);
    }
}

static void run_dense(struct engine *e, const struct plan_step *step)
{
    const struct net_node *n = &e->plan.nodes[step->node];
    const int c_in = e->plan.nodes[n->inputs[0]].shape.c, c_out = n->shape.c;
    const size_t row = engine_row(e, c_out);
    engine_real *out = engine_buffer(e, step->out);
    const engine_real *bias = engine_param(e, e->weights, step->node, 1);
    for (int i = 0; i < e->plan.batch; i++) {
        if (bias)
            memcpy(out + (size_t)i * row, bias, row * sizeof *out);
        else
            memset(out + (size_t)i * row, 0, row * sizeof *out);
    }
    const engine_real *in = engine_buffer(e, step->in[0].buffer), *weights = engine_param(e, e->weights, step->node, 0);
    /* Inference stays out of the library, so that what is measured is this engine, and an agent can do without. */
    if (e->plan.mode == ENGINE_INFER)
        e->kernels->dense_forward(e->plan.batch, c_in, c_out, in, weights, out);
    else
        blas_gemm(0, 1, (size_t)e->plan.batch, (size_t)c_out, (size_t)c_in, 1, in, engine_row(e, c_in), weights, (size_t)c_in, 1,
                  out, row);
}

static void run_concat(struct engine *e, const struct plan_step *step)
{
    engine_real *out = engine_buffer(e, step->out);
    /* An input that does not begin with a block writes lane by lane and leaves the lanes beyond its last channel alone. */
    int aligned = 1;
    for (int i = 0; i < step->in_count; i++)
        aligned = aligned && plan_concat(&e->plan, step->node, i).before % e->plan.lanes == 0;
    if (!aligned)
        memset(out, 0, plan_node_elements(&e->plan, step->node) * sizeof *out);
    for (int i = 0; i < step->in_count; i++) {
        const struct kernels_widen at = plan_concat(&e->plan, step->node, i);
        e->kernels->widen_forward(&at, engine_source(e, step->in[i]), out);
    }
}

static void run_statistics(struct engine *e, const struct plan_step *step)
{
    const struct plan_norm *norm = &e->plan.norms[step->norm];
    e->kernels->statistics(e->plan.batch, norm->channels, norm->plane, engine_buffer(e, norm->source), engine_sums(e, step->norm),
                           engine_squares(e, step->norm), engine_norm(e, step->norm, PLAN_CENTER));
}

void engine_forward_step(struct engine *e, const struct plan_step *step)
{
    const struct net_node *n = &e->plan.nodes[step->node];
    engine_real *out = engine_buffer(e, step->out);
    struct kernels_pool pool;
    struct kernels_widen widen;
    switch (step->op) {
    case PLAN_IMAGES: e->kernels->images_in(e->plan.batch, n->shape.c, engine_plane(e, step->node), e->images, out); break;
    case PLAN_CONV: run_conv(e, step); break;
    case PLAN_STATISTICS: run_statistics(e, step); break;
    case PLAN_NORM: run_norm(e, step->norm); break;
    case PLAN_SUM: run_sum(e, step); break;
    case PLAN_POOL:
        pool = plan_pool(&e->plan, step->node);
        e->kernels->pool_forward(&pool, engine_source(e, step->in[0]), out);
        break;
    case PLAN_MAX_POOL:
        pool = plan_pool(&e->plan, step->node);
        e->kernels->max_forward(&pool, engine_source(e, step->in[0]), out);
        break;
    case PLAN_CONCAT: run_concat(e, step); break;
    case PLAN_SHUFFLE:
        e->kernels->shuffle(e->plan.batch, n->shape.c, engine_plane(e, step->node), n->groups, engine_source(e, step->in[0]), NULL,
                            out);
        break;
    case PLAN_SUBSAMPLE:
        pool = plan_pool(&e->plan, step->node);
        e->kernels->subsample_forward(&pool, engine_source(e, step->in[0]), out);
        break;
    case PLAN_WIDEN:
        widen = plan_widen(&e->plan, step->node);
        e->kernels->widen_forward(&widen, engine_source(e, step->in[0]), out);
        break;
    case PLAN_MEAN:
        e->kernels->mean_forward(e->plan.batch, n->shape.c, engine_plane(e, n->inputs[0]), engine_source(e, step->in[0]), out);
        break;
    case PLAN_DENSE: run_dense(e, step); break;
    default: break; /* backward steps */
    }
}
