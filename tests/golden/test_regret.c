/* regret: how far a search stays from the best architecture that is known to satisfy a constraint, in published tables.
 *
 * As a test: HW-EvRSNAS at the nine constraints of the paper's figure (FPGA, CIFAR-100), through the study and the files as they
 * are, and at nine quantiles of six devices (CIFAR-10); ten seeds, at most 1,000 distinct evaluations. With the argument `full`:
 * twenty seeds, the baselines, the tables of other data sets, steady mode, and fitness with noise: the tables of docs/METHODS.md.
 */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/table.h"
#include "master/study.h"

#define ACCURACY "../shared/data/nb201_accuracy.csv"
#define HARDWARE "../shared/data/nb201_hardware.csv"
#define DERIVED "../shared/data/nb201_hardware_derived.csv"

enum { CELLS = 15625, SEEDS = 10, SEEDS_FULL = 20, EVALUATIONS = 1000, IN_FLIGHT = 20, LEVELS = 9, QUANTILES = 9, DEVICES = 6 };

static const double levels_ms[LEVELS] = {2, 3, 3.5, 4, 4.5, 5, 6, 7, 8};
static const double paper_test[LEVELS] = {64.8, 70.3, 70.8, 71.7, 71.7, 72.4, 73.3, 73.3, 73.6}; /* digitised, +-0.3 */
static const double quantiles[QUANTILES] = {0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95};
static const char *const devices[DEVICES] = {"edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga"};

/* All connected cells that a device can run, with what is known about them. */
struct known {
    struct space space;
    struct table *fitness, *cost;
    struct arch arch[CELLS];
    double value[CELLS], latency_ms[CELLS];
    size_t count;
};

/* A way to search. */
struct method {
    const char *title, *strategy;
    uint32_t population, tournament;
    bool plain, steady;
    double noise; /* standard deviation of what is added to the fitness that the search is told */
};

static const struct method evrsnas = {.title = "evrsnas", .strategy = "evrsnas", .population = 20, .tournament = 5};

/* Where fitness and cost come from. */
struct tables {
    const char *title, *fitness, *file, *device, *dataset, *cost;
};

/* What one search came to. */
struct outcome {
    double regret;
    uint64_t asked, distinct;
    struct arch best;
};

static struct config_study settings(struct config_cost *cost, const char *column, const struct method *method, uint64_t seed)
{
    return (struct config_study){.name = "regret",
                                 .space = "nb201",
                                 .strategy = {.name = (char *)(uintptr_t)method->strategy,
                                              .population = method->population,
                                              .generations = 2000 / method->population,
                                              .tournament = method->tournament,
                                              .elites = 1,
                                              .mutation = 0.1,
                                              .lambda = 2,
                                              .plain = method->plain,
                                              .mode = method->steady ? CONFIG_MODE_STEADY : CONFIG_MODE_GENERATIONS,
                                              .in_flight = IN_FLIGHT},
                                 .fitness = {.source = CONFIG_FITNESS_TABLE, .file = ACCURACY, .column = (char *)(uintptr_t)column},
                                 .costs = cost,
                                 .cost_count = 1,
                                 .network = {16, 5, 100, 3, 32},
                                 .budget = {EVALUATIONS},
                                 .seed = seed};
}

static void known_open(struct known *known, const struct tables *from)
{
    struct status status = {0};
    memset(known, 0, sizeof *known);
    assert_ok(space_open("nb201", &known->space, &status), status);
    assert_ok(table_load(ACCURACY, &known->space, NULL, NULL, from->fitness, &known->fitness, &status), status);
    assert_ok(table_load(from->file, &known->space, from->device, from->dataset, from->cost, &known->cost, &status), status);
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

/* --- searching --- */

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
    struct config_study config = settings(&cost, "cifar100_val", &evrsnas, seed);
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

/* Always the same for a cell and a seed. */
static double noise_of(const struct arch *arch, uint64_t seed)
{
    struct rng rng;
    uint64_t number = seed;
    for (int edge = 0; edge < 6; edge++)
        number = number * 5 + arch->genes[edge];
    rng_seed(&rng, number);
    return rng_normal(&rng);
}

/* One search on tables already in memory, for the many runs of comparisons. What a study would rule out without an evaluation
 * counts as one here. */
struct run {
    const struct method *method;
    const struct known *known;
    double max_ms;
    uint64_t seed;
    struct strategy strategy;
    uint64_t flight[IN_FLIGHT]; /* asks not yet told */
    struct arch flying[IN_FLIGHT];
    size_t in_flight;
    uint64_t distinct;   /* evaluations */
    double best, chosen; /* the highest fitness told within the limit, and the value without noise of that cell */
};

static void tell_one(struct run *run, size_t i)
{
    const struct arch *arch = &run->flying[i];
    struct strategy_result result = {.feasible = space_connected(&run->known->space, arch)};
    double value = 0;
    result.feasible = result.feasible && table_get(run->known->cost, arch, &result.costs[0]);
    result.feasible = result.feasible && table_get(run->known->fitness, arch, &value);
    result.fitness = result.feasible ? value + run->method->noise * noise_of(arch, run->seed) : 0;
    if (result.feasible && result.costs[0] <= run->max_ms && result.fitness > run->best) {
        run->best = result.fitness;
        run->chosen = value;
    }
    strategy_tell(&run->strategy, run->flight[i], arch, &result);
    run->in_flight--;
    memmove(run->flight + i, run->flight + i + 1, (run->in_flight - i) * sizeof run->flight[0]);
    memmove(run->flying + i, run->flying + i + 1, (run->in_flight - i) * sizeof run->flying[0]);
}

static bool ask_one(struct run *run)
{
    struct arch *arch = &run->flying[run->in_flight];
    double cost;
    size_t known = archive_count(run->strategy.archive);
    if (run->in_flight == IN_FLIGHT || run->distinct >= EVALUATIONS || strategy_ask(&run->strategy, arch) != STRATEGY_ASK)
        return false;
    run->flight[run->in_flight++] = run->strategy.asked - 1;
    run->distinct += archive_count(run->strategy.archive) > known && space_connected(&run->known->space, arch) &&
                     table_get(run->known->cost, arch, &cost);
    return true;
}

static struct outcome search_by_strategy(const struct known *known, double max_ms, uint64_t seed, const struct method *method)
{
    struct config_cost cost = {.name = "latency_ms", .source = CONFIG_COST_TABLE, .has_max = true, .max = max_ms};
    struct config_study config = settings(&cost, "", method, seed);
    struct run run = {.method = method, .known = known, .max_ms = max_ms, .seed = seed};
    struct status status = {0};
    struct rng order;
    rng_seed(&order, seed);
    assert_ok(strategy_open(&config, &known->space, &run.strategy, &status), status);
    for (;;) {
        while (ask_one(&run))
            continue;
        if (run.in_flight == 0)
            break;
        tell_one(&run, method->steady ? rng_below(&order, run.in_flight) : 0);
    }
    struct outcome outcome = {.regret = optimum(known, max_ms) - run.chosen, .asked = run.strategy.asked, .distinct = run.distinct};
    strategy_close(&run.strategy);
    return outcome;
}

/* --- the nine constraints --- */

struct level_means {
    double regret, asked, distinct, test, plain_regret, plain_distinct, random_regret;
};

static struct level_means run_level(struct known *known, const struct table *test, double max_ms, int seeds)
{
    static const struct method plain = {.strategy = "evrsnas", .population = 20, .tournament = 5, .plain = true};
    static const struct method random = {.strategy = "random", .population = 20, .tournament = 5};
    struct level_means means = {0};
    for (int i = 0; i < seeds; i++) {
        uint64_t seed = (uint64_t)i + 1;
        struct outcome found = search_by_study(known, max_ms, seed), of_plain = search_by_strategy(known, max_ms, seed, &plain);
        double accuracy = NAN;
        assert_true(found.distinct <= EVALUATIONS);
        table_get(test, &found.best, &accuracy);
        means.regret += found.regret / seeds;
        means.asked += (double)found.asked / seeds;
        means.distinct += (double)found.distinct / seeds;
        means.test += accuracy / seeds;
        means.plain_regret += of_plain.regret / seeds;
        means.plain_distinct += (double)of_plain.distinct / seeds;
        means.random_regret += search_by_strategy(known, max_ms, seed, &random).regret / seeds;
    }
    return means;
}

/* Prints the table and returns at how many levels the regret is above half a point. */
static int run_levels(int seeds)
{
    static struct known known;
    struct status status = {0};
    struct table *test = NULL;
    int failed = 0;
    known_open(&known, &(struct tables){"", "cifar100_val", DERIVED, "fpga", "cifar100", "latency_ms"});
    assert_ok(table_load(ACCURACY, &known.space, NULL, NULL, "cifar100_test", &test, &status), status);
    print_message("#  ms | best val  test (paper's) | regret asked distinct  test | plain: regret distinct | random: regret\n");
    for (int i = 0; i < LEVELS; i++) {
        struct level_means m = run_level(&known, test, levels_ms[i], seeds);
        print_message("# %3.1f | %8.2f %5.2f (%7.1f) | %6.3f %5.0f %8.0f %5.1f | %13.3f %8.0f | %14.3f\n", levels_ms[i],
                      optimum(&known, levels_ms[i]), best_within(&known, test, levels_ms[i]), paper_test[i], m.regret, m.asked,
                      m.distinct, m.test, m.plain_regret, m.plain_distinct, m.random_regret);
        failed += !(m.regret <= 0.5);
    }
    table_free(test);
    known_close(&known);
    return failed;
}

static void mean_regret_is_at_most_half_a_point_at_each_of_the_nine_constraints(void **state)
{
    (void)state;
    assert_int_equal(run_levels(SEEDS), 0);
}

/* --- nine quantiles of each device --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* What one device comes to: mean regret over the seeds at each quantile of the latencies that its cells have. */
struct row {
    double regret[QUANTILES], mean, distinct;
};

static struct row run_device(const struct known *known, const struct method *method, int seeds)
{
    static double sorted[CELLS];
    struct row row = {0};
    memcpy(sorted, known->latency_ms, known->count * sizeof *sorted);
    qsort(sorted, known->count, sizeof *sorted, by_value);
    for (int q = 0; q < QUANTILES; q++) {
        double max_ms = sorted[(size_t)(quantiles[q] * (double)known->count)];
        for (int i = 0; i < seeds; i++) {
            struct outcome found = search_by_strategy(known, max_ms, (uint64_t)i + 1, method);
            row.regret[q] += found.regret / seeds;
            row.distinct += (double)found.distinct / seeds / QUANTILES;
        }
        row.mean += row.regret[q] / QUANTILES;
    }
    return row;
}

static void print_row(const char *name, const struct row *row)
{
    print_message("# | %-20s |", name);
    for (int q = 0; q < QUANTILES; q++)
        print_message(" %5.3f |", row->regret[q]);
    print_message(" %5.3f | %5.0f |\n", row->mean, row->distinct);
}

/* Six devices on CIFAR-10; returns how many of the 54 cells are above a fifth of a point. */
static int run_devices(const struct method *method, int seeds)
{
    static struct known known;
    int failed = 0;
    print_message("# %s, cifar10_val, %d seeds: regret at 2, 5, 10, 20, 35, 50, 65, 80, 95 %%; mean; distinct\n", method->title,
                  seeds);
    for (int i = 0; i < DEVICES; i++) {
        known_open(&known, &(struct tables){"", "cifar10_val", HARDWARE, devices[i], "cifar10", "latency_ms"});
        struct row row = run_device(&known, method, seeds);
        known_close(&known);
        print_row(devices[i], &row);
        for (int q = 0; q < QUANTILES; q++)
            failed += !(row.regret[q] <= 0.2);
    }
    return failed;
}

static void mean_regret_is_at_most_a_fifth_of_a_point_at_each_of_nine_quantiles_of_six_devices(void **state)
{
    (void)state;
    assert_int_equal(run_devices(&evrsnas, SEEDS), 0);
}

/* --- everything --- */

/* Other data sets, other costs, and pairs of fitness and cost that were never looked at while the search was made. */
static const struct tables others[] = {
    {"fpga cifar100", "cifar100_val", DERIVED, "fpga", "cifar100", "latency_ms"},
    {"eyeriss cifar100", "cifar100_val", DERIVED, "eyeriss", "cifar100", "latency_ms"},
    {"fpga in16", "in16_val", DERIVED, "fpga", "ImageNet16-120", "latency_ms"},
    {"eyeriss in16", "in16_val", DERIVED, "eyeriss", "ImageNet16-120", "latency_ms"},
    {"unseen: raspi4, c100", "cifar100_val", HARDWARE, "raspi4", "cifar10", "latency_ms"},
    {"unseen: pixel3, in16", "in16_val", HARDWARE, "pixel3", "cifar10", "latency_ms"},
    {"unseen: edgegpu mJ", "cifar10_val", HARDWARE, "edgegpu", "cifar10", "energy_mj"},
    {"unseen: eyeriss mJ", "cifar100_val", HARDWARE, "eyeriss", "cifar10", "energy_mj"},
};

static void run_others(const struct method *method)
{
    static struct known known;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        known_open(&known, &others[i]);
        struct row row = run_device(&known, method, SEEDS_FULL);
        known_close(&known);
        print_row(others[i].title, &row);
    }
}

/* All methods, or the one of that title. */
static void run_everything(const char *title)
{
    static const struct method methods[] = {
        {.title = "evrsnas", .strategy = "evrsnas", .population = 20, .tournament = 5},
        {.title = "evrsnas steady", .strategy = "evrsnas", .population = 20, .tournament = 5, .steady = true},
        {.title = "evrsnas plain", .strategy = "evrsnas", .population = 20, .tournament = 5, .plain = true},
        {.title = "regularised", .strategy = "regularised", .population = 20, .tournament = 5},
        {.title = "regularised 100", .strategy = "regularised", .population = 100, .tournament = 10},
        {.title = "regularised 100 plain", .strategy = "regularised", .population = 100, .tournament = 10, .plain = true},
        {.title = "local", .strategy = "local", .population = 20, .tournament = 5},
        {.title = "random", .strategy = "random", .population = 20, .tournament = 5},
        {.title = "evrsnas noise 0.3", .strategy = "evrsnas", .population = 20, .tournament = 5, .noise = 0.3},
        {.title = "regularised 100 noise 0.3", .strategy = "regularised", .population = 100, .tournament = 10, .noise = 0.3},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (title != NULL && strcmp(title, methods[i].title) != 0)
            continue;
        int failed = run_devices(&methods[i], SEEDS_FULL);
        run_others(&methods[i]);
        print_message("# %s: %d of %d CIFAR-10 cells above 0.2\n", methods[i].title, failed, DEVICES * QUANTILES);
    }
}

int main(int argc, char **argv)
{
    TEST_NEEDS(ACCURACY);
    TEST_NEEDS(HARDWARE);
    TEST_NEEDS(DERIVED);
    if (argc > 1 && strcmp(argv[1], "full") == 0) {
        if (argc == 2)
            run_levels(SEEDS_FULL);
        run_everything(argc > 2 ? argv[2] : NULL);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_regret_is_at_most_half_a_point_at_each_of_the_nine_constraints),
        cmocka_unit_test(mean_regret_is_at_most_a_fifth_of_a_point_at_each_of_nine_quantiles_of_six_devices),
    };
    return TEST_RUN(tests);
}
