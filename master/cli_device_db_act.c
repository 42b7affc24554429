/* cli_device_db_act: `hwnas device quarantine`, `trust`, `forget` and `withdraw`: what a person decides about a board. The rule it
 * keeps: each is one transaction, done whole or not at all, and says what it did. */
#define _XOPEN_SOURCE 700
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "master/cli_device_db_parts.h"
#include "master/look.h"
#include "master/look_text.h"
#include "master/report.h"

enum { KEY_REASON = CLI_DEVICE_DB_KEY_OWN, KEY_SINCE, KEY_MEASUREMENTS };

/* --- one transaction -------------------------------------------------------------------------------------------- */

/* Commits when all went well so far. */
static enum status_code end(struct store *store, enum status_code code, struct status *status)
{
    if (code == STATUS_OK)
        code = store_commit(store, status);
    if (code != STATUS_OK)
        store_rollback(store);
    return code;
}

static enum status_code quarantine(struct store *store, const struct cli_device_db *command, struct status *status)
{
    struct store_board board;
    enum status_code code = look_board_find(store, command->word, command->device, &board, status);
    if (code == STATUS_OK)
        code = store_begin(store, status);
    if (code != STATUS_OK)
        return code;
    code = store_board_quarantine(store, board.device_key, board.name, command->reason, clock_wall_ms(), status);
    code = end(store, code, status);
    return code == STATUS_OK ? look_board_done(&board, "is quarantined: it gets no measurements until `hwnas device trust`",
                                               "quarantined", command->format, stdout, status)
                             : code;
}

static enum status_code trust(struct store *store, const struct cli_device_db *command, struct status *status)
{
    struct store_board board;
    enum status_code code = look_board_find(store, command->word, command->device, &board, status);
    if (code == STATUS_OK)
        code = store_begin(store, status);
    if (code != STATUS_OK)
        return code;
    code = store_board_trust(store, board.device_key, board.name, true, clock_wall_ms(), status);
    code = end(store, code, status);
    return code == STATUS_OK ? look_board_done(&board, "is trusted: its next canaries are what it is held against", "trusted",
                                               command->format, stdout, status)
                             : code;
}

/* --- withdraw --------------------------------------------------------------------------------------------------- */

/* How far back: the canary after which nothing is believed, and when it was; 0: nothing is believed at all. */
struct horizon {
    int64_t canary, wall_ms, before_ms;
};

static enum status_code last_good_before(void *context, const struct store_canary *canary, struct status *status)
{
    struct horizon *horizon = context;
    (void)status;
    if (canary->verdict == STORE_CANARY_GOOD && canary->wall_ms <= horizon->before_ms) {
        horizon->canary = canary->id;
        horizon->wall_ms = canary->wall_ms;
    }
    return STATUS_OK;
}

/* "2026-11-21", "2026-11-21T15:00", "2026-11-21T15:00:30" in UTC, with a Z or without. */
static bool read_time(const char *text, int64_t *wall_ms)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm utc = {0};
        const char *rest = strptime(text, forms[i], &utc);
        if (rest == NULL || (*rest != '\0' && strcmp(rest, "Z") != 0))
            continue;
        *wall_ms = (int64_t)timegm(&utc) * 1000;
        return true;
    }
    return false;
}

static enum status_code find_horizon(struct store *store, const struct cli_device_db *command, const struct store_board *board,
                                     struct horizon *out, struct status *status)
{
    *out = (struct horizon){0};
    if (strcmp(command->since, "all") == 0)
        return STATUS_OK;
    if (strcmp(command->since, "last-good") == 0)
        return store_canary_last_good(store, board->device_key, board->name, &out->canary, &out->wall_ms, status);
    if (!read_time(command->since, &out->before_ms))
        return status_set(status, STATUS_BAD_INPUT,
                          "--since is '%.40s'; it must be last-good, all, or a time in UTC such as 2026-11-21T15:00",
                          command->since);
    return store_canary_each(store, board->device_key, board->name, 0, last_good_before, out, status);
}

/* How many candidates each study has been told, before and after. */
struct study_steps {
    char name[CONFIG_NAME_BYTES];
    uint64_t before, after;
};

static enum status_code count_told(struct store *store, bool after, struct study_steps **steps, size_t *count,
                                   struct status *status)
{
    struct store_study *studies = NULL;
    size_t studies_count = 0;
    enum status_code code = store_study_list(store, &studies, &studies_count, status);
    if (code == STATUS_OK && !after && (*steps = calloc(studies_count + 1, sizeof **steps)) == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for %zu studies", studies_count);
    for (size_t i = 0; i < studies_count; i++) {
        struct report report;
        if (code == STATUS_OK && (code = report_load(store, studies[i].name, &report, status)) == STATUS_OK) {
            snprintf((*steps)[i].name, sizeof(*steps)[i].name, "%s", studies[i].name);
            *(after ? &(*steps)[i].after : &(*steps)[i].before) = report.asked;
            report_free(&report);
        }
        store_study_free(&studies[i]);
    }
    free(studies);
    *count = studies_count;
    return code;
}

struct withdrawn {
    struct store_board board;
    struct horizon horizon;
    struct store_withdrawal sums;
    struct study_steps *studies; /* owned */
    size_t count;
};

static json_t *withdrawn_json(const struct withdrawn *withdrawn)
{
    json_t *studies = json_array();
    char when[LOOK_TEXT_TIME_BYTES];
    look_text_time(withdrawn->horizon.wall_ms, when);
    for (size_t i = 0; i < withdrawn->count; i++)
        if (withdrawn->studies[i].after < withdrawn->studies[i].before)
            json_array_append_new(studies, json_pack("{s:s,s:I,s:I}", "study", withdrawn->studies[i].name, "before",
                                                     (json_int_t)withdrawn->studies[i].before, "after",
                                                     (json_int_t)withdrawn->studies[i].after));
    return json_pack("{s:s,s:s,s:o,s:I,s:I,s:o}", "board", withdrawn->board.name, "device", withdrawn->board.device_key, "since",
                     withdrawn->horizon.canary > 0 ? json_string(when) : json_null(), "measurements",
                     (json_int_t)withdrawn->sums.rows, "candidates", (json_int_t)withdrawn->sums.candidates, "studies", studies);
}

static void print_withdrawn_csv(const struct withdrawn *withdrawn)
{
    puts("board,device,measurements,study,before,after");
    for (size_t i = 0, rows = 0; i < withdrawn->count || rows == 0; i++) {
        const struct study_steps *study = i < withdrawn->count ? &withdrawn->studies[i] : NULL;
        if (study != NULL && study->after == study->before)
            continue;
        rows++;
        printf("%s,%s,%" PRId64 ",", withdrawn->board.name, withdrawn->board.device_key, withdrawn->sums.rows);
        if (study != NULL)
            printf("%s,%" PRIu64 ",%" PRIu64 "\n", study->name, study->before, study->after);
        else
            puts(",,");
    }
}

static void print_withdrawn(const struct withdrawn *withdrawn, const char *db)
{
    char when[LOOK_TEXT_TIME_BYTES];
    look_text_time(withdrawn->horizon.wall_ms, when);
    printf("withdrew %" PRId64 " measurement(s) of %s (%s): ", withdrawn->sums.rows, withdrawn->board.name,
           withdrawn->board.device_key);
    if (withdrawn->horizon.canary > 0)
        printf("all since its canary %" PRId64 ", good at %s\n", withdrawn->horizon.canary, when);
    else
        puts("all it ever measured");
    for (size_t i = 0; i < withdrawn->count; i++) {
        const struct study_steps *study = &withdrawn->studies[i];
        if (study->after < study->before)
            printf("study %s goes back from %" PRIu64 " to %" PRIu64 " candidates; to go on: hwnas study resume %s --db %s\n",
                   study->name, study->before, study->after, study->name, db);
    }
    if (withdrawn->sums.studies == 0)
        puts("no study had used any of them");
    if (withdrawn->sums.rows > 0 && !withdrawn->board.quarantined)
        printf(
            "%s is still trusted and may measure them again; if it should not: hwnas device quarantine %s --reason TEXT --db %s\n",
            withdrawn->board.name, withdrawn->board.name, db);
}

/* In a transaction. */
static enum status_code withdraw_all(struct store *store, const struct cli_device_db *command, struct withdrawn *out,
                                     struct status *status)
{
    enum status_code code = count_told(store, false, &out->studies, &out->count, status);
    if (code == STATUS_OK)
        code = store_board_withdraw(store, out->board.device_key, out->board.name, out->horizon.canary, command->reason,
                                    clock_wall_ms(), &out->sums, status);
    if (code == STATUS_OK && out->count > 0)
        code = count_told(store, true, &out->studies, &out->count, status);
    return code;
}

static enum status_code withdraw(struct store *store, const struct cli_device_db *command, struct status *status)
{
    struct withdrawn withdrawn = {.count = 0};
    enum status_code code = look_board_find(store, command->word, command->device, &withdrawn.board, status);
    if (code == STATUS_OK)
        code = find_horizon(store, command, &withdrawn.board, &withdrawn.horizon, status);
    if (code == STATUS_OK)
        code = store_begin(store, status);
    if (code == STATUS_OK)
        code = end(store, withdraw_all(store, command, &withdrawn, status), status);
    if (code == STATUS_OK && command->format == CLI_JSON)
        code = look_text_print_json(withdrawn_json(&withdrawn), stdout, status);
    else if (code == STATUS_OK && command->format == CLI_CSV)
        print_withdrawn_csv(&withdrawn);
    else if (code == STATUS_OK)
        print_withdrawn(&withdrawn, command->db);
    free(withdrawn.studies);
    return code;
}

/* --- forget ----------------------------------------------------------------------------------------------------- */

static enum status_code forget(struct store *store, const struct cli_device_db *command, struct status *status)
{
    struct withdrawn withdrawn = {.count = 0};
    enum status_code code = look_board_find(store, command->word, command->device, &withdrawn.board, status);
    if (code == STATUS_OK)
        code = store_begin(store, status);
    if (code != STATUS_OK)
        return code;
    if (command->measurements)
        code = withdraw_all(store, command, &withdrawn, status);
    if (code == STATUS_OK)
        code = store_board_forget(store, withdrawn.board.device_key, withdrawn.board.name, status);
    code = end(store, code, status);
    if (code == STATUS_OK && command->measurements && command->format == CLI_TABLE) {
        withdrawn.board.quarantined = true; /* nothing to add about a board that is gone */
        print_withdrawn(&withdrawn, command->db);
    }
    free(withdrawn.studies);
    return code == STATUS_OK ? look_board_done(&withdrawn.board, "is forgotten: when it connects again it is a new board",
                                               "forgotten", command->format, stdout, status)
                             : code;
}

/* --- the command lines ------------------------------------------------------------------------------------------ */

static error_t parse_own(int key, char *text, struct argp_state *state)
{
    struct cli_device_db *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = command; return 0;
    case KEY_REASON: command->reason = text; return 0;
    case KEY_SINCE: command->since = text; return 0;
    case KEY_MEASUREMENTS: command->measurements = true; return 0;
    case ARGP_KEY_END:
        if (command->reason == NULL)
            argp_error(state, "--reason TEXT is needed: it is what others will read");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{.argp = &cli_device_db_argp}, {0}};

int cli_device_db_quarantine(int argc, char **argv)
{
    static const struct argp_option options[] = {{"reason", KEY_REASON, "TEXT", 0, "why, for others to read (needed)", 1}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_own,
        .children = children,
        .args_doc = "BOARD",
        .doc = "Gives the board no more measurements, whatever its canaries say, until `hwnas device trust`."};
    struct cli_device_db command = {.command = "device quarantine", .word_is = "board", .mode = STORE_WRITE};
    return cli_device_db_ask(argc, argv, &argp, &command, WIRE_ASK_DEVICE_QUARANTINE, quarantine);
}

int cli_device_db_trust(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_own,
        .children = children,
        .args_doc = "BOARD",
        .doc = "Ends the board's quarantine and accepts the level it has now: its canaries so far count no more."};
    struct cli_device_db command = {.command = "device trust", .word_is = "board", .mode = STORE_WRITE, .reason = ""};
    return cli_device_db_ask(argc, argv, &argp, &command, WIRE_ASK_DEVICE_TRUST, trust);
}

int cli_device_db_forget(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"measurements", KEY_MEASUREMENTS, NULL, 0, "take back all it ever measured, too", 1}, {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse_own,
                                     .children = children,
                                     .args_doc = "BOARD",
                                     .doc = "Takes the board off the list. What it measured stays, unless told otherwise."};
    struct cli_device_db command = {
        .command = "device forget", .word_is = "board", .mode = STORE_WRITE, .reason = "its board was forgotten"};
    return cli_device_db_run(argc, argv, &argp, &command, forget);
}

int cli_device_db_withdraw(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"since", KEY_SINCE, "WHEN", 0,
         "last-good (default): after its last good canary; a time in UTC: after the last good one before it; all", 1},
        {"reason", KEY_REASON, "TEXT", 0, "why, kept with what is taken back", 1},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_own,
        .children = children,
        .args_doc = "BOARD",
        .doc = "Takes back what the board measured, and takes studies that used it back to before the first such "
               "candidate. Resumed, they measure it again and go on as if it had never been."};
    struct cli_device_db command = {.command = "device withdraw",
                                    .word_is = "board",
                                    .mode = STORE_WRITE,
                                    .since = "last-good",
                                    .reason = "withdrawn by a person"};
    return cli_device_db_run(argc, argv, &argp, &command, withdraw);
}
