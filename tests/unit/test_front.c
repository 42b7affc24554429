/* front: against a plain list that does what the header says, offer by offer. */
#include "tests/support/test.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/rng.h"
#include "master/front.h"

enum { OBJECTIVES = 5, OFFERS = 1500 };

static void an_empty_front_lists_nothing(void **state)
{
    (void)state;
    struct front *front = front_open(2);
    assert_non_null(front);
    assert_int_equal(front_count(front), 0);
    front_list(front, NULL);
    front_close(front);
    front_close(NULL);
}

static void what_is_beaten_is_refused_and_what_beats_takes_its_place(void **state)
{
    (void)state;
    struct front *front = front_open(2);
    struct front_entry entry;
    assert_int_equal(front_offer(front, (double[]){2, 2}, 1), FRONT_ENTERED);
    assert_int_equal(front_offer(front, (double[]){2, 3}, 2), FRONT_REFUSED);
    assert_int_equal(front_offer(front, (double[]){1, 2}, 3), FRONT_ENTERED);
    assert_int_equal(front_count(front), 1);
    front_list(front, &entry);
    assert_int_equal(entry.tag, 3);
    assert_true(entry.objectives[0] == 1 && entry.objectives[1] == 2);
    front_close(front);
}

static void of_equal_points_the_first_stays(void **state)
{
    (void)state;
    struct front *front = front_open(3);
    struct front_entry entry;
    assert_int_equal(front_offer(front, (double[]){1, 2, 0.0}, 7), FRONT_ENTERED);
    assert_int_equal(front_offer(front, (double[]){1, 2, -0.0}, 8), FRONT_REFUSED);
    assert_int_equal(front_count(front), 1);
    front_list(front, &entry);
    assert_int_equal(entry.tag, 7);
    front_close(front);
}

static void a_point_with_nan_is_refused(void **state)
{
    (void)state;
    struct front *front = front_open(2);
    assert_int_equal(front_offer(front, (double[]){NAN, 0}, 1), FRONT_REFUSED);
    assert_int_equal(front_offer(front, (double[]){0, 0}, 2), FRONT_ENTERED);
    assert_int_equal(front_offer(front, (double[]){-1, NAN}, 3), FRONT_REFUSED);
    assert_int_equal(front_count(front), 1);
    front_close(front);
}

static void entries_are_listed_by_the_first_objective_then_the_next(void **state)
{
    (void)state;
    const double points[4][3] = {{2, 1, 5}, {1, 3, 5}, {1, 2, 6}, {0, 9, 9}};
    const uint64_t want[4] = {3, 2, 1, 0};
    struct front *front = front_open(3);
    struct front_entry entries[4];
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(front_offer(front, points[i], i), FRONT_ENTERED);
    front_list(front, entries);
    for (int i = 0; i < 4; i++)
        assert_int_equal(entries[i].tag, want[i]);
    front_close(front);
}

/* --- against a plain list --- */

struct plain {
    size_t m, count;
    double points[OFFERS][OBJECTIVES];
    uint64_t tags[OFFERS];
};

static bool covers(const double *a, const double *b, size_t m)
{
    bool all = true;
    for (size_t k = 0; k < m; k++)
        all = all && a[k] <= b[k];
    return all;
}

static bool plain_offer(struct plain *plain, const double *point, uint64_t tag)
{
    size_t kept = 0;
    for (size_t i = 0; i < plain->count; i++)
        if (covers(plain->points[i], point, plain->m))
            return false;
    for (size_t k = 0; k < plain->m; k++)
        if (isnan(point[k]))
            return false;
    for (size_t i = 0; i < plain->count; i++)
        if (!covers(point, plain->points[i], plain->m)) {
            memmove(plain->points[kept], plain->points[i], sizeof plain->points[i]);
            plain->tags[kept++] = plain->tags[i];
        }
    memcpy(plain->points[kept], point, plain->m * sizeof *point);
    plain->tags[kept] = tag;
    plain->count = kept + 1;
    return true;
}

static int by_tag(const void *a, const void *b)
{
    const struct front_entry *x = a, *y = b;
    return x->tag < y->tag ? -1 : x->tag > y->tag;
}

/* The same entries; the plain list has them in the order of their tags. */
static bool same_entries(const struct front *front, const struct plain *plain)
{
    static struct front_entry entries[OFFERS];
    if (front_count(front) != plain->count)
        return false;
    front_list(front, entries);
    for (size_t i = 1; i < plain->count; i++)
        if (entries[i - 1].objectives[0] > entries[i].objectives[0])
            return false;
    qsort(entries, plain->count, sizeof *entries, by_tag);
    for (size_t i = 0; i < plain->count; i++)
        if (entries[i].tag != plain->tags[i] || memcmp(entries[i].objectives, plain->points[i], plain->m * sizeof(double)) != 0)
            return false;
    return true;
}

enum shape { RANDOM, CRUDE, ONE_FRONT, SORTED, CLOSING_IN, SHAPES };

static void draw(struct rng *rng, enum shape shape, size_t m, double progress, double *point)
{
    double sum = 0;
    for (size_t k = 0; k < m; k++) {
        uint64_t odd = rng_below(rng, 200);
        point[k] = shape == CRUDE ? (double)rng_below(rng, 12) : rng_uniform(rng);
        sum += point[k];
        if (shape <= CRUDE && odd < 3)
            point[k] = odd == 0 ? NAN : odd == 1 ? INFINITY : -INFINITY;
    }
    for (size_t k = 0; k < m && shape >= ONE_FRONT; k++)
        point[k] /= sum * (shape == CLOSING_IN ? 1 + floor(8 * progress) : 1);
    if (shape == SORTED && m > 1) {
        point[0] = progress;
        point[1] = 1 - progress;
    }
}

static void compare_with_plain_list(struct rng *rng, int round)
{
    static struct plain plain;
    enum shape shape = (enum shape)(round % SHAPES);
    double point[OBJECTIVES];
    plain.m = 1 + rng_below(rng, OBJECTIVES);
    plain.count = 0;
    struct front *front = front_open(plain.m);
    assert_non_null(front);
    for (uint64_t tag = 0; tag < OFFERS; tag++) {
        draw(rng, shape, plain.m, (double)tag / OFFERS, point);
        bool want = plain_offer(&plain, point, tag);
        if ((front_offer(front, point, tag) == FRONT_ENTERED) != want || front_count(front) != plain.count)
            fail_msg("seed 20240301, round %d, offer %d, %zu objectives", round, (int)tag, plain.m);
        if (tag % 100 == 99 && !same_entries(front, &plain))
            fail_msg("seed 20240301, round %d, after offer %d, %zu objectives: other entries", round, (int)tag, plain.m);
    }
    front_close(front);
}

static void every_offer_ends_as_in_a_plain_list(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 20240301);
    for (int round = 0; round < 150; round++)
        compare_with_plain_list(&rng, round);
}

static void the_best_of_all_empties_a_large_front(void **state)
{
    (void)state;
    struct front *front = front_open(2);
    struct front_entry entry;
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(front_offer(front, (double[]){(double)i, -(double)i}, i), FRONT_ENTERED);
    assert_int_equal(front_count(front), 5000);
    assert_int_equal(front_offer(front, (double[]){-1, -5000}, 5000), FRONT_ENTERED);
    assert_int_equal(front_count(front), 1);
    front_list(front, &entry);
    assert_int_equal(entry.tag, 5000);
    front_close(front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_front_lists_nothing),
        cmocka_unit_test(what_is_beaten_is_refused_and_what_beats_takes_its_place),
        cmocka_unit_test(of_equal_points_the_first_stays),
        cmocka_unit_test(a_point_with_nan_is_refused),
        cmocka_unit_test(entries_are_listed_by_the_first_objective_then_the_next),
        cmocka_unit_test(every_offer_ends_as_in_a_plain_list),
        cmocka_unit_test(the_best_of_all_empties_a_large_front),
    };
    return TEST_RUN(tests);
}
