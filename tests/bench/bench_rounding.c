/* bench_rounding: how far 3x3 convolutions in float32, direct and by Winograd's method, are from sums in double: outputs, input
 * gradients and weight gradients of the layers of NAS-Bench-201, on normally distributed numbers.
 *
 * usage: bench_rounding [batch [isa]]. Prints errors as parts of the root mean square of the exact result. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "worker/engine/isa.h"

enum { PLANE = 32 * 32, TAPS = 9 };

struct layer {
    const struct kernels *k;
    struct kernels_geometry at;
    float *x, *dy, *w; /* as the kernels lay them out: (N, C/L, H, W, L), (C/L, C/L, 3, 3, L, L) */
    float *y, *dx, *dw, *scratch;
    double *exact_y, *exact_dx, *exact_dw;
};

static void *numbers(size_t count, size_t size)
{
    void *p = aligned_alloc(KERNELS_ALIGN, (count * size + 65536) / KERNELS_ALIGN * KERNELS_ALIGN);
    if (!p)
        exit(1);
    memset(p, 0, count * size);
    return p;
}

/* Where channel c of pixel (row, column) of image n stands. */
static size_t place(const struct layer *l, int n, int c, int row, int column)
{
    const int lanes = l->k->lanes, blocks = l->at.c_in / lanes;
    return (size_t)((((n * blocks + c / lanes) * l->at.h + row) * l->at.w + column) * lanes + c % lanes);
}

static size_t weight_place(const struct layer *l, int o, int i, int tap)
{
    struct kernels_run run = {0};
    return kernels_weight_place(&l->at, l->k->lanes, &run, o, i, tap);
}

/* One tap of one pair of channels on one image. */
static void exact_tap(const struct layer *l, int n, int o, int i, int tap)
{
    const size_t at = weight_place(l, o, i, tap);
    double sum = 0;
    for (int r = 0; r < l->at.h; r++)
        for (int c = 0; c < l->at.w; c++) {
            const int row = r + tap / 3 - 1, column = c + tap % 3 - 1;
            if (row < 0 || row >= l->at.h || column < 0 || column >= l->at.w)
                continue;
            const size_t in = place(l, n, i, row, column), out = place(l, n, o, r, c);
            l->exact_y[out] += (double)l->w[at] * (double)l->x[in];
            l->exact_dx[in] += (double)l->w[at] * (double)l->dy[out];
            sum += (double)l->dy[out] * (double)l->x[in];
        }
    l->exact_dw[at] += sum;
}

static void print_error(const char *what, const float *got, const double *exact, size_t count)
{
    double squares = 0, errors = 0, worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double error = (double)got[i] - exact[i];
        squares += exact[i] * exact[i];
        errors += error * error;
        worst = fmax(worst, fabs(error));
    }
    printf("  %s %.2e rms, %.2e largest", what, sqrt(errors / squares), worst / sqrt(squares / (double)count));
}

static void run(struct layer *l, const char *name, enum engine_convolutions method)
{
    const size_t values = (size_t)l->at.n * PLANE * 256 / (size_t)l->at.c_in,
                 weights = (size_t)l->at.c_in * (size_t)l->at.c_in * TAPS;
    l->at.method = method;
    l->k->conv_forward(
        &(struct kernels_forward){.at = l->at, .in = {.data = l->x}, .weights = l->w, .out = l->y, .scratch = l->scratch});
    l->k->conv_backward(&(struct kernels_backward){.at = l->at,
                                                   .in = {.data = l->x},
                                                   .gradient = {.gradient = l->dy},
                                                   .weights = l->w,
                                                   .weight_gradient = l->dw,
                                                   .in_gradient = l->dx,
                                                   .scratch = l->scratch});
    printf("%2d channels, %-8s", l->at.c_in, name);
    print_error("output", l->y, l->exact_y, values);
    print_error("input gradient", l->dx, l->exact_dx, values);
    print_error("weight gradient", l->dw, l->exact_dw, weights);
    printf("\n");
}

/* Twelve uniform numbers: mean 0, variance 1, normal enough. */
static double bell(struct rng *rng)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += rng_uniform(rng);
    return sum;
}

static void bench_layer(const struct kernels *k, int batch, int channels)
{
    const int size = 32 * 16 / channels;
    const size_t values = (size_t)(batch * channels * size * size), weights = (size_t)(channels * channels * TAPS);
    struct layer l = {.k = k,
                      .at = {.n = batch,
                             .c_in = channels,
                             .c_out = channels,
                             .h = size,
                             .w = size,
                             .oh = size,
                             .ow = size,
                             .kh = 3,
                             .kw = 3,
                             .stride = 1,
                             .pad = 1,
                             .dilation = 1,
                             .groups = 1},
                      .x = numbers(values, sizeof(float)),
                      .dy = numbers(values, sizeof(float)),
                      .w = numbers(weights, sizeof(float)),
                      .y = numbers(values, sizeof(float)),
                      .dx = numbers(values, sizeof(float)),
                      .dw = numbers(weights, sizeof(float)),
                      .scratch = numbers(1 << 20, sizeof(float)),
                      .exact_y = numbers(values, sizeof(double)),
                      .exact_dx = numbers(values, sizeof(double)),
                      .exact_dw = numbers(weights, sizeof(double))};
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < values; i++) {
        l.x[i] = (float)fmax(bell(&rng), 0); /* what a ReLU lets through */
        l.dy[i] = (float)bell(&rng);
    }
    for (size_t i = 0; i < weights; i++)
        l.w[i] = (float)bell(&rng);
    for (int n = 0; n < batch; n++)
        for (int o = 0; o < channels; o++)
            for (int i = 0; i < channels; i++)
                for (int tap = 0; tap < TAPS; tap++)
                    exact_tap(&l, n, o, i, tap);
    run(&l, "direct", ENGINE_DIRECT);
    run(&l, "Winograd", ENGINE_WINOGRAD);
    free(l.x);
    free(l.dy);
    free(l.w);
    free(l.y);
    free(l.dx);
    free(l.dw);
    free(l.scratch);
    free(l.exact_y);
    free(l.exact_dx);
    free(l.exact_dw);
}

int main(int argc, char **argv)
{
    const int batch = argc > 1 ? atoi(argv[1]) : 8;
    enum engine_isa isa = ENGINE_ISA_AUTO;
    for (enum engine_isa i = ENGINE_ISA_AUTO; argc > 2 && i <= ENGINE_ISA_AVX512; i++)
        if (strcmp(argv[2], engine_isa_word(i)) == 0)
            isa = i;
    const struct kernels *k = isa_kernels(isa);
    if (batch < 1 || batch > 256 || !k) {
        fprintf(stderr, "usage: bench_rounding [batch 1..256 [portable, avx2 or avx512]]\n");
        return 2;
    }
    printf("# kernels %s, batch %d; errors as parts of the root mean square of the exact result\n", k->name, batch);
    for (int channels = 16; channels <= 64; channels *= 2)
        bench_layer(k, batch, channels);
    return 0;
}
