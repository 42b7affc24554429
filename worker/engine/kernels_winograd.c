/* kernels_winograd: 3x3 convolution forward by Winograd's method, a strip of tiles at a time, so that a strip at all its points
 * stays in the first two caches. The method and its names: kernels_winograd.h. */
#include "worker/engine/kernels_winograd.h"

/* --- the cut --- */

struct winograd_cut KERNEL(winograd_cut)(const struct kernels_geometry *at)
{
    struct winograd_cut cut = {.tiles_y = (at->oh + OUT_TILE - 1) / OUT_TILE,
                               .tiles_x = (at->ow + OUT_TILE - 1) / OUT_TILE,
                               .images = 1,
                               .in_blocks = blocks_of(at->c_in),
                               .out_blocks = blocks_of(at->c_out)};
    cut.rows = STRIP_TILES / cut.tiles_x;
    if (cut.rows >= cut.tiles_y) {
        cut.rows = cut.tiles_y;
        cut.images = STRIP_TILES / (cut.tiles_x * cut.tiles_y);
    }
    if (cut.images > at->n)
        cut.images = at->n;
    cut.tiles = (cut.images * cut.rows * cut.tiles_x + TILE_ONE - 1) / TILE_ONE * TILE_ONE;
    cut.packed_columns = cut.tiles_x * OUT_TILE + IN_TILE - OUT_TILE;
    cut.packed_rows = cut.rows * OUT_TILE + IN_TILE - OUT_TILE;
    return cut;
}

int KERNEL(winograd_next)(const struct kernels_geometry *at, const struct winograd_cut *cut, struct winograd_strip *strip)
{
    strip->first += strip->rows;
    if (strip->first >= cut->tiles_y) {
        strip->first = 0;
        strip->image += strip->images;
    }
    strip->images = cut->images < at->n - strip->image ? cut->images : at->n - strip->image;
    strip->rows = cut->rows < cut->tiles_y - strip->first ? cut->rows : cut->tiles_y - strip->first;
    strip->tiles = strip->images * strip->rows * cut->tiles_x;
    return strip->image < at->n;
}

/* What three quarters of the products saved are worth: the transforms eat part of it, and small maps leave tiles half empty. */
static int pays(const struct kernels_geometry *at)
{
    const int tiles = (at->oh + OUT_TILE - 1) / OUT_TILE * ((at->ow + OUT_TILE - 1) / OUT_TILE);
    return at->c_in >= 16 && at->c_out >= 16 && 2 * AREA * tiles <= 9 * at->oh * at->ow && at->n * tiles >= STRIP_TILES;
}

int KERNEL(winograd_takes)(const struct kernels_geometry *at)
{
    return at->method != ENGINE_DIRECT && at->kh == 3 && at->kw == 3 && at->stride == 1 && at->dilation == 1 && at->groups == 1 &&
           at->ow <= ROW_TILES_MAX * OUT_TILE && (at->method == ENGINE_WINOGRAD || pays(at));
}

/* --- to the points --- */

/* The columns of one row of tiles of one block. */
static void input_line(const engine_real *in, size_t row, int columns, engine_real *line)
{
    for (int c = 0; c < columns; c++, in += LANES, line += LANES) {
        vec x[IN_TILE], v[POINTS];
        UNROLL for (int r = 0; r < IN_TILE; r++) x[r] = load(in + (size_t)r * row);
        points_of_input(x, v);
        UNROLL for (int r = 0; r < POINTS; r++) store(line + (size_t)(r * columns) * LANES, v[r]);
    }
}

void KERNEL(winograd_lines)(const struct kernels_geometry *at, const struct winograd_cut *cut, const struct winograd_strip *strip,
                            const struct kernels_source *in, engine_real *packed, engine_real *lines)
{
    const size_t line = winograd_line(cut->packed_columns);
    for (int i = 0; i < strip->images; i++) {
        const struct packed p = winograd_packed(cut, packed, i);
        KERNEL(pack_source)
        (in, strip->image + i, at->c_in, at->h, at->w, strip->first * OUT_TILE - at->pad, strip->rows * OUT_TILE + 2, at->pad,
         cut->packed_columns, p);
        for (int b = 0; b < cut->in_blocks; b++)
            for (int r = 0; r < strip->rows; r++)
                input_line(p.data + (size_t)b * p.block + (size_t)(r * OUT_TILE) * p.row, p.row, cut->packed_columns,
                           lines + (size_t)((b * strip->images + i) * strip->rows + r) * line);
    }
}

void KERNEL(winograd_points)(const struct winograd_cut *cut, const struct winograd_strip *strip, const engine_real *lines, int step,
                             engine_real *points)
{
    const int rows = strip->images * strip->rows;
    const size_t line = winograd_line(cut->packed_columns), tiles = (size_t)cut->tiles * LANES,
                 point = tiles * (size_t)cut->in_blocks;
    for (int b = 0; b < cut->in_blocks; b++) {
        engine_real *to = points + (size_t)b * tiles;
        for (int q = 0; q < rows; q++) {
            const engine_real *x = lines + (size_t)(b * rows + q) * line + (size_t)(step * cut->packed_columns) * LANES;
            for (int t = 0; t < cut->tiles_x; t++, to += LANES, x += OUT_TILE * LANES) {
                vec in[IN_TILE], v[POINTS];
                UNROLL for (int i = 0; i < IN_TILE; i++) in[i] = load(x + i * LANES);
                points_of_input(in, v);
                UNROLL for (int k = 0; k < POINTS; k++) store(to + (size_t)k * point, v[k]);
            }
        }
    }
}

void KERNEL(winograd_weights)(const engine_real *weights, engine_real *to, size_t stride)
{
    for (int i = 0; i < LANES; i++) {
        vec columns[POINTS][3];
        UNROLL for (int x = 0; x < 3; x++)
        {
            vec w[3], u[POINTS];
            UNROLL for (int y = 0; y < 3; y++) w[y] = load(weights + ((y * 3 + x) * LANES + i) * LANES);
            points_of_weights(w, u);
            UNROLL for (int r = 0; r < POINTS; r++) columns[r][x] = u[r];
        }
        UNROLL for (int r = 0; r < POINTS; r++)
        {
            vec u[POINTS];
            points_of_weights(columns[r], u);
            UNROLL for (int k = 0; k < POINTS; k++) store(to + (size_t)(r * POINTS + k) * stride + i * LANES, u[k]);
        }
    }
}

/* Weights (O blocks, I blocks, 3, 3, L, L) at the points: (AREA, O blocks, I blocks, L, L). */
static void all_weights(const struct winograd_cut *cut, const engine_real *weights, engine_real *to)
{
    for (int b = 0; b < cut->in_blocks * cut->out_blocks; b++)
        KERNEL(winograd_weights)
    (weights + (size_t)(b * 9) * LANES * LANES, to + (size_t)b * LANES * LANES, winograd_weights_point(cut));
}

/* --- products --- */

/* One point, GROUPS output blocks from `group` on, TILES tiles from `tile` on. */
INLINE void multiply_tiles(const int GROUPS, const int TILES, const struct winograd_product *j, int point, int group, int tile)
{
    const size_t tiles = (size_t)j->room * LANES, width = (size_t)j->blocks * LANES * LANES;
    const engine_real *w = j->weights + (size_t)point * j->weights_point + (size_t)group * width,
                      *block = j->in + (size_t)(point * j->blocks) * tiles + (size_t)tile * LANES;
    engine_real *out = j->out + (size_t)(point * j->groups + group) * tiles + (size_t)tile * LANES;
    struct pace pace = winograd_pace(j->ahead, j->channels, w);
    vec acc[32];
    UNROLL for (int i = 0; i < GROUPS * TILES; i++) acc[i] = (vec){0};
    for (int b = 0; b < j->blocks; b++, block += tiles) {
        const engine_real *x = block;
        for (int i = 0, lanes = lanes_in(j->channels, b); i < lanes; i++, x++, w += LANES) {
            const vec w0 = load(w), w1 = GROUPS > 1 ? load(w + width) : w0;
            winograd_ask(&pace);
            UNROLL for (int t = 0; t < TILES; t++)
            {
                acc[t] += w0 * x[t * LANES];
                if (GROUPS > 1)
                    acc[TILES + t] += w1 * x[t * LANES];
            }
        }
    }
    UNROLL for (int g = 0; g < GROUPS; g++) UNROLL for (int t = 0; t < TILES; t++)
        store(out + (size_t)g * tiles + t * LANES, acc[g * TILES + t]);
}

void KERNEL(winograd_multiply)(const struct winograd_product *j)
{
    for (int point = 0; point < POINTS; point++) {
        int group = 0;
        for (; group + 2 <= j->groups; group += 2)
            for (int tile = 0; tile < j->tiles; tile += TILE_TWO)
                multiply_tiles(2, TILE_TWO, j, point, group, tile);
        for (; group < j->groups; group++)
            for (int tile = 0; tile < j->tiles; tile += TILE_ONE)
                multiply_tiles(1, TILE_ONE, j, point, group, tile);
    }
}

/* --- back from the points --- */

/* What a step adds to the lines (columns of outputs) of its products. */
static void product_lines(const struct winograd_cut *cut, const struct winograd_strip *strip, const engine_real *products, int step,
                          engine_real *lines)
{
    const int rows = strip->images * strip->rows, columns = winograd_columns(cut);
    const size_t tiles = (size_t)cut->tiles * LANES, point = tiles * (size_t)cut->out_blocks;
    for (int g = 0; g < cut->out_blocks; g++) {
        const engine_real *from = products + (size_t)g * tiles;
        for (int q = 0; q < rows; q++) {
            engine_real *to = lines + (size_t)(g * rows + q) * winograd_line(columns) + (size_t)(step * columns) * LANES;
            for (int t = 0; t < cut->tiles_x; t++, from += LANES, to += OUT_TILE * LANES) {
                vec m[POINTS], y[OUT_TILE];
                UNROLL for (int k = 0; k < POINTS; k++) m[k] = load(from + (size_t)k * point);
                outputs_of_points(m, y);
                UNROLL for (int c = 0; c < OUT_TILE; c++) store(to + c * LANES, y[c]);
            }
        }
    }
}

/* The outputs of one tile, whose first column `line` points at. */
INLINE void tile_outputs(const engine_real *line, int columns, vec y[OUT_TILE][OUT_TILE])
{
    UNROLL for (int c = 0; c < OUT_TILE; c++)
    {
        vec m[POINTS], h[OUT_TILE];
        UNROLL for (int r = 0; r < POINTS; r++) m[r] = load(line + (size_t)(r * columns + c) * LANES);
        outputs_of_points(m, h);
        UNROLL for (int r = 0; r < OUT_TILE; r++) y[r][c] = h[r];
    }
}

/* Where the outputs of a block go. */
struct sink {
    engine_real *out; /* of the image */
    int h, w;
    vec bias, center;
    double *sums, *squares; /* of the block, or NULL */
};

/* Bias, store and sums of the first `rows` x `columns` outputs of a tile. */
INLINE void tile_sink(const struct sink *s, vec y[OUT_TILE][OUT_TILE], int row, int column, const int rows, const int columns)
{
    vec sum = {0}, square = {0};
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int c = 0; c < columns; c++)
    {
        vec v = y[r][c] + s->bias;
        store(s->out + (size_t)((row + r) * s->w + column + c) * LANES, v);
        v -= s->center;
        sum += v;
        square += v * v;
    }
    if (s->sums) {
        add_lanes(s->sums, sum);
        add_lanes(s->squares, square);
    }
}

/* One row of tiles of one block. */
static void output_row(const struct winograd_cut *cut, const engine_real *line, int row, const struct sink *s)
{
    for (int t = 0; t < cut->tiles_x; t++, line += OUT_TILE * LANES) {
        vec y[OUT_TILE][OUT_TILE];
        const int column = t * OUT_TILE;
        tile_outputs(line, winograd_columns(cut), y);
        if (row + OUT_TILE <= s->h && column + OUT_TILE <= s->w) {
            tile_sink(s, y, row, column, OUT_TILE, OUT_TILE);
            continue;
        }
        for (int r = 0; r < OUT_TILE && row + r < s->h; r++)
            for (int c = 0; c < OUT_TILE && column + c < s->w; c++) {
                vec one[OUT_TILE][OUT_TILE];
                one[0][0] = y[r][c];
                tile_sink(s, one, row + r, column + c, 1, 1);
            }
    }
}

/* A center for the sums: the mean of the first tile's outputs. */
static void find_center(const struct kernels_forward *call, const struct winograd_cut *cut, const struct winograd_strip *strip,
                        const engine_real *lines)
{
    const int rows = call->at.oh < OUT_TILE ? call->at.oh : OUT_TILE, columns = call->at.ow < OUT_TILE ? call->at.ow : OUT_TILE;
    const size_t block = (size_t)(strip->images * strip->rows) * winograd_line(winograd_columns(cut));
    for (int g = 0; g < cut->out_blocks; g++) {
        vec y[OUT_TILE][OUT_TILE], sum = {0};
        tile_outputs(lines + (size_t)g * block, winograd_columns(cut), y);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                sum += y[r][c];
        vec mean = sum / (engine_real)(rows * columns);
        if (call->bias)
            mean += load(call->bias + g * LANES);
        store(call->center + g * LANES, mean);
    }
}

static void strip_outputs(const struct kernels_forward *call, const struct winograd_cut *cut, const struct winograd_strip *strip,
                          const engine_real *lines)
{
    const struct kernels_geometry *at = &call->at;
    const size_t line = winograd_line(winograd_columns(cut)), plane = (size_t)(at->oh * at->ow) * LANES;
    for (int i = 0; i < strip->images; i++)
        for (int g = 0; g < cut->out_blocks; g++) {
            const struct sink s = {.out = call->out + ((size_t)(strip->image + i) * (size_t)cut->out_blocks + (size_t)g) * plane,
                                   .h = at->oh,
                                   .w = at->ow,
                                   .bias = call->bias ? load(call->bias + g * LANES) : (vec){0},
                                   .center = call->sums ? load(call->center + g * LANES) : (vec){0},
                                   .sums = call->sums ? call->sums + g * LANES : NULL,
                                   .squares = call->sums ? call->squares + g * LANES : NULL};
            for (int r = 0; r < strip->rows; r++)
                output_row(cut, lines + (size_t)((g * strip->images + i) * strip->rows + r) * line, (strip->first + r) * OUT_TILE,
                           &s);
        }
}

/* --- the whole --- */

/* What a forward pass keeps in scratch. */
struct work {
    engine_real *weights, *packed, *in_lines, *in, *out, *out_lines, *end;
};

static struct work divide(const struct winograd_cut *cut, engine_real *scratch)
{
    struct work w = {.weights = scratch};
    w.packed = w.weights + AREA * winograd_weights_point(cut);
    w.in_lines = w.packed + winograd_packed_elements(cut);
    w.in = w.in_lines + winograd_lines_elements(cut, cut->in_blocks, cut->packed_columns);
    w.out = w.in + winograd_points_elements(cut, cut->in_blocks);
    w.out_lines = w.out + winograd_points_elements(cut, cut->out_blocks);
    w.end = w.out_lines + winograd_lines_elements(cut, cut->out_blocks, winograd_columns(cut));
    return w;
}

size_t KERNEL(winograd_forward_scratch)(const struct kernels_geometry *at)
{
    const struct winograd_cut cut = KERNEL(winograd_cut)(at);
    return (size_t)(divide(&cut, NULL).end - (engine_real *)NULL);
}

/* What the next strip reads and this one writes, to be asked for while this one is multiplied. */
static void announce(const struct kernels_forward *call, const struct winograd_cut *cut, struct winograd_strip strip,
                     struct ahead *ahead)
{
    const struct kernels_geometry *at = &call->at;
    *ahead = (struct ahead){.share = 0};
    winograd_announce(cut, &strip, call->out, winograd_part(cut, cut->out_blocks, at->oh * at->ow), ahead, 0);
    if (KERNEL(winograd_next)(at, cut, &strip))
        winograd_announce(cut, &strip, call->in.data, winograd_part(cut, cut->in_blocks, at->h * at->w), ahead, 1);
}

void KERNEL(winograd_forward)(const struct kernels_forward *call)
{
    const struct kernels_geometry *at = &call->at;
    const struct winograd_cut cut = KERNEL(winograd_cut)(at);
    const struct work w = divide(&cut, call->scratch);
    struct ahead ahead = {.share = 0};
    struct winograd_product product = {.in = w.in,
                                       .out = w.out,
                                       .weights_point = winograd_weights_point(&cut),
                                       .channels = at->c_in,
                                       .blocks = cut.in_blocks,
                                       .groups = cut.out_blocks,
                                       .room = cut.tiles,
                                       .ahead = &ahead};
    all_weights(&cut, call->weights, w.weights);
    struct winograd_strip strip = {0};
    while (KERNEL(winograd_next)(at, &cut, &strip)) {
        KERNEL(winograd_lines)(at, &cut, &strip, &call->in, w.packed, w.in_lines);
        announce(call, &cut, strip, &ahead);
        product.tiles = strip.tiles;
        for (int step = 0; step < POINTS; step++) {
            KERNEL(winograd_points)(&cut, &strip, w.in_lines, step, w.in);
            product.weights = w.weights + (size_t)(step * POINTS) * product.weights_point;
            KERNEL(winograd_multiply)(&product);
            product_lines(&cut, &strip, w.out, step, w.out_lines);
        }
        if (call->sums && strip.image == 0 && strip.first == 0)
            find_center(call, &cut, &strip, w.out_lines);
        strip_outputs(call, &cut, &strip, w.out_lines);
    }
}
