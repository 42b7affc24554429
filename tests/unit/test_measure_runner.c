/* measure_runner: a runner as the protocol sees it: what its conditions say, what its notes come to, and when it is stopped. */
#include "tests/support/test.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include <jansson.h>

#include "worker/measure_json.h"
#include "worker/measure_runner.h"

/* A runner that plays what a test tells it to. */
struct fake {
    char conditions[256];
    bool deterministic;
    int throttled_runs, fails_at, cancelled_at; /* the first so many runs; the run from 1; the question from 1 */
    int series;                                 /* samples a run; 0: one */
    int prepared, runs, released, asked;
};

static void board(const struct runner *runner, struct runner_board *out)
{
    const struct fake *fake = runner->state;
    *out = (struct runner_board){.device_key = "a-b-c-d", .name = "fake", .deterministic = fake->deterministic};
}

static void conditions(const struct runner *runner, char *out, size_t size)
{
    const struct fake *fake = runner->state;
    snprintf(out, size, "%s", fake->conditions);
}

static void *prepare(struct runner *runner, const struct runner_job *job, struct runner_note *note, struct status *status)
{
    struct fake *fake = runner->state;
    (void)job;
    fake->prepared++;
    note->build_seconds = 1.5;
    note->build_cached = true;
    if (fake->fails_at == -1) {
        note->failure = WIRE_FAILURE_CONVERT_FAILED;
        status_set(status, STATUS_UNSUPPORTED, "no converter takes it");
        return NULL;
    }
    return fake;
}

static int sample(void *prepared, double *out_ms, int room, struct runner_note *note, struct status *status)
{
    struct fake *fake = prepared;
    int count = fake->series > 0 ? fake->series : 1;
    fake->runs++;
    if (fake->runs == fake->fails_at) {
        note->failure = WIRE_FAILURE_OUT_OF_MEMORY;
        note->tool = json_pack("{s:s}", "output", "killed");
        status_set(status, STATUS_UNAVAILABLE, "the tool was killed");
        return -1;
    }
    for (int i = 0; i < count && i < room; i++)
        out_ms[i] = 5 + 0.01 * (i % 3);
    note->run_seconds = 0.02 * count;
    note->throttled = fake->runs <= fake->throttled_runs;
    note->energy_mj = 3;
    note->power_samples = count;
    note->tool = json_pack("{s:i}", "run", fake->runs);
    return count;
}

static void release(void *prepared)
{
    struct fake *fake = prepared;
    fake->released++;
}

static bool cancelled(void *context)
{
    struct fake *fake = context;
    return ++fake->asked == fake->cancelled_at;
}

static const struct runner_ops one_by_one = {
    .name = "fake", .board = board, .conditions = conditions, .prepare = prepare, .sample = sample, .release = release};
static const struct runner_ops whole_series = {.name = "fake",
                                               .whole = true,
                                               .board = board,
                                               .conditions = conditions,
                                               .prepare = prepare,
                                               .sample = sample,
                                               .release = release};

struct outcome {
    enum status_code code;
    struct status status;
    struct runner_note note;
    struct measure_result result;
};

static void measure_fake(struct fake *fake, struct outcome *out)
{
    struct runner runner = {.ops = fake->series > 0 ? &whole_series : &one_by_one, .state = fake};
    struct runner_job job = {.cancelled = cancelled, .context = fake};
    struct measure_options options = measure_defaults();
    options.throttled_wait_s = 0;
    memset(out, 0, sizeof *out);
    runner_note_init(&out->note);
    out->code = measure_runner(&runner, &job, &options, &out->note, &out->result, &out->status);
}

static void samples_notes_and_times_come_to_one_measurement(void **state)
{
    (void)state;
    struct fake fake = {.runs = 0};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    assert_ok(outcome.code, outcome.status);
    assert_near(outcome.result.latency_ms, 5, 0, 0);
    assert_int_equal(outcome.result.sample_count, 50);
    assert_near(outcome.result.seconds, 60 * 0.02, 1e-9, 0); /* the runner's word, not the wall clock's */
    assert_near(outcome.note.energy_mj, 3, 1e-12, 0);
    assert_int_equal(outcome.note.power_samples, 50);
    assert_near(outcome.note.build_seconds, 1.5, 0, 0);
    assert_true(outcome.note.run_seconds > 0 && outcome.note.run_seconds < 1); /* the wall clock's */
    assert_int_equal(json_integer_value(json_object_get(outcome.note.tool, "run")), 60);
    assert_int_equal(fake.released, 1);
    runner_note_free(&outcome.note);
}

static void a_series_is_taken_whole(void **state)
{
    (void)state;
    struct fake fake = {.series = 90};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    assert_ok(outcome.code, outcome.status);
    assert_int_equal(fake.runs, 1);
    assert_int_equal(outcome.result.sample_count, 90);
    assert_near(outcome.note.energy_mj, 3, 1e-12, 0);
    runner_note_free(&outcome.note);
}

static void a_calculated_latency_needs_one_run(void **state)
{
    (void)state;
    struct fake fake = {.deterministic = true};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    assert_ok(outcome.code, outcome.status);
    assert_int_equal(fake.runs, 1);
    assert_true(measure_is_steady(&outcome.result));
    runner_note_free(&outcome.note);
}

static void a_run_that_says_it_throttled_is_discarded(void **state)
{
    (void)state;
    struct fake fake = {.throttled_runs = 20};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    assert_ok(outcome.code, outcome.status);
    assert_int_equal(outcome.result.discarded_count, 1);
    assert_false(outcome.result.throttled);
    assert_int_equal(fake.prepared, 1);
    runner_note_free(&outcome.note);
}

static void a_board_that_throttles_for_good_fails_by_that_class(void **state)
{
    (void)state;
    struct fake fake = {.conditions = "governor=performance throttled=0x50005 temperature_c=85"};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    assert_int_equal(outcome.code, STATUS_UNAVAILABLE);
    assert_int_equal(outcome.note.failure, WIRE_FAILURE_THROTTLED);
    assert_true(isnan(outcome.note.energy_mj));
    assert_int_equal(fake.released, 1);
    runner_note_free(&outcome.note);
}

static void a_failing_run_leaves_its_class_sentence_and_output(void **state)
{
    (void)state;
    struct fake fake = {.fails_at = 12};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    assert_int_equal(outcome.code, STATUS_UNAVAILABLE);
    assert_string_equal(outcome.status.message, "the tool was killed");
    assert_int_equal(outcome.note.failure, WIRE_FAILURE_OUT_OF_MEMORY);
    assert_string_equal(json_string_value(json_object_get(outcome.note.tool, "output")), "killed");
    assert_int_equal(fake.released, 1);
    runner_note_free(&outcome.note);
}

static void a_build_that_fails_runs_nothing(void **state)
{
    (void)state;
    struct fake fake = {.fails_at = -1};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    assert_int_equal(outcome.code, STATUS_UNSUPPORTED);
    assert_int_equal(outcome.note.failure, WIRE_FAILURE_CONVERT_FAILED);
    assert_int_equal(fake.runs, 0);
    assert_int_equal(fake.released, 0);
    runner_note_free(&outcome.note);
}

static void a_job_that_is_called_off_stops_before_its_next_run(void **state)
{
    (void)state;
    struct fake fake = {.cancelled_at = 8};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    assert_int_equal(outcome.code, STATUS_UNAVAILABLE);
    assert_non_null(strstr(outcome.status.message, "called off"));
    assert_int_equal(fake.runs, 7);
    assert_int_equal(fake.released, 1);
    runner_note_free(&outcome.note);
}

static void a_job_that_is_called_off_does_not_wait_for_its_turn(void **state)
{
    (void)state;
    struct fake fake = {.cancelled_at = 2};
    pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    struct runner runner = {.ops = &one_by_one, .state = &fake};
    struct runner_job job = {.cancelled = cancelled, .context = &fake, .turn = &turn};
    struct measure_options options = measure_defaults();
    struct outcome outcome = {0};
    runner_note_init(&outcome.note);
    pthread_mutex_lock(&turn); /* another candidate runs, and does not end */
    assert_int_equal(measure_runner(&runner, &job, &options, &outcome.note, &outcome.result, &outcome.status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(outcome.status.message, "waited for its turn"));
    assert_int_equal(fake.runs, 0);
    assert_int_equal(fake.released, 1);
    pthread_mutex_unlock(&turn);
    fake.cancelled_at = 0;
    assert_ok(measure_runner(&runner, &job, &options, &outcome.note, &outcome.result, &outcome.status), outcome.status);
    assert_int_equal(pthread_mutex_trylock(&turn), 0); /* it has been given back */
    pthread_mutex_unlock(&turn);
    runner_note_free(&outcome.note);
}

static void a_line_of_conditions_is_what_the_board_shows(void **state)
{
    (void)state;
    struct measure_view view;
    measure_view_of("processor=x governor=ondemand frequency_mhz=1500 frequency_max_mhz=1800 boost=on temperature_c=61.5 "
                    "throttled=0xe0008 throttle_count=3 gpu_mhz=1300 gpu_fixed=yes",
                    &view);
    assert_string_equal(view.governor, "ondemand");
    assert_true(view.boost);
    assert_near(view.frequency_mhz, 1500, 0, 0);
    assert_near(view.frequency_max_mhz, 1800, 0, 0);
    assert_near(view.temperature_c, 61.5, 0, 0);
    assert_int_equal(view.throttled, 0xe0008);
    assert_near(view.throttle_count, 3, 0, 0);
    assert_near(view.gpu_mhz, 1300, 0, 0);
}

static void a_board_with_another_governor_is_not_to_be_offered_where_measuring_is_strict(void **state)
{
    (void)state;
    struct fake fake = {.conditions = "governor=powersave"};
    struct runner runner = {.ops = &one_by_one, .state = &fake, .protocol = measure_defaults()};
    struct status status = {0};
    assert_ok(measure_runner_check(&runner, &status), status);
    runner.protocol.strict = true;
    assert_int_equal(measure_runner_check(&runner, &status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status.message, "'powersave'"));
    strcpy(fake.conditions, "temperature_c=40");
    assert_ok(measure_runner_check(&runner, &status), status);
}

static void what_a_line_does_not_say_is_unknown(void **state)
{
    (void)state;
    static const char *const lines[] = {"", "   ", "frequency_mhz=fast boost= temperature_c=nan throttled=-1",
                                        "xfrequency_mhz=3 gpu_mhz=1300 gpu_fixed=no throttled=0xffffffffff governor="};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct measure_view view;
        measure_view_of(lines[i], &view);
        assert_string_equal(view.governor, "");
        assert_false(view.boost);
        assert_near(view.frequency_mhz, 0, 0, 0);
        assert_near(view.gpu_mhz, 0, 0, 0);
        assert_true(isnan(view.temperature_c));
        assert_int_equal(view.throttled, 0);
    }
}

static void the_json_holds_the_doubts_the_views_and_the_note(void **state)
{
    (void)state;
    struct fake fake = {.conditions = "governor=ondemand temperature_c=50"};
    struct outcome outcome;
    measure_fake(&fake, &outcome);
    json_t *object = measure_json(&outcome.result, "a-b-c-d", fake.conditions);
    assert_non_null(object);
    measure_json_note(object, &outcome.note);
    assert_int_equal(json_integer_value(json_object_get(object, "protocol")), 2);
    assert_string_equal(json_string_value(json_object_get(object, "mode")), "quick");
    assert_true(json_is_true(json_object_get(object, "steady")));
    assert_near(json_number_value(json_object_get(json_object_get(object, "before"), "temperature_c")), 50, 0, 0);
    assert_true(json_is_true(json_object_get(object, "build_cached")));
    assert_int_equal(json_array_size(json_object_get(object, "samples_ms")), 50);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "tool"), "run")), 60);
    json_decref(object);
    runner_note_free(&outcome.note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_notes_and_times_come_to_one_measurement),
        cmocka_unit_test(a_series_is_taken_whole),
        cmocka_unit_test(a_calculated_latency_needs_one_run),
        cmocka_unit_test(a_run_that_says_it_throttled_is_discarded),
        cmocka_unit_test(a_board_that_throttles_for_good_fails_by_that_class),
        cmocka_unit_test(a_failing_run_leaves_its_class_sentence_and_output),
        cmocka_unit_test(a_build_that_fails_runs_nothing),
        cmocka_unit_test(a_job_that_is_called_off_stops_before_its_next_run),
        cmocka_unit_test(a_job_that_is_called_off_does_not_wait_for_its_turn),
        cmocka_unit_test(a_line_of_conditions_is_what_the_board_shows),
        cmocka_unit_test(a_board_with_another_governor_is_not_to_be_offered_where_measuring_is_strict),
        cmocka_unit_test(what_a_line_does_not_say_is_unknown),
        cmocka_unit_test(the_json_holds_the_doubts_the_views_and_the_note),
    };
    return TEST_RUN(tests);
}
