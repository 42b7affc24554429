/* report: reads a study's candidates once and keeps what a result needs. Called by cli_run.c, cli_front.c, cli_study.c,
 * cli_export.c. */
#include "master/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "master/pareto.h"
#include "master/report_finals.h"
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

struct report_point report_point_of(const struct config_study *settings, const struct study_candidate *candidate)
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
        *report->answer = report_point_of(report->settings, candidate);
    if (report->finals != NULL)
        report_finals_offer(report->finals, candidate);
    if (!candidate->satisfies)
        return STATUS_OK;
    report->satisfying++;
    HASH_FIND_STR(report->seen, candidate->arch_text, seen);
    if (seen != NULL) { /* the same again, or by weights that were trained for longer since */
        seen->point = report_point_of(report->settings, candidate);
        return STATUS_OK;
    }
    seen = calloc(1, sizeof *seen);
    if (seen == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the candidates of %s", report->study.name);
    seen->point = report_point_of(report->settings, candidate);
    HASH_ADD_STR(report->seen, point.arch, seen);
    if (seen->hh.tbl == NULL) {
        free(seen);
        return status_set(status, STATUS_NO_MEMORY, "no memory for the candidates of %s", report->study.name);
    }
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
    const struct report_seen *best = report->seen;
    if (best == NULL)
        return STATUS_OK;
    for (const struct report_seen *seen = best; seen != NULL; seen = seen->hh.next)
        if (is_better(report->settings, &seen->point, &best->point))
            best = seen;
    report->best = malloc(sizeof *report->best);
    if (report->best == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the best candidate");
    *report->best = best->point;
    return STATUS_OK;
}

/* Who is chosen is known when the study is finished: before, another finalist may yet come. */
static enum status_code keep_final(struct store *store, struct report *report, struct status *status)
{
    if (report->finals == NULL)
        return STATUS_OK;
    enum status_code code = report_finals_score(report->finals, store, status);
    const struct report_finals *finals = report->finals;
    if (code == STATUS_OK && report->study.state == STORE_STUDY_FINISHED && finals->count > 0 && !isnan(finals->list[0].score))
        report->final = &finals->list[0];
    return code;
}

static void free_seen(struct report *report)
{
    struct report_seen *seen, *next;
    HASH_ITER(hh, report->seen, seen, next)
    {
        HASH_DEL(report->seen, seen);
        free(seen);
    }
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
        code = report_finals_open(out->settings, out->study.files, &out->finals, status);
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
    if (code == STATUS_OK)
        code = keep_final(store, report, status);
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
    report_finals_free(report->finals);
    free(report->front);
    *report = (struct report){.front = NULL};
}
