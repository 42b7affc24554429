/* interval: worked examples, and how often an interval holds what it is to hold. */
#include "tests/support/test.h"

#include <math.h>

#include "common/interval.h"
#include "common/rng.h"

static void quantiles_are_those_of_the_tables(void **state)
{
    (void)state;
    assert_near(interval_t(1), 12.706, 0, 0.01);
    assert_near(interval_t(2), 4.3027, 0, 0.001);
    assert_near(interval_t(9), 2.2622, 0, 0.001);
    assert_near(interval_t(30), 2.0423, 0, 0.001);
    assert_near(interval_t(31), 2.0395, 0, 0.001);
    assert_near(interval_t(60), 2.0003, 0, 0.001);
    assert_near(interval_t(1000), 1.9623, 0, 0.001);
}

static void a_worked_example(void **state)
{
    (void)state;
    const double values[] = {90, 92, 97}; /* mean 93, deviation sqrt(13) */
    const struct interval got = interval_of(values, 3);
    assert_near(got.mean, 93, 1e-12, 0);
    assert_near(got.half, 4.303 * sqrt(13.0 / 3), 1e-9, 0);
}

static void one_value_has_no_interval_and_none_no_mean(void **state)
{
    (void)state;
    const double value = 5;
    assert_near(interval_of(&value, 1).mean, 5, 0, 0);
    assert_true(isnan(interval_of(&value, 1).half));
    assert_true(isnan(interval_of(&value, 0).mean));
}

static void nineteen_of_twenty_intervals_hold_the_truth(void **state)
{
    (void)state;
    enum { TRIES = 20000, VALUES = 3 };
    struct rng rng;
    int held = 0;
    rng_seed(&rng, 1);
    for (int i = 0; i < TRIES; i++) {
        double values[VALUES];
        for (int k = 0; k < VALUES; k++)
            values[k] = 7 + 2 * rng_normal(&rng);
        const struct interval got = interval_of(values, VALUES);
        held += fabs(got.mean - 7) <= got.half;
    }
    assert_near((double)held / TRIES, 0.95, 0, 0.006);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_those_of_the_tables),
        cmocka_unit_test(a_worked_example),
        cmocka_unit_test(one_value_has_no_interval_and_none_no_mean),
        cmocka_unit_test(nineteen_of_twenty_intervals_hold_the_truth),
    };
    return TEST_RUN(tests);
}
