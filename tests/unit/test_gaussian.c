/* gaussian: against the textbook's formula solved naively, and what it must obey. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "master/gaussian.h"

enum { ROWS = 60, COLUMNS = 11, OUTPUTS = 2 };

struct world {
    uint8_t rows[ROWS][COLUMNS];
    double values[ROWS][OUTPUTS];
    struct gaussian *gaussian;
};

static void make_world(struct world *world, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    world->gaussian = gaussian_new(COLUMNS, OUTPUTS, 1.8, 0.01);
    assert_non_null(world->gaussian);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++)
            world->rows[i][j] = (uint8_t)(rng_below(&rng, 3) * 120); /* bytes with and without their top bit */
        world->values[i][0] = world->rows[i][0] / 120.0 + rng_uniform(&rng);
        world->values[i][1] = 100 * rng_uniform(&rng);
        assert_true(gaussian_add(world->gaussian, world->rows[i], 1));
    }
    gaussian_fit(world->gaussian, world->values[0]);
}

static double covariance(const uint8_t *a, const uint8_t *b)
{
    int differing = 0;
    for (int j = 0; j < COLUMNS; j++)
        differing += a[j] != b[j];
    return exp(-1.8 * differing / COLUMNS);
}

/* (K + 0.01 I) x = values - mean, by elimination with pivots. */
static void naive_weights(const struct world *world, int output, double *x, double *mean)
{
    static double a[ROWS][ROWS + 1];
    *mean = 0;
    for (int i = 0; i < ROWS; i++)
        *mean += world->values[i][output] / ROWS;
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < ROWS; j++)
            a[i][j] = covariance(world->rows[i], world->rows[j]) + (i == j ? 0.01 : 0);
        a[i][ROWS] = world->values[i][output] - *mean;
    }
    for (int c = 0; c < ROWS; c++) {
        int pivot = c;
        for (int i = c; i < ROWS; i++)
            if (fabs(a[i][c]) > fabs(a[pivot][c]))
                pivot = i;
        for (int j = 0; j <= ROWS; j++) {
            double swap = a[c][j];
            a[c][j] = a[pivot][j];
            a[pivot][j] = swap;
        }
        for (int i = 0; i < ROWS; i++)
            for (int j = ROWS; i != c && j >= c; j--)
                a[i][j] -= a[i][c] / a[c][c] * a[c][j];
    }
    for (int i = 0; i < ROWS; i++)
        x[i] = a[i][ROWS] / a[i][i];
}

static void it_predicts_what_the_formula_says(void **state)
{
    (void)state;
    static struct world world;
    struct rng rng;
    double weights[OUTPUTS][ROWS], mean[OUTPUTS];
    make_world(&world, 1);
    rng_seed(&rng, 2);
    for (int k = 0; k < OUTPUTS; k++)
        naive_weights(&world, k, weights[k], &mean[k]);
    for (int round = 0; round < 100; round++) {
        uint8_t row[COLUMNS];
        double got[OUTPUTS];
        for (int j = 0; j < COLUMNS; j++)
            row[j] = (uint8_t)(rng_below(&rng, 3) * 120);
        gaussian_predict(world.gaussian, row, got);
        for (int k = 0; k < OUTPUTS; k++) {
            double want = mean[k];
            for (int i = 0; i < ROWS; i++)
                want += weights[k][i] * covariance(row, world.rows[i]);
            assert_near(got[k], want, 1e-9, 1e-9);
        }
    }
    gaussian_free(world.gaussian);
}

static void what_is_known_is_predicted_nearly_as_it_is(void **state)
{
    (void)state;
    static struct world world;
    double got[OUTPUTS];
    make_world(&world, 3);
    for (int i = 0; i < ROWS; i++) {
        gaussian_predict(world.gaussian, world.rows[i], got);
        assert_near(got[1], world.values[i][1], 0, 5);
    }
    gaussian_free(world.gaussian);
}

static void without_rows_everything_is_expected_to_be_nothing(void **state)
{
    (void)state;
    uint8_t row[COLUMNS] = {0};
    double got = 1;
    struct gaussian *gaussian = gaussian_new(COLUMNS, 1, 1.8, 0.01);
    gaussian_fit(gaussian, &got);
    gaussian_predict(gaussian, row, &got);
    assert_true(got == 0);
    gaussian_free(gaussian);
}

static void the_same_row_again_and_again_gives_the_mean_of_its_values(void **state)
{
    (void)state;
    uint8_t row[COLUMNS] = {1, 2, 3};
    double values[50], got, mean = 0;
    struct gaussian *gaussian = gaussian_new(COLUMNS, 1, 1.8, 0.01);
    for (int i = 0; i < 50; i++) {
        values[i] = i % 7;
        mean += values[i] / 50;
        assert_true(gaussian_add(gaussian, row, 1));
    }
    gaussian_fit(gaussian, values);
    gaussian_predict(gaussian, row, &got);
    assert_near(got, mean, 1e-9, 0);
    gaussian_free(gaussian);
}

static void values_may_be_learnt_anew(void **state)
{
    (void)state;
    static struct world world;
    double first[OUTPUTS], again[OUTPUTS];
    make_world(&world, 4);
    gaussian_predict(world.gaussian, world.rows[5], first);
    static double other[ROWS][OUTPUTS];
    gaussian_fit(world.gaussian, other[0]);
    gaussian_predict(world.gaussian, world.rows[5], again);
    assert_true(again[0] == 0);
    gaussian_fit(world.gaussian, world.values[0]);
    gaussian_predict(world.gaussian, world.rows[5], again);
    assert_memory_equal(again, first, sizeof first);
    gaussian_free(world.gaussian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_predicts_what_the_formula_says),
        cmocka_unit_test(what_is_known_is_predicted_nearly_as_it_is),
        cmocka_unit_test(without_rows_everything_is_expected_to_be_nothing),
        cmocka_unit_test(the_same_row_again_and_again_gives_the_mean_of_its_values),
        cmocka_unit_test(values_may_be_learnt_anew),
    };
    return TEST_RUN(tests);
}
