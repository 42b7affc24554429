/* measure_json: a measurement as a JSON object: what the agent sends as a result's detail and what `hwnas device measure -f json`
 * prints. docs/MEASURING.md explains each field. */
#ifndef HWNAS_WORKER_MEASURE_JSON_H
#define HWNAS_WORKER_MEASURE_JSON_H

#include <jansson.h>

#include "worker/measure.h"

/* A new object (the caller's to release) with the statistics, the protocol version, the device, the conditions and all raw samples
 * in order. NULL when there is no memory. */
json_t *measure_json(const struct measure_result *result, const char *device, const char *conditions);

#endif
