/* study: splits what the strategy asks into parts, collects their values whatever their source, and tells the strategy. Called by
 * search.c. Opening is in study_open.c, going on after a restart in study_save.c.
 *
 * The rule it keeps: what is asked and told depends on the settings and on the values alone, never on when or in what order the
 * values come in; with strategy.mode steady, on the order of the tells as well, and on nothing else. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "master/study_key.h"
#include "master/study_parts.h"

/* A snapshot is due when the search has grown by one in this many since the last. */
enum { SNAPSHOT_GROWTH = 8 };

/* A search ends when of so many candidates not one could be evaluated: what is skipped spends no budget, and where tables know
 * nothing of what a space holds, some strategies would look for it without end. */
enum { SKIPPED_PER_DISTINCT = 10000 };

/* --- a candidate's parts --- */

void study_name_candidate(const struct study *study, const struct arch *arch, uint64_t ask, struct study_candidate *out)
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
    else if (study->oneshot.course == NULL)
        study_key_rmi(study->config, out->canonical_text, &study->bundle, &study->first.digest, study->config->seed,
                      out->fitness_key);
    for (size_t i = 0; i < CONFIG_COSTS_MAX; i++)
        out->result.costs[i] = NAN;
}

enum status_code study_immediate_costs(const struct study *study, struct study_candidate *candidate)
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
                return STATUS_NOT_FOUND;
            continue;
        }
        if (source == CONFIG_COST_LUT) {
            if (!lut_get(study->luts[i], &candidate->arch, out))
                return STATUS_NOT_FOUND;
            continue;
        }
        enum status_code code = counted ? STATUS_OK : study_paper_cost(study, &candidate->arch, &cost, NULL);
        if (code != STATUS_OK)
            return code == STATUS_NO_MEMORY ? code : STATUS_NOT_FOUND;
        counted = true;
        *out = source == CONFIG_COST_MACS ? (double)cost.macs : (double)cost.params;
    }
    return STATUS_OK;
}

bool study_look_up(const struct study *study, const struct arch *arch, struct strategy_result *out)
{
    struct study_candidate candidate = {.arch = *arch};
    *out = (struct strategy_result){.feasible = false};
    if (study->fitness_table == NULL || !space_connected(study->space, arch) ||
        study_immediate_costs(study, &candidate) != STATUS_OK)
        return false;
    *out = candidate.result;
    out->feasible = table_get(study->fitness_table, arch, &out->fitness);
    return out->feasible;
}

/* Decides whether the candidate costs an evaluation, and counts it. */
static void count_ask(struct study *study, struct study_candidate *candidate)
{
    struct arch identity;
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

/* The value of that key; wanted from outside, in the way that `like` has, when it is new. NULL without memory. */
static struct value *need_value(struct study *study, const char *key, const struct study_want *like)
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
    *want = *like;
    memcpy(want->key, key, DIGEST_HEX_BYTES);
    value->want = want;
    queue_want(study, value);
    return value;
no_memory:
    free(value);
    free(want);
    return NULL;
}

struct value *study_need(struct study *study, const struct study_candidate *candidate, const char *key, const char *device,
                         const struct protocol *protocol, uint64_t seed)
{
    struct study_want want = {.kind = device != NULL ? STUDY_WANT_MEASURE : STUDY_WANT_RMI};
    space_canonical(study->space, &candidate->arch, &want.arch);
    memcpy(want.arch_text, candidate->canonical_text, sizeof want.arch_text);
    if (device != NULL) {
        snprintf(want.device, sizeof want.device, "%s", device);
    } else {
        want.protocol = *protocol;
        want.seed = seed;
    }
    return need_value(study, key, &want);
}

/* Wants phi of one network or of two, and counts what is combined with it. False without memory. */
static bool need_scores(struct study *study, struct pending *pending)
{
    const struct study_candidate *candidate = &pending->candidate;
    char key[DIGEST_HEX_BYTES];
    if (study->scale != NULL && study_own_macs(study->space, &candidate->arch, &pending->macs, NULL) != STATUS_OK)
        return false;
    uint64_t seed = study->config->seed;
    pending->fitness = study_need(study, candidate, candidate->fitness_key, NULL, &study->first.protocol, seed);
    if (pending->fitness == NULL || !study->has_second)
        return pending->fitness != NULL;
    study_key_rmi(study->config, candidate->canonical_text, &study->bundle, &study->second.digest, seed, key);
    pending->deep = study_need(study, candidate, key, NULL, &study->second.protocol, seed);
    return pending->deep != NULL;
}

/* Its weights are there. The exact architecture is scored: its like has other weights in the one-shot net. */
static bool need_oneshot_score(struct study *study, struct pending *pending, const struct study_oneshot *oneshot)
{
    const struct study_candidate *candidate = &pending->candidate;
    struct study_want want = {
        .kind = STUDY_WANT_ONESHOT_SCORE, .arch = candidate->arch, .seed = study->config->seed, .oneshot = *oneshot};
    memcpy(want.arch_text, candidate->arch_text, sizeof want.arch_text);
    pending->fitness = need_value(study, candidate->fitness_key, &want);
    return pending->fitness != NULL;
}

/* Looks up or wants fitness and measured costs; oneshot: by which weights, where there are some. False without memory. */
static bool need_values(struct study *study, struct pending *pending, const struct study_oneshot *oneshot)
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
        if (study->oneshot.course != NULL ? !need_oneshot_score(study, pending, oneshot) : !need_scores(study, pending))
            return false;
    }
    for (uint32_t i = 0; i < study->config->cost_count; i++) {
        char key[DIGEST_HEX_BYTES];
        if (study->config->costs[i].source != CONFIG_COST_AGENT)
            continue;
        study_key_measure(study->config, candidate->canonical_text, study->config->costs[i].device, key);
        pending->costs[i] = study_need(study, candidate, key, study->config->costs[i].device, NULL, 0);
        if (pending->costs[i] == NULL)
            return false;
    }
    return true;
}

/* Nothing is asked any more, and all that was asked is told. */
static bool search_ended(const struct study *study)
{
    return study->closed && study->pending == NULL;
}

/* Not at the ask itself: a replay asks for what is told at once. One that waits for the weights of a one-shot net keeps those asked
 * after it waiting, which need the same or later ones. */
static void split_asked(struct study *study)
{
    for (; study->next_to_split != NULL && !study->out_of_memory; study->next_to_split = study->next_to_split->next) {
        struct pending *pending = study->next_to_split;
        struct study_oneshot oneshot = {0};
        if (study->oneshot.course != NULL && !study_oneshot_ready(study, pending, &oneshot))
            return;
        study->out_of_memory = !need_values(study, pending, &oneshot);
        pending->split = true;
    }
    if (!study->out_of_memory && search_ended(study))
        study->out_of_memory = !study_finals_begin(study);
}

/* --- asking --- */

struct pending *study_expect(struct study *study, const struct arch *arch, uint64_t ask)
{
    struct pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL)
        return NULL;
    study_name_candidate(study, arch, ask, &pending->candidate);
    enum status_code costs = pending->candidate.connected ? study_immediate_costs(study, &pending->candidate) : STATUS_NOT_FOUND;
    if (costs == STATUS_NO_MEMORY) {
        free(pending);
        return NULL;
    }
    pending->candidate.skipped = costs != STATUS_OK;
    pending->held = study->hold;
    pending->point = COURSE_NONE;
    if (!study_oneshot_asked(study, pending)) {
        free(pending);
        return NULL;
    }
    DL_APPEND(study->pending, pending);
    if (study->look_from == NULL)
        study->look_from = pending;
    if (study->next_to_split == NULL)
        study->next_to_split = pending;
    if (study->next_asked == NULL)
        study->next_asked = pending;
    return pending;
}

void study_take(struct study *study, struct pending *pending)
{
    if (study->next_to_split == pending)
        study->next_to_split = pending->next;
    if (study->next_asked == pending)
        study->next_asked = pending->next;
    if (study->look_from == pending)
        study->look_from = pending->next;
    DL_DELETE(study->pending, pending);
}

static bool budget_spent(const struct study *study)
{
    return study->config->budget.evaluations != 0 && study->distinct >= study->config->budget.evaluations;
}

static bool hopeless(const struct study *study)
{
    return study->skipped / SKIPPED_PER_DISTINCT > study->distinct;
}

/* True and *out when the strategy proposes something. */
static bool propose(struct study *study, struct arch *out)
{
    study->closed |= budget_spent(study) || hopeless(study);
    study->out_of_memory |= study->oneshot.bilevel && !study_bilevel_offer(study);
    if (study->out_of_memory || study->closed)
        return false;
    enum strategy_answer answer = strategy_ask(&study->strategy, out);
    study->closed = answer == STRATEGY_DONE;
    study->out_of_memory = study->strategy.out_of_memory;
    return answer == STRATEGY_ASK;
}

bool study_ask(struct study *study)
{
    struct arch arch;
    if (!propose(study, &arch)) {
        study->out_of_memory |= !study_oneshot_closed(study);
        return false;
    }
    study->snapshot_due = false;
    struct pending *pending = study_expect(study, &arch, study->strategy.asked - 1);
    study->out_of_memory = pending == NULL;
    if (pending != NULL)
        count_ask(study, &pending->candidate);
    return pending != NULL;
}

size_t study_pump(struct study *study, size_t limit)
{
    size_t asked = 0;
    while (asked < limit && study_ask(study))
        asked++;
    return asked;
}

void study_hold(struct study *study)
{
    assert(study->strategy.asked == 0);
    study->hold = true;
}

bool study_asked(struct study *study, struct study_candidate *out)
{
    split_asked(study);
    if (study->next_asked == NULL)
        return false;
    *out = study->next_asked->candidate;
    study->next_asked = study->next_asked->next;
    return true;
}

void study_release(struct study *study, uint64_t ask)
{
    struct pending *pending;
    DL_SEARCH_SCALAR(study->pending, pending, candidate.ask, ask);
    if (pending != NULL)
        pending->held = false;
    study->look_from = study->pending;
}

bool study_weights_want(struct study *study, struct study_weights_want *out)
{
    split_asked(study);
    return study->oneshot.course != NULL && course_weights_want(study->oneshot.course, out);
}

bool study_want(struct study *study, struct study_want *out)
{
    split_asked(study);
    if (study->oneshot.course != NULL && course_want(study->oneshot.course, out))
        return true;
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
    if (study->oneshot.course != NULL && course_provide(study->oneshot.course, key, got->feasible))
        return;
    HASH_FIND(hh, study->values, key, strlen(key), value);
    if (value == NULL || value->known)
        return;
    value->known = true;
    study->look_from = study->pending;
    value->got = *got;
    if (!isfinite(got->value) || !isfinite(got->energy_mj))
        value->got = (struct study_value){.feasible = false};
}

/* --- telling --- */

static bool complete(const struct study *study, const struct pending *pending)
{
    if (pending->held || !pending->split)
        return false;
    if ((pending->fitness != NULL && !pending->fitness->known) || (pending->deep != NULL && !pending->deep->known))
        return false;
    for (uint32_t i = 0; i < study->config->cost_count; i++)
        if (pending->costs[i] != NULL && !pending->costs[i]->known)
            return false;
    return true;
}

static void collect_scores(const struct study *study, struct pending *pending)
{
    struct strategy_result *result = &pending->candidate.result;
    const struct study_value *first = &pending->fitness->got, *deep = pending->deep != NULL ? &pending->deep->got : NULL;
    result->feasible &= first->feasible && (deep == NULL || deep->feasible);
    if (study->scale == NULL)
        result->fitness = first->value;
    else if (deep == NULL)
        result->fitness = combine_macs(study->scale, first->value, pending->macs);
    else
        result->fitness = combine_macs_deep(study->scale, first->value, deep->value, pending->macs);
}

/* Puts the supplied values into the candidate's result. */
static void collect(const struct study *study, struct pending *pending)
{
    struct strategy_result *result = &pending->candidate.result;
    if (pending->fitness != NULL)
        collect_scores(study, pending);
    for (uint32_t i = 0; i < study->config->cost_count; i++) {
        if (pending->costs[i] == NULL)
            continue;
        const struct study_value *got = &pending->costs[i]->got;
        bool energy = study->config->costs[i].column != NULL;
        if (got->feasible && (energy ? got->energy_mj > 0 : got->value >= 0))
            result->costs[i] = energy ? got->energy_mj : got->value;
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

bool study_better(const struct config_study *config, const struct study_candidate *a, const struct study_candidate *b)
{
    if (a->result.fitness != b->result.fitness)
        return a->result.fitness > b->result.fitness;
    for (uint32_t i = 0; i < config->cost_count; i++)
        if (!config->costs[i].limit_only && a->result.costs[i] != b->result.costs[i])
            return a->result.costs[i] < b->result.costs[i];
    return false;
}

void study_tell(struct study *study, struct study_candidate *candidate)
{
    candidate->told = study->strategy.told;
    candidate->satisfies = satisfies(study, &candidate->result);
    strategy_tell(&study->strategy, candidate->ask, &candidate->arch, &candidate->result);
    if (candidate->satisfies && (!study->has_best || study_better(study->config, candidate, &study->best))) {
        study->best = *candidate;
        study->has_best = true;
    }
    finals_offer(&study->finals, candidate);
    uint64_t told = study->strategy.told;
    study->out_of_memory |= study->strategy.out_of_memory; /* what it would save lacks something, or is not in order */
    study->snapshot_due = !study->out_of_memory && strategy_boundary(&study->strategy) &&
                          (told - study->snapshot_told) * SNAPSHOT_GROWTH >= study->snapshot_told;
    if (study->snapshot_due)
        study->snapshot_told = told;
}

/* The oldest ask, or with steady the oldest of those that are complete; NULL when it is not there yet. Those that were found
 * incomplete are not looked at again before another value has come: with thousands in flight, most of a turn's tells are far from
 * the first. */
static struct pending *next_complete(struct study *study)
{
    if (!strategy_steady(&study->strategy))
        return study->pending != NULL && complete(study, study->pending) ? study->pending : NULL;
    while (study->look_from != NULL && !complete(study, study->look_from))
        study->look_from = study->look_from->next;
    return study->look_from;
}

bool study_told(struct study *study, struct study_candidate *out)
{
    split_asked(study);
    struct pending *pending = next_complete(study);
    if (pending != NULL && strategy_steady(&study->strategy))
        study_pump(study, SIZE_MAX); /* so that ask k follows the same tells however the caller pumps */
    if (pending == NULL || study->out_of_memory)
        return false;
    study_take(study, pending);
    collect(study, pending);
    study_tell(study, &pending->candidate);
    *out = pending->candidate;
    free(pending);
    return true;
}

bool study_finished(const struct study *study)
{
    return search_ended(study) && study_finals_over(study);
}

const struct strategy *study_strategy(const struct study *study)
{
    return &study->strategy;
}

unsigned study_trainings(const struct study *study)
{
    return study->fitness_table != NULL ? 0 : study->has_second ? 2 : 1;
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
    study_oneshot_count(study, out);
    study_finals_count(study, out);
}

const struct study_candidate *study_best(const struct study *study)
{
    return study->has_best ? &study->best : NULL;
}

bool study_snapshot_due(const struct study *study)
{
    return study->snapshot_due;
}
