/* pareto: dominance by definition, the front against brute force. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "master/pareto.h"

enum { POINTS_MAX = 60, OBJECTIVES_MAX = 4 };

static void a_point_dominates_when_it_is_better_somewhere_and_worse_nowhere(void **state)
{
    (void)state;
    assert_true(pareto_dominates((double[]){1, 2}, (double[]){1, 3}, 2));
    assert_true(pareto_dominates((double[]){0, 2}, (double[]){1, 3}, 2));
    assert_false(pareto_dominates((double[]){1, 2}, (double[]){1, 2}, 2));
    assert_false(pareto_dominates((double[]){0, 4}, (double[]){1, 3}, 2));
}

static void nan_neither_dominates_nor_is_dominated(void **state)
{
    (void)state;
    assert_false(pareto_dominates((double[]){NAN, 0}, (double[]){1, 1}, 2));
    assert_false(pareto_dominates((double[]){0, 0}, (double[]){NAN, 1}, 2));
}

static void infinities_are_ordered_like_numbers(void **state)
{
    (void)state;
    bool front[3];
    const double points[] = {-INFINITY, 5, 0, INFINITY, 1, 4};
    assert_int_equal(pareto_front(points, 3, 2, front), 2);
    assert_true(front[0]);
    assert_false(front[1]);
    assert_true(front[2]);
}

static void no_points_have_no_front(void **state)
{
    (void)state;
    assert_int_equal(pareto_front(NULL, 0, 2, NULL), 0);
}

/* By the header's words, one point after the other. */
static bool on_front(const double *points, size_t n, size_t m, size_t i)
{
    for (size_t k = 0; k < m; k++)
        if (isnan(points[i * m + k]))
            return false;
    for (size_t j = 0; j < n; j++) {
        bool no_worse = true, better = false, same = true;
        for (size_t k = 0; k < m; k++) {
            double a = points[j * m + k], b = points[i * m + k];
            no_worse = no_worse && a <= b;
            better = better || a < b;
            same = same && a == b;
        }
        if ((no_worse && better) || (same && j < i))
            return false;
    }
    return true;
}

/* Few different values, so that ties and equal points are common; now and then a NaN. */
static void draw_points(struct rng *rng, double *points, size_t count)
{
    for (size_t i = 0; i < count; i++)
        points[i] = rng_below(rng, 25) == 0 ? NAN : (double)rng_below(rng, 8) - 3;
}

static void the_front_of_random_points_is_that_of_brute_force(void **state)
{
    (void)state;
    struct rng rng;
    double points[POINTS_MAX * OBJECTIVES_MAX];
    bool front[POINTS_MAX];
    rng_seed(&rng, 20240101);
    for (int round = 0; round < 2000; round++) {
        size_t n = rng_below(&rng, POINTS_MAX), m = 1 + rng_below(&rng, OBJECTIVES_MAX), marked = 0;
        draw_points(&rng, points, n * m);
        size_t got = pareto_front(points, n, m, front);
        for (size_t i = 0; i < n; i++) {
            if (front[i] != on_front(points, n, m, i))
                fail_msg("seed 20240101, round %d, point %zu of %zu, %zu objectives", round, i, n, m);
            marked += front[i];
        }
        assert_int_equal(got, marked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_dominates_when_it_is_better_somewhere_and_worse_nowhere),
        cmocka_unit_test(nan_neither_dominates_nor_is_dominated),
        cmocka_unit_test(infinities_are_ordered_like_numbers),
        cmocka_unit_test(no_points_have_no_front),
        cmocka_unit_test(the_front_of_random_points_is_that_of_brute_force),
    };
    return TEST_RUN(tests);
}
