/* bench_stats: what many runs of one search come to: mean, spread, quartiles. Pure. */
#ifndef HWNAS_MASTER_BENCH_STATS_H
#define HWNAS_MASTER_BENCH_STATS_H

#include <stddef.h>

struct bench_stats {
    size_t count; /* values that are not NaN; all else is NaN when it is 0 */
    double mean;
    double std; /* of the sample (n - 1); 0 for a single value */
    double low, q1, median, q3, high;
};

/* Summarises the values that are not NaN. Sorts `values` in place. */
void bench_stats_of(double *values, size_t count, struct bench_stats *out);

/* The quantile q in [0,1] of count > 0 sorted values, with linear interpolation between neighbours (Hyndman and Fan's type 7, which
 * is what NumPy and R give). */
double bench_stats_quantile(const double *sorted, size_t count, double q);

#endif
