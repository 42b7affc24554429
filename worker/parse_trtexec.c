/* parse_trtexec: what NVIDIA's trtexec prints, in the three shapes it had. Called through the table of parse.c.
 *
 *   TensorRT 8 to 10: "GPU Compute Time: min = 1.5 ms, max = 1.9 ms, mean = 1.6 ms, median = 1.6 ms, percentile(90%) = 1.7 ms, ..."
 *   TensorRT 7: a line "GPU Compute" and below it "min: 1.5 ms", "max: ...", "mean: ...", "median: ...", "percentile: 1.9 ms at
 * 99%" both, and alone where the summary was switched off: "Average on 10 runs - GPU latency: 1.6 ms - Host latency: ..."
 *
 * Lines may begin with "[05/10/2021-12:24:30] [I] ". Of the first two the median is the one sample; of the third every line is. */
#include <stdio.h>
#include <string.h>

#include "worker/parse_internal.h"

/* "= 1.5 ms" or ": 1.5 ms" after a word of the line. */
static bool figure_after(const char *line, size_t length, const char *word, const char *between, double *out)
{
    const char *at = parse_find(line, length, word);
    if (at == NULL)
        return false;
    at += strlen(word);
    return parse_skip(&at, between) && parse_number(&at, out) && parse_skip(&at, " ms") && at <= line + length;
}

static enum status_code keep_all(const struct parse_input *input, struct parse_found *found, const char *line, size_t length,
                                 const char *between)
{
    static const char *const words[][2] = {
        {"min", "min_ms"}, {"max", "max_ms"}, {"mean", "mean_ms"}, {"percentile(90%)", "p90_ms"}, {"percentile(99%)", "p99_ms"}};
    enum status_code code = STATUS_OK;
    double value;
    for (size_t i = 0; i < sizeof words / sizeof words[0] && code == STATUS_OK; i++)
        if (figure_after(line, length, words[i][0], between, &value))
            code = parse_keep(input, found, words[i][1], value);
    return code;
}

static enum status_code add_median(const struct parse_input *input, struct parse_found *found, double median_ms)
{
    if (found->count > 0)
        return parse_refuse(input, "the GPU compute time stands there twice; give the output of one run");
    found->extra.summary_only = true;
    enum status_code code = parse_keep(input, found, "median_ms", median_ms);
    return code == STATUS_OK ? parse_add(input, found, median_ms, "the median GPU compute time") : code;
}

/* TensorRT 8 to 10. "Total GPU Compute Time: 2.9 s" is another line. */
static enum status_code read_line(const struct parse_input *input, struct parse_found *found, const char *line, size_t length)
{
    static const char mark[] = "GPU Compute Time: ";
    double median_ms;
    const char *at = parse_find(line, length, mark);
    if (at == NULL || (at - line >= 6 && strncmp(at - 6, "Total ", 6) == 0))
        return STATUS_OK;
    size_t rest = length - (size_t)(at - line);
    if (parse_find(at, rest, "min = ") == NULL) /* the verbose log explains the term in words */
        return STATUS_OK;
    if (!figure_after(at, rest, "median", " = ", &median_ms))
        return parse_refuse(input, "looked for 'median = NUMBER ms' in '%.120s'", at);
    enum status_code code = keep_all(input, found, at, rest, " = ");
    return code == STATUS_OK ? add_median(input, found, median_ms) : code;
}

/* TensorRT 7. *inside: below the line "GPU Compute". */
static enum status_code read_block(const struct parse_input *input, struct parse_found *found, const char *line, size_t length,
                                   bool *inside)
{
    static const char mark[] = "GPU Compute";
    double median_ms;
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\r'))
        length--;
    if (length >= sizeof mark - 1 && memcmp(line + length - (sizeof mark - 1), mark, sizeof mark - 1) == 0) {
        *inside = true;
        return STATUS_OK;
    }
    if (!*inside)
        return STATUS_OK;
    if (figure_after(line, length, "median", ": ", &median_ms)) {
        *inside = false;
        return add_median(input, found, median_ms);
    }
    if (parse_find(line, length, "min: ") != NULL || parse_find(line, length, "max: ") != NULL ||
        parse_find(line, length, "mean: ") != NULL)
        return keep_all(input, found, line, length, ": ");
    return parse_refuse(input, "looked for 'median: NUMBER ms' below 'GPU Compute', found '%.*s'",
                        (int)(length < 120 ? length : 120), line);
}

static enum status_code read_averages(const struct parse_input *input, struct parse_found *found)
{
    static const char mark[] = "Average on ";
    const char *at = input->text, *line;
    size_t length;
    double runs, ms;
    enum status_code code = STATUS_OK;
    while (code == STATUS_OK && parse_line(&at, &line, &length)) {
        const char *word = parse_find(line, length, mark);
        if (word == NULL)
            continue;
        word += sizeof mark - 1;
        if (!parse_number(&word, &runs) || !parse_skip(&word, " runs - GPU latency: ") || !parse_number(&word, &ms) ||
            !parse_skip(&word, " ms - Host latency: "))
            return parse_refuse(input, "looked for 'Average on N runs - GPU latency: NUMBER ms' in '%.*s'",
                                (int)(length < 120 ? length : 120), line);
        code = parse_add(input, found, ms, "GPU latency");
        if (code == STATUS_OK)
            code = parse_keep(input, found, "runs_per_sample", runs);
    }
    return code;
}

static enum status_code parse_printed(const struct parse_input *input, struct parse_found *found)
{
    const char *at = input->text, *line;
    size_t length;
    bool inside = false;
    enum status_code code = STATUS_OK;
    while (code == STATUS_OK && parse_line(&at, &line, &length)) {
        code = read_line(input, found, line, length);
        if (code == STATUS_OK)
            code = read_block(input, found, line, length, &inside);
    }
    if (code == STATUS_OK && inside)
        code = parse_refuse(input, "the output ends before 'median: NUMBER ms' below 'GPU Compute'");
    if (code == STATUS_OK && found->count == 0 && strstr(input->text, "PASSED TensorRT.trtexec") != NULL)
        code = read_averages(input, found); /* a log that was cut off would give the average of its beginning */
    if (code == STATUS_OK && found->count == 0)
        code = parse_refuse(input,
                            "looked for 'GPU Compute Time: min = ...', 'GPU Compute' or 'GPU latency:', and no line has it; did "
                            "trtexec end with PASSED?");
    return code;
}

const struct parse_ops parse_trtexec_text = {.parse = parse_printed};
