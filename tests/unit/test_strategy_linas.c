/* strategy_linas: what it measures, what its predictors choose, and that a saved search goes on. */
#include "tests/support/trial.h"

#include <string.h>

enum { POPULATION = 10, GENERATIONS = 6, ASKS = POPULATION * GENERATIONS };

static int open_linas(void **state)
{
    if (trial_open(state) != 0)
        return -1;
    struct trial *trial = *state;
    struct config_strategy *s = &trial->study.strategy;
    s->name = "linas";
    s->population = POPULATION;
    s->generations = GENERATIONS;
    s->predicted = 200;
    trial->cost.has_max = false;
    return 0;
}

static void nothing_is_asked_twice_and_everything_is_connected(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    assert_int_equal(trial_run_all(trial, asked), ASKS);
    assert_int_equal(trial_count_distinct(asked, ASKS), ASKS);
    for (size_t i = 0; i < ASKS; i++)
        assert_true(space_connected(&trial->space, &asked[i]));
}

static bool dominated(const struct arch *one, const struct arch *by)
{
    return trial_fitness(by) >= trial_fitness(one) && trial_cost(by) <= trial_cost(one) &&
           (trial_fitness(by) > trial_fitness(one) || trial_cost(by) < trial_cost(one));
}

/* Of a batch, how many nothing in `others` dominates. */
static size_t undominated(const struct arch *batch, size_t count, const struct arch *others, size_t other_count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        bool beaten = false;
        for (size_t j = 0; j < other_count && !beaten; j++)
            beaten = dominated(&batch[i], &others[j]);
        found += !beaten;
    }
    return found;
}

/* Fitness and cost are sums over the genes, which predictors learn: what they choose lies on the front, what is random does not. */
static void what_the_predictors_choose_is_rarely_dominated(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.population = 30;
    trial->study.strategy.predicted = 1000;
    trial->study.strategy.generations = 3;
    assert_int_equal(trial_run_all(trial, asked), 90);
    assert_true(undominated(asked, 30, asked, 90) <= 5);
    assert_true(undominated(asked + 60, 30, asked, 90) >= 15);
}

static void a_generation_waits_for_the_one_before(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy = trial_strategy(trial);
    struct arch asked[POPULATION], next;
    for (int i = 0; i < POPULATION; i++)
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
    for (int i = 0; i < POPULATION; i++) {
        assert_int_equal(strategy_ask(&strategy, &next), STRATEGY_WAIT);
        trial_tell(trial, &strategy, (uint64_t)i, &asked[i]);
    }
    assert_int_equal(strategy_ask(&strategy, &next), STRATEGY_ASK);
    strategy_close(&strategy);
}

static void limits_are_kept_to_as_soon_as_costs_are_known(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t within[2] = {0};
    trial->cost.has_max = true;
    trial->cost.max = 8;
    trial->study.strategy.population = 30;
    trial->study.strategy.predicted = 1000;
    trial->study.strategy.generations = 2;
    trial_run_all(trial, asked);
    for (int i = 0; i < 60; i++)
        within[i / 30] += trial_cost(&asked[i]) <= 8;
    assert_true(within[0] <= 20);
    assert_true(within[1] >= 27);
}

static void where_nothing_is_feasible_it_goes_on_at_random(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->feasible = trial_nothing_is_feasible;
    assert_int_equal(trial_run_all(trial, asked), ASKS);
    assert_int_equal(trial_count_distinct(asked, ASKS), ASKS);
}

static bool the_first_fifty(uint64_t ask)
{
    return ask < 50;
}

/* Predictors look at the last 1,000 results. */
static void where_nothing_that_is_learned_from_is_feasible_it_goes_on_at_random(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->feasible = the_first_fifty;
    trial->study.strategy.population = trial->study.strategy.predicted = 1060;
    trial->study.strategy.generations = 2;
    assert_int_equal(trial_run_all(trial, asked), 2120);
}

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.predicted = 5;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "5 predicted evaluations"));
    trial->study.strategy.predicted = 200;
    trial->study.strategy.mode = CONFIG_MODE_STEADY;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "no steady mode"));
}

#define in_trial(test) TRIAL_TEST(open_linas, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_trial(nothing_is_asked_twice_and_everything_is_connected),
        in_trial(what_the_predictors_choose_is_rarely_dominated),
        in_trial(a_generation_waits_for_the_one_before),
        in_trial(limits_are_kept_to_as_soon_as_costs_are_known),
        in_trial(where_nothing_is_feasible_it_goes_on_at_random),
        in_trial(where_nothing_that_is_learned_from_is_feasible_it_goes_on_at_random),
        in_trial(settings_that_cannot_work_are_refused_with_their_values),
        in_trial(trial_by_rmi_asks_no_two_that_are_isomorphic),
        TRIAL_GENERATIONS_TESTS(open_linas),
    };
    return TEST_RUN(tests);
}
