/* median: medians, and the headline of a measurement, which agent and master both calculate from the samples. Pure. */
#ifndef HWNAS_COMMON_MEDIAN_H
#define HWNAS_COMMON_MEDIAN_H

enum { MEDIAN_WINDOWS_MAX = 64 };

/* Median of n numbers, n >= 1; the mean of the middle two when n is even. Sorts them. */
double median_sort(double *values, int n);

/* The medians of that many equal windows (fewer when a window would hold less than 3, 64 at the most): a burst of disturbance
 * spoils the windows it falls into, and the median over windows then ignores those (docs/MEASURING.md). Returns how many. n >= 1;
 * scratch has room for n numbers. */
int median_windows(const double *samples, int n, int windows, double out[MEDIAN_WINDOWS_MAX], double *scratch);

#endif
