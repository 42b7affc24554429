/* config: study files and stored settings into one checked struct, and back into text. Called by `hwnas` and by the master.
 *
 * The table in config_rules.c says what each key may hold; this file adds what several keys mean together, and finds the files. */
#include "common/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_fitness.h"
#include "common/config_parts.h"
#include "common/config_rules.h"
#include "common/config_yaml.h"
#include "common/fileio.h"
#include "common/space.h"

enum { STUDY_FILE_BYTES_MAX = 1 << 20 };

/* --- values in --- */

static void *base_of(struct config_study *study, const struct config_rule *rule, size_t cost)
{
    return rule->section == CONFIG_COST ? (void *)&study->costs[cost] : (void *)study;
}

/* The source that decides which keys of the section are used. */
static const char *source_word(const struct config_study *study, const struct config_rule *rule, size_t cost, unsigned *bit)
{
    static const char *const fitness[] = {
        [CONFIG_FITNESS_RMI] = "rmi", [CONFIG_FITNESS_TABLE] = "table", [CONFIG_FITNESS_ONESHOT] = "oneshot"};
    static const char *const costs[] = {[CONFIG_COST_TABLE] = "table",
                                        [CONFIG_COST_AGENT] = "agent",
                                        [CONFIG_COST_MACS] = "macs",
                                        [CONFIG_COST_PARAMS] = "params",
                                        [CONFIG_COST_LUT] = "lut"};
    if (rule->section == CONFIG_FITNESS) {
        *bit = 1u << study->fitness.source;
        return fitness[study->fitness.source];
    }
    if (rule->section == CONFIG_COST) {
        *bit = 1u << study->costs[cost].source;
        return costs[study->costs[cost].source];
    }
    *bit = 1;
    return NULL;
}

/* One key: given, left to its default, or wrongly given or left out for this source. */
static enum status_code read_key(const struct config_yaml *yaml, size_t index, size_t cost, struct config_study *study,
                                 struct status *status)
{
    size_t rule_count;
    const struct config_rule *rule = &config_rules(&rule_count)[index];
    const char *text = config_yaml_value(yaml, index, cost);
    char path[CONFIG_YAML_PATH_BYTES];
    unsigned source;
    const char *word = source_word(study, rule, cost, &source);
    enum status_code code = STATUS_OK;
    if (text != NULL && (rule->used & source) == 0)
        code = status_set(status, STATUS_BAD_INPUT, "means nothing with source %s; leave it out or choose another source", word);
    else if (text == NULL && (rule->needed & source) != 0)
        code = word != NULL && rule->needed != ~0u
                   ? status_set(status, STATUS_BAD_INPUT, "is missing, and source %s needs it: give %s", word, rule->what)
                   : status_set(status, STATUS_BAD_INPUT, "is missing: give %s", rule->what);
    else if (text != NULL)
        code = config_rule_read(rule, text, base_of(study, rule, cost), status);
    else if (rule->fallback != NULL && (rule->used & source) != 0)
        code = config_rule_read(rule, rule->fallback, base_of(study, rule, cost), status);
    if (code == STATUS_OK)
        return STATUS_OK;
    config_yaml_path(&config_study_table, rule, cost, path);
    return config_yaml_blame(yaml, path, status);
}

/* The sources first: what other keys mean depends on them. */
static enum status_code read_keys(const struct config_yaml *yaml, struct config_study *study, struct status *status)
{
    size_t rule_count;
    const struct config_rule *rules = config_rules(&rule_count);
    enum status_code code = STATUS_OK;
    for (int sources = 1; sources >= 0; sources--) {
        for (size_t i = 0; i < rule_count && code == STATUS_OK; i++) {
            if ((rules[i].kind == CONFIG_CHOICE) != sources)
                continue;
            size_t repeats = rules[i].section == CONFIG_COST ? study->cost_count : 1;
            for (size_t cost = 0; cost < repeats && code == STATUS_OK; cost++)
                code = read_key(yaml, i, cost, study, status);
        }
    }
    return code;
}

/* --- what keys mean together --- */

/* The space must be known; its own sizes stand in for those left out (none given is 0). */
static enum status_code complete_network(const struct config_yaml *yaml, struct config_study *study, struct status *status)
{
    const struct space_ops *space;
    if (space_find(study->space, &space, status) != STATUS_OK) {
        status->code = STATUS_BAD_INPUT;
        return config_yaml_blame(yaml, "space", status);
    }
    const struct config_network *given = &study->network;
    struct space_build sizes = {given->channels, given->cells, given->classes, {given->input_channels, given->input_size, 0}};
    space_build_complete(&sizes, &space->defaults);
    study->network = (struct config_network){sizes.channels, sizes.cells, sizes.classes, sizes.input.c, sizes.input.h};
    return STATUS_OK;
}

static enum status_code check_strategy(const struct config_yaml *yaml, const struct config_study *study, struct status *status)
{
    const struct config_strategy *strategy = &study->strategy;
    if (strategy->tournament > strategy->population)
        return config_refuse(yaml, "strategy.tournament", status,
                             "%u draws more candidates than the population of %u has; lower it", strategy->tournament,
                             strategy->population);
    if (strategy->elites >= strategy->population)
        return config_refuse(yaml, "strategy.elites", status, "%u leaves no room for offspring in a population of %u; lower it",
                             strategy->elites, strategy->population);
    return STATUS_OK;
}

/* An agent's latency has no column, so that studies of the time before energy keep their text. */
static enum status_code complete_agent(const struct config_yaml *yaml, size_t index, struct config_cost *cost,
                                       struct status *status)
{
    char path[CONFIG_YAML_PATH_BYTES];
    snprintf(path, sizeof path, "costs.%zu.column", index);
    if (cost->column != NULL && strcmp(cost->column, "latency_ms") == 0) {
        free(cost->column);
        cost->column = NULL;
    }
    if (cost->column == NULL && cost->name != NULL && strcmp(cost->name, "energy_mj") == 0) {
        enum status_code code = config_give(&cost->column, cost->name, status);
        if (code != STATUS_OK)
            return code;
    }
    if (cost->column != NULL && strcmp(cost->column, "energy_mj") != 0)
        return config_refuse(yaml, path, status, "is '%.64s'; an agent measures latency_ms or energy_mj", cost->column);
    return config_give(&cost->device, "host", status);
}

/* Fills in the names that follow from the source. */
static enum status_code complete_cost(const struct config_yaml *yaml, size_t index, struct config_cost *cost, struct status *status)
{
    static const char *const names[] = {
        [CONFIG_COST_AGENT] = "latency_ms", [CONFIG_COST_MACS] = "macs", [CONFIG_COST_PARAMS] = "params", [CONFIG_COST_LUT] = NULL};
    bool from_file = cost->source == CONFIG_COST_TABLE || cost->source == CONFIG_COST_LUT;
    char path[CONFIG_YAML_PATH_BYTES];
    snprintf(path, sizeof path, "costs.%zu.name", index);
    if (from_file && cost->name == NULL && cost->column == NULL)
        return config_refuse(yaml, path, status,
                             "is missing: give a name with its unit, such as latency_ms; it is also the table's column");
    bool named_by_column = from_file || (cost->source == CONFIG_COST_AGENT && cost->column != NULL);
    enum status_code code = config_give(&cost->name, named_by_column ? cost->column : names[cost->source], status);
    if (code == STATUS_OK && from_file)
        code = config_give(&cost->column, cost->name, status);
    if (code == STATUS_OK && cost->source == CONFIG_COST_AGENT)
        code = complete_agent(yaml, index, cost, status);
    if (code == STATUS_OK && !config_plain_name(cost->name, "@"))
        code = config_refuse(
            yaml, path, status,
            "'%.64s' is not a name: use at most 63 letters, digits and . _ - @, not beginning with . or - (column may differ)",
            cost->name);
    snprintf(path, sizeof path, "costs.%zu.limit_only", index);
    if (code == STATUS_OK && cost->limit_only && !cost->has_max)
        code = config_refuse(yaml, path, status, "is true, but %s has no max to keep to; give max, or leave limit_only out",
                             cost->name);
    return code;
}

static enum status_code check_costs(const struct config_yaml *yaml, struct config_study *study, struct status *status)
{
    char path[CONFIG_YAML_PATH_BYTES];
    for (size_t i = 0; i < study->cost_count; i++) {
        enum status_code code = complete_cost(yaml, i, &study->costs[i], status);
        if (code != STATUS_OK)
            return code;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(study->costs[i].name, study->costs[j].name) != 0)
                continue;
            snprintf(path, sizeof path, "costs.%zu.name", i);
            return config_refuse(yaml, path, status, "'%s' names an earlier cost already; give each cost a name of its own",
                                 study->costs[i].name);
        }
    }
    return STATUS_OK;
}

static enum status_code check_together(const struct config_yaml *yaml, bool stored, struct config_study *study,
                                       struct status *status)
{
    if (!config_plain_name(study->name, ""))
        return config_refuse(yaml, "name", status,
                             "'%.64s' is not a name: use at most 63 letters, digits and . _ -, not beginning with . or -",
                             study->name);
    enum status_code code = complete_network(yaml, study, status);
    if (code == STATUS_OK)
        code = check_strategy(yaml, study, status);
    if (code == STATUS_OK)
        code = config_fitness_complete(yaml, stored, study, status);
    return code == STATUS_OK ? check_costs(yaml, study, status) : code;
}

/* --- files --- */

/* Makes every path absolute; folder NULL (stored settings): they must be so already. */
static enum status_code find_files(const struct config_yaml *yaml, const char *folder, struct config_study *study,
                                   struct status *status)
{
    size_t rule_count;
    const struct config_rule *rules = config_rules(&rule_count);
    for (size_t i = 0; i < rule_count; i++) {
        size_t repeats = rules[i].section == CONFIG_COST ? study->cost_count : 1;
        for (size_t cost = 0; cost < repeats && rules[i].kind == CONFIG_PATH; cost++) {
            char **place = (char **)((char *)base_of(study, &rules[i], cost) + rules[i].offset), path[CONFIG_YAML_PATH_BYTES];
            enum status_code code = STATUS_OK;
            if (*place != NULL && folder != NULL)
                code = config_find_file(folder, "study", place, status);
            else if (*place != NULL && **place != '/')
                code = status_set(status, STATUS_BAD_INPUT, "'%.300s' is not an absolute path, as stored settings need", *place);
            if (code != STATUS_OK) {
                config_yaml_path(&config_study_table, &rules[i], cost, path);
                return config_yaml_blame(yaml, path, status);
            }
        }
    }
    return STATUS_OK;
}

/* --- public --- */

static enum status_code read_study(const struct config_yaml *yaml, const char *folder, struct config_study **out,
                                   struct status *status)
{
    struct config_study *study = calloc(1, sizeof *study);
    size_t cost_count = config_yaml_repeats(yaml);
    if (study == NULL || (cost_count > 0 && (study->costs = calloc(cost_count, sizeof *study->costs)) == NULL)) {
        free(study);
        return status_set(status, STATUS_NO_MEMORY, "no memory for the settings");
    }
    study->cost_count = (uint32_t)cost_count;
    enum status_code code = read_keys(yaml, study, status);
    if (code == STATUS_OK)
        code = check_together(yaml, folder == NULL, study, status);
    if (code == STATUS_OK)
        code = find_files(yaml, folder, study, status);
    if (code != STATUS_OK) {
        config_free(study);
        return code;
    }
    *out = study;
    return STATUS_OK;
}

enum status_code config_load(const char *path, const char *const *overrides, size_t override_count, struct config_study **out,
                             struct status *status)
{
    void *text = NULL;
    size_t size = 0;
    char folder[PATH_MAX];
    struct config_yaml *yaml = NULL;
    config_folder_of(path, folder);
    enum status_code code = fileio_read(path, STUDY_FILE_BYTES_MAX, &text, &size, status);
    if (code == STATUS_OK)
        code = config_yaml_read(&config_study_table, text, size, path, overrides, override_count, &yaml, status);
    if (code == STATUS_OK)
        code = read_study(yaml, folder, out, status);
    config_yaml_free(yaml);
    free(text);
    return code;
}

enum status_code config_parse(const char *text, size_t size, const char *origin, struct config_study **out, struct status *status)
{
    struct config_yaml *yaml = NULL;
    if (size > STUDY_FILE_BYTES_MAX)
        return status_set(status, STATUS_BAD_INPUT, "%s: has %zu bytes, more than the %d that settings may have", origin, size,
                          STUDY_FILE_BYTES_MAX);
    enum status_code code = config_yaml_read(&config_study_table, text, size, origin, NULL, 0, &yaml, status);
    if (code == STATUS_OK)
        code = read_study(yaml, NULL, out, status);
    config_yaml_free(yaml);
    return code;
}

void config_free(struct config_study *study)
{
    size_t rule_count;
    const struct config_rule *rules = config_rules(&rule_count);
    if (study == NULL)
        return;
    for (size_t i = 0; i < rule_count; i++) {
        size_t repeats = rules[i].section == CONFIG_COST ? study->cost_count : 1;
        for (size_t cost = 0; cost < repeats; cost++)
            if (rules[i].kind == CONFIG_TEXT || rules[i].kind == CONFIG_PATH)
                free(*(char **)((char *)base_of(study, &rules[i], cost) + rules[i].offset));
    }
    free(study->costs);
    free(study);
}

/* --- settings as text --- */

/* A key's value, unless the source of its section has no use for it. */
static bool print_used(const struct config_study *study, const struct config_rule *rule, char value[CONFIG_VALUE_BYTES])
{
    unsigned source;
    source_word(study, rule, 0, &source);
    return (rule->used & source) != 0 && config_rule_print(rule, study, value);
}

static void print_costs(FILE *out, const struct config_study *study)
{
    size_t rule_count;
    const struct config_rule *rules = config_rules(&rule_count);
    char value[CONFIG_VALUE_BYTES];
    fputs(study->cost_count == 0 ? "costs: []\n" : "costs:\n", out);
    for (size_t cost = 0; cost < study->cost_count; cost++) {
        const char *lead = "  - ";
        for (size_t i = 0; i < rule_count; i++) {
            if (rules[i].section != CONFIG_COST || !config_rule_print(&rules[i], &study->costs[cost], value))
                continue;
            fprintf(out, "%s%s: ", lead, rules[i].key);
            config_print_scalar(out, value);
            fputc('\n', out);
            lead = "    ";
        }
    }
}

enum status_code config_text(const struct config_study *study, char **text, struct status *status)
{
    size_t rule_count, size = 0;
    const struct config_rule *rules = config_rules(&rule_count);
    char value[CONFIG_VALUE_BYTES];
    int section = CONFIG_TOP;
    FILE *out = open_memstream(text, &size);
    if (out == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to print the settings");
    for (size_t i = 0; i < rule_count; i++) {
        bool begins = rules[i].section != section;
        section = rules[i].section;
        if (section == CONFIG_COST && begins)
            print_costs(out, study);
        if (section == CONFIG_COST)
            continue;
        if (begins && section != CONFIG_TOP)
            fprintf(out, "%s:\n", config_section_key((enum config_section)section));
        if (!print_used(study, &rules[i], value))
            continue;
        fprintf(out, "%s%s: ", section != CONFIG_TOP ? "  " : "", rules[i].key);
        config_print_scalar(out, value);
        fputc('\n', out);
    }
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(*text);
        *text = NULL;
        return status_set(status, STATUS_NO_MEMORY, "no memory to print the settings");
    }
    return STATUS_OK;
}

/* --- differences --- */

struct sentence {
    char *text;
    size_t size, used;
};

static void add_difference(struct sentence *sentence, const char *path, const char *there, const char *here)
{
    int written = snprintf(sentence->text + sentence->used, sentence->size - sentence->used, "%s%s: %.80s there, %.80s here",
                           sentence->used > 0 ? "; " : "", path, there, here);
    sentence->used += (size_t)written;
    if (sentence->used >= sentence->size)
        sentence->used = sentence->size - 1;
}

/* Values a and b of the two studies, as far as they have one. */
static void compare_values(const struct config_rule *rule, size_t cost, bool has_a, const char *a, bool has_b, const char *b,
                           struct sentence *sentence)
{
    char path[CONFIG_YAML_PATH_BYTES];
    if (rule->kind == CONFIG_PATH || (has_a == has_b && (!has_a || strcmp(a, b) == 0)))
        return;
    config_yaml_path(&config_study_table, rule, cost, path);
    add_difference(sentence, path, has_a ? a : "none", has_b ? b : "none");
}

static void compare_rule(const struct config_rule *rule, const struct config_study *there, const struct config_study *here,
                         struct sentence *sentence)
{
    char a[CONFIG_VALUE_BYTES], b[CONFIG_VALUE_BYTES];
    bool has_a = print_used(there, rule, a), has_b = print_used(here, rule, b);
    compare_values(rule, 0, has_a, a, has_b, b, sentence);
}

static void compare_cost(const struct config_rule *rule, size_t cost, const struct config_study *there,
                         const struct config_study *here, struct sentence *sentence)
{
    char a[CONFIG_VALUE_BYTES], b[CONFIG_VALUE_BYTES];
    bool has_a = config_rule_print(rule, &there->costs[cost], a), has_b = config_rule_print(rule, &here->costs[cost], b);
    compare_values(rule, cost, has_a, a, has_b, b, sentence);
}

bool config_difference(const struct config_study *there, const struct config_study *here, char *out, size_t size)
{
    size_t rule_count;
    const struct config_rule *rules = config_rules(&rule_count);
    struct sentence sentence = {.text = out, .size = size};
    char a[16], b[16];
    out[0] = '\0';
    for (size_t i = 0; i < rule_count; i++)
        if (rules[i].section != CONFIG_COST)
            compare_rule(&rules[i], there, here, &sentence);
    if (there->cost_count != here->cost_count) {
        snprintf(a, sizeof a, "%u", there->cost_count);
        snprintf(b, sizeof b, "%u", here->cost_count);
        add_difference(&sentence, "costs", a, b);
    }
    for (size_t cost = 0; cost < there->cost_count && cost < here->cost_count; cost++)
        for (size_t i = 0; i < rule_count; i++)
            if (rules[i].section == CONFIG_COST)
                compare_cost(&rules[i], cost, there, here, &sentence);
    return sentence.used > 0;
}
