/* alpha: an architecture as a matrix of real numbers, a row a decision and a number an operation (common/space.h, the matrix form),
 * and the operators of EvNAS on its rows. Pure. */
#ifndef HWNAS_MASTER_ALPHA_H
#define HWNAS_MASTER_ALPHA_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arch.h"
#include "common/rng.h"
#include "common/space.h"

/* How the matrices of a space lie in memory: row r is the numbers from first[r] to first[r + 1]. */
struct alpha_shape {
    size_t rows, size;
    size_t first[SPACE_ROWS_MAX + 1];
};

void alpha_shape(const struct space *space, struct alpha_shape *out);

/* Every number uniform in [0,1) and independent. */
void alpha_sample(const struct alpha_shape *shape, struct rng *rng, double *out);

/* Each row from either parent with probability one half. */
void alpha_cross(const struct alpha_shape *shape, struct rng *rng, const double *a, const double *b, double *out);

/* Each row is drawn afresh with that probability. */
void alpha_reset(const struct alpha_shape *shape, struct rng *rng, double probability, double *alpha);

/* The architecture that the matrix stands for; mask, when not NULL, says for each number whether it may be chosen. */
void alpha_decode(const struct space *space, const struct alpha_shape *shape, const double *alpha, const bool *mask,
                  struct arch *out);

/* Leaves in each row of the mask only the `keep` operations with the largest numbers among those that it has; of equals the first.
 */
void alpha_shrink(const struct alpha_shape *shape, const double *alpha, size_t keep, bool *mask);

#endif
