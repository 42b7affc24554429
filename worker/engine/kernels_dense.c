/* kernels_dense: the dense layer of an inference. One image at a time, because latency is measured at batch 1: then each weight is
 * read once, and four rows of them keep the multipliers busy. Training goes through blas instead. */
#include "worker/engine/kernels_inner.h"

enum { DENSE_ROWS = 4 };

/* A row of weights begins where the one before it ends. */
typedef engine_real loose __attribute__((vector_size(ENGINE_LANES * sizeof(engine_real)), aligned(sizeof(engine_real)), may_alias));

/* Adds the dot products of x with `rows` rows of weights to out. `rows` is a constant at every call. */
INLINE void dense_rows(int rows, int c_in, const engine_real *x, const engine_real *weights, engine_real *out)
{
    const int whole = c_in / LANES * LANES;
    vec sums[DENSE_ROWS] = {{0}};
    for (int k = 0; k < whole; k += LANES)
        UNROLL
    for (int r = 0; r < rows; r++)
        sums[r] += load(x + k) * *(const loose *)(weights + (size_t)r * (size_t)c_in + k);
    for (int r = 0; r < rows; r++) {
        engine_real sum = 0;
        for (int l = 0; l < LANES; l++)
            sum += sums[r][l];
        for (int k = whole; k < c_in; k++)
            sum += x[k] * weights[(size_t)r * (size_t)c_in + (size_t)k];
        out[r] += sum;
    }
}

void KERNEL(dense_forward)(int n, int c_in, int c_out, const engine_real *in, const engine_real *weights, engine_real *out);
void KERNEL(dense_forward)(int n, int c_in, int c_out, const engine_real *in, const engine_real *weights, engine_real *out)
{
    for (int i = 0; i < n; i++) {
        const engine_real *x = in + (size_t)(i * blocks_of(c_in)) * LANES;
        engine_real *to = out + (size_t)(i * blocks_of(c_out)) * LANES;
        int o = 0;
        for (; o + DENSE_ROWS <= c_out; o += DENSE_ROWS)
            dense_rows(DENSE_ROWS, c_in, x, weights + (size_t)o * (size_t)c_in, to + o);
        for (; o < c_out; o++)
            dense_rows(1, c_in, x, weights + (size_t)o * (size_t)c_in, to + o);
    }
}
