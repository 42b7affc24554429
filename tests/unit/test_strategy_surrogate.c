/* strategy_surrogate: what is proposed, what is preferred, and that a saved search goes on as if nothing had happened. */
#include "tests/support/trial.h"

#include <math.h>
#include <string.h>

#include "master/hypervolume.h"

enum { WARMUP = 30, ASKS = 6 * 20, SEEDS = 8 };

static int open_surrogate(void **state)
{
    if (trial_open(state) != 0)
        return -1;
    struct trial *trial = *state;
    trial->study.strategy.name = "surrogate";
    trial->study.strategy.generations = 6;
    trial->study.strategy.warmup = WARMUP;
    trial->study.strategy.pool = 40;
    trial->study.strategy.in_flight = 8;
    trial->cost.has_max = false;
    return 0;
}

static void every_ask_is_new_and_connected(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked);
    assert_int_equal(count, ASKS);
    assert_int_equal(trial_count_distinct(asked, count), count);
    for (size_t i = 0; i < count; i++)
        assert_true(space_connected(&trial->space, &asked[i]));
}

static void a_batch_waits_for_the_one_before(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy = trial_strategy(trial);
    struct arch asked[WARMUP + 9];
    trial_run(trial, &strategy, asked, WARMUP);
    assert_true(strategy_boundary(&strategy));
    for (int i = 0; i < 8; i++)
        assert_int_equal(strategy_ask(&strategy, &asked[WARMUP + i]), STRATEGY_ASK);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(strategy_ask(&strategy, &asked[WARMUP + 8]), STRATEGY_WAIT);
        trial_tell(trial, &strategy, strategy.told, &asked[WARMUP + i]);
    }
    assert_true(strategy_boundary(&strategy));
    assert_int_equal(strategy_ask(&strategy, &asked[WARMUP + 8]), STRATEGY_ASK);
    strategy_close(&strategy);
}

static double best_fitness_within(const struct arch *asked, size_t count, double max_cost)
{
    double best = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (trial_cost(&asked[i]) <= max_cost)
            best = fmax(best, trial_fitness(&asked[i]));
    return best;
}

static double volume(const struct arch *asked, size_t count)
{
    static double points[TRIAL_ASKS_MAX][2];
    double reference[2] = {35, 0}, volume;
    for (size_t i = 0; i < count; i++) {
        points[i][0] = trial_cost(&asked[i]);
        points[i][1] = -trial_fitness(&asked[i]);
    }
    assert_true(hypervolume_of(points[0], count, 2, reference, &volume));
    return volume;
}

/* One search of so few asks says little: the mean of several. */
static void it_finds_a_better_front_than_chance(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1], drawn[ASKS];
    double found = 0, chance = 0;
    trial->study.strategy.pool = 300;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rng rng;
        rng_seed(&rng, seed);
        trial->study.seed = seed;
        size_t count = trial_run_all(trial, asked);
        for (size_t i = 0; i < count; i++)
            do
                space_sample(&trial->space, &rng, &drawn[i]);
            while (!space_connected(&trial->space, &drawn[i]));
        found += volume(asked, count) / SEEDS;
        chance += volume(drawn, count) / SEEDS;
    }
    print_message("# hypervolume %.1f, by chance %.1f\n", found, chance);
    assert_true(found > 1.03 * chance);
}

/* How many of SEEDS searches' asks after the warm-up cost more than max. */
static size_t count_beyond(struct trial *trial, double max)
{
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t beyond = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        trial->study.seed = seed;
        size_t count = trial_run_all(trial, asked);
        for (size_t i = WARMUP; i < count; i++)
            beyond += trial_cost(&asked[i]) > max;
    }
    return beyond;
}

static void what_is_expected_beyond_a_limit_is_hardly_asked(void **state)
{
    struct trial *trial = *state;
    size_t before = count_beyond(trial, 8);
    trial->cost.has_max = true;
    trial->cost.max = 8;
    size_t after = count_beyond(trial, 8);
    print_message("# beyond the limit %zu of %d, without one %zu\n", after, SEEDS * (ASKS - WARMUP), before);
    assert_true(after < before / 2);
}

static void a_limit_that_nothing_keeps_is_approached(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    double before = 0, after = 0;
    trial->cost.has_max = true;
    trial->cost.max = 0.01;
    size_t count = trial_run_all(trial, asked);
    for (size_t i = 0; i < WARMUP; i++)
        before += trial_cost(&asked[i]) / WARMUP;
    for (size_t i = WARMUP; i < count; i++)
        after += trial_cost(&asked[i]) / (double)(count - WARMUP);
    assert_true(after < before / 2);
}

static void a_search_where_nothing_works_comes_to_its_end(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->feasible = trial_nothing_is_feasible;
    assert_int_equal(trial_run_all(trial, asked), ASKS);
}

static void it_works_with_no_cost_and_with_two(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct config_cost costs[2] = {trial->cost, trial->cost};
    trial->study.costs = costs;
    trial->study.cost_count = 0;
    size_t count = trial_run_all(trial, asked);
    assert_true(best_fitness_within(asked + WARMUP, count - WARMUP, 1e9) > best_fitness_within(asked, WARMUP, 1e9));
    trial->study.cost_count = 2;
    assert_int_equal(trial_run_all(trial, asked), ASKS);
}

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.warmup = 1;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "not 1,"));
}

#define in_trial(test) TRIAL_TEST(open_surrogate, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_trial(every_ask_is_new_and_connected),
        in_trial(a_batch_waits_for_the_one_before),
        in_trial(it_finds_a_better_front_than_chance),
        in_trial(what_is_expected_beyond_a_limit_is_hardly_asked),
        in_trial(a_limit_that_nothing_keeps_is_approached),
        in_trial(a_search_where_nothing_works_comes_to_its_end),
        in_trial(it_works_with_no_cost_and_with_two),
        in_trial(settings_that_cannot_work_are_refused_with_their_values),
        TRIAL_STRATEGY_TESTS(open_surrogate),
    };
    return TEST_RUN(tests);
}
