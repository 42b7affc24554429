/* trust_result: impossible measurements are found before they are stored. Called by coord_boards. */
#include "master/trust_result.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/median.h"

/* Where a board's peak is not known: what no single board does. */
static const double MACS_PER_S = 1e15, BYTES_PER_S = 1e13;
/* Winograd's F(4x4,3x3) does a 3x3 convolution with a quarter of its multiplications. */
static const double FAST_ALGORITHM = 4;
/* Clocks of two machines, and the rounding of a result's figures. */
static const double CLOCK_FACTOR = 1.01, CLOCK_SECONDS = 0.05, ROUNDING = 1e-4, ROUNDING_MS = 2e-6;

/* --- evidence --- */

static double figure(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static enum status_code read_samples(const json_t *object, struct trust_evidence *out, struct status *status)
{
    const json_t *samples = json_object_get(object, "samples_ms");
    size_t count = json_array_size(samples);
    if (count == 0 || count > TRUST_SAMPLES_MAX)
        return status_set(status, STATUS_BAD_INPUT, "it has %zu samples; it must have 1 to %d", count, TRUST_SAMPLES_MAX);
    out->count = (int)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *sample = json_array_get(samples, i);
        double ms = json_is_number(sample) ? json_number_value(sample) : NAN;
        if (!isfinite(ms) || ms <= 0)
            return status_set(status, STATUS_BAD_INPUT, "its sample %zu is not a number above 0", i + 1);
        out->samples_ms[i] = ms;
    }
    return STATUS_OK;
}

/* Under sustained load the figures are about the last third. */
static int first_of_tail(const json_t *object, int count)
{
    const char *mode = json_string_value(json_object_get(object, "mode"));
    return mode != NULL && strcmp(mode, "sustained") == 0 ? count - (int)ceil(count / 3.0) : 0;
}

static void recompute(const json_t *object, struct trust_evidence *out)
{
    double scratch[TRUST_SAMPLES_MAX], medians[MEDIAN_WINDOWS_MAX], sum = 0, tail_sum = 0;
    int first = first_of_tail(object, out->count), windows = (int)json_array_size(json_object_get(object, "windows_ms"));
    out->tail_min_ms = out->samples_ms[first];
    for (int i = 0; i < out->count; i++) {
        sum += out->samples_ms[i];
        if (i < first)
            continue;
        tail_sum += out->samples_ms[i];
        out->tail_min_ms = fmin(out->tail_min_ms, out->samples_ms[i]);
    }
    windows = median_windows(out->samples_ms + first, out->count - first, windows, medians, scratch);
    out->headline_ms = median_sort(medians, windows);
    out->tail_mean_ms = tail_sum / (out->count - first);
    double every = figure(object, "every");
    out->total_ms = sum * (every > 1 && every < 1e6 ? every : 1);
}

enum status_code trust_evidence_read(const char *detail, size_t size, struct trust_evidence *out, struct status *status)
{
    json_t *object = size == 0 ? NULL : json_loadb(detail, size, 0, NULL);
    *out = (struct trust_evidence){0};
    enum status_code code = read_samples(object, out, status);
    if (code == STATUS_OK) {
        recompute(object, out);
        out->latency_ms = figure(object, "latency_ms");
        out->mean_ms = figure(object, "mean_ms");
        out->min_ms = figure(object, "min_ms");
    }
    if (code == STATUS_OK && out->count >= TRUST_SPREAD_SAMPLES) {
        struct digest digest;
        digest_of(out->samples_ms, (size_t)out->count * sizeof out->samples_ms[0], &digest);
        digest_hex(&digest, out->digest);
    }
    json_decref(object);
    return code;
}

/* --- judging --- */

/* A device key's last part may go on: f32+sustained. */
static bool precision_is(const char *last, const char *word)
{
    size_t length = strlen(word);
    return strncmp(last, word, length) == 0 && (last[length] == '\0' || last[length] == '+');
}

double trust_bytes_per_param(const char *device_key)
{
    const char *last = strrchr(device_key, '-');
    last = last == NULL ? device_key : last + 1;
    if (precision_is(last, "f32") || precision_is(last, "fp32"))
        return 4;
    if (precision_is(last, "f16") || precision_is(last, "fp16") || precision_is(last, "bf16"))
        return 2;
    return 1;
}

static bool same(double declared, double calculated)
{
    return isnan(declared) || fabs(declared - calculated) <= ROUNDING * calculated + ROUNDING_MS;
}

static bool statistics_agree(double value_ms, const struct trust_evidence *evidence, char *why, size_t size)
{
    if (!same(value_ms, evidence->headline_ms) || !same(evidence->latency_ms, evidence->headline_ms))
        snprintf(why, size, "it says %.6g ms, its samples say %.6g ms", value_ms, evidence->headline_ms);
    else if (!same(evidence->mean_ms, evidence->tail_mean_ms))
        snprintf(why, size, "it says a mean of %.6g ms, its samples say %.6g ms", evidence->mean_ms, evidence->tail_mean_ms);
    else if (!same(evidence->min_ms, evidence->tail_min_ms))
        snprintf(why, size, "it says a minimum of %.6g ms, its samples say %.6g ms", evidence->min_ms, evidence->tail_min_ms);
    else
        return true;
    return false;
}

static bool fast_enough(double value_ms, const struct trust_limits *limits, char *why, size_t size)
{
    double macs_per_s = limits->peak_macs_per_s > 0 ? limits->peak_macs_per_s : MACS_PER_S;
    double bytes_per_s = limits->peak_bytes_per_s > 0 ? limits->peak_bytes_per_s : BYTES_PER_S;
    double macs_ms = 1000 * limits->macs / FAST_ALGORITHM / macs_per_s;
    double bytes_ms = 1000 * limits->params * limits->bytes_per_param / bytes_per_s;
    if (value_ms < macs_ms)
        snprintf(why, size, "%.4g ms for %.4g million MACs is beyond the board's %.4g million a second", value_ms,
                 limits->macs / 1e6, macs_per_s / 1e6);
    else if (value_ms < bytes_ms)
        snprintf(why, size, "%.4g ms for %.4g million weights is beyond the board's %.4g million bytes a second", value_ms,
                 limits->params / 1e6, bytes_per_s / 1e6);
    else
        return true;
    return false;
}

static bool spread_is_true(const struct trust_evidence *evidence, const struct trust_limits *limits, char *why, size_t size)
{
    bool equal = true;
    if (limits->deterministic || evidence->count < TRUST_SPREAD_SAMPLES)
        return true;
    for (int i = 1; i < evidence->count; i++)
        equal = equal && evidence->samples_ms[i] == evidence->samples_ms[0];
    if (equal)
        snprintf(why, size, "all its %d samples are %.6g ms, and the board is not one that calculates latency", evidence->count,
                 evidence->samples_ms[0]);
    else if (limits->samples_known && !limits->simulated)
        snprintf(why, size, "its %d samples are those of an earlier result, one by one", evidence->count);
    else
        return true;
    return false;
}

static bool time_was_enough(const struct trust_evidence *evidence, const struct trust_limits *limits, char *why, size_t size)
{
    double allowed = limits->age_seconds * CLOCK_FACTOR + CLOCK_SECONDS;
    if (isnan(limits->age_seconds))
        return true;
    if (limits->seconds > allowed)
        snprintf(why, size, "it says that it took %.3g s, %.3g s after the lease", limits->seconds, limits->age_seconds);
    else if (!limits->deterministic && !limits->simulated && evidence->total_ms / 1000 > allowed)
        snprintf(why, size, "its samples take %.3g s in all, and came %.3g s after the lease", evidence->total_ms / 1000,
                 limits->age_seconds);
    else
        return true;
    return false;
}

bool trust_believable(double value_ms, const struct trust_evidence *evidence, const struct trust_limits *limits, char *why,
                      size_t size)
{
    return statistics_agree(value_ms, evidence, why, size) && fast_enough(value_ms, limits, why, size) &&
           spread_is_true(evidence, limits, why, size) && time_was_enough(evidence, limits, why, size);
}
