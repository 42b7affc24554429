/* cli: what the verbs share: formats, terminals, how an error ends a command. Called by every cli_*.c. */
#include "common/cli.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/line.h"
#include "common/nearest.h"

enum status_code cli_parse_format(const char *word, enum cli_format *out, struct status *status)
{
    static const char *const words[] = {[CLI_TABLE] = "table", [CLI_CSV] = "csv", [CLI_JSON] = "json"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (enum cli_format)i;
            return STATUS_OK;
        }
    }
    return status_set(status, STATUS_BAD_INPUT, "'%.40s' is not a format; use table, csv or json", word);
}

void cli_print_safe(FILE *out, const char *text)
{
    for (size_t left = strlen(text), length; left > 0; left -= length, text += length) {
        length = line_shown(text, left);
        if (length > 0)
            fwrite(text, 1, length, out);
        else
            fprintf(out, "\\x%02x", (unsigned char)*text);
        length = length > 0 ? length : 1;
    }
}

int cli_fail(const char *verb, const struct status *status)
{
    fflush(stdout);
    fprintf(stderr, "hwnas%s%s: ", verb != NULL ? " " : "", verb != NULL ? verb : "");
    cli_print_safe(stderr, status->message);
    fputc('\n', stderr);
    return status_exit_code(status->code);
}

int cli_flush(const char *verb)
{
    struct status status;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    status_set(&status, STATUS_IO, "standard output did not take the whole result: %s", strerror(errno));
    return cli_fail(verb, &status);
}

bool cli_is_terminal(FILE *stream)
{
    const char *term = getenv("TERM");
    return isatty(fileno(stream)) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

bool cli_wants_colour(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");
    return cli_is_terminal(stream) && (no_colour == NULL || *no_colour == '\0');
}

/* --- option values --- */

int cli_option_int(const char *option, const char *text, int low, int high, struct argp_state *state)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < low || value > high)
        argp_error(state, "--%s is '%.40s'; it must be a whole number from %d to %d", option, text, low, high);
    return (int)value;
}

double cli_option_number(const char *option, const char *text, double low, double high, struct argp_state *state)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= low && value <= high))
        argp_error(state, "--%s is '%.40s'; it must be a number from %g to %g", option, text, low, high);
    return value;
}

uint64_t cli_option_seed(const char *option, const char *text, struct argp_state *state)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
        argp_error(state, "--%s is '%.40s'; it must be a whole number from 0 to 18446744073709551615", option, text);
    return value;
}

enum cli_format cli_option_format(const char *text, struct argp_state *state)
{
    enum cli_format format = CLI_TABLE;
    struct status status = {0};
    if (cli_parse_format(text, &format, &status) != STATUS_OK)
        argp_error(state, "%s", status.message);
    return format;
}

int cli_option_list(const char *option, char *text, char **parts, int most, struct argp_state *state)
{
    int count = 0;
    for (char *part = strsep(&text, ","); part != NULL; part = strsep(&text, ",")) {
        if (*part == '\0' || count == most)
            argp_error(state, "--%s takes 1 to %d values separated by commas", option, most);
        parts[count++] = part;
    }
    return count;
}

/* --- commands of a verb --- */

static void print_commands(FILE *out, const char *verb, const char *about, const struct cli_verb *commands, size_t count)
{
    fprintf(out, "Usage: hwnas %s COMMAND [OPTION...]\n%s\n\n", verb, about);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n`hwnas %s COMMAND --help` lists the options of a command.\n", verb);
}

static int unknown_command(const char *verb, const struct cli_verb *commands, size_t count, const char *word)
{
    enum { COMMANDS_MAX = 16 };
    const char *names[COMMANDS_MAX];
    struct status status;
    if (count > COMMANDS_MAX)
        count = COMMANDS_MAX;
    for (size_t i = 0; i < count; i++)
        names[i] = commands[i].name;
    status_set(&status, STATUS_BAD_INPUT, "'%.40s' is no command of it; did you mean %s? `hwnas %s --help` lists them", word,
               names[nearest_word(word, names, count)], verb);
    return cli_fail(verb, &status);
}

int cli_run_command(const char *verb, const char *about, const struct cli_verb *commands, size_t count, int argc, char **argv)
{
    char name[64];
    if (argc < 2) {
        print_commands(stderr, verb, about, commands, count);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "-h") == 0) {
        print_commands(stdout, verb, about, commands, count);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            snprintf(name, sizeof name, "hwnas %s %s", verb, commands[i].name);
            argv[1] = name;
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return unknown_command(verb, commands, count, argv[1]);
}
