/* blas_plain: the same doorway without a library behind it: plain loops. Linked instead of blas.c into the agent, which only infers
 * and so never multiplies matrices here, and wherever OpenBLAS is not to be had. Right, deterministic, and no faster than it must
 * be. */
#include "worker/engine/blas.h"

void blas_one_thread(void)
{
}

const char *blas_core(void)
{
    return "none";
}

/* Element (row, column) of op(x). */
static engine_real element(int transpose, const engine_real *x, size_t ld, size_t row, size_t column)
{
    return transpose ? x[column * ld + row] : x[row * ld + column];
}

void blas_gemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, engine_real alpha, const engine_real *a, size_t lda,
               const engine_real *b, size_t ldb, engine_real beta, engine_real *c, size_t ldc)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            engine_real sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += element(transpose_a, a, lda, i, l) * element(transpose_b, b, ldb, l, j);
            /* As in BLAS: with beta 0 what c held, be it NaN, does not count. */
            c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
        }
}

void blas_gram(size_t n, size_t k, const engine_real *a, size_t lda, engine_real *c)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            engine_real sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += a[i * lda + l] * a[j * lda + l];
            c[i * n + j] = sum;
        }
}
