/* cli_db: `hwnas db backup`: a copy of a database, by the master that holds it or, where none does, by this process; `hwnas db
 * master`: who holds it; `hwnas db log-level`: how much that one logs. */
#include "master/cli_db.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "master/cli_ask.h"
#include "master/look.h"
#include "master/look_text.h"
#include "master/master_file.h"
#include "master/store_backup.h"

enum { KEY_DB = 256 };

struct db_options {
    const char *copy;
    const char *word; /* the argument, where one is wanted */
    bool wants_word;
    enum cli_format format;
    struct cli_ask ask;
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct db_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &options->ask.way; return 0;
    case KEY_DB: options->ask.db = text; return 0;
    case 'o': options->copy = text; return 0;
    case 'f': options->format = cli_option_format(text, state); return 0;
    case ARGP_KEY_ARG:
        if (!options->wants_word || options->word != NULL)
            argp_error(state, "'%s' is one argument too many", text);
        options->word = text;
        return 0;
    case ARGP_KEY_END:
        if (options->ask.db == NULL && options->ask.way.address == NULL)
            argp_error(state, "--db FILE is needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child way_child[] = {{.argp = &cli_ask_argp}, {0}};

/* --- backup --- */

/* The same file whatever folder the master runs in. The file itself need not be there. */
static enum status_code absolute(const char *path, char out[PATH_MAX], struct status *status)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
    snprintf(folder, sizeof folder, "%.*s", length, slash == NULL ? "." : path);
    if (*name == '\0')
        return status_set(status, STATUS_BAD_INPUT, "%.300s: names a folder; name the copy", path);
    char *real = realpath(folder, NULL);
    if (real == NULL)
        return status_set(status, STATUS_BAD_INPUT, "%.300s: its folder: %s", path, strerror(errno));
    int written = snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
    free(real);
    return written < PATH_MAX ? STATUS_OK : status_set(status, STATUS_BAD_INPUT, "%.300s: the path is too long", path);
}

static enum status_code copy_here(const struct cli_ask *ask, FILE *out, struct status *status)
{
    enum status_code code = store_backup_file(ask->db, ask->question.text, status);
    return code == STATUS_OK ? look_backup_done(&ask->question, out, status) : code;
}

/* Where the copy goes, into the question. On another machine's disk no folder can be looked up from here. */
static enum status_code take_copy(struct db_options *options, struct status *status)
{
    char path[PATH_MAX];
    struct wire_question *question = &options->ask.question;
    if (options->copy == NULL)
        return status_set(status, STATUS_BAD_INPUT, "-o COPY is needed: where the copy is to be");
    if (options->ask.way.address == NULL) {
        enum status_code code = absolute(options->copy, path, status);
        return code == STATUS_OK ? cli_ask_word(path, question->text, sizeof question->text, status) : code;
    }
    if (options->copy[0] != '/')
        return status_set(status, STATUS_BAD_INPUT,
                          "-o '%.200s': with --connect the copy is made on the master's machine: give the whole path",
                          options->copy);
    return cli_ask_word(options->copy, question->text, sizeof question->text, status);
}

static const struct argp_option backup_options[] = {{"db", KEY_DB, "FILE", 0, "the database (needed)", 0},
                                                    {"output", 'o', "COPY", 0, "the copy, which must not be there yet (needed)", 0},
                                                    {"format", 'f', "FORMAT", 0, "table (default), csv or json", 0},
                                                    {0}};

static int backup_verb(int argc, char **argv)
{
    static const struct argp argp = {
        .options = backup_options,
        .parser = parse_option,
        .children = way_child,
        .doc = "Copies a database whole, while its master goes on if one holds it: the copy has everything that was acknowledged "
               "before "
               "it was begun, is checked, and takes its name only when it is complete and safe on the disk."};
    struct db_options options = {.format = CLI_TABLE,
                                 .ask = {.command = "db backup", .here = copy_here, .question.kind = WIRE_ASK_BACKUP}};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    options.ask.question.format = cli_ask_format(options.format);
    return take_copy(&options, &status) == STATUS_OK ? cli_ask_run(&options.ask) : cli_fail("db backup", &status);
}

/* --- master --- */

static enum status_code print_master(const struct master_file *master, enum master_file_state state, const char *why,
                                     enum cli_format format, struct status *status)
{
    static const char *const words[] = {[MASTER_FILE_NONE] = "none",
                                        [MASTER_FILE_STALE] = "stale",
                                        [MASTER_FILE_HERE] = "running",
                                        [MASTER_FILE_AWAY] = "elsewhere"};
    bool known = state == MASTER_FILE_HERE || state == MASTER_FILE_AWAY;
    if (format == CLI_JSON) {
        json_t *addresses = json_array();
        for (size_t i = 0; known && i < master->address_count; i++)
            json_array_append_new(addresses, look_text_string(master->addresses[i]));
        return look_text_print_json(
            json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:s}", "master", words[state], "pid",
                      known ? json_integer(master->pid) : json_null(), "host", known ? look_text_string(master->host) : json_null(),
                      "study", known ? look_text_string(master->study) : json_null(), "since",
                      known ? look_text_string(master->since) : json_null(), "addresses", addresses, "sentence", why),
            stdout, status);
    }
    if (format == CLI_CSV) {
        puts("master,pid,host,study,since,address");
        for (size_t i = 0; i < (known ? master->address_count : 0) || i == 0; i++)
            printf("%s,%ld,%s,%s,%s,%s\n", words[state], known ? master->pid : 0, known ? master->host : "",
                   known ? master->study : "", known ? master->since : "",
                   known && i < master->address_count ? master->addresses[i] : "");
        return STATUS_OK;
    }
    if (!known) {
        cli_print_safe(stdout, state == MASTER_FILE_NONE ? "no master holds it" : why);
        putchar('\n');
        return STATUS_OK;
    }
    printf("master   process %ld on %s, since %s%s%s\nstudy    %s\n", master->pid, master->host, master->since,
           state == MASTER_FILE_AWAY ? ": " : "",
           state == MASTER_FILE_AWAY ? "another machine, or before this one was started anew" : "", master->study);
    for (size_t i = 0; i < master->address_count; i++)
        printf("%s  %s\n", i == 0 ? "listens" : "       ", master->addresses[i]);
    return STATUS_OK;
}

static int master_verb(int argc, char **argv)
{
    static const struct argp_option option_table[] = {{"db", KEY_DB, "FILE", 0, "the database (needed)", 0},
                                                      {"format", 'f', "FORMAT", 0, "table (default), csv or json", 0},
                                                      {0}};
    static const struct argp argp = {.options = option_table,
                                     .parser = parse_option,
                                     .children = way_child,
                                     .doc = "Says which master holds a database: process, machine, study, since when, and where it "
                                            "listens. Reads the word that the master left beside the database; asks nobody."};
    struct db_options options = {.format = CLI_TABLE, .ask = {.command = "db master"}};
    struct status status = {0}, why = {0};
    struct master_file master;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.ask.db == NULL) {
        status_set(&status, STATUS_BAD_INPUT, "--db FILE is needed: the word that is read stands beside it");
        return cli_fail("db master", &status);
    }
    if (access(options.ask.db, F_OK) != 0) {
        status_set(&status, STATUS_NOT_FOUND, "%.300s: there is no such database", options.ask.db);
        return cli_fail("db master", &status);
    }
    enum master_file_state state = master_file_read(options.ask.db, &master, &why);
    enum status_code code = print_master(&master, state, why.message, options.format, &status);
    return code == STATUS_OK ? cli_flush("db master") : cli_fail("db master", &status);
}

/* --- log-level --- */

static enum status_code no_master(const struct cli_ask *ask, FILE *out, struct status *status)
{
    (void)out;
    return status_set(status, STATUS_NOT_FOUND, "%.300s: no master holds it, so there is no log whose level could change", ask->db);
}

static int level_verb(int argc, char **argv)
{
    static const struct argp_option option_table[] = {{"db", KEY_DB, "FILE", 0, "the database (needed)", 0},
                                                      {"format", 'f', "FORMAT", 0, "table (default), csv or json", 0},
                                                      {0}};
    static const struct argp argp = {
        .options = option_table,
        .parser = parse_option,
        .children = way_child,
        .args_doc = "LEVEL",
        .doc =
            "Changes how much the master that holds a database logs: error, warn, info or debug. SIGUSR1 makes a master, worker or "
            "agent tell one level more, SIGUSR2 one less."};
    struct db_options options = {.format = CLI_TABLE,
                                 .wants_word = true,
                                 .ask = {.command = "db log-level", .here = no_master, .question.kind = WIRE_ASK_LOG_LEVEL}};
    struct status status = {0};
    enum log_level level;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.word == NULL || log_parse_level(options.word, &level) != 0) {
        status_set(&status, STATUS_BAD_INPUT, "which level? error, warn, info or debug");
        return cli_fail("db log-level", &status);
    }
    options.ask.question.format = cli_ask_format(options.format);
    if (cli_ask_word(options.word, options.ask.question.text, sizeof options.ask.question.text, &status) != STATUS_OK)
        return cli_fail("db log-level", &status);
    return cli_ask_run(&options.ask);
}

/* --- the verb --- */

static int run_verb(int argc, char **argv)
{
    static const struct cli_verb commands[] = {{"backup", "copy it whole, while its master goes on", backup_verb},
                                               {"master", "who holds it", master_verb},
                                               {"log-level", "change how much its master logs", level_verb}};
    return cli_run_command("db", "A database as a whole, and the master that holds it.", commands,
                           sizeof commands / sizeof commands[0], argc, argv);
}

const struct cli_verb cli_db_verb = {"db", "copy a database, also while it is in use; say who holds it", run_verb};
