/* kernels_winograd_back: the transpose of kernels_winograd.c: weight gradient and input gradient of a 3x3 convolution from the
 * input and the output's gradient at the points. Both meet the same D, and the input's gradient needs no border around dy. */
#include "worker/engine/kernels_winograd.h"

/* What a backward pass keeps in scratch. */
struct work {
    const struct kernels_backward *call;
    struct winograd_cut cut;
    engine_real *weights;        /* (AREA, I blocks, O blocks, L of O, L of I), transposed, at the points */
    engine_real *gathered;       /* (AREA, O blocks, I blocks, L of I, L of O), sums of V D */
    engine_real *packed;         /* the strip's input */
    engine_real *in_lines;       /* its lines; a step that is done leaves those of the input's gradient there */
    engine_real *gradient_lines; /* of the output's gradient */
    engine_real *in, *gradient;  /* V, then what the input's gradient is made of; D: at the points of a step */
    engine_real *carry;          /* (I blocks, 2, columns, L): rows that the next row of tiles adds to */
    engine_real *end;
};

static struct work divide(const struct kernels_backward *call, const struct kernels_geometry *at, engine_real *scratch)
{
    struct work w = {.call = call, .cut = KERNEL(winograd_cut)(at), .weights = scratch};
    const struct winograd_cut *cut = &w.cut;
    w.gathered = w.weights + AREA * winograd_weights_point(cut);
    w.packed = w.gathered + AREA * winograd_weights_point(cut);
    w.in_lines = w.packed + winograd_packed_elements(cut);
    w.gradient_lines = w.in_lines + winograd_lines_elements(cut, cut->in_blocks, cut->packed_columns);
    w.in = w.gradient_lines + winograd_lines_elements(cut, cut->out_blocks, winograd_columns(cut));
    w.gradient = w.in + winograd_points_elements(cut, cut->in_blocks);
    w.carry = w.gradient + winograd_points_elements(cut, cut->out_blocks);
    w.end = w.carry + (size_t)(cut->in_blocks * 2 * cut->packed_columns) * LANES;
    return w;
}

size_t KERNEL(winograd_backward_scratch)(const struct kernels_geometry *at)
{
    return (size_t)(divide(NULL, at, NULL).end - (engine_real *)NULL);
}

/* --- the gradient at the points --- */

/* The lines of one row of tiles of one block, `rows` of whose four rows of outputs exist; `at` is its first element. */
INLINE void gradient_line(const struct kernels_gradient *in, const struct gradient_map *map, size_t at, const int rows, int width,
                          int columns, engine_real *line, const int NORM)
{
    for (int c = 0; c < columns; c++, line += LANES) {
        vec y[OUT_TILE], m[POINTS];
        UNROLL for (int r = 0; r < OUT_TILE; r++)
        {
            y[r] = (vec){0};
            if (c < width && r < rows)
                y[r] = gradient_at(in, map, at + (size_t)(r * width + c) * LANES, NORM);
        }
        points_of_outputs(y, m);
        UNROLL for (int r = 0; r < POINTS; r++) store(line + (size_t)(r * columns) * LANES, m[r]);
    }
}

static void strip_gradient(const struct work *w, const struct winograd_strip *strip)
{
    const struct kernels_geometry *at = &w->call->at;
    const struct kernels_gradient *in = &w->call->gradient;
    const int blocks = w->cut.out_blocks, rows = strip->images * strip->rows, columns = winograd_columns(&w->cut);
    for (int g = 0; g < blocks; g++) {
        const struct gradient_map map = gradient_map(in, g * LANES);
        for (int q = 0; q < rows; q++) {
            const int image = strip->image + q / strip->rows, row = (strip->first + q % strip->rows) * OUT_TILE;
            const size_t first = (size_t)((image * blocks + g) * at->oh + row) * (size_t)at->ow * LANES;
            engine_real *line = w->gradient_lines + (size_t)(g * rows + q) * winograd_line(columns);
            if (in->raw && at->oh - row >= OUT_TILE)
                gradient_line(in, &map, first, OUT_TILE, at->ow, columns, line, 1);
            else if (in->raw)
                gradient_line(in, &map, first, at->oh - row, at->ow, columns, line, 1);
            else
                gradient_line(in, &map, first, at->oh - row, at->ow, columns, line, 0);
        }
    }
}

/* The gradient at the points of a step. */
static void gradient_points(const struct work *w, const struct winograd_strip *strip, int step)
{
    const int rows = strip->images * strip->rows, columns = winograd_columns(&w->cut);
    const size_t tiles = (size_t)w->cut.tiles * LANES, point = tiles * (size_t)w->cut.out_blocks;
    for (int g = 0; g < w->cut.out_blocks; g++) {
        engine_real *to = w->gradient + (size_t)g * tiles;
        for (int q = 0; q < rows; q++) {
            const engine_real *y =
                w->gradient_lines + (size_t)(g * rows + q) * winograd_line(columns) + (size_t)(step * columns) * LANES;
            for (int t = 0; t < w->cut.tiles_x; t++, to += LANES, y += OUT_TILE * LANES) {
                vec in[OUT_TILE], m[POINTS];
                UNROLL for (int i = 0; i < OUT_TILE; i++) in[i] = load(y + i * LANES);
                points_of_outputs(in, m);
                UNROLL for (int k = 0; k < POINTS; k++) store(to + (size_t)k * point, m[k]);
            }
        }
    }
}

/* The bias gradient. Convolutions before a batch norm, which are nearly all, have no bias. */
static void bias_gradient(const struct kernels_backward *call)
{
    const struct kernels_geometry *at = &call->at;
    const int blocks = blocks_of(at->c_out);
    for (int g = 0; g < blocks; g++) {
        const struct gradient_map map = gradient_map(&call->gradient, g * LANES);
        vec sum = {0};
        for (int row = 0; row < at->n * at->oh; row++) {
            const size_t first = (size_t)((row / at->oh * blocks + g) * at->oh + row % at->oh) * (size_t)at->ow * LANES;
            vec part = {0};
            for (int c = 0; c < at->ow; c++)
                part += gradient_at(&call->gradient, &map, first + (size_t)c * LANES, call->gradient.raw != NULL);
            sum += part;
        }
        store(call->bias_gradient + g * LANES, sum);
    }
}

/* --- weight gradient --- */

/* Adds a strip's share at point k of a step: GROUPS output blocks from `group` on, WIDTH input lanes from `lane` of block b on. */
INLINE void gather_tiles(const int GROUPS, const int WIDTH, const struct work *w, int tiles, int step, int k, int group, int b,
                         int lane, struct ahead *ahead)
{
    const size_t room = (size_t)w->cut.tiles * LANES, block = (size_t)w->cut.in_blocks * LANES * LANES;
    const engine_real *v = w->in + (size_t)(k * w->cut.in_blocks + b) * room + lane,
                      *d = w->gradient + (size_t)(k * w->cut.out_blocks + group) * room;
    engine_real *to = w->gathered + (size_t)(step * POINTS + k) * winograd_weights_point(&w->cut) + (size_t)group * block +
                      (size_t)(b * LANES + lane) * LANES;
    struct pace pace = winograd_pace(ahead, tiles, d);
    vec acc[32];
    UNROLL for (int i = 0; i < GROUPS * WIDTH; i++) acc[i] = load(to + (size_t)(i / WIDTH) * block + (i % WIDTH) * LANES);
    for (int t = 0; t < tiles; t++, v += LANES, d += LANES) {
        const vec d0 = load(d), d1 = GROUPS > 1 ? load(d + room) : d0;
        winograd_ask(&pace);
        UNROLL for (int i = 0; i < WIDTH; i++)
        {
            acc[i] += d0 * v[i];
            if (GROUPS > 1)
                acc[WIDTH + i] += d1 * v[i];
        }
    }
    UNROLL for (int i = 0; i < GROUPS * WIDTH; i++) store(to + (size_t)(i / WIDTH) * block + (i % WIDTH) * LANES, acc[i]);
}

static void gather(const struct work *w, int tiles, int step, struct ahead *ahead)
{
    const int c_in = w->call->at.c_in;
    for (int k = 0; k < POINTS; k++) {
        int group = 0;
        for (; group + 2 <= w->cut.out_blocks; group += 2)
            for (int b = 0; b < w->cut.in_blocks; b++)
                for (int lane = 0; lane < lanes_in(c_in, b); lane += PAIR_LANES)
                    gather_tiles(2, PAIR_LANES, w, tiles, step, k, group, b, lane, ahead);
        for (; group < w->cut.out_blocks; group++)
            for (int b = 0; b < w->cut.in_blocks; b++)
                for (int lane = 0; lane < lanes_in(c_in, b); lane += SINGLE_LANES)
                    gather_tiles(1, SINGLE_LANES, w, tiles, step, k, group, b, lane, ahead);
    }
}

/* One block back from the points: (3, 3, L, L) of weight gradients. */
static void block_gradient(const engine_real *from, size_t stride, engine_real *to)
{
    for (int i = 0; i < LANES; i++) {
        vec half[3][POINTS];
        UNROLL for (int k = 0; k < POINTS; k++)
        {
            vec u[POINTS], h[3];
            UNROLL for (int r = 0; r < POINTS; r++) u[r] = load(from + (size_t)(r * POINTS + k) * stride + i * LANES);
            weights_of_points(u, h);
            UNROLL for (int y = 0; y < 3; y++) half[y][k] = h[y];
        }
        UNROLL for (int y = 0; y < 3; y++)
        {
            vec g[3];
            weights_of_points(half[y], g);
            UNROLL for (int x = 0; x < 3; x++) store(to + ((y * 3 + x) * LANES + i) * LANES, g[x]);
        }
    }
}

/* --- input gradient --- */

/* Transposed weights at the points: (AREA, I blocks, O blocks, L of O, L of I). */
static void transposed_weights(const struct work *w)
{
    const int in = w->cut.in_blocks, out = w->cut.out_blocks;
    engine_real block[9 * LANES * LANES] __attribute__((aligned(64)));
    for (int g = 0; g < out; g++)
        for (int b = 0; b < in; b++) {
            const engine_real *from = w->call->weights + (size_t)((g * in + b) * 9) * LANES * LANES;
            for (int k = 0; k < 9; k++)
                transpose_lanes(from + k * LANES * LANES, block + k * LANES * LANES);
            KERNEL(winograd_weights)
            (block, w->weights + (size_t)(b * out + g) * LANES * LANES, winograd_weights_point(&w->cut));
        }
}

/* What a step adds to one row of tiles of one block: six columns of each tile, of which two are the next one's too. */
INLINE void input_line_of_points(const engine_real *from, size_t point, int tiles, engine_real *line)
{
    vec before[2] = {{0}, {0}};
    for (int t = 0; t < tiles; t++, from += LANES, line += OUT_TILE * LANES) {
        vec m[POINTS], x[IN_TILE];
        UNROLL for (int k = 0; k < POINTS; k++) m[k] = load(from + (size_t)k * point);
        input_of_points(m, x);
        store(line, x[0] + before[0]);
        store(line + LANES, x[1] + before[1]);
        store(line + 2 * LANES, x[2]);
        store(line + 3 * LANES, x[3]);
        before[0] = x[4];
        before[1] = x[5];
    }
    store(line, before[0]);
    store(line + LANES, before[1]);
}

static void input_lines_of_points(const struct work *w, const struct winograd_strip *strip, int step)
{
    const int rows = strip->images * strip->rows, columns = w->cut.packed_columns;
    const size_t tiles = (size_t)w->cut.tiles * LANES;
    for (int b = 0; b < w->cut.in_blocks; b++)
        for (int q = 0; q < rows; q++)
            input_line_of_points(w->in + (size_t)b * tiles + (size_t)(q * w->cut.tiles_x) * LANES, tiles * (size_t)w->cut.in_blocks,
                                 w->cut.tiles_x,
                                 w->in_lines + (size_t)(b * rows + q) * winograd_line(columns) + (size_t)(step * columns) * LANES);
}

/* One row of an image's input gradient from its sum over tiles, which begins at column -pad: gate, addend, store. */
static void finish_row(const struct work *w, const struct winograd_strip *strip, int image, int block, int row,
                       const engine_real *sum)
{
    const struct kernels_backward *call = w->call;
    const struct kernels_geometry *at = &call->at;
    const struct packed x = winograd_packed(&w->cut, w->packed, image);
    const engine_real *gate =
        x.data + (size_t)block * x.block + (size_t)(row + at->pad - strip->first * OUT_TILE) * x.row + (size_t)at->pad * LANES;
    const size_t first = (size_t)(((strip->image + image) * w->cut.in_blocks + block) * at->h + row) * (size_t)at->w * LANES;
    sum += at->pad * LANES;
    for (int c = 0; c < at->w; c++) {
        vec v = load(sum + c * LANES);
        if (call->mask)
            v = keep_positive(v, load(gate + c * LANES));
        if (call->addend)
            v += load(call->addend + first + (size_t)c * LANES);
        store(call->in_gradient + first + (size_t)c * LANES, v);
    }
}

/* `count` rows of an image's input gradient from `row` on, those of them that exist, which then feed the norms. */
static void finish_rows(const struct work *w, const struct winograd_strip *strip, int image, int block, int row, int count,
                        const engine_real *sums)
{
    const struct kernels_geometry *at = &w->call->at;
    const int begin = row < 0 ? 0 : row, end = row + count < at->h ? row + count : at->h;
    const size_t first = (size_t)(((strip->image + image) * w->cut.in_blocks + block) * at->h + begin) * (size_t)at->w * LANES;
    if (begin >= end)
        return;
    for (int y = begin; y < end; y++)
        finish_row(w, strip, image, block, y, sums + (size_t)((y - row) * w->cut.packed_columns) * LANES);
    KERNEL(feeds_add)
    (&w->call->feeds, first, block * LANES, w->call->in_gradient + first, (size_t)((end - begin) * at->w));
}

/* One row of tiles of one block of one image, from all its steps: its first four rows are finished, the other two carried to the
 * next row of tiles. */
static void input_gradient_row(const struct work *w, const struct winograd_strip *strip, int block, int q)
{
    const int columns = w->cut.packed_columns, tile_row = strip->first + q % strip->rows,
              row = tile_row * OUT_TILE - w->call->at.pad;
    const size_t next = (size_t)columns * LANES;
    engine_real *line = w->in_lines + (size_t)(block * strip->images * strip->rows + q) * winograd_line(columns),
                *carry = w->carry + (size_t)(block * 2) * next;
    for (int c = 0; c < columns; c++) {
        engine_real *at = line + (size_t)c * LANES, *over = carry + (size_t)c * LANES;
        vec v[POINTS], x[IN_TILE];
        UNROLL for (int k = 0; k < POINTS; k++) v[k] = load(at + (size_t)k * next);
        input_of_points(v, x);
        if (tile_row > 0) {
            x[0] += load(over);
            x[1] += load(over + next);
        }
        UNROLL for (int k = 0; k < OUT_TILE; k++) store(at + (size_t)k * next, x[k]);
        store(over, x[4]);
        store(over + next, x[5]);
    }
    finish_rows(w, strip, q / strip->rows, block, row, OUT_TILE, line);
    if (tile_row + 1 == w->cut.tiles_y)
        finish_rows(w, strip, q / strip->rows, block, row + OUT_TILE, 2, carry);
}

static void strip_input_gradient(const struct work *w, const struct winograd_strip *strip)
{
    for (int b = 0; b < w->cut.in_blocks; b++)
        for (int q = 0; q < strip->images * strip->rows; q++)
            input_gradient_row(w, strip, b, q);
}

/* --- the whole --- */

/* What the next strip reads and this one writes, to be asked for while this one is multiplied. */
static void announce(const struct work *w, struct winograd_strip strip, struct ahead *ahead)
{
    const struct kernels_backward *call = w->call;
    const size_t in = winograd_part(&w->cut, w->cut.in_blocks, call->at.h * call->at.w),
                 out = winograd_part(&w->cut, w->cut.out_blocks, call->at.oh * call->at.ow);
    *ahead = (struct ahead){.share = 0};
    if (call->in_gradient)
        winograd_announce(&w->cut, &strip, call->in_gradient, in, ahead, 0);
    if (!KERNEL(winograd_next)(&call->at, &w->cut, &strip))
        return;
    winograd_announce(&w->cut, &strip, call->in.data, in, ahead, 1);
    winograd_announce(&w->cut, &strip, call->gradient.gradient, out, ahead, 2);
    if (call->gradient.raw)
        winograd_announce(&w->cut, &strip, call->gradient.raw, out, ahead, 3);
}

/* Both gradients of a strip, step by step. */
static void strip_steps(const struct work *w, const struct winograd_strip *strip, struct ahead *ahead)
{
    struct winograd_product product = {.in = w->gradient,
                                       .out = w->in,
                                       .weights_point = winograd_weights_point(&w->cut),
                                       .channels = w->call->at.c_out,
                                       .blocks = w->cut.out_blocks,
                                       .groups = w->cut.in_blocks,
                                       .room = w->cut.tiles,
                                       .tiles = strip->tiles,
                                       .ahead = ahead};
    for (int step = 0; step < POINTS; step++) {
        gradient_points(w, strip, step);
        if (w->call->weight_gradient) {
            KERNEL(winograd_points)(&w->cut, strip, w->in_lines, step, w->in);
            gather(w, strip->tiles, step, ahead);
        }
        if (w->call->in_gradient) {
            product.weights = w->weights + (size_t)(step * POINTS) * product.weights_point;
            KERNEL(winograd_multiply)(&product);
            input_lines_of_points(w, strip, step);
        }
    }
}

void KERNEL(winograd_backward)(const struct kernels_backward *call)
{
    const struct work w = divide(call, &call->at, call->scratch);
    const size_t point = winograd_weights_point(&w.cut);
    struct ahead ahead = {.share = 0};
    if (call->weight_gradient)
        memset(w.gathered, 0, AREA * point * sizeof *w.gathered);
    if (call->bias_gradient)
        bias_gradient(call);
    if (call->in_gradient)
        transposed_weights(&w);
    struct winograd_strip strip = {0};
    while (KERNEL(winograd_next)(&call->at, &w.cut, &strip)) {
        KERNEL(winograd_lines)(&call->at, &w.cut, &strip, &call->in, w.packed, w.in_lines);
        strip_gradient(&w, &strip);
        announce(&w, strip, &ahead);
        strip_steps(&w, &strip, &ahead);
        if (call->in_gradient)
            strip_input_gradient(&w, &strip);
    }
    for (int b = 0; call->weight_gradient && b < w.cut.in_blocks * w.cut.out_blocks; b++)
        block_gradient(w.gathered + (size_t)b * LANES * LANES, point, call->weight_gradient + (size_t)(b * 9) * LANES * LANES);
}
