/* surrogate: how much of the true front's hypervolume it reaches within 1,000 distinct evaluations in published tables, beside
 * mohdnas and random search. With a number: so many seeds, all settings of docs/METHODS.md. */
#include "tests/support/cells.h"

#include <string.h>

enum { EVALUATIONS = 1000, SEEDS_MAX = 100, PLACES = 3 };

static const size_t places[PLACES] = {250, 500, 1000};

static const struct {
    const char *device, *column, *file, *dataset;
    double worst_ms, worst_accuracy; /* 0: the slowest feasible */
} settings[] = {
    {"fpga", "cifar100_test", CELLS_DERIVED, "cifar100", 9, 55},   {"edgegpu", "cifar10_test", CELLS_HARDWARE, "cifar10", 0, 84},
    {"eyeriss", "cifar10_test", CELLS_HARDWARE, "cifar10", 0, 84}, {"raspi4", "cifar10_test", CELLS_HARDWARE, "cifar10", 0, 84},
    {"edgetpu", "cifar10_test", CELLS_HARDWARE, "cifar10", 0, 84}, {"pixel3", "cifar10_test", CELLS_HARDWARE, "cifar10", 0, 84},
    {"fpga", "cifar10_test", CELLS_HARDWARE, "cifar10", 0, 84}};

static struct cells cells;
static struct cells_found found;

static void judge(uint64_t seed, double values[PLACES][SEEDS_MAX], double worst_ms, double worst_accuracy)
{
    for (int p = 0; p < PLACES; p++)
        values[p][seed - 1] = cells_hypervolume(&cells, &found, places[p], worst_ms, worst_accuracy);
}

/* Medians of the hypervolume in %, after each of the places. strategy NULL: random search. */
static void run(const char *name, enum config_mode mode, uint64_t seeds, double worst_ms, double worst_accuracy, double *medians)
{
    double values[PLACES][SEEDS_MAX], asked[SEEDS_MAX], distinct[SEEDS_MAX];
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct config_study study = cells_study(&cells, name != NULL ? name : "mohdnas", seed);
        struct strategy strategy;
        struct status status = {0};
        study.strategy.mode = mode;
        if (name == NULL) {
            cells_random(&cells, seed, EVALUATIONS, &found);
        } else {
            assert_ok(strategy_open(&study, &cells.space, &strategy, &status), status);
            cells_search(&cells, &strategy, 0, EVALUATIONS, &found);
            strategy_close(&strategy);
        }
        judge(seed, values, worst_ms, worst_accuracy);
        asked[seed - 1] = (double)found.asked;
        distinct[seed - 1] = (double)found.distinct;
    }
    for (int p = 0; p < PLACES; p++)
        medians[p] = cells_median(values[p], seeds);
    print_message("#   %-10s %-6s asked %4.0f distinct %4.0f | hypervolume after 250 %6.2f %%, 500 %6.2f %%, 1,000 %6.2f %%\n",
                  name != NULL ? name : "random", mode == CONFIG_MODE_STEADY ? "steady" : "", cells_median(asked, seeds),
                  cells_median(distinct, seeds), medians[0], medians[1], medians[2]);
}

static void open_setting(size_t i, double *worst_ms)
{
    cells_open(&cells, settings[i].column, settings[i].file, settings[i].device, settings[i].dataset);
    *worst_ms = settings[i].worst_ms > 0 ? settings[i].worst_ms : cells.slowest_ms;
    print_message("# %s, %s, reference (%.2f ms, %.0f %%)\n", settings[i].device, settings[i].column, *worst_ms,
                  settings[i].worst_accuracy);
}

static void a_thousand_evaluations_reach_99_8_percent_on_the_fpga(void **state)
{
    (void)state;
    double worst_ms, medians[PLACES];
    open_setting(0, &worst_ms);
    run("surrogate", CONFIG_MODE_GENERATIONS, 5, worst_ms, settings[0].worst_accuracy, medians);
    cells_close(&cells);
    assert_true(medians[2] >= 99.8);
}

static void run_settings(uint64_t seeds)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        double worst_ms, medians[PLACES];
        open_setting(i, &worst_ms);
        run("surrogate", CONFIG_MODE_GENERATIONS, seeds, worst_ms, settings[i].worst_accuracy, medians);
        if (i == 0)
            run("surrogate", CONFIG_MODE_STEADY, seeds, worst_ms, settings[i].worst_accuracy, medians);
        run("mohdnas", CONFIG_MODE_GENERATIONS, seeds, worst_ms, settings[i].worst_accuracy, medians);
        run(NULL, CONFIG_MODE_GENERATIONS, seeds, worst_ms, settings[i].worst_accuracy, medians);
        cells_close(&cells);
    }
}

int main(int argc, char **argv)
{
    TEST_NEEDS(CELLS_ACCURACY);
    TEST_NEEDS(CELLS_HARDWARE);
    TEST_NEEDS(CELLS_DERIVED);
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    if (seeds > 0 && seeds <= SEEDS_MAX) {
        run_settings(seeds);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_evaluations_reach_99_8_percent_on_the_fpga)};
    return TEST_RUN(tests);
}
