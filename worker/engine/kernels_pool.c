/* kernels_pool: average pooling whose padding is not counted, forward and transposed. */
#include "worker/engine/kernels_inner.h"

/* The part [from, to) of a window at output position o that lies inside 0..size-1. */
INLINE void window(int o, int kernel, int stride, int pad, int size, int *from, int *to)
{
    const int start = o * stride - pad;
    *from = start < 0 ? 0 : start;
    *to = start + kernel > size ? size : start + kernel;
}

void KERNEL(pool_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
void KERNEL(pool_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out)
{
    const int blocks = blocks_of(at->channels);
    for (int p = 0; p < at->n * blocks; p++) {
        const int channel = p % blocks * LANES;
        const vec scale = source_scale(&in, channel), shift = source_shift(&in, channel);
        const engine_real *x = in.data + (size_t)p * (size_t)(at->h * at->w) * LANES;
        engine_real *y = out + (size_t)p * (size_t)(at->oh * at->ow) * LANES;
        for (int r = 0; r < at->oh; r++)
            for (int c = 0; c < at->ow; c++, y += LANES) {
                int top, bottom, left, right;
                window(r, at->kh, at->stride, at->pad, at->h, &top, &bottom);
                window(c, at->kw, at->stride, at->pad, at->w, &left, &right);
                vec total = {0};
                for (int i = top; i < bottom; i++)
                    for (int j = left; j < right; j++)
                        total += source_apply(load(x + (i * at->w + j) * LANES), scale, shift, 1, in.relu);
                store(y, total / (engine_real)((bottom - top) * (right - left)));
            }
    }
}

void KERNEL(pool_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend, engine_real *out);
void KERNEL(pool_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend, engine_real *out)
{
    const size_t plane = (size_t)(at->h * at->w) * LANES;
    for (int p = 0; p < at->n * blocks_of(at->channels); p++) {
        const engine_real *d = gradient + (size_t)p * (size_t)(at->oh * at->ow) * LANES;
        engine_real *to = out + (size_t)p * plane;
        if (!addend)
            memset(to, 0, plane * sizeof *to);
        else if (addend != out)
            memcpy(to, addend + (size_t)p * plane, plane * sizeof *to);
        for (int r = 0; r < at->oh; r++)
            for (int c = 0; c < at->ow; c++, d += LANES) {
                int top, bottom, left, right;
                window(r, at->kh, at->stride, at->pad, at->h, &top, &bottom);
                window(c, at->kw, at->stride, at->pad, at->w, &left, &right);
                const vec share = load(d) / (engine_real)((bottom - top) * (right - left));
                for (int i = top; i < bottom; i++)
                    for (int j = left; j < right; j++)
                        store(to + (i * at->w + j) * LANES, load(to + (i * at->w + j) * LANES) + share);
            }
    }
}
