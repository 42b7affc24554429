/* diversity: the paper's own numbers (MO-HDNAS, figure 3), and what the sum of squares must obey. */
#include "tests/support/test.h"

#include <math.h>

#include "common/rng.h"
#include "master/diversity.h"

static void assert_population(const double *latency_ms, const double *want, double printed)
{
    double chi[5], sum = 0;
    diversity_chi(latency_ms, 5, chi);
    for (int i = 0; i < 5; i++) {
        assert_near(chi[i], want[i], 1e-9, 0);
        sum += chi[i];
    }
    assert_near(sum, printed, 1e-9, 0);
    assert_near(diversity_mean(latency_ms, 5), printed / 5, 1e-9, 0);
}

static void three_populations_of_the_paper_come_out(void **state)
{
    (void)state;
    assert_population((double[]){.10, .22, .30, .38, .45}, (double[]){.2553, .0993, .0753, .1153, .2028}, 0.748);
    assert_population((double[]){.10, .30, .50, .60, .70}, (double[]){.81, .33, .25, .36, .57}, 2.32);
    assert_population((double[]){.05, .25, .55, .70, .90}, (double[]){1.435, .755, .485, .6875, 1.3075}, 4.67);
}

static void chi_is_the_sum_of_squared_differences(void **state)
{
    (void)state;
    struct rng rng;
    double costs[40], chi[40];
    rng_seed(&rng, 3);
    for (int i = 0; i < 40; i++)
        costs[i] = 10 * rng_uniform(&rng);
    diversity_chi(costs, 40, chi);
    for (int i = 0; i < 40; i++) {
        double sum = 0;
        for (int j = 0; j < 40; j++)
            sum += (costs[i] - costs[j]) * (costs[i] - costs[j]);
        assert_near(chi[i], sum, 1e-12, 0);
    }
}

static void a_member_without_a_cost_changes_nothing_for_the_others(void **state)
{
    (void)state;
    double with[4] = {1, NAN, 2, 4}, without[3] = {1, 2, 4}, chi[4], want[3];
    diversity_chi(with, 4, chi);
    diversity_chi(without, 3, want);
    assert_near(chi[0], want[0], 1e-12, 0);
    assert_near(chi[2], want[1], 1e-12, 0);
    assert_near(chi[3], want[2], 1e-12, 0);
    assert_true(chi[1] == 0);
    assert_near(diversity_mean(with, 4), diversity_mean(without, 3), 1e-12, 0);
}

static void several_costs_count_alike_in_whatever_unit(void **state)
{
    (void)state;
    double ms_and_mj[8] = {1, 10, 2, 90, 4, 50, 8, 20}, us_and_j[8], chi[4], again[4];
    for (int i = 0; i < 8; i += 2) {
        us_and_j[i] = ms_and_mj[i] * 1000;
        us_and_j[i + 1] = ms_and_mj[i + 1] / 1000;
    }
    diversity_joint(ms_and_mj, 4, 2, chi);
    diversity_joint(us_and_j, 4, 2, again);
    for (int i = 0; i < 4; i++)
        assert_near(again[i], chi[i], 1e-12, 0);
}

static void a_cost_that_is_the_same_everywhere_says_nothing(void **state)
{
    (void)state;
    double both[6] = {1, 7, 2, 7, 4, 7}, chi[3], alone[3] = {1, 2, 4}, want[3];
    diversity_joint(both, 3, 2, chi);
    diversity_chi(alone, 3, want);
    double variance = diversity_mean(alone, 3) / 6;
    for (int i = 0; i < 3; i++)
        assert_near(chi[i], want[i] / variance, 1e-12, 0);
}

static void nobody_and_one_have_no_diversity(void **state)
{
    (void)state;
    double one = 3, none = NAN, chi = -1;
    assert_true(diversity_mean(&one, 0) == 0);
    assert_true(diversity_mean(&one, 1) == 0);
    assert_true(diversity_mean(&none, 1) == 0);
    diversity_chi(&one, 1, &chi);
    assert_true(chi == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_populations_of_the_paper_come_out),
        cmocka_unit_test(chi_is_the_sum_of_squared_differences),
        cmocka_unit_test(a_member_without_a_cost_changes_nothing_for_the_others),
        cmocka_unit_test(several_costs_count_alike_in_whatever_unit),
        cmocka_unit_test(a_cost_that_is_the_same_everywhere_says_nothing),
        cmocka_unit_test(nobody_and_one_have_no_diversity),
    };
    return TEST_RUN(tests);
}
