/* kernels_move: the two parts of a residual net's parameter-free shortcut: taking every second pixel, and zero channels around. */
#include "worker/engine/kernels_inner.h"

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
                store(out, source_apply(load(x + (r * at->w + c) * at->stride * LANES), map, 1, in.relu));
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
                engine_real *pixel = to + (r * at->w + c) * at->stride * LANES;
                store(pixel, load(pixel) + load(gradient));
            }
    }
}

/* Where channel c of image n starts in (N, blocks, plane, L). */
INLINE size_t channel_at(int n, int c, int channels, size_t plane)
{
    return ((size_t)(n * blocks_of(channels) + c / LANES) * plane) * LANES + (size_t)(c % LANES);
}

void KERNEL(widen_forward)(const struct kernels_widen *at, struct kernels_source in, engine_real *out);
void KERNEL(widen_forward)(const struct kernels_widen *at, struct kernels_source in, engine_real *out)
{
    memset(out, 0, (size_t)(at->n * blocks_of(at->c_out)) * at->plane * LANES * sizeof *out);
    for (int n = 0; n < at->n; n++)
        for (int c = 0; c < at->c_in; c++) {
            const engine_real *x = in.data + channel_at(n, c, at->c_in, at->plane);
            const engine_real center = in.scale ? in.center[c] : 0, scale = in.scale ? in.scale[c] : 1,
                              rest = in.scale ? in.rest[c] : 0, shift = in.scale ? in.shift[c] : 0;
            engine_real *to = out + channel_at(n, c + at->before, at->c_out, at->plane);
            for (size_t i = 0; i < at->plane; i++) {
                const engine_real from = x[i * LANES] - center, v = from * scale + (from * rest + shift);
                to[i * LANES] = in.relu && v < 0 ? 0 : v;
            }
        }
}

void KERNEL(widen_backward)(const struct kernels_widen *at, const engine_real *gradient, const engine_real *addend,
                            engine_real *out);
void KERNEL(widen_backward)(const struct kernels_widen *at, const engine_real *gradient, const engine_real *addend,
                            engine_real *out)
{
    const size_t whole = (size_t)(at->n * blocks_of(at->c_in)) * at->plane * LANES * sizeof *out;
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
