/* predictor: what one figure (a latency, an energy, a fitness) of an architecture will be, learned from examples. Pure: chance
 * comes from the generator passed in; equal examples and chance give equal predictions.
 *
 * Three kinds: ridge regression and kernel ridge regression with a Gaussian kernel (gaussian.h), and a small neural network
 * (mlp.h). They learn what makes the mean relative error small, not its square: boards measure a seventh of their networks in
 * another state, and a mean would lie between the two. An architecture whose output does not depend on its input is a class of its
 * own, foretold by its structure: a runtime drops most of it, and its figure says nothing of others. */
#ifndef HWNAS_MASTER_PREDICTOR_H
#define HWNAS_MASTER_PREDICTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/rng.h"
#include "common/space.h"
#include "common/status.h"

enum predictor_kind { PREDICTOR_RIDGE, PREDICTOR_KERNEL, PREDICTOR_MLP, PREDICTOR_KINDS };

/* Kinds as a set: bit k is set when kind k may be chosen. */
enum { PREDICTOR_FAST = 1 << PREDICTOR_RIDGE | 1 << PREDICTOR_KERNEL, PREDICTOR_ALL = (1 << PREDICTOR_KINDS) - 1 };

/* Ridge and kernel learn from the first so many connected examples at the most: their price grows with the cube. */
enum { PREDICTOR_ROWS_MAX = 2000 };

struct predictor_settings {
    enum predictor_kind kind;
    bool traits;         /* learn from the space's traits too (space.h); such a predictor has no gradient */
    double reach, noise; /* of gaussian.h; ridge: reach 0 */
    uint32_t steps;      /* of mlp.h; 0: twenty an example, 500 to 4,000 */
};

/* Examples of one figure; borrowed. At least one of them is connected; values are finite. */
struct predictor_examples {
    const struct space *space;
    const struct arch *archs;
    const double *values;
    size_t count;
};

/* How good predictions are. */
struct predictor_error {
    size_t count;
    double relative; /* mean of |predicted - measured| / |measured| (of a thousandth of the mean |measured| where that is less) */
    double rank;     /* Spearman's correlation; NaN where one of them does not vary */
};

struct predictor;

/* "ridge", "kernel", "mlp". */
const char *predictor_kind_name(enum predictor_kind kind);

/* Learns. STATUS_NO_MEMORY, or STATUS_BAD_INPUT when no example is connected. The predictor borrows the space. Free with
 * predictor_free. */
enum status_code predictor_fit(const struct predictor_examples *examples, const struct predictor_settings *settings,
                               struct rng *rng, struct predictor **out, struct status *status);
void predictor_free(struct predictor *predictor);

/* What a valid architecture will have. One that is disconnected: the median of the examples that are; NaN without any. */
double predictor_predict(const struct predictor *predictor, const struct arch *arch);

/* The same for decisions that are not made yet: `input` holds for each gene, side by side, a share for each of its choices
 * (predictor_features numbers); shares of one and zeros are a connected architecture. gradient (as many): the derivatives. Only
 * without traits. */
double predictor_relaxed(const struct predictor *predictor, const double *input, double *gradient);
size_t predictor_features(const struct space *space);

/* Of n >= 1 predictions. STATUS_NO_MEMORY otherwise. */
enum status_code predictor_judge(const double *measured, const double *predicted, size_t n, struct predictor_error *out,
                                 struct status *status);

/* Settings of one of these kinds (a set) that predict best what they have not learned: five-fold cross-validation over the
 * connected examples, by the mean relative error, the first of equals; *error: that of the chosen. Beyond 200 examples, of which
 * one fold already holds forty, one fold is judged, and PREDICTOR_CHOICE_MAX examples are looked at. Where there is but one setting
 * or fewer than five connected examples nothing is judged: the first of the kinds, and NaN. traits: whether they may be used. */
enum { PREDICTOR_CHOICE_MAX = 600 };
enum status_code predictor_choose(const struct predictor_examples *examples, unsigned kinds, bool traits, struct rng *rng,
                                  struct predictor_settings *out, struct predictor_error *error, struct status *status);

#endif
