/* rminas: the test accuracy of its answer in published tables, beside the paper's. Fitness is the validation accuracy itself, so
 * these figures measure the search, not the proxy. Prints the table of docs/METHODS.md. */
#include "tests/support/cells.h"

#include <math.h>

enum { SEEDS = 8, DATASETS = 3 };

static const struct {
    const char *validation, *test;
    double published, deviation;
} datasets[DATASETS] = {{"cifar10_val", "cifar10_test", 94.28, 0.10},
                        {"cifar100_val", "cifar100_test", 73.36, 0.19},
                        {"in16_val", "in16_test", 46.34, 0.00}};

static struct cells cells;
static struct cells_found found;

/* Means over the seeds. */
struct outcome {
    double answer, deviation; /* test accuracy of the answer, and its standard deviation over the seeds */
    double best;              /* test accuracy of the cell with the highest validation accuracy that was evaluated */
    double asked, distinct;
};

/* The test accuracy of the fittest cell told. */
static double test_of_best(const struct table *test)
{
    size_t best = 0;
    double accuracy = NAN;
    for (size_t i = 1; i < found.distinct; i++)
        if (found.points[i][1] < found.points[best][1])
            best = i;
    for (size_t i = 0; i < cells.count; i++)
        if (cells.accuracy[i] == -found.points[best][1] && cells.latency_ms[i] == found.points[best][0])
            table_get(test, &cells.feasible[i], &accuracy);
    return accuracy;
}

static struct outcome run(const struct table *test, uint32_t in_flight, uint32_t consensus, uint64_t seeds)
{
    struct outcome mean = {0};
    double squares = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct config_study study = cells_study(&cells, "rminas", seed);
        struct strategy strategy;
        struct status status = {0};
        struct arch answer;
        double accuracy;
        study.strategy.in_flight = in_flight;
        study.strategy.consensus = consensus;
        assert_ok(strategy_open(&study, &cells.space, &strategy, &status), status);
        cells_search(&cells, &strategy, 0, 0, &found);
        assert_true(strategy_answer(&strategy, &answer));
        assert_true(table_get(test, &answer, &accuracy));
        mean.answer += accuracy / (double)seeds;
        squares += accuracy * accuracy / (double)seeds;
        mean.best += test_of_best(test) / (double)seeds;
        mean.asked += (double)found.asked / (double)seeds;
        mean.distinct += (double)found.distinct / (double)seeds;
        strategy_close(&strategy);
    }
    mean.deviation = sqrt(fmax(0, squares - mean.answer * mean.answer));
    return mean;
}

static int run_datasets(uint32_t in_flight, uint32_t consensus, uint64_t seeds)
{
    int failed = 0;
    for (int i = 0; i < DATASETS; i++) {
        struct status status = {0};
        struct table *test = NULL;
        cells_open(&cells, datasets[i].validation, CELLS_HARDWARE, "fpga", "cifar10");
        assert_ok(table_load(CELLS_ACCURACY, &cells.space, NULL, NULL, datasets[i].test, &test, &status), status);
        struct outcome m = run(test, in_flight, consensus, seeds);
        print_message("# %-13s in_flight %2u, %2u voters: asked %4.0f distinct %4.0f | test accuracy of the answer %.2f+-%.2f "
                      "(published %.2f+-%.2f), "
                      "of the best evaluated %.2f\n",
                      datasets[i].test, in_flight, consensus, m.asked, m.distinct, m.answer, m.deviation, datasets[i].published,
                      datasets[i].deviation, m.best);
        failed += !(m.answer >= datasets[i].published - datasets[i].deviation);
        table_free(test);
        cells_close(&cells);
    }
    return failed;
}

static void its_answers_are_as_good_as_the_published_ones(void **state)
{
    (void)state;
    assert_int_equal(run_datasets(20, 20, SEEDS), 0);
}

int main(int argc, char **argv)
{
    TEST_NEEDS(CELLS_ACCURACY);
    TEST_NEEDS(CELLS_HARDWARE);
    if (argc > 1) { /* the full table: so many seeds, more and fewer voters, 20 in flight and 1 */
        uint64_t seeds = strtoull(argv[1], NULL, 10);
        static const uint32_t voters[] = {5, 10, 20, 30, 50};
        for (size_t i = 0; i < sizeof voters / sizeof voters[0]; i++)
            run_datasets(20, voters[i], seeds);
        run_datasets(1, 20, seeds);
        run_datasets(1, 50, seeds);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(its_answers_are_as_good_as_the_published_ones)};
    return TEST_RUN(tests);
}
