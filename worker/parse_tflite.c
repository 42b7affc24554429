/* parse_tflite: what TensorFlow Lite's benchmark_model prints. Called through the table of parse.c.
 *
 *   count=37 first=14744 curr=15520 min=13164 max=18295 avg=13764.3 std=967            the warm-up
 *   count=74 first=14850 curr=13315 min=13105 max=15765 avg=13520.2 std=470            the runs; newer ones add p5= median= p95=
 *   count=5 curr=80(all same)                                                          the same, where all took as long
 *   Inference timings in us: Init: 12750, First inference: 14744, Warmup (avg): 13764.3, Inference (avg): 13520.2
 *   Average inference timings in us: Warmup: 76605.9, Init: 9933, no stats: 66767.6    2018 and 2019
 *   Timings (microseconds): count=50 first=... std=...                                 the profiler's own line
 *
 * All in microseconds, each perhaps after "INFO: ". The last count= line is the runs'; it must agree with the average below it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/parse_internal.h"

/* The figures of a count= line; NAN: not there. */
struct stats {
    double count, min, max, avg, std, median;
    bool complete;
};

struct seen {
    struct stats runs, profile; /* the last line of each kind */
    int lines;                  /* of count= */
    double average;             /* "Inference (avg): "; NAN: not seen */
};

static double value_of(const char *line, size_t length, const char *key)
{
    double value;
    for (const char *at = line; (at = parse_find(at, length - (size_t)(at - line), key)) != NULL; at++) {
        const char *number = at + strlen(key);
        if ((at == line || at[-1] == ' ') && parse_number(&number, &value) &&
            (number == line + length || strchr(" (\r,", *number) != NULL))
            return value;
    }
    return NAN;
}

static struct stats stats_of(const char *line, size_t length)
{
    struct stats stats = {.count = value_of(line, length, "count="),
                          .min = value_of(line, length, "min="),
                          .max = value_of(line, length, "max="),
                          .avg = value_of(line, length, "avg="),
                          .std = value_of(line, length, "std="),
                          .median = value_of(line, length, "median=")};
    double same = value_of(line, length, "curr=");
    bool all_same = parse_find(line, length, "(all same)") != NULL || stats.count == 1;
    if (isnan(stats.avg) && all_same)
        stats.avg = stats.min = stats.max = same;
    stats.complete = stats.count >= 1 && !isnan(stats.avg) && (all_same || !isnan(stats.std));
    return stats;
}

/* The average of the runs, after one of the words that old and new releases put before it. */
static bool average_of(const char *line, size_t length, double *out)
{
    static const char *const words[] = {"Inference (avg): ", "no stats: ", "Inference: "};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *at = parse_find(line, length, words[i]);
        if (at == NULL)
            continue;
        at += strlen(words[i]);
        return parse_number(&at, out) && (at == line + length || strchr(" ,\r", *at) != NULL);
    }
    return false;
}

static void look_at(const char *line, size_t length, struct seen *seen)
{
    const char *count = parse_find(line, length, "count="), *timings = parse_find(line, length, "timings in us: ");
    if (timings != NULL && !average_of(timings, length - (size_t)(timings - line), &seen->average))
        seen->average = INFINITY; /* there, and no number: refused below */
    if (count == NULL)
        return;
    size_t rest = length - (size_t)(count - line);
    if (parse_find(line, length, "Timings (microseconds): ") != NULL) {
        seen->profile = stats_of(count, rest);
    } else if (count == line || count[-1] == ' ') {
        seen->runs = stats_of(count, rest);
        seen->lines++;
    }
}

static enum status_code keep_stats(const struct parse_input *input, struct parse_found *found, const struct stats *stats)
{
    const struct {
        const char *key;
        double value;
    } figures[] = {{"count", stats->count},       {"min_ms", stats->min / 1e3}, {"max_ms", stats->max / 1e3},
                   {"mean_ms", stats->avg / 1e3}, {"std_ms", stats->std / 1e3}, {"median_ms", stats->median / 1e3}};
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0] && code == STATUS_OK; i++)
        if (!isnan(figures[i].value))
            code = parse_keep(input, found, figures[i].key, figures[i].value);
    return code;
}

static enum status_code take(const struct parse_input *input, struct parse_found *found, const struct stats *stats)
{
    double us = isnan(stats->median) ? stats->avg : stats->median;
    if (!stats->complete)
        return parse_refuse(input,
                            "the last count= line is not complete; looked for 'count=N ... avg=NUMBER std=NUMBER' (us) with at "
                            "least one run");
    found->extra.summary_only = true;
    enum status_code code = keep_stats(input, found, stats);
    return code == STATUS_OK ? parse_add(input, found, us / 1e3, isnan(stats->median) ? "avg (us)" : "median (us)") : code;
}

static enum status_code parse_printed(const struct parse_input *input, struct parse_found *found)
{
    struct seen seen = {.average = NAN};
    const char *at = input->text, *line;
    size_t length;
    while (parse_line(&at, &line, &length))
        look_at(line, length, &seen);
    bool averaged = !isnan(seen.average);
    if (averaged && !isfinite(seen.average))
        return parse_refuse(input, "looked for 'Inference (avg): NUMBER' after 'timings in us:', and there is no number");
    /* One count= line alone is the warm-up: the runs never ended. */
    if (seen.lines >= 2 || (seen.lines == 1 && averaged)) {
        if (averaged && seen.runs.complete && !(fabs(seen.runs.avg - seen.average) <= 0.01 * seen.average))
            return parse_refuse(input, "two averages that do not agree: avg=%g and Inference (avg): %g (us)", seen.runs.avg,
                                seen.average);
        return take(input, found, &seen.runs);
    }
    if (averaged) {
        found->extra.summary_only = true;
        return parse_add(input, found, seen.average / 1e3, "Inference (avg) (us)");
    }
    if (seen.profile.complete)
        return take(input, found, &seen.profile);
    return parse_refuse(input,
                        "looked for 'count=N ... avg=NUMBER' of the runs or 'Inference (avg): NUMBER', and no line has it; did "
                        "benchmark_model end after its warm-up?");
}

const struct parse_ops parse_tflite = {.parse = parse_printed};
