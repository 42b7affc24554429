/* config_board: board files: what is read, what is refused and with which words, what is printed back. */
#include "tests/support/test.h"

#include <string.h>

#include "common/config_board.h"

static const char whole[] = "name: pi4-kitchen\n"
                            "board: raspi4\n"
                            "processor: bcm2711\n"
                            "runtime: tflite\n"
                            "runtime_version: {argv: [benchmark_model, --version], regex: 'v([0-9.]+)'}\n"
                            "precision: f32\n"
                            "elsewhere: true\n"
                            "peak_macs_per_s: 2.4e10\n"
                            "runner: command\n"
                            "command:\n"
                            "  build:\n"
                            "    argv: [onnx2tf, -i, '{onnx}', -o, '{model}']\n"
                            "    output: model.tflite\n"
                            "    timeout_s: 300\n"
                            "    ahead: true\n"
                            "  run:\n"
                            "    argv: ['{here}/run.sh', '--graph={model}', \"awk '{ print $1 }'\", '{{threads}}']\n"
                            "  parser: tflite\n"
                            "  environment: {PATH: /usr/bin:/bin, LD_LIBRARY_PATH: '{here}/lib', A: ''}\n"
                            "  memory_bytes: 1073741824\n"
                            "  warmup: 5\n"
                            "  power: {file: /sys/class/hwmon/hwmon0/power1_input, unit: uW}\n"
                            "  throttled: {argv: [vcgencmd, get_throttled], regex: '=0x[0-9a-f]*[1-9a-f]$'}\n";

static struct config_board *parsed(const char *text)
{
    struct config_board *board = NULL;
    struct status status;
    assert_ok(config_board_parse(text, strlen(text), "/boards/pi4.yaml", &board, &status), status);
    return board;
}

static void every_key_of_a_command_board_is_read(void **state)
{
    (void)state;
    struct config_board *board = parsed(whole);
    const struct config_board_command *command = &board->command;
    assert_string_equal(board->name, "pi4-kitchen");
    assert_string_equal(board->runtime, "tflite");
    assert_string_equal(board->runtime_pattern, "v([0-9.]+)");
    assert_string_equal(board->runtime_version.argv.words[1], "--version");
    assert_null(board->runtime_version.argv.words[2]);
    assert_true(board->elsewhere);
    assert_false(board->deterministic);
    assert_near(board->peak_macs_per_s, 2.4e10, 0, 0);
    assert_int_equal(board->runner, CONFIG_BOARD_COMMAND);
    assert_string_equal(command->build.argv.words[2], "{onnx}");
    assert_string_equal(command->build_output, "model.tflite");
    assert_near(command->build.timeout_s, 300, 0, 0);
    assert_true(command->build_ahead);
    assert_int_equal(command->run.argv.count, 4);
    assert_near(command->run.timeout_s, 120, 0, 0);
    assert_int_equal(command->parser, CONFIG_BOARD_TFLITE);
    assert_int_equal(command->memory_bytes, 1073741824);
    assert_int_equal(command->output_bytes, 4194304);
    assert_int_equal(command->warmup, 5);
    assert_int_equal(command->repeats, 100);
    assert_int_equal(command->power_unit, CONFIG_BOARD_UW);
    assert_string_equal(command->throttled.argv.words[0], "vcgencmd");
    config_board_free(board);
}

static void the_folder_of_the_file_replaces_here(void **state)
{
    (void)state;
    struct config_board *board = parsed(whole);
    assert_string_equal(board->command.run.argv.words[0], "/boards/run.sh");
    assert_string_equal(board->command.environment.words[1], "LD_LIBRARY_PATH=/boards/lib");
    config_board_free(board);
}

static void settings_as_text_are_read_back_and_printed_the_same(void **state)
{
    (void)state;
    struct config_board *board = parsed(whole), *back;
    struct status status;
    char *text = NULL, *again = NULL;
    assert_ok(config_board_text(board, &text, &status), status);
    back = parsed(text);
    assert_ok(config_board_text(back, &again, &status), status);
    assert_string_equal(text, again);
    assert_non_null(strstr(text, "    argv: [onnx2tf, \"-i\", \"{onnx}\", \"-o\", \"{model}\"]\n"));
    free(text);
    free(again);
    config_board_free(board);
    config_board_free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_a_command_board_is_read),
        cmocka_unit_test(the_folder_of_the_file_replaces_here),
        cmocka_unit_test(settings_as_text_are_read_back_and_printed_the_same),
    };
    return TEST_RUN(tests);
}
