/* linas on published tables: with 100 evaluations in two populations of 50 it has 96 % of the true front's hypervolume, more than
 * NSGA-II and random search. docs/SYSTEMS.md has the command for all devices and budgets. */
#include "tests/support/cells.h"

enum { SEEDS = 8, EVALUATIONS = 100, POPULATION = 50 };

static const double WORST_ACCURACY = 40;

static struct cells cells;
static struct cells_found found;

/* The mean share of the hypervolume in %; strategy NULL: random search. */
static double mean_of(const char *name)
{
    double sum = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct config_study study = cells_study(&cells, name != NULL ? name : "mohdnas", seed);
        struct strategy strategy;
        struct status status = {0};
        study.strategy.population = POPULATION;
        study.strategy.diversity = false;
        if (name == NULL) {
            cells_random(&cells, seed, EVALUATIONS, &found);
        } else {
            assert_ok(strategy_open(&study, &cells.space, &strategy, &status), status);
            cells_search(&cells, &strategy, 0, EVALUATIONS, &found);
            strategy_close(&strategy);
        }
        sum += cells_hypervolume(&cells, &found, EVALUATIONS, cells.slowest_ms, WORST_ACCURACY);
    }
    print_message("# %s: %.2f %% of the hypervolume after %d evaluations, mean of %d seeds\n", name != NULL ? name : "random",
                  sum / SEEDS, EVALUATIONS, SEEDS);
    return sum / SEEDS;
}

static void a_hundred_evaluations_on_eyeriss_have_96_percent(void **state)
{
    (void)state;
    cells_open(&cells, "e12_cifar10_val", CELLS_HARDWARE, "eyeriss", "cifar10");
    double linas = mean_of("linas"), nsga2 = mean_of("mohdnas"), random = mean_of(NULL);
    assert_true(linas >= 96);
    assert_true(linas >= nsga2 + 1 && linas >= random + 1);
    cells_close(&cells);
}

int main(void)
{
    TEST_NEEDS(CELLS_ACCURACY);
    TEST_NEEDS(CELLS_HARDWARE);
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_hundred_evaluations_on_eyeriss_have_96_percent)};
    return TEST_RUN(tests);
}
