/* strategy_local: see strategy_local.h. Called through strategy.c alone.
 *
 * The search goes in rounds: the first `population` at random, then all neighbours of a centre that are not known, or one random
 * architecture to start again from. The rule it keeps: a round is made when the last of the one before is told, from everything
 * told so far; how asks and tells mix within it changes nothing, so both modes propose the same. */
#include "master/strategy_local.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/rng.h"
#include "master/pareto.h"
#include "master/preference.h"
#include "master/vary.h"

enum { NO_CENTRE = -1 };

struct local {
    struct preference_list told;  /* everything, by its identity, in the order of the tells */
    struct preference_list round; /* what to ask, by its genes alone; empty in a random round */
    size_t round_size, round_asked, round_told;
    int64_t centre; /* index in told; NO_CENTRE in a random round */
    double spread;  /* of fitness in the first round: what one unit of lambda weighs */
    bool *explored; /* (explored_room) that one of told was a centre; owned */
    size_t explored_room;
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* Costs that are minimised: none as soon as a limit makes the study a search for one best. */
static size_t objective_costs(const struct config_study *study)
{
    size_t objectives = 0;
    for (uint32_t i = 0; i < study->cost_count; i++) {
        if (study->costs[i].has_max)
            return 0;
        objectives += !study->costs[i].limit_only;
    }
    return objectives;
}

/* --- open and close --- */

static void local_close(struct strategy *strategy)
{
    struct local *search = strategy->state;
    if (search == NULL)
        return;
    preference_free(&search->told);
    preference_free(&search->round);
    free(search->explored);
    free(search);
    strategy->state = NULL;
}

static enum status_code local_open(struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    if (s->population < 1 || s->population > 100000 || s->generations < 1 || s->in_flight < 1)
        return status_set(
            status, STATUS_BAD_INPUT,
            "strategy local: a population of 1 to 100000 and at least 1 generation and 1 in flight are needed, not %u, "
            "%u and %u",
            s->population, s->generations, s->in_flight);
    enum status_code code = preference_check(strategy->study, status);
    if (code != STATUS_OK)
        return code;
    struct local *search = strategy->state = calloc(1, sizeof *search);
    if (search == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a local search");
    search->centre = NO_CENTRE;
    search->round_size = s->population;
    return STATUS_OK;
}

/* --- the next centre --- */

static double penalty(const struct strategy *strategy)
{
    const struct local *search = strategy->state;
    return settings(strategy)->lambda * search->spread;
}

/* Differ in exactly one gene. */
static bool neighbours(const struct arch *a, const struct arch *b)
{
    int different = 0;
    for (size_t gene = 0; gene < a->length; gene++)
        different += a->genes[gene] != b->genes[gene];
    return different == 1;
}

/* After a random round the best of it, after another the best neighbour that is better than the centre; NO_CENTRE: there is none.
 * Neighbours told in earlier rounds count too. */
static int64_t best_step(const struct strategy *strategy)
{
    const struct local *search = strategy->state;
    const struct preference_member *told = search->told.members;
    bool random = search->centre == NO_CENTRE;
    int64_t best = search->centre;
    for (size_t i = random ? search->told.count - search->round_size : 0; i < search->told.count; i++)
        if ((random || neighbours(&told[i].arch, &told[search->centre].arch)) &&
            (best == NO_CENTRE || preference_compare(penalty(strategy), &told[i], &told[best]) < 0))
            best = (int64_t)i;
    return best == search->centre ? NO_CENTRE : best;
}

/* Of what was told and was no centre yet, the earliest of the best front of everything told that has such a one. */
static int64_t best_unexplored(struct strategy *strategy)
{
    const struct local *search = strategy->state;
    size_t n = search->told.count, m = 1 + objective_costs(strategy->study), rows = 0;
    double *points = malloc(n * m * sizeof *points);
    uint32_t *rank = malloc(n * sizeof *rank);
    size_t *index = malloc(n * sizeof *index);
    int64_t best = NO_CENTRE;
    uint32_t best_rank = UINT32_MAX;
    strategy->out_of_memory |= points == NULL || rank == NULL || index == NULL;
    for (size_t i = 0; !strategy->out_of_memory && i < n; i++) {
        const struct preference_member *member = &search->told.members[i];
        size_t column = 0;
        points[rows * m + column++] = -member->fitness;
        for (uint32_t c = 0; c < strategy->study->cost_count; c++)
            if (!strategy->study->costs[c].limit_only)
                points[rows * m + column++] = member->costs[c];
        index[rows] = i;
        rows += member->feasible;
    }
    strategy->out_of_memory |= !strategy->out_of_memory && rows > 0 && !pareto_sort(points, NULL, rows, m, rank);
    for (size_t row = 0; !strategy->out_of_memory && row < rows; row++)
        if (!search->explored[index[row]] && rank[row] < best_rank) {
            best = (int64_t)index[row];
            best_rank = rank[row];
        }
    free(points);
    free(rank);
    free(index);
    return best;
}

/* --- the next round --- */

/* Not asked before and not in this round, both by identity. */
static bool is_new(const struct strategy *strategy, const struct arch *arch)
{
    const struct local *search = strategy->state;
    struct arch identity, other;
    if (vary_useless(strategy, arch))
        return false;
    strategy_identity(strategy, arch, &identity);
    for (size_t i = 0; i < search->round.count; i++) {
        strategy_identity(strategy, &search->round.members[i].arch, &other);
        if (arch_equal(&identity, &other))
            return false;
    }
    return true;
}

static void list_neighbours(struct strategy *strategy)
{
    struct local *search = strategy->state;
    struct preference_member neighbour = search->told.members[search->centre];
    for (size_t gene = 0; gene < neighbour.arch.length; gene++) {
        uint8_t own = neighbour.arch.genes[gene];
        for (int value = 0; value < space_choices(strategy->space, gene); value++) {
            neighbour.arch.genes[gene] = (uint8_t)value;
            if (is_new(strategy, &neighbour.arch))
                strategy->out_of_memory |= !preference_add(&search->round, &neighbour);
        }
        neighbour.arch.genes[gene] = own;
    }
    search->round_size = search->round.count;
}

/* A centre all of whose neighbours are known is left at once: every step is to something better, or to one not explored. */
static void next_round(struct strategy *strategy)
{
    struct local *search = strategy->state;
    do {
        search->centre = objective_costs(strategy->study) > 0 ? best_unexplored(strategy) : best_step(strategy);
        search->round.count = search->round_asked = search->round_told = 0;
        search->round_size = 1;
        if (search->centre != NO_CENTRE) {
            search->explored[search->centre] = true;
            list_neighbours(strategy);
        }
    } while (search->round_size == 0 && !strategy->out_of_memory);
}

/* --- ask and tell --- */

static uint64_t local_total(const struct strategy *strategy)
{
    return (uint64_t)settings(strategy)->population * settings(strategy)->generations;
}

static enum strategy_answer local_ask(struct strategy *strategy, struct arch *out)
{
    struct local *search = strategy->state;
    struct rng rng;
    if (strategy->asked >= local_total(strategy))
        return STRATEGY_DONE;
    if (search->round_asked == search->round_size || (strategy_steady(strategy) && strategy_full(strategy)))
        return STRATEGY_WAIT;
    strategy_rng(strategy, strategy->asked, &rng);
    if (search->centre != NO_CENTRE)
        *out = search->round.members[search->round_asked].arch;
    else if (!vary_random(strategy, &rng, out))
        return STRATEGY_DONE;
    search->round_asked++;
    return STRATEGY_ASK;
}

/* Keeps `explored` as long as `told`, in powers of two. */
static bool make_room(struct local *search)
{
    if (search->told.count < search->explored_room)
        return true;
    size_t room = search->explored_room == 0 ? 64 : 2 * search->explored_room;
    bool *explored = realloc(search->explored, room * sizeof *explored);
    if (explored == NULL)
        return false;
    search->explored = explored;
    search->explored_room = room;
    return true;
}

static bool add(const struct strategy *strategy, const struct preference_member *member, bool explored)
{
    struct local *search = strategy->state;
    if (!make_room(search) || !preference_add(&search->told, member))
        return false;
    search->explored[search->told.count - 1] = explored;
    return true;
}

static bool measure_spread(struct local *search)
{
    double *values = malloc(search->told.count * sizeof *values);
    if (values != NULL)
        search->spread = preference_spread(search->told.members, search->told.count, values);
    free(values);
    return values != NULL;
}

static void local_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct local *search = strategy->state;
    struct arch identity;
    strategy_identity(strategy, arch, &identity);
    struct preference_member member = preference_member(strategy->study, ask, &identity, result);
    strategy->out_of_memory |= !add(strategy, &member, false);
    if (strategy->out_of_memory || ++search->round_told < search->round_size)
        return;
    if (search->told.count == settings(strategy)->population)
        strategy->out_of_memory |= !measure_spread(search);
    next_round(strategy);
}

static bool local_boundary(const struct strategy *strategy)
{
    const struct local *search = strategy->state;
    return strategy->told > 0 && search->round_told == 0;
}

static uint32_t local_generation(const struct strategy *strategy)
{
    return (uint32_t)(strategy->told / settings(strategy)->population);
}

/* --- saving --- */

static json_t *save_explored(const struct local *search)
{
    json_t *list = json_array();
    bool whole = list != NULL;
    for (size_t i = 0; whole && i < search->told.count; i++)
        if (search->explored[i])
            whole = json_array_append_new(list, json_integer((json_int_t)i)) == 0;
    if (whole)
        return list;
    json_decref(list);
    return NULL;
}

static struct json_t *local_save(const struct strategy *strategy)
{
    const struct local *search = strategy->state;
    json_t *told = preference_save(search->told.members, search->told.count);
    json_t *round = preference_save(search->round.members, search->round.count);
    json_t *explored = save_explored(search);
    if (told == NULL || round == NULL || explored == NULL) {
        json_decref(told);
        json_decref(round);
        json_decref(explored);
        return NULL;
    }
    return json_pack("{s:f, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "spread", search->spread, "centre", (json_int_t)search->centre,
                     "size", (json_int_t)search->round_size, "asked", (json_int_t)search->round_asked, "told_of_round",
                     (json_int_t)search->round_told, "told", told, "round", round, "explored", explored);
}

static bool load_lists(struct strategy *strategy, const json_t *told, const json_t *round, const json_t *explored)
{
    struct local *search = strategy->state;
    struct preference_list members = {0};
    bool well =
        preference_load_list(strategy->space, told, &members) && preference_load_list(strategy->space, round, &search->round);
    for (size_t i = 0; well && i < members.count; i++)
        well = members.members[i].cost_count == strategy->study->cost_count && add(strategy, &members.members[i], false);
    preference_free(&members);
    for (size_t i = 0; well && i < json_array_size(explored); i++) {
        json_int_t at = json_integer_value(json_array_get(explored, i));
        well = at >= 0 && (size_t)at < search->told.count;
        if (well)
            search->explored[at] = true;
    }
    return well && search->told.count == strategy->told;
}

static enum status_code local_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct local *search = strategy->state;
    json_int_t centre, size, asked, told_of_round;
    json_t *told, *round, *explored;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:F, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "spread", &search->spread,
                       "centre", &centre, "size", &size, "asked", &asked, "told_of_round", &told_of_round, "told", &told, "round",
                       &round, "explored", &explored) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    if (!load_lists(strategy, told, round, explored))
        return status_set(status, STATUS_BAD_INPUT, "saved search: what was told cannot be read");
    json_int_t random_size = search->told.count < settings(strategy)->population ? settings(strategy)->population : 1;
    bool well = centre >= NO_CENTRE && centre < (json_int_t)search->told.count;
    well = well && size == (centre == NO_CENTRE ? random_size : (json_int_t)search->round.count);
    if (!well || told_of_round < 0 || told_of_round > asked || asked > size || told_of_round >= size ||
        asked - told_of_round != (json_int_t)(strategy->asked - strategy->told) || told_of_round > (json_int_t)search->told.count)
        return status_set(status, STATUS_BAD_INPUT, "saved search: a round of %lld around %lld does not fit what was told",
                          (long long)size, (long long)centre);
    search->centre = centre;
    search->round_size = (size_t)size;
    search->round_asked = (size_t)asked;
    search->round_told = (size_t)told_of_round;
    return STATUS_OK;
}

const struct strategy_ops strategy_local = {
    .name = "local",
    .open = local_open,
    .close = local_close,
    .ask = local_ask,
    .tell = local_tell,
    .boundary = local_boundary,
    .save = local_save,
    .load = local_load,
    .generation = local_generation,
    .total = local_total,
    .steady = true,
};
