/* trust, trust_result: each rule by hand, and figures made up by boards that lie. How often chance fools the rules about canaries
 * is in tests/sim/test_trust_sim. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "common/rng.h"
#include "master/trust.h"
#include "master/trust_result.h"

static struct trust_board board;
static struct trust_opinion opinion;

static int setup(void **state)
{
    (void)state;
    memset(&board, 0, sizeof board);
    return 0;
}

static enum trust_verdict canary(double latency_ms)
{
    trust_canary(&board, latency_ms, 1000, &opinion);
    return opinion.verdict;
}

/* `n` canaries that scatter by a percent around the level, in a fixed pattern. */
static void settle(int n, double level_ms)
{
    static const double pattern[] = {1.0, 1.01, 0.99, 1.005, 0.995};
    for (int i = 0; i < n; i++)
        canary(level_ms * pattern[i % 5]);
}

/* --- canaries --- */

static void the_first_canary_is_good_and_the_level(void **state)
{
    (void)state;
    assert_int_equal(canary(12.5), TRUST_GOOD);
    assert_true(isnan(opinion.expected_ms));
    assert_near(trust_level_ms(&board), 12.5, 1e-12, 0);
    assert_true(isnan(trust_scatter(&board)));
    assert_non_null(strstr(opinion.sentence, "the first one"));
}

static void with_few_canaries_one_that_is_off_means_more_canaries_and_no_quarantine_yet(void **state)
{
    (void)state;
    settle(3, 10);
    assert_false(board.again);
    assert_int_equal(canary(10.6), TRUST_DOUBTFUL);
    assert_true(board.again && !board.quarantined);
    assert_int_equal(canary(9.9), TRUST_DOUBTFUL);
    assert_true(board.again);
}

static void a_board_that_scatters_widely_from_the_beginning_is_taken_as_it_is(void **state)
{
    (void)state;
    static const double wide[] = {10, 10.7, 9.4, 10.2, 9.5, 10.9, 9.8, 10.4};
    for (int i = 0; i < 8; i++)
        canary(wide[i]);
    assert_int_equal(opinion.verdict, TRUST_GOOD);
    assert_true(!board.quarantined && !board.again);
    assert_true(trust_scatter(&board) > 0.04);
    assert_int_equal(canary(10.9), TRUST_GOOD);
}

static void a_young_board_that_changes_its_level_is_quarantined_at_its_eighth(void **state)
{
    (void)state;
    settle(3, 10);
    for (int i = 0; i < 4; i++)
        assert_int_equal(canary(11 + 0.02 * i), TRUST_DOUBTFUL);
    assert_int_equal(canary(11), TRUST_BAD);
    assert_true(board.quarantined && opinion.quarantined);
    assert_non_null(strstr(board.reason, "hwnas device trust"));
}

static void one_canary_that_is_off_is_no_quarantine_two_of_three_are(void **state)
{
    (void)state;
    settle(10, 10);
    assert_int_equal(canary(12), TRUST_BAD);
    assert_true(board.again && !board.quarantined);
    assert_int_equal(canary(10), TRUST_GOOD);
    assert_false(board.again);
    assert_int_equal(canary(12), TRUST_BAD);
    assert_true(board.quarantined);
    assert_non_null(strstr(board.reason, "12 ms where it used to take 10 ms (+20.0 %)"));
}

static void canaries_far_apart_are_not_counted_together(void **state)
{
    (void)state;
    settle(10, 10);
    for (int i = 0; i < 5; i++) {
        canary(12);
        settle(2, 10);
    }
    assert_false(board.quarantined);
}

static void five_percent_are_allowed_and_three_and_a_half_deviations_too(void **state)
{
    (void)state;
    static const double wide[] = {10, 10.4, 9.6, 10.2, 9.8};
    settle(20, 10);
    assert_int_equal(canary(10.49), TRUST_GOOD);
    assert_int_equal(canary(10.6), TRUST_BAD);
    memset(&board, 0, sizeof board);
    for (int i = 0; i < 20; i++)
        canary(wide[i % 5]);
    assert_int_equal(canary(10.6), TRUST_GOOD);
}

static void faster_is_as_strange_as_slower(void **state)
{
    (void)state;
    settle(10, 10);
    canary(8.5);
    canary(8.6);
    assert_true(board.quarantined);
}

/* Each step is within what the last ones allow. */
static void a_board_cannot_walk_away_in_small_steps(void **state)
{
    (void)state;
    double level = 10;
    int steps;
    settle(20, 10);
    for (steps = 0; steps < 40 && !board.quarantined; steps++)
        canary(level *= 1.003);
    assert_true(board.quarantined);
    assert_true(level < 10.8);
    assert_non_null(strstr(board.reason, "crept"));
}

static void canaries_that_cannot_be_measured_quarantine_too(void **state)
{
    (void)state;
    settle(3, 10);
    assert_int_equal(canary(NAN), TRUST_BAD);
    assert_true(board.again && !board.quarantined);
    assert_int_equal(canary(NAN), TRUST_BAD);
    assert_true(board.quarantined);
    assert_non_null(strstr(board.reason, "could not be measured"));
}

static void a_board_that_never_measured_its_canary_waits_longer_and_is_let_out_once_it_does(void **state)
{
    (void)state;
    canary(NAN);
    canary(NAN);
    assert_true(board.quarantined);
    for (int i = 0; i < 5; i++)
        assert_int_equal(canary(NAN), TRUST_BAD);
    assert_int_equal(board.wait_ms, TRUST_WAIT_MAX_MS);
    settle(4, 10);
    assert_false(board.quarantined);
}

/* --- quarantine --- */

static void quarantine_board(void)
{
    settle(10, 10);
    canary(12);
    canary(12);
    assert_true(board.quarantined);
}

static void in_quarantine_a_canary_comes_after_a_minute_then_ever_later(void **state)
{
    (void)state;
    quarantine_board();
    assert_int_equal(board.wait_ms, 60000);
    static const uint32_t waits[] = {120000, 240000, 480000, 900000, 900000};
    for (int i = 0; i < 5; i++) {
        canary(12);
        assert_int_equal(board.wait_ms, waits[i]);
    }
    canary(10);
    assert_int_equal(board.wait_ms, TRUST_CONFIRM_MS);
    canary(12);
    assert_int_equal(board.wait_ms, 60000);
}

static void three_good_canaries_in_a_row_lift_it(void **state)
{
    (void)state;
    quarantine_board();
    canary(10);
    canary(10.05);
    canary(12);
    canary(10);
    canary(10.05);
    assert_true(board.quarantined);
    canary(9.95);
    assert_true(opinion.lifted && !board.quarantined && !board.again);
    assert_string_equal(board.reason, "");
    assert_int_equal(canary(10), TRUST_GOOD);
}

static void a_level_that_has_changed_for_good_stays_in_quarantine_and_is_told_how_to_be_accepted(void **state)
{
    (void)state;
    quarantine_board();
    for (int i = 0; i < 50; i++)
        canary(12);
    assert_true(board.quarantined);
    assert_non_null(strstr(board.reason, "hwnas device trust"));
}

/* Every canary alone is within 5 % of the first level; together they are not there. */
static void a_board_that_has_crept_away_is_not_let_out_by_canaries_that_are_each_near_enough(void **state)
{
    (void)state;
    double level = 10;
    settle(20, 10);
    while (!board.quarantined)
        canary(level *= 1.003);
    for (int i = 0; i < 9; i++)
        canary(10.45);
    assert_true(board.quarantined);
    for (int i = 0; i < 3; i++)
        canary(10.05);
    assert_false(board.quarantined);
}

static void no_canary_lifts_what_a_person_has_said(void **state)
{
    (void)state;
    settle(10, 10);
    trust_quarantine(&board, "its fan is broken", 5);
    board.held = true;
    settle(20, 10);
    assert_true(board.quarantined);
    trust_release(&board);
    assert_true(!board.quarantined && !board.held);
    assert_int_equal(canary(10), TRUST_GOOD);
}

/* --- strikes and ranks --- */

static void three_strikes_without_a_good_canary_between_quarantine(void **state)
{
    (void)state;
    settle(10, 10);
    assert_false(trust_strike(&board, "nonsense", 1));
    assert_false(trust_strike(&board, "nonsense", 1));
    canary(10);
    assert_int_equal(board.strikes, 0);
    assert_false(trust_strike(&board, "nonsense", 1));
    assert_false(trust_strike(&board, "nonsense", 1));
    assert_true(trust_strike(&board, "more nonsense", 7));
    assert_true(board.quarantined && board.since_wall_ms == 7);
    assert_non_null(strstr(board.reason, "more nonsense"));
    assert_false(trust_strike(&board, "nonsense", 1));
}

static bool rank_twenty(double (*latency_of)(double macs), double spread)
{
    bool strike = false;
    for (int i = 0; i < TRUST_RANKED; i++) {
        double macs = 1e6 * (1 + (spread - 1) * ((i * 7) % 20) / 19.0);
        strike = trust_rank(&board, macs, latency_of(macs));
        assert_true(i == TRUST_RANKED - 1 || !strike);
    }
    return strike;
}

static double rises(double macs)
{
    return macs / 1e6;
}
static double falls(double macs)
{
    return 1e8 / macs;
}
static double is_constant(double macs)
{
    (void)macs;
    return 3;
}

static void latency_that_falls_with_macs_is_a_strike_after_twenty_results(void **state)
{
    (void)state;
    assert_false(rank_twenty(rises, 10));
    assert_true(rank_twenty(falls, 10));
    assert_false(rank_twenty(falls, 2));        /* networks of about the same size differ otherwise */
    assert_false(rank_twenty(is_constant, 10)); /* that is for the dispersion to find */
}

/* --- evidence --- */

enum { SAMPLES = 60 };
static struct trust_evidence evidence;
static double samples[SAMPLES];
static const struct trust_limits ordinary = {.macs = 50e6,
                                             .params = 3e5,
                                             .bytes_per_param = 4,
                                             .peak_macs_per_s = 2e10,
                                             .peak_bytes_per_s = 4e9,
                                             .age_seconds = 3,
                                             .seconds = 1};

static double normal(struct rng *rng)
{
    double u = 1 - rng_uniform(rng), v = rng_uniform(rng);
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

static void draw(struct rng *rng, double level_ms, double noise)
{
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = round(level_ms * exp(noise * normal(rng)) * 1e6) / 1e6;
}

/* The detail of `samples`, with figures that are theirs, times the factor. Returns the headline it claims. */
static double declare(double factor, char **detail)
{
    json_t *list = json_array(), *windows = json_array();
    double least = samples[0], sum = 0, copy[SAMPLES], medians[5];
    for (int i = 0; i < SAMPLES; i++) {
        json_array_append_new(list, json_real(samples[i]));
        least = fmin(least, samples[i]);
        sum += samples[i];
    }
    for (int w = 0; w < 5; w++) { /* medians of windows of 12, by sorting */
        memcpy(copy, samples + 12 * w, 12 * sizeof copy[0]);
        for (int i = 0; i < 12; i++) {
            for (int j = i + 1; j < 12; j++) {
                double a = fmin(copy[i], copy[j]), b = fmax(copy[i], copy[j]);
                copy[i] = a, copy[j] = b;
            }
        }
        medians[w] = 0.5 * (copy[5] + copy[6]);
        json_array_append_new(windows, json_real(medians[w]));
    }
    for (int i = 0; i < 5; i++) {
        for (int j = i + 1; j < 5; j++) {
            double a = fmin(medians[i], medians[j]), b = fmax(medians[i], medians[j]);
            medians[i] = a, medians[j] = b;
        }
    }
    json_t *object = json_pack("{s:f,s:f,s:f,s:s,s:i,s:o,s:o}", "latency_ms", factor * medians[2], "mean_ms", sum / SAMPLES,
                               "min_ms", least, "mode", "quick", "every", 1, "windows_ms", windows, "samples_ms", list);
    *detail = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return factor * medians[2];
}

static bool believed(double value_ms, const struct trust_limits *limits, char why[256])
{
    why[0] = '\0';
    return trust_believable(value_ms, &evidence, limits, why, 256);
}

/* Draws, declares and reads an honest measurement. */
static double measure(struct rng *rng, double level_ms, double factor)
{
    struct status status = {0};
    char *detail;
    draw(rng, level_ms, 0.02);
    double value = declare(factor, &detail);
    assert_ok(trust_evidence_read(detail, strlen(detail), &evidence, &status), status);
    free(detail);
    return value;
}

static void honest_measurements_are_believed(void **state)
{
    (void)state;
    struct rng rng;
    char why[256];
    rng_seed(&rng, 5);
    for (int i = 0; i < 200; i++) {
        double value = measure(&rng, 1 + i * 0.1, 1);
        assert_near(evidence.headline_ms, value, 1e-12, 0);
        if (!believed(value, &ordinary, why))
            fail_msg("%s", why);
    }
}

static void every_fabricated_constant_is_refused(void **state)
{
    (void)state;
    struct status status = {0};
    char why[256], *detail;
    int refused = 0;
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < SAMPLES; j++)
            samples[j] = 2 + 0.1 * i;
        double value = declare(1, &detail);
        assert_ok(trust_evidence_read(detail, strlen(detail), &evidence, &status), status);
        free(detail);
        refused += !believed(value, &ordinary, why) && strstr(why, "all its 60 samples") != NULL;
        struct trust_limits calculated = ordinary;
        calculated.deterministic = true;
        assert_true(believed(value, &calculated, why));
    }
    assert_int_equal(refused, 100);
}

static void every_replayed_vector_is_refused_and_has_the_digest_of_the_first(void **state)
{
    (void)state;
    struct rng rng;
    char why[256], digests[100][DIGEST_HEX_BYTES];
    int refused = 0;
    rng_seed(&rng, 6);
    for (int i = 0; i < 100; i++) {
        measure(&rng, 5, 1);
        memcpy(digests[i], evidence.digest, DIGEST_HEX_BYTES);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(digests[i], digests[j]);
    }
    rng_seed(&rng, 6);
    for (int i = 0; i < 100; i++) {
        struct trust_limits limits = ordinary;
        double value = measure(&rng, 5, 1);
        limits.samples_known = strcmp(digests[i], evidence.digest) == 0;
        refused += !believed(value, &limits, why) && strstr(why, "earlier result") != NULL;
    }
    assert_int_equal(refused, 100);
}

static void every_value_below_the_boards_bounds_is_refused(void **state)
{
    (void)state;
    struct rng rng;
    char why[256];
    int macs = 0, bytes = 0, unstated = 0;
    rng_seed(&rng, 7);
    for (int i = 1; i <= 100; i++) {
        struct trust_limits limits = ordinary;
        double bound_ms = 1000 * ordinary.macs / 4 / ordinary.peak_macs_per_s;
        macs += !believed(measure(&rng, bound_ms * 0.8 * i / 100, 1), &limits, why) && strstr(why, "MACs") != NULL;
        limits.macs = 0;
        limits.params = 1e7;
        bytes += !believed(measure(&rng, 10 * 0.8 * i / 100, 1), &limits, why) && strstr(why, "weights") != NULL;
        limits = ordinary;
        limits.peak_macs_per_s = 0;
        limits.macs = 4e9;
        unstated += !believed(measure(&rng, 1e-3 * 0.8 * i / 100, 1), &limits, why) && strstr(why, "MACs") != NULL;
    }
    assert_int_equal(macs, 100);
    assert_int_equal(bytes, 100);
    assert_int_equal(unstated, 100);
}

static void every_headline_that_is_not_its_samples_is_refused(void **state)
{
    (void)state;
    struct rng rng;
    char why[256];
    int refused = 0;
    rng_seed(&rng, 8);
    for (int i = 0; i < 100; i++)
        refused += !believed(measure(&rng, 5, i % 2 == 0 ? 0.9 : 1.001), &ordinary, why) && strstr(why, "its samples say") != NULL;
    assert_int_equal(refused, 100);
    double value = measure(&rng, 5, 1);
    assert_false(believed(value * 1.01, &ordinary, why));
    evidence.min_ms *= 0.5;
    assert_false(believed(value, &ordinary, why));
}

static void samples_that_take_longer_than_the_lease_was_old_are_refused(void **state)
{
    (void)state;
    struct rng rng;
    char why[256];
    rng_seed(&rng, 9);
    struct trust_limits limits = ordinary;
    double value = measure(&rng, 100, 1); /* 6 s in all */
    assert_false(believed(value, &limits, why));
    assert_non_null(strstr(why, "after the lease"));
    limits.simulated = true;
    assert_true(believed(value, &limits, why));
    limits = ordinary;
    limits.age_seconds = NAN;
    assert_true(believed(value, &limits, why));
    limits.age_seconds = 6.5;
    assert_true(believed(value, &limits, why));
    limits.seconds = 8;
    assert_false(believed(value, &limits, why));
}

static void a_detail_without_samples_is_no_evidence(void **state)
{
    (void)state;
    static const char *const details[] = {"",
                                          "{}",
                                          "{\"samples_ms\":[]}",
                                          "{\"samples_ms\":7}",
                                          "{\"samples_ms\":[1,\"2\"]}",
                                          "{\"samples_ms\":[1,0]}",
                                          "{\"samples_ms\":[1,-2]}",
                                          "{\"samples_ms\":[1,null]}",
                                          "not json"};
    struct status status = {0};
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++)
        assert_int_equal(trust_evidence_read(details[i], strlen(details[i]), &evidence, &status), STATUS_BAD_INPUT);
}

static void few_samples_are_judged_by_their_value_alone(void **state)
{
    (void)state;
    struct status status = {0};
    char why[256];
    struct trust_limits limits = ordinary;
    static const char detail[] = "{\"latency_ms\":5,\"samples_ms\":[5,5,5]}";
    assert_ok(trust_evidence_read(detail, strlen(detail), &evidence, &status), status);
    assert_string_equal(evidence.digest, "");
    assert_true(believed(5, &limits, why));
}

static void the_precision_says_how_many_bytes_a_weight_has(void **state)
{
    (void)state;
    assert_true(trust_bytes_per_param("pi-bcm-tflite2.14-f32") == 4);
    assert_true(trust_bytes_per_param("tx2-gpu-trt8-f16") == 2);
    assert_true(trust_bytes_per_param("edgetpu-usb-tflite2-int8") == 1);
    assert_true(trust_bytes_per_param("pi-bcm-tflite2.14-f32+sustained") == 4);
    assert_true(trust_bytes_per_param("odd") == 1);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_canary_is_good_and_the_level),
        TEST(with_few_canaries_one_that_is_off_means_more_canaries_and_no_quarantine_yet),
        TEST(a_board_that_scatters_widely_from_the_beginning_is_taken_as_it_is),
        TEST(a_young_board_that_changes_its_level_is_quarantined_at_its_eighth),
        TEST(one_canary_that_is_off_is_no_quarantine_two_of_three_are),
        TEST(canaries_far_apart_are_not_counted_together),
        TEST(five_percent_are_allowed_and_three_and_a_half_deviations_too),
        TEST(faster_is_as_strange_as_slower),
        TEST(a_board_cannot_walk_away_in_small_steps),
        TEST(canaries_that_cannot_be_measured_quarantine_too),
        TEST(a_board_that_never_measured_its_canary_waits_longer_and_is_let_out_once_it_does),
        TEST(in_quarantine_a_canary_comes_after_a_minute_then_ever_later),
        TEST(three_good_canaries_in_a_row_lift_it),
        TEST(a_level_that_has_changed_for_good_stays_in_quarantine_and_is_told_how_to_be_accepted),
        TEST(a_board_that_has_crept_away_is_not_let_out_by_canaries_that_are_each_near_enough),
        TEST(no_canary_lifts_what_a_person_has_said),
        TEST(three_strikes_without_a_good_canary_between_quarantine),
        TEST(latency_that_falls_with_macs_is_a_strike_after_twenty_results),
        TEST(honest_measurements_are_believed),
        TEST(every_fabricated_constant_is_refused),
        TEST(every_replayed_vector_is_refused_and_has_the_digest_of_the_first),
        TEST(every_value_below_the_boards_bounds_is_refused),
        TEST(every_headline_that_is_not_its_samples_is_refused),
        TEST(samples_that_take_longer_than_the_lease_was_old_are_refused),
        TEST(a_detail_without_samples_is_no_evidence),
        TEST(few_samples_are_judged_by_their_value_alone),
        TEST(the_precision_says_how_many_bytes_a_weight_has),
    };
    return TEST_RUN(tests);
}
