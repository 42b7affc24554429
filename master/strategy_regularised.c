/* strategy_regularised: see strategy_regularised.h. Called through strategy.c alone.
 *
 * The population is not kept apart: it is the last `population` of what was told, in the order of the tells. The rule it keeps:
 * what is proposed depends on what was told before the batch of the ask (steady: before the ask), never on how the caller mixes
 * asks and tells. */
#include "master/strategy_regularised.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "master/preference.h"
#include "master/vary.h"

struct regularised {
    struct preference_list told; /* at least all that the population or a later one can still need, in the order of the tells */
    double spread;               /* of fitness in the first population: what one unit of lambda weighs */
    double *values;              /* room to sort a population's fitness; owned */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

static void regularised_close(struct strategy *strategy)
{
    struct regularised *search = strategy->state;
    if (search == NULL)
        return;
    preference_free(&search->told);
    free(search->values);
    free(search);
    strategy->state = NULL;
}

static enum status_code regularised_open(struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    if (s->population < 2 || s->population > 100000 || s->generations < 1 || s->tournament < 1 || s->in_flight < 1)
        return status_set(
            status, STATUS_BAD_INPUT,
            "strategy regularised: a population of 2 to 100000 and at least 1 generation, 1 in the tournament and 1 in "
            "flight are needed, not %u, %u, %u and %u",
            s->population, s->generations, s->tournament, s->in_flight);
    enum status_code code = preference_check(strategy->study, status);
    if (code != STATUS_OK)
        return code;
    struct regularised *search = strategy->state = calloc(1, sizeof *search);
    if (search != NULL)
        search->values = calloc(s->population, sizeof *search->values);
    return search == NULL || search->values == NULL
               ? status_set(status, STATUS_NO_MEMORY, "no memory for a population of %u", s->population)
               : STATUS_OK;
}

/* --- proposing --- */

/* How many tells the next ask may know of. */
static uint64_t known(const struct strategy *strategy)
{
    return strategy_steady(strategy) ? strategy->told : strategy->asked - strategy->asked % settings(strategy)->in_flight;
}

/* The oldest of the population; NULL before it is complete. */
static const struct preference_member *population(const struct strategy *strategy)
{
    const struct regularised *search = strategy->state;
    uint64_t seen = known(strategy), size = settings(strategy)->population;
    size_t unseen = (size_t)(strategy->told - seen);
    return seen < size ? NULL : search->told.members + (search->told.count - unseen - size);
}

/* The best of `tournament` draws, with replacement as in the paper. */
static const struct arch *parent(const struct strategy *strategy, const struct preference_member *members, struct rng *rng)
{
    const struct regularised *search = strategy->state;
    double penalty = settings(strategy)->lambda * search->spread;
    const struct preference_member *best = NULL;
    for (uint32_t i = 0; i < settings(strategy)->tournament; i++) {
        const struct preference_member *drawn = &members[rng_below(rng, settings(strategy)->population)];
        if (best == NULL || preference_compare(penalty, drawn, best) < 0)
            best = drawn;
    }
    return &best->arch;
}

static uint64_t regularised_total(const struct strategy *strategy)
{
    return (uint64_t)settings(strategy)->population * settings(strategy)->generations;
}

static enum strategy_answer regularised_ask(struct strategy *strategy, struct arch *out)
{
    struct rng rng;
    if (strategy->asked >= regularised_total(strategy))
        return STRATEGY_DONE;
    if (strategy_full(strategy))
        return STRATEGY_WAIT;
    strategy_rng(strategy, strategy->asked, &rng);
    const struct preference_member *members = population(strategy);
    if (members == NULL) {
        space_sample(strategy->space, &rng, out);
    } else {
        *out = *parent(strategy, members, &rng);
        vary_step(strategy->space, &rng, out);
    }
    if (!settings(strategy)->plain)
        vary_renew(strategy, &rng, out);
    return STRATEGY_ASK;
}

/* --- learning --- */

/* Drops the dead in one go, when they are as many as those that can still be needed. */
static void bury(const struct strategy *strategy, struct preference_list *told)
{
    size_t needed = (size_t)settings(strategy)->population + settings(strategy)->in_flight;
    if (told->count < 2 * needed)
        return;
    memmove(told->members, told->members + (told->count - needed), needed * sizeof *told->members);
    told->count = needed;
}

static void regularised_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct regularised *search = strategy->state;
    struct preference_member member = preference_member(strategy->study, ask, arch, result);
    bury(strategy, &search->told);
    if (!preference_add(&search->told, &member)) {
        strategy->out_of_memory = true;
        return;
    }
    if (strategy->told + 1 == settings(strategy)->population)
        search->spread = preference_spread(search->told.members, search->told.count, search->values);
}

static bool regularised_boundary(const struct strategy *strategy)
{
    return strategy->told > 0 && strategy->told % settings(strategy)->in_flight == 0;
}

static bool regularised_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct regularised *search = strategy->state;
    size_t size = settings(strategy)->population;
    if (i >= size || search->told.count < size)
        return false;
    *out = search->told.members[search->told.count - size + i].arch;
    return true;
}

static uint32_t regularised_generation(const struct strategy *strategy)
{
    return (uint32_t)(strategy->told / settings(strategy)->population);
}

/* --- saving --- */

static struct json_t *regularised_save(const struct strategy *strategy)
{
    const struct regularised *search = strategy->state;
    json_t *told = preference_save(search->told.members, search->told.count);
    return told == NULL ? NULL : json_pack("{s:f, s:o}", "spread", search->spread, "told", told);
}

static enum status_code regularised_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct regularised *search = strategy->state;
    json_t *told;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:F, s:o}", "spread", &search->spread, "told", &told) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    if (!preference_load_list(strategy->space, told, &search->told))
        return status_set(status, STATUS_BAD_INPUT, "saved search: what was told cannot be read");
    uint64_t needed = (uint64_t)settings(strategy)->population + settings(strategy)->in_flight;
    if (search->told.count != strategy->told && (search->told.count < needed || search->told.count > strategy->told))
        return status_set(status, STATUS_BAD_INPUT, "saved search: %zu results do not fit the settings", search->told.count);
    return STATUS_OK;
}

const struct strategy_ops strategy_regularised = {
    .name = "regularised",
    .open = regularised_open,
    .close = regularised_close,
    .ask = regularised_ask,
    .tell = regularised_tell,
    .boundary = regularised_boundary,
    .save = regularised_save,
    .load = regularised_load,
    .generation = regularised_generation,
    .total = regularised_total,
    .steady = true,
    .member = regularised_member,
};
