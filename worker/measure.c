/* measure: from samples to one figure that can be trusted, or that says why it cannot.
 *
 * Called by measure_take, and by whoever has samples of another source. Everything here is arithmetic on the samples. Rule kept: no
 * sample is ever left out because of its value. */
#include "worker/measure.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* MAD of a normal distribution times this is its standard deviation. */
static const double MAD_TO_SIGMA = 1.4826;
/* The standard error of a median is this times that of the mean (normal distribution, large n). */
static const double MEDIAN_ERROR = 1.2533;
static const double OUTLIER_SIGMAS = 3.5;
static const double DRIFT_ERRORS = 4.0;
static const double RUNS_SLACK = 4.0;

struct measure_options measure_defaults(void)
{
    return (struct measure_options){
        .mode = MEASURE_QUICK,
        .start_wait_s = 60.0,
        .warmup_runs = 5,
        .warmup_seconds = 0.01,
        .warmup_agree = 0.02,
        .warmup_windows_max = 10,
        .samples_min = 50,
        .samples_least = 10,
        .seconds_min = 0.5,
        .seconds_max = 20.0,
        .windows = 5,
        .tail = 1.0,
        .power_samples_min = 50,
        .outlier_floor = 0.01,
        .outlier_share = 0.20,
        .unstable_spread = 0.05,
        .drift_floor = 0.03,
        .repeat = true,
        .cooldown_s = 1.0,
        .throttled_max = 3,
        .throttled_wait_s = 5.0,
    };
}

struct measure_options measure_strict(void)
{
    struct measure_options options = measure_defaults();
    options.mode = MEASURE_STRICT;
    options.strict = true;
    options.start_wait_s = 300.0;
    options.warmup_seconds = 1.5; /* steadiness takes two windows at least */
    options.samples_min = 1024;
    options.seconds_min = 60.0;
    options.seconds_max = 600.0;
    options.windows = 20;
    options.cooldown_s = 60.0;
    options.throttled_wait_s = 60.0;
    return options;
}

struct measure_options measure_sustained(double minutes)
{
    struct measure_options options = measure_defaults();
    options.mode = MEASURE_SUSTAINED;
    options.warmup_windows_max = 0;
    options.seconds_min = options.seconds_max = 60.0 * minutes;
    options.tail = 1.0 / 3.0;
    options.repeat = false;
    return options;
}

/* Attempts: those discarded, the one that counts, and the second of a doubtful one. */
double measure_limit_s(const struct measure_options *options, double run_s)
{
    double waits_s = options->cooldown_s + options->throttled_wait_s * ldexp(1, options->throttled_max);
    return (options->throttled_max + 1) * (RUNS_SLACK * options->seconds_max + options->start_wait_s + run_s) + waits_s;
}

const char *measure_mode_name(enum measure_mode mode)
{
    static const char *const names[] = {[MEASURE_QUICK] = "quick", [MEASURE_STRICT] = "strict", [MEASURE_SUSTAINED] = "sustained"};
    return names[mode];
}

struct measure_view measure_view_unknown(void)
{
    return (struct measure_view){.temperature_c = NAN, .throttle_count = NAN};
}

double measure_median(double *values, int n)
{
    return median_sort(values, n);
}

static double median_of(const double *values, int n)
{
    double copy[MEASURE_SAMPLES_MAX];
    memcpy(copy, values, (size_t)n * sizeof *values);
    return measure_median(copy, n);
}

/* Median absolute deviation from `centre`. */
static double deviation_of(const double *values, int n, double centre)
{
    double deviations[MEASURE_SAMPLES_MAX];
    for (int i = 0; i < n; i++)
        deviations[i] = fabs(values[i] - centre);
    return measure_median(deviations, n);
}

/* The smallest sample that a fraction q of all does not exceed. */
static double nearest_rank(const double *sorted, int n, double q)
{
    int rank = (int)ceil(q * n);
    return sorted[rank < 1 ? 0 : rank - 1];
}

static void find_windows(const double *samples, int n, int windows, struct measure_result *result)
{
    double scratch[MEASURE_SAMPLES_MAX];
    windows = median_windows(samples, n, windows, result->windows_ms, scratch);
    result->window_count = windows;
    result->latency_ms = median_of(result->windows_ms, windows);
}

/* Whether the board changed between windows: their medians, without the lowest and the highest, which one burst may have spoilt,
 * lie further apart than the spread allows. Finds boards with two speeds. */
static bool windows_differ(const struct measure_result *result, double allowed)
{
    enum { WINDOWS_LEAST = 5 };
    double sorted[MEASURE_WINDOWS_MAX];
    int n = result->window_count;
    if (n < WINDOWS_LEAST)
        return false;
    memcpy(sorted, result->windows_ms, (size_t)n * sizeof *sorted);
    double median = measure_median(sorted, n);
    return sorted[n - 2] - sorted[1] > allowed * median;
}

/* Throttling: medians of the first and the last third. The noise that the difference is judged against is that inside the thirds,
 * because the spread over all samples already contains the drift. */
static void find_drift(const double *samples, int n, const struct measure_options *options, struct measure_result *result)
{
    int third = n / 3;
    result->drift = 0;
    result->drifting = false;
    if (third < 2)
        return;
    const double *first = samples, *last = samples + n - third;
    double before = median_of(first, third), after = median_of(last, third);
    double middle = 0.5 * (before + after);
    if (middle <= 0)
        return;
    double sigma = MAD_TO_SIGMA * 0.5 * (deviation_of(first, third, before) + deviation_of(last, third, after));
    double standard_error = MEDIAN_ERROR * sigma * sqrt(2.0 / third);
    result->drift = (after - before) / middle;
    result->drifting = fabs(after - before) > fmax(options->drift_floor * middle, DRIFT_ERRORS * standard_error);
}

/* Mean, deviation and outliers: what every sample has its part in. */
static void find_moments(const double *samples, int n, double median, const struct measure_options *options,
                         struct measure_result *result)
{
    double bound = fmax(OUTLIER_SIGMAS * MAD_TO_SIGMA * result->mad_ms, options->outlier_floor * median), sum = 0, squares = 0;
    result->outlier_count = 0;
    for (int i = 0; i < n; i++) {
        sum += samples[i];
        result->outlier_count += fabs(samples[i] - median) > bound;
    }
    result->mean_ms = sum / n;
    for (int i = 0; i < n; i++)
        squares += (samples[i] - result->mean_ms) * (samples[i] - result->mean_ms);
    result->std_ms = n > 1 ? sqrt(squares / (n - 1)) : 0;
}

void measure_statistics(const double *samples_ms, int n, const struct measure_options *options, struct measure_result *result)
{
    assert(n >= 1 && n <= MEASURE_SAMPLES_MAX);
    memmove(result->samples_ms, samples_ms, (size_t)n * sizeof *samples_ms);
    result->sample_count = n;

    double sorted[MEASURE_SAMPLES_MAX];
    int count = options->tail < 1 ? (int)ceil(options->tail * n) : n;
    const double *samples = result->samples_ms + n - count;
    memcpy(sorted, samples, (size_t)count * sizeof *sorted);
    double median = measure_median(sorted, count);
    result->mad_ms = deviation_of(samples, count, median);
    result->min_ms = sorted[0];
    result->p90_ms = nearest_rank(sorted, count, 0.90);
    result->p99_ms = nearest_rank(sorted, count, 0.99);
    find_moments(samples, count, median, options, result);
    find_windows(samples, count, options->windows, result);
    /* Half the distance between the quartiles is the MAD of what is symmetrical; of two speeds, each taken half of the time, the
     * MAD may be that of one of them. */
    double spread_ms = fmax(result->mad_ms, 0.5 * (nearest_rank(sorted, count, 0.75) - nearest_rank(sorted, count, 0.25)));
    result->unstable = spread_ms > options->unstable_spread * median || result->outlier_count > options->outlier_share * count ||
                       windows_differ(result, options->unstable_spread);
    find_drift(samples, count, options, result);
    if (count < n) { /* what the load did to it since its beginning */
        bool drifting = result->drifting;
        find_drift(result->samples_ms, n, options, result);
        result->drifting = drifting;
    }
}

bool measure_is_steady(const struct measure_result *result)
{
    return result->steady_start && !result->drifting && !result->unstable && !result->summary_only && !result->hot_start;
}
