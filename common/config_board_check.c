/* config_board_check: what one row of the table of a board file's keys cannot say: alphabets, placeholders, expressions, paths, and
 * which keys need which. Called by config_board.c once all values are read. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_board_internal.h"
#include "common/config_parts.h"
#include "common/nearest.h"
#include "common/space.h"

enum { KEY_PART_BYTES_MAX = 30, ARGV_BYTES_MAX = 1 << 16, OUTPUT_BYTES_LEAST = 1024, OUTPUT_BYTES_MOST = 64 << 20 };
enum { MEMORY_BYTES_LEAST = 1 << 20 };

#define BIT(placeholder) (1u << (placeholder))

static const char *const placeholder_words[CONFIG_BOARD_PLACEHOLDERS] = {
    [CONFIG_BOARD_ONNX] = "onnx",       [CONFIG_BOARD_MODEL] = "model",         [CONFIG_BOARD_WORKDIR] = "workdir",
    [CONFIG_BOARD_BATCH] = "batch",     [CONFIG_BOARD_WARMUP] = "warmup",       [CONFIG_BOARD_REPEATS] = "repeats",
    [CONFIG_BOARD_THREADS] = "threads", [CONFIG_BOARD_DEADLINE] = "deadline_s", [CONFIG_BOARD_HERE] = "here",
};

/* --- placeholders --- */

const char *config_board_placeholder_word(enum config_board_placeholder placeholder)
{
    return placeholder_words[placeholder];
}

int config_board_placeholder_at(const char *at, size_t *length)
{
    size_t word = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
    if (word == 0 || at[word + 1] != '}')
        return -1;
    *length = word + 2;
    for (int i = 0; i < CONFIG_BOARD_PLACEHOLDERS; i++)
        if (strlen(placeholder_words[i]) == word && strncmp(at + 1, placeholder_words[i], word) == 0)
            return i;
    return -2;
}

static enum status_code check_placeholders(const struct config_yaml *yaml, const char *path, const char *word, unsigned allowed,
                                           struct status *status)
{
    for (const char *at = strchr(word, '{'); at != NULL; at = strchr(at + 1, '{')) {
        size_t length = 0;
        int found = config_board_placeholder_at(at, &length);
        char name[64];
        if (found == -1 || (found >= 0 && (allowed & BIT(found)) != 0))
            continue;
        if (found >= 0)
            return config_refuse(yaml, path, status, "%.*s has no meaning here; leave it out", (int)length, at);
        snprintf(name, sizeof name, "%.*s", (int)(length - 2), at + 1);
        return config_refuse(yaml, path, status,
                             "{%s} is not a placeholder; did you mean {%s}? A brace that stands for itself is followed by a space",
                             name, placeholder_words[nearest_word(name, placeholder_words, CONFIG_BOARD_PLACEHOLDERS)]);
    }
    return STATUS_OK;
}

/* Replaces every {here}. */
static enum status_code put_here(char **word, const char *here, struct status *status)
{
    static const char mark[] = "{here}";
    char *at;
    size_t mark_length = sizeof mark - 1, here_length = strlen(here), from = 0;
    while ((at = strstr(*word + from, mark)) != NULL) {
        size_t before = (size_t)(at - *word), after = strlen(at + mark_length) + 1;
        char *grown = malloc(before + here_length + after);
        if (grown == NULL)
            return status_set(status, STATUS_NO_MEMORY, "no memory for the settings of the board");
        memcpy(grown, *word, before);
        memcpy(grown + before, here, here_length);
        memcpy(grown + before + here_length, at + mark_length, after);
        free(*word);
        *word = grown;
        from = before + here_length;
    }
    return STATUS_OK;
}

/* A folder with braces in its name would be taken for a placeholder later. */
static enum status_code put_here_in(const struct config_yaml *yaml, const char *path, struct config_board_list *list,
                                    const char *here, struct status *status)
{
    enum status_code code = STATUS_OK;
    for (uint32_t i = 0; i < list->count && code == STATUS_OK; i++) {
        if (strstr(list->words[i], "{here}") != NULL && strchr(here, '{') != NULL)
            return config_refuse(yaml, path, status,
                                 "{here} is %.200s, and a brace in a path cannot be told from a placeholder; rename it", here);
        code = put_here(&list->words[i], here, status);
    }
    return code;
}

static enum status_code check_argv(const struct config_yaml *yaml, const char *path, struct config_board_list *argv,
                                   unsigned allowed, const char *here, struct status *status)
{
    size_t bytes = 0;
    if (argv->words == NULL)
        return STATUS_OK;
    if (argv->words[0][0] == '\0')
        return config_refuse(yaml, path, status, "begins with an empty text; the first element is the program to run");
    for (uint32_t i = 0; i < argv->count; i++) {
        enum status_code code = check_placeholders(yaml, path, argv->words[i], allowed, status);
        if (code != STATUS_OK)
            return code;
        bytes += strlen(argv->words[i]) + 1;
    }
    if (bytes > ARGV_BYTES_MAX)
        return config_refuse(yaml, path, status, "has %zu bytes, more than the %d it may have", bytes, ARGV_BYTES_MAX);
    return put_here_in(yaml, path, argv, here, status);
}

/* --- single keys --- */

bool config_board_is_key_part(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+";
    size_t length = strlen(text);
    return length > 0 && length <= KEY_PART_BYTES_MAX && strspn(text, letters) == length;
}

static enum status_code check_names(const struct config_yaml *yaml, const struct config_board *board, struct status *status)
{
    const struct {
        const char *key, *text;
    } parts[] = {
        {"board", board->board}, {"processor", board->processor}, {"runtime", board->runtime}, {"precision", board->precision}};
    if (board->name != NULL && !config_plain_name(board->name, ""))
        return config_refuse(yaml, "name", status,
                             "'%.64s' is not a name: use at most 63 letters, digits and . _ -, not beginning with . or -",
                             board->name);
    if (board->elsewhere && board->name == NULL)
        return config_refuse(yaml, "name", status, "is missing: a board elsewhere cannot have this machine's name; give it one");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].text != NULL && !config_board_is_key_part(parts[i].text))
            return config_refuse(yaml, parts[i].key, status,
                                 "'%.64s' cannot be part of a device key: use at most %d letters, digits and . _ + (no -)",
                                 parts[i].text, KEY_PART_BYTES_MAX);
    return STATUS_OK;
}

static enum status_code check_pattern(const struct config_yaml *yaml, const char *path, const char *pattern, size_t groups,
                                      struct status *status)
{
    regex_t compiled;
    char why[128];
    if (pattern == NULL)
        return STATUS_OK;
    int error = regcomp(&compiled, pattern, REG_EXTENDED | REG_NEWLINE);
    if (error != 0) {
        regerror(error, NULL, why, sizeof why);
        return config_refuse(yaml, path, status, "'%.120s' is not a POSIX extended expression: %s", pattern, why);
    }
    size_t found = compiled.re_nsub;
    regfree(&compiled);
    if (found < groups)
        return config_refuse(yaml, path, status, "'%.120s' has no group; put what is to be read in (parentheses)", pattern);
    return STATUS_OK;
}

/* A file below {workdir}: no way out of it. */
static enum status_code check_inside(const struct config_yaml *yaml, const char *path, const char *file, bool folders,
                                     struct status *status)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+";
    if (file == NULL)
        return STATUS_OK;
    bool fine = strlen(file) < 256;
    for (const char *at = file; fine; at++) {
        size_t length = strspn(at, letters);
        fine = length > 0 && *at != '.' && *at != '-';
        at += length;
        if (*at == '\0')
            break;
        fine = fine && folders && *at == '/';
    }
    if (!fine)
        return config_refuse(
            yaml, path, status,
            "'%.100s' is not the name of a file in {workdir}: use letters, digits and . _ - +%s, no path, no first dot", file,
            folders ? " (and / for folders in it)" : "");
    return STATUS_OK;
}

/* --- the command runner --- */

static enum status_code check_parser(const struct config_yaml *yaml, const struct config_board_command *command,
                                     struct status *status)
{
    const struct {
        const char *path;
        int section;
        enum config_board_parser parser;
    } sections[] = {{"command.regex", BOARD_REGEX, CONFIG_BOARD_REGEX},
                    {"command.timeloop", BOARD_TIMELOOP, CONFIG_BOARD_TIMELOOP}};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        bool given = config_yaml_has_section(yaml, sections[i].section), wanted = command->parser == sections[i].parser;
        if (given && !wanted)
            return config_refuse(yaml, sections[i].path, status, "means nothing with parser %s; leave it out",
                                 config_board_parser_word(command->parser));
        if (wanted && !given)
            return config_refuse(yaml, sections[i].path, status, "is missing, and parser %s needs it: give %s",
                                 config_board_parser_word(command->parser),
                                 sections[i].section == BOARD_REGEX ? "{pattern: 'latency: ([0-9.]+)', unit: ms}"
                                                                    : "{clock_hz: 2e8}");
    }
    return check_pattern(yaml, "command.regex.pattern", command->regex_pattern, 0, status);
}

static enum status_code check_sizes(const struct config_yaml *yaml, const struct config_board_command *command,
                                    struct status *status)
{
    if (command->memory_bytes != 0 && command->memory_bytes < MEMORY_BYTES_LEAST)
        return config_refuse(yaml, "command.memory_bytes", status,
                             "%llu bytes are too few for any program; give at least %d, or 0 for no limit",
                             (unsigned long long)command->memory_bytes, MEMORY_BYTES_LEAST);
    if (command->output_bytes < OUTPUT_BYTES_LEAST || command->output_bytes > OUTPUT_BYTES_MOST)
        return config_refuse(yaml, "command.output_bytes", status, "%llu is not from %d to %d",
                             (unsigned long long)command->output_bytes, OUTPUT_BYTES_LEAST, OUTPUT_BYTES_MOST);
    if (command->power_file != NULL && command->power_file[0] != '/')
        return config_refuse(yaml, "command.power.file", status, "'%.100s' is not an absolute path", command->power_file);
    return STATUS_OK;
}

/* The programs get nothing else, so a PATH must be there. */
static enum status_code complete_environment(const struct config_yaml *yaml, struct config_board_list *environment,
                                             const char *here, struct status *status)
{
    static const char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    enum status_code code = STATUS_OK;
    bool has_path = false;
    for (uint32_t i = 0; i < environment->count; i++)
        has_path = has_path || strncmp(environment->words[i], path, 5) == 0;
    if (!has_path) {
        char **grown = realloc(environment->words, (environment->count + 2) * sizeof *grown), *word = strdup(path);
        if (grown != NULL)
            environment->words = grown;
        if (grown == NULL || word == NULL) {
            free(word);
            return status_set(status, STATUS_NO_MEMORY, "no memory for the settings of the board");
        }
        grown[environment->count++] = word;
        grown[environment->count] = NULL;
    }
    for (uint32_t i = 0; i < environment->count && code == STATUS_OK; i++)
        code = check_placeholders(yaml, "command.environment", environment->words[i],
                                  BIT(CONFIG_BOARD_HERE) | BIT(CONFIG_BOARD_WORKDIR), status);
    return code == STATUS_OK ? put_here_in(yaml, "command.environment", environment, here, status) : code;
}

static enum status_code check_command(const struct config_yaml *yaml, const char *here, struct config_board_command *command,
                                      struct status *status)
{
    unsigned all = BIT(CONFIG_BOARD_PLACEHOLDERS) - 1, few = BIT(CONFIG_BOARD_HERE) | BIT(CONFIG_BOARD_WORKDIR);
    enum status_code code = check_argv(yaml, "command.build.argv", &command->build.argv, all, here, status);
    if (code == STATUS_OK)
        code = check_argv(yaml, "command.run.argv", &command->run.argv, all, here, status);
    if (code == STATUS_OK)
        code = check_argv(yaml, "command.throttled.argv", &command->throttled.argv, few, here, status);
    if (code == STATUS_OK)
        code = check_inside(yaml, "command.build.output", command->build_output, false, status);
    if (code == STATUS_OK)
        code = check_inside(yaml, "command.result", command->result_file, true, status);
    if (code == STATUS_OK)
        code = check_pattern(yaml, "command.throttled.regex", command->throttled_pattern, 0, status);
    if (code == STATUS_OK)
        code = check_pattern(yaml, "command.unsupported", command->unsupported_pattern, 0, status);
    if (code == STATUS_OK)
        code = check_parser(yaml, command, status);
    if (code == STATUS_OK)
        code = check_sizes(yaml, command, status);
    return code == STATUS_OK ? complete_environment(yaml, &command->environment, here, status) : code;
}

static enum status_code check_simulated(const struct config_yaml *yaml, const struct config_board_simulated *simulated,
                                        struct status *status)
{
    const struct space_ops *space;
    if (space_find(simulated->space, &space, status) == STATUS_OK)
        return STATUS_OK;
    status->code = STATUS_BAD_INPUT;
    return config_yaml_blame(yaml, "simulated.space", status);
}

enum status_code config_board_check(const struct config_yaml *yaml, const char *here, struct config_board *board,
                                    struct status *status)
{
    enum status_code code = check_names(yaml, board, status);
    if (code == STATUS_OK)
        code = check_argv(yaml, "runtime_version.argv", &board->runtime_version.argv, BIT(CONFIG_BOARD_HERE), here, status);
    if (code == STATUS_OK)
        code = check_pattern(yaml, "runtime_version.regex", board->runtime_pattern, 1, status);
    if (code == STATUS_OK && board->runner == CONFIG_BOARD_COMMAND)
        code = check_command(yaml, here, &board->command, status);
    if (board->runner == CONFIG_BOARD_SIMULATED) {
        board->elsewhere = true;
        if (code == STATUS_OK)
            code = check_simulated(yaml, &board->simulated, status);
    }
    return code;
}
