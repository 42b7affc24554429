/* strategy_evrsnas: what is proposed, what is preferred, and that a saved search goes on as if nothing had happened. */
#include "tests/support/trial.h"

#include <math.h>
#include <string.h>

/* --- what is proposed --- */

static void every_ask_is_new_and_connected(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked);
    assert_int_equal(trial_count_distinct(asked, count), count);
    for (size_t i = 0; i < count; i++) {
        assert_true(space_valid(&trial->space, &asked[i]));
        assert_true(space_connected(&trial->space, &asked[i]));
    }
}

static void the_plain_algorithm_proposes_what_it_knows(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.plain = true;
    size_t count = trial_run_all(trial, asked);
    assert_true(trial_count_distinct(asked, count) < count / 2);
}

static void elites_are_not_asked_again(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.elites = 3;
    struct strategy strategy = trial_strategy(trial);
    assert_true(strategy_total(&strategy) == 20 + 39 * 17);
    strategy_close(&strategy);
    assert_int_equal(trial_run_all(trial, asked), 20 + 39 * 17);
}

static void a_space_that_is_used_up_is_asked_again_rather_than_for_ever(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy = trial_strategy(trial);
    struct arch arch = {.length = 6};
    for (int i = 0; i < 15625; i++) {
        for (int edge = 0, rest = i; edge < 6; edge++, rest /= 5)
            arch.genes[edge] = (uint8_t)(rest % 5);
        archive_add(&strategy.archive, &arch, NULL);
    }
    assert_int_equal(strategy_ask(&strategy, &arch), STRATEGY_ASK);
    strategy_close(&strategy);
}

static void a_generation_waits_for_the_one_before(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy = trial_strategy(trial);
    struct arch asked[20], more;
    for (int i = 0; i < 20; i++)
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
    for (int i = 0; i < 19; i++)
        trial_tell(trial, &strategy, strategy.told, &asked[i]);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_WAIT);
    assert_false(strategy_boundary(&strategy));
    trial_tell(trial, &strategy, 19, &asked[19]);
    assert_true(strategy_boundary(&strategy));
    assert_int_equal(strategy_generation(&strategy), 1);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_ASK);
    assert_false(strategy_boundary(&strategy));
    strategy_close(&strategy);
}

/* --- what is preferred --- */

/* With tournaments of the whole population and no mutation, every child of the second generation is its best member. */
static struct arch favourite(struct trial *trial)
{
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.tournament = 20;
    trial->study.strategy.mutation = 0;
    trial->study.strategy.plain = true;
    trial->study.strategy.generations = 2;
    trial_run_all(trial, asked);
    return asked[20];
}

static struct arch best_of_first(const struct trial *trial, double (*score)(const struct trial *, const struct arch *))
{
    static struct arch asked[20];
    struct strategy strategy = trial_strategy(trial);
    size_t best = 0;
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
        if (score(trial, &asked[i]) > score(trial, &asked[best]))
            best = i;
    }
    strategy_close(&strategy);
    return asked[best];
}

static double unconstrained(const struct trial *trial, const struct arch *arch)
{
    return space_connected(&trial->space, arch) ? trial_fitness(arch) : -1;
}

static double constrained(const struct trial *trial, const struct arch *arch)
{
    return trial_cost(arch) <= trial->cost.max ? unconstrained(trial, arch) : -1;
}

static void a_large_lambda_prefers_what_satisfies(void **state)
{
    struct trial *trial = *state;
    trial->study.strategy.lambda = 1e6;
    struct arch got = favourite(trial), want = best_of_first(trial, constrained);
    assert_true(arch_equal(&got, &want));
}

static void a_lambda_of_zero_ignores_the_constraint(void **state)
{
    struct trial *trial = *state;
    trial->study.strategy.lambda = 0;
    struct arch got = favourite(trial), want = best_of_first(trial, unconstrained);
    assert_true(trial_cost(&want) > trial->cost.max);
    assert_true(arch_equal(&got, &want));
}

static bool feasible_only_third(uint64_t ask)
{
    return ask == 2;
}

static void an_infeasible_candidate_is_never_better_than_a_feasible_one(void **state)
{
    struct trial *trial = *state;
    trial->feasible = feasible_only_third;
    trial->fitness_unit = -1; /* below the 0 of infeasible ones */
    trial->cost.max = 0.001;  /* and with the heaviest penalty */
    trial->study.strategy.lambda = 1e6;
    trial->study.strategy.plain = true;
    struct strategy strategy = trial_strategy(trial);
    struct arch third;
    for (int i = 0; i < 3; i++)
        strategy_ask(&strategy, &third);
    strategy_close(&strategy);
    struct arch got = favourite(trial);
    assert_true(arch_equal(&got, &third));
}

static void only_a_cost_above_its_limit_changes_anything(void **state)
{
    struct trial *trial = *state;
    static struct arch first[TRIAL_ASKS_MAX + 1], second[TRIAL_ASKS_MAX + 1];
    struct config_cost two[2] = {trial->cost, trial->cost};
    size_t count = trial_run_all(trial, first);
    trial->study.costs = two;
    trial->study.cost_count = 2;
    two[1].has_max = false;
    two[1].max = 1;
    trial_run_all(trial, second);
    assert_memory_equal(first, second, count * sizeof *first);
    two[1].has_max = true;
    two[1].max = 1000;
    trial_run_all(trial, second);
    assert_memory_equal(first, second, count * sizeof *first);
    two[1].max = 3;
    trial_run_all(trial, second);
    assert_memory_not_equal(first, second, count * sizeof *first);
}

static void a_tournament_of_one_makes_parents_of_all_kinds(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.tournament = 1;
    trial->study.strategy.mutation = 0;
    trial->study.strategy.plain = true;
    trial->study.strategy.generations = 2;
    trial_run_all(trial, asked);
    assert_true(trial_count_distinct(asked + 20, 19) > 10);
}

/* --- what is ours --- */

static double best_within(const struct trial *trial, const struct arch *asked, size_t count)
{
    double best = 0;
    for (size_t i = 0; i < count; i++)
        if (space_connected(&trial->space, &asked[i]) && trial_cost(&asked[i]) <= trial->cost.max)
            best = fmax(best, trial_fitness(&asked[i]));
    return best;
}

/* Fitness and cost are sums over the genes, which is what the model can learn. */
static void screening_finds_the_best_within_the_limit_of_a_world_of_sums(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1], all[15625];
    for (int i = 0; i < 15625; i++) {
        all[i].length = 6;
        for (int edge = 0, rest = i; edge < 6; edge++, rest /= 5)
            all[i].genes[edge] = (uint8_t)(rest % 5);
    }
    double best = best_within(trial, all, 15625);
    trial->study.strategy.generations = 15;
    for (trial->study.seed = 1; trial->study.seed <= 10; trial->study.seed++) {
        size_t count = trial_run_all(trial, asked);
        assert_near(best_within(trial, asked, count), best, 0, 1e-9);
    }
}

static void whatever_lambda_starts_from_about_half_of_the_candidates_come_to_lie_within_the_limits(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    static const double lambdas[] = {0.05, 2, 100};
    for (int i = 0; i < 3; i++) {
        trial->study.strategy.lambda = lambdas[i];
        size_t count = trial_run_all(trial, asked), within = 0;
        for (size_t k = count - 400; k < count; k++)
            within += trial_cost(&asked[k]) <= trial->cost.max;
        assert_in_range(within, 120, 280);
    }
}

/* --- steady --- */

static void each_steady_ask_is_new_and_connected(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.mode = CONFIG_MODE_STEADY;
    size_t count = trial_run_all(trial, asked);
    assert_int_equal(count, 20 * 40);
    assert_int_equal(trial_count_distinct(asked, count), count);
    for (size_t i = 0; i < count; i++)
        assert_true(space_connected(&trial->space, &asked[i]));
}

static void a_steady_generation_is_as_many_tells_as_the_population(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct trial_flight flight = {0};
    trial->study.strategy.mode = CONFIG_MODE_STEADY;
    struct strategy strategy = trial_strategy(trial);
    trial_run_steady(trial, &strategy, &flight, asked, 39);
    assert_int_equal(strategy_generation(&strategy), 1);
    assert_false(strategy_boundary(&strategy));
    trial_run_steady(trial, &strategy, &flight, asked, 40);
    assert_int_equal(strategy_generation(&strategy), 2);
    assert_true(strategy_boundary(&strategy));
    strategy_close(&strategy);
}

static void a_steady_population_is_the_best_of_all_and_the_latest(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct trial_flight flight = {0};
    struct arch arch;
    trial->cost.max = 1000;
    trial->study.strategy.mode = CONFIG_MODE_STEADY;
    trial->study.strategy.in_flight = 1;
    struct strategy strategy = trial_strategy(trial);
    trial_run_steady(trial, &strategy, &flight, asked, 400);
    size_t best = 0;
    for (size_t k = 0; k < 400; k++)
        best = trial_fitness(&asked[k]) > trial_fitness(&asked[best]) ? k : best;
    assert_true(strategy_member(&strategy, 0, &arch));
    assert_true(arch_equal(&arch, &asked[best]));
    for (size_t i = 1; i < 20; i++) {
        bool late = false;
        assert_true(strategy_member(&strategy, i, &arch));
        for (size_t k = 380; k < 400; k++)
            late |= arch_equal(&arch, &asked[k]);
        assert_true(late);
    }
    assert_false(strategy_member(&strategy, 20, &arch));
    strategy_close(&strategy);
}

/* --- settings --- */

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.tournament = 21;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "21"));
    trial->study.strategy.tournament = 5;
    trial->study.strategy.elites = 20;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    trial->study.strategy.elites = 1;
    trial->study.strategy.lambda = NAN;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    trial->study.strategy.lambda = 2;
    trial->cost.max = 0;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "latency_ms"));
}

static void an_unknown_strategy_is_told_those_there_are(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.name = "annealing";
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "evrsnas"));
}

#define in_trial(test) TRIAL_TEST(trial_open, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIAL_STRATEGY_TESTS(trial_open),
        in_trial(every_ask_is_new_and_connected),
        in_trial(trial_by_rmi_asks_no_two_that_are_isomorphic),
        in_trial(the_plain_algorithm_proposes_what_it_knows),
        in_trial(elites_are_not_asked_again),
        in_trial(a_space_that_is_used_up_is_asked_again_rather_than_for_ever),
        in_trial(a_generation_waits_for_the_one_before),
        in_trial(a_large_lambda_prefers_what_satisfies),
        in_trial(a_lambda_of_zero_ignores_the_constraint),
        in_trial(an_infeasible_candidate_is_never_better_than_a_feasible_one),
        in_trial(trial_searches_the_same_in_every_unit_of_fitness),
        in_trial(only_a_cost_above_its_limit_changes_anything),
        in_trial(a_tournament_of_one_makes_parents_of_all_kinds),
        in_trial(screening_finds_the_best_within_the_limit_of_a_world_of_sums),
        in_trial(whatever_lambda_starts_from_about_half_of_the_candidates_come_to_lie_within_the_limits),
        in_trial(each_steady_ask_is_new_and_connected),
        in_trial(a_steady_generation_is_as_many_tells_as_the_population),
        in_trial(a_steady_population_is_the_best_of_all_and_the_latest),
        in_trial(trial_refuses_a_save_of_another_population),
        in_trial(settings_that_cannot_work_are_refused_with_their_values),
        in_trial(an_unknown_strategy_is_told_those_there_are),
    };
    return TEST_RUN(tests);
}
