/* measure: the statistics of a latency measurement and the protocol that takes it. Pure: samples come from a callback, time is what
 * the callback reports. Rules and sources: reliability notes section 8, ecosystem notes 5.4; docs/MEASURING.md. */
#ifndef HWNAS_WORKER_MEASURE_H
#define HWNAS_WORKER_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

enum { MEASURE_SAMPLES_MAX = 4096, MEASURE_PROTOCOL_VERSION = 1 };

struct measure_options {
    int warmup_window;      /* runs per warm-up window (5) */
    double warmup_agree;    /* two successive windows' medians agree within this fraction: steady (0.02) */
    int warmup_max;         /* give up waiting for steadiness after this many runs (50) */
    int samples_min;        /* at least this many samples (50) */
    double seconds_min;     /* and at least this much time in all (0.1) */
    double seconds_max;     /* stop, once samples_min/5 are in, after this much time (10) */
    int windows;            /* headline = median of the medians of this many equal windows (5) */
    double unstable_spread; /* MAD/median above this marks the result unstable (0.05) */
    double drift_floor;     /* first against last third: above max(this, 4 standard errors) is drift (0.03) */
};

struct measure_result {
    double latency_ms; /* median of window medians */
    double mad_ms;     /* median absolute deviation of all samples */
    double mean_ms, min_ms, p90_ms, p99_ms;
    int sample_count, warmup_count, outlier_count; /* outliers (beyond 3.5 scaled MAD) are counted, never dropped */
    bool steady_start;                             /* warm-up ended by agreement, not by the cap */
    bool drifting, unstable;
    double samples_ms[MEASURE_SAMPLES_MAX]; /* raw, in order */
};

/* The default options above. */
struct measure_options measure_defaults(void);

/* Statistics of n raw samples (1 <= n <= MEASURE_SAMPLES_MAX) into *result (whose samples_ms may be samples itself). */
void measure_statistics(const double *samples_ms, int n, const struct measure_options *options, struct measure_result *result);

/* Median of n numbers; reorders them. n >= 1. */
double measure_median(double *values, int n);

/* Takes a measurement: calls `sample` (returns one inference's milliseconds, or a negative number for a failure) through warm-up
 * and sampling as the options say; an unstable or drifting result is measured once more and the steadier one kept.
 * STATUS_UNAVAILABLE when a sample fails. */
enum status_code measure_take(double (*sample)(void *context), void *context, const struct measure_options *options,
                              struct measure_result *result, struct status *status);

#endif
