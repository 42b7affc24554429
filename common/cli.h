/* cli: what the verbs of `hwnas` share: the verb table's row, output formats, and how an error ends a command.
 *
 * Exit codes (docs/CLI.md): 0 done; 1 a failure at run time; 2 bad input (arguments, files, settings); 3 conflict (another master
 * holds the database, or other settings under the same name); 130 interrupted. */
#ifndef HWNAS_COMMON_CLI_H
#define HWNAS_COMMON_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/status.h"

struct cli_verb {
    const char *name;    /* "run" */
    const char *summary; /* one line for `hwnas --help` */
    /* Runs with its own argc/argv (argv[0] is "hwnas run"); returns the exit code. */
    int (*run)(int argc, char **argv);
};

/* Hands a verb's arguments to one of its commands (`hwnas study list`, at most 16 of them): argv[1] names it, --help lists them
 * under `about`. Returns the command's exit code; 2, with the nearest name, when there is none of that name. */
int cli_run_command(const char *verb, const char *about, const struct cli_verb *commands, size_t count, int argc, char **argv);

enum cli_format { CLI_TABLE, CLI_CSV, CLI_JSON };

/* "table", "csv" or "json"; STATUS_BAD_INPUT with the three words. */
enum status_code cli_parse_format(const char *word, enum cli_format *out, struct status *status);

/* Prints "hwnas VERB: sentence" ("hwnas: sentence" when verb is NULL) on standard error and returns the exit code of the status. */
int cli_fail(const char *verb, const struct status *status);

/* Flushes standard output and returns 0; when it did not take everything (a full disk, a closed pipe), says so and returns 1. A
 * verb that printed a result ends with `return cli_flush("verb")`. */
int cli_flush(const char *verb);

/* Prints text with what could drive a terminal (line_shown) as \\xNN: for names and messages that came from files or the wire. */
void cli_print_safe(FILE *out, const char *text);

/* Whether a redrawn progress display is welcome on that stream: a terminal whose TERM is set and not dumb; and colour too: NO_COLOR
 * unset or empty besides. */
bool cli_is_terminal(FILE *stream);
bool cli_wants_colour(FILE *stream);

/* Values of options. A wrong one ends the program through argp_error with a sentence that names the option: the whole text as a
 * number within [low, high], as a 64-bit seed, as a format. */
struct argp_state;
int cli_option_int(const char *option, const char *text, int low, int high, struct argp_state *state);
double cli_option_number(const char *option, const char *text, double low, double high, struct argp_state *state);
uint64_t cli_option_seed(const char *option, const char *text, struct argp_state *state);
enum cli_format cli_option_format(const char *text, struct argp_state *state);

/* Splits text at its commas, in place; the parts point into it. Returns how many there are; more than `most` or an empty part ends
 * the program. */
int cli_option_list(const char *option, char *text, char **parts, int most, struct argp_state *state);

#endif
