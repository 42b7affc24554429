/* strategy_evnas: no architecture is asked twice, the best never leaves, and rows are all that is inherited. */
#include "tests/support/trial.h"

#include <string.h>

static int open_evnas(void **state)
{
    int code = trial_open(state);
    struct trial *trial = *state;
    trial->study.strategy.name = "evnas";
    return code;
}

static void a_generation_waits_for_all_its_results(void **state)
{
    struct trial *trial = *state;
    struct arch asked[21];
    struct strategy strategy = trial_strategy(trial);
    size_t first = 0;
    while (strategy_ask(&strategy, &asked[first]) == STRATEGY_ASK)
        first++;
    assert_in_range(first, 10, 20);
    for (size_t i = 0; i < first; i++) {
        assert_int_equal(strategy_ask(&strategy, &asked[20]), STRATEGY_WAIT);
        assert_int_equal(strategy_generation(&strategy), 0);
        assert_false(strategy_boundary(&strategy));
        trial_tell(trial, &strategy, i, &asked[i]);
    }
    assert_in_range(strategy_generation(&strategy), 1, 3);
    assert_true(strategy_boundary(&strategy));
    strategy_close(&strategy);
}

/* The same whether asks and tells alternate or a whole generation is asked first. */
static void how_asks_and_tells_are_mixed_changes_nothing(void **state)
{
    struct trial *trial = *state;
    static struct arch want[TRIAL_ASKS_MAX + 1], got[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, want);
    struct strategy strategy = trial_strategy(trial);
    while (strategy_ask(&strategy, &got[strategy.asked]) == STRATEGY_ASK)
        trial_tell(trial, &strategy, strategy.told, &got[strategy.told]);
    assert_int_equal(strategy.asked, count);
    strategy_close(&strategy);
    assert_memory_equal(got, want, count * sizeof *want);
}

/* Every child is then the best once more. */
static void with_a_tournament_of_all_and_no_mutation_nothing_new_comes(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct arch member, other;
    trial->study.strategy.mutation = 0;
    trial->study.strategy.tournament = 20;
    struct strategy strategy = trial_strategy(trial);
    size_t count = trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    assert_in_range(count, 10, 20);
    assert_int_equal(strategy_ask(&strategy, &other), STRATEGY_DONE);
    assert_int_equal(strategy_generation(&strategy), 40);
    assert_true(strategy_member(&strategy, 0, &member));
    for (size_t i = 0; strategy_member(&strategy, i, &other); i++)
        assert_true(arch_equal(&member, &other));
    strategy_close(&strategy);
}

static void without_mutation_a_gene_is_inherited_from_the_first_generation(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    bool there[6][5] = {{false}};
    trial->study.strategy.mutation = 0;
    trial->study.strategy.population = 6;
    size_t count = trial_run_all(trial, asked);
    assert_true(count > 6);
    for (size_t i = 0; i < 6; i++)
        for (int gene = 0; gene < 6; gene++)
            there[gene][asked[i].genes[gene]] = true;
    for (size_t i = 6; i < count; i++)
        for (int gene = 0; gene < 6; gene++)
            assert_true(there[gene][asked[i].genes[gene]]);
}

/* All parents are then the best, and a row drawn afresh has another largest number in four of five cases. */
static void as_many_rows_of_children_change_as_mutation_says(void **state)
{
    struct trial *trial = *state;
    struct arch arch, member, best = {.length = 6};
    int changed = 0;
    trial->cost.has_max = false;
    trial->study.strategy.population = 200;
    trial->study.strategy.tournament = 200;
    struct strategy strategy = trial_strategy(trial);
    while (strategy_generation(&strategy) == 0 && strategy_ask(&strategy, &arch) == STRATEGY_ASK) {
        trial_keep_fitter(trial, &arch, &best);
        trial_tell(trial, &strategy, strategy.told, &arch);
    }
    assert_int_equal(strategy_generation(&strategy), 1);
    for (size_t i = 0; strategy_member(&strategy, i, &member); i++)
        changed += trial_differing_genes(&best, &member);
    assert_in_range(changed, 199 * 6 * 0.08 * 0.7, 199 * 6 * 0.08 * 1.3);
    strategy_close(&strategy);
}

static bool is_member(const struct strategy *strategy, const struct arch *arch)
{
    struct arch member;
    for (size_t i = 0; strategy_member(strategy, i, &member); i++)
        if (arch_equal(&member, arch))
            return true;
    return false;
}

/* Everything but the elite is then drawn afresh. */
static void with_an_elite_the_best_told_is_always_a_member(void **state)
{
    struct trial *trial = *state;
    struct arch arch, best = {.length = 6};
    trial->cost.has_max = false;
    trial->study.strategy.mutation = 1;
    struct strategy strategy = trial_strategy(trial);
    while (strategy_ask(&strategy, &arch) == STRATEGY_ASK) {
        uint32_t generation = strategy_generation(&strategy);
        trial_keep_fitter(trial, &arch, &best);
        trial_tell(trial, &strategy, strategy.told, &arch);
        assert_true(strategy_generation(&strategy) == generation || is_member(&strategy, &best));
    }
    strategy_close(&strategy);
}

static void a_limit_draws_the_search_within_it(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t within[2];
    for (int limited = 0; limited < 2; limited++) {
        trial->cost.has_max = limited;
        trial->cost.max = 8;
        size_t count = trial_run_all(trial, asked);
        within[limited] = 0;
        for (size_t i = count - 60; i < count; i++)
            within[limited] += trial_cost(&asked[i]) <= 8;
    }
    assert_true(within[0] < 6);
    assert_true(within[1] > 20);
}

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.tournament = 21;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "strategy evnas: tournament must be 1 to population (20)"));
    trial->study.strategy.tournament = 5;
    trial->study.strategy.mode = CONFIG_MODE_STEADY;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "evnas has no steady mode"));
}

#define in_trial(test) TRIAL_TEST(open_evnas, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_trial(trial_asks_no_architecture_twice),
        in_trial(a_generation_waits_for_all_its_results),
        in_trial(how_asks_and_tells_are_mixed_changes_nothing),
        in_trial(with_a_tournament_of_all_and_no_mutation_nothing_new_comes),
        in_trial(without_mutation_a_gene_is_inherited_from_the_first_generation),
        in_trial(as_many_rows_of_children_change_as_mutation_says),
        in_trial(with_an_elite_the_best_told_is_always_a_member),
        in_trial(a_limit_draws_the_search_within_it),
        in_trial(trial_searches_the_same_in_every_unit_of_fitness),
        in_trial(settings_that_cannot_work_are_refused_with_their_values),
        in_trial(trial_by_rmi_asks_no_two_that_are_isomorphic),
        in_trial(trial_refuses_a_save_of_another_population),
        TRIAL_GENERATIONS_TESTS(open_evnas),
    };
    return TEST_RUN(tests);
}
