/* config_board: board files: what is read, what is refused and with which words, what is printed back. */
#include "tests/support/test.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_board_rules.h"
#include "common/config_yaml.h"
#include "common/fileio.h"
#include "common/rng.h"

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

static void left_out_keys_get_their_documented_defaults(void **state)
{
    (void)state;
    struct config_board *board = parsed("board: b\nprocessor: p\nruntime: r\nprecision: f32\nrunner: command\n"
                                        "command: {run: {argv: [tool]}, parser: json}\n");
    const struct config_board_command *command = &board->command;
    assert_null(board->name);
    assert_null(command->build.argv.words);
    assert_null(command->build_output);
    assert_null(command->result_file);
    assert_null(command->power_file);
    assert_null(command->throttled.argv.words);
    assert_int_equal(command->environment.count, 1);
    assert_string_equal(command->environment.words[0], "PATH=/usr/local/bin:/usr/bin:/bin");
    assert_int_equal(command->memory_bytes, 0);
    assert_int_equal(command->threads, 1);
    config_board_free(board);
}

static void placeholders_are_told_from_braces_that_stand_for_themselves(void **state)
{
    (void)state;
    size_t length = 0;
    assert_int_equal(config_board_placeholder_at("{onnx}", &length), CONFIG_BOARD_ONNX);
    assert_int_equal(length, 6);
    assert_int_equal(config_board_placeholder_at("{deadline_s}x", &length), CONFIG_BOARD_DEADLINE);
    assert_int_equal(length, 12);
    assert_int_equal(config_board_placeholder_at("{ print }", &length), -1);
    assert_int_equal(config_board_placeholder_at("{}", &length), -1);
    assert_int_equal(config_board_placeholder_at("{", &length), -1);
    assert_int_equal(config_board_placeholder_at("{\"a\": 1}", &length), -1);
    assert_int_equal(config_board_placeholder_at("{model", &length), -1);
    assert_int_equal(config_board_placeholder_at("{modell}", &length), -2);
}

#define PARTS "board: b\nprocessor: p\nruntime: r\nprecision: f32\nrunner: command\n"
#define COMMAND(more) PARTS "command:\n  run: {argv: [tool]}\n  parser: json\n" more

static const struct {
    const char *text, *place, *sentence;
} wrongs[] = {
    {"", "b.yaml:1", "is empty; a board needs at least runner"},
    {"runner: telepathy\n", "b.yaml:1: runner: ", "give builtin, command or simulated"},
    {"name: x\n", "b.yaml:1: runner: ", "is missing: give builtin"},
    {"runner: builtin\nboard: x\n", "b.yaml:2: board: ", "means nothing with runner builtin"},
    {"runner: builtin\nname: 'a b'\n", "b.yaml:2: name: ", "is not a name"},
    {"runner: builtin\ncommand: {parser: json}\n", "b.yaml:2: command.parser: ", "means nothing with runner builtin"},
    {"runner: builtin\npeak_macs_per_s: -1\n", "b.yaml:2: peak_macs_per_s: ", "is not a number from 0"},
    {"runner: builtin\npeak_macs_per_s: inf\n", "b.yaml:2: peak_macs_per_s: ", "is not a number from 0"},
    {"runner: builtin\nruner: x\n", "b.yaml:2: runer: ", "did you mean runner?"},
    {PARTS, "b.yaml:1: command.parser: ", "is missing, and runner command needs it"},
    {PARTS "command: {run: {argv: [tool]}}\n", "b.yaml:6: command.parser: ", "is missing, and runner command needs it"},
    {PARTS "command: {run: {argv: []}, parser: json}\n", "command.run.argv: ", "is missing"},
    {PARTS "command: {run: {argv: tool}, parser: json}\n", "b.yaml:6: command.run.argv: ", "must be a list"},
    {PARTS "command: {run: {argv: ['']}, parser: json}\n", "command.run.argv: ", "the first element is the program"},
    {PARTS "command: {run: {argv: [tool, [x]]}, parser: json}\n", "command.run.argv", "must be one value"},
    {PARTS "command: {run: {argv: [tool, '{onx}']}, parser: json}\n", "command.run.argv: ", "did you mean {onnx}?"},
    {PARTS "command: {run: {argv: [tool]}, parser: xml}\n", "command.parser: ", "'xml' is not one of its words"},
    {PARTS "command: {run: {argv: [tool], timeout: 5}, parser: json}\n",
     "b.yaml:6: command.run.timeout: ", "did you mean timeout_s?"},
    {PARTS "command:\n  parser: json\n  run:\n    argv: [tool]\n    argvv: [x]\n",
     "b.yaml:10: command.run.argvv: ", "did you mean argv?"},
    {COMMAND("  timout: 3\n"), "b.yaml:9: command.timout: ", "unknown key; did you mean"},
    {COMMAND("  result: ../x\n"), "b.yaml:9: command.result: ", "is not the name of a file in {workdir}"},
    {COMMAND("  result: /etc/passwd\n"), "b.yaml:9: command.result: ", "is not the name of a file in {workdir}"},
    {COMMAND("  result: a//b\n"), "b.yaml:9: command.result: ", "is not the name of a file in {workdir}"},
    {COMMAND("  result: a/\n"), "b.yaml:9: command.result: ", "is not the name of a file in {workdir}"},
    {COMMAND("  build: {argv: [x], output: a/b}\n"), "b.yaml:9: command.build.output: ", "is not the name of a file in {workdir}"},
    {COMMAND("  build: {argv: [x]}\n"), "b.yaml:9: command.build.output: ", "is missing"},
    {COMMAND("  build: {output: x}\n"), "b.yaml:9: command.build.argv: ", "is missing"},
    {COMMAND("  environment: [A=1]\n"), "b.yaml:9: command.environment: ", "must be settings of its own"},
    {COMMAND("  environment: {1A: x}\n"), "b.yaml:9: command.environment: ", "is not the name of a variable"},
    {COMMAND("  environment: {A: [x]}\n"), "b.yaml:9: command.environment: ", "must have one value"},
    {COMMAND("  environment: {A: x, A: y}\n"), "b.yaml:9: command.environment: ", "is given twice"},
    {COMMAND("  environment: {A: \"x\\0y\"}\n"), "b.yaml:9: command.environment: ", "must have one value"},
    {COMMAND("  environment: {A: '{onnx}'}\n"), "b.yaml:9: command.environment: ", "has no meaning here"},
    {COMMAND("  memory_bytes: 5\n"), "b.yaml:9: command.memory_bytes: ", "too few for any program"},
    {COMMAND("  output_bytes: 0\n"), "b.yaml:9: command.output_bytes: ", "is not from 1024"},
    {COMMAND("  repeats: 0\n"), "b.yaml:9: command.repeats: ", "is not a whole number from 1"},
    {COMMAND("  regex: {pattern: x, unit: ms}\n"), "b.yaml:9: command.regex: ", "means nothing with parser json"},
    {COMMAND("  timeloop: {clock_hz: 1e6}\n"), "b.yaml:9: command.timeloop: ", "means nothing with parser json"},
    {COMMAND("  power: {file: power, unit: mW}\n"), "b.yaml:9: command.power.file: ", "is not an absolute path"},
    {COMMAND("  power: {file: /power, unit: kW}\n"), "b.yaml:9: command.power.unit: ", "give uW, mW or W"},
    {COMMAND("  throttled: {argv: [x], regex: '('}\n"),
     "b.yaml:9: command.throttled.regex: ", "is not a POSIX extended expression"},
    {PARTS "command: {run: {argv: [t]}, parser: regex}\n", "b.yaml:6: command.regex: ", "is missing, and parser regex needs it"},
    {PARTS "command: {run: {argv: [t]}, parser: regex, regex: {pattern: x, unit: h}}\n",
     "command.regex.unit: ", "give ns, us, ms or s"},
    {PARTS "command: {run: {argv: [t]}, parser: timeloop}\n",
     "b.yaml:6: command.timeloop: ", "is missing, and parser timeloop needs it"},
    {COMMAND("runtime_version: {argv: [x], regex: nothing}\n"), "b.yaml:9: runtime_version.regex: ", "has no group"},
    {COMMAND("runtime_version: {argv: ['{onnx}'], regex: '(x)'}\n"), "b.yaml:9: runtime_version.argv: ", "has no meaning here"},
    {COMMAND("elsewhere: true\n"), "b.yaml:1: name: ", "a board elsewhere cannot have this machine's name"},
    {COMMAND("elsewhere: maybe\n"), "b.yaml:9: elsewhere: ", "neither true nor false"},
    {"board: a-b\nprocessor: p\nruntime: r\nprecision: f32\nrunner: command\ncommand: {run: {argv: [t]}, parser: json}\n",
     "b.yaml:1: board: ", "cannot be part of a device key"},
    {"board: a\nprocessor: p\nruntime: r\nprecision: f32\nrunner: simulated\nname: s\nsimulated: {table: /etc/passwd, space: "
     "mars}\n",
     "b.yaml:7: simulated.space: ", "mars"},
    {"board: a\nprocessor: p\nruntime: r\nprecision: f32\nrunner: simulated\nname: s\nsimulated: {table: no.csv, space: nb201}\n",
     "b.yaml:7: simulated.table: ", "neither beside the board file"},
    {"board: a\nprocessor: p\nruntime: r\nprecision: f32\nrunner: simulated\nsimulated: {table: /etc/passwd, space: nb201}\n",
     "b.yaml:1: name: ", "is missing, and runner simulated needs it"},
};

static void every_wrong_board_is_refused_naming_place_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct config_board *board = NULL;
        struct status status = {.code = STATUS_OK};
        enum status_code code = config_board_parse(wrongs[i].text, strlen(wrongs[i].text), "/boards/b.yaml", &board, &status);
        if (code != STATUS_BAD_INPUT || strstr(status.message, wrongs[i].place) == NULL ||
            strstr(status.message, wrongs[i].sentence) == NULL)
            fail_msg("case %zu:\n%s\ngave %s: %s\nwanted '%s' and '%s'", i, wrongs[i].text, status_name(code), status.message,
                     wrongs[i].place, wrongs[i].sentence);
    }
}

static void damaged_board_files_end_in_a_board_or_a_sentence(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 20261121);
    for (int round = 0; round < 5000; round++) {
        static const char likely[] = "{}[]:,'\"\n #&*-?|>!%@`";
        char text[sizeof whole];
        struct config_board *board = NULL;
        struct status status = {.message = ""};
        memcpy(text, whole, sizeof whole);
        for (uint64_t flips = 1 + rng_below(&rng, 4); flips > 0; flips--)
            text[rng_below(&rng, sizeof whole - 1)] =
                rng_below(&rng, 2) ? likely[rng_below(&rng, sizeof likely - 1)] : (char)rng_below(&rng, 256);
        if (config_board_parse(text, rng_below(&rng, 4) ? sizeof whole - 1 : rng_below(&rng, sizeof whole), "/boards/b.yaml",
                               &board, &status) == STATUS_OK)
            config_board_free(board);
        else if (status.message[0] == '\0')
            fail_msg("round %d: a failure that says nothing", round);
    }
}

static void the_board_files_that_come_with_hwnas_are_read(void **state)
{
    (void)state;
    glob_t files;
    struct status status;
    assert_int_equal(glob("deploy/boards/*.yaml", 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 9);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct config_board *board = NULL, *back;
        char *text = NULL;
        /* The simulated board's table is not part of the repository. */
        if (strstr(files.gl_pathv[i], "simulated") != NULL)
            continue;
        assert_ok(config_board_load(files.gl_pathv[i], &board, &status), status);
        assert_ok(config_board_text(board, &text, &status), status);
        back = parsed(text);
        config_board_free(back);
        config_board_free(board);
        free(text);
    }
    globfree(&files);
}

static void every_key_stands_in_the_documentation(void **state)
{
    (void)state;
    void *data = NULL;
    size_t size;
    struct status status;
    assert_ok(fileio_read("docs/MEASURING.md", 1 << 20, &data, &size, &status), status);
    for (size_t i = 0; i < config_board_table.count; i++) {
        const struct config_rule *rule = &config_board_table.rules[i];
        char row[CONFIG_YAML_PATH_BYTES + 8], path[CONFIG_YAML_PATH_BYTES];
        config_yaml_path(&config_board_table, rule, 0, path);
        snprintf(row, sizeof row, "| `%s` |", path);
        if (strstr(data, row) == NULL)
            fail_msg("docs/MEASURING.md has no row beginning %s", row);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_a_command_board_is_read),
        cmocka_unit_test(the_folder_of_the_file_replaces_here),
        cmocka_unit_test(settings_as_text_are_read_back_and_printed_the_same),
        cmocka_unit_test(left_out_keys_get_their_documented_defaults),
        cmocka_unit_test(placeholders_are_told_from_braces_that_stand_for_themselves),
        cmocka_unit_test(every_wrong_board_is_refused_naming_place_and_key),
        cmocka_unit_test(damaged_board_files_end_in_a_board_or_a_sentence),
        cmocka_unit_test(the_board_files_that_come_with_hwnas_are_read),
        cmocka_unit_test(every_key_stands_in_the_documentation),
    };
    return TEST_RUN(tests);
}
