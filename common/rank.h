/* rank: whether two lists of numbers rise together. Pure. */
#ifndef HWNAS_COMMON_RANK_H
#define HWNAS_COMMON_RANK_H

#include <stdbool.h>
#include <stddef.h>

/* Spearman's correlation of n >= 1 pairs, equals sharing the mean of their ranks; NaN where one of the lists does not vary. False
 * without memory. O(n log n). */
bool rank_correlation(const double *a, const double *b, size_t n, double *out);

#endif
