/* additive: figures of an architecture as sums of one term a gene, learned from examples. Pure; deterministic.
 *
 * Ridge regression on the one-hot genes with an intercept: n figures of one architecture share the normal matrix, so learning costs
 * genes^2 an example and terms^3 / 3 a solution (31 terms in nb201). What is neither additive nor exact is averaged out: an
 * estimate to choose by, never one to report. */
#ifndef HWNAS_MASTER_ADDITIVE_H
#define HWNAS_MASTER_ADDITIVE_H

#include <stddef.h>

#include "common/arch.h"
#include "common/space.h"
#include "common/status.h"

struct additive {
    const struct space *space; /* borrowed */
    size_t figures, terms;
    double *matrix;  /* (terms,terms) X^T X of the examples, lower triangle */
    double *factor;  /* (terms,terms) its Cholesky factor with the ridge */
    double *sums;    /* (figures,terms) X^T y */
    double *weights; /* (figures,terms) */
};

/* No examples yet: every estimate is 0. STATUS_NO_MEMORY otherwise. Close with additive_close, also after a failure. */
enum status_code additive_open(const struct space *space, size_t figures, struct additive *out, struct status *status);
void additive_close(struct additive *model);

/* Forgets all examples; the estimates stay until additive_solve. */
void additive_clear(struct additive *model);

/* One more example: values (figures), finite. */
void additive_learn(struct additive *model, const struct arch *arch, const double *values);

/* Makes the estimates those of the examples so far. The ridge is one example's worth: a term seen n times is believed n/(n+1). */
void additive_solve(struct additive *model);

double additive_estimate(const struct additive *model, size_t figure, const struct arch *arch);

#endif
