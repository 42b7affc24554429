/* gaussian: what architectures like those known would give: Gaussian process regression (Rasmussen and Williams 2006,
 * algorithm 2.1) on columns of small integers, for several values at once. Pure.
 *
 * Two rows are the more alike the fewer columns differ: covariance exp(-reach * differing / columns), and a share `noise` of the
 * variance is taken for noise. Its mean, which is all that is asked for here, is kernel ridge regression with a Gaussian kernel on
 * the one-hot columns (Saunders, Gammerman and Vovk 1998): |x - y|^2 is twice the number of columns that differ. With a reach of 0
 * the covariance is 1 - differing / columns, and the mean ridge regression on them (Hoerl and Kennard 1970), in its dual form. */
#ifndef HWNAS_MASTER_GAUSSIAN_H
#define HWNAS_MASTER_GAUSSIAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gaussian;

/* For rows of `columns` values (1 to 64) and at most `outputs` values each; noise above 0. NULL without memory. */
struct gaussian *gaussian_new(size_t columns, size_t outputs, double reach, double noise);
void gaussian_free(struct gaussian *gaussian);

/* Takes one more row in: O(n^2). Its value will have `doubt` > 0 times the noise. Returns false without memory; the rest is then as
 * it was. */
bool gaussian_add(struct gaussian *gaussian, const uint8_t *row, double doubt);
/* Forgets all rows. */
void gaussian_clear(struct gaussian *gaussian);
size_t gaussian_count(const struct gaussian *gaussian);

/* The values (count, outputs) of the rows taken in, in their order: O(outputs * n^2). What is predicted afterwards lies between
 * them and their mean. */
void gaussian_fit(struct gaussian *gaussian, const double *values);

/* The expected values (outputs) of a row: O(n). After gaussian_fit, with no row taken in since. */
void gaussian_predict(const struct gaussian *gaussian, const uint8_t *row, double *values);

/* What is predicted for row i of those taken in, less its value: O(1). */
double gaussian_residual(const struct gaussian *gaussian, size_t i);

/* As gaussian_predict for a row that is not decided yet: `input` holds for each column, side by side, a share for each of its
 * `choices` (columns) values; shares of one and zeros are a row. Returns the first output; gradient (as long as input): its
 * derivatives. O(n * columns). */
double gaussian_relaxed(const struct gaussian *gaussian, const uint8_t *choices, const double *input, double *gradient);

#endif
