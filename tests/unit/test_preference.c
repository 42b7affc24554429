/* preference: one order among results, and members that come back from a save as they went in. */
#include "tests/support/trial.h"

#include <jansson.h>
#include <math.h>

#include "master/preference.h"

/* Of two costs limited to 10 and 20. */
static struct preference_member told(uint64_t ask, bool feasible, double fitness, double first, double second)
{
    struct config_cost costs[2] = {{.has_max = true, .max = 10}, {.has_max = true, .max = 20}};
    struct config_study study = {.costs = costs, .cost_count = 2};
    struct arch arch = {.length = 6, .genes = {1, 2, 3, 4, 0, 1}};
    return preference_member(&study, ask, &arch,
                             &(struct strategy_result){.feasible = feasible, .fitness = fitness, .costs = {first, second}});
}

static void violation_is_the_sum_of_what_is_over_in_limits(void **state)
{
    (void)state;
    assert_near(told(0, true, 5, 10, 20).violation, 0, 0, 0);
    assert_near(told(0, true, 5, 15, 25).violation, 0.5 + 0.25, 1e-12, 0);
    assert_near(told(0, false, 5, 15, 25).violation, 0, 0, 0);
}

static void members_are_ordered_as_the_header_says(void **state)
{
    (void)state;
    struct preference_member members[] = {
        told(0, false, 99, 1, 1), /* infeasible: last whatever its fitness */
        told(1, true, 8, 20, 20), /* 8 - 4 * 1 = 4 */
        told(2, true, 4, 10, 20), /* 4, with less violation */
        told(3, true, 5, 10, 20), /* 5: first */
        told(4, true, 4, 10, 20), /* equal to ask 2, later */
    };
    static const uint64_t want[] = {3, 2, 4, 1, 0};
    preference_sort(4, members, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(members[i].ask, want[i]);
}

static void the_spread_is_the_interquartile_range_of_the_feasible(void **state)
{
    (void)state;
    double room[6];
    struct preference_member members[] = {told(0, true, 1, 1, 1), told(1, true, 2, 1, 1),  told(2, true, 4, 1, 1),
                                          told(3, true, 8, 1, 1), told(4, true, 16, 1, 1), told(5, false, 99, 1, 1)};
    assert_near(preference_spread(members, 6, room), 8 - 2, 0, 0);
    assert_near(preference_spread(members, 1, room), 1, 0, 0);
}

/* What a hostile table can bring: a limit that a cost exceeds by more times than a number can say. */
static void nothing_is_too_large_to_be_ordered_or_saved(void **state)
{
    (void)state;
    struct config_cost cost = {.has_max = true, .max = 1e-300};
    struct config_study study = {.costs = &cost, .cost_count = 1};
    struct arch arch = {.length = 6};
    double room[4], penalties[] = {0, 2, INFINITY};
    struct preference_member members[4];
    for (uint64_t i = 0; i < 4; i++)
        members[i] = preference_member(
            &study, i, &arch,
            &(struct strategy_result){.feasible = true, .fitness = i % 2 ? 1e308 : -1e308, .costs = {i < 2 ? 1e300 : 0}});
    for (size_t p = 0; p < 3; p++)
        for (int i = 0; i < 4; i++)
            for (int k = 0; k < 4; k++)
                assert_int_equal(preference_compare(penalties[p], &members[i], &members[k]),
                                 -preference_compare(penalties[p], &members[k], &members[i]));
    assert_true(isfinite(preference_spread(members, 4, room)));
    json_t *saved = preference_save(members, 4);
    assert_non_null(saved);
    json_decref(saved);
}

static void saved_members_come_back_as_they_were(void **state)
{
    struct trial *trial = *state;
    struct preference_member members[] = {told(7, true, 0.1, 1.0 / 3, 30), told(1u << 31, false, 0, 3, NAN)};
    struct preference_list list = {0};
    json_t *saved = preference_save(members, 2);
    assert_non_null(saved);
    char *text = json_dumps(saved, JSON_COMPACT);
    json_decref(saved);
    saved = json_loads(text, 0, NULL);
    free(text);
    assert_true(preference_load_list(&trial->space, saved, &list));
    json_decref(saved);
    assert_int_equal(list.count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(arch_equal(&list.members[i].arch, &members[i].arch));
        assert_int_equal(list.members[i].ask, members[i].ask);
        assert_int_equal(list.members[i].feasible, members[i].feasible);
        assert_true(list.members[i].fitness == members[i].fitness);
        assert_true(list.members[i].violation == members[i].violation);
        assert_true(list.members[i].costs[0] == members[i].costs[0]);
    }
    assert_true(list.members[0].costs[1] == 30);
    assert_true(isnan(list.members[1].costs[1]));
    preference_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(violation_is_the_sum_of_what_is_over_in_limits),
        cmocka_unit_test(members_are_ordered_as_the_header_says),
        cmocka_unit_test(the_spread_is_the_interquartile_range_of_the_feasible),
        cmocka_unit_test(nothing_is_too_large_to_be_ordered_or_saved),
        TRIAL_TEST(trial_open, saved_members_come_back_as_they_were),
    };
    return TEST_RUN(tests);
}
