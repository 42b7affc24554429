/* bench_stats: mean, spread and quartiles. Called by bench_summary and bench_draw. */
#include "master/bench_stats.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_stats_quantile(const double *sorted, size_t count, double q)
{
    double at = q * (double)(count - 1);
    size_t below = (size_t)at;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

void bench_stats_of(double *values, size_t count, struct bench_stats *out)
{
    size_t kept = 0;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[kept++] = values[i];
    *out = (struct bench_stats){kept, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (kept == 0)
        return;
    qsort(values, kept, sizeof *values, by_value);
    for (size_t i = 0; i < kept; i++)
        sum += values[i];
    out->mean = sum / (double)kept;
    for (size_t i = 0; i < kept; i++)
        squares += (values[i] - out->mean) * (values[i] - out->mean);
    out->std = kept > 1 ? sqrt(squares / (double)(kept - 1)) : 0;
    out->low = values[0];
    out->q1 = bench_stats_quantile(values, kept, 0.25);
    out->median = bench_stats_quantile(values, kept, 0.5);
    out->q3 = bench_stats_quantile(values, kept, 0.75);
    out->high = values[kept - 1];
}
