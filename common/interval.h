/* interval: the mean of a few repetitions with a 95 % interval by Student's t. Pure. */
#ifndef HWNAS_COMMON_INTERVAL_H
#define HWNAS_COMMON_INTERVAL_H

#include <stddef.h>

struct interval {
    double mean;
    double half; /* the interval is mean - half to mean + half; NaN for fewer than two values */
};

/* Of count values, taken as draws from one normal distribution. Mean NaN when there are none. */
struct interval interval_of(const double *values, size_t count);

/* The 97.5 % quantile of Student's t with that many degrees of freedom (at least 1), right to 0.001 and for 1 to 0.01. */
double interval_t(size_t freedom);

#endif
