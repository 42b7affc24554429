/* cli_device_db: the shared command line of the commands on a database's boards. The commands: cli_device_db_look.c (list, show),
 * cli_device_db_act.c (quarantine, trust, forget, withdraw), cli_device_db_why.c. */
#include "master/cli_device_db.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/decimal.h"
#include "common/line.h"
#include "common/nearest.h"
#include "master/cli_device_db_parts.h"

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct cli_device_db *command = state->input;
    switch (key) {
    case CLI_DEVICE_DB_KEY_DB: command->db = text; return 0;
    case CLI_DEVICE_DB_KEY_DEVICE: command->device = text; return 0;
    case 'f': command->format = cli_option_format(text, state); return 0;
    case ARGP_KEY_ARG:
        if (command->word_is == NULL || command->word != NULL)
            argp_error(state, "'%s' is one argument too many", text);
        command->word = text;
        return 0;
    case ARGP_KEY_END:
        if (command->db == NULL)
            argp_error(state, "--db FILE is needed");
        if (command->word_is != NULL && command->word == NULL)
            argp_error(state, "which %s? `hwnas %s list --db FILE` names them", command->word_is,
                       strcmp(command->word_is, "board") == 0 ? "device" : "study");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_device_db_argp = {
    .options = (const struct argp_option[]){{"db", CLI_DEVICE_DB_KEY_DB, "FILE", 0, "the database (needed)", 8},
                                            {"device", CLI_DEVICE_DB_KEY_DEVICE, "KEY", 0,
                                             "the board's device key, where several have the same name", 8},
                                            {"format", 'f', "FORMAT", 0, "table (default), csv or json", 9},
                                            {0}},
    .parser = parse};

int cli_device_db_run(int argc, char **argv, const struct argp *argp, struct cli_device_db *command,
                      enum status_code (*run)(struct store *, const struct cli_device_db *, struct status *))
{
    struct status status = {0};
    struct store *store = NULL;
    argp_parse(argp, argc, argv, 0, NULL, command);
    /* A store opened for writing makes a file that is not there. */
    enum status_code code = access(command->db, F_OK) == 0
                                ? store_open(command->db, command->mode, &store, &status)
                                : status_set(&status, STATUS_NOT_FOUND, "%.300s: there is no such database", command->db);
    if (code == STATUS_OK)
        code = run(store, command, &status);
    store_close(store);
    return code == STATUS_OK ? cli_flush(command->command) : cli_fail(command->command, &status);
}

/* --- which board ------------------------------------------------------------------------------------------------ */

static enum status_code say_nearest(struct store *store, const char *word, const char *db, struct status *status)
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
        code = status_set(status, STATUS_NOT_FOUND,
                          "there is no board '%.60s'; did you mean %.120s? `hwnas device list --db %.100s` names them", word,
                          names[nearest_word(word, names, 2 * count)], db);
    else if (code == STATUS_OK)
        code =
            status_set(status, STATUS_NOT_FOUND, "there is no board '%.60s': none has ever been connected to this database", word);
    free(names);
    free(boards);
    return code;
}

enum status_code cli_device_db_find(struct store *store, const struct cli_device_db *command, struct store_board *out,
                                    struct status *status)
{
    struct store_board *boards = NULL;
    size_t count = 0, kept = 0;
    enum status_code code = store_board_find(store, command->word, &boards, &count, status);
    for (size_t i = 0; i < count; i++)
        if (command->device == NULL || strcmp(boards[i].device_key, command->device) == 0)
            boards[kept++] = boards[i];
    if (code == STATUS_OK && kept == 0)
        code = say_nearest(store, count > 0 ? command->device : command->word, command->db, status);
    else if (code == STATUS_OK && kept > 1)
        code = strcmp(boards[0].name, boards[1].name) == 0
                   ? status_set(status, STATUS_BAD_INPUT,
                                "%zu boards are called '%.60s'; say which with --device %.120s, or another key", kept,
                                command->word, boards[0].device_key)
                   : status_set(status, STATUS_BAD_INPUT, "%zu boards have the device key %.120s; name one: %.60s, %.60s, ...",
                                kept, command->word, boards[0].name, boards[1].name);
    if (code == STATUS_OK)
        *out = boards[0];
    free(boards);
    return code;
}

/* --- printing --------------------------------------------------------------------------------------------------- */

void cli_device_db_time(int64_t wall_ms, char out[CLI_DEVICE_DB_TIME_BYTES])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (wall_ms <= 0 || gmtime_r(&seconds, &utc) == NULL ||
        strftime(out, CLI_DEVICE_DB_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        strcpy(out, "never");
}

json_t *cli_device_db_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *cli_device_db_text(const char *text)
{
    char *line = line_dup(text);
    json_t *string = line != NULL ? json_string(line) : NULL;
    free(line);
    return string;
}

enum status_code cli_device_db_print(json_t *object, struct status *status)
{
    if (object == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the result as JSON");
    int failed = json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0;
    json_decref(object);
    putchar('\n');
    return failed ? status_set(status, STATUS_IO, "standard output did not take the result") : STATUS_OK;
}

void cli_device_db_csv_number(double value)
{
    char text[DECIMAL_BYTES] = "";
    if (isfinite(value))
        decimal_print(value, text);
    printf(",%s", text);
}

const struct cli_verb cli_device_db_commands[CLI_DEVICE_DB_COMMANDS] = {
    {"list", "the boards of a database: state, measurements, canaries, drift", cli_device_db_list},
    {"why", "what a study's waiting measurements wait for", cli_device_db_why},
    {"quarantine", "give a board no more measurements", cli_device_db_quarantine},
    {"trust", "believe a board again, at the level it has now", cli_device_db_trust},
    {"withdraw", "take back what a board measured, and roll studies back to before", cli_device_db_withdraw},
    {"forget", "take a board off the list", cli_device_db_forget},
};
