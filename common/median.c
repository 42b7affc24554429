/* median: see median.h. Called by worker/measure and master/trust. */
#include "common/median.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_MIN = 3 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median_sort(double *values, int n)
{
    assert(n >= 1);
    qsort(values, (size_t)n, sizeof *values, ascending);
    return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

int median_windows(const double *samples, int n, int windows, double out[MEDIAN_WINDOWS_MAX], double *scratch)
{
    if (windows > n / WINDOW_MIN)
        windows = n / WINDOW_MIN;
    if (windows > MEDIAN_WINDOWS_MAX)
        windows = MEDIAN_WINDOWS_MAX;
    if (windows < 1)
        windows = 1;
    for (int i = 0; i < windows; i++) {
        int first = i * n / windows, last = (i + 1) * n / windows;
        memcpy(scratch, samples + first, (size_t)(last - first) * sizeof *samples);
        out[i] = median_sort(scratch, last - first);
    }
    return windows;
}
