/* foresight: see foresight.h. Called by strategy_linas.c and strategy_gradient.c. */
#include "master/foresight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "master/archive.h"
#include "master/nsga.h"
#include "master/vary.h"

/* A child that was looked at already gets another gene, so often; then it is left out. */
enum { CHILD_TRIES = 20, OBJECTIVES_MAX = CONFIG_COSTS_MAX + 1 };

/* DyNAS-T's settings. */
static const double CROSSOVER = 0.9;

/* --- learning --------------------------------------------------------------------------------------------- */

/* Figure 0 is the fitness. Returns how many examples there are. */
static size_t fill_fitness(const struct individual *told, size_t count, bool floor, struct arch *archs, double *values)
{
    double poor = individual_poor_fitness(told, count, values), least = floor ? poor : -INFINITY;
    for (size_t i = 0; i < count; i++) {
        archs[i] = told[i].told.arch;
        values[i] = told[i].told.feasible ? fmax(told[i].told.fitness, least) : poor;
    }
    return count;
}

/* Figure i is the i-th cost. */
static size_t fill_cost(const struct individual *told, size_t count, size_t figure, struct arch *archs, double *values)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!told[i].told.feasible)
            continue;
        archs[n] = told[i].told.arch;
        values[n++] = told[i].costs[figure - 1];
    }
    return n;
}

static size_t learned_from(size_t count)
{
    return count < FORESIGHT_EXAMPLES_MAX ? count : FORESIGHT_EXAMPLES_MAX;
}

bool foresight_possible(const struct individual *told, size_t count)
{
    for (size_t i = count - learned_from(count); i < count; i++)
        if (told[i].told.feasible)
            return true;
    return false;
}

enum status_code foresight_learn(const struct strategy *strategy, const struct individual *told, size_t count,
                                 const struct foresight_kinds *kinds, struct rng *rng, struct foresight *out, struct status *status)
{
    *out = (struct foresight){.strategy = strategy, .told = told, .told_count = count};
    size_t used = learned_from(count);
    const struct individual *examined = told + count - used;
    struct arch *archs = calloc(used, sizeof *archs);
    double *values = calloc(used, sizeof *values);
    enum status_code code = STATUS_OK;
    if (archs == NULL || values == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "no memory to learn from %zu results", count);
    for (size_t figure = 0; figure <= strategy->study->cost_count && code == STATUS_OK; figure++) {
        struct predictor_examples examples = {strategy->space, archs, values, 0};
        struct predictor_settings settings;
        struct predictor_error expected;
        examples.count = figure > 0 ? fill_cost(examined, used, figure, archs, values)
                                    : fill_fitness(examined, used, kinds->floor, archs, values);
        code = predictor_choose(&examples, figure > 0 ? kinds->costs : kinds->fitness, kinds->traits, rng, &settings, &expected,
                                status);
        if (code == STATUS_OK)
            code = predictor_fit(&examples, &settings, rng, &out->predictors[figure], status);
    }
    free(archs);
    free(values);
    return code;
}

void foresight_free(struct foresight *foresight)
{
    for (size_t i = 0; i <= CONFIG_COSTS_MAX; i++)
        predictor_free(foresight->predictors[i]);
    memset(foresight->predictors, 0, sizeof foresight->predictors);
}

/* --- looking ahead ---------------------------------------------------------------------------------------- */

/* Everything looked at, in the order it was. */
struct view {
    const struct foresight *foresight;
    struct archive *seen;
    struct arch *archs;
    double *objectives, *violation; /* (room, m) and (room) */
    size_t count, room, m;
    uint32_t *members;              /* (2 population) places of the population and its children */
    struct nsga_standing *standing; /* (2 population); of the members once they are ranked */
    double *points, *distances;     /* room to rank: (2 population, m) and (2 population) */
    uint32_t population;
};

static const struct config_strategy *settings(const struct view *view)
{
    return &view->foresight->strategy->study->strategy;
}

static void close_view(struct view *view)
{
    archive_free(&view->seen);
    free(view->archs);
    free(view->objectives);
    free(view->violation);
    free(view->members);
    free(view->standing);
    free(view->points);
    free(view->distances);
}

static bool open_view(const struct foresight *foresight, struct view *out)
{
    const struct config_study *study = foresight->strategy->study;
    size_t twice = 2 * (size_t)study->strategy.population;
    *out = (struct view){.foresight = foresight, .room = (size_t)study->strategy.predicted + twice, .m = 1};
    for (uint32_t i = 0; i < study->cost_count; i++)
        out->m += !study->costs[i].limit_only;
    out->archs = calloc(out->room, sizeof *out->archs);
    out->objectives = calloc(out->room * out->m, sizeof(double));
    out->violation = calloc(out->room, sizeof(double));
    out->members = calloc(twice, sizeof *out->members);
    out->standing = calloc(twice, sizeof *out->standing);
    out->points = calloc(twice * out->m, sizeof(double));
    out->distances = calloc(twice, sizeof(double));
    return out->archs != NULL && out->objectives != NULL && out->violation != NULL && out->members != NULL &&
           out->standing != NULL && out->points != NULL && out->distances != NULL;
}

/* What is expected of an architecture, as individual_objectives has it; returns the violation. */
static double foretell(const struct foresight *foresight, const struct arch *arch, double *objectives)
{
    const struct config_study *study = foresight->strategy->study;
    size_t m = 1;
    double violation = 0;
    objectives[0] = -predictor_predict(foresight->predictors[0], arch);
    for (uint32_t i = 0; i < study->cost_count; i++) {
        double cost = predictor_predict(foresight->predictors[i + 1], arch);
        if (!study->costs[i].limit_only)
            objectives[m++] = cost;
        if (study->costs[i].has_max && cost > study->costs[i].max)
            violation += (cost - study->costs[i].max) / study->costs[i].max;
    }
    return space_connected(foresight->strategy->space, arch) ? violation : INFINITY;
}

/* Looks at an architecture unless it or its like was looked at before; *added tells. False without memory. */
static bool look(struct view *view, const struct arch *arch, bool *added)
{
    struct arch identity;
    strategy_identity(view->foresight->strategy, arch, &identity);
    if (archive_add(&view->seen, &identity, added) == NULL)
        return false;
    if (*added) {
        size_t place = view->count++;
        view->archs[place] = *arch;
        view->violation[place] = foretell(view->foresight, arch, view->objectives + place * view->m);
    }
    return true;
}

static bool rank(struct view *view, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        memcpy(view->points + i * view->m, view->objectives + view->members[i] * view->m, view->m * sizeof(double));
        view->distances[i] = view->violation[view->members[i]];
        view->standing[i].age = view->members[i];
    }
    return nsga_rank(view->points, view->distances, count, view->m, view->standing);
}

/* Of `count` members the best stay; then they are ranked among themselves, as parents. */
static bool survive(struct view *view, uint32_t count)
{
    uint32_t kept = count < settings(view)->population ? count : settings(view)->population;
    if (!rank(view, count))
        return false;
    nsga_sort(view->standing, count);
    for (uint32_t i = 0; i < kept; i++)
        view->standing[i].index = view->members[view->standing[i].index];
    for (uint32_t i = 0; i < kept; i++)
        view->members[i] = view->standing[i].index;
    view->population = kept;
    return rank(view, kept);
}

static void breed(const struct view *view, struct rng *rng, struct arch *out)
{
    const struct space *space = view->foresight->strategy->space;
    const struct arch *mother = &view->archs[view->members[nsga_parent(view->standing, view->population, rng)]],
                      *father = &view->archs[view->members[nsga_parent(view->standing, view->population, rng)]];
    *out = *mother;
    if (rng_uniform(rng) < CROSSOVER)
        space_crossover(space, rng, mother, father, out);
    space_mutate(space, rng, settings(view)->mutation, out);
}

/* One more member that was not looked at before, if there is one within reach. */
static bool add_member(struct view *view, struct rng *rng, bool random, uint32_t *count)
{
    const struct space *space = view->foresight->strategy->space;
    struct arch arch;
    bool added = false, done = true;
    if (random)
        space_sample(space, rng, &arch);
    else
        breed(view, rng, &arch);
    for (int i = 0; i < CHILD_TRIES && done && !added; i++) {
        done = look(view, &arch, &added);
        if (done && !added)
            vary_step(space, rng, &arch);
    }
    if (added)
        view->members[(*count)++] = (uint32_t)(view->count - 1);
    return done;
}

/* Until enough was looked at, or less than half of a generation is new. */
static bool evolve(struct view *view, struct rng *rng)
{
    uint32_t population = settings(view)->population;
    for (bool random = true;; random = false) {
        uint32_t count = view->population, before = count;
        bool done = true;
        for (uint32_t i = 0; i < population && done && view->count < settings(view)->predicted; i++)
            done = add_member(view, rng, random, &count);
        if (!done || (count > before && !survive(view, count)))
            return false;
        if (view->count >= settings(view)->predicted || count < before + population / 2)
            return true;
    }
}

/* --- the choice ------------------------------------------------------------------------------------------- */

/* The places of everything looked at that is not asked yet, and the points of these and of what was measured, side by side. */
struct choice {
    uint32_t *places;
    double *points, *violation;
    struct nsga_standing *standing;
    size_t open, count;
};

static void close_choice(struct choice *choice)
{
    free(choice->places);
    free(choice->points);
    free(choice->violation);
    free(choice->standing);
}

static bool open_choice(const struct view *view, struct choice *out)
{
    const struct foresight *foresight = view->foresight;
    size_t most = view->count + foresight->told_count;
    *out = (struct choice){.places = calloc(most, sizeof *out->places),
                           .points = calloc(most * OBJECTIVES_MAX, sizeof(double)),
                           .violation = calloc(most, sizeof(double)),
                           .standing = calloc(most, sizeof *out->standing)};
    if (out->places == NULL || out->points == NULL || out->violation == NULL || out->standing == NULL)
        return false;
    for (size_t i = 0; i < view->count; i++) {
        if (vary_useless(foresight->strategy, &view->archs[i]))
            continue;
        memcpy(out->points + out->open * view->m, view->objectives + i * view->m, view->m * sizeof(double));
        out->violation[out->open] = view->violation[i];
        out->places[out->open++] = (uint32_t)i;
    }
    out->count = out->open;
    for (size_t i = 0; i < foresight->told_count; i++) {
        const struct individual *told = &foresight->told[i];
        double objectives[OBJECTIVES_MAX];
        if (!told->told.feasible)
            continue;
        individual_objectives(foresight->strategy->study, told, objectives);
        memcpy(out->points + out->count * view->m, objectives, view->m * sizeof(double));
        out->violation[out->count++] = told->told.violation;
    }
    for (size_t i = 0; i < out->count; i++)
        out->standing[i].age = i;
    return true;
}

static bool choose(const struct view *view, struct arch *out, size_t count, size_t *found)
{
    struct choice choice;
    bool done = open_choice(view, &choice) &&
                (choice.count == 0 || nsga_rank(choice.points, choice.violation, choice.count, view->m, choice.standing));
    if (done)
        nsga_sort(choice.standing, choice.count);
    for (size_t i = 0; done && i < choice.count && *found < count; i++)
        if (choice.standing[i].index < choice.open)
            out[(*found)++] = view->archs[choice.places[choice.standing[i].index]];
    close_choice(&choice);
    return done;
}

bool foresight_search(const struct foresight *foresight, struct rng *rng, struct arch *out, size_t count, size_t *found)
{
    struct view view;
    *found = 0;
    bool done = open_view(foresight, &view) && evolve(&view, rng) && choose(&view, out, count, found);
    close_view(&view);
    return done;
}
