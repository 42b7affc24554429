/* kernels_depth: convolution of every channel by itself, forward and backward. A lane is a channel, so nothing is summed across
 * lanes and no number is broadcast: every tap is one vector of weights for the whole plane.
 *
 * One block of one image at a time is packed with zero borders into scratch, read through whatever norm and ReLU stand before it,
 * as in kernels_conv and kernels_gradient. The kernel is bound by memory up to 3x3 and by loads from the first cache beyond. */
#include "worker/engine/kernels_inner.h"

/* Output pixels that share the load of a tap's weights: more than hide the latency of a multiply-add where there are registers. */
#if ENGINE_LANES == 16 || defined(__aarch64__)
enum { TILE = 16 };
#else
enum { TILE = 8 };
#endif

/* The largest kernel whose weight gradient may stay in registers as a whole. */
enum { AREA_WIDE = 25 };

/* One block of one image. All strides in elements. */
struct plane_sweep {
    const engine_real *in;
    size_t in_row, in_pixel; /* between the origins of neighbouring output rows and pixels */
    const struct tap *taps;
    int tap_count, side, step;         /* side: the taps are so many rows of so many, `step` pixels apart; 0: they are not */
    const engine_real *weights, *bias; /* bias: LANES or NULL */
    int rows, columns;
    engine_real *out;
    size_t out_row, out_pixel;
    const engine_real *gate; /* keep results only where gate > 0; NULL: all */
    size_t gate_row, gate_pixel;
    const engine_real *addend; /* laid out as out; NULL: nothing */
};

/* --- sweeping --- */

/* What a row of results still meets on its way out. The pointers stand at its first pixel. */
INLINE void finish_row(const vec *acc, const int COUNT, const struct plane_sweep *s, int row, int column)
{
    const size_t pixel = s->out_pixel, gate_pixel = s->gate_pixel, at = (size_t)row * s->out_row + (size_t)column * pixel;
    const engine_real *gate = s->gate ? s->gate + (size_t)row * s->gate_row + (size_t)column * gate_pixel : NULL,
                      *addend = s->addend ? s->addend + at : NULL;
    engine_real *out = s->out + at;
    UNROLL for (int p = 0; p < COUNT; p++)
    {
        vec v = acc[p];
        if (gate)
            v = keep_positive(v, load(gate + (size_t)p * gate_pixel));
        if (addend)
            v += load(addend + (size_t)p * pixel);
        store(out + (size_t)p * pixel, v);
    }
}

INLINE void plane_tile(const int ROWS, const int COUNT, const size_t pixel, const struct plane_sweep *s, int row, int column)
{
    const engine_real *in = s->in + (size_t)row * s->in_row + (size_t)column * pixel, *weights = s->weights;
    const size_t in_row = s->in_row;
    const vec start = s->bias ? load(s->bias) : (vec){0};
    vec acc[TILE];
    UNROLL for (int p = 0; p < ROWS * COUNT; p++) acc[p] = start;
    for (const struct tap *t = s->taps, *end = t + s->tap_count; t < end; t++) {
        const engine_real *x = in + t->offset;
        const vec w = load(weights + t->weight);
        UNROLL for (int p = 0; p < ROWS * COUNT; p++) acc[p] +=
            w * load(x + (size_t)(p / COUNT) * in_row + (size_t)(p % COUNT) * pixel);
    }
    UNROLL for (int r = 0; r < ROWS; r++) finish_row(acc + r * COUNT, COUNT, s, row + r, column);
}

/* The same sums in the same order for SIDE x SIDE taps that are STEP pixels apart: a row's weights stay in registers and every
 * input vector is loaded once for all of them. */
INLINE void slide_tile(const int SIDE, const int STEP, const int ROWS, const int COUNT, const struct plane_sweep *s, int row,
                       int column)
{
    const engine_real *in = s->in + (size_t)row * s->in_row + (size_t)(column * LANES);
    const vec start = s->bias ? load(s->bias) : (vec){0};
    vec acc[TILE], w[5];
    UNROLL for (int p = 0; p < ROWS * COUNT; p++) acc[p] = start;
    for (const struct tap *t = s->taps, *end = t + SIDE * SIDE; t < end; t += SIDE) {
        UNROLL for (int k = 0; k < SIDE; k++) w[k] = load(s->weights + t[k].weight);
        UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < COUNT + (SIDE - 1) * STEP; c++)
        {
            const vec x = load(in + t->offset + (size_t)r * s->in_row + (size_t)(c * LANES));
            UNROLL for (int k = 0; k < SIDE; k++) if (c >= k * STEP && c - k * STEP < COUNT) acc[r * COUNT + c - k * STEP] +=
                w[k] * x;
        }
    }
    UNROLL for (int r = 0; r < ROWS; r++) finish_row(acc + r * COUNT, COUNT, s, row + r, column);
}

/* ROWS rows from `row` on: tiles as wide as the registers hold, then narrower ones. SIDE is 0 where taps do not slide. */
INLINE void plane_strip(const int SIDE, const int STEP, const int ROWS, const size_t pixel, const struct plane_sweep *s, int row)
{
    int c = 0;
    for (; c + TILE / ROWS <= s->columns; c += TILE / ROWS) {
        if (SIDE)
            slide_tile(SIDE, STEP, ROWS, TILE / ROWS, s, row, c);
        else
            plane_tile(ROWS, TILE / ROWS, pixel, s, row, c);
    }
    for (; c + 4 <= s->columns; c += 4)
        plane_tile(ROWS, 4, pixel, s, row, c);
    for (; c < s->columns; c++)
        plane_tile(ROWS, 1, pixel, s, row, c);
}

/* Short rows go in pairs. */
INLINE void plane_rows(const int SIDE, const int STEP, const size_t pixel, const struct plane_sweep *s)
{
    int r = 0;
    for (; s->columns < TILE && r + 2 <= s->rows; r += 2)
        plane_strip(SIDE, STEP, 2, pixel, s, r);
    for (; r < s->rows; r++)
        plane_strip(SIDE, STEP, 1, pixel, s, r);
}

static void plane_run(const struct plane_sweep *s)
{
    if (s->in_pixel != LANES)
        plane_rows(0, 1, s->in_pixel, s);
    else if (s->side == 3 && s->step == 1)
        plane_rows(3, 1, LANES, s);
    else if (s->side == 3 && s->step == 2)
        plane_rows(3, 2, LANES, s);
    else if (s->side == 5 && s->step == 1)
        plane_rows(5, 1, LANES, s);
    else if (s->side == 5 && s->step == 2)
        plane_rows(5, 2, LANES, s);
    else
        plane_rows(0, 1, LANES, s);
}

/* --- packing --- */

/* The geometry of one block. */
static struct kernels_geometry one_block(const struct kernels_geometry *at)
{
    struct kernels_geometry block = *at;
    block.c_in = block.c_out = LANES;
    block.groups = 1;
    return block;
}

/* Plane p, image by image and block by block, as a source of one block. */
static struct kernels_source plane_source(const struct kernels_source *in, int channel)
{
    struct kernels_source plane = *in;
    if (in->scale) {
        plane.center += channel;
        plane.scale += channel;
        plane.rest += channel;
        plane.shift += channel;
    }
    return plane;
}

static struct kernels_gradient plane_gradient(const struct kernels_gradient *in, int channel)
{
    struct kernels_gradient plane = *in;
    if (in->raw) {
        plane.slope += channel;
        plane.pull += channel;
        plane.center += channel;
        plane.offset += channel;
    }
    return plane;
}

/* --- forward --- */

size_t KERNEL(depth_forward_scratch)(const struct kernels_geometry *at)
{
    return (size_t)(at->h + 2 * at->pad) * (size_t)(at->w + 2 * at->pad) * LANES;
}

static int forward_taps(const struct kernels_geometry *at, size_t row, struct tap *taps)
{
    int count = 0;
    for (int y = 0; y < at->kh; y++)
        for (int x = 0; x < at->kw; x++, count++)
            taps[count] =
                (struct tap){(ptrdiff_t)((size_t)(y * at->dilation) * row) + x * at->dilation * LANES, (size_t)count * LANES};
    return count;
}

void KERNEL(depth_forward)(const struct kernels_forward *call)
{
    const struct kernels_geometry *at = &call->at;
    const int blocks = blocks_of(at->c_in), columns = at->w + 2 * at->pad, rows = at->h + 2 * at->pad;
    const size_t plane = (size_t)(at->oh * at->ow) * LANES;
    const struct packed packed = {call->scratch, (size_t)(rows * columns) * LANES, (size_t)columns * LANES};
    struct tap taps[TAPS_MAX];
    struct plane_sweep s = {.in = packed.data,
                            .in_row = packed.row * (size_t)at->stride,
                            .in_pixel = (size_t)at->stride * LANES,
                            .taps = taps,
                            .tap_count = forward_taps(at, packed.row, taps),
                            .side = at->kh,
                            .step = at->dilation,
                            .rows = at->oh,
                            .columns = at->ow,
                            .out_row = (size_t)at->ow * LANES,
                            .out_pixel = LANES};
    for (int p = 0; p < at->n * blocks; p++) {
        const int channel = p % blocks * LANES;
        const struct kernels_source in = plane_source(&call->in, channel);
        KERNEL(pack_source)(&in, p, LANES, at->h, at->w, -at->pad, rows, at->pad, columns, packed);
        s.weights = call->weights + (size_t)channel * (size_t)s.tap_count;
        s.bias = call->bias ? call->bias + channel : NULL;
        s.out = call->out + (size_t)p * plane;
        plane_run(&s);
        if (!call->sums)
            continue;
        engine_real *center = call->center + channel;
        if (p < blocks)
            plane_center(s.out, plane / LANES, center);
        KERNEL(plane_statistics)(s.out, plane / LANES, center, call->sums + channel, call->squares + channel);
    }
}

/* --- backward --- */

size_t KERNEL(depth_backward_scratch)(const struct kernels_geometry *at)
{
    const struct kernels_geometry block = one_block(at);
    const struct backward_layout l = KERNEL(backward_layout)(&block);
    return l.in_elements + l.gradient_elements;
}

/* One packed plane. x stands at kernel position (0,0) of the first output pixel, whose gradient is dy. */
struct plane_job {
    const engine_real *x, *dy;
    size_t x_row, x_pixel, dy_row; /* step by one output row and pixel */
    size_t tap_row, tap_pixel;     /* step by one kernel position */
    int rows, columns;
};

/* ROWS x COLUMNS kernel positions at once: each gradient is loaded once for all of them. */
INLINE void position_tile(const int ROWS, const int COLUMNS, const struct plane_job *j, const engine_real *x, engine_real *to)
{
    vec acc[AREA_WIDE];
    UNROLL for (int k = 0; k < ROWS * COLUMNS; k++) acc[k] = (vec){0};
    for (int r = 0; r < j->rows; r++) {
        const engine_real *from = x + (size_t)r * j->x_row, *dy = j->dy + (size_t)r * j->dy_row;
        for (int c = 0; c < j->columns; c++, from += j->x_pixel, dy += LANES) {
            const vec d = load(dy);
            UNROLL for (int k = 0; k < ROWS * COLUMNS; k++) acc[k] +=
                d * load(from + (size_t)(k / COLUMNS) * j->tap_row + (size_t)(k % COLUMNS) * j->tap_pixel);
        }
    }
    UNROLL for (int k = 0; k < ROWS * COLUMNS; k++) store(to + k * LANES, load(to + k * LANES) + acc[k]);
}

/* Kernel rows of a 5x5 whose sums fit the registers: 32 of them with AVX-512, 16 else. */
#if ENGINE_LANES == 16 || defined(__aarch64__)
enum { ROWS_OF_FIVE = 5 };
#else
enum { ROWS_OF_FIVE = 2 };
#endif

static void weights_of_five(const struct plane_job *j, engine_real *to)
{
    int y = 0;
    for (; y + ROWS_OF_FIVE <= 5; y += ROWS_OF_FIVE)
        position_tile(ROWS_OF_FIVE, 5, j, j->x + (size_t)y * j->tap_row, to + y * 5 * LANES);
    for (; y < 5; y++)
        position_tile(1, 5, j, j->x + (size_t)y * j->tap_row, to + y * 5 * LANES);
}

/* Adds one plane's share to the weight gradient of its block. */
static void plane_weights(const struct kernels_geometry *at, const struct plane_job *j, engine_real *to)
{
    if (at->kh == 3 && at->kw == 3)
        position_tile(3, 3, j, j->x, to);
    else if (at->kh == 5 && at->kw == 5)
        weights_of_five(j, to);
    else
        for (int k = 0; k < at->kh * at->kw; k++)
            position_tile(1, 1, j, j->x + (size_t)(k / at->kw) * j->tap_row + (size_t)(k % at->kw) * j->tap_pixel, to + k * LANES);
}

/* The gradient of the input pixels whose row and column are phase_y and phase_x modulo the stride. s stands at the plane's start.
 */
static void class_gradient(const struct kernels_geometry *at, const struct backward_layout *l, struct plane_sweep s, int phase_y,
                           int phase_x)
{
    struct tap taps[TAPS_MAX];
    int ky[TAPS_MAX], dy[TAPS_MAX], kx[TAPS_MAX], dx[TAPS_MAX];
    const int ny = phase_taps(phase_y, at->kh, at->stride, at->pad, at->dilation, ky, dy),
              nx = phase_taps(phase_x, at->kw, at->stride, at->pad, at->dilation, kx, dx);
    const size_t step = (size_t)at->stride, pixel = (size_t)(phase_y * at->w + phase_x) * LANES;
    for (int k = 0; k < ny * nx; k++)
        taps[k] = (struct tap){(ptrdiff_t)((size_t)(l->before + dy[k / nx]) * s.in_row) + (l->before + dx[k % nx]) * LANES,
                               (size_t)(ky[k / nx] * at->kw + kx[k % nx]) * LANES};
    s.taps = taps;
    s.tap_count = ny * nx;
    s.side = at->stride == 1 ? at->kh : 0;
    s.step = at->dilation;
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
    plane_run(&s);
}

static void plane_input(const struct kernels_backward *call, const struct backward_layout *l, int p, const struct packed *x,
                        const struct packed *dy)
{
    const struct kernels_geometry *at = &call->at;
    const size_t plane = (size_t)(at->h * at->w) * LANES, first = (size_t)p * plane;
    const int channel = p % blocks_of(at->c_in) * LANES;
    const struct plane_sweep s = {.in = dy->data,
                                  .in_row = dy->row,
                                  .in_pixel = LANES,
                                  .weights = call->weights + (size_t)channel * (size_t)(at->kh * at->kw),
                                  .out = call->in_gradient + first,
                                  .gate = call->mask ? x->data + (size_t)at->pad * (x->row + LANES) : NULL,
                                  .gate_row = x->row,
                                  .addend = call->addend ? call->addend + first : NULL};
    for (int py = 0; py < at->stride && py < at->h; py++)
        for (int px = 0; px < at->stride && px < at->w; px++)
            class_gradient(at, l, s, py, px);
}

static void plane_bias(const struct kernels_geometry *at, const engine_real *dy, size_t row, engine_real *to)
{
    vec sum = {0};
    for (int r = 0; r < at->oh; r++) {
        vec own = {0};
        for (int c = 0; c < at->ow; c++)
            own += load(dy + (size_t)r * row + (size_t)c * LANES);
        sum += own;
    }
    store(to, load(to) + sum);
}

void KERNEL(depth_backward)(const struct kernels_backward *call)
{
    const struct kernels_geometry *at = &call->at, block = one_block(at);
    const struct backward_layout l = KERNEL(backward_layout)(&block);
    const int blocks = blocks_of(at->c_in), area = at->kh * at->kw;
    const struct packed x = {call->scratch, (size_t)(l.in_rows * l.in_columns) * LANES, (size_t)l.in_columns * LANES};
    const struct packed dy = {x.data + l.in_elements, (size_t)(l.rows * l.columns) * LANES, (size_t)l.columns * LANES};
    const struct plane_job job = {.x = x.data,
                                  .dy = dy.data + (size_t)l.before * (dy.row + LANES),
                                  .x_row = x.row * (size_t)at->stride,
                                  .x_pixel = (size_t)at->stride * LANES,
                                  .dy_row = dy.row,
                                  .tap_row = x.row * (size_t)at->dilation,
                                  .tap_pixel = (size_t)at->dilation * LANES,
                                  .rows = at->oh,
                                  .columns = at->ow};
    if (call->weight_gradient)
        memset(call->weight_gradient, 0, kernels_weight_elements(at, LANES) * sizeof(engine_real));
    if (call->bias_gradient)
        memset(call->bias_gradient, 0, (size_t)(blocks * LANES) * sizeof(engine_real));
    for (int p = 0; p < at->n * blocks; p++) {
        const int channel = p % blocks * LANES;
        const struct kernels_source in = plane_source(&call->in, channel);
        const struct kernels_gradient gradient = plane_gradient(&call->gradient, channel);
        KERNEL(pack_source)(&in, p, LANES, at->h, at->w, -at->pad, l.in_rows, at->pad, l.in_columns, x);
        KERNEL(pack_gradient)(&gradient, p, LANES, at->oh, at->ow, -l.before, l.rows, l.before, l.columns, dy);
        if (call->weight_gradient)
            plane_weights(at, &job, call->weight_gradient + (size_t)channel * (size_t)area);
        if (call->bias_gradient)
            plane_bias(at, job.dy, job.dy_row, call->bias_gradient + channel);
        if (call->in_gradient) {
            const size_t plane = (size_t)(at->h * at->w);
            plane_input(call, &l, p, &x, &dy);
            KERNEL(feeds_add)
            (&call->feeds, (size_t)p * plane * LANES, channel, call->in_gradient + (size_t)p * plane * LANES, plane);
        }
    }
}
