/* calibrate: from the latencies of a few networks to figures for a whole space: which networks to measure, two ways to explain what
 * they took, and how far off each is for networks it has not seen. Pure: whoever measures is the caller.
 *
 * A look-up table (lut) has one figure for each value of each gene and a base, so it fits what is a sum over decisions: layers one
 * after another, operations that are merely counted. A kernel model has one figure for each kind of node a built network consists
 * of, so it knows that what cannot reach the output costs nothing (Zhang et al., nn-Meter, MobiSys 2021, add up kernels too); it
 * gives a figure for any network, and for a space small enough a table of all of them. Neither has negative figures (ridge.h). */
#ifndef HWNAS_WORKER_CALIBRATE_H
#define HWNAS_WORKER_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arch.h"
#include "common/rng.h"
#include "common/space.h"
#include "common/status.h"

enum { CALIBRATE_NETS_LEAST = 10, CALIBRATE_NETS_MOST = 500, CALIBRATE_TABLE_MOST = 100000 };

/* Chooses `fitted` architectures to fit with and behind them `held_out` to judge by, all connected, no two equal. The latter are
 * random; of the former each is the one that the others say least about: the largest variance that is left under a Gaussian process
 * whose covariance counts equal genes and equal numbers of each operation (pivoted Cholesky), so every figure that a network can
 * show is shown. STATUS_BAD_INPUT when the space has too few architectures. */
enum status_code calibrate_choose(const struct space *space, struct rng *rng, size_t fitted, size_t held_out, struct arch *out,
                                  struct status *status);

/* Networks and what they took; borrowed. */
struct calibrate_examples {
    const struct space *space;
    const struct space_build *build; /* complete */
    const struct arch *archs;
    const double *latency_ms; /* positive */
    size_t count;
};

struct calibrate_model;

enum calibrate_kind { CALIBRATE_LUT, CALIBRATE_KERNELS, CALIBRATE_KINDS };

/* Fits at least CALIBRATE_NETS_LEAST examples. The model borrows the space and copies the rest. Free with calibrate_free. */
enum status_code calibrate_fit(enum calibrate_kind kind, const struct calibrate_examples *examples, struct calibrate_model **out,
                               struct status *status);
void calibrate_free(struct calibrate_model *model);

/* What a connected architecture would take. A kernel model builds its network, which may fail. */
enum status_code calibrate_predict(const struct calibrate_model *model, const struct arch *arch, double *latency_ms,
                                   struct status *status);

/* The figures of a CALIBRATE_LUT model. */
double calibrate_lut_base(const struct calibrate_model *model);
double calibrate_lut_figure(const struct calibrate_model *model, size_t gene, int value);

/* How many architectures the space has; 0: more than CALIBRATE_TABLE_MOST. */
size_t calibrate_space_size(const struct space *space);

/* Errors relative to what was measured. */
struct calibrate_error {
    size_t count;
    double median, p90; /* of |predicted - measured| / measured */
    double bias;        /* median of (predicted - measured) / measured */
    double rank;        /* Spearman's correlation of predicted and measured; NaN where all are equal */
};

/* Of n predictions, n >= 1; measured are positive. STATUS_NO_MEMORY otherwise. */
enum status_code calibrate_judge(const double *measured, const double *predicted, size_t n, struct calibrate_error *out,
                                 struct status *status);

/* Whether predictions as good as that may stand for measurements: nine of ten networks within a tenth, and no bias beyond a
 * twentieth. Otherwise `why` says what does not hold, in one sentence. */
bool calibrate_holds(const struct calibrate_error *error, char *why, size_t size);

#endif
