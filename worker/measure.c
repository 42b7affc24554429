/* measure: from single runs to one figure that can be trusted, or that says why it cannot.
 *
 * Called by the agent's session and by `hwnas device measure` with a runner's sample function. Everything here is arithmetic on the
 * samples: no clock is read, so tests drive it with boards that do not exist. Rule kept: no sample is ever dropped after warm-up.
 */
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

struct measure_options measure_defaults(void)
{
    return (struct measure_options){
        .warmup_window = 5,
        .warmup_agree = 0.02,
        .warmup_max = 50,
        .samples_min = 50,
        .seconds_min = 0.1,
        .seconds_max = 10.0,
        .windows = 5,
        .outlier_floor = 0.01,
        .outlier_share = 0.20,
        .unstable_spread = 0.05,
        .drift_floor = 0.03,
    };
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sorted_median(const double *sorted, int n)
{
    return n % 2 == 1 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

double measure_median(double *values, int n)
{
    assert(n >= 1);
    qsort(values, (size_t)n, sizeof *values, ascending);
    return sorted_median(values, n);
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

/* A burst of disturbance spoils the windows it falls into, and the median over windows then ignores those. */
static double median_of_window_medians(const double *samples, int n, int windows)
{
    enum { WINDOWS_MAX = 64, WINDOW_MIN = 3 };
    double medians[WINDOWS_MAX];
    if (windows > n / WINDOW_MIN)
        windows = n / WINDOW_MIN;
    if (windows > WINDOWS_MAX)
        windows = WINDOWS_MAX;
    if (windows < 1)
        windows = 1;
    for (int i = 0; i < windows; i++) {
        int first = i * n / windows, last = (i + 1) * n / windows;
        medians[i] = median_of(samples + first, last - first);
    }
    return measure_median(medians, windows);
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

void measure_statistics(const double *samples_ms, int n, const struct measure_options *options, struct measure_result *result)
{
    assert(n >= 1 && n <= MEASURE_SAMPLES_MAX);
    double sorted[MEASURE_SAMPLES_MAX];
    memcpy(sorted, samples_ms, (size_t)n * sizeof *sorted);
    double median = measure_median(sorted, n);

    memmove(result->samples_ms, samples_ms, (size_t)n * sizeof *samples_ms);
    result->sample_count = n;
    result->latency_ms = median_of_window_medians(samples_ms, n, options->windows);
    result->mad_ms = deviation_of(samples_ms, n, median);
    result->min_ms = sorted[0];
    result->p90_ms = nearest_rank(sorted, n, 0.90);
    result->p99_ms = nearest_rank(sorted, n, 0.99);

    double bound = fmax(OUTLIER_SIGMAS * MAD_TO_SIGMA * result->mad_ms, options->outlier_floor * median), sum = 0;
    result->outlier_count = 0;
    for (int i = 0; i < n; i++) {
        sum += samples_ms[i];
        result->outlier_count += fabs(samples_ms[i] - median) > bound;
    }
    result->mean_ms = sum / n;
    result->unstable = result->mad_ms > options->unstable_spread * median || result->outlier_count > options->outlier_share * n;
    find_drift(samples_ms, n, options, result);
}

bool measure_is_steady(const struct measure_result *result)
{
    return result->steady_start && !result->drifting && !result->unstable;
}

/* The samples of one attempt, counted and timed as they come. */
struct series {
    double (*sample)(void *context);
    void *context;
    struct status *status;
    double seconds; /* sum of the samples since it was last set to 0 */
    double total_seconds;
    int runs; /* since the beginning, for messages */
};

static enum status_code next_sample(struct series *series, double *sample_ms)
{
    double ms = series->sample(series->context);
    series->runs++;
    if (!(ms >= 0) || !isfinite(ms))
        return status_set(series->status, STATUS_UNAVAILABLE, "run %d of the network on the board failed", series->runs);
    series->seconds += ms / 1000;
    series->total_seconds += ms / 1000;
    *sample_ms = ms;
    return STATUS_OK;
}

/* Runs windows until two in a row agree. Neither many slow runs nor a board that never settles may hold the search up. */
static enum status_code warm_up(struct series *series, const struct measure_options *options, struct measure_result *result)
{
    double window[MEASURE_SAMPLES_MAX], before = NAN;
    int size = options->warmup_window < 1 ? 1 : options->warmup_window;
    if (size > MEASURE_SAMPLES_MAX)
        size = MEASURE_SAMPLES_MAX;
    series->seconds = 0;
    result->warmup_count = 0;
    result->steady_start = false;
    while (result->warmup_count + size <= options->warmup_max && series->seconds < options->seconds_max) {
        for (int i = 0; i < size; i++) {
            enum status_code code = next_sample(series, &window[i]);
            if (code != STATUS_OK)
                return code;
        }
        result->warmup_count += size;
        double median = measure_median(window, size);
        if (fabs(median - before) <= options->warmup_agree * median) {
            result->steady_start = true;
            break;
        }
        before = median;
    }
    return STATUS_OK;
}

static bool enough(int n, double seconds, const struct measure_options *options)
{
    if (n >= MEASURE_SAMPLES_MAX)
        return true;
    if (n >= options->samples_min && seconds >= options->seconds_min)
        return true;
    return n >= 1 && n >= options->samples_min / 5 && seconds >= options->seconds_max;
}

static enum status_code attempt(struct series *series, const struct measure_options *options, struct measure_result *result)
{
    enum status_code code = warm_up(series, options, result);
    int n = 0;
    series->seconds = 0;
    while (code == STATUS_OK && !enough(n, series->seconds, options)) {
        code = next_sample(series, &result->samples_ms[n]);
        n++;
    }
    if (code == STATUS_OK)
        measure_statistics(result->samples_ms, n, options, result);
    return code;
}

/* Fewer doubts first, then the smaller relative spread. */
static bool steadier(const struct measure_result *a, const struct measure_result *b)
{
    int doubts_a = a->unstable + a->drifting + !a->steady_start, doubts_b = b->unstable + b->drifting + !b->steady_start;
    if (doubts_a != doubts_b)
        return doubts_a < doubts_b;
    return a->mad_ms * b->latency_ms < b->mad_ms * a->latency_ms;
}

enum status_code measure_take(double (*sample)(void *context), void *context, const struct measure_options *options,
                              struct measure_result *result, struct status *status)
{
    struct series series = {.sample = sample, .context = context, .status = status};
    enum status_code code = attempt(&series, options, result);
    if (code != STATUS_OK)
        return code;
    if (!measure_is_steady(result) && series.total_seconds < options->seconds_max) {
        struct measure_result *again = malloc(sizeof *again);
        if (again == NULL)
            return status_set(status, STATUS_NO_MEMORY, "no memory for the %zu bytes of a second measurement", sizeof *again);
        code = attempt(&series, options, again);
        if (code == STATUS_OK && steadier(again, result))
            memcpy(result, again, sizeof *again);
        free(again);
        result->attempts = 2;
    } else {
        result->attempts = 1;
    }
    return code;
}
