/* timing: what the benches share: processor time, and the middle of several runs. */
#ifndef HWNAS_TESTS_SUPPORT_TIMING_H
#define HWNAS_TESTS_SUPPORT_TIMING_H

/* Processor seconds (user and system) of this process. */
double timing_processor_seconds(void);

/* Sorts the values and returns their median. */
double timing_median(double *values, int count);

#endif
