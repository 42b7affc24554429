/* strategy_evrsnas: a genetic algorithm on one small integer per gene. Called through strategy.c alone.
 *
 * The rule it keeps: ask k takes its chance from strategy_rng(k) alone. With generations, all asks of one are made from the state
 * at the end of the one before, so neither workers nor arrival order can change what is proposed; in steady mode a result enters
 * the population when it is told, and the order of the tells is all that what is proposed depends on.
 *
 * Three things are not in the paper, and are off with strategy.plain: what is known is varied again (vary.h), children are screened
 * by what an additive model expects of them, and lambda follows the share of candidates within the limits. */
#include "master/strategy_evrsnas.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "master/additive.h"
#include "master/preference.h"
#include "master/vary.h"

/* Ours; results hardly depend on them (docs/METHODS.md). The model learns again when a fiftieth more is known than it knows: in
 * each generation of a short search, and never more than a fixed multiple of the examples in a long one. */
enum { CHILDREN = 10, LEARN_AGAIN = 50 };
static const double lambda_step = 1.5, lambda_range = 100;

struct evrsnas {
    struct preference_member *population; /* best first; the last generation, in steady mode elites and the latest told; owned */
    uint32_t population_count;            /* 0 before the first generation is complete; in steady mode grows to its size */
    struct preference_list told;          /* everything, in the order of the tells; the generation in progress is its end */
    uint32_t asked, newcomers;            /* asked and told of the generation in progress */
    uint32_t generation;                  /* completed */
    double spread;                        /* of fitness in the first generation: what one unit of lambda weighs */
    double lambda;
    struct additive model; /* figure 0: fitness; i + 1: the logarithm of cost i in limits */
    size_t learned;        /* how many of `told` the model has seen */
    uint32_t *deck;        /* room to draw a tournament from; owned */
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
    return search->lambda * search->spread;
}

/* --- open and close --- */

static void evrsnas_close(struct strategy *strategy)
{
    struct evrsnas *search = strategy->state;
    if (search == NULL)
        return;
    free(search->population);
    preference_free(&search->told);
    additive_close(&search->model);
    free(search->deck);
    free(search);
    strategy->state = NULL;
}

static enum status_code evrsnas_open(struct strategy *strategy, struct status *status)
{
    enum status_code code = vary_check(strategy->study, status);
    if (code != STATUS_OK)
        return code;
    uint32_t size = settings(strategy)->population;
    struct evrsnas *search = strategy->state = calloc(1, sizeof *search);
    if (search != NULL) {
        search->population = calloc(size, sizeof *search->population);
        search->deck = calloc(size, sizeof *search->deck);
    }
    if (search == NULL || search->population == NULL || search->deck == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a population of %u", size);
    search->lambda = settings(strategy)->lambda;
    return additive_open(strategy->space, 1 + strategy->study->cost_count, &search->model, status);
}

/* --- proposing --- */

static const struct arch *parent(const struct strategy *strategy, struct rng *rng)
{
    struct evrsnas *search = strategy->state;
    return &search->population[vary_tournament(rng, search->deck, search->population_count, settings(strategy)->tournament)].arch;
}

static void breed(const struct strategy *strategy, struct rng *rng, struct arch *out)
{
    const struct arch *mother = parent(strategy, rng), *father = parent(strategy, rng);
    space_crossover(strategy->space, rng, mother, father, out);
    space_mutate(strategy->space, rng, settings(strategy)->mutation, out);
    if (!settings(strategy)->plain)
        vary_renew(strategy, rng, out);
}

/* Fitness less penalty, as the model expects them. */
static double expected(const struct strategy *strategy, const struct arch *arch)
{
    const struct evrsnas *search = strategy->state;
    double violation = 0;
    for (uint32_t i = 0; i < strategy->study->cost_count; i++)
        if (strategy->study->costs[i].has_max)
            violation += fmax(0, expm1(additive_estimate(&search->model, i + 1, arch)));
    return additive_estimate(&search->model, 0, arch) - penalty(strategy) * violation;
}

/* Before the first generation is complete there is nothing to choose parents from, and the model knows nothing. */
static void propose(const struct strategy *strategy, struct arch *out)
{
    const struct evrsnas *search = strategy->state;
    struct rng rng;
    strategy_rng(strategy, strategy->asked, &rng);
    if (search->population_count < settings(strategy)->population) {
        space_sample(strategy->space, &rng, out);
        if (!settings(strategy)->plain)
            vary_renew(strategy, &rng, out);
        return;
    }
    breed(strategy, &rng, out);
    if (settings(strategy)->plain)
        return;
    double best = expected(strategy, out);
    for (int i = 1; i < CHILDREN; i++) {
        struct arch child;
        breed(strategy, &rng, &child);
        double value = expected(strategy, &child);
        if (value > best) {
            best = value;
            *out = child;
        }
    }
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

/* Fitness below the median is learned as the median: what makes the better half good must not be drowned by what makes the rest
 * bad. Of a cost the logarithm is learned, because violations are relative. Costs below a hundredth of a limit are all alike. */
static void learn(const struct strategy *strategy, size_t count, double *room)
{
    struct evrsnas *search = strategy->state;
    size_t feasible = preference_values(search->told.members, count, room);
    double median = feasible > 0 ? room[feasible / 2] : 0;
    additive_clear(&search->model);
    for (size_t i = 0; i < count; i++) {
        const struct preference_member *member = &search->told.members[i];
        double values[1 + CONFIG_COSTS_MAX] = {fmax(member->fitness, median)};
        for (uint32_t c = 0; c < strategy->study->cost_count; c++)
            if (strategy->study->costs[c].has_max)
                values[c + 1] = log(fmax(member->costs[c] / strategy->study->costs[c].max, 0.01));
        if (member->feasible)
            additive_learn(&search->model, &member->arch, values);
    }
    additive_solve(&search->model);
    search->learned = count;
}

/* A lambda that is too small lets the search live above the limits, one too large keeps it from coming near them; at the border
 * half of the candidates are within. */
static void adapt_lambda(struct strategy *strategy, const struct preference_member *newcomers, uint32_t count)
{
    struct evrsnas *search = strategy->state;
    double start = settings(strategy)->lambda;
    uint32_t feasible = 0, within = 0;
    for (uint32_t i = 0; i < count; i++) {
        feasible += newcomers[i].feasible;
        within += newcomers[i].feasible && newcomers[i].violation <= 0;
    }
    if (feasible == 0)
        return;
    double lambda = 2 * within < feasible ? search->lambda * lambda_step : search->lambda / lambda_step;
    search->lambda = fmin(fmax(lambda, start / lambda_range), start * lambda_range);
}

/* The population is complete, and the last `newcomers` of what was told are new since the last time. */
static void turn(struct strategy *strategy, uint32_t newcomers)
{
    struct evrsnas *search = strategy->state;
    size_t count = search->told.count;
    double *room = malloc(count * sizeof *room);
    strategy->out_of_memory |= room == NULL;
    if (room == NULL)
        return;
    if (search->generation++ == 0)
        search->spread = preference_spread(search->told.members, count, room);
    else if (!settings(strategy)->plain)
        adapt_lambda(strategy, search->told.members + count - newcomers, newcomers);
    preference_sort(penalty(strategy), search->population, search->population_count);
    if (!settings(strategy)->plain && (count - search->learned) * LEARN_AGAIN >= count)
        learn(strategy, count, room);
    free(room);
}

/* The offspring and the elites are the next population. */
static void succeed(struct strategy *strategy)
{
    struct evrsnas *search = strategy->state;
    uint32_t size = settings(strategy)->population, count = search->newcomers;
    memcpy(search->population + (size - count), search->told.members + (search->told.count - count),
           count * sizeof *search->population);
    search->population_count = size;
    search->asked = search->newcomers = 0;
    turn(strategy, count);
}

/* As from one generation to the next the elites stay and the others give way, so here: the newcomer takes its place in the order,
 * and the oldest by its ask leaves, but for the elites. If the worst left, the population would soon be the kin of one. */
static void enter(struct strategy *strategy, const struct preference_member *member)
{
    struct evrsnas *search = strategy->state;
    uint32_t size = settings(strategy)->population, oldest = settings(strategy)->elites;
    if (search->population_count < size) {
        search->population[search->population_count++] = *member;
        return;
    }
    for (uint32_t i = oldest + 1; i < size; i++)
        if (search->population[i].ask < search->population[oldest].ask)
            oldest = i;
    memmove(search->population + oldest, search->population + oldest + 1, (size - 1 - oldest) * sizeof *member);
    uint32_t at = size - 1;
    while (at > 0 && preference_compare(penalty(strategy), member, &search->population[at - 1]) < 0)
        at--;
    memmove(search->population + at + 1, search->population + at, (size - 1 - at) * sizeof *member);
    search->population[at] = *member;
}

static void evrsnas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct evrsnas *search = strategy->state;
    struct preference_member member = preference_member(strategy->study, ask, arch, result);
    if (!preference_add(&search->told, &member)) {
        strategy->out_of_memory = true;
        return;
    }
    if (!strategy_steady(strategy)) {
        if (++search->newcomers == generation_size(strategy))
            succeed(strategy);
        return;
    }
    enter(strategy, &member);
    if (search->told.count % settings(strategy)->population == 0)
        turn(strategy, settings(strategy)->population);
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
    return search->generation;
}

static uint64_t evrsnas_total(const struct strategy *strategy)
{
    const struct config_strategy *s = settings(strategy);
    return s->population + (uint64_t)(s->generations - 1) * (s->population - (strategy_steady(strategy) ? 0 : s->elites));
}

/* --- saving --- */

static size_t least(uint64_t a, uint32_t b)
{
    return a < b ? (size_t)a : b;
}

/* The model is not saved but learned again from what it was learned from. */
static struct json_t *evrsnas_save(const struct strategy *strategy)
{
    const struct evrsnas *search = strategy->state;
    json_t *population = preference_save(search->population, search->population_count);
    json_t *told = preference_save(search->told.members, search->told.count);
    if (population == NULL || told == NULL) {
        json_decref(population);
        json_decref(told);
        return NULL;
    }
    return json_pack("{s:f, s:f, s:I, s:o, s:o}", "spread", search->spread, "lambda", search->lambda, "learned",
                     (json_int_t)search->learned, "population", population, "told", told);
}

/* What was told goes through the same counting again. Returns false when it does not fit the settings. */
static bool load_told(struct strategy *strategy, const json_t *list)
{
    struct evrsnas *search = strategy->state;
    if (!preference_load_list(strategy->space, list, &search->told) || search->told.count != strategy->told)
        return false;
    size_t count = search->told.count;
    uint32_t size = settings(strategy)->population, later = size - settings(strategy)->elites;
    if (strategy_steady(strategy)) {
        search->generation = (uint32_t)(count / size);
    } else {
        search->generation = count < size ? 0 : (uint32_t)(1 + (count - size) / later);
        search->asked = search->newcomers = (uint32_t)(count < size ? count : (count - size) % later);
    }
    return count <= strategy_total(strategy);
}

static enum status_code evrsnas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct evrsnas *search = strategy->state;
    json_int_t learned;
    json_t *population, *told;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:F, s:F, s:I, s:o, s:o}", "spread", &search->spread, "lambda",
                       &search->lambda, "learned", &learned, "population", &population, "told", &told) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    uint32_t size = settings(strategy)->population;
    size_t members = preference_load(strategy->space, population, search->population, size);
    if (!load_told(strategy, told) || members > size || learned < 0 || (size_t)learned > search->told.count)
        return status_set(status, STATUS_BAD_INPUT, "saved search: what was told cannot be read, or is not of these settings");
    if (members != (strategy_steady(strategy) || search->generation > 0 ? least(strategy->told, size) : 0))
        return status_set(status, STATUS_BAD_INPUT, "saved search: a population of %zu does not fit the settings", members);
    search->population_count = (uint32_t)members;
    double *room = malloc((search->told.count + 1) * sizeof *room);
    if (room == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a search of %zu candidates", search->told.count);
    if (learned > 0)
        learn(strategy, (size_t)learned, room);
    free(room);
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
