/* cost: sums that can be done by hand. The benchmark's own figures are in tests/golden/test_nb201_cost.c. */
#include "tests/support/test.h"

#include "common/cost.h"

static struct status status;

/* input (3,8,8) -> conv 3x3 to 4 channels with bias -> relu -> add(relu, relu) -> gap -> dense 10 */
static struct net small(void)
{
    struct net net;
    net_init_empty(&net);
    net_add_input(&net, (struct net_shape){3, 8, 8}, &status);
    int conv = net_add_conv(&net, "conv", 0, 4, 3, 1, 1, 1, 1, &status);
    int relu = net_add_relu(&net, "relu", conv, &status);
    int sum = net_add_add(&net, "sum", (const int[]){relu, relu}, 2, &status);
    int gap = net_add_global_avg_pool(&net, "gap", sum, &status);
    int dense = net_add_dense(&net, "dense", gap, 10, &status);
    assert_ok(net_add_output(&net, dense, &status), status);
    return net;
}

static void macs_are_fan_in_and_bias_per_output_element(void **state)
{
    (void)state;
    struct net net = small();
    struct cost cost;
    cost_of_net(&net, &cost);
    assert_int_equal(cost.macs, 4 * 64 * (27 + 1) + 10 * (4 + 1));
    net_free(&net);
}

/* A grouped convolution reads only its group: depthwise 3x3 costs 9 per output element. */
static void macs_of_a_grouped_convolution_are_those_of_its_group(void **state)
{
    (void)state;
    struct net net;
    struct cost cost;
    const struct net_conv depthwise = {.out_channels = 12, .kernel = 3, .stride = 1, .pad = 2, .dilation = 2, .groups = 12},
                          grouped = {.out_channels = 24, .kernel = 1, .stride = 2, .groups = 3};
    net_init_empty(&net);
    net_add_input(&net, (struct net_shape){12, 8, 8}, &status);
    int deep = net_add_conv_with(&net, "deep", 0, &depthwise, &status);
    int wide = net_add_conv_with(&net, "wide", deep, &grouped, &status);
    int pool = net_add_max_pool(&net, "pool", wide, 3, 1, 1, &status);
    int both =
        net_add_concat(&net, "both", (const int[]){pool, net_add_channel_shuffle(&net, "mix", wide, 3, &status)}, 2, &status);
    assert_ok(net_add_output(&net, net_add_global_avg_pool(&net, "gap", both, &status), &status), status);
    cost_of_net(&net, &cost);
    assert_int_equal(cost.macs, 12 * 64 * 9 + 24 * 16 * 4);
    assert_int_equal(cost.params, 12 * 9 + 24 * 4);
    assert_int_equal(cost.peak_activation_bytes, 4 * (24 + 24 + 48) * 16); /* the pool, the shuffle and the concatenation */
    net_free(&net);
}

static void parameters_are_the_trainable_ones(void **state)
{
    (void)state;
    struct net net = small();
    struct cost cost;
    net_add_batch_norm(&net, "bn", 1, 1e-5F, &status);
    cost_of_net(&net, &cost);
    assert_int_equal(cost.params, 4 * 27 + 4 + 10 * 4 + 10 + 2 * 4);
    net_free(&net);
}

static void the_peak_holds_two_maps_of_a_chain(void **state)
{
    (void)state;
    struct net net = small();
    struct cost cost;
    cost_of_net(&net, &cost);
    assert_int_equal(cost.peak_activation_bytes, 2 * 4 * 64 * (int)sizeof(float));
    net_free(&net);
}

static void a_map_that_is_read_later_stays_in_the_peak(void **state)
{
    (void)state;
    struct net net;
    struct cost cost;
    net_init_empty(&net);
    net_add_input(&net, (struct net_shape){4, 8, 8}, &status);
    int a = net_add_relu(&net, "a", 0, &status);
    int b = net_add_relu(&net, "b", a, &status);
    int c = net_add_relu(&net, "c", b, &status);
    int sum = net_add_add(&net, "sum", (const int[]){a, c}, 2, &status);
    assert_ok(net_add_output(&net, net_add_global_avg_pool(&net, "gap", sum, &status), &status), status);
    cost_of_net(&net, &cost);
    assert_int_equal(cost.peak_activation_bytes, 3 * 4 * 64 * (int)sizeof(float)); /* a, b and c; then a, c and the sum */
    net_free(&net);
}

static void a_map_that_one_sum_reads_twice_is_freed_once(void **state)
{
    (void)state;
    struct net net;
    struct cost cost;
    net_init_empty(&net);
    net_add_input(&net, (struct net_shape){4, 8, 8}, &status);
    int relu = net_add_relu(&net, "relu", 0, &status);
    int twice = net_add_add(&net, "twice", (const int[]){relu, relu}, 2, &status);
    int wide = net_add_conv(&net, "wide", twice, 16, 1, 1, 0, 1, 0, &status);
    assert_ok(net_add_output(&net, net_add_global_avg_pool(&net, "gap", wide, &status), &status), status);
    cost_of_net(&net, &cost);
    assert_int_equal(cost.peak_activation_bytes, (4 + 16) * 64 * (int)sizeof(float)); /* `twice` and `wide` */
    net_free(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(macs_are_fan_in_and_bias_per_output_element),
        cmocka_unit_test(macs_of_a_grouped_convolution_are_those_of_its_group),
        cmocka_unit_test(parameters_are_the_trainable_ones),
        cmocka_unit_test(the_peak_holds_two_maps_of_a_chain),
        cmocka_unit_test(a_map_that_is_read_later_stays_in_the_peak),
        cmocka_unit_test(a_map_that_one_sum_reads_twice_is_freed_once),
    };
    return TEST_RUN(tests);
}
