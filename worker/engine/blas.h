/* blas: the one doorway to OpenBLAS, in the engine's element type, always on one thread. Matrices are row-major; a leading
 * dimension counts elements from row to row. */
#ifndef HWNAS_WORKER_ENGINE_BLAS_H
#define HWNAS_WORKER_ENGINE_BLAS_H

#include "worker/engine/engine.h"

/* Puts OpenBLAS on one thread: a worker process is one thread. Every engine calls it when it is made. */
void blas_one_thread(void);

/* The core OpenBLAS runs as. */
const char *blas_core(void);

/* c (m,n) = alpha * op(a) op(b) + beta * c, with op(a) (m,k) and op(b) (k,n). */
void blas_gemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, engine_real alpha, const engine_real *a, size_t lda,
               const engine_real *b, size_t ldb, engine_real beta, engine_real *c, size_t ldc);

/* Lower triangle of c (n,n) = a a^T with a (n,k). */
void blas_gram(size_t n, size_t k, const engine_real *a, size_t lda, engine_real *c);

#endif
