/* strategy_random: everything connected once, evenly, and nothing twice. */
#include "tests/support/trial.h"

#include <string.h>

static int open_random(void **state)
{
    int code = trial_open(state);
    struct trial *trial = *state;
    trial->study.strategy.name = "random";
    return code;
}

static void every_ask_is_new_and_connected(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked);
    assert_int_equal(count, 20 * 40);
    assert_int_equal(trial_count_distinct(asked, count), count);
    for (size_t i = 0; i < count; i++)
        assert_true(space_connected(&trial->space, &asked[i]));
}

static void what_is_told_changes_nothing(void **state)
{
    struct trial *trial = *state;
    static struct arch first[TRIAL_ASKS_MAX + 1], second[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, first);
    trial->fitness_unit = -1;
    trial_run_all(trial, second);
    assert_memory_equal(first, second, count * sizeof *first);
    trial->study.strategy.mode = CONFIG_MODE_STEADY;
    trial_run_all(trial, second);
    assert_memory_equal(first, second, count * sizeof *first);
}

static void all_values_of_all_genes_come_evenly(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    int seen[6][5] = {0};
    trial->study.strategy.population = 100;
    size_t count = trial_run_all(trial, asked);
    for (size_t i = 0; i < count; i++)
        for (int gene = 0; gene < 6; gene++)
            seen[gene][asked[i].genes[gene]]++;
    for (int gene = 0; gene < 6; gene++)
        for (int value = 0; value < 5; value++)
            assert_true(abs(seen[gene][value] - 800) < 120); /* five standard deviations of 25, and 2 % are disconnected */
}

/* All but three connected cells are known before it starts. */
static void it_finds_the_last_ones_and_is_done(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy = trial_strategy(trial);
    struct arch arch = {.length = 6}, asked[3];
    for (int i = 0; i < 15625; i++) {
        for (int edge = 0, rest = i; edge < 6; edge++, rest /= 5)
            arch.genes[edge] = (uint8_t)(rest % 5);
        if (i != 15624 && i != 12345 && i != 7777)
            archive_add(&strategy.archive, &arch, NULL);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
    assert_int_equal(strategy_ask(&strategy, &arch), STRATEGY_DONE);
    assert_int_equal(trial_count_distinct(asked, 3), 3);
    strategy_close(&strategy);
}

#define in_trial(test) TRIAL_TEST(open_random, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIAL_STRATEGY_TESTS(open_random),
        in_trial(every_ask_is_new_and_connected),
        in_trial(what_is_told_changes_nothing),
        in_trial(all_values_of_all_genes_come_evenly),
        in_trial(it_finds_the_last_ones_and_is_done),
    };
    return TEST_RUN(tests);
}
