/* report: reads a study's candidates once and keeps what a result needs. Called by cli_run.c, cli_front.c, cli_study.c,
 * cli_export.c. */
#include "master/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "master/pareto.h"
#include "master/strategy.h"

/* --- collecting --- */

/* A satisfying architecture, the first time it was told. */
struct report_seen {
    UT_hash_handle hh; /* by point.arch, in the order of tells */
    struct report_point point;
};

struct collector {
    struct report *report;
    size_t left; /* candidates that may still be read */
};

/* Higher fitness; then lower costs in the study's order, of those that are objectives; then told earlier, which `a` (the newcomer)
 * never was. */
static bool is_better(const struct config_study *settings, const struct report_point *a, const struct report_point *b)
{
    if (a->fitness != b->fitness)
        return a->fitness > b->fitness;
    for (size_t i = 0; i < settings->cost_count; i++)
        if (!settings->costs[i].limit_only && a->costs[i] != b->costs[i])
            return a->costs[i] < b->costs[i];
    return false;
}

static struct report_point point_of(const struct config_study *settings, const struct study_candidate *candidate)
{
    struct report_point point = {.fitness = candidate->result.fitness};
    snprintf(point.arch, sizeof point.arch, "%s", candidate->arch_text);
    memcpy(point.costs, candidate->result.costs, settings->cost_count * sizeof(double));
    return point;
}

static enum status_code collect(void *context, const struct study_candidate *candidate, struct status *status)
{
    struct collector *collector = context;
    struct report *report = collector->report;
    struct report_seen *seen;
    if (collector->left == 0)
        return STATUS_UNAVAILABLE; /* the next call takes it */
    collector->left--;
    report->next_told = candidate->told + 1;
    report->asked++;
    report->cached += candidate->cached;
    report->skipped += candidate->skipped;
    report->valued += candidate->result.feasible;
    report->distinct += !candidate->cached && !candidate->skipped;
    if (report->answer != NULL && candidate->result.feasible && strcmp(candidate->arch_text, report->answer->arch) == 0)
        *report->answer = point_of(report->settings, candidate);
    if (!candidate->satisfies)
        return STATUS_OK;
    report->satisfying++;
    HASH_FIND_STR(report->seen, candidate->arch_text, seen);
    if (seen != NULL)
        return STATUS_OK;
    seen = calloc(1, sizeof *seen);
    if (seen == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the candidates of %s", report->study.name);
    seen->point = point_of(report->settings, candidate);
    HASH_ADD_STR(report->seen, point.arch, seen);
    if (seen->hh.tbl == NULL) {
        free(seen);
        return status_set(status, STATUS_NO_MEMORY, "no memory for the candidates of %s", report->study.name);
    }
    if (report->best_seen == NULL || is_better(report->settings, &seen->point, &report->best_seen->point))
        report->best_seen = seen;
    return STATUS_OK;
}

/* The places of the costs that are objectives; returns how many. */
static size_t minimised(const struct config_study *settings, size_t out[CONFIG_COSTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < settings->cost_count; i++)
        if (!settings->costs[i].limit_only)
            out[count++] = i;
    return count;
}

static int by_cost_then_fitness(const void *left, const void *right, void *context)
{
    const struct report_point *a = left, *b = right;
    size_t costs[CONFIG_COSTS_MAX];
    if (minimised(context, costs) > 0 && a->costs[costs[0]] != b->costs[costs[0]])
        return a->costs[costs[0]] < b->costs[costs[0]] ? -1 : 1;
    if (a->fitness != b->fitness)
        return a->fitness < b->fitness ? -1 : 1;
    return strcmp(a->arch, b->arch);
}

/* Marks the non-dominated ones of what was seen. *front is calloc'ed, one flag for each, in the order of `seen`. */
static enum status_code find_front(const struct report *report, bool **front, size_t *front_count, struct status *status)
{
    size_t costs[CONFIG_COSTS_MAX], m = 1 + minimised(report->settings, costs), row = 0;
    size_t count = HASH_COUNT(report->seen);
    double *points = calloc(count * m + 1, sizeof *points);
    *front = calloc(count + 1, sizeof **front);
    if (points == NULL || *front == NULL) {
        free(points);
        return status_set(status, STATUS_NO_MEMORY, "no memory for the front of %zu candidates", count);
    }
    for (const struct report_seen *seen = report->seen; seen != NULL; seen = seen->hh.next, row++) {
        points[row * m] = -seen->point.fitness;
        for (size_t i = 1; i < m; i++)
            points[row * m + i] = seen->point.costs[costs[i - 1]];
    }
    *front_count = pareto_front(points, count, m, *front);
    free(points);
    return STATUS_OK;
}

static enum status_code keep_front(struct report *report, struct status *status)
{
    bool *front = NULL;
    size_t marked = 0, row = 0;
    enum status_code code = find_front(report, &front, &marked, status);
    if (code == STATUS_OK && (report->front = calloc(marked + 1, sizeof *report->front)) == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for a front of %zu candidates", marked);
    for (const struct report_seen *seen = report->seen; code == STATUS_OK && seen != NULL; seen = seen->hh.next, row++)
        if (front[row])
            report->front[report->front_count++] = seen->point;
    free(front);
    if (code == STATUS_OK)
        qsort_r(report->front, report->front_count, sizeof *report->front, by_cost_then_fitness, report->settings);
    return code;
}

static enum status_code keep_best(struct report *report, struct status *status)
{
    if (report->best_seen == NULL)
        return STATUS_OK;
    report->best = malloc(sizeof *report->best);
    if (report->best == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the best candidate");
    *report->best = report->best_seen->point;
    return STATUS_OK;
}

static void free_seen(struct report *report)
{
    struct report_seen *seen, *next;
    HASH_ITER(hh, report->seen, seen, next)
    {
        HASH_DEL(report->seen, seen);
        free(seen);
    }
    report->best_seen = NULL;
}

/* The answer's place, to be filled in when its candidate comes by; without a candidate it has no values. */
static enum status_code expect_answer(struct report *report, struct status *status)
{
    if (report->study.answer == NULL)
        return STATUS_OK;
    report->answer = malloc(sizeof *report->answer);
    if (report->answer == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the answer of %s", report->study.name);
    report->answer->fitness = NAN;
    for (size_t i = 0; i < CONFIG_COSTS_MAX; i++)
        report->answer->costs[i] = NAN;
    snprintf(report->answer->arch, sizeof report->answer->arch, "%s", report->study.answer);
    return STATUS_OK;
}

/* "x is not in this database; it holds a, b". */
static enum status_code name_what_is_there(struct store *store, const char *name, struct status *status)
{
    struct store_study *studies = NULL;
    size_t count = 0, used = 0;
    char names[256] = "no study";
    if (store_study_list(store, &studies, &count, status) != STATUS_OK)
        return status->code;
    for (size_t i = 0; i < count; i++) {
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", studies[i].name);
        store_study_free(&studies[i]);
    }
    free(studies);
    return status_set(status, STATUS_NOT_FOUND, "'%.64s' is not in this database; it holds %s", name, names);
}

enum status_code report_begin(struct store *store, const char *name, struct report *out, struct status *status)
{
    *out = (struct report){.front = NULL};
    enum status_code code = store_study_find(store, name, &out->study, status);
    if (code == STATUS_NOT_FOUND)
        return name_what_is_there(store, name, status);
    if (code != STATUS_OK)
        return code;
    code = config_parse(out->study.settings, strlen(out->study.settings), "stored settings", &out->settings, status);
    if (code == STATUS_OK)
        code = expect_answer(out, status);
    if (code != STATUS_OK)
        report_free(out);
    return code;
}

enum status_code report_go_on(struct store *store, struct report *report, size_t limit, bool *more, struct status *status)
{
    struct collector collector = {.report = report, .left = limit};
    enum status_code code = store_candidate_each(store, report->study.id, report->next_told, collect, &collector, status);
    *more = code == STATUS_UNAVAILABLE && collector.left == 0;
    if (*more)
        return STATUS_OK;
    if (code == STATUS_OK)
        code = keep_best(report, status);
    if (code == STATUS_OK)
        code = keep_front(report, status);
    free_seen(report);
    if (code != STATUS_OK)
        report_free(report);
    return code;
}

enum status_code report_load(struct store *store, const char *name, struct report *out, struct status *status)
{
    bool more;
    enum status_code code = report_begin(store, name, out, status);
    return code == STATUS_OK ? report_go_on(store, out, SIZE_MAX, &more, status) : code;
}

enum status_code report_read(const char *db, const char *name, struct report *out, struct status *status)
{
    struct store *store = NULL;
    enum status_code code = store_open(db, STORE_READ, &store, status);
    if (code != STATUS_OK)
        return code;
    code = report_load(store, name, out, status);
    store_close(store);
    return code;
}

void report_free(struct report *report)
{
    free_seen(report);
    store_study_free(&report->study);
    config_free(report->settings);
    free(report->best);
    free(report->answer);
    free(report->front);
    *report = (struct report){.front = NULL};
}

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

static void print_point_json(const struct report *report, const struct report_point *point, FILE *out)
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
    fputs("}}", out);
}

static void print_front_json(const struct report *report, FILE *out)
{
    fputs("\"front\":[", out);
    for (size_t i = 0; i < report->front_count; i++) {
        fputs(i > 0 ? "," : "", out);
        print_point_json(report, &report->front[i], out);
    }
    fputc(']', out);
}

static void print_front_csv(const struct report *report, FILE *out)
{
    char number[32];
    fputs("arch,fitness", out);
    for (size_t i = 0; i < report->settings->cost_count; i++) {
        fputc(',', out);
        report_csv_field(report->settings->costs[i].name, out);
    }
    fputs("\n", out);
    for (size_t row = 0; row < report->front_count; row++) {
        report_csv_field(report->front[row].arch, out);
        report_number(report->front[row].fitness, number);
        fprintf(out, ",%s", number);
        for (size_t i = 0; i < report->settings->cost_count; i++) {
            report_number(report->front[row].costs[i], number);
            fprintf(out, ",%s", isfinite(report->front[row].costs[i]) ? number : "");
        }
        fputs("\n", out);
    }
}

static int column_width(const char *heading)
{
    int length = (int)strlen(heading);
    return length < 10 ? 10 : length;
}

static void print_front_table(const struct report *report, FILE *out)
{
    const struct config_study *settings = report->settings;
    fprintf(out, "%10s", "fitness");
    for (size_t i = 0; i < settings->cost_count; i++)
        fprintf(out, "  %*s", column_width(settings->costs[i].name), settings->costs[i].name);
    fputs("  architecture\n", out);
    for (size_t row = 0; row < report->front_count; row++) {
        fprintf(out, "%10.6g", report->front[row].fitness);
        for (size_t i = 0; i < settings->cost_count; i++)
            fprintf(out, "  %*.6g", column_width(settings->costs[i].name), report->front[row].costs[i]);
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
    fputc(',', out);
    print_front_json(report, out);
    report_number(round(report->study.seconds * 1000) / 1000, number);
    fprintf(out, ",\"evaluations\":{\"asked\":%" PRIu64 ",\"distinct\":%" PRIu64 ",\"cached\":%" PRIu64 "},\"seconds\":%s}",
            report->asked, report->distinct, report->cached, number);
}

static void print_point(const struct report *report, const char *heading, const struct report_point *point, FILE *out)
{
    fprintf(out, "%s\n  %-12s %s\n  %-12s %.6g\n", heading, "architecture", point->arch, "fitness", point->fitness);
    for (size_t i = 0; i < report->settings->cost_count; i++)
        fprintf(out, "  %-12s %.6g\n", report->settings->costs[i].name, point->costs[i]);
    fputc('\n', out);
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
    if (report->best != NULL)
        print_point(report, "best", report->best, out);
    else
        fputs("no candidate satisfies the constraints\n", out);
    if (report->answer != NULL)
        print_point(report, "the method's own answer", report->answer, out);
    else if (report->study.state == STORE_STUDY_FINISHED && strategy_answers(&report->settings->strategy))
        fprintf(out,
                "no answer of the method's own: the search ended before %s came to its end; raise budget.evaluations or lower "
                "strategy.generations (rminas: strategy.positives)\n\n",
                report->settings->strategy.name);
    if (report->best == NULL)
        return;
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
