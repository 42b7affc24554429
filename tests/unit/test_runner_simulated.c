/* runner_simulated: what a board that does not exist tells, how it misbehaves and how often, and that it does the same again. */
#include "tests/support/test.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <jansson.h>

#include "worker/measure_runner.h"
#include "worker/runner_simulated.h"

static const char *const table_text = "ops,dataset,device,latency_ms,energy_mj\n"
                                      "421211,cifar10,pi,10.5,20\n"
                                      "333333,cifar10,pi,40,80\n"
                                      "111111,cifar10,pi,1.25,\n"
                                      "421211,cifar10,tpu,1,2\n"
                                      "222222,cifar10,pi,,7\n";

static char table_path[] = "/tmp/hwnas-simulated.XXXXXX";

static int make_table(void **state)
{
    (void)state;
    int descriptor = mkstemp(table_path);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (file == NULL || fputs(table_text, file) < 0)
        return -1;
    return fclose(file);
}

static int remove_table(void **state)
{
    (void)state;
    return unlink(table_path);
}

static struct runner_simulated_options options_of(void)
{
    struct runner_simulated_options options = runner_simulated_defaults();
    options.device_key = "raspi4-bcm2711-sim1-f32";
    options.name = "sim-a";
    options.table = table_path;
    options.space = "nb201";
    options.column = "latency_ms";
    options.energy_column = "energy_mj";
    options.device = "pi";
    return options;
}

static struct runner opened(const struct runner_simulated_options *options)
{
    struct runner runner;
    struct status status = {0};
    assert_ok(runner_simulated_open(options, &runner, &status), status);
    return runner;
}

/* A candidate of a space; its network is not looked at. */
struct candidate {
    struct space space;
    struct arch arch;
    struct net net;
    int left; /* how often it may be asked until it is cancelled; 0: always */
};

static bool cancelled(void *context)
{
    struct candidate *candidate = context;
    return candidate->left > 0 && --candidate->left == 0;
}

static struct candidate candidate_of(const char *space, const char *text)
{
    struct candidate candidate = {.left = 0};
    struct status status = {0};
    net_init_empty(&candidate.net);
    assert_ok(space_open(space, &candidate.space, &status), status);
    assert_ok(space_parse(&candidate.space, text, &candidate.arch, &status), status);
    return candidate;
}

static enum status_code measure_one(struct runner *runner, struct candidate *candidate, struct measure_result *result,
                                    struct runner_note *note, struct status *status)
{
    struct runner_job job = {
        .net = &candidate->net, .space = &candidate->space, .arch = &candidate->arch, .cancelled = cancelled, .context = candidate};
    runner_note_init(note);
    return measure_runner(runner, &job, &runner->protocol, note, result, status);
}

/* What a board with these options measures, `skip` measurements after it was opened. */
static struct measure_result measured_after(const struct runner_simulated_options *options, const char *arch, int skip)
{
    struct runner runner = opened(options);
    struct candidate candidate = candidate_of("nb201", arch);
    struct measure_result result;
    for (int i = 0; i <= skip; i++) {
        struct runner_note note;
        struct status status = {0};
        assert_ok(measure_one(&runner, &candidate, &result, &note, &status), status);
        runner_note_free(&note);
    }
    space_close(&candidate.space);
    runner_close(&runner);
    return result;
}

static struct measure_result measured(const struct runner_simulated_options *options, const char *arch)
{
    return measured_after(options, arch, 0);
}

/* The class and the sentence with which measuring fails. */
static enum wire_failure failure_of(const struct runner_simulated_options *options, const char *space, const char *arch,
                                    struct status *status)
{
    struct runner runner = opened(options);
    struct candidate candidate = candidate_of(space, arch);
    struct measure_result result;
    struct runner_note note;
    assert_int_not_equal(measure_one(&runner, &candidate, &result, &note, status), STATUS_OK);
    enum wire_failure failure = note.failure;
    runner_note_free(&note);
    space_close(&candidate.space);
    runner_close(&runner);
    return failure;
}

/* --- what it tells --- */

static void without_noise_the_board_says_what_the_table_says_at_once(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    struct measure_result result = measured(&options, "421211");
    assert_near(result.latency_ms, 10.5, 0, 0);
    assert_int_equal(result.sample_count, 1);
    assert_near(result.energy_mj, 20, 0, 0);
    assert_true(measure_is_steady(&result));
}

/* Another architecture of nb201 without a row of its own that the space counts as the same as one with a row. */
static void an_architecture_is_found_by_one_that_computes_the_same(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    struct candidate row = candidate_of("nb201", "421211");
    struct arch canonical, other;
    char text[ARCH_TEXT_BYTES] = "";
    space_canonical(&row.space, &row.arch, &canonical);
    for (int i = 0; i < 15625 && text[0] == '\0'; i++) {
        struct arch arch = {.length = 6};
        for (int gene = 0, rest = i; gene < 6; gene++, rest /= 5)
            arch.genes[gene] = (uint8_t)(rest % 5);
        space_canonical(&row.space, &arch, &other);
        if (arch_equal(&other, &canonical) && !arch_equal(&arch, &row.arch))
            space_print(&row.space, &arch, text);
    }
    space_close(&row.space);
    assert_true(text[0] != '\0');
    assert_near(measured(&options, text).latency_ms, 10.5, 0, 0);
}

static void rows_of_another_device_are_another_board(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.device = "tpu";
    assert_near(measured(&options, "421211").latency_ms, 1, 0, 0);
}

static void noise_and_spikes_scatter_the_samples_and_not_the_headline(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.noise = 0.02;
    options.spikes = 0.05;
    int good = 0;
    int outliers = 0, samples = 0;
    for (options.seed = 1; options.seed <= 50; options.seed++) {
        struct measure_result result = measured(&options, "421211");
        good += fabs(result.latency_ms / 10.5 - 1) < 0.02;
        outliers += result.outlier_count;
        samples += result.sample_count;
    }
    print_message("# %d of 50 within 2 %%, %d outliers among %d samples\n", good, outliers, samples);
    assert_in_range(good, 48, 50);
    assert_in_range(outliers, samples * 3 / 100, samples * 6 / 100);
}

static void energy_scatters_with_time_and_is_absent_where_the_table_has_none(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.noise = 0.02;
    assert_near(measured(&options, "421211").energy_mj, 20, 0.03, 0);
    assert_true(isnan(measured(&options, "111111").energy_mj));
    options.energy_column = NULL;
    assert_true(isnan(measured(&options, "421211").energy_mj));
}

static void the_board_is_never_this_machine(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.peak_macs_per_s = 2e10;
    struct runner runner = opened(&options);
    struct runner_board board;
    char line[512], sentence[256];
    runner.ops->board(&runner, &board);
    assert_true(board.elsewhere);
    assert_true(board.deterministic);
    assert_string_equal(board.name, "sim-a");
    assert_string_equal(board.device_key, "raspi4-bcm2711-sim1-f32");
    assert_near(board.peak_macs_per_s, 2e10, 0, 0);
    runner.ops->conditions(&runner, line, sizeof line);
    assert_memory_equal(line, "simulated=yes table=", 20);
    assert_non_null(strstr(line, " rows=4 "));
    assert_true(runner.ops->warning(&runner, 0, sentence, sizeof sentence));
    assert_non_null(strstr(sentence, table_path));
    assert_false(runner.ops->warning(&runner, 1, sentence, sizeof sentence));
    runner_close(&runner);
    options.noise = 0.01;
    runner = opened(&options);
    runner.ops->board(&runner, &board);
    assert_false(board.deterministic);
    runner_close(&runner);
}

static void the_note_keeps_what_the_table_said(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.lie = 2;
    struct runner runner = opened(&options);
    struct candidate candidate = candidate_of("nb201", "421211");
    struct measure_result result;
    struct runner_note note;
    struct status status = {0};
    assert_ok(measure_one(&runner, &candidate, &result, &note, &status), status);
    assert_near(result.latency_ms, 21, 0, 0);
    assert_near(json_real_value(json_object_get(note.tool, "table_ms")), 10.5, 0, 0);
    runner_note_free(&note);
    space_close(&candidate.space);
    runner_close(&runner);
}

/* --- the same again --- */

static void equal_seeds_give_equal_samples_and_others_do_not(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.noise = 0.02;
    options.spikes = 0.1;
    struct measure_result once = measured_after(&options, "421211", 3), again = measured_after(&options, "421211", 3);
    assert_int_equal(once.sample_count, again.sample_count);
    assert_memory_equal(once.samples_ms, again.samples_ms, (size_t)once.sample_count * sizeof *once.samples_ms);
    options.seed = 2;
    struct measure_result other = measured_after(&options, "421211", 3);
    assert_true(other.samples_ms[0] != once.samples_ms[0]);
}

static void a_second_measurement_is_not_the_first_replayed(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.noise = 0.02;
    struct measure_result first = measured_after(&options, "421211", 0), second = measured_after(&options, "421211", 1);
    assert_true(first.samples_ms[0] != second.samples_ms[0]);
}

/* --- mischief --- */

static void drift_makes_each_measurement_slower_than_the_one_before(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.drift = 0.01;
    assert_near(measured_after(&options, "421211", 0).latency_ms, 10.5, 0, 0);
    assert_near(measured_after(&options, "421211", 10).latency_ms, 10.5 * pow(1.01, 10), 1e-12, 0);
}

static void a_board_may_begin_to_lie_after_a_while(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.lie = 0.9;
    options.lie_after = 3;
    assert_near(measured_after(&options, "421211", 2).latency_ms, 10.5, 0, 0);
    assert_near(measured_after(&options, "421211", 3).latency_ms, 9.45, 1e-12, 0);
}

static void an_architecture_without_a_row_is_one_the_board_cannot_run(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    struct status status = {0};
    assert_int_equal(failure_of(&options, "nb201", "444444", &status), WIRE_FAILURE_UNSUPPORTED_OP);
    assert_non_null(strstr(status.message, "|avg_pool_3x3~0|+"));
    assert_int_equal(failure_of(&options, "nb201", "222222", &status), WIRE_FAILURE_UNSUPPORTED_OP);
}

static void a_network_of_another_space_is_one_the_board_cannot_run(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    struct status status = {0};
    assert_int_equal(failure_of(&options, "fbnet", "0000000000000000000000", &status), WIRE_FAILURE_UNSUPPORTED_OP);
    assert_non_null(strstr(status.message, "none of fbnet"));
}

static void failures_come_as_often_as_stated(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    struct candidate candidate = candidate_of("nb201", "421211");
    int failed = 0;
    options.fail = 0.3;
    struct runner runner = opened(&options);
    for (int i = 0; i < 400; i++) {
        struct measure_result result;
        struct runner_note note;
        struct status status = {0};
        if (measure_one(&runner, &candidate, &result, &note, &status) != STATUS_OK) {
            assert_int_equal(note.failure, WIRE_FAILURE_CRASHED);
            failed++;
        }
        runner_note_free(&note);
    }
    print_message("# %d of 400 failed\n", failed);
    assert_in_range(failed, 90, 150); /* 120 and more than 3 standard deviations */
    space_close(&candidate.space);
    runner_close(&runner);
}

static void a_board_that_hangs_is_given_up_after_its_time(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    struct status status = {0};
    options.hang = 1;
    options.hang_s = 0.01;
    assert_int_equal(failure_of(&options, "nb201", "421211", &status), WIRE_FAILURE_TIMEOUT);
}

/* Nobody calls it off: an agent's heartbeats go on while its board hangs. */
static void a_hang_that_nobody_calls_off_ends_when_the_mode_allows_no_more(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    options.hang = 1;
    options.hang_s = 5;
    struct runner runner = opened(&options);
    struct candidate candidate = candidate_of("nb201", "421211");
    struct measure_options quick = measure_defaults();
    struct measure_result result;
    struct runner_note note;
    struct status status = {0};
    quick.seconds_max = 0.01;
    quick.start_wait_s = quick.throttled_wait_s = quick.cooldown_s = 0;
    runner_note_init(&note);
    struct runner_job job = {.net = &candidate.net, .space = &candidate.space, .arch = &candidate.arch};
    assert_int_equal(measure_runner(&runner, &job, &quick, &note, &result, &status), STATUS_UNAVAILABLE);
    assert_int_equal(note.failure, WIRE_FAILURE_TIMEOUT);
    assert_non_null(strstr(status.message, "given up after 0.16 s"));
    runner_note_free(&note);
    space_close(&candidate.space);
    runner_close(&runner);
}

static void a_hang_and_a_delay_end_when_the_measurement_is_called_off(void **state)
{
    (void)state;
    for (int hangs = 0; hangs < 2; hangs++) {
        struct runner_simulated_options options = options_of();
        options.hang = hangs;
        options.delay_s = hangs ? 0 : 3600;
        struct runner runner = opened(&options);
        struct candidate candidate = candidate_of("nb201", "421211");
        struct measure_result result;
        struct runner_note note;
        struct status status = {0};
        candidate.left = 4;
        assert_int_equal(measure_one(&runner, &candidate, &result, &note, &status), STATUS_UNAVAILABLE);
        assert_non_null(strstr(status.message, "called off"));
        assert_int_equal(note.failure, WIRE_FAILURE_NONE);
        runner_note_free(&note);
        space_close(&candidate.space);
        runner_close(&runner);
    }
}

static void a_board_that_crashes_takes_its_process_with_it(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    struct status status = {0};
    int how = 0;
    options.crash = 1;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        failure_of(&options, "nb201", "421211", &status);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

/* --- opening --- */

static void a_wrong_table_is_refused_with_its_sentence(void **state)
{
    (void)state;
    struct runner_simulated_options options = options_of();
    struct runner runner;
    struct status status = {0};
    options.table = "/nonexistent.csv";
    assert_int_not_equal(runner_simulated_open(&options, &runner, &status), STATUS_OK);
    assert_non_null(strstr(status.message, "/nonexistent.csv"));
    options = options_of();
    options.column = "latency";
    assert_int_equal(runner_simulated_open(&options, &runner, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "latency_ms"));
    options = options_of();
    options.space = "mars";
    assert_int_equal(runner_simulated_open(&options, &runner, &status), STATUS_NOT_FOUND);
    runner_close(&runner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_noise_the_board_says_what_the_table_says_at_once),
        cmocka_unit_test(an_architecture_is_found_by_one_that_computes_the_same),
        cmocka_unit_test(rows_of_another_device_are_another_board),
        cmocka_unit_test(noise_and_spikes_scatter_the_samples_and_not_the_headline),
        cmocka_unit_test(energy_scatters_with_time_and_is_absent_where_the_table_has_none),
        cmocka_unit_test(the_board_is_never_this_machine),
        cmocka_unit_test(the_note_keeps_what_the_table_said),
        cmocka_unit_test(equal_seeds_give_equal_samples_and_others_do_not),
        cmocka_unit_test(a_second_measurement_is_not_the_first_replayed),
        cmocka_unit_test(drift_makes_each_measurement_slower_than_the_one_before),
        cmocka_unit_test(a_board_may_begin_to_lie_after_a_while),
        cmocka_unit_test(an_architecture_without_a_row_is_one_the_board_cannot_run),
        cmocka_unit_test(a_network_of_another_space_is_one_the_board_cannot_run),
        cmocka_unit_test(failures_come_as_often_as_stated),
        cmocka_unit_test(a_board_that_hangs_is_given_up_after_its_time),
        cmocka_unit_test(a_hang_that_nobody_calls_off_ends_when_the_mode_allows_no_more),
        cmocka_unit_test(a_hang_and_a_delay_end_when_the_measurement_is_called_off),
        cmocka_unit_test(a_board_that_crashes_takes_its_process_with_it),
        cmocka_unit_test(a_wrong_table_is_refused_with_its_sentence),
    };
    return (setvbuf(stdout, NULL, _IOLBF, 0), cmocka_set_message_output(CM_OUTPUT_TAP),
            cmocka_run_group_tests_name(__FILE__, tests, make_table, remove_table));
}
