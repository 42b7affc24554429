/* strategy_rminas: the warm-up, what the forest is taught, when it stops and what it answers. */
#include "tests/support/trial.h"

#include <math.h>
#include <string.h>

enum { WARMUP = 40, POSITIVES = 20, CONSENSUS = 10 };

static int open_rminas(void **state)
{
    if (trial_open(state) != 0)
        return -1;
    struct trial *trial = *state;
    struct config_strategy *s = &trial->study.strategy;
    s->name = "rminas";
    s->warmup = WARMUP;
    s->positives = POSITIVES;
    s->quantile = 0.05;
    s->pool = 100;
    s->trees = 5;
    s->consensus = CONSENSUS;
    s->in_flight = 6;
    trial->cost.has_max = false;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

/* The fitness that numpy.quantile(warm-up's loss, 0.05) stands for. */
static double threshold(const struct arch *asked)
{
    double sorted[WARMUP];
    for (int i = 0; i < WARMUP; i++)
        sorted[i] = trial_fitness(&asked[i]);
    qsort(sorted, WARMUP, sizeof *sorted, by_value);
    double place = 0.05 * (WARMUP - 1); /* 1.95 */
    return (2 - place) * sorted[1] + (place - 1) * sorted[2];
}

static size_t count_good(const struct arch *archs, size_t count, double least)
{
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        good += trial_fitness(&archs[i]) >= least;
    return good;
}

static void it_ends_when_enough_good_ones_are_found(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked);
    size_t batches = (count - 1 - WARMUP) / 6;
    assert_int_equal((count - 1 - WARMUP) % 6, 0); /* whole batches, then the answer */
    double least = threshold(asked);
    assert_true(count_good(asked + WARMUP, batches * 6, least) >= POSITIVES);
    assert_true(count_good(asked + WARMUP, (batches - 1) * 6, least) < POSITIVES);
}

static void with_one_in_flight_it_ends_at_the_last_good_one(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.in_flight = 1;
    size_t count = trial_run_all(trial, asked);
    double least = threshold(asked);
    assert_int_equal(count_good(asked + WARMUP, count - 1 - WARMUP, least), POSITIVES);
    assert_true(trial_fitness(&asked[count - 2]) >= least);
}

static void nothing_but_the_answer_is_asked_twice(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked);
    assert_int_equal(trial_count_distinct(asked, count - 1), count - 1);
    for (size_t i = 0; i + 1 < count; i++)
        assert_true(space_connected(&trial->space, &asked[i]));
}

static void the_forest_finds_good_ones_more_often_than_chance(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.trees = 30;
    trial->study.strategy.pool = 500;
    size_t count = trial_run_all(trial, asked);
    double share = POSITIVES / (double)(count - WARMUP); /* by chance: 0.05 */
    assert_true(share > 0.3);
}

static void the_answer_is_the_vote_of_the_best(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked), votes[6][5] = {0};
    for (size_t voter = 0; voter < CONSENSUS; voter++) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++)
            if (asked[best].length == 0 || (asked[i].length > 0 && trial_fitness(&asked[i]) > trial_fitness(&asked[best])))
                best = i;
        for (int gene = 0; gene < 6; gene++)
            votes[gene][asked[best].genes[gene]]++;
        asked[best].length = 0;
    }
    for (int gene = 0; gene < 6; gene++)
        for (int value = 0; value < 5; value++)
            assert_true(votes[gene][value] <= votes[gene][asked[count - 1].genes[gene]]);
}

static void the_answer_is_known_once_it_is_asked_and_survives_a_restart(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run_all(trial, asked), size = 0;
    struct arch answer;
    struct status status = {0};
    void *data = NULL;
    struct strategy strategy = trial_strategy(trial);
    assert_int_equal(trial_run(trial, &strategy, asked, count - 1), count - 1);
    assert_false(strategy_answer(&strategy, &answer));
    assert_int_equal(trial_run(trial, &strategy, asked + count - 1, 1), 1);
    assert_true(strategy_answer(&strategy, &answer));
    assert_true(arch_equal(&answer, &asked[count - 1]));
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    strategy = trial_strategy(trial);
    assert_ok(strategy_load(&strategy, data, size, &status), status);
    assert_true(strategy_answer(&strategy, &answer));
    assert_true(arch_equal(&answer, &asked[count - 1]));
    assert_int_equal(strategy_ask(&strategy, &answer), STRATEGY_DONE);
    strategy_close(&strategy);
    free(data);
}

static void all_of_a_batch_come_from_one_forest(void **state)
{
    struct trial *trial = *state;
    static struct arch first[TRIAL_ASKS_MAX + 1], second[TRIAL_ASKS_MAX + 1];
    struct strategy strategy = trial_strategy(trial);
    trial_run(trial, &strategy, first, WARMUP);
    for (int i = 0; i < 6; i++)
        assert_int_equal(strategy_ask(&strategy, &first[WARMUP + i]), STRATEGY_ASK);
    assert_int_equal(strategy_ask(&strategy, &first[WARMUP + 6]), STRATEGY_WAIT);
    strategy_close(&strategy);
    strategy = trial_strategy(trial); /* and whether some of them are told in between makes no difference */
    for (size_t stop = WARMUP, at = 0; stop <= WARMUP + 6; stop++, at = stop - 1)
        trial_run(trial, &strategy, second + at, stop - at);
    assert_memory_equal(second, first, (WARMUP + 6) * sizeof *first);
    strategy_close(&strategy);
}

static void what_is_over_a_limit_is_not_good(void **state)
{
    struct trial *trial = *state;
    trial->cost.has_max = true;
    trial->cost.max = 12;
    struct strategy strategy = trial_strategy(trial);
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct arch good;
    size_t members = 0;
    trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    for (; strategy_member(&strategy, members, &good); members++)
        assert_true(trial_cost(&good) <= 12);
    assert_true(members >= POSITIVES);
    strategy_close(&strategy);
}

static void a_search_where_nothing_is_good_uses_the_space_up_and_has_no_answer(void **state)
{
    struct trial *trial = *state;
    struct arch arch;
    trial->feasible = trial_nothing_is_feasible;
    struct strategy strategy = trial_strategy(trial);
    arch = (struct arch){.length = 6};
    for (int i = 0; i < 15625; i++) { /* all but what can be asked in a moment */
        for (int edge = 0, rest = i; edge < 6; edge++, rest /= 5)
            arch.genes[edge] = (uint8_t)(rest % 5);
        if (i % 100 != 0)
            archive_add(&strategy.archive, &arch, NULL);
    }
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    size_t count = trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    assert_in_range(count, WARMUP, 200);
    assert_int_equal(strategy_ask(&strategy, &arch), STRATEGY_DONE);
    assert_false(strategy_answer(&strategy, &arch));
    strategy_close(&strategy);
}

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.warmup = 1;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "not 1,"));
    trial->study.strategy.warmup = WARMUP;
    trial->study.strategy.quantile = 1.25;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "1.25"));
}

#define in_trial(test) TRIAL_TEST(open_rminas, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_trial(it_ends_when_enough_good_ones_are_found),
        in_trial(with_one_in_flight_it_ends_at_the_last_good_one),
        in_trial(nothing_but_the_answer_is_asked_twice),
        in_trial(the_forest_finds_good_ones_more_often_than_chance),
        in_trial(the_answer_is_the_vote_of_the_best),
        in_trial(the_answer_is_known_once_it_is_asked_and_survives_a_restart),
        in_trial(all_of_a_batch_come_from_one_forest),
        in_trial(what_is_over_a_limit_is_not_good),
        in_trial(a_search_where_nothing_is_good_uses_the_space_up_and_has_no_answer),
        in_trial(settings_that_cannot_work_are_refused_with_their_values),
        TRIAL_STRATEGY_TESTS(open_rminas),
    };
    return TEST_RUN(tests);
}
