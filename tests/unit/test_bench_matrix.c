/* bench_matrix: axes as people write them, and the searches that they make. */
#include "tests/support/test.h"

#include <string.h>

#include "master/bench_matrix.h"

static void add(struct bench_matrix *matrix, const char *text)
{
    struct status status = {0};
    assert_ok(bench_matrix_add(matrix, text, &status), status);
}

static void refused(const char *text, const char *why)
{
    struct bench_matrix matrix = {.axis_count = 0};
    struct status status = {0};
    assert_int_equal(bench_matrix_add(&matrix, text, &status), STATUS_BAD_INPUT);
    if (strstr(status.message, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", status.message, why);
    if (strstr(status.message, text) == NULL)
        fail_msg("\"%s\" does not name \"%s\"", status.message, text);
    assert_int_equal(matrix.axis_count, 0);
    bench_matrix_free(&matrix);
}

static void every_setting_meets_every_method_the_last_axis_fastest(void **state)
{
    (void)state;
    static const char *const settings[] = {"fpga 2", "fpga 4", "fpga 8", "pixel3 2", "pixel3 4", "pixel3 8"};
    static const char *const methods[] = {"evrsnas", "random"};
    struct bench_matrix matrix = {.axis_count = 0};
    char label[BENCH_LABEL_BYTES];
    add(&matrix, "costs.0.device=fpga,pixel3");
    add(&matrix, "strategy.name=evrsnas,random");
    add(&matrix, "costs.0.max=2,4,8");
    assert_int_equal(bench_matrix_count(&matrix, false), 6);
    assert_int_equal(bench_matrix_count(&matrix, true), 2);
    for (size_t i = 0; i < 6; i++) {
        bench_matrix_label(&matrix, false, i, label);
        assert_string_equal(label, settings[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        bench_matrix_label(&matrix, true, i, label);
        assert_string_equal(label, methods[i]);
    }
    bench_matrix_free(&matrix);
}

static void keys_that_change_together_take_one_value_each(void **state)
{
    (void)state;
    struct bench_matrix matrix = {.axis_count = 0};
    add(&matrix, "strategy.name+strategy.diversity=three objectives:mohdnas+true,random+");
    const struct bench_axis *axis = &matrix.axes[0];
    assert_true(axis->methods);
    assert_string_equal(axis->heading, "strategy");
    assert_int_equal(axis->key_count, 2);
    assert_string_equal(axis->keys[1], "strategy.diversity");
    assert_string_equal(axis->choices[0].label, "three objectives");
    assert_string_equal(axis->choices[0].values[0], "mohdnas");
    assert_string_equal(axis->choices[0].values[1], "true");
    assert_string_equal(axis->choices[1].label, "random+");
    assert_string_equal(axis->choices[1].values[0], "random");
    assert_string_equal(axis->choices[1].values[1], "");
    bench_matrix_free(&matrix);
}

static void the_value_of_a_single_key_may_hold_a_plus(void **state)
{
    (void)state;
    struct bench_matrix matrix = {.axis_count = 0};
    add(&matrix, "costs.0.max=1e+6");
    assert_string_equal(matrix.axes[0].choices[0].values[0], "1e+6");
    assert_string_equal(matrix.axes[0].heading, "max");
    bench_matrix_free(&matrix);
}

static void without_an_axis_there_is_one_search_without_a_label(void **state)
{
    (void)state;
    struct bench_matrix matrix = {.axis_count = 0};
    char label[BENCH_LABEL_BYTES];
    assert_int_equal(bench_matrix_count(&matrix, false) * bench_matrix_count(&matrix, true), 1);
    bench_matrix_label(&matrix, true, 0, label);
    assert_string_equal(label, "");
}

static void what_is_no_axis_is_refused_with_the_reason(void **state)
{
    (void)state;
    refused("costs.0.max", "has no values");
    refused("costs.0.max=", "has no values");
    refused("costs.0.max=2,,4", "a choice is empty");
    refused("=2", "a key is missing");
    refused("a+b=1", "1 value");
    refused("a+b=1+2+3", "3 values");
    refused("costs.0.max=2,2", "two choices are called '2'");
    refused("seed=1,2", "--seeds");
}

static void a_matrix_of_too_many_searches_is_refused(void **state)
{
    (void)state;
    struct bench_matrix matrix = {.axis_count = 0};
    struct status status = {0};
    char text[1024] = "a=0";
    for (int i = 1; i < 65; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",%d", i);
    add(&matrix, text);
    assert_int_equal(bench_matrix_add(&matrix, text, &status), STATUS_BAD_INPUT);
    assert_int_equal(bench_matrix_count(&matrix, false), 65);
    bench_matrix_free(&matrix);
}

static void only_limits_may_be_shares(void **state)
{
    (void)state;
    size_t cost;
    double share;
    assert_true(bench_matrix_is_quantile("costs.1.max", "2.5%", &cost, &share));
    assert_int_equal(cost, 1);
    assert_near(share, 0.025, 1e-12, 0);
    assert_false(bench_matrix_is_quantile("costs.1.max", "2.5", &cost, &share));
    assert_false(bench_matrix_is_quantile("costs.1.max", "0%", &cost, &share));
    assert_false(bench_matrix_is_quantile("costs.1.max", "101%", &cost, &share));
    assert_false(bench_matrix_is_quantile("costs.1.device", "2%", &cost, &share));
    assert_false(bench_matrix_is_quantile("strategy.mutation", "2%", &cost, &share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_meets_every_method_the_last_axis_fastest),
        cmocka_unit_test(keys_that_change_together_take_one_value_each),
        cmocka_unit_test(the_value_of_a_single_key_may_hold_a_plus),
        cmocka_unit_test(without_an_axis_there_is_one_search_without_a_label),
        cmocka_unit_test(what_is_no_axis_is_refused_with_the_reason),
        cmocka_unit_test(a_matrix_of_too_many_searches_is_refused),
        cmocka_unit_test(only_limits_may_be_shares),
    };
    return TEST_RUN(tests);
}
