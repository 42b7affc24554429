/* space and space_nb201: text, connectivity, classes of isomorphic cells, variation, and the network that is built. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/space.h"
#include "common/space_nb201.h"
#include "tests/support/space_check.h"

static struct space space;

static int open_space(void **state)
{
    (void)state;
    struct status status;
    return space_open("nb201", &space, &status) == STATUS_OK ? 0 : -1;
}

static int close_space(void **state)
{
    (void)state;
    space_close(&space);
    return 0;
}

static struct arch cell(int number)
{
    struct arch arch = {.length = NB201_EDGES};
    for (int i = NB201_EDGES; i-- > 0; number /= NB201_OPERATIONS)
        arch.genes[i] = (uint8_t)(number % NB201_OPERATIONS);
    return arch;
}

static struct arch parsed(const char *text)
{
    return space_check_parsed(&space, text);
}

static void an_unknown_space_is_refused_with_the_known_names(void **state)
{
    (void)state;
    struct space other;
    struct status status;
    assert_int_equal(space_open("nb202", &other, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "nb201"));
}

static void the_canonical_string_and_six_digits_name_the_same_cell(void **state)
{
    (void)state;
    struct arch a = parsed("|skip_connect~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|");
    struct arch b = parsed("104142");
    assert_true(arch_equal(&a, &b));
}

static void all_15625_cells_print_and_parse_back(void **state)
{
    (void)state;
    for (int i = 0; i < NB201_CELLS; i++) {
        struct arch arch = cell(i), back;
        char text[ARCH_TEXT_BYTES];
        space_print(&space, &arch, text);
        back = parsed(text);
        assert_true(arch_equal(&arch, &back));
    }
}

static void assert_refused(const char *text, const char *place, const char *expected)
{
    space_check_refused(&space, text, place, expected);
}

static void parse_errors_name_the_place_and_what_was_expected(void **state)
{
    (void)state;
    assert_refused("", "character 1:", "\"|\"");
    assert_refused("12345", "character 5:", "0 to 4");
    assert_refused("1234", "character 5:", "0 to 4");
    assert_refused("1234123", "character 7:", "the end");
    assert_refused("|none~0|", "character 9:", "\"+|\"");
    assert_refused("|none~1|", "character 6:", "\"~0|\"");
    assert_refused("|conv~0|", "character 2:", "nor_conv_3x3");
    assert_refused("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|x", "character 48:", "the end");
    assert_refused("|none~0|+|none~0|none~1|+|none~0|none~1|none", "character 45:", "\"~2|\"");
}

static void architectures_of_wrong_length_or_gene_are_not_valid(void **state)
{
    (void)state;
    struct arch arch = parsed("123412");
    assert_true(space_valid(&space, &arch));
    arch.genes[5] = 5;
    assert_false(space_valid(&space, &arch));
    arch.genes[5] = 0;
    arch.length = 5;
    assert_false(space_valid(&space, &arch));
}

static void cells_that_are_connected_number_15284(void **state)
{
    (void)state;
    int connected = 0;
    for (int i = 0; i < NB201_CELLS; i++) {
        struct arch arch = cell(i);
        connected += space_connected(&space, &arch);
    }
    assert_int_equal(connected, 15284);
}

/* --- traits ------------------------------------------------------------------------------------------------- */

static void traits_are_below_their_choices_in_every_cell(void **state)
{
    (void)state;
    size_t count = space_trait_count(&space);
    assert_in_range(count, 1, SPACE_TRAITS_MAX);
    for (int i = 0; i < NB201_CELLS; i++) {
        struct arch arch = cell(i);
        uint8_t traits[SPACE_TRAITS_MAX];
        space_traits(&space, &arch, traits);
        for (size_t trait = 0; trait < count; trait++)
            assert_true(traits[trait] < space_trait_choices(&space, trait));
    }
}

/* Each edge by what reaches the output, then also by whether the rest is dropped (2: it is), then degrees. */
static void traits_are_those_found_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *cell;
        uint8_t traits[19];
    } known[] = {
        {"333333", {3, 3, 3, 3, 3, 3, /**/ 3, 3, 3, 3, 3, 3, /**/ 1, 2, 3, 1, 2, 2, 3}},
        {"320100",
         {8, 7, 5, 1, 5, 5, /**/ 16, 13, 7, 1, 7, 7, /**/ 1, 1, 1, 0, 0, 0, 3}}, /* no one wants the convolution in node 1 */
        {"120100", {6, 7, 5, 1, 5, 5, /**/ 9, 12, 6, 1, 6, 6, /**/ 1, 1, 1, 0, 0, 0, 3}},  /* one operation, computed */
        {"323010", {3, 7, 8, 5, 1, 5, /**/ 3, 13, 16, 7, 1, 7, /**/ 1, 2, 1, 0, 1, 2, 2}}, /* a sum in node 2 */
        {"001300", {5, 5, 6, 3, 5, 5, /**/ 5, 5, 8, 3, 5, 5, /**/ 0, 0, 1, 0, 0, 1, 1}},   /* a skip of nothing */
    };
    assert_int_equal(space_trait_count(&space), 19);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct arch arch = parsed(known[i].cell);
        uint8_t traits[SPACE_TRAITS_MAX];
        space_traits(&space, &arch, traits);
        assert_memory_equal(traits, known[i].traits, 19);
    }
}

/* --- classes --------------------------------------------------------------------------------------------- */

static void classes_number_the_published_6466(void **state)
{
    (void)state;
    int fixed = 0;
    for (int i = 0; i < NB201_CELLS; i++) {
        struct arch arch = cell(i), representative;
        space_canonical(&space, &arch, &representative);
        fixed += arch_equal(&arch, &representative);
    }
    assert_int_equal(fixed, NB201_TOPOLOGIES);
}

static void a_representative_is_its_own_and_has_the_smallest_genes(void **state)
{
    (void)state;
    for (int i = 0; i < NB201_CELLS; i++) {
        struct arch arch = cell(i), representative, again;
        space_canonical(&space, &arch, &representative);
        space_canonical(&space, &representative, &again);
        assert_true(arch_equal(&representative, &again));
        assert_true(memcmp(representative.genes, arch.genes, NB201_EDGES) <= 0);
    }
}

static int compare_terms(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum { TERM_BYTES = 128, TERMS_MAX = 4 };

struct sum {
    int count;
    char terms[TERMS_MAX][TERM_BYTES];
};

/* The oracle: what a cell computes, written out as a sum of terms. Zeros vanish, and sums inside sums dissolve. */
static void written_out(const struct arch *arch, char out[TERMS_MAX * TERM_BYTES])
{
    static const int from[] = {0, 0, 1, 0, 1, 2}, to[] = {1, 2, 2, 3, 3, 3};
    struct sum nodes[4] = {{.count = 1, .terms = {"x"}}};
    char texts[4][TERMS_MAX * TERM_BYTES] = {"x"};
    for (int edge = 0, node = 1; node < 4; node++) {
        struct sum *sum = &nodes[node];
        for (; edge < NB201_EDGES && to[edge] == node; edge++) {
            const struct sum *source = &nodes[from[edge]];
            if (arch->genes[edge] == NB201_NONE || source->count == 0)
                continue;
            if (arch->genes[edge] == NB201_SKIP)
                for (int i = 0; i < source->count; i++)
                    strcpy(sum->terms[sum->count++], source->terms[i]);
            else
                snprintf(sum->terms[sum->count++], TERM_BYTES, "%d(%.100s)", arch->genes[edge], texts[from[edge]]);
        }
        qsort(sum->terms, (size_t)sum->count, TERM_BYTES, compare_terms);
        for (int i = 0; i < sum->count; i++) {
            strcat(texts[node], i > 0 ? "+" : "");
            strcat(texts[node], sum->terms[i]);
        }
    }
    strcpy(out, texts[3]);
}

static void a_representative_computes_what_every_member_computes(void **state)
{
    (void)state;
    for (int i = 0; i < NB201_CELLS; i++) {
        struct arch arch = cell(i), representative;
        char a[TERMS_MAX * TERM_BYTES], b[TERMS_MAX * TERM_BYTES];
        space_canonical(&space, &arch, &representative);
        written_out(&arch, a);
        written_out(&representative, b);
        assert_string_equal(a, b);
    }
}

static void a_class_is_wholly_connected_or_wholly_disconnected(void **state)
{
    (void)state;
    for (int i = 0; i < NB201_CELLS; i++) {
        struct arch arch = cell(i), representative;
        char text[TERMS_MAX * TERM_BYTES];
        space_canonical(&space, &arch, &representative);
        assert_int_equal(space_connected(&space, &arch), space_connected(&space, &representative));
        written_out(&arch, text);
        assert_int_equal(space_connected(&space, &arch), text[0] != '\0');
    }
}

static void edges_that_do_not_reach_the_output_do_not_split_a_class(void **state)
{
    (void)state;
    struct arch a = parsed("300100"), b = parsed("000100"), representative_a, representative_b;
    space_canonical(&space, &a, &representative_a);
    space_canonical(&space, &b, &representative_b);
    assert_true(arch_equal(&representative_a, &representative_b));
}

/* --- variation ------------------------------------------------------------------------------------------- */

static void samples_are_valid_and_every_operation_comes_up_about_equally(void **state)
{
    (void)state;
    struct rng rng;
    int seen[NB201_EDGES][NB201_OPERATIONS] = {{0}};
    rng_seed(&rng, 11);
    for (int i = 0; i < 5000; i++) {
        struct arch arch;
        space_sample(&space, &rng, &arch);
        assert_true(space_valid(&space, &arch));
        for (int k = 0; k < NB201_EDGES; k++)
            seen[k][arch.genes[k]]++;
    }
    for (int k = 0; k < NB201_EDGES; k++)
        for (int op = 0; op < NB201_OPERATIONS; op++)
            assert_in_range(seen[k][op], 850, 1150);
}

static void crossover_takes_each_gene_from_one_parent_and_from_both_alike(void **state)
{
    (void)state;
    struct rng rng;
    struct arch a = parsed("000000"), b = parsed("444444"), child;
    int from_b[NB201_EDGES] = {0};
    rng_seed(&rng, 12);
    for (int i = 0; i < 2000; i++) {
        space_crossover(&space, &rng, &a, &b, &child);
        for (int k = 0; k < NB201_EDGES; k++) {
            assert_true(child.genes[k] == 0 || child.genes[k] == 4);
            from_b[k] += child.genes[k] == 4;
        }
    }
    for (int k = 0; k < NB201_EDGES; k++)
        assert_in_range(from_b[k], 880, 1120);
}

static void mutation_changes_four_fifths_of_the_genes_it_draws_afresh(void **state)
{
    (void)state;
    struct rng rng;
    int changed = 0;
    rng_seed(&rng, 13);
    for (int i = 0; i < 2000; i++) {
        struct arch arch = parsed("222222");
        space_mutate(&space, &rng, 0.5, &arch);
        for (int k = 0; k < NB201_EDGES; k++)
            changed += arch.genes[k] != 2;
    }
    assert_in_range(changed, 4550, 5050); /* 12000 * 0.5 * 0.8 = 4800 */
    struct arch still = parsed("123401"), before = still;
    space_mutate(&space, &rng, 0.0, &still);
    assert_true(arch_equal(&still, &before));
}

/* --- the network ----------------------------------------------------------------------------------------- */

static const struct space_build cifar10 = {.channels = 16, .cells = 5, .classes = 10, .input = {3, 32, 32}};

static struct net built(const char *text, struct space_build build)
{
    struct net net;
    struct status status;
    struct arch arch = parsed(text);
    net_init_empty(&net);
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    assert_ok(net_check(&net, &status), status);
    return net;
}

static void assert_output(const struct net *net, int output, int c, int h, int w)
{
    struct net_shape shape = net->nodes[net->outputs[output]].shape;
    assert_int_equal(shape.c, c);
    assert_int_equal(shape.h, h);
    assert_int_equal(shape.w, w);
}

static void outputs_are_logits_and_the_three_taps(void **state)
{
    (void)state;
    struct net net = built("333333", cifar10);
    assert_int_equal(net.output_count, 4);
    assert_output(&net, 0, 10, 1, 1);
    assert_output(&net, 1, 16, 32, 32);
    assert_output(&net, 2, 32, 16, 16);
    assert_output(&net, 3, 64, 8, 8);
    assert_string_equal(net.nodes[net.outputs[1]].name, "cells.4.node.3");
    assert_string_equal(net.nodes[net.outputs[3]].name, "lastact.1");
    net_free(&net);
}

static void other_sizes_scale_and_number_the_cells_accordingly(void **state)
{
    (void)state;
    struct net net = built("333333", (struct space_build){.channels = 8, .cells = 1, .classes = 120, .input = {1, 16, 12}});
    assert_output(&net, 0, 120, 1, 1);
    assert_output(&net, 1, 8, 16, 12);
    assert_output(&net, 3, 32, 4, 3);
    assert_true(net_find_tensor(&net, "cells.1.conv_a.op.1.weight") >= 0);
    assert_true(net_find_tensor(&net, "cells.4.layers.0.op.1.weight") >= 0);
    assert_int_equal(net_find_tensor(&net, "cells.5.layers.0.op.1.weight"), -1);
    net_free(&net);
}

static void a_cell_of_one_skip_edge_is_the_map_before_it(void **state)
{
    (void)state;
    struct net net = built("000100", cifar10);
    assert_string_equal(net.nodes[net.outputs[1]].name, "stem.1");
    assert_string_equal(net.nodes[net.outputs[2]].name, "cells.5.sum");
    net_free(&net);
}

/* The node that reads `index` alone, or NULL. */
static const struct net_node *only_reader(const struct net *net, int index)
{
    const struct net_node *reader = NULL;
    for (int i = index + 1; i < net->node_count; i++) {
        for (int k = 0; k < net->nodes[i].input_count; k++) {
            if (net->nodes[i].inputs[k] != index)
                continue;
            if (reader != NULL)
                return NULL;
            reader = &net->nodes[i];
        }
    }
    return reader;
}

static void convolutions_of_cells_read_a_relu_and_end_in_batch_normalisation(void **state)
{
    (void)state;
    struct net net = built("233243", cifar10);
    int seen = 0;
    for (int i = 0; i < net.node_count; i++) {
        const struct net_node *node = &net.nodes[i];
        if (node->op != NET_CONV || strncmp(node->name, "cells.", 6) != 0 || strstr(node->name, "downsample") != NULL)
            continue;
        const struct net_node *after = only_reader(&net, i);
        assert_int_equal(net.nodes[node->inputs[0]].op, NET_RELU);
        assert_non_null(after);
        assert_int_equal(after->op, NET_BATCH_NORM);
        seen++;
    }
    assert_int_equal(seen, 15 * 5 + 2 * 2);
    net_free(&net);
}

static void a_reduction_halves_by_stride_and_by_pooling_without_normalising_the_shortcut(void **state)
{
    (void)state;
    struct net net = built("333333", cifar10);
    const struct net_node *pool = &net.nodes[net_find_node(&net, "cells.5.downsample.0")];
    const struct net_node *sum = &net.nodes[net_find_node(&net, "cells.5.sum")];
    assert_int_equal(pool->op, NET_AVG_POOL);
    assert_int_equal(pool->kernel_h, 2);
    assert_int_equal(pool->stride, 2);
    assert_string_equal(net.nodes[pool->inputs[0]].name, "cells.4.node.3");
    assert_int_equal(net.nodes[net_find_node(&net, "cells.5.conv_a.op.1")].stride, 2);
    assert_string_equal(net.nodes[sum->inputs[0]].name, "cells.5.conv_b.op.2");
    assert_string_equal(net.nodes[sum->inputs[1]].name, "cells.5.downsample.1");
    net_free(&net);
}

static void dead_edges_are_left_out(void **state)
{
    (void)state;
    struct net with = built("300100", cifar10), without = built("000100", cifar10);
    assert_int_equal(with.node_count, without.node_count);
    assert_int_equal(net_find_tensor(&with, "cells.0.layers.0.op.1.weight"), -1);
    net_free(&with);
    net_free(&without);
}

static void all_connected_cells_build_checked_nets(void **state)
{
    (void)state;
    const struct space_build tiny = {.channels = 2, .cells = 1, .classes = 2, .input = {1, 4, 4}};
    for (int i = 0; i < NB201_CELLS; i++) {
        struct arch arch = cell(i);
        struct net net;
        struct status status;
        net_init_empty(&net);
        enum status_code code = space_build_net(&space, &arch, &tiny, &net, &status);
        if (space_connected(&space, &arch)) {
            assert_ok(code, status);
            assert_ok(net_check(&net, &status), status);
        } else {
            assert_int_equal(code, STATUS_UNSUPPORTED);
            assert_int_equal(net.node_count, 0);
        }
        net_free(&net);
    }
}

static void sizes_that_do_not_divide_are_refused(void **state)
{
    (void)state;
    struct net net;
    struct status status;
    struct arch arch = parsed("333333");
    struct space_build build = cifar10;
    net_init_empty(&net);
    build.input.h = 30;
    assert_int_equal(space_build_net(&space, &arch, &build, &net, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "multiples of 4"));
    build = cifar10;
    build.cells = 0;
    assert_int_equal(space_build_net(&space, &arch, &build, &net, &status), STATUS_BAD_INPUT);
}

static void the_largest_number_of_a_row_is_its_gene_the_first_of_equals(void **state)
{
    (void)state;
    struct arch arch;
    double values[30] = {[3] = 1, [5 + 2] = 1, [5 + 4] = 1, [10] = -1, [15] = -INFINITY};
    assert_int_equal(space_rows(&space), 6);
    assert_int_equal(space_columns(&space, 5), 5);
    space_decode(&space, values, &arch);
    assert_true(space_valid(&space, &arch));
    assert_memory_equal(arch.genes, ((const uint8_t[]){3, 2, 1, 1, 0, 0}), 6);
    struct arch other = arch;
    other.genes[4] = 2;
    assert_int_equal(space_parts(&space), 6);
    assert_int_equal(space_parts_alike(&space, &arch, &other), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_space_is_refused_with_the_known_names),
        cmocka_unit_test(the_canonical_string_and_six_digits_name_the_same_cell),
        cmocka_unit_test(all_15625_cells_print_and_parse_back),
        cmocka_unit_test(parse_errors_name_the_place_and_what_was_expected),
        cmocka_unit_test(architectures_of_wrong_length_or_gene_are_not_valid),
        cmocka_unit_test(traits_are_below_their_choices_in_every_cell),
        cmocka_unit_test(traits_are_those_found_by_hand),
        cmocka_unit_test(cells_that_are_connected_number_15284),
        cmocka_unit_test(classes_number_the_published_6466),
        cmocka_unit_test(a_representative_is_its_own_and_has_the_smallest_genes),
        cmocka_unit_test(a_representative_computes_what_every_member_computes),
        cmocka_unit_test(a_class_is_wholly_connected_or_wholly_disconnected),
        cmocka_unit_test(edges_that_do_not_reach_the_output_do_not_split_a_class),
        cmocka_unit_test(samples_are_valid_and_every_operation_comes_up_about_equally),
        cmocka_unit_test(crossover_takes_each_gene_from_one_parent_and_from_both_alike),
        cmocka_unit_test(mutation_changes_four_fifths_of_the_genes_it_draws_afresh),
        cmocka_unit_test(outputs_are_logits_and_the_three_taps),
        cmocka_unit_test(other_sizes_scale_and_number_the_cells_accordingly),
        cmocka_unit_test(a_cell_of_one_skip_edge_is_the_map_before_it),
        cmocka_unit_test(convolutions_of_cells_read_a_relu_and_end_in_batch_normalisation),
        cmocka_unit_test(a_reduction_halves_by_stride_and_by_pooling_without_normalising_the_shortcut),
        cmocka_unit_test(dead_edges_are_left_out),
        cmocka_unit_test(all_connected_cells_build_checked_nets),
        cmocka_unit_test(sizes_that_do_not_divide_are_refused),
        cmocka_unit_test(the_largest_number_of_a_row_is_its_gene_the_first_of_equals),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, open_space, close_space);
}
