/* kernels_pack: copies part of an image into zero-bordered scratch that stays in the cache, applying on the way what the reader
 * wants: batch norm and ReLU (forward) or the backward of a batch norm. Nothing after it needs to think of borders. */
#include "worker/engine/kernels_inner.h"

INLINE void zero_vectors(engine_real *to, int count)
{
    for (int i = 0; i < count; i++)
        store(to + i * LANES, (vec){0});
}

/* The walk over blocks and rows that both packers share; ROW copies one row of w vectors. */
#define PACK_ROWS(ROW)                                                                                                             \
    for (int b = 0; b < blocks_of(channels); b++) {                                                                                \
        for (int r = 0; r < rows; r++) {                                                                                           \
            engine_real *out = to.data + (size_t)b * to.block + (size_t)r * to.row;                                                \
            const int y = first + r;                                                                                               \
            if (y < 0 || y >= h) {                                                                                                 \
                zero_vectors(out, columns);                                                                                        \
                continue;                                                                                                          \
            }                                                                                                                      \
            const size_t at =                                                                                                      \
                ((((size_t)n * (size_t)blocks_of(channels) + (size_t)b) * (size_t)h + (size_t)y) * (size_t)w) * LANES;             \
            zero_vectors(out, left);                                                                                               \
            ROW(out + left * LANES, at, b);                                                                                        \
            zero_vectors(out + (left + w) * LANES, columns - left - w);                                                            \
        }                                                                                                                          \
    }

INLINE void source_row(const struct kernels_source *in, int w, engine_real *out, size_t at, int b, const int AFFINE,
                       const int RECTIFY)
{
    const struct affine map = source_affine(in, b * LANES);
    const engine_real *x = in->data + at;
    for (int c = 0; c < w; c++)
        store(out + c * LANES, source_apply(load(x + c * LANES), map, AFFINE, RECTIFY));
}

/* The same for the sum of two. */
INLINE void sum_row(const struct kernels_source *in, int w, engine_real *out, size_t at, int b, const int RECTIFY)
{
    const struct affine one = source_affine(in, b * LANES), two = source_affine(in->plus, b * LANES);
    const engine_real *x = in->data + at, *y = in->plus->data + at;
    for (int c = 0; c < w; c++)
        store(out + c * LANES, source_sum(load(x + c * LANES), one, load(y + c * LANES), two, RECTIFY));
}

void KERNEL(pack_source)(const struct kernels_source *in, int n, int channels, int h, int w, int first, int rows, int left,
                         int columns, struct packed to)
{
#define PLAIN_ROW(out, at, b) source_row(in, w, out, at, b, 0, 0)
#define RELU_ROW(out, at, b) source_row(in, w, out, at, b, 0, 1)
#define AFFINE_ROW(out, at, b) source_row(in, w, out, at, b, 1, 0)
#define BOTH_ROW(out, at, b) source_row(in, w, out, at, b, 1, 1)
#define SUM_ROW(out, at, b) sum_row(in, w, out, at, b, 0)
#define RELU_SUM_ROW(out, at, b) sum_row(in, w, out, at, b, 1)
    if (in->plus && in->relu)
        PACK_ROWS(RELU_SUM_ROW)
    else if (in->plus)
        PACK_ROWS(SUM_ROW)
    else if (in->scale && in->relu)
        PACK_ROWS(BOTH_ROW)
    else if (in->scale)
        PACK_ROWS(AFFINE_ROW)
    else if (in->relu)
        PACK_ROWS(RELU_ROW)
    else
        PACK_ROWS(PLAIN_ROW)
}

INLINE void gradient_row(const struct kernels_gradient *in, int w, engine_real *out, size_t at, int b, const int NORM)
{
    const struct gradient_map map = gradient_map(in, b * LANES);
    for (int c = 0; c < w; c++)
        store(out + c * LANES, gradient_at(in, &map, at + (size_t)(c * LANES), NORM));
}

void KERNEL(pack_gradient)(const struct kernels_gradient *in, int n, int channels, int h, int w, int first, int rows, int left,
                           int columns, struct packed to)
{
#define GRADIENT_ROW(out, at, b) gradient_row(in, w, out, at, b, 0)
#define NORM_ROW(out, at, b) gradient_row(in, w, out, at, b, 1)
    if (in->raw)
        PACK_ROWS(NORM_ROW)
    else
        PACK_ROWS(GRADIENT_ROW)
}
