/* space_nb201_net: the macro network of NAS-Bench-201 around a cell, with the names of the benchmark's own PyTorch state dict.
 *
 * stem; N cells; reduction; N cells; reduction; N cells; BN, ReLU, global pool, dense. Every convolution of a cell is
 * ReLU-conv-BN; skip edges and sums of one term are no nodes but other names for their source; convolutions (and poolings) that
 * read one node share its ReLU (its pooled map), which changes no value. The one-shot net has the same macro network, and on every
 * edge all operations of a mask. */
#include "common/space_nb201_cell.h"

#include <stdbool.h>
#include <stdio.h>

#include "common/space_net.h"

/* The maps of one cell's nodes while it is built; -1 where not made yet. */
struct cell_maps {
    int sum[NB201_NODES], relu[NB201_NODES], pool[NB201_NODES];
};

static int cell_relu(const struct space_net *b, struct cell_maps *maps, const char *cell, int node)
{
    char rest[32];
    snprintf(rest, sizeof rest, "node.%d.relu", node);
    if (maps->relu[node] < 0)
        maps->relu[node] = space_net_relu(b, cell, rest, maps->sum[node]);
    return maps->relu[node];
}

static int cell_pool(const struct space_net *b, struct cell_maps *maps, const char *cell, int node)
{
    char rest[32];
    snprintf(rest, sizeof rest, "node.%d.pool", node);
    if (maps->pool[node] < 0)
        maps->pool[node] = space_net_pool(b, NET_AVG_POOL, cell, rest, maps->sum[node], 3, 1, 1);
    return maps->pool[node];
}

static int add_edge(const struct space_net *b, struct cell_maps *maps, const char *cell, int edge, uint8_t operation, int channels)
{
    int from = nb201_edges[edge].from;
    char conv[48], bn[48];
    /* The benchmark's names; in a one-shot net, where an edge has several, with that of the operation. */
    const char *dot = b->fixed ? "." : "", *name = b->fixed ? nb201_operation_names[operation] : "";
    snprintf(conv, sizeof conv, "layers.%d%s%s.op.1", edge, dot, name);
    snprintf(bn, sizeof bn, "layers.%d%s%s.op.2", edge, dot, name);
    switch ((enum nb201_operation)operation) {
    case NB201_SKIP: return maps->sum[from];
    case NB201_AVG_POOL: return cell_pool(b, maps, cell, from);
    case NB201_CONV_1X1: return space_net_conv_bn(b, cell, conv, bn, cell_relu(b, maps, cell, from), channels, 1, 1);
    case NB201_CONV_3X3: return space_net_conv_bn(b, cell, conv, bn, cell_relu(b, maps, cell, from), channels, 3, 1);
    case NB201_NONE: break; /* never live */
    }
    return -1;
}

/* What stands on the edges of every cell: sets of operations, of which an architecture's have one each. */
struct cell_edges {
    uint32_t operations[NB201_EDGES];
    unsigned live; /* bit i: edge i is on a way from node 0 to node 3 with operations other than `none` */
};

/* Whether each live edge into the node has one operation alone. */
static bool is_plain(const struct cell_edges *edges, int node)
{
    for (int edge = 0; edge < NB201_EDGES; edge++)
        if (nb201_edges[edge].to == node && (edges->live >> edge & 1U) != 0 &&
            (edges->operations[edge] & (edges->operations[edge] - 1)) != 0)
            return false;
    return true;
}

/* The sum of the live edges into `node`, in edge order as PyTorch adds them, each operation times its coefficient where there is a
 * choice; -1 after a failure or where none is live. */
static int add_cell_node(const struct space_net *b, struct cell_maps *maps, const char *cell, const struct cell_edges *edges,
                         int node, int channels)
{
    int inputs[NET_INPUTS_MAX], coefficients[NET_INPUTS_MAX], count = 0;
    for (int edge = 0; edge < NB201_EDGES; edge++) {
        if (nb201_edges[edge].to != node || (edges->live >> edge & 1U) == 0)
            continue;
        for (uint8_t operation = NB201_NONE + 1; operation < NB201_OPERATIONS; operation++) {
            if ((edges->operations[edge] >> operation & 1U) == 0)
                continue;
            coefficients[count] = edge * NB201_OPERATIONS + operation;
            inputs[count] = add_edge(b, maps, cell, edge, operation, channels);
            if (inputs[count++] < 0)
                return -1;
        }
    }
    char rest[16];
    snprintf(rest, sizeof rest, "node.%d", node);
    if (!is_plain(edges, node))
        return space_net_mix(b, cell, rest, inputs, coefficients, count);
    if (count < 2)
        return count == 1 ? inputs[0] : -1;
    return space_net_add(b, cell, rest, inputs, count);
}

_Static_assert((NB201_NODES - 1) * (NB201_OPERATIONS - 1) <= NET_INPUTS_MAX, "the last node's operations are one node's inputs");

static int add_cell(const struct space_net *b, int index, const struct cell_edges *edges, int input, int channels)
{
    struct cell_maps maps = {.sum = {input, -1, -1, -1}, .relu = {-1, -1, -1, -1}, .pool = {-1, -1, -1, -1}};
    char cell[32];
    snprintf(cell, sizeof cell, "cells.%d", index);
    for (int node = 1; node < NB201_NODES && input >= 0; node++)
        maps.sum[node] = add_cell_node(b, &maps, cell, edges, node, channels);
    return maps.sum[NB201_NODES - 1];
}

static int add_reduction(const struct space_net *b, int index, int input, int channels)
{
    const struct net_conv shortcut = {.out_channels = channels, .kernel = 1, .stride = 1};
    char cell[32];
    snprintf(cell, sizeof cell, "cells.%d", index);
    int first =
        space_net_conv_bn(b, cell, "conv_a.op.1", "conv_a.op.2", space_net_relu(b, cell, "conv_a.op.0", input), channels, 3, 2);
    int second =
        space_net_conv_bn(b, cell, "conv_b.op.1", "conv_b.op.2", space_net_relu(b, cell, "conv_b.op.0", first), channels, 3, 1);
    int pooled = space_net_pool(b, NET_AVG_POOL, cell, "downsample.0", input, 2, 2, 0);
    int sum[] = {second, space_net_conv(b, cell, "downsample.1", pooled, &shortcut)};
    return space_net_add(b, cell, "sum", sum, 2);
}

/* Fills taps[0..2] with nodes and returns the logits' node, or -1. fixed_cells: the batch norms of the cells have fixed scales. */
static int add_network(const struct space_net *b, const struct cell_edges *edges, bool fixed_cells, const struct space_build *build,
                       int taps[3])
{
    const struct space_net cells = {.net = b->net, .status = b->status, .fixed = fixed_cells};
    int node = net_add_input(b->net, build->input, b->status), cell = 0, channels = build->channels;
    if (node < 0)
        return -1;
    node = space_net_conv_bn(b, "stem", "0", "1", node, channels, 3, 1);
    for (int stage = 0; stage < 3; stage++) {
        if (stage > 0) {
            channels *= 2;
            node = add_reduction(b, cell++, node, channels);
        }
        for (int i = 0; i < build->cells; i++)
            node = add_cell(&cells, cell++, edges, node, channels);
        taps[stage] = node;
    }
    taps[2] = node = space_net_relu(b, "lastact", "1", space_net_batch_norm(b, "lastact", "0", node));
    if (node >= 0)
        node = net_add_global_avg_pool(b->net, "global_pool", node, b->status);
    return node < 0 ? -1 : net_add_dense(b->net, "classifier", node, build->classes, b->status);
}

static enum status_code check_build(const struct space *space, const struct arch *arch, const struct space_build *build,
                                    struct status *status)
{
    if (!space_valid(space, arch))
        return status_set(status, STATUS_BAD_INPUT, "the architecture is not one of nb201: six genes of 0 to 4");
    if (nb201_live_edges(arch) == 0) {
        char text[ARCH_TEXT_BYTES];
        space_print(space, arch, text);
        return status_set(status, STATUS_UNSUPPORTED, "architecture %s is disconnected: its output cannot depend on its input",
                          text);
    }
    return space_net_check_sizes("nb201", build, 1, "cells per stage", 4, status);
}

enum status_code nb201_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status)
{
    enum status_code code = check_build(space, arch, build, status);
    if (code != STATUS_OK)
        return code;
    struct status reason = {.code = STATUS_OK};
    struct space_net builder = {.net = out, .status = &reason};
    struct cell_edges edges = {.live = nb201_live_edges(arch)};
    int taps[3] = {-1, -1, -1};
    for (int edge = 0; edge < NB201_EDGES; edge++)
        edges.operations[edge] = 1U << arch->genes[edge];
    int logits = add_network(&builder, &edges, false, build, taps);
    return space_net_finish(out, logits, taps, 3, &reason, status);
}

enum status_code nb201_build_oneshot(const struct space *space, const struct space_build *build, const struct space_mask *mask,
                                     struct net *out, struct status *status)
{
    (void)space;
    struct status reason = {.code = STATUS_OK};
    struct space_net builder = {.net = out, .status = &reason};
    struct cell_edges edges = {0};
    struct arch any = {.length = NB201_EDGES}; /* something on each edge that can carry something */
    int taps[3] = {-1, -1, -1};
    enum status_code code = space_net_check_sizes("nb201", build, 1, "cells per stage", 4, status);
    for (int edge = 0; edge < NB201_EDGES; edge++) {
        edges.operations[edge] = mask->rows[edge];
        any.genes[edge] = mask->rows[edge] == 1U << NB201_NONE ? NB201_NONE : NB201_SKIP;
    }
    edges.live = nb201_live_edges(&any);
    if (code != STATUS_OK)
        return code;
    if (edges.live == 0)
        return status_set(status, STATUS_UNSUPPORTED,
                          "the operations that are left in nb201 lead nowhere: its output cannot depend on its input");
    int logits = add_network(&builder, &edges, true, build, taps);
    return space_net_finish(out, logits, NULL, 0, &reason, status);
}
