/* measure: hand-made vectors, and boards that do not exist: noisy, spiky, throttling, never steady, failing. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "worker/measure.h"

enum { TRIALS = 200 };

/* A simulated board: a latency with normal noise, spikes up to three times the latency, a linear drift over `drift_over` runs, and
 * slow first runs. */
struct board {
    struct rng rng;
    double latency_ms, noise, spike_share, drift;
    int drift_from, drift_over, cold_runs, fails_at;
    bool restless; /* doubles and halves every few runs */
    int runs;
};

static double normal(struct rng *rng)
{
    double u = 1.0 - rng_uniform(rng), v = rng_uniform(rng);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static double board_sample(void *context)
{
    struct board *board = context;
    int run = board->runs++;
    if (board->fails_at > 0 && run + 1 == board->fails_at)
        return -1;
    double ms = board->latency_ms * (1 + board->noise * normal(&board->rng));
    if (board->spike_share > 0 && rng_uniform(&board->rng) < board->spike_share)
        ms *= 1 + 2 * rng_uniform(&board->rng);
    if (board->drift != 0 && run >= board->drift_from)
        ms *= 1 + board->drift * fmin(1, (double)(run - board->drift_from) / board->drift_over);
    if (run < board->cold_runs)
        ms *= 1 + 2.0 * (board->cold_runs - run) / board->cold_runs;
    if (board->restless && run / 5 % 2 == 1)
        ms *= 2;
    return ms;
}

static struct board board_new(uint64_t seed)
{
    struct board board = {.latency_ms = 4.0, .noise = 0.02};
    rng_seed(&board.rng, seed);
    return board;
}

static void fill(struct board *board, double *samples, int n)
{
    for (int i = 0; i < n; i++)
        samples[i] = board_sample(board);
}

static struct measure_result statistics(const double *samples, int n)
{
    struct measure_options options = measure_defaults();
    struct measure_result result;
    memset(&result, 0, sizeof result);
    measure_statistics(samples, n, &options, &result);
    return result;
}

static void median_of_odd_and_even_counts_is_the_middle(void **state)
{
    (void)state;
    double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2}, one[] = {7};
    assert_near(measure_median(odd, 3), 5, 0, 0);
    assert_near(measure_median(even, 4), 2.5, 0, 0);
    assert_near(measure_median(one, 1), 7, 0, 0);
}

/* Windows (1,2,3) (4,5,6) (7,8,9) (10,11,12) (13,14,100): medians 2 5 8 11 14. */
static void headline_is_the_median_of_window_medians(void **state)
{
    (void)state;
    const double samples[] = {1, 3, 2, 4, 6, 5, 9, 8, 7, 12, 10, 11, 100, 14, 13};
    assert_near(statistics(samples, 15).latency_ms, 8, 0, 0);
}

static void a_burst_inside_one_window_does_not_move_the_headline(void **state)
{
    (void)state;
    double samples[50];
    for (int i = 0; i < 50; i++)
        samples[i] = i >= 20 && i < 30 ? 40 : 4;
    assert_near(statistics(samples, 50).latency_ms, 4, 0, 0);
}

static void spread_and_ranks_of_a_known_vector(void **state)
{
    (void)state;
    double samples[100];
    for (int i = 0; i < 100; i++)
        samples[i] = 100 - i; /* 1 .. 100 */
    struct measure_result result = statistics(samples, 100);
    assert_near(result.mad_ms, 25, 0, 0);
    assert_near(result.mean_ms, 50.5, 0, 1e-9);
    assert_near(result.min_ms, 1, 0, 0);
    assert_near(result.p90_ms, 90, 0, 0);
    assert_near(result.p99_ms, 99, 0, 0);
    assert_int_equal(result.sample_count, 100);
}

static void outliers_are_counted_and_kept(void **state)
{
    (void)state;
    const double samples[] = {10, 10.1, 9.9, 10.05, 9.95, 10, 10.1, 9.9, 30, 10};
    struct measure_result result = statistics(samples, 10);
    assert_int_equal(result.outlier_count, 1);
    assert_near(result.samples_ms[8], 30, 0, 0);
    assert_near(result.mean_ms, 12, 0, 1e-9);
}

static void a_coarse_clock_makes_no_outliers(void **state)
{
    (void)state;
    const double samples[] = {200, 200, 200, 201, 200, 201, 200, 201, 200, 200};
    struct measure_result result = statistics(samples, 10);
    assert_int_equal(result.outlier_count, 0);
    assert_false(result.unstable);
}

static void a_wide_spread_is_unstable(void **state)
{
    (void)state;
    double samples[60];
    for (int i = 0; i < 60; i++)
        samples[i] = i % 2 == 0 ? 4.0 : 4.5;
    assert_true(statistics(samples, 60).unstable);
}

static void many_outliers_are_unstable_though_most_samples_agree(void **state)
{
    (void)state;
    double samples[60];
    for (int i = 0; i < 60; i++)
        samples[i] = i % 4 == 0 ? 12.0 : 4.0 + 0.001 * i;
    struct measure_result result = statistics(samples, 60);
    assert_int_equal(result.outlier_count, 15);
    assert_true(result.unstable);
}

static void one_sample_is_its_own_result(void **state)
{
    (void)state;
    const double sample = 3.25;
    struct measure_result result = statistics(&sample, 1);
    assert_near(result.latency_ms, 3.25, 0, 0);
    assert_near(result.mad_ms, 0, 0, 0);
    assert_false(result.drifting);
}

/* In how many of TRIALS boards with such spikes the headline of n samples is within 2 % of the true latency. */
static int trials_within_two_percent(double spike_share, int n)
{
    int good = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct board board = board_new(1000 + (uint64_t)trial);
        double samples[MEASURE_SAMPLES_MAX];
        board.spike_share = spike_share;
        fill(&board, samples, n);
        good += fabs(statistics(samples, n).latency_ms / board.latency_ms - 1) < 0.02;
    }
    print_message("# spikes %.0f %%: %d of %d headlines within 2 %% at n = %d\n", 100 * spike_share, good, TRIALS, n);
    return good;
}

static void thirty_samples_with_five_percent_spikes_are_within_two_percent(void **state)
{
    (void)state;
    assert_in_range(trials_within_two_percent(0.05, 30), TRIALS * 95 / 100, TRIALS);
}

static void thirty_samples_with_fifteen_percent_spikes_are_within_two_percent(void **state)
{
    (void)state;
    assert_in_range(trials_within_two_percent(0.15, 30), TRIALS * 95 / 100, TRIALS);
}

static int trials_flagged_as_drift(double drift, double spike_share)
{
    int flagged = 0;
    for (int trial = 0; trial < 100; trial++) {
        struct board board = board_new(5000 + (uint64_t)trial);
        double samples[100];
        board.drift = drift;
        board.drift_over = 100;
        board.spike_share = spike_share;
        fill(&board, samples, 100);
        flagged += statistics(samples, 100).drifting;
    }
    print_message("# drift %.0f %%: flagged in %d of 100\n", 100 * drift, flagged);
    return flagged;
}

static void a_drift_of_ten_percent_is_flagged(void **state)
{
    (void)state;
    assert_in_range(trials_flagged_as_drift(0.10, 0), 95, 100);
}

static void a_board_that_speeds_up_by_ten_percent_is_flagged(void **state)
{
    (void)state;
    assert_in_range(trials_flagged_as_drift(-0.10, 0), 95, 100);
}

static void a_board_without_drift_is_not_flagged(void **state)
{
    (void)state;
    assert_in_range(trials_flagged_as_drift(0, 0), 0, 2);
}

static void spikes_are_not_taken_for_drift(void **state)
{
    (void)state;
    assert_in_range(trials_flagged_as_drift(0, 0.05), 0, 2);
}

static enum status_code take(struct board *board, const struct measure_options *options, struct measure_result *result,
                             struct status *status)
{
    memset(result, 0, sizeof *result);
    return measure_take(board_sample, board, options, result, status);
}

static void a_quiet_board_is_steady_after_two_windows_and_measured_once(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(1);
    struct measure_result result;
    struct status status;
    board.noise = 0.002;
    assert_ok(take(&board, &options, &result, &status), status);
    assert_true(measure_is_steady(&result));
    assert_int_equal(result.warmup_count, 10);
    assert_int_equal(result.sample_count, 50);
    assert_int_equal(result.attempts, 1);
    assert_int_equal(board.runs, 60);
}

static void cold_runs_are_warmed_away_and_do_not_enter_the_samples(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(2);
    struct measure_result result;
    struct status status;
    board.noise = 0.002;
    board.cold_runs = 20;
    assert_ok(take(&board, &options, &result, &status), status);
    assert_true(result.steady_start);
    assert_in_range(result.warmup_count, 25, 50);
    assert_near(result.latency_ms, 4.0, 0.01, 0);
    assert_near(result.p99_ms, 4.0, 0.02, 0);
}

static void a_board_that_never_settles_hits_the_cap_and_is_flagged(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(3);
    struct measure_result result;
    struct status status;
    board.restless = true;
    assert_ok(take(&board, &options, &result, &status), status);
    assert_int_equal(result.warmup_count, options.warmup_max);
    assert_false(result.steady_start);
    assert_true(result.unstable);
    assert_int_equal(result.attempts, 2);
}

/* The drift ends after the first attempt's 60 runs, so the second one is steady and is the one that counts. */
static void a_drifting_measurement_is_repeated_and_the_steadier_kept(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(4);
    struct measure_result result;
    struct status status;
    board.noise = 0.002;
    board.drift = 0.30;
    board.drift_from = 10;
    board.drift_over = 50;
    assert_ok(take(&board, &options, &result, &status), status);
    assert_int_equal(result.attempts, 2);
    assert_true(measure_is_steady(&result));
    assert_near(result.latency_ms, 4.0 * 1.30, 0.01, 0);
}

static void a_fast_network_is_sampled_for_the_minimum_time(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(5);
    struct measure_result result;
    struct status status;
    board.noise = 0.002;
    board.latency_ms = 0.5;
    assert_ok(take(&board, &options, &result, &status), status);
    assert_in_range(result.sample_count, 195, 205);
}

static void samples_never_exceed_what_a_result_can_hold(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(6);
    struct measure_result result;
    struct status status;
    board.noise = 0.002;
    board.latency_ms = 0.001;
    assert_ok(take(&board, &options, &result, &status), status);
    assert_int_equal(result.sample_count, MEASURE_SAMPLES_MAX);
}

static void a_slow_network_is_cut_short_by_the_time_limit(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(7);
    struct measure_result result;
    struct status status;
    board.noise = 0.002;
    board.latency_ms = 3000;
    assert_ok(take(&board, &options, &result, &status), status);
    assert_int_equal(result.warmup_count, 5);
    assert_int_equal(result.sample_count, 10);
    assert_int_equal(result.attempts, 1);
}

static void a_failing_run_ends_the_measurement_and_says_which(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(8);
    struct measure_result result;
    struct status status;
    board.fails_at = 23;
    assert_int_equal(take(&board, &options, &result, &status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status.message, "run 23"));
    assert_int_equal(board.runs, 23);
}

static double not_a_number(void *context)
{
    (void)context;
    return NAN;
}

static void a_sample_that_is_not_a_number_is_a_failure(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct measure_result result;
    struct status status;
    assert_int_equal(measure_take(not_a_number, NULL, &options, &result, &status), STATUS_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_of_odd_and_even_counts_is_the_middle),
        cmocka_unit_test(headline_is_the_median_of_window_medians),
        cmocka_unit_test(a_burst_inside_one_window_does_not_move_the_headline),
        cmocka_unit_test(spread_and_ranks_of_a_known_vector),
        cmocka_unit_test(outliers_are_counted_and_kept),
        cmocka_unit_test(a_coarse_clock_makes_no_outliers),
        cmocka_unit_test(a_wide_spread_is_unstable),
        cmocka_unit_test(many_outliers_are_unstable_though_most_samples_agree),
        cmocka_unit_test(one_sample_is_its_own_result),
        cmocka_unit_test(thirty_samples_with_five_percent_spikes_are_within_two_percent),
        cmocka_unit_test(thirty_samples_with_fifteen_percent_spikes_are_within_two_percent),
        cmocka_unit_test(a_drift_of_ten_percent_is_flagged),
        cmocka_unit_test(a_board_that_speeds_up_by_ten_percent_is_flagged),
        cmocka_unit_test(a_board_without_drift_is_not_flagged),
        cmocka_unit_test(spikes_are_not_taken_for_drift),
        cmocka_unit_test(a_quiet_board_is_steady_after_two_windows_and_measured_once),
        cmocka_unit_test(cold_runs_are_warmed_away_and_do_not_enter_the_samples),
        cmocka_unit_test(a_board_that_never_settles_hits_the_cap_and_is_flagged),
        cmocka_unit_test(a_drifting_measurement_is_repeated_and_the_steadier_kept),
        cmocka_unit_test(a_fast_network_is_sampled_for_the_minimum_time),
        cmocka_unit_test(samples_never_exceed_what_a_result_can_hold),
        cmocka_unit_test(a_slow_network_is_cut_short_by_the_time_limit),
        cmocka_unit_test(a_failing_run_ends_the_measurement_and_says_which),
        cmocka_unit_test(a_sample_that_is_not_a_number_is_a_failure),
    };
    return TEST_RUN(tests);
}
