/* progress: the master's lines read, rates, and what a person is shown. */
#include "tests/support/test.h"

#include <string.h>

#include "master/progress.h"

#define COUNTS                                                                                                                     \
    "\"study\":\"s\",\"state\":\"running\",\"generation\":51,\"generations\":100,\"asked\":1032,\"total\":2000,\"done\":1032.5,"   \
    "\"fraction\":0.516,"                                                                                                          \
    "\"scored\":410,\"distinct\":414,"                                                                                             \
    "\"cached\":622,\"running\":4,\"queued\":9,\"measuring\":1,\"workers\":4,\"agents\":1,\"seconds\":12.5"
#define BEST "\"best\":{\"arch\":\"|a~0|\",\"fitness\":71.53,\"costs\":{\"latency_ms\":3.94,\"macs\":1e8}}"
#define RUNNING "{" COUNTS "," BEST ",\"eta_seconds\":13.2,\"waiting_for\":\"\"}"

static struct progress parsed(const char *line)
{
    struct progress progress;
    struct status status;
    assert_ok(progress_parse(line, &progress, &status), status);
    return progress;
}

static void a_line_is_read_with_every_figure(void **state)
{
    (void)state;
    struct progress progress = parsed(RUNNING);
    assert_string_equal(progress.study, "s");
    assert_false(progress.finished);
    assert_int_equal(progress.generation, 51);
    assert_int_equal(progress.generations, 100);
    assert_int_equal(progress.asked, 1032);
    assert_int_equal(progress.total, 2000);
    assert_near(progress.done, 1032.5, 0, 0);
    assert_int_equal(progress.scored, 410);
    assert_int_equal(progress.distinct, 414);
    assert_int_equal(progress.cached, 622);
    assert_int_equal(progress.running, 4);
    assert_int_equal(progress.queued, 9);
    assert_int_equal(progress.measuring, 1);
    assert_int_equal(progress.workers, 4);
    assert_int_equal(progress.agents, 1);
    assert_true(progress.has_best);
    assert_string_equal(progress.best_arch, "|a~0|");
    assert_near(progress.best_fitness, 71.53, 0, 0);
    assert_int_equal(progress.best_cost_count, 2);
    assert_string_equal(progress.best_cost_names[1], "macs");
    assert_near(progress.best_costs[0], 3.94, 0, 0);
    assert_near(progress.eta_seconds, 13.2, 0, 0);
}

static void an_unknown_end_is_a_negative_eta(void **state)
{
    (void)state;
    assert_true(parsed("{" COUNTS ",\"best\":null,\"eta_seconds\":null}").eta_seconds < 0);
}

static void lines_that_are_not_progress_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "", "{", "[]", "3", "{}", "{\"state\":3}", "hello", "{\"state\":\"running\",\"state\":\"x\"}"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct progress progress;
        struct status status;
        assert_int_equal(progress_parse(lines[i], &progress, &status), STATUS_BAD_INPUT);
    }
}

static void odd_values_neither_crash_nor_pass_for_counts(void **state)
{
    (void)state;
    struct progress progress = parsed("{\"state\":\"running\",\"asked\":-3,\"total\":\"x\",\"best\":{\"costs\":{\"a\":null}}}");
    char out[PROGRESS_TEXT_BYTES];
    assert_int_equal(progress.asked, 0);
    assert_int_equal(progress.total, 0);
    progress_line(&progress, 0, out);
    assert_non_null(strstr(out, "0 candidates"));
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    struct progress progress = parsed("{\"state\":\"running\",\"study\":\"a\\u001b[2J\",\"waiting_for\":\"b\\nc\"}");
    char out[PROGRESS_TEXT_BYTES];
    progress_line(&progress, 0, out);
    assert_null(strchr(out, '\x1b'));
    assert_null(strchr(out, '\n'));
}

static void the_plain_line_tells_the_whole_story(void **state)
{
    (void)state;
    char out[PROGRESS_TEXT_BYTES];
    struct progress progress = parsed(RUNNING);
    progress_line(&progress, 81.2, out);
    assert_string_equal(
        out, "s: 51 %  ETA 0:13  410 scored  81/s  generation 51/100  1032/2000 candidates  best 71.53  latency_ms 3.94  "
             "macs 1e+08  4 workers  measuring  |a~0|");
}

static void the_screen_has_a_bar_and_two_lines(void **state)
{
    (void)state;
    char out[PROGRESS_TEXT_BYTES];
    struct progress progress = parsed(RUNNING);
    progress_screen(&progress, 8.125, 200, false, out);
    assert_string_equal(
        out, "s  [############............]  51 %  ETA 0:13  410 scored  8.12/s  generation 51/100  1032/2000 candidates\n"
             "best 71.53  latency_ms 3.94  macs 1e+08  4 workers  measuring  |a~0|");
}

static void a_narrow_screen_leaves_whole_parts_out(void **state)
{
    (void)state;
    char out[PROGRESS_TEXT_BYTES];
    struct progress progress = parsed(RUNNING);
    progress_screen(&progress, 8.125, 48, false, out);
    assert_string_equal(out, "s  [#####.....]  51 %  ETA 0:13  410 scored\n"
                             "best 71.53  latency_ms 3.94  macs 1e+08  |a~0|");
}

static void no_screen_line_is_wider_than_asked(void **state)
{
    (void)state;
    struct progress progress = parsed(RUNNING);
    for (size_t width = 0; width < 120; width++) {
        char out[PROGRESS_TEXT_BYTES];
        progress_screen(&progress, 8, width, false, out);
        char *second = strchr(out, '\n');
        assert_non_null(second);
        assert_true((size_t)(second - out) <= width);
        assert_true(strlen(second + 1) <= width);
    }
}

static void colour_appears_only_when_asked_and_is_always_ended(void **state)
{
    (void)state;
    char out[PROGRESS_TEXT_BYTES];
    struct progress progress = parsed(RUNNING);
    progress_screen(&progress, 8, 100, false, out);
    assert_null(strchr(out, '\x1b'));
    progress_screen(&progress, 8, 100, true, out);
    size_t begun = 0, ended = 0;
    for (const char *at = out; (at = strchr(at, '\x1b')) != NULL; at++)
        strncmp(at, "\x1b[0m", 4) == 0 ? ended++ : begun++;
    assert_int_equal(begun, 2);
    assert_int_equal(ended, 2);
}

static void a_full_bar_and_no_eta_mark_the_end(void **state)
{
    (void)state;
    char out[PROGRESS_TEXT_BYTES];
    struct progress progress = parsed("{\"study\":\"s\",\"state\":\"finished\",\"asked\":7,\"total\":2000,\"seconds\":3725}");
    progress_screen(&progress, 0, 120, false, out);
    assert_non_null(strstr(out, "[########################]  100 %  done in 1:02:05"));
}

static void what_is_waited_for_is_shown(void **state)
{
    (void)state;
    char out[PROGRESS_TEXT_BYTES];
    struct progress progress = parsed("{\"state\":\"running\",\"waiting_for\":\"an agent for device rpi4\"}");
    progress_line(&progress, 0, out);
    assert_non_null(strstr(out, "waiting for an agent for device rpi4"));
}

static void a_new_best_is_noticed_and_a_repeated_one_is_not(void **state)
{
    (void)state;
    struct progress none = parsed("{" COUNTS ",\"best\":null}"), some = parsed(RUNNING), other = some;
    assert_true(progress_best_differs(&none, &some));
    assert_false(progress_best_differs(&some, &other));
    other.best_arch[1] = 'b';
    assert_true(progress_best_differs(&some, &other));
}

static void the_rate_settles_on_evaluations_per_second(void **state)
{
    (void)state;
    struct progress_rate rate = {.started = false};
    struct progress progress = {.seconds = 100, .scored = 500};
    double per_second = progress_rate_update(&rate, &progress);
    assert_near(per_second, 0, 0, 0); /* what was there before says nothing of now */
    for (int i = 0; i < 100; i++) {
        progress.seconds += 1;
        progress.scored += 20;
        per_second = progress_rate_update(&rate, &progress);
    }
    assert_near(per_second, 20, 1e-6, 0);
    for (int i = 0; i < 100; i++) {
        progress.seconds += 1;
        per_second = progress_rate_update(&rate, &progress);
    }
    assert_true(per_second < 0.02);
}

/* Two workers, 20 s an evaluation, both ready in the same second. */
static void slow_evaluations_have_a_rate_that_stays(void **state)
{
    (void)state;
    struct progress_rate rate = {.started = false};
    struct progress progress = {.running = 2};
    progress_rate_update(&rate, &progress);
    for (int second = 1; second <= 400; second++) {
        progress.seconds = second;
        progress.scored = 2 * (uint64_t)(second / 20);
        double per_second = progress_rate_update(&rate, &progress);
        if (second < 20)
            assert_near(per_second, 0, 0, 0);
        else
            assert_near(per_second, 0.1, 0.001, 0);
    }
}

static void a_stalled_search_has_a_rate_that_falls(void **state)
{
    (void)state;
    struct progress_rate rate = {.started = false};
    struct progress progress = {.running = 2};
    progress_rate_update(&rate, &progress);
    progress.seconds = 20;
    progress.scored = 2;
    assert_near(progress_rate_update(&rate, &progress), 0.1, 1e-12, 0);
    progress.seconds = 120;
    assert_true(progress_rate_update(&rate, &progress) < 0.03);
}

/* All that the budget pays for has been asked, and little of it is there. */
static void what_is_asked_and_not_done_is_still_to_go(void **state)
{
    (void)state;
    struct progress_work work = {.done = 2, .total = 101, .asked = 12, .distinct = 12, .budget = 12, .seconds = 30};
    assert_near(progress_eta(&work), 150, 1e-9, 0);
    assert_near(progress_fraction(&work), 2.0 / 12, 1e-12, 0);
    work.done = 12;
    assert_near(progress_eta(&work), 0, 0, 0);
    assert_near(progress_fraction(&work), 1, 0, 0);
}

static void the_end_is_by_candidates_or_by_budget_whichever_is_first(void **state)
{
    (void)state;
    struct progress_work work = {.done = 100, .total = 400, .asked = 100, .distinct = 50, .budget = 1000, .seconds = 10};
    assert_near(progress_eta(&work), 30, 1e-9, 0);
    work.budget = 150; /* half of the proposals cost nothing: 300 of them */
    assert_near(progress_eta(&work), 20, 1e-9, 0);
    assert_near(progress_fraction(&work), 1.0 / 3, 1e-12, 0);
    work.done_at_start = 60; /* only what this master did tells its speed */
    assert_near(progress_eta(&work), 50, 1e-9, 0);
}

/* They come after all candidates, so until then they lengthen what is to go. */
static void finalists_count_by_what_they_take(void **state)
{
    (void)state;
    struct progress_work work = {
        .done = 50, .total = 100, .asked = 60, .distinct = 60, .seconds = 10, .finals = 60, .finals_done = 0};
    assert_near(progress_fraction(&work), 50.0 / 160, 1e-12, 0);
    assert_near(progress_eta(&work), 22, 1e-9, 0);
    work.done = 100;
    work.finals_done = 30;
    assert_near(progress_fraction(&work), 130.0 / 160, 1e-12, 0);
    work.done_at_start = 100; /* a master that began in the finals */
    assert_near(progress_eta(&work), 10, 1e-9, 0);
}

static void in_the_finals_it_is_said_how_many_are_scored(void **state)
{
    (void)state;
    char out[PROGRESS_TEXT_BYTES];
    struct progress progress = parsed("{" COUNTS "," BEST ",\"eta_seconds\":13.2,\"finalists\":20,\"finals_scored\":12}");
    assert_int_equal(progress.finalists, 20);
    assert_int_equal(progress.finals_scored, 12);
    progress_line(&progress, 3, out);
    assert_non_null(strstr(out, "finalists 12 of 20 scored"));
    assert_null(strstr(out, "/s")); /* the rate was that of candidates */
    progress = parsed(RUNNING);
    progress_line(&progress, 3, out);
    assert_null(strstr(out, "finalists"));
}

static void nothing_is_foretold_without_a_total_or_before_the_first_result(void **state)
{
    (void)state;
    struct progress_work work = {.done = 10, .asked = 20, .distinct = 20, .budget = 100, .seconds = 5};
    assert_true(progress_eta(&work) < 0);
    assert_near(progress_fraction(&work), 0.1, 1e-12, 0);
    work.total = 100;
    work.done = 0;
    assert_true(progress_eta(&work) < 0);
    assert_near(progress_fraction(&(struct progress_work){.done = 3}), 0, 0, 0);
}

static void times_read_like_a_clock(void **state)
{
    (void)state;
    char out[24];
    progress_clock(7.4, out);
    assert_string_equal(out, "0:07");
    progress_clock(725, out);
    assert_string_equal(out, "12:05");
    progress_clock(11045, out);
    assert_string_equal(out, "3:04:05");
    progress_clock(-1, out);
    assert_string_equal(out, "0:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_read_with_every_figure),
        cmocka_unit_test(an_unknown_end_is_a_negative_eta),
        cmocka_unit_test(lines_that_are_not_progress_are_refused),
        cmocka_unit_test(odd_values_neither_crash_nor_pass_for_counts),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(the_plain_line_tells_the_whole_story),
        cmocka_unit_test(the_screen_has_a_bar_and_two_lines),
        cmocka_unit_test(a_narrow_screen_leaves_whole_parts_out),
        cmocka_unit_test(no_screen_line_is_wider_than_asked),
        cmocka_unit_test(colour_appears_only_when_asked_and_is_always_ended),
        cmocka_unit_test(a_full_bar_and_no_eta_mark_the_end),
        cmocka_unit_test(what_is_waited_for_is_shown),
        cmocka_unit_test(a_new_best_is_noticed_and_a_repeated_one_is_not),
        cmocka_unit_test(the_rate_settles_on_evaluations_per_second),
        cmocka_unit_test(slow_evaluations_have_a_rate_that_stays),
        cmocka_unit_test(a_stalled_search_has_a_rate_that_falls),
        cmocka_unit_test(what_is_asked_and_not_done_is_still_to_go),
        cmocka_unit_test(the_end_is_by_candidates_or_by_budget_whichever_is_first),
        cmocka_unit_test(finalists_count_by_what_they_take),
        cmocka_unit_test(in_the_finals_it_is_said_how_many_are_scored),
        cmocka_unit_test(nothing_is_foretold_without_a_total_or_before_the_first_result),
        cmocka_unit_test(times_read_like_a_clock),
    };
    return TEST_RUN(tests);
}
