/* space_darts: text, the number of architectures, classes of reordered nodes, and the network that is built. Parameters, MACs and
 * shapes of taps were taken from a PyTorch model written from the paper. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/cost.h"
#include "common/rng.h"
#include "common/space.h"
#include "common/space_darts.h"
#include "common/space_darts_cell.h"
#include "tests/support/space_check.h"

/* The cell that the DARTS paper found with its second-order method (figures 4 and 5). */
#define DARTS_V2                                                                                                                   \
    "normal:sep_conv_3x3~0+sep_conv_3x3~1|sep_conv_3x3~0+sep_conv_3x3~1|skip_connect~0+sep_conv_3x3~1|skip_connect~0+dil_conv_"    \
    "3x3~2"                                                                                                                        \
    "/reduce:max_pool_3x3~0+max_pool_3x3~1|max_pool_3x3~1+skip_connect~2|max_pool_3x3~0+skip_connect~2|max_pool_3x3~1+skip_"       \
    "connect~2"

static const struct space_build paper = {.channels = 16, .cells = 8, .classes = 10, .input = {3, 32, 32}};

static struct space space;

static int open_space(void **state)
{
    (void)state;
    struct status status;
    return space_open("darts", &space, &status) == STATUS_OK ? 0 : -1;
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

/* --- text and genes -------------------------------------------------------------------------------------- */

static void architectures_number_180_times_7_to_the_8th_squared(void **state)
{
    (void)state;
    uint64_t cell = 1ull * 3 * 6 * 10 * 5764801, product = 1;
    for (size_t i = 0; i < space_gene_count(&space); i++)
        product *= (uint64_t)space_choices(&space, i);
    assert_int_equal(product, cell * cell);
}

static void random_architectures_print_and_parse_back(void **state)
{
    (void)state;
    space_check_round_trip(&space, 11, 20000, 253);
}

static void the_printed_text_is_the_documented_one(void **state)
{
    (void)state;
    struct arch arch = parsed(DARTS_V2);
    char text[ARCH_TEXT_BYTES];
    space_print(&space, &arch, text);
    assert_string_equal(text, DARTS_V2);
}

static void every_gene_changes_the_text(void **state)
{
    (void)state;
    struct arch arch = parsed(DARTS_V2);
    char text[ARCH_TEXT_BYTES], other[ARCH_TEXT_BYTES];
    space_print(&space, &arch, text);
    for (size_t i = 0; i < space_gene_count(&space); i++) {
        struct arch changed = arch;
        changed.genes[i] = (uint8_t)((arch.genes[i] + 1) % space_choices(&space, i));
        space_print(&space, &changed, other);
        assert_string_not_equal(other, text);
    }
}

/* DARTS_V2 with the beginning, up to /reduce:, replaced. */
static void with_normal(const char *normal, char out[ARCH_TEXT_BYTES])
{
    snprintf(out, ARCH_TEXT_BYTES, "%s%s", normal, strchr(DARTS_V2, '/'));
}

static void the_states_of_a_node_are_read_in_either_order(void **state)
{
    (void)state;
    char text[ARCH_TEXT_BYTES];
    with_normal("normal:sep_conv_3x3~1+sep_conv_3x3~0|sep_conv_3x3~1+sep_conv_3x3~0|sep_conv_3x3~1+skip_connect~0|dil_conv_3x3~2+"
                "skip_connect~0",
                text);
    struct arch turned = parsed(text), arch = parsed(DARTS_V2);
    assert_true(arch_equal(&turned, &arch));
}

static void assert_refused(const char *text, const char *place, const char *expected)
{
    space_check_refused(&space, text, place, expected);
}

static void parse_errors_name_the_place_and_what_was_expected(void **state)
{
    (void)state;
    char text[ARCH_TEXT_BYTES];
    assert_refused("", "character 1:", "\"normal:\"");
    assert_refused("normal:none~0", "character 8:", "max_pool_3x3, avg_pool_3x3, skip_connect");
    assert_refused("normal:none~0", "character 8:", "dil_conv_3x3 or dil_conv_5x5");
    assert_refused("normal:skip_connect-0", "character 8:", "dil_conv_5x5");
    assert_refused("normal:skip_connect", "character 20:", "\"~\"");
    assert_refused("normal:skip_connect~2", "character 21:", "a state from 0 to 1");
    assert_refused("normal:skip_connect~0|", "character 22:", "\"+\"");
    assert_refused("normal:skip_connect~1+avg_pool_3x3~1", "character 36:", "a state other than 1");
    assert_refused("normal:skip_connect~0+avg_pool_3x3~1/", "character 37:", "\"|\"");
    assert_refused("normal:skip_connect~0+avg_pool_3x3~1|skip_connect~3", "character 51:", "a state from 0 to 2");
    with_normal("normal:sep_conv_3x3~1+sep_conv_3x3~0|sep_conv_3x3~1+sep_conv_3x3~0|sep_conv_3x3~1+skip_connect~0", text);
    assert_refused(text, "character 97:", "\"|\"");
    snprintf(text, sizeof text, "%s ", DARTS_V2);
    assert_refused(text, "character 254:", "the end");
    *strchr(text, '/') = '\0';
    assert_refused(text, "character 127:", "\"/reduce:\"");
}

/* --- classes --------------------------------------------------------------------------------------------- */

/* Counts the representatives among the cells of that kind made of the first `operations` operations. */
static int count_classes(size_t first_gene, int operations)
{
    struct arch arch = parsed(DARTS_V2), canonical;
    int choices[DARTS_CELL_GENES], classes = 0, gene = 0;
    space_canonical(&space, &arch, &arch);
    memset(arch.genes + first_gene, 0, DARTS_CELL_GENES);
    for (size_t i = 0; i < DARTS_CELL_GENES; i++)
        choices[i] = i % 3 == 2 ? space_choices(&space, first_gene + i) : operations;
    while (gene >= 0) {
        space_canonical(&space, &arch, &canonical);
        classes += arch_equal(&arch, &canonical);
        for (gene = DARTS_CELL_GENES - 1; gene >= 0 && ++arch.genes[first_gene + (size_t)gene] == choices[gene]; gene--)
            arch.genes[first_gene + (size_t)gene] = 0;
    }
    return classes;
}

/* Counted by an independent program: all orders of the nodes of all cells, by brute force. */
static void classes_of_180_wirings_number_79_and_17531_with_two_operations(void **state)
{
    (void)state;
    assert_int_equal(count_classes(0, 1), 79);
    assert_int_equal(count_classes(0, 2), 17531);
    assert_int_equal(count_classes(DARTS_CELL_GENES, 2), 17531);
}

static void a_representative_is_its_own_and_has_the_smallest_genes(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 12);
    for (int i = 0; i < 5000; i++) {
        struct arch arch, canonical, again;
        space_sample(&space, &rng, &arch);
        space_canonical(&space, &arch, &canonical);
        space_canonical(&space, &canonical, &again);
        assert_true(space_valid(&space, &canonical));
        assert_true(arch_equal(&canonical, &again));
        assert_true(memcmp(canonical.genes, arch.genes, DARTS_GENES) <= 0);
    }
}

/* Evaluation keys and weights hang on this text. */
static void the_representative_of_the_papers_cells_never_changes(void **state)
{
    (void)state;
    struct arch arch = parsed(DARTS_V2);
    char text[ARCH_TEXT_BYTES];
    space_canonical(&space, &arch, &arch);
    space_print(&space, &arch, text);
    assert_string_equal(text,
                        "normal:skip_connect~0+sep_conv_3x3~1|sep_conv_3x3~0+sep_conv_3x3~1|sep_conv_3x3~0+sep_conv_3x3~1|skip_"
                        "connect~0+dil_conv_3x3~3/reduce:max_pool_3x3~0+max_pool_3x3~1|max_pool_3x3~0+skip_connect~2|max_pool_"
                        "3x3~1+skip_connect~2|max_pool_3x3~1+skip_connect~2");
}

static void cells_with_their_nodes_in_another_order_are_one(void **state)
{
    (void)state;
    char text[ARCH_TEXT_BYTES];
    /* Nodes 2 and 3 change places; node 4 reads the second of them, node 5 both. */
    with_normal("normal:sep_conv_3x3~0+skip_connect~1|dil_conv_5x5~0+avg_pool_3x3~1|max_pool_3x3~0+skip_connect~3|dil_conv_3x3~2+"
                "sep_conv_5x5~3",
                text);
    struct arch one = parsed(text);
    with_normal("normal:dil_conv_5x5~0+avg_pool_3x3~1|sep_conv_3x3~0+skip_connect~1|max_pool_3x3~0+skip_connect~2|sep_conv_5x5~2+"
                "dil_conv_3x3~3",
                text);
    struct arch other = parsed(text);
    assert_false(arch_equal(&one, &other));
    space_canonical(&space, &one, &one);
    space_canonical(&space, &other, &other);
    assert_true(arch_equal(&one, &other));
}

static void a_node_on_another_state_is_another_class(void **state)
{
    (void)state;
    char text[ARCH_TEXT_BYTES];
    with_normal("normal:sep_conv_3x3~0+sep_conv_3x3~1|sep_conv_3x3~0+sep_conv_3x3~1|skip_connect~0+sep_conv_3x3~1|skip_connect~1+"
                "dil_conv_3x3~2",
                text);
    struct arch one = parsed(DARTS_V2), other = parsed(text);
    space_canonical(&space, &one, &one);
    space_canonical(&space, &other, &other);
    assert_false(arch_equal(&one, &other));
}

static struct net built(const struct arch *arch, struct space_build build)
{
    struct net net;
    struct status status;
    net_init_empty(&net);
    assert_ok(space_build_net(&space, arch, &build, &net, &status), status);
    return net;
}

static void a_representative_costs_what_its_class_costs(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 13);
    for (int i = 0; i < 100; i++) {
        struct arch arch, canonical;
        struct cost costs[2];
        space_sample(&space, &rng, &arch);
        space_canonical(&space, &arch, &canonical);
        struct net net = built(&arch, paper), other = built(&canonical, paper);
        cost_of_net(&net, &costs[0]);
        cost_of_net(&other, &costs[1]);
        assert_int_equal(costs[0].params, costs[1].params);
        assert_int_equal(costs[0].macs, costs[1].macs);
        net_free(&net);
        net_free(&other);
    }
}

/* --- variation ------------------------------------------------------------------------------------------- */

static void what_sampling_crossing_and_mutating_give_is_valid_and_connected(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 14);
    for (int i = 0; i < 5000; i++) {
        struct arch a, b, child;
        space_sample(&space, &rng, &a);
        space_sample(&space, &rng, &b);
        space_crossover(&space, &rng, &a, &b, &child);
        space_mutate(&space, &rng, 0.3, &child);
        assert_true(space_valid(&space, &child));
        assert_true(space_connected(&space, &child));
    }
}

/* --- the network ----------------------------------------------------------------------------------------- */

struct figures {
    const char *arch;
    struct space_build build;
    int64_t params, macs;
};

#define NODES_ALL(op) op "~0+" op "~1|" op "~0+" op "~1|" op "~0+" op "~1|" op "~0+" op "~1"
#define CELLS_ALL(op) "normal:" NODES_ALL(op) "/reduce:" NODES_ALL(op)

static const struct figures figures[] = {
    /* The paper's: 3.3 million parameters with 36 channels and 20 cells; its public log says 3.349342. */
    {DARTS_V2, {36, 20, 10, {3, 32, 32}}, 3349342, 528359050},
    {DARTS_V2, {16, 8, 10, {3, 32, 32}}, 246106, 43444746},
    {CELLS_ALL("max_pool_3x3"), {16, 8, 10, {3, 32, 32}}, 100730, 20466186},
    {CELLS_ALL("avg_pool_3x3"), {16, 8, 10, {3, 32, 32}}, 100730, 20466186},
    {CELLS_ALL("skip_connect"), {16, 8, 10, {3, 32, 32}}, 143226, 24660490},
    {CELLS_ALL("sep_conv_3x3"), {16, 8, 10, {3, 32, 32}}, 411002, 64047626},
    {CELLS_ALL("sep_conv_5x5"), {16, 8, 10, {3, 32, 32}}, 492922, 81873418},
    {CELLS_ALL("dil_conv_3x3"), {16, 8, 10, {3, 32, 32}}, 255866, 42256906},
    {CELLS_ALL("dil_conv_5x5"), {16, 8, 10, {3, 32, 32}}, 296826, 51169802},
    {"normal:skip_connect~0+max_pool_3x3~1|sep_conv_3x3~1+dil_conv_3x3~2|max_pool_3x3~0+sep_conv_3x3~3|sep_conv_3x3~0+sep_conv_5x5~"
     "3"
     "/reduce:skip_connect~0+dil_conv_3x3~1|skip_connect~0+max_pool_3x3~2|dil_conv_3x3~0+sep_conv_5x5~3|dil_conv_3x3~0+avg_pool_"
     "3x3~3",
     {16, 8, 10, {3, 32, 32}},
     271418,
     45718026},
    {"normal:sep_conv_5x5~0+avg_pool_3x3~1|sep_conv_5x5~1+avg_pool_3x3~2|dil_conv_3x3~0+avg_pool_3x3~2|max_pool_3x3~2+sep_conv_3x3~"
     "3"
     "/reduce:dil_conv_3x3~0+dil_conv_3x3~1|dil_conv_3x3~0+skip_connect~1|dil_conv_5x5~2+dil_conv_3x3~3|skip_connect~1+sep_conv_"
     "5x5~2",
     {16, 5, 10, {3, 32, 32}},
     168906,
     29141514},
    {"normal:sep_conv_5x5~0+dil_conv_5x5~1|avg_pool_3x3~0+dil_conv_3x3~1|dil_conv_3x3~1+avg_pool_3x3~3|max_pool_3x3~2+sep_conv_3x3~"
     "4"
     "/reduce:sep_conv_5x5~0+dil_conv_5x5~1|sep_conv_3x3~1+dil_conv_3x3~2|max_pool_3x3~0+skip_connect~1|dil_conv_3x3~3+avg_pool_"
     "3x3~4",
     {5, 3, 7, {1, 8, 8}},
     11182,
     159367},
    {"normal:max_pool_3x3~0+dil_conv_5x5~1|sep_conv_3x3~0+sep_conv_5x5~2|skip_connect~2+sep_conv_3x3~3|sep_conv_3x3~0+dil_conv_5x5~"
     "2"
     "/reduce:sep_conv_3x3~0+max_pool_3x3~1|sep_conv_5x5~1+sep_conv_5x5~2|sep_conv_3x3~1+sep_conv_3x3~2|skip_connect~2+max_pool_"
     "3x3~3",
     {3, 4, 100, {2, 12, 12}},
     15760,
     262372},
    {"normal:sep_conv_5x5~0+max_pool_3x3~1|sep_conv_5x5~0+sep_conv_5x5~2|dil_conv_5x5~0+sep_conv_5x5~1|dil_conv_5x5~0+dil_conv_3x3~"
     "2"
     "/reduce:dil_conv_5x5~0+max_pool_3x3~1|dil_conv_5x5~0+dil_conv_5x5~1|skip_connect~0+max_pool_3x3~2|skip_connect~1+skip_"
     "connect~4",
     {7, 11, 10, {3, 16, 16}},
     112738,
     5267818},
};

static void parameters_and_macs_are_those_of_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        struct arch arch = parsed(figures[i].arch);
        struct net net = built(&arch, figures[i].build);
        struct cost cost;
        cost_of_net(&net, &cost);
        assert_int_equal(cost.params, figures[i].params);
        assert_int_equal(cost.macs, figures[i].macs);
        net_free(&net);
    }
}

static void assert_shape(const struct net *net, int output, int c, int h, int w)
{
    const struct net_shape shape = net->nodes[net->outputs[output]].shape;
    assert_int_equal(shape.c, c);
    assert_int_equal(shape.h, h);
    assert_int_equal(shape.w, w);
}

static void outputs_are_logits_and_the_taps_after_the_last_cell_of_each_stage(void **state)
{
    (void)state;
    static const int cells[] = {3, 4, 5, 6, 8, 20};
    struct arch arch = parsed(DARTS_V2);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        struct space_build build = paper;
        build.cells = cells[i];
        struct net net = built(&arch, build);
        assert_int_equal(net.output_count, 4);
        assert_shape(&net, 0, 10, 1, 1);
        assert_shape(&net, 1, 64, 32, 32);
        assert_shape(&net, 2, 128, 16, 16);
        assert_shape(&net, 3, 256, 8, 8);
        net_free(&net);
    }
}

static void with_eight_cells_the_taps_are_cells_1_4_and_7(void **state)
{
    (void)state;
    struct arch arch = parsed(DARTS_V2);
    struct net net = built(&arch, paper);
    assert_string_equal(net.nodes[net.outputs[1]].name, "cells.1.concat");
    assert_string_equal(net.nodes[net.outputs[2]].name, "cells.4.concat");
    assert_string_equal(net.nodes[net.outputs[3]].name, "cells.7.concat");
    net_free(&net);
}

static void assert_tensor(const struct net *net, const char *name, int rank, int a, int b, int c, int d)
{
    const int want[NET_RANK_MAX] = {a, b, c, d};
    int tensor = net_find_tensor(net, name);
    if (tensor < 0)
        fail_msg("%s is absent", name);
    assert_int_equal(net->tensors[tensor].rank, rank);
    for (int i = 0; i < rank; i++)
        assert_int_equal(net->tensors[tensor].dims[i], want[i]);
}

/* Names, shapes and their number out of the PyTorch model's state dict, without the batch counters of its batch norms. */
static void parameters_are_called_as_in_the_public_pytorch_code(void **state)
{
    (void)state;
    struct arch arch = parsed("normal:sep_conv_5x5~0+dil_conv_3x3~1|skip_connect~0+max_pool_3x3~2|avg_pool_3x3~1+sep_conv_3x3~3|"
                              "dil_conv_5x5~0+skip_connect~4"
                              "/reduce:skip_connect~0+dil_conv_3x3~1|max_pool_3x3~0+skip_connect~1|sep_conv_3x3~1+avg_pool_3x3~2|"
                              "skip_connect~3+sep_conv_5x5~4");
    struct net net = built(&arch, paper);
    assert_int_equal(net.tensor_count, 389);
    assert_tensor(&net, "stem.0.weight", 4, 48, 3, 3, 3);
    assert_tensor(&net, "stem.1.running_var", 1, 48, 0, 0, 0);
    assert_tensor(&net, "cells.0.preprocess0.op.1.weight", 4, 16, 48, 1, 1);
    assert_tensor(&net, "cells.0.preprocess1.op.2.bias", 1, 16, 0, 0, 0);
    assert_tensor(&net, "cells.0._ops.0.op.1.weight", 4, 16, 1, 5, 5);
    assert_tensor(&net, "cells.0._ops.0.op.2.weight", 4, 16, 16, 1, 1);
    assert_tensor(&net, "cells.0._ops.0.op.3.weight", 1, 16, 0, 0, 0);
    assert_tensor(&net, "cells.0._ops.0.op.5.weight", 4, 16, 1, 5, 5);
    assert_tensor(&net, "cells.0._ops.0.op.6.weight", 4, 16, 16, 1, 1);
    assert_tensor(&net, "cells.0._ops.0.op.7.bias", 1, 16, 0, 0, 0);
    assert_tensor(&net, "cells.0._ops.1.op.1.weight", 4, 16, 1, 3, 3);
    assert_tensor(&net, "cells.0._ops.5.op.5.weight", 4, 16, 1, 3, 3);
    assert_tensor(&net, "cells.0._ops.6.op.1.weight", 4, 16, 1, 5, 5);
    assert_tensor(&net, "cells.2.preprocess0.op.1.weight", 4, 32, 64, 1, 1);
    assert_tensor(&net, "cells.2._ops.0.conv_1.weight", 4, 16, 32, 1, 1);
    assert_tensor(&net, "cells.2._ops.3.conv_2.weight", 4, 16, 32, 1, 1);
    assert_tensor(&net, "cells.2._ops.3.bn.running_mean", 1, 32, 0, 0, 0);
    assert_tensor(&net, "cells.3.preprocess0.conv_2.weight", 4, 16, 64, 1, 1);
    assert_tensor(&net, "cells.3.preprocess0.bn.weight", 1, 32, 0, 0, 0);
    assert_tensor(&net, "cells.3.preprocess1.op.1.weight", 4, 32, 128, 1, 1);
    assert_tensor(&net, "classifier.weight", 2, 10, 256, 0, 0);
    net_free(&net);
}

static void convolutions_that_read_one_state_share_its_relu(void **state)
{
    (void)state;
    struct arch arch = parsed(CELLS_ALL("dil_conv_3x3"));
    struct net net = built(&arch, paper);
    int relus = 0;
    for (int i = 0; i < net.node_count; i++)
        relus += net.nodes[i].op == NET_RELU;
    /* Each of the stem and the seven cells that are read; and states 0 and 1 of eight cells. */
    assert_int_equal(relus, 8 + 2 * 8);
    net_free(&net);
}

static void all_random_architectures_build_checked_nets(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 15);
    for (int i = 0; i < 200; i++) {
        struct arch arch;
        struct status status;
        space_sample(&space, &rng, &arch);
        struct net net = built(&arch, (struct space_build){2 + i % 3, 3 + i % 7, 2, {1, 8, 4}});
        assert_ok(net_check(&net, &status), status);
        net_free(&net);
    }
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct net net;
    struct status status;
    struct arch arch = parsed(DARTS_V2);
    struct space_build build = paper;
    net_init_empty(&net);
    build.input.h = 30;
    assert_int_equal(space_build_net(&space, &arch, &build, &net, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "multiples of 4"));
    build = paper;
    build.cells = 2;
    assert_int_equal(space_build_net(&space, &arch, &build, &net, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "3 to 1000 cells in all"));
    arch.genes[DARTS_GENES - 1] = DARTS_OPERATIONS;
    assert_int_equal(space_build_net(&space, &arch, &paper, &net, &status), STATUS_BAD_INPUT);
    assert_int_equal(net.node_count, 0);
}

static void the_defaults_are_those_of_rmi_nas(void **state)
{
    (void)state;
    const struct space_ops *ops;
    struct status status;
    assert_ok(space_find("darts", &ops, &status), status);
    assert_memory_equal(&ops->defaults, &paper, sizeof paper);
    assert_int_equal(ops->batch, 128);
}

/* --- the matrix form ------------------------------------------------------------------------------------- */

/* Where column `operation` + 1 of the edge from `state` into `node` stands. */
static size_t place_of(int kind, int node, int state, int operation)
{
    int edge = 14 * kind + (node + 2) * (node + 1) / 2 - 1 + state;
    return (size_t)(8 * edge + 1 + operation);
}

static void a_matrix_keeps_the_two_strongest_edges_of_each_node(void **state)
{
    (void)state;
    struct arch paper_arch = parsed(DARTS_V2), decoded;
    struct darts_cell cell;
    double values[224];
    assert_int_equal(space_rows(&space) * space_columns(&space, 0), 224);
    for (int i = 0; i < 224; i++)
        values[i] = i % 8 == 0 ? 9 : 0.1; /* `none` is never chosen, however large */
    for (int kind = 0; kind < DARTS_KINDS; kind++) {
        darts_cell_of(&paper_arch, (enum darts_kind)kind, &cell);
        for (int node = 0; node < DARTS_NODES; node++)
            for (int i = 0; i < 2; i++)
                values[place_of(kind, node, cell.edges[node][i].state, cell.edges[node][i].operation)] = 0.5 + 0.1 * i;
    }
    space_decode(&space, values, &decoded);
    assert_true(arch_equal(&decoded, &paper_arch));
}

static void every_architecture_comes_out_of_some_matrix(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 21);
    for (int round = 0; round < 2000; round++) {
        struct arch arch, decoded;
        struct darts_cell cell;
        double values[224];
        space_sample(&space, &rng, &arch);
        for (int i = 0; i < 224; i++)
            values[i] = rng_uniform(&rng);
        for (int kind = 0; kind < DARTS_KINDS; kind++) {
            darts_cell_of(&arch, (enum darts_kind)kind, &cell);
            for (int i = 0; i < 2 * DARTS_NODES; i++)
                values[place_of(kind, i / 2, cell.edges[i / 2][i % 2].state, cell.edges[i / 2][i % 2].operation)] += 1;
        }
        space_decode(&space, values, &decoded);
        assert_true(arch_equal(&decoded, &arch));
    }
}

static void equal_numbers_choose_the_first_and_minus_infinity_only_without_another(void **state)
{
    (void)state;
    double values[224];
    struct arch decoded,
        first = parsed("normal:max_pool_3x3~0+max_pool_3x3~1|max_pool_3x3~0+max_pool_3x3~1|max_pool_3x3~0+max_pool_"
                       "3x3~1|max_pool_3x3~0+max_pool_3x3~1/reduce:max_pool_3x3~0+max_pool_3x3~1|max_pool_3x3~0+"
                       "max_pool_3x3~1|max_pool_3x3~0+max_pool_3x3~1|max_pool_3x3~0+max_pool_3x3~1");
    for (int i = 0; i < 224; i++)
        values[i] = 0;
    space_decode(&space, values, &decoded);
    assert_true(arch_equal(&decoded, &first));
    for (int i = 0; i < 224; i++)
        values[i] = i % 8 == 3 ? 0 : -INFINITY;
    space_decode(&space, values, &decoded);
    for (size_t gene = 0; gene < DARTS_GENES; gene++)
        assert_int_equal(decoded.genes[gene], gene % DARTS_CELL_GENES % 3 == 2 ? 0 : DARTS_SKIP);
}

static void cells_are_alike_where_a_node_has_the_same_operation_on_the_same_state(void **state)
{
    (void)state;
    struct arch a = parsed(DARTS_V2), b;
    assert_int_equal(space_parts(&space), 16);
    assert_int_equal(space_parts_alike(&space, &a, &a), 16);
    b = parsed(
        "normal:sep_conv_3x3~0+sep_conv_3x3~1|sep_conv_3x3~0+sep_conv_3x3~2|skip_connect~1+sep_conv_3x3~0|skip_connect~0+dil_"
        "conv_5x5~2/reduce:max_pool_3x3~0+max_pool_3x3~1|max_pool_3x3~1+skip_connect~2|max_pool_3x3~0+skip_connect~2|max_"
        "pool_3x3~1+skip_connect~2");
    assert_int_equal(space_parts_alike(&space, &a, &b), 8 + 2 + 1 + 0 + 1);
    assert_int_equal(space_parts_alike(&space, &b, &a), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(architectures_number_180_times_7_to_the_8th_squared),
        cmocka_unit_test(random_architectures_print_and_parse_back),
        cmocka_unit_test(the_printed_text_is_the_documented_one),
        cmocka_unit_test(every_gene_changes_the_text),
        cmocka_unit_test(the_states_of_a_node_are_read_in_either_order),
        cmocka_unit_test(parse_errors_name_the_place_and_what_was_expected),
        cmocka_unit_test(classes_of_180_wirings_number_79_and_17531_with_two_operations),
        cmocka_unit_test(a_representative_is_its_own_and_has_the_smallest_genes),
        cmocka_unit_test(the_representative_of_the_papers_cells_never_changes),
        cmocka_unit_test(cells_with_their_nodes_in_another_order_are_one),
        cmocka_unit_test(a_node_on_another_state_is_another_class),
        cmocka_unit_test(a_representative_costs_what_its_class_costs),
        cmocka_unit_test(what_sampling_crossing_and_mutating_give_is_valid_and_connected),
        cmocka_unit_test(parameters_and_macs_are_those_of_pytorch),
        cmocka_unit_test(outputs_are_logits_and_the_taps_after_the_last_cell_of_each_stage),
        cmocka_unit_test(with_eight_cells_the_taps_are_cells_1_4_and_7),
        cmocka_unit_test(parameters_are_called_as_in_the_public_pytorch_code),
        cmocka_unit_test(convolutions_that_read_one_state_share_its_relu),
        cmocka_unit_test(all_random_architectures_build_checked_nets),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(the_defaults_are_those_of_rmi_nas),
        cmocka_unit_test(a_matrix_keeps_the_two_strongest_edges_of_each_node),
        cmocka_unit_test(every_architecture_comes_out_of_some_matrix),
        cmocka_unit_test(equal_numbers_choose_the_first_and_minus_infinity_only_without_another),
        cmocka_unit_test(cells_are_alike_where_a_node_has_the_same_operation_on_the_same_state),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, open_space, close_space);
}
