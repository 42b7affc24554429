/* bench_kernels: GFLOP/s of each convolution kernel and GB/s of each streaming one, against the peak of fused multiply-adds this
 * core shows, on the layers of NAS-Bench-201 and the depthwise ones of DARTS.
 *
 * usage: bench_kernels [batch [isa]]. Processor time, the second fastest of 15 runs, because the
 * peak too is the best of several (a shared machine slows whatever it likes); inputs rotate over more memory than the second-level
 * cache holds. FLOPs are counted as multiplications and additions of the convolution as defined, whatever the kernel really does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker/engine/isa.h"

enum { SETS = 4, RUNS = 15 };

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static float *numbers(size_t count)
{
    const size_t bytes = (count * sizeof(float) + 65536) / 4096 * 4096;
    float *p = aligned_alloc(4096, bytes);
    if (!p)
        exit(1);
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        p[i] = (float)(i * 2654435761U >> 20 & 255) / 256.F - 0.45F;
    return p;
}

/* Everything the kernels are run on. */
struct stage {
    const struct kernels *k;
    double peak; /* GFLOP/s */
    struct kernels_geometry at;
    float *x[SETS], *y[SETS], *weights, *weight_gradient, *scratch, *channels;
    double *sums;
};

typedef void (*runner)(struct stage *s, int set);

static double seconds_of(struct stage *s, runner run)
{
    double times[RUNS];
    for (int i = -2; i < RUNS; i++) {
        const double start = processor_seconds();
        run(s, (i + 2) % SETS);
        if (i >= 0)
            times[i] = processor_seconds() - start;
    }
    qsort(times, RUNS, sizeof *times, rising);
    return times[RUNS / 10];
}

/* An activation read through a batch norm. The numbers of the norm do not matter to its speed. */
static struct kernels_source source(const struct stage *s, int set, int relu)
{
    const float *c = s->channels;
    return (struct kernels_source){.data = s->x[set], .center = c, .scale = c, .rest = c, .shift = c, .relu = relu};
}

static void forward(struct stage *s, int set)
{
    const size_t c = 64;
    s->k->conv_forward(&(struct kernels_forward){.at = s->at,
                                                 .in = source(s, set, 1),
                                                 .weights = s->weights,
                                                 .out = s->y[set],
                                                 .sums = s->sums,
                                                 .squares = s->sums + c,
                                                 .center = s->channels + c,
                                                 .scratch = s->scratch});
}

static void backward(struct stage *s, int set, float *in_gradient)
{
    const float *c = s->channels;
    s->k->conv_backward(&(struct kernels_backward){
        .at = s->at,
        .in = source(s, set, 1),
        .gradient = {.gradient = s->y[set], .raw = s->y[(set + 1) % SETS], .slope = c, .pull = c, .center = c, .offset = c},
        .weights = s->weights,
        .weight_gradient = s->weight_gradient,
        .in_gradient = in_gradient,
        .mask = 1,
        .scratch = s->scratch});
}

static void backward_weights(struct stage *s, int set)
{
    backward(s, set, NULL);
}

static void backward_both(struct stage *s, int set)
{
    backward(s, set, s->x[(set + 1) % SETS]);
}

static void bench_conv(struct stage *s, int channels_in, int channels, int kernel, int stride)
{
    const int size = 32 * 16 / (channels_in < 16 ? 16 : channels_in);
    s->at = (struct kernels_geometry){.n = s->at.n,
                                      .c_in = channels_in,
                                      .c_out = channels,
                                      .h = size,
                                      .w = size,
                                      .oh = size / stride,
                                      .ow = size / stride,
                                      .kh = kernel,
                                      .kw = kernel,
                                      .stride = stride,
                                      .pad = kernel / 2,
                                      .dilation = 1,
                                      .groups = 1};
    if (kernel == 1) {
        s->at.h = s->at.oh = size * size / 64;
        s->at.w = s->at.ow = 64;
    }
    const double flops = 2.0 * s->at.n * s->at.oh * s->at.ow * channels_in * channels * kernel * kernel * 1e-9;
    const double f = seconds_of(s, forward), w = seconds_of(s, backward_weights), b = seconds_of(s, backward_both);
    printf("conv %dx%d %2d->%2d stride %d  forward %7.3f ms %6.1f GFLOP/s %3.0f%%   weights %7.3f ms %6.1f %3.0f%%   weights and "
           "input "
           "%7.3f ms %6.1f %3.0f%%\n",
           kernel, kernel, channels_in, channels, stride, f * 1e3, flops / f, 100 * flops / f / s->peak, w * 1e3, flops / w,
           100 * flops / w / s->peak, b * 1e3, 2 * flops / b, 200 * flops / b / s->peak);
}

/* Depthwise: bound by memory or by the first cache, so both rates are given. Bytes are those that must move: the input and the
 * output once; backward input, output's gradient, output and the input's gradient. */
static void bench_depthwise(struct stage *s, int channels, int kernel, int stride, int dilation)
{
    const int size = 32 * 16 / channels;
    s->at = (struct kernels_geometry){.n = s->at.n,
                                      .c_in = channels,
                                      .c_out = channels,
                                      .h = size,
                                      .w = size,
                                      .oh = size / stride,
                                      .ow = size / stride,
                                      .kh = kernel,
                                      .kw = kernel,
                                      .stride = stride,
                                      .pad = (kernel - 1) * dilation / 2,
                                      .dilation = dilation,
                                      .groups = channels};
    const double in = 1e-9 * s->at.n * size * size * channels, out = in / stride / stride;
    const double flops = 2 * out * kernel * kernel, bytes = sizeof(float) * (in + out);
    const double f = seconds_of(s, forward), b = seconds_of(s, backward_both);
    printf(
        "depthwise %dx%d %2d stride %d dilation %d  forward %7.3f ms %6.1f GFLOP/s %3.0f%% %6.1f GB/s   weights and input %7.3f ms "
        "%6.1f %3.0f%% %6.1f GB/s\n",
        kernel, kernel, channels, stride, dilation, f * 1e3, flops / f, 100 * flops / f / s->peak, bytes / f, b * 1e3,
        2 * flops / b, 200 * flops / b / s->peak, 2 * bytes / b);
}

/* --- streaming kernels, 16 channels of 32x32
 * ------------------------------------------------------------------------------------------- */

static void sum_of_three(struct stage *s, int set)
{
    struct kernels_sum call = {.n = s->at.n, .channels = 16, .plane = 1024, .count = 3, .out = s->y[set]};
    for (int i = 0; i < 3; i++)
        call.terms[i] = source(s, (set + i) % SETS, 0);
    s->k->sum(&call);
}

static void reduce(struct stage *s, int set)
{
    s->k->norm_reduce(s->at.n, 16, 1024, s->x[set], s->y[set], s->channels, s->sums, s->sums + 64);
}

static const struct kernels_pool pool_shape = {
    .channels = 16, .h = 32, .w = 32, .oh = 32, .ow = 32, .kh = 3, .kw = 3, .stride = 1, .pad = 1};

static void pool(struct stage *s, int set)
{
    struct kernels_pool at = pool_shape;
    at.n = s->at.n;
    s->k->pool_forward(&at, (struct kernels_source){.data = s->x[set]}, s->y[set]);
}

static void pool_back(struct stage *s, int set)
{
    struct kernels_pool at = pool_shape;
    at.n = s->at.n;
    s->k->pool_backward(&at, s->x[set], NULL, s->y[set]);
}

static void max_pool(struct stage *s, int set)
{
    struct kernels_pool at = pool_shape;
    at.n = s->at.n;
    s->k->max_forward(&at, (struct kernels_source){.data = s->x[set]}, s->y[set]);
}

static void max_pool_back(struct stage *s, int set)
{
    struct kernels_pool at = pool_shape;
    at.n = s->at.n;
    s->k->max_backward(&at, (struct kernels_source){.data = s->x[set]}, s->x[(set + 1) % SETS], NULL, s->y[set]);
}

/* Four quarters of the channels. Whole blocks where a quarter fills one. */
static void join(struct stage *s, int set)
{
    const int quarter = s->k->lanes;
    struct kernels_widen at = {.n = s->at.n * 16 / (4 * quarter), .c_in = quarter, .c_out = 4 * quarter, .plane = 1024, .join = 1};
    for (; at.before < at.c_out; at.before += quarter)
        s->k->widen_forward(&at, (struct kernels_source){.data = s->x[set]}, s->y[set]);
}

static void shuffle(struct stage *s, int set)
{
    s->k->shuffle(s->at.n, 16, 1024, 2, (struct kernels_source){.data = s->x[set]}, NULL, s->y[set]);
}

static void bench_stream(struct stage *s, const char *name, runner run, int passes)
{
    const double seconds = seconds_of(s, run), bytes = passes * 65536.0 * s->at.n;
    printf("%-28s %7.3f ms %6.1f GB/s\n", name, seconds * 1e3, bytes / seconds * 1e-9);
}

int main(int argc, char **argv)
{
    static const int channels[] = {16, 32, 64};
    struct stage s = {.at.n = argc > 1 ? atoi(argv[1]) : 32};
    enum engine_isa isa = ENGINE_ISA_AUTO;
    for (enum engine_isa i = ENGINE_ISA_AUTO; argc > 2 && i <= ENGINE_ISA_AVX512; i++)
        if (strcmp(argv[2], engine_isa_word(i)) == 0)
            isa = i;
    s.k = isa_kernels(isa);
    if (s.at.n < 1 || s.at.n > 4096 || !s.k) {
        fprintf(stderr, "usage: bench_kernels [batch 1..4096 [portable, avx2 or avx512]]\n");
        return 2;
    }
    for (int i = 0; i < SETS; i++) {
        s.x[i] = numbers((size_t)s.at.n * 16384);
        s.y[i] = numbers((size_t)s.at.n * 16384);
    }
    s.weights = numbers(64 * 64 * 9);
    s.weight_gradient = numbers(64 * 64 * 9);
    s.scratch = numbers(1 << 20);
    s.channels = numbers(256);
    s.sums = calloc(128, sizeof *s.sums);
    s.peak = s.k->peak_gflops(processor_seconds);
    printf("# kernels %s, batch %d, peak of fused multiply-adds %.1f GFLOP/s\n", s.k->name, s.at.n, s.peak);
    for (int kernel = 3; kernel >= 1; kernel -= 2)
        for (int i = 0; i < 3; i++)
            bench_conv(&s, channels[i], channels[i], kernel, 1);
    bench_conv(&s, 3, 16, 3, 1);
    bench_conv(&s, 16, 32, 3, 2);
    bench_conv(&s, 32, 64, 3, 2);
    for (int i = 0; i < 3; i++)
        bench_depthwise(&s, channels[i], 3, 1, 1);
    bench_depthwise(&s, 16, 3, 1, 2);
    bench_depthwise(&s, 16, 3, 2, 1);
    for (int i = 0; i < 3; i++)
        bench_depthwise(&s, channels[i], 5, 1, 1);
    bench_depthwise(&s, 16, 5, 1, 2);
    bench_stream(&s, "sum of three norms", sum_of_three, 4);
    bench_stream(&s, "reduce of a norm's backward", reduce, 2);
    bench_stream(&s, "average pool 3x3", pool, 2);
    bench_stream(&s, "average pool 3x3 backward", pool_back, 2);
    bench_stream(&s, "max-pool 3x3", max_pool, 2);
    bench_stream(&s, "max-pool 3x3 backward", max_pool_back, 3);
    bench_stream(&s, "concatenation of four", join, 2);
    bench_stream(&s, "channel shuffle by two", shuffle, 2);
    return 0;
}
