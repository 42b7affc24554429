/* runner_builtin: what it calls this host, where it runs, and that it runs the network it was given. No test asserts a time. */
#include "tests/support/test.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#include "common/space.h"
#include "common/version.h"
#include "worker/engine/engine.h"
#include "worker/measure_runner.h"
#include "worker/runner.h"

static const char *const all_conv =
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|";
static const char *const all_skip =
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|";

static void build(const char *text, int channels, int cells, struct net *net)
{
    const struct space_build size = {channels, cells, 10, {3, 32, 32}};
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

static struct runner open_runner(void)
{
    struct runner runner;
    struct status status;
    assert_ok(runner_builtin_open(-1, &runner, &status), status);
    return runner;
}

static void *prepare(struct runner *runner, const struct net *net, struct status *status)
{
    struct runner_job job = {.net = net};
    struct runner_note note;
    runner_note_init(&note);
    void *prepared = runner->ops->prepare(runner, &job, &note, status);
    assert_true(prepared == NULL || note.build_seconds > 0);
    runner_note_free(&note);
    return prepared;
}

static cpu_set_t allowed_now(void)
{
    cpu_set_t allowed;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    return allowed;
}

static void device_key_names_host_version_isa_and_precision(void **state)
{
    (void)state;
    char tail[64];
    struct runner runner = open_runner();
    struct runner_board board;
    runner.ops->board(&runner, &board);
    const char *key = board.device_key;
    assert_false(board.elsewhere);
    assert_int_not_equal(board.name[0], '\0');
    snprintf(tail, sizeof tail, "-hwnas%s+%s-f32", HWNAS_VERSION, engine_best_isa());
    assert_memory_equal(key, "host-", 5);
    assert_string_equal(key + strlen(key) - strlen(tail), tail);
    assert_int_equal(strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._+-"), strlen(key));
    runner_close(&runner);
}

static void conditions_name_version_and_isa(void **state)
{
    (void)state;
    char line[512], wanted[128];
    struct runner runner = open_runner();
    runner.ops->conditions(&runner, line, sizeof line);
    snprintf(wanted, sizeof wanted, " hwnas=%s isa=%s", HWNAS_VERSION, engine_best_isa());
    assert_non_null(strstr(line, wanted));
    assert_memory_equal(line, "processor=", 10);
    runner_close(&runner);
}

static void the_thread_is_on_one_cpu_from_prepare_to_release(void **state)
{
    (void)state;
    struct runner runner = open_runner();
    struct status status;
    struct net net;
    build(all_skip, 4, 1, &net);
    cpu_set_t before = allowed_now();
    void *prepared = prepare(&runner, &net, &status);
    assert_non_null(prepared);
    cpu_set_t during = allowed_now();
    runner.ops->release(prepared);
    cpu_set_t after = allowed_now();
    assert_int_equal(CPU_COUNT(&during), 1);
    assert_true(CPU_EQUAL(&before, &after));
    net_free(&net);
    runner_close(&runner);
}

static void the_chosen_cpu_is_the_one(void **state)
{
    (void)state;
    struct runner runner;
    struct status status;
    struct net net;
    cpu_set_t allowed = allowed_now();
    size_t first = 0;
    while (!CPU_ISSET(first, &allowed))
        first++;
    build(all_skip, 4, 1, &net);
    assert_ok(runner_builtin_open((int)first, &runner, &status), status);
    void *prepared = prepare(&runner, &net, &status);
    assert_non_null(prepared);
    cpu_set_t during = allowed_now();
    runner.ops->release(prepared);
    assert_true(CPU_ISSET(first, &during));
    net_free(&net);
    runner_close(&runner);
}

static void a_cpu_this_process_may_not_use_is_refused_by_number(void **state)
{
    (void)state;
    struct runner runner;
    struct status status;
    assert_int_equal(runner_builtin_open(1023, &runner, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "CPU 1023"));
    assert_int_equal(runner_builtin_open(1 << 20, &runner, &status), STATUS_BAD_INPUT);
}

static void a_network_that_cannot_run_leaves_the_thread_where_it_was(void **state)
{
    (void)state;
    struct runner runner = open_runner();
    struct status status = {0};
    struct net net;
    net_init_empty(&net);
    cpu_set_t before = allowed_now();
    assert_null(prepare(&runner, &net, &status));
    assert_int_not_equal(status.code, STATUS_OK);
    cpu_set_t after = allowed_now();
    assert_true(CPU_EQUAL(&before, &after));
    runner_close(&runner);
}

static double quickest_of_ten(struct runner *runner, const char *arch)
{
    struct status status;
    struct net net;
    double quickest = INFINITY;
    build(arch, 16, 2, &net);
    void *prepared = prepare(runner, &net, &status);
    assert_non_null(prepared);
    for (int i = 0; i < 10; i++) {
        double ms;
        struct runner_note note;
        runner_note_init(&note);
        assert_int_equal(runner->ops->sample(prepared, &ms, 1, &note, &status), 1);
        assert_true(note.run_seconds >= ms / 1e3);
        quickest = fmin(quickest, ms);
    }
    runner->ops->release(prepared);
    net_free(&net);
    return quickest;
}

/* 7.8 million multiply-accumulates against 47: were the network not run, the two would be alike. */
static void a_cell_of_convolutions_takes_longer_than_one_of_skips(void **state)
{
    (void)state;
    struct runner runner = open_runner();
    double skip_ms = quickest_of_ten(&runner, all_skip), conv_ms = quickest_of_ten(&runner, all_conv);
    print_message("# skips %.3f ms, convolutions %.3f ms\n", skip_ms, conv_ms);
    assert_true(skip_ms > 0);
    assert_true(conv_ms > 1.5 * skip_ms);
    runner_close(&runner);
}

static void a_whole_measurement_comes_out_of_it(void **state)
{
    (void)state;
    struct runner runner = open_runner();
    struct measure_options options = measure_defaults();
    struct measure_result result;
    struct status status;
    struct net net;
    build(all_conv, 4, 1, &net);
    struct runner_job job = {.net = &net};
    struct runner_note note;
    runner_note_init(&note);
    assert_ok(measure_runner(&runner, &job, &options, &note, &result, &status), status);
    assert_true(result.latency_ms >= result.min_ms && result.latency_ms > 0);
    assert_true(result.sample_count >= options.samples_min);
    assert_true(note.build_seconds > 0 && note.run_seconds > 0);
    net_free(&net);
    runner_close(&runner);
}

static void closing_twice_is_harmless(void **state)
{
    (void)state;
    struct runner runner = open_runner();
    runner_close(&runner);
    runner_close(&runner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_key_names_host_version_isa_and_precision),
        cmocka_unit_test(conditions_name_version_and_isa),
        cmocka_unit_test(the_thread_is_on_one_cpu_from_prepare_to_release),
        cmocka_unit_test(the_chosen_cpu_is_the_one),
        cmocka_unit_test(a_cpu_this_process_may_not_use_is_refused_by_number),
        cmocka_unit_test(a_network_that_cannot_run_leaves_the_thread_where_it_was),
        cmocka_unit_test(a_cell_of_convolutions_takes_longer_than_one_of_skips),
        cmocka_unit_test(a_whole_measurement_comes_out_of_it),
        cmocka_unit_test(closing_twice_is_harmless),
    };
    return TEST_RUN(tests);
}
