/* engine kernels: what their header promises beside what the engine asks of them (test_engine_ops): of a convolution's gradients
 * each may be left out and leaves the others as they are, and no convolution leaves its scratch or reads what it has not written
 * there. On every instruction set of this CPU. */
#include "tests/support/test.h"

#include <string.h>

#include "common/rng.h"
#include "worker/engine/isa.h"

enum { N = 3, GUARD = 4096, GUARD_BYTE = 0xff }; /* such bytes are no number */

/* One layer; its channels fill whole blocks on every instruction set. */
struct layer {
    const struct kernels *k;
    struct kernels_geometry at;
    size_t in, weights, scratch; /* elements */
    engine_real *x, *dy, *raw, *w, *norm, *work;
};

/* What a backward pass leaves behind. */
struct gradients {
    engine_real *weights, *bias, *in;
};

static engine_real *numbers(size_t count, struct rng *rng)
{
    const size_t bytes = (count * sizeof(engine_real) + GUARD + KERNELS_ALIGN - 1) / KERNELS_ALIGN * KERNELS_ALIGN;
    engine_real *p = aligned_alloc(KERNELS_ALIGN, bytes);
    assert_non_null(p);
    memset(p, GUARD_BYTE, bytes);
    for (size_t i = 0; rng && i < count; i++)
        p[i] = (engine_real)(rng_uniform(rng) - 0.5);
    return p;
}

/* Its scratch is that of one direction. */
static void layer_make(struct layer *l, const struct kernels *k, const struct kernels_geometry *at, int backward)
{
    struct rng rng;
    rng_seed(&rng, 7);
    *l = (struct layer){.k = k, .at = *at, .in = (size_t)(at->n * at->c_in * at->h * at->w)};
    const size_t out = (size_t)(at->n * at->c_out * at->oh * at->ow);
    l->weights = kernels_weight_elements(at, k->lanes);
    l->scratch = k->scratch_elements(at, backward);
    l->x = numbers(l->in, &rng);
    l->dy = numbers(out, &rng);
    l->raw = numbers(out, &rng);
    l->w = numbers(l->weights, &rng);
    l->norm = numbers((size_t)(at->c_in + at->c_out), &rng);
    l->work = numbers(l->scratch, NULL);
}

static void layer_free(struct layer *l)
{
    free(l->x);
    free(l->dy);
    free(l->raw);
    free(l->w);
    free(l->norm);
    free(l->work);
}

static struct gradients gradients_make(const struct layer *l)
{
    return (struct gradients){numbers(l->weights, NULL), numbers((size_t)l->at.c_out, NULL), numbers(l->in, NULL)};
}

static void gradients_free(struct gradients *g)
{
    free(g->weights);
    free(g->bias);
    free(g->in);
}

/* Spoils the scratch before, and looks behind its end afterwards. */
static void run_backward(struct layer *l, engine_real *weights, engine_real *bias, engine_real *in)
{
    const engine_real *c = l->norm;
    const unsigned char *guard = (const unsigned char *)(l->work + l->scratch);
    memset(l->work, GUARD_BYTE, l->scratch * sizeof *l->work);
    l->k->conv_backward(
        &(struct kernels_backward){.at = l->at,
                                   .in = {.data = l->x, .center = c, .scale = c, .rest = c, .shift = c, .relu = 1},
                                   .gradient = {.gradient = l->dy, .raw = l->raw, .slope = c, .pull = c, .center = c, .offset = c},
                                   .weights = l->w,
                                   .weight_gradient = weights,
                                   .bias_gradient = bias,
                                   .in_gradient = in,
                                   .mask = 1,
                                   .scratch = l->work});
    for (int i = 0; i < GUARD; i++)
        assert_int_equal(guard[i], GUARD_BYTE);
}

/* Written to the last element, and not beyond. */
static void assert_same(const engine_real *got, const engine_real *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(want[i] == want[i]);
    assert_memory_equal(got, want, count * sizeof *got + GUARD);
}

/* --- the tests --- */

static void run_on_every_layer(void (*check)(const struct kernels *k, const struct kernels_geometry *at))
{
    static const struct {
        int in, out, kernel, stride, groups;
        enum engine_convolutions method;
    } shapes[] = {{32, 48, 1, 1, 1, ENGINE_DIRECT},   {32, 16, 1, 2, 1, ENGINE_DIRECT}, {16, 32, 3, 1, 1, ENGINE_DIRECT},
                  {16, 32, 3, 1, 1, ENGINE_WINOGRAD}, {48, 16, 3, 1, 1, ENGINE_FAST},   {32, 32, 3, 2, 4, ENGINE_DIRECT},
                  {32, 32, 3, 1, 32, ENGINE_DIRECT}};
    for (enum engine_isa isa = isa_next(ENGINE_ISA_AUTO); isa != ENGINE_ISA_AUTO; isa = isa_next(isa))
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check(isa_kernels(isa), &(struct kernels_geometry){.n = N,
                                                               .c_in = shapes[i].in,
                                                               .c_out = shapes[i].out,
                                                               .h = 10,
                                                               .w = 14,
                                                               .oh = 10 / shapes[i].stride,
                                                               .ow = 14 / shapes[i].stride,
                                                               .kh = shapes[i].kernel,
                                                               .kw = shapes[i].kernel,
                                                               .stride = shapes[i].stride,
                                                               .pad = shapes[i].kernel / 2,
                                                               .dilation = 1,
                                                               .groups = shapes[i].groups,
                                                               .method = shapes[i].method});
}

static void check_parts(const struct kernels *k, const struct kernels_geometry *at)
{
    struct layer l;
    layer_make(&l, k, at, 1);
    struct gradients all = gradients_make(&l), parts = gradients_make(&l);
    run_backward(&l, all.weights, all.bias, all.in);
    run_backward(&l, NULL, NULL, parts.in);
    run_backward(&l, parts.weights, NULL, NULL);
    run_backward(&l, NULL, parts.bias, NULL);
    assert_same(parts.in, all.in, l.in);
    assert_same(parts.weights, all.weights, l.weights);
    assert_same(parts.bias, all.bias, (size_t)at->c_out);
    gradients_free(&all);
    gradients_free(&parts);
    layer_free(&l);
}

static void each_gradient_of_a_convolution_is_the_same_without_the_others(void **state)
{
    (void)state;
    run_on_every_layer(check_parts);
}

/* Spoiled scratch and a spoiled output. */
static void check_forward(const struct kernels *k, const struct kernels_geometry *at)
{
    struct layer l;
    const size_t out = (size_t)(at->n * at->c_out * at->oh * at->ow);
    layer_make(&l, k, at, 0);
    engine_real *y = numbers(out, NULL);
    const unsigned char *guard = (const unsigned char *)(l.work + l.scratch), *behind = (const unsigned char *)(y + out);
    k->conv_forward(&(struct kernels_forward){
        .at = *at,
        .in = {.data = l.x, .center = l.norm, .scale = l.norm, .rest = l.norm, .shift = l.norm, .relu = 1},
        .weights = l.w,
        .out = y,
        .scratch = l.work});
    for (int i = 0; i < GUARD; i++)
        assert_true(guard[i] == GUARD_BYTE && behind[i] == GUARD_BYTE);
    for (size_t i = 0; i < out; i++)
        assert_true(y[i] == y[i]);
    free(y);
    layer_free(&l);
}

static void a_convolution_stays_within_its_scratch(void **state)
{
    (void)state;
    run_on_every_layer(check_forward);
}

/* Around a center far from the mean the variance would drown in its square: a bias moves the center along. */
static void check_sums(const struct kernels *k, const struct kernels_geometry *at)
{
    struct layer l;
    enum { CHANNELS = 48 };
    const size_t plane = (size_t)(at->oh * at->ow), lanes = (size_t)k->lanes, channels = (size_t)at->c_out;
    double sums[CHANNELS], squares[CHANNELS];
    layer_make(&l, k, at, 0);
    engine_real *y = numbers(N * channels * plane, NULL), *bias = numbers(channels, NULL), *center = numbers(channels, NULL);
    for (size_t c = 0; c < channels; c++)
        bias[c] = (engine_real)(1000 + c);
    k->conv_forward(&(struct kernels_forward){.at = *at,
                                              .in = {.data = l.x},
                                              .weights = l.w,
                                              .bias = bias,
                                              .out = y,
                                              .sums = sums,
                                              .squares = squares,
                                              .center = center,
                                              .scratch = l.work});
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, square = 0;
        for (size_t i = 0; i < N * plane; i++) {
            const size_t block = i / plane * (channels / lanes) + c / lanes;
            const double d = (double)y[(block * plane + i % plane) * lanes + c % lanes] - (double)center[c];
            sum += d;
            square += d * d;
        }
        assert_near(sums[c], sum, 1e-4, 1e-2);
        assert_near(squares[c], square, 1e-4, 1e-2);
        const double count = (double)(N * plane), mean = sum / count, variance = square / count - mean * mean;
        assert_true(mean * mean < 9 * variance);
    }
    free(y);
    free(bias);
    free(center);
    layer_free(&l);
}

static void sums_are_taken_around_a_center_near_the_mean(void **state)
{
    (void)state;
    run_on_every_layer(check_sums);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_gradient_of_a_convolution_is_the_same_without_the_others),
                                       cmocka_unit_test(a_convolution_stays_within_its_scratch),
                                       cmocka_unit_test(sums_are_taken_around_a_center_near_the_mean)};
    return TEST_RUN(tests);
}
