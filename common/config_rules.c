/* config_rules: the table of keys, and reading, printing and naming one key's value. Used by config.c and config_yaml.c alone.
 * Pure. */
#include "common/config_rules.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/nearest.h"

static const char *const fitness_words[] = {
    [CONFIG_FITNESS_RMI] = "rmi", [CONFIG_FITNESS_TABLE] = "table", [CONFIG_FITNESS_ONESHOT] = "oneshot", NULL};
static const char *const training_words[] = {
    [CONFIG_TRAIN_BEFORE] = "before", [CONFIG_TRAIN_POPULATION] = "population", [CONFIG_TRAIN_BILEVEL] = "bilevel", NULL};
static const char *const paths_words[] = {[CONFIG_PATHS_MIXTURE] = "mixture", [CONFIG_PATHS_SINGLE] = "single", NULL};
static const char *const statistics_words[] = {[CONFIG_STATISTICS_RUNNING] = "running", [CONFIG_STATISTICS_BATCH] = "batch", NULL};
static const char *const cost_words[] = {
    [CONFIG_COST_TABLE] = "table",   [CONFIG_COST_AGENT] = "agent", [CONFIG_COST_MACS] = "macs",
    [CONFIG_COST_PARAMS] = "params", [CONFIG_COST_LUT] = "lut",     NULL};
static const char *const mode_words[] = {[CONFIG_MODE_GENERATIONS] = "generations", [CONFIG_MODE_STEADY] = "steady", NULL};
static const char *const novelty_words[] = {
    [CONFIG_NOVELTY_BESIDE] = "beside", [CONFIG_NOVELTY_ALONE] = "alone", [CONFIG_NOVELTY_NONE] = "none", NULL};

static const char *const relaxation_words[] = {[CONFIG_RELAX_GUMBEL] = "gumbel", [CONFIG_RELAX_SOFTMAX] = "softmax", NULL};

#define IN_STUDY(member) offsetof(struct config_study, member)
#define IN_COST(member) offsetof(struct config_cost, member)
#define WITH(source) (1u << (source))
#define ONESHOT WITH(CONFIG_FITNESS_ONESHOT)

static const struct config_rule rules[] = {
    {CONFIG_TOP, "name", CONFIG_TEXT, IN_STUDY(name), NULL, 0, 0, NULL, ~0u, ~0u,
     "a name of letters, digits, '.', '_' and '-', at most 63"},
    {CONFIG_TOP, "space", CONFIG_TEXT, IN_STUDY(space), NULL, 0, 0, NULL, ~0u, ~0u, "a search space, such as nb201 or darts"},

    {CONFIG_STRATEGY, "name", CONFIG_TEXT, IN_STUDY(strategy.name), "evrsnas", 0, 0, NULL, ~0u, 0,
     "a search method, such as evrsnas"},
    {CONFIG_STRATEGY, "population", CONFIG_WHOLE, IN_STUDY(strategy.population), "20", 2, 100000, NULL, ~0u, 0,
     "candidates per generation"},
    {CONFIG_STRATEGY, "generations", CONFIG_WHOLE, IN_STUDY(strategy.generations), "100", 1, 1000000, NULL, ~0u, 0,
     "generations, the first included"},
    {CONFIG_STRATEGY, "tournament", CONFIG_WHOLE, IN_STUDY(strategy.tournament), "5", 1, 100000, NULL, ~0u, 0,
     "candidates drawn to choose one parent"},
    {CONFIG_STRATEGY, "elites", CONFIG_WHOLE, IN_STUDY(strategy.elites), "1", 0, 100000, NULL, ~0u, 0,
     "best candidates kept unchanged"},
    {CONFIG_STRATEGY, "mutation", CONFIG_REAL, IN_STUDY(strategy.mutation), "0.1", 0, 1, NULL, ~0u, 0, "probability per gene"},
    {CONFIG_STRATEGY, "lambda", CONFIG_REAL, IN_STUDY(strategy.lambda), "2", 0, 1e9, NULL, ~0u, 0,
     "weight of the constraint penalty"},
    {CONFIG_STRATEGY, "plain", CONFIG_SWITCH, IN_STUDY(strategy.plain), "false", 0, 0, NULL, ~0u, 0,
     "true to let the search propose what it already knows"},
    {CONFIG_STRATEGY, "mode", CONFIG_CHOICE, IN_STUDY(strategy.mode), "generations", 0, 0, mode_words, ~0u, 0,
     "generations or steady"},
    {CONFIG_STRATEGY, "in_flight", CONFIG_WHOLE, IN_STUDY(strategy.in_flight), "20", 1, 100000, NULL, ~0u, 0,
     "candidates asked and not yet told at once"},
    {CONFIG_STRATEGY, "diversity", CONFIG_SWITCH, IN_STUDY(strategy.diversity), "true", 0, 0, NULL, ~0u, 0,
     "true to make hardware-cost diversity the third objective"},
    {CONFIG_STRATEGY, "warmup", CONFIG_WHOLE, IN_STUDY(strategy.warmup), "100", 2, 100000, NULL, ~0u, 0,
     "random candidates before the forest"},
    {CONFIG_STRATEGY, "positives", CONFIG_WHOLE, IN_STUDY(strategy.positives), "100", 1, 100000, NULL, ~0u, 0,
     "good candidates the forest has to find"},
    {CONFIG_STRATEGY, "quantile", CONFIG_REAL, IN_STUDY(strategy.quantile), "0.05", 0, 1, NULL, ~0u, 0,
     "share of the warm-up that counts as good"},
    {CONFIG_STRATEGY, "pool", CONFIG_WHOLE, IN_STUDY(strategy.pool), "1000", 1, 1000000, NULL, ~0u, 0,
     "random candidates the forest chooses one from"},
    {CONFIG_STRATEGY, "trees", CONFIG_WHOLE, IN_STUDY(strategy.trees), "30", 1, 10000, NULL, ~0u, 0, "trees of the forest"},
    {CONFIG_STRATEGY, "consensus", CONFIG_WHOLE, IN_STUDY(strategy.consensus), "20", 1, 100000, NULL, ~0u, 0,
     "best candidates that vote for the answer"},
    {CONFIG_STRATEGY, "stages", CONFIG_TEXT, IN_STUDY(strategy.stages), NULL, 0, 0, NULL, ~0u, 0,
     "operations left after each stage, such as 3-2"},
    {CONFIG_STRATEGY, "novelty", CONFIG_CHOICE, IN_STUDY(strategy.novelty), "beside", 0, 0, novelty_words, ~0u, 0,
     "beside, alone or none"},
    {CONFIG_STRATEGY, "neighbours", CONFIG_WHOLE, IN_STUDY(strategy.neighbours), "5", 1, 100000, NULL, ~0u, 0,
     "nearest others that novelty is measured by"},
    {CONFIG_STRATEGY, "predicted", CONFIG_WHOLE, IN_STUDY(strategy.predicted), "2000", 2, 1000000, NULL, ~0u, 0,
     "candidates that predictors look at for each generation"},
    {CONFIG_STRATEGY, "sweep", CONFIG_WHOLE, IN_STUDY(strategy.sweep), "10", 1, 1000, NULL, ~0u, 0,
     "weights of the costs, from 0 to lambda"},
    {CONFIG_STRATEGY, "steps", CONFIG_WHOLE, IN_STUDY(strategy.steps), "300", 1, 1000000, NULL, ~0u, 0,
     "steps down the gradient for each weight"},
    {CONFIG_STRATEGY, "relaxation", CONFIG_CHOICE, IN_STUDY(strategy.relaxation), "gumbel", 0, 0, relaxation_words, ~0u, 0,
     "gumbel or softmax"},

    {CONFIG_FITNESS, "source", CONFIG_CHOICE, IN_STUDY(fitness.source), NULL, 0, 0, fitness_words, ~0u, ~0u,
     "rmi, table or oneshot"},
    {CONFIG_FITNESS, "bundle", CONFIG_PATH, IN_STUDY(fitness.bundle), NULL, 0, 0, NULL, WITH(CONFIG_FITNESS_RMI),
     WITH(CONFIG_FITNESS_RMI), "a reference bundle; `hwnas reference build` makes one"},
    {CONFIG_FITNESS, "protocol", CONFIG_TEXT, IN_STUDY(fitness.protocol), "rmi-fast", 0, 0, NULL, WITH(CONFIG_FITNESS_RMI), 0,
     "an RMI protocol, rmi-fast or rmi-full"},
    {CONFIG_FITNESS, "combine", CONFIG_TEXT, IN_STUDY(fitness.combine), NULL, 0, 0, NULL, WITH(CONFIG_FITNESS_RMI), 0,
     "macs+deep, macs or none"},
    {CONFIG_FITNESS, "finalists", CONFIG_WHOLE, IN_STUDY(fitness.finalists), "0", 0, 1000, NULL, WITH(CONFIG_FITNESS_RMI), 0,
     "best candidates that are scored once more at the end; 0: none"},
    {CONFIG_FITNESS, "finals", CONFIG_TEXT, IN_STUDY(fitness.finals), NULL, 0, 0, NULL, WITH(CONFIG_FITNESS_RMI), 0,
     "how finalists are scored, such as final"},
    {CONFIG_FITNESS, "file", CONFIG_PATH, IN_STUDY(fitness.file), NULL, 0, 0, NULL, WITH(CONFIG_FITNESS_TABLE),
     WITH(CONFIG_FITNESS_TABLE), "a CSV file with one architecture a row"},
    {CONFIG_FITNESS, "column", CONFIG_TEXT, IN_STUDY(fitness.column), NULL, 0, 0, NULL, WITH(CONFIG_FITNESS_TABLE),
     WITH(CONFIG_FITNESS_TABLE), "the column to maximise"},
    {CONFIG_FITNESS, "images", CONFIG_PATH, IN_STUDY(fitness.oneshot.images), NULL, 0, 0, NULL, ONESHOT, ONESHOT,
     "a file of images to train on; `hwnas images build` makes one"},
    {CONFIG_FITNESS, "validation", CONFIG_PATH, IN_STUDY(fitness.oneshot.validation), NULL, 0, 0, NULL, ONESHOT, ONESHOT,
     "a file of other images to score on; `hwnas images build` makes one"},
    {CONFIG_FITNESS, "train", CONFIG_CHOICE, IN_STUDY(fitness.oneshot.train), NULL, 0, 0, training_words, ONESHOT, 0,
     "before, population or bilevel"},
    {CONFIG_FITNESS, "epochs", CONFIG_WHOLE, IN_STUDY(fitness.oneshot.epochs), "50", 1, 100000, NULL, ONESHOT, 0,
     "epochs of training"},
    {CONFIG_FITNESS, "batch", CONFIG_WHOLE, IN_STUDY(fitness.oneshot.batch), "64", 2, 1024, NULL, ONESHOT, 0, "images a step"},
    {CONFIG_FITNESS, "shards", CONFIG_WHOLE, IN_STUDY(fitness.oneshot.shards), "1", 1, 256, NULL, ONESHOT, 0,
     "parts of the images that are trained on side by side"},
    {CONFIG_FITNESS, "channels", CONFIG_WHOLE, IN_STUDY(fitness.oneshot.channels), NULL, 1, 1024, NULL, ONESHOT, 0,
     "channels of the first stage"},
    {CONFIG_FITNESS, "cells", CONFIG_WHOLE, IN_STUDY(fitness.oneshot.cells), NULL, 1, 100, NULL, ONESHOT, 0, "a number of cells"},
    {CONFIG_FITNESS, "paths", CONFIG_CHOICE, IN_STUDY(fitness.oneshot.paths), "mixture", 0, 0, paths_words, ONESHOT, 0,
     "mixture or single"},
    {CONFIG_FITNESS, "statistics", CONFIG_CHOICE, IN_STUDY(fitness.oneshot.statistics), "running", 0, 0, statistics_words, ONESHOT,
     0, "running or batch"},
    {CONFIG_FITNESS, "inherit", CONFIG_SWITCH, IN_STUDY(fitness.oneshot.inherit), "true", 0, 0, NULL, ONESHOT, 0,
     "true to begin each stage with the weights of the one before"},
    {CONFIG_FITNESS, "augment", CONFIG_SWITCH, IN_STUDY(fitness.oneshot.augment), "false", 0, 0, NULL, ONESHOT, 0,
     "true to shift and mirror images at random"},
    {CONFIG_FITNESS, "learning_rate", CONFIG_REAL, IN_STUDY(fitness.oneshot.learning_rate), "0.025", 0, 10, NULL, ONESHOT, 0,
     "of the first epoch"},
    {CONFIG_FITNESS, "learning_rate_end", CONFIG_REAL, IN_STUDY(fitness.oneshot.learning_rate_end), "0.001", 0, 10, NULL, ONESHOT,
     0, "at the end"},
    {CONFIG_FITNESS, "momentum", CONFIG_REAL, IN_STUDY(fitness.oneshot.momentum), "0.9", 0, 0.9999, NULL, ONESHOT, 0,
     "of the steps"},
    {CONFIG_FITNESS, "weight_decay", CONFIG_REAL, IN_STUDY(fitness.oneshot.weight_decay), "0.0003", 0, 1, NULL, ONESHOT, 0,
     "of the weights"},
    {CONFIG_FITNESS, "clip_norm", CONFIG_REAL, IN_STUDY(fitness.oneshot.clip_norm), "5", 0, 1e6, NULL, ONESHOT, 0,
     "largest norm of a gradient; 0: no limit"},
    {CONFIG_FITNESS, "alpha_learning_rate", CONFIG_REAL, IN_STUDY(fitness.oneshot.alpha_learning_rate), "0.0003", 0, 10, NULL,
     ONESHOT, 0, "of the architecture's steps"},
    {CONFIG_FITNESS, "alpha_weight_decay", CONFIG_REAL, IN_STUDY(fitness.oneshot.alpha_weight_decay), "0.001", 0, 1, NULL, ONESHOT,
     0, "of the architecture's numbers"},

    {CONFIG_COST, "name", CONFIG_TEXT, IN_COST(name), NULL, 0, 0, NULL, ~0u, 0, "a name with its unit, such as latency_ms"},
    {CONFIG_COST, "source", CONFIG_CHOICE, IN_COST(source), NULL, 0, 0, cost_words, ~0u, ~0u, "table, agent, macs, params or lut"},
    {CONFIG_COST, "file", CONFIG_PATH, IN_COST(file), NULL, 0, 0, NULL, WITH(CONFIG_COST_TABLE) | WITH(CONFIG_COST_LUT),
     WITH(CONFIG_COST_TABLE) | WITH(CONFIG_COST_LUT), "a CSV file: a table with one architecture a row, or a look-up table"},
    {CONFIG_COST, "device", CONFIG_TEXT, IN_COST(device), NULL, 0, 0, NULL, WITH(CONFIG_COST_TABLE) | WITH(CONFIG_COST_AGENT), 0,
     "a device of the table, or a device key or host"},
    {CONFIG_COST, "dataset", CONFIG_TEXT, IN_COST(dataset), NULL, 0, 0, NULL, WITH(CONFIG_COST_TABLE), 0, "a dataset of the table"},
    {CONFIG_COST, "column", CONFIG_TEXT, IN_COST(column), NULL, 0, 0, NULL,
     WITH(CONFIG_COST_TABLE) | WITH(CONFIG_COST_LUT) | WITH(CONFIG_COST_AGENT), 0,
     "the column to read, or what an agent measures: latency_ms or energy_mj"},
    {CONFIG_COST, "max", CONFIG_LIMIT, IN_COST(max), NULL, 0, 0, NULL, ~0u, 0, "the constraint: value <= max"},
    {CONFIG_COST, "limit_only", CONFIG_SWITCH, IN_COST(limit_only), "false", 0, 0, NULL, ~0u, 0,
     "true for a cost that is limited by max and not minimised"},

    {CONFIG_NETWORK, "channels", CONFIG_WHOLE, IN_STUDY(network.channels), NULL, 1, 1024, NULL, ~0u, 0,
     "channels of the first stage"},
    {CONFIG_NETWORK, "cells", CONFIG_WHOLE, IN_STUDY(network.cells), NULL, 1, 100, NULL, ~0u, 0, "a number of cells"},
    {CONFIG_NETWORK, "classes", CONFIG_WHOLE, IN_STUDY(network.classes), NULL, 2, 65536, NULL, ~0u, 0, "classes to tell apart"},
    {CONFIG_NETWORK, "input_channels", CONFIG_WHOLE, IN_STUDY(network.input_channels), NULL, 1, 64, NULL, ~0u, 0,
     "channels of an image"},
    {CONFIG_NETWORK, "input_size", CONFIG_WHOLE, IN_STUDY(network.input_size), NULL, 4, 1024, NULL, ~0u, 0,
     "height and width of an image in pixels"},

    {CONFIG_BUDGET, "evaluations", CONFIG_WHOLE, IN_STUDY(budget.evaluations), "1000", 0, 4e9, NULL, ~0u, 0,
     "distinct fitness evaluations at most; 0: no limit"},

    {CONFIG_TOP, "seed", CONFIG_SEED, IN_STUDY(seed), "0", 0, 0, NULL, ~0u, 0, "any whole number below 2^64"},
};

_Static_assert(sizeof rules / sizeof rules[0] <= CONFIG_RULES_MAX, "raise CONFIG_RULES_MAX");

const struct config_rule *config_rules(size_t *count)
{
    *count = sizeof rules / sizeof rules[0];
    return rules;
}

static const struct config_section_row sections[CONFIG_SECTIONS] = {
    [CONFIG_STRATEGY] = {"strategy", CONFIG_TOP, false}, [CONFIG_FITNESS] = {"fitness", CONFIG_TOP, false},
    [CONFIG_COST] = {"costs", CONFIG_TOP, true},         [CONFIG_NETWORK] = {"network", CONFIG_TOP, false},
    [CONFIG_BUDGET] = {"budget", CONFIG_TOP, false},
};

const struct config_table config_study_table = {
    rules, sizeof rules / sizeof rules[0], sections, CONFIG_SECTIONS, "study", "name, space and fitness",
};

const char *config_section_key(enum config_section section)
{
    return sections[section].key;
}

static bool all_digits(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static enum status_code read_whole(const struct config_rule *rule, const char *text, uint32_t *out, struct status *status)
{
    errno = 0;
    uintmax_t value = all_digits(text) ? strtoumax(text, NULL, 10) : UINTMAX_MAX;
    if (!all_digits(text) || errno != 0 || (double)value < rule->least || (double)value > rule->most)
        return status_set(status, STATUS_BAD_INPUT, "'%.64s' is not a whole number from %.0f to %.0f (%s)", text, rule->least,
                          rule->most, rule->what);
    *out = (uint32_t)value;
    return STATUS_OK;
}

static enum status_code read_seed(const struct config_rule *rule, const char *text, uint64_t *out, struct status *status)
{
    errno = 0;
    uintmax_t value = all_digits(text) ? strtoumax(text, NULL, 10) : 0;
    if (!all_digits(text) || errno != 0 || value > UINT64_MAX)
        return status_set(status, STATUS_BAD_INPUT, "'%.64s' is not a whole number from 0 to %" PRIu64 " (%s)", text, UINT64_MAX,
                          rule->what);
    *out = (uint64_t)value;
    return STATUS_OK;
}

/* strtod alone would take "nan", "inf", hexadecimal and "1..2". */
static bool parse_real(const char *text, double *out)
{
    char *end = NULL;
    if (text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

static enum status_code read_real(const struct config_rule *rule, const char *text, double *out, struct status *status)
{
    double value;
    if (!parse_real(text, &value) || value < rule->least || value > rule->most)
        return status_set(status, STATUS_BAD_INPUT, "'%.64s' is not a number from %g to %g (%s)", text, rule->least, rule->most,
                          rule->what);
    *out = value;
    return STATUS_OK;
}

/* The penalty divides by the limit, so it must be above 0. */
static enum status_code read_limit(const char *text, struct config_cost *cost, struct status *status)
{
    double value;
    if (!parse_real(text, &value) || !(value > 0))
        return status_set(status, STATUS_BAD_INPUT, "'%.64s' is not a number above 0 (the constraint: value <= max)", text);
    cost->has_max = true;
    cost->max = value;
    return STATUS_OK;
}

static enum status_code read_text(const char *text, char **out, struct status *status)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for its value");
    free(*out);
    *out = copy;
    return STATUS_OK;
}

static enum status_code read_switch(const char *text, bool *out, struct status *status)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return status_set(status, STATUS_BAD_INPUT, "'%.64s' is neither true nor false", text);
    *out = yes;
    return STATUS_OK;
}

static enum status_code read_choice(const struct config_rule *rule, const char *text, unsigned *out, struct status *status)
{
    for (unsigned i = 0; rule->words[i] != NULL; i++) {
        if (strcmp(text, rule->words[i]) == 0) {
            *out = i;
            return STATUS_OK;
        }
    }
    return status_set(status, STATUS_BAD_INPUT, "'%.64s' is not one of its words; give %s", text, rule->what);
}

enum status_code config_rule_read(const struct config_rule *rule, const char *text, void *base, struct status *status)
{
    void *place = (char *)base + rule->offset;
    if (*text == '\0')
        return status_set(status, STATUS_BAD_INPUT, "has no value; give %s, or leave the key out", rule->what);
    switch (rule->kind) {
    case CONFIG_TEXT:
    case CONFIG_PATH: return read_text(text, place, status);
    case CONFIG_WHOLE: return read_whole(rule, text, place, status);
    case CONFIG_SEED: return read_seed(rule, text, place, status);
    case CONFIG_REAL: return read_real(rule, text, place, status);
    case CONFIG_LIMIT: return read_limit(text, base, status);
    case CONFIG_SWITCH: return read_switch(text, place, status);
    case CONFIG_CHOICE: return read_choice(rule, text, place, status);
    case CONFIG_LIST:
    case CONFIG_PAIRS: break;
    }
    return status_set(status, STATUS_INTERNAL, "%s has no kind", rule->key);
}

bool config_rule_print(const struct config_rule *rule, const void *base, char out[CONFIG_VALUE_BYTES])
{
    const void *place = (const char *)base + rule->offset;
    const struct config_cost *cost = base;
    const char *text = NULL;
    switch (rule->kind) {
    case CONFIG_TEXT:
    case CONFIG_PATH:
        text = *(char *const *)place;
        if (text == NULL)
            return false;
        snprintf(out, CONFIG_VALUE_BYTES, "%s", text);
        return true;
    case CONFIG_WHOLE: snprintf(out, CONFIG_VALUE_BYTES, "%" PRIu32, *(const uint32_t *)place); return true;
    case CONFIG_SEED: snprintf(out, CONFIG_VALUE_BYTES, "%" PRIu64, *(const uint64_t *)place); return true;
    case CONFIG_REAL: decimal_print(*(const double *)place, out); return true;
    case CONFIG_LIMIT: decimal_print(cost->max, out); return cost->has_max;
    case CONFIG_SWITCH: snprintf(out, CONFIG_VALUE_BYTES, "%s", *(const bool *)place ? "true" : "false"); return true;
    case CONFIG_CHOICE: snprintf(out, CONFIG_VALUE_BYTES, "%s", rule->words[*(const unsigned *)place]); return true;
    case CONFIG_LIST:
    case CONFIG_PAIRS: break;
    }
    return false;
}

/* The keys of a section: its own, and the names of the sections in it. */
static size_t section_keys(const struct config_table *table, int section, const char *keys[CONFIG_RULES_MAX + CONFIG_SECTIONS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->rules[i].section == section)
            keys[count++] = table->rules[i].key;
    for (int s = 1; s < table->section_count; s++)
        if (table->sections[s].parent == section)
            keys[count++] = table->sections[s].key;
    return count;
}

const char *config_rule_nearest(const struct config_table *table, int section, const char *key, char *all, size_t all_size)
{
    const char *keys[CONFIG_RULES_MAX + CONFIG_SECTIONS_MAX];
    size_t count = section_keys(table, section, keys), used = 0;
    assert(all_size > 0);
    all[0] = '\0';
    for (size_t i = 0; i < count && used < all_size; i++)
        used += (size_t)snprintf(all + used, all_size - used, "%s%s", i > 0 ? ", " : "", keys[i]);
    return keys[nearest_word(key, keys, count)];
}
