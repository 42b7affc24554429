/* report_print: the result of a study as a table, as CSV and as JSON. Part of report. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "master/report_finals.h"
#include "master/strategy.h"

/* --- texts --- */

void report_number(double value, char out[DECIMAL_BYTES])
{
    if (!isfinite(value)) {
        snprintf(out, DECIMAL_BYTES, "null");
        return;
    }
    decimal_print(value, out);
}

void report_json_text(const char *text, FILE *out)
{
    json_t *string = json_string(text); /* NULL when it is not UTF-8 */
    char *quoted = string != NULL ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    fputs(quoted != NULL ? quoted : "null", out);
    free(quoted);
    json_decref(string);
}

void report_csv_field(const char *text, FILE *out)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* --- printing --- */

/* Without the object's end. */
static void begin_point_json(const struct report *report, const struct report_point *point, FILE *out)
{
    char number[32];
    fputs("{\"arch\":", out);
    report_json_text(point->arch, out);
    report_number(point->fitness, number);
    fprintf(out, ",\"fitness\":%s,\"costs\":{", number);
    for (size_t i = 0; i < report->settings->cost_count; i++) {
        report_number(point->costs[i], number);
        fputs(i > 0 ? "," : "", out);
        report_json_text(report->settings->costs[i].name, out);
        fprintf(out, ":%s", number);
    }
    fputc('}', out);
}

static void print_point_json(const struct report *report, const struct report_point *point, FILE *out)
{
    begin_point_json(report, point, out);
    fputc('}', out);
}

static void print_finalist_json(const struct report *report, const struct report_finalist *finalist, FILE *out)
{
    char number[32];
    report_number(finalist->score, number);
    begin_point_json(report, &finalist->point, out);
    fprintf(out, ",\"place\":%zu,\"final\":%s}", finalist->place, number);
}

static void print_finals_json(const struct report *report, FILE *out)
{
    const struct report_finals *finals = report->finals;
    if (finals == NULL)
        return;
    fputs(",\"final\":", out);
    if (report->final != NULL)
        print_finalist_json(report, report->final, out);
    else
        fputs("null", out);
    fprintf(out, ",\"finalists\":{\"in_all\":%zu,\"scored\":%zu,\"list\":[", finals->count, finals->scored);
    for (size_t i = 0; i < finals->count; i++) {
        fputs(i > 0 ? "," : "", out);
        print_finalist_json(report, &finals->list[i], out);
    }
    fputs("]}", out);
}

static void print_front_json(const struct report *report, FILE *out)
{
    fputs("\"front\":[", out);
    for (size_t i = 0; i < report->front_count; i++) {
        fputs(i > 0 ? "," : "", out);
        const struct report_finalist *finalist = report_finals_find(report->finals, report->front[i].arch);
        if (finalist != NULL)
            print_finalist_json(report, finalist, out);
        else
            print_point_json(report, &report->front[i], out);
    }
    fputc(']', out);
}

/* NAN: it is no finalist, or has no final score. */
static double final_of(const struct report *report, size_t row)
{
    const struct report_finalist *finalist = report_finals_find(report->finals, report->front[row].arch);
    return finalist != NULL ? finalist->score : (double)NAN;
}

static void print_front_csv(const struct report *report, FILE *out)
{
    char number[32];
    fputs("arch,fitness", out);
    for (size_t i = 0; i < report->settings->cost_count; i++) {
        fputc(',', out);
        report_csv_field(report->settings->costs[i].name, out);
    }
    fputs(report->finals != NULL ? ",final\n" : "\n", out);
    for (size_t row = 0; row < report->front_count; row++) {
        report_csv_field(report->front[row].arch, out);
        report_number(report->front[row].fitness, number);
        fprintf(out, ",%s", number);
        for (size_t i = 0; i < report->settings->cost_count; i++) {
            report_number(report->front[row].costs[i], number);
            fprintf(out, ",%s", isfinite(report->front[row].costs[i]) ? number : "");
        }
        if (report->finals != NULL) {
            double score = final_of(report, row);
            report_number(score, number);
            fprintf(out, ",%s", isfinite(score) ? number : "");
        }
        fputs("\n", out);
    }
}

static int column_width(const char *heading)
{
    int length = (int)strlen(heading);
    return length < 10 ? 10 : length;
}

/* A column of ten places; a dash where there is no score. */
static void print_final_field(double score, FILE *out)
{
    if (isnan(score))
        fprintf(out, "  %10s", "-");
    else
        fprintf(out, "  %10.6g", score);
}

static void print_finals_table(const struct report *report, FILE *out)
{
    const struct config_study *settings = report->settings;
    const struct report_finals *finals = report->finals;
    bool finished = report->study.state == STORE_STUDY_FINISHED;
    if (finals == NULL || (finals->scored == 0 && !finished))
        return;
    fprintf(out, "%zu of %zu finalists scored once more%s\n", finals->scored, finals->count,
            finished ? "" : "; who is chosen is known when all are");
    fprintf(out, "%10s  %10s  %5s", "final", "fitness", "place");
    for (size_t i = 0; i < settings->cost_count; i++)
        fprintf(out, "  %*s", column_width(settings->costs[i].name), settings->costs[i].name);
    fputs("  architecture\n", out);
    for (size_t row = 0; row < finals->count; row++) {
        const struct report_finalist *finalist = &finals->list[row];
        if (isnan(finalist->score))
            fprintf(out, "%10s", "-");
        else
            fprintf(out, "%10.6g", finalist->score);
        fprintf(out, "  %10.6g  %5zu", finalist->point.fitness, finalist->place);
        for (size_t i = 0; i < settings->cost_count; i++)
            fprintf(out, "  %*.6g", column_width(settings->costs[i].name), finalist->point.costs[i]);
        fprintf(out, "  %s\n", finalist->point.arch);
    }
    fputc('\n', out);
}

static void print_front_table(const struct report *report, FILE *out)
{
    const struct config_study *settings = report->settings;
    fprintf(out, "%10s", "fitness");
    for (size_t i = 0; i < settings->cost_count; i++)
        fprintf(out, "  %*s", column_width(settings->costs[i].name), settings->costs[i].name);
    fprintf(out, "%s  architecture\n", report->finals != NULL ? "       final" : "");
    for (size_t row = 0; row < report->front_count; row++) {
        fprintf(out, "%10.6g", report->front[row].fitness);
        for (size_t i = 0; i < settings->cost_count; i++)
            fprintf(out, "  %*.6g", column_width(settings->costs[i].name), report->front[row].costs[i]);
        if (report->finals != NULL)
            print_final_field(final_of(report, row), out);
        fprintf(out, "  %s\n", report->front[row].arch);
    }
}

void report_print_json(const struct report *report, FILE *out)
{
    char number[32];
    fputs("{\"study\":", out);
    report_json_text(report->study.name, out);
    fputs(",\"best\":", out);
    if (report->best != NULL)
        print_point_json(report, report->best, out);
    else
        fputs("null", out);
    if (report->answer != NULL) {
        fputs(",\"answer\":", out);
        print_point_json(report, report->answer, out);
    }
    print_finals_json(report, out);
    fputc(',', out);
    print_front_json(report, out);
    report_number(round(report->study.seconds * 1000) / 1000, number);
    fprintf(out, ",\"evaluations\":{\"asked\":%" PRIu64 ",\"distinct\":%" PRIu64 ",\"cached\":%" PRIu64 "},\"seconds\":%s}",
            report->asked, report->distinct, report->cached, number);
}

static void print_values(const struct report *report, const struct report_point *point, FILE *out)
{
    fprintf(out, "  %-12s %s\n  %-12s %.6g\n", "architecture", point->arch, "fitness", point->fitness);
    for (size_t i = 0; i < report->settings->cost_count; i++)
        fprintf(out, "  %-12s %.6g\n", report->settings->costs[i].name, point->costs[i]);
}

static void print_point(const struct report *report, const char *heading, const struct report_point *point, FILE *out)
{
    fprintf(out, "%s\n", heading);
    print_values(report, point, out);
    fputc('\n', out);
}

static void print_final(const struct report *report, FILE *out)
{
    const struct report_finalist *final = report->final;
    if (final == NULL)
        return;
    fprintf(out, "chosen by the finals, of the %zu best\n  %-12s %.6g\n", report->finals->count, "final score", final->score);
    print_values(report, &final->point, out);
    fprintf(out, "  %-12s %zu of %zu by the search's own score\n\n", "place", final->place, report->finals->count);
}

static void print_table(const struct report *report, FILE *out)
{
    fprintf(out,
            "%s: %s after %.1f s; %" PRIu64 " candidates asked, %" PRIu64 " distinct, %" PRIu64 " known already, %" PRIu64
            " ruled out\n",
            report->study.name, store_study_state_name(report->study.state), report->study.seconds, report->asked, report->distinct,
            report->cached, report->skipped);
    uint32_t budget = report->settings->budget.evaluations;
    if (budget > 0 && report->distinct >= budget)
        fprintf(out, "its budget of %" PRIu32 " evaluations is spent (budget.evaluations)\n", budget);
    fputc('\n', out);
    print_final(report, out);
    if (report->best != NULL)
        print_point(report, report->finals != NULL ? "best by the search's own score" : "best", report->best, out);
    else
        fputs("no candidate satisfies the constraints\n", out);
    if (report->answer != NULL)
        print_point(report, "the method's own answer", report->answer, out);
    else if (report->study.state == STORE_STUDY_FINISHED && strategy_answers(report->settings))
        fprintf(out,
                "no answer of the method's own: the search ended before %s came to its end; raise budget.evaluations or lower "
                "strategy.generations (rminas: strategy.positives)\n\n",
                report->settings->strategy.name);
    if (report->best == NULL)
        return;
    print_finals_table(report, out);
    fprintf(out, "front of %zu\n", report->front_count);
    print_front_table(report, out);
}

void report_print(const struct report *report, enum cli_format format, FILE *out)
{
    switch (format) {
    case CLI_JSON:
        report_print_json(report, out);
        fputc('\n', out);
        return;
    case CLI_CSV: print_front_csv(report, out); return;
    case CLI_TABLE: print_table(report, out); return;
    }
}

void report_print_front(const struct report *report, enum cli_format format, FILE *out)
{
    switch (format) {
    case CLI_JSON:
        fputs("{\"study\":", out);
        report_json_text(report->study.name, out);
        fputc(',', out);
        print_front_json(report, out);
        fputs("}\n", out);
        return;
    case CLI_CSV: print_front_csv(report, out); return;
    case CLI_TABLE: print_front_table(report, out); return;
    }
}
