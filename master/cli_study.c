/* cli_study: the verb `study`. `list`, `show` and `why` look into a database, or ask the master that holds it; `resume` runs a
 * study from its stored settings. */
#include "master/cli_study.h"

#include <argp.h>

#include "master/cli_ask.h"
#include "master/cli_run.h"
#include "master/cli_why.h"

enum { KEY_DB = 256 };

struct study_options {
    const char *study;
    bool wants_study;
    enum cli_format format;
    struct cli_ask ask;
};

/* --- list, show --- */

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct study_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &options->ask.way; return 0;
    case KEY_DB: options->ask.db = text; return 0;
    case 'f': options->format = cli_option_format(text, state); return 0;
    case ARGP_KEY_ARG:
        if (!options->wants_study || options->study != NULL)
            argp_error(state, "'%s' is one argument too many", text);
        options->study = text;
        return 0;
    case ARGP_KEY_END:
        if (options->ask.db == NULL && options->ask.way.address == NULL)
            argp_error(state, "--db FILE is needed");
        if (options->wants_study && options->study == NULL)
            argp_error(state, "which study? `hwnas study list --db FILE` names them");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_table[] = {
    {"db", KEY_DB, "FILE", 0, "the database (needed)", 0}, {"format", 'f', "FORMAT", 0, "table (default), csv or json", 0}, {0}};
static const struct argp_child way_child[] = {{.argp = &cli_ask_argp}, {0}};

static int ask_verb(int argc, char **argv, const char *args_doc, const char *doc, struct cli_ask ask)
{
    const struct argp argp = {
        .options = option_table, .parser = parse_option, .args_doc = args_doc, .doc = doc, .children = way_child};
    struct study_options options = {.format = CLI_TABLE, .wants_study = args_doc != NULL, .ask = ask};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    options.ask.question.format = cli_ask_format(options.format);
    if (options.study != NULL && cli_ask_word(options.study, options.ask.question.study, WIRE_NAME_BYTES, &status) != STATUS_OK)
        return cli_fail(ask.command, &status);
    return cli_ask_run(&options.ask);
}

static int list_verb(int argc, char **argv)
{
    return ask_verb(argc, argv, NULL, "Lists the studies of a database with their state and best fitness.",
                    (struct cli_ask){.command = "study list", .question.kind = WIRE_ASK_STUDY_LIST});
}

static int show_verb(int argc, char **argv)
{
    return ask_verb(argc, argv, "STUDY", "Shows a study's complete settings (defaults included), state, counts, best and front.",
                    (struct cli_ask){.command = "study show", .question.kind = WIRE_ASK_STUDY_SHOW});
}

static int why_verb(int argc, char **argv)
{
    return ask_verb(
        argc, argv, "STUDY",
        "Says what a study waits for and what would help: tasks that wait and that are out, who holds what since when and until "
        "when, attempts that failed and why, boards in quarantine.",
        (struct cli_ask){.command = "study why", .here = cli_why_study, .question.kind = WIRE_ASK_STUDY_WHY});
}

/* --- resume --- */

static error_t parse_resume(int key, char *text, struct argp_state *state)
{
    struct cli_run *run = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = run; return 0;
    case ARGP_KEY_ARG:
        if (run->resume != NULL)
            argp_error(state, "one study at a time; '%s' is a second", text);
        run->resume = text;
        return 0;
    case ARGP_KEY_END:
        if (run->db == NULL || run->resume == NULL)
            argp_error(state, "a study and --db FILE are needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int resume_verb(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_resume,
        .args_doc = "STUDY",
        .doc = "Goes on with a study from the settings in its database, as `hwnas run` would with the file they "
               "came from.",
        .children = cli_run_children};
    struct cli_run run = {.verb = "study", .workers = CLI_RUN_WORKERS_AUTO, .log_level = "info"};
    argp_parse(&argp, argc, argv, 0, NULL, &run);
    return cli_run_study(&run);
}

/* --- the verb --- */

static int run_verb(int argc, char **argv)
{
    static const struct cli_verb commands[] = {{"list", "list the studies of a database", list_verb},
                                               {"show", "settings, state and result of one", show_verb},
                                               {"why", "what one waits for, and what would help", why_verb},
                                               {"resume", "go on with one from its stored settings", resume_verb}};
    return cli_run_command("study", "The studies of a database.", commands, sizeof commands / sizeof commands[0], argc, argv);
}

const struct cli_verb cli_study_verb = {"study", "list, show, explain or resume the studies of a database", run_verb};
