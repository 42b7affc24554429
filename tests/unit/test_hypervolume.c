/* hypervolume: closed forms, inclusion and exclusion, counting the cells of a grid. */
#include "tests/support/test.h"

#include <math.h>

#include "common/rng.h"
#include "master/hypervolume.h"

static double volume_of(const double *points, size_t n, size_t m, const double *reference)
{
    double volume = -1;
    assert_true(hypervolume_of(points, n, m, reference, &volume));
    return volume;
}

/* --- closed forms --- */

static void one_point_spans_a_box(void **state)
{
    (void)state;
    assert_near(volume_of((double[]){1, 2}, 1, 2, (double[]){4, 7}), 15, 0, 0);
    assert_near(volume_of((double[]){1, 2, -3}, 1, 3, (double[]){4, 7, 1}), 60, 0, 0);
}

static void a_staircase_of_n_steps_has_its_triangular_number(void **state)
{
    (void)state;
    double points[2 * 100];
    for (int i = 0; i < 100; i++) {
        points[2 * i] = i;
        points[2 * i + 1] = 99 - i;
    }
    assert_near(volume_of(points, 100, 2, (double[]){100, 100}), 100 * 101 / 2.0, 0, 0);
}

static void a_cube_loses_the_tetrahedron_of_unit_cubes_before_the_stairs(void **state)
{
    (void)state;
    double points[3 * 210];
    size_t n = 0;
    for (int x = 0; x < 20; x++)
        for (int y = 0; x + y < 20; y++, n++) {
            points[3 * n] = x;
            points[3 * n + 1] = y;
            points[3 * n + 2] = 19 - x - y;
        }
    assert_int_equal(n, 210);
    assert_near(volume_of(points, n, 3, (double[]){20, 20, 20}), 20 * 20 * 20 - 19 * 20 * 21 / 6.0, 0, 0);
}

/* --- what contributes --- */

static void no_points_have_no_volume(void **state)
{
    (void)state;
    assert_near(volume_of(NULL, 0, 2, (double[]){1, 1}), 0, 0, 0);
    assert_near(volume_of(NULL, 0, 3, (double[]){1, 1, 1}), 0, 0, 0);
}

static void a_point_at_or_beyond_the_reference_contributes_nothing(void **state)
{
    (void)state;
    const double points[] = {1, 1, 0, 2, 3, 0, 0, INFINITY};
    assert_near(volume_of(points, 4, 2, (double[]){2, 2}), 1, 0, 0);
}

static void a_point_with_nan_contributes_nothing(void **state)
{
    (void)state;
    assert_near(volume_of((double[]){1, 1, 0, NAN, NAN, 0}, 3, 2, (double[]){2, 2}), 1, 0, 0);
    assert_near(volume_of((double[]){1, 1}, 1, 2, (double[]){2, NAN}), 0, 0, 0);
}

static void copies_and_dominated_points_add_nothing(void **state)
{
    (void)state;
    const double points[] = {0, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0, 1, 0, 0};
    assert_near(volume_of(points, 5, 3, (double[]){2, 2, 2}), 2 * 1 * 2 + 1 * 2 * 2 - 1 * 1 * 2, 0, 0);
}

static void a_point_without_bound_makes_the_volume_infinite(void **state)
{
    (void)state;
    assert_true(isinf(volume_of((double[]){-INFINITY, 1, 0, 0}, 2, 2, (double[]){2, 2})));
    assert_true(isinf(volume_of((double[]){0, 1, 0}, 1, 3, (double[]){2, 2, INFINITY})));
}

static void huge_values_do_not_end_in_nan(void **state)
{
    (void)state;
    const double points[] = {-1e308, 0, 0, -1e308, 1, -1, -1e308, 0, -1};
    assert_true(isinf(volume_of(points, 3, 3, (double[]){1e308, 2, 2})));
}

static void other_numbers_of_objectives_are_refused(void **state)
{
    (void)state;
    double volume = 0;
    assert_false(hypervolume_of((double[]){1, 1, 1, 1}, 1, 4, (double[]){2, 2, 2, 2}, &volume));
    assert_true(isnan(volume));
}

/* --- against other ways --- */

enum { FEW = 9 };

/* The sum over all subsets of the volume that their boxes share, with alternating sign. */
static double by_inclusion_and_exclusion(const double *points, size_t n, size_t m)
{
    double sum = 0;
    for (unsigned subset = 1; subset < 1u << n; subset++) {
        double corner[3] = {-9, -9, -9}, shared = 1;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < m && subset >> i & 1; k++)
                corner[k] = fmax(corner[k], points[i * m + k]);
        for (size_t k = 0; k < m; k++)
            shared *= fmax(0, 1 - corner[k]);
        sum += __builtin_popcount(subset) % 2 ? shared : -shared;
    }
    return sum;
}

static void random_points_agree_with_inclusion_and_exclusion(void **state)
{
    (void)state;
    const double reference[] = {1, 1, 1};
    struct rng rng;
    double points[FEW * 3];
    rng_seed(&rng, 20240201);
    for (int round = 0; round < 1500; round++) {
        size_t n = 1 + rng_below(&rng, FEW), m = 2 + rng_below(&rng, 2);
        for (size_t i = 0; i < n * m; i++)
            points[i] = 1.1 * rng_uniform(&rng);
        double got = volume_of(points, n, m, reference), want = by_inclusion_and_exclusion(points, n, m);
        if (!(fabs(got - want) <= 1e-12))
            fail_msg("seed 20240201, round %d: %zu points, %zu objectives: %.17g, wanted %.17g", round, n, m, got, want);
    }
}

enum { SIDE = 50, MANY = 9000 };

/* How many unit cells of the grid [0, SIDE)^3 some point with whole coordinates covers. */
static double by_counting(const double *points, size_t n)
{
    static int lowest[SIDE][SIDE]; /* the third objective of the lowest point at or before (x, y) */
    long cells = 0;
    for (int x = 0; x < SIDE; x++)
        for (int y = 0; y < SIDE; y++)
            lowest[x][y] = SIDE;
    for (size_t i = 0; i < n; i++) {
        int *at = &lowest[(int)points[3 * i]][(int)points[3 * i + 1]];
        *at = (int)points[3 * i + 2] < *at ? (int)points[3 * i + 2] : *at;
    }
    for (int x = 0; x < SIDE; x++)
        for (int y = 0; y < SIDE; y++) {
            if (x > 0 && lowest[x - 1][y] < lowest[x][y])
                lowest[x][y] = lowest[x - 1][y];
            if (y > 0 && lowest[x][y - 1] < lowest[x][y])
                lowest[x][y] = lowest[x][y - 1];
            cells += SIDE - lowest[x][y];
        }
    return (double)cells;
}

/* Points near the plane where the objectives add up to 2 SIDE - 4, so that many of them count. */
static void many_points_agree_with_counting_the_cells_of_a_grid(void **state)
{
    (void)state;
    static double points[MANY * 3];
    struct rng rng;
    rng_seed(&rng, 20240202);
    for (int round = 0; round < 60; round++) {
        size_t n = 1 + rng_below(&rng, round % 2 ? 200 : MANY);
        for (size_t i = 0; i < n; i++) {
            double x = (double)rng_below(&rng, SIDE), y = (double)rng_below(&rng, SIDE);
            points[3 * i] = x;
            points[3 * i + 1] = y;
            points[3 * i + 2] = fmin(SIDE - 1, fmax(0, 2 * SIDE - 4 - x - y + (double)rng_below(&rng, 5)));
        }
        double got = volume_of(points, n, 3, (double[]){SIDE, SIDE, SIDE}), want = by_counting(points, n);
        if (got != want)
            fail_msg("seed 20240202, round %d: %zu points: %.17g, wanted %.17g", round, n, got, want);
    }
}

static void a_third_objective_that_is_equal_everywhere_multiplies_the_area(void **state)
{
    (void)state;
    static double flat[MANY * 2], points[MANY * 3];
    struct rng rng;
    rng_seed(&rng, 20240203);
    for (size_t i = 0; i < MANY; i++) {
        double x = rng_uniform(&rng);
        points[3 * i] = flat[2 * i] = x;
        points[3 * i + 1] = flat[2 * i + 1] = 1 - x + 0.001 * rng_uniform(&rng);
        points[3 * i + 2] = 0.5;
    }
    double area = volume_of(flat, MANY, 2, (double[]){1, 1});
    assert_near(area, 0.5, 1e-3, 0);
    assert_near(volume_of(points, MANY, 3, (double[]){1, 1, 2.5}), 2 * area, 1e-12, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_point_spans_a_box),
        cmocka_unit_test(a_staircase_of_n_steps_has_its_triangular_number),
        cmocka_unit_test(a_cube_loses_the_tetrahedron_of_unit_cubes_before_the_stairs),
        cmocka_unit_test(no_points_have_no_volume),
        cmocka_unit_test(a_point_at_or_beyond_the_reference_contributes_nothing),
        cmocka_unit_test(a_point_with_nan_contributes_nothing),
        cmocka_unit_test(copies_and_dominated_points_add_nothing),
        cmocka_unit_test(a_point_without_bound_makes_the_volume_infinite),
        cmocka_unit_test(huge_values_do_not_end_in_nan),
        cmocka_unit_test(other_numbers_of_objectives_are_refused),
        cmocka_unit_test(random_points_agree_with_inclusion_and_exclusion),
        cmocka_unit_test(many_points_agree_with_counting_the_cells_of_a_grid),
        cmocka_unit_test(a_third_objective_that_is_equal_everywhere_multiplies_the_area),
    };
    return TEST_RUN(tests);
}
