/* nsga: who stands before whom, and the operators on real numbers. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "master/nsga.h"

enum { N = 40, ROUNDS = 500 };

static void lower_ranks_stand_first_then_the_lonelier_then_the_older(void **state)
{
    (void)state;
    static const double points[][2] = {{3, 3}, {0, 4}, {1, 1}, {4, 0}, {1, 1}, {2, 0.5}};
    static const double violation[] = {0, 0, 0, 0, 0, 1};
    struct nsga_standing standing[6];
    for (uint32_t i = 0; i < 6; i++)
        standing[i].age = 10 - i;
    assert_true(nsga_rank(&points[0][0], violation, 6, 2, standing));
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(standing[i].index, i);
    nsga_sort(standing, 6);
    static const uint32_t want[] = {3, 1, 2, 4, 0, 5}; /* both ends, 3 younger by its age; the twin of 2 has no room */
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(standing[i].index, want[i]);
    assert_int_equal(standing[4].rank, 1);
    assert_int_equal(standing[5].rank, 2);
}

static void sample(struct rng *rng, double *x)
{
    for (int i = 0; i < N; i++)
        x[i] = rng_uniform(rng);
}

static void children_of_a_crossing_that_does_not_happen_are_their_parents(void **state)
{
    (void)state;
    struct rng rng;
    double a[N], b[N], child[N], sibling[N];
    rng_seed(&rng, 1);
    sample(&rng, a);
    sample(&rng, b);
    nsga_cross(&rng, 0, 15, N, a, b, child, sibling);
    assert_memory_equal(child, a, sizeof a);
    assert_memory_equal(sibling, b, sizeof b);
    nsga_cross(&rng, 1, 15, N, a, a, child, sibling);
    assert_memory_equal(child, a, sizeof a);
}

/* Mean distance of children from the nearer parent, in distances of the parents. */
static double scatter(double eta, int *crossed, int *changed, int *on_the_other_side)
{
    struct rng rng;
    double sum = 0, aside = 0; /* the latter: how far the middle of the children is from that of their parents */
    *crossed = *changed = *on_the_other_side = 0;
    rng_seed(&rng, 2);
    for (int round = 0; round < ROUNDS; round++) {
        double a[N], b[N], children[2][N];
        sample(&rng, a);
        sample(&rng, b);
        nsga_cross(&rng, 0.7, eta, N, a, b, children[0], children[1]);
        *crossed += memcmp(a, children[0], sizeof a) != 0;
        for (int i = 0; i < N; i++) {
            double distance = fabs(a[i] - b[i]);
            for (int k = 0; k < 2; k++)
                assert_true(children[k][i] >= 0 && children[k][i] <= 1);
            if (children[0][i] == a[i])
                continue;
            ++*changed;
            aside += fabs(children[0][i] + children[1][i] - a[i] - b[i]) / distance;
            *on_the_other_side += fabs(children[0][i] - a[i]) > fabs(children[0][i] - b[i]);
            sum += fmin(fabs(children[0][i] - a[i]), fabs(children[0][i] - b[i])) / distance;
        }
    }
    assert_true(aside / *changed < 0.3);
    return sum / *changed;
}

static void crossing_changes_half_the_numbers_and_swaps_half_of_those(void **state)
{
    (void)state;
    int crossed, changed, other;
    double near = scatter(15, &crossed, &changed, &other);
    assert_in_range(crossed, ROUNDS * 0.64, ROUNDS * 0.76);
    assert_in_range(changed, crossed * N * 0.48, crossed * N * 0.52);
    assert_in_range(other, changed * 0.47, changed * 0.53);
    double far = scatter(2, &crossed, &changed, &other);
    print_message("# mean distance from a parent: eta 15 %.4f, eta 2 %.4f\n", near, far);
    assert_true(near > 0 && near < 0.06);
    assert_true(far > 2 * near);
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* From the middle the median step is 1 - 0.5^(1/(eta+1)) to either side. */
static void mutation_has_the_steps_of_its_polynomial(void **state)
{
    (void)state;
    static double steps[ROUNDS * N];
    struct rng rng;
    int changed = 0, up = 0;
    rng_seed(&rng, 3);
    for (int round = 0; round < ROUNDS; round++) {
        double x[N];
        for (int i = 0; i < N; i++)
            x[i] = 0.5;
        nsga_mutate(&rng, 0.2, 20, N, x);
        for (int i = 0; i < N; i++) {
            if (x[i] == 0.5)
                continue;
            up += x[i] > 0.5;
            steps[changed++] = fabs(x[i] - 0.5);
        }
    }
    assert_in_range(changed, ROUNDS * N * 0.19, ROUNDS * N * 0.21);
    assert_in_range(up, changed * 0.47, changed * 0.53);
    qsort(steps, (size_t)changed, sizeof *steps, by_size);
    assert_near(steps[changed / 2], 1 - pow(0.5, 1.0 / 21), 0, 0.002);
    assert_near(steps[changed * 3 / 4], 1 - pow(0.25, 1.0 / 21), 0, 0.003);
}

static void mutation_stays_within_even_at_the_ends(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    for (int round = 0; round < ROUNDS; round++) {
        double x[N], before[N];
        for (int i = 0; i < N; i++)
            before[i] = x[i] = i % 2;
        nsga_mutate(&rng, 1, 2, N, x);
        for (int i = 0; i < N; i++)
            assert_true(x[i] >= 0 && x[i] <= 1);
        nsga_mutate(&rng, 0, 2, N, before);
        for (int i = 0; i < N; i++)
            assert_true(before[i] == i % 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lower_ranks_stand_first_then_the_lonelier_then_the_older),
        cmocka_unit_test(children_of_a_crossing_that_does_not_happen_are_their_parents),
        cmocka_unit_test(crossing_changes_half_the_numbers_and_swaps_half_of_those),
        cmocka_unit_test(mutation_has_the_steps_of_its_polynomial),
        cmocka_unit_test(mutation_stays_within_even_at_the_ends),
    };
    return TEST_RUN(tests);
}
