/* parse_ort: what onnxruntime_perf_test prints. Called through the table of parse.c. Its report has two units:
 *
 *   Average inference time cost: 1.85 ms        "Average time cost:" in 2019, "Average inference time cost total:" since 2024
 *   P50 Latency: 0.00185 s                      "P50 Latency is 0.00185sec" before 2022; only with -s
 *
 * The median is the sample: a report without it may be cut off. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/parse_internal.h"

struct seen {
    double average_ms, p50_ms, p90_ms, p99_ms, min_ms, max_ms, runs; /* NAN: not seen */
};

/* The number after one of the words, which must be followed by one of the units and the line's end. */
static enum status_code figure(const struct parse_input *input, const char *line, size_t length, const char *const *words,
                               const char *const *units, double factor, double *out)
{
    for (size_t w = 0; words[w] != NULL; w++) {
        const char *at = parse_find(line, length, words[w]);
        double value;
        if (at != line)
            continue;
        at += strlen(words[w]);
        at += strspn(at, " ");
        bool fine = parse_number(&at, &value);
        size_t rest = fine ? length - (size_t)(at - line) : 0;
        while (rest > 0 && strchr(" \r", at[rest - 1]) != NULL)
            rest--;
        for (size_t u = 0; fine && units[u] != NULL; u++) {
            if (rest == strlen(units[u]) && strncmp(at, units[u], rest) == 0) {
                *out = value * factor;
                return STATUS_OK;
            }
        }
        return parse_refuse(input, "looked for a number and '%s' after '%s' in '%.*s'", units[0], words[w],
                            (int)(length < 120 ? length : 120), line);
    }
    return STATUS_OK;
}

static enum status_code look_at(const struct parse_input *input, const char *line, size_t length, struct seen *seen)
{
    static const char *const average[] = {
        "Average inference time cost total:", "Average inference time cost:", "Average time cost:", NULL};
    static const char *const runs[] = {"Total inference requests:", "Total iterations:", NULL};
    static const char *const milliseconds[] = {" ms", NULL}, *const none[] = {"", NULL};
    static const char *const seconds[] = {" s", "s", " sec", "sec", NULL};
    static const char *const words[][3] = {{"P50 Latency:", "P50 Latency is", NULL},
                                           {"P90 Latency:", "P90 Latency is", NULL},
                                           {"P99 Latency:", "P99 Latency is", NULL},
                                           {"Min Latency:", "Min Latency is", NULL},
                                           {"Max Latency:", "Max Latency is", NULL}};
    double *places[] = {&seen->p50_ms, &seen->p90_ms, &seen->p99_ms, &seen->min_ms, &seen->max_ms};
    enum status_code code = figure(input, line, length, average, milliseconds, 1, &seen->average_ms);
    if (code == STATUS_OK)
        code = figure(input, line, length, runs, none, 1, &seen->runs);
    for (size_t i = 0; i < sizeof places / sizeof places[0] && code == STATUS_OK; i++)
        code = figure(input, line, length, words[i], seconds, 1e3, places[i]);
    return code;
}

static enum status_code keep_all(const struct parse_input *input, struct parse_found *found, const struct seen *seen)
{
    const struct {
        const char *key;
        double value;
    } figures[] = {{"mean_ms", seen->average_ms}, {"median_ms", seen->p50_ms}, {"p90_ms", seen->p90_ms}, {"p99_ms", seen->p99_ms},
                   {"min_ms", seen->min_ms},      {"max_ms", seen->max_ms},    {"count", seen->runs}};
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0] && code == STATUS_OK; i++)
        if (!isnan(figures[i].value))
            code = parse_keep(input, found, figures[i].key, figures[i].value);
    return code;
}

static enum status_code parse_printed(const struct parse_input *input, struct parse_found *found)
{
    struct seen seen = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    const char *at = input->text, *line;
    size_t length;
    enum status_code code = STATUS_OK;
    while (code == STATUS_OK && parse_line(&at, &line, &length))
        code = look_at(input, line, length, &seen);
    if (code != STATUS_OK)
        return code;
    if (isnan(seen.p50_ms))
        return parse_refuse(input,
                            "looked for 'P50 Latency: NUMBER s', and no line has it; onnxruntime_perf_test prints it with -s");
    if (!isnan(seen.average_ms) && !(seen.average_ms < 100 * seen.p50_ms && seen.p50_ms < 100 * seen.average_ms))
        return parse_refuse(input, "an average of %g ms and a median of %g ms: the report's units are not understood",
                            seen.average_ms, seen.p50_ms);
    found->extra.summary_only = true;
    code = keep_all(input, found, &seen);
    return code == STATUS_OK ? parse_add(input, found, seen.p50_ms, "P50 Latency") : code;
}

const struct parse_ops parse_ort_perf = {.parse = parse_printed};
