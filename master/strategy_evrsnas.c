/* strategy_evrsnas: a genetic algorithm on one small integer per gene. Called through strategy.c alone.
 *
 * The rule it keeps: all asks of a generation are made from the state at the end of the one before, and ask k takes its chance from
 * strategy_rng(k) alone, so neither workers nor arrival order can change what is proposed. */
#include "master/strategy_evrsnas.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "master/vary.h"

struct member {
    struct arch arch;
    uint64_t ask;
    bool feasible;
    double fitness;   /* phi, as told */
    double violation; /* sum over the constrained costs of max(0, cost - max) / max; 0: within every constraint */
};

struct evrsnas {
    struct member *population; /* the last completed generation, best first; owned */
    struct member *offspring;  /* the generation in progress, in ask order; owned */
    uint32_t population_count; /* 0 before the first generation is complete */
    uint32_t asked, told;      /* of the generation in progress */
    uint32_t generation;       /* completed */
    double spread;             /* of fitness in the first generation: what one unit of lambda weighs */
    uint32_t *deck;            /* room to draw a tournament from; owned */
    double *values;            /* room to sort a generation's fitness; owned */
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
    if (!(s->mutation >= 0 && s->mutation <= 1) || !(s->lambda >= 0) || isinf(s->lambda))
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy evrsnas: mutation must be a probability and lambda not negative, not %g and %g", s->mutation,
                          s->lambda);
    for (uint32_t i = 0; i < strategy->study->cost_count; i++) {
        const struct config_cost *cost = &strategy->study->costs[i];
        if (cost->has_max && !(cost->max > 0))
            return status_set(status, STATUS_BAD_INPUT, "cost %s: max must be above 0, not %g", cost->name, cost->max);
    }
    return STATUS_OK;
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

/* --- fitness with penalty --- */

static double penalised(const struct strategy *strategy, const struct member *member)
{
    const struct evrsnas *search = strategy->state;
    return member->fitness - settings(strategy)->lambda * search->spread * member->violation;
}

/* Below 0 when a goes before b: feasible first, then penalised fitness, then the smaller violation, then the earlier ask. */
static int by_rank(const void *left, const void *right, void *context)
{
    const struct member *a = left, *b = right;
    const struct strategy *strategy = context;
    if (a->feasible != b->feasible)
        return a->feasible ? -1 : 1;
    double fa = penalised(strategy, a), fb = penalised(strategy, b);
    if (a->feasible && fa != fb)
        return fa > fb ? -1 : 1;
    if (a->violation != b->violation)
        return a->violation < b->violation ? -1 : 1;
    return a->ask < b->ask ? -1 : a->ask > b->ask;
}

static double violation(const struct strategy *strategy, const struct strategy_result *result)
{
    double sum = 0;
    for (uint32_t i = 0; i < strategy->study->cost_count; i++) {
        const struct config_cost *cost = &strategy->study->costs[i];
        if (cost->has_max && result->costs[i] > cost->max)
            sum += (result->costs[i] - cost->max) / cost->max;
    }
    return sum;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The interquartile range of the feasible members' fitness: phi lies in [0,3], an accuracy in [0,100], so a lambda that means the
 * same for both must be measured in something of the fitness itself. Quartiles, because one chance-level architecture among twenty
 * would dominate a standard deviation. 1 where they cannot be told apart. */
static double fitness_spread(const struct member *members, uint32_t count, double *sorted)
{
    size_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        if (members[i].feasible)
            sorted[n++] = members[i].fitness;
    qsort(sorted, n, sizeof *sorted, by_value);
    double spread = n < 2 ? 0 : sorted[3 * (n - 1) / 4] - sorted[(n - 1) / 4];
    return spread > 0 ? spread : 1;
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

static enum strategy_answer evrsnas_ask(struct strategy *strategy, struct arch *out)
{
    struct evrsnas *search = strategy->state;
    if (search->generation == settings(strategy)->generations)
        return STRATEGY_DONE;
    if (search->asked == generation_size(strategy))
        return STRATEGY_WAIT;
    struct rng rng;
    strategy_rng(strategy, strategy->asked, &rng);
    if (search->population_count == 0) {
        space_sample(strategy->space, &rng, out);
    } else {
        const struct arch *mother = tournament(strategy, &rng), *father = tournament(strategy, &rng);
        space_crossover(strategy->space, &rng, mother, father, out);
        space_mutate(strategy->space, &rng, settings(strategy)->mutation, out);
    }
    if (!settings(strategy)->plain)
        vary_renew(strategy, &rng, out);
    search->offspring[search->asked++].ask = strategy->asked;
    return STRATEGY_ASK;
}

/* --- learning --- */

static void next_generation(struct strategy *strategy)
{
    struct evrsnas *search = strategy->state;
    if (search->generation == 0)
        search->spread = fitness_spread(search->offspring, search->told, search->values);
    uint32_t kept = settings(strategy)->population - search->told;
    memcpy(search->population + kept, search->offspring, search->told * sizeof *search->population);
    search->population_count = settings(strategy)->population;
    qsort_r(search->population, search->population_count, sizeof *search->population, by_rank, strategy);
    search->asked = search->told = 0;
    search->generation++;
}

static void evrsnas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    (void)ask;
    struct evrsnas *search = strategy->state;
    struct member *member = &search->offspring[search->told++];
    member->arch = *arch;
    member->feasible = result->feasible;
    member->fitness = result->feasible ? result->fitness : 0;
    member->violation = result->feasible ? violation(strategy, result) : 0;
    if (search->told == generation_size(strategy))
        next_generation(strategy);
}

static bool evrsnas_boundary(const struct strategy *strategy)
{
    const struct evrsnas *search = strategy->state;
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
    return search->generation;
}

static uint64_t evrsnas_total(const struct strategy *strategy)
{
    const struct config_strategy *s = settings(strategy);
    return s->population + (uint64_t)(s->generations - 1) * (s->population - s->elites);
}

/* --- saving --- */

static json_t *save_members(const struct member *members, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        char genes[STRATEGY_GENES_BYTES];
        strategy_genes_print(&members[i].arch, genes);
        json_array_append_new(list, json_pack("{s:s, s:I, s:b, s:f, s:f}", "genes", genes, "ask", (json_int_t)members[i].ask,
                                              "feasible", (int)members[i].feasible, "fitness", members[i].fitness, "violation",
                                              members[i].violation));
    }
    if (json_array_size(list) == count)
        return list;
    json_decref(list);
    return NULL;
}

static struct json_t *evrsnas_save(const struct strategy *strategy)
{
    const struct evrsnas *search = strategy->state;
    json_t *population = save_members(search->population, search->population_count);
    json_t *offspring = save_members(search->offspring, search->told);
    if (population == NULL || offspring == NULL) {
        json_decref(population);
        json_decref(offspring);
        return NULL;
    }
    return json_pack("{s:I, s:f, s:o, s:o}", "generation", (json_int_t)search->generation, "spread", search->spread, "population",
                     population, "offspring", offspring);
}

static bool load_member(const struct space *space, json_t *saved, struct member *out)
{
    const char *genes;
    json_int_t ask;
    int feasible;
    struct member member = {0};
    if (json_unpack(saved, "{s:s, s:I, s:b, s:F, s:F}", "genes", &genes, "ask", &ask, "feasible", &feasible, "fitness",
                    &member.fitness, "violation", &member.violation) != 0)
        return false;
    if (ask < 0 || !(member.violation >= 0) || !strategy_genes_parse(space, genes, &member.arch))
        return false;
    member.ask = (uint64_t)ask;
    member.feasible = feasible;
    *out = member;
    return true;
}

static bool load_members(const struct space *space, json_t *list, struct member *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (!load_member(space, item, &out[i]))
            return false;
    }
    return true;
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
    search->generation = (uint32_t)generation;
    size_t members = json_array_size(population), children = json_array_size(offspring);
    if (members != (generation == 0 ? 0 : settings(strategy)->population) || children >= generation_size(strategy))
        return status_set(status, STATUS_BAD_INPUT, "saved search: a population of %zu and %zu children do not fit the settings",
                          members, children);
    if (!load_members(strategy->space, population, search->population) ||
        !load_members(strategy->space, offspring, search->offspring))
        return status_set(status, STATUS_BAD_INPUT, "saved search: a member of the population cannot be read");
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
    .member = evrsnas_member,
};
