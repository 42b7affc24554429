/* additive: see additive.h. The matrices are small and dense; sums run in a fixed order, so equal examples give equal estimates. */
#include "master/additive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ridge = 1, ridge_of_intercept = 1e-6;

enum status_code additive_open(const struct space *space, size_t figures, struct additive *out, struct status *status)
{
    *out = (struct additive){.space = space, .figures = figures, .terms = 1};
    for (size_t gene = 0; gene < space_gene_count(space); gene++)
        out->terms += (size_t)space_choices(space, gene);
    out->matrix = calloc(out->terms * out->terms, sizeof *out->matrix);
    out->factor = calloc(out->terms * out->terms, sizeof *out->factor);
    out->sums = calloc(figures * out->terms, sizeof *out->sums);
    out->weights = calloc(figures * out->terms, sizeof *out->weights);
    if (out->matrix == NULL || out->factor == NULL || out->sums == NULL || out->weights == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a model of %zu terms", out->terms);
    return STATUS_OK;
}

void additive_close(struct additive *model)
{
    free(model->matrix);
    free(model->factor);
    free(model->sums);
    free(model->weights);
    *model = (struct additive){0};
}

void additive_clear(struct additive *model)
{
    memset(model->matrix, 0, model->terms * model->terms * sizeof *model->matrix);
    memset(model->sums, 0, model->figures * model->terms * sizeof *model->sums);
}

/* The terms an architecture has: the intercept, then one a gene, in rising order. Returns how many. */
static size_t terms_of(const struct additive *model, const struct arch *arch, size_t out[ARCH_GENES_MAX + 1])
{
    size_t first = 1;
    out[0] = 0;
    for (size_t gene = 0; gene < arch->length; gene++) {
        out[gene + 1] = first + arch->genes[gene];
        first += (size_t)space_choices(model->space, gene);
    }
    return (size_t)arch->length + 1;
}

void additive_learn(struct additive *model, const struct arch *arch, const double *values)
{
    size_t terms[ARCH_GENES_MAX + 1], count = terms_of(model, arch, terms);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j <= i; j++)
            model->matrix[terms[i] * model->terms + terms[j]] += 1;
        for (size_t figure = 0; figure < model->figures; figure++)
            model->sums[figure * model->terms + terms[i]] += values[figure];
    }
}

/* factor = L, lower, with L L^T = matrix + ridge. */
static void decompose(struct additive *model)
{
    size_t n = model->terms;
    double *l = model->factor;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = model->matrix[i * n + j] + (i != j ? 0 : i == 0 ? ridge_of_intercept : ridge);
            for (size_t k = 0; k < j; k++)
                sum -= l[i * n + k] * l[j * n + k];
            l[i * n + j] = i == j ? sqrt(sum) : sum / l[j * n + j];
        }
    }
}

/* weights = (L L^T)^-1 sums. */
static void substitute(const struct additive *model, const double *sums, double *weights)
{
    size_t n = model->terms;
    const double *l = model->factor;
    for (size_t i = 0; i < n; i++) {
        double sum = sums[i];
        for (size_t k = 0; k < i; k++)
            sum -= l[i * n + k] * weights[k];
        weights[i] = sum / l[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        double sum = weights[i];
        for (size_t k = i + 1; k < n; k++)
            sum -= l[k * n + i] * weights[k];
        weights[i] = sum / l[i * n + i];
    }
}

void additive_solve(struct additive *model)
{
    decompose(model);
    for (size_t figure = 0; figure < model->figures; figure++)
        substitute(model, model->sums + figure * model->terms, model->weights + figure * model->terms);
}

double additive_estimate(const struct additive *model, size_t figure, const struct arch *arch)
{
    size_t terms[ARCH_GENES_MAX + 1], count = terms_of(model, arch, terms);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += model->weights[figure * model->terms + terms[i]];
    return sum;
}
