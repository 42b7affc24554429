/* backward: carries out the backward steps of a plan. engine.c calls them in order after a forward. */
#include <string.h>

#include "worker/engine/blas.h"
#include "worker/engine/engine_inner.h"

/* The gradient of a convolution's output, through the norm that follows it if any. */
static struct kernels_gradient conv_gradient(const struct engine *e, const struct plan_step *step)
{
    struct kernels_gradient g = {.gradient = engine_buffer(e, step->gradient)};
    if (step->norm != PLAN_NONE) {
        g.raw = engine_buffer(e, e->plan.norms[step->norm].source);
        g.slope = engine_norm(e, step->norm, PLAN_SLOPE);
        g.pull = engine_norm(e, step->norm, PLAN_PULL);
        g.center = engine_norm(e, step->norm, PLAN_CENTER);
        g.offset = engine_norm(e, step->norm, PLAN_OFFSET);
    }
    return g;
}

static void run_conv_back(struct engine *e, const struct plan_step *step)
{
    struct kernels_source plus;
    const struct kernels_backward call = {.at = plan_geometry(&e->plan, step->node),
                                          .in = engine_conv_source(e, step, &plus),
                                          .gradient = conv_gradient(e, step),
                                          .weights = engine_param(e, e->weights, step->node, 0),
                                          .weight_gradient = engine_param(e, e->gradients, step->node, 0),
                                          .bias_gradient = engine_param(e, e->gradients, step->node, 1),
                                          .in_gradient = engine_buffer(e, step->out),
                                          .addend = engine_buffer(e, step->addend),
                                          .mask = step->mask,
                                          .feeds = engine_feeds(e, step),
                                          .scratch = e->scratch};
    e->kernels->conv_backward(&call);
}

/* Ioffe and Szegedy 2015, section 3, arranged per channel as slope*dy + pull*(x - center) + offset. */
static void run_norm_slopes(struct engine *e, const struct plan_step *step)
{
    const struct plan_norm *norm = &e->plan.norms[step->norm];
    const double count = (double)e->plan.batch * (double)norm->plane, factor = engine_times(e, step->times);
    const double *sums = engine_sums(e, step->norm), *products = engine_squares(e, step->norm);
    const engine_real *inverse = engine_norm(e, step->norm, PLAN_INVERSE), *scale = engine_norm(e, step->norm, PLAN_SCALE);
    engine_real *slope = engine_norm(e, step->norm, PLAN_SLOPE), *pull = engine_norm(e, step->norm, PLAN_PULL),
                *offset = engine_norm(e, step->norm, PLAN_OFFSET);
    for (size_t c = 0; c < (size_t)norm->channels; c++) {
        const double sum = factor * sums[c];
        const double along = factor * products[c] * (double)inverse[c]; /* sum of dy * normalised x */
        const double drag = -(double)scale[c] * (double)inverse[c] * along / count;
        if (e->plan.params[norm->weight].trainable) {
            e->gradients[e->plan.params[norm->weight].offset + c] = (engine_real)along;
            e->gradients[e->plan.params[norm->bias].offset + c] = (engine_real)sum;
        }
        slope[c] = (engine_real)(factor * (double)scale[c]);
        pull[c] = (engine_real)drag;
        offset[c] = (engine_real)(-(double)scale[c] * sum / count);
    }
}

static void run_norm_back(struct engine *e, const struct plan_step *step)
{
    const struct plan_norm *norm = &e->plan.norms[step->norm];
    struct kernels_sum call = {
        .n = e->plan.batch, .channels = norm->channels, .plane = norm->plane, .count = 2, .out = engine_buffer(e, step->out)};
    call.terms[0] = (struct kernels_source){.data = engine_buffer(e, step->gradient),
                                            .center = engine_norm(e, step->norm, PLAN_ZERO),
                                            .scale = engine_norm(e, step->norm, PLAN_SLOPE),
                                            .rest = engine_norm(e, step->norm, PLAN_ZERO),
                                            .shift = engine_norm(e, step->norm, PLAN_OFFSET)};
    call.terms[1] = (struct kernels_source){.data = engine_buffer(e, norm->source),
                                            .center = engine_norm(e, step->norm, PLAN_CENTER),
                                            .scale = engine_norm(e, step->norm, PLAN_PULL),
                                            .rest = engine_norm(e, step->norm, PLAN_ZERO),
                                            .shift = engine_norm(e, step->norm, PLAN_ZERO)};
    if (step->addend != PLAN_NONE)
        call.terms[call.count++] = (struct kernels_source){.data = engine_buffer(e, step->addend)};
    e->kernels->sum(&call);
}

/* A coefficient's gradient is what its terms are along the gradient of the sum. */
static void run_mix_slopes(struct engine *e, const struct plan_step *step)
{
    for (int i = 0; i < step->in_count; i++)
        e->mix[e->plan.mix_count + step->in[i].times - 1] +=
            e->kernels->along(e->plan.batch, e->plan.nodes[step->node].shape.c, engine_plane(e, step->node),
                              engine_source(e, step->in[i]), engine_buffer(e, step->gradient));
}

static void run_dense_back(struct engine *e, const struct plan_step *step)
{
    const struct net_node *n = &e->plan.nodes[step->node];
    const int c_in = e->plan.nodes[n->inputs[0]].shape.c, c_out = n->shape.c;
    const size_t rows = (size_t)e->plan.batch, in_row = engine_row(e, c_in), out_row = engine_row(e, c_out);
    const engine_real *gradient = engine_buffer(e, step->gradient), *addend = engine_buffer(e, step->addend);
    engine_real *bias = engine_param(e, e->gradients, step->node, 1), *out = engine_buffer(e, step->out);
    blas_gemm(1, 0, (size_t)c_out, (size_t)c_in, rows, 1, gradient, out_row, engine_buffer(e, step->in[0].buffer), in_row, 0,
              engine_param(e, e->gradients, step->node, 0), (size_t)c_in);
    for (int c = 0; bias && c < c_out; c++) {
        double sum = 0;
        for (size_t i = 0; i < rows; i++)
            sum += (double)gradient[i * out_row + (size_t)c];
        bias[c] = (engine_real)sum;
    }
    if (!out)
        return;
    if (!addend)
        memset(out, 0, rows * in_row * sizeof *out);
    else if (addend != out)
        memcpy(out, addend, rows * in_row * sizeof *out);
    blas_gemm(0, 0, rows, (size_t)c_in, (size_t)c_out, 1, gradient, out_row, engine_param(e, e->weights, step->node, 0),
              (size_t)c_in, 1, out, in_row);
}

void engine_backward_step(struct engine *e, const struct plan_step *step)
{
    const struct net_node *n = &e->plan.nodes[step->node];
    const engine_real *gradient = engine_buffer(e, step->gradient), *addend = engine_buffer(e, step->addend);
    engine_real *out = engine_buffer(e, step->out);
    const struct kernels *k = e->kernels;
    struct kernels_pool pool;
    struct kernels_widen widen;
    struct kernels_feeds feeds;
    switch (step->op) {
    case PLAN_CONV_BACK: run_conv_back(e, step); break;
    case PLAN_REDUCE:
        feeds = engine_feeds(e, step);
        k->reduce(e->plan.batch, n->shape.c, engine_plane(e, step->node), gradient, &feeds);
        break;
    case PLAN_NORM_SLOPES: run_norm_slopes(e, step); break;
    case PLAN_MIX_SLOPES: run_mix_slopes(e, step); break;
    case PLAN_NORM_BACK: run_norm_back(e, step); break;
    case PLAN_RELU_BACK:
        k->relu_backward(e->plan.batch, n->shape.c, engine_plane(e, step->node), engine_source(e, step->in[0]), gradient, addend,
                         out);
        break;
    case PLAN_POOL_BACK:
        pool = plan_pool(&e->plan, step->node);
        feeds = engine_feeds(e, step);
        k->pool_backward(&pool, gradient, addend, out, &feeds);
        break;
    case PLAN_SUBSAMPLE_BACK:
        pool = plan_pool(&e->plan, step->node);
        k->subsample_backward(&pool, gradient, addend, out);
        break;
    case PLAN_WIDEN_BACK:
        widen = plan_widen(&e->plan, step->node);
        k->widen_backward(&widen, gradient, addend, out);
        break;
    case PLAN_CONCAT_BACK:
        widen = plan_concat(&e->plan, step->node, step->input);
        k->widen_backward(&widen, gradient, addend, out);
        break;
    case PLAN_MAX_POOL_BACK:
        pool = plan_pool(&e->plan, step->node);
        k->max_backward(&pool, engine_source(e, step->in[0]), gradient, addend, out);
        break;
    case PLAN_SHUFFLE_BACK: /* the other way round */
        k->shuffle(e->plan.batch, n->shape.c, engine_plane(e, step->node), n->shape.c / n->groups,
                   (struct kernels_source){.data = gradient}, addend, out);
        break;
    case PLAN_MEAN_BACK: k->mean_backward(e->plan.batch, n->shape.c, engine_plane(e, n->inputs[0]), gradient, addend, out); break;
    case PLAN_DENSE_BACK: run_dense_back(e, step); break;
    default: engine_forward_step(e, step); break; /* PLAN_SUM */
    }
}
