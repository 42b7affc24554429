/* rank: correlations known by hand. */
#include "tests/support/test.h"

#include <math.h>

#include "common/rank.h"

static double of(const double *a, const double *b, size_t n)
{
    double got = 0;
    assert_true(rank_correlation(a, b, n, &got));
    return got;
}

static void any_rising_function_gives_one_and_any_falling_minus_one(void **state)
{
    (void)state;
    const double a[] = {3, -1, 7, 0.5}, rising[] = {27, -1, 343, 0.125}, falling[] = {-3, 1, -7, -0.5};
    assert_near(of(a, rising, 4), 1, 1e-12, 0);
    assert_near(of(a, falling, 4), -1, 1e-12, 0);
}

static void one_swap_of_neighbours_among_five_costs_a_tenth(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4, 5}, b[] = {1, 3, 2, 4, 5}; /* 1 - 6 * (1 + 1) / (5 * 24) */
    assert_near(of(a, b, 5), 0.9, 1e-12, 0);
}

static void equals_share_their_rank(void **state)
{
    (void)state;
    const double a[] = {1, 1, 2, 3}, b[] = {5, 5, 6, 7}; /* ranks 0.5 0.5 2 3 on both sides */
    assert_near(of(a, b, 4), 1, 1e-12, 0);
}

static void what_does_not_vary_has_no_correlation(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3}, b[] = {4, 4, 4};
    assert_true(isnan(of(a, b, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_rising_function_gives_one_and_any_falling_minus_one),
        cmocka_unit_test(one_swap_of_neighbours_among_five_costs_a_tenth),
        cmocka_unit_test(equals_share_their_rank),
        cmocka_unit_test(what_does_not_vary_has_no_correlation),
    };
    return TEST_RUN(tests);
}
