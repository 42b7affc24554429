/* bench_kernels: the time of each kernel beside the limit of this core, on the layers of NAS-Bench-201 and the depthwise ones of
 * DARTS.
 *
 * usage: bench_kernels [batch [isa]]. Processor time, median of RUNS runs (fastest to slowest). The limit is the longer of two
 * times that are measured right before the kernel, because a shared machine changes its pace: the FLOPs at the peak of fused
 * multiply-adds in registers, and the bytes at the rate of a plain loop over as many arrays (tests/support/roofline.h).
 * Inputs rotate over more memory than the second-level cache holds, for the kernel and for the loop, so both stream from the same
 * level. FLOPs are counted as multiplications and additions of the convolution as defined, whatever the kernel really does: one
 * that gets by with fewer (Winograd) may go below the limit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/roofline.h"
#include "tests/support/timing.h"
#include "worker/engine/isa.h"

enum { SETS = 4, RUNS = 15 };

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
    struct kernels_geometry at;
    float *x[SETS], *y[SETS], *weights, *weight_gradient, *scratch, *channels;
    double *sums;
    struct traffic *traffic; /* of the row at hand */
    float sink;
};

/* What a kernel has to read and write, in all; and the arrays of the plain loop that its rate is taken from. */
struct traffic {
    size_t elements;
    int reads, writes; /* up to 3, up to 1 */
    size_t array;      /* elements of each */
};

/* What is measured of one kernel, in seconds. */
struct times {
    double median, fastest, slowest;
};

typedef void (*runner)(struct stage *s, int set);

static struct times times_of(struct stage *s, runner run)
{
    double times[RUNS];
    for (int i = -2; i < RUNS; i++) {
        const double start = timing_processor_seconds();
        run(s, (i + 2) % SETS);
        if (i >= 0)
            times[i] = timing_processor_seconds() - start;
    }
    const double median = timing_median(times, RUNS);
    return (struct times){median, times[0], times[RUNS - 1]};
}

static void stream(struct stage *s, int set)
{
    const float *const in[] = {s->x[set], s->y[set], s->y[(set + 1) % SETS]};
    const struct traffic *t = s->traffic;
    float *const out = t->reads == 1 ? s->y[set] : s->x[(set + 1) % SETS]; /* where the kernels write */
    s->sink += roofline_stream(in, t->reads, t->writes ? out : NULL, t->array);
}

/* Measures one kernel and prints its row. gflop: of the kernel as defined, 0 where it only moves. */
static void bench_row(struct stage *s, const char *name, runner run, double gflop, struct traffic traffic)
{
    s->traffic = &traffic;
    const double peak = s->k->peak_gflops(timing_processor_seconds), loop = times_of(s, stream).fastest,
                 rate = sizeof(float) * (double)traffic.array * (traffic.reads + traffic.writes) / loop;
    const double bytes = sizeof(float) * (double)traffic.elements, arithmetic = gflop / peak, memory = bytes / rate;
    const double limit = arithmetic > memory ? arithmetic : memory;
    const struct times ours = times_of(s, run);
    printf("%-42s %8.3f (%.3f-%.3f) %8.3f %-6s %5.2f ", name, ours.median * 1e3, ours.fastest * 1e3, ours.slowest * 1e3,
           limit * 1e3, arithmetic > memory ? "FMA" : "memory", ours.median / limit);
    if (gflop > 0)
        printf("%7.1f %7.1f", gflop / ours.median, peak);
    else
        printf("%7s %7s", "", "");
    printf(" %7.1f %7.1f\n", 1e-9 * bytes / ours.median, 1e-9 * rate);
    fflush(stdout);
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

static void backward(struct stage *s, int set, float *weight_gradient, float *in_gradient)
{
    const float *c = s->channels;
    s->k->conv_backward(&(struct kernels_backward){
        .at = s->at,
        .in = source(s, set, 1),
        .gradient = {.gradient = s->y[set], .raw = s->y[(set + 1) % SETS], .slope = c, .pull = c, .center = c, .offset = c},
        .weights = s->weights,
        .weight_gradient = weight_gradient,
        .in_gradient = in_gradient,
        .mask = 1,
        .scratch = s->scratch});
}

static void backward_weights(struct stage *s, int set)
{
    backward(s, set, s->weight_gradient, NULL);
}

static void backward_input(struct stage *s, int set)
{
    backward(s, set, NULL, s->x[(set + 1) % SETS]);
}

static void backward_both(struct stage *s, int set)
{
    backward(s, set, s->weight_gradient, s->x[(set + 1) % SETS]);
}

/* The rows of one convolution. Its backward reads its output's gradient and, for the norm behind it, its raw output. */
static void bench_geometry(struct stage *s, const char *name)
{
    static const struct {
        const char *name;
        runner run;
        int inputs, outputs, reads, writes; /* arrays of the input's and of the output's size; arrays read and written */
        int times;                          /* the FLOPs of a forward */
    } parts[] = {{"forward", forward, 1, 1, 1, 1, 1},
                 {"input gradient", backward_input, 2, 2, 3, 1, 1},
                 {"weight gradient", backward_weights, 1, 2, 3, 0, 1},
                 {"both gradients", backward_both, 2, 2, 3, 1, 2}};
    const struct kernels_geometry *at = &s->at;
    const double gflop = 2e-9 * at->n * at->oh * at->ow * at->c_out * (at->c_in / at->groups) * at->kh * at->kw;
    const int lanes = s->k->lanes, stored = (at->c_in + lanes - 1) / lanes * lanes;
    const size_t in = (size_t)(at->n * at->h * at->w * stored), out = (size_t)(at->n * at->oh * at->ow * at->c_out);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char row[96];
        snprintf(row, sizeof row, "%s %s", name, parts[i].name);
        bench_row(s, row, parts[i].run, parts[i].times * gflop,
                  (struct traffic){in * (size_t)parts[i].inputs + out * (size_t)parts[i].outputs, parts[i].reads, parts[i].writes,
                                   (in > out ? in : out) / 64 * 64});
    }
}

static void bench_conv(struct stage *s, int channels_in, int channels, int kernel, int stride, enum engine_convolutions method)
{
    const int size = 32 * 16 / (channels_in < 16 ? 16 : channels_in);
    char name[64];
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
                                      .groups = 1,
                                      .method = method};
    if (kernel == 1) {
        s->at.h = s->at.oh = size * size / 64;
        s->at.w = s->at.ow = 64;
    }
    snprintf(name, sizeof name, "conv %dx%d %d->%d%s", kernel, kernel, channels_in, channels,
             stride > 1                ? " stride 2"
             : method == ENGINE_DIRECT ? ""
                                       : " Winograd");
    bench_geometry(s, name);
}

static void bench_depthwise(struct stage *s, int channels, int kernel, int stride, int dilation)
{
    char name[64];
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
    snprintf(name, sizeof name, "depthwise %dx%d %d%s%s", kernel, kernel, channels, stride > 1 ? " stride 2" : "",
             dilation > 1 ? " dilation 2" : "");
    bench_geometry(s, name);
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
    const struct kernels_feeds feeds = {.count = 1,
                                        .to = {{.x = s->x[set], .mean = s->channels, .sums = s->sums, .products = s->sums + 64}}};
    s->k->reduce(s->at.n, 16, 1024, s->y[set], &feeds);
}

static void statistics(struct stage *s, int set)
{
    s->k->statistics(s->at.n, 16, 1024, s->x[set], s->sums, s->sums + 64, s->channels);
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
    const struct kernels_feeds none = {.count = 0};
    s->k->pool_backward(&at, s->x[set], NULL, s->y[set], &none);
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

static void bench_streams(struct stage *s)
{
    static const struct {
        const char *name;
        runner run;
        int quarters, reads, writes; /* quarters of the array that are moved */
    } rows[] = {{"sum of three norms", sum_of_three, 16, 3, 1},
                {"statistics of a norm", statistics, 4, 1, 0},
                {"reduce of a norm's backward", reduce, 8, 2, 0},
                {"average pool 3x3", pool, 8, 1, 1},
                {"average pool 3x3 backward", pool_back, 8, 1, 1},
                {"max-pool 3x3", max_pool, 8, 1, 1},
                {"max-pool 3x3 backward", max_pool_back, 12, 2, 1},
                {"concatenation of four", join, 5, 1, 1}, /* four times the same quarter */
                {"channel shuffle by two", shuffle, 8, 1, 1}};
    const size_t array = (size_t)s->at.n * 16384;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        bench_row(s, rows[i].name, rows[i].run, 0,
                  (struct traffic){array / 4 * (size_t)rows[i].quarters, rows[i].reads, rows[i].writes, array});
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
    printf("# kernels %s, batch %d; times in ms: median of %d (fastest-slowest), limit, what limits, ours / limit; GFLOP/s: ours, "
           "peak; "
           "GB/s: ours, plain loop\n",
           s.k->name, s.at.n, RUNS);
    for (int kernel = 3; kernel >= 1; kernel -= 2)
        for (int i = 0; i < 3; i++)
            for (enum engine_convolutions by = ENGINE_DIRECT; by <= (kernel == 3 ? ENGINE_WINOGRAD : ENGINE_DIRECT);
                 by += ENGINE_WINOGRAD - ENGINE_DIRECT)
                bench_conv(&s, channels[i], channels[i], kernel, 1, by);
    bench_conv(&s, 3, 16, 3, 1, ENGINE_DIRECT);
    bench_conv(&s, 3, 16, 3, 1, ENGINE_WINOGRAD);
    bench_conv(&s, 16, 32, 3, 2, ENGINE_DIRECT);
    bench_conv(&s, 32, 64, 3, 2, ENGINE_DIRECT);
    for (int i = 0; i < 3; i++)
        bench_depthwise(&s, channels[i], 3, 1, 1);
    bench_depthwise(&s, 16, 3, 1, 2);
    bench_depthwise(&s, 16, 3, 2, 1);
    for (int i = 0; i < 3; i++)
        bench_depthwise(&s, channels[i], 5, 1, 1);
    bench_depthwise(&s, 16, 5, 1, 2);
    bench_streams(&s);
    return 0;
}
