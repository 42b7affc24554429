/* gain: what a point adds to a front, against the difference of two hypervolumes and against hand-made fronts. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "master/gain.h"
#include "master/hypervolume.h"

enum { POINTS = 40, OBJECTIVES_MAX = 4 };

static double front_and_box[8] = {0, 3, 1, 2, 3, 1, 4, 4}; /* three on the front, and the worst corner */
static bool marked[POINTS];

static void a_point_that_is_beaten_gains_nothing_and_the_nearer_it_is_the_less_it_lacks(void **state)
{
    (void)state;
    struct gain gain;
    assert_true(gain_open(&gain, front_and_box, 4, 2, marked));
    assert_true(marked[0] && marked[1] && marked[2]);
    assert_false(marked[3]);
    double on[2] = {1, 2}, near[2] = {1.3, 2.3}, far[2] = {2.5, 3.5};
    assert_near(gain_of(&gain, on), 0, 0, 1e-12);
    assert_near(gain_of(&gain, near), -0.1, 1e-12, 0); /* ranges: 3 and 2 */
    assert_near(gain_of(&gain, far), -0.5, 1e-12, 0);  /* to pass (1,2): 1.5 of 3; no other is harder */
    gain_free(&gain);
}

static void a_point_gains_the_area_that_it_adds(void **state)
{
    (void)state;
    struct gain gain;
    double between[2] = {2, 1.5}, corner[2] = {3.5, 0.5};
    assert_true(gain_open(&gain, front_and_box, 4, 2, marked));
    assert_near(gain_of(&gain, between), 0.5, 1e-12, 0); /* 2..3 by 1.5..2 */
    assert_near(gain_of(&gain, corner), 0.25, 1e-12, 0); /* 3.5..4 by 0.5..1 */
    gain_free(&gain);
}

static void what_is_expected_gains_nothing_a_second_time(void **state)
{
    (void)state;
    struct gain gain;
    double point[2] = {0.5, 1.5}, other[2] = {0.9, 1.9};
    assert_true(gain_open(&gain, front_and_box, 4, 2, marked));
    assert_true(gain_of(&gain, point) > 0);
    assert_true(gain_expect(&gain, point));
    assert_int_equal(gain.count, 3); /* (1,2) is beaten by it */
    assert_near(gain_of(&gain, point), 0, 0, 1e-12);
    assert_true(gain_of(&gain, other) <= 0);
    gain_free(&gain);
}

static void in_two_and_three_objectives_it_is_the_difference_of_hypervolumes(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    for (size_t m = 2; m <= 3; m++) {
        double points[(POINTS + 1) * 3], reference[3] = {0};
        struct gain gain;
        for (size_t i = 0; i < POINTS * m; i++)
            points[i] = rng_uniform(&rng);
        for (size_t i = 0; i < POINTS * m; i++)
            reference[i % m] = fmax(reference[i % m], points[i]);
        assert_true(gain_open(&gain, points, POINTS, m, marked));
        int gained = 0;
        for (int round = 0; round < 500; round++) {
            double without, with, *point = points + POINTS * m;
            for (size_t k = 0; k < m; k++)
                point[k] = rng_uniform(&rng) * 0.5;
            assert_true(hypervolume_of(points, POINTS, m, reference, &without));
            assert_true(hypervolume_of(points, POINTS + 1, m, reference, &with));
            double got = gain_of(&gain, point);
            assert_near(got > 0 ? got : 0, with - without, 1e-9, 1e-12);
            gained += got > 0;
        }
        assert_in_range(gained, 50, 500);
        gain_free(&gain);
    }
}

static void in_four_objectives_it_is_the_margin(void **state)
{
    (void)state;
    struct gain gain;
    double points[8] = {0, 2, 0, 2, 2, 0, 2, 0}, point[4] = {1, 1, 1, 1}, better[4] = {0.5, 0.5, 0.5, 0.5};
    assert_true(gain_open(&gain, points, 2, 4, marked));
    assert_near(gain_of(&gain, point), 0.5, 1e-12, 0);
    assert_near(gain_of(&gain, better), 0.75, 1e-12, 0);
    gain_free(&gain);
}

static void one_objective_is_a_race(void **state)
{
    (void)state;
    struct gain gain;
    double points[3] = {5, 3, 4}, worse = 3.5, better = 2;
    assert_true(gain_open(&gain, points, 3, 1, marked));
    assert_int_equal(gain.count, 1);
    assert_near(gain_of(&gain, &worse), -0.5, 1e-12, 0);
    assert_near(gain_of(&gain, &better), 1, 1e-12, 0);
    gain_free(&gain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_that_is_beaten_gains_nothing_and_the_nearer_it_is_the_less_it_lacks),
        cmocka_unit_test(a_point_gains_the_area_that_it_adds),
        cmocka_unit_test(what_is_expected_gains_nothing_a_second_time),
        cmocka_unit_test(in_two_and_three_objectives_it_is_the_difference_of_hypervolumes),
        cmocka_unit_test(in_four_objectives_it_is_the_margin),
        cmocka_unit_test(one_objective_is_a_race),
    };
    return TEST_RUN(tests);
}
