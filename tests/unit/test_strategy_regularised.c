/* strategy_regularised: children differ from a member of the population in one gene, and members leave by age alone. */
#include "tests/support/trial.h"

#include <string.h>

static int open_regularised(void **state)
{
    int code = trial_open(state);
    struct trial *trial = *state;
    trial->study.strategy.name = "regularised";
    return code;
}

/* The asks of a plain search with one in flight: ask k is made after k tells. */
static size_t run_one_by_one(struct trial *trial, struct arch *asked)
{
    trial->study.strategy.plain = true;
    trial->study.strategy.in_flight = 1;
    return trial_run_all(trial, asked);
}

static void a_child_is_one_gene_from_one_of_the_last_population(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = run_one_by_one(trial, asked);
    assert_int_equal(count, 20 * 40);
    for (size_t k = 20; k < count; k++) {
        int nearest = 6;
        for (size_t i = k - 20; i < k; i++)
            nearest = trial_differing_genes(&asked[i], &asked[k]) == 1 ? 1 : nearest;
        assert_int_equal(nearest, 1);
    }
}

static void with_a_sample_of_all_the_parent_is_the_best_still_alive(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.tournament = 400; /* drawn with replacement: misses one of 20 with probability 1e-9 */
    trial->cost.max = 1000;
    size_t count = run_one_by_one(trial, asked);
    for (size_t k = 20; k < count; k++) {
        size_t best = k - 20;
        for (size_t i = k - 20; i < k; i++) {
            bool connected = space_connected(&trial->space, &asked[i]);
            bool better = !space_connected(&trial->space, &asked[best]) || trial_fitness(&asked[i]) > trial_fitness(&asked[best]);
            best = connected && better ? i : best;
        }
        assert_int_equal(trial_differing_genes(&asked[best], &asked[k]), 1);
    }
}

static void the_population_is_the_last_told(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct arch member;
    struct strategy strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, 300);
    for (size_t i = 0; i < 20; i++) {
        assert_true(strategy_member(&strategy, i, &member));
        assert_true(arch_equal(&member, &asked[280 + i]));
    }
    assert_false(strategy_member(&strategy, 20, &member));
    strategy_close(&strategy);
}

static void only_the_plain_algorithm_repeats_itself(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked);
    assert_int_equal(trial_count_distinct(asked, count), count);
    trial->study.strategy.plain = true;
    count = trial_run_all(trial, asked);
    assert_true(trial_count_distinct(asked, count) < count);
}

/* However asks and tells are mixed within a batch. */
static void a_batch_is_made_from_what_was_told_before_it(void **state)
{
    struct trial *trial = *state;
    static struct arch want[TRIAL_ASKS_MAX + 1], got[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, want);
    struct strategy strategy = trial_strategy(trial);
    while (strategy_ask(&strategy, &got[strategy.asked]) == STRATEGY_ASK)
        trial_tell(trial, &strategy, strategy.told, &got[strategy.told]);
    strategy_close(&strategy);
    assert_memory_equal(got, want, count * sizeof *want);
}

#define in_trial(test) TRIAL_TEST(open_regularised, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIAL_STRATEGY_TESTS(open_regularised),
        in_trial(a_child_is_one_gene_from_one_of_the_last_population),
        in_trial(with_a_sample_of_all_the_parent_is_the_best_still_alive),
        in_trial(the_population_is_the_last_told),
        in_trial(only_the_plain_algorithm_repeats_itself),
        in_trial(a_batch_is_made_from_what_was_told_before_it),
    };
    return TEST_RUN(tests);
}
