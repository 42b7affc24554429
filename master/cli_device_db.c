/* cli_device_db: the shared command line of the commands on a database's boards, and list and show, which look.h answers. The
 * others: cli_device_db_act.c (quarantine, trust, forget, withdraw), cli_device_db_why.c. */
#include "master/cli_device_db.h"

#include <string.h>
#include <unistd.h>

#include "master/cli_device_db_parts.h"
#include "master/cli_why.h"

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct cli_device_db *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->way; return 0;
    case CLI_DEVICE_DB_KEY_DB: command->db = text; return 0;
    case CLI_DEVICE_DB_KEY_DEVICE: command->device = text; return 0;
    case 'f': command->format = cli_option_format(text, state); return 0;
    case ARGP_KEY_ARG:
        if (command->word_is == NULL || command->word != NULL)
            argp_error(state, "'%s' is one argument too many", text);
        command->word = text;
        return 0;
    case ARGP_KEY_END:
        if (command->db == NULL && (command->way.address == NULL || !command->is_question))
            argp_error(state, "--db FILE is needed");
        if (command->word_is != NULL && command->word == NULL)
            argp_error(state, "which %s? `hwnas %s list --db FILE` names them", command->word_is,
                       strcmp(command->word_is, "board") == 0 ? "device" : "study");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child way_child[] = {{.argp = &cli_ask_argp}, {0}};
const struct argp cli_device_db_argp = {
    .children = way_child,
    .options = (const struct argp_option[]){{"db", CLI_DEVICE_DB_KEY_DB, "FILE", 0, "the database (needed)", 8},
                                            {"device", CLI_DEVICE_DB_KEY_DEVICE, "KEY", 0,
                                             "the board's device key, where several have the same name", 8},
                                            {"format", 'f', "FORMAT", 0, "table (default), csv or json", 9},
                                            {0}},
    .parser = parse};

static enum status_code open_and_run(const struct cli_device_db *command,
                                     enum status_code (*run)(struct store *, const struct cli_device_db *, struct status *),
                                     struct status *status)
{
    struct store *store = NULL;
    /* A store opened for writing makes a file that is not there. */
    enum status_code code = access(command->db, F_OK) == 0
                                ? store_open(command->db, command->mode, &store, status)
                                : status_set(status, STATUS_NOT_FOUND, "%.300s: there is no such database", command->db);
    if (code == STATUS_OK)
        code = run(store, command, status);
    store_close(store);
    return code;
}

int cli_device_db_run(int argc, char **argv, const struct argp *argp, struct cli_device_db *command,
                      enum status_code (*run)(struct store *, const struct cli_device_db *, struct status *))
{
    struct status status = {0};
    argp_parse(argp, argc, argv, 0, NULL, command);
    enum status_code code = open_and_run(command, run, &status);
    if (code == STATUS_OK)
        return cli_flush(command->command);
    cli_ask_who_holds(command->db, &status);
    return cli_fail(command->command, &status);
}

/* A question with what else the command needs to answer it without a master. */
struct asked {
    struct cli_ask ask; /* first: a pointer to it is one to the whole */
    const struct cli_device_db *command;
    enum status_code (*run)(struct store *, const struct cli_device_db *, struct status *);
};

static enum status_code answer_here(const struct cli_ask *ask, FILE *out, struct status *status)
{
    const struct asked *asked = (const struct asked *)ask;
    (void)out; /* the commands print on standard output */
    return open_and_run(asked->command, asked->run, status);
}

int cli_device_db_ask(int argc, char **argv, const struct argp *argp, struct cli_device_db *command, enum wire_question_kind kind,
                      enum status_code (*run)(struct store *, const struct cli_device_db *, struct status *))
{
    struct status status = {0};
    command->is_question = true;
    argp_parse(argp, argc, argv, 0, NULL, command);
    struct asked asked = {
        .ask = {.command = command->command, .db = command->db, .way = command->way}, .command = command, .run = run};
    struct wire_question *question = &asked.ask.question;
    question->kind = kind;
    question->format = cli_ask_format(command->format);
    asked.ask.here = command->here != NULL ? command->here : run != NULL ? answer_here : NULL;
    bool study = command->word_is != NULL && strcmp(command->word_is, "study") == 0;
    const char *reason = kind == WIRE_ASK_DEVICE_QUARANTINE ? command->reason : "";
    if (cli_ask_word(study ? command->word : "", question->study, sizeof question->study, &status) != STATUS_OK ||
        cli_ask_word(study || command->word == NULL ? "" : command->word, question->board, sizeof question->board, &status) !=
            STATUS_OK ||
        cli_ask_word(study || command->word == NULL || command->device == NULL ? "" : command->device, question->device,
                     sizeof question->device, &status) != STATUS_OK ||
        cli_ask_word(reason, question->text, sizeof question->text, &status) != STATUS_OK)
        return cli_fail(command->command, &status);
    return cli_ask_run(&asked.ask);
}

/* --- those that ask ---------------------------------------------------------------------------------------------- */

static error_t parse_child(int key, char *text, struct argp_state *state)
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
        .parser = parse_child,
        .children = children,
        .doc = "Lists the boards that were ever connected: state, measurements and how many were taken back, "
               "the last canary, drift of the canaries against the first ones, strikes."};
    struct cli_device_db command = {.command = "device list", .mode = STORE_READ};
    return cli_device_db_ask(argc, argv, &argp, &command, WIRE_ASK_DEVICE_LIST, NULL);
}

int cli_device_db_show(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_child,
        .children = children,
        .args_doc = "BOARD",
        .doc = "Shows one board: its state and why, what it measured, failures by class, time in queue, build and "
               "run, and its canaries. BOARD is its name, or its device key when no other board has it."};
    struct cli_device_db command = {.command = "device show", .word_is = "board", .mode = STORE_READ};
    return cli_device_db_ask(argc, argv, &argp, &command, WIRE_ASK_DEVICE_SHOW, NULL);
}

int cli_device_db_why(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_child,
        .children = children,
        .args_doc = "STUDY",
        .doc = "Says what each measurement that the study wants next waits for: a board of its device that was "
               "never connected, one in quarantine and why, one that is away; and how many stand before it."};
    struct cli_device_db command = {.command = "device why", .word_is = "study", .mode = STORE_READ, .here = cli_why_device};
    return cli_device_db_ask(argc, argv, &argp, &command, WIRE_ASK_DEVICE_WHY, NULL);
}

const struct cli_verb cli_device_db_commands[CLI_DEVICE_DB_COMMANDS] = {
    {"list", "the boards of a database: state, measurements, canaries, drift", cli_device_db_list},
    {"why", "what a study's waiting measurements wait for", cli_device_db_why},
    {"quarantine", "give a board no more measurements", cli_device_db_quarantine},
    {"trust", "believe a board again, at the level it has now", cli_device_db_trust},
    {"withdraw", "take back what a board measured, and roll studies back to before", cli_device_db_withdraw},
    {"forget", "take a board off the list", cli_device_db_forget},
};
