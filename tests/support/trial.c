/* trial: see trial.h. Fitness and cost are sums over the genes, so that the best is known to no one but is not hard to find. */
#include "tests/support/trial.h"

#include <string.h>

int trial_open(void **state)
{
    struct trial *trial = calloc(1, sizeof *trial);
    trial->cost = (struct config_cost){.name = "latency_ms", .source = CONFIG_COST_TABLE, .has_max = true, .max = 12};
    trial->study = (struct config_study){.name = "made-up",
                                         .space = "nb201",
                                         .strategy = {.name = "evrsnas",
                                                      .population = 20,
                                                      .generations = 40,
                                                      .tournament = 5,
                                                      .elites = 1,
                                                      .mutation = 0.1,
                                                      .lambda = 2,
                                                      .in_flight = 20,
                                                      .neighbours = 5,
                                                      .predicted = 2000,
                                                      .sweep = 10,
                                                      .steps = 300},
                                         .fitness = {.source = CONFIG_FITNESS_TABLE},
                                         .costs = &trial->cost,
                                         .cost_count = 1,
                                         .seed = 5};
    trial->fitness_unit = 1;
    *state = trial;
    return space_open("nb201", &trial->space, NULL) == STATUS_OK ? 0 : -1;
}

int trial_close(void **state)
{
    struct trial *trial = *state;
    space_close(&trial->space);
    free(trial);
    return 0;
}

double trial_fitness(const struct arch *arch)
{
    static const double weight[5] = {0, 0.4, 1.3, 2.1, 0.2};
    double sum = 0;
    for (int i = 0; i < arch->length; i++)
        sum += weight[arch->genes[i]] * (1 + 0.07 * i);
    return sum;
}

double trial_cost(const struct arch *arch)
{
    static const double weight[5] = {0.1, 0.3, 2, 5, 1};
    double sum = 0;
    for (int i = 0; i < arch->length; i++)
        sum += weight[arch->genes[i]];
    return sum;
}

void trial_keep_fitter(const struct trial *trial, const struct arch *arch, struct arch *best)
{
    if (space_connected(&trial->space, arch) && trial_fitness(arch) > trial_fitness(best))
        *best = *arch;
}

struct strategy trial_strategy(const struct trial *trial)
{
    struct strategy strategy;
    struct status status = {0};
    assert_ok(strategy_open(&trial->study, &trial->space, &strategy, &status), status);
    return strategy;
}

void trial_tell(const struct trial *trial, struct strategy *strategy, uint64_t ask, const struct arch *arch)
{
    struct strategy_result result = {.costs = {trial_cost(arch), trial_cost(arch)}};
    result.feasible = space_connected(&trial->space, arch) && (trial->feasible == NULL || trial->feasible(ask));
    result.fitness = result.feasible ? trial->fitness_unit * trial_fitness(arch) : 0;
    strategy_tell(strategy, ask, arch, &result);
}

size_t trial_run(const struct trial *trial, struct strategy *strategy, struct arch *out, size_t limit)
{
    size_t asked = 0, told = 0;
    for (;;) {
        if (asked < limit && strategy_ask(strategy, &out[asked]) == STRATEGY_ASK) {
            asked++;
        } else if (told < asked) {
            trial_tell(trial, strategy, strategy->told, &out[told]);
            told++;
        } else {
            return asked;
        }
    }
}

static void tell_some(const struct trial *trial, struct strategy *strategy, struct trial_flight *flight)
{
    struct rng rng;
    rng_seed(&rng, trial->study.seed * 1000003 + strategy->told);
    size_t i = rng_below(&rng, flight->count);
    trial_tell(trial, strategy, flight->ask[i], &flight->arch[i]);
    flight->count--;
    memmove(flight->ask + i, flight->ask + i + 1, (flight->count - i) * sizeof flight->ask[0]);
    memmove(flight->arch + i, flight->arch + i + 1, (flight->count - i) * sizeof flight->arch[0]);
}

size_t trial_run_steady(const struct trial *trial, struct strategy *strategy, struct trial_flight *flight, struct arch *out,
                        uint64_t tells)
{
    while (strategy->told < tells) {
        struct arch arch;
        while (flight->count < TRIAL_FLIGHT_MAX && strategy_ask(strategy, &arch) == STRATEGY_ASK) {
            flight->ask[flight->count] = strategy->asked - 1;
            flight->arch[flight->count++] = out[strategy->asked - 1] = arch;
        }
        if (flight->count == 0)
            break;
        tell_some(trial, strategy, flight);
    }
    return strategy->asked;
}

size_t trial_run_all(const struct trial *trial, struct arch *out)
{
    struct strategy strategy = trial_strategy(trial);
    struct trial_flight flight = {0};
    size_t asked = strategy_steady(&strategy) ? trial_run_steady(trial, &strategy, &flight, out, UINT64_MAX)
                                              : trial_run(trial, &strategy, out, TRIAL_ASKS_MAX);
    assert_int_equal(strategy_ask(&strategy, &out[asked]), STRATEGY_DONE);
    strategy_close(&strategy);
    return asked;
}

int trial_differing_genes(const struct arch *a, const struct arch *b)
{
    int different = 0;
    for (int gene = 0; gene < a->length; gene++)
        different += a->genes[gene] != b->genes[gene];
    return different;
}

bool trial_nothing_is_feasible(uint64_t ask)
{
    (void)ask;
    return false;
}

size_t trial_count_distinct(const struct arch *archs, size_t count)
{
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < i && !arch_equal(&archs[i], &archs[j]))
            j++;
        distinct += j == i;
    }
    return distinct;
}

/* --- what holds for every strategy --- */

void trial_asks_the_same_for_equal_seeds_and_not_for_others(void **state)
{
    struct trial *trial = *state;
    static struct arch first[TRIAL_ASKS_MAX + 1], second[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, first);
    assert_int_equal(trial_run_all(trial, second), count);
    assert_memory_equal(first, second, count * sizeof *first);
    trial->study.seed++;
    trial_run_all(trial, second);
    assert_memory_not_equal(first, second, count * sizeof *first);
}

/* The same strategy, saved, closed, opened and loaded. */
static void reopen(const struct trial *trial, struct strategy *strategy)
{
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    assert_ok(strategy_save(strategy, &data, &size, &status), status);
    strategy_close(strategy);
    *strategy = trial_strategy(trial);
    assert_ok(strategy_load(strategy, data, size, &status), status);
    free(data);
}

void trial_goes_on_the_same_when_saved_after_any_tell(void **state)
{
    struct trial *trial = *state;
    static struct arch want[TRIAL_ASKS_MAX + 1], got[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.generations = 6;
    size_t count = trial_run_all(trial, want);
    for (size_t stop = 0; stop <= count; stop++) {
        struct strategy strategy = trial_strategy(trial);
        size_t asked = trial_run(trial, &strategy, got, stop);
        assert_int_equal(asked, stop);
        reopen(trial, &strategy);
        asked += trial_run(trial, &strategy, got + stop, TRIAL_ASKS_MAX - stop);
        strategy_close(&strategy);
        assert_int_equal(asked, count);
        assert_memory_equal(got, want, count * sizeof *want);
    }
}

static void make_steady(struct trial *trial)
{
    trial->study.strategy.mode = CONFIG_MODE_STEADY;
    trial->study.strategy.in_flight = 7;
}

void trial_steady_goes_on_the_same_when_saved_after_any_tell(void **state)
{
    struct trial *trial = *state;
    static struct arch want[TRIAL_ASKS_MAX + 1], got[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.generations = 6;
    make_steady(trial);
    size_t count = trial_run_all(trial, want);
    for (uint64_t stop = 0; stop <= count; stop++) {
        struct strategy strategy = trial_strategy(trial);
        struct trial_flight flight = {0};
        trial_run_steady(trial, &strategy, &flight, got, stop);
        reopen(trial, &strategy);
        assert_int_equal(trial_run_steady(trial, &strategy, &flight, got, UINT64_MAX), count);
        strategy_close(&strategy);
        assert_memory_equal(got, want, count * sizeof *want);
    }
}

void trial_steady_never_has_more_in_flight_than_it_may(void **state)
{
    struct trial *trial = *state;
    make_steady(trial);
    struct strategy strategy = trial_strategy(trial);
    struct arch asked[7], more;
    for (int i = 0; i < 7; i++)
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_WAIT);
    trial_tell(trial, &strategy, 3, &asked[3]);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_ASK);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_WAIT);
    strategy_close(&strategy);
}

static void damage(struct trial *trial, const void *data, size_t size)
{
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct status status = {0};
    struct rng rng;
    int refused = 0;
    rng_seed(&rng, 7);
    for (int round = 0; round < 3000; round++) {
        char *bytes = malloc(size);
        memcpy(bytes, data, size);
        bytes[rng_below(&rng, size)] = "0123456789abcdef\"{}[],:-x"[rng_below(&rng, 25)];
        struct strategy strategy = trial_strategy(trial);
        struct trial_flight flight = {0};
        if (strategy_load(&strategy, bytes, round % 2 == 0 ? size : rng_below(&rng, size), &status) != STATUS_OK)
            refused++;
        else if (!strategy_steady(&strategy))
            trial_run(trial, &strategy, asked, 30);
        else if (strategy.asked < 1000)
            trial_run_steady(trial, &strategy, &flight, asked, strategy.told + 30);
        strategy_close(&strategy);
        free(bytes);
    }
    assert_true(refused > 1500);
}

void trial_asks_no_architecture_twice(void **state)
{
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(*state, asked);
    assert_true(count > 50);
    assert_int_equal(trial_count_distinct(asked, count), count);
}

void trial_searches_the_same_in_every_unit_of_fitness(void **state)
{
    struct trial *trial = *state;
    static struct arch first[TRIAL_ASKS_MAX + 1], second[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, first);
    trial->fitness_unit = 32;
    assert_int_equal(trial_run_all(trial, second), count);
    assert_memory_equal(first, second, count * sizeof *first);
}

void trial_by_rmi_asks_no_two_that_are_isomorphic(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.fitness.source = CONFIG_FITNESS_RMI;
    size_t count = trial_run_all(trial, asked);
    for (size_t i = 0; i < count; i++) {
        struct arch exact = asked[i];
        space_canonical(&trial->space, &exact, &asked[i]);
    }
    assert_int_equal(trial_count_distinct(asked, count), count);
}

void trial_refuses_a_save_of_another_population(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    struct strategy strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, 50);
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    trial->study.strategy.population = 21;
    strategy = trial_strategy(trial);
    assert_int_equal(strategy_load(&strategy, data, size, &status), STATUS_BAD_INPUT);
    strategy_close(&strategy);
    free(data);
}

void trial_survives_a_damaged_save(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    struct strategy strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, 50);
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    damage(trial, data, size);
    free(data);
}

void trial_steady_survives_a_damaged_save(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct status status = {0};
    struct trial_flight flight = {0};
    void *data = NULL;
    size_t size = 0;
    make_steady(trial);
    struct strategy strategy = trial_strategy(trial);
    trial_run_steady(trial, &strategy, &flight, asked, 50);
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    damage(trial, data, size);
    free(data);
}
