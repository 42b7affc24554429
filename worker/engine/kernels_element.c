/* kernels_element: the passes that only stream memory: node sums with batch norm and ReLU applied on the fly, batch-norm
 * reductions, means, the ReLU's backward, SGD. Each reads every operand once. */
#include "worker/engine/kernels_inner.h"

enum { STEP = 8 };

/* out[0..STEP) = sum of weighed terms at that place; vectors beyond `count` are not touched. */
INLINE void mix_step(const struct kernels_sum *call, size_t at, int channel, const int count)
{
    vec acc[STEP];
    UNROLL for (int i = 0; i < count; i++) acc[i] = (vec){0};
    for (int t = 0; t < call->count; t++) {
        const struct kernels_source *s = &call->terms[t];
        const engine_real *x = s->data + at;
        const vec factor = (vec){0} + call->factors[t];
        if (s->scale) {
            const struct affine map = source_affine(s, channel);
            UNROLL for (int i = 0; i < count; i++) acc[i] += source_apply(load(x + i * LANES), map, 1, s->relu) * factor;
        } else if (s->relu)
            UNROLL for (int i = 0; i < count; i++) acc[i] += relu(load(x + i * LANES)) * factor;
        else
            UNROLL for (int i = 0; i < count; i++) acc[i] += load(x + i * LANES) * factor;
    }
    UNROLL for (int i = 0; i < count; i++) store(call->out + at + i * LANES, acc[i]);
}

/* The same of terms as they are. */
INLINE void sum_step(const struct kernels_sum *call, size_t at, int channel, const int count)
{
    vec acc[STEP];
    UNROLL for (int i = 0; i < count; i++) acc[i] = (vec){0};
    for (int t = 0; t < call->count; t++) {
        const struct kernels_source *s = &call->terms[t];
        const engine_real *x = s->data + at;
        if (s->scale) {
            const struct affine map = source_affine(s, channel);
            if (s->relu)
                UNROLL for (int i = 0; i < count; i++) acc[i] += source_apply(load(x + i * LANES), map, 1, 1);
            else
                UNROLL for (int i = 0; i < count; i++) acc[i] += source_apply(load(x + i * LANES), map, 1, 0);
        } else if (s->relu)
            UNROLL for (int i = 0; i < count; i++) acc[i] += relu(load(x + i * LANES));
        else
            UNROLL for (int i = 0; i < count; i++) acc[i] += load(x + i * LANES);
    }
    UNROLL for (int i = 0; i < count; i++) store(call->out + at + i * LANES, acc[i]);
}

void KERNEL(plane_statistics)(const engine_real *x, size_t plane, const engine_real *around, double *sums, double *squares)
{
    const vec center = load(around);
    for (size_t start = 0; start < plane; start += SPAN) {
        const size_t end = start + SPAN < plane ? start + SPAN : plane;
        vec s0 = {0}, s1 = {0}, q0 = {0}, q1 = {0};
        size_t i = start;
        for (; i + 2 <= end; i += 2) {
            const vec a = load(x + i * LANES) - center, b = load(x + (i + 1) * LANES) - center;
            s0 += a;
            s1 += b;
            q0 += a * a;
            q1 += b * b;
        }
        for (; i < end; i++) {
            const vec a = load(x + i * LANES) - center;
            s0 += a;
            q0 += a * a;
        }
        add_lanes(sums, s0 + s1);
        add_lanes(squares, q0 + q1);
    }
}

static void clear(double *sums, double *more, int channels)
{
    const size_t bytes = (size_t)blocks_of(channels) * LANES * sizeof *sums;
    memset(sums, 0, bytes);
    memset(more, 0, bytes);
}

static void sum(const struct kernels_sum *call)
{
    const int blocks = blocks_of(call->channels);
    if (call->sums)
        clear(call->sums, call->squares, call->channels);
    KERNEL(feeds_clear)(&call->feeds, call->channels);
    for (int p = 0; p < call->n * blocks; p++) {
        const size_t start = (size_t)p * call->plane * LANES;
        const int channel = p % blocks * LANES;
        size_t i = 0;
        if (call->weighed) {
            for (; i + STEP <= call->plane; i += STEP)
                mix_step(call, start + i * LANES, channel, STEP);
            for (; i < call->plane; i++)
                mix_step(call, start + i * LANES, channel, 1);
        }
        for (; i + STEP <= call->plane; i += STEP)
            sum_step(call, start + i * LANES, channel, STEP);
        for (; i < call->plane; i++)
            sum_step(call, start + i * LANES, channel, 1);
        KERNEL(feeds_add)(&call->feeds, start, channel, call->out + start, call->plane);
        if (!call->sums)
            continue;
        engine_real *center = call->center + channel;
        if (p < blocks)
            plane_center(call->out + start, call->plane, center);
        KERNEL(plane_statistics)(call->out + start, call->plane, center, call->sums + channel, call->squares + channel);
    }
}

static void statistics(int n, int channels, size_t plane, const engine_real *x, double *sums, double *squares, engine_real *center)
{
    const int blocks = blocks_of(channels);
    clear(sums, squares, channels);
    for (int p = 0; p < n * blocks; p++) {
        const int channel = p % blocks * LANES;
        const engine_real *from = x + (size_t)p * plane * LANES;
        if (p < blocks)
            plane_center(from, plane, center + channel);
        KERNEL(plane_statistics)(from, plane, center + channel, sums + channel, squares + channel);
    }
}

static double along(int n, int channels, size_t plane, struct kernels_source in, const engine_real *gradient)
{
    const int blocks = blocks_of(channels);
    double sums[LANES] = {0}, total = 0;
    for (int p = 0; p < n * blocks; p++) {
        const struct affine map = source_affine(&in, p % blocks * LANES);
        for (size_t start = 0; start < plane; start += SPAN) {
            const size_t end = start + SPAN < plane ? start + SPAN : plane;
            vec part = {0};
            for (size_t i = (size_t)p * plane + start; i < (size_t)p * plane + end; i++)
                part += source_apply(load(in.data + i * LANES), map, 1, in.relu) * load(gradient + i * LANES);
            add_lanes(sums, part);
        }
    }
    for (int l = 0; l < LANES; l++)
        total += sums[l];
    return total;
}

static void relu_backward(int n, int channels, size_t plane, struct kernels_source in, const engine_real *gradient,
                          const engine_real *addend, engine_real *out)
{
    const int blocks = blocks_of(channels);
    for (int p = 0; p < n * blocks; p++) {
        const int channel = p % blocks * LANES;
        const struct affine map = source_affine(&in, channel);
        for (size_t i = (size_t)p * plane; i < (size_t)(p + 1) * plane; i++) {
            vec v = keep_positive(load(gradient + i * LANES), source_apply(load(in.data + i * LANES), map, 1, 0));
            if (addend)
                v += load(addend + i * LANES);
            store(out + i * LANES, v);
        }
    }
}

static void mean_forward(int n, int channels, size_t plane, struct kernels_source in, engine_real *out)
{
    const int blocks = blocks_of(channels);
    for (int p = 0; p < n * blocks; p++) {
        const int channel = p % blocks * LANES;
        const struct affine map = source_affine(&in, channel);
        vec total = {0};
        for (size_t i = (size_t)p * plane; i < (size_t)(p + 1) * plane; i++)
            total += source_apply(load(in.data + i * LANES), map, 1, in.relu);
        store(out + p * LANES, total / (engine_real)plane);
    }
}

static void mean_backward(int n, int channels, size_t plane, const engine_real *gradient, const engine_real *addend,
                          engine_real *out)
{
    const vec none = {0};
    for (int p = 0; p < n * blocks_of(channels); p++) {
        const vec share = load(gradient + p * LANES) / (engine_real)plane;
        for (size_t i = (size_t)p * plane; i < (size_t)(p + 1) * plane; i++)
            store(out + i * LANES, share + (addend ? load(addend + i * LANES) : none));
    }
}

static void images_in(int n, int channels, size_t plane, const engine_real *images, engine_real *out)
{
    const int blocks = blocks_of(channels);
    for (int p = 0; p < n * blocks; p++) {
        const int b = p % blocks, lanes = lanes_in(channels, b);
        const engine_real *from = images + ((size_t)(p / blocks) * (size_t)channels + (size_t)(b * LANES)) * plane;
        engine_real *to = out + (size_t)p * plane * LANES;
        for (size_t i = 0; i < plane; i++) {
            store(to + i * LANES, (vec){0});
            for (int l = 0; l < lanes; l++)
                to[i * LANES + (size_t)l] = from[(size_t)l * plane + i];
        }
    }
}

static void sgd(size_t count, engine_real *weights, const engine_real *gradients, engine_real *velocity, engine_real rate,
                engine_real momentum, engine_real decay)
{
    for (size_t i = 0; i < count; i += LANES) {
        const vec w = load(weights + i), g = load(gradients + i) + w * decay;
        const vec v = load(velocity + i) * momentum + g;
        store(velocity + i, v);
        store(weights + i, w - v * rate);
    }
}

static double peak_gflops(double (*clock)(void))
{
    enum { CHAINS = 12, ROUNDS = 200000, ATTEMPTS = 20 };
    const vec factor = (vec){0} + (engine_real)0.999, term = (vec){0} + (engine_real)0.001;
    double best = 0;
    vec acc[CHAINS], all = {0};
    for (int i = 0; i < CHAINS; i++)
        acc[i] = (vec){0} + (engine_real)i;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        const double start = clock();
        for (int r = 0; r < ROUNDS; r++)
            UNROLL for (int i = 0; i < CHAINS; i++) acc[i] = acc[i] * factor + term;
        const double rate = 2e-9 * CHAINS * ROUNDS * LANES / (clock() - start);
        best = rate > best ? rate : best;
    }
    for (int i = 0; i < CHAINS; i++)
        all += acc[i];
    return all[0] > 0 ? best : 0; /* the chains end above zero; reading them keeps them */
}

void KERNEL(max_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
void KERNEL(max_backward)(const struct kernels_pool *at, struct kernels_source in, const engine_real *gradient,
                          const engine_real *addend, engine_real *out);
void KERNEL(shuffle)(int n, int channels, size_t plane, int groups, struct kernels_source in, const engine_real *addend,
                     engine_real *out);
size_t KERNEL(conv_forward_scratch)(const struct kernels_geometry *at);
size_t KERNEL(conv_backward_scratch)(const struct kernels_geometry *at);
void KERNEL(conv_forward)(const struct kernels_forward *call);
void KERNEL(conv_backward)(const struct kernels_backward *call);
void KERNEL(pool_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
void KERNEL(pool_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend, engine_real *out,
                           const struct kernels_feeds *feeds);
void KERNEL(reduce)(int n, int channels, size_t plane, const engine_real *gradient, const struct kernels_feeds *feeds);

void KERNEL(subsample_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
void KERNEL(subsample_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend,
                                engine_real *out);
void KERNEL(dense_forward)(int n, int c_in, int c_out, const engine_real *in, const engine_real *weights, engine_real *out);
void KERNEL(widen_forward)(const struct kernels_widen *at, struct kernels_source in, engine_real *out);
void KERNEL(widen_backward)(const struct kernels_widen *at, const engine_real *gradient, const engine_real *addend,
                            engine_real *out);

static size_t scratch_elements(const struct kernels_geometry *at, int backward)
{
    return backward ? KERNEL(conv_backward_scratch)(at) : KERNEL(conv_forward_scratch)(at);
}

#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

const struct kernels KERNELS_JOIN(kernels, ENGINE_ISA) = {.name = TEXT(ENGINE_ISA),
                                                          .lanes = LANES,
                                                          .scratch_elements = scratch_elements,
                                                          .conv_forward = KERNEL(conv_forward),
                                                          .conv_backward = KERNEL(conv_backward),
                                                          .sum = sum,
                                                          .reduce = KERNEL(reduce),
                                                          .along = along,
                                                          .statistics = statistics,
                                                          .relu_backward = relu_backward,
                                                          .pool_forward = KERNEL(pool_forward),
                                                          .pool_backward = KERNEL(pool_backward),
                                                          .mean_forward = mean_forward,
                                                          .mean_backward = mean_backward,
                                                          .subsample_forward = KERNEL(subsample_forward),
                                                          .subsample_backward = KERNEL(subsample_backward),
                                                          .widen_forward = KERNEL(widen_forward),
                                                          .widen_backward = KERNEL(widen_backward),
                                                          .max_forward = KERNEL(max_forward),
                                                          .max_backward = KERNEL(max_backward),
                                                          .shuffle = KERNEL(shuffle),
                                                          .dense_forward = KERNEL(dense_forward),
                                                          .images_in = images_in,
                                                          .sgd = sgd,
                                                          .peak_gflops = peak_gflops};
