/* strategy_nevonas: who is in the front, what each setting of novelty looks for, limits and costs beside it. */
#include "tests/support/trial.h"

#include <jansson.h>
#include <string.h>

#include "common/jsontext.h"
#include "master/alpha.h"
#include "master/novelty.h"

static int open_nevonas(void **state)
{
    int code = trial_open(state);
    struct trial *trial = *state;
    trial->study.strategy.name = "nevonas";
    trial->study.strategy.mutation = 0.2;
    return code;
}

static double fitness_of(const struct trial *trial, const struct arch *arch)
{
    return space_connected(&trial->space, arch) ? trial_fitness(arch) : 0;
}

/* The fittest of everything asked stays, at one end of the front. */
static void the_answer_is_the_fittest_of_the_front(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct arch answer, member;
    double best = 0;
    size_t members = 0;
    trial->study.cost_count = 0;
    struct strategy strategy = trial_strategy(trial);
    assert_false(strategy_member(&strategy, 0, &member));
    size_t count = trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    assert_true(strategy_answer(&strategy, &answer));
    for (; strategy_member(&strategy, members, &member); members++)
        assert_true(fitness_of(trial, &member) <= fitness_of(trial, &answer));
    assert_in_range(members, 2, 20);
    for (size_t i = 0; i < count; i++)
        best = fitness_of(trial, &asked[i]) > best ? fitness_of(trial, &asked[i]) : best;
    assert_true(fitness_of(trial, &answer) == best);
    strategy_close(&strategy);
}

/* Asks that are new, with each setting. */
static size_t distinct_with(struct trial *trial, enum config_novelty novelty)
{
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.strategy.novelty = novelty;
    return trial_run_all(trial, asked);
}

static void novelty_keeps_the_search_moving(void **state)
{
    struct trial *trial = *state;
    trial->study.cost_count = 0;
    size_t none = distinct_with(trial, CONFIG_NOVELTY_NONE), beside = distinct_with(trial, CONFIG_NOVELTY_BESIDE),
           alone = distinct_with(trial, CONFIG_NOVELTY_ALONE);
    assert_true(beside > 2 * none);
    assert_true(alone > beside);
}

static double mean_of_last(const struct trial *trial, const struct arch *asked, size_t count)
{
    double sum = 0;
    for (size_t i = count - 100; i < count; i++)
        sum += fitness_of(trial, &asked[i]) / 100;
    return sum;
}

static void alone_it_does_not_look_at_the_fitness(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    trial->study.cost_count = 0;
    size_t count = trial_run_all(trial, asked);
    double beside = mean_of_last(trial, asked, count);
    trial->study.strategy.novelty = CONFIG_NOVELTY_ALONE;
    count = trial_run_all(trial, asked);
    assert_true(mean_of_last(trial, asked, count) < beside - 1);
}

/* What a search has saved of a generation: its members as architectures, and everything told. */
struct generation {
    struct arch member[20], told[TRIAL_ASKS_MAX];
    size_t told_count, known;
};

static json_t *state_of(const struct strategy *strategy)
{
    json_t *saved = strategy_save_json(strategy), *state = json_incref(json_object_get(saved, "state"));
    json_decref(saved);
    return state;
}

static void read_generation(const struct trial *trial, const struct strategy *strategy, struct generation *out)
{
    double alpha[20 * 30];
    struct alpha_shape shape;
    json_t *state = state_of(strategy), *cohort = json_object_get(state, "cohort"), *told = json_object_get(cohort, "told");
    alpha_shape(&trial->space, &shape);
    assert_true(jsontext_take_numbers(json_object_get(cohort, "alpha"), alpha, 20 * 30));
    for (int i = 0; i < 20; i++)
        alpha_decode(&trial->space, &shape, alpha + 30 * i, NULL, &out->member[i]);
    out->told_count = json_array_size(told);
    for (size_t i = 0; i < out->told_count; i++)
        assert_true(strategy_genes_parse(&trial->space, json_string_value(json_object_get(json_array_get(told, i), "genes")),
                                         &out->told[i]));
    out->known = (size_t)json_integer_value(json_object_get(state, "known"));
    json_decref(state);
}

/* Of member i by hand: the five nearest of all others and of what was told before its generation. */
static double novelty_by_hand(const struct trial *trial, const struct generation *of, int member)
{
    double nearest[5];
    uint32_t count = 0;
    for (int i = 0; i < 20; i++)
        if (i != member)
            count = novelty_take(nearest, count, 5, novelty_distance(&trial->space, &of->member[member], &of->member[i]));
    for (size_t i = 0; i < of->known; i++)
        count = novelty_take(nearest, count, 5, novelty_distance(&trial->space, &of->member[member], &of->told[i]));
    return novelty_mean(nearest, count);
}

/* How many survivors have the novelty of a member of the generation that has just ended with the same architecture. */
static int survivors_of(const struct trial *trial, const struct strategy *strategy, const struct generation *before)
{
    int found = 0;
    json_t *state = state_of(strategy), *told = json_object_get(json_object_get(state, "cohort"), "told");
    for (size_t i = 0; i < 20; i++) {
        size_t which = (size_t)json_integer_value(json_array_get(json_object_get(state, "told"), i));
        double novelty = json_real_value(json_array_get(json_object_get(state, "novelty"), i));
        struct arch arch;
        bool same = false;
        assert_true(
            strategy_genes_parse(&trial->space, json_string_value(json_object_get(json_array_get(told, which), "genes")), &arch));
        for (int k = 0; k < 20; k++)
            same |= arch_equal(&arch, &before->member[k]) && novelty == novelty_by_hand(trial, before, k);
        assert_true(same || which < before->known); /* else it is an older survivor */
        found += same;
    }
    json_decref(state);
    return found;
}

static void survivors_keep_the_novelty_they_had_when_they_were_scored(void **state)
{
    struct trial *trial = *state;
    static struct generation before;
    struct strategy strategy = trial_strategy(trial);
    struct arch arch;
    int found[6] = {0};
    read_generation(trial, &strategy, &before);
    for (uint32_t ended = 0; ended < 6 && strategy_ask(&strategy, &arch) == STRATEGY_ASK;) {
        trial_tell(trial, &strategy, strategy.told, &arch);
        if (strategy_generation(&strategy) == ended)
            continue;
        assert_int_equal(strategy_generation(&strategy), ended + 1);
        found[ended++] = survivors_of(trial, &strategy, &before);
        read_generation(trial, &strategy, &before);
    }
    assert_int_equal(found[0], 20); /* all of the first generation */
    for (int i = 1; i < 6; i++)
        assert_in_range(found[i], 1, 20);
    strategy_close(&strategy);
}

/* Every fourth child would be its parent once more. */
static void no_two_matrices_are_the_same(void **state)
{
    struct trial *trial = *state;
    struct arch arch;
    double alpha[20 * 30], parents[20 * 30];
    trial->study.strategy.mutation = 0;
    struct strategy strategy = trial_strategy(trial);
    while (strategy_generation(&strategy) < 3 && strategy_ask(&strategy, &arch) == STRATEGY_ASK)
        trial_tell(trial, &strategy, strategy.told, &arch);
    json_t *saved = state_of(&strategy);
    assert_true(jsontext_take_numbers(json_object_get(json_object_get(saved, "cohort"), "alpha"), alpha, 20 * 30));
    assert_true(jsontext_take_numbers(json_object_get(saved, "parents"), parents, 20 * 30));
    for (int i = 0; i < 20; i++)
        for (int k = 0; k < 20; k++) {
            assert_true(i == k || memcmp(alpha + 30 * i, alpha + 30 * k, 30 * sizeof *alpha) != 0);
            assert_true(memcmp(alpha + 30 * i, parents + 30 * k, 30 * sizeof *alpha) != 0);
        }
    json_decref(saved);
    strategy_close(&strategy);
}

static void what_is_over_a_limit_is_not_in_the_front(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    struct arch member, answer;
    size_t members = 0;
    struct strategy strategy = trial_strategy(trial);
    trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
    for (; strategy_member(&strategy, members, &member); members++)
        assert_true(trial_cost(&member) <= 12);
    assert_true(members > 1);
    assert_true(strategy_answer(&strategy, &answer) && trial_cost(&answer) <= 12);
    strategy_close(&strategy);
}

/* A cost that is an objective keeps cheap ones in the front, one that is only limited does not. */
static void a_cost_can_be_a_third_objective(void **state)
{
    struct trial *trial = *state;
    static struct arch asked[TRIAL_ASKS_MAX + 1];
    double cheapest[2] = {100, 100};
    for (int limit_only = 0; limit_only < 2; limit_only++) {
        struct arch member;
        trial->cost.limit_only = limit_only;
        trial->cost.max = 40;
        trial->study.strategy.novelty = CONFIG_NOVELTY_NONE;
        struct strategy strategy = trial_strategy(trial);
        trial_run(trial, &strategy, asked, TRIAL_ASKS_MAX);
        for (size_t i = 0; strategy_member(&strategy, i, &member); i++)
            cheapest[limit_only] = trial_cost(&member) < cheapest[limit_only] ? trial_cost(&member) : cheapest[limit_only];
        strategy_close(&strategy);
    }
    assert_true(cheapest[0] < 3);
    assert_true(cheapest[1] > 15);
}

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct trial *trial = *state;
    struct strategy strategy;
    struct status status = {0};
    trial->study.strategy.neighbours = 0;
    assert_int_equal(strategy_open(&trial->study, &trial->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "neighbours are needed, not 0"));
}

#define in_trial(test) TRIAL_TEST(open_nevonas, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_trial(trial_asks_no_architecture_twice),
        in_trial(the_answer_is_the_fittest_of_the_front),
        in_trial(novelty_keeps_the_search_moving),
        in_trial(alone_it_does_not_look_at_the_fitness),
        in_trial(survivors_keep_the_novelty_they_had_when_they_were_scored),
        in_trial(no_two_matrices_are_the_same),
        in_trial(what_is_over_a_limit_is_not_in_the_front),
        in_trial(a_cost_can_be_a_third_objective),
        in_trial(settings_that_cannot_work_are_refused_with_their_values),
        in_trial(trial_by_rmi_asks_no_two_that_are_isomorphic),
        in_trial(trial_refuses_a_save_of_another_population),
        TRIAL_GENERATIONS_TESTS(open_nevonas),
    };
    return TEST_RUN(tests);
}
