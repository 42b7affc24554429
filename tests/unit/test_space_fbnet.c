/* space_fbnet: text, classes of equal networks, and the network that is built: counts and logits of an independent PyTorch model,
 * the published FBNets, what is refused. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/cost.h"
#include "common/space.h"
#include "common/space_fbnet.h"
#include "tests/support/net_naive.h"
#include "tests/support/space_check.h"

static struct space space;

static int open_space(void **state)
{
    (void)state;
    return space_open("fbnet", &space, NULL) == STATUS_OK ? 0 : -1;
}

static int close_space(void **state)
{
    (void)state;
    space_close(&space);
    return 0;
}

static struct arch parsed(const char *text)
{
    return space_check_parsed(&space, text);
}

static struct net built(const char *text, int size, int classes)
{
    struct space_build build = space.ops->defaults;
    struct arch arch = parsed(text);
    struct status status;
    struct net net;
    build.input.h = build.input.w = size;
    build.classes = classes;
    net_init_empty(&net);
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    assert_ok(net_check(&net, &status), status);
    return net;
}

/* --- text --- */

static void there_are_22_genes_of_nine_blocks(void **state)
{
    (void)state;
    assert_int_equal(space_gene_count(&space), 22);
    for (size_t i = 0; i < 22; i++)
        assert_int_equal(space_choices(&space, i), 9);
}

static void random_architectures_print_and_parse_back(void **state)
{
    (void)state;
    space_check_round_trip(&space, 3, 10000, 22);
}

static void names_and_digits_are_the_same_architecture(void **state)
{
    (void)state;
    struct arch names =
        parsed("k3_e1-k3_e1_g2-k3_e3-k3_e6-k5_e1-k5_e1_g2-k5_e3-k5_e6-skip-k3_e1-k3_e1-k3_e1-k3_e1-k3_e1-k3_e1-k3_e1-"
               "k3_e1-k3_e1-k3_e1-k3_e1-k3_e1-skip");
    struct arch digits = parsed("0123456780000000000008");
    assert_true(arch_equal(&names, &digits));
}

static void assert_refused(const char *text, const char *place, const char *expected)
{
    space_check_refused(&space, text, place, expected);
}

static void parse_errors_name_the_place_and_what_was_expected(void **state)
{
    (void)state;
    assert_refused("", "character 1:", "k3_e1, k3_e1_g2, k3_e3");
    assert_refused("012345678", "character 10:", "a digit 0 to 8, 22 in all");
    assert_refused("0123456789012345678901", "character 10:", "a digit 0 to 8");
    assert_refused("01234567800123456780000", "character 23:", "the end after 22 digits");
    assert_refused("k3_e2", "character 1:", "k5_e6 or skip");
    assert_refused("k3_e1", "character 6:", "\"-\"");
    assert_refused("k3_e1-K3_e1", "character 7:", "k3_e1");
}

/* --- classes --- */

/* Stage by stage 8 8182 8083 8818 8880 0008 8 becomes 8 8128 8038 8188 8088 0008 8. */
static void skips_move_to_the_end_of_their_stage(void **state)
{
    (void)state;
    struct arch arch = parsed("8818280838818888000088"), canonical;
    char text[ARCH_TEXT_BYTES];
    space_canonical(&space, &arch, &canonical);
    space_print(&space, &canonical, text);
    assert_string_equal(text, "8812880388188808800088");
}

static void canonical_is_a_fixed_point(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    for (int i = 0; i < 10000; i++) {
        struct arch arch, once, twice;
        space_sample(&space, &rng, &arch);
        space_canonical(&space, &arch, &once);
        space_canonical(&space, &once, &twice);
        assert_true(space_valid(&space, &once));
        assert_true(arch_equal(&once, &twice));
    }
}

/* All but the names. */
static bool same_nodes(const struct net *a, const struct net *b)
{
    bool same = a->node_count == b->node_count && a->tensor_count == b->tensor_count;
    for (int i = 0; i < a->node_count && same; i++) {
        const struct net_node *x = &a->nodes[i], *y = &b->nodes[i];
        same = x->op == y->op && memcmp(x->inputs, y->inputs, sizeof x->inputs) == 0 && x->kernel_h == y->kernel_h &&
               x->stride == y->stride && x->groups == y->groups && memcmp(&x->shape, &y->shape, sizeof x->shape) == 0;
    }
    return same;
}

static void the_canonical_network_is_the_same_node_by_node(void **state)
{
    (void)state;
    struct space_build build = space.ops->defaults;
    struct rng rng;
    struct status status;
    int moved = 0;
    build.channels = 4;
    rng_seed(&rng, 5);
    for (int i = 0; i < 60; i++) {
        struct arch arch, canonical;
        struct net net, other;
        net_init_empty(&net);
        net_init_empty(&other);
        space_sample(&space, &rng, &arch);
        space_canonical(&space, &arch, &canonical);
        moved += !arch_equal(&arch, &canonical);
        assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
        assert_ok(space_build_net(&space, &canonical, &build, &other, &status), status);
        assert_true(same_nodes(&net, &other));
        net_free(&net);
        net_free(&other);
    }
    assert_true(moved > 10);
}

static void networks_of_all_skips_are_connected(void **state)
{
    (void)state;
    struct arch arch = parsed("8888888888888888888888");
    assert_true(space_connected(&space, &arch));
}

/* --- the network --- */

/* Counted by forward hooks of a model written in PyTorch; a bias costs one multiply-accumulate an output, as in cost.h. */
static void counts_are_those_of_an_independent_model(void **state)
{
    (void)state;
    static const struct {
        const char *arch;
        int size, classes;
        long macs, params;
    } models[] = {
        {"0000000000000000000000", 32, 100, 31322340, 1170676},    {"8888888888888888888888", 32, 100, 11609060, 780660},
        {"1111111111111111111111", 32, 100, 21051108, 940084},     {"5555555555555555555555", 32, 100, 24102628, 967220},
        {"7777777777777777777777", 32, 100, 160926180, 3749652},   {"2141777631706607431500", 32, 100, 74553316, 1577636},
        {"0806360837783533740681", 32, 100, 79903332, 1738964},    {"2415868344786073662585", 32, 100, 62562404, 1650308},
        {"0000000000000000000000", 224, 1000, 118372152, 3175096}, {"8888888888888888888888", 224, 1000, 49420136, 2785080},
        {"5555555555555555555555", 224, 1000, 95057560, 2971640},  {"2141777631706607431500", 224, 1000, 261906088, 3582056},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct net net = built(models[i].arch, models[i].size, models[i].classes);
        struct cost cost;
        cost_of_net(&net, &cost);
        assert_int_equal(cost.macs, models[i].macs);
        assert_int_equal(cost.params, models[i].params);
        net_free(&net);
    }
}

/* FBNet-A, B and C (Wu et al., table 1; blocks as released in mobile-vision): 249, 295 and 375 million multiply-accumulates. What
 * the paper leaves out of its count, or in, is not said. */
static void the_published_fbnets_count_as_published_within_three_percent(void **state)
{
    (void)state;
    static const struct {
        const char *arch;
        double macs;
    } published[] = {{"8208872427657354177677", 249e6}, {"0340076377486704674773", 295e6}, {"0380076737677777677773", 375e6}};
    for (size_t i = 0; i < 3; i++) {
        struct net net = built(published[i].arch, 224, 1000);
        struct cost cost;
        cost_of_net(&net, &cost);
        assert_near((double)cost.macs, published[i].macs, 0.03, 0);
        net_free(&net);
    }
}

/* Parameters that any implementation can make: sines of their position and of the tensor's. */
static void fill(struct net *net)
{
    for (int t = 0; t < net->tensor_count; t++) {
        struct net_tensor *tensor = &net->tensors[t];
        bool norm = strstr(tensor->name, ".bn") != NULL, weight = strstr(tensor->name, ".weight") != NULL;
        double scale = weight ? sqrt(6 / ((double)tensor->count / tensor->dims[0])) : 1, shift = 0;
        if (norm) {
            scale = weight ? 0.3 : strstr(tensor->name, "running_var") != NULL ? 0.5 : 0.2;
            shift = weight || strstr(tensor->name, "running_var") != NULL;
        }
        for (size_t k = 0; k < tensor->count; k++)
            tensor->data[k] = (float)(shift + scale * sin(1 + 0.7 * (double)k + 0.3 * t));
    }
}

static void logits_are_those_of_an_independent_model(void **state)
{
    (void)state;
    static const struct {
        const char *arch;
        double logits[4], sum;
    } models[] = {
        {"2141777631706607431500", {-2402.31172604, 3412.8455546, -3971.25458749, 3999.38322681}, -2065.67919833},
        {"0806360837185533740681", {-13.5583535584, 17.2755215314, -20.2205529164, 21.2726266457}, -11.7143201141},
    };
    static float image[3 * 32 * 32];
    for (int i = 0; i < 3 * 32 * 32; i++)
        image[i] = (float)cos(0.05 * i);
    for (size_t m = 0; m < 2; m++) {
        struct net net = built(models[m].arch, 32, 100);
        double sum = 0;
        fill(&net);
        double *logits = net_naive_run(&net, image, 0);
        for (int i = 0; i < 4; i++)
            assert_near(logits[i], models[m].logits[i], 1e-6, 0);
        for (int i = 0; i < 100; i++)
            sum += logits[i];
        assert_near(sum, models[m].sum, 1e-6, 0);
        free(logits);
        net_free(&net);
    }
}

/* What agents measure. */
static void every_norm_folds_into_its_convolution(void **state)
{
    (void)state;
    struct net net = built("0123456781545787654321", 32, 100), folded;
    struct status status;
    static float image[3 * 32 * 32];
    for (int i = 0; i < 3 * 32 * 32; i++)
        image[i] = (float)cos(0.05 * i);
    fill(&net);
    net_init_empty(&folded);
    assert_ok(net_fold(&net, &folded, &status), status);
    for (int i = 0; i < folded.node_count; i++)
        assert_int_not_equal(folded.nodes[i].op, NET_BATCH_NORM);
    double *want = net_naive_run(&net, image, 0), *got = net_naive_run(&folded, image, 0);
    for (int i = 0; i < 100; i++)
        assert_near(got[i], want[i], 1e-4, 0);
    free(want);
    free(got);
    net_free(&folded);
    net_free(&net);
}

static void parameters_are_named_as_in_pytorch(void **state)
{
    (void)state;
    struct net net = built("1800000000000000000000", 32, 100);
    static const char *const names[] = {
        "stem.conv.weight",  "stem.bn.running_var",   "cells.0.conv1.weight",   "cells.0.bn3.bias", "cells.1.conv.weight",
        "cells.1.bn.weight", "cells.21.conv3.weight", "header.bn.running_mean", "fc.weight",        "fc.bias"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (net_find_tensor(&net, names[i]) < 0)
            fail_msg("no parameter is called %s", names[i]);
    net_free(&net);
}

static void assert_shape(struct net_shape got, int c, int h, int w)
{
    assert_int_equal(got.c, c);
    assert_int_equal(got.h, h);
    assert_int_equal(got.w, w);
}

static void taps_stand_where_32x32_and_16x16_end_and_behind_the_head(void **state)
{
    (void)state;
    struct net net = built("8888888888888888888888", 32, 100);
    assert_int_equal(net.output_count, 4);
    assert_shape(net.nodes[net.outputs[1]].shape, 24, 32, 32);
    assert_shape(net.nodes[net.outputs[2]].shape, 32, 16, 16);
    assert_shape(net.nodes[net.outputs[3]].shape, 1504, 4, 4);
    net_free(&net);
}

static void large_images_are_halved_five_times(void **state)
{
    (void)state;
    struct net net = built("8888888888888888888888", 96, 1000);
    assert_shape(net.nodes[net.outputs[1]].shape, 24, 24, 24);
    assert_shape(net.nodes[net.outputs[3]].shape, 1984, 3, 3);
    net_free(&net);
}

static void all_widths_grow_with_the_stems(void **state)
{
    (void)state;
    struct space_build build = space.ops->defaults;
    struct arch arch = parsed("5555555555555555555555");
    struct status status;
    struct net net;
    net_init_empty(&net);
    build.channels = 4;
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    assert_shape(net.nodes[net.outputs[1]].shape, 6, 32, 32);
    assert_shape(net.nodes[net.outputs[3]].shape, 376, 4, 4);
    assert_int_equal(net.nodes[net_find_node(&net, "cells.20.conv3")].shape.c, 46);
    net_free(&net);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct space_build build;
        const char *sentence;
    } wrong[] = {
        {{16, 5, 100, {3, 32, 32}}, "cells must be 22, not 5"},
        {{18, 22, 100, {3, 32, 32}}, "a multiple of 4 channels"},
        {{0, 22, 100, {3, 32, 32}}, "channels"},
        {{-4, 22, 100, {3, 32, 32}}, "channels"},
        {{4096, 22, 100, {3, 32, 32}}, "cells.13.conv3"},
        {{16, 22, 1, {3, 32, 32}}, "classes"},
        {{16, 22, 100, {3, 28, 28}}, "multiples of 8"},
        {{16, 22, 100, {3, 32, 100}}, "multiples of 32"},
    };
    struct arch arch = parsed("0000000000000000000000");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct status status;
        struct net net;
        net_init_empty(&net);
        assert_int_equal(space_build_net(&space, &arch, &wrong[i].build, &net, &status), STATUS_BAD_INPUT);
        if (strstr(status.message, wrong[i].sentence) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", status.message, wrong[i].sentence);
    }
}

static void an_architecture_of_another_space_is_refused(void **state)
{
    (void)state;
    struct space_build build = space.ops->defaults;
    struct arch arch = {.length = 6};
    struct status status;
    struct net net;
    net_init_empty(&net);
    assert_int_equal(space_build_net(&space, &arch, &build, &net, &status), STATUS_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_are_22_genes_of_nine_blocks, open_space, close_space),
        cmocka_unit_test_setup_teardown(random_architectures_print_and_parse_back, open_space, close_space),
        cmocka_unit_test_setup_teardown(names_and_digits_are_the_same_architecture, open_space, close_space),
        cmocka_unit_test_setup_teardown(parse_errors_name_the_place_and_what_was_expected, open_space, close_space),
        cmocka_unit_test_setup_teardown(skips_move_to_the_end_of_their_stage, open_space, close_space),
        cmocka_unit_test_setup_teardown(canonical_is_a_fixed_point, open_space, close_space),
        cmocka_unit_test_setup_teardown(the_canonical_network_is_the_same_node_by_node, open_space, close_space),
        cmocka_unit_test_setup_teardown(networks_of_all_skips_are_connected, open_space, close_space),
        cmocka_unit_test_setup_teardown(counts_are_those_of_an_independent_model, open_space, close_space),
        cmocka_unit_test_setup_teardown(the_published_fbnets_count_as_published_within_three_percent, open_space, close_space),
        cmocka_unit_test_setup_teardown(logits_are_those_of_an_independent_model, open_space, close_space),
        cmocka_unit_test_setup_teardown(every_norm_folds_into_its_convolution, open_space, close_space),
        cmocka_unit_test_setup_teardown(parameters_are_named_as_in_pytorch, open_space, close_space),
        cmocka_unit_test_setup_teardown(taps_stand_where_32x32_and_16x16_end_and_behind_the_head, open_space, close_space),
        cmocka_unit_test_setup_teardown(large_images_are_halved_five_times, open_space, close_space),
        cmocka_unit_test_setup_teardown(all_widths_grow_with_the_stems, open_space, close_space),
        cmocka_unit_test_setup_teardown(sizes_that_do_not_fit_are_refused, open_space, close_space),
        cmocka_unit_test_setup_teardown(an_architecture_of_another_space_is_refused, open_space, close_space),
    };
    return TEST_RUN(tests);
}
