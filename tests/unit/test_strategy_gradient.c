/* strategy_gradient: its sample, its sweep, its answer, and that a saved search goes on. */
#include "tests/support/trial.h"

#include <string.h>

enum { SAMPLE = 24, SWEEP = 4, ASKS = SAMPLE + SWEEP };

static int open_gradient(void **state)
{
    if (trial_open(state) != 0)
        return -1;
    struct trial *trial = *state;
    struct config_strategy *s = &trial->study.strategy;
    s->name = "gradient";
    s->warmup = SAMPLE;
    s->sweep = SWEEP;
    s->steps = 100;
    s->lambda = 3;
    trial->cost.has_max = false;
    return 0;
}

static void a_sample_of_different_architectures_then_one_for_each_weight(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    assert_int_equal(trial_run_all(trial, asked), ASKS);
    assert_int_equal(trial_count_distinct(asked, SAMPLE), SAMPLE);
    for (size_t i = 0; i < ASKS; i++)
        assert_true(space_connected(&trial->space, &asked[i]));
}

/* Fitness and cost are sums over the genes: without weight the fittest there is, with much of it one that costs next to nothing. */
static void the_more_the_weight_the_less_the_cost(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    for (int relaxation = CONFIG_RELAX_GUMBEL; relaxation <= CONFIG_RELAX_SOFTMAX; relaxation++) {
        trial->study.strategy.relaxation = (enum config_relaxation)relaxation;
        trial->study.strategy.warmup = 100;
        assert_int_equal(trial_run_all(trial, asked), 100 + SWEEP);
        const struct arch *sweep = asked + 100;
        assert_true(trial_fitness(&sweep[0]) > 13); /* of 14.8 at the most */
        for (int i = 1; i < SWEEP; i++)
            assert_true(trial_cost(&sweep[i]) <= trial_cost(&sweep[i - 1]));
        assert_true(trial_cost(&sweep[SWEEP - 1]) < 3);
        assert_true(trial_cost(&sweep[0]) > 20);
    }
}

static void a_sweep_of_one_has_the_whole_weight_and_is_the_answer(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct arch answer, last;
    struct strategy strategy;
    strategy = trial_strategy(trial);
    assert_int_equal(trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX), ASKS);
    assert_int_equal(strategy_generation(&strategy), strategy_generations(&strategy));
    assert_false(strategy_answer(&strategy, &answer));
    assert_false(strategy_answers(&trial->study));
    strategy_close(&strategy);
    last = asked[ASKS - 1];
    trial->study.strategy.sweep = 1;
    assert_true(strategy_answers(&trial->study));
    strategy = trial_strategy(trial);
    assert_int_equal(trial_run(trial, &strategy, asked, SAMPLE), SAMPLE);
    assert_false(strategy_answer(&strategy, &answer));
    assert_int_equal(trial_run(trial, &strategy, asked, 1), 1);
    assert_true(arch_equal(&asked[0], &last));
    assert_true(strategy_answer(&strategy, &answer));
    assert_true(arch_equal(&answer, &last));
    assert_int_equal(strategy_ask(&strategy, &answer), STRATEGY_DONE);
    strategy_close(&strategy);
}

/* Even steps of the cube root, and the same draws for all. */
static void each_weight_of_a_sweep_decides_as_it_does_alone(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1], alone[TRIAL_ASKS_MAX + 1];
    const double lambda = trial->study.strategy.lambda;
    trial->study.strategy.steps = 10; /* too few for chance not to matter */
    trial_run_all(trial, asked);
    trial->study.strategy.sweep = 1;
    for (int i = 0; i < SWEEP; i++) {
        double share = (double)i / (SWEEP - 1);
        trial->study.strategy.lambda = lambda * share * share * share;
        assert_int_equal(trial_run_all(trial, alone), SAMPLE + 1);
        assert_true(arch_equal(&alone[SAMPLE], &asked[SAMPLE + i]));
    }
}

static void a_limit_is_kept_to(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->cost.has_max = trial->cost.limit_only = true;
    trial->cost.max = 9;
    trial->study.strategy.warmup = 100;
    trial_run_all(trial, asked);
    for (int i = 0; i < SWEEP; i++)
        assert_in_range(10 * trial_cost(&asked[100 + i]), 40, 100); /* near it, not far below */
}

static void a_sample_where_nothing_is_feasible_is_the_end(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->feasible = trial_nothing_is_feasible;
    assert_int_equal(trial_run_all(trial, asked), SAMPLE);
}

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.sweep = 0;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "not 24, 0 and 100"));
}

#define in_trial(test) TRIAL_TEST(open_gradient, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_trial(a_sample_of_different_architectures_then_one_for_each_weight),
        in_trial(the_more_the_weight_the_less_the_cost),
        in_trial(a_sweep_of_one_has_the_whole_weight_and_is_the_answer),
        in_trial(each_weight_of_a_sweep_decides_as_it_does_alone),
        in_trial(a_limit_is_kept_to),
        in_trial(a_sample_where_nothing_is_feasible_is_the_end),
        in_trial(settings_that_cannot_work_are_refused_with_their_values),
        TRIAL_GENERATIONS_TESTS(open_gradient),
    };
    return TEST_RUN(tests);
}
