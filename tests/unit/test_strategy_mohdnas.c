/* strategy_mohdnas: what is proposed, who stays in the population, and that a saved search goes on as if nothing had happened. */
#include "tests/support/trial.h"

#include <math.h>
#include <string.h>

#include "master/diversity.h"
#include "master/pareto.h"

static int open_mohdnas(void **state)
{
    if (trial_open(state) != 0)
        return -1;
    struct trial *trial = *state;
    trial->study.strategy.name = "mohdnas";
    trial->study.strategy.diversity = true;
    trial->cost.has_max = false;
    return 0;
}

/* A search told everything, still open, with the members it ends with. */
struct ended {
    struct strategy strategy;
    struct arch asked[TRIAL_ASKS_MAX + 1], members[100];
    size_t count, member_count;
};

static struct ended *run_to_the_end(const struct trial *trial)
{
    struct ended *ended = calloc(1, sizeof *ended);
    struct trial_flight flight = {0};
    ended->strategy = trial_strategy(trial);
    ended->count = strategy_steady(&ended->strategy) ? trial_run_steady(trial, &ended->strategy, &flight, ended->asked, UINT64_MAX)
                                                     : trial_run(trial, &ended->strategy, ended->asked, TRIAL_ASKS_MAX);
    while (strategy_member(&ended->strategy, ended->member_count, &ended->members[ended->member_count]))
        ended->member_count++;
    return ended;
}

static void forget(struct ended *ended)
{
    strategy_close(&ended->strategy);
    free(ended);
}

/* --- what is proposed --- */

static void every_ask_is_new_and_connected(void **state)
{
    struct trial *trial = *state;
    struct ended *ended = run_to_the_end(trial);
    assert_int_equal(ended->count, 20 * 40);
    assert_int_equal(trial_count_distinct(ended->asked, ended->count), ended->count);
    for (size_t i = 0; i < ended->count; i++)
        assert_true(space_connected(&trial->space, &ended->asked[i]));
    forget(ended);
}

static void the_plain_algorithm_proposes_what_it_knows(void **state)
{
    struct trial *trial = *state;
    trial->study.strategy.plain = true;
    struct ended *ended = run_to_the_end(trial);
    assert_in_range(trial_count_distinct(ended->asked, ended->count), 20, ended->count * 3 / 4);
    forget(ended);
}

static void a_generation_waits_for_the_one_before(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy = trial_strategy(trial);
    struct arch asked[20], more;
    for (int i = 0; i < 20; i++)
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_WAIT);
        assert_false(strategy_boundary(&strategy));
        trial_tell(trial, &strategy, (uint64_t)i, &asked[i]);
    }
    assert_true(strategy_boundary(&strategy));
    assert_int_equal(strategy_generation(&strategy), 1);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_ASK);
    strategy_close(&strategy);
}

static void without_mutation_every_gene_of_a_child_is_one_of_the_members(void **state)
{
    struct trial *trial = *state;
    trial->study.strategy.plain = true;
    trial->study.strategy.mutation = 0;
    trial->study.strategy.generations = 2;
    struct ended *ended = run_to_the_end(trial);
    for (size_t child = 20; child < 40; child++)
        for (int gene = 0; gene < 6; gene++) {
            bool found = false;
            for (size_t i = 0; i < 20; i++)
                found |= ended->asked[i].genes[gene] == ended->asked[child].genes[gene];
            assert_true(found);
        }
    forget(ended);
}

/* --- who stays --- */

static size_t place(const struct ended *ended, const struct arch *arch)
{
    size_t i = 0;
    while (i < ended->member_count && !arch_equal(&ended->members[i], arch))
        i++;
    return i;
}

static void assert_extremes_stay(struct trial *trial)
{
    struct ended *ended = run_to_the_end(trial);
    const struct arch *fittest = &ended->asked[0], *cheapest = &ended->asked[0];
    for (size_t i = 1; i < ended->count; i++) {
        if (trial_fitness(&ended->asked[i]) > trial_fitness(fittest))
            fittest = &ended->asked[i];
        if (trial_cost(&ended->asked[i]) < trial_cost(cheapest))
            cheapest = &ended->asked[i];
    }
    assert_int_equal(ended->member_count, 20);
    assert_true(place(ended, fittest) < 20);
    double least = INFINITY;
    for (size_t i = 0; i < 20; i++)
        least = fmin(least, trial_cost(&ended->members[i]));
    assert_near(least, trial_cost(cheapest), 1e-12, 0);
    forget(ended);
}

static void the_fittest_and_the_cheapest_ever_told_are_members(void **state)
{
    assert_extremes_stay(*state);
}

static void in_steady_mode_too(void **state)
{
    struct trial *trial = *state;
    trial->study.strategy.mode = CONFIG_MODE_STEADY;
    trial->study.strategy.in_flight = 7;
    assert_extremes_stay(trial);
}

static double population_diversity(const struct trial *trial)
{
    struct ended *ended = run_to_the_end(trial);
    double costs[100];
    for (size_t i = 0; i < ended->member_count; i++)
        costs[i] = trial_cost(&ended->members[i]);
    double mean = diversity_mean(costs, ended->member_count);
    forget(ended);
    return mean;
}

static void the_third_objective_makes_costs_more_diverse(void **state)
{
    struct trial *trial = *state;
    for (trial->study.seed = 1; trial->study.seed <= 5; trial->study.seed++) {
        trial->study.strategy.diversity = true;
        double three = population_diversity(trial);
        trial->study.strategy.diversity = false;
        double two = population_diversity(trial);
        assert_true(three > two);
    }
}

/* Who survives of 40: by front, then by crowding, then the earlier ask; chi over all 40. */
static void assert_survivors(const struct trial *trial, size_t m)
{
    struct ended *ended = run_to_the_end(trial);
    double objectives[40 * 3], crowding[40], costs[40], chi[40];
    uint32_t rank[40];
    assert_int_equal(ended->count, 40);
    for (size_t i = 0; i < 40; i++)
        costs[i] = trial_cost(&ended->asked[i]);
    diversity_chi(costs, 40, chi);
    for (size_t i = 0; i < 40; i++) {
        double point[3] = {-trial_fitness(&ended->asked[i]), costs[i], -chi[i]};
        memcpy(objectives + i * m, point, m * sizeof *point);
    }
    assert_true(pareto_sort(objectives, NULL, 40, m, rank));
    assert_true(pareto_crowding(objectives, rank, 40, m, crowding));
    for (size_t i = 0; i < 40; i++) {
        size_t before = 0;
        for (size_t j = 0; j < 40; j++)
            before += rank[j] != rank[i] ? rank[j] < rank[i] : crowding[j] != crowding[i] ? crowding[j] > crowding[i] : j < i;
        assert_int_equal(place(ended, &ended->asked[i]) < 20, before < 20);
    }
    forget(ended);
}

static void parents_and_children_are_ranked_together_with_chi_of_all_of_them(void **state)
{
    struct trial *trial = *state;
    trial->study.strategy.generations = 2;
    for (trial->study.seed = 1; trial->study.seed <= 5; trial->study.seed++) {
        trial->study.strategy.diversity = true;
        assert_survivors(trial, 3);
        trial->study.strategy.diversity = false;
        assert_survivors(trial, 2);
    }
}

static bool first(uint64_t ask)
{
    return ask == 0;
}

/* Of two members one is infeasible: a child of the other alone has won twice with probability 3/4 each, and should be common. */
static void the_better_of_two_becomes_a_parent(void **state)
{
    struct trial *trial = *state;
    int like_the_better = 0;
    trial->feasible = first;
    trial->study.strategy.population = 2;
    trial->study.strategy.generations = 2;
    trial->study.strategy.mutation = 0;
    trial->study.strategy.plain = true;
    for (trial->study.seed = 1; trial->study.seed <= 50; trial->study.seed++) {
        struct ended *ended = run_to_the_end(trial);
        bool works = space_connected(&trial->space, &ended->asked[0]);
        for (int child = 2; works && child < 4; child++)
            like_the_better += arch_equal(&ended->asked[child], &ended->asked[0]);
        forget(ended);
    }
    assert_in_range(like_the_better, 45, 100);
}

static bool every_third(uint64_t ask)
{
    return ask % 3 == 0;
}

static void what_is_infeasible_leaves_as_soon_as_there_is_enough_else(void **state)
{
    struct trial *trial = *state;
    trial->feasible = every_third;
    trial->fitness_unit = -1; /* below the 0 of infeasible ones */
    struct ended *ended = run_to_the_end(trial);
    for (size_t i = 0; i < ended->member_count; i++) {
        size_t ask = 0;
        while (!arch_equal(&ended->asked[ask], &ended->members[i]))
            ask++;
        assert_int_equal(ask % 3, 0);
    }
    forget(ended);
}

static void a_search_where_nothing_works_comes_to_its_end(void **state)
{
    struct trial *trial = *state;
    trial->feasible = trial_nothing_is_feasible;
    struct ended *ended = run_to_the_end(trial);
    assert_int_equal(ended->count, 20 * 40);
    forget(ended);
}

static void within_a_limit_goes_before_beyond_it(void **state)
{
    struct trial *trial = *state;
    trial->cost.has_max = true;
    trial->cost.max = 12;
    struct ended *ended = run_to_the_end(trial);
    for (size_t i = 0; i < ended->member_count; i++)
        assert_true(trial_cost(&ended->members[i]) <= 12);
    forget(ended);
}

static void a_cost_that_is_only_limited_is_no_objective(void **state)
{
    struct trial *trial = *state;
    trial->cost.has_max = true;
    trial->cost.max = 12;
    trial->cost.limit_only = true;
    struct ended *ended = run_to_the_end(trial);
    const struct arch *fittest = NULL;
    for (size_t i = 0; i < ended->count; i++)
        if (trial_cost(&ended->asked[i]) <= 12 && (fittest == NULL || trial_fitness(&ended->asked[i]) > trial_fitness(fittest)))
            fittest = &ended->asked[i];
    assert_int_equal(place(ended, fittest), 0); /* the one and only front */
    forget(ended);
}

static void a_second_cost_is_an_objective_too(void **state)
{
    struct trial *trial = *state;
    struct config_cost two[2] = {trial->cost, trial->cost};
    struct ended *one = run_to_the_end(trial);
    trial->study.costs = two;
    trial->study.cost_count = 2;
    struct ended *both = run_to_the_end(trial);
    assert_int_equal(both->member_count, 20);
    assert_int_equal(both->count, one->count);
    two[1].limit_only = true;
    struct ended *again = run_to_the_end(trial);
    assert_memory_equal(again->asked, one->asked, one->count * sizeof one->asked[0]);
    forget(one);
    forget(both);
    forget(again);
}

/* --- settings --- */

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.population = 1;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "not 1 and 40"));
    trial->study.strategy.population = 20;
    trial->study.strategy.mutation = 1.5;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "1.5"));
}

#define in_trial(test) TRIAL_TEST(open_mohdnas, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_trial(every_ask_is_new_and_connected),
        in_trial(the_plain_algorithm_proposes_what_it_knows),
        in_trial(a_generation_waits_for_the_one_before),
        in_trial(without_mutation_every_gene_of_a_child_is_one_of_the_members),
        in_trial(the_fittest_and_the_cheapest_ever_told_are_members),
        in_trial(in_steady_mode_too),
        in_trial(the_third_objective_makes_costs_more_diverse),
        in_trial(parents_and_children_are_ranked_together_with_chi_of_all_of_them),
        in_trial(the_better_of_two_becomes_a_parent),
        in_trial(what_is_infeasible_leaves_as_soon_as_there_is_enough_else),
        in_trial(a_search_where_nothing_works_comes_to_its_end),
        in_trial(within_a_limit_goes_before_beyond_it),
        in_trial(a_cost_that_is_only_limited_is_no_objective),
        in_trial(a_second_cost_is_an_objective_too),
        in_trial(settings_that_cannot_work_are_refused_with_their_values),
        in_trial(trial_refuses_a_save_of_another_population),
        TRIAL_STRATEGY_TESTS(open_mohdnas),
    };
    return TEST_RUN(tests);
}
