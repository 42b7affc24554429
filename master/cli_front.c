/* cli_front: the verb `front`. */
#include "master/cli_front.h"

#include <argp.h>

#include "common/config.h"
#include "master/cli_ask.h"

enum { KEY_DB = 256 };

struct front_options {
    const char *study;
    enum cli_format format;
    struct cli_ask ask;
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct front_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &options->ask.way; return 0;
    case KEY_DB: options->ask.db = text; return 0;
    case 'f': options->format = cli_option_format(text, state); return 0;
    case ARGP_KEY_ARG:
        if (options->study != NULL)
            argp_error(state, "one study at a time; '%s' is a second", text);
        options->study = text;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which study? `hwnas study list --db FILE` names them"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int run_verb(int argc, char **argv)
{
    static const struct argp_option option_table[] = {
        {"db", KEY_DB, "FILE", 0, "the database; default STUDY.db", 0},
        {"format", 'f', "FORMAT", 0,
         "table (default), csv, or json: {\"study\":...,\"front\":[{\"arch\":...,\"fitness\":...,\"costs\":{...}},...]}", 0},
        {0}};
    static const struct argp_child children[] = {{.argp = &cli_ask_argp}, {0}};
    static const struct argp argp = {
        .options = option_table,
        .children = children,
        .parser = parse_option,
        .args_doc = "STUDY",
        .doc =
            "Prints the candidates of a study that satisfy its constraints and that no other such candidate beats in fitness and "
            "every minimised cost at once, sorted by the first of these."};
    struct front_options options = {.format = CLI_TABLE, .ask = {.command = "front", .question.kind = WIRE_ASK_FRONT}};
    struct status status = {0};
    char db[CONFIG_NAME_BYTES + 8];
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    snprintf(db, sizeof db, "%.*s.db", CONFIG_NAME_BYTES, options.study);
    if (options.ask.db == NULL && options.ask.way.address == NULL)
        options.ask.db = db;
    options.ask.question.format = cli_ask_format(options.format);
    if (cli_ask_word(options.study, options.ask.question.study, WIRE_NAME_BYTES, &status) != STATUS_OK)
        return cli_fail("front", &status);
    return cli_ask_run(&options.ask);
}

const struct cli_verb cli_front_verb = {"front", "print the non-dominated candidates of a study", run_verb};
