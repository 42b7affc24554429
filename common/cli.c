/* cli: what the verbs share: formats, terminals, how an error ends a command. Called by every cli_*.c. */
#include "common/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != 0x7f)
            fputc(c, out);
        else
            fprintf(out, "\\x%02x", c);
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
