/* kernels_move: what only moves numbers: taking every second pixel, channels into a wider plane (zero channels around them, or a
 * concatenation), shuffling channels. Whole blocks move as vectors; channels that change their lane move one by one. */
#include "worker/engine/kernels_inner.h"

INLINE size_t subsample_place(const struct kernels_pool *at, int r, int c)
{
    return (size_t)((at->offset + r * at->stride) * at->w + at->offset + c * at->stride) * LANES;
}

void KERNEL(subsample_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
void KERNEL(subsample_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out)
{
    const int blocks = blocks_of(at->channels);
    for (int p = 0; p < at->n * blocks; p++) {
        const int channel = p % blocks * LANES;
        const struct affine map = source_affine(&in, channel);
        const engine_real *x = in.data + (size_t)p * (size_t)(at->h * at->w) * LANES;
        for (int r = 0; r < at->oh; r++)
            for (int c = 0; c < at->ow; c++, out += LANES)
                store(out, source_apply(load(x + subsample_place(at, r, c)), map, 1, in.relu));
    }
}

void KERNEL(subsample_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend,
                                engine_real *out);
void KERNEL(subsample_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend,
                                engine_real *out)
{
    const size_t plane = (size_t)(at->h * at->w) * LANES;
    for (int p = 0; p < at->n * blocks_of(at->channels); p++) {
        engine_real *to = out + (size_t)p * plane;
        if (!addend)
            memset(to, 0, plane * sizeof *to);
        else if (addend != out)
            memcpy(to, addend + (size_t)p * plane, plane * sizeof *to);
        for (int r = 0; r < at->oh; r++)
            for (int c = 0; c < at->ow; c++, gradient += LANES) {
                engine_real *pixel = to + subsample_place(at, r, c);
                store(pixel, load(pixel) + load(gradient));
            }
    }
}

/* Where channel c of image n starts in (N, blocks, plane, L). */
INLINE size_t channel_at(int n, int c, int channels, size_t plane)
{
    return ((size_t)(n * blocks_of(channels) + c / LANES) * plane) * LANES + (size_t)(c % LANES);
}

/* One channel on its way to another lane: every number as `in` is read, to `to` in steps of LANES. */
INLINE void move_channel(const struct kernels_source *in, int c, const engine_real *x, size_t plane, engine_real *to)
{
    const engine_real center = in->scale ? in->center[c] : 0, scale = in->scale ? in->scale[c] : 1,
                      rest = in->scale ? in->rest[c] : 0, shift = in->scale ? in->shift[c] : 0;
    for (size_t i = 0; i < plane; i++) {
        const engine_real from = x[i * LANES] - center, v = from * scale + (from * rest + shift);
        to[i * LANES] = in->relu && v < 0 ? 0 : v;
    }
}

/* The same for whole blocks whose lanes stay: block `from` of the source to `to`. */
INLINE void move_block(const struct kernels_source *in, int block, const engine_real *x, size_t plane, engine_real *to)
{
    const struct affine map = source_affine(in, block * LANES);
    for (size_t i = 0; i < plane; i++)
        store(to + i * LANES, source_apply(load(x + i * LANES), map, 1, in->relu));
}

void KERNEL(widen_forward)(const struct kernels_widen *at, struct kernels_source in, engine_real *out);
void KERNEL(widen_forward)(const struct kernels_widen *at, struct kernels_source in, engine_real *out)
{
    const int blocks = blocks_of(at->c_in), aligned = at->before % LANES == 0;
    if (!at->join)
        memset(out, 0, (size_t)(at->n * blocks_of(at->c_out)) * at->plane * LANES * sizeof *out);
    for (int n = 0; n < at->n; n++) {
        for (int b = 0; aligned && b < blocks; b++)
            move_block(&in, b, in.data + channel_at(n, b * LANES, at->c_in, at->plane), at->plane,
                       out + channel_at(n, b * LANES + at->before, at->c_out, at->plane));
        for (int c = 0; !aligned && c < at->c_in; c++)
            move_channel(&in, c, in.data + channel_at(n, c, at->c_in, at->plane), at->plane,
                         out + channel_at(n, c + at->before, at->c_out, at->plane));
    }
}

/* Whole blocks of the wide gradient come back as they are; the last one may bring lanes that belong to others. */
static void take_blocks(const struct kernels_widen *at, int n, const engine_real *gradient, const engine_real *addend,
                        engine_real *out)
{
    for (int b = 0; b < blocks_of(at->c_in); b++) {
        const size_t own = channel_at(n, b * LANES, at->c_in, at->plane);
        const engine_real *d = gradient + channel_at(n, b * LANES + at->before, at->c_out, at->plane);
        vec gate = {0};
        for (int l = 0; l < lanes_in(at->c_in, b) && l < LANES; l++)
            gate[l] = 1;
        for (size_t i = 0; i < at->plane * LANES; i += LANES)
            store(out + own + i, keep_positive(load(d + i), gate) + (addend ? load(addend + own + i) : (vec){0}));
    }
}

void KERNEL(widen_backward)(const struct kernels_widen *at, const engine_real *gradient, const engine_real *addend,
                            engine_real *out);
void KERNEL(widen_backward)(const struct kernels_widen *at, const engine_real *gradient, const engine_real *addend,
                            engine_real *out)
{
    const size_t whole = (size_t)(at->n * blocks_of(at->c_in)) * at->plane * LANES * sizeof *out;
    const int aligned = at->before % LANES == 0;
    for (int n = 0; aligned && n < at->n; n++)
        take_blocks(at, n, gradient, addend, out);
    if (aligned)
        return;
    if (!addend)
        memset(out, 0, whole);
    else if (addend != out)
        memcpy(out, addend, whole);
    for (int n = 0; n < at->n; n++)
        for (int c = 0; c < at->c_in; c++) {
            const engine_real *d = gradient + channel_at(n, c + at->before, at->c_out, at->plane);
            engine_real *to = out + channel_at(n, c, at->c_in, at->plane);
            for (size_t i = 0; i < at->plane; i++)
                to[i * LANES] += d[i * LANES];
        }
}

/* Pixels gathered at a time: they stay in the first cache. */
enum { GATHERED = 32 };

/* A block whose lanes come from anywhere: where each begins, and how they are read. */
struct gather {
    const engine_real *from[LANES];
    int lanes; /* in use; the others become 0 */
    engine_real center[LANES], scale[LANES], rest[LANES], shift[LANES];
};

static void gather_lane(struct gather *g, const struct kernels_source *in, int c, const engine_real *from)
{
    const int l = g->lanes++;
    g->from[l] = from;
    g->center[l] = in->scale ? in->center[c] : 0;
    g->scale[l] = in->scale ? in->scale[c] : 1;
    g->rest[l] = in->scale ? in->rest[c] : 0;
    g->shift[l] = in->scale ? in->shift[c] : 0;
}

/* Lane by lane into a few vectors, which then go on as vectors. */
static void gather_block(const struct gather *g, int rectify, size_t plane, const engine_real *addend, engine_real *out)
{
    engine_real raw[GATHERED * LANES];
    struct affine map;
    memcpy(&map.center, g->center, sizeof map.center);
    memcpy(&map.scale, g->scale, sizeof map.scale);
    memcpy(&map.rest, g->rest, sizeof map.rest);
    memcpy(&map.shift, g->shift, sizeof map.shift);
    memset(raw, 0, sizeof raw);
    for (size_t first = 0; first < plane; first += GATHERED) {
        const size_t count = plane - first < GATHERED ? plane - first : GATHERED;
        for (size_t i = 0; i < count; i++) {
            if (g->lanes == LANES)
                UNROLL for (int l = 0; l < LANES; l++) raw[i * LANES + (size_t)l] = g->from[l][(first + i) * LANES];
            else
                for (int l = 0; l < g->lanes; l++)
                    raw[i * LANES + (size_t)l] = g->from[l][(first + i) * LANES];
        }
        for (size_t i = 0; i < count; i++) {
            vec v;
            memcpy(&v, raw + i * LANES, sizeof v);
            v = source_apply(v, map, 1, rectify);
            const size_t at = (first + i) * LANES;
            if (addend)
                v += load(addend + at);
            store(out + at, v);
        }
    }
}

void KERNEL(shuffle)(int n, int channels, size_t plane, int groups, struct kernels_source in, const engine_real *addend,
                     engine_real *out);
void KERNEL(shuffle)(int n, int channels, size_t plane, int groups, struct kernels_source in, const engine_real *addend,
                     engine_real *out)
{
    const int each = channels / groups, blocks = blocks_of(channels);
    for (int p = 0; p < n * blocks; p++) {
        struct gather g = {.lanes = 0};
        const int first = p % blocks * LANES, last = first + lanes_in(channels, p % blocks);
        for (int to = first; to < last; to++) {
            const int c = to % groups * each + to / groups;
            gather_lane(&g, &in, c, in.data + channel_at(p / blocks, c, channels, plane));
        }
        const size_t at = (size_t)p * plane * LANES;
        gather_block(&g, in.relu, plane, addend ? addend + at : NULL, out + at);
    }
}
