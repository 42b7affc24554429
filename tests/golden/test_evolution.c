/* evolution: what four published systems return in a published table, searched by accuracies after 12 epochs and judged by the test
 * accuracy of the cell they return after 200, beside random search with as many evaluations. The figures of docs/SYSTEMS.md.
 *
 * With a number of seeds as argument it prints them for the other data sets and with noise on the fitness, too. */
#include "tests/support/cells.h"

#include <math.h>
#include <string.h>

enum { SEEDS = 50, SEEDS_MORE = 100 };

static struct cells cells;
static struct table *test_table;

/* A way to search. */
struct method {
    const char *title, *strategy;
    uint32_t population, tournament, generations;
    double mutation;
    enum config_novelty novelty;
    size_t distinct; /* evaluations at most; 0: no limit */
};

static const struct method evnas = {"EvNAS, 10 generations", "evnas", 50, 10, 10, 0.1, CONFIG_NOVELTY_BESIDE, 0},
                           evnas_50 = {"EvNAS, 50 generations", "evnas", 50, 10, 50, 0.1, CONFIG_NOVELTY_BESIDE, 0},
                           cmanas = {"CMANAS, 25 generations", "cmanas", 20, 5, 25, 0.1, CONFIG_NOVELTY_BESIDE, 0},
                           cmanas_100 = {"CMANAS, 100 generations", "cmanas", 20, 5, 100, 0.1, CONFIG_NOVELTY_BESIDE, 0},
                           pevonas = {"pEvoNAS", "pevonas", 20, 5, 100, 0.1, CONFIG_NOVELTY_BESIDE, 0},
                           nevonas = {"NEvoNAS", "nevonas", 20, 5, 50, 0.2, CONFIG_NOVELTY_BESIDE, 0},
                           fitness_only = {"NEvoNAS, fitness alone", "nevonas", 20, 5, 50, 0.2, CONFIG_NOVELTY_NONE, 0},
                           novelty_only = {"NEvoNAS, novelty alone", "nevonas", 20, 5, 50, 0.2, CONFIG_NOVELTY_ALONE, 0};

static struct method random_of(size_t distinct)
{
    return (struct method){"random search", "random", 20, 5, 1000, 0.1, CONFIG_NOVELTY_BESIDE, distinct};
}

/* Means over the seeds, and standard deviations. */
struct outcome {
    double test, test_sd;       /* of the cell returned: the method's answer, or the fittest told */
    double fitness, fitness_sd; /* of the same cell, without noise */
    double oracle;              /* the best test accuracy among the members of the last population */
    double distinct;            /* cells told */
};

/* Always the same for a cell and a seed. */
static double noise_of(const struct arch *arch, uint64_t seed)
{
    struct rng rng;
    uint64_t number = seed;
    for (int gene = 0; gene < arch->length; gene++)
        number = number * 5 + arch->genes[gene];
    rng_seed(&rng, number);
    return rng_normal(&rng);
}

/* Searches to the end; *best is the fittest told, as the search sees it. */
static size_t search(struct strategy *strategy, const struct method *method, double noise, uint64_t seed, struct arch *best)
{
    double most = -INFINITY;
    struct arch arch;
    while ((method->distinct == 0 || strategy->told < method->distinct) && strategy_ask(strategy, &arch) == STRATEGY_ASK) {
        struct strategy_result result = cells_result(&cells, &arch);
        if (result.feasible)
            result.fitness += noise * noise_of(&arch, seed);
        if (result.feasible && result.fitness > most) {
            most = result.fitness;
            *best = arch;
        }
        strategy_tell(strategy, strategy->told, &arch, &result);
    }
    return (size_t)strategy->told;
}

static double test_of(const struct arch *arch)
{
    double accuracy = NAN;
    table_get(test_table, arch, &accuracy);
    return accuracy;
}

static double oracle(const struct strategy *strategy)
{
    struct arch member;
    double best = 0;
    for (size_t i = 0; strategy_member(strategy, i, &member); i++)
        best = fmax(best, test_of(&member));
    return best;
}

static struct outcome run(const struct method *method, double noise, uint64_t seeds)
{
    struct outcome mean = {0};
    double n = (double)seeds;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct config_study study = cells_study(&cells, method->strategy, seed);
        struct strategy strategy;
        struct status status = {0};
        struct arch returned = {0};
        study.cost_count = 0;
        study.strategy.population = method->population;
        study.strategy.tournament = method->tournament;
        study.strategy.generations = method->generations;
        study.strategy.mutation = method->mutation;
        study.strategy.novelty = method->novelty;
        assert_ok(strategy_open(&study, &cells.space, &strategy, &status), status);
        mean.distinct += (double)search(&strategy, method, noise, seed, &returned) / n;
        strategy_answer(&strategy, &returned);
        double test = test_of(&returned), fitness = cells_result(&cells, &returned).fitness;
        mean.oracle += oracle(&strategy) / n;
        mean.test += test / n;
        mean.test_sd += test * test / n;
        mean.fitness += fitness / n;
        mean.fitness_sd += fitness * fitness / n;
        strategy_close(&strategy);
    }
    mean.test_sd = sqrt(fmax(0, mean.test_sd - mean.test * mean.test) * n / (n - 1));
    mean.fitness_sd = sqrt(fmax(0, mean.fitness_sd - mean.fitness * mean.fitness) * n / (n - 1));
    return mean;
}

static struct outcome shown(const struct method *method, double noise, uint64_t seeds)
{
    struct outcome of = run(method, noise, seeds);
    print_message("# %-24s %4.0f distinct | fitness %.2f+-%.2f | test %.2f+-%.2f | best test of the last population %.2f\n",
                  method->title, of.distinct, of.fitness, of.fitness_sd, of.test, of.test_sd, of.oracle);
    return of;
}

static struct outcome random_search(size_t distinct, uint64_t seeds)
{
    struct method method = random_of(distinct);
    return shown(&method, 0, seeds);
}

static void open_tables(const char *fitness, const char *test)
{
    struct status status = {0};
    cells_open(&cells, fitness, CELLS_HARDWARE, "fpga", "cifar10");
    assert_ok(table_load(CELLS_ACCURACY, &cells.space, NULL, NULL, test, &test_table, &status), status);
}

static void close_tables(void)
{
    table_free(test_table);
    cells_close(&cells);
}

static int open_cifar10(void **state)
{
    (void)state;
    open_tables("e12_cifar10_val", "cifar10_test");
    return 0;
}

static int close_cifar10(void **state)
{
    (void)state;
    close_tables();
    return 0;
}

/* --- what must hold --- */

static void evnas_in_ten_generations_is_a_quarter_point_above_random_search(void **state)
{
    (void)state;
    struct outcome found = shown(&evnas, 0, SEEDS), random = random_search(200, SEEDS);
    assert_true(found.distinct < 200);
    assert_true(found.test >= 94.2);
    assert_true(found.test >= random.test + 0.25);
}

static void cmanas_in_25_generations_comes_to_its_published_accuracy(void **state)
{
    (void)state;
    struct outcome found = shown(&cmanas, 0, SEEDS_MORE), random = random_search(150, SEEDS_MORE);
    double known = 1 - found.distinct / (25 * 14);
    assert_true(found.test >= 93.93 && found.test <= 94.17);
    assert_true(found.test_sd >= 0.28 && found.test_sd <= 0.48);
    assert_true(known >= 0.60 && known <= 0.65);
    assert_true(found.distinct < 150 && found.test >= random.test + 0.15);
}

static void pevonas_in_three_stages_is_above_random_search(void **state)
{
    (void)state;
    struct outcome found = shown(&pevonas, 0, SEEDS), random = random_search(205, SEEDS);
    assert_true(found.distinct < 210);
    assert_true(found.test >= 94.1);
    assert_true(found.test >= random.test + 0.2);
}

static void nevonas_needs_both_fitness_and_novelty(void **state)
{
    (void)state;
    struct outcome both = shown(&nevonas, 0, SEEDS_MORE), fitness = shown(&fitness_only, 0, SEEDS_MORE),
                   novelty = shown(&novelty_only, 0, SEEDS_MORE), random = random_search(500, SEEDS_MORE);
    assert_true(both.distinct < 500);
    assert_true(both.test >= 94.12);
    assert_true(both.test >= fitness.test + 0.1);
    assert_true(both.test >= random.test + 0.1);
    assert_true(both.oracle >= both.test && both.oracle >= fitness.oracle + 0.1);
    assert_true(novelty.test < 91);
}

/* --- the whole table --- */

static void print_all(uint64_t seeds)
{
    static const struct {
        const char *fitness, *test;
    } datasets[] = {{"e12_cifar10_val", "cifar10_test"},
                    {"e12_cifar100_val", "cifar100_test"},
                    {"e12_in16_val", "in16_test"},
                    {"cifar10_val", "cifar10_test"}};
    static const double noises[] = {0.25, 0.5, 2, 5};
    static const struct method *const methods[] = {&evnas,   &evnas_50, &cmanas,       &cmanas_100,
                                                   &pevonas, &nevonas,  &fitness_only, &novelty_only};
    static const struct method *const few[] = {&cmanas, &evnas, &pevonas, &nevonas};
    static const size_t budgets[] = {130, 200, 300, 500};
    for (size_t d = 0; d < sizeof datasets / sizeof datasets[0]; d++) {
        print_message("# fitness %s, test %s\n", datasets[d].fitness, datasets[d].test);
        open_tables(datasets[d].fitness, datasets[d].test);
        for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
            shown(methods[i], 0, seeds);
        for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++)
            random_search(budgets[i], seeds);
        for (size_t k = 0; d == 0 && k < sizeof noises / sizeof noises[0]; k++) {
            struct method random = random_of(200);
            print_message("# with noise of %.2f points on the fitness\n", noises[k]);
            for (size_t i = 0; i < sizeof few / sizeof few[0]; i++)
                shown(few[i], noises[k], seeds);
            shown(&random, noises[k], seeds);
        }
        close_tables();
    }
}

#define on_cifar10(test) cmocka_unit_test_setup_teardown(test, open_cifar10, close_cifar10)

int main(int argc, char **argv)
{
    TEST_NEEDS(CELLS_ACCURACY);
    TEST_NEEDS(CELLS_HARDWARE);
    if (argc > 1) {
        print_all(strtoull(argv[1], NULL, 10));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        on_cifar10(evnas_in_ten_generations_is_a_quarter_point_above_random_search),
        on_cifar10(cmanas_in_25_generations_comes_to_its_published_accuracy),
        on_cifar10(pevonas_in_three_stages_is_above_random_search),
        on_cifar10(nevonas_needs_both_fitness_and_novelty),
    };
    return TEST_RUN(tests);
}
