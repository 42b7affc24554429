/* kernels_point: 1x1 convolution in one group with stride 1 and no padding, forward and backward.
 *
 * Such a layer does little arithmetic for what it reads, so everything is done to a few pixels while they stand in the first-level
 * cache (a span): the input is read once through its batch norm and ReLU, the output's gradient once through the backward of its
 * norm; weight gradient, input gradient and the sums for the norms that feed on the input's gradient are all taken from there.
 * Spans are short so that memory is asked for evenly and not in bursts.
 *
 * Rounding: as in kernels_sweep, every input block is summed apart before it joins the total. */
#include "worker/engine/kernels_inner.h"

/* Pixels of a span, and how many pixels ahead memory is asked for. */
enum { SPAN_PIXELS = 64, AHEAD = 32, VECTORS_PER_LINE = CACHE_LINE > (int)sizeof(vec) ? CACHE_LINE / (int)sizeof(vec) : 1 };

/* Neighbouring pixels of one image: element (block, pixel, lane) at data + block*SPAN_BLOCK + pixel*LANES + lane. The last tile may
 * read beyond the last pixel, never beyond the span. */
enum { SPAN_BLOCK = SPAN_PIXELS * LANES };

/* Many channels work through many weights for each span: it is longer then. */
INLINE int span_pixels(const struct kernels_geometry *at)
{
    return blocks_of(at->c_in) + blocks_of(at->c_out) >= 8 ? SPAN_PIXELS : SPAN_PIXELS / 2;
}

int KERNEL(is_point)(const struct kernels_geometry *at)
{
    return at->kh == 1 && at->kw == 1 && at->stride == 1 && at->pad == 0 && at->groups == 1;
}

static size_t span_elements(int channels)
{
    return (size_t)blocks_of(channels) * SPAN_BLOCK;
}

size_t KERNEL(point_forward_scratch)(const struct kernels_geometry *at)
{
    return span_elements(at->c_in);
}

size_t KERNEL(point_backward_scratch)(const struct kernels_geometry *at)
{
    return span_elements(at->c_in) + span_elements(at->c_out) + kernels_weight_elements(at, LANES);
}

/* A run of pixels of one image, in its tensors. */
struct place {
    int n, pixels;
    size_t first, plane; /* pixels */
};

/* Where block b of a tensor of `channels` channels begins at a place. */
INLINE size_t place_of(const struct place *p, int channels, int b)
{
    return (((size_t)p->n * (size_t)blocks_of(channels) + (size_t)b) * p->plane + p->first) * LANES;
}

/* --- reading --- */

INLINE void read_block(const engine_real *x, int pixels, struct affine map, const int AFFINE, const int RECTIFY, engine_real *out)
{
    for (int p = 0; p < pixels; p++) {
        if (p % VECTORS_PER_LINE == 0)
            __builtin_prefetch(x + (p + AHEAD) * LANES, 0, 3);
        store(out + p * LANES, source_apply(load(x + p * LANES), map, AFFINE, RECTIFY));
    }
}

INLINE void read_sum(const engine_real *x, const engine_real *y, int pixels, struct affine one, struct affine two,
                     const int RECTIFY, engine_real *out)
{
    for (int p = 0; p < pixels; p++) {
        if (p % VECTORS_PER_LINE == 0) {
            __builtin_prefetch(x + (p + AHEAD) * LANES, 0, 3);
            __builtin_prefetch(y + (p + AHEAD) * LANES, 0, 3);
        }
        store(out + p * LANES, source_sum(load(x + p * LANES), one, load(y + p * LANES), two, RECTIFY));
    }
}

static void read_source(const struct kernels_source *in, int channels, const struct place *place, engine_real *span)
{
    for (int b = 0; b < blocks_of(channels); b++, span += SPAN_BLOCK) {
        const struct affine map = source_affine(in, b * LANES);
        const size_t at = place_of(place, channels, b);
        const engine_real *x = in->data + at;
        if (in->plus && in->relu)
            read_sum(x, in->plus->data + at, place->pixels, map, source_affine(in->plus, b * LANES), 1, span);
        else if (in->plus)
            read_sum(x, in->plus->data + at, place->pixels, map, source_affine(in->plus, b * LANES), 0, span);
        else if (in->scale && in->relu)
            read_block(x, place->pixels, map, 1, 1, span);
        else if (in->scale)
            read_block(x, place->pixels, map, 1, 0, span);
        else if (in->relu)
            read_block(x, place->pixels, map, 0, 1, span);
        else
            read_block(x, place->pixels, map, 0, 0, span);
    }
}

static void read_gradient(const struct kernels_gradient *in, int channels, const struct place *place, engine_real *span)
{
    for (int b = 0; b < blocks_of(channels); b++, span += SPAN_BLOCK) {
        const size_t at = place_of(place, channels, b);
        const engine_real *g = in->gradient + at, *x = in->raw + at;
        const struct gradient_map map = gradient_map(in, b * LANES);
        if (!in->raw) {
            memcpy(span, g, (size_t)place->pixels * LANES * sizeof *span);
            continue;
        }
        for (int p = 0; p < place->pixels; p++) {
            if (p % VECTORS_PER_LINE == 0) {
                __builtin_prefetch(g + (p + AHEAD) * LANES, 0, 3);
                __builtin_prefetch(x + (p + AHEAD) * LANES, 0, 3);
            }
            store(span + p * LANES, gradient_at(in, &map, at + (size_t)(p * LANES), 1));
        }
    }
}

/* --- products --- */

/* out = sum over the lanes of one input block, for GROUPS output blocks x TILE pixels. */
INLINE void meet_lanes(vec *out, const int GROUPS, const int TILE, int lanes, const engine_real *x, const engine_real *w,
                       size_t group)
{
    UNROLL for (int p = 0; p < GROUPS * TILE; p++) out[p] = (vec){0};
    for (int i = 0; i < lanes; i++, x++, w += LANES) {
        const vec w0 = load(w), w1 = GROUPS > 1 ? load(w + group) : w0;
        UNROLL for (int p = 0; p < TILE; p++)
        {
            const engine_real value = x[p * LANES];
            out[p] += w0 * value;
            if (GROUPS > 1)
                out[TILE + p] += w1 * value;
        }
    }
}

/* The same over all input blocks. Weights: (output blocks, input blocks, L, L). */
INLINE void meet_blocks(vec *out, const int GROUPS, const int TILE, int channels, const engine_real *x, const engine_real *w)
{
    const int blocks = blocks_of(channels);
    const size_t group = (size_t)blocks * LANES * LANES;
    meet_lanes(out, GROUPS, TILE, lanes_in(channels, 0), x, w, group);
    for (int b = 1; b < blocks; b++) {
        vec part[TILE_ONE];
        meet_lanes(part, GROUPS, TILE, lanes_in(channels, b), x + b * SPAN_BLOCK, w + (size_t)b * LANES * LANES, group);
        UNROLL for (int p = 0; p < GROUPS * TILE; p++) out[p] += part[p];
    }
}

/* What becomes of the products, for one output block: its first pixel in the tensor, and what goes into it. */
struct finish {
    engine_real *out;
    const engine_real *bias, *gate, *addend; /* each NULL: nothing */
    double *sums, *squares;                  /* NULL: not wanted */
    const engine_real *center;
};

INLINE void finish_tile(const vec *acc, const int count, const struct finish *f, size_t at)
{
    engine_real *const out = f->out + at;
    vec v[TILE_ONE];
    const vec bias = f->bias ? load(f->bias) : (vec){0};
    UNROLL for (int p = 0; p < count; p++) v[p] = acc[p] + bias;
    if (f->gate)
        UNROLL for (int p = 0; p < count; p++) v[p] = keep_positive(v[p], load(f->gate + at + p * LANES));
    if (f->addend)
        UNROLL for (int p = 0; p < count; p++) v[p] += load(f->addend + at + p * LANES);
    UNROLL for (int p = 0; p < count; p++) store(out + p * LANES, v[p]);
    if (!f->sums)
        return;
    const vec center = load(f->center);
    vec sum = {0}, square = {0};
    UNROLL for (int p = 0; p < count; p++)
    {
        const vec d = v[p] - center;
        sum += d;
        square += d * d;
        if (p % SUM_PIXELS == SUM_PIXELS - 1 || p + 1 == count) {
            add_lanes(f->sums, sum);
            add_lanes(f->squares, square);
            sum = square = (vec){0};
        }
    }
}

/* The last tile of a span may hang over its end. */
INLINE void finish_part(const vec *acc, const int TILE, int count, const struct finish *f, size_t at)
{
    vec kept[TILE_ONE];
    UNROLL for (int p = 0; p < TILE; p++) kept[p] = acc[p];
    for (int p = 0; p < count; p++)
        finish_tile(kept + p, 1, f, at + (size_t)p * LANES);
}

INLINE void run_tiles(const int GROUPS, const int TILE, int channels, const engine_real *x, const engine_real *w, int pixels,
                      const struct finish *f)
{
    for (int p = 0; p < pixels; p += TILE) {
        vec acc[TILE_ONE];
        UNROLL for (int g = 0; g < GROUPS; g++) UNROLL for (int i = 0; i < TILE; i += VECTORS_PER_LINE)
            __builtin_prefetch(f[g].out + (p + i + AHEAD) * LANES, 1, 3);
        meet_blocks(acc, GROUPS, TILE, channels, x + p * LANES, w);
        UNROLL for (int g = 0; g < GROUPS; g++)
        {
            if (p + TILE <= pixels)
                finish_tile(acc + g * TILE, TILE, &f[g], (size_t)p * LANES);
            else
                finish_part(acc + g * TILE, TILE, pixels - p, &f[g], (size_t)p * LANES);
        }
    }
}

static void tiles_one(int channels, const engine_real *x, const engine_real *w, int pixels, const struct finish *f)
{
    run_tiles(1, TILE_ONE, channels, x, w, pixels, f);
}

static void tiles_two(int channels, const engine_real *x, const engine_real *w, int pixels, const struct finish *f)
{
    run_tiles(2, TILE_TWO, channels, x, w, pixels, f);
}

/* --- forward --- */

/* Pixels [first, end) of image n. */
static void forward_pixels(const struct kernels_forward *call, int n, size_t first, size_t end)
{
    const struct kernels_geometry *at = &call->at;
    const int groups = blocks_of(at->c_out);
    const size_t group = (size_t)blocks_of(at->c_in) * LANES * LANES;
    struct place place = {.n = n, .first = first, .plane = (size_t)(at->h * at->w)};
    const int most = span_pixels(at);
    for (; place.first < end; place.first += (size_t)most) {
        struct finish f[2];
        place.pixels = end - place.first < (size_t)most ? (int)(end - place.first) : most;
        read_source(&call->in, at->c_in, &place, call->scratch);
        for (int g = 0; g < groups; g += 2) {
            for (int i = 0; i < 2 && g + i < groups; i++)
                f[i] = (struct finish){.out = call->out + place_of(&place, at->c_out, g + i),
                                       .bias = call->bias ? call->bias + (g + i) * LANES : NULL,
                                       .sums = call->sums ? call->sums + (g + i) * LANES : NULL,
                                       .squares = call->sums ? call->squares + (g + i) * LANES : NULL,
                                       .center = call->sums ? call->center + (g + i) * LANES : NULL};
            (g + 1 < groups ? tiles_two : tiles_one)(at->c_in, call->scratch, call->weights + (size_t)g * group, place.pixels, f);
        }
    }
}

/* The mean of the first pixels of image 0 per channel. */
static void find_center(const struct kernels_forward *call)
{
    const size_t channels = (size_t)blocks_of(call->at.c_out) * LANES;
    memset(call->center, 0, channels * sizeof *call->center);
    forward_pixels(call, 0, 0, (size_t)call->at.w);
    for (size_t c = 0; c < channels; c++) {
        call->center[c] = (engine_real)(call->sums[c] / call->at.w);
        call->sums[c] = call->squares[c] = 0;
    }
}

void KERNEL(point_forward)(const struct kernels_forward *call)
{
    const struct kernels_geometry *at = &call->at;
    if (call->sums)
        find_center(call);
    for (int n = 0; n < at->n; n++)
        forward_pixels(call, n, 0, (size_t)(at->h * at->w));
}

/* --- backward --- */

/* Adds one span's share to the weights of GROUPS output blocks x WIDTH input lanes. */
INLINE void weights_tile(const int GROUPS, const int WIDTH, int pixels, const engine_real *x, const engine_real *g, engine_real *to,
                         size_t group)
{
    vec acc[2 * PAIR_LANES];
    UNROLL for (int i = 0; i < GROUPS * WIDTH; i++) acc[i] = (vec){0};
    for (int p = 0; p < pixels; p++, x += LANES, g += LANES) {
        const vec g0 = load(g), g1 = GROUPS > 1 ? load(g + SPAN_BLOCK) : g0;
        UNROLL for (int i = 0; i < WIDTH; i++)
        {
            acc[i] += g0 * x[i];
            if (GROUPS > 1)
                acc[WIDTH + i] += g1 * x[i];
        }
    }
    UNROLL for (int k = 0; k < GROUPS; k++) UNROLL for (int i = 0; i < WIDTH; i++)
    {
        engine_real *sum = to + (size_t)k * group + (size_t)(i * LANES);
        store(sum, load(sum) + acc[k * WIDTH + i]);
    }
}

static void weights_single(int lanes, int pixels, const engine_real *x, const engine_real *g, engine_real *to)
{
    for (int i = 0; i < lanes; i += SINGLE_LANES)
        weights_tile(1, SINGLE_LANES, pixels, x + i, g, to + i * LANES, 0);
}

static void weights_pair(int lanes, int pixels, const engine_real *x, const engine_real *g, engine_real *to, size_t group)
{
    for (int i = 0; i < lanes; i += PAIR_LANES)
        weights_tile(2, PAIR_LANES, pixels, x + i, g, to + i * LANES, group);
}

static void add_weights(const struct kernels_geometry *at, const engine_real *x, const engine_real *g, int pixels, engine_real *to)
{
    const int blocks = blocks_of(at->c_in), groups = blocks_of(at->c_out);
    const size_t group = (size_t)blocks * LANES * LANES;
    for (int o = 0; o < groups; o += 2)
        for (int b = 0; b < blocks; b++) {
            engine_real *sum = to + (size_t)o * group + (size_t)b * LANES * LANES;
            if (o + 1 < groups)
                weights_pair(lanes_in(at->c_in, b), pixels, x + b * SPAN_BLOCK, g + o * SPAN_BLOCK, sum, group);
            else
                weights_single(lanes_in(at->c_in, b), pixels, x + b * SPAN_BLOCK, g + o * SPAN_BLOCK, sum);
        }
}

static void add_bias(const engine_real *g, int channels, int pixels, engine_real *to)
{
    for (int b = 0; b < blocks_of(channels); b++, g += SPAN_BLOCK, to += LANES) {
        vec sum = {0};
        for (int p = 0; p < pixels; p++)
            sum += load(g + p * LANES);
        store(to, load(to) + sum);
    }
}

/* (O blocks, I blocks, I, O) -> (I blocks, O blocks, O, I). */
static void transpose(const struct kernels_geometry *at, const engine_real *from, engine_real *to)
{
    const int blocks = blocks_of(at->c_in), groups = blocks_of(at->c_out);
    for (int o = 0; o < groups; o++)
        for (int b = 0; b < blocks; b++, from += LANES * LANES)
            transpose_lanes(from, to + (size_t)(b * groups + o) * LANES * LANES);
}

static void input_gradient(const struct kernels_backward *call, const struct place *place, const engine_real *x,
                           const engine_real *g, const engine_real *transposed)
{
    const struct kernels_geometry *at = &call->at;
    const int blocks = blocks_of(at->c_in);
    const size_t group = (size_t)blocks_of(at->c_out) * LANES * LANES;
    struct finish f[2];
    for (int b = 0; b < blocks; b += 2) {
        for (int i = 0; i < 2 && b + i < blocks; i++) {
            const size_t to = place_of(place, at->c_in, b + i);
            f[i] = (struct finish){.out = call->in_gradient + to,
                                   .gate = call->mask ? x + (b + i) * SPAN_BLOCK : NULL,
                                   .addend = call->addend ? call->addend + to : NULL};
        }
        (b + 1 < blocks ? tiles_two : tiles_one)(at->c_out, g, transposed + (size_t)b * group, place->pixels, f);
    }
    for (int b = 0; call->feeds.count > 0 && b < blocks; b++) {
        const size_t to = place_of(place, at->c_in, b);
        KERNEL(feeds_add)(&call->feeds, to, b * LANES, call->in_gradient + to, (size_t)place->pixels);
    }
}

void KERNEL(point_backward)(const struct kernels_backward *call)
{
    const struct kernels_geometry *at = &call->at;
    engine_real *x = call->scratch, *g = x + span_elements(at->c_in), *transposed = g + span_elements(at->c_out);
    const int most = span_pixels(at);
    struct place place = {.plane = (size_t)(at->h * at->w)};
    if (call->weight_gradient)
        memset(call->weight_gradient, 0, kernels_weight_elements(at, LANES) * sizeof(engine_real));
    if (call->bias_gradient)
        memset(call->bias_gradient, 0, (size_t)blocks_of(at->c_out) * LANES * sizeof(engine_real));
    if (call->in_gradient)
        transpose(at, call->weights, transposed);
    for (; place.n < at->n; place.n++)
        for (place.first = 0; place.first < place.plane; place.first += (size_t)most) {
            const size_t left = place.plane - place.first;
            place.pixels = left < (size_t)most ? (int)left : most;
            read_source(&call->in, at->c_in, &place, x);
            read_gradient(&call->gradient, at->c_out, &place, g);
            if (call->weight_gradient)
                add_weights(at, x, g, place.pixels, call->weight_gradient);
            if (call->bias_gradient)
                add_bias(g, at->c_out, place.pixels, call->bias_gradient);
            if (call->in_gradient)
                input_gradient(call, &place, x, g, transposed);
        }
}
