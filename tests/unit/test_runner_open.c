/* runner_open: which runner a board file opens, what it is called, and how it is measured. */
#include "tests/support/test.h"

#include <string.h>

#include "common/config_board.h"
#include "worker/runner_open.h"

static const char *const simulated_text = "name: sim-a\nboard: raspi4\nprocessor: bcm2711\nruntime: sim1\nprecision: f32\n"
                                          "peak_macs_per_s: 2e10\nrunner: simulated\n";

static char folder[] = "/tmp/hwnas-runner-open.XXXXXX", origin[64];

static int make_folder(void **state)
{
    (void)state;
    char path[64];
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(origin, sizeof origin, "%s/board.yaml", folder);
    snprintf(path, sizeof path, "%s/table.csv", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs("ops,device,ms,mj\n421211,pi,10.5,20\n421211,tpu,1,2\n", file) < 0)
        return -1;
    return fclose(file);
}

static int remove_folder(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/table.csv", folder);
    return unlink(path) | rmdir(folder);
}

static struct config_board *parsed(const char *head, const char *tail)
{
    struct config_board *board = NULL;
    struct status status = {0};
    char text[2048];
    snprintf(text, sizeof text, "%s%s", head, tail);
    assert_ok(config_board_parse(text, strlen(text), origin, &board, &status), status);
    return board;
}

static struct runner opened(const struct config_board *board)
{
    struct runner runner;
    struct status status = {0};
    assert_ok(runner_open(board, -1, &runner, &status), status);
    return runner;
}

static const char *const table_keys = "simulated: {table: table.csv, space: nb201, column: ms, energy: mj, device: pi, noise: 0}\n";

static void without_a_file_this_host_is_measured_quickly(void **state)
{
    (void)state;
    struct runner runner = opened(NULL);
    struct runner_board board;
    assert_string_equal(runner.ops->name, "builtin");
    assert_int_equal(runner.protocol.mode, MEASURE_QUICK);
    runner_describe(&runner, &board);
    assert_memory_equal(board.device_key, "host-", 5);
    assert_false(board.elsewhere);
    runner_close(&runner);
}

static void a_file_may_name_this_host_and_its_limits(void **state)
{
    (void)state;
    struct config_board *file = parsed("name: rack-3\npeak_macs_per_s: 1e11\npeak_bytes_per_s: 2e10\nrunner: builtin\n", "");
    struct runner runner = opened(file);
    struct runner_board board;
    runner_describe(&runner, &board);
    assert_string_equal(board.name, "rack-3");
    assert_near(board.peak_macs_per_s, 1e11, 0, 0);
    assert_near(board.peak_bytes_per_s, 2e10, 0, 0);
    runner_close(&runner);
    config_board_free(file);
}

static void a_simulated_board_has_its_key_name_and_table(void **state)
{
    (void)state;
    struct config_board *file = parsed(simulated_text, table_keys);
    struct runner runner = opened(file);
    struct runner_board board;
    runner_describe(&runner, &board);
    assert_string_equal(runner.ops->name, "simulated");
    assert_string_equal(board.device_key, "raspi4-bcm2711-sim1-f32");
    assert_string_equal(board.name, "sim-a");
    assert_true(board.elsewhere);
    assert_true(board.deterministic);
    assert_near(board.peak_macs_per_s, 2e10, 0, 0);
    runner_close(&runner);
    config_board_free(file);
}

static void strict_and_a_start_temperature_are_the_file_s_to_ask_for(void **state)
{
    (void)state;
    struct config_board *file = parsed("runner: builtin\n", "measure: {mode: strict, start_temperature_c: 45}\n");
    struct runner runner = opened(file);
    assert_int_equal(runner.protocol.mode, MEASURE_STRICT);
    assert_true(runner.protocol.strict);
    assert_int_equal(runner.protocol.samples_min, 1024);
    assert_near(runner.protocol.start_temperature_c, 45, 0, 0);
    runner_close(&runner);
    config_board_free(file);
    file = parsed("runner: builtin\n", "measure: {strict: true}\n");
    runner = opened(file);
    assert_int_equal(runner.protocol.mode, MEASURE_QUICK);
    assert_true(runner.protocol.strict);
    runner_close(&runner);
    config_board_free(file);
}

static void sustained_figures_are_kept_under_a_key_of_their_own(void **state)
{
    (void)state;
    char tail[512];
    snprintf(tail, sizeof tail, "measure: {mode: sustained, minutes: 3}\n%s", table_keys);
    struct config_board *file = parsed(simulated_text, tail);
    struct runner runner = opened(file);
    struct runner_board board;
    runner_describe(&runner, &board);
    assert_string_equal(board.device_key, "raspi4-bcm2711-sim1-f32+sustained");
    assert_near(runner.protocol.seconds_min, 180, 0, 0);
    runner_close(&runner);
    config_board_free(file);
}

static void what_the_file_says_of_measuring_is_printed_back(void **state)
{
    (void)state;
    char tail[512], *text = NULL;
    struct status status = {0};
    snprintf(tail, sizeof tail, "measure: {mode: sustained, minutes: 3, start_temperature_c: 40.5}\n%s", table_keys);
    struct config_board *file = parsed(simulated_text, tail);
    assert_ok(config_board_text(file, &text, &status), status);
    assert_non_null(strstr(text, "measure:\n  mode: sustained\n  strict: false\n  start_temperature_c: 40.5\n  minutes: 3\n"));
    assert_non_null(strstr(text, "  energy: mj\n"));
    assert_non_null(strstr(text, "  lie_after: 0\n"));
    assert_non_null(strstr(text, "  hang_s: 600\n"));
    free(text);
    config_board_free(file);
}

static void a_table_without_the_column_is_refused(void **state)
{
    (void)state;
    struct config_board *file = parsed(simulated_text, "simulated: {table: table.csv, space: nb201, device: pi}\n");
    struct runner runner;
    struct status status = {0};
    assert_int_equal(runner_open(file, -1, &runner, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "latency_ms"));
    runner_close(&runner);
    config_board_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_this_host_is_measured_quickly),
        cmocka_unit_test(a_file_may_name_this_host_and_its_limits),
        cmocka_unit_test(a_simulated_board_has_its_key_name_and_table),
        cmocka_unit_test(strict_and_a_start_temperature_are_the_file_s_to_ask_for),
        cmocka_unit_test(sustained_figures_are_kept_under_a_key_of_their_own),
        cmocka_unit_test(what_the_file_says_of_measuring_is_printed_back),
        cmocka_unit_test(a_table_without_the_column_is_refused),
    };
    return (setvbuf(stdout, NULL, _IOLBF, 0), cmocka_set_message_output(CM_OUTPUT_TAP),
            cmocka_run_group_tests_name(__FILE__, tests, make_folder, remove_folder));
}
