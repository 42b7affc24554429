/* space_nb201_net: the macro network of NAS-Bench-201 around a cell, with the names of the benchmark's own PyTorch state dict.
 *
 * stem; N cells; reduction; N cells; reduction; N cells; BN, ReLU, global pool, dense. Every convolution of a cell is
 * ReLU-conv-BN; skip edges and sums of one term are no nodes but other names for their source; convolutions (and poolings) that
 * read one node share its ReLU (its pooled map), which changes no value. */
#include "common/space_nb201_cell.h"

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
    char conv[32], bn[32];
    snprintf(conv, sizeof conv, "layers.%d.op.1", edge);
    snprintf(bn, sizeof bn, "layers.%d.op.2", edge);
    switch ((enum nb201_operation)operation) {
    case NB201_SKIP: return maps->sum[from];
    case NB201_AVG_POOL: return cell_pool(b, maps, cell, from);
    case NB201_CONV_1X1: return space_net_conv_bn(b, cell, conv, bn, cell_relu(b, maps, cell, from), channels, 1, 1);
    case NB201_CONV_3X3: return space_net_conv_bn(b, cell, conv, bn, cell_relu(b, maps, cell, from), channels, 3, 1);
    case NB201_NONE: break; /* never live */
    }
    return -1;
}

/* The sum of the live edges into `node`, in edge order as PyTorch adds them; -1 after a failure or where none is live. */
static int add_cell_node(const struct space_net *b, struct cell_maps *maps, const char *cell, const struct arch *arch, int node,
                         int channels)
{
    unsigned live = nb201_live_edges(arch);
    int inputs[NB201_NODES], count = 0;
    for (int edge = 0; edge < NB201_EDGES; edge++) {
        if (nb201_edges[edge].to != node || (live >> edge & 1U) == 0)
            continue;
        inputs[count] = add_edge(b, maps, cell, edge, arch->genes[edge], channels);
        if (inputs[count++] < 0)
            return -1;
    }
    if (count < 2)
        return count == 1 ? inputs[0] : -1;
    char rest[16];
    snprintf(rest, sizeof rest, "node.%d", node);
    return space_net_add(b, cell, rest, inputs, count);
}

static int add_cell(const struct space_net *b, int index, const struct arch *arch, int input, int channels)
{
    struct cell_maps maps = {.sum = {input, -1, -1, -1}, .relu = {-1, -1, -1, -1}, .pool = {-1, -1, -1, -1}};
    char cell[32];
    snprintf(cell, sizeof cell, "cells.%d", index);
    for (int node = 1; node < NB201_NODES && input >= 0; node++)
        maps.sum[node] = add_cell_node(b, &maps, cell, arch, node, channels);
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

/* Fills taps[0..2] with nodes and returns the logits' node, or -1. */
static int add_network(const struct space_net *b, const struct arch *arch, const struct space_build *build, int taps[3])
{
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
            node = add_cell(b, cell++, arch, node, channels);
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
    int taps[3] = {-1, -1, -1};
    int logits = add_network(&builder, arch, build, taps);
    return space_net_finish(out, logits, taps, 3, &reason, status);
}
