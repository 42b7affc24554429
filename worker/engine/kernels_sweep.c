/* kernels_sweep: the direct convolution over packed scratch; forward and backward-data both end here.
 *
 * Every tap (or row of three taps) of an input block is summed apart before it joins the total: chains of products 3 to 12 times
 * shorter in these nets, so less rounding, for a few additions more.
 *
 * A tile is GROUPS output blocks x TILE neighbouring pixels of one output row, kept in registers over all input channels and taps.
 * Per input channel one weight vector is loaded for each group, and one input number is broadcast for each pixel. The sliding form
 * (triples) serves three taps at once: each broadcast feeds three products, which makes it bound by arithmetic and not by loads. */
#include "worker/engine/kernels_inner.h"

INLINE void tile_taps(vec *acc, const int GROUPS, const int TILE, const size_t pixel, const struct sweep *s, const engine_real *in,
                      const engine_real *weights)
{
    for (int b = 0; b < blocks_of(s->c_in); b++) {
        const int lanes = lanes_in(s->c_in, b);
        for (int t = 0; t < s->tap_count; t++) {
            const engine_real *x = in + (size_t)b * s->in_block + s->taps[t].offset;
            const engine_real *w = weights + (size_t)b * s->weight_block + s->taps[t].weight;
            vec part[32];
            UNROLL for (int p = 0; p < GROUPS * TILE; p++) part[p] = (vec){0};
            for (int i = 0; i < lanes; i++, x++, w += LANES) {
                const vec w0 = load(w), w1 = GROUPS > 1 ? load(w + s->weight_group) : w0;
                UNROLL for (int p = 0; p < TILE; p++)
                {
                    const engine_real value = x[(size_t)p * pixel];
                    part[p] += w0 * value;
                    if (GROUPS > 1)
                        part[TILE + p] += w1 * value;
                }
            }
            UNROLL for (int p = 0; p < GROUPS * TILE; p++) acc[p] += part[p];
        }
    }
}

/* One input number of column c of a tile's row meets the three taps: pixel p reads columns p, p+1 and p+2. */
INLINE void meet_triple(vec *acc, const int TILE, const int c, vec w0, vec w1, vec w2, engine_real value)
{
    if (c < TILE)
        acc[c] += w0 * value;
    if (c >= 1 && c <= TILE)
        acc[c - 1] += w1 * value;
    if (c >= 2)
        acc[c - 2] += w2 * value;
}

/* Three taps of one kernel row, on ROWS rows of one output block: short rows share the weights that way. */
INLINE void tile_triples(vec *acc, const int ROWS, const int TILE, const struct sweep *s, const engine_real *in,
                         const engine_real *weights)
{
    for (int b = 0; b < blocks_of(s->c_in); b++) {
        const int lanes = lanes_in(s->c_in, b);
        for (int t = 0; t < s->tap_count; t += 3) {
            const engine_real *x = in + (size_t)b * s->in_block + s->taps[t].offset;
            const engine_real *w = weights + (size_t)b * s->weight_block + s->taps[t].weight;
            vec part[32];
            UNROLL for (int p = 0; p < ROWS * TILE; p++) part[p] = (vec){0};
            for (int i = 0; i < lanes; i++, x++, w += LANES) {
                const vec w0 = load(w), w1 = load(w + LANES * LANES), w2 = load(w + 2 * LANES * LANES);
                UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int c = 0; c < TILE + 2; c++)
                    meet_triple(part + r * TILE, TILE, c, w0, w1, w2, x[(size_t)r * s->in_row + (size_t)(c * LANES)]);
            }
            UNROLL for (int p = 0; p < ROWS * TILE; p++) acc[p] += part[p];
        }
    }
}

/* Gate, addend, store and sums of `count` pixels of one group. */
INLINE void tile_finish(const vec *acc, const int count, const struct sweep *s, int group, int row, int column)
{
    const size_t at = (size_t)group * s->out_group + (size_t)row * s->out_row + (size_t)column * s->out_pixel;
    const size_t gate = (size_t)group * s->gate_group + (size_t)row * s->gate_row + (size_t)column * s->gate_pixel;
    vec sum = {0}, square = {0}, center = {0};
    if (s->sums)
        center = load(s->center + group * LANES);
    UNROLL for (int p = 0; p < count; p++)
    {
        vec v = acc[p];
        if (s->gate)
            v = keep_positive(v, load(s->gate + gate + (size_t)p * s->gate_pixel));
        if (s->addend)
            v += load(s->addend + at + (size_t)p * s->out_pixel);
        store(s->out + at + (size_t)p * s->out_pixel, v);
        v -= center;
        sum += v;
        square += v * v;
        if (s->sums && p % SUM_PIXELS == SUM_PIXELS - 1 && p + 1 < count) {
            add_lanes(s->sums + group * LANES, sum);
            add_lanes(s->squares + group * LANES, square);
            sum = square = (vec){0};
        }
    }
    if (s->sums) {
        add_lanes(s->sums + group * LANES, sum);
        add_lanes(s->squares + group * LANES, square);
    }
}

/* The last tile of a row may hang over its end: results beyond it are dropped. The loop is rolled so that it does not decide the
 * registers of the full tile. */
INLINE void tile_finish_part(const vec *acc, const int TILE, int count, const struct sweep *s, int group, int row, int column)
{
    vec kept[32];
    UNROLL for (int p = 0; p < TILE; p++) kept[p] = acc[p];
    for (int p = 0; p < count; p++)
        tile_finish(kept + p, 1, s, group, row, column + p);
}

/* Asks for the lines a tile will write (and add to) before its arithmetic, which takes longer than they take to come. */
INLINE void tile_announce(const int TILE, const struct sweep *s, int group, int row, int column)
{
    const size_t at = (size_t)group * s->out_group + (size_t)row * s->out_row + (size_t)column * s->out_pixel;
    UNROLL for (int p = 0; p<TILE; p += CACHE_LINE / (int)sizeof(vec)> 1 ? CACHE_LINE / (int)sizeof(vec) : 1)
    {
        __builtin_prefetch(s->out + at + (size_t)p * s->out_pixel, 1, 3);
        if (s->addend)
            __builtin_prefetch(s->addend + at + (size_t)p * s->out_pixel, 0, 3);
    }
}

/* A tile of GROUPS output blocks x ROWS rows x TILE pixels, of which one of GROUPS and ROWS is 1. */
INLINE void run_tile(const int GROUPS, const int ROWS, const int TILE, const int TRIPLE, const size_t pixel, const struct sweep *s,
                     int group, int row, int column)
{
    const engine_real *in = s->in + (size_t)row * s->in_row + (size_t)column * pixel;
    const engine_real *weights = s->weights + (size_t)group * s->weight_group;
    vec acc[32];
    if (s->ahead)
        ahead_touch(s->ahead);
    UNROLL for (int i = 0; i < GROUPS * ROWS; i++)
    {
        tile_announce(TILE, s, group + i / ROWS, row + i % ROWS, column);
        const vec start = s->bias ? load(s->bias + (group + i / ROWS) * LANES) : (vec){0};
        UNROLL for (int p = 0; p < TILE; p++) acc[i * TILE + p] = start;
    }
    if (TRIPLE)
        tile_triples(acc, ROWS, TILE, s, in, weights);
    else
        tile_taps(acc, GROUPS, TILE, pixel, s, in, weights);
    UNROLL for (int i = 0; i < GROUPS * ROWS; i++)
    {
        if (column + TILE <= s->columns)
            tile_finish(acc + i * TILE, TILE, s, group + i / ROWS, row + i % ROWS, column);
        else
            tile_finish_part(acc + i * TILE, TILE, s->columns - column, s, group + i / ROWS, row + i % ROWS, column);
    }
}

INLINE void run_groups(const int GROUPS, const int ROWS, const int TILE, const int TRIPLE, const size_t pixel,
                       const struct sweep *s, int group)
{
    int row = 0;
    for (; row + ROWS <= s->rows; row += ROWS)
        for (int c = 0; c < s->columns; c += TILE)
            run_tile(GROUPS, ROWS, TILE, TRIPLE, pixel, s, group, row, c);
    for (; ROWS > 1 && row < s->rows; row++)
        for (int c = 0; c < s->columns; c += TILE)
            run_tile(GROUPS, 1, TILE, TRIPLE, pixel, s, group, row, c);
}

static void triples_long(const struct sweep *s, int group)
{
    run_groups(1, 1, TILE_ONE, 1, LANES, s, group);
}

static void triples_short(const struct sweep *s, int group)
{
    run_groups(1, TILE_ONE / TILE_TWO, TILE_TWO, 1, LANES, s, group);
}

static void near_one(const struct sweep *s, int group)
{
    run_groups(1, 1, TILE_ONE, 0, LANES, s, group);
}

static void near_two(const struct sweep *s, int group)
{
    run_groups(2, 1, TILE_TWO, 0, LANES, s, group);
}

static void far_one(const struct sweep *s, int group)
{
    run_groups(1, 1, TILE_TWO, 0, s->in_pixel, s, group);
}

static void far_two(const struct sweep *s, int group)
{
    run_groups(2, 1, TILE_TWO, 0, s->in_pixel, s, group);
}

void KERNEL(sweep_run)(const struct sweep *s)
{
    const int near = s->in_pixel == LANES;
    void (*const triples)(const struct sweep *, int) = s->columns <= TILE_TWO ? triples_short : triples_long;
    void (*const one)(const struct sweep *, int) = s->triple ? triples : near ? near_one : far_one;
    void (*const two)(const struct sweep *, int) = near ? near_two : far_two;
    int group = 0;
    for (; !s->triple && group + 2 <= s->groups; group += 2)
        two(s, group);
    for (; group < s->groups; group++)
        one(s, group);
}
