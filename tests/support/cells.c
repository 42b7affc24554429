/* cells: see cells.h. */
#include "tests/support/cells.h"

#include <math.h>
#include <string.h>

#include "master/hypervolume.h"

void cells_open(struct cells *cells, const char *column, const char *file, const char *device, const char *dataset)
{
    struct status status = {0};
    memset(cells, 0, sizeof *cells);
    assert_ok(space_open("nb201", &cells->space, &status), status);
    assert_ok(table_load(CELLS_ACCURACY, &cells->space, NULL, NULL, column, &cells->fitness, &status), status);
    assert_ok(table_load(file, &cells->space, device, dataset, "latency_ms", &cells->latency, &status), status);
    for (int number = 0; number < CELLS_COUNT; number++) {
        struct arch arch = {.length = 6};
        for (int edge = 0, rest = number; edge < 6; edge++, rest /= 5)
            arch.genes[edge] = (uint8_t)(rest % 5);
        struct strategy_result result = cells_result(cells, &arch);
        if (!result.feasible)
            continue;
        cells->feasible[cells->count] = arch;
        cells->accuracy[cells->count] = result.fitness;
        cells->latency_ms[cells->count++] = result.costs[0];
        cells->slowest_ms = fmax(cells->slowest_ms, result.costs[0]);
    }
}

void cells_close(struct cells *cells)
{
    table_free(cells->fitness);
    table_free(cells->latency);
    space_close(&cells->space);
}

struct config_study cells_study(struct cells *cells, const char *strategy, uint64_t seed)
{
    cells->cost = (struct config_cost){.name = "latency_ms", .source = CONFIG_COST_TABLE};
    return (struct config_study){.name = "cells",
                                 .space = "nb201",
                                 .strategy = {.name = (char *)(uintptr_t)strategy,
                                              .population = 20,
                                              .generations = 100,
                                              .tournament = 5,
                                              .elites = 1,
                                              .mutation = 0.1,
                                              .lambda = 2,
                                              .in_flight = 20,
                                              .diversity = true,
                                              .warmup = 100,
                                              .positives = 100,
                                              .quantile = 0.05,
                                              .pool = 1000,
                                              .trees = 30,
                                              .consensus = 20,
                                              .neighbours = 5,
                                              .predicted = 2000,
                                              .sweep = 10,
                                              .steps = 300},
                                 .fitness = {.source = CONFIG_FITNESS_TABLE},
                                 .costs = &cells->cost,
                                 .cost_count = 1,
                                 .seed = seed};
}

struct strategy_result cells_result(const struct cells *cells, const struct arch *arch)
{
    struct strategy_result result = {.costs = {NAN}};
    result.feasible = space_connected(&cells->space, arch) && table_get(cells->latency, arch, &result.costs[0]) &&
                      table_get(cells->fitness, arch, &result.fitness);
    return result;
}

/* --- searching --- */

static size_t number_of(const struct arch *arch)
{
    size_t number = 0;
    for (int edge = 5; edge >= 0; edge--)
        number = number * 5 + arch->genes[edge];
    return number;
}

void cells_search(struct cells *cells, struct strategy *strategy, uint64_t asks, size_t distinct, struct cells_found *found)
{
    static struct arch waiting[CELLS_COUNT];
    bool seen[CELLS_COUNT] = {false};
    found->distinct = 0;
    for (;;) {
        while (strategy->asked - strategy->told < CELLS_COUNT && (asks == 0 || strategy->asked < asks) &&
               strategy_ask(strategy, &waiting[strategy->asked % CELLS_COUNT]) == STRATEGY_ASK)
            continue;
        if (strategy->told == strategy->asked || (distinct > 0 && found->distinct >= distinct))
            break;
        const struct arch *arch = &waiting[strategy->told % CELLS_COUNT];
        struct strategy_result result = cells_result(cells, arch);
        if (result.feasible && !seen[number_of(arch)]) {
            found->points[found->distinct][0] = result.costs[0];
            found->points[found->distinct++][1] = -result.fitness;
            seen[number_of(arch)] = true;
        }
        strategy_tell(strategy, strategy->told, arch, &result);
    }
    found->asked = strategy->asked;
}

void cells_random(const struct cells *cells, uint64_t seed, size_t distinct, struct cells_found *found)
{
    static size_t order[CELLS_COUNT];
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < cells->count; i++)
        order[i] = i;
    for (size_t i = 0; i < distinct; i++) {
        size_t j = i + rng_below(&rng, cells->count - i), drawn = order[j];
        order[j] = order[i];
        found->points[i][0] = cells->latency_ms[drawn];
        found->points[i][1] = -cells->accuracy[drawn];
    }
    found->asked = found->distinct = distinct;
}

/* --- judging --- */

static double hypervolume(const double *points, size_t n, double worst_ms, double worst_accuracy)
{
    double reference[2] = {worst_ms, -worst_accuracy}, volume;
    assert_true(hypervolume_of(points, n, 2, reference, &volume));
    return volume;
}

double cells_true_hypervolume(const struct cells *cells, double worst_ms, double worst_accuracy)
{
    static double points[CELLS_COUNT][2];
    for (size_t i = 0; i < cells->count; i++) {
        points[i][0] = cells->latency_ms[i];
        points[i][1] = -cells->accuracy[i];
    }
    return hypervolume(points[0], cells->count, worst_ms, worst_accuracy);
}

double cells_hypervolume(const struct cells *cells, const struct cells_found *found, size_t n, double worst_ms,
                         double worst_accuracy)
{
    return 100 * hypervolume(found->points[0], n < found->distinct ? n : found->distinct, worst_ms, worst_accuracy) /
           cells_true_hypervolume(cells, worst_ms, worst_accuracy);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double cells_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
