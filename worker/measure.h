/* measure: the statistics of a latency measurement and the protocol that takes it. Pure: samples, states of the board and waiting
 * come from callbacks, time is what they report. docs/MEASURING.md says why each rule is as it is and how well it does. */
#ifndef HWNAS_WORKER_MEASURE_H
#define HWNAS_WORKER_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/median.h"
#include "common/status.h"

enum {
    MEASURE_SAMPLES_MAX = 4096,
    MEASURE_WINDOWS_MAX = MEDIAN_WINDOWS_MAX,
    MEASURE_PROTOCOL_VERSION = 2,
    MEASURE_WORD_BYTES = 32
};

enum measure_mode {
    MEASURE_QUICK,    /* what a search asks for: under a second for a network of milliseconds */
    MEASURE_STRICT,   /* the same figure, more carefully: the size of an MLPerf run */
    MEASURE_SUSTAINED /* another figure: after minutes of load, throttled if that is what the board does */
};

struct measure_options {
    enum measure_mode mode;
    bool strict;                /* refuse a board whose governor is not `performance`, or that does not cool down */
    double start_temperature_c; /* wait until the board is no hotter than this; 0: do not */
    double start_wait_s;        /* but no longer than this (60) */
    int warmup_runs;            /* runs a warm-up window has at least (5) */
    double warmup_seconds;      /* and how long it takes at least (0.01) */
    double warmup_agree;        /* two successive windows' medians agree within this fraction: steady (0.02) */
    int warmup_windows_max;     /* give up waiting for steadiness after this many windows (10); 0: no warm-up */
    int samples_min;            /* at least this many samples (50) */
    int samples_least;          /* that many whatever it takes; fewer are a summary (10) */
    double seconds_min;         /* at least this much time in all (0.5: windows of 0.1 s) */
    double seconds_max;         /* of runs in one attempt: then samples_least are enough; half of it ends the warm-up (20) */
    int windows;                /* headline = median of the medians of this many equal windows (5) */
    double tail;                /* the share of the samples, from the end, that the statistics are about (1; sustained: 1/3) */
    int power_samples_min;      /* an energy of fewer is not told; the attempt goes on up to seconds_max to get them (50) */
    double outlier_floor;       /* a sample this close to the median is never an outlier: clocks are coarse (0.01) */
    double outlier_share;       /* a larger share of outliers marks the result unstable (0.20) */
    double unstable_spread;     /* so does a MAD, half a quartile distance, or a distance of windows above this share of the median
                                   (0.05) */
    double drift_floor;         /* first against last third: above max(this, 4 standard errors) is drift (0.03) */
    bool repeat;                /* measure a doubtful result once more (true) */
    double cooldown_s;          /* wait before that: as long as the attempt took, at most this (1) */
    int throttled_max;          /* give up when so many attempts were discarded because the board slowed its clock (3) */
    double throttled_wait_s;    /* wait after the first of them; twice as long after each further one (5) */
};

/* What a board shows of its state. */
struct measure_view {
    char governor[MEASURE_WORD_BYTES]; /* empty: unknown */
    bool boost;                        /* the clock may exceed its nominal value for a while, so it comes down by itself */
    double frequency_mhz;              /* now; 0: unknown */
    double frequency_max_mhz;          /* what the governor may choose at the most; 0: unknown */
    double gpu_mhz;                    /* of a graphics processor whose clock is fixed; 0: none */
    double temperature_c;              /* NaN: unknown */
    double throttle_count;             /* how often it has slowed its clock since boot; NaN: unknown */
    unsigned throttled;                /* a Raspberry Pi's bits: 0-3 now, 16-19 since boot; 0 where there are none */
};

/* What a run says beside its samples. All zero before the call, energy_mj NaN. */
struct measure_run {
    double seconds;    /* that it took: what the options' time limits count */
    double energy_mj;  /* an inference's; NaN: not measured */
    int power_samples; /* that the energy rests on */
    bool throttled;    /* the board says that it slowed its clock meanwhile */
};

/* A board as the protocol sees it. */
struct measure_board {
    void *context;
    bool whole;         /* one run is a whole series, warmed up by the tool that takes it */
    bool deterministic; /* calculates latency: one run says all, and equal samples are honest */
    /* Runs the network and writes milliseconds of an inference: one sample, or at most `room` of a series. Returns how many, at
     * least 1; anything else is a failure, with a sentence in status or without. */
    int (*run)(void *context, double *out_ms, int room, struct measure_run *said, struct status *status);
    void (*look)(void *context, struct measure_view *out); /* what it does not set is unknown. NULL: nothing can be seen */
    bool (*wait)(void *context, double seconds);           /* false: called off. NULL: nothing is ever waited for */
};

struct measure_result {
    enum measure_mode mode;
    double latency_ms; /* median of window medians */
    double mad_ms;     /* median absolute deviation of all samples from their median */
    double mean_ms, std_ms, min_ms, p90_ms, p99_ms;
    int sample_count;      /* in samples_ms */
    int sample_every;      /* every so-manyth sample is kept: 1 unless there were more than MEASURE_SAMPLES_MAX */
    long long taken_count; /* samples taken after warm-up */
    int warmup_count;
    int outlier_count; /* beyond 3.5 scaled MAD: counted, never dropped */
    int window_count;
    double windows_ms[MEASURE_WINDOWS_MAX]; /* the windows' medians, in order */
    int attempts;                           /* all of them, discarded ones too */
    int discarded_count;                    /* attempts thrown away because the board slowed its clock */
    char throttled_why[128];                /* how one could tell, the last time that it did */
    double seconds;                         /* of runs, over all attempts, warm-up included */
    double drift;                           /* (median of the last third - median of the first) / median */
    double energy_mj;                       /* an inference's, from at least power_samples_min samples; NaN: not measured */
    int power_samples;
    struct measure_view before, after; /* what the board showed around the attempt that counts */
    /* The doubts. */
    bool steady_start; /* warm-up ended by agreement, not by a cap */
    bool drifting;     /* drift is beyond the options' bound (sustained: within the last third) */
    bool unstable;     /* too much spread, too many outliers, or windows that differ */
    bool summary_only; /* fewer than samples_least samples: nothing can be said about their spread */
    bool hot_start;    /* it was still too hot when waiting ended */
    bool throttled;    /* slowed its clock meanwhile: the failure of measure_take; in mode sustained part of the figure, no doubt */
    double samples_ms[MEASURE_SAMPLES_MAX]; /* raw, in order */
};

/* The defaults above, for a search. */
struct measure_options measure_defaults(void);

/* Warm-up of at least 3 s, at least 1,024 samples and 60 s, a minute's cool-down, no governor but `performance` (MLPerf Mobile's
 * run rules for size). */
struct measure_options measure_strict(void);

/* Runs for so many minutes without warm-up; the last third is the headline and throttling is not discarded. Never repeated. */
struct measure_options measure_sustained(double minutes);

/* The real seconds after which a measurement is given up, however its time went: the bounds of all attempts and waits the options
 * allow, runs counted fourfold because a few of a slow network are taken whatever they take. run_s: what a single run may take at
 * the most by the runner's own time-out, 0 when it has none. */
double measure_limit_s(const struct measure_options *options, double run_s);

/* "quick", "strict", "sustained". */
const char *measure_mode_name(enum measure_mode mode);

/* Everything unknown. */
struct measure_view measure_view_unknown(void);

/* Statistics of n raw samples (1 <= n <= MEASURE_SAMPLES_MAX, finite, none negative) into *result, whose samples_ms may be
 * `samples_ms` itself: the figures from latency_ms to p99_ms, the counts of samples, outliers and windows, drift, drifting,
 * unstable. All else is not touched. */
void measure_statistics(const double *samples_ms, int n, const struct measure_options *options, struct measure_result *result);

/* Median of n numbers; reorders them. n >= 1. */
double measure_median(double *values, int n);

/* Takes a measurement as the options say: waits for the start temperature, warms up, samples, and looks at the clocks again. An
 * attempt during which the board slowed its clock is discarded and taken again; a result that is unstable, drifting or was never
 * steady is taken once more after a cool-down, unless it took seconds_max already, and the steadier one is kept. A board that
 * measures whole series is asked for one (for more while strict, sustained or power samples want more), a deterministic one for one
 * run. Blocks as long as runs and waits do: typically 60 to 70 inferences. STATUS_UNAVAILABLE with a sentence when a run fails, the
 * wait is called off, the board is refused, or it only ever slowed down (then result->throttled). */
enum status_code measure_take(const struct measure_board *board, const struct measure_options *options,
                              struct measure_result *result, struct status *status);

/* Whether a board in that state may be measured as far as its governor goes: STATUS_UNAVAILABLE with what to do when measuring is
 * to be strict and it is another one than `performance`. An unknown governor is no reason. */
enum status_code measure_check_governor(const struct measure_options *options, const struct measure_view *view,
                                        struct status *status);

/* Whether nothing about the result is doubtful. */
bool measure_is_steady(const struct measure_result *result);

#endif
