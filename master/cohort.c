/* cohort: see cohort.h. Called by strategy_evnas.c, strategy_pevonas.c, strategy_cmanas.c and strategy_nevonas.c. */
#include "master/cohort.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsontext.h"

/* Of the numbers that strategy_rng takes, asks have the lower half. */
static const uint64_t GENERATION_CHANCE = (uint64_t)1 << 63;

/* --- open and close --- */

enum status_code cohort_open(const struct strategy *strategy, uint32_t room, struct cohort *out, struct status *status)
{
    *out = (struct cohort){.room = room};
    alpha_shape(strategy->space, &out->shape);
    out->alpha = calloc(room * out->shape.size, sizeof *out->alpha);
    out->next = calloc(room * out->shape.size, sizeof *out->next);
    out->arch = calloc(room, sizeof *out->arch);
    out->result = calloc(room, sizeof *out->result);
    if (out->alpha == NULL || out->next == NULL || out->arch == NULL || out->result == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a population of %u", room);
    return STATUS_OK;
}

void cohort_close(struct cohort *cohort)
{
    free(cohort->alpha);
    free(cohort->next);
    free(cohort->arch);
    free(cohort->result);
    preference_free(&cohort->told);
    memset(cohort, 0, sizeof *cohort);
}

double *cohort_alpha(const struct cohort *cohort, uint32_t member)
{
    return cohort->alpha + member * cohort->shape.size;
}

double *cohort_next(const struct cohort *cohort, uint32_t member)
{
    return cohort->next + member * cohort->shape.size;
}

/* --- generations --- */

void cohort_rng(const struct strategy *strategy, const struct cohort *cohort, struct rng *out)
{
    strategy_rng(strategy, GENERATION_CHANCE + cohort->generation, out);
}

static void decode_all(const struct strategy *strategy, struct cohort *cohort)
{
    for (uint32_t i = 0; i < cohort->count; i++)
        alpha_decode(strategy->space, &cohort->shape, cohort_alpha(cohort, i), cohort->mask, &cohort->arch[i]);
}

void cohort_renew(struct cohort *cohort)
{
    cohort->renewed = true;
    cohort->since = cohort->told.count;
}

bool cohort_trains(const struct config_study *study)
{
    const struct config_fitness *fitness = &study->fitness;
    return fitness->source == CONFIG_FITNESS_ONESHOT && fitness->oneshot.train == CONFIG_TRAIN_POPULATION;
}

void cohort_begin(const struct strategy *strategy, struct cohort *cohort, uint32_t count)
{
    if (cohort_trains(strategy->study))
        cohort_renew(cohort);
    double *made = cohort->next;
    cohort->next = cohort->alpha;
    cohort->alpha = made;
    cohort->count = count;
    cohort->looked_at = 0;
    cohort->fresh = true;
    decode_all(strategy, cohort);
}

void cohort_begin_random(const struct strategy *strategy, struct cohort *cohort, uint32_t count)
{
    struct rng rng;
    cohort_rng(strategy, cohort, &rng);
    for (uint32_t i = 0; i < count; i++)
        alpha_sample(&cohort->shape, &rng, cohort_next(cohort, i));
    cohort_begin(strategy, cohort, count);
}

/* The result of a member where results are renewed, found when it is passed by: that of an earlier member of the generation, or
 * told since the last change. */
static bool renewed_result(const struct strategy *strategy, struct cohort *cohort, uint32_t member)
{
    struct arch identity, other;
    strategy_identity(strategy, &cohort->arch[member], &identity);
    for (uint32_t i = 0; i < member; i++) {
        strategy_identity(strategy, &cohort->arch[i], &other);
        if (arch_equal(&identity, &other)) {
            cohort->result[member] = cohort->result[i];
            return true;
        }
    }
    for (size_t k = cohort->since; k < cohort->told.count; k++) {
        strategy_identity(strategy, &cohort->told.members[k].arch, &other);
        if (arch_equal(&identity, &other)) {
            cohort->result[member] = k;
            return true;
        }
    }
    return false;
}

static bool has_result(const struct strategy *strategy, struct cohort *cohort, uint32_t member)
{
    return cohort->renewed ? renewed_result(strategy, cohort, member) : strategy_known(strategy, &cohort->arch[member]);
}

/* Passes by the members whose architecture was asked before. True when that was all of them. */
static bool look(const struct strategy *strategy, struct cohort *cohort)
{
    while (cohort->looked_at < cohort->count && has_result(strategy, cohort, cohort->looked_at))
        cohort->looked_at++;
    return cohort->looked_at == cohort->count;
}

/* True when the generation has all its results, which are then found. */
static bool complete(const struct strategy *strategy, struct cohort *cohort)
{
    if (!look(strategy, cohort) || cohort->told.count < strategy->asked)
        return false;
    for (uint32_t i = 0; i < cohort->count && !cohort->renewed; i++) {
        struct arch identity;
        strategy_identity(strategy, &cohort->arch[i], &identity);
        cohort->result[i] = archive_find(strategy->archive, &identity)->place;
    }
    return true;
}

enum strategy_answer cohort_ask(const struct strategy *strategy, struct cohort *cohort, struct arch *out)
{
    if (cohort->done)
        return STRATEGY_DONE;
    if (look(strategy, cohort))
        return STRATEGY_WAIT;
    cohort->fresh = false;
    *out = cohort->arch[cohort->looked_at];
    if (cohort->renewed)
        cohort->result[cohort->looked_at++] = (size_t)strategy->asked; /* result k is that of ask k */
    return STRATEGY_ASK;
}

static bool set_spread(struct cohort *cohort)
{
    double *room = malloc(cohort->told.count * sizeof *room);
    if (room == NULL)
        return false;
    cohort->spread = preference_spread(cohort->told.members, cohort->told.count, room);
    free(room);
    return true;
}

void cohort_tell(struct strategy *strategy, struct cohort *cohort, uint64_t ask, const struct arch *arch,
                 const struct strategy_result *result, void (*turn)(struct strategy *strategy))
{
    struct preference_member member = preference_member(strategy->study, ask, arch, result);
    if (!preference_add(&cohort->told, &member)) {
        strategy->out_of_memory = true;
        return;
    }
    while (!cohort->done && !strategy->out_of_memory && complete(strategy, cohort)) {
        if (cohort->generation == 0 && !set_spread(cohort)) {
            strategy->out_of_memory = true;
            return;
        }
        cohort->generation++;
        turn(strategy);
    }
}

bool cohort_boundary(const struct cohort *cohort)
{
    return cohort->generation > 0 && (cohort->fresh || cohort->done);
}

/* --- results --- */

const struct preference_member *cohort_result(const struct cohort *cohort, uint32_t member)
{
    return &cohort->told.members[cohort->result[member]];
}

double cohort_penalty(const struct strategy *strategy, const struct cohort *cohort)
{
    return strategy->study->strategy.lambda * cohort->spread;
}

struct order {
    const struct cohort *cohort;
    double penalty;
};

/* Members with one result keep the order they stand in. */
static int by_preference(const void *left, const void *right, void *context)
{
    const struct order *order = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int preference = preference_compare(order->penalty, cohort_result(order->cohort, a), cohort_result(order->cohort, b));
    return preference != 0 ? preference : a < b ? -1 : a > b;
}

void cohort_sort(const struct strategy *strategy, const struct cohort *cohort, uint32_t first, uint32_t *order)
{
    struct order by = {cohort, cohort_penalty(strategy, cohort)};
    for (uint32_t i = first; i < cohort->count; i++)
        order[i - first] = i;
    qsort_r(order, cohort->count - first, sizeof *order, by_preference, &by);
}

/* --- saving --- */

struct json_t *cohort_save(const struct cohort *cohort)
{
    json_t *told = preference_save(cohort->told.members, cohort->told.count);
    json_t *alpha = jsontext_numbers(cohort->alpha, cohort->count * cohort->shape.size);
    if (told == NULL || alpha == NULL) {
        json_decref(told);
        json_decref(alpha);
        return NULL;
    }
    return json_pack("{s:I, s:b, s:f, s:o, s:o, s:o*}", "generation", (json_int_t)cohort->generation, "done", (int)cohort->done,
                     "spread", cohort->spread, "alpha", alpha, "told", told, "since",
                     cohort->renewed ? json_integer((json_int_t)cohort->since) : NULL);
}

/* Is result k that of ask k, and, where nothing is asked twice, of the architecture in place k of the archive? */
static bool told_fits(const struct strategy *strategy, const struct cohort *cohort)
{
    if (cohort->told.count != strategy->told || (!cohort->renewed && archive_count(strategy->archive) != strategy->told))
        return false;
    for (size_t k = 0; k < cohort->told.count; k++) {
        struct arch identity;
        strategy_identity(strategy, &cohort->told.members[k].arch, &identity);
        const struct archive_entry *entry = archive_find(strategy->archive, &identity);
        if (entry == NULL || (!cohort->renewed && entry->place != k) || cohort->told.members[k].ask != k ||
            cohort->told.members[k].cost_count != strategy->study->cost_count)
            return false;
    }
    return true;
}

enum status_code cohort_load(const struct strategy *strategy, struct cohort *cohort, const struct json_t *saved,
                             struct status *status)
{
    json_int_t generation;
    int done;
    json_t *alpha, *told;
    json_int_t since = -1;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:I, s:b, s:F, s:o, s:o, s?I}", "generation", &generation, "done",
                       &done, "spread", &cohort->spread, "alpha", &alpha, "told", &told, "since", &since) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    cohort->renewed = since >= 0;
    cohort->since = cohort->renewed ? (size_t)since : 0;
    if (!preference_load_list(strategy->space, told, &cohort->told) || !told_fits(strategy, cohort))
        return status_set(status, STATUS_BAD_INPUT, "saved search: what was told cannot be read, or is not what was asked");
    size_t numbers = json_array_size(alpha), count = numbers / cohort->shape.size;
    if (count > cohort->room || !jsontext_take_numbers(alpha, cohort->alpha, count * cohort->shape.size))
        return status_set(status, STATUS_BAD_INPUT, "saved search: a generation of %zu numbers does not fit the settings", numbers);
    if (cohort->since > cohort->told.count || (cohort_trains(strategy->study) && !cohort->renewed))
        return status_set(status, STATUS_BAD_INPUT, "saved search: results that count from %lld do not go with %zu told",
                          (long long)since, cohort->told.count);
    if (generation < 0 || generation > UINT32_MAX || !(cohort->spread >= 0))
        return status_set(status, STATUS_BAD_INPUT, "saved search: generation %lld with a spread of %g is none",
                          (long long)generation, cohort->spread);
    cohort->count = (uint32_t)count;
    cohort->generation = (uint32_t)generation;
    cohort->done = done;
    cohort->fresh = true;
    decode_all(strategy, cohort);
    if (!cohort->done && look(strategy, cohort))
        return status_set(status, STATUS_BAD_INPUT, "saved search: its generation has all its results");
    return STATUS_OK;
}
