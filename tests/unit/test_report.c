/* report: best, front and counts of a study written into a store by hand, and each way of printing them. */
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "master/report.h"

static char folder[64], db[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/hwnas-test-report-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(db, sizeof db, "%s/s.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char settings[] = "name: s\nspace: nb201\nfitness: {source: table, file: /a.csv, column: acc}\n"
                               "costs: [{name: latency_ms, source: table, file: /b.csv, max: 4}, {source: macs}]\n";
static const char settings_with_a_limit_alone[] =
    "name: s\nspace: nb201\nfitness: {source: table, file: /a.csv, column: acc}\n"
    "costs: [{name: latency_ms, source: table, file: /b.csv, max: 4, limit_only: true}, {source: macs}]\n";
static const char settings_of_rminas[] = "name: s\nspace: nb201\nstrategy: {name: rminas}\n"
                                         "fitness: {source: table, file: /a.csv, column: acc}\n"
                                         "costs: [{name: latency_ms, source: table, file: /b.csv}, {source: macs}]\n";
static const char settings_without_costs[] = "name: s\nspace: nb201\nfitness: {source: table, file: /a.csv, column: acc}\n";

/* One candidate as a test writes it. */
struct row {
    const char *arch;
    double fitness, latency_ms, macs;
    bool satisfies, cached, skipped;
};

static enum status_code put(struct store *store, int64_t id, const struct row *rows, size_t count, struct status *status)
{
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        struct study_candidate candidate = {
            .ask = count - 1 - i, .told = i, .cached = rows[i].cached, .skipped = rows[i].skipped, .connected = true};
        candidate.arch.length = 1;
        candidate.arch.genes[0] = (uint8_t)i;
        snprintf(candidate.arch_text, sizeof candidate.arch_text, "%s", rows[i].arch);
        snprintf(candidate.canonical_text, sizeof candidate.canonical_text, "%s", rows[i].arch);
        snprintf(candidate.fitness_key, sizeof candidate.fitness_key, "%064zx", i);
        candidate.result.feasible = !rows[i].skipped;
        candidate.result.fitness = rows[i].fitness;
        candidate.result.costs[0] = rows[i].latency_ms;
        candidate.result.costs[1] = rows[i].macs;
        candidate.satisfies = rows[i].satisfies;
        code = store_candidate_put(store, id, &candidate, 2, status);
    }
    return code;
}

/* A fresh database with study "s", these candidates told in their order (and asked in the opposite one) and that answer, read back.
 */
static struct report report_with_answer(const char *text, const struct row *rows, size_t count, const char *answer)
{
    struct store *store = NULL;
    struct status status;
    struct report report;
    int64_t id = 0;
    const struct store_study study = {
        .name = "s", .settings = (char *)text, .files = "{}", .state = STORE_STUDY_FINISHED, .seconds = 1.25};
    unlink(db);
    assert_ok(store_open(db, STORE_WRITE, &store, &status), status);
    assert_ok(store_begin(store, &status), status);
    assert_ok(store_study_create(store, &study, &id, &status), status);
    assert_ok(put(store, id, rows, count, &status), status);
    assert_ok(store_study_update(store, id, STORE_STUDY_FINISHED, 1, 1.25, &status), status);
    if (answer != NULL)
        assert_ok(store_study_answer(store, id, answer, &status), status);
    assert_ok(store_commit(store, &status), status);
    store_close(store);
    assert_ok(report_read(db, "s", &report, &status), status);
    unlink(db);
    return report;
}

static struct report report_of(const char *text, const struct row *rows, size_t count)
{
    return report_with_answer(text, rows, count, NULL);
}

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void the_best_is_the_fittest_that_satisfies(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", 70, 3, 5, true, false, false},
                                      {"b", 75, 9, 5, false, false, false},
                                      {"c", 71, 3.5, 5, true, false, false},
                                      {"d", 69, 1, 5, true, false, false}};
    struct report report = report_of(settings, rows, COUNT(rows));
    assert_string_equal(report.best->arch, "c");
    assert_int_equal(report.satisfying, 3);
    report_free(&report);
}

static void ties_go_to_the_lower_cost_then_to_what_was_told_earlier(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", 70, 3, 5, true, false, false},
                                      {"b", 70, 2, 6, true, false, false},
                                      {"c", 70, 2, 5, true, false, false},
                                      {"d", 70, 2, 5, true, false, false}};
    struct report report = report_of(settings, rows, COUNT(rows));
    assert_string_equal(report.best->arch, "c");
    report_free(&report);
}

static void the_front_keeps_what_nobody_beats_sorted_by_the_first_cost(void **state)
{
    (void)state;
    static const struct row rows[] = {{"fast", 60, 1, 9, true, false, false},   {"good", 72, 3, 9, true, false, false},
                                      {"beaten", 59, 2, 9, true, false, false}, {"over", 80, 9, 1, false, false, false},
                                      {"light", 50, 2, 1, true, false, false},  {"good", 72, 3, 9, true, true, false}};
    struct report report = report_of(settings, rows, COUNT(rows));
    assert_int_equal(report.front_count, 3);
    assert_string_equal(report.front[0].arch, "fast");
    assert_string_equal(report.front[1].arch, "light");
    assert_string_equal(report.front[2].arch, "good");
    report_free(&report);
}

static void equal_values_stand_in_the_front_once_by_what_was_told_first(void **state)
{
    (void)state;
    static const struct row rows[] = {{"first", 60, 1, 9, true, false, false}, {"twin", 60, 1, 9, true, false, false}};
    struct report report = report_of(settings, rows, COUNT(rows));
    assert_int_equal(report.front_count, 1);
    assert_string_equal(report.front[0].arch, "first");
    report_free(&report);
}

static void an_architecture_counts_with_its_last_score(void **state)
{
    (void)state;
    static const struct row rows[] = {{"down", 80, 3, 5, true, false, false},
                                      {"up", 60, 2, 5, true, false, false},
                                      {"same", 71, 3, 5, true, false, false},
                                      {"down", 70, 3, 5, true, false, false},
                                      {"up", 75, 2, 5, true, false, false}};
    struct report report = report_of(settings, rows, COUNT(rows));
    assert_string_equal(report.best->arch, "up");
    assert_true(report.best->fitness == 75);
    assert_int_equal(report.front_count, 1);
    assert_true(report.front[0].fitness == 75);
    report_free(&report);
}

static void what_is_only_limited_is_no_axis_of_the_front(void **state)
{
    (void)state;
    static const struct row rows[] = {{"fast", 60, 1, 9, true, false, false},
                                      {"good", 72, 3, 9, true, false, false},
                                      {"light", 50, 2, 1, true, false, false},
                                      {"twin", 72, 2, 9, true, false, false}};
    struct report report = report_of(settings_with_a_limit_alone, rows, COUNT(rows));
    assert_int_equal(report.front_count, 2);
    assert_string_equal(report.front[0].arch, "light");
    assert_string_equal(report.front[1].arch, "good");
    assert_true(report.front[1].costs[0] == 3);
    assert_string_equal(report.best->arch, "good");
    report_free(&report);
}

static void without_costs_the_front_is_the_best_alone(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", 60, 0, 0, true, false, false}, {"b", 61, 0, 0, true, false, false}};
    struct report report = report_of(settings_without_costs, rows, COUNT(rows));
    assert_int_equal(report.front_count, 1);
    assert_string_equal(report.front[0].arch, "b");
    report_free(&report);
}

static void asked_is_the_sum_of_distinct_cached_and_skipped(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", 60, 1, 9, true, false, false},
                                      {"a", 60, 1, 9, true, true, false},
                                      {"b", 61, 1, 9, true, false, false},
                                      {"c", 0, NAN, 9, false, false, true}};
    struct report report = report_of(settings, rows, COUNT(rows));
    assert_int_equal(report.asked, 4);
    assert_int_equal(report.distinct, 2);
    assert_int_equal(report.cached, 1);
    assert_int_equal(report.skipped, 1);
    report_free(&report);
}

/* What a report prints, in the caller's hands. */
static char *printed(const struct report *report, enum cli_format format,
                     void (*print)(const struct report *, enum cli_format, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print(report, format, out);
    fclose(out);
    return text;
}

static const struct row two[] = {{"|x~0|", 71.37, 3.93599, 1e8, true, false, false},
                                 {"y,\"z\"", 60.1, 1.5, 123456789, true, false, false}};

static void json_is_the_one_object_that_scripts_read(void **state)
{
    (void)state;
    struct report report = report_of(settings, two, COUNT(two));
    char *text = printed(&report, CLI_JSON, report_print);
    assert_string_equal(
        text,
        "{\"study\":\"s\",\"best\":{\"arch\":\"|x~0|\",\"fitness\":71.37,\"costs\":{\"latency_ms\":3.93599,\"macs\":100000000}},"
        "\"front\":[{\"arch\":\"y,\\\"z\\\"\",\"fitness\":60.1,\"costs\":{\"latency_ms\":1.5,\"macs\":123456789}},"
        "{\"arch\":\"|x~0|\",\"fitness\":71.37,\"costs\":{\"latency_ms\":3.93599,\"macs\":100000000}}],"
        "\"evaluations\":{\"asked\":2,\"distinct\":2,\"cached\":0},\"seconds\":1.25}\n");
    free(text);
    report_free(&report);
}

static void the_methods_own_answer_stands_beside_the_best(void **state)
{
    (void)state;
    struct report report = report_with_answer(settings, two, COUNT(two), two[1].arch);
    char *text = printed(&report, CLI_JSON, report_print);
    assert_non_null(strstr(text, "\"costs\":{\"latency_ms\":3.93599,\"macs\":100000000}},\"answer\":{\"arch\":\"y,\\\"z\\\"\","
                                 "\"fitness\":60.1,\"costs\":{\"latency_ms\":1.5,\"macs\":123456789}},\"front\":["));
    free(text);
    text = printed(&report, CLI_TABLE, report_print);
    assert_non_null(strstr(text, "the method's own answer\n  architecture y,\"z\"\n  fitness      60.1\n"));
    free(text);
    report_free(&report);
}

static void an_answer_that_breaks_a_constraint_is_shown_with_what_it_costs(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", 60, 9, 7, false, false, false}};
    struct report report = report_with_answer(settings, rows, 1, "a");
    assert_null(report.best);
    assert_true(report.answer->fitness == 60);
    assert_true(report.answer->costs[0] == 9);
    report_free(&report);
}

static void a_method_that_ends_without_its_answer_says_why(void **state)
{
    (void)state;
    struct report report = report_of(settings_of_rminas, two, COUNT(two));
    char *text = printed(&report, CLI_TABLE, report_print);
    assert_non_null(strstr(text, "no answer of the method's own: the search ended before rminas came to its end; raise "
                                 "budget.evaluations or lower strategy.generations (rminas: strategy.positives)\n"));
    free(text);
    report_free(&report);
    report = report_with_answer(settings_of_rminas, two, COUNT(two), two[1].arch);
    text = printed(&report, CLI_TABLE, report_print);
    assert_null(strstr(text, "no answer"));
    free(text);
    report_free(&report);
    report = report_of(settings, two, COUNT(two)); /* a method that never has one */
    text = printed(&report, CLI_TABLE, report_print);
    assert_null(strstr(text, "no answer"));
    free(text);
    report_free(&report);
}

static void candidates_with_all_their_values_are_counted(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", 60, 9, 7, false, false, false}, {"b", 0, 0, 0, false, false, true}};
    struct report report = report_of(settings, rows, COUNT(rows));
    assert_int_equal(report.valued, 1);
    assert_int_equal(report.asked, 2);
    report_free(&report);
}

static void json_without_a_best_says_null_and_an_empty_front(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", 60, 9, 9, false, false, false}};
    struct report report = report_of(settings, rows, COUNT(rows));
    char *text = printed(&report, CLI_JSON, report_print);
    json_t *object = json_loads(text, 0, NULL);
    assert_true(json_is_null(json_object_get(object, "best")));
    assert_int_equal(json_array_size(json_object_get(object, "front")), 0);
    json_decref(object);
    free(text);
    report_free(&report);
}

static void csv_quotes_what_holds_commas_and_quotes(void **state)
{
    (void)state;
    struct report report = report_of(settings, two, COUNT(two));
    char *text = printed(&report, CLI_CSV, report_print_front);
    assert_string_equal(text, "arch,fitness,latency_ms,macs\n\"y,\"\"z\"\"\",60.1,1.5,123456789\n|x~0|,71.37,3.93599,100000000\n");
    free(text);
    report_free(&report);
}

static void the_front_as_json_names_its_study(void **state)
{
    (void)state;
    struct report report = report_of(settings, two, 1);
    char *text = printed(&report, CLI_JSON, report_print_front);
    assert_string_equal(
        text, "{\"study\":\"s\",\"front\":[{\"arch\":\"|x~0|\",\"fitness\":71.37,\"costs\":{\"latency_ms\":3.93599,\"macs\":"
              "100000000}}]}\n");
    free(text);
    report_free(&report);
}

static void the_table_has_a_heading_and_a_line_for_each(void **state)
{
    (void)state;
    struct report report = report_of(settings, two, COUNT(two));
    char *text = printed(&report, CLI_TABLE, report_print_front);
    assert_string_equal(text, "   fitness  latency_ms        macs  architecture\n"
                              "      60.1         1.5  1.23457e+08  y,\"z\"\n"
                              "     71.37     3.93599       1e+08  |x~0|\n");
    free(text);
    report_free(&report);
}

static void numbers_are_the_shortest_that_read_back(void **state)
{
    (void)state;
    char text[32];
    report_number(0.1, text);
    assert_string_equal(text, "0.1");
    report_number(1.0 / 3, text);
    assert_true(strtod(text, NULL) == 1.0 / 3);
    report_number(5e-324, text);
    assert_true(strtod(text, NULL) == 5e-324);
    report_number(NAN, text);
    assert_string_equal(text, "null");
}

static void a_study_that_is_not_there_is_answered_with_those_that_are(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct status status;
    struct report report;
    int64_t id;
    const struct store_study study = {.name = "other", .settings = (char *)settings, .files = "{}"};
    assert_ok(store_open(db, STORE_WRITE, &store, &status), status);
    assert_ok(store_begin(store, &status), status);
    assert_ok(store_study_create(store, &study, &id, &status), status);
    assert_ok(store_commit(store, &status), status);
    assert_int_equal(report_load(store, "s", &report, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "it holds other"));
    store_close(store);
    unlink(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_is_the_fittest_that_satisfies),
        cmocka_unit_test(ties_go_to_the_lower_cost_then_to_what_was_told_earlier),
        cmocka_unit_test(the_front_keeps_what_nobody_beats_sorted_by_the_first_cost),
        cmocka_unit_test(equal_values_stand_in_the_front_once_by_what_was_told_first),
        cmocka_unit_test(an_architecture_counts_with_its_last_score),
        cmocka_unit_test(what_is_only_limited_is_no_axis_of_the_front),
        cmocka_unit_test(without_costs_the_front_is_the_best_alone),
        cmocka_unit_test(asked_is_the_sum_of_distinct_cached_and_skipped),
        cmocka_unit_test(json_is_the_one_object_that_scripts_read),
        cmocka_unit_test(the_methods_own_answer_stands_beside_the_best),
        cmocka_unit_test(an_answer_that_breaks_a_constraint_is_shown_with_what_it_costs),
        cmocka_unit_test(a_method_that_ends_without_its_answer_says_why),
        cmocka_unit_test(candidates_with_all_their_values_are_counted),
        cmocka_unit_test(json_without_a_best_says_null_and_an_empty_front),
        cmocka_unit_test(csv_quotes_what_holds_commas_and_quotes),
        cmocka_unit_test(the_front_as_json_names_its_study),
        cmocka_unit_test(the_table_has_a_heading_and_a_line_for_each),
        cmocka_unit_test(numbers_are_the_shortest_that_read_back),
        cmocka_unit_test(a_study_that_is_not_there_is_answered_with_those_that_are),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, make_folder, remove_folder);
}
