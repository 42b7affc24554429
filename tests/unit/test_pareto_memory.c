/* pareto, front and hypervolume without memory: every allocation fails once, and the function says so or does without. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "master/front.h"
#include "master/hypervolume.h"
#include "master/pareto.h"
#include "tests/support/failing_malloc.h"

enum { N = 300, M = 4 };

static double points[N * M]; /* (N, M): near one front, so that many stay */
static size_t objectives;
static uint32_t rank[N];
static double crowding[N];
static double twice[2 * N * M]; /* the points, and then all of them again */
static bool marked[2 * N];

static int draw_points(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 20240401);
    for (size_t i = 0; i < N * M; i++)
        points[i] = i % M < M - 1 ? rng_uniform(&rng) : 3 - points[i - 1] - points[i - 2] - points[i - 3];
    memcpy(twice, points, sizeof points);
    memcpy(twice + N * M, points, sizeof points);
    return 0;
}

/* Lets allocation 0, 1, 2, ... of the action fail until one run gets through; returns how many runs had to fail. */
static int fail_each_allocation(bool (*action)(void))
{
    int refused = 0;
    for (long k = 0; k < 100000; k++) {
        failing_malloc_after(k);
        bool done = action();
        bool failed = failing_malloc_after(FAILING_MALLOC_NEVER) == FAILING_MALLOC_NEVER;
        refused += !done;
        if (!failed) {
            assert_true(done);
            return refused;
        }
    }
    fail_msg("no run got through");
    return 0;
}

static bool do_sort(void)
{
    return pareto_sort(points, NULL, N, objectives, rank);
}

static void sorting_says_so(void **state)
{
    (void)state;
    for (objectives = 1; objectives <= M; objectives++)
        assert_in_range(fail_each_allocation(do_sort), 4, 7);
}

static bool do_crowding(void)
{
    return pareto_crowding(points, rank, N, M, crowding);
}

static void crowding_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++)
        rank[i] = (uint32_t)i % 3;
    assert_int_equal(fail_each_allocation(do_crowding), 1);
}

static bool do_volume(void)
{
    double volume = 0;
    bool done = hypervolume_of(points, N, objectives, (double[]){2, 2, 2}, &volume);
    assert_true(done == !isnan(volume));
    return done;
}

static void the_volume_is_nan_then(void **state)
{
    (void)state;
    objectives = 2;
    assert_int_equal(fail_each_allocation(do_volume), 1);
    objectives = 3;
    assert_int_equal(fail_each_allocation(do_volume), 3);
}

/* Of every two equal points the first is marked. */
static bool do_mark(void)
{
    bool right = pareto_front(twice, 2 * N, M, marked) == N;
    for (size_t i = 0; i < 2 * N; i++)
        right = right && marked[i] == (i < N);
    return right;
}

static void the_marked_front_does_without(void **state)
{
    (void)state;
    assert_int_equal(fail_each_allocation(do_mark), 0);
}

/* Every offer's every allocation fails before it gets through, and nothing has changed then. */
static void an_offer_without_memory_leaves_the_front_as_it_was(void **state)
{
    (void)state;
    struct front *front = front_open(M);
    struct front_entry entries[N];
    int refused = 0;
    assert_non_null(front);
    for (size_t i = 0; i < N; i++)
        for (long k = 0;; k++) {
            failing_malloc_after(k);
            enum front_outcome outcome = front_offer(front, points + i * M, i);
            failing_malloc_after(FAILING_MALLOC_NEVER);
            assert_int_equal(front_count(front), outcome == FRONT_ENTERED ? i + 1 : i);
            if (outcome == FRONT_ENTERED)
                break;
            assert_int_equal(outcome, FRONT_NO_MEMORY);
            refused++;
        }
    assert_true(refused > 50);
    front_list(front, entries);
    for (size_t i = 1; i < N; i++)
        assert_true(entries[i - 1].objectives[0] <= entries[i].objectives[0]);
    front_close(front);
}

static bool do_open(void)
{
    struct front *front = front_open(M);
    bool done = front != NULL;
    front_close(front);
    return done;
}

static void a_front_opens_or_says_that_it_cannot(void **state)
{
    (void)state;
    assert_int_equal(fail_each_allocation(do_open), 1);
}

int main(void)
{
    FAILING_MALLOC_NEEDED();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_says_so),
        cmocka_unit_test(crowding_says_so),
        cmocka_unit_test(the_volume_is_nan_then),
        cmocka_unit_test(the_marked_front_does_without),
        cmocka_unit_test(an_offer_without_memory_leaves_the_front_as_it_was),
        cmocka_unit_test(a_front_opens_or_says_that_it_cannot),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, draw_points, NULL);
}
