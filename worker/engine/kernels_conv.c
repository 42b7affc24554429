/* kernels_conv: convolution forward: packs a few rows at a time into cache-sized scratch and sweeps over them. */
#include "worker/engine/kernels_inner.h"

/* Scratch for input rows that should stay in the first-level cache beside the weights. */
enum { CHUNK_BYTES = 24 * 1024 };

/* Elements a tile may read beyond the last pixel of a packed image: the overhang of a row's last tile. */
INLINE size_t slack(const struct kernels_geometry *at)
{
    return (size_t)(at->stride * 16 + extent_of(at->kw, at->dilation)) * LANES;
}

INLINE int packed_columns(const struct kernels_geometry *at)
{
    return at->w + 2 * at->pad;
}

/* Output rows per chunk. */
static int chunk_rows(const struct kernels_geometry *at)
{
    const size_t row_bytes = (size_t)(blocks_of(at->c_in) * packed_columns(at)) * LANES * sizeof(engine_real);
    const int fit = (int)(CHUNK_BYTES / row_bytes), kernel = extent_of(at->kh, at->dilation),
              rows = (fit - kernel) / at->stride + 1;
    return fit < kernel || rows < 1 ? 1 : rows > at->oh ? at->oh : rows;
}

INLINE int chunk_input_rows(const struct kernels_geometry *at, int rows)
{
    return (rows - 1) * at->stride + extent_of(at->kh, at->dilation);
}

static size_t packed_elements(int channels, int rows, int columns)
{
    return (size_t)blocks_of(channels) * (size_t)rows * (size_t)columns * LANES;
}

size_t KERNEL(conv_forward_scratch)(const struct kernels_geometry *at);
size_t KERNEL(conv_forward_scratch)(const struct kernels_geometry *at)
{
    if (kernels_is_depthwise(at))
        return KERNEL(depth_forward_scratch)(at);
    if (KERNEL(is_point)(at))
        return KERNEL(point_forward_scratch)(at);
    if (KERNEL(winograd_takes)(at))
        return KERNEL(winograd_forward_scratch)(at);
    return packed_elements(at->c_in, chunk_input_rows(at, chunk_rows(at)), packed_columns(at)) + slack(at);
}

/* The taps of a kernel in row order. */
static int forward_taps(const struct kernels_geometry *at, size_t row, struct tap *taps)
{
    int count = 0;
    for (int y = 0; y < at->kh; y++)
        for (int x = 0; x < at->kw; x++, count++)
            taps[count] = (struct tap){(ptrdiff_t)((size_t)(y * at->dilation) * row) + x * at->dilation * LANES,
                                       (size_t)count * LANES * LANES};
    return count;
}

/* Sweeps the first output row of image 0 to get a center for the sums: its mean per channel. */
static void find_center(struct sweep s, engine_real *center)
{
    const vec none = {0};
    for (int g = 0; g < s.groups; g++)
        store(center + g * LANES, none);
    s.center = center;
    s.rows = 1;
    KERNEL(sweep_run)(&s);
    for (int g = 0; g < s.groups; g++) {
        for (int l = g * LANES; l < (g + 1) * LANES; l++) {
            center[l] = (engine_real)(s.sums[l] / s.columns);
            s.sums[l] = s.squares[l] = 0;
        }
    }
}

/* Sweeps rows that are packed, one run of a grouped convolution after the other. The first time finds the center too. */
static void sweep_runs(const struct kernels_geometry *at, const struct sweep *whole, engine_real *center)
{
    struct kernels_run run = {0};
    const size_t kernel = (size_t)(at->kh * at->kw) * LANES * LANES;
    while (kernels_next_run(at, LANES, &run)) {
        struct sweep s = *whole;
        s.c_in = run_geometry(at, &run).c_in;
        s.groups = run.out_blocks;
        s.in += (size_t)run.in * s.in_block;
        s.weights += run.weights;
        s.weight_group = kernel * (size_t)run.in_blocks;
        s.out += (size_t)run.out * s.out_group;
        s.bias = s.bias ? s.bias + run.out * LANES : NULL;
        if (s.sums) {
            s.sums += run.out * LANES;
            s.squares += run.out * LANES;
            s.center += run.out * LANES;
        }
        if (center)
            find_center(s, center + run.out * LANES);
        KERNEL(sweep_run)(&s);
    }
}

void KERNEL(conv_forward)(const struct kernels_forward *call);
void KERNEL(conv_forward)(const struct kernels_forward *call)
{
    const struct kernels_geometry *at = &call->at;
    const size_t sums_bytes = (size_t)blocks_of(at->c_out) * LANES * sizeof *call->sums;
    if (call->sums) {
        memset(call->sums, 0, sums_bytes);
        memset(call->squares, 0, sums_bytes);
    }
    if (kernels_is_depthwise(at)) {
        KERNEL(depth_forward)(call);
        return;
    }
    if (KERNEL(is_point)(at)) {
        KERNEL(point_forward)(call);
        return;
    }
    if (KERNEL(winograd_takes)(at)) {
        KERNEL(winograd_forward)(call);
        return;
    }
    const int chunk = chunk_rows(at), columns = packed_columns(at), groups = blocks_of(at->c_out), blocks = blocks_of(at->c_in);
    const int direct = at->pad == 0 && !call->in.relu && !call->in.scale && !call->in.plus;
    const size_t kernel = (size_t)(at->kh * at->kw) * LANES * LANES;
    struct packed packed = {call->scratch, 0, (size_t)columns * LANES};
    struct tap taps[TAPS_MAX];
    struct sweep s = {.in_row = packed.row * (size_t)at->stride,
                      .in_pixel = (size_t)at->stride * LANES,
                      .taps = taps,
                      .tap_count = forward_taps(at, packed.row, taps),
                      .triple = at->kw == 3 && at->stride == 1 && at->dilation == 1,
                      .weights = call->weights,
                      .weight_block = kernel,
                      .columns = at->ow,
                      .out_group = (size_t)at->oh * (size_t)at->ow * LANES,
                      .out_row = (size_t)at->ow * LANES,
                      .out_pixel = LANES,
                      .bias = call->bias,
                      .sums = call->sums,
                      .squares = call->squares,
                      .center = call->center};
    const size_t image = (size_t)blocks * (size_t)(at->h * at->w) * LANES,
                 tiles = (size_t)groups * (size_t)(at->oh * at->ow) / TILE_ONE;
    struct ahead ahead = {.share = 0};
    s.ahead = &ahead;
    for (int n = 0; n < at->n; n++) {
        if (n + 1 < at->n) {
            ahead.at[0] = (const char *)(call->in.data + (size_t)(n + 1) * image);
            ahead.lines[0] = image * sizeof(engine_real) / CACHE_LINE;
        }
        ahead_share(&ahead, tiles);
        for (int first = 0; first < at->oh; first += chunk) {
            s.rows = first + chunk > at->oh ? at->oh - first : chunk;
            const int rows = chunk_input_rows(at, s.rows), top = first * at->stride - at->pad;
            packed.block = (size_t)(direct ? at->h : rows) * packed.row;
            if (direct)
                s.in = call->in.data + (size_t)n * (size_t)blocks * packed.block + (size_t)top * packed.row;
            else {
                KERNEL(pack_source)(&call->in, n, at->c_in, at->h, at->w, top, rows, at->pad, columns, packed);
                s.in = packed.data;
            }
            s.in_block = packed.block;
            s.out = call->out + (size_t)n * (size_t)groups * s.out_group + (size_t)first * s.out_row;
            sweep_runs(at, &s, call->sums && n == 0 && first == 0 ? call->center : NULL);
        }
    }
}
