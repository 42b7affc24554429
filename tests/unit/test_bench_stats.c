/* bench_stats: against figures worked out by hand. */
#include "tests/support/test.h"

#include <math.h>

#include "master/bench_stats.h"

static void five_values_have_the_statistics_of_the_textbook(void **state)
{
    (void)state;
    double values[] = {7, 1, 3, 2, 10};
    struct bench_stats stats;
    bench_stats_of(values, 5, &stats);
    assert_int_equal(stats.count, 5);
    assert_near(stats.mean, 4.6, 1e-12, 0);
    assert_near(stats.std, sqrt((2.4 * 2.4 + 3.6 * 3.6 + 1.6 * 1.6 + 2.6 * 2.6 + 5.4 * 5.4) / 4), 1e-12, 0);
    assert_near(stats.low, 1, 0, 0);
    assert_near(stats.q1, 2, 1e-12, 0);
    assert_near(stats.median, 3, 1e-12, 0);
    assert_near(stats.q3, 7, 1e-12, 0);
    assert_near(stats.high, 10, 0, 0);
}

static void quartiles_of_an_even_count_lie_between_neighbours(void **state)
{
    (void)state;
    double values[] = {4, 1, 3, 2};
    struct bench_stats stats;
    bench_stats_of(values, 4, &stats);
    assert_near(stats.q1, 1.75, 1e-12, 0);
    assert_near(stats.median, 2.5, 1e-12, 0);
    assert_near(stats.q3, 3.25, 1e-12, 0);
}

static void what_is_not_a_number_does_not_count(void **state)
{
    (void)state;
    double values[] = {NAN, 2, NAN, 4};
    struct bench_stats stats;
    bench_stats_of(values, 4, &stats);
    assert_int_equal(stats.count, 2);
    assert_near(stats.mean, 3, 1e-12, 0);
}

static void one_value_has_no_spread_and_none_has_nothing(void **state)
{
    (void)state;
    double values[] = {5, NAN};
    struct bench_stats stats;
    bench_stats_of(values, 1, &stats);
    assert_true(stats.std == 0 && stats.q1 == 5 && stats.q3 == 5);
    bench_stats_of(values + 1, 1, &stats);
    assert_int_equal(stats.count, 0);
    assert_true(isnan(stats.mean) && isnan(stats.median));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_values_have_the_statistics_of_the_textbook),
        cmocka_unit_test(quartiles_of_an_even_count_lie_between_neighbours),
        cmocka_unit_test(what_is_not_a_number_does_not_count),
        cmocka_unit_test(one_value_has_no_spread_and_none_has_nothing),
    };
    return TEST_RUN(tests);
}
