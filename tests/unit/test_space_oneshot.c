/* one-shot nets: what their operations weigh, which operations they have, and that the net of a smaller mask is a part of that of a
 * larger one. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/cost.h"
#include "common/oneshot.h"
#include "common/space.h"

static struct space nb201, darts, fbnet;
static struct status status;

static int open_spaces(void **state)
{
    (void)state;
    return space_open("nb201", &nb201, &status) != STATUS_OK || space_open("darts", &darts, &status) != STATUS_OK ||
           space_open("fbnet", &fbnet, &status) != STATUS_OK;
}

static int close_spaces(void **state)
{
    (void)state;
    space_close(&nb201);
    space_close(&darts);
    space_close(&fbnet);
    return 0;
}

static struct arch parse(const struct space *space, const char *text)
{
    struct arch arch;
    assert_ok(space_parse(space, text, &arch, &status), status);
    return arch;
}

static void build(const struct space *space, const struct space_mask *mask, struct net *net)
{
    const struct space_build sizes = {.channels = 4, .cells = space == &darts ? 3 : 1, .classes = 10, .input = {3, 8, 8}};
    net_init_empty(net);
    assert_ok(space_build_oneshot(space, &sizes, mask, net, &status), status);
    assert_ok(net_check(net, &status), status);
}

#define DARTS_TEXT                                                                                                                 \
    "normal:sep_conv_3x3~0+skip_connect~1|max_pool_3x3~0+dil_conv_5x5~2|avg_pool_3x3~1+sep_conv_5x5~3|skip_connect~0+"             \
    "dil_conv_3x3~4/reduce:max_pool_3x3~0+max_pool_3x3~1|skip_connect~2+max_pool_3x3~1|sep_conv_3x3~0+skip_connect~3|"             \
    "dil_conv_5x5~2+avg_pool_3x3~4"

/* --- mixtures --- */

/* Of an edge with k operations left the chosen one weighs e/(e+k-1) and each other 1/(e+k-1). */
static void a_mixture_weighs_as_published(void **state)
{
    (void)state;
    static const struct {
        int left;
        double chosen, other;
    } published[] = {{5, 0.40461, 0.14885}, {3, 0.57612, 0.21194}, {2, 0.73106, 0.26894}};
    const struct arch arch = parse(&nb201, "333333");
    for (int i = 0; i < 3; i++) {
        struct space_mask mask;
        double mixture[SPACE_MATRIX_MAX];
        const int k = published[i].left;
        space_mask_all(&nb201, &mask);
        for (int row = 0; row < 6; row++)
            mask.rows[row] = k == 5 ? 31 : k == 3 ? 8 + 4 + 1 : 8 + 2;
        space_mixture(&nb201, &mask, &arch, mixture);
        for (int row = 0; row < 6; row++)
            for (int column = 0; column < 5; column++) {
                const bool left = (mask.rows[row] >> column & 1U) != 0;
                const double exact = column == 3 ? M_E / (M_E + k - 1) : 1 / (M_E + k - 1);
                assert_near(mixture[5 * row + column], left ? exact : 0, 1e-12, 1e-12);
                assert_near(mixture[5 * row + column], !left ? 0 : column == 3 ? published[i].chosen : published[i].other, 0, 5e-6);
            }
    }
}

static void an_edge_of_darts_that_is_not_selected_weighs_evenly(void **state)
{
    (void)state;
    struct space_mask mask;
    double mixture[SPACE_MATRIX_MAX];
    int columns[SPACE_ROWS_MAX], selected = 0;
    const struct arch arch = parse(&darts, DARTS_TEXT);
    space_mask_all(&darts, &mask);
    space_mixture(&darts, &mask, &arch, mixture);
    space_chosen(&darts, &arch, columns);
    for (int row = 0; row < 28; row++) {
        selected += columns[row] != SPACE_NOT_CHOSEN;
        for (int column = 0; column < 8; column++) {
            const double want = columns[row] == SPACE_NOT_CHOSEN ? 0.125 : columns[row] == column ? 0.27971 : 0.10290;
            assert_near(mixture[8 * row + column], want, 0, 5e-6);
        }
    }
    assert_int_equal(selected, 16);
    assert_int_equal(columns[0], 4);                /* sep_conv_3x3 of state 0 into node 2 */
    assert_int_equal(columns[1], 3);                /* skip_connect of state 1 */
    assert_int_equal(columns[2], 1);                /* max_pool_3x3 of state 0 into node 3 */
    assert_int_equal(columns[3], SPACE_NOT_CHOSEN); /* of state 1 */
    assert_int_equal(columns[14 + 13], 2);          /* avg_pool_3x3 of state 4 into the last node of the reduction cell */
}

static void softened_numbers_add_up_to_one_on_every_edge(void **state)
{
    (void)state;
    struct space_mask mask;
    double values[SPACE_MATRIX_MAX], mixture[SPACE_MATRIX_MAX];
    for (int i = 0; i < SPACE_MATRIX_MAX; i++)
        values[i] = 700 * sin(i); /* too large for exp by itself */
    space_mask_all(&nb201, &mask);
    mask.rows[2] = 6;
    space_soften(&nb201, &mask, values, mixture);
    for (int row = 0; row < 6; row++) {
        double sum = 0;
        for (int column = 0; column < 5; column++)
            sum += mixture[5 * row + column];
        assert_near(sum, 1, 1e-12, 0);
    }
    assert_near(mixture[10], 0, 0, 0);
    assert_near(log(mixture[11] / mixture[12]), values[11] - values[12], 1e-9, 0);
}

/* What is chosen is what is decoded, in every space. */
static void the_columns_of_an_architecture_decode_to_it(void **state)
{
    (void)state;
    struct space *const spaces[] = {&nb201, &darts, &fbnet};
    struct rng rng;
    rng_seed(&rng, 7);
    for (int s = 0; s < 3; s++)
        for (int draw = 0; draw < 200; draw++) {
            struct arch arch, back;
            double values[SPACE_MATRIX_MAX] = {0}, *at = values;
            int columns[SPACE_ROWS_MAX];
            space_sample(spaces[s], &rng, &arch);
            space_chosen(spaces[s], &arch, columns);
            for (size_t row = 0; row < space_rows(spaces[s]); at += space_columns(spaces[s], row++))
                if (columns[row] != SPACE_NOT_CHOSEN)
                    at[columns[row]] = 1;
            space_decode(spaces[s], values, &back);
            assert_true(arch_equal(&arch, &back));
        }
}

/* --- masks --- */

static void masks_are_told_apart(void **state)
{
    (void)state;
    struct space_mask mask, own;
    const struct arch arch = parse(&nb201, "012341"), other = parse(&nb201, "012340");
    const struct arch without_none = parse(&nb201, "112341");
    space_mask_operations(&nb201, &mask);
    assert_true(space_mask_allows(&nb201, &mask, &without_none));
    assert_false(space_mask_allows(&nb201, &mask, &arch));
    double values[SPACE_MATRIX_MAX];
    struct arch decoded;
    for (int i = 0; i < 30; i++)
        values[i] = i % 5 == 0 ? 9 : i % 5 == 2 ? 1 : 0;
    space_mask_values(&nb201, &mask, values);
    space_decode(&nb201, values, &decoded);
    for (int edge = 0; edge < 6; edge++)
        assert_int_equal(decoded.genes[edge], 2);
    space_mask_all(&nb201, &mask);
    assert_true(space_mask_valid(&nb201, &mask));
    assert_true(space_mask_allows(&nb201, &mask, &arch));
    space_mask_of(&nb201, &arch, &own);
    assert_true(space_mask_valid(&nb201, &own));
    assert_true(space_mask_allows(&nb201, &own, &arch));
    assert_false(space_mask_allows(&nb201, &own, &other));
    mask.rows[3] = 0;
    assert_false(space_mask_valid(&nb201, &mask));
    mask.rows[3] = 32;
    assert_false(space_mask_valid(&nb201, &mask));
    mask.rows[3] = 31;
    mask.rows[6] = 1;
    assert_false(space_mask_valid(&nb201, &mask));
}

/* --- nets --- */

static bool has_tensor(const struct net *net, const char *name)
{
    return net_find_tensor(net, name) >= 0;
}

static void a_net_has_the_operations_of_its_mask_and_no_others(void **state)
{
    (void)state;
    struct space_mask mask;
    struct net net, part;
    struct cost whole, less;
    space_mask_all(&nb201, &mask);
    build(&nb201, &mask, &net);
    assert_int_equal(net.mix_count, 30);
    assert_int_equal(net.output_count, 1);
    assert_true(has_tensor(&net, "cells.2.layers.4.nor_conv_3x3.op.1.weight"));
    assert_true(has_tensor(&net, "cells.2.layers.4.nor_conv_1x1.op.2.running_var"));
    assert_true(has_tensor(&net, "cells.1.conv_a.op.1.weight"));
    mask.rows[4] = 1 + 2 + 4; /* without nor_conv_3x3 and avg_pool_3x3 */
    build(&nb201, &mask, &part);
    assert_false(has_tensor(&part, "cells.2.layers.4.nor_conv_3x3.op.1.weight"));
    assert_true(has_tensor(&part, "cells.2.layers.4.nor_conv_1x1.op.1.weight"));
    cost_of_net(&net, &whole);
    cost_of_net(&part, &less);
    /* A 3x3 convolution of 4, 8 and 16 channels on 8x8, 4x4 and 2x2 pixels: 9216 each. */
    assert_int_equal(whole.macs - less.macs, 3 * 9216);
    net_free(&net);
    net_free(&part);
}

static void searched_norms_are_fixed_and_the_others_are_not(void **state)
{
    (void)state;
    struct space_mask mask;
    struct net net;
    space_mask_all(&nb201, &mask);
    build(&nb201, &mask, &net);
    assert_int_equal(net.tensors[net_find_tensor(&net, "cells.0.layers.0.nor_conv_3x3.op.2.weight")].trainable, 0);
    assert_int_equal(net.tensors[net_find_tensor(&net, "cells.0.layers.0.nor_conv_3x3.op.1.weight")].trainable, 1);
    assert_int_equal(net.tensors[net_find_tensor(&net, "stem.1.weight")].trainable, 1);
    assert_int_equal(net.tensors[net_find_tensor(&net, "cells.1.conv_a.op.2.weight")].trainable, 1);
    net_free(&net);
}

/* Each coefficient of a darts cell is named by its place in the matrix; the first normal and the reduction cells have all. */
static void coefficients_stand_where_the_matrix_has_them(void **state)
{
    (void)state;
    struct space *const spaces[] = {&nb201, &darts};
    for (int s = 0; s < 2; s++) {
        struct space_mask mask;
        struct net net;
        int seen[NET_MIX_MAX] = {0}, columns = s == 0 ? 5 : 8;
        space_mask_all(spaces[s], &mask);
        build(spaces[s], &mask, &net);
        assert_int_equal(net.mix_count, s == 0 ? 30 : 224);
        for (int i = 0; i < net.node_count; i++)
            for (int k = 0; net.nodes[i].op == NET_MIX && k < net.nodes[i].input_count; k++)
                seen[net.nodes[i].mix[k]]++;
        for (int c = 0; c < net.mix_count; c++)
            assert_int_equal(seen[c] > 0, c % columns != 0); /* of `none` there is nothing to weigh */
        net_free(&net);
    }
}

/* A coefficient weighs the operation that its column means: seen by the name of the norm it stands for. */
static void a_coefficient_weighs_the_operation_of_its_column(void **state)
{
    (void)state;
    struct space_mask mask;
    struct net net;
    int found = 0;
    space_mask_all(&nb201, &mask);
    build(&nb201, &mask, &net);
    for (int i = 0; i < net.node_count; i++)
        for (int k = 0; net.nodes[i].op == NET_MIX && k < net.nodes[i].input_count; k++) {
            const struct net_node *in = &net.nodes[net.nodes[i].inputs[k]];
            char layer[32];
            const int column = net.nodes[i].mix[k] % 5;
            snprintf(layer, sizeof layer, ".layers.%d.", net.nodes[i].mix[k] / 5);
            if (column == 2 || column == 3) {
                assert_non_null(strstr(in->name, layer));
                assert_non_null(strstr(in->name, column == 2 ? "nor_conv_1x1" : "nor_conv_3x3"));
                found++;
            } else if (column == 4) {
                assert_int_equal(in->op, NET_AVG_POOL);
            }
        }
    assert_int_equal(found, 3 * 12);
    net_free(&net);
}

/* Every tensor of the smaller net is in the larger one, with the same shape. */
static void assert_part_of(const struct net *part, const struct net *whole)
{
    for (int t = 0; t < part->tensor_count; t++) {
        const int twin = net_find_tensor(whole, part->tensors[t].name);
        if (twin < 0)
            fail_msg("%s is in the smaller net alone", part->tensors[t].name);
        assert_int_equal(whole->tensors[twin].count, part->tensors[t].count);
    }
}

static void the_net_of_an_architecture_is_a_part_without_anything_to_mix(void **state)
{
    (void)state;
    struct space *const spaces[] = {&nb201, &darts};
    const char *const texts[] = {"|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|",
                                 DARTS_TEXT};
    for (int s = 0; s < 2; s++) {
        struct space_mask mask;
        struct net whole, path;
        const struct arch arch = parse(spaces[s], texts[s]);
        space_mask_all(spaces[s], &mask);
        build(spaces[s], &mask, &whole);
        space_mask_of(spaces[s], &arch, &mask);
        build(spaces[s], &mask, &path);
        assert_part_of(&path, &whole);
        for (int i = 0; i < path.node_count; i++)
            assert_int_not_equal(path.nodes[i].op, NET_MIX);
        net_free(&whole);
        net_free(&path);
    }
}

/* Masks as stages leave them: k operations an edge. */
static void nets_of_random_masks_are_sound_and_parts_of_the_whole(void **state)
{
    (void)state;
    struct space *const spaces[] = {&nb201, &darts};
    struct rng rng;
    rng_seed(&rng, 11);
    for (int s = 0; s < 2; s++) {
        struct net whole;
        struct space_mask all;
        space_mask_all(spaces[s], &all);
        build(spaces[s], &all, &whole);
        for (int draw = 0; draw < 20; draw++) {
            struct space_mask mask = {{0}};
            struct net part;
            for (size_t row = 0; row < space_rows(spaces[s]); row++)
                for (int k = 0; k < 2 + draw % 3; k++)
                    mask.rows[row] |= 1U << (1 + rng_below(&rng, space_columns(spaces[s], row) - 1)) | (uint32_t)(k == 0);
            build(spaces[s], &mask, &part);
            assert_part_of(&part, &whole);
            net_free(&part);
        }
        net_free(&whole);
    }
}

static void assert_refused(const struct space *space, const struct space_mask *mask, enum status_code wanted, const char *words)
{
    const struct space_build sizes = {.channels = 4, .cells = 3, .classes = 10, .input = {3, 8, 8}};
    struct net net;
    net_init_empty(&net);
    assert_int_equal(space_build_oneshot(space, &sizes, mask, &net, &status), wanted);
    if (strstr(status.message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", status.message, words);
    assert_null(net.nodes);
}

static void what_cannot_be_built_is_refused(void **state)
{
    (void)state;
    struct space_mask mask;
    space_mask_all(&fbnet, &mask);
    assert_refused(&fbnet, &mask, STATUS_UNSUPPORTED, "fbnet");
    space_mask_all(&nb201, &mask);
    mask.rows[0] = 0;
    assert_refused(&nb201, &mask, STATUS_BAD_INPUT, "at least one operation");
    space_mask_all(&nb201, &mask);
    mask.rows[3] = mask.rows[4] = mask.rows[5] = 1;
    assert_refused(&nb201, &mask, STATUS_UNSUPPORTED, "lead nowhere");
    space_mask_all(&darts, &mask);
    mask.rows[14 + 2] = mask.rows[14 + 3] = mask.rows[14 + 4] = 1;
    assert_refused(&darts, &mask, STATUS_UNSUPPORTED, "node 3 of the reduction cell");
}

/* --- weights --- */

static void an_operation_starts_alike_whatever_else_the_mask_has_left(void **state)
{
    (void)state;
    struct space_mask mask;
    struct net whole, part, later;
    space_mask_all(&nb201, &mask);
    build(&nb201, &mask, &whole);
    build(&nb201, &mask, &later);
    mask.rows[1] = mask.rows[5] = 8;
    build(&nb201, &mask, &part);
    oneshot_init(3, 0, &whole);
    oneshot_init(3, 0, &part);
    oneshot_init(3, 1, &later);
    for (int t = 0; t < part.tensor_count; t++) {
        const struct net_tensor *twin = &whole.tensors[net_find_tensor(&whole, part.tensors[t].name)];
        assert_memory_equal(part.tensors[t].data, twin->data, twin->count * sizeof(float));
    }
    const int weight = net_find_tensor(&whole, "cells.0.layers.0.nor_conv_3x3.op.1.weight");
    assert_memory_not_equal(whole.tensors[weight].data, later.tensors[weight].data, 16);
    assert_memory_not_equal(whole.tensors[weight].data,
                            whole.tensors[net_find_tensor(&whole, "cells.0.layers.1.nor_conv_3x3.op.1.weight")].data, 16);
    /* As PyTorch draws them: within 1/sqrt(fan in), and up to near it. */
    float largest = 0;
    for (size_t k = 0; k < whole.tensors[weight].count; k++)
        largest = fmaxf(largest, fabsf(whole.tensors[weight].data[k]));
    assert_true(largest <= 1 / sqrtf(36) && largest > 0.9F / sqrtf(36));
    net_free(&whole);
    net_free(&part);
    net_free(&later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mixture_weighs_as_published),
        cmocka_unit_test(an_edge_of_darts_that_is_not_selected_weighs_evenly),
        cmocka_unit_test(softened_numbers_add_up_to_one_on_every_edge),
        cmocka_unit_test(the_columns_of_an_architecture_decode_to_it),
        cmocka_unit_test(masks_are_told_apart),
        cmocka_unit_test(a_net_has_the_operations_of_its_mask_and_no_others),
        cmocka_unit_test(searched_norms_are_fixed_and_the_others_are_not),
        cmocka_unit_test(coefficients_stand_where_the_matrix_has_them),
        cmocka_unit_test(a_coefficient_weighs_the_operation_of_its_column),
        cmocka_unit_test(the_net_of_an_architecture_is_a_part_without_anything_to_mix),
        cmocka_unit_test(nets_of_random_masks_are_sound_and_parts_of_the_whole),
        cmocka_unit_test(what_cannot_be_built_is_refused),
        cmocka_unit_test(an_operation_starts_alike_whatever_else_the_mask_has_left),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests_name(__FILE__, tests, open_spaces, close_spaces);
}
