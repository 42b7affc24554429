/* kernels: the inner loops of the engine, one table per instruction set.
 *
 * Activations are (N, blocks, H, W, L): L lanes, blocks = ceil(C / L); lanes beyond C hold 0 in every activation and gradient and
 * stay 0 through every kernel. Convolution weights are (O blocks, I blocks, KH, KW, L of I, L of O). All pointers are aligned to
 * KERNELS_ALIGN bytes unless said otherwise; nothing here allocates. The kernels_*.c files are compiled once per instruction set;
 * isa.c picks a table at run time. */
#ifndef HWNAS_WORKER_ENGINE_KERNELS_H
#define HWNAS_WORKER_ENGINE_KERNELS_H

#include <stddef.h>

#include "worker/engine/engine.h"

enum { KERNELS_ALIGN = 256, KERNELS_TERMS_MAX = 12, KERNELS_FEEDS_MAX = 6, KERNELS_LANES_MAX = 16 };

/* An activation as its reader sees it: data, then per channel (x - center)*(scale + rest) + shift where scale is not NULL, then
 * max(x, 0) if relu. In this form a batch norm rounds once: near its mean, where a ReLU
 * decides, x - center is exact, and rest is what rounding took from the scale.
 *
 * `plus`, where it is not NULL, is a second one of the same shape, added before the max; its own relu and plus are not read. Only
 * convolutions in one group take it, all others want NULL. */
struct kernels_source {
    const engine_real *data;                          /* (N, blocks, H, W, L) */
    const engine_real *center, *scale, *rest, *shift; /* (blocks * L), all or none */
    int relu;
    const struct kernels_source *plus;
};

/* The gradient of a convolution's output as its reader sees it: slope*gradient + pull*(raw - center) + offset per channel when raw
 * is not NULL (the backward of a batch norm that follows the convolution), else gradient itself. */
struct kernels_gradient {
    const engine_real *gradient, *raw;                 /* (N, blocks, H, W, L) */
    const engine_real *slope, *pull, *center, *offset; /* (blocks * L) */
};

/* Norms that feed on a gradient: to each go sums[c] = sum dy and products[c] = sum dy * (x - mean[c]) over N and the plane,
 * overwritten by the kernel that writes dy. */
struct kernels_feeds {
    int count;
    struct kernels_feed {
        const engine_real *x, *mean; /* (N, blocks, H, W, L) as dy; (blocks * L) */
        double *sums, *products;     /* (blocks * L) */
    } to[KERNELS_FEEDS_MAX];
};

struct kernels_geometry {
    int n, c_in, c_out; /* images, true channel counts */
    int h, w, oh, ow;   /* input and output rows and columns */
    int kh, kw, stride, pad, dilation;
    int groups;                      /* divides c_in and c_out */
    enum engine_convolutions method; /* of those that kernels_winograd takes */
};

/* A run of output blocks of a grouped convolution that meet the same input blocks: those that hold a channel of a group of theirs.
 * A convolution in one group is one run; so is each group where its channels fill whole blocks. Elsewhere a run is computed whole,
 * as if its groups were one, with zero weights between them. The weights of a run stand together, run after run. */
struct kernels_run {
    int in, in_blocks, out, out_blocks;
    size_t weights; /* elements before those of the run */
};

struct kernels_forward {
    struct kernels_geometry at;
    struct kernels_source in;
    const engine_real *weights, *bias; /* bias (O blocks * L) or NULL */
    engine_real *out;                  /* (N, O blocks, OH, OW, L) */
    double *sums, *squares;            /* (O blocks * L), overwritten as `statistics` below does; NULL: not wanted */
    engine_real *center;               /* (O blocks * L), overwritten when sums are wanted */
    engine_real *scratch;              /* scratch_elements() */
};

struct kernels_backward {
    struct kernels_geometry at;
    struct kernels_source in;
    struct kernels_gradient gradient;
    const engine_real *weights;
    engine_real *weight_gradient; /* overwritten; NULL: not wanted */
    engine_real *bias_gradient;   /* (O blocks * L), overwritten; NULL: no bias */
    engine_real *in_gradient;     /* (N, I blocks, H, W, L), overwritten; NULL: not wanted */
    const engine_real *addend;    /* added to in_gradient, may be in_gradient itself; NULL: nothing */
    int mask;                     /* in_gradient is kept only where the input as read is > 0 (the backward of a ReLU before it) */
    struct kernels_feeds feeds;   /* on in_gradient */
    engine_real *scratch;
};

/* A sum: out = sum of terms, each times its factor where `weighed`; out may be the data of any term. */
struct kernels_sum {
    int n, channels;
    size_t plane; /* H * W */
    int count;
    struct kernels_source terms[KERNELS_TERMS_MAX];
    int weighed;
    engine_real factors[KERNELS_TERMS_MAX]; /* as many as terms; not read otherwise */
    engine_real *out;
    double *sums, *squares;
    engine_real *center;        /* as in kernels_forward */
    struct kernels_feeds feeds; /* on out */
};

struct kernels_pool {
    int n, channels, h, w, oh, ow, kh, kw, stride, pad;
    int offset; /* subsample: the first row and column taken */
};

/* Channels of a plane moved up by `before` among c_out channels; the others become zero, or stay as they are if `join`: then
 * several calls put a concatenation together. */
struct kernels_widen {
    int n, c_in, c_out, before, join;
    size_t plane;
};

struct kernels {
    const char *name;
    int lanes;
    size_t (*scratch_elements)(const struct kernels_geometry *at, int backward);
    void (*conv_forward)(const struct kernels_forward *call);
    void (*conv_backward)(const struct kernels_backward *call);
    void (*sum)(const struct kernels_sum *call);
    /* What `feeds` wants of a gradient that no kernel has written. */
    void (*reduce)(int n, int channels, size_t plane, const engine_real *gradient, const struct kernels_feeds *feeds);
    /* Sum over all elements of gradient * in as read. */
    double (*along)(int n, int channels, size_t plane, struct kernels_source in, const engine_real *gradient);
    /* Statistics of a batch, per channel over N and the plane: sums of (x - center) and (x - center)^2 around a center that the
     * kernel chooses close to the mean (from a few values), so that the variance does not drown in the square of the mean. */
    void (*statistics)(int n, int channels, size_t plane, const engine_real *x, double *sums, double *squares, engine_real *center);
    /* out = gradient where the source as read without its relu is > 0, else 0; plus addend when not NULL. */
    void (*relu_backward)(int n, int channels, size_t plane, struct kernels_source in, const engine_real *gradient,
                          const engine_real *addend, engine_real *out);
    void (*pool_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
    /* out = the transpose of pool_forward applied to gradient, plus addend when not NULL. feeds: on out. */
    void (*pool_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend, engine_real *out,
                          const struct kernels_feeds *feeds);
    void (*mean_forward)(int n, int channels, size_t plane, struct kernels_source in, engine_real *out);
    void (*mean_backward)(int n, int channels, size_t plane, const engine_real *gradient, const engine_real *addend,
                          engine_real *out);
    void (*max_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
    /* Each gradient goes to the first largest value of its window, row by row (as in PyTorch), of `in` as read; plus addend. */
    void (*max_backward)(const struct kernels_pool *at, struct kernels_source in, const engine_real *gradient,
                         const engine_real *addend, engine_real *out);
    /* Every stride-th row and column from `offset` on (kh, kw and pad are not read), and its transpose. */
    void (*subsample_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
    void (*subsample_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend,
                               engine_real *out);
    void (*widen_forward)(const struct kernels_widen *at, struct kernels_source in, engine_real *out);
    void (*widen_backward)(const struct kernels_widen *at, const engine_real *gradient, const engine_real *addend,
                           engine_real *out);
    /* Channel g*(channels/groups) + k becomes channel k*groups + g; plus addend when not NULL. The transpose is a shuffle by
     * channels/groups. */
    void (*shuffle)(int n, int channels, size_t plane, int groups, struct kernels_source in, const engine_real *addend,
                    engine_real *out);
    /* out (N, c_out padded) += in (N, c_in padded) weights^T, with weights (c_out, c_in) one after another, aligned as elements
     * are. */
    void (*dense_forward)(int n, int c_in, int c_out, const engine_real *in, const engine_real *weights, engine_real *out);
    /* images (N,C,H,W) plain -> lanes. */
    void (*images_in)(int n, int channels, size_t plane, const engine_real *images, engine_real *out);
    /* v = momentum*v + g + decay*w; w -= rate*v over count elements (a multiple of L). v starts as zeros, which is PyTorch's first
     * step. */
    void (*sgd)(size_t count, engine_real *weights, const engine_real *gradients, engine_real *velocity, engine_real rate,
                engine_real momentum, engine_real decay);
    /* GFLOP/s of independent fused multiply-adds in registers, by the given clock in seconds: what bench_kernels measures against.
     */
    double (*peak_gflops)(double (*clock)(void));
};

/* Whether every channel is convolved by itself. Such weights are laid out (C blocks, KH, KW, L) and meet no other lane. */
static inline int kernels_is_depthwise(const struct kernels_geometry *at)
{
    return at->groups > 1 && at->groups == at->c_in && at->groups == at->c_out;
}

/* Input blocks that hold a channel of a group of output block `block`. */
static inline void kernels_reach(const struct kernels_geometry *at, int lanes, int block, int *first, int *count)
{
    const int out = at->c_out / at->groups, in = at->c_in / at->groups;
    const int end = (block + 1) * lanes < at->c_out ? (block + 1) * lanes : at->c_out;
    *first = block * lanes / out * in / lanes;
    *count = (((end - 1) / out + 1) * in + lanes - 1) / lanes - *first;
}

/* Moves *run, all zero before the first, to the next run; 0 when there is none. */
static inline int kernels_next_run(const struct kernels_geometry *at, int lanes, struct kernels_run *run)
{
    const int blocks = (at->c_out + lanes - 1) / lanes, out = run->out + run->out_blocks;
    int first, count;
    run->weights += (size_t)run->in_blocks * (size_t)run->out_blocks * (size_t)(at->kh * at->kw) * (size_t)lanes * (size_t)lanes;
    if (out >= blocks)
        return 0;
    kernels_reach(at, lanes, out, &run->in, &run->in_blocks);
    run->out = out;
    run->out_blocks = 1;
    for (; out + run->out_blocks < blocks; run->out_blocks++) {
        kernels_reach(at, lanes, out + run->out_blocks, &first, &count);
        if (first != run->in || count != run->in_blocks)
            break;
    }
    return 1;
}

/* Elements of the weights as the kernels lay them out. */
static inline size_t kernels_weight_elements(const struct kernels_geometry *at, int lanes)
{
    struct kernels_run run = {0};
    if (kernels_is_depthwise(at))
        return (size_t)((at->c_out + lanes - 1) / lanes * lanes) * (size_t)(at->kh * at->kw);
    while (kernels_next_run(at, lanes, &run))
        ;
    return run.weights;
}

/* Where the weight of output channel o, the i-th input channel of its group and kernel position k stands. *run is zero, or what an
 * earlier call for a channel not above o has left. */
static inline size_t kernels_weight_place(const struct kernels_geometry *at, int lanes, struct kernels_run *run, int o, int i,
                                          int k)
{
    const int area = at->kh * at->kw;
    if (kernels_is_depthwise(at))
        return (size_t)(o / lanes * area + k) * (size_t)lanes + (size_t)(o % lanes);
    while (o / lanes >= run->out + run->out_blocks)
        kernels_next_run(at, lanes, run);
    const int in = o / (at->c_out / at->groups) * (at->c_in / at->groups) + i;
    const size_t block = (size_t)(o / lanes - run->out) * (size_t)run->in_blocks + (size_t)(in / lanes - run->in);
    return run->weights + ((block * (size_t)area + (size_t)k) * (size_t)lanes + (size_t)(in % lanes)) * (size_t)lanes +
           (size_t)(o % lanes);
}

#define KERNELS_JOIN_(a, b) a##_##b
#define KERNELS_JOIN(a, b) KERNELS_JOIN_(a, b)
#define KERNEL(name) KERNELS_JOIN(kernels_##name, ENGINE_ISA)

extern const struct kernels kernels_portable;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512;
#elif defined(__aarch64__) || defined(__arm__)
extern const struct kernels kernels_neon;
#endif

#endif
