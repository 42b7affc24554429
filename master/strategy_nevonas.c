/* strategy_nevonas: see strategy_nevonas.h. Called through strategy.c alone.
 *
 * The cohort is the generation being scored; `parents` are those that survived until then. Novelty is measured when a generation
 * has its results, against its other members and everything told before it, and stays with the member, as its fitness does. Members
 * returned are those of the first front: the answer comes from there. */
#include "master/strategy_nevonas.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsontext.h"
#include "master/cohort.h"
#include "master/individual.h"
#include "master/novelty.h"
#include "master/nsga.h"
#include "master/pareto.h"
#include "master/vary.h"

/* NEvoNAS's code. A child that equals another is made anew, in vain at most so often (ours). */
enum { BREED_TRIES = 100 };
static const double crossover = 0.7, crossover_eta = 15, mutation_eta = 20;

struct nevonas {
    struct cohort cohort;
    double *parents; /* (2 population, size), owned: the matrices of the survivors, and while they are chosen of all */
    double *sorted;  /* (2 population, size), owned: to put them in order */
    struct parent {
        size_t told;                /* which result is theirs */
        double novelty;             /* as it was when they were scored */
    } * parent, *parent_sorted;     /* (2 population), owned */
    struct nsga_standing *standing; /* (2 population), owned: of the parents, by their place */
    double *points, *violation;     /* (2 population, objectives) and (2 population), owned: room to rank */
    double *nearest;                /* (neighbours), owned: the smallest distances so far, rising */
    size_t objectives;
    uint32_t parent_count; /* 0 before the first generation is complete */
    size_t known;          /* results told before the cohort */
    size_t *archive;       /* (archive_room), owned: of those the first of each architecture, which novelty is measured against */
    size_t archive_count, archive_room, archived; /* archived: told that were looked at */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* --- open and close --- */

static enum status_code check_settings(const struct strategy *strategy, struct status *status)
{
    if (settings(strategy)->neighbours < 1 || settings(strategy)->neighbours > 100000)
        return status_set(status, STATUS_BAD_INPUT, "strategy nevonas: 1 to 100000 neighbours are needed, not %u",
                          settings(strategy)->neighbours);
    return vary_check(strategy->study, status);
}

static void nevonas_close(struct strategy *strategy)
{
    struct nevonas *search = strategy->state;
    if (search == NULL)
        return;
    cohort_close(&search->cohort);
    free(search->parents);
    free(search->sorted);
    free(search->parent);
    free(search->parent_sorted);
    free(search->standing);
    free(search->points);
    free(search->violation);
    free(search->nearest);
    free(search->archive);
    free(search);
    strategy->state = NULL;
}

static bool make_room(struct nevonas *search, size_t count, size_t neighbours)
{
    size_t size = search->cohort.shape.size;
    search->parents = calloc(count * size, sizeof *search->parents);
    search->sorted = calloc(count * size, sizeof *search->sorted);
    search->parent = calloc(count, sizeof *search->parent);
    search->parent_sorted = calloc(count, sizeof *search->parent_sorted);
    search->standing = calloc(count, sizeof *search->standing);
    search->points = calloc(count * (CONFIG_COSTS_MAX + 2), sizeof *search->points);
    search->violation = calloc(count, sizeof *search->violation);
    search->nearest = calloc(neighbours, sizeof *search->nearest);
    return search->parents != NULL && search->sorted != NULL && search->parent != NULL && search->parent_sorted != NULL &&
           search->standing != NULL && search->points != NULL && search->violation != NULL && search->nearest != NULL;
}

static enum status_code nevonas_open(struct strategy *strategy, struct status *status)
{
    enum status_code code = check_settings(strategy, status);
    if (code != STATUS_OK)
        return code;
    uint32_t size = settings(strategy)->population;
    struct nevonas *search = strategy->state = calloc(1, sizeof *search);
    if (search == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a search");
    code = cohort_open(strategy, size, &search->cohort, status);
    if (code != STATUS_OK)
        return code;
    if (!make_room(search, 2 * (size_t)size, settings(strategy)->neighbours))
        return status_set(status, STATUS_NO_MEMORY, "no memory for a population of %u", size);
    cohort_begin_random(strategy, &search->cohort, size);
    return STATUS_OK;
}

/* --- novelty --- */

static bool in_archive(const struct nevonas *search, const struct arch *arch)
{
    for (size_t i = 0; i < search->archive_count; i++)
        if (arch_equal(&search->cohort.told.members[search->archive[i]].arch, arch))
            return true;
    return false;
}

/* What was told until now is known: each architecture once, though it is asked again where weights change. False without memory. */
static bool archive_told(struct nevonas *search)
{
    for (; search->archived < search->known; search->archived++) {
        if (in_archive(search, &search->cohort.told.members[search->archived].arch))
            continue;
        if (search->archive_count == search->archive_room) {
            size_t room = search->archive_room == 0 ? 256 : 2 * search->archive_room;
            size_t *grown = realloc(search->archive, room * sizeof *grown);
            if (grown == NULL)
                return false;
            search->archive = grown;
            search->archive_room = room;
        }
        search->archive[search->archive_count++] = search->archived;
    }
    return true;
}

/* The mean distance of a member of the cohort to its nearest neighbours, among the cohort's others and what was told before it. */
static double novelty(const struct strategy *strategy, uint32_t member)
{
    const struct nevonas *search = strategy->state;
    const struct cohort *cohort = &search->cohort;
    const struct arch *arch = &cohort->arch[member];
    uint32_t most = settings(strategy)->neighbours, count = 0;
    for (uint32_t i = 0; i < cohort->count; i++)
        if (i != member)
            count = novelty_take(search->nearest, count, most, novelty_distance(strategy->space, arch, &cohort->arch[i]));
    for (size_t i = 0; i < search->archive_count; i++)
        count = novelty_take(search->nearest, count, most,
                             novelty_distance(strategy->space, arch, &cohort->told.members[search->archive[i]].arch));
    return novelty_mean(search->nearest, count);
}

/* --- standing --- */

/* The objectives of one parent, all to be minimised: - fitness, costs, - novelty, as the setting has it. Returns how many. */
static size_t fill_point(const struct strategy *strategy, const struct parent *parent, double *point)
{
    const struct nevonas *search = strategy->state;
    const struct preference_member *told = &search->cohort.told.members[parent->told];
    struct individual individual = {.told = *told};
    memcpy(individual.costs, told->costs, sizeof individual.costs);
    size_t m = individual_objectives(strategy->study, &individual, point);
    if (settings(strategy)->novelty == CONFIG_NOVELTY_ALONE)
        point[0] = -parent->novelty;
    if (settings(strategy)->novelty == CONFIG_NOVELTY_BESIDE)
        point[m++] = -parent->novelty;
    return m;
}

static bool rank(struct strategy *strategy, uint32_t count)
{
    struct nevonas *search = strategy->state;
    for (uint32_t i = 0; i < count; i++) {
        double point[CONFIG_COSTS_MAX + 2];
        const struct preference_member *told = &search->cohort.told.members[search->parent[i].told];
        size_t m = search->objectives = fill_point(strategy, &search->parent[i], point);
        memcpy(search->points + i * m, point, m * sizeof *point);
        search->violation[i] = told->feasible ? told->violation : INFINITY;
        search->standing[i].age = i;
    }
    return nsga_rank(search->points, search->violation, count, search->objectives, search->standing);
}

/* The cohort joins its parents, and as many as the population holds survive; they are ranked among themselves, as parents. */
static bool survive(struct strategy *strategy)
{
    struct nevonas *search = strategy->state;
    size_t size = search->cohort.shape.size;
    uint32_t count = search->parent_count, kept = settings(strategy)->population;
    memcpy(search->parents + count * size, search->cohort.alpha, search->cohort.count * size * sizeof *search->parents);
    for (uint32_t i = 0; i < search->cohort.count; i++)
        search->parent[count++] = (struct parent){search->cohort.result[i], novelty(strategy, i)};
    if (!rank(strategy, count))
        return false;
    nsga_sort(search->standing, count);
    for (uint32_t i = 0; i < kept; i++) {
        uint32_t from = search->standing[i].index;
        memcpy(search->sorted + i * size, search->parents + from * size, size * sizeof *search->sorted);
        search->parent_sorted[i] = search->parent[from];
    }
    memcpy(search->parents, search->sorted, kept * size * sizeof *search->parents);
    memcpy(search->parent, search->parent_sorted, kept * sizeof *search->parent);
    search->parent_count = kept;
    search->known = search->cohort.told.count;
    return archive_told(search) && rank(strategy, kept);
}

/* --- proposing --- */

/* Of two drawn at random the one that dominates the other; else the lonelier; else either. */
static const double *choose(const struct nevonas *search, struct rng *rng)
{
    uint32_t a = (uint32_t)rng_below(rng, search->parent_count), b = (uint32_t)rng_below(rng, search->parent_count - 1);
    b += b >= a;
    size_t size = search->cohort.shape.size;
    const struct nsga_standing *left = &search->standing[a], *right = &search->standing[b];
    size_t m = search->objectives;
    int dominance = pareto_compare(search->points + a * m, search->violation[a], search->points + b * m, search->violation[b], m);
    bool second = dominance != 0                      ? dominance > 0
                  : left->crowding != right->crowding ? right->crowding > left->crowding
                                                      : rng_below(rng, 2) == 1;
    return search->parents + (second ? b : a) * size;
}

static bool among(const double *child, const double *others, uint32_t count, size_t size)
{
    for (uint32_t i = 0; i < count; i++)
        if (memcmp(child, others + i * size, size * sizeof *child) == 0)
            return true;
    return false;
}

/* Two children of two parents at a time; the last may have no place any more. */
static void breed(struct strategy *strategy)
{
    struct nevonas *search = strategy->state;
    uint32_t count = settings(strategy)->population, made = 0;
    uint64_t tries = 0;
    size_t size = search->cohort.shape.size;
    struct rng rng;
    cohort_rng(strategy, &search->cohort, &rng);
    while (made < count) {
        double children[2][SPACE_MATRIX_MAX];
        const double *mother = choose(search, &rng), *father = choose(search, &rng);
        nsga_cross(&rng, crossover, crossover_eta, size, mother, father, children[0], children[1]);
        for (int i = 0; i < 2 && made < count; i++) {
            nsga_mutate(&rng, settings(strategy)->mutation, mutation_eta, size, children[i]);
            bool again = among(children[i], search->parents, search->parent_count, size) ||
                         among(children[i], search->cohort.next, made, size);
            if (again && ++tries < (uint64_t)BREED_TRIES * count)
                continue;
            memcpy(cohort_next(&search->cohort, made++), children[i], size * sizeof children[i][0]);
        }
    }
    cohort_begin(strategy, &search->cohort, count);
}

/* --- the search --- */

static enum strategy_answer nevonas_ask(struct strategy *strategy, struct arch *out)
{
    struct nevonas *search = strategy->state;
    return cohort_ask(strategy, &search->cohort, out);
}

static void turn(struct strategy *strategy)
{
    struct nevonas *search = strategy->state;
    if (!survive(strategy)) {
        strategy->out_of_memory = true;
        return;
    }
    search->cohort.done = search->cohort.generation == settings(strategy)->generations;
    if (!search->cohort.done)
        breed(strategy);
}

static void nevonas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct nevonas *search = strategy->state;
    cohort_tell(strategy, &search->cohort, ask, arch, result, turn);
}

static bool nevonas_boundary(const struct strategy *strategy)
{
    const struct nevonas *search = strategy->state;
    return cohort_boundary(&search->cohort);
}

static const struct preference_member *told_of(const struct nevonas *search, uint32_t parent)
{
    return &search->cohort.told.members[search->parent[parent].told];
}

static bool nevonas_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct nevonas *search = strategy->state;
    for (uint32_t k = 0; k < search->parent_count; k++)
        if (search->standing[k].rank == 0 && i-- == 0) {
            *out = told_of(search, k)->arch;
            return true;
        }
    return false;
}

/* The fittest of the first front. The code takes the one that tests best, which no search can know. */
static bool nevonas_answer(const struct strategy *strategy, struct arch *out)
{
    const struct nevonas *search = strategy->state;
    const struct preference_member *best = NULL;
    for (uint32_t k = 0; search->cohort.done && k < search->parent_count; k++)
        if (search->standing[k].rank == 0 && (best == NULL || preference_compare(0, told_of(search, k), best) < 0))
            best = told_of(search, k);
    if (best != NULL)
        *out = best->arch;
    return best != NULL;
}

static uint32_t nevonas_generation(const struct strategy *strategy)
{
    const struct nevonas *search = strategy->state;
    return search->cohort.generation;
}

/* How many of its children are new nobody knows. */
static uint64_t nevonas_total(const struct strategy *strategy)
{
    (void)strategy;
    return 0;
}

/* --- saving --- */

static struct json_t *nevonas_save(const struct strategy *strategy)
{
    const struct nevonas *search = strategy->state;
    uint32_t count = search->parent_count;
    json_t *cohort = cohort_save(&search->cohort), *told = json_array(), *novelties = json_array();
    json_t *parents = jsontext_numbers(search->parents, count * search->cohort.shape.size);
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(told, json_integer((json_int_t)search->parent[i].told));
        json_array_append_new(novelties, json_real(search->parent[i].novelty));
    }
    if (cohort != NULL && parents != NULL && json_array_size(told) == count && json_array_size(novelties) == count)
        return json_pack("{s:o, s:o, s:o, s:o, s:I}", "cohort", cohort, "parents", parents, "told", told, "novelty", novelties,
                         "known", (json_int_t)search->known);
    json_decref(cohort);
    json_decref(parents);
    json_decref(told);
    json_decref(novelties);
    return NULL;
}

static bool load_parents(struct strategy *strategy, const json_t *saved)
{
    struct nevonas *search = strategy->state;
    json_int_t known;
    json_t *parents, *told, *novelties;
    if (json_unpack((json_t *)(uintptr_t)saved, "{s:o, s:o, s:o, s:I}", "parents", &parents, "told", &told, "novelty", &novelties,
                    "known", &known) != 0)
        return false;
    size_t count = json_array_size(told);
    if (count != (search->cohort.generation > 0 ? settings(strategy)->population : 0) || known < 0 ||
        (size_t)known > search->cohort.told.count || json_array_size(novelties) != count ||
        !jsontext_take_numbers(parents, search->parents, count * search->cohort.shape.size))
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *which = json_array_get(told, i), *novelty = json_array_get(novelties, i);
        json_int_t place = json_is_integer(which) ? json_integer_value(which) : -1;
        if (place < 0 || place >= known || !json_is_real(novelty))
            return false;
        search->parent[i] = (struct parent){(size_t)place, json_real_value(novelty)};
    }
    search->parent_count = (uint32_t)count;
    search->known = (size_t)known;
    return true;
}

static enum status_code nevonas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct nevonas *search = strategy->state;
    enum status_code code = cohort_load(strategy, &search->cohort, json_object_get(saved, "cohort"), status);
    if (code != STATUS_OK)
        return code;
    if (search->cohort.count != settings(strategy)->population || search->cohort.generation > settings(strategy)->generations ||
        !load_parents(strategy, saved))
        return status_set(status, STATUS_BAD_INPUT, "saved search: the population cannot be read, or is not of these settings");
    if (!archive_told(search) || (search->parent_count > 0 && !rank(strategy, search->parent_count)))
        return status_set(status, STATUS_NO_MEMORY, "no memory to rank a population of %u", search->parent_count);
    return STATUS_OK;
}

const struct strategy_ops strategy_nevonas = {
    .name = "nevonas",
    .open = nevonas_open,
    .close = nevonas_close,
    .ask = nevonas_ask,
    .tell = nevonas_tell,
    .boundary = nevonas_boundary,
    .save = nevonas_save,
    .load = nevonas_load,
    .generation = nevonas_generation,
    .total = nevonas_total,
    .member = nevonas_member,
    .answer = nevonas_answer,
};
