/* prune: how many weights go and which, by hand-made nets; that what went stays gone; what zeros do to multiply-accumulates. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/cost.h"
#include "common/space.h"
#include "worker/prune.h"

static struct status status;

/* conv (2,1,1,1), batch norm, relu, pool, dense (3,2) with bias: 2 + 6 ranked weights. */
enum { CONV = 2, DENSE = 6, RANKED = CONV + DENSE };

static void make(struct net *net)
{
    net_init_empty(net);
    int node = net_add_input(net, (struct net_shape){1, 4, 4}, &status);
    node = net_add_conv(net, "conv", node, 2, 1, 1, 0, 1, 0, &status);
    node = net_add_relu(net, "relu", net_add_batch_norm(net, "bn", node, 1e-5F, &status), &status);
    node = net_add_dense(net, "dense", net_add_global_avg_pool(net, "pool", node, &status), 3, &status);
    assert_true(node > 0);
    assert_ok(net_add_output(net, node, &status), status);
}

static void fill(struct net *net, const float values[RANKED])
{
    memcpy(net->tensors[net_find_tensor(net, "conv.weight")].data, values, CONV * sizeof *values);
    memcpy(net->tensors[net_find_tensor(net, "dense.weight")].data, values + CONV, DENSE * sizeof *values);
}

/* Which of the ranked weights are kept: "11011110". */
static const char *kept_of(const struct net *net, const struct prune_mask *mask)
{
    static char text[RANKED + 1];
    const int conv = net_find_tensor(net, "conv.weight"), dense = net_find_tensor(net, "dense.weight");
    for (int i = 0; i < RANKED; i++)
        text[i] = (char)('0' + (i < CONV ? mask->kept[conv][i] : mask->kept[dense][i - CONV]));
    return text;
}

static void a_share_is_rounded_to_the_nearest_weight(void **state)
{
    (void)state;
    assert_int_equal(prune_zeros(1000, 0), 0);
    assert_int_equal(prune_zeros(1000, 50), 500);
    assert_int_equal(prune_zeros(1001, 50), 501); /* 500.5 */
    assert_int_equal(prune_zeros(999, 95), 949);  /* 949.05 */
    assert_int_equal(prune_zeros(7, 90), 6);      /* 6.3 */
    assert_int_equal(prune_zeros(7, 100), 7);
    assert_int_equal(prune_zeros(0, 50), 0);
}

static void only_weights_of_convolutions_and_dense_layers_are_ranked(void **state)
{
    (void)state;
    struct net net;
    struct prune_mask mask;
    make(&net);
    assert_ok(prune_mask_create(&net, &mask, &status), status);
    assert_int_equal(mask.total, RANKED);
    assert_int_equal(mask.zeros, 0);
    for (int t = 0; t < net.tensor_count; t++)
        assert_int_equal(mask.kept[t] != NULL, net.tensors[t].rank > 1);
    prune_mask_free(&mask);
    net_free(&net);
}

static void the_smallest_go_first_whatever_layer_they_stand_in(void **state)
{
    (void)state;
    struct net net;
    struct prune_mask mask;
    make(&net);
    fill(&net, (const float[]){-0.3F, 5, 0.1F, -0.2F, 4, -7, 0.25F, 9});
    assert_ok(prune_mask_create(&net, &mask, &status), status);
    assert_ok(prune_mask_rank(&mask, &net, 3, &status), status);
    assert_string_equal(kept_of(&net, &mask), "11001101");
    assert_ok(prune_mask_rank(&mask, &net, 4, &status), status);
    assert_string_equal(kept_of(&net, &mask), "01001101");
    prune_mask_apply(&mask, &net);
    assert_int_equal(prune_count_zeros(&net), 4);
    prune_mask_free(&mask);
    net_free(&net);
}

static void of_equal_weights_the_first_goes(void **state)
{
    (void)state;
    struct net net;
    struct prune_mask mask;
    make(&net);
    fill(&net, (const float[]){1, -1, 1, -1, 1, 1, -1, 1});
    assert_ok(prune_mask_create(&net, &mask, &status), status);
    for (size_t zeros = 0; zeros <= RANKED; zeros++) {
        char want[RANKED + 1] = "11111111";
        memset(want, '0', zeros);
        assert_ok(prune_mask_rank(&mask, &net, zeros, &status), status);
        assert_string_equal(kept_of(&net, &mask), want);
    }
    prune_mask_free(&mask);
    net_free(&net);
}

static void what_went_stays_gone_and_counts(void **state)
{
    (void)state;
    struct net net;
    struct prune_mask mask;
    make(&net);
    fill(&net, (const float[]){8, 1, 7, 2, 6, 3, 5, 4});
    assert_ok(prune_mask_create(&net, &mask, &status), status);
    assert_ok(prune_mask_rank(&mask, &net, 2, &status), status);
    assert_string_equal(kept_of(&net, &mask), "10101111");
    /* Afterwards a kept weight is 0 by chance, and stands before the dropped ones. */
    fill(&net, (const float[]){0, 9, 9, 9, 1, 2, 3, 4});
    assert_ok(prune_mask_rank(&mask, &net, 2, &status), status);
    assert_string_equal(kept_of(&net, &mask), "10101111");
    assert_ok(prune_mask_rank(&mask, &net, 3, &status), status);
    assert_string_equal(kept_of(&net, &mask), "00101111");
    assert_int_equal(prune_mask_rank(&mask, &net, 2, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "3 are already"));
    prune_mask_free(&mask);
    net_free(&net);
}

static void what_cannot_be_ranked_is_refused_and_leaves_the_mask(void **state)
{
    (void)state;
    struct net net;
    struct prune_mask mask;
    make(&net);
    fill(&net, (const float[]){8, 1, 7, 2, NAN, 3, 5, 4});
    assert_ok(prune_mask_create(&net, &mask, &status), status);
    assert_int_equal(prune_mask_rank(&mask, &net, 1, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "element 2 of dense.weight"));
    assert_int_equal(prune_mask_rank(&mask, &net, RANKED + 1, &status), STATUS_BAD_INPUT);
    assert_string_equal(kept_of(&net, &mask), "11111111");
    assert_int_equal(mask.zeros, 0);
    prune_mask_free(&mask);
    net_free(&net);
}

static void zeros_save_their_own_multiply_accumulates(void **state)
{
    (void)state;
    struct net net;
    struct cost cost;
    make(&net);
    cost_of_net(&net, &cost);
    fill(&net, (const float[]){1, 1, 1, 1, 1, 1, 1, 1});
    assert_int_equal(prune_macs(&net), cost.macs);
    fill(&net, (const float[]){0, 1, 1, 1, 0, 0, 1, 1});
    assert_int_equal(prune_macs(&net), cost.macs - 16 - 2); /* a 1x1 kernel over 4x4 pixels; two weights of the dense layer */
    net_free(&net);
}

/* Whole nets: every count is exact, and masks of rising sparsity lie within one another. */
static void masks_of_a_real_net_are_exact_to_one_weight(void **state)
{
    (void)state;
    static const double percents[] = {0, 12.34, 50, 80, 90, 95, 98, 99.9};
    const struct space_build build = {.channels = 6, .cells = 1, .classes = 10, .input = {3, 32, 32}};
    struct space space;
    struct arch arch;
    struct rng rng;
    struct net net;
    struct prune_mask mask;
    net_init_empty(&net);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, "342123", &arch, &status), status);
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    space_close(&space);
    rng_seed(&rng, 3);
    net_init(&net, &rng);
    assert_ok(prune_mask_create(&net, &mask, &status), status);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        const size_t zeros = prune_zeros(mask.total, percents[i]);
        assert_ok(prune_mask_rank(&mask, &net, zeros, &status), status);
        prune_mask_apply(&mask, &net);
        assert_int_equal(prune_count_zeros(&net), zeros);
    }
    prune_mask_free(&mask);
    net_free(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_rounded_to_the_nearest_weight),
        cmocka_unit_test(only_weights_of_convolutions_and_dense_layers_are_ranked),
        cmocka_unit_test(the_smallest_go_first_whatever_layer_they_stand_in),
        cmocka_unit_test(of_equal_weights_the_first_goes),
        cmocka_unit_test(what_went_stays_gone_and_counts),
        cmocka_unit_test(what_cannot_be_ranked_is_refused_and_leaves_the_mask),
        cmocka_unit_test(zeros_save_their_own_multiply_accumulates),
        cmocka_unit_test(masks_of_a_real_net_are_exact_to_one_weight),
    };
    return TEST_RUN(tests);
}
