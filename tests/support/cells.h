/* cells: searches on the published NAS-Bench-201 tables of ../shared/data, for the golden tests of the strategies: a strategy
 * alone, told from memory, and what it has found so far. Every function fails the test on its own. */
#ifndef HWNAS_TESTS_SUPPORT_CELLS_H
#define HWNAS_TESTS_SUPPORT_CELLS_H

#include "tests/support/test.h"

#include "common/config.h"
#include "common/rng.h"
#include "common/space.h"
#include "common/table.h"
#include "master/strategy.h"

#define CELLS_ACCURACY "../shared/data/nb201_accuracy.csv"
#define CELLS_HARDWARE "../shared/data/nb201_hardware.csv"
#define CELLS_DERIVED "../shared/data/nb201_hardware_derived.csv"

enum { CELLS_COUNT = 15625 };

/* One fitness column beside one device's latency, and every cell that is connected and has both. */
struct cells {
    struct space space;
    struct table *fitness, *latency;
    struct arch feasible[CELLS_COUNT];
    double accuracy[CELLS_COUNT], latency_ms[CELLS_COUNT]; /* of the feasible */
    size_t count;
    struct config_cost cost;
    double slowest_ms; /* of the feasible */
};

void cells_open(struct cells *cells, const char *column, const char *file, const char *device, const char *dataset);
void cells_close(struct cells *cells);

/* Settings as a study file has them by default, for these cells: the named strategy, latency as the one cost. */
struct config_study cells_study(struct cells *cells, const char *strategy, uint64_t seed);

struct strategy_result cells_result(const struct cells *cells, const struct arch *arch);

/* What a search was told: different feasible cells as (latency, - accuracy), in the order of their first evaluation. */
struct cells_found {
    double points[CELLS_COUNT][2];
    size_t distinct;
    uint64_t asked;
};

/* Asks and tells, generation by generation, until the strategy is done, `asks` were asked or `distinct` feasible cells told (0: no
 * such bound). */
void cells_search(struct cells *cells, struct strategy *strategy, uint64_t asks, size_t distinct, struct cells_found *found);

/* `distinct` different feasible cells drawn at random. */
void cells_random(const struct cells *cells, uint64_t seed, size_t distinct, struct cells_found *found);

/* The share, in %, that the first n points found have of the hypervolume of all feasible cells. */
double cells_hypervolume(const struct cells *cells, const struct cells_found *found, size_t n, double worst_ms,
                         double worst_accuracy);

/* That hypervolume itself, in ms * %. */
double cells_true_hypervolume(const struct cells *cells, double worst_ms, double worst_accuracy);

/* The median; sorts the values. */
double cells_median(double *values, size_t n);

#endif
