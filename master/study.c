/* study: splits what the strategy asks into parts, collects their values whatever their source, and tells the strategy in ask
 * order.
 *
 * Called by the coordinator. The rule it keeps: what is asked and told depends on the settings and on the values alone, never on
 * when or in what order the values come in. */
#include "master/study.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/cost.h"
#include "common/net.h"
#include "master/study_key.h"
#include "master/table.h"

enum { SAVED_VERSION = 1, FILES_MAX = CONFIG_COSTS_MAX + 1, ROLE_BYTES = 32, SNAPSHOT_GROWTH = 8 };

/* One value that somebody outside supplies. */
struct value {
    char key[DIGEST_HEX_BYTES];
    struct study_want *want; /* until it is handed out; owned */
    struct value *next_want; /* queue of those not handed out */
    bool known;
    struct study_value got;
    UT_hash_handle hh;
};

/* A candidate asked and not yet told. */
struct pending {
    struct study_candidate candidate;
    struct value *fitness;                 /* NULL: not needed or resolved at once */
    struct value *costs[CONFIG_COSTS_MAX]; /* NULL likewise */
    struct pending *next;
};

struct study_file_entry {
    char role[ROLE_BYTES]; /* the key in the study file */
    const char *path;      /* borrowed from the configuration */
    struct digest digest;
};

struct study {
    const struct config_study *config; /* borrowed */
    const struct space *space;         /* borrowed */
    struct strategy strategy;
    struct digest bundle, protocol;
    struct table *fitness_table;
    struct table *cost_tables[CONFIG_COSTS_MAX];
    struct study_file_entry files[FILES_MAX];
    size_t file_count;

    struct value *values; /* by key; owned */
    struct value *first_want, *last_want;
    struct pending *first_pending, *last_pending; /* in ask order; owned */

    uint64_t distinct, cached, skipped;
    bool closed; /* nothing more will be asked */
    bool out_of_memory;
    bool has_best;
    struct study_candidate best;
    bool snapshot_due;
    uint64_t snapshot_told; /* at the last snapshot that was due */
};

/* --- open and close --- */

static void add_file(struct study *study, const char *path, const struct digest *digest, const char *role)
{
    struct study_file_entry *file = &study->files[study->file_count++];
    snprintf(file->role, sizeof file->role, "%s", role);
    file->path = path;
    file->digest = *digest;
}

static enum status_code open_fitness(struct study *study, const struct digest *bundle, struct status *status)
{
    const struct config_fitness *fitness = &study->config->fitness;
    if (fitness->source == CONFIG_FITNESS_TABLE) {
        enum status_code code = table_load(fitness->file, study->space, NULL, NULL, fitness->column, &study->fitness_table, status);
        if (code == STATUS_OK)
            add_file(study, fitness->file, table_digest(study->fitness_table), "fitness.file");
        return code;
    }
    struct protocol protocol;
    enum status_code code = protocol_preset(fitness->protocol, &protocol, status);
    if (code != STATUS_OK)
        return code;
    if (bundle == NULL)
        return status_set(status, STATUS_BAD_INPUT, "study %s: fitness by RMI needs a reference bundle", study->config->name);
    protocol_digest(&protocol, &study->protocol);
    study->bundle = *bundle;
    add_file(study, fitness->bundle, bundle, "fitness.bundle");
    return STATUS_OK;
}

static enum status_code open_cost_table(struct study *study, uint32_t i, struct status *status)
{
    const struct config_cost *cost = &study->config->costs[i];
    const char *column = cost->column != NULL ? cost->column : cost->name;
    enum status_code code =
        table_load(cost->file, study->space, cost->device, cost->dataset, column, &study->cost_tables[i], status);
    if (code != STATUS_OK)
        return status_prefix(status, "cost %s", cost->name);
    if (table_minimum(study->cost_tables[i]) < 0)
        return status_set(
            status, STATUS_BAD_INPUT,
            "cost %s: %s has the value %g in column %s; a cost cannot be negative: leave the field empty where there is none",
            cost->name, cost->file, table_minimum(study->cost_tables[i]), column);
    char role[ROLE_BYTES];
    snprintf(role, sizeof role, "costs.%u.file", i);
    add_file(study, cost->file, table_digest(study->cost_tables[i]), role);
    return STATUS_OK;
}

static enum status_code paper_cost(const struct study *study, const struct arch *arch, struct cost *out, struct status *status)
{
    const struct config_network *network = &study->config->network;
    struct space_build build = {.channels = network->channels,
                                .cells = network->cells,
                                .classes = network->classes,
                                .input = {network->input_channels, network->input_size, network->input_size}};
    struct net net;
    net_init_empty(&net);
    enum status_code code = space_build_net(study->space, arch, &build, &net, status);
    if (code == STATUS_OK)
        cost_of_net(&net, out);
    net_free(&net);
    return code;
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
    enum status_code code = paper_cost(study, &arch, &cost, status);
    return code == STATUS_OK ? code : status_prefix(status, "study %s: network", study->config->name);
}

static enum status_code open_costs(struct study *study, struct status *status)
{
    bool on_paper = false;
    if (study->config->cost_count > CONFIG_COSTS_MAX)
        return status_set(status, STATUS_BAD_INPUT, "study %s: has %u costs; at most %d are possible", study->config->name,
                          study->config->cost_count, CONFIG_COSTS_MAX);
    for (uint32_t i = 0; i < study->config->cost_count; i++) {
        enum config_cost_source source = study->config->costs[i].source;
        on_paper |= source == CONFIG_COST_MACS || source == CONFIG_COST_PARAMS;
        enum status_code code = source == CONFIG_COST_TABLE ? open_cost_table(study, i, status) : STATUS_OK;
        if (code != STATUS_OK)
            return code;
    }
    return on_paper ? try_network(study, status) : STATUS_OK;
}

enum status_code study_open(const struct config_study *config, const struct space *space, const struct digest *bundle_digest,
                            struct study **out, struct status *status)
{
    struct study *study = calloc(1, sizeof *study);
    if (study == NULL)
        return status_set(status, STATUS_NO_MEMORY, "study %s: no memory", config->name);
    study->config = config;
    study->space = space;
    enum status_code code = open_costs(study, status);
    if (code == STATUS_OK)
        code = open_fitness(study, bundle_digest, status);
    if (code == STATUS_OK)
        code = strategy_open(config, space, &study->strategy, status);
    if (code == STATUS_OK)
        *out = study;
    else
        study_close(study);
    return code;
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
    for (struct pending *pending = study->first_pending, *next; pending != NULL; pending = next) {
        next = pending->next;
        free(pending);
    }
    free_values(study);
    strategy_close(&study->strategy);
    for (uint32_t i = 0; i < CONFIG_COSTS_MAX; i++)
        table_free(study->cost_tables[i]);
    table_free(study->fitness_table);
    free(study);
}

/* --- a candidate's parts --- */

static void name_candidate(const struct study *study, const struct arch *arch, uint64_t ask, struct study_candidate *out)
{
    struct arch canonical;
    memset(out, 0, sizeof *out);
    out->ask = ask;
    out->arch = *arch;
    space_print(study->space, arch, out->arch_text);
    space_canonical(study->space, arch, &canonical);
    space_print(study->space, &canonical, out->canonical_text);
    out->connected = space_connected(study->space, arch);
    if (study->fitness_table != NULL)
        study_key_table(study->config, out->arch_text, table_digest(study->fitness_table), out->fitness_key);
    else
        study_key_rmi(study->config, out->canonical_text, &study->bundle, &study->protocol, out->fitness_key);
    for (size_t i = 0; i < CONFIG_COSTS_MAX; i++)
        out->result.costs[i] = NAN;
}

/* Fills in the costs that need nobody else. False when one of them cannot be had. */
static bool immediate_costs(const struct study *study, struct study_candidate *candidate)
{
    struct cost cost = {0};
    bool counted = false;
    for (uint32_t i = 0; i < study->config->cost_count; i++) {
        enum config_cost_source source = study->config->costs[i].source;
        double *out = &candidate->result.costs[i];
        if (source == CONFIG_COST_AGENT)
            continue;
        if (source == CONFIG_COST_TABLE) {
            if (!table_get(study->cost_tables[i], &candidate->arch, out))
                return false;
            continue;
        }
        if (!counted && paper_cost(study, &candidate->arch, &cost, NULL) != STATUS_OK)
            return false;
        counted = true;
        *out = source == CONFIG_COST_MACS ? (double)cost.macs : (double)cost.params;
    }
    return true;
}

/* Decides whether the candidate costs an evaluation, and counts it. */
static void classify(struct study *study, struct study_candidate *candidate)
{
    struct arch identity;
    candidate->skipped = !candidate->connected || !immediate_costs(study, candidate);
    if (candidate->skipped) {
        study->skipped++;
        return;
    }
    strategy_identity(&study->strategy, &candidate->arch, &identity);
    struct archive_entry *entry = archive_find(study->strategy.archive, &identity);
    assert(entry != NULL);
    candidate->cached = entry->evaluated;
    entry->evaluated = true;
    study->cached += candidate->cached;
    study->distinct += !candidate->cached;
}

static void queue_want(struct study *study, struct value *value)
{
    if (study->last_want != NULL)
        study->last_want->next_want = value;
    else
        study->first_want = value;
    study->last_want = value;
}

/* The value of that key; wanted from outside when it is new. NULL without memory. */
static struct value *need_value(struct study *study, const struct study_candidate *candidate, enum study_want_kind kind,
                                const char *key, const char *device)
{
    struct value *value = NULL;
    HASH_FIND(hh, study->values, key, DIGEST_HEX_BYTES - 1, value);
    if (value != NULL)
        return value;
    value = calloc(1, sizeof *value);
    struct study_want *want = calloc(1, sizeof *want);
    if (value == NULL || want == NULL)
        goto no_memory;
    memcpy(value->key, key, DIGEST_HEX_BYTES);
    HASH_ADD(hh, study->values, key, DIGEST_HEX_BYTES - 1, value);
    if (value->hh.tbl == NULL)
        goto no_memory;
    memcpy(want->key, key, DIGEST_HEX_BYTES);
    want->kind = kind;
    space_canonical(study->space, &candidate->arch, &want->arch);
    memcpy(want->arch_text, candidate->canonical_text, sizeof want->arch_text);
    snprintf(want->device, sizeof want->device, "%s", device);
    value->want = want;
    queue_want(study, value);
    return value;
no_memory:
    free(value);
    free(want);
    return NULL;
}

/* Looks up or wants fitness and measured costs. False without memory. */
static bool need_values(struct study *study, struct pending *pending)
{
    struct study_candidate *candidate = &pending->candidate;
    if (candidate->skipped)
        return true;
    if (study->fitness_table != NULL) {
        candidate->result.feasible = table_get(study->fitness_table, &candidate->arch, &candidate->result.fitness);
        if (!candidate->result.feasible)
            return true;
    } else {
        candidate->result.feasible = true;
        pending->fitness = need_value(study, candidate, STUDY_WANT_RMI, candidate->fitness_key, "");
        if (pending->fitness == NULL)
            return false;
    }
    for (uint32_t i = 0; i < study->config->cost_count; i++) {
        char key[DIGEST_HEX_BYTES];
        if (study->config->costs[i].source != CONFIG_COST_AGENT)
            continue;
        study_key_measure(study->config, candidate->canonical_text, study->config->costs[i].device, key);
        pending->costs[i] = need_value(study, candidate, STUDY_WANT_MEASURE, key, study->config->costs[i].device);
        if (pending->costs[i] == NULL)
            return false;
    }
    return true;
}

/* --- asking --- */

static bool budget_spent(const struct study *study)
{
    return study->config->budget.evaluations != 0 && study->distinct >= study->config->budget.evaluations;
}

/* Asks once. False when there is nothing to ask now, or no memory. */
static bool ask_one(struct study *study)
{
    struct arch arch;
    struct pending *pending = calloc(1, sizeof *pending);
    study->out_of_memory |= pending == NULL;
    study->closed |= budget_spent(study);
    if (study->out_of_memory || study->closed)
        goto nothing;
    enum strategy_answer answer = strategy_ask(&study->strategy, &arch);
    study->closed = answer == STRATEGY_DONE;
    study->out_of_memory = study->strategy.out_of_memory;
    if (answer != STRATEGY_ASK)
        goto nothing;
    name_candidate(study, &arch, study->strategy.asked - 1, &pending->candidate);
    classify(study, &pending->candidate);
    study->out_of_memory = !need_values(study, pending);
    if (study->last_pending != NULL)
        study->last_pending->next = pending;
    else
        study->first_pending = pending;
    study->last_pending = pending;
    return true;
nothing:
    free(pending);
    return false;
}

size_t study_pump(struct study *study, size_t limit)
{
    size_t asked = 0;
    study->snapshot_due = false;
    while (asked < limit && ask_one(study))
        asked++;
    return asked;
}

bool study_want(struct study *study, struct study_want *out)
{
    struct value *value = study->first_want;
    if (value == NULL)
        return false;
    study->first_want = value->next_want;
    if (study->first_want == NULL)
        study->last_want = NULL;
    *out = *value->want;
    free(value->want);
    value->want = NULL;
    return true;
}

void study_provide(struct study *study, const char *key, const struct study_value *got)
{
    struct value *value = NULL;
    HASH_FIND(hh, study->values, key, strlen(key), value);
    if (value == NULL || value->known)
        return;
    value->known = true;
    value->got = *got;
    if (!isfinite(got->value))
        value->got = (struct study_value){.feasible = false};
}

/* --- telling --- */

static bool complete(const struct study *study, const struct pending *pending)
{
    if (pending->fitness != NULL && !pending->fitness->known)
        return false;
    for (uint32_t i = 0; i < study->config->cost_count; i++)
        if (pending->costs[i] != NULL && !pending->costs[i]->known)
            return false;
    return true;
}

/* Puts the supplied values into the candidate's result. */
static void collect(const struct study *study, struct pending *pending)
{
    struct strategy_result *result = &pending->candidate.result;
    if (pending->fitness != NULL) {
        result->feasible &= pending->fitness->got.feasible;
        result->fitness = pending->fitness->got.value;
    }
    for (uint32_t i = 0; i < study->config->cost_count; i++) {
        if (pending->costs[i] == NULL)
            continue;
        const struct study_value *got = &pending->costs[i]->got;
        if (got->feasible && got->value >= 0)
            result->costs[i] = got->value;
        else
            result->feasible = false;
    }
    if (!result->feasible)
        result->fitness = 0;
}

static bool satisfies(const struct study *study, const struct strategy_result *result)
{
    for (uint32_t i = 0; i < study->config->cost_count; i++)
        if (study->config->costs[i].has_max && !(result->costs[i] <= study->config->costs[i].max))
            return false;
    return result->feasible;
}

/* Highest fitness, then the lower cost (the first that differs), then the earlier ask. */
static bool better(const struct study *study, const struct study_candidate *a, const struct study_candidate *b)
{
    if (a->result.fitness != b->result.fitness)
        return a->result.fitness > b->result.fitness;
    for (uint32_t i = 0; i < study->config->cost_count; i++)
        if (a->result.costs[i] != b->result.costs[i])
            return a->result.costs[i] < b->result.costs[i];
    return a->ask < b->ask;
}

static void tell(struct study *study, struct study_candidate *candidate)
{
    candidate->satisfies = satisfies(study, &candidate->result);
    strategy_tell(&study->strategy, &candidate->arch, &candidate->result);
    if (candidate->satisfies && (!study->has_best || better(study, candidate, &study->best))) {
        study->best = *candidate;
        study->has_best = true;
    }
    uint64_t told = study->strategy.told;
    study->snapshot_due =
        strategy_boundary(&study->strategy) && (told - study->snapshot_told) * SNAPSHOT_GROWTH >= study->snapshot_told;
    if (study->snapshot_due)
        study->snapshot_told = told;
}

bool study_told(struct study *study, struct study_candidate *out)
{
    struct pending *pending = study->first_pending;
    study->snapshot_due = false;
    if (pending == NULL || study->out_of_memory || !complete(study, pending))
        return false;
    study->first_pending = pending->next;
    if (study->first_pending == NULL)
        study->last_pending = NULL;
    collect(study, pending);
    tell(study, &pending->candidate);
    *out = pending->candidate;
    free(pending);
    return true;
}

bool study_finished(const struct study *study)
{
    return study->closed && study->first_pending == NULL;
}

bool study_out_of_memory(const struct study *study)
{
    return study->out_of_memory;
}

void study_count(const struct study *study, struct study_counts *out)
{
    *out = (struct study_counts){.asked = study->strategy.asked,
                                 .told = study->strategy.told,
                                 .distinct = study->distinct,
                                 .cached = study->cached,
                                 .skipped = study->skipped,
                                 .total = strategy_total(&study->strategy),
                                 .generation = strategy_generation(&study->strategy)};
}

const struct study_candidate *study_best(const struct study *study)
{
    return study->has_best ? &study->best : NULL;
}

/* --- restart --- */

bool study_snapshot_due(const struct study *study)
{
    return study->snapshot_due;
}

static json_t *save_best(const struct study *study)
{
    char genes[STRATEGY_GENES_BYTES];
    json_t *costs = json_array();
    if (!study->has_best) {
        json_decref(costs);
        return json_null();
    }
    for (uint32_t i = 0; i < study->config->cost_count; i++)
        json_array_append_new(costs, json_real(study->best.result.costs[i]));
    strategy_genes_print(&study->best.arch, genes);
    return json_pack("{s:s, s:I, s:b, s:f, s:o}", "genes", genes, "ask", (json_int_t)study->best.ask, "cached",
                     (int)study->best.cached, "fitness", study->best.result.fitness, "costs", costs);
}

enum status_code study_save(const struct study *study, void **data, size_t *size, struct status *status)
{
    json_t *strategy = strategy_save_json(&study->strategy), *best = save_best(study), *saved = NULL;
    char *text = NULL;
    if (strategy != NULL && best != NULL) {
        saved =
            json_pack("{s:i, s:I, s:I, s:I, s:O, s:O}", "version", SAVED_VERSION, "distinct", (json_int_t)study->distinct, "cached",
                      (json_int_t)study->cached, "skipped", (json_int_t)study->skipped, "best", best, "strategy", strategy);
        text = saved != NULL ? json_dumps(saved, JSON_COMPACT) : NULL;
    }
    json_decref(strategy);
    json_decref(best);
    json_decref(saved);
    if (text == NULL)
        return status_set(status, STATUS_NO_MEMORY, "study %s: no memory to save it", study->config->name);
    *data = text;
    *size = strlen(text);
    return STATUS_OK;
}

static enum status_code load_best(struct study *study, json_t *saved, struct status *status)
{
    const char *genes;
    json_int_t ask;
    int cached;
    double fitness;
    json_t *costs;
    json_error_t error;
    struct arch arch;
    if (json_is_null(saved))
        return STATUS_OK;
    if (json_unpack_ex(saved, &error, 0, "{s:s, s:I, s:b, s:F, s:o}", "genes", &genes, "ask", &ask, "cached", &cached, "fitness",
                       &fitness, "costs", &costs) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: best: %s", error.text);
    if (ask < 0 || json_array_size(costs) != study->config->cost_count || !strategy_genes_parse(study->space, genes, &arch))
        return status_set(status, STATUS_BAD_INPUT, "saved search: its best candidate is not one of study %s", study->config->name);
    name_candidate(study, &arch, (uint64_t)ask, &study->best);
    study->best.cached = cached;
    study->best.result.feasible = true;
    study->best.result.fitness = fitness;
    for (uint32_t i = 0; i < study->config->cost_count; i++)
        study->best.result.costs[i] = json_number_value(json_array_get(costs, i));
    study->best.satisfies = true;
    study->has_best = true;
    return STATUS_OK;
}

static enum status_code load_saved(struct study *study, json_t *saved, struct status *status)
{
    int version;
    json_int_t distinct, cached, skipped;
    json_t *best, *strategy;
    json_error_t error;
    if (json_unpack_ex(saved, &error, 0, "{s:i, s:I, s:I, s:I, s:o, s:o}", "version", &version, "distinct", &distinct, "cached",
                       &cached, "skipped", &skipped, "best", &best, "strategy", &strategy) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    if (version != SAVED_VERSION || distinct < 0 || cached < 0 || skipped < 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: version %d; version %d was expected", version, SAVED_VERSION);
    enum status_code code = strategy_load_json(&study->strategy, strategy, status);
    if (code == STATUS_OK)
        code = load_best(study, best, status);
    study->distinct = (uint64_t)distinct;
    study->cached = (uint64_t)cached;
    study->skipped = (uint64_t)skipped;
    study->snapshot_told = study->strategy.told;
    return code;
}

enum status_code study_load(struct study *study, const void *data, size_t size, struct status *status)
{
    json_error_t error;
    assert(study->strategy.asked == 0);
    json_t *saved = json_loadb(data, size, 0, &error);
    if (saved == NULL)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    enum status_code code = load_saved(study, saved, status);
    json_decref(saved);
    return code;
}

enum status_code study_replay(struct study *study, const struct study_candidate *told, struct status *status)
{
    struct arch arch;
    struct study_candidate candidate;
    assert(study->first_pending == NULL);
    if (told->ask != study->strategy.asked)
        return status_set(status, STATUS_CONFLICT, "study %s: candidate %llu is stored where %llu was expected",
                          study->config->name, (unsigned long long)told->ask, (unsigned long long)study->strategy.asked);
    if (strategy_ask(&study->strategy, &arch) != STRATEGY_ASK)
        return status_set(status, study->strategy.out_of_memory ? STATUS_NO_MEMORY : STATUS_CONFLICT,
                          "study %s: candidate %llu is stored, but its settings ask for none", study->config->name,
                          (unsigned long long)told->ask);
    name_candidate(study, &arch, told->ask, &candidate);
    if (strcmp(candidate.arch_text, told->arch_text) != 0 || strcmp(candidate.fitness_key, told->fitness_key) != 0)
        return status_set(
            status, STATUS_CONFLICT,
            "study %s: candidate %llu was %.120s when it was stored and comes out as %.120s now: its settings or its files "
            "have changed, or another version of hwnas made it; start it under another name",
            study->config->name, (unsigned long long)told->ask, told->arch_text, candidate.arch_text);
    classify(study, &candidate);
    candidate.result = told->result;
    tell(study, &candidate);
    return STATUS_OK;
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
