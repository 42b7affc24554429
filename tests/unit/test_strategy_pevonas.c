/* strategy_pevonas: the spaces of its stages, when a stage ends, and whose answer it is. */
#include "tests/support/trial.h"

#include <jansson.h>
#include <string.h>

static int open_pevonas(void **state)
{
    int code = trial_open(state);
    struct trial *trial = *state;
    trial->study.strategy.name = "pevonas";
    trial->study.strategy.generations = 100;
    return code;
}

/* What a search has saved of its stage. */
struct stage {
    int number, generation, streak;
    bool allowed[30];
};

static struct stage stage_of(const struct strategy *strategy)
{
    struct stage stage = {0};
    json_t *saved = strategy_save_json(strategy), *state = json_object_get(saved, "state");
    const char *allowed = json_string_value(json_object_get(state, "allowed"));
    stage.number = (int)json_integer_value(json_object_get(state, "stage"));
    stage.generation = (int)json_integer_value(json_object_get(state, "generation"));
    stage.streak = (int)json_integer_value(json_object_get(state, "streak"));
    for (int i = 0; i < 30; i++)
        stage.allowed[i] = allowed[i] == '+';
    json_decref(saved);
    return stage;
}

static size_t cells_in(const struct stage *stage)
{
    size_t product = 1;
    for (int row = 0; row < 6; row++) {
        size_t left = 0;
        for (int i = 5 * row; i < 5 * row + 5; i++)
            left += stage->allowed[i];
        product *= left;
    }
    return product;
}

static bool holds(const struct stage *stage, const struct arch *arch)
{
    for (int row = 0; row < 6; row++)
        if (!stage->allowed[5 * row + arch->genes[row]])
            return false;
    return true;
}

static void each_stage_is_a_part_of_the_one_before_with_its_best(void **state)
{
    struct trial *trial = *state;
    static const size_t cells[] = {15625, 729, 64};
    trial->cost.has_max = false;
    struct strategy strategy = trial_strategy(trial);
    struct stage before = stage_of(&strategy);
    struct arch arch, best = {.length = 6};
    int stages = 1;
    while (strategy_ask(&strategy, &arch) == STRATEGY_ASK) {
        trial_tell(trial, &strategy, strategy.told, &arch);
        trial_keep_fitter(trial, &arch, &best);
        struct stage now = stage_of(&strategy);
        assert_int_equal(cells_in(&now), cells[now.number]);
        assert_true(now.number == before.number || now.number == before.number + 1);
        for (int i = 0; i < 30; i++)
            assert_true(before.allowed[i] || !now.allowed[i]);
        assert_true(holds(&before, &arch));
        if (now.number == 1 && before.number == 0)
            assert_true(holds(&now, &best));
        stages += now.number > before.number;
        before = now;
    }
    assert_int_equal(stages, 3);
    strategy_close(&strategy);
}

static void a_stage_ends_when_the_best_has_stayed_for_ten_generations(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct strategy strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    struct stage last = stage_of(&strategy);
    assert_int_equal(last.number, 2);
    assert_int_equal(last.streak, 10);
    assert_in_range(last.generation, 10, 99);
    strategy_close(&strategy);
    trial->study.strategy.generations = 4;
    strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    assert_int_equal(strategy_generation(&strategy), 3 * 4);
    strategy_close(&strategy);
}

static void the_answer_is_the_best_of_the_last_stage(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct arch answer, member;
    trial->cost.has_max = false;
    struct strategy strategy = trial_strategy(trial);
    assert_false(strategy_answer(&strategy, &answer));
    trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    assert_true(strategy_answer(&strategy, &answer));
    for (size_t i = 0; strategy_member(&strategy, i, &member); i++)
        assert_true(!space_connected(&trial->space, &member) || trial_fitness(&member) <= trial_fitness(&answer));
    assert_true(trial_fitness(&answer) > 12);
    strategy_close(&strategy);
}

static void other_stages_can_be_asked_for(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    static char stages[] = "4-3-2-1", none[] = "4";
    trial->study.strategy.stages = stages;
    struct strategy strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    struct stage last = stage_of(&strategy);
    assert_int_equal(last.number, 4);
    assert_int_equal(cells_in(&last), 1);
    strategy_close(&strategy);
    trial->study.strategy.stages = none;
    strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    last = stage_of(&strategy);
    assert_int_equal(last.number, 1);
    assert_int_equal(cells_in(&last), 4096);
    strategy_close(&strategy);
}

static void stages_that_do_not_fall_are_refused(void **state)
{
    struct trial *trial = *state;
    static const char *const wrong[] = {"", "5-3", "3-3", "2-3", "0", "3,2", "3-", "-3", "3-2x", "99999999999999999999", "x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct strategy strategy;
        struct status status = {0};
        trial->study.strategy.stages = (char *)(uintptr_t)wrong[i];
        assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
        assert_non_null(strstr(status.message, "falling numbers below 5"));
    }
}

static void a_save_of_other_stages_is_refused(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    static char stages[] = "4-2";
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    struct strategy strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    trial->study.strategy.stages = stages + 2; /* "2" */
    strategy = trial_strategy(trial);
    assert_int_equal(strategy_load(&strategy, data, size, &status), STATUS_BAD_INPUT);
    strategy_close(&strategy);
    free(data);
}

#define in_trial(test) TRIAL_TEST(open_pevonas, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_trial(each_stage_is_a_part_of_the_one_before_with_its_best),
        in_trial(a_stage_ends_when_the_best_has_stayed_for_ten_generations),
        in_trial(the_answer_is_the_best_of_the_last_stage),
        in_trial(trial_asks_no_architecture_twice),
        in_trial(other_stages_can_be_asked_for),
        in_trial(stages_that_do_not_fall_are_refused),
        in_trial(a_save_of_other_stages_is_refused),
        in_trial(trial_by_rmi_asks_no_two_that_are_isomorphic),
        in_trial(trial_refuses_a_save_of_another_population),
        TRIAL_GENERATIONS_TESTS(open_pevonas),
    };
    return TEST_RUN(tests);
}
