/* blas: calls the single- or double-precision routine that fits engine_real. Used by rmi and the dense layer. */
#include "worker/engine/blas.h"

#include <cblas.h>

void blas_one_thread(void)
{
    if (openblas_get_num_threads() != 1)
        openblas_set_num_threads(1);
}

const char *blas_core(void)
{
    return openblas_get_corename();
}

void blas_gemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, engine_real alpha, const engine_real *a, size_t lda,
               const engine_real *b, size_t ldb, engine_real beta, engine_real *c, size_t ldc)
{
    const CBLAS_TRANSPOSE ta = transpose_a ? CblasTrans : CblasNoTrans, tb = transpose_b ? CblasTrans : CblasNoTrans;
    const blasint M = (blasint)m, N = (blasint)n, K = (blasint)k, la = (blasint)lda, lb = (blasint)ldb, lc = (blasint)ldc;
    if (sizeof(engine_real) == sizeof(float))
        cblas_sgemm(CblasRowMajor, ta, tb, M, N, K, (float)alpha, (const void *)a, la, (const void *)b, lb, (float)beta, (void *)c,
                    lc);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, M, N, K, alpha, (const void *)a, la, (const void *)b, lb, beta, (void *)c, lc);
}

void blas_gram(size_t n, size_t k, const engine_real *a, size_t lda, engine_real *c)
{
    const blasint N = (blasint)n, K = (blasint)k, la = (blasint)lda;
    if (sizeof(engine_real) == sizeof(float))
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, N, K, 1, (const void *)a, la, 0, (void *)c, N);
    else
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, N, K, 1, (const void *)a, la, 0, (void *)c, N);
}
