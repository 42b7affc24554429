/* measure: statistics of hand-made vectors, and of boards that do not exist: noisy, spiky, drifting, of two speeds. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "tests/support/board.h"

enum { TRIALS = 200 };

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
    assert_near(result.std_ms, 29.011491975882016, 1e-12, 0);
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

/* The error that 95 % of the trials stay below, in per cent; reorders them. */
static double usual_error(double *errors)
{
    double above[TRIALS / 20 + 1];
    for (int kept = 0; kept < TRIALS / 20 + 1; kept++) {
        int worst = 0;
        for (int i = 1; i < TRIALS; i++)
            if (errors[i] > errors[worst])
                worst = i;
        above[kept] = errors[worst];
        errors[worst] = -1;
    }
    return 100 * above[TRIALS / 20];
}

/* In how many of TRIALS boards with such spikes the headline of n samples is within 2 % of the true latency. */
static int trials_within_two_percent(double spike_share, int n)
{
    int good = 0;
    double headline[TRIALS], mean[TRIALS], least[TRIALS];
    for (int trial = 0; trial < TRIALS; trial++) {
        struct board board = board_new(1000 + (uint64_t)trial);
        double samples[MEASURE_SAMPLES_MAX];
        board.spike_share = spike_share;
        board_fill(&board, samples, n);
        struct measure_result result = statistics(samples, n);
        headline[trial] = fabs(result.latency_ms / board.latency_ms - 1);
        mean[trial] = fabs(result.mean_ms / board.latency_ms - 1);
        least[trial] = fabs(result.min_ms / board.latency_ms - 1);
        good += headline[trial] < 0.02;
    }
    print_message(
        "# spikes %.0f %%, n = %d: %d of %d headlines within 2 %%; error of 95 in 100 below: headline %.1f %%, mean %.1f %%, "
        "minimum %.1f %%\n",
        100 * spike_share, n, good, TRIALS, usual_error(headline), usual_error(mean), usual_error(least));
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
        board_fill(&board, samples, 100);
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

/* In how many of TRIALS boards the result of n samples is called unstable. */
static int trials_unstable(double second_speed, double second_share, int second_runs, int n)
{
    int flagged = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct board board = board_new(9000 + (uint64_t)trial);
        double samples[MEASURE_SAMPLES_MAX];
        board.second_speed = second_speed;
        board.second_share = second_share;
        board.second_runs = second_runs;
        board_fill(&board, samples, n);
        flagged += statistics(samples, n).unstable;
    }
    print_message("# second speed %.2f in %.0f %% of stretches of %d runs: unstable in %d of %d at n = %d\n", second_speed,
                  100 * second_share, second_runs, flagged, TRIALS, n);
    return flagged;
}

static void a_board_of_two_speeds_that_change_from_run_to_run_is_unstable(void **state)
{
    (void)state;
    assert_in_range(trials_unstable(1.15, 0.5, 1, 100), TRIALS * 95 / 100, TRIALS);
}

static void a_board_of_two_speeds_that_change_now_and_then_is_unstable(void **state)
{
    (void)state;
    assert_in_range(trials_unstable(1.30, 0.5, 10, 100), TRIALS * 75 / 100, TRIALS);
}

/* The fewer the runs at the second speed, the less it moves the headline, and the more it looks like a burst. */
static void a_board_that_is_seldom_at_its_second_speed_is_measured_at_its_first(void **state)
{
    (void)state;
    int good = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct board board = board_new(9500 + (uint64_t)trial);
        double samples[100];
        board.second_speed = 1.30;
        board.second_share = 0.15;
        board.second_runs = 1;
        board_fill(&board, samples, 100);
        good += fabs(statistics(samples, 100).latency_ms / board.latency_ms - 1) < 0.02;
    }
    print_message("# second speed 1.30 in 15 %% of runs: %d of %d within 2 %%\n", good, TRIALS);
    assert_in_range(good, TRIALS * 95 / 100, TRIALS);
}

static void a_board_of_one_speed_is_not_called_unstable(void **state)
{
    (void)state;
    assert_int_equal(trials_unstable(1.0, 0.5, 20, 50), 0);
}

/* Neither is far from the median: single samples scatter as much as the two speeds differ. */
static void windows_of_two_speeds_are_unstable_though_no_sample_is_an_outlier(void **state)
{
    (void)state;
    double samples[100];
    for (int i = 0; i < 100; i++)
        samples[i] = (i >= 60 ? 4.24 : 4.0) * (1 + 0.01 * (i % 7 - 3));
    struct measure_result result = statistics(samples, 100);
    assert_int_equal(result.outlier_count, 0);
    assert_true(result.mad_ms < 0.05 * 4);
    assert_int_equal(result.window_count, 5);
    assert_near(result.windows_ms[0], 4.0, 1e-2, 0);
    assert_near(result.windows_ms[4], 4.24, 1e-2, 0);
    assert_true(result.unstable);
}

static void a_tail_is_what_the_statistics_are_about_and_all_samples_stay(void **state)
{
    (void)state;
    struct measure_options options = measure_sustained(1);
    struct measure_result result;
    double samples[90];
    for (int i = 0; i < 90; i++)
        samples[i] = (i >= 60 ? 6.0 : 4.0) + 0.001 * (i % 7);
    memset(&result, 0, sizeof result);
    measure_statistics(samples, 90, &options, &result);
    assert_near(result.latency_ms, 6.003, 1e-3, 0);
    assert_near(result.min_ms, 6.0, 1e-9, 0);
    assert_int_equal(result.sample_count, 90);
    assert_near(result.samples_ms[0], 4.0, 0, 0);
    assert_near(result.drift, 0.4, 0.01, 0);
    assert_false(result.drifting);
    assert_false(result.unstable);
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
        cmocka_unit_test(a_board_of_two_speeds_that_change_from_run_to_run_is_unstable),
        cmocka_unit_test(a_board_of_two_speeds_that_change_now_and_then_is_unstable),
        cmocka_unit_test(a_board_that_is_seldom_at_its_second_speed_is_measured_at_its_first),
        cmocka_unit_test(a_board_of_one_speed_is_not_called_unstable),
        cmocka_unit_test(windows_of_two_speeds_are_unstable_though_no_sample_is_an_outlier),
        cmocka_unit_test(a_tail_is_what_the_statistics_are_about_and_all_samples_stay),
    };
    return TEST_RUN(tests);
}
