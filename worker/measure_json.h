/* measure_json: a measurement as a JSON object: what the agent sends as a result's detail and what `hwnas device measure -f json`
 * prints. docs/MEASURING.md explains each field. */
#ifndef HWNAS_WORKER_MEASURE_JSON_H
#define HWNAS_WORKER_MEASURE_JSON_H

#include <jansson.h>

#include "worker/measure.h"
#include "worker/runner.h"

/* A new object (the caller's to release) with the statistics, the protocol's version and mode, the device, the conditions and all
 * raw samples in order. NULL when there is no memory. */
json_t *measure_json(const struct measure_result *result, const char *device, const char *conditions);

/* Adds what the runner says beside its samples: build_seconds, build_cached, run_seconds, and tool where there is one. */
void measure_json_note(json_t *object, const struct runner_note *note);

#endif
