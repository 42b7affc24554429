/* space_nb201_net: the macro network of NAS-Bench-201 around a cell, with the names of the benchmark's own PyTorch state dict.
 *
 * stem; N cells; reduction; N cells; reduction; N cells; BN, ReLU, global pool, dense. Every convolution of a cell is
 * ReLU-conv-BN; skip edges and sums of one term are no nodes but other names for their source; convolutions (and poolings) that
 * read one node share its ReLU (its pooled map), which changes no value. */
#include "common/space_nb201_cell.h"

#include <stdio.h>

static const float bn_epsilon = 1e-5F; /* PyTorch's default */

/* What is being built and where failures go: node indices are -1 after the first failure, and every step refuses -1. */
struct builder {
    struct net *net;
    struct status *status;
};

static int named(char out[NET_NAME_BYTES], const char *prefix, const char *rest)
{
    return snprintf(out, NET_NAME_BYTES, "%s.%s", prefix, rest) < NET_NAME_BYTES;
}

static int conv_bn(const struct builder *b, const char *prefix, const char *conv, const char *bn, int input, int channels,
                   int kernel, int stride)
{
    char name[NET_NAME_BYTES];
    if (input < 0 || !named(name, prefix, conv))
        return -1;
    int node = net_add_conv(b->net, name, input, channels, kernel, stride, kernel / 2, 1, 0, b->status);
    if (node < 0 || !named(name, prefix, bn))
        return -1;
    return net_add_batch_norm(b->net, name, node, bn_epsilon, b->status);
}

static int relu(const struct builder *b, const char *prefix, const char *rest, int input)
{
    char name[NET_NAME_BYTES];
    return input < 0 || !named(name, prefix, rest) ? -1 : net_add_relu(b->net, name, input, b->status);
}

/* The maps of one cell's nodes while it is built; -1 where not made yet. */
struct cell_maps {
    int sum[NB201_NODES], relu[NB201_NODES], pool[NB201_NODES];
};

static int cell_relu(const struct builder *b, struct cell_maps *maps, const char *cell, int node)
{
    char rest[32];
    snprintf(rest, sizeof rest, "node.%d.relu", node);
    if (maps->relu[node] < 0)
        maps->relu[node] = relu(b, cell, rest, maps->sum[node]);
    return maps->relu[node];
}

static int cell_pool(const struct builder *b, struct cell_maps *maps, const char *cell, int node)
{
    char name[NET_NAME_BYTES];
    if (maps->sum[node] < 0)
        return -1;
    if (maps->pool[node] < 0 && snprintf(name, sizeof name, "%s.node.%d.pool", cell, node) < (int)sizeof name)
        maps->pool[node] = net_add_avg_pool(b->net, name, maps->sum[node], 3, 1, 1, b->status);
    return maps->pool[node];
}

static int add_edge(const struct builder *b, struct cell_maps *maps, const char *cell, int edge, uint8_t operation, int channels)
{
    int from = nb201_edges[edge].from;
    char conv[32], bn[32];
    snprintf(conv, sizeof conv, "layers.%d.op.1", edge);
    snprintf(bn, sizeof bn, "layers.%d.op.2", edge);
    switch ((enum nb201_operation)operation) {
    case NB201_SKIP: return maps->sum[from];
    case NB201_AVG_POOL: return cell_pool(b, maps, cell, from);
    case NB201_CONV_1X1: return conv_bn(b, cell, conv, bn, cell_relu(b, maps, cell, from), channels, 1, 1);
    case NB201_CONV_3X3: return conv_bn(b, cell, conv, bn, cell_relu(b, maps, cell, from), channels, 3, 1);
    case NB201_NONE: break; /* never live */
    }
    return -1;
}

/* The sum of the live edges into `node`, in edge order as PyTorch adds them; -1 after a failure or where none is live. */
static int add_cell_node(const struct builder *b, struct cell_maps *maps, const char *cell, const struct arch *arch, int node,
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
    char name[NET_NAME_BYTES];
    snprintf(name, sizeof name, "%.64s.node.%d", cell, node);
    return net_add_add(b->net, name, inputs, count, b->status);
}

static int add_cell(const struct builder *b, int index, const struct arch *arch, int input, int channels)
{
    struct cell_maps maps = {.sum = {input, -1, -1, -1}, .relu = {-1, -1, -1, -1}, .pool = {-1, -1, -1, -1}};
    char cell[32];
    snprintf(cell, sizeof cell, "cells.%d", index);
    for (int node = 1; node < NB201_NODES && input >= 0; node++)
        maps.sum[node] = add_cell_node(b, &maps, cell, arch, node, channels);
    return maps.sum[NB201_NODES - 1];
}

static int add_reduction(const struct builder *b, int index, int input, int channels)
{
    char cell[32], name[NET_NAME_BYTES];
    snprintf(cell, sizeof cell, "cells.%d", index);
    int first = conv_bn(b, cell, "conv_a.op.1", "conv_a.op.2", relu(b, cell, "conv_a.op.0", input), channels, 3, 2);
    int second = conv_bn(b, cell, "conv_b.op.1", "conv_b.op.2", relu(b, cell, "conv_b.op.0", first), channels, 3, 1);
    if (second < 0 || !named(name, cell, "downsample.0"))
        return -1;
    int pooled = net_add_avg_pool(b->net, name, input, 2, 2, 0, b->status);
    if (pooled < 0 || !named(name, cell, "downsample.1"))
        return -1;
    int shortcut = net_add_conv(b->net, name, pooled, channels, 1, 1, 0, 1, 0, b->status);
    if (shortcut < 0 || !named(name, cell, "sum"))
        return -1;
    return net_add_add(b->net, name, (const int[]){second, shortcut}, 2, b->status);
}

/* Fills taps[0..2] with nodes and returns the logits' node, or -1. */
static int add_network(const struct builder *b, const struct arch *arch, const struct space_build *build, int taps[3])
{
    int node = net_add_input(b->net, build->input, b->status), cell = 0, channels = build->channels;
    if (node < 0)
        return -1;
    node = conv_bn(b, "stem", "0", "1", node, channels, 3, 1);
    for (int stage = 0; stage < 3; stage++) {
        if (stage > 0) {
            channels *= 2;
            node = add_reduction(b, cell++, node, channels);
        }
        for (int i = 0; i < build->cells; i++)
            node = add_cell(b, cell++, arch, node, channels);
        taps[stage] = node;
    }
    if (node < 0)
        return -1;
    node = net_add_batch_norm(b->net, "lastact.0", node, bn_epsilon, b->status);
    taps[2] = node = relu(b, "lastact", "1", node);
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
    if (build->channels < 1 || build->channels > NET_DIMENSION_MAX / 4 || build->cells < 1 || build->cells > 1000 ||
        build->classes < 2 || build->classes > NET_DIMENSION_MAX)
        return status_set(status, STATUS_BAD_INPUT,
                          "a net of nb201 needs 1 to %d channels, 1 to 1000 cells per stage and 2 to %d classes, not %d, %d and %d",
                          NET_DIMENSION_MAX / 4, NET_DIMENSION_MAX, build->channels, build->cells, build->classes);
    if (build->input.c < 1 || build->input.h < 4 || build->input.w < 4 || build->input.h % 4 != 0 || build->input.w % 4 != 0)
        return status_set(status, STATUS_BAD_INPUT,
                          "images of (%d,%d,%d) do not fit nb201: height and width must be multiples of 4 (they are halved twice)",
                          build->input.c, build->input.h, build->input.w);
    return STATUS_OK;
}

enum status_code nb201_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status)
{
    enum status_code code = check_build(space, arch, build, status);
    if (code != STATUS_OK)
        return code;
    struct status reason = {.code = STATUS_OK};
    struct builder builder = {.net = out, .status = &reason};
    int taps[3] = {-1, -1, -1};
    int logits = add_network(&builder, arch, build, taps);
    if (logits >= 0)
        code = net_add_output(out, logits, &reason);
    for (int i = 0; i < 3 && logits >= 0 && code == STATUS_OK; i++)
        code = net_add_output(out, taps[i], &reason);
    if (logits >= 0 && code == STATUS_OK)
        return STATUS_OK;
    net_free(out);
    return status_set(status, reason.code == STATUS_OK ? STATUS_INTERNAL : reason.code, "%s", reason.message);
}
