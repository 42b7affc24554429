/* mlp: a small neural network that foretells one figure from columns of small integers, and which way each of them moves it. Pure:
 * all chance comes from the generator passed in.
 *
 * Features - 64 - 64 - 1 with ReLU on the one-hot columns; on standardised values the error counts as its square up to a tenth, and
 * in proportion beyond (Huber 1964), so that a board's stray measurement does not bend what is around it. Adam (Kingma and Ba 2015)
 * with a learning rate that falls from 0.001 to 0 along a half cosine, batches of 64 drawn with replacement. That is the latency
 * prediction module of Latency-DARTS (Xu et al., arXiv 2001.06392) in shape; its sizes are not public, these are ours. */
#ifndef HWNAS_MASTER_MLP_H
#define HWNAS_MASTER_MLP_H

#include <stddef.h>
#include <stdint.h>

#include "common/rng.h"

enum { MLP_COLUMNS_MAX = 64 };

struct mlp;

/* For rows of `columns` values (1 to 64), value j below choices[j]. NULL without memory. Foretells 0 until it is fitted. */
struct mlp *mlp_new(size_t columns, const uint8_t *choices);
void mlp_free(struct mlp *mlp);

/* Starts anew and learns rows (count, columns), count >= 1, and their finite values: so many steps of about a million operations.
 */
void mlp_fit(struct mlp *mlp, const uint8_t *rows, const double *values, size_t count, uint32_t steps, struct rng *rng);

double mlp_predict(const struct mlp *mlp, const uint8_t *row);

/* The same for a row that is not decided yet: `input` holds for each column, side by side, a share for each of its choices; shares
 * of one and zeros are a row. gradient (as long as input): the derivatives. */
double mlp_relaxed(const struct mlp *mlp, const double *input, double *gradient);

#endif
