/* strategy_evrsnas: a genetic algorithm on one small integer per gene. Called through strategy.c alone.
 *
 * The rule it keeps: ask k takes its chance from strategy_rng(k) alone. With generations, all asks of one are made from the state
 * at the end of the one before, so neither workers nor arrival order can change what is proposed; in steady mode a result enters
 * the population when it is told, and the order of the tells is all that what is proposed depends on. */
#include "master/strategy_evrsnas.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "master/preference.h"
#include "master/vary.h"

struct evrsnas {
    struct preference_member *population; /* generations: the last completed one; steady: the best told. Best first; owned */
    struct preference_member *offspring;  /* generations: the one in progress, in ask order; owned */
    uint32_t population_count;            /* 0 before the first generation is complete; steady: grows to the population */
    uint32_t asked, told;                 /* of the generation in progress */
    uint32_t generation;                  /* completed */
    double spread;                        /* of fitness in the first generation: what one unit of lambda weighs */
    uint32_t *deck;                       /* room to draw a tournament from; owned */
    double *values;                       /* room to sort a generation's fitness; owned */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* Elites are carried over with what they were told; only the others of a later generation are asked. */
static uint32_t generation_size(const struct strategy *strategy)
{
    const struct evrsnas *search = strategy->state;
    return settings(strategy)->population - (search->generation == 0 ? 0 : settings(strategy)->elites);
}

/* What one whole violation costs in fitness. */
static double penalty(const struct strategy *strategy)
{
    const struct evrsnas *search = strategy->state;
    return settings(strategy)->lambda * search->spread;
}

/* --- open and close --- */

static enum status_code check_settings(const struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    if (s->population < 2 || s->population > 100000 || s->generations < 1)
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy evrsnas: a population of 2 to 100000 and at least 1 generation are needed, not %u and %u",
                          s->population, s->generations);
    if (s->tournament < 1 || s->tournament > s->population || s->elites >= s->population)
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy evrsnas: tournament must be 1 to population (%u) and elites below it, not %u and %u",
                          s->population, s->tournament, s->elites);
    if (!(s->mutation >= 0 && s->mutation <= 1))
        return status_set(status, STATUS_BAD_INPUT, "strategy evrsnas: mutation must be a probability, not %g", s->mutation);
    return preference_check(strategy->study, status);
}

static void evrsnas_close(struct strategy *strategy)
{
    struct evrsnas *search = strategy->state;
    if (search == NULL)
        return;
    free(search->population);
    free(search->offspring);
    free(search->deck);
    free(search->values);
    free(search);
    strategy->state = NULL;
}

static enum status_code evrsnas_open(struct strategy *strategy, struct status *status)
{
    enum status_code code = check_settings(strategy, status);
    if (code != STATUS_OK)
        return code;
    uint32_t size = settings(strategy)->population;
    struct evrsnas *search = strategy->state = calloc(1, sizeof *search);
    if (search != NULL) {
        search->population = calloc(size, sizeof *search->population);
        search->offspring = calloc(size, sizeof *search->offspring);
        search->deck = calloc(size, sizeof *search->deck);
        search->values = calloc(size, sizeof *search->values);
    }
    if (search == NULL || search->population == NULL || search->offspring == NULL || search->deck == NULL || search->values == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a population of %u", size);
    return STATUS_OK;
}

/* --- proposing --- */

/* The best of `tournament` members drawn without replacement; the population is sorted, so the best has the smallest index. */
static const struct arch *tournament(const struct strategy *strategy, struct rng *rng)
{
    struct evrsnas *search = strategy->state;
    uint32_t best = search->population_count;
    for (uint32_t i = 0; i < search->population_count; i++)
        search->deck[i] = i; /* the draw must not depend on earlier ones */
    for (uint32_t i = 0; i < settings(strategy)->tournament; i++) {
        uint32_t j = i + (uint32_t)rng_below(rng, search->population_count - i);
        uint32_t drawn = search->deck[j];
        search->deck[j] = search->deck[i];
        search->deck[i] = drawn;
        if (drawn < best)
            best = drawn;
    }
    return &search->population[best].arch;
}

/* Before the first generation is complete there is nothing to choose parents from. */
static void propose(struct strategy *strategy, struct arch *out)
{
    const struct evrsnas *search = strategy->state;
    struct rng rng;
    strategy_rng(strategy, strategy->asked, &rng);
    if (search->population_count < settings(strategy)->population) {
        space_sample(strategy->space, &rng, out);
    } else {
        const struct arch *mother = tournament(strategy, &rng), *father = tournament(strategy, &rng);
        space_crossover(strategy->space, &rng, mother, father, out);
        space_mutate(strategy->space, &rng, settings(strategy)->mutation, out);
    }
    if (!settings(strategy)->plain)
        vary_renew(strategy, &rng, out);
}

static enum strategy_answer evrsnas_ask(struct strategy *strategy, struct arch *out)
{
    struct evrsnas *search = strategy->state;
    if (strategy_steady(strategy)) {
        if (strategy->asked == strategy_total(strategy))
            return STRATEGY_DONE;
        if (strategy_full(strategy))
            return STRATEGY_WAIT;
    } else {
        if (search->generation == settings(strategy)->generations)
            return STRATEGY_DONE;
        if (search->asked == generation_size(strategy))
            return STRATEGY_WAIT;
        search->asked++;
    }
    propose(strategy, out);
    return STRATEGY_ASK;
}

/* --- learning --- */

/* The first generation is complete: from here on it is known what a violation costs. */
static void first_generation(struct strategy *strategy)
{
    struct evrsnas *search = strategy->state;
    search->spread = preference_spread(search->population, search->population_count, search->values);
    preference_sort(penalty(strategy), search->population, search->population_count);
}

static void next_generation(struct strategy *strategy)
{
    struct evrsnas *search = strategy->state;
    uint32_t kept = settings(strategy)->population - search->told;
    memcpy(search->population + kept, search->offspring, search->told * sizeof *search->population);
    search->population_count = settings(strategy)->population;
    if (search->generation++ == 0)
        first_generation(strategy);
    else
        preference_sort(penalty(strategy), search->population, search->population_count);
    search->asked = search->told = 0;
}

/* The newcomer takes its place in the order, and the worst leaves. */
static void enter(struct strategy *strategy, const struct preference_member *member)
{
    struct evrsnas *search = strategy->state;
    uint32_t size = settings(strategy)->population, at = search->population_count;
    if (at < size) {
        search->population[search->population_count++] = *member;
        if (search->population_count == size)
            first_generation(strategy);
        return;
    }
    while (at > 0 && preference_compare(penalty(strategy), member, &search->population[at - 1]) < 0)
        at--;
    if (at == size)
        return;
    memmove(search->population + at + 1, search->population + at, (size - 1 - at) * sizeof *member);
    search->population[at] = *member;
}

static void evrsnas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct evrsnas *search = strategy->state;
    struct preference_member member = preference_member(strategy->study, ask, arch, result);
    if (strategy_steady(strategy)) {
        enter(strategy, &member);
        return;
    }
    search->offspring[search->told++] = member;
    if (search->told == generation_size(strategy))
        next_generation(strategy);
}

static bool evrsnas_boundary(const struct strategy *strategy)
{
    const struct evrsnas *search = strategy->state;
    if (strategy_steady(strategy))
        return strategy->told > 0 && strategy->told % settings(strategy)->population == 0;
    return search->asked == 0 && search->generation > 0;
}

static bool evrsnas_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct evrsnas *search = strategy->state;
    if (i >= search->population_count)
        return false;
    *out = search->population[i].arch;
    return true;
}

static uint32_t evrsnas_generation(const struct strategy *strategy)
{
    const struct evrsnas *search = strategy->state;
    return strategy_steady(strategy) ? (uint32_t)(strategy->told / settings(strategy)->population) : search->generation;
}

static uint64_t evrsnas_total(const struct strategy *strategy)
{
    const struct config_strategy *s = settings(strategy);
    return s->population + (uint64_t)(s->generations - 1) * (s->population - (strategy_steady(strategy) ? 0 : s->elites));
}

/* --- saving --- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct json_t *evrsnas_save(const struct strategy *strategy)
{
    const struct evrsnas *search = strategy->state;
    json_t *population = preference_save(search->population, search->population_count);
    json_t *offspring = preference_save(search->offspring, search->told);
    if (population == NULL || offspring == NULL) {
        json_decref(population);
        json_decref(offspring);
        return NULL;
    }
    return json_pack("{s:I, s:f, s:o, s:o}", "generation", (json_int_t)search->generation, "spread", search->spread, "population",
                     population, "offspring", offspring);
}

static enum status_code evrsnas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct evrsnas *search = strategy->state;
    json_int_t generation;
    json_t *population, *offspring;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:I, s:F, s:o, s:o}", "generation", &generation, "spread",
                       &search->spread, "population", &population, "offspring", &offspring) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    if (generation < 0 || generation > settings(strategy)->generations)
        return status_set(status, STATUS_BAD_INPUT, "saved search: generation %lld of %u", (long long)generation,
                          settings(strategy)->generations);
    uint32_t size = settings(strategy)->population;
    size_t members = preference_load(strategy->space, population, search->population, size);
    size_t children = preference_load(strategy->space, offspring, search->offspring, size);
    if (members > size || children > size)
        return status_set(status, STATUS_BAD_INPUT, "saved search: the population cannot be read, or is not one of %u", size);
    search->generation = (uint32_t)generation;
    if (strategy_steady(strategy) ? generation > 0 || children > 0 || members != least(strategy->told, size)
                                  : members != (generation == 0 ? 0 : size) || children >= generation_size(strategy))
        return status_set(status, STATUS_BAD_INPUT, "saved search: a population of %zu and %zu children do not fit the settings",
                          members, children);
    search->population_count = (uint32_t)members;
    search->asked = search->told = (uint32_t)children;
    return STATUS_OK;
}

const struct strategy_ops strategy_evrsnas = {
    .name = "evrsnas",
    .open = evrsnas_open,
    .close = evrsnas_close,
    .ask = evrsnas_ask,
    .tell = evrsnas_tell,
    .boundary = evrsnas_boundary,
    .save = evrsnas_save,
    .load = evrsnas_load,
    .generation = evrsnas_generation,
    .total = evrsnas_total,
    .steady = true,
    .member = evrsnas_member,
};
