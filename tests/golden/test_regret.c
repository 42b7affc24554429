/* regret: how far evrsnas stays from the best architecture that is known to satisfy a constraint, in published tables.
 *
 * As a test: the nine constraints of HW-EvRSNAS's figure (FPGA, CIFAR-100), ten seeds, at most 1,000 distinct evaluations, through
 * the study and the files as they are; then six devices on CIFAR-10. With the argument `sweep`: the table of lambda in
 * docs/METHODS.md. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "master/study.h"
#include "master/table.h"

#define ACCURACY "../shared/data/nb201_accuracy.csv"
#define HARDWARE "../shared/data/nb201_hardware.csv"
#define DERIVED "../shared/data/nb201_hardware_derived.csv"

enum { CELLS = 15625, SEEDS = 10, EVALUATIONS = 1000, LEVELS = 9, QUANTILES = 7, DEVICES = 6 };

static const double levels_ms[LEVELS] = {2, 3, 3.5, 4, 4.5, 5, 6, 7, 8};
static const double paper_test[LEVELS] = {64.8, 70.3, 70.8, 71.7, 71.7, 72.4, 73.3, 73.3, 73.6}; /* digitised, +-0.3 */
static const double quantiles[QUANTILES] = {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.95};
static const char *const devices[DEVICES] = {"edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga"};

/* All connected cells that a device can run, with what is known about them. */
struct known {
    struct space space;
    struct table *fitness, *cost;
    struct arch arch[CELLS];
    double value[CELLS], latency_ms[CELLS];
    size_t count;
};

/* What one search came to. */
struct outcome {
    double regret;
    uint64_t asked, distinct;
    struct arch best;
};

static struct config_study settings(struct config_cost *cost, const char *column, uint64_t seed)
{
    return (struct config_study){
        .name = "regret",
        .space = "nb201",
        .strategy =
            {.name = "evrsnas", .population = 20, .generations = 100, .tournament = 5, .elites = 1, .mutation = 0.1, .lambda = 2},
        .fitness = {.source = CONFIG_FITNESS_TABLE, .file = ACCURACY, .column = (char *)(uintptr_t)column},
        .costs = cost,
        .cost_count = 1,
        .network = {16, 5, 100, 3, 32},
        .budget = {EVALUATIONS},
        .seed = seed};
}

static void known_open(struct known *known, const char *column, const char *file, const char *device, const char *dataset)
{
    struct status status = {0};
    memset(known, 0, sizeof *known);
    assert_ok(space_open("nb201", &known->space, &status), status);
    assert_ok(table_load(ACCURACY, &known->space, NULL, NULL, column, &known->fitness, &status), status);
    assert_ok(table_load(file, &known->space, device, dataset, "latency_ms", &known->cost, &status), status);
    for (int number = 0; number < CELLS; number++) {
        struct arch arch = {.length = 6};
        size_t at = known->count;
        for (int edge = 0, rest = number; edge < 6; edge++, rest /= 5)
            arch.genes[edge] = (uint8_t)(rest % 5);
        known->arch[at] = arch;
        known->count += space_connected(&known->space, &arch) && table_get(known->fitness, &arch, &known->value[at]) &&
                        table_get(known->cost, &arch, &known->latency_ms[at]);
    }
}

static void known_close(struct known *known)
{
    table_free(known->fitness);
    table_free(known->cost);
    space_close(&known->space);
}

static double optimum(const struct known *known, double max_ms)
{
    double best = 0;
    for (size_t i = 0; i < known->count; i++)
        if (known->latency_ms[i] <= max_ms)
            best = fmax(best, known->value[i]);
    return best;
}

/* The best that any cell within the limit has in another column. */
static double best_within(const struct known *known, const struct table *column, double max_ms)
{
    double best = 0, value;
    for (size_t i = 0; i < known->count; i++)
        if (known->latency_ms[i] <= max_ms && table_get(column, &known->arch[i], &value))
            best = fmax(best, value);
    return best;
}

/* --- three ways to search --- */

/* The whole thing: study, files, budget. */
static struct outcome search_by_study(struct known *known, double max_ms, uint64_t seed)
{
    struct config_cost cost = {.name = "latency_ms",
                               .source = CONFIG_COST_TABLE,
                               .file = DERIVED,
                               .device = "fpga",
                               .dataset = "cifar100",
                               .has_max = true,
                               .max = max_ms};
    struct config_study config = settings(&cost, "cifar100_val", seed);
    struct study_candidate candidate;
    struct study_counts counts;
    struct status status = {0};
    struct study *study = NULL;
    assert_ok(study_open(&config, &known->space, NULL, &study, &status), status);
    while (!study_finished(study)) {
        study_pump(study, SIZE_MAX);
        while (study_told(study, &candidate))
            continue;
    }
    study_count(study, &counts);
    assert_non_null(study_best(study));
    struct outcome outcome = {.regret = optimum(known, max_ms) - study_best(study)->result.fitness,
                              .asked = counts.asked,
                              .distinct = counts.distinct,
                              .best = study_best(study)->arch};
    study_close(study);
    return outcome;
}

/* The strategy alone on tables already in memory, for the many runs of comparisons. */
static struct outcome search_by_strategy(struct known *known, double max_ms, uint64_t seed, double lambda, bool plain)
{
    struct config_cost cost = {.name = "latency_ms", .source = CONFIG_COST_TABLE, .has_max = true, .max = max_ms};
    struct config_study config = settings(&cost, "", seed);
    struct strategy strategy;
    struct status status = {0};
    struct arch arch;
    double best = 0;
    config.strategy.lambda = lambda;
    config.strategy.plain = plain;
    assert_ok(strategy_open(&config, &known->space, &strategy, &status), status);
    while (archive_count(strategy.archive) < EVALUATIONS && strategy_ask(&strategy, &arch) == STRATEGY_ASK) {
        struct strategy_result result = {.feasible = space_connected(&known->space, &arch)};
        result.feasible = result.feasible && table_get(known->cost, &arch, &result.costs[0]);
        result.feasible = result.feasible && table_get(known->fitness, &arch, &result.fitness);
        if (result.feasible && result.costs[0] <= max_ms)
            best = fmax(best, result.fitness);
        strategy_tell(&strategy, strategy.asked - 1, &arch, &result);
    }
    struct outcome outcome = {
        .regret = optimum(known, max_ms) - best, .asked = strategy.asked, .distinct = archive_count(strategy.archive)};
    strategy_close(&strategy);
    return outcome;
}

/* The best of 1,000 different connected cells drawn at random. */
static struct outcome search_at_random(struct known *known, double max_ms, uint64_t seed)
{
    struct rng rng;
    size_t order[CELLS];
    double best = 0;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < known->count; i++)
        order[i] = i;
    for (size_t i = 0; i < EVALUATIONS; i++) {
        size_t j = i + rng_below(&rng, known->count - i), drawn = order[j];
        order[j] = order[i];
        if (known->latency_ms[drawn] <= max_ms)
            best = fmax(best, known->value[drawn]);
    }
    return (struct outcome){.regret = optimum(known, max_ms) - best, .asked = EVALUATIONS, .distinct = EVALUATIONS};
}

/* --- the nine constraints --- */

struct level_means {
    double regret, asked, distinct, test, plain_regret, plain_distinct, random_regret;
};

static struct level_means run_level(struct known *known, const struct table *test, double max_ms)
{
    struct level_means means = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct outcome found = search_by_study(known, max_ms, seed), plain = search_by_strategy(known, max_ms, seed, 2, true);
        double accuracy = NAN;
        assert_true(found.distinct <= EVALUATIONS);
        table_get(test, &found.best, &accuracy);
        means.regret += found.regret / SEEDS;
        means.asked += (double)found.asked / SEEDS;
        means.distinct += (double)found.distinct / SEEDS;
        means.test += accuracy / SEEDS;
        means.plain_regret += plain.regret / SEEDS;
        means.plain_distinct += (double)plain.distinct / SEEDS;
        means.random_regret += search_at_random(known, max_ms, seed).regret / SEEDS;
    }
    return means;
}

static void mean_regret_is_at_most_half_a_point_at_each_of_the_nine_constraints(void **state)
{
    (void)state;
    static struct known known;
    struct status status = {0};
    struct table *test = NULL;
    int failed = 0;
    known_open(&known, "cifar100_val", DERIVED, "fpga", "cifar100");
    assert_ok(table_load(ACCURACY, &known.space, NULL, NULL, "cifar100_test", &test, &status), status);
    print_message("#  ms | best val  test (paper's) | regret asked distinct  test | plain: regret distinct | random: regret\n");
    for (int i = 0; i < LEVELS; i++) {
        struct level_means m = run_level(&known, test, levels_ms[i]);
        print_message("# %3.1f | %8.2f %5.2f (%7.1f) | %6.3f %5.0f %8.0f %5.1f | %13.3f %8.0f | %14.3f\n", levels_ms[i],
                      optimum(&known, levels_ms[i]), best_within(&known, test, levels_ms[i]), paper_test[i], m.regret, m.asked,
                      m.distinct, m.test, m.plain_regret, m.plain_distinct, m.random_regret);
        failed += !(m.regret <= 0.5);
    }
    table_free(test);
    known_close(&known);
    assert_int_equal(failed, 0);
}

/* --- other devices --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Mean regret over seeds at the latency that a fraction `quantile` of the cells stays within. */
static double regret_at_quantile(struct known *known, double quantile, double lambda)
{
    static double sorted[CELLS];
    double sum = 0;
    memcpy(sorted, known->latency_ms, known->count * sizeof *sorted);
    qsort(sorted, known->count, sizeof *sorted, by_value);
    double max_ms = sorted[(size_t)(quantile * (double)known->count)];
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        sum += search_by_strategy(known, max_ms, seed, lambda, false).regret;
    return sum / SEEDS;
}

static double regret_on_device(const char *device, double lambda, double *worst)
{
    static struct known known;
    double sum = 0;
    known_open(&known, "cifar10_val", HARDWARE, device, "cifar10");
    for (int q = 0; q < QUANTILES; q++) {
        double regret = regret_at_quantile(&known, quantiles[q], lambda);
        *worst = fmax(*worst, regret);
        sum += regret;
    }
    known_close(&known);
    return sum / QUANTILES;
}

static void mean_regret_on_each_of_six_devices_is_at_most_a_fifth_of_a_point(void **state)
{
    (void)state;
    int failed = 0;
    for (int i = 0; i < DEVICES; i++) {
        double worst = 0, regret = regret_on_device(devices[i], 2, &worst);
        print_message("# cifar10_val, %-8s mean regret %.3f, at the worst of %d quantiles %.3f\n", devices[i], regret, QUANTILES,
                      worst);
        failed += !(regret <= 0.2);
    }
    assert_int_equal(failed, 0);
}

static void print_sweep(void)
{
    static const double lambdas[] = {0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 1000};
    printf("| lambda |");
    for (int i = 0; i < DEVICES; i++)
        printf(" %s |", devices[i]);
    printf(" mean | worst cell |\n");
    for (size_t l = 0; l < sizeof lambdas / sizeof lambdas[0]; l++) {
        double sum = 0, worst = 0;
        printf("| %g |", lambdas[l]);
        for (int i = 0; i < DEVICES; i++) {
            double regret = regret_on_device(devices[i], lambdas[l], &worst);
            printf(" %.3f |", regret);
            sum += regret / DEVICES;
        }
        printf(" %.3f | %.2f |\n", sum, worst);
    }
}

int main(int argc, char **argv)
{
    TEST_NEEDS(ACCURACY);
    TEST_NEEDS(HARDWARE);
    TEST_NEEDS(DERIVED);
    if (argc > 1 && strcmp(argv[1], "sweep") == 0) {
        print_sweep();
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_regret_is_at_most_half_a_point_at_each_of_the_nine_constraints),
        cmocka_unit_test(mean_regret_on_each_of_six_devices_is_at_most_a_fifth_of_a_point),
    };
    return TEST_RUN(tests);
}
