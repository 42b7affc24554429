/* strategy_mohdnas: NSGA-II that also wants its members to cost differently. Called through strategy.c alone.
 *
 * The rule it keeps: chi depends on who else is there, so it is never stored: it is computed anew for every set that is ranked.
 * Ask k takes its chance from strategy_rng(k) alone and its parents from the members after the last generation (steady: after the
 * last tell), so neither workers nor, with generations, arrival order can change what is proposed. */
#include "master/strategy_mohdnas.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "master/diversity.h"
#include "master/individual.h"
#include "master/nsga.h"
#include "master/vary.h"

struct mohdnas {
    struct individual *members;     /* owned, room for twice the population: the members, best first, then those who want to be */
    struct individual *sorted;      /* owned, as much room again, to put them in order */
    struct nsga_standing *standing; /* owned: of the members by their place, as parents are chosen */
    double *objectives, *costs, *violation, *chi; /* owned: room to rank twice the population */
    uint32_t population;                          /* members; 0 before the first generation is complete */
    uint32_t asked, told;                         /* of the generation in progress; steady: unused */
    uint32_t generation;                          /* completed; steady: unused */
    uint32_t costs_minimised;                     /* the objectives without fitness and chi */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* --- open and close --- */

static enum status_code check_settings(const struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    if (s->population < 2 || s->population > 100000 || s->generations < 1)
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy mohdnas: a population of 2 to 100000 and at least 1 generation are needed, not %u and %u",
                          s->population, s->generations);
    if (!(s->mutation >= 0 && s->mutation <= 1))
        return status_set(status, STATUS_BAD_INPUT, "strategy mohdnas: mutation must be a probability, not %g", s->mutation);
    return preference_check(strategy->study, status);
}

static void mohdnas_close(struct strategy *strategy)
{
    struct mohdnas *search = strategy->state;
    if (search == NULL)
        return;
    free(search->members);
    free(search->sorted);
    free(search->standing);
    free(search->objectives);
    free(search->costs);
    free(search->violation);
    free(search->chi);
    free(search);
    strategy->state = NULL;
}

static bool make_room(struct mohdnas *search, size_t count)
{
    search->members = calloc(count, sizeof *search->members);
    search->sorted = calloc(count, sizeof *search->sorted);
    search->standing = calloc(count, sizeof *search->standing);
    search->objectives = calloc(count * (CONFIG_COSTS_MAX + 2), sizeof *search->objectives);
    search->costs = calloc(count * CONFIG_COSTS_MAX, sizeof *search->costs);
    search->violation = calloc(count, sizeof *search->violation);
    search->chi = calloc(count, sizeof *search->chi);
    return search->members != NULL && search->sorted != NULL && search->standing != NULL && search->objectives != NULL &&
           search->costs != NULL && search->violation != NULL && search->chi != NULL;
}

static enum status_code mohdnas_open(struct strategy *strategy, struct status *status)
{
    enum status_code code = check_settings(strategy, status);
    if (code != STATUS_OK)
        return code;
    struct mohdnas *search = strategy->state = calloc(1, sizeof *search);
    if (search == NULL || !make_room(search, 2 * (size_t)settings(strategy)->population))
        return status_set(status, STATUS_NO_MEMORY, "no memory for a population of %u", settings(strategy)->population);
    for (uint32_t i = 0; i < strategy->study->cost_count; i++)
        if (!strategy->study->costs[i].limit_only)
            search->costs_minimised++;
    return STATUS_OK;
}

/* --- ranking --- */

/* The objectives of the first `count` members, all to be minimised: - fitness, costs, - chi. Returns how many there are. Without a
 * cost there is nothing to be diverse in. */
static size_t fill_objectives(const struct strategy *strategy, uint32_t count)
{
    struct mohdnas *search = strategy->state;
    size_t costs = search->costs_minimised;
    bool diverse = settings(strategy)->diversity && costs > 0;
    size_t m = 1 + costs + (diverse ? 1 : 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct individual *member = &search->members[i];
        double objectives[CONFIG_COSTS_MAX + 1];
        individual_objectives(strategy->study, member, objectives);
        memcpy(search->objectives + i * m, objectives, (1 + costs) * sizeof *objectives);
        memcpy(search->costs + i * costs, objectives + 1, costs * sizeof *objectives);
        search->violation[i] = member->told.feasible ? member->told.violation : INFINITY;
    }
    if (diverse)
        diversity_joint(search->costs, count, costs, search->chi);
    for (uint32_t i = 0; diverse && i < count; i++)
        search->objectives[i * m + m - 1] = -search->chi[i];
    return m;
}

/* The standing of the first `count` members among each other, by their place. */
static bool rank(struct strategy *strategy, uint32_t count)
{
    struct mohdnas *search = strategy->state;
    size_t m = fill_objectives(strategy, count);
    for (uint32_t i = 0; i < count; i++)
        search->standing[i].age = search->members[i].told.ask;
    return nsga_rank(search->objectives, search->violation, count, m, search->standing);
}

/* Of `count` members the best stay, as many as the population holds; then they are ranked among themselves, as parents. */
static bool survive(struct strategy *strategy, uint32_t count)
{
    struct mohdnas *search = strategy->state;
    if (!rank(strategy, count))
        return false;
    nsga_sort(search->standing, count);
    uint32_t kept = count < settings(strategy)->population ? count : settings(strategy)->population;
    for (uint32_t i = 0; i < kept; i++)
        search->sorted[i] = search->members[search->standing[i].index];
    memcpy(search->members, search->sorted, kept * sizeof *search->members);
    search->population = kept;
    return rank(strategy, kept);
}

/* --- proposing --- */

static const struct arch *parent(const struct mohdnas *search, struct rng *rng)
{
    return &search->members[nsga_parent(search->standing, search->population, rng)].told.arch;
}

static void propose(const struct strategy *strategy, struct arch *out)
{
    const struct mohdnas *search = strategy->state;
    struct rng rng;
    strategy_rng(strategy, strategy->asked, &rng);
    if (search->population < settings(strategy)->population) {
        space_sample(strategy->space, &rng, out);
    } else {
        const struct arch *mother = parent(search, &rng), *father = parent(search, &rng);
        space_crossover(strategy->space, &rng, mother, father, out);
        space_mutate(strategy->space, &rng, settings(strategy)->mutation, out);
    }
    if (!settings(strategy)->plain)
        vary_renew(strategy, &rng, out);
}

static uint64_t mohdnas_total(const struct strategy *strategy)
{
    return (uint64_t)settings(strategy)->population * settings(strategy)->generations;
}

static enum strategy_answer mohdnas_ask(struct strategy *strategy, struct arch *out)
{
    struct mohdnas *search = strategy->state;
    if (strategy->asked == mohdnas_total(strategy))
        return STRATEGY_DONE;
    if (strategy_steady(strategy) ? strategy_full(strategy) : search->asked == settings(strategy)->population)
        return STRATEGY_WAIT;
    propose(strategy, out);
    search->asked += !strategy_steady(strategy);
    return STRATEGY_ASK;
}

/* --- learning --- */

/* Steady: everybody who comes stands against all members at once. */
static void enter(struct strategy *strategy, const struct individual *newcomer)
{
    struct mohdnas *search = strategy->state;
    uint32_t count = search->population + 1;
    search->members[search->population] = *newcomer;
    if (count < settings(strategy)->population)
        search->population = count;
    else
        strategy->out_of_memory |= !survive(strategy, count);
}

static void mohdnas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct mohdnas *search = strategy->state;
    struct individual newcomer = individual_of(strategy->study, ask, arch, result);
    if (strategy_steady(strategy)) {
        enter(strategy, &newcomer);
        return;
    }
    search->members[search->population + search->told++] = newcomer;
    if (search->told < settings(strategy)->population)
        return;
    strategy->out_of_memory |= !survive(strategy, search->population + search->told);
    search->asked = search->told = 0;
    search->generation++;
}

static bool mohdnas_boundary(const struct strategy *strategy)
{
    const struct mohdnas *search = strategy->state;
    if (strategy_steady(strategy))
        return strategy->told > 0 && strategy->told % settings(strategy)->population == 0;
    return search->asked == 0 && search->generation > 0;
}

static bool mohdnas_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct mohdnas *search = strategy->state;
    if (i >= search->population)
        return false;
    *out = search->members[i].told.arch;
    return true;
}

static uint32_t mohdnas_generation(const struct strategy *strategy)
{
    const struct mohdnas *search = strategy->state;
    return strategy_steady(strategy) ? (uint32_t)(strategy->told / settings(strategy)->population) : search->generation;
}

/* --- saving --- */

static struct json_t *mohdnas_save(const struct strategy *strategy)
{
    const struct mohdnas *search = strategy->state;
    json_t *list = individual_save(strategy->study, search->members, search->population + search->told);
    if (list == NULL)
        return NULL;
    return json_pack("{s:I, s:I, s:o}", "generation", (json_int_t)search->generation, "population", (json_int_t)search->population,
                     "individuals", list);
}

/* Do the counts belong to a search that has been told so much? */
static bool fits(const struct strategy *strategy, json_int_t generation, json_int_t population, size_t individuals)
{
    uint64_t size = settings(strategy)->population;
    uint64_t completed = strategy_steady(strategy) ? 0 : strategy->told / size;
    uint64_t members = strategy->told < size ? strategy_steady(strategy) ? strategy->told : 0 : size;
    uint64_t children = strategy_steady(strategy) ? 0 : strategy->told % size;
    return generation >= 0 && (uint64_t)generation == completed && population >= 0 && (uint64_t)population == members &&
           individuals == members + children && strategy->asked <= mohdnas_total(strategy);
}

static enum status_code mohdnas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct mohdnas *search = strategy->state;
    json_int_t generation, population;
    json_t *list;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:I, s:I, s:o}", "generation", &generation, "population",
                       &population, "individuals", &list) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    if (!fits(strategy, generation, population, json_array_size(list)))
        return status_set(status, STATUS_BAD_INPUT,
                          "saved search: generation %lld with %lld members of %zu do not fit the settings and %llu results",
                          (long long)generation, (long long)population, json_array_size(list), (unsigned long long)strategy->told);
    if (individual_load(strategy->study, strategy->space, list, search->members, json_array_size(list)) == SIZE_MAX)
        return status_set(status, STATUS_BAD_INPUT, "saved search: a member of the population cannot be read");
    search->generation = (uint32_t)generation;
    search->population = (uint32_t)population;
    search->asked = search->told = (uint32_t)(json_array_size(list) - search->population);
    if (search->population == settings(strategy)->population && !rank(strategy, search->population))
        return status_set(status, STATUS_NO_MEMORY, "no memory to rank a population of %u", search->population);
    return STATUS_OK;
}

const struct strategy_ops strategy_mohdnas = {
    .name = "mohdnas",
    .open = mohdnas_open,
    .close = mohdnas_close,
    .ask = mohdnas_ask,
    .tell = mohdnas_tell,
    .boundary = mohdnas_boundary,
    .save = mohdnas_save,
    .load = mohdnas_load,
    .generation = mohdnas_generation,
    .total = mohdnas_total,
    .steady = true,
    .member = mohdnas_member,
};
