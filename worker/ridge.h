/* ridge: linear models with weights that are not negative, from few examples: what a look-up table of latencies and a model of
 * kernels are fitted with. Pure; deterministic.
 *
 * Minimises sum_i ((y_i - x_i w) / s_i)^2 + sum_j lambda(group of j) w_j^2 over w >= 0 (Hoerl and Kennard 1970 with the constraint
 * of Lawson and Hanson 1974, chapter 23), s_i being y_i or 0.3 medians, whichever is larger: errors count relative to the value,
 * but values near zero do not rule the rest. Columns are scaled to a largest value of 1 before. */
#ifndef HWNAS_WORKER_RIDGE_H
#define HWNAS_WORKER_RIDGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

/* How strongly a column is drawn to zero. Which strength a group has is chosen by five-fold cross-validation; RIDGE_RARE is drawn
 * at least as strongly as RIDGE_SHARED, up to being left out. */
enum ridge_group { RIDGE_FREE, RIDGE_SHARED, RIDGE_RARE };

struct ridge_problem {
    size_t rows, columns;
    const double *matrix;  /* (rows,columns), not negative */
    const double *values;  /* (rows), not negative */
    const uint8_t *groups; /* (columns) enum ridge_group */
};

/* The best weights (columns). At least 5 rows and 1 column. STATUS_NO_MEMORY; never fails otherwise. */
enum status_code ridge_fit(const struct ridge_problem *problem, double *weights, struct status *status);

#endif
