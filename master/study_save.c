/* study_save: a search as bytes, and going on from them and from the candidates told since. Part of study. */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/jsontext.h"
#include "master/preference.h"
#include "master/study_parts.h"

enum { SAVED_VERSION = 1 };

/* One that satisfies; NULL without memory. */
static json_t *save_good(const struct study *study, const struct study_candidate *candidate)
{
    char genes[STRATEGY_GENES_BYTES];
    strategy_genes_print(&candidate->arch, genes);
    return json_pack("{s:s, s:I, s:I, s:b, s:f, s:o}", "genes", genes, "ask", (json_int_t)candidate->ask, "told",
                     (json_int_t)candidate->told, "cached", (int)candidate->cached, "fitness", candidate->result.fitness, "costs",
                     preference_save_costs(candidate->result.costs, study->config->cost_count));
}

static json_t *save_best(const struct study *study)
{
    return study->has_best ? save_good(study, &study->best) : json_null();
}

/* NULL when there are none, or without memory. */
static json_t *save_finalists(const struct study *study)
{
    json_t *list = study->finals.count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < study->finals.count; i++)
        json_array_append_new(list, save_good(study, &study->finals.list[i]));
    return list;
}

/* Asked and not told; NULL when there is none, or without memory. */
static json_t *save_in_flight(const struct study *study)
{
    json_t *list = study->pending != NULL ? json_array() : NULL;
    for (const struct pending *pending = study->pending; pending != NULL; pending = pending->next) {
        char genes[STRATEGY_GENES_BYTES];
        strategy_genes_print(&pending->candidate.arch, genes);
        json_array_append_new(list, json_pack("{s:I, s:s, s:b}", "ask", (json_int_t)pending->candidate.ask, "genes", genes,
                                              "cached", (int)pending->candidate.cached));
    }
    return list;
}

enum status_code study_save(const struct study *study, void **data, size_t *size, struct status *status)
{
    json_t *strategy = strategy_save_json(&study->strategy), *best = save_best(study), *in_flight = save_in_flight(study);
    json_t *saved = NULL, *oneshot = study->oneshot.course != NULL ? study_oneshot_save(study) : NULL;
    json_t *finalists = save_finalists(study);
    bool whole = (study->oneshot.course == NULL) == (oneshot == NULL) && json_array_size(finalists) == study->finals.count;
    if (whole && strategy != NULL && best != NULL && json_array_size(in_flight) == study->strategy.asked - study->strategy.told) {
        saved = json_pack("{s:i, s:I, s:I, s:I, s:O, s:O, s:O*, s:O*, s:O*}", "version", SAVED_VERSION, "distinct",
                          (json_int_t)study->distinct, "cached", (json_int_t)study->cached, "skipped", (json_int_t)study->skipped,
                          "best", best, "strategy", strategy, "in_flight", in_flight, "oneshot", oneshot, "finalists", finalists);
    }
    json_decref(finalists);
    json_decref(strategy);
    json_decref(best);
    json_decref(in_flight);
    json_decref(oneshot);
    bool done = saved != NULL && strategy_json_text(saved, data, size);
    json_decref(saved);
    return done ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "study %s: no memory to save it", study->config->name);
}

static enum status_code load_good(const struct study *study, json_t *saved, const char *which, struct study_candidate *out,
                                  struct status *status)
{
    const char *genes;
    json_int_t ask, told = -1;
    int cached;
    double fitness;
    json_t *costs;
    json_error_t error;
    struct arch arch;
    if (json_unpack_ex(saved, &error, 0, "{s:s, s:I, s?I, s:b, s:F, s:o}", "genes", &genes, "ask", &ask, "told", &told, "cached",
                       &cached, "fitness", &fitness, "costs", &costs) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s: %s", which, error.text);
    if (ask < 0 || json_array_size(costs) != study->config->cost_count || !strategy_genes_parse(study->space, genes, &arch))
        return status_set(status, STATUS_BAD_INPUT, "saved search: its %s is not a candidate of study %s", which,
                          study->config->name);
    study_name_candidate(study, &arch, (uint64_t)ask, out);
    out->told = (uint64_t)(told >= 0 ? told : ask); /* saved before there was a steady mode: the same */
    out->cached = cached;
    out->result.feasible = true;
    out->result.fitness = fitness;
    for (uint32_t i = 0; i < study->config->cost_count; i++)
        out->result.costs[i] = json_number_value(json_array_get(costs, i));
    out->satisfies = true;
    return STATUS_OK;
}

static enum status_code load_best(struct study *study, json_t *saved, struct status *status)
{
    if (json_is_null(saved))
        return STATUS_OK;
    enum status_code code = load_good(study, saved, "best", &study->best, status);
    study->has_best = code == STATUS_OK;
    return code;
}

/* In the order of the list, so that each finds its place as it did when it was told. */
static enum status_code load_finalists(struct study *study, json_t *list, struct status *status)
{
    struct study_candidate candidate;
    size_t i;
    json_t *item;
    enum status_code code = STATUS_OK;
    json_array_foreach(list, i, item)
    {
        if (code == STATUS_OK && (code = load_good(study, item, "finalist", &candidate, status)) == STATUS_OK)
            finals_offer(&study->finals, &candidate);
    }
    return code;
}

static enum status_code load_one_in_flight(struct study *study, json_t *saved, struct status *status)
{
    const char *genes;
    json_int_t ask;
    int cached;
    json_error_t error;
    struct arch arch;
    if (json_unpack_ex(saved, &error, 0, "{s:I, s:s, s:b}", "ask", &ask, "genes", &genes, "cached", &cached) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: in flight: %s", error.text);
    bool in_order = ask >= 0 && (uint64_t)ask < study->strategy.asked &&
                    (study->pending == NULL || study->pending->prev->candidate.ask < (uint64_t)ask);
    if (!in_order || !strategy_genes_parse(study->space, genes, &arch) || !strategy_known(&study->strategy, &arch))
        return status_set(status, STATUS_BAD_INPUT, "saved search: what is in flight as ask %lld is not one of study %s",
                          (long long)ask, study->config->name);
    struct pending *pending = study_expect(study, &arch, (uint64_t)ask);
    if (pending == NULL)
        return status_set(status, STATUS_NO_MEMORY, "study %s: no memory to go on", study->config->name);
    pending->candidate.cached = cached;
    return STATUS_OK;
}

static enum status_code load_in_flight(struct study *study, json_t *list, struct status *status)
{
    size_t i;
    json_t *item;
    enum status_code code = STATUS_OK;
    if (json_array_size(list) != study->strategy.asked - study->strategy.told)
        return status_set(status, STATUS_BAD_INPUT,
                          "saved search: %zu candidates in flight do not go with %llu asked and %llu told", json_array_size(list),
                          (unsigned long long)study->strategy.asked, (unsigned long long)study->strategy.told);
    json_array_foreach(list, i, item)
    {
        if (code == STATUS_OK)
            code = load_one_in_flight(study, item, status);
    }
    return code;
}

static enum status_code load_saved(struct study *study, json_t *saved, struct status *status)
{
    int version;
    json_int_t distinct, cached, skipped;
    json_t *best, *strategy, *in_flight = NULL, *oneshot = NULL, *finalists = NULL;
    json_error_t error;
    if (json_unpack_ex(saved, &error, 0, "{s:i, s:I, s:I, s:I, s:o, s:o, s?o, s?o, s?o}", "version", &version, "distinct",
                       &distinct, "cached", &cached, "skipped", &skipped, "best", &best, "strategy", &strategy, "in_flight",
                       &in_flight, "oneshot", &oneshot, "finalists", &finalists) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    if (version != SAVED_VERSION || distinct < 0 || cached < 0 || skipped < 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: version %d; version %d was expected", version, SAVED_VERSION);
    enum status_code code = strategy_load_json(&study->strategy, strategy, status);
    if (code == STATUS_OK)
        code = load_best(study, best, status);
    if (code == STATUS_OK && study->oneshot.course != NULL)
        code = study_oneshot_load(study, oneshot, status);
    if (code == STATUS_OK)
        code = load_finalists(study, finalists, status);
    if (code == STATUS_OK)
        code = load_in_flight(study, in_flight, status);
    study->distinct = (uint64_t)distinct;
    study->cached = (uint64_t)cached;
    study->skipped = (uint64_t)skipped;
    study->snapshot_told = study->strategy.told;
    return code;
}

enum status_code study_load(struct study *study, const void *data, size_t size, struct status *status)
{
    assert(study->strategy.asked == 0);
    json_t *saved;
    enum status_code code = jsontext_read(data, size, "the saved search", &saved, status);
    if (code != STATUS_OK)
        return code;
    code = load_saved(study, saved, status);
    json_decref(saved);
    return code;
}

/* The candidate of that ask, after the asks that are due before the next tell: with steady all that can be made, else those up to
 * it. NULL when it is not asked for. */
static struct pending *ask_again(struct study *study, uint64_t ask)
{
    struct pending *found;
    bool steady = strategy_steady(&study->strategy);
    bool whole = steady || study->oneshot.population; /* a generation that trains has its keys when all of it was asked */
    while ((whole || study->strategy.asked <= ask) && study_ask(study))
        continue;
    DL_SEARCH_SCALAR(study->pending, found, candidate.ask, ask);
    return study->out_of_memory || (!steady && found != study->pending) ? NULL : found;
}

enum status_code study_replay(struct study *study, const struct study_candidate *told, struct status *status)
{
    if (told->told != study->strategy.told)
        return status_set(status, STATUS_CONFLICT, "study %s: candidate %llu is stored as told where %llu was expected",
                          study->config->name, (unsigned long long)told->told, (unsigned long long)study->strategy.told);
    if (study->oneshot.bilevel && study->strategy.asked == told->ask)
        strategy_offer(&study->strategy, &told->arch); /* as its weights had it; they need not be read again */
    struct pending *pending = ask_again(study, told->ask);
    if (pending == NULL)
        return status_set(status, study->out_of_memory ? STATUS_NO_MEMORY : STATUS_CONFLICT,
                          "study %s: candidate %llu is stored, but its settings do not ask for it then", study->config->name,
                          (unsigned long long)told->ask);
    struct study_candidate *candidate = &pending->candidate;
    if (strcmp(candidate->arch_text, told->arch_text) != 0 || strcmp(candidate->fitness_key, told->fitness_key) != 0)
        return status_set(
            status, STATUS_CONFLICT,
            "study %s: candidate %llu was %.120s when it was stored and comes out as %.120s now: its settings or its files "
            "have changed, or another version of hwnas made it; start it under another name",
            study->config->name, (unsigned long long)told->ask, told->arch_text, candidate->arch_text);
    study_take(study, pending);
    candidate->result = told->result;
    study_tell(study, candidate);
    free(pending);
    return STATUS_OK;
}
