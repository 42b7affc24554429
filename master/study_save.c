/* study_save: a search as bytes, and going on from them and from the candidates told since. Part of study. */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "master/study_parts.h"

enum { SAVED_VERSION = 1 };

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
    study_name_candidate(study, &arch, (uint64_t)ask, &study->best);
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
    study_name_candidate(study, &arch, told->ask, &candidate);
    if (strcmp(candidate.arch_text, told->arch_text) != 0 || strcmp(candidate.fitness_key, told->fitness_key) != 0)
        return status_set(
            status, STATUS_CONFLICT,
            "study %s: candidate %llu was %.120s when it was stored and comes out as %.120s now: its settings or its files "
            "have changed, or another version of hwnas made it; start it under another name",
            study->config->name, (unsigned long long)told->ask, told->arch_text, candidate.arch_text);
    study_classify(study, &candidate);
    candidate.result = told->result;
    study_tell(study, &candidate);
    return STATUS_OK;
}
