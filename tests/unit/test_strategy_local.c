/* strategy_local: rounds of neighbours, uphill until nothing is better, then from elsewhere; along a front where costs are
 * objectives. */
#include "tests/support/trial.h"

#include <string.h>

static int open_local(void **state)
{
    int code = trial_open(state);
    struct trial *trial = *state;
    trial->study.strategy.name = "local";
    trial->study.strategy.population = 1; /* starts at one random architecture, as in the paper */
    trial->study.strategy.generations = 800;
    return code;
}

static int open_local_of_20(void **state)
{
    int code = open_local(state);
    struct trial *trial = *state;
    trial->study.strategy.population = 20;
    trial->study.strategy.generations = 40;
    return code;
}

static double fitness_of(const struct trial *trial, const struct arch *arch)
{
    return space_connected(&trial->space, arch) ? trial_fitness(arch) : -1;
}

static void the_second_round_is_the_neighbourhood_of_the_first_ask(void **state)
{
    struct trial *trial = *state;
    struct arch asked[26];
    struct strategy strategy = trial_strategy(trial);
    size_t connected = 0;
    trial_run(trial, &strategy, asked, 26);
    strategy_close(&strategy);
    for (size_t k = 1; k < 25; k++)
        connected += trial_differing_genes(&asked[0], &asked[k]) == 1;
    assert_in_range(connected, 12, 24); /* of 6 genes with 4 other values each, less what is disconnected */
}

/* The sum has one top per gene, so there is nothing to get stuck on. */
static void it_climbs_to_the_top_of_a_hill(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct arch top = {.length = 6, .genes = {3, 3, 3, 3, 3, 3}};
    trial->cost.max = 1000;
    trial->study.strategy.generations = 200;
    size_t count = trial_run_all(trial, asked);
    bool reached = false;
    for (size_t i = 0; i < count; i++)
        reached |= arch_equal(&asked[i], &top);
    assert_true(reached);
}

static void from_the_top_it_starts_again_at_random(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->cost.max = 1000;
    size_t count = trial_run_all(trial, asked), restarts = 0;
    assert_int_equal(count, 800);
    for (size_t k = 1; k < count; k++) {
        int nearest = 6;
        for (size_t i = 0; i < k; i++)
            nearest = trial_differing_genes(&asked[i], &asked[k]) < nearest ? trial_differing_genes(&asked[i], &asked[k]) : nearest;
        restarts += nearest > 1;
    }
    assert_true(restarts > 3);
}

static void nothing_is_asked_twice(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked);
    assert_int_equal(trial_count_distinct(asked, count), count);
}

static void it_starts_from_the_best_of_the_first_population(void **state)
{
    struct trial *trial = *state;
    struct arch asked[40];
    struct strategy strategy = trial_strategy(trial);
    trial->cost.max = 1000;
    trial_run(trial, &strategy, asked, 40);
    strategy_close(&strategy);
    size_t best = 0;
    for (size_t i = 1; i < 20; i++)
        best = fitness_of(trial, &asked[i]) > fitness_of(trial, &asked[best]) ? i : best;
    for (size_t k = 20; k < 40; k++)
        assert_int_equal(trial_differing_genes(&asked[best], &asked[k]), 1);
}

static bool dominated(const struct arch *arch, const struct arch *asked, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (trial_fitness(&asked[i]) >= trial_fitness(arch) && trial_cost(&asked[i]) <= trial_cost(arch) &&
            (trial_fitness(&asked[i]) > trial_fitness(arch) || trial_cost(&asked[i]) < trial_cost(arch)))
            return true;
    return false;
}

/* The front by local search has no neighbour that would improve on it: all of them were asked. */
static void without_limits_all_neighbours_of_the_front_are_asked(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->cost.has_max = false;
    trial->study.strategy.generations = 3000;
    size_t count = trial_run_all(trial, asked), front = 0;
    for (size_t i = 0; i < count; i++) {
        if (dominated(&asked[i], asked, count))
            continue;
        size_t neighbours = 0;
        for (size_t k = 0; k < count; k++)
            neighbours += trial_differing_genes(&asked[i], &asked[k]) == 1;
        size_t connected = 0;
        for (int gene = 0; gene < 6; gene++)
            for (uint8_t value = 0; value < 5; value++) {
                struct arch arch = asked[i];
                arch.genes[gene] = value;
                connected += value != asked[i].genes[gene] && space_connected(&trial->space, &arch);
            }
        assert_int_equal(neighbours, connected);
        front++;
    }
    assert_true(front > 10);
}

#define in_trial(test) TRIAL_TEST(open_local, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIAL_STRATEGY_TESTS(open_local_of_20),
        in_trial(the_second_round_is_the_neighbourhood_of_the_first_ask),
        in_trial(it_climbs_to_the_top_of_a_hill),
        in_trial(from_the_top_it_starts_again_at_random),
        in_trial(nothing_is_asked_twice),
        in_trial(trial_by_rmi_asks_no_two_that_are_isomorphic),
        TRIAL_TEST(open_local_of_20, it_starts_from_the_best_of_the_first_population),
        in_trial(without_limits_all_neighbours_of_the_front_are_asked),
    };
    return TEST_RUN(tests);
}
