/* why: the print of what a study waits for. Called by coord_why.c and cli_why.c, which gather the facts. */
#include "master/why.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "master/look_text.h"
#include "master/report.h"

struct why *why_new(const char *study)
{
    struct why *why = calloc(1, sizeof *why);
    if (why == NULL)
        return NULL;
    snprintf(why->study, sizeof why->study, "%s", study);
    why->state = "running";
    return why;
}

void why_free(struct why *why)
{
    if (why == NULL)
        return;
    free(why->boards);
    free(why);
}

char *why_because(struct why *why, const char *code, const char *format, ...)
{
    /* The last place is written over by whatever is too much, and never counted. */
    struct why_reason *reason = &why->reasons[why->reason_count];
    if (why->reason_count < WHY_REASONS_MAX - 1)
        why->reason_count++;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason->sentence, sizeof reason->sentence, format, arguments);
    va_end(arguments);
    reason->code = code;
    reason->todo[0] = '\0';
    return reason->todo;
}

enum status_code why_add_failures(struct why *why, struct store *store, const char *key, const char *arch, int32_t failures,
                                  struct status *status)
{
    struct store_failure attempts[8];
    size_t count = 0, room = WHY_LISTED - why->failure_count;
    why->failures_in_all += failures > 0 ? (size_t)failures : 0;
    if (failures <= 0 || room == 0)
        return STATUS_OK;
    enum status_code code = store_failure_list(store, key, room < 8 ? room : 8, attempts, &count, status);
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        struct why_failure *out = &why->failures[why->failure_count++];
        snprintf(out->key, sizeof out->key, "%s", key);
        snprintf(out->arch, sizeof out->arch, "%s", arch);
        out->attempt = attempts[i];
    }
    return code;
}

enum status_code why_add_boards(struct why *why, struct store *store, struct status *status)
{
    size_t count = 0;
    enum status_code code = store_board_list(store, &why->boards, &count, status);
    for (size_t i = 0; i < count && code == STATUS_OK; i++)
        if (why->boards[i].quarantined)
            why->boards[why->board_count++] = why->boards[i];
    return code;
}

/* --- as JSON --- */

static json_t *time_json(int64_t wall_ms)
{
    char when[LOOK_TEXT_TIME_BYTES];
    look_text_time(wall_ms, when);
    return wall_ms > 0 ? json_string(when) : json_null();
}

static json_t *lease_json(const struct why_lease *lease)
{
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:I,s:o,s:o,s:b,s:b,s:s*}", "lease", (json_int_t)lease->id, "kind",
                     wire_kind_name(lease->kind), "node", lease->node, "board", lease->board, "key", lease->key, "arch",
                     lease->arch, "attempt", (json_int_t)lease->attempt, "since", time_json(lease->since_wall_ms), "until",
                     time_json(lease->until_wall_ms), "canary", lease->canary, "confirmed", lease->confirmed, "part",
                     lease->part[0] != '\0' ? lease->part : NULL);
}

static json_t *failure_json(const struct why_failure *failure)
{
    const struct store_failure *attempt = &failure->attempt;
    return json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:o,s:o}", "key", failure->key, "arch", failure->arch, "attempt",
                     (json_int_t)attempt->attempt, "how", attempt->lost ? "lost" : "failed", "class", attempt->failure, "node",
                     attempt->node, "board", attempt->board, "time", time_json(attempt->wall_ms), "reason",
                     look_text_string(attempt->reason));
}

static json_t *board_json(const struct store_board *board)
{
    return json_pack("{s:s,s:s,s:o,s:b,s:o}", "board", board->name, "device", board->device_key, "since",
                     time_json(board->since_wall_ms), "by_a_person", board->held, "reason", look_text_string(board->reason));
}

/* The search has ended and its best are scored once more. */
static bool finals_begun(const struct why *why)
{
    return why->counts.finals && why->counts.finalists > 0;
}

static json_t *tasks_json(const struct why *why)
{
    json_t *tasks = json_object();
    for (enum wire_kind kind = WIRE_RMI; kind < WIRE_KINDS; kind++)
        json_object_set_new(
            tasks, wire_kind_name(kind),
            json_pack("{s:I,s:I}", "waiting", (json_int_t)why->tasks[kind].waiting, "leased", (json_int_t)why->tasks[kind].leased));
    return tasks;
}

static json_t *why_json(const struct why *why)
{
    json_t *reasons = json_array(), *leases = json_array(), *failures = json_array(), *boards = json_array();
    json_t *finals = finals_begun(why) ? json_pack("{s:I,s:I}", "in_all", (json_int_t)why->counts.finalists, "scored",
                                                   (json_int_t)why->counts.finals_scored)
                                       : NULL;
    for (size_t i = 0; i < why->reason_count; i++)
        json_array_append_new(reasons, json_pack("{s:s,s:o,s:o}", "code", why->reasons[i].code, "sentence",
                                                 look_text_string(why->reasons[i].sentence), "todo",
                                                 look_text_string(why->reasons[i].todo)));
    for (size_t i = 0; i < why->lease_count; i++)
        json_array_append_new(leases, lease_json(&why->leases[i]));
    for (size_t i = 0; i < why->failure_count; i++)
        json_array_append_new(failures, failure_json(&why->failures[i]));
    for (size_t i = 0; i < why->board_count; i++)
        json_array_append_new(boards, board_json(&why->boards[i]));
    return json_pack("{s:s,s:s,s:b,s:I,s:I,s:I,s:o,s:o,s:I,s:I,s:o,s:I,s:o,s:I,s:o,s:o*}", "study", why->study, "state", why->state,
                     "live", why->live, "asked", (json_int_t)why->counts.asked, "told", (json_int_t)why->counts.told, "total",
                     (json_int_t)why->counts.total, "reasons", reasons, "tasks", tasks_json(why), "workers",
                     (json_int_t)why->workers, "agents", (json_int_t)why->agents, "leases", leases, "leases_in_all",
                     (json_int_t)why->leases_in_all, "failures", failures, "failures_in_all", (json_int_t)why->failures_in_all,
                     "quarantined", boards, "finalists", finals);
}

/* --- as a table --- */

static void print_reasons(const struct why *why, FILE *out)
{
    for (size_t i = 0; i < why->reason_count; i++) {
        fputs(i == 0 ? "why   " : "      ", out);
        cli_print_safe(out, why->reasons[i].sentence);
        if (why->reasons[i].todo[0] != '\0') {
            fputs("\n      > ", out);
            cli_print_safe(out, why->reasons[i].todo);
        }
        fputc('\n', out);
    }
}

static void print_leases(const struct why *why, FILE *out)
{
    char since[LOOK_TEXT_TIME_BYTES], until[LOOK_TEXT_TIME_BYTES];
    if (why->lease_count == 0)
        return;
    fprintf(out, "\n%zu lease(s)\n  %-13s  %-20s  %-20s  %-20s  %7s  %s\n", why->leases_in_all, "kind", "held by", "since", "until",
            "attempt", "of");
    for (size_t i = 0; i < why->lease_count; i++) {
        const struct why_lease *lease = &why->leases[i];
        look_text_time(lease->since_wall_ms, since);
        look_text_time(lease->until_wall_ms, until);
        fprintf(out, "  %-13s  %-20s  %-20s  %-20s  %7" PRIu32 "  %s%s%s\n", lease->canary ? "canary" : wire_kind_name(lease->kind),
                lease->board[0] != '\0' ? lease->board : lease->node, lease->since_wall_ms > 0 ? since : "an earlier start",
                lease->until_wall_ms > 0 ? until : "unknown", lease->attempt, lease->arch, lease->part,
                lease->confirmed ? "" : " (not confirmed)");
    }
    if (why->leases_in_all > why->lease_count)
        fprintf(out, "  and %zu more\n", why->leases_in_all - why->lease_count);
}

static void print_failures(const struct why *why, FILE *out)
{
    char when[LOOK_TEXT_TIME_BYTES];
    if (why->failure_count == 0)
        return;
    fprintf(out, "\n%zu failed attempt(s) at what is still wanted\n", why->failures_in_all);
    for (size_t i = 0; i < why->failure_count; i++) {
        const struct store_failure *attempt = &why->failures[i].attempt;
        look_text_time(attempt->wall_ms, when);
        fprintf(out, "  %-20s  %-20s  attempt %d %s: ", when, attempt->board[0] != '\0' ? attempt->board : attempt->node,
                (int)attempt->attempt, attempt->lost ? "lost" : "failed");
        cli_print_safe(out, attempt->reason);
        fprintf(out, "  %s\n", why->failures[i].arch);
    }
    if (why->failures_in_all > why->failure_count)
        fprintf(out, "  and %zu more\n", why->failures_in_all - why->failure_count);
}

static void print_boards(const struct why *why, FILE *out)
{
    char since[LOOK_TEXT_TIME_BYTES];
    if (why->board_count == 0)
        return;
    fprintf(out, "\n%zu board(s) in quarantine\n", why->board_count);
    for (size_t i = 0; i < why->board_count; i++) {
        look_text_time(why->boards[i].since_wall_ms, since);
        fprintf(out, "  %-20s  since %s%s: ", why->boards[i].name, since, why->boards[i].held ? " by a person" : "");
        cli_print_safe(out, why->boards[i].reason);
        fputc('\n', out);
    }
}

/* Of the kinds that there are some of. */
static void print_tasks(const struct why *why, FILE *out)
{
    bool any = false;
    for (enum wire_kind kind = WIRE_RMI; kind < WIRE_KINDS; kind++) {
        const struct why_tasks *tasks = &why->tasks[kind];
        if (tasks->waiting + tasks->leased == 0)
            continue;
        if (!any)
            fprintf(out, "\n%-14s  %8s  %8s\n", "tasks", "waiting", "leased");
        fprintf(out, "%-14s  %8" PRIu32 "  %8" PRIu32 "\n", wire_kind_name(kind), tasks->waiting, tasks->leased);
        any = true;
    }
}

static void print_table(const struct why *why, FILE *out)
{
    fprintf(out, "study %s: %s, %" PRIu64, why->study, why->state, why->counts.told);
    if (why->counts.total > 0)
        fprintf(out, " of %" PRIu64, why->counts.total);
    fputs(" candidates told", out);
    if (finals_begun(why))
        fprintf(out, ", %" PRIu64 " of %" PRIu64 " finalists scored", why->counts.finals_scored, why->counts.finalists);
    fputc('\n', out);
    print_reasons(why, out);
    print_tasks(why, out);
    if (why->live)
        fprintf(out, "%" PRIu32 " worker(s) and %" PRIu32 " agent(s) are connected\n", why->workers, why->agents);
    print_leases(why, out);
    print_failures(why, out);
    print_boards(why, out);
}

enum status_code why_print(const struct why *why, enum cli_format format, FILE *out, struct status *status)
{
    if (format == CLI_JSON)
        return look_text_print_json(why_json(why), out, status);
    if (format == CLI_TABLE) {
        print_table(why, out);
        return STATUS_OK;
    }
    fputs("study,state,code,sentence,todo\n", out);
    for (size_t i = 0; i < why->reason_count; i++) {
        fprintf(out, "%s,%s,%s,", why->study, why->state, why->reasons[i].code);
        report_csv_field(why->reasons[i].sentence, out);
        fputc(',', out);
        report_csv_field(why->reasons[i].todo, out);
        fputc('\n', out);
    }
    return STATUS_OK;
}
