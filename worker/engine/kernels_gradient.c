/* kernels_gradient: convolution backward. Per image the input as read and the output's gradient are packed once with zero borders;
 * the weight gradient and the input's gradient are both taken from that scratch.
 *
 * Weight gradient: a tile of weights stays in registers over all pixels of an image. Input gradient: a sweep over the output's
 * gradient with transposed weights; a stride s splits it into s x s classes of input pixels, each of which meets its own subset of
 * taps. */
#include "worker/engine/kernels_inner.h"

/* Input lanes of a tile of three taps: three times as many accumulators must fit beside the gradient vectors. */
#if ENGINE_LANES == 16
enum { TRIPLE_LANES = 8 };
#elif ENGINE_LANES == 8 || defined(__aarch64__)
enum { TRIPLE_LANES = 4 };
#else
enum { TRIPLE_LANES = 2 };
#endif

struct backward_layout KERNEL(backward_layout)(const struct kernels_geometry *at)
{
    struct backward_layout l;
    const int s = at->stride, kh = extent_of(at->kh, at->dilation), kw = extent_of(at->kw, at->dilation);
    l.in_rows = at->h + 2 * at->pad;
    l.in_columns = at->w + 2 * at->pad;
    l.before = kh > kw ? kh : kw;
    l.before = (l.before - 1 - at->pad + s - 1) / s;
    if (l.before < 0)
        l.before = 0;
    const int last_row = (at->h - 1) / s + (s - 1 + at->pad) / s, last_column = (at->w - 1) / s + (s - 1 + at->pad) / s;
    l.rows = l.before + (last_row >= at->oh ? last_row + 1 : at->oh);
    l.columns = l.before + (last_column >= at->ow ? last_column + 1 : at->ow);
    const size_t overhang = (size_t)(s * 16 + kw) * LANES;
    l.in_elements = (size_t)blocks_of(at->c_in) * (size_t)l.in_rows * (size_t)l.in_columns * LANES + overhang;
    l.gradient_elements = (size_t)blocks_of(at->c_out) * (size_t)l.rows * (size_t)l.columns * LANES + overhang;
    return l;
}

size_t KERNEL(conv_backward_scratch)(const struct kernels_geometry *at);
size_t KERNEL(conv_backward_scratch)(const struct kernels_geometry *at)
{
    if (kernels_is_depthwise(at))
        return KERNEL(depth_backward_scratch)(at);
    if (KERNEL(is_point)(at))
        return KERNEL(point_backward_scratch)(at);
    if (KERNEL(winograd_takes)(at))
        return KERNEL(winograd_backward_scratch)(at);
    const struct backward_layout l = KERNEL(backward_layout)(at);
    return l.in_elements + l.gradient_elements + kernels_weight_elements(at, LANES);
}

/* --- weight gradient --- */

/* One image, packed. Rows and columns are the output's; x starts at kernel position (0,0), dy at the first output pixel. */
struct weight_job {
    const engine_real *x, *dy;
    size_t x_block, x_row, x_pixel, dy_block, dy_row; /* x_row and x_pixel step by one output row and pixel */
    int rows, columns;
    struct ahead *ahead; /* touched once a row */
};

INLINE void add_tile(engine_real *to, const vec *acc, const int count)
{
    UNROLL for (int i = 0; i < count; i++) store(to + i * LANES, load(to + i * LANES) + acc[i]);
}

/* Three neighbouring taps (kernel columns 0, 1, 2, padding 1) of LANES_IN input lanes: each input number meets the three output
 * gradients around it. x points at interior column 0; dy has a zero column on either side. */
INLINE void triple_tile(const struct weight_job *j, const engine_real *x, const engine_real *dy, engine_real *to)
{
    vec acc[3 * TRIPLE_LANES];
    UNROLL for (int i = 0; i < 3 * TRIPLE_LANES; i++) acc[i] = (vec){0};
    for (int r = 0; r < j->rows; r++, x += j->x_row, dy += j->dy_row) {
        vec left = load(dy - LANES), here = load(dy);
        ahead_touch(j->ahead);
        for (int c = 0; c < j->columns; c++) {
            const vec right = load(dy + (c + 1) * LANES);
            UNROLL for (int i = 0; i < TRIPLE_LANES; i++)
            {
                const engine_real value = x[c * LANES + i];
                acc[i] += right * value;
                acc[TRIPLE_LANES + i] += here * value;
                acc[2 * TRIPLE_LANES + i] += left * value;
            }
            left = here;
            here = right;
        }
    }
    UNROLL for (int k = 0; k < 3; k++) add_tile(to + k * LANES * LANES, acc + k * TRIPLE_LANES, TRIPLE_LANES);
}

/* One tap, GROUPS output blocks, WIDTH input lanes. */
INLINE void tap_tile(const int GROUPS, const int WIDTH, const size_t pixel, const struct weight_job *j, const engine_real *x,
                     const engine_real *dy, engine_real *to, size_t group)
{
    vec acc[32];
    UNROLL for (int i = 0; i < GROUPS * WIDTH; i++) acc[i] = (vec){0};
    for (int r = 0; r < j->rows; r++, x += j->x_row, dy += j->dy_row) {
        ahead_touch(j->ahead);
        for (int c = 0; c < j->columns; c++) {
            const vec d0 = load(dy + c * LANES), d1 = GROUPS > 1 ? load(dy + j->dy_block + c * LANES) : d0;
            UNROLL for (int i = 0; i < WIDTH; i++)
            {
                const engine_real value = x[(size_t)c * pixel + (size_t)i];
                acc[i] += d0 * value;
                if (GROUPS > 1)
                    acc[WIDTH + i] += d1 * value;
            }
        }
    }
    UNROLL for (int g = 0; g < GROUPS; g++) add_tile(to + (size_t)g * group, acc + g * WIDTH, WIDTH);
}

/* Input lanes worth computing in a block, rounded up to whole tiles of `width`. */
INLINE int lanes_rounded(int c_in, int b, int width)
{
    return (lanes_in(c_in, b) + width - 1) / width * width;
}

static void weights_triple(const struct kernels_geometry *at, const struct weight_job *j, engine_real *to)
{
    const int blocks = blocks_of(at->c_in);
    for (int g = 0; g < blocks_of(at->c_out); g++)
        for (int b = 0; b < blocks; b++)
            for (int y = 0; y < at->kh; y++)
                for (int i = 0; i < lanes_rounded(at->c_in, b, TRIPLE_LANES); i += TRIPLE_LANES)
                    triple_tile(j, j->x + (size_t)b * j->x_block + (size_t)y * j->x_row + LANES + i,
                                j->dy + (size_t)g * j->dy_block,
                                to + ((size_t)((g * blocks + b) * at->kh + y) * 3) * LANES * LANES + i * LANES);
}

INLINE void weights_taps(const int GROUPS, const int WIDTH, const size_t pixel, const struct kernels_geometry *at,
                         const struct weight_job *j, size_t in_row, int g, engine_real *to)
{
    const int blocks = blocks_of(at->c_in), area = at->kh * at->kw;
    const size_t group = (size_t)(blocks * area) * LANES * LANES;
    for (int b = 0; b < blocks; b++)
        for (int k = 0; k < area; k++)
            for (int i = 0; i < lanes_rounded(at->c_in, b, WIDTH); i += WIDTH)
                tap_tile(GROUPS, WIDTH, pixel, j,
                         j->x + (size_t)b * j->x_block + (size_t)(k / at->kw * at->dilation) * in_row +
                             (size_t)(k % at->kw * at->dilation) * LANES + i,
                         j->dy + (size_t)g * j->dy_block,
                         to + (size_t)g * group + (size_t)(b * area + k) * LANES * LANES + i * LANES, group);
}

static void weights_pair(const struct kernels_geometry *at, const struct weight_job *j, size_t in_row, int g, engine_real *to)
{
    if (j->x_pixel == LANES)
        weights_taps(2, PAIR_LANES, LANES, at, j, in_row, g, to);
    else
        weights_taps(2, PAIR_LANES, j->x_pixel, at, j, in_row, g, to);
}

static void weights_single(const struct kernels_geometry *at, const struct weight_job *j, size_t in_row, int g, engine_real *to)
{
    if (j->x_pixel == LANES)
        weights_taps(1, SINGLE_LANES, LANES, at, j, in_row, g, to);
    else
        weights_taps(1, SINGLE_LANES, j->x_pixel, at, j, in_row, g, to);
}

/* Adds one packed image's share to the weight gradient of a convolution in one group. */
static void weight_gradient(const struct kernels_geometry *at, const struct backward_layout *l, const struct packed *x,
                            const struct packed *dy, struct ahead *ahead, engine_real *to)
{
    struct weight_job j = {.x = x->data,
                           .dy = dy->data + ((size_t)l->before * dy->row + (size_t)l->before * LANES),
                           .x_block = x->block,
                           .x_row = x->row * (size_t)at->stride,
                           .x_pixel = (size_t)at->stride * LANES,
                           .dy_block = dy->block,
                           .dy_row = dy->row,
                           .rows = at->oh,
                           .columns = at->ow,
                           .ahead = ahead};
    if (at->kw == 3 && at->stride == 1 && at->pad == 1 && at->dilation == 1) {
        weights_triple(at, &j, to);
        return;
    }
    int g = 0;
    for (; g + 2 <= blocks_of(at->c_out); g += 2)
        weights_pair(at, &j, x->row, g, to);
    for (; g < blocks_of(at->c_out); g++)
        weights_single(at, &j, x->row, g, to);
}

/* The same for every run of a grouped convolution. */
static void weight_gradients(const struct kernels_geometry *at, const struct backward_layout *l, const struct packed *x,
                             const struct packed *dy, struct ahead *ahead, engine_real *to)
{
    struct kernels_run run = {0};
    while (kernels_next_run(at, LANES, &run)) {
        const struct kernels_geometry own = run_geometry(at, &run);
        const struct packed own_x = {x->data + (size_t)run.in * x->block, x->block, x->row},
                            own_dy = {dy->data + (size_t)run.out * dy->block, dy->block, dy->row};
        weight_gradient(&own, l, &own_x, &own_dy, ahead, to + run.weights);
    }
}

/* Zeroes what a run that holds several groups has gathered between them. */
static void drop_between_groups(const struct kernels_geometry *at, engine_real *gradient)
{
    struct kernels_run run = {0};
    const int in = at->c_in / at->groups, out = at->c_out / at->groups, area = at->kh * at->kw;
    while (kernels_next_run(at, LANES, &run)) {
        engine_real *to = gradient + run.weights;
        for (int block = 0; block < run.out_blocks * run.in_blocks; block++)
            for (int k = 0; k < area; k++)
                for (int i = 0; i < LANES; i++)
                    for (int o = 0; o < LANES; o++, to++)
                        if (((run.in + block % run.in_blocks) * LANES + i) / in !=
                            ((run.out + block / run.in_blocks) * LANES + o) / out)
                            *to = 0;
    }
}

/* --- input gradient --- */

/* The convolution that leads from output to input channels: the same groups the other way round. */
static struct kernels_geometry turned(const struct kernels_geometry *at)
{
    struct kernels_geometry back = *at;
    back.c_in = at->c_out;
    back.c_out = at->c_in;
    return back;
}

/* One block (KH, KW, I, O) -> (KH, KW, O, I) with both kernel axes reversed. */
static void transpose_block(int area, const engine_real *from, engine_real *to)
{
    for (int k = 0; k < area; k++)
        transpose_lanes(from + (size_t)k * LANES * LANES, to + (size_t)(area - 1 - k) * LANES * LANES);
}

/* Weights as the turned convolution wants them: run by run (I blocks, O blocks, KH, KW, O, I). Output block g meets input block b
 * in one direction where it does in the other. */
static void transpose_weights(const struct kernels_geometry *at, const engine_real *from, engine_real *to)
{
    const struct kernels_geometry back = turned(at);
    const int area = at->kh * at->kw;
    const size_t block = (size_t)area * LANES * LANES;
    struct kernels_run turned_run = {0};
    while (kernels_next_run(&back, LANES, &turned_run)) {
        struct kernels_run run = {0};
        for (int g = turned_run.in; g < turned_run.in + turned_run.in_blocks; g++) {
            while (g >= run.out + run.out_blocks)
                kernels_next_run(at, LANES, &run);
            for (int b = turned_run.out; b < turned_run.out + turned_run.out_blocks; b++)
                transpose_block(area, from + run.weights + (size_t)((g - run.out) * run.in_blocks + b - run.in) * block,
                                to + turned_run.weights +
                                    (size_t)((b - turned_run.out) * turned_run.in_blocks + g - turned_run.in) * block);
        }
    }
}

/* Taps of the input pixels whose row and column are phase_y and phase_x modulo the stride, over the packed gradient. */
static int class_taps(const struct kernels_geometry *at, const struct backward_layout *l, size_t row, int phase_y, int phase_x,
                      struct tap *taps)
{
    int ky[TAPS_MAX], dy[TAPS_MAX], kx[TAPS_MAX], dx[TAPS_MAX], count = 0;
    const int ny = phase_taps(phase_y, at->kh, at->stride, at->pad, at->dilation, ky, dy),
              nx = phase_taps(phase_x, at->kw, at->stride, at->pad, at->dilation, kx, dx);
    for (int y = 0; y < ny; y++)
        for (int x = 0; x < nx; x++) {
            const int reversed = (at->kh - 1 - ky[y]) * at->kw + at->kw - 1 - kx[x];
            taps[count++] = (struct tap){(ptrdiff_t)((size_t)(l->before + dy[y]) * row) + (l->before + dx[x]) * LANES,
                                         (size_t)reversed * LANES * LANES};
        }
    return count;
}

/* The sweep that gives one class of input pixels of one image its gradient; out, gate and addend still point at the image's start.
 */
static void class_sweep(const struct kernels_geometry *at, const struct backward_layout *l, struct sweep s, int phase_y,
                        int phase_x)
{
    struct tap taps[TAPS_MAX];
    const size_t step = (size_t)at->stride, pixel = (size_t)(phase_y * at->w + phase_x) * LANES;
    s.taps = taps;
    s.tap_count = class_taps(at, l, s.in_row, phase_y, phase_x, taps);
    s.triple = at->kw == 3 && at->stride == 1 && at->dilation == 1;
    s.rows = (at->h - phase_y + at->stride - 1) / at->stride;
    s.columns = (at->w - phase_x + at->stride - 1) / at->stride;
    s.out += pixel;
    s.out_row = (size_t)at->w * step * LANES;
    s.out_pixel = step * LANES;
    if (s.addend)
        s.addend += pixel;
    if (s.gate) {
        s.gate += (size_t)phase_y * s.gate_row + (size_t)phase_x * LANES;
        s.gate_row *= step;
        s.gate_pixel = step * LANES;
    }
    KERNEL(sweep_run)(&s);
}

static void input_gradient(const struct kernels_backward *call, const struct backward_layout *l, int n, const struct packed *x,
                           const struct packed *dy, const engine_real *transposed)
{
    const struct kernels_geometry *at = &call->at, back = turned(at);
    const size_t kernel = (size_t)(at->kh * at->kw) * LANES * LANES, plane = (size_t)(at->h * at->w) * LANES;
    struct kernels_run run = {0};
    while (kernels_next_run(&back, LANES, &run)) {
        const size_t first = ((size_t)n * (size_t)blocks_of(at->c_in) + (size_t)run.out) * plane;
        struct sweep s = {.in = dy->data + (size_t)run.in * dy->block,
                          .in_block = dy->block,
                          .in_row = dy->row,
                          .in_pixel = LANES,
                          .c_in = run_geometry(&back, &run).c_in,
                          .groups = run.out_blocks,
                          .weights = transposed + run.weights,
                          .weight_block = kernel,
                          .weight_group = kernel * (size_t)run.in_blocks,
                          .out = call->in_gradient + first,
                          .out_group = plane,
                          .gate = call->mask ? x->data + (size_t)run.out * x->block + (size_t)at->pad * (x->row + LANES) : NULL,
                          .gate_group = x->block,
                          .gate_row = x->row,
                          .addend = call->addend ? call->addend + first : NULL};
        for (int py = 0; py < at->stride && py < at->h; py++)
            for (int px = 0; px < at->stride && px < at->w; px++)
                class_sweep(at, l, s, py, px);
    }
}

/* Adds one packed image's gradients to the bias gradient. */
static void bias_gradient(const struct kernels_geometry *at, const struct backward_layout *l, const struct packed *dy,
                          engine_real *to)
{
    for (int g = 0; g < blocks_of(at->c_out); g++) {
        vec sum = {0};
        for (int r = 0; r < at->oh; r++) {
            const engine_real *d = dy->data + (size_t)g * dy->block + (size_t)(l->before + r) * dy->row + l->before * LANES;
            vec row = {0};
            for (int c = 0; c < at->ow; c++)
                row += load(d + c * LANES);
            sum += row;
        }
        store(to + g * LANES, load(to + g * LANES) + sum);
    }
}

/* What packing image n will read, to be asked for while the image before it is worked on. */
static void announce_image(const struct kernels_backward *call, int n, struct ahead *ahead)
{
    const struct kernels_geometry *at = &call->at;
    const size_t in = (size_t)(blocks_of(at->c_in) * at->h * at->w) * LANES,
                 out = (size_t)(blocks_of(at->c_out) * at->oh * at->ow) * LANES;
    const size_t vectors = CACHE_LINE / sizeof(engine_real);
    if (n >= at->n)
        return;
    ahead->at[0] = (const char *)(call->in.data + (size_t)n * in);
    ahead->at[1] = (const char *)(call->gradient.gradient + (size_t)n * out);
    ahead->at[2] = (const char *)(call->gradient.raw + (size_t)n * out);
    ahead->lines[0] = in / vectors;
    ahead->lines[1] = out / vectors;
    ahead->lines[2] = call->gradient.raw ? out / vectors : 0;
    /* Touched once a row of every weight tile; kernels with single taps have at least this many. */
    ahead_share(ahead, (size_t)(blocks_of(at->c_in) * at->kh * at->oh) * (size_t)blocks_of(at->c_out));
}

static void feed_image(const struct kernels_backward *call, int n)
{
    const int blocks = blocks_of(call->at.c_in);
    const size_t plane = (size_t)(call->at.h * call->at.w);
    for (int b = 0; b < blocks; b++) {
        const size_t at = (size_t)(n * blocks + b) * plane * LANES;
        KERNEL(feeds_add)(&call->feeds, at, b * LANES, call->in_gradient + at, plane);
    }
}

void KERNEL(conv_backward)(const struct kernels_backward *call);
void KERNEL(conv_backward)(const struct kernels_backward *call)
{
    const struct kernels_geometry *at = &call->at;
    KERNEL(feeds_clear)(&call->feeds, at->c_in);
    if (kernels_is_depthwise(at)) {
        KERNEL(depth_backward)(call);
        return;
    }
    if (KERNEL(is_point)(at)) {
        KERNEL(point_backward)(call);
        return;
    }
    if (KERNEL(winograd_takes)(at)) {
        KERNEL(winograd_backward)(call);
        return;
    }
    const struct backward_layout l = KERNEL(backward_layout)(at);
    const struct packed x = {call->scratch, (size_t)(l.in_rows * l.in_columns) * LANES, (size_t)l.in_columns * LANES};
    const struct packed dy = {x.data + l.in_elements, (size_t)(l.rows * l.columns) * LANES, (size_t)l.columns * LANES};
    engine_real *transposed = dy.data + l.gradient_elements;
    if (call->weight_gradient)
        memset(call->weight_gradient, 0, kernels_weight_elements(at, LANES) * sizeof(engine_real));
    if (call->bias_gradient)
        memset(call->bias_gradient, 0, (size_t)blocks_of(at->c_out) * LANES * sizeof(engine_real));
    if (call->in_gradient)
        transpose_weights(at, call->weights, transposed);
    struct ahead ahead = {.share = 0};
    for (int n = 0; n < at->n; n++) {
        KERNEL(pack_source)(&call->in, n, at->c_in, at->h, at->w, -at->pad, l.in_rows, at->pad, l.in_columns, x);
        KERNEL(pack_gradient)(&call->gradient, n, at->c_out, at->oh, at->ow, -l.before, l.rows, l.before, l.columns, dy);
        announce_image(call, n + 1, &ahead);
        if (call->weight_gradient)
            weight_gradients(at, &l, &x, &dy, &ahead, call->weight_gradient);
        if (call->bias_gradient)
            bias_gradient(at, &l, &dy, call->bias_gradient);
        if (call->in_gradient) {
            input_gradient(call, &l, n, &x, &dy, transposed);
            feed_image(call, n);
        }
    }
    if (at->groups > 1 && call->weight_gradient)
        drop_between_groups(at, call->weight_gradient);
}
