/* measure: the statistics of a latency measurement and the protocol that takes it. Pure: samples come from a callback, time is what
 * the callback reports. docs/MEASURING.md says why each rule is as it is and how well it does. */
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
    double seconds_max;     /* stop, once samples_min/5 are in, after this much time (10); it also ends the warm-up */
    int windows;            /* headline = median of the medians of this many equal windows (5) */
    double outlier_floor;   /* a sample this close to the median is never an outlier: clocks are coarse (0.01) */
    double outlier_share;   /* a larger share of outliers marks the result unstable (0.20) */
    double unstable_spread; /* MAD/median above this marks the result unstable (0.05) */
    double drift_floor;     /* first against last third: above max(this, 4 standard errors) is drift (0.03) */
};

struct measure_result {
    double latency_ms; /* median of window medians */
    double mad_ms;     /* median absolute deviation of all samples from their median */
    double mean_ms, min_ms, p90_ms, p99_ms;
    int sample_count, warmup_count;
    int outlier_count;                      /* beyond 3.5 scaled MAD: counted, never dropped */
    int attempts;                           /* 1, or 2 when the first was doubtful and measured again */
    double drift;                           /* (median of the last third - median of the first) / median */
    bool steady_start;                      /* warm-up ended by agreement, not by a cap */
    bool drifting;                          /* drift is beyond the options' bound */
    bool unstable;                          /* too much spread, or too many outliers */
    double samples_ms[MEASURE_SAMPLES_MAX]; /* raw, in order */
};

/* The default options above. */
struct measure_options measure_defaults(void);

/* Statistics of n raw samples (1 <= n <= MEASURE_SAMPLES_MAX, finite, none negative) into *result, whose samples_ms may be
 * `samples_ms` itself. Warm-up count, steady_start and attempts are not touched. */
void measure_statistics(const double *samples_ms, int n, const struct measure_options *options, struct measure_result *result);

/* Median of n numbers; reorders them. n >= 1. */
double measure_median(double *values, int n);

/* Takes a measurement: calls `sample` (returns one inference's milliseconds, or a negative number for a failure) through warm-up
 * and sampling as the options say. A result that is unstable, drifting or was never steady is measured once more and the steadier
 * one kept, unless the first took seconds_max already. Blocks as long as the samples do: typically 60 to 70 inferences.
 * STATUS_UNAVAILABLE when a sample fails. */
enum status_code measure_take(double (*sample)(void *context), void *context, const struct measure_options *options,
                              struct measure_result *result, struct status *status);

/* Whether nothing about the result is doubtful: steady from the start, no drift, little spread. */
bool measure_is_steady(const struct measure_result *result);

#endif
