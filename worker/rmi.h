/* rmi: representation mutual information = linear CKA on centred Gram matrices (methods 1.1; RMI-NAS's utils/RMI_torch.py).
 * Pure but for the calls to OpenBLAS behind blas.h. */
#ifndef HWNAS_WORKER_RMI_H
#define HWNAS_WORKER_RMI_H

#include "worker/engine/engine.h"

enum { RMI_ROWS_MAX = 4096 }; /* images a Gram matrix can compare */

/* Centred Gram matrix of feature rows X (n, features): gram = H X X^T H with H = I - 1/n (n x n, row-major, symmetric). Sums in
 * float32 products with double means, as the reference code has it. */
void rmi_gram(struct engine_rows rows, engine_real *gram);

/* <K,L> / (|K| |L|) of two centred Grams (n x n); NaN when either is zero. */
double rmi_cka(const engine_real *student, const engine_real *teacher, int n);

/* Adds scale * d CKA / d X to `gradient` (same layout as rows), given the student's centred Gram of those rows.
 * dCKA/dX = 2 G X with G = H (L/(|K||L|) - CKA K/|K|^2) H. scratch holds n*n elements. */
void rmi_add_gradient(struct engine_rows rows, const engine_real *student, const engine_real *teacher, double scale,
                      engine_real *scratch, struct engine_rows *gradient);

#endif
