/* parse_json: two formats that are JSON: our own, for tools and scripts written for hwnas, and trtexec's --exportTimes file.
 * Called through the table of parse.c. */
#include <stdio.h>
#include <string.h>

#include "worker/parse_internal.h"

static json_t *load(const struct parse_input *input)
{
    json_error_t error;
    json_t *root = json_loadb(input->text, input->size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        parse_refuse(input, "line %d is not JSON: %.200s", error.line, error.text);
    return root;
}

/* --- our own: {"latency_ms": 1.5 or [1.4, 1.5], "energy_mj": 3, "meta": {...}} --- */

static enum status_code add_latency(const struct parse_input *input, struct parse_found *found, const json_t *value)
{
    if (!json_is_number(value))
        return parse_refuse(input, "latency_ms must hold numbers: {\"latency_ms\": [1.4, 1.5]}");
    return parse_add(input, found, json_number_value(value), "latency_ms");
}

static enum status_code read_latencies(const struct parse_input *input, struct parse_found *found, const json_t *latency)
{
    enum status_code code = STATUS_OK;
    size_t i;
    const json_t *value;
    if (!json_is_array(latency))
        return add_latency(input, found, latency);
    if (json_array_size(latency) == 0)
        return parse_refuse(input, "latency_ms is an empty list");
    json_array_foreach(latency, i, value)
    {
        if (code == STATUS_OK)
            code = add_latency(input, found, value);
    }
    return code;
}

static enum status_code read_json(const struct parse_input *input, struct parse_found *found, const json_t *root)
{
    const json_t *latency = json_object_get(root, "latency_ms"), *energy = json_object_get(root, "energy_mj");
    json_t *meta = json_object_get(root, "meta");
    if (!json_is_object(root) || latency == NULL)
        return parse_refuse(input, "looked for one object with a key latency_ms, such as {\"latency_ms\": [1.4, 1.5]}");
    if (energy != NULL && !json_is_null(energy) && !json_is_number(energy))
        return parse_refuse(input, "energy_mj must be a number");
    if (meta != NULL && !json_is_object(meta))
        return parse_refuse(input, "meta must be an object");
    enum status_code code = read_latencies(input, found, latency);
    if (code == STATUS_OK && json_is_number(energy))
        code = parse_energy(input, found, json_number_value(energy));
    if (code == STATUS_OK && meta != NULL && json_object_update(found->extra.meta, meta) != 0)
        code = parse_no_memory(input);
    return code;
}

static enum status_code parse_json_text(const struct parse_input *input, struct parse_found *found)
{
    json_t *root = load(input);
    if (root == NULL)
        return STATUS_BAD_INPUT;
    enum status_code code = read_json(input, found, root);
    json_decref(root);
    return code;
}

const struct parse_ops parse_json = {.parse = parse_json_text, .binary = true};

/* --- trtexec --exportTimes: [{"startComputeMs": ..., "computeMs": ..., "latencyMs": ...}, ...], one object a query --- */

/* trtexec prints "Timing trace has 100 queries over 3 s"; the file holds the warm-up's queries too, before those. */
static bool timed_queries(const char *printed, size_t *count)
{
    static const char mark[] = "Timing trace has ";
    double value;
    const char *at = strstr(printed, mark);
    if (at == NULL)
        return false;
    at += sizeof mark - 1;
    if (!parse_number(&at, &value) || !parse_skip(&at, " queries") || !(value >= 1 && value < 1e9))
        return false;
    *count = (size_t)value;
    return true;
}

static enum status_code read_times(const struct parse_input *input, struct parse_found *found, const json_t *root)
{
    size_t all = json_array_size(root), timed = all;
    char what[64];
    enum status_code code = STATUS_OK;
    if (!json_is_array(root) || all == 0)
        return parse_refuse(input, "looked for a list of queries, as `trtexec --exportTimes=FILE` writes it");
    bool known = timed_queries(input->printed, &timed);
    if (timed > all)
        return parse_refuse(input, "trtexec printed that it timed %zu queries, but the file has %zu; it is not of this run", timed,
                            all);
    for (size_t i = all - timed; i < all && code == STATUS_OK; i++) {
        const json_t *compute = json_object_get(json_array_get(root, i), "computeMs");
        snprintf(what, sizeof what, "computeMs of query %zu", i);
        if (!json_is_number(compute))
            code = parse_refuse(input, "%s is not a number; looked for the keys that `trtexec --exportTimes` writes", what);
        else
            code = parse_add(input, found, json_number_value(compute), what);
    }
    if (code == STATUS_OK && known)
        code = parse_keep(input, found, "warmup_queries", (double)(all - timed));
    return code == STATUS_OK ? parse_keep(input, found, "queries", (double)timed) : code;
}

static enum status_code parse_times(const struct parse_input *input, struct parse_found *found)
{
    json_t *root = load(input);
    if (root == NULL)
        return STATUS_BAD_INPUT;
    enum status_code code = read_times(input, found, root);
    json_decref(root);
    return code;
}

const struct parse_ops parse_trtexec_times = {.parse = parse_times, .binary = true};
