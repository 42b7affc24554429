/* measure_json: nothing of a measurement is lost on its way to the store: the statistics can be computed again from the samples. */
#include "worker/measure_json.h"

#include <math.h>

/* Nanoseconds are what the clock has; more digits would only fill the database. */
static json_t *milliseconds(double ms)
{
    return json_real(round(ms * 1e6) / 1e6);
}

/* A number with so many decimals; null when it is not known. */
static json_t *rounded(double value, double decimals)
{
    double scale = pow(10, decimals);
    return isfinite(value) ? json_real(round(value * scale) / scale) : json_null();
}

static json_t *list(const double *values_ms, int n)
{
    json_t *array = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(array, milliseconds(values_ms[i]));
    return array;
}

/* What the board showed; nothing where it showed nothing. */
static json_t *view(const struct measure_view *view)
{
    json_t *object = json_object();
    if (view->governor[0] != '\0')
        json_object_set_new(object, "governor", json_string(view->governor));
    if (view->frequency_mhz > 0)
        json_object_set_new(object, "frequency_mhz", rounded(view->frequency_mhz, 0));
    if (view->frequency_max_mhz > 0)
        json_object_set_new(object, "frequency_max_mhz", rounded(view->frequency_max_mhz, 0));
    if (view->gpu_mhz > 0)
        json_object_set_new(object, "gpu_mhz", rounded(view->gpu_mhz, 0));
    if (isfinite(view->temperature_c))
        json_object_set_new(object, "temperature_c", rounded(view->temperature_c, 1));
    if (isfinite(view->throttle_count))
        json_object_set_new(object, "throttle_count", rounded(view->throttle_count, 0));
    if (view->throttled != 0)
        json_object_set_new(object, "throttled", json_integer(view->throttled));
    return object;
}

static int add_figures(json_t *object, const struct measure_result *result)
{
    return json_object_update_new(object, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "latency_ms",
                                                    milliseconds(result->latency_ms), "mad_ms", milliseconds(result->mad_ms),
                                                    "mean_ms", milliseconds(result->mean_ms), "std_ms",
                                                    milliseconds(result->std_ms), "min_ms", milliseconds(result->min_ms), "p90_ms",
                                                    milliseconds(result->p90_ms), "p99_ms", milliseconds(result->p99_ms),
                                                    "windows_ms", list(result->windows_ms, result->window_count), "drift",
                                                    rounded(result->drift, 4), "energy_mj", rounded(result->energy_mj, 6)));
}

static int add_counts(json_t *object, const struct measure_result *result)
{
    return json_object_update_new(object, json_pack("{s:i,s:I,s:i,s:i,s:i,s:i,s:i,s:i,s:s,s:o}", "samples", result->sample_count,
                                                    "taken", (json_int_t)result->taken_count, "every", result->sample_every,
                                                    "warmup", result->warmup_count, "outliers", result->outlier_count,
                                                    "power_samples", result->power_samples, "attempts", result->attempts,
                                                    "discarded", result->discarded_count, "throttled_why", result->throttled_why,
                                                    "seconds", rounded(result->seconds, 6)));
}

static int add_doubts(json_t *object, const struct measure_result *result)
{
    return json_object_update_new(object, json_pack("{s:b,s:b,s:b,s:b,s:b,s:b,s:b}", "steady", measure_is_steady(result),
                                                    "steady_start", result->steady_start, "drifting", result->drifting, "unstable",
                                                    result->unstable, "summary_only", result->summary_only, "hot_start",
                                                    result->hot_start, "throttled", result->throttled));
}

json_t *measure_json(const struct measure_result *result, const char *device, const char *conditions)
{
    json_t *object = json_pack("{s:s,s:i,s:s,s:s}", "device", device, "protocol", MEASURE_PROTOCOL_VERSION, "mode",
                               measure_mode_name(result->mode), "conditions", conditions);
    if (object == NULL || add_figures(object, result) != 0 || add_counts(object, result) != 0 || add_doubts(object, result) != 0 ||
        json_object_set_new(object, "before", view(&result->before)) != 0 ||
        json_object_set_new(object, "after", view(&result->after)) != 0 ||
        json_object_set_new(object, "samples_ms", list(result->samples_ms, result->sample_count)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

void measure_json_note(json_t *object, const struct runner_note *note)
{
    json_object_set_new(object, "build_seconds", rounded(note->build_seconds, 6));
    json_object_set_new(object, "build_cached", json_boolean(note->build_cached));
    json_object_set_new(object, "run_seconds", rounded(note->run_seconds, 6));
    if (note->tool != NULL)
        json_object_set(object, "tool", note->tool);
}
