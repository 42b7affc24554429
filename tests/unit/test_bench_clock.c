/* bench_clock: a simulated cluster, followed with a pencil. */
#include "tests/support/test.h"

#include <math.h>

#include "common/rng.h"
#include "master/bench_clock.h"

static void next_is(struct bench_clock *clock, uint64_t ask, double second)
{
    uint64_t got = 999;
    assert_true(bench_clock_next(clock, &got));
    assert_int_equal(got, ask);
    assert_near(bench_clock_now(clock), second, 1e-12, 0);
}

/* Two workers, three candidates of 4, 1 and 2 seconds:
 *   worker 0: [ask 0: 0..4]
 *   worker 1: [ask 1: 0..1][ask 2: 1..3] */
static void two_workers_share_three_candidates(void **state)
{
    (void)state;
    uint64_t ask;
    struct bench_clock *clock = bench_clock_new(&(struct bench_clock_settings){.workers = 2, .slow_board = 1});
    assert_true(bench_clock_start(clock, 0, 4, 0));
    assert_true(bench_clock_start(clock, 1, 1, 0));
    assert_true(bench_clock_start(clock, 2, 2, 0));
    next_is(clock, 1, 1);
    next_is(clock, 2, 3);
    next_is(clock, 0, 4);
    assert_false(bench_clock_next(clock, &ask));
    assert_near(bench_clock_workers_busy(clock), 7.0 / 8, 1e-12, 0);
    assert_near(bench_clock_speedup(clock), 7.0 / 4, 1e-12, 0);
    assert_true(isnan(bench_clock_boards_busy(clock)));
    bench_clock_free(clock);
}

/* One worker, two boards, the second of which takes three times as long:
 *   worker:  [ask 0: 0..1][ask 1: 1..2][ask 2: 2..3]
 *   board 0: [ask 0: 0..2]      [ask 2: 2..4]
 *   board 1: [ask 1: 0........6] */
static void a_slow_board_is_given_what_it_is_free_for(void **state)
{
    (void)state;
    struct bench_clock *clock = bench_clock_new(&(struct bench_clock_settings){.workers = 1, .boards = 2, .slow_board = 3});
    for (uint64_t ask = 0; ask < 3; ask++)
        assert_true(bench_clock_start(clock, ask, 1, 2));
    next_is(clock, 0, 2);
    next_is(clock, 2, 4);
    next_is(clock, 1, 6);
    assert_near(bench_clock_boards_busy(clock), (2 + 2 + 6) / 12.0, 1e-12, 0);
    assert_near(bench_clock_speedup(clock), (3 * 1 + 3 * 2) / 6.0, 1e-12, 0);
    bench_clock_free(clock);
}

static void what_comes_later_waits_for_nobody_who_is_idle(void **state)
{
    (void)state;
    struct bench_clock *clock = bench_clock_new(&(struct bench_clock_settings){.workers = 2, .slow_board = 1});
    assert_true(bench_clock_start(clock, 0, 5, 0));
    assert_true(bench_clock_start(clock, 1, 2, 0));
    next_is(clock, 1, 2);
    assert_true(bench_clock_start(clock, 2, 1, 0)); /* the second worker has been idle since second 2 */
    next_is(clock, 2, 3);
    next_is(clock, 0, 5);
    assert_true(bench_clock_start(clock, 3, 1, 0));
    next_is(clock, 3, 6);
    bench_clock_free(clock);
}

static void what_needs_nothing_is_complete_at_once_and_equal_moments_go_by_ask(void **state)
{
    (void)state;
    struct bench_clock *clock = bench_clock_new(&(struct bench_clock_settings){.workers = 1, .slow_board = 1});
    assert_true(bench_clock_start(clock, 7, 0, 0));
    assert_true(bench_clock_start(clock, 3, 0, 0));
    next_is(clock, 3, 0);
    next_is(clock, 7, 0);
    bench_clock_free(clock);
}

/* Random candidates: nobody is ever busy with two things, and no time passes while somebody idle could have begun. */
static void no_cluster_is_faster_than_its_workers_nor_slower_than_first_come_first_served(void **state)
{
    (void)state;
    enum { WORKERS = 4, CANDIDATES = 500 };
    struct rng rng;
    uint64_t ask;
    double sum = 0, longest = 0;
    struct bench_clock *clock = bench_clock_new(&(struct bench_clock_settings){.workers = WORKERS, .slow_board = 1});
    rng_seed(&rng, 5);
    for (uint64_t i = 0; i < CANDIDATES; i++) {
        double seconds = 1 + rng_uniform(&rng);
        sum += seconds;
        longest = fmax(longest, seconds);
        assert_true(bench_clock_start(clock, i, seconds, 0));
    }
    for (int i = 0; i < CANDIDATES; i++)
        assert_true(bench_clock_next(clock, &ask));
    assert_true(bench_clock_now(clock) >= sum / WORKERS);
    assert_true(bench_clock_now(clock) <= sum / WORKERS + longest);
    bench_clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_workers_share_three_candidates),
        cmocka_unit_test(a_slow_board_is_given_what_it_is_free_for),
        cmocka_unit_test(what_comes_later_waits_for_nobody_who_is_idle),
        cmocka_unit_test(what_needs_nothing_is_complete_at_once_and_equal_moments_go_by_ask),
        cmocka_unit_test(no_cluster_is_faster_than_its_workers_nor_slower_than_first_come_first_served),
    };
    return TEST_RUN(tests);
}
