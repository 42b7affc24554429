/* rmi: the centred Grams of feature rows, their alignment and its gradient. evaluate.c calls it once per tap and step. */
#include "worker/rmi.h"

#include <assert.h>
#include <math.h>

#include "worker/engine/blas.h"

/* k := H k H for a symmetric k of which the lower triangle is given; H k H = k - m_i - m_j with m = row means less half their mean.
 */
static void centre(engine_real *k, int n)
{
    double mean[RMI_ROWS_MAX], whole = 0;
    assert(n <= RMI_ROWS_MAX);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            k[j * n + i] = k[i * n + j];
    for (int i = 0; i < n; i++) {
        mean[i] = 0;
        for (int j = 0; j < n; j++)
            mean[i] += (double)k[i * n + j] / n;
        whole += mean[i] / n;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            k[i * n + j] = (engine_real)((double)k[i * n + j] - (mean[i] - whole / 2) - (mean[j] - whole / 2));
}

void rmi_gram(struct engine_rows rows, engine_real *gram)
{
    blas_gram((size_t)rows.rows, rows.features, rows.data, rows.stride, gram);
    centre(gram, rows.rows);
}

static double inner(const engine_real *a, const engine_real *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n * n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

double rmi_cka(const engine_real *student, const engine_real *teacher, int n)
{
    const double norms = sqrt(inner(student, student, n)) * sqrt(inner(teacher, teacher, n));
    return norms > 0 ? inner(student, teacher, n) / norms : NAN;
}

void rmi_add_gradient(struct engine_rows rows, const engine_real *student, const engine_real *teacher, double scale,
                      engine_real *scratch, struct engine_rows *gradient)
{
    const int n = rows.rows;
    const double kk = inner(student, student, n), ll = inner(teacher, teacher, n), cka = rmi_cka(student, teacher, n);
    /* Both Grams are centred already, so H (...) H around their combination changes nothing. */
    for (int i = 0; i < n * n; i++)
        scratch[i] = (engine_real)((double)teacher[i] / sqrt(kk * ll) - cka * (double)student[i] / kk);
    blas_gemm(0, 0, (size_t)n, rows.features, (size_t)n, (engine_real)(2 * scale), scratch, (size_t)n, rows.data, rows.stride, 1,
              gradient->data, gradient->stride);
}
