/* net: builders, copies, initialisation, folding and the checker. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/net.h"
#include "common/net_onnx.h"
#include "tests/support/net_naive.h"

static struct status status;

static struct net with_input(int c, int h, int w)
{
    struct net net;
    net_init_empty(&net);
    assert_int_equal(net_add_input(&net, (struct net_shape){c, h, w}, &status), 0);
    return net;
}

static void assert_shape(const struct net *net, int node, int c, int h, int w)
{
    if (node < 0)
        fail_msg("%s", status.message);
    struct net_shape shape = net->nodes[node].shape;
    if (shape.c != c || shape.h != h || shape.w != w)
        fail_msg("%s is (%d,%d,%d), wanted (%d,%d,%d)", net->nodes[node].name, shape.c, shape.h, shape.w, c, h, w);
}

/* A net with one of every operator, a shared map, a sum of one map with itself and two BNs that cannot be folded. */
static struct net zoo(uint64_t seed)
{
    struct net net = with_input(3, 8, 6);
    struct rng rng;
    int stem = net_add_conv(&net, "stem", 0, 8, 3, 1, 1, 1, 0, &status);
    int bn = net_add_batch_norm(&net, "bn", stem, 1e-5F, &status);
    int relu = net_add_relu(&net, "relu", bn, &status);
    int grouped = net_add_conv(&net, "grouped", relu, 12, 3, 2, 1, 4, 1, &status);
    int grouped_bn = net_add_batch_norm(&net, "grouped_bn", grouped, 1e-3F, &status);
    int sub = net_add_subsample(&net, "sub", relu, 2, &status);
    int pad = net_add_channel_pad(&net, "pad", sub, 1, 3, &status);
    int sum = net_add_add(&net, "sum", (const int[]){grouped_bn, pad, pad}, 3, &status);
    int pool = net_add_avg_pool(&net, "pool", sum, 3, 1, 1, &status);
    int shared = net_add_conv(&net, "shared", pool, 12, 1, 1, 0, 1, 0, &status);
    int shared_bn = net_add_batch_norm(&net, "shared_bn", shared, 1e-5F, &status);
    int both = net_add_add(&net, "both", (const int[]){shared_bn, shared}, 2, &status);
    int last_bn = net_add_batch_norm(&net, "last_bn", both, 1e-5F, &status);
    const struct net_conv depthwise = {.out_channels = 12, .kernel = 3, .stride = 1, .pad = 2, .dilation = 2, .groups = 12};
    int deep = net_add_conv_with(&net, "deep", last_bn, &depthwise, &status);
    int deep_bn = net_add_batch_norm(&net, "deep_bn", deep, 1e-5F, &status);
    int mixed = net_add_channel_shuffle(&net, "mixed", deep_bn, 3, &status);
    int peaks = net_add_max_pool(&net, "peaks", last_bn, 3, 1, 1, &status);
    int all = net_add_concat(&net, "all", (const int[]){mixed, peaks, sub, mixed}, 4, &status);
    int odd = net_add_subsample_from(&net, "odd", all, 2, 1, &status);
    int gap = net_add_global_avg_pool(&net, "gap", odd, &status);
    int dense = net_add_dense(&net, "dense", gap, 5, &status);
    assert_ok(net_add_output(&net, dense, &status), status);
    assert_ok(net_add_output(&net, sum, &status), status);
    rng_seed(&rng, seed);
    net_init(&net, &rng);
    for (int i = 0; i < net.tensor_count; i++)
        for (size_t k = 0; k < net.tensors[i].count && strstr(net.tensors[i].name, "bn") != NULL; k++)
            net.tensors[i].data[k] = (float)(0.5 + rng_uniform(&rng));
    assert_ok(net_check(&net, &status), status);
    return net;
}

static void shapes_are_inferred(void **state)
{
    (void)state;
    struct net net = with_input(3, 33, 20);
    assert_shape(&net, net_add_conv(&net, "same", 0, 16, 3, 1, 1, 1, 0, &status), 16, 33, 20);
    assert_shape(&net, net_add_conv(&net, "half", 1, 32, 3, 2, 1, 1, 0, &status), 32, 17, 10);
    assert_shape(&net, net_add_avg_pool(&net, "pool", 1, 2, 2, 0, &status), 16, 16, 10);
    assert_shape(&net, net_add_subsample(&net, "sub", 1, 2, &status), 16, 17, 10);
    assert_shape(&net, net_add_channel_pad(&net, "pad", 4, 8, 8, &status), 32, 17, 10);
    assert_shape(&net, net_add_global_avg_pool(&net, "gap", 5, &status), 32, 1, 1);
    assert_shape(&net, net_add_dense(&net, "fc", 6, 7, &status), 7, 1, 1);
    assert_shape(&net, net_add_max_pool(&net, "max", 1, 3, 2, 1, &status), 16, 17, 10);
    assert_shape(&net, net_add_concat(&net, "all", (const int[]){4, 8, 4}, 3, &status), 48, 17, 10);
    assert_shape(&net, net_add_channel_shuffle(&net, "mix", 9, 6, &status), 48, 17, 10);
    assert_shape(&net, net_add_subsample_from(&net, "odd", 9, 2, 1, &status), 48, 8, 5);
    assert_shape(&net, net_add_subsample_from(&net, "last", 9, 3, 9, &status), 48, 3, 1);
    net_free(&net);
}

static void a_dilated_kernel_reaches_further(void **state)
{
    (void)state;
    struct net net = with_input(6, 11, 9);
    const struct net_conv same = {.out_channels = 6, .kernel = 5, .stride = 1, .pad = 4, .dilation = 2, .groups = 6};
    const struct net_conv half = {.out_channels = 4, .kernel = 3, .stride = 2, .pad = 2, .dilation = 2, .groups = 2};
    const struct net_conv plain = {.out_channels = 4, .kernel = 3, .stride = 1};
    assert_shape(&net, net_add_conv_with(&net, "same", 0, &same, &status), 6, 11, 9);
    assert_shape(&net, net_add_conv_with(&net, "half", 1, &half, &status), 4, 6, 5);
    assert_shape(&net, net_add_conv_with(&net, "plain", 0, &plain, &status), 4, 9, 7);
    assert_int_equal(net.nodes[3].dilation, 1);
    assert_int_equal(net.nodes[3].groups, 1);
    assert_int_equal(net.tensors[net.nodes[1].params[0]].dims[1], 1);
    assert_int_equal(net.tensors[net.nodes[2].params[0]].dims[1], 3);
    net_free(&net);
}

static void parameters_are_named_and_shaped_like_a_state_dict(void **state)
{
    (void)state;
    struct net net = with_input(4, 8, 8);
    int conv = net_add_conv(&net, "a.conv", 0, 6, 3, 1, 1, 2, 1, &status);
    net_add_batch_norm(&net, "a.bn", conv, 1e-5F, &status);
    const struct net_tensor *weight = &net.tensors[net_find_tensor(&net, "a.conv.weight")];
    assert_int_equal(weight->rank, 4);
    assert_int_equal(weight->dims[0], 6);
    assert_int_equal(weight->dims[1], 2);
    assert_int_equal(net.tensors[net_find_tensor(&net, "a.conv.bias")].count, 6);
    assert_int_equal(net.tensors[net_find_tensor(&net, "a.bn.running_var")].trainable, 0);
    assert_near(net.tensors[net_find_tensor(&net, "a.bn.running_var")].data[5], 1.0, 0, 0);
    net_name_params(&net, conv, "renamed");
    assert_true(net_find_tensor(&net, "renamed.weight") >= 0);
    assert_int_equal(net_find_tensor(&net, "a.conv.weight"), -1);
    net_free(&net);
}

static void assert_builder_fails(struct net *net, int index, const char *node, const char *reason)
{
    assert_int_equal(index, -1);
    if (strstr(status.message, node) == NULL || strstr(status.message, reason) == NULL)
        fail_msg("\"%s\" does not name %s and \"%s\"", status.message, node, reason);
    assert_int_equal(net->node_count, 2);
    assert_int_equal(net->tensor_count, 0);
}

static void what_does_not_fit_is_refused_by_name_and_leaves_the_net_alone(void **state)
{
    (void)state;
    struct net net = with_input(3, 8, 8);
    int sub = net_add_subsample(&net, "sub", 0, 2, &status);
    assert_builder_fails(&net, net_add_conv(&net, "c", 0, 8, 9, 1, 0, 1, 0, &status), "c", "empty or too large");
    assert_builder_fails(&net, net_add_conv(&net, "c", 0, 8, 3, 1, 3, 1, 0, &status), "c", "padding");
    assert_builder_fails(&net, net_add_conv(&net, "c", 0, 8, 3, 1, 1, 2, 0, &status), "c", "groups");
    assert_builder_fails(&net, net_add_conv(&net, "c", 7, 8, 3, 1, 1, 1, 0, &status), "c", "before");
    assert_builder_fails(&net, net_add_conv(&net, "c", 0, 1 << 20, 3, 1, 1, 1, 0, &status), "c", "too large");
    assert_builder_fails(&net, net_add_avg_pool(&net, "p", 0, 3, 1, 2, &status), "p", "half");
    assert_builder_fails(&net, net_add_add(&net, "s", (const int[]){0, sub}, 2, &status), "s", "(3,4,4)");
    assert_builder_fails(&net, net_add_add(&net, "s", (const int[]){0}, 1, &status), "s", "2 to 12");
    assert_builder_fails(&net, net_add_mix(&net, "m", NULL, NULL, 0, &status), "m", "1 to 12");
    assert_builder_fails(&net, net_add_mix(&net, "m", (int[]){0, sub}, (int[]){0, 1}, 2, &status), "m", "(3,4,4)");
    assert_builder_fails(&net, net_add_mix(&net, "m", (int[]){0}, (int[]){-1}, 1, &status), "m", "coefficient");
    assert_builder_fails(&net, net_add_mix(&net, "m", (int[]){0}, (int[]){NET_MIX_MAX}, 1, &status), "m", "coefficient");
    assert_int_equal(net.mix_count, 0);
    assert_builder_fails(&net, net_add_dense(&net, "d", 0, 10, &status), "d", "vector");
    assert_builder_fails(&net, net_add_batch_norm(&net, "b", 0, 0.0F, &status), "b", "epsilon");
    assert_builder_fails(&net, net_add_subsample(&net, "u", 0, 0, &status), "u", "stride");
    assert_builder_fails(&net, net_add_subsample_from(&net, "u", 0, 2, 8, &status), "u", "outside");
    assert_builder_fails(&net, net_add_max_pool(&net, "m", 0, 3, 1, 2, &status), "m", "half");
    assert_builder_fails(&net, net_add_concat(&net, "j", (const int[]){0, sub}, 2, &status), "j", "(3,4,4)");
    assert_builder_fails(&net, net_add_concat(&net, "j", (const int[]){0}, 1, &status), "j", "2 to 12");
    assert_builder_fails(&net, net_add_concat(&net, "j", (const int[]){0, 9}, 2, &status), "j", "before");
    assert_builder_fails(&net, net_add_channel_shuffle(&net, "x", 0, 2, &status), "x", "groups");
    assert_builder_fails(&net, net_add_channel_shuffle(&net, "x", 0, 0, &status), "x", "groups");
    struct net_conv conv = {.out_channels = 3, .kernel = 3, .stride = 1, .pad = 5, .dilation = 2};
    assert_builder_fails(&net, net_add_conv_with(&net, "c", 0, &conv, &status), "c", "padding");
    conv = (struct net_conv){.out_channels = 3, .kernel = 3, .stride = 1, .pad = 0, .dilation = 4};
    assert_builder_fails(&net, net_add_conv_with(&net, "c", 0, &conv, &status), "c", "empty or too large");
    conv = (struct net_conv){.out_channels = 3, .kernel = 3, .stride = 1, .pad = 1, .dilation = -1};
    assert_builder_fails(&net, net_add_conv_with(&net, "c", 0, &conv, &status), "c", "dilation");
    conv = (struct net_conv){.out_channels = 3, .kernel = 65536, .stride = 1, .pad = 0, .dilation = 65536};
    assert_builder_fails(&net, net_add_conv_with(&net, "c", 0, &conv, &status), "c", "dilation");
    assert_builder_fails(&net, net_add_channel_pad(&net, "q", 0, -1, 0, &status), "q", "zero channels");
    assert_builder_fails(&net, net_add_input(&net, (struct net_shape){1, 1, 1}, &status), "input", "one input");
    net_free(&net);
}

static void a_map_cannot_be_the_logits(void **state)
{
    (void)state;
    struct net net = with_input(3, 8, 8);
    assert_int_equal(net_add_output(&net, 0, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "logits"));
    assert_int_equal(net_add_output(&net, 9, &status), STATUS_BAD_INPUT);
    net_free(&net);
}

static void a_copy_is_equal_and_its_own(void **state)
{
    (void)state;
    struct net net = zoo(1), copy;
    assert_ok(net_copy(&net, &copy, &status), status);
    assert_ok(net_check(&copy, &status), status);
    assert_int_equal(copy.tensor_count, net.tensor_count);
    for (int i = 0; i < net.tensor_count; i++) {
        assert_memory_equal(copy.tensors[i].data, net.tensors[i].data, net.tensors[i].count * sizeof(float));
        assert_ptr_not_equal(copy.tensors[i].data, net.tensors[i].data);
    }
    int added = net_add_relu(&copy, "more", 0, &status);
    assert_int_equal(added, net.node_count);
    net_free(&net);
    net_free(&copy);
}

static void initial_weights_are_pytorchs_uniform_and_repeatable(void **state)
{
    (void)state;
    struct net net = with_input(3, 8, 8), again;
    struct rng rng;
    net_add_conv(&net, "conv", 0, 200, 3, 1, 1, 1, 1, &status);
    assert_ok(net_copy(&net, &again, &status), status);
    rng_seed(&rng, 5);
    net_init(&net, &rng);
    rng_seed(&rng, 5);
    net_init(&again, &rng);
    for (int t = 0; t < 2; t++) {
        double bound = 1.0 / sqrt(27.0), mean = 0.0, sum = 0.0, most = 0.0;
        const struct net_tensor *tensor = &net.tensors[t];
        assert_memory_equal(tensor->data, again.tensors[t].data, tensor->count * sizeof(float));
        for (size_t i = 0; i < tensor->count; i++) {
            sum += (double)tensor->data[i] * (double)tensor->data[i];
            mean += (double)tensor->data[i] / (double)tensor->count;
            most = fmax(most, fabs((double)tensor->data[i]));
        }
        assert_true(most <= bound + 1e-7);
        assert_near(mean, 0.0, 0, 0.15 * bound);
        assert_near(sum / (double)tensor->count, bound * bound / 3.0, t == 0 ? 0.05 : 0.25, 0);
    }
    net_free(&net);
    net_free(&again);
}

static void initialising_again_resets_batch_normalisation(void **state)
{
    (void)state;
    struct net net = zoo(2);
    struct rng rng;
    rng_seed(&rng, 5);
    net_init(&net, &rng);
    assert_near(net.tensors[net_find_tensor(&net, "bn.weight")].data[3], 1.0, 0, 0);
    assert_near(net.tensors[net_find_tensor(&net, "bn.running_mean")].data[3], 0.0, 0, 0);
    assert_near(net.tensors[net_find_tensor(&net, "bn.running_var")].data[3], 1.0, 0, 0);
    net_free(&net);
}

/* --- folding --- */

static void assert_folding_keeps_the_logits(uint64_t seed)
{
    struct net net = zoo(seed), folded;
    struct rng rng;
    float image[3 * 8 * 6];
    net_init_empty(&folded);
    rng_seed(&rng, seed);
    for (size_t i = 0; i < sizeof image / sizeof image[0]; i++)
        image[i] = (float)(rng_uniform(&rng) * 2.0 - 1.0);
    assert_ok(net_fold(&net, &folded, &status), status);
    assert_ok(net_check(&folded, &status), status);
    double *want = net_naive_run(&net, image, 0), *got = net_naive_run(&folded, image, 0);
    for (size_t i = 0; i < net_naive_count(&net, 0); i++)
        assert_near(got[i], want[i], 1e-5, 1e-5);
    free(want);
    free(got);
    net_free(&folded);
    net_free(&net);
}

static void folding_keeps_the_logits(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        assert_folding_keeps_the_logits(seed);
}

static void folding_removes_each_bn_that_only_follows_a_convolution(void **state)
{
    (void)state;
    struct net net = zoo(3), folded;
    net_init_empty(&folded);
    assert_ok(net_fold(&net, &folded, &status), status);
    assert_int_equal(net_find_node(&folded, "bn"), -1);
    assert_int_equal(net_find_node(&folded, "grouped_bn"), -1);
    assert_int_equal(net_find_node(&folded, "deep_bn"), -1);
    assert_true(net_find_node(&folded, "shared_bn") >= 0); /* its convolution has another reader */
    assert_true(net_find_node(&folded, "last_bn") >= 0);   /* it follows a sum */
    assert_int_equal(folded.output_count, 1);
    assert_true(net_find_tensor(&folded, "stem.bias") >= 0);
    net_free(&folded);
    net_free(&net);
}

static void folding_drops_what_the_logits_do_not_need(void **state)
{
    (void)state;
    struct net net = zoo(4), folded;
    net_init_empty(&folded);
    int tap = net_add_relu(&net, "tap_only", 1, &status);
    assert_ok(net_add_output(&net, tap, &status), status);
    assert_ok(net_fold(&net, &folded, &status), status);
    assert_int_equal(net_find_node(&folded, "tap_only"), -1);
    assert_int_equal(net_find_node(&folded, "bn"), -1); /* the tap does not count as a reader */
    net_free(&folded);
    net_free(&net);
}

/* --- mixtures --- */

/* A convolution with a fixed norm and its input, mixed with coefficients 4 and 1. */
static struct net mixture(void)
{
    struct net net = with_input(3, 4, 4);
    struct rng rng;
    const int conv = net_add_conv(&net, "conv", 0, 3, 3, 1, 1, 1, 0, &status);
    const int norm = net_add_batch_norm_fixed(&net, "norm", conv, 1e-5F, &status);
    const int mix = net_add_mix(&net, "mix", (int[]){norm, 0}, (int[]){4, 1}, 2, &status);
    const int pool = net_add_global_avg_pool(&net, "pool", net_add_relu(&net, "relu", mix, &status), &status);
    assert_ok(net_add_output(&net, net_add_dense(&net, "dense", pool, 4, &status), &status), status);
    rng_seed(&rng, 3);
    net_init(&net, &rng);
    return net;
}

static void a_mixture_is_copied_folded_and_checked(void **state)
{
    (void)state;
    struct net net = mixture(), copy, folded;
    float image[48];
    for (int i = 0; i < 48; i++)
        image[i] = (float)sin(i);
    net_init_empty(&folded);
    net.tensors[net_find_tensor(&net, "norm.running_mean")].data[1] = 0.25F;
    assert_int_equal(net.mix_count, 5);
    assert_int_equal(net.tensors[net_find_tensor(&net, "norm.weight")].trainable, 0);
    assert_ok(net_check(&net, &status), status);
    assert_ok(net_copy(&net, &copy, &status), status);
    assert_int_equal(copy.mix_count, 5);
    assert_ok(net_fold(&net, &folded, &status), status);
    assert_ok(net_check(&folded, &status), status);
    assert_int_equal(folded.mix_count, 5);
    assert_int_equal(net_find_node(&folded, "norm"), -1);
    double *want = net_naive_run(&net, image, 0), *got = net_naive_run(&folded, image, 0);
    for (int i = 0; i < 4; i++)
        assert_near(got[i], want[i], 1e-5, 1e-6);
    free(want);
    free(got);
    net_free(&folded);
    net_free(&copy);
    net_free(&net);
}

static void a_mixture_has_no_form_in_onnx(void **state)
{
    (void)state;
    struct net net = mixture();
    void *data = NULL;
    size_t size;
    assert_int_equal(net_onnx_write(&net, &data, &size, &status), STATUS_UNSUPPORTED);
    assert_non_null(strstr(status.message, "node mix (mix)"));
    assert_null(data);
    net_free(&net);
}

/* --- the checker --- */

static void assert_broken(struct net *net, const char *reason)
{
    assert_int_equal(net_check(net, &status), STATUS_BAD_INPUT);
    if (strstr(status.message, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", status.message, reason);
    net_free(net);
}

static void every_broken_invariant_is_found(void **state)
{
    (void)state;
    struct net net = zoo(1);
    net.nodes[2].inputs[0] = 2;
    assert_broken(&net, "does not stand before it");
    net = zoo(1);
    net.nodes[1].shape.h = 7;
    assert_broken(&net, "not the one its input gives");
    net = zoo(1);
    net.nodes[1].params[0] = -1;
    assert_broken(&net, "a parameter is missing");
    net = zoo(1);
    net.nodes[3].params[0] = 0;
    assert_broken(&net, "a parameter is missing");
    net = zoo(1);
    net.nodes[4].groups = 5;
    assert_broken(&net, "groups");
    net = zoo(1);
    net.nodes[1].kernel_w = 5;
    assert_broken(&net, "kernel, stride and padding");
    net = zoo(1);
    net.nodes[net_find_node(&net, "deep")].dilation = 0;
    assert_broken(&net, "kernel, stride and padding");
    net = zoo(1);
    net.nodes[net_find_node(&net, "deep")].dilation = 1;
    assert_broken(&net, "not the one its input gives");
    net = zoo(1);
    net.nodes[net_find_node(&net, "peaks")].pad = 2;
    assert_broken(&net, "kernel, stride and padding");
    net = zoo(1);
    net.nodes[net_find_node(&net, "mixed")].groups = 5;
    assert_broken(&net, "groups");
    net = zoo(1);
    net.nodes[net_find_node(&net, "all")].shape.c--;
    assert_broken(&net, "not the one its input gives");
    net = zoo(1);
    net.nodes[net_find_node(&net, "all")].inputs[1] = net_find_node(&net, "relu");
    assert_broken(&net, "different shapes");
    net = zoo(1);
    net.nodes[net_find_node(&net, "odd")].offset = 3;
    assert_broken(&net, "outside its input");
    net = zoo(1);
    net.nodes[net_find_node(&net, "odd")].offset = 0;
    assert_broken(&net, "not the one its input gives");
    net = zoo(1);
    strcpy(net.nodes[5].name, "bn");
    assert_broken(&net, "called bn");
    net = zoo(1);
    strcpy(net.tensors[1].name, net.tensors[0].name);
    assert_broken(&net, "called stem.weight");
    net = zoo(1);
    net.tensors[0].count--;
    assert_broken(&net, "its shape has");
    net = zoo(1);
    net.nodes[1].op = NET_OP_COUNT;
    assert_broken(&net, "no proper name or operator");
    net = zoo(1);
    net.nodes[3].op = NET_INPUT;
    assert_broken(&net, "only the input");
    net = zoo(1);
    net.nodes[8].input_count = NET_INPUTS_MAX + 1;
    assert_broken(&net, "wrong number of inputs");
    net = mixture();
    net.mix_count = 4;
    assert_broken(&net, "a coefficient that the net does not have");
    net = mixture();
    net.mix_count = NET_MIX_MAX + 1;
    assert_broken(&net, "coefficients");
    net = mixture();
    net.nodes[net_find_node(&net, "mix")].input_count = 0;
    assert_broken(&net, "wrong number of inputs");
    net = mixture();
    net.tensors[net_find_tensor(&net, "norm.bias")].trainable = 1; /* a fixed scale and a shift that is not */
    assert_broken(&net, "a parameter is missing");
    net = zoo(1);
    net.outputs[0] = 1;
    assert_broken(&net, "vector");
    net = zoo(1);
    net.output_count = 0;
    assert_broken(&net, "outputs");
    net = zoo(1);
    net.classes = 6;
    assert_broken(&net, "per class");
}

static void a_net_without_nodes_is_refused_and_freed_twice_without_harm(void **state)
{
    (void)state;
    struct net net;
    net_init_empty(&net);
    assert_int_equal(net_check(&net, &status), STATUS_BAD_INPUT);
    net_free(&net);
    net_free(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_inferred),
        cmocka_unit_test(a_dilated_kernel_reaches_further),
        cmocka_unit_test(parameters_are_named_and_shaped_like_a_state_dict),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name_and_leaves_the_net_alone),
        cmocka_unit_test(a_map_cannot_be_the_logits),
        cmocka_unit_test(a_copy_is_equal_and_its_own),
        cmocka_unit_test(initial_weights_are_pytorchs_uniform_and_repeatable),
        cmocka_unit_test(initialising_again_resets_batch_normalisation),
        cmocka_unit_test(folding_keeps_the_logits),
        cmocka_unit_test(folding_removes_each_bn_that_only_follows_a_convolution),
        cmocka_unit_test(folding_drops_what_the_logits_do_not_need),
        cmocka_unit_test(a_mixture_is_copied_folded_and_checked),
        cmocka_unit_test(a_mixture_has_no_form_in_onnx),
        cmocka_unit_test(every_broken_invariant_is_found),
        cmocka_unit_test(a_net_without_nodes_is_refused_and_freed_twice_without_harm),
    };
    return TEST_RUN(tests);
}
