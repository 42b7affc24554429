/* gaussian: what architectures like those known would give: Gaussian process regression (Rasmussen and Williams 2006,
 * algorithm 2.1) on columns of small integers, for several values at once. Pure.
 *
 * Two rows are the more alike the fewer columns differ: covariance exp(-1.8 * differing / columns), so two that share nothing still
 * correlate by 0.17 whatever the space; 1 % of the variance is taken for noise. Both constants are ours (docs/METHODS.md). */
#ifndef HWNAS_MASTER_GAUSSIAN_H
#define HWNAS_MASTER_GAUSSIAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gaussian;

/* For rows of `columns` values (1 to 64) and at most `outputs` values each. NULL without memory. */
struct gaussian *gaussian_new(size_t columns, size_t outputs);
void gaussian_free(struct gaussian *gaussian);

/* Takes one more row in: O(n^2). Returns false without memory; the rest is then as it was. */
bool gaussian_add(struct gaussian *gaussian, const uint8_t *row);
size_t gaussian_count(const struct gaussian *gaussian);

/* The values (count, outputs) of the rows taken in, in their order: O(outputs * n^2). What is predicted afterwards lies between
 * them and their mean. */
void gaussian_fit(struct gaussian *gaussian, const double *values);

/* The expected values (outputs) of a row: O(n). After gaussian_fit, with no row taken in since. */
void gaussian_predict(const struct gaussian *gaussian, const uint8_t *row, double *values);

#endif
