/* interval: used where a figure is the outcome of several seeds (hwnas prune). */
#include "common/interval.h"

#include <math.h>

/* To 30 degrees of freedom from tables; beyond, the expansion by the normal quantile (Abramowitz and Stegun 1964, 26.7.5). */
double interval_t(size_t freedom)
{
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                   2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    const double z = 1.959964, v = (double)freedom;
    if (freedom >= 1 && freedom <= sizeof table / sizeof table[0])
        return table[freedom - 1];
    return z + (pow(z, 3) + z) / (4 * v) + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * v * v);
}

struct interval interval_of(const double *values, size_t count)
{
    struct interval out = {NAN, NAN};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    if (count > 0)
        out.mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - out.mean) * (values[i] - out.mean);
    if (count > 1)
        out.half = interval_t(count - 1) * sqrt(squares / (double)(count - 1) / (double)count);
    return out;
}
