/* parse_regex: any tool that prints its latency in words of its own: a POSIX extended expression, matched line by line. Called
 * through the table of parse.c. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/parse_internal.h"

enum { LINE_BYTES_MAX = 1 << 20 };

static const double unit_ms[] = {[CONFIG_BOARD_NS] = 1e-6, [CONFIG_BOARD_US] = 1e-3, [CONFIG_BOARD_MS] = 1, [CONFIG_BOARD_S] = 1e3};

static enum status_code add_match(const struct parse_input *input, struct parse_found *found, const char *text, regmatch_t match)
{
    char word[64], what[160];
    const char *at = word;
    double value;
    int length = (int)(match.rm_eo - match.rm_so);
    snprintf(word, sizeof word, "%.*s", length, text + match.rm_so);
    snprintf(what, sizeof what, "'%s' (in %s)", word, config_board_unit_word(input->options->unit));
    if (match.rm_so < 0 || length >= (int)sizeof word || !parse_number(&at, &value) || *at != '\0')
        return parse_refuse(input, "what '%.120s' matched, '%s', is not a number", input->options->pattern, word);
    return parse_add(input, found, value * unit_ms[input->options->unit], what);
}

static enum status_code match_line(const struct parse_input *input, struct parse_found *found, const regex_t *pattern,
                                   const char *line)
{
    regmatch_t matches[2];
    enum status_code code = STATUS_OK;
    for (const char *at = line; code == STATUS_OK && regexec(pattern, at, 2, matches, at == line ? 0 : REG_NOTBOL) == 0;
         at += matches[0].rm_eo) {
        if (matches[0].rm_eo == matches[0].rm_so)
            return parse_refuse(input, "'%.120s' matches nothing at all; make it match a number", input->options->pattern);
        code = add_match(input, found, at, matches[pattern->re_nsub > 0 ? 1 : 0]);
    }
    return code;
}

static enum status_code match_text(const struct parse_input *input, struct parse_found *found, const regex_t *pattern)
{
    const char *at = input->text, *line;
    size_t length;
    enum status_code code = STATUS_OK;
    while (code == STATUS_OK && parse_line(&at, &line, &length)) {
        if (length > LINE_BYTES_MAX)
            return parse_refuse(input, "a line has %zu bytes, more than %d", length, LINE_BYTES_MAX);
        char *copy = strndup(line, length);
        if (copy == NULL)
            return parse_no_memory(input);
        code = match_line(input, found, pattern, copy);
        free(copy);
    }
    if (code == STATUS_OK && found->count == 0)
        code = parse_refuse(input, "looked for '%.200s', and no line matches%s", input->options->pattern,
                            *at != '\0' ? " (the last line has no newline, so it counts as cut off)" : "");
    return code;
}

static enum status_code parse_matches(const struct parse_input *input, struct parse_found *found)
{
    regex_t pattern;
    if (regcomp(&pattern, input->options->pattern, REG_EXTENDED) != 0)
        return parse_refuse(input, "'%.200s' is not a POSIX extended expression", input->options->pattern);
    enum status_code code = match_text(input, found, &pattern);
    regfree(&pattern);
    return code;
}

const struct parse_ops parse_regex = {.parse = parse_matches};
