/* kernels_pool: average pooling whose padding is not counted, forward and transposed, and max-pooling. The search spaces average
 * 3x3 with stride 1, which is a sum over columns of sums over rows and has a path of its own; everything else takes the plain
 * loops. */
#include "worker/engine/kernels_inner.h"

/* The part [from, to) of a window at output position o that lies inside 0..size-1. */
INLINE void window(int o, int kernel, int stride, int pad, int size, int *from, int *to)
{
    const int start = o * stride - pad;
    *from = start < 0 ? 0 : start;
    *to = start + kernel > size ? size : start + kernel;
}

enum { SMALL_ROW = 128 }; /* longest row of the 3x3 path: its column sums stand on the stack */

INLINE int is_small_window(const struct kernels_pool *at)
{
    return at->kh == 3 && at->kw == 3 && at->stride == 1 && at->pad == 1 && at->w <= SMALL_ROW;
}

/* One over the rows (or columns) of a window of three around i that lie inside. */
INLINE double share_of(int i, int size)
{
    static const double shares[] = {1.0 / 3, 1.0 / 2, 1};
    return shares[(i == 0) + (i == size - 1)];
}

/* v * by for a factor that engine_real cannot hold, such as 1/9: its rounding would be the same for every value of every pool, and
 * a chain of pools would add it up. */
INLINE vec scaled(vec v, double by)
{
    const engine_real near = (engine_real)by;
    return v * near + v * (engine_real)(by - (double)near);
}

/* Sums of three rows around r in column[1..w]; column[0] and column[w + 1] stay 0. */
INLINE void column_sums(const engine_real *x, int r, int h, int w, struct affine map, const int RECTIFY, const int TRANSPOSED,
                        vec *column)
{
    const int first = r > 0 ? r - 1 : 0, last = r + 1 < h ? r + 1 : h - 1;
    for (int c = 0; c < w; c++) {
        vec sum = {0};
        for (int i = first; i <= last; i++) {
            const vec v = load(x + (size_t)(i * w + c) * LANES);
            if (TRANSPOSED)
                sum += v * (engine_real)share_of(i, h);
            else
                sum += source_apply(v, map, 1, RECTIFY);
        }
        column[c + 1] = sum * (engine_real)(TRANSPOSED ? share_of(c, w) : 1);
    }
}

/* One plane of the 3x3 path. The transposed weighs every gradient by its own window before summing, the forward after. Only the
 * forward is worth `scaled`: a gradient decides nothing, so the rounding of 1/3 stays as small there as it is. */
INLINE void small_window_plane(const engine_real *x, int h, int w, struct affine map, const int RECTIFY, const int TRANSPOSED,
                               const engine_real *addend, engine_real *out)
{
    vec column[SMALL_ROW + 2];
    column[0] = column[w + 1] = (vec){0};
    for (int r = 0; r < h; r++) {
        column_sums(x, r, h, w, map, RECTIFY, TRANSPOSED, column);
        for (int c = 0; c < w; c++) {
            const size_t at = (size_t)(r * w + c) * LANES;
            vec v = column[c] + column[c + 1] + column[c + 2];
            if (!TRANSPOSED)
                v = scaled(v, share_of(r, h) * share_of(c, w));
            if (addend)
                v += load(addend + at);
            store(out + at, v);
        }
    }
}

static void small_window_forward(const struct kernels_pool *at, const struct kernels_source *in, engine_real *out)
{
    const size_t plane = (size_t)(at->h * at->w) * LANES;
    const int blocks = blocks_of(at->channels);
    for (int p = 0; p < at->n * blocks; p++) {
        const struct affine map = source_affine(in, p % blocks * LANES);
        const engine_real *x = in->data + (size_t)p * plane;
        if (in->relu)
            small_window_plane(x, at->h, at->w, map, 1, 0, NULL, out + (size_t)p * plane);
        else
            small_window_plane(x, at->h, at->w, map, 0, 0, NULL, out + (size_t)p * plane);
    }
}

static void small_window_backward(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend,
                                  engine_real *out, const struct kernels_feeds *feeds)
{
    const size_t plane = (size_t)(at->h * at->w) * LANES;
    const struct affine unused = {{0}, {0}, {0}, {0}};
    const size_t blocks = (size_t)blocks_of(at->channels);
    for (size_t p = 0; p < (size_t)at->n * blocks; p++) {
        small_window_plane(gradient + p * plane, at->h, at->w, unused, 0, 1, addend ? addend + p * plane : NULL, out + p * plane);
        KERNEL(feeds_add)(feeds, p * plane, (int)(p % blocks) * LANES, out + p * plane, plane / LANES);
    }
}

void KERNEL(pool_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
void KERNEL(pool_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out)
{
    const int blocks = blocks_of(at->channels);
    if (is_small_window(at)) {
        small_window_forward(at, &in, out);
        return;
    }
    for (int p = 0; p < at->n * blocks; p++) {
        const int channel = p % blocks * LANES;
        const struct affine map = source_affine(&in, channel);
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
                        total += source_apply(load(x + (i * at->w + j) * LANES), map, 1, in.relu);
                store(y, total / (engine_real)((bottom - top) * (right - left)));
            }
    }
}

void KERNEL(pool_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend, engine_real *out,
                           const struct kernels_feeds *feeds);
void KERNEL(pool_backward)(const struct kernels_pool *at, const engine_real *gradient, const engine_real *addend, engine_real *out,
                           const struct kernels_feeds *feeds)
{
    const size_t plane = (size_t)(at->h * at->w) * LANES;
    const int blocks = blocks_of(at->channels);
    KERNEL(feeds_clear)(feeds, at->channels);
    if (is_small_window(at)) {
        small_window_backward(at, gradient, addend, out, feeds);
        return;
    }
    for (int p = 0; p < at->n * blocks; p++) {
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
        KERNEL(feeds_add)(feeds, (size_t)p * plane, p % blocks * LANES, to, plane / LANES);
    }
}

/* --- max-pooling --- */

/* v where it is larger than m or no number, else m: PyTorch lets a NaN win. */
INLINE vec larger(vec m, vec v)
{
    const vec_mask wins = (v > m) | (v != v);
    return (vec)((wins & (vec_mask)v) | (~wins & (vec_mask)m));
}

/* The part of a window that lies on the plane: never empty. */
struct region {
    int top, bottom, left, right;
};

INLINE struct region region_at(const struct kernels_pool *at, int r, int c)
{
    struct region w;
    window(r, at->kh, at->stride, at->pad, at->h, &w.top, &w.bottom);
    window(c, at->kw, at->stride, at->pad, at->w, &w.left, &w.right);
    return w;
}

/* The plane's value at row i, column j as it is read. */
INLINE vec value_at(const engine_real *x, int width, int i, int j, struct affine map, const int AFFINE, const int RECTIFY)
{
    return source_apply(load(x + (size_t)(i * width + j) * LANES), map, AFFINE, RECTIFY);
}

INLINE vec region_maximum(const engine_real *x, int width, struct region w, struct affine map, const int AFFINE, const int RECTIFY)
{
    vec most = value_at(x, width, w.top, w.left, map, AFFINE, RECTIFY);
    for (int i = w.top; i < w.bottom; i++)
        for (int j = w.left; j < w.right; j++)
            most = larger(most, value_at(x, width, i, j, map, AFFINE, RECTIFY));
    return most;
}

/* Whether the window at output row r, column c is the common one: 3x3 and inside the plane. */
INLINE int is_whole_three(const struct kernels_pool *at, int r, int c)
{
    const int top = r * at->stride - at->pad, left = c * at->stride - at->pad;
    return at->kh == 3 && at->kw == 3 && top >= 0 && left >= 0 && top + 3 <= at->h && left + 3 <= at->w;
}

/* The nine values of such a window, and the largest. */
INLINE vec three_by_three(const engine_real *x, size_t row, struct affine map, const int AFFINE, const int RECTIFY, vec *values)
{
    UNROLL for (int k = 0; k < 9; k++) values[k] =
        source_apply(load(x + (size_t)(k / 3) * row + (size_t)(k % 3) * LANES), map, AFFINE, RECTIFY);
    vec most = values[0];
    UNROLL for (int k = 1; k < 9; k++) most = larger(most, values[k]);
    return most;
}

/* Where the window's first pixel stands. */
INLINE size_t corner(const struct kernels_pool *at, int r, int c)
{
    return (size_t)((r * at->stride - at->pad) * at->w + c * at->stride - at->pad) * LANES;
}

INLINE void max_plane(const struct kernels_pool *at, const engine_real *x, struct affine map, const int AFFINE, const int RECTIFY,
                      engine_real *out)
{
    vec values[9];
    for (int r = 0; r < at->oh; r++)
        for (int c = 0; c < at->ow; c++, out += LANES) {
            if (is_whole_three(at, r, c))
                store(out, three_by_three(x + corner(at, r, c), (size_t)at->w * LANES, map, AFFINE, RECTIFY, values));
            else
                store(out, region_maximum(x, at->w, region_at(at, r, c), map, AFFINE, RECTIFY));
        }
}

/* Adds to a pixel what is left of a window's gradient in the lanes where it holds the maximum; gives back what is left then. */
INLINE vec give(vec value, vec most, vec left, engine_real *pixel)
{
    const vec_mask hit = value == most;
    store(pixel, load(pixel) + (vec)(hit & (vec_mask)left));
    return (vec)(~hit & (vec_mask)left);
}

/* Gives each gradient to the first value that equals its window's maximum. */
INLINE void max_plane_backward(const struct kernels_pool *at, const engine_real *x, struct affine map, const int AFFINE,
                               const int RECTIFY, const engine_real *gradient, engine_real *to)
{
    const size_t row = (size_t)at->w * LANES;
    vec values[9];
    for (int r = 0; r < at->oh; r++)
        for (int c = 0; c < at->ow; c++, gradient += LANES) {
            vec left = load(gradient);
            if (is_whole_three(at, r, c)) {
                engine_real *first = to + corner(at, r, c);
                const vec most = three_by_three(x + corner(at, r, c), row, map, AFFINE, RECTIFY, values);
                UNROLL for (int k = 0; k < 9; k++) left =
                    give(values[k], most, left, first + (size_t)(k / 3) * row + (size_t)(k % 3) * LANES);
                continue;
            }
            const struct region w = region_at(at, r, c);
            const vec most = region_maximum(x, at->w, w, map, AFFINE, RECTIFY);
            for (int i = w.top; i < w.bottom; i++)
                for (int j = w.left; j < w.right; j++)
                    left = give(value_at(x, at->w, i, j, map, AFFINE, RECTIFY), most, left, to + (size_t)(i * at->w + j) * LANES);
        }
}

/* The four ways to read a source, with the flags as constants. */
#define MAX_PLANE(RUN, ...)                                                                                                        \
    do {                                                                                                                           \
        if (in.scale && in.relu)                                                                                                   \
            RUN(at, x, map, 1, 1, __VA_ARGS__);                                                                                    \
        else if (in.scale)                                                                                                         \
            RUN(at, x, map, 1, 0, __VA_ARGS__);                                                                                    \
        else if (in.relu)                                                                                                          \
            RUN(at, x, map, 0, 1, __VA_ARGS__);                                                                                    \
        else                                                                                                                       \
            RUN(at, x, map, 0, 0, __VA_ARGS__);                                                                                    \
    } while (0)

void KERNEL(max_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out);
void KERNEL(max_forward)(const struct kernels_pool *at, struct kernels_source in, engine_real *out)
{
    const int blocks = blocks_of(at->channels);
    for (int p = 0; p < at->n * blocks; p++) {
        const struct affine map = source_affine(&in, p % blocks * LANES);
        const engine_real *x = in.data + (size_t)p * (size_t)(at->h * at->w) * LANES;
        MAX_PLANE(max_plane, out + (size_t)p * (size_t)(at->oh * at->ow) * LANES);
    }
}

void KERNEL(max_backward)(const struct kernels_pool *at, struct kernels_source in, const engine_real *gradient,
                          const engine_real *addend, engine_real *out);
void KERNEL(max_backward)(const struct kernels_pool *at, struct kernels_source in, const engine_real *gradient,
                          const engine_real *addend, engine_real *out)
{
    const int blocks = blocks_of(at->channels);
    const size_t plane = (size_t)(at->h * at->w) * LANES;
    for (int p = 0; p < at->n * blocks; p++) {
        const struct affine map = source_affine(&in, p % blocks * LANES);
        const engine_real *x = in.data + (size_t)p * plane;
        engine_real *to = out + (size_t)p * plane;
        if (!addend)
            memset(to, 0, plane * sizeof *to);
        else if (addend != out)
            memcpy(to, addend + (size_t)p * plane, plane * sizeof *to);
        MAX_PLANE(max_plane_backward, gradient + (size_t)p * (size_t)(at->oh * at->ow) * LANES, to);
    }
}
