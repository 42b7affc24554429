/* config_fitness: what the keys of a study's fitness mean together, and what stands in for those left out. Called by config.c. */
#include "common/config_fitness.h"

#include <stdlib.h>
#include <string.h>

#include "common/combine.h"
#include "common/config_parts.h"
#include "common/config_rules.h"
#include "common/oneshot.h"
#include "common/protocol.h"
#include "common/space.h"

/* Puts the name that a study keeps in place of the one that was typed. */
static enum status_code keep_protocol(const struct config_yaml *yaml, bool stored, struct config_study *study,
                                      struct status *status)
{
    struct protocol protocol;
    char *kept = strdup(protocol_kept_name(study->space, study->fitness.protocol, stored));
    if (kept == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the settings");
    free(study->fitness.protocol);
    study->fitness.protocol = kept;
    if (protocol_preset(study->space, kept, &protocol, status) == STATUS_OK)
        return STATUS_OK;
    status->code = STATUS_BAD_INPUT;
    return config_yaml_blame(yaml, "fitness.protocol", status);
}

/* Whether the key at that place of the study was given at all. */
static bool given(const struct config_yaml *yaml, size_t offset)
{
    size_t rule_count, i = 0;
    const struct config_rule *rules = config_rules(&rule_count);
    while (i < rule_count && (rules[i].section == CONFIG_COST || rules[i].offset != offset))
        i++;
    return i < rule_count && config_yaml_value(yaml, i, 0) != NULL;
}

/* Only evnas and nevonas score each generation by weights of its own, and only bilevel takes architectures out of weights. */
static enum status_code complete_training(const struct config_yaml *yaml, struct config_study *study, struct status *status)
{
    struct config_oneshot *oneshot = &study->fitness.oneshot;
    const char *name = study->strategy.name;
    bool own = strcmp(name, "evnas") == 0 || strcmp(name, "nevonas") == 0, bilevel = strcmp(name, "bilevel") == 0;
    if (!given(yaml, offsetof(struct config_study, fitness.oneshot.train)))
        oneshot->train = bilevel ? CONFIG_TRAIN_BILEVEL : own ? CONFIG_TRAIN_POPULATION : CONFIG_TRAIN_BEFORE;
    if (bilevel != (oneshot->train == CONFIG_TRAIN_BILEVEL))
        return config_refuse(yaml, "fitness.train", status,
                             "bilevel and the strategy bilevel go together, and neither with anything else");
    if (oneshot->train == CONFIG_TRAIN_POPULATION && !own)
        return config_refuse(
            yaml, "fitness.train", status,
            "is population, but strategy %s compares candidates across generations, whose weights would differ; take "
            "before, or the strategy evnas or nevonas",
            name);
    if (oneshot->train == CONFIG_TRAIN_POPULATION && study->strategy.population > ONESHOT_SCHEDULE_MAX)
        return config_refuse(yaml, "strategy.population", status, "%u is more than the %d that can train a one-shot net; lower it",
                             study->strategy.population, ONESHOT_SCHEDULE_MAX);
    if (bilevel && oneshot->paths == CONFIG_PATHS_SINGLE)
        return config_refuse(yaml, "fitness.paths", status, "is single, but strategy bilevel trains mixtures; leave it out");
    return STATUS_OK;
}

static enum status_code complete_oneshot(const struct config_yaml *yaml, struct config_study *study, struct status *status)
{
    struct config_oneshot *oneshot = &study->fitness.oneshot;
    const struct space_ops *space;
    struct oneshot_protocol protocol;
    enum status_code code = space_find(study->space, &space, status);
    if (code != STATUS_OK)
        return code;
    if (space->build_oneshot == NULL)
        return config_refuse(yaml, "space", status, "is %s, which has no one-shot net; take nb201 or darts", study->space);
    if (oneshot->channels == 0)
        oneshot->channels = space->defaults.channels;
    if (oneshot->cells == 0)
        oneshot->cells = space->defaults.cells;
    code = complete_training(yaml, study, status);
    if (code != STATUS_OK)
        return code;
    config_oneshot_protocol(study, &protocol);
    code = oneshot_protocol_check(&protocol, status);
    return code == STATUS_OK ? code : config_yaml_blame(yaml, "fitness", status);
}

void config_oneshot_protocol(const struct config_study *study, struct oneshot_protocol *out)
{
    const struct config_oneshot *oneshot = &study->fitness.oneshot;
    bool population = oneshot->train == CONFIG_TRAIN_POPULATION;
    *out = (struct oneshot_protocol){.channels = oneshot->channels,
                                     .cells = oneshot->cells,
                                     .batch = (int32_t)oneshot->batch,
                                     .epochs = population ? study->strategy.generations : oneshot->epochs,
                                     .shards = oneshot->shards,
                                     .learning_rate = oneshot->learning_rate,
                                     .learning_rate_end = oneshot->learning_rate_end,
                                     .momentum = oneshot->momentum,
                                     .weight_decay = oneshot->weight_decay,
                                     .clip_norm = oneshot->clip_norm,
                                     .single_path = oneshot->paths == CONFIG_PATHS_SINGLE,
                                     .batch_statistics = oneshot->statistics == CONFIG_STATISTICS_BATCH,
                                     .augment = oneshot->augment,
                                     .bilevel = oneshot->train == CONFIG_TRAIN_BILEVEL,
                                     .gumbel = study->strategy.relaxation == CONFIG_RELAX_GUMBEL,
                                     .alpha_learning_rate = oneshot->alpha_learning_rate,
                                     .alpha_weight_decay = oneshot->alpha_weight_decay};
    if (!out->bilevel) {
        out->gumbel = false;
        out->alpha_learning_rate = out->alpha_weight_decay = 0;
    }
}

/* Whether there is one best to look for: a study without costs, or with a limit. */
static bool looks_for_one(const struct config_study *study)
{
    bool limited = study->cost_count == 0;
    for (size_t i = 0; i < study->cost_count; i++)
        limited |= study->costs[i].has_max;
    return limited;
}

static uint32_t usual_finalists(const struct config_study *study)
{
    uint32_t budget = study->budget.evaluations;
    const struct config_fitness *fitness = &study->fitness;
    if (strcmp(fitness->combine, "macs+deep") != 0 || !looks_for_one(study) ||
        combine_finals(study->space, fitness->protocol, combine_finals_kept_name("final")) == NULL)
        return 0;
    return budget > 0 && budget / CONFIG_FINALIST_OF < CONFIG_FINALISTS ? budget / CONFIG_FINALIST_OF : CONFIG_FINALISTS;
}

/* stored: these are settings out of a database, where a key that is missing did not exist yet. */
static enum status_code complete_finals(const struct config_yaml *yaml, bool stored, struct config_study *study,
                                        struct status *status)
{
    struct config_fitness *fitness = &study->fitness;
    if (!stored && !given(yaml, offsetof(struct config_study, fitness.finalists)))
        fitness->finalists = usual_finalists(study);
    if (fitness->finalists == 0)
        return STATUS_OK;
    char *kept = strdup(combine_finals_kept_name(fitness->finals != NULL ? fitness->finals : "final"));
    if (kept == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the settings");
    free(fitness->finals);
    fitness->finals = kept;
    if (combine_finals(study->space, fitness->protocol, kept) != NULL)
        return STATUS_OK;
    return config_refuse(
        yaml, "fitness.finalists", status,
        "is %u, but there are no finals '%.64s' for %s in the space %s: how their scores spread was not measured; leave it "
        "out, or take 0",
        fitness->finalists, kept, fitness->protocol, study->space);
}

static enum status_code complete_combine(const struct config_yaml *yaml, bool stored, struct config_study *study,
                                         struct status *status)
{
    struct config_fitness *fitness = &study->fitness;
    bool scaled = combine_scale(study->space, fitness->protocol) != NULL;
    enum status_code code = config_give(&fitness->combine, scaled && !stored ? "macs+deep" : "none", status);
    if (code != STATUS_OK || strcmp(fitness->combine, "none") == 0)
        return code;
    if (strcmp(fitness->combine, "macs") != 0 && strcmp(fitness->combine, "macs+deep") != 0)
        return config_refuse(yaml, "fitness.combine", status, "'%.64s' is not one of its words; give macs+deep, macs or none",
                             fitness->combine);
    if (!scaled)
        return config_refuse(
            yaml, "fitness.combine", status,
            "is %s, but how phi of %s spreads in the space %s was not measured, and without that the parts cannot be "
            "weighed; leave it out, or take none",
            fitness->combine, fitness->protocol, study->space);
    return STATUS_OK;
}

enum status_code config_fitness_complete(const struct config_yaml *yaml, bool stored, struct config_study *study,
                                         struct status *status)
{
    struct config_fitness *fitness = &study->fitness;
    if (fitness->source == CONFIG_FITNESS_ONESHOT)
        return complete_oneshot(yaml, study, status);
    if (fitness->source != CONFIG_FITNESS_RMI)
        return STATUS_OK;
    enum status_code code = keep_protocol(yaml, stored, study, status);
    if (code != STATUS_OK)
        return code;
    code = complete_combine(yaml, stored, study, status);
    return code == STATUS_OK ? complete_finals(yaml, stored, study, status) : code;
}
