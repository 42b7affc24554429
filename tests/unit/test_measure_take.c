/* measure_take: the protocol, on boards that do not exist: cold, hot, slowing their clocks, never steady, failing, giving whole
 * series, and asked for energy. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "tests/support/board.h"

enum { TRIALS = 200 };

/* Measured with the defaults; fails the test when nothing comes out. */
static struct measure_result measured_with(struct board *board, const struct measure_options *options)
{
    struct measure_result result;
    struct status status = {0};
    assert_ok(board_measure(board, options, &result, &status), status);
    return result;
}

static struct measure_result measured(struct board *board)
{
    struct measure_options options = measure_defaults();
    return measured_with(board, &options);
}

static struct board quiet_board(uint64_t seed)
{
    struct board board = board_new(seed);
    board.noise = 0.002;
    return board;
}

/* --- warm-up and length --- */

static void a_quiet_board_is_steady_after_two_windows_and_measured_once(void **state)
{
    (void)state;
    struct board board = quiet_board(1);
    board.latency_ms = 20;
    struct measure_result result = measured(&board);
    assert_true(measure_is_steady(&result));
    assert_int_equal(result.warmup_count, 10);
    assert_int_equal(result.sample_count, 50);
    assert_int_equal(result.attempts, 1);
    assert_int_equal(board.runs, 60);
    assert_int_equal(board.waits, 0);
}

static void a_network_of_a_millisecond_takes_little_more_than_half_a_second(void **state)
{
    (void)state;
    struct board board = quiet_board(2);
    board.latency_ms = 1;
    struct measure_result result = measured(&board);
    assert_in_range((int)(1000 * result.seconds), 500, 540);
    assert_in_range(result.sample_count, 490, 510);
    assert_int_equal(result.window_count, 5);
    assert_in_range(result.warmup_count, 20, 24); /* two windows of 10 ms */
}

static void cold_runs_are_warmed_away_and_do_not_enter_the_samples(void **state)
{
    (void)state;
    struct board board = quiet_board(3);
    board.cold_runs = 20;
    struct measure_result result = measured(&board);
    assert_true(result.steady_start);
    assert_in_range(result.warmup_count, 25, 50);
    assert_near(result.latency_ms, 4.0, 0.01, 0);
    assert_near(result.p99_ms, 4.0, 0.02, 0);
}

/* Slow, but evenly so: no warm-up can tell it from a slow network. It shows in the samples, and the second attempt is warm. */
static void a_board_whose_first_thirty_runs_are_slow_is_measured_right(void **state)
{
    (void)state;
    int good = 0, steady = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct board board = board_new(100 + (uint64_t)trial);
        board.cold_flat_runs = 30;
        board.latency_ms = 10;
        struct measure_result result = measured(&board);
        good += fabs(result.latency_ms / 10 - 1) < 0.02;
        steady += measure_is_steady(&result);
    }
    print_message("# thirty slow runs: %d of %d within 2 %%, %d steady\n", good, TRIALS, steady);
    assert_in_range(good, TRIALS * 98 / 100, TRIALS);
    assert_in_range(steady, TRIALS * 95 / 100, TRIALS);
}

static void a_board_that_never_settles_hits_the_cap_and_is_flagged(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(4);
    board.restless = true;
    struct measure_result result = measured(&board);
    assert_int_equal(result.warmup_count, options.warmup_windows_max * options.warmup_runs);
    assert_false(result.steady_start);
    assert_true(result.unstable);
    assert_int_equal(result.attempts, 2);
}

static void a_series_that_is_too_long_is_thinned_evenly(void **state)
{
    (void)state;
    struct board board = quiet_board(5);
    board.latency_ms = 0.02;
    board.drift = 0.02;
    board.drift_over = 25000;
    struct measure_result result = measured(&board);
    assert_int_equal(result.sample_every, 8);
    assert_in_range(result.taken_count, 24000, 26000);
    assert_int_equal(result.sample_count, (result.taken_count + 7) / 8);
    assert_near(result.samples_ms[0], 0.02, 0.01, 0);
    assert_near(result.samples_ms[result.sample_count - 1], 0.0204, 0.01, 0);
    assert_near(result.latency_ms, 0.0202, 0.003, 0);
}

static void a_slow_network_is_cut_short_by_the_time_limit(void **state)
{
    (void)state;
    struct board board = quiet_board(6);
    board.latency_ms = 3000;
    struct measure_result result = measured(&board);
    assert_int_equal(result.warmup_count, 5);
    assert_int_equal(result.sample_count, 10);
    assert_int_equal(result.attempts, 1);
}

/* --- doubts and second attempts --- */

/* The drift ends with the first attempt, so the second one is steady and is the one that counts. */
static void a_drifting_measurement_is_repeated_after_a_cool_down_and_the_steadier_kept(void **state)
{
    (void)state;
    struct board board = quiet_board(7);
    board.latency_ms = 20;
    board.drift = 0.30;
    board.drift_from = 10;
    board.drift_over = 50;
    struct measure_result result = measured(&board);
    assert_int_equal(result.attempts, 2);
    assert_true(measure_is_steady(&result));
    assert_near(result.latency_ms, 20 * 1.30, 0.01, 0);
    assert_int_equal(board.waits, 1);
    assert_near(board.waited_s, 1, 0, 0);
}

static void a_short_attempt_is_followed_by_a_cool_down_as_short(void **state)
{
    (void)state;
    struct board board = board_new(8);
    board.restless = true;
    measured(&board);
    assert_int_equal(board.waits, 1);
    assert_true(board.waited_s > 0.5 && board.waited_s < 1);
}

static void what_is_unstable_twice_is_told_and_flagged(void **state)
{
    (void)state;
    struct board board = board_new(9);
    board.second_speed = 1.3;
    board.second_share = 0.5;
    board.second_runs = 1;
    struct measure_result result = measured(&board);
    assert_int_equal(result.attempts, 2);
    assert_true(result.unstable);
    assert_false(measure_is_steady(&result));
    assert_true(result.latency_ms > 3.9 && result.latency_ms < 5.3);
}

static void a_whole_measurement_of_a_spiky_board_is_within_two_percent(void **state)
{
    (void)state;
    static const double shares[] = {0.05, 0.15};
    for (int i = 0; i < 2; i++) {
        int good = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            struct board board = board_new(300 + (uint64_t)trial);
            board.latency_ms = 20;
            board.spike_share = shares[i];
            good += fabs(measured(&board).latency_ms / 20 - 1) < 0.02;
        }
        print_message("# spikes %.0f %%: %d of %d measurements within 2 %%\n", 100 * shares[i], good, TRIALS);
        assert_in_range(good, TRIALS * 95 / 100, TRIALS);
    }
}

/* Ten per cent an attempt, and for as long as it is measured. */
static void a_board_that_slows_down_unseen_is_flagged(void **state)
{
    (void)state;
    int flagged = 0, calm = 0;
    for (int trial = 0; trial < 100; trial++) {
        struct board board = board_new(700 + (uint64_t)trial), steady = board_new(900 + (uint64_t)trial);
        board.latency_ms = steady.latency_ms = 5;
        board.drift = 0.5;
        board.drift_over = 500; /* of the 110 runs of an attempt */
        flagged += measured(&board).drifting;
        struct measure_result result = measured(&steady);
        calm += measure_is_steady(&result);
    }
    print_message("# slowing by 10 %% an attempt: %d of 100 flagged; not slowing: %d of 100 steady\n", flagged, calm);
    assert_in_range(flagged, 95, 100);
    assert_in_range(calm, 98, 100);
}

/* --- before --- */

static void a_hot_board_is_waited_for(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(10);
    options.start_temperature_c = 50;
    board.temperature_c = 70;
    board.cools_by_c = 5;
    struct measure_result result = measured_with(&board, &options);
    assert_int_equal(board.waits, 4);
    assert_near(result.before.temperature_c, 50, 0, 0);
    assert_false(result.hot_start);
    assert_true(measure_is_steady(&result));
}

static void a_board_that_stays_hot_is_measured_in_the_end_and_flagged(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(11);
    options.start_temperature_c = 50;
    board.temperature_c = 70;
    struct measure_result result = measured_with(&board, &options);
    assert_near(board.waited_s, options.start_wait_s, 0, 0);
    assert_true(result.hot_start);
    assert_false(measure_is_steady(&result));
    assert_int_equal(result.attempts, 1);
}

static void a_board_that_stays_hot_is_refused_where_measuring_is_strict(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(12);
    struct measure_result result;
    struct status status = {0};
    options.strict = true;
    options.start_temperature_c = 50;
    board.temperature_c = 70;
    assert_int_equal(board_measure(&board, &options, &result, &status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status.message, "at 70.0 degrees"));
    assert_int_equal(board.runs, 0);
}

static void a_board_that_shows_no_temperature_is_not_waited_for(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(13);
    options.start_temperature_c = 50;
    measured_with(&board, &options);
    assert_int_equal(board.waits, 0);
}

static void a_governor_that_follows_the_load_is_refused_only_where_measuring_is_strict(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(14);
    struct measure_result result;
    struct status status = {0};
    strcpy(board.view.governor, "ondemand");
    measured(&board);
    options.strict = true;
    board = quiet_board(14);
    strcpy(board.view.governor, "ondemand");
    assert_int_equal(board_measure(&board, &options, &result, &status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status.message, "'ondemand'"));
    strcpy(board.view.governor, "performance");
    measured_with(&board, &options);
}

static void a_wait_that_is_called_off_ends_the_measurement(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(15);
    struct measure_result result;
    struct status status = {0};
    options.start_temperature_c = 50;
    board.temperature_c = 70;
    board.waits_until_called_off = 3;
    assert_int_equal(board_measure(&board, &options, &result, &status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status.message, "called off"));
    assert_int_equal(board.waits, 3);
}

/* --- throttling --- */

/* One attempt slows down in that way; what it gave is discarded and the next one counts. */
static void expect_discarded(struct board *board, const char *why)
{
    board->slow_attempts = 1;
    board->slow_factor = 1.5;
    struct measure_result result = measured(board);
    assert_int_equal(result.discarded_count, 1);
    assert_int_equal(result.attempts, 2);
    assert_non_null(strstr(result.throttled_why, why));
    assert_near(result.latency_ms, board->latency_ms, 0.01, 0);
    assert_true(measure_is_steady(&result));
    assert_int_equal(board->waits, 1);
    assert_near(board->waited_s, 5, 0, 0);
}

static void an_attempt_with_throttle_bits_is_discarded_and_taken_again(void **state)
{
    (void)state;
    struct board board = quiet_board(20);
    board.slow_view.throttled = 0x4;
    expect_discarded(&board, "0x4 (too hot)");
}

static void under_voltage_is_told_from_heat(void **state)
{
    (void)state;
    struct board board = quiet_board(21);
    board.slow_view.throttled = 0x10000;
    expect_discarded(&board, "under-voltage");
}

static void a_fixed_clock_that_fell_discards_the_attempt(void **state)
{
    (void)state;
    struct board board = quiet_board(22);
    strcpy(board.view.governor, "performance");
    board.view.frequency_mhz = 1500;
    board.slow_view = board.view;
    board.slow_view.frequency_mhz = 1000;
    expect_discarded(&board, "from 1500 to 1000 MHz");
}

static void a_lowered_limit_of_the_clock_discards_the_attempt(void **state)
{
    (void)state;
    struct board board = quiet_board(23);
    strcpy(board.view.governor, "ondemand");
    board.view.frequency_max_mhz = 1500;
    board.slow_view = board.view;
    board.slow_view.frequency_max_mhz = 1200;
    expect_discarded(&board, "highest clock fell from 1500 to 1200 MHz");
}

static void a_fixed_graphics_clock_that_fell_discards_the_attempt(void **state)
{
    (void)state;
    struct board board = quiet_board(28);
    board.view.gpu_mhz = 1300;
    board.slow_view = board.view;
    board.slow_view.gpu_mhz = 1122;
    expect_discarded(&board, "graphics clock fell from 1300 to 1122 MHz");
}

static void a_counted_throttling_discards_the_attempt(void **state)
{
    (void)state;
    struct board board = quiet_board(24);
    board.view.throttle_count = 7;
    board.slow_view.throttle_count = 9;
    expect_discarded(&board, "2 times");
}

static void bits_of_long_ago_and_clocks_that_may_change_discard_nothing(void **state)
{
    (void)state;
    struct board board = quiet_board(25);
    strcpy(board.view.governor, "ondemand");
    board.view.frequency_mhz = 1500;
    board.view.throttled = 0xe0000; /* since boot, before this measurement */
    board.slow_view = board.view;
    board.slow_view.frequency_mhz = 600;
    board.slow_attempts = 1;
    struct measure_result result = measured(&board);
    assert_int_equal(result.discarded_count, 0);
    assert_int_equal(result.attempts, 1);
}

static void a_board_that_always_throttles_is_given_up_with_its_reason(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(26);
    struct measure_result result;
    struct status status = {0};
    board.slow_attempts = 100;
    board.slow_view.throttled = 0x2;
    assert_int_equal(board_measure(&board, &options, &result, &status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status.message, "3 attempts"));
    assert_non_null(strstr(status.message, "0x2"));
    assert_true(result.throttled);
    assert_int_equal(result.attempts, 3);
    assert_near(board.waited_s, 5 + 10, 0, 0);
}

static void a_second_attempt_that_throttles_leaves_the_first(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = board_new(27);
    options.throttled_max = 1;
    board.restless = true;
    struct measure_result result;
    struct status status = {0};
    board.slow_view.throttled = 0x4;
    board.slow_from_look = 4;
    assert_ok(board_measure(&board, &options, &result, &status), status);
    assert_int_equal(result.attempts, 2);
    assert_int_equal(result.discarded_count, 1);
    assert_true(result.unstable);
    assert_false(result.throttled);
}

/* --- failures --- */

static void a_failing_run_ends_the_measurement_and_says_which(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(30);
    struct measure_result result;
    struct status status = {0};
    board.fails_at = 23;
    assert_int_equal(board_measure(&board, &options, &result, &status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status.message, "run 23"));
    assert_int_equal(board.runs, 22);
}

static int not_a_number(void *context, double *out_ms, int room, struct measure_run *said, struct status *status)
{
    (void)context, (void)room, (void)said, (void)status;
    *out_ms = NAN;
    return 1;
}

static void a_sample_that_is_not_a_number_is_a_failure(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct measure_board board = {.run = not_a_number};
    struct measure_result result;
    struct status status = {0};
    assert_int_equal(measure_take(&board, &options, &result, &status), STATUS_UNAVAILABLE);
}

static int fails_with_a_sentence(void *context, double *out_ms, int room, struct measure_run *said, struct status *status)
{
    (void)context, (void)out_ms, (void)room, (void)said;
    status_set(status, STATUS_BAD_INPUT, "the tool printed nothing");
    return -1;
}

static void the_sentence_of_a_failing_run_is_the_sentence(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct measure_board board = {.run = fails_with_a_sentence};
    struct measure_result result;
    struct status status = {0};
    assert_int_equal(measure_take(&board, &options, &result, &status), STATUS_BAD_INPUT);
    assert_string_equal(status.message, "the tool printed nothing");
    assert_int_equal(measure_take(&board, &options, &result, NULL), STATUS_BAD_INPUT);
}

/* --- energy --- */

static void energy_is_told_when_enough_power_samples_are_there(void **state)
{
    (void)state;
    struct board board = quiet_board(40);
    board.power_every_s = 0.005;
    board.energy_mj = 12.5;
    struct measure_result result = measured(&board);
    assert_near(result.energy_mj, 12.5, 1e-9, 0);
    assert_in_range(result.power_samples, 95, 105);
    assert_near(result.seconds, 0.55, 0.05, 0);
}

static void a_measurement_goes_on_until_there_are_enough_power_samples(void **state)
{
    (void)state;
    struct board board = quiet_board(41);
    board.power_every_s = 0.1; /* as the Jetson's rails were read for HW-NAS-Bench */
    board.energy_mj = 12.5;
    struct measure_result result = measured(&board);
    assert_in_range(result.power_samples, 50, 51);
    assert_near(result.energy_mj, 12.5, 1e-9, 0);
    assert_near(result.seconds, 5, 0.03, 0);
}

static void an_energy_of_too_few_power_samples_is_not_told(void **state)
{
    (void)state;
    struct measure_options options = measure_defaults();
    struct board board = quiet_board(42);
    board.power_every_s = 1;
    board.energy_mj = 12.5;
    struct measure_result result = measured(&board);
    assert_true(isnan(result.energy_mj));
    assert_in_range(result.power_samples, 19, 21);
    assert_near(result.seconds, options.seconds_max, 0.01, 0);
}

/* --- whole series, summaries and calculated latencies --- */

static void a_whole_series_is_asked_for_once_and_not_warmed_up(void **state)
{
    (void)state;
    struct board board = quiet_board(50);
    board.series = 80;
    struct measure_result result = measured(&board);
    assert_int_equal(result.sample_count, 80);
    assert_int_equal(result.warmup_count, 0);
    assert_int_equal(board.runs, 80);
    assert_true(measure_is_steady(&result));
}

static void an_unstable_series_is_asked_for_once_more(void **state)
{
    (void)state;
    struct board board = board_new(51);
    board.series = 80;
    board.restless = true;
    struct measure_result result = measured(&board);
    assert_int_equal(result.attempts, 2);
    assert_int_equal(result.sample_count, 80);
    assert_int_equal(board.runs, 160);
    assert_true(result.unstable);
}

static void a_series_longer_than_a_result_holds_is_cut_by_the_tool(void **state)
{
    (void)state;
    struct board board = quiet_board(52);
    board.series = MEASURE_SAMPLES_MAX;
    assert_int_equal(measured(&board).sample_count, MEASURE_SAMPLES_MAX);
}

static void one_number_of_a_tool_is_a_summary_that_nothing_vouches_for(void **state)
{
    (void)state;
    struct board board = quiet_board(53);
    board.series = 1;
    struct measure_result result = measured(&board);
    assert_true(result.summary_only);
    assert_false(measure_is_steady(&result));
    assert_int_equal(result.attempts, 1);
    assert_int_equal(board.runs, 1);
}

static void a_deterministic_board_runs_once_and_nothing_is_doubtful(void **state)
{
    (void)state;
    struct board board = board_new(54);
    board.noise = 0;
    board.deterministic = true;
    board.power_every_s = 1;
    board.energy_mj = 0.7;
    struct measure_result result = measured(&board);
    assert_int_equal(board.runs, 1);
    assert_true(measure_is_steady(&result));
    assert_near(result.latency_ms, 4, 0, 0);
    assert_near(result.energy_mj, 0.7, 1e-12, 0);
}

static void a_series_is_asked_for_again_until_power_samples_suffice(void **state)
{
    (void)state;
    struct board board = quiet_board(55);
    board.series = 100; /* 0.4 s */
    board.power_every_s = 0.02;
    board.energy_mj = 3;
    struct measure_result result = measured(&board);
    assert_int_equal(result.sample_count, 300);
    assert_near(result.energy_mj, 3, 1e-9, 0);
}

/* --- modes --- */

static void strict_measures_a_thousand_samples_and_a_minute_after_three_seconds(void **state)
{
    (void)state;
    struct measure_options options = measure_strict();
    struct board board = quiet_board(60), slow = quiet_board(61);
    struct measure_result result = measured_with(&board, &options);
    assert_in_range(result.taken_count, 14900, 15100);
    assert_int_equal(result.sample_every, 4);
    assert_int_equal(result.window_count, 20);
    assert_near(result.seconds, 63, 0.01, 0);
    slow.latency_ms = 200;
    result = measured_with(&slow, &options);
    assert_int_equal(result.taken_count, 1024);
    assert_int_equal(result.mode, MEASURE_STRICT);
}

/* Ten minutes; it slows down by 40 % over the first four. */
static void sustained_tells_what_the_board_does_in_the_end_and_keeps_what_throttled(void **state)
{
    (void)state;
    struct measure_options options = measure_sustained(10);
    struct board board = quiet_board(62);
    board.latency_ms = 20;
    board.drift = 0.4;
    board.drift_over = 10000;
    board.slow_view.throttled = 0x4;
    board.slow_attempts = 1;
    struct measure_result result = measured_with(&board, &options);
    assert_near(result.latency_ms, 28, 0.005, 0);
    assert_true(result.throttled);
    assert_int_equal(result.discarded_count, 0);
    assert_int_equal(result.attempts, 1);
    assert_int_equal(result.warmup_count, 0);
    assert_true(result.drift > 0.15);
    assert_true(measure_is_steady(&result));
    assert_near(result.seconds, 600, 0.001, 0);
}

static void every_mode_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(measure_mode_name(measure_defaults().mode), "quick");
    assert_string_equal(measure_mode_name(measure_strict().mode), "strict");
    assert_string_equal(measure_mode_name(measure_sustained(1).mode), "sustained");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_board_is_steady_after_two_windows_and_measured_once),
        cmocka_unit_test(a_network_of_a_millisecond_takes_little_more_than_half_a_second),
        cmocka_unit_test(cold_runs_are_warmed_away_and_do_not_enter_the_samples),
        cmocka_unit_test(a_board_whose_first_thirty_runs_are_slow_is_measured_right),
        cmocka_unit_test(a_board_that_never_settles_hits_the_cap_and_is_flagged),
        cmocka_unit_test(a_series_that_is_too_long_is_thinned_evenly),
        cmocka_unit_test(a_slow_network_is_cut_short_by_the_time_limit),
        cmocka_unit_test(a_drifting_measurement_is_repeated_after_a_cool_down_and_the_steadier_kept),
        cmocka_unit_test(a_short_attempt_is_followed_by_a_cool_down_as_short),
        cmocka_unit_test(what_is_unstable_twice_is_told_and_flagged),
        cmocka_unit_test(a_whole_measurement_of_a_spiky_board_is_within_two_percent),
        cmocka_unit_test(a_board_that_slows_down_unseen_is_flagged),
        cmocka_unit_test(a_hot_board_is_waited_for),
        cmocka_unit_test(a_board_that_stays_hot_is_measured_in_the_end_and_flagged),
        cmocka_unit_test(a_board_that_stays_hot_is_refused_where_measuring_is_strict),
        cmocka_unit_test(a_board_that_shows_no_temperature_is_not_waited_for),
        cmocka_unit_test(a_governor_that_follows_the_load_is_refused_only_where_measuring_is_strict),
        cmocka_unit_test(a_wait_that_is_called_off_ends_the_measurement),
        cmocka_unit_test(an_attempt_with_throttle_bits_is_discarded_and_taken_again),
        cmocka_unit_test(under_voltage_is_told_from_heat),
        cmocka_unit_test(a_fixed_clock_that_fell_discards_the_attempt),
        cmocka_unit_test(a_lowered_limit_of_the_clock_discards_the_attempt),
        cmocka_unit_test(a_fixed_graphics_clock_that_fell_discards_the_attempt),
        cmocka_unit_test(a_counted_throttling_discards_the_attempt),
        cmocka_unit_test(bits_of_long_ago_and_clocks_that_may_change_discard_nothing),
        cmocka_unit_test(a_board_that_always_throttles_is_given_up_with_its_reason),
        cmocka_unit_test(a_second_attempt_that_throttles_leaves_the_first),
        cmocka_unit_test(a_failing_run_ends_the_measurement_and_says_which),
        cmocka_unit_test(a_sample_that_is_not_a_number_is_a_failure),
        cmocka_unit_test(the_sentence_of_a_failing_run_is_the_sentence),
        cmocka_unit_test(energy_is_told_when_enough_power_samples_are_there),
        cmocka_unit_test(a_measurement_goes_on_until_there_are_enough_power_samples),
        cmocka_unit_test(an_energy_of_too_few_power_samples_is_not_told),
        cmocka_unit_test(a_whole_series_is_asked_for_once_and_not_warmed_up),
        cmocka_unit_test(an_unstable_series_is_asked_for_once_more),
        cmocka_unit_test(a_series_longer_than_a_result_holds_is_cut_by_the_tool),
        cmocka_unit_test(one_number_of_a_tool_is_a_summary_that_nothing_vouches_for),
        cmocka_unit_test(a_deterministic_board_runs_once_and_nothing_is_doubtful),
        cmocka_unit_test(a_series_is_asked_for_again_until_power_samples_suffice),
        cmocka_unit_test(strict_measures_a_thousand_samples_and_a_minute_after_three_seconds),
        cmocka_unit_test(sustained_tells_what_the_board_does_in_the_end_and_keeps_what_throttled),
        cmocka_unit_test(every_mode_has_its_name),
    };
    return TEST_RUN(tests);
}
