/* runner_command, template, build_cache, power: what a board file makes of a candidate; which class each failure has; that a build
 * is done once. Every candidate's folder is gone afterwards: each test looks. */
#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/config_board.h"
#include "common/fileio.h"
#include "common/net_onnx.h"
#include "common/space.h"
#include "tests/support/try.h"
#include "worker/build_cache.h"
#include "worker/measure_runner.h"
#include "worker/runner_command.h"
#include "worker/template.h"
#include "worker/workdir.h"

/* Folders of one test: caches and files, and where candidates have theirs. */
static char base[PATH_MAX], temporary[PATH_MAX + 8], cache_folder[PATH_MAX + 8];

static int count_entries(const char *path)
{
    int count = -2;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("TMPDIR");
    if (workdir_create(NULL, base, NULL) != STATUS_OK)
        return -1;
    snprintf(temporary, sizeof temporary, "%s/tmp", base);
    snprintf(cache_folder, sizeof cache_folder, "%s/cache", base);
    setenv("TMPDIR", temporary, 1);
    return mkdir(temporary, 0700);
}

static int tear_down(void **state)
{
    (void)state;
    int left = count_entries(temporary);
    unsetenv("TMPDIR");
    return workdir_remove(base, NULL) == STATUS_OK && left == 0 ? 0 : -1;
}

/* `text` with the tool's path for TOOL and the test's folder for BASE. */
static void fill_in(const char *text, char *out, size_t size)
{
    size_t used = 0;
    while (*text != '\0') {
        const char *word = strncmp(text, "TOOL", 4) == 0 ? try_tool_path() : strncmp(text, "BASE", 4) == 0 ? base : NULL;
        used += (size_t)snprintf(out + used, size - used, "%.*s", word != NULL ? PATH_MAX : 1, word != NULL ? word : text);
        assert_true(used < size);
        text += word != NULL ? 4 : 1;
    }
}

static const char head[] = "name: bench-1\nboard: bench\nprocessor: cpu\nruntime: tool\nprecision: f32\nrunner: command\n";

struct opened {
    struct config_board *board;
    struct runner runner;
};

static enum status_code open_text(const char *text, struct opened *out, struct status *status)
{
    char filled[16384], whole[16384];
    memset(out, 0, sizeof *out);
    snprintf(whole, sizeof whole, "%s%s", head, text);
    fill_in(whole, filled, sizeof filled);
    assert_ok(config_board_parse(filled, strlen(filled), "board.yaml", &out->board, status), *status);
    return runner_command_open(out->board, cache_folder, &out->runner, status);
}

static struct opened open_board(const char *text)
{
    struct opened opened;
    struct status status = {0};
    assert_ok(open_text(text, &opened, &status), status);
    return opened;
}

static void close_board(struct opened *opened)
{
    runner_close(&opened->runner);
    config_board_free(opened->board);
}

static void build_net(int channels, struct net *net)
{
    static const char text[] = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|";
    const struct space_build size = {channels, 1, 10, {3, 32, 32}};
    struct space space;
    struct arch arch;
    struct rng rng;
    struct status status;
    net_init_empty(net);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, text, &arch, &status), status);
    assert_ok(space_build_net(&space, &arch, &size, net, &status), status);
    rng_seed(&rng, 1);
    net_init(net, &rng);
    space_close(&space);
}

/* One candidate from prepare to release. */
struct once {
    int count; /* -1: failed */
    bool prepared;
    double samples[8];
    struct runner_note note;
    struct status status;
};

static struct once run_net(struct opened *opened, const struct net *net, bool (*cancelled)(void *))
{
    const struct runner_ops *ops = opened->runner.ops;
    const struct runner_job job = {.net = net, .cancelled = cancelled};
    struct once once = {.count = -1};
    runner_note_init(&once.note);
    void *prepared = ops->prepare(&opened->runner, &job, &once.note, &once.status);
    once.prepared = prepared != NULL;
    if (prepared != NULL)
        once.count = ops->sample(prepared, once.samples, 8, &once.note, &once.status);
    ops->release(prepared);
    return once;
}

static struct once run_channels(struct opened *opened, int channels)
{
    struct net net;
    build_net(channels, &net);
    struct once once = run_net(opened, &net, NULL);
    net_free(&net);
    return once;
}

static struct once run_board(const char *text)
{
    struct opened opened = open_board(text);
    struct once once = run_channels(&opened, 4);
    close_board(&opened);
    return once;
}

/* --- the board --- */

static const char quick[] = "command: {parser: json, run: {argv: [TOOL, say, '{\"latency_ms\": 1}']}}\n";

static void the_board_file_says_who_the_board_is(void **state)
{
    (void)state;
    char text[1024], line[256];
    snprintf(text, sizeof text, "elsewhere: true\ndeterministic: true\npeak_macs_per_s: 2e9\npeak_bytes_per_s: 3e9\n%s", quick);
    struct opened opened = open_board(text);
    struct runner_board board;
    opened.runner.ops->board(&opened.runner, &board);
    assert_string_equal(board.device_key, "bench-cpu-tool-f32");
    assert_string_equal(board.name, "bench-1");
    assert_true(board.elsewhere);
    assert_true(board.deterministic);
    assert_near(board.peak_macs_per_s, 2e9, 0, 0);
    assert_near(board.peak_bytes_per_s, 3e9, 0, 0);
    assert_int_equal(board.build_ahead, 0);
    opened.runner.ops->conditions(&opened.runner, line, sizeof line);
    assert_string_equal(line, "runtime=tool");
    assert_false(opened.runner.ops->warning(&opened.runner, 0, line, sizeof line));
    close_board(&opened);
}

static void the_version_is_what_the_tool_says_on_either_stream(void **state)
{
    (void)state;
    static const char *const ways[] = {"say, 'tool, version 2.14.0 (release)'", "complain, '3', 'tool, version 2.14.0'"};
    for (size_t i = 0; i < 2; i++) {
        char text[1024];
        struct runner_board board;
        snprintf(text, sizeof text, "runtime_version: {argv: [TOOL, %s], regex: 'version ([0-9.]+)'}\n%s", ways[i], quick);
        struct opened opened = open_board(text);
        opened.runner.ops->board(&opened.runner, &board);
        assert_string_equal(board.device_key, "bench-cpu-tool2.14.0-f32");
        close_board(&opened);
    }
}

static void refused(const char *text, enum status_code code, const char *said)
{
    struct opened opened;
    struct status status = {0};
    assert_int_equal(open_text(text, &opened, &status), code);
    if (strstr(status.message, said) == NULL || strstr(status.message, "board.yaml: ") != status.message)
        fail_msg("'%s' in place of '%s'", status.message, said);
    config_board_free(opened.board);
}

static void what_is_wrong_with_a_board_is_told_when_it_is_opened(void **state)
{
    (void)state;
    char text[1024];
    refused("command: {parser: json, run: {argv: [no-such-tool, x]}}\n", STATUS_NOT_FOUND, "no-such-tool: not found in PATH");
    refused("command: {parser: json, run: {argv: [TOOL]}, build: {argv: [/nowhere/convert], output: m}}\n", STATUS_NOT_FOUND,
            "/nowhere/convert: No such file");
    snprintf(text, sizeof text, "runtime_version: {argv: [TOOL, say, hello], regex: 'version ([0-9.]+)'}\n%s", quick);
    refused(text, STATUS_BAD_INPUT, "is not in what the program printed, which begins with 'hello");
    snprintf(text, sizeof text, "runtime_version: {argv: [TOOL, say, 'version 1-2 b'], regex: 'version (.*)'}\n%s", quick);
    refused(text, STATUS_BAD_INPUT, "cannot be part of a device key");
    snprintf(text, sizeof text, "runtime_version: {argv: [TOOL, wait], regex: 'version (.*)', timeout_s: 0.1}\n%s", quick);
    refused(text, STATUS_UNAVAILABLE, "not done after 0.1 s");
}

/* --- the run --- */

static void samples_energy_and_what_else_the_tool_says_come_out(void **state)
{
    (void)state;
    struct once once = run_board("command: {parser: json, run: {argv: [TOOL, say, '{\"latency_ms\": [1.5, 1.25], \"energy_mj\": 3, "
                                 "\"meta\": {\"clock\": 5}}', 'noise']}}\n");
    assert_int_equal(once.count, -1); /* two documents are not one */
    assert_int_equal(once.note.failure, WIRE_FAILURE_PARSE);
    runner_note_free(&once.note);
    once = run_board("command: {parser: json, run: {argv: [TOOL, say, '{\"latency_ms\": [1.5, 1.25], \"energy_mj\": 3, "
                     "\"meta\": {\"clock\": 5}}']}}\n");
    assert_int_equal(once.count, 2);
    assert_near(once.samples[0], 1.5, 0, 0);
    assert_near(once.samples[1], 1.25, 0, 0);
    assert_near(once.note.energy_mj, 3, 0, 0);
    assert_int_equal(once.note.failure, WIRE_FAILURE_NONE);
    assert_true(once.note.run_seconds >= 0);
    assert_false(once.note.throttled);
    assert_string_equal(json_string_value(json_object_get(once.note.tool, "runtime")), "tool");
    assert_int_equal(json_array_size(json_object_get(once.note.tool, "argv")), 3);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(once.note.tool, "meta"), "clock")), 5);
    runner_note_free(&once.note);
}

static void the_program_is_given_the_candidate_as_onnx(void **state)
{
    (void)state;
    struct net net;
    void *onnx;
    size_t size;
    struct status status;
    build_net(4, &net);
    assert_ok(net_onnx_write(&net, &onnx, &size, &status), status);
    free(onnx);
    net_free(&net);
    static const char *const names[] = {"{onnx}", "{model}", "{workdir}/model.onnx"};
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        snprintf(text, sizeof text, "command: {parser: json, run: {argv: [TOOL, time-of, '%s']}}\n", names[i]);
        struct once once = run_board(text);
        assert_int_equal(once.count, 1);
        assert_near(once.samples[0], (double)size, 0, 0);
        runner_note_free(&once.note);
    }
}

static void a_report_may_stand_on_either_stream(void **state)
{
    (void)state;
    struct once once = run_board("command: {parser: regex, regex: {pattern: 'mean ([0-9.]+)', unit: us}, run: {argv: [TOOL, "
                                 "complain, '0', 'mean 1500']}}\n");
    assert_int_equal(once.count, 1);
    assert_near(once.samples[0], 1.5, 1e-12, 0);
    runner_note_free(&once.note);
}

static void fails_as(const char *text, enum wire_failure failure, const char *said)
{
    struct once once = run_board(text);
    if (once.count != -1 || once.note.failure != failure)
        fail_msg("%s: %d samples, failure %s (%s)", text, once.count, wire_failure_name(once.note.failure), once.status.message);
    assert_int_not_equal(once.status.code, STATUS_OK);
    if (strstr(once.status.message, said) == NULL)
        fail_msg("'%s' in place of '%s'", once.status.message, said);
    for (int i = 0; i < 8; i++)
        assert_true(once.samples[i] == 0);
    runner_note_free(&once.note);
}

#define RUN "command: {parser: json, unsupported: 'Unsupported op: [A-Z]', memory_bytes: 100000000, run: {argv: [TOOL, "

static void every_way_a_run_ends_has_its_class(void **state)
{
    (void)state;
    fails_as(RUN "complain, '4', 'bad shape']}}\n", WIRE_FAILURE_CRASHED, "exit code 4; its last line: bad shape");
    fails_as(RUN "complain, '4', 'Unsupported op: ZERO']}}\n", WIRE_FAILURE_UNSUPPORTED_OP, "Unsupported op: ZERO");
    fails_as(RUN "signal, '11']}}\n", WIRE_FAILURE_CRASHED, "Segmentation fault");
    fails_as(RUN "signal, '9']}}\n", WIRE_FAILURE_CRASHED, "the kernel does when memory runs out");
    fails_as(RUN "allocate, '500']}}\n", WIRE_FAILURE_OUT_OF_MEMORY, "out of memory");
    fails_as(RUN "complain, '1', 'CUDA error: out of memory', 'aborted']}}\n", WIRE_FAILURE_OUT_OF_MEMORY, "out of memory");
    fails_as(RUN "wait], timeout_s: 0.1}}\n", WIRE_FAILURE_TIMEOUT, "run: ");
    fails_as(RUN "say, 'Unsupported op: ZERO']}}\n", WIRE_FAILURE_PARSE, "JSON");
}

static void output_that_is_no_latency_is_a_failure_and_never_zero(void **state)
{
    (void)state;
    static const char *const outputs[] = {"",      "0",    "0.0",    "-1",  "nan",  "inf",     "-inf",  "1e999",
                                          "1,5",   "0x",   "1.5.2",  "--1", ".",    "e5",      "1e",    "ms",
                                          "1e-99", "1e30", "NaN ms", "1 2", "null", "latency", "true",  "1.5 s",
                                          "0e0",   "1e+",  "+",      "{",   "{}",   "[",       "[1.5]", "[]"};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        char text[512];
        snprintf(text, sizeof text, "command: {parser: json, run: {argv: [TOOL, say, '{\"latency_ms\": %s'%s]}}\n", outputs[i],
                 strcmp(outputs[i], "[1.5]") == 0 ? "" : ", '}'");
        fails_as(text, WIRE_FAILURE_PARSE, "");
    }
    fails_as("command: {parser: json, run: {argv: [TOOL, binary]}}\n", WIRE_FAILURE_PARSE, "");
    fails_as("command: {parser: regex, regex: {pattern: 'avg=([0-9.]+)', unit: ms}, run: {argv: [TOOL, flood, '2']}}\n",
             WIRE_FAILURE_PARSE, "");
}

static bool at_once(void *context)
{
    (void)context;
    return true;
}

static void a_candidate_nobody_wants_is_no_failure_of_its_own(void **state)
{
    (void)state;
    struct opened opened = open_board("command: {parser: json, run: {argv: [TOOL, wait]}}\n");
    struct net net;
    build_net(4, &net);
    struct once once = run_net(&opened, &net, at_once);
    assert_int_equal(once.count, -1);
    assert_int_equal(once.note.failure, WIRE_FAILURE_NONE);
    assert_int_equal(once.status.code, STATUS_UNAVAILABLE);
    net_free(&net);
    close_board(&opened);
}

static void a_result_file_counts_only_for_the_run_that_wrote_it(void **state)
{
    (void)state;
    struct opened opened = open_board("command: {parser: json, result: out.json, run: {argv: [TOOL, write-text-once, out.json, "
                                      "'{\"latency_ms\": 2}', BASE/flag]}}\n");
    const struct runner_ops *ops = opened.runner.ops;
    struct net net;
    struct runner_note note;
    struct status status;
    double samples[4];
    build_net(4, &net);
    const struct runner_job job = {.net = &net};
    runner_note_init(&note);
    void *prepared = ops->prepare(&opened.runner, &job, &note, &status);
    assert_non_null(prepared);
    assert_int_equal(ops->sample(prepared, samples, 4, &note, &status), 1);
    assert_near(samples[0], 2, 0, 0);
    runner_note_free(&note);
    assert_int_equal(ops->sample(prepared, samples, 4, &note, &status), -1);
    assert_int_equal(note.failure, WIRE_FAILURE_PARSE);
    ops->release(prepared);
    runner_note_free(&note);
    net_free(&net);
    close_board(&opened);
}

static void the_environment_is_the_one_of_the_file(void **state)
{
    (void)state;
    struct once once = run_board("command: {parser: regex, regex: {pattern: 'NUMBER=([0-9]+)', unit: ms}, environment: {NUMBER: "
                                 "'42', PATH: /bin, WHERE: '{workdir}'}, run: {argv: [TOOL, surroundings]}}\n");
    assert_int_equal(once.count, 1);
    assert_near(once.samples[0], 42, 0, 0);
    char *end = strdup(json_string_value(json_object_get(once.note.tool, "output_end")));
    assert_non_null(strstr(end, "environment=NUMBER=42"));
    const char *where = strstr(end, "WHERE=/");
    assert_non_null(where);
    assert_memory_equal(where + 6, temporary, strlen(temporary));
    free(end);
    runner_note_free(&once.note);
}

static void power_times_latency_is_the_energy(void **state)
{
    (void)state;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/power", base);
    assert_int_equal(fileio_write(path, "5000\n", 5, NULL), STATUS_OK);
    struct once once =
        run_board("command: {parser: json, power: {file: BASE/power, unit: mW, every_ms: 1}, run: {argv: [TOOL, say, "
                  "'{\"latency_ms\": [2, 2, 4]}']}}\n");
    assert_int_equal(once.count, 3);
    assert_near(once.note.energy_mj, 10, 1e-12, 0);
    assert_true(once.note.power_samples >= 1);
    runner_note_free(&once.note);
    static const char *const readings[] = {"", "many\n", "-5\n", "12 34\n"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fileio_write(path, readings[i], strlen(readings[i]), NULL), STATUS_OK);
        once = run_board("command: {parser: json, power: {file: BASE/power, unit: W}, run: {argv: [TOOL, say, '{\"latency_ms\": "
                         "2}']}}\n");
        assert_int_equal(once.count, 1);
        assert_true(isnan(once.note.energy_mj));
        assert_int_equal(once.note.power_samples, 0);
        runner_note_free(&once.note);
    }
}

static void the_board_is_asked_whether_it_slowed_down(void **state)
{
    (void)state;
    static const struct {
        const char *argv;
        bool throttled;
    } cases[] = {{"say, 'throttled=0x50004'", true},
                 {"say, 'throttled=0x50000'", false},
                 {"complain, '1', 'throttled=0x4'", false},
                 {"complain, '0', 'throttled=0x4'", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "command: {parser: json, run: {argv: [TOOL, say, '{\"latency_ms\": 1}']}, throttled: {argv: [TOOL, "
                 "%s], regex: 'throttled=0x[0-9a-f]*[1-9a-f]$'}}\n",
                 cases[i].argv);
        struct once once = run_board(text);
        assert_int_equal(once.count, 1);
        assert_int_equal(once.note.throttled, cases[i].throttled);
        runner_note_free(&once.note);
    }
}

static void the_protocol_gets_its_measurement(void **state)
{
    (void)state;
    char text[1024] = "command: {parser: json, run: {argv: [TOOL, say, '{\"latency_ms\": [1";
    for (int i = 1; i < 60; i++)
        strcat(text, i % 2 == 0 ? ", 1" : ", 1.01");
    strcat(text, "]}']}}\n");
    struct opened opened = open_board(text);
    struct measure_result *result = malloc(sizeof *result);
    struct net net;
    struct runner_note note;
    struct status status;
    build_net(4, &net);
    const struct runner_job job = {.net = &net};
    runner_note_init(&note);
    assert_ok(measure_runner(&opened.runner, &job, &opened.runner.protocol, &note, result, &status), status);
    assert_in_range(result->sample_count, 60, 120);
    assert_true(result->latency_ms >= 1 && result->latency_ms <= 1.01);
    assert_false(result->unstable);
    runner_note_free(&note);
    net_free(&net);
    free(result);
    close_board(&opened);
}

/* --- the build --- */

#define BUILT                                                                                                                      \
    "command: {parser: json, build: {argv: [TOOL, copy-and-count, '{onnx}', '{model}', BASE/calls], output: m.bin}, run: "         \
    "{argv: [TOOL, time-of, '{model}']}}\n"

/* How often the build ran, by the lines it left. */
static int calls(void)
{
    char path[PATH_MAX + 16];
    void *data;
    size_t size;
    snprintf(path, sizeof path, "%s/calls", base);
    if (fileio_read(path, 1 << 20, &data, &size, NULL) != STATUS_OK)
        return 0;
    free(data);
    return (int)(size / 5);
}

static void a_build_is_done_once_for_the_same_candidate_and_way(void **state)
{
    (void)state;
    struct opened opened = open_board(BUILT);
    struct once first = run_channels(&opened, 4), second = run_channels(&opened, 4);
    assert_int_equal(calls(), 1);
    assert_int_equal(first.count, 1);
    assert_false(first.note.build_cached);
    assert_true(second.note.build_cached);
    assert_true(second.note.build_seconds == 0);
    assert_near(second.samples[0], first.samples[0], 0, 0);
    struct once other = run_channels(&opened, 8);
    assert_int_equal(calls(), 2);
    assert_true(other.samples[0] > first.samples[0]);
    close_board(&opened);
    runner_note_free(&first.note);
    runner_note_free(&second.note);
    runner_note_free(&other.note);
}

static void another_argument_variable_or_version_is_another_build(void **state)
{
    (void)state;
    static const char *const ways[] = {
        BUILT,
        "command: {parser: json, build: {argv: [TOOL, copy-and-count, '{workdir}/model.onnx', '{model}', BASE/calls], output: "
        "m.bin}, "
        "run: {argv: [TOOL, time-of, '{model}']}}\n",
        "command: {parser: json, environment: {X: '1'}, build: {argv: [TOOL, copy-and-count, '{onnx}', '{model}', BASE/calls], "
        "output: m.bin}, run: {argv: [TOOL, time-of, '{model}']}}\n",
        "runtime_version: {argv: [TOOL, say, '9'], regex: '(9)'}\n" BUILT};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            struct once once = run_board(ways[i]);
            assert_int_equal(once.count, 1);
            runner_note_free(&once.note);
            assert_int_equal(calls(), round == 0 ? i + 1 : 4);
        }
    }
}

static void what_is_damaged_in_the_cache_is_built_again(void **state)
{
    (void)state;
    struct once once = run_board(BUILT);
    double whole = once.samples[0];
    runner_note_free(&once.note);
    DIR *folder = opendir(cache_folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int fd = entry->d_name[0] == '.' ? -1 : openat(dirfd(folder), entry->d_name, O_WRONLY);
        if (fd >= 0) {
            assert_int_equal(pwrite(fd, "?", 1, 100), 1);
            close(fd);
        }
    }
    closedir(folder);
    once = run_board(BUILT);
    assert_int_equal(calls(), 2);
    assert_false(once.note.build_cached);
    assert_near(once.samples[0], whole, 0, 0);
    runner_note_free(&once.note);
}

#define BUILD(argv)                                                                                                                \
    "command: {parser: json, unsupported: 'op ZERO', memory_bytes: 100000000, run: {argv: [TOOL, exit, '1']}, build: "             \
    "{output: m.bin, timeout_s: 10, argv: [TOOL, " argv "]}}\n"

static void every_way_a_build_ends_has_its_class(void **state)
{
    (void)state;
    fails_as(BUILD("complain, '1', 'cannot convert'"), WIRE_FAILURE_CONVERT_FAILED, "build: ");
    fails_as(BUILD("complain, '1', 'do not know op ZERO here'"), WIRE_FAILURE_UNSUPPORTED_OP, "op ZERO");
    fails_as(BUILD("signal, '6'"), WIRE_FAILURE_CRASHED, "Aborted");
    fails_as(BUILD("allocate, '500'"), WIRE_FAILURE_OUT_OF_MEMORY, "out of memory");
    fails_as(
        "command: {parser: json, run: {argv: [TOOL, exit, '1']}, build: {output: m.bin, timeout_s: 0.1, argv: [TOOL, wait]}}\n",
        WIRE_FAILURE_TIMEOUT, "not done after 0.1 s");
    fails_as(BUILD("exit, '0'"), WIRE_FAILURE_CONVERT_FAILED, "made no {workdir}/m.bin");
    fails_as(BUILD("write, '0', '{model}'"), WIRE_FAILURE_CONVERT_FAILED, "is empty");
    fails_as(BUILD("link, /etc/passwd, '{model}'"), WIRE_FAILURE_CONVERT_FAILED, "is not a file");
    fails_as(BUILD("litter, '3'"), WIRE_FAILURE_CONVERT_FAILED, "made no");
    assert_int_equal(count_entries(cache_folder), 0);
}

/* --- the cache by itself --- */

static struct digest key(int number)
{
    struct digest out;
    digest_of(&number, sizeof number, &out);
    return out;
}

static bool has(const struct build_cache *cache, int number)
{
    void *data = NULL;
    size_t size = 0;
    struct digest digest = key(number);
    bool found = build_cache_get(cache, &digest, &data, &size);
    free(data);
    return found;
}

static void put(const struct build_cache *cache, int number, size_t size)
{
    struct status status;
    char *data = calloc(1, size);
    struct digest digest = key(number);
    data[0] = (char)number;
    assert_ok(build_cache_put(cache, &digest, data, size, &status), status);
    free(data);
}

/* The files' own time, so that no test waits for a clock. */
static void set_used(const struct build_cache *cache, int number, time_t when)
{
    char path[PATH_MAX + 80], hex[DIGEST_HEX_BYTES];
    struct digest digest = key(number);
    const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
    digest_hex(&digest, hex);
    snprintf(path, sizeof path, "%s/%s", cache->folder, hex);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void the_cache_keeps_what_was_used_last_and_fits(void **state)
{
    (void)state;
    struct build_cache cache;
    struct status status;
    assert_ok(build_cache_open(cache_folder, 3500, &cache, &status), status);
    for (int i = 0; i < 3; i++) {
        put(&cache, i, 1000);
        set_used(&cache, i, 1000 + i);
    }
    assert_true(has(&cache, 0)); /* and is the newest now */
    put(&cache, 3, 1000);
    assert_true(has(&cache, 0));
    assert_false(has(&cache, 1));
    assert_true(has(&cache, 2));
    assert_true(has(&cache, 3));
    put(&cache, 4, 5000); /* fits by no means */
    assert_false(has(&cache, 4));
    assert_true(has(&cache, 0));
}

static void a_cache_is_made_where_it_is_wanted_and_leaves_strangers_files_alone(void **state)
{
    (void)state;
    struct build_cache cache;
    struct status status;
    char path[PATH_MAX + 80];
    snprintf(path, sizeof path, "%s/a/b/c", base);
    assert_ok(build_cache_open(path, 1500, &cache, &status), status);
    snprintf(path, sizeof path, "%s/a/b/c/letter", base);
    assert_int_equal(fileio_write(path, "x", 1, NULL), STATUS_OK);
    for (int i = 0; i < 4; i++)
        put(&cache, i, 1000);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(count_entries(cache.folder), 2);
    assert_int_equal(build_cache_open("/dev/null/x", 1500, &cache, &status), STATUS_IO);
    assert_non_null(strstr(status.message, "/dev/null"));
}

/* --- placeholders --- */

static void placeholders_are_replaced_once_and_other_braces_stay(void **state)
{
    (void)state;
    char *words[] = {"{onnx}", "--graph={model}", "{a b}", "{}", "{{onnx}}", "a{threads}b{threads}", "{N}", "{", "}", "", NULL};
    const struct config_board_list list = {words, 10};
    const struct template_values values = {
        .texts = {[CONFIG_BOARD_ONNX] = "/x y/{model}.onnx", [CONFIG_BOARD_MODEL] = "$(id)", [CONFIG_BOARD_THREADS] = "4"}};
    static const char *const wanted[] = {
        "/x y/{model}.onnx", "--graph=$(id)", "{a b}", "{}", "{/x y/{model}.onnx}", "a4b4", "{N}", "{", "}", ""};
    char **out;
    struct status status;
    assert_ok(template_expand(&list, &values, &out, &status), status);
    for (int i = 0; i < 10; i++)
        assert_string_equal(out[i], wanted[i]);
    assert_null(out[10]);
    template_free(out);
    const struct template_values none = {{NULL}};
    assert_ok(template_expand(&list, &none, &out, &status), status);
    for (int i = 0; i < 10; i++)
        assert_string_equal(out[i], words[i]);
    template_free(out);
    char *wrong[] = {"ok", "--x={unknown_word}", NULL};
    assert_int_equal(template_expand(&(struct config_board_list){wrong, 2}, &values, &out, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "{unknown_word} is no placeholder"));
    assert_null(out);
    template_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_board_file_says_who_the_board_is),
        TEST(the_version_is_what_the_tool_says_on_either_stream),
        TEST(what_is_wrong_with_a_board_is_told_when_it_is_opened),
        TEST(samples_energy_and_what_else_the_tool_says_come_out),
        TEST(the_program_is_given_the_candidate_as_onnx),
        TEST(a_report_may_stand_on_either_stream),
        TEST(every_way_a_run_ends_has_its_class),
        TEST(output_that_is_no_latency_is_a_failure_and_never_zero),
        TEST(a_candidate_nobody_wants_is_no_failure_of_its_own),
        TEST(a_result_file_counts_only_for_the_run_that_wrote_it),
        TEST(the_environment_is_the_one_of_the_file),
        TEST(power_times_latency_is_the_energy),
        TEST(the_board_is_asked_whether_it_slowed_down),
        TEST(the_protocol_gets_its_measurement),
        TEST(a_build_is_done_once_for_the_same_candidate_and_way),
        TEST(another_argument_variable_or_version_is_another_build),
        TEST(what_is_damaged_in_the_cache_is_built_again),
        TEST(every_way_a_build_ends_has_its_class),
        TEST(the_cache_keeps_what_was_used_last_and_fits),
        TEST(a_cache_is_made_where_it_is_wanted_and_leaves_strangers_files_alone),
        TEST(placeholders_are_replaced_once_and_other_braces_stay),
    };
    return TEST_RUN(tests);
}
