/* alpha: the operators on rows, and which operations a shrunken space leaves. */
#include "tests/support/test.h"

#include <string.h>

#include "master/alpha.h"

static struct space space;
static struct alpha_shape shape;

static int open_space(void **state)
{
    (void)state;
    if (space_open("nb201", &space, NULL) != STATUS_OK)
        return -1;
    alpha_shape(&space, &shape);
    return 0;
}

static int close_space(void **state)
{
    (void)state;
    space_close(&space);
    return 0;
}

static bool same_row(size_t row, const double *a, const double *b)
{
    return memcmp(a + shape.first[row], b + shape.first[row], (shape.first[row + 1] - shape.first[row]) * sizeof *a) == 0;
}

static void the_shapes_are_those_of_the_papers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t rows, size;
    } spaces[] = {{"nb201", 6, 30}, {"darts", 28, 224}, {"fbnet", 22, 198}};
    for (int i = 0; i < 3; i++) {
        struct space other;
        struct alpha_shape got;
        assert_int_equal(space_open(spaces[i].name, &other, NULL), STATUS_OK);
        alpha_shape(&other, &got);
        assert_int_equal(got.rows, spaces[i].rows);
        assert_int_equal(got.size, spaces[i].size);
        space_close(&other);
    }
}

static void a_child_has_each_row_from_one_parent_and_from_both_alike(void **state)
{
    (void)state;
    enum { ROUNDS = 2000 };
    struct rng rng;
    double a[30], b[30], child[30];
    int of_a = 0;
    rng_seed(&rng, 1);
    alpha_sample(&shape, &rng, a);
    alpha_sample(&shape, &rng, b);
    for (int round = 0; round < ROUNDS; round++) {
        alpha_cross(&shape, &rng, a, b, child);
        for (size_t row = 0; row < 6; row++) {
            assert_true(same_row(row, child, a) != same_row(row, child, b));
            of_a += same_row(row, child, a);
        }
    }
    assert_in_range(of_a, 6 * ROUNDS * 0.47, 6 * ROUNDS * 0.53);
    alpha_cross(&shape, &rng, a, a, child);
    assert_memory_equal(child, a, sizeof a);
}

static void a_mutation_draws_whole_rows_as_often_as_it_is_told(void **state)
{
    (void)state;
    enum { ROUNDS = 2000 };
    struct rng rng;
    double before[30], after[30];
    int changed = 0;
    rng_seed(&rng, 1);
    alpha_sample(&shape, &rng, before);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(after, before, sizeof after);
        alpha_reset(&shape, &rng, 0.1, after);
        for (size_t row = 0; row < 6; row++) {
            changed += !same_row(row, before, after);
            for (size_t i = shape.first[row]; i < shape.first[row + 1]; i++)
                assert_true(same_row(row, before, after) || (after[i] != before[i] && after[i] >= 0 && after[i] < 1));
        }
    }
    assert_in_range(changed, 6 * ROUNDS * 0.08, 6 * ROUNDS * 0.12);
    memcpy(after, before, sizeof after);
    alpha_reset(&shape, &rng, 0, after);
    assert_memory_equal(after, before, sizeof after);
}

static void what_the_mask_forbids_is_not_decoded(void **state)
{
    (void)state;
    struct rng rng;
    bool mask[30];
    rng_seed(&rng, 4);
    for (int round = 0; round < 500; round++) {
        double alpha[30];
        struct arch arch;
        alpha_sample(&shape, &rng, alpha);
        for (int i = 0; i < 30; i++)
            mask[i] = i % 5 == round % 5 || rng_below(&rng, 2) == 0;
        alpha_decode(&space, &shape, alpha, mask, &arch);
        for (int row = 0; row < 6; row++) {
            assert_true(mask[5 * row + arch.genes[row]]);
            for (int i = 5 * row; i < 5 * row + 5; i++)
                assert_true(!mask[i] || alpha[i] <= alpha[5 * row + arch.genes[row]]);
        }
    }
}

static void shrinking_keeps_the_largest_and_so_the_architecture_itself(void **state)
{
    (void)state;
    struct rng rng;
    bool mask[30], before[30];
    rng_seed(&rng, 4);
    for (int round = 0; round < 200; round++) {
        double alpha[30];
        struct arch all, few;
        alpha_sample(&shape, &rng, alpha);
        memset(mask, true, sizeof mask);
        alpha_decode(&space, &shape, alpha, mask, &all);
        for (size_t keep = 3; keep > 0; keep--) {
            memcpy(before, mask, sizeof mask);
            alpha_shrink(&shape, alpha, keep, mask);
            for (size_t row = 0; row < 6; row++) {
                size_t left = 0;
                for (size_t i = 5 * row; i < 5 * row + 5; i++) {
                    left += mask[i];
                    assert_true(before[i] || !mask[i]);
                }
                assert_int_equal(left, keep);
            }
            alpha_decode(&space, &shape, alpha, mask, &few);
            assert_true(arch_equal(&few, &all));
        }
    }
}

static void of_equals_the_first_are_kept(void **state)
{
    (void)state;
    double alpha[30] = {0};
    bool mask[30];
    memset(mask, true, sizeof mask);
    alpha_shrink(&shape, alpha, 2, mask);
    for (int i = 0; i < 30; i++)
        assert_int_equal(mask[i], i % 5 < 2);
}

#define in_space(test) cmocka_unit_test_setup_teardown(test, open_space, close_space)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_space(the_shapes_are_those_of_the_papers),
        in_space(a_child_has_each_row_from_one_parent_and_from_both_alike),
        in_space(a_mutation_draws_whole_rows_as_often_as_it_is_told),
        in_space(what_the_mask_forbids_is_not_decoded),
        in_space(shrinking_keeps_the_largest_and_so_the_architecture_itself),
        in_space(of_equals_the_first_are_kept),
    };
    return TEST_RUN(tests);
}
