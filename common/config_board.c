/* config_board: board files into one checked struct, and back into text. Called by hwnas-agent and `hwnas device`.
 *
 * The table in config_board_rules.c says what each key may hold; this file fills the struct from it and prints it;
 * config_board_check.c adds what several keys mean together. */
#include "common/config_board.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_board_internal.h"
#include "common/config_parts.h"
#include "common/fileio.h"

enum { BOARD_FILE_BYTES_MAX = 1 << 18 };

/* --- values in --- */

static void *place_of(const struct config_board *board, const struct config_rule *rule)
{
    return (char *)board + rule->offset;
}

static enum status_code no_memory(struct status *status)
{
    return status_set(status, STATUS_NO_MEMORY, "no memory for the settings of the board");
}

/* Appends a copy of NAME=VALUE, or of `value` alone when name_length is 0. */
static enum status_code append(struct config_board_list *list, const char *name, size_t name_length, const char *value,
                               size_t value_length, struct status *status)
{
    char **grown = realloc(list->words, (list->count + 2) * sizeof *grown), *word;
    if (grown == NULL)
        return no_memory(status);
    list->words = grown;
    grown[list->count] = grown[list->count + 1] = NULL;
    if ((word = malloc(name_length + value_length + 2)) == NULL)
        return no_memory(status);
    memcpy(word, name, name_length);
    if (name_length > 0)
        word[name_length++] = '=';
    memcpy(word + name_length, value, value_length);
    word[name_length + value_length] = '\0';
    grown[list->count++] = word;
    return STATUS_OK;
}

static enum status_code read_list(const struct config_yaml *yaml, size_t index, struct config_board_list *list, bool *given,
                                  struct status *status)
{
    size_t count;
    char *const *items = config_yaml_list(yaml, index, &count);
    enum status_code code = STATUS_OK;
    *given = count > 0;
    for (size_t i = 0; i < count && code == STATUS_OK; i++)
        code = append(list, "", 0, items[i], strlen(items[i]), status);
    return code;
}

static bool is_variable(const char *name, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    for (size_t i = 0; i < length; i++)
        if (name[i] == '\0' || strchr(letters, name[i]) == NULL)
            return false;
    return length > 0 && (*name < '0' || *name > '9');
}

static bool has_variable(const struct config_board_list *environment, const char *name, size_t length)
{
    for (uint32_t i = 0; i < environment->count; i++)
        if (strncmp(environment->words[i], name, length) == 0 && environment->words[i][length] == '=')
            return true;
    return false;
}

static enum status_code read_environment(const struct config_yaml *yaml, size_t index, struct config_board_list *list, bool *given,
                                         struct status *status)
{
    const char *key, *value;
    size_t key_length, value_length, i = 0;
    enum status_code code = STATUS_OK;
    for (; code == STATUS_OK && config_yaml_pair(yaml, index, i, &key, &key_length, &value, &value_length); i++) {
        if (!is_variable(key, key_length))
            code = status_set(status, STATUS_BAD_INPUT, "'%.*s' is not the name of a variable: use letters, digits and _",
                              (int)(key_length < 64 ? key_length : 64), key);
        else if (value == NULL || memchr(value, '\0', value_length) != NULL)
            code = status_set(status, STATUS_BAD_INPUT, "%.*s must have one value; quote it", (int)key_length, key);
        else if (has_variable(list, key, key_length))
            code = status_set(status, STATUS_BAD_INPUT, "%.*s is given twice; keep one", (int)key_length, key);
        else if (i == CONFIG_BOARD_VARIABLES_MAX)
            code = status_set(status, STATUS_BAD_INPUT, "is too long: give at most %d variables", CONFIG_BOARD_VARIABLES_MAX);
        else
            code = append(list, key, key_length, value, value_length, status);
    }
    *given = i > 0;
    return code;
}

/* Whether the rule's section, and every one around it, is there: what a section that was left out needs is not asked for. */
static bool section_asked(const struct config_yaml *yaml, int section)
{
    bool always = section == BOARD_TOP || section == BOARD_COMMAND || section == BOARD_RUN || section == BOARD_SIMULATED;
    return always || config_yaml_has_section(yaml, section);
}

static enum status_code read_value(const struct config_yaml *yaml, size_t index, struct config_board *board, bool *given,
                                   struct status *status)
{
    const struct config_rule *rule = &config_board_table.rules[index];
    void *place = place_of(board, rule);
    if (rule->kind == CONFIG_LIST)
        return read_list(yaml, index, place, given, status);
    if (rule->kind == CONFIG_PAIRS)
        return read_environment(yaml, index, place, given, status);
    const char *text = config_yaml_value(yaml, index, 0);
    *given = text != NULL;
    return text != NULL ? config_rule_read(rule, text, board, status) : STATUS_OK;
}

/* One key: given, left to its default, or wrongly given or left out for this runner. */
static enum status_code read_key(const struct config_yaml *yaml, size_t index, struct config_board *board, struct status *status)
{
    const struct config_rule *rule = &config_board_table.rules[index];
    char path[CONFIG_YAML_PATH_BYTES];
    unsigned runner = 1u << board->runner;
    const char *word = config_board_runner_word(board->runner);
    bool given;
    enum status_code code = read_value(yaml, index, board, &given, status);
    if (code == STATUS_OK && given && (rule->used & runner) == 0)
        code = status_set(status, STATUS_BAD_INPUT, "means nothing with runner %s; leave it out or choose another runner", word);
    else if (code == STATUS_OK && !given && (rule->needed & runner) != 0 && section_asked(yaml, rule->section))
        code = rule->needed == ~0u
                   ? status_set(status, STATUS_BAD_INPUT, "is missing: give %s", rule->what)
                   : status_set(status, STATUS_BAD_INPUT, "is missing, and runner %s needs it: give %s", word, rule->what);
    else if (code == STATUS_OK && !given && rule->fallback != NULL)
        code = config_rule_read(rule, rule->fallback, board, status);
    if (code != STATUS_OK) {
        config_yaml_path(&config_board_table, rule, 0, path);
        config_yaml_blame(yaml, path, status);
    }
    return code;
}

/* The runner first: what other keys mean depends on it. */
static enum status_code read_keys(const struct config_yaml *yaml, struct config_board *board, struct status *status)
{
    enum status_code code = STATUS_OK;
    for (int first = 1; first >= 0; first--) {
        for (size_t i = 0; i < config_board_table.count && code == STATUS_OK; i++) {
            const struct config_rule *rule = &config_board_table.rules[i];
            bool runner = rule->offset == offsetof(struct config_board, runner) && rule->kind == CONFIG_CHOICE;
            if (runner == first)
                code = read_key(yaml, i, board, status);
        }
    }
    return code;
}

static enum status_code find_files(const struct config_yaml *yaml, const char *folder, struct config_board *board,
                                   struct status *status)
{
    char path[CONFIG_YAML_PATH_BYTES];
    for (size_t i = 0; i < config_board_table.count; i++) {
        const struct config_rule *rule = &config_board_table.rules[i];
        char **place = place_of(board, rule);
        if (rule->kind != CONFIG_PATH || *place == NULL || config_find_file(folder, "board", place, status) == STATUS_OK)
            continue;
        config_yaml_path(&config_board_table, rule, 0, path);
        return config_yaml_blame(yaml, path, status);
    }
    return STATUS_OK;
}

/* --- public --- */

enum status_code config_board_parse(const char *text, size_t size, const char *origin, struct config_board **out,
                                    struct status *status)
{
    struct config_yaml *yaml = NULL;
    char folder[PATH_MAX], absolute[PATH_MAX];
    struct config_board *board = calloc(1, sizeof *board);
    if (board == NULL || (board->origin = strdup(origin)) == NULL) {
        free(board);
        return no_memory(status);
    }
    config_folder_of(origin, folder);
    enum status_code code = size > BOARD_FILE_BYTES_MAX
                                ? status_set(status, STATUS_BAD_INPUT, "%s: has %zu bytes, more than the %d of a board file",
                                             origin, size, BOARD_FILE_BYTES_MAX)
                                : config_yaml_read(&config_board_table, text, size, origin, NULL, 0, &yaml, status);
    if (code == STATUS_OK)
        code = read_keys(yaml, board, status);
    if (code == STATUS_OK)
        code = find_files(yaml, folder, board, status);
    if (code == STATUS_OK)
        code = config_board_check(yaml, realpath(folder, absolute) != NULL ? absolute : folder, board, status);
    config_yaml_free(yaml);
    if (code != STATUS_OK) {
        config_board_free(board);
        return code;
    }
    *out = board;
    return STATUS_OK;
}

enum status_code config_board_load(const char *path, struct config_board **out, struct status *status)
{
    void *text = NULL;
    size_t size = 0;
    enum status_code code = fileio_read(path, BOARD_FILE_BYTES_MAX, &text, &size, status);
    if (code == STATUS_OK)
        code = config_board_parse(text, size, path, out, status);
    free(text);
    return code;
}

void config_board_free(struct config_board *board)
{
    if (board == NULL)
        return;
    for (size_t i = 0; i < config_board_table.count; i++) {
        const struct config_rule *rule = &config_board_table.rules[i];
        if (rule->kind == CONFIG_TEXT || rule->kind == CONFIG_PATH)
            free(*(char **)place_of(board, rule));
        if (rule->kind == CONFIG_LIST || rule->kind == CONFIG_PAIRS) {
            struct config_board_list *list = place_of(board, rule);
            for (uint32_t w = 0; w < list->count; w++)
                free(list->words[w]);
            free(list->words);
        }
    }
    free(board->origin);
    free(board);
}

/* --- settings as text --- */

static bool section_printed(const struct config_board *board, int section)
{
    const struct config_board_command *command = &board->command;
    bool runs = board->runner == CONFIG_BOARD_COMMAND;
    switch (section) {
    case BOARD_VERSION: return board->runtime_version.argv.words != NULL;
    case BOARD_COMMAND:
    case BOARD_RUN: return runs;
    case BOARD_BUILD: return runs && command->build.argv.words != NULL;
    case BOARD_REGEX: return runs && command->parser == CONFIG_BOARD_REGEX;
    case BOARD_TIMELOOP: return runs && command->parser == CONFIG_BOARD_TIMELOOP;
    case BOARD_POWER: return command->power_file != NULL;
    case BOARD_THROTTLED: return command->throttled.argv.words != NULL;
    case BOARD_SIMULATED: return board->runner == CONFIG_BOARD_SIMULATED;
    default: return true;
    }
}

static void print_list(FILE *out, const char *indent, const char *key, const struct config_board_list *list)
{
    fprintf(out, "%s%s: [", indent, key);
    for (uint32_t i = 0; i < list->count; i++) {
        fputs(i > 0 ? ", " : "", out);
        config_print_scalar(out, list->words[i]);
    }
    fputs("]\n", out);
}

static void print_pairs(FILE *out, const char *indent, const char *key, const struct config_board_list *list)
{
    fprintf(out, "%s%s:\n", indent, key);
    for (uint32_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->words[i], '=');
        fprintf(out, "%s  %.*s: ", indent, (int)(equals - list->words[i]), list->words[i]);
        config_print_scalar(out, equals + 1);
        fputc('\n', out);
    }
}

static void print_rule(FILE *out, const char *indent, const struct config_rule *rule, const struct config_board *board)
{
    char value[CONFIG_VALUE_BYTES];
    const struct config_board_list *list = place_of(board, rule);
    if (rule->kind == CONFIG_LIST && list->words != NULL)
        print_list(out, indent, rule->key, list);
    else if (rule->kind == CONFIG_PAIRS)
        print_pairs(out, indent, rule->key, list);
    else if (rule->kind != CONFIG_LIST && config_rule_print(rule, board, value)) {
        fprintf(out, "%s%s: ", indent, rule->key);
        config_print_scalar(out, value);
        fputc('\n', out);
    }
}

enum status_code config_board_text(const struct config_board *board, char **text, struct status *status)
{
    size_t size = 0;
    int section = BOARD_TOP;
    FILE *out = open_memstream(text, &size);
    if (out == NULL)
        return no_memory(status);
    for (size_t i = 0; i < config_board_table.count; i++) {
        const struct config_rule *rule = &config_board_table.rules[i];
        bool nested = config_board_table.sections[rule->section].parent != BOARD_TOP;
        if (!section_printed(board, rule->section) || (rule->used & 1u << board->runner) == 0)
            continue;
        if (rule->section != section)
            fprintf(out, "%s%s:\n", nested ? "  " : "", config_board_table.sections[rule->section].key);
        section = rule->section;
        print_rule(out, section == BOARD_TOP ? "" : nested ? "    " : "  ", rule, board);
    }
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(*text);
        *text = NULL;
        return no_memory(status);
    }
    return STATUS_OK;
}
