/* novelty: the distances of NEvoNAS's code, and the mean of the nearest. */
#include "tests/support/test.h"

#include "common/rng.h"
#include "master/novelty.h"

static void distances_of_cells_are_those_of_the_published_code(void **state)
{
    (void)state;
    static const double want[] = {1, 10.0 / 11, 4.0 / 5, 2.0 / 3, 1.0 / 2, 2.0 / 7, 0};
    struct space space;
    struct arch a = {.length = 6, .genes = {1, 2, 3, 4, 0, 2}};
    assert_int_equal(space_open("nb201", &space, NULL), STATUS_OK);
    for (int alike = 0; alike <= 6; alike++) {
        struct arch b = a;
        for (int gene = alike; gene < 6; gene++)
            b.genes[gene] = (uint8_t)((b.genes[gene] + 1) % 5);
        assert_near(novelty_distance(&space, &a, &b), want[alike], 0, 1e-15);
        assert_true(novelty_distance(&space, &b, &a) == novelty_distance(&space, &a, &b));
    }
    space_close(&space);
}

static void distances_in_darts_count_sixteen_parts(void **state)
{
    (void)state;
    struct space space;
    struct arch a = {.length = 22}, b;
    assert_int_equal(space_open("darts", &space, NULL), STATUS_OK);
    for (int alike = 16; alike >= 0; alike--) {
        b = a;
        for (int changed = 0, gene = 0; changed < 16 - alike; gene++)
            if (gene % 11 % 3 != 2) { /* an operation, not a pair of states */
                b.genes[gene] = 5;
                changed++;
            }
        assert_near(novelty_distance(&space, &a, &b), 1 - alike / (32.0 - alike), 0, 1e-15);
    }
    b = a; /* the second node reads states 0 and 2 in place of 0 and 1 */
    b.genes[2] = 1;
    assert_near(novelty_distance(&space, &a, &b), 1 - 15 / 17.0, 0, 1e-15);
    space_close(&space);
}

static void the_nearest_are_kept_in_rising_order(void **state)
{
    (void)state;
    double nearest[3] = {0};
    uint32_t count = 0;
    assert_true(novelty_mean(nearest, 0) == 0);
    static const double come[] = {5, 3, 4, 9, 1, 1, 3};
    static const double mean[] = {5, 4, 4, 4, 8.0 / 3, 5.0 / 3, 5.0 / 3};
    for (int i = 0; i < 7; i++) {
        count = novelty_take(nearest, count, 3, come[i]);
        assert_int_equal(count, i < 3 ? i + 1 : 3);
        assert_near(novelty_mean(nearest, count), mean[i], 0, 1e-15);
    }
    assert_true(nearest[0] == 1 && nearest[1] == 1 && nearest[2] == 3);
    count = novelty_take(nearest, 0, 1, 7);
    count = novelty_take(nearest, count, 1, 6);
    assert_true(count == 1 && nearest[0] == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_of_cells_are_those_of_the_published_code),
        cmocka_unit_test(distances_in_darts_count_sixteen_parts),
        cmocka_unit_test(the_nearest_are_kept_in_rising_order),
    };
    return TEST_RUN(tests);
}
