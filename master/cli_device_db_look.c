/* cli_device_db_look: `hwnas device list` and `show BOARD`: what is known of boards. Reads only. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/median.h"
#include "master/cli_device_db.h"
#include "master/cli_device_db_parts.h"
#include "master/report.h"
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

static enum status_code look(struct store *store, const struct store_board *board, struct seen *out, struct status *status)
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
    char when[CLI_DEVICE_DB_TIME_BYTES];
    cli_device_db_time(canary->wall_ms, when);
    return json_pack("{s:I,s:s,s:s,s:o,s:o,s:o}", "id", (json_int_t)canary->id, "time", when, "verdict",
                     store_canary_verdict_name(canary->verdict), "latency_ms", cli_device_db_number(canary->latency_ms),
                     "expected_ms", cli_device_db_number(canary->expected_ms), "sentence", cli_device_db_text(canary->sentence));
}

static json_t *seen_json(const struct seen *seen)
{
    const struct store_board *board = &seen->board;
    const struct store_board_figures *figures = &seen->figures;
    const struct store_canary *last = last_canary(&seen->canaries);
    char when[CLI_DEVICE_DB_TIME_BYTES], since[CLI_DEVICE_DB_TIME_BYTES];
    cli_device_db_time(board->seen_wall_ms, when);
    cli_device_db_time(board->since_wall_ms, since);
    return json_pack("{s:s,s:s,s:s,s:o,s:s,s:i,s:s,s:s,s:I,s:I,s:I,s:o,s:o,s:o}", "board", board->name, "device", board->device_key,
                     "state", state_of(board), "reason", cli_device_db_text(board->reason), "since", since, "strikes",
                     (int)board->strikes, "runner", board->runner, "seen", when, "measurements", (json_int_t)figures->measured,
                     "infeasible", (json_int_t)figures->infeasible, "withdrawn", (json_int_t)figures->withdrawn, "last_canary",
                     last != NULL ? canary_json(last) : json_null(), "baseline_ms",
                     cli_device_db_number(seen->canaries.baseline_ms), "drift", cli_device_db_number(seen->canaries.drift));
}

static json_t *history_json(const struct seen *seen)
{
    json_t *object = seen_json(seen), *canaries = json_array();
    const struct store_board_figures *figures = &seen->figures;
    for (size_t i = 0; i < seen->canaries.count; i++)
        json_array_append_new(canaries, canary_json(&seen->canaries.list[i]));
    json_object_set_new(object, "node", cli_device_db_text(seen->board.node));
    json_object_set_new(object, "conditions", cli_device_db_text(seen->board.conditions));
    json_object_set_new(object, "failures", failures_json(figures));
    json_object_set_new(object, "mean_seconds",
                        json_pack("{s:o,s:o,s:o}", "queue", cli_device_db_number(figures->queue_seconds), "build",
                                  cli_device_db_number(figures->build_seconds), "run", cli_device_db_number(figures->run_seconds)));
    json_object_set_new(object, "canaries", canaries);
    return object;
}

/* --- list --- */

static void print_list_row(const struct seen *seen, enum cli_format format)
{
    const struct store_board *board = &seen->board;
    const struct store_canary *last = last_canary(&seen->canaries);
    const char *verdict = last != NULL ? store_canary_verdict_name(last->verdict) : format == CLI_CSV ? "" : "-";
    char when[CLI_DEVICE_DB_TIME_BYTES], drift[16];
    cli_device_db_time(board->seen_wall_ms, when);
    per_cent(seen->canaries.drift, drift);
    if (format == CLI_TABLE) {
        printf("%-20s  %-11s  %8" PRId64 "  %9" PRId64 "  %-8s  %8s  %7d  %-20s  %s\n", board->name, state_of(board),
               seen->figures.measured, seen->figures.withdrawn, verdict, drift, (int)board->strikes, when, board->device_key);
        return;
    }
    printf("%s,%s,%s,%" PRId64 ",%" PRId64 ",%s", board->name, board->device_key, state_of(board), seen->figures.measured,
           seen->figures.withdrawn, verdict);
    cli_device_db_csv_number(seen->canaries.drift);
    printf(",%d,%s,", (int)board->strikes, when);
    report_csv_field(board->reason, stdout);
    putchar('\n');
}

static void print_list_head(enum cli_format format)
{
    if (format == CLI_CSV)
        puts("board,device,state,measurements,withdrawn,last_canary,drift,strikes,seen,reason");
    else if (format == CLI_TABLE)
        printf("%-20s  %-11s  %8s  %9s  %-8s  %8s  %7s  %-20s  %s\n", "board", "state", "measured", "withdrawn", "canary", "drift",
               "strikes", "seen", "device");
}

static enum status_code list(struct store *store, const struct cli_device_db *command, struct status *status)
{
    struct store_board *boards = NULL;
    size_t count = 0;
    enum status_code code = store_board_list(store, &boards, &count, status);
    json_t *array = json_array();
    if (code == STATUS_OK)
        print_list_head(command->format);
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        struct seen seen;
        code = look(store, &boards[i], &seen, status);
        if (code == STATUS_OK && command->format == CLI_JSON)
            json_array_append_new(array, seen_json(&seen));
        else if (code == STATUS_OK)
            print_list_row(&seen, command->format);
        free(seen.canaries.list);
    }
    free(boards);
    if (code != STATUS_OK || command->format != CLI_JSON) {
        json_decref(array);
        return code;
    }
    return cli_device_db_print(json_pack("{s:o}", "boards", array), status);
}

/* --- show --- */

static void print_canaries_csv(const struct canaries *canaries)
{
    puts("canary,time,verdict,latency_ms,expected_ms,sentence");
    for (size_t i = 0; i < canaries->count; i++) {
        const struct store_canary *canary = &canaries->list[i];
        char when[CLI_DEVICE_DB_TIME_BYTES];
        cli_device_db_time(canary->wall_ms, when);
        printf("%" PRId64 ",%s,%s", canary->id, when, store_canary_verdict_name(canary->verdict));
        cli_device_db_csv_number(canary->latency_ms);
        cli_device_db_csv_number(canary->expected_ms);
        putchar(',');
        report_csv_field(canary->sentence, stdout);
        putchar('\n');
    }
}

static void print_seconds(const char *name, double mean)
{
    if (isfinite(mean))
        printf("  %-10s %.3f s on average\n", name, mean);
    else
        printf("  %-10s unknown\n", name);
}

static void print_doings(const struct seen *seen)
{
    const struct store_board_figures *figures = &seen->figures;
    printf("measured     %" PRId64 ", %" PRId64 " of them infeasible; %" PRId64 " withdrawn\n", figures->measured,
           figures->infeasible, figures->withdrawn);
    print_seconds("in queue", figures->queue_seconds);
    print_seconds("building", figures->build_seconds);
    print_seconds("running", figures->run_seconds);
    fputs("failures     ", stdout);
    for (size_t i = 0; i < figures->failure_count; i++)
        printf("%s%s %" PRId64, i > 0 ? ", " : "", figures->failures[i].name, figures->failures[i].count);
    puts(figures->failure_count == 0 ? "none" : "");
}

static void print_canaries(const struct canaries *canaries)
{
    char drift[16];
    per_cent(canaries->drift, drift);
    printf("canaries     %zu at this level", canaries->count);
    if (isfinite(canaries->baseline_ms))
        printf("; the first good ones took %.4f ms, the last ones differ by %s", canaries->baseline_ms, drift);
    putchar('\n');
    for (size_t i = canaries->count > SHOWN ? canaries->count - SHOWN : 0; i < canaries->count; i++) {
        const struct store_canary *canary = &canaries->list[i];
        char when[CLI_DEVICE_DB_TIME_BYTES];
        cli_device_db_time(canary->wall_ms, when);
        printf("  %-20s  %-8s  ", when, store_canary_verdict_name(canary->verdict));
        if (isfinite(canary->latency_ms))
            printf("%10.4f ms  ", canary->latency_ms);
        cli_print_safe(stdout, canary->sentence);
        putchar('\n');
    }
}

static void print_board(const struct seen *seen)
{
    const struct store_board *board = &seen->board;
    char when[CLI_DEVICE_DB_TIME_BYTES], since[CLI_DEVICE_DB_TIME_BYTES];
    cli_device_db_time(board->seen_wall_ms, when);
    cli_device_db_time(board->since_wall_ms, since);
    printf("board        %s\ndevice       %s\nstate        %s since %s", board->name, board->device_key, state_of(board), since);
    if (board->quarantined) {
        printf("%s: ", board->held ? " by a person" : "");
        cli_print_safe(stdout, board->reason);
    }
    printf("\nstrikes      %d\nlast seen    %s, runner %s, agent %s\nconditions   ", (int)board->strikes, when, board->runner,
           board->node);
    cli_print_safe(stdout, board->conditions);
    putchar('\n');
    print_doings(seen);
    print_canaries(&seen->canaries);
}

static enum status_code show(struct store *store, const struct cli_device_db *command, struct status *status)
{
    struct store_board board;
    struct seen seen = {.canaries.list = NULL};
    enum status_code code = cli_device_db_find(store, command, &board, status);
    if (code == STATUS_OK)
        code = look(store, &board, &seen, status);
    if (code == STATUS_OK && command->format == CLI_JSON)
        code = cli_device_db_print(history_json(&seen), status);
    else if (code == STATUS_OK && command->format == CLI_CSV)
        print_canaries_csv(&seen.canaries);
    else if (code == STATUS_OK)
        print_board(&seen);
    free(seen.canaries.list);
    return code;
}

/* --- the command lines --- */

static error_t parse_init(int key, char *text, struct argp_state *state)
{
    (void)text;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = state->input;
    return 0;
}

static const struct argp_child children[] = {{.argp = &cli_device_db_argp}, {0}};

int cli_device_db_list(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_init,
        .children = children,
        .doc = "Lists the boards that were ever connected: state, measurements and how many were taken back, "
               "the last canary, drift of the canaries against the first ones, strikes."};
    struct cli_device_db command = {.command = "device list", .mode = STORE_READ};
    return cli_device_db_run(argc, argv, &argp, &command, list);
}

int cli_device_db_show(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_init,
        .children = children,
        .args_doc = "BOARD",
        .doc = "Shows one board: its state and why, what it measured, failures by class, time in queue, build and "
               "run, and its canaries. BOARD is its name, or its device key when no other board has it."};
    struct cli_device_db command = {.command = "device show", .word_is = "board", .mode = STORE_READ};
    return cli_device_db_run(argc, argv, &argp, &command, show);
}
