/* study_open: loads a study's tables, tries its network, opens its strategy. Part of study; the only part that reads files. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/net.h"
#include "master/study_parts.h"

static void add_file(struct study *study, const char *path, const struct digest *digest, const char *role)
{
    struct study_file_entry *file = &study->files[study->file_count++];
    snprintf(file->role, sizeof file->role, "%s", role);
    file->path = path;
    file->digest = *digest;
}

static enum status_code open_scoring(const struct study *study, const char *name, struct study_scoring *out, struct status *status)
{
    enum status_code code = protocol_preset(study->config->space, name, &out->protocol, status);
    if (code == STATUS_OK)
        protocol_digest(&out->protocol, &out->digest);
    return code;
}

static enum status_code open_combine(struct study *study, struct status *status)
{
    const char *protocol = study->first.protocol.name;
    study->scale = combine_scale(study->config->space, protocol);
    if (study->scale == NULL)
        return status_set(status, STATUS_BAD_INPUT, "study %s: phi of %s and MACs cannot be combined in the space %s",
                          study->config->name, protocol, study->config->space);
    study->has_second = strcmp(study->config->fitness.combine, "macs+deep") == 0;
    return study->has_second ? open_scoring(study, study->scale->deep, &study->second, status) : STATUS_OK;
}

static enum status_code open_oneshot(struct study *study, const struct study_inputs *inputs, struct status *status)
{
    const struct config_oneshot *settings = &study->config->fitness.oneshot;
    struct study_oneshot_course *oneshot = &study->oneshot;
    if (inputs == NULL || inputs->images == NULL || inputs->validation == NULL)
        return status_set(status, STATUS_BAD_INPUT, "study %s: fitness by a one-shot net needs images to train and to score on",
                          study->config->name);
    oneshot->images = *inputs->images;
    oneshot->validation = *inputs->validation;
    oneshot->population = settings->train == CONFIG_TRAIN_POPULATION;
    oneshot->bilevel = settings->train == CONFIG_TRAIN_BILEVEL;
    oneshot->point = COURSE_NONE;
    add_file(study, settings->images, inputs->images, "fitness.images");
    add_file(study, settings->validation, inputs->validation, "fitness.validation");
    if (oneshot->bilevel && study_bilevel_check(study, status) != STATUS_OK)
        return status->code;
    oneshot->course = course_new(study->config, study->space, inputs->images, inputs->validation);
    return oneshot->course != NULL ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "study %s: no memory", study->config->name);
}

static enum status_code open_fitness(struct study *study, struct tables *tables, const struct study_inputs *inputs,
                                     struct status *status)
{
    const struct config_fitness *fitness = &study->config->fitness;
    if (fitness->source == CONFIG_FITNESS_TABLE) {
        enum status_code code =
            tables_get(tables, study->space, fitness->file, NULL, NULL, fitness->column, &study->fitness_table, status);
        if (code == STATUS_OK)
            add_file(study, fitness->file, table_digest(study->fitness_table), "fitness.file");
        return code;
    }
    if (fitness->source == CONFIG_FITNESS_ONESHOT)
        return open_oneshot(study, inputs, status);
    enum status_code code = open_scoring(study, fitness->protocol, &study->first, status);
    if (code == STATUS_OK && fitness->combine != NULL && strcmp(fitness->combine, "none") != 0)
        code = open_combine(study, status);
    if (code != STATUS_OK)
        return code;
    if (inputs == NULL || inputs->bundle == NULL)
        return status_set(status, STATUS_BAD_INPUT, "study %s: fitness by RMI needs a reference bundle", study->config->name);
    study->bundle = *inputs->bundle;
    add_file(study, fitness->bundle, inputs->bundle, "fitness.bundle");
    return STATUS_OK;
}

static void add_cost_file(struct study *study, uint32_t i, const struct digest *digest)
{
    char role[STUDY_ROLE_BYTES];
    snprintf(role, sizeof role, "costs.%u.file", i);
    add_file(study, study->config->costs[i].file, digest, role);
}

static const char *column_of(const struct config_cost *cost)
{
    return cost->column != NULL ? cost->column : cost->name;
}

static enum status_code open_cost_table(struct study *study, struct tables *tables, uint32_t i, struct status *status)
{
    const struct config_cost *cost = &study->config->costs[i];
    const char *column = column_of(cost);
    enum status_code code =
        tables_get(tables, study->space, cost->file, cost->device, cost->dataset, column, &study->cost_tables[i], status);
    if (code != STATUS_OK)
        return status_prefix(status, "cost %s", cost->name);
    if (table_minimum(study->cost_tables[i]) < 0)
        return status_set(
            status, STATUS_BAD_INPUT,
            "cost %s: %s has the value %g in column %s; a cost cannot be negative: leave the field empty where there is none",
            cost->name, cost->file, table_minimum(study->cost_tables[i]), column);
    add_cost_file(study, i, table_digest(study->cost_tables[i]));
    return STATUS_OK;
}

static enum status_code open_cost_lut(struct study *study, uint32_t i, struct status *status)
{
    const struct config_cost *cost = &study->config->costs[i];
    double least = 0;
    struct arch arch;
    char text[ARCH_TEXT_BYTES];
    enum status_code code = lut_load(cost->file, study->space, column_of(cost), &study->luts[i], status);
    if (code != STATUS_OK)
        return status_prefix(status, "cost %s", cost->name);
    lut_least(study->luts[i], &arch);
    if (lut_get(study->luts[i], &arch, &least) && least < 0) {
        space_print(study->space, &arch, text);
        return status_set(
            status, STATUS_BAD_INPUT,
            "cost %s: column %s of %s gives %s the value %g; a cost cannot be negative: is the base (layer -1) right?", cost->name,
            column_of(cost), cost->file, text, least);
    }
    add_cost_file(study, i, lut_digest(study->luts[i]));
    return STATUS_OK;
}

static enum status_code cost_of(const struct space *space, const struct arch *arch, const struct space_build *build,
                                struct cost *out, struct status *status)
{
    struct net net;
    net_init_empty(&net);
    enum status_code code = space_build_net(space, arch, build, &net, status);
    if (code == STATUS_OK)
        cost_of_net(&net, out);
    net_free(&net);
    return code;
}

enum status_code study_paper_cost(const struct study *study, const struct arch *arch, struct cost *out, struct status *status)
{
    const struct config_network *network = &study->config->network;
    struct space_build build = {.channels = network->channels,
                                .cells = network->cells,
                                .classes = network->classes,
                                .input = {network->input_channels, network->input_size, network->input_size}};
    return cost_of(study->space, arch, &build, out, status);
}

enum status_code study_exact_macs(const struct space *space, const struct arch *arch, double *macs, struct status *status)
{
    struct cost cost;
    enum status_code code = cost_of(space, arch, &space->ops->defaults, &cost, status);
    if (code == STATUS_OK)
        *macs = (double)cost.macs;
    return code;
}

enum status_code study_own_macs(const struct space *space, const struct arch *arch, double *macs, struct status *status)
{
    struct arch canonical;
    space_canonical(space, arch, &canonical);
    return study_exact_macs(space, &canonical, macs, status);
}

/* Settings that no net can be built with are found here, not as a study without one feasible candidate. */
static enum status_code try_network(const struct study *study, struct status *status)
{
    struct rng rng;
    struct arch arch;
    struct cost cost;
    rng_seed(&rng, 0);
    do
        space_sample(study->space, &rng, &arch);
    while (!space_connected(study->space, &arch));
    enum status_code code = study_paper_cost(study, &arch, &cost, status);
    return code == STATUS_OK ? code : status_prefix(status, "study %s: network", study->config->name);
}

static enum status_code open_costs(struct study *study, struct tables *tables, struct status *status)
{
    bool on_paper = false;
    if (study->config->cost_count > CONFIG_COSTS_MAX)
        return status_set(status, STATUS_BAD_INPUT, "study %s: has %u costs; at most %d are possible", study->config->name,
                          study->config->cost_count, CONFIG_COSTS_MAX);
    for (uint32_t i = 0; i < study->config->cost_count; i++) {
        enum config_cost_source source = study->config->costs[i].source;
        on_paper |= source == CONFIG_COST_MACS || source == CONFIG_COST_PARAMS;
        enum status_code code = source == CONFIG_COST_TABLE ? open_cost_table(study, tables, i, status)
                                : source == CONFIG_COST_LUT ? open_cost_lut(study, i, status)
                                                            : STATUS_OK;
        if (code != STATUS_OK)
            return code;
    }
    return on_paper ? try_network(study, status) : STATUS_OK;
}

static enum status_code open_parts(struct study *study, struct tables *tables, const struct study_inputs *inputs,
                                   struct status *status)
{
    if (tables == NULL) {
        tables = study->own_tables = tables_new();
        if (tables == NULL)
            return status_set(status, STATUS_NO_MEMORY, "study %s: no memory", study->config->name);
    }
    enum status_code code = open_costs(study, tables, status);
    if (code == STATUS_OK)
        code = open_fitness(study, tables, inputs, status);
    if (code == STATUS_OK)
        code = finals_open(&study->finals, study->config, study->space, &study->bundle, status);
    if (code == STATUS_OK)
        code = strategy_open(study->config, study->space, &study->strategy, status);
    return code;
}

static enum status_code open_study(const struct config_study *config, const struct space *space, const struct study_inputs *inputs,
                                   struct tables *tables, struct study **out, struct status *status)
{
    struct study *study = calloc(1, sizeof *study);
    if (study == NULL)
        return status_set(status, STATUS_NO_MEMORY, "study %s: no memory", config->name);
    study->config = config;
    study->space = space;
    enum status_code code = open_parts(study, tables, inputs, status);
    if (code == STATUS_OK)
        *out = study;
    else
        study_close(study);
    return code;
}

enum status_code study_open(const struct config_study *config, const struct space *space, const struct study_inputs *inputs,
                            struct study **out, struct status *status)
{
    return open_study(config, space, inputs, NULL, out, status);
}

enum status_code study_open_shared(const struct config_study *config, const struct space *space, const struct study_inputs *inputs,
                                   struct tables *tables, struct study **out, struct status *status)
{
    assert(tables != NULL);
    return open_study(config, space, inputs, tables, out, status);
}

static void free_values(struct study *study)
{
    struct value *value, *next;
    HASH_ITER(hh, study->values, value, next)
    {
        HASH_DEL(study->values, value);
        free(value->want);
        free(value);
    }
}

void study_close(struct study *study)
{
    if (study == NULL)
        return;
    struct pending *pending, *next;
    DL_FOREACH_SAFE(study->pending, pending, next)
    {
        free(pending);
    }
    free(study->final_values);
    finals_close(&study->finals);
    free_values(study);
    course_free(study->oneshot.course);
    free(study->oneshot.ends);
    free(study->oneshot.pulls);
    strategy_close(&study->strategy);
    for (uint32_t i = 0; i < CONFIG_COSTS_MAX; i++)
        lut_free(study->luts[i]);
    tables_free(study->own_tables);
    free(study);
}

size_t study_file_count(const struct study *study)
{
    return study->file_count;
}

void study_file(const struct study *study, size_t i, const char **role, const char **path, const struct digest **digest)
{
    assert(i < study->file_count);
    *role = study->files[i].role;
    *path = study->files[i].path;
    *digest = &study->files[i].digest;
}
