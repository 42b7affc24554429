/* measure_json: nothing of a measurement is lost on its way to the store: the statistics can be computed again from the samples. */
#include "worker/measure_json.h"

#include <math.h>

/* Nanoseconds are what the clock has; more digits would only fill the database. */
static json_t *milliseconds(double ms)
{
    return json_real(round(ms * 1e6) / 1e6);
}

json_t *measure_json(const struct measure_result *result, const char *device, const char *conditions)
{
    json_t *samples = json_array();
    for (int i = 0; i < result->sample_count; i++)
        json_array_append_new(samples, milliseconds(result->samples_ms[i]));
    return json_pack("{s:s,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:i,s:i,s:i,s:f,s:b,s:b,s:b,s:b,s:s,s:o}", "device", device, "protocol",
                     MEASURE_PROTOCOL_VERSION, "latency_ms", milliseconds(result->latency_ms), "mad_ms",
                     milliseconds(result->mad_ms), "mean_ms", milliseconds(result->mean_ms), "min_ms", milliseconds(result->min_ms),
                     "p90_ms", milliseconds(result->p90_ms), "p99_ms", milliseconds(result->p99_ms), "samples",
                     result->sample_count, "warmup", result->warmup_count, "outliers", result->outlier_count, "attempts",
                     result->attempts, "drift", round(result->drift * 1e4) / 1e4, "steady", measure_is_steady(result),
                     "steady_start", result->steady_start, "drifting", result->drifting, "unstable", result->unstable, "conditions",
                     conditions, "samples_ms", samples);
}
