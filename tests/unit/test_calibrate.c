/* calibrate and ridge: weights found again from sums, and never negative ones; which networks are chosen; errors by hand; latencies
 * that are sums over genes, or over what is built. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "worker/calibrate.h"
#include "worker/ridge.h"

enum { NETS = 30, OTHERS = 200, GENES = 6 };

static struct status status;
static struct space nb201, fbnet;

static int open_spaces(void **state)
{
    (void)state;
    return space_open("nb201", &nb201, &status) == STATUS_OK && space_open("fbnet", &fbnet, &status) == STATUS_OK ? 0 : -1;
}

static int close_spaces(void **state)
{
    (void)state;
    space_close(&nb201);
    space_close(&fbnet);
    return 0;
}

/* --- ridge --- */

static void weights_are_found_again(void **state)
{
    (void)state;
    double matrix[20 * 3], values[20], weights[3];
    const uint8_t groups[3] = {RIDGE_FREE, RIDGE_SHARED, RIDGE_SHARED};
    for (int i = 0; i < 20; i++) {
        const double row[3] = {1, i % 4, 1e6 * (i % 7)};
        memcpy(matrix + 3 * i, row, sizeof row);
        values[i] = 2 + 0.5 * row[1] + 3e-6 * row[2];
    }
    assert_ok(ridge_fit(&(struct ridge_problem){20, 3, matrix, values, groups}, weights, &status), status);
    assert_near(weights[0], 2, 1e-3, 0);
    assert_near(weights[1], 0.5, 1e-3, 0);
    assert_near(weights[2], 3e-6, 1e-3, 0);
}

static void no_weight_is_negative(void **state)
{
    (void)state;
    double matrix[10 * 2], values[10], weights[2];
    const uint8_t groups[2] = {RIDGE_FREE, RIDGE_RARE};
    for (int i = 0; i < 10; i++) {
        matrix[2 * i] = 1;
        matrix[2 * i + 1] = i;
        values[i] = 10 - i;
    }
    assert_ok(ridge_fit(&(struct ridge_problem){10, 2, matrix, values, groups}, weights, &status), status);
    assert_true(weights[0] > 0);
    assert_near(weights[1], 0, 0, 0);
}

/* --- the choice --- */

static void the_chosen_are_connected_and_different_and_show_every_operation(void **state)
{
    (void)state;
    struct arch archs[NETS + 10];
    bool shown[GENES][5] = {{false}};
    struct rng rng;
    rng_seed(&rng, 1);
    assert_ok(calibrate_choose(&nb201, &rng, NETS, 10, archs, &status), status);
    for (int i = 0; i < NETS + 10; i++) {
        assert_true(space_valid(&nb201, &archs[i]));
        assert_true(space_connected(&nb201, &archs[i]));
        for (int k = 0; k < i; k++)
            assert_false(arch_equal(&archs[i], &archs[k]));
        for (int gene = 0; gene < GENES && i < NETS; gene++)
            shown[gene][archs[i].genes[gene]] = true;
    }
    for (int gene = 0; gene < GENES; gene++)
        for (int value = 0; value < 5; value++)
            assert_true(shown[gene][value]);
}

static void the_same_seed_chooses_the_same(void **state)
{
    (void)state;
    struct arch a[20], b[20];
    struct rng rng;
    rng_seed(&rng, 7);
    assert_ok(calibrate_choose(&fbnet, &rng, 10, 10, a, &status), status);
    rng_seed(&rng, 7);
    assert_ok(calibrate_choose(&fbnet, &rng, 10, 10, b, &status), status);
    for (int i = 0; i < 20; i++)
        assert_true(arch_equal(&a[i], &b[i]));
}

/* --- judging --- */

static void errors_are_those_of_a_pencil(void **state)
{
    (void)state;
    const double measured[] = {1, 2, 4, 8, 10}, predicted[] = {1.1, 1.8, 4, 10, 9};
    struct calibrate_error error;
    assert_ok(calibrate_judge(measured, predicted, 5, &error, &status), status);
    assert_int_equal(error.count, 5);
    assert_near(error.median, 0.1, 1e-12, 0); /* of 0.1 0.1 0 0.25 0.1 */
    assert_near(error.p90, 0.25, 1e-12, 0);
    assert_near(error.bias, 0, 0, 1e-12); /* of 0.1 -0.1 0 0.25 -0.1 */
    assert_near(error.rank, 0.9, 1e-12, 0);
}

static void what_holds_is_nine_of_ten_within_a_tenth_and_no_bias(void **state)
{
    (void)state;
    char why[128];
    assert_true(calibrate_holds(&(struct calibrate_error){10, 0.02, 0.1, 0.05, 1}, why, sizeof why));
    assert_false(calibrate_holds(&(struct calibrate_error){10, 0.02, 0.12, 0, 1}, why, sizeof why));
    assert_non_null(strstr(why, "off by 12 % and more"));
    assert_false(calibrate_holds(&(struct calibrate_error){10, 0.06, 0.09, -0.06, 1}, why, sizeof why));
    assert_non_null(strstr(why, "6 % too fast"));
}

static void the_size_of_a_space_is_known_where_it_can_be_listed(void **state)
{
    (void)state;
    assert_int_equal(calibrate_space_size(&nb201), 15625);
    assert_int_equal(calibrate_space_size(&fbnet), 0);
}

/* --- the models --- */

/* Sums over genes, whatever is dead. */
static double counted(const struct arch *arch)
{
    static const double of[] = {0, 0.01, 0.5, 1.3, 0.4};
    double sum = 1.1;
    for (int i = 0; i < arch->length; i++)
        sum += of[arch->genes[i]] * (1 + 0.1 * i);
    return sum;
}

/* Sums over what is built. */
static double built(const struct arch *arch)
{
    struct net net;
    double sum = 0.05;
    net_init_empty(&net);
    assert_ok(space_build_net(&nb201, arch, &nb201.ops->defaults, &net, &status), status);
    for (int i = 1; i < net.node_count; i++)
        sum += net.nodes[i].op == NET_CONV ? 0.01 * net.nodes[i].kernel_h : net.nodes[i].op == NET_AVG_POOL ? 0.007 : 0.001;
    net_free(&net);
    return sum;
}

static void judge_model(enum calibrate_kind kind, double (*latency)(const struct arch *), struct calibrate_error *error)
{
    struct arch archs[NETS + OTHERS];
    double values[NETS + OTHERS], predicted[OTHERS];
    struct calibrate_examples examples = {&nb201, &nb201.ops->defaults, archs, values, NETS};
    struct calibrate_model *model = NULL;
    struct rng rng;
    rng_seed(&rng, 3);
    assert_ok(calibrate_choose(&nb201, &rng, NETS, OTHERS, archs, &status), status);
    for (int i = 0; i < NETS + OTHERS; i++)
        values[i] = latency(&archs[i]);
    assert_ok(calibrate_fit(kind, &examples, &model, &status), status);
    for (int i = 0; i < OTHERS; i++)
        assert_ok(calibrate_predict(model, &archs[NETS + i], &predicted[i], &status), status);
    assert_ok(calibrate_judge(values + NETS, predicted, OTHERS, error, &status), status);
    calibrate_free(model);
}

static void a_look_up_table_learns_sums_over_genes(void **state)
{
    (void)state;
    struct calibrate_error error;
    char why[128];
    judge_model(CALIBRATE_LUT, counted, &error);
    print_message("# look-up table, sums over genes: median %.2g, p90 %.2g\n", error.median, error.p90);
    assert_true(calibrate_holds(&error, why, sizeof why));
    assert_true(error.median < 0.01);
}

static void a_look_up_table_knows_that_it_does_not_hold_for_sums_over_what_is_built(void **state)
{
    (void)state;
    struct calibrate_error error;
    char why[128];
    judge_model(CALIBRATE_LUT, built, &error);
    assert_false(calibrate_holds(&error, why, sizeof why));
}

static void a_kernel_model_learns_sums_over_what_is_built(void **state)
{
    (void)state;
    struct calibrate_error error;
    judge_model(CALIBRATE_KERNELS, built, &error);
    print_message("# kernels, sums over what is built: median %.2g, p90 %.2g\n", error.median, error.p90);
    assert_true(error.p90 < 0.01);
}

static void the_figures_of_a_table_are_not_negative_and_add_up_to_its_predictions(void **state)
{
    (void)state;
    struct arch archs[NETS];
    double values[NETS];
    struct calibrate_examples examples = {&nb201, &nb201.ops->defaults, archs, values, NETS};
    struct calibrate_model *model = NULL;
    struct rng rng;
    rng_seed(&rng, 4);
    assert_ok(calibrate_choose(&nb201, &rng, NETS, 0, archs, &status), status);
    for (int i = 0; i < NETS; i++)
        values[i] = counted(&archs[i]);
    assert_ok(calibrate_fit(CALIBRATE_LUT, &examples, &model, &status), status);
    for (int i = 0; i < NETS; i++) {
        double sum = calibrate_lut_base(model), predicted;
        for (size_t gene = 0; gene < archs[i].length; gene++) {
            double figure = calibrate_lut_figure(model, gene, archs[i].genes[gene]);
            assert_true(figure >= 0);
            sum += figure;
        }
        assert_ok(calibrate_predict(model, &archs[i], &predicted, &status), status);
        assert_near(sum, predicted, 1e-9, 0);
    }
    assert_true(calibrate_lut_base(model) >= 0);
    calibrate_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_found_again),
        cmocka_unit_test(no_weight_is_negative),
        cmocka_unit_test(the_chosen_are_connected_and_different_and_show_every_operation),
        cmocka_unit_test(the_same_seed_chooses_the_same),
        cmocka_unit_test(errors_are_those_of_a_pencil),
        cmocka_unit_test(what_holds_is_nine_of_ten_within_a_tenth_and_no_bias),
        cmocka_unit_test(the_size_of_a_space_is_known_where_it_can_be_listed),
        cmocka_unit_test(a_look_up_table_learns_sums_over_genes),
        cmocka_unit_test(a_look_up_table_knows_that_it_does_not_hold_for_sums_over_what_is_built),
        cmocka_unit_test(a_kernel_model_learns_sums_over_what_is_built),
        cmocka_unit_test(the_figures_of_a_table_are_not_negative_and_add_up_to_its_predictions),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, open_spaces, close_spaces);
}
