/* diversity: how differently the members of a population cost, MO-HDNAS's third objective (CVPR-W 2024, arXiv 2404.12403, section
 * 3.3). Pure. A NaN cost is a member that has none: it stands outside of the population and has chi 0. */
#ifndef HWNAS_MASTER_DIVERSITY_H
#define HWNAS_MASTER_DIVERSITY_H

#include <stddef.h>

/* Eq 3: chi[i] = sum over the members j of (cost_i - cost_j)^2, in the cost's unit squared (ms^2). Computed as
 * N * ((cost_i - mean)^2 + variance), which is the same in O(n). */
void diversity_chi(const double *costs, size_t n, double *chi);

/* Eq 4: the mean of chi over the members (with its 1/N, which the numbers printed in the paper's figure 3 leave out and those of
 * figure 6 have). 2 * N * variance. 0 for an empty population. */
double diversity_mean(const double *costs, size_t n);

/* One chi for m costs a member, row-major (n,m). The paper has one cost: for m = 1 this is diversity_chi. Ours for more: the chi of
 * each cost is divided by its variance in the population, so that milliseconds and millijoules may be added; a cost that is the
 * same everywhere says nothing. A member is outside when any of its costs is NaN. m >= 1. */
void diversity_joint(const double *costs, size_t n, size_t m, double *chi);

#endif
