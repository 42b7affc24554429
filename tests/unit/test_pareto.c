/* pareto: dominance, the front, sorting and crowding by definition, against brute force. */
#include "tests/support/test.h"

#include "common/rng.h"
#include "master/pareto.h"
#include <math.h>

enum { POINTS_MAX = 60, OBJECTIVES_MAX = 4, SAMPLE_MAX = 400, SAMPLE_OBJECTIVES_MAX = 6 };

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

/* --- constrained dominance --- */

static void a_point_that_keeps_the_constraints_beats_one_that_does_not(void **state)
{
    (void)state;
    assert_int_equal(pareto_compare((double[]){9, 9}, 0, (double[]){1, 1}, 0.01, 2), -1);
    assert_int_equal(pareto_compare((double[]){1, 1}, 0.01, (double[]){9, 9}, 0, 2), 1);
}

static void of_two_violations_the_smaller_beats_the_larger(void **state)
{
    (void)state;
    assert_int_equal(pareto_compare((double[]){9, 9}, 0.5, (double[]){1, 1}, 0.6, 2), -1);
    assert_int_equal(pareto_compare((double[]){9, 9}, 0.5, (double[]){1, 1}, 0.5, 2), 0);
    assert_int_equal(pareto_compare((double[]){9, 9}, INFINITY, (double[]){1, 1}, 1e300, 2), 1);
}

static void between_points_that_keep_the_constraints_dominance_decides(void **state)
{
    (void)state;
    assert_int_equal(pareto_compare((double[]){1, 2}, 0, (double[]){1, 3}, 0, 2), -1);
    assert_int_equal(pareto_compare((double[]){1, 3}, 0, (double[]){1, 2}, 0, 2), 1);
    assert_int_equal(pareto_compare((double[]){1, 3}, 0, (double[]){2, 2}, 0, 2), 0);
    assert_int_equal(pareto_compare((double[]){1, 3}, -1, (double[]){1, 2}, 0, 2), 1);
}

static void a_missing_value_is_never_better_than_anything(void **state)
{
    (void)state;
    assert_int_equal(pareto_compare((double[]){NAN, 0}, 0, (double[]){9, 9}, 0, 2), 1);
    assert_int_equal(pareto_compare((double[]){NAN, 0}, 0, (double[]){9, 9}, 1e300, 2), 1);
    assert_int_equal(pareto_compare((double[]){0, 0}, NAN, (double[]){9, 9}, 1, 2), 1);
    assert_int_equal(pareto_compare((double[]){NAN, 0}, 0, (double[]){0, 0}, INFINITY, 2), 0);
    assert_int_equal(pareto_compare((double[]){NAN, 0}, 0, (double[]){NAN, 5}, 0, 2), 0);
}

/* --- sorting --- */

/* Constrained dominance by the header's words. */
static bool beats(const double *a, double violation_a, const double *b, double violation_b, size_t m)
{
    bool no_worse = true, better = false;
    for (size_t k = 0; k < m; k++) {
        violation_a = isnan(a[k]) ? INFINITY : violation_a;
        violation_b = isnan(b[k]) ? INFINITY : violation_b;
        no_worse = no_worse && a[k] <= b[k];
        better = better || a[k] < b[k];
    }
    violation_a = isnan(violation_a) ? INFINITY : violation_a;
    violation_b = isnan(violation_b) ? INFINITY : violation_b;
    if (violation_a > 0 || violation_b > 0)
        return violation_a < violation_b;
    return no_worse && better;
}

struct sample {
    size_t n, m;
    double points[SAMPLE_MAX * SAMPLE_OBJECTIVES_MAX], violation[SAMPLE_MAX];
    uint32_t rank[SAMPLE_MAX];
};

/* Points from few values or from many, with NaN and infinities among them or without, with violations or without; near one front or
 * not; mostly few points. */
static void draw_sample(struct rng *rng, struct sample *sample)
{
    static const double violation[] = {0, 0, 0, 0.5, 1.5, INFINITY, NAN, 0};
    bool crude = rng_below(rng, 2), odd = rng_below(rng, 2), violations = rng_below(rng, 2), one_front = rng_below(rng, 3) == 0;
    sample->n = rng_below(rng, rng_below(rng, 16) == 0 ? SAMPLE_MAX : POINTS_MAX);
    sample->m = 1 + rng_below(rng, SAMPLE_OBJECTIVES_MAX);
    for (size_t i = 0; i < sample->n; i++) {
        double *point = sample->points + i * sample->m, rest = 5;
        for (size_t k = 0; k < sample->m; k++) {
            point[k] = crude ? (double)rng_below(rng, 6) : rng_uniform(rng);
            if (one_front && k + 1 == sample->m)
                point[k] = rest;
            rest -= point[k];
            if (odd && rng_below(rng, 20) == 0)
                point[k] = (double[]){NAN, INFINITY, -INFINITY}[rng_below(rng, 3)];
        }
        sample->violation[i] = violations ? violation[rng_below(rng, 8)] : 0;
    }
}

/* Every point stands one behind the last of those that beat it: what the definition by peeling comes to. */
static bool ranks_are_right(const struct sample *s)
{
    for (size_t i = 0; i < s->n; i++) {
        uint32_t want = 0;
        for (size_t j = 0; j < s->n; j++)
            if (beats(s->points + j * s->m, s->violation[j], s->points + i * s->m, s->violation[i], s->m) && s->rank[j] >= want)
                want = s->rank[j] + 1;
        if (s->rank[i] != want)
            return false;
    }
    return true;
}

static void ranks_of_random_points_are_those_of_brute_force(void **state)
{
    (void)state;
    struct rng rng;
    struct sample sample;
    rng_seed(&rng, 20240102);
    for (int round = 0; round < 6000; round++) {
        draw_sample(&rng, &sample);
        assert_true(pareto_sort(sample.points, sample.violation, sample.n, sample.m, sample.rank));
        if (!ranks_are_right(&sample))
            fail_msg("seed 20240102, round %d: %zu points, %zu objectives", round, sample.n, sample.m);
    }
}

static void without_violations_every_point_keeps_the_constraints(void **state)
{
    (void)state;
    uint32_t rank[3];
    assert_true(pareto_sort((double[]){2, 2, 1, 1, 1, 1}, NULL, 3, 2, rank));
    assert_int_equal(rank[0], 1);
    assert_int_equal(rank[1], 0);
    assert_int_equal(rank[2], 0);
}

static void no_points_are_sorted_without_reading_any(void **state)
{
    (void)state;
    assert_true(pareto_sort(NULL, NULL, 0, 3, NULL));
    assert_true(pareto_crowding(NULL, NULL, 0, 3, NULL));
}

/* --- crowding --- */

static void crowding_is_the_sum_of_gaps_over_ranges(void **state)
{
    (void)state;
    const double points[] = {0, 10, 1, 6, 4, 5, 10, 0};
    const uint32_t rank[4] = {0};
    double crowding[4];
    assert_true(pareto_crowding(points, rank, 4, 2, crowding));
    assert_true(isinf(crowding[0]));
    assert_near(crowding[1], 4.0 / 10 + 5.0 / 10, 1e-15, 0);
    assert_near(crowding[2], 9.0 / 10 + 6.0 / 10, 1e-15, 0);
    assert_true(isinf(crowding[3]));
}

static void each_front_is_measured_by_itself(void **state)
{
    (void)state;
    const double points[] = {0, 2, 100, 300, 1, 1, 200, 200, 2, 0, 300, 100};
    const uint32_t rank[] = {0, 7, 0, 7, 0, 7};
    double crowding[6];
    assert_true(pareto_crowding(points, rank, 6, 2, crowding));
    assert_near(crowding[2], 2, 1e-15, 0);
    assert_near(crowding[3], 2, 1e-15, 0);
}

static void a_copy_has_no_distance_and_takes_none_from_the_first(void **state)
{
    (void)state;
    const double points[] = {0, 2, 1, 1, 1, 1, 2, 0, 1, 1, 2, 0};
    const uint32_t rank[6] = {0};
    const double want[] = {INFINITY, 2, 0, INFINITY, 0, 0};
    double crowding[6];
    assert_true(pareto_crowding(points, rank, 6, 2, crowding));
    for (int i = 0; i < 6; i++)
        assert_true(crowding[i] == want[i]);
}

static void two_different_points_are_both_ends(void **state)
{
    (void)state;
    const uint32_t rank[3] = {0};
    double crowding[3];
    assert_true(pareto_crowding((double[]){1, 2, 1, 2, 2, 1}, rank, 3, 2, crowding));
    assert_true(isinf(crowding[0]));
    assert_true(crowding[1] == 0);
    assert_true(isinf(crowding[2]));
}

static void an_objective_in_which_all_are_equal_says_nothing(void **state)
{
    (void)state;
    const double points[] = {0, 5, 3, 1, 5, 2, 3, 5, 0};
    const uint32_t rank[3] = {0};
    double crowding[3];
    assert_true(pareto_crowding(points, rank, 3, 3, crowding));
    assert_near(crowding[1], 2, 1e-15, 0);
}

static void a_gap_to_an_infinite_value_is_infinite(void **state)
{
    (void)state;
    const double points[] = {-INFINITY, 9, 0, 6, 1, 5, 2, 4, 3, 3};
    const uint32_t rank[5] = {0};
    double crowding[5];
    assert_true(pareto_crowding(points, rank, 5, 2, crowding));
    assert_true(isinf(crowding[1]));
    assert_near(crowding[2], 2.0 / 3 + 2.0 / 6, 1e-15, 0);
}

static void where_no_range_is_finite_gaps_are_infinite_not_nan(void **state)
{
    (void)state;
    const uint32_t rank[4] = {0};
    double crowding[4];
    assert_true(pareto_crowding((double[]){-INFINITY, 5, -INFINITY, 4, INFINITY, 3, INFINITY, 2}, rank, 4, 2, crowding));
    for (int i = 0; i < 4; i++)
        assert_true(isinf(crowding[i]));
    assert_true(pareto_crowding((double[]){-1e308, 5, 0, 4, 1e308, 3}, rank, 3, 2, crowding));
    assert_true(isinf(crowding[1]));
}

static void crowding_is_never_nan_nor_negative(void **state)
{
    (void)state;
    struct rng rng;
    struct sample sample;
    double crowding[SAMPLE_MAX];
    rng_seed(&rng, 20240103);
    for (int round = 0; round < 3000; round++) {
        draw_sample(&rng, &sample);
        assert_true(pareto_sort(sample.points, sample.violation, sample.n, sample.m, sample.rank));
        assert_true(pareto_crowding(sample.points, sample.rank, sample.n, sample.m, crowding));
        for (size_t i = 0; i < sample.n; i++)
            if (!(crowding[i] >= 0))
                fail_msg("seed 20240103, round %d: point %zu has %g", round, i, crowding[i]);
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
        cmocka_unit_test(a_point_that_keeps_the_constraints_beats_one_that_does_not),
        cmocka_unit_test(of_two_violations_the_smaller_beats_the_larger),
        cmocka_unit_test(between_points_that_keep_the_constraints_dominance_decides),
        cmocka_unit_test(a_missing_value_is_never_better_than_anything),
        cmocka_unit_test(ranks_of_random_points_are_those_of_brute_force),
        cmocka_unit_test(without_violations_every_point_keeps_the_constraints),
        cmocka_unit_test(no_points_are_sorted_without_reading_any),
        cmocka_unit_test(crowding_is_the_sum_of_gaps_over_ranges),
        cmocka_unit_test(each_front_is_measured_by_itself),
        cmocka_unit_test(a_copy_has_no_distance_and_takes_none_from_the_first),
        cmocka_unit_test(two_different_points_are_both_ends),
        cmocka_unit_test(an_objective_in_which_all_are_equal_says_nothing),
        cmocka_unit_test(a_gap_to_an_infinite_value_is_infinite),
        cmocka_unit_test(where_no_range_is_finite_gaps_are_infinite_not_nan),
        cmocka_unit_test(crowding_is_never_nan_nor_negative),
    };
    return TEST_RUN(tests);
}
