/* kernels_inner: what the kernels_*.c files of one instruction set share: the vector type, the tile sizes that fit its registers,
 * packing of an input into zero-bordered scratch, and the convolution over packed scratch.
 *
 * Included only by kernels_*.c, which the Makefile compiles with ENGINE_LANES, ENGINE_ISA and the matching -m flags. */
#ifndef HWNAS_WORKER_ENGINE_KERNELS_INNER_H
#define HWNAS_WORKER_ENGINE_KERNELS_INNER_H

#include <string.h>

#include "worker/engine/kernels.h"

enum { LANES = ENGINE_LANES };

typedef engine_real vec __attribute__((vector_size(ENGINE_LANES * sizeof(engine_real)), may_alias));
/* The same bits as integers: masks from comparisons. */
typedef __typeof__((vec){0} > (vec){0}) vec_mask;

/* The lanes in double precision, wherever they stand. */
typedef double wide __attribute__((vector_size(ENGINE_LANES * sizeof(double)), aligned(8), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

INLINE vec load(const engine_real *p)
{
    return *(const vec *)p;
}

INLINE void store(engine_real *p, vec v)
{
    *(vec *)p = v;
}

/* max(v, 0) that lets a NaN through. */
INLINE vec relu(vec v)
{
    return (vec)((vec_mask)v & ~(v < (vec){0}));
}

/* v where gate > 0, else 0. */
INLINE vec keep_positive(vec v, vec gate)
{
    return (vec)((vec_mask)v & (gate > (vec){0}));
}

/* Channel blocks that hold c channels. */
INLINE int blocks_of(int c)
{
    return (c + LANES - 1) / LANES;
}

/* Lanes in use in block b of c channels. */
INLINE int lanes_in(int c, int b)
{
    return c - b * LANES < LANES ? c - b * LANES : LANES;
}

/* Rows or columns from the first to the last that a kernel covers. */
INLINE int extent_of(int kernel, int dilation)
{
    return (kernel - 1) * dilation + 1;
}

/* One run of a grouped convolution as a convolution of its own. */
INLINE struct kernels_geometry run_geometry(const struct kernels_geometry *at, const struct kernels_run *run)
{
    struct kernels_geometry own = *at;
    const int in_end = (run->in + run->in_blocks) * LANES, out_end = (run->out + run->out_blocks) * LANES;
    own.c_in = (in_end < at->c_in ? in_end : at->c_in) - run->in * LANES;
    own.c_out = (out_end < at->c_out ? out_end : at->c_out) - run->out * LANES;
    own.groups = 1;
    return own;
}

/* A source's affine map for LANES channels. */
struct affine {
    vec center, scale, rest, shift;
};

/* The map for the lanes from `channel` on; the identity where the source has none. */
INLINE struct affine source_affine(const struct kernels_source *in, int channel)
{
    struct affine map = {{0}, (vec){0} + 1, {0}, {0}};
    if (in->scale) {
        map.center = load(in->center + channel);
        map.scale = load(in->scale + channel);
        map.rest = load(in->rest + channel);
        map.shift = load(in->shift + channel);
    }
    return map;
}

/* One value through a source's transformation; the flags are compile-time constants at every call. */
INLINE vec source_apply(vec v, struct affine map, int affine, int rectify)
{
    if (affine) {
        v -= map.center;
        v = v * map.scale + (v * map.rest + map.shift);
    }
    return rectify ? relu(v) : v;
}

/* Two values through theirs, added. */
INLINE vec source_sum(vec v, struct affine map, vec plus, struct affine plus_map, int rectify)
{
    v = source_apply(v, map, 1, 0) + source_apply(plus, plus_map, 1, 0);
    return rectify ? relu(v) : v;
}

/* The map of a convolution's output gradient for the lanes from `channel` on; of one without `raw` it is not read. */
struct gradient_map {
    vec slope, pull, center, offset;
};

INLINE struct gradient_map gradient_map(const struct kernels_gradient *in, int channel)
{
    struct gradient_map map = {{0}, {0}, {0}, {0}};
    if (in->raw) {
        map.slope = load(in->slope + channel);
        map.pull = load(in->pull + channel);
        map.center = load(in->center + channel);
        map.offset = load(in->offset + channel);
    }
    return map;
}

/* The gradient at element `at`; NORM, whether it has a `raw`, is a constant at every call. */
INLINE vec gradient_at(const struct kernels_gradient *in, const struct gradient_map *map, size_t at, const int NORM)
{
    vec v = load(in->gradient + at);
    if (NORM)
        v = v * map->slope + ((load(in->raw + at) - map->center) * map->pull + map->offset);
    return v;
}

/* One block of weights (I, O) as (O, I). */
INLINE void transpose_lanes(const engine_real *from, engine_real *to)
{
    for (int o = 0; o < LANES; o++)
        for (int i = 0; i < LANES; i++)
            to[o * LANES + i] = from[i * LANES + o];
}

/* Adds the lanes of v to sums[0..LANES). */
INLINE void add_lanes(double *sums, vec v)
{
    *(wide *)sums += __builtin_convertvector(v, wide);
}

/* Sums run over at most this many vectors in engine_real before they join the double sums. */
enum { SPAN = 32 };

/* Pixels whose sums are taken in engine_real before they join the double ones. Between 1 and a tile the choice hardly shows in
 * speed or in the usual rounding error; these were kept because with them golden cell 241302, where rounding decides on which side
 * of a ReLU a few activations fall, comes out as in double precision on AVX2 and AVX-512 (docs/PERFORMANCE.md, Rounding). */
enum { SUM_PIXELS = LANES == 16 ? 8 : 4 };

/* The mean of the first few vectors of a plane. */
INLINE void plane_center(const engine_real *x, size_t plane, engine_real *center)
{
    const size_t count = plane < SPAN / 8 ? plane : SPAN / 8;
    vec sum = {0};
    for (size_t i = 0; i < count; i++)
        sum += load(x + i * LANES);
    store(center, sum / (engine_real)count);
}

/* Adds a plane's sums of (x - around) and of its square. */
void KERNEL(plane_statistics)(const engine_real *x, size_t plane, const engine_real *around, double *sums, double *squares);

/* Zeroes what the feeds have, and adds `count` vectors dy of one plane, whose first stands `at` elements into the tensor. */
void KERNEL(feeds_clear)(const struct kernels_feeds *feeds, int channels);
void KERNEL(feeds_add)(const struct kernels_feeds *feeds, size_t at, int channel, const engine_real *dy, size_t count);

/* A packed image or part of one: element (block b, row r, column c, lane l) at data + b*block + r*row + c*LANES + l. */
struct packed {
    engine_real *data;
    size_t block, row;
};

/* Packs rows [first, first + rows) of image n (rows outside 0..h-1 become zeros) with `left` zero columns before and as many after
 * as fill `columns`. Strides of `to` must be set. */
void KERNEL(pack_source)(const struct kernels_source *in, int n, int channels, int h, int w, int first, int rows, int left,
                         int columns, struct packed to);
/* The same for the gradient of a convolution's output. */
void KERNEL(pack_gradient)(const struct kernels_gradient *in, int n, int channels, int h, int w, int first, int rows, int left,
                           int columns, struct packed to);

enum { TAPS_MAX = 1024, CACHE_LINE = 64, AHEAD_REGIONS = 4 };

/* Memory that will be read soon: asked for a little at a time while arithmetic goes on, because packing reads in bursts that the
 * hardware's own prefetching does not see coming. */
struct ahead {
    const char *at[AHEAD_REGIONS];
    size_t lines[AHEAD_REGIONS]; /* left */
    int share;                   /* lines per call of ahead_touch */
};

/* Spreads what is in *a over `calls` calls. */
INLINE void ahead_share(struct ahead *a, size_t calls)
{
    size_t lines = 0;
    for (int i = 0; i < AHEAD_REGIONS; i++)
        lines += a->lines[i];
    a->share = (int)(lines / (calls ? calls : 1)) + 1;
}

INLINE void ahead_touch(struct ahead *a)
{
    for (int i = 0, left = a->share; i < AHEAD_REGIONS && left > 0; i++)
        for (; a->lines[i] > 0 && left > 0; left--, a->lines[i]--, a->at[i] += CACHE_LINE)
            __builtin_prefetch(a->at[i], 0, 2);
}

/* One kernel position: where it reads relative to an output pixel's origin, and where its weights are (elements). */
struct tap {
    ptrdiff_t offset;
    size_t weight;
};

/* Tile widths that keep accumulators, weights and one broadcast in the vector registers: 32 with AVX-512 and NEON, 16 else. */
#if ENGINE_LANES == 16
enum { TILE_ONE = 16, TILE_TWO = 8 };
#elif ENGINE_LANES == 8 || !defined(__aarch64__)
enum { TILE_ONE = 8, TILE_TWO = 4 };
#else
enum { TILE_ONE = 16, TILE_TWO = 8 };
#endif

/* Input lanes of a tile of weight gradients: with one output block and with two. */
enum {
    SINGLE_LANES = (int)LANES < (int)TILE_ONE ? (int)LANES : (int)TILE_ONE,
    PAIR_LANES = (int)LANES < (int)TILE_TWO ? (int)LANES : (int)TILE_TWO
};

/* A convolution over packed scratch: out(g, r, c) = sum over blocks, taps, lanes of in * weights. All strides in elements. */
struct sweep {
    const engine_real *in;
    size_t in_block, in_row, in_pixel; /* from block to block; between the origins of neighbouring output rows and pixels */
    int c_in, groups;                  /* input channels; output blocks */
    const struct tap *taps;
    int tap_count;
    int triple; /* taps come in threes that read neighbouring pixels, in_pixel is LANES: the sliding kernel may be used */
    const engine_real *weights;
    size_t weight_block, weight_group; /* from input block to input block, from output block to output block */
    int rows, columns;
    engine_real *out;
    size_t out_group, out_row, out_pixel;
    const engine_real *bias; /* (groups * LANES) or NULL */
    const engine_real *gate; /* keep results only where gate > 0; NULL: all. Strides gate_* */
    size_t gate_group, gate_row, gate_pixel;
    const engine_real *addend; /* laid out as out; NULL: nothing */
    double *sums, *squares;    /* (groups * LANES) running sums of results less center, and of their squares; or NULL */
    const engine_real *center;
    struct ahead *ahead; /* touched once a tile; NULL: nothing */
};

void KERNEL(sweep_run)(const struct sweep *sweep);

/* Kernel positions k with (phase + pad - k*dilation) divisible by the stride; their distance (phase + pad - k*dilation) / stride in
 * output pixels, in rising order of distance. Returns how many. Input pixels whose row (or column) is `phase` modulo the stride get
 * their gradient through these. */
INLINE int phase_taps(int phase, int kernel, int stride, int pad, int dilation, int *positions, int *distances)
{
    int count = 0;
    for (int k = kernel - 1; k >= 0; k--)
        if ((phase + pad - k * dilation) % stride == 0) {
            positions[count] = k;
            distances[count++] = (phase + pad - k * dilation) / stride;
        }
    return count;
}

/* How the two packed images of a backward pass lie in scratch. */
struct backward_layout {
    int in_rows, in_columns;   /* padded input */
    int before, rows, columns; /* gradient: zero rows and columns before, and the packed whole */
    size_t in_elements, gradient_elements;
};

struct backward_layout KERNEL(backward_layout)(const struct kernels_geometry *at);

/* Convolution of every channel by itself, called by the general one, which has cleared the sums and the feeds. */
size_t KERNEL(depth_forward_scratch)(const struct kernels_geometry *at);
size_t KERNEL(depth_backward_scratch)(const struct kernels_geometry *at);
void KERNEL(depth_forward)(const struct kernels_forward *call);
void KERNEL(depth_backward)(const struct kernels_backward *call);

/* 1x1 convolution with stride 1 and no padding in one group, the same way. */
int KERNEL(is_point)(const struct kernels_geometry *at);
size_t KERNEL(point_forward_scratch)(const struct kernels_geometry *at);
size_t KERNEL(point_backward_scratch)(const struct kernels_geometry *at);
void KERNEL(point_forward)(const struct kernels_forward *call);
void KERNEL(point_backward)(const struct kernels_backward *call);

/* 3x3 convolutions by Winograd's method, called by the general one where winograd_takes says so. */
int KERNEL(winograd_takes)(const struct kernels_geometry *at);
size_t KERNEL(winograd_forward_scratch)(const struct kernels_geometry *at);
size_t KERNEL(winograd_backward_scratch)(const struct kernels_geometry *at);
void KERNEL(winograd_forward)(const struct kernels_forward *call);
void KERNEL(winograd_backward)(const struct kernels_backward *call);

#endif
