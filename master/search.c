/* search: the life of one study between its settings, its strategy and its store. Called by coord.c; opening and checking settings
 * is in search_open.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/crash.h"
#include "master/search_parts.h"

enum { ADVANCE_MS = 100 }; /* a strategy that thinks keeps signals, messages and commits waiting for this and one pump more */

/* --- questions --- */

const struct config_study *search_config(const struct search *search)
{
    return search->config;
}

const struct space *search_space(const struct search *search)
{
    return &search->space;
}

const struct study *search_study(const struct search *search)
{
    return search->study;
}

struct store *search_store(struct search *search)
{
    return search->store;
}

const struct digest *search_bundle(const struct search *search)
{
    return search->bundle.data != NULL ? &search->bundle.digest : NULL;
}

bool search_finished(const struct search *search)
{
    return search->finished;
}

double search_seconds(const struct search *search, int64_t now_ms)
{
    return search->finished ? search->seconds_in_all : search->seconds_before + (double)(now_ms - search->opened_ms) / 1000;
}

/* --- transactions --- */

enum status_code search_begin(struct search *search, struct status *status)
{
    if (search->in_transaction)
        return STATUS_OK;
    enum status_code code = store_begin(search->store, status);
    search->in_transaction = code == STATUS_OK;
    return code;
}

enum status_code search_commit(struct search *search, struct status *status)
{
    if (!search->in_transaction)
        return STATUS_OK;
    search->in_transaction = false;
    return store_commit(search->store, status);
}

void search_rollback(struct search *search)
{
    if (search->in_transaction)
        store_rollback(search->store);
    search->in_transaction = false;
}

/* --- wants --- */

enum wire_kind search_wire_kind(enum study_want_kind kind)
{
    static const enum wire_kind kinds[] = {[STUDY_WANT_RMI] = WIRE_RMI,
                                           [STUDY_WANT_MEASURE] = WIRE_MEASURE,
                                           [STUDY_WANT_ONESHOT_TRAIN] = WIRE_ONESHOT_TRAIN,
                                           [STUDY_WANT_ONESHOT_SCORE] = WIRE_ONESHOT_SCORE};
    return kinds[kind];
}

const struct study_want *search_wanted(const struct search *search, const char *key)
{
    struct wanted *wanted;
    HASH_FIND_STR(search->wanted, key, wanted);
    return wanted == NULL ? NULL : &wanted->want;
}

/* evaluation NULL: nobody could. */
static void provide(struct search *search, const char *key, const struct store_evaluation *evaluation)
{
    struct wanted *wanted;
    HASH_FIND_STR(search->wanted, key, wanted);
    if (wanted != NULL) {
        HASH_DEL(search->wanted, wanted);
        free(wanted);
    }
    struct study_value value = {.feasible = evaluation != NULL && evaluation->feasible};
    if (value.feasible) {
        value.value = evaluation->value;
        value.energy_mj = isnan(evaluation->energy_mj) ? 0 : evaluation->energy_mj;
    }
    study_provide(search->study, key, &value);
}

void search_forget_wanted(struct search *search)
{
    struct wanted *wanted, *next;
    HASH_ITER(hh, search->wanted, wanted, next)
    {
        HASH_DEL(search->wanted, wanted);
        free(wanted);
    }
}

static enum status_code make_task(struct search *search, const struct study_want *want, search_task task, void *context,
                                  struct status *status)
{
    struct store_attempts attempts = {0};
    enum status_code code = store_lease_attempts(search->store, want->key, &attempts, status);
    if (code != STATUS_OK)
        return code;
    struct wanted *wanted = calloc(1, sizeof *wanted);
    if (wanted == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a task");
    memcpy(wanted->key, want->key, sizeof wanted->key);
    wanted->want = *want;
    HASH_ADD_STR(search->wanted, key, wanted);
    if (wanted->hh.tbl == NULL) {
        free(wanted);
        return status_set(status, STATUS_NO_MEMORY, "no memory for a task");
    }
    task(context, want, &attempts);
    return STATUS_OK;
}

/* The training of a one-shot net whose weights were dropped since has to be done again. */
static enum status_code weights_are_here(struct search *search, const struct study_want *want, bool *here, struct status *status)
{
    struct store_weights weights = {0};
    bool found = false;
    *here = true;
    if (want->kind != STUDY_WANT_ONESHOT_TRAIN)
        return STATUS_OK;
    enum status_code code = store_weights_find(search->store, want->key, &weights, &found, status);
    *here = found && weights.here;
    return code;
}

/* A want is met from the architecture-fitness table, or becomes a task. */
static enum status_code meet_want(struct search *search, const struct study_want *want, search_task task, void *context,
                                  struct status *status)
{
    struct store_evaluation evaluation;
    bool found, here = true;
    enum status_code code = store_evaluation_find(search->store, want->key, &evaluation, &found, status);
    if (code != STATUS_OK)
        return code;
    if (!found)
        return make_task(search, want, task, context, status);
    if (evaluation.feasible)
        code = weights_are_here(search, want, &here, status);
    if (code == STATUS_OK && here)
        provide(search, want->key, &evaluation);
    store_evaluation_free(&evaluation);
    return code == STATUS_OK && !here ? make_task(search, want, task, context, status) : code;
}

/* Weights of a one-shot net first: what is wanted depends on them, and one leads to the next. *met: how many of those. */
static enum status_code meet_wants(struct search *search, search_task task, void *context, size_t *met, struct status *status)
{
    struct study_weights_want weights;
    struct study_want want;
    enum status_code code = STATUS_OK;
    bool moved = true;
    *met = 0;
    while (code == STATUS_OK && moved) {
        moved = false;
        while (code == STATUS_OK && study_weights_want(search->study, &weights)) {
            code = search_meet_weights_want(search, &weights, status);
            moved = true;
            ++*met;
        }
        while (code == STATUS_OK && study_want(search->study, &want)) {
            code = meet_want(search, &want, task, context, status);
            moved = true;
        }
    }
    return code == STATUS_OK ? study_failure(search->study, status) : code;
}

/* --- going on --- */

static enum status_code store_snapshot(struct search *search, struct status *status)
{
    struct study_counts counts;
    void *data;
    size_t size;
    enum status_code code = study_save(search->study, &data, &size, status);
    if (code != STATUS_OK)
        return code;
    study_count(search->study, &counts);
    crash_point("before-snapshot");
    code = store_snapshot_put(search->store, search->id, counts.told, data, size, status);
    crash_point("snapshot-stored");
    free(data);
    return code;
}

static enum status_code store_told(struct search *search, size_t *told, struct status *status)
{
    struct study_candidate candidate;
    *told = 0;
    while (study_told(search->study, &candidate)) {
        enum status_code code = store_candidate_put(search->store, search->id, &candidate, search->config->cost_count, status);
        crash_point("candidate-stored");
        if (code == STATUS_OK && study_snapshot_due(search->study))
            code = store_snapshot(search, status);
        if (code != STATUS_OK)
            return code;
        ++*told;
    }
    return STATUS_OK;
}

/* What the strategy itself answers stands beside the best candidate in the result. */
static enum status_code store_answer(struct search *search, struct status *status)
{
    struct arch answer;
    char text[ARCH_TEXT_BYTES];
    if (!strategy_answer(study_strategy(search->study), &answer))
        return STATUS_OK;
    space_print(&search->space, &answer, text);
    return store_study_answer(search->store, search->id, text, status);
}

static enum status_code mark(struct search *search, struct status *status)
{
    bool finished = study_finished(search->study);
    enum store_study_state state = finished ? STORE_STUDY_FINISHED : STORE_STUDY_RUNNING;
    /* Asking a surrogate or a forest can take most of the time, so the clock is read behind it. */
    double seconds = search_seconds(search, search_now_ms(search));
    enum status_code code =
        store_study_update(search->store, search->id, state, finished ? search_wall_ms(search) : 0, seconds, status);
    if (finished)
        crash_point("finish-stored");
    if (code == STATUS_OK && finished)
        code = store_answer(search, status);
    if (code == STATUS_OK && finished) {
        search->finished = true;
        search->seconds_in_all = seconds;
    }
    return code;
}

enum status_code search_advance(struct search *search, size_t limit, search_task task, void *context, bool *more,
                                struct status *status)
{
    int64_t began_ms = search_now_ms(search);
    size_t moved = 0, told_in_all = 0;
    *more = false;
    if (search->finished)
        return STATUS_OK;
    for (;;) {
        size_t asked = study_pump(search->study, limit), told, met;
        enum status_code code = meet_wants(search, task, context, &met, status);
        if (code == STATUS_OK)
            code = store_told(search, &told, status);
        if (code != STATUS_OK)
            return code;
        if (study_out_of_memory(search->study))
            return status_set(status, STATUS_NO_MEMORY, "study %s: no memory to go on", search->config->name);
        told_in_all += told;
        moved += asked + told;
        *more = moved >= limit || search_now_ms(search) - began_ms >= ADVANCE_MS;
        if (asked + told + met == 0 || *more)
            break;
    }
    return told_in_all > 0 || study_finished(search->study) ? mark(search, status) : STATUS_OK;
}

enum status_code search_pause(struct search *search, struct status *status)
{
    return search->finished ? STATUS_OK : mark(search, status);
}

enum status_code search_accept(struct search *search, const struct store_evaluation *evaluation,
                               const struct search_artifact *artifact, struct status *status)
{
    bool inserted;
    enum status_code code = store_evaluation_put(search->store, evaluation, &inserted, status);
    if (code == STATUS_OK && artifact != NULL)
        code = store_weights_put(search->store, evaluation->key, &artifact->digest, artifact->data, artifact->size, status);
    crash_point("result-stored");
    if (code == STATUS_OK)
        provide(search, evaluation->key, evaluation);
    return code;
}

void search_give_up(struct search *search, const char *key)
{
    provide(search, key, NULL);
}

enum status_code search_known(struct search *search, const char *key, bool *known, struct status *status)
{
    struct store_evaluation evaluation;
    enum status_code code = store_evaluation_get(search->store, key, &evaluation, status);
    *known = code == STATUS_OK;
    if (code == STATUS_OK)
        store_evaluation_free(&evaluation);
    return code == STATUS_NOT_FOUND ? STATUS_OK : code;
}
