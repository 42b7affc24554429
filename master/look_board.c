/* look_board: what is known of boards: the list, one of them, and which board a person means. Part of look. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/median.h"
#include "common/nearest.h"
#include "master/look_parts.h"
#include "master/look_text.h"
#include "master/store_board_figures.h"

enum { BASELINE = 20, NEWEST = 5, SHOWN = 20 };

/* A board's canaries since it was last trusted at a new level, oldest first, without their details. */
struct canaries {
    struct store_canary *list; /* owned */
    size_t count, room;
    double baseline_ms; /* median of the first BASELINE good ones; NaN: none */
    double drift;       /* median of the last NEWEST measured against it, as a fraction; NaN: unknown */
};

struct seen {
    struct store_board board;
    struct store_board_figures figures;
    struct canaries canaries;
};

static enum status_code keep_canary(void *context, const struct store_canary *canary, struct status *status)
{
    struct canaries *canaries = context;
    if (canaries->count == canaries->room) {
        size_t room = 2 * canaries->room + 16;
        struct store_canary *grown = realloc(canaries->list, room * sizeof *grown);
        if (grown == NULL)
            return status_set(status, STATUS_NO_MEMORY, "no memory for %zu canaries", room);
        canaries->list = grown;
        canaries->room = room;
    }
    canaries->list[canaries->count] = *canary;
    canaries->list[canaries->count++].detail = NULL;
    return STATUS_OK;
}

static void compare_with_baseline(struct canaries *canaries)
{
    double first[BASELINE], last[NEWEST];
    int firsts = 0, lasts = 0;
    for (size_t i = 0; i < canaries->count && firsts < BASELINE; i++)
        if (canaries->list[i].verdict == STORE_CANARY_GOOD && isfinite(canaries->list[i].latency_ms))
            first[firsts++] = canaries->list[i].latency_ms;
    for (size_t i = canaries->count; i-- > 0 && lasts < NEWEST;)
        if (isfinite(canaries->list[i].latency_ms))
            last[lasts++] = canaries->list[i].latency_ms;
    canaries->baseline_ms = firsts > 0 ? median_sort(first, firsts) : NAN;
    canaries->drift = firsts > 0 && lasts > 0 ? median_sort(last, lasts) / canaries->baseline_ms - 1 : NAN;
}

static enum status_code look_at(struct store *store, const struct store_board *board, struct seen *out, struct status *status)
{
    *out = (struct seen){.board = *board};
    enum status_code code = store_board_figures(store, board->device_key, board->name, &out->figures, status);
    if (code == STATUS_OK)
        code = store_canary_each(store, board->device_key, board->name, board->first_canary, keep_canary, &out->canaries, status);
    compare_with_baseline(&out->canaries);
    return code;
}

static const char *state_of(const struct store_board *board)
{
    return board->quarantined ? "quarantined" : "trusted";
}

static const struct store_canary *last_canary(const struct canaries *canaries)
{
    return canaries->count > 0 ? &canaries->list[canaries->count - 1] : NULL;
}

static void per_cent(double fraction, char out[16])
{
    if (isfinite(fraction))
        snprintf(out, 16, "%+.1f %%", 100 * fraction);
    else
        strcpy(out, "-");
}

/* --- as JSON ---------------------------------------------------------------------------------------------------- */

static json_t *failures_json(const struct store_board_figures *figures)
{
    json_t *object = json_object();
    for (size_t i = 0; i < figures->failure_count; i++)
        json_object_set_new(object, figures->failures[i].name, json_integer(figures->failures[i].count));
    return object;
}

static json_t *canary_json(const struct store_canary *canary)
{
    char when[LOOK_TEXT_TIME_BYTES];
    look_text_time(canary->wall_ms, when);
    return json_pack("{s:I,s:s,s:s,s:o,s:o,s:o}", "id", (json_int_t)canary->id, "time", when, "verdict",
                     store_canary_verdict_name(canary->verdict), "latency_ms", look_text_number(canary->latency_ms), "expected_ms",
                     look_text_number(canary->expected_ms), "sentence", look_text_string(canary->sentence));
}

static json_t *seen_json(const struct seen *seen)
{
    const struct store_board *board = &seen->board;
    const struct store_board_figures *figures = &seen->figures;
    const struct store_canary *last = last_canary(&seen->canaries);
    char when[LOOK_TEXT_TIME_BYTES], since[LOOK_TEXT_TIME_BYTES];
    look_text_time(board->seen_wall_ms, when);
    look_text_time(board->since_wall_ms, since);
    return json_pack("{s:s,s:s,s:s,s:o,s:s,s:i,s:s,s:s,s:I,s:I,s:I,s:o,s:o,s:o}", "board", board->name, "device", board->device_key,
                     "state", state_of(board), "reason", look_text_string(board->reason), "since", since, "strikes",
                     (int)board->strikes, "runner", board->runner, "seen", when, "measurements", (json_int_t)figures->measured,
                     "infeasible", (json_int_t)figures->infeasible, "withdrawn", (json_int_t)figures->withdrawn, "last_canary",
                     last != NULL ? canary_json(last) : json_null(), "baseline_ms", look_text_number(seen->canaries.baseline_ms),
                     "drift", look_text_number(seen->canaries.drift));
}

static json_t *history_json(const struct seen *seen)
{
    json_t *object = seen_json(seen), *canaries = json_array();
    const struct store_board_figures *figures = &seen->figures;
    for (size_t i = 0; i < seen->canaries.count; i++)
        json_array_append_new(canaries, canary_json(&seen->canaries.list[i]));
    json_object_set_new(object, "node", look_text_string(seen->board.node));
    json_object_set_new(object, "conditions", look_text_string(seen->board.conditions));
    json_object_set_new(object, "failures", failures_json(figures));
    json_object_set_new(object, "mean_seconds",
                        json_pack("{s:o,s:o,s:o}", "queue", look_text_number(figures->queue_seconds), "build",
                                  look_text_number(figures->build_seconds), "run", look_text_number(figures->run_seconds)));
    json_object_set_new(object, "canaries", canaries);
    return object;
}

/* --- list --- */

static void print_list_row(const struct seen *seen, enum cli_format format, FILE *out)
{
    const struct store_board *board = &seen->board;
    const struct store_canary *last = last_canary(&seen->canaries);
    const char *verdict = last != NULL ? store_canary_verdict_name(last->verdict) : format == CLI_CSV ? "" : "-";
    char when[LOOK_TEXT_TIME_BYTES], drift[16];
    look_text_time(board->seen_wall_ms, when);
    per_cent(seen->canaries.drift, drift);
    if (format == CLI_TABLE) {
        fprintf(out, "%-20s  %-11s  %8" PRId64 "  %9" PRId64 "  %-8s  %8s  %7d  %-20s  %s\n", board->name, state_of(board),
                seen->figures.measured, seen->figures.withdrawn, verdict, drift, (int)board->strikes, when, board->device_key);
        return;
    }
    fprintf(out, "%s,%s,%s,%" PRId64 ",%" PRId64 ",%s", board->name, board->device_key, state_of(board), seen->figures.measured,
            seen->figures.withdrawn, verdict);
    look_text_csv_number(seen->canaries.drift, out);
    fprintf(out, ",%d,%s,", (int)board->strikes, when);
    report_csv_field(board->reason, out);
    fputc('\n', out);
}

static void print_list_head(enum cli_format format, FILE *out)
{
    if (format == CLI_CSV)
        fputs("board,device,state,measurements,withdrawn,last_canary,drift,strikes,seen,reason\n", out);
    else if (format == CLI_TABLE)
        fprintf(out, "%-20s  %-11s  %8s  %9s  %-8s  %8s  %7s  %-20s  %s\n", "board", "state", "measured", "withdrawn", "canary",
                "drift", "strikes", "seen", "device");
}

static enum status_code print_listed(const struct seen *seen, bool first, enum cli_format format, FILE *out, struct status *status)
{
    if (format != CLI_JSON) {
        print_list_row(seen, format, out);
        return STATUS_OK;
    }
    json_t *object = seen_json(seen);
    if (object == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the list of boards");
    fputs(first ? "" : ",", out);
    json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(object);
    return STATUS_OK;
}

enum status_code look_board_list(struct look *look, bool *more, struct status *status)
{
    struct seen seen = {.canaries.list = NULL};
    enum status_code code = STATUS_OK;
    if (!look->begun) {
        code = store_board_list(look->store, &look->boards, &look->count, status);
        if (look->format == CLI_JSON)
            fputs("{\"boards\":[", look->out);
        print_list_head(look->format, look->out);
        look->begun = true;
    }
    if (code == STATUS_OK && look->at < look->count) {
        code = look_at(look->store, &look->boards[look->at], &seen, status);
        if (code == STATUS_OK)
            code = print_listed(&seen, look->at == 0, look->format, look->out, status);
        free(seen.canaries.list);
        look->at++;
    }
    *more = code == STATUS_OK && look->at < look->count;
    if (code == STATUS_OK && !*more && look->format == CLI_JSON)
        fputs("]}\n", look->out);
    return code;
}

/* --- show --- */

static void print_canaries_csv(const struct canaries *canaries, FILE *out)
{
    fputs("canary,time,verdict,latency_ms,expected_ms,sentence\n", out);
    for (size_t i = 0; i < canaries->count; i++) {
        const struct store_canary *canary = &canaries->list[i];
        char when[LOOK_TEXT_TIME_BYTES];
        look_text_time(canary->wall_ms, when);
        fprintf(out, "%" PRId64 ",%s,%s", canary->id, when, store_canary_verdict_name(canary->verdict));
        look_text_csv_number(canary->latency_ms, out);
        look_text_csv_number(canary->expected_ms, out);
        fputc(',', out);
        report_csv_field(canary->sentence, out);
        fputc('\n', out);
    }
}

static void print_seconds(const char *name, double mean, FILE *out)
{
    if (isfinite(mean))
        fprintf(out, "  %-10s %.3f s on average\n", name, mean);
    else
        fprintf(out, "  %-10s unknown\n", name);
}

static void print_doings(const struct seen *seen, FILE *out)
{
    const struct store_board_figures *figures = &seen->figures;
    fprintf(out, "measured     %" PRId64 ", %" PRId64 " of them infeasible; %" PRId64 " withdrawn\n", figures->measured,
            figures->infeasible, figures->withdrawn);
    print_seconds("in queue", figures->queue_seconds, out);
    print_seconds("building", figures->build_seconds, out);
    print_seconds("running", figures->run_seconds, out);
    fputs("failures     ", out);
    for (size_t i = 0; i < figures->failure_count; i++)
        fprintf(out, "%s%s %" PRId64, i > 0 ? ", " : "", figures->failures[i].name, figures->failures[i].count);
    fputs(figures->failure_count == 0 ? "none\n" : "\n", out);
}

static void print_canaries(const struct canaries *canaries, FILE *out)
{
    char drift[16];
    per_cent(canaries->drift, drift);
    fprintf(out, "canaries     %zu at this level", canaries->count);
    if (isfinite(canaries->baseline_ms))
        fprintf(out, "; the first good ones took %.4f ms, the last ones differ by %s", canaries->baseline_ms, drift);
    fputc('\n', out);
    for (size_t i = canaries->count > SHOWN ? canaries->count - SHOWN : 0; i < canaries->count; i++) {
        const struct store_canary *canary = &canaries->list[i];
        char when[LOOK_TEXT_TIME_BYTES];
        look_text_time(canary->wall_ms, when);
        fprintf(out, "  %-20s  %-8s  ", when, store_canary_verdict_name(canary->verdict));
        if (isfinite(canary->latency_ms))
            fprintf(out, "%10.4f ms  ", canary->latency_ms);
        cli_print_safe(out, canary->sentence);
        fputc('\n', out);
    }
}

static void print_board(const struct seen *seen, FILE *out)
{
    const struct store_board *board = &seen->board;
    char when[LOOK_TEXT_TIME_BYTES], since[LOOK_TEXT_TIME_BYTES];
    look_text_time(board->seen_wall_ms, when);
    look_text_time(board->since_wall_ms, since);
    fprintf(out, "board        %s\ndevice       %s\nstate        %s since %s", board->name, board->device_key, state_of(board),
            since);
    if (board->quarantined) {
        fprintf(out, "%s: ", board->held ? " by a person" : "");
        cli_print_safe(out, board->reason);
    }
    fprintf(out, "\nstrikes      %d\nlast seen    %s, runner %s, agent %s\nconditions   ", (int)board->strikes, when, board->runner,
            board->node);
    cli_print_safe(out, board->conditions);
    fputc('\n', out);
    print_doings(seen, out);
    print_canaries(&seen->canaries, out);
}

enum status_code look_board_show(struct look *look, bool *more, struct status *status)
{
    struct store_board board;
    struct seen seen = {.canaries.list = NULL};
    enum status_code code = look_board_find(look->store, look->question->board, look->question->device, &board, status);
    *more = false;
    if (code == STATUS_OK)
        code = look_at(look->store, &board, &seen, status);
    if (code == STATUS_OK && look->format == CLI_JSON)
        code = look_text_print_json(history_json(&seen), look->out, status);
    else if (code == STATUS_OK && look->format == CLI_CSV)
        print_canaries_csv(&seen.canaries, look->out);
    else if (code == STATUS_OK)
        print_board(&seen, look->out);
    free(seen.canaries.list);
    return code;
}

/* --- which board ------------------------------------------------------------------------------------------------ */

static enum status_code say_nearest(struct store *store, const char *word, struct status *status)
{
    struct store_board *boards = NULL;
    size_t count = 0;
    enum status_code code = store_board_list(store, &boards, &count, status);
    const char **names = code == STATUS_OK && count > 0 ? calloc(2 * count, sizeof *names) : NULL;
    for (size_t i = 0; i < count && names != NULL; i++) {
        names[i] = boards[i].name;
        names[count + i] = boards[i].device_key;
    }
    if (names != NULL)
        code =
            status_set(status, STATUS_NOT_FOUND, "there is no board '%.60s'; did you mean %.120s? `hwnas device list` names them",
                       word, names[nearest_word(word, names, 2 * count)]);
    else if (code == STATUS_OK)
        code =
            status_set(status, STATUS_NOT_FOUND, "there is no board '%.60s': none has ever been connected to this database", word);
    free(names);
    free(boards);
    return code;
}

enum status_code look_board_find(struct store *store, const char *word, const char *device, struct store_board *out,
                                 struct status *status)
{
    struct store_board *boards = NULL;
    size_t count = 0, kept = 0;
    enum status_code code = store_board_find(store, word, &boards, &count, status);
    for (size_t i = 0; i < count; i++)
        if (device == NULL || device[0] == '\0' || strcmp(boards[i].device_key, device) == 0)
            boards[kept++] = boards[i];
    if (code == STATUS_OK && kept == 0)
        code = say_nearest(store, count > 0 ? device : word, status);
    else if (code == STATUS_OK && kept > 1)
        code = strcmp(boards[0].name, boards[1].name) == 0
                   ? status_set(status, STATUS_BAD_INPUT,
                                "%zu boards are called '%.60s'; say which with --device %.120s, or another key", kept, word,
                                boards[0].device_key)
                   : status_set(status, STATUS_BAD_INPUT, "%zu boards have the device key %.120s; name one: %.60s, %.60s, ...",
                                kept, word, boards[0].name, boards[1].name);
    if (code == STATUS_OK)
        *out = boards[0];
    free(boards);
    return code;
}

enum status_code look_board_done(const struct store_board *board, const char *did, const char *state, enum cli_format format,
                                 FILE *out, struct status *status)
{
    if (format == CLI_JSON)
        return look_text_print_json(json_pack("{s:s,s:s,s:s}", "board", board->name, "device", board->device_key, "state", state),
                                    out, status);
    if (format == CLI_CSV)
        fprintf(out, "board,device,state\n%s,%s,%s\n", board->name, board->device_key, state);
    else
        fprintf(out, "%s (%s) %s\n", board->name, board->device_key, did);
    return STATUS_OK;
}
