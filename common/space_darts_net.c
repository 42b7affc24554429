/* space_darts_net: the evaluation network of DARTS for small images (the paper's appendix A.2; without auxiliary head and drop
 * path) around the two cells, with the parameter names of its public PyTorch code.
 *
 * stem of three times the channels; cells, of which those at a third and at two thirds of the depth reduce and double the channels;
 * global pool, dense. A cell's output is its four nodes side by side. Pools carry no batch norm, as in that code; skips of a
 * reduction are factorised reductions. The ReLU in front of every convolution and the pools are shared by all that read one state,
 * which changes no value. */
#include "common/space_darts_cell.h"

#include <stdio.h>

#include "common/space_net.h"

enum { TAPS = 3, STEM_FACTOR = 3 };

/* A cell that is being built, or a map between cells with the ReLU that its readers share. */
struct map {
    int node, relu; /* relu: -1 until somebody reads it */
};

static int shared_relu(const struct space_net *b, struct map *map, const char *prefix, const char *rest)
{
    if (map->relu < 0)
        map->relu = space_net_relu(b, prefix, rest, map->node);
    return map->relu;
}

/* Half the channels from the even pixels, half from the odd ones, and a batch norm over both; `input` is behind its ReLU. */
static int factorized_reduce(const struct space_net *b, const char *prefix, int input, int channels)
{
    char odd_name[NET_NAME_BYTES];
    const struct net_conv even_conv = {.out_channels = channels / 2, .kernel = 1, .stride = 2};
    const struct net_conv odd_conv = {.out_channels = channels - channels / 2, .kernel = 1, .stride = 1};
    if (input < 0 || snprintf(odd_name, sizeof odd_name, "%s.odd", prefix) >= (int)sizeof odd_name)
        return -1;
    int even = space_net_conv(b, prefix, "conv_1", input, &even_conv);
    int odd = net_add_subsample_from(b->net, odd_name, input, 2, 1, b->status);
    int halves[] = {even, space_net_conv(b, prefix, "conv_2", odd, &odd_conv)};
    return space_net_batch_norm(b, prefix, "bn", space_net_concat(b, prefix, "concat", halves, 2));
}

/* --- cells ----------------------------------------------------------------------------------------------- */

struct cell {
    char name[32];
    int channels;
    bool reduces;
    struct map states[DARTS_STATES];
    int pools[DARTS_STATES][2]; /* max and average; -1 until somebody reads it */
};

static int state_relu(const struct space_net *b, struct cell *cell, int state)
{
    char rest[32];
    snprintf(rest, sizeof rest, "states.%d.relu", state);
    return shared_relu(b, &cell->states[state], cell->name, rest);
}

static int state_pool(const struct space_net *b, struct cell *cell, int state, int stride, bool largest)
{
    char rest[32];
    int *pool = &cell->pools[state][largest ? 0 : 1];
    snprintf(rest, sizeof rest, "states.%d.%s_pool", state, largest ? "max" : "avg");
    if (*pool < 0)
        *pool = space_net_pool(b, largest ? NET_MAX_POOL : NET_AVG_POOL, cell->name, rest, cell->states[state].node, 3, stride, 1);
    return *pool;
}

/* Depthwise convolution, pointwise convolution, batch norm: modules op.FIRST, op.FIRST+1 and op.FIRST+2 of the edge. */
static int depthwise(const struct space_net *b, const char *edge, int first, int input, int kernel, int stride, int dilation)
{
    char spread_name[16], mixed_name[16], bn_name[16];
    int channels = input < 0 ? 0 : b->net->nodes[input].shape.c;
    const struct net_conv spread = {.out_channels = channels,
                                    .kernel = kernel,
                                    .stride = stride,
                                    .pad = kernel / 2 * dilation,
                                    .dilation = dilation,
                                    .groups = channels};
    const struct net_conv mixed = {.out_channels = channels, .kernel = 1, .stride = 1};
    snprintf(spread_name, sizeof spread_name, "op.%d", first);
    snprintf(mixed_name, sizeof mixed_name, "op.%d", first + 1);
    snprintf(bn_name, sizeof bn_name, "op.%d", first + 2);
    int node = space_net_conv(b, edge, spread_name, input, &spread);
    return space_net_batch_norm(b, edge, bn_name, space_net_conv(b, edge, mixed_name, node, &mixed));
}

static int separable(const struct space_net *b, const char *edge, int input, int kernel, int stride)
{
    int node = depthwise(b, edge, 1, input, kernel, stride, 1);
    return depthwise(b, edge, 5, space_net_relu(b, edge, "op.4", node), kernel, 1, 1);
}

static int add_edge(const struct space_net *b, struct cell *cell, int index, struct darts_edge edge)
{
    char name[64];
    int stride = cell->reduces && edge.state < 2 ? 2 : 1;
    snprintf(name, sizeof name, "%s._ops.%d", cell->name, index);
    switch ((enum darts_operation)edge.operation) {
    case DARTS_MAX_POOL: return state_pool(b, cell, edge.state, stride, true);
    case DARTS_AVG_POOL: return state_pool(b, cell, edge.state, stride, false);
    case DARTS_SKIP:
        return stride == 1 ? cell->states[edge.state].node
                           : factorized_reduce(b, name, state_relu(b, cell, edge.state), cell->channels);
    case DARTS_SEP_CONV_3X3: return separable(b, name, state_relu(b, cell, edge.state), 3, stride);
    case DARTS_SEP_CONV_5X5: return separable(b, name, state_relu(b, cell, edge.state), 5, stride);
    case DARTS_DIL_CONV_3X3: return depthwise(b, name, 1, state_relu(b, cell, edge.state), 3, stride, 2);
    case DARTS_DIL_CONV_5X5: return depthwise(b, name, 1, state_relu(b, cell, edge.state), 5, stride, 2);
    }
    return -1;
}

/* States 0 and 1: the last two outputs brought to the cell's channels, and to one size where the cell before halved it. */
static void add_inputs(const struct space_net *b, struct cell *cell, struct map *before_last, struct map *last)
{
    char prefix[64];
    int relu = shared_relu(b, before_last, cell->name, "preprocess0.relu");
    snprintf(prefix, sizeof prefix, "%s.preprocess0", cell->name);
    bool halved = relu >= 0 && last->node >= 0 && b->net->nodes[relu].shape.h != b->net->nodes[last->node].shape.h;
    cell->states[0].node = halved ? factorized_reduce(b, prefix, relu, cell->channels)
                                  : space_net_conv_bn(b, prefix, "op.1", "op.2", relu, cell->channels, 1, 1);
    relu = shared_relu(b, last, cell->name, "preprocess1.relu");
    cell->states[1].node = space_net_conv_bn(b, cell->name, "preprocess1.op.1", "preprocess1.op.2", relu, cell->channels, 1, 1);
}

/* Returns the cell's output. */
static int add_cell(const struct space_net *b, struct cell *cell, const struct darts_cell *genes, struct map *before_last,
                    struct map *last)
{
    char rest[16];
    int outputs[DARTS_NODES];
    for (int state = 0; state < DARTS_STATES; state++) {
        cell->states[state] = (struct map){-1, -1};
        cell->pools[state][0] = cell->pools[state][1] = -1;
    }
    add_inputs(b, cell, before_last, last);
    for (int node = 0; node < DARTS_NODES; node++) {
        int terms[2];
        for (int i = 0; i < 2; i++)
            terms[i] = add_edge(b, cell, 2 * node + i, genes->edges[node][i]);
        snprintf(rest, sizeof rest, "states.%d", node + 2);
        cell->states[node + 2].node = outputs[node] = space_net_add(b, cell->name, rest, terms, 2);
    }
    return space_net_concat(b, cell->name, "concat", outputs, DARTS_NODES);
}

/* --- the network ----------------------------------------------------------------------------------------- */

/* Whether that cell reduces, and which tap (or -1) its output is: the last cells of the three stages. */
static bool cell_reduces(int index, int cells)
{
    return index == cells / 3 || index == 2 * cells / 3;
}

static int tap_of_cell(int index, int cells)
{
    if (index == cells - 1)
        return 2;
    return index == 2 * cells / 3 - 1 ? 1 : index == cells / 3 - 1 ? 0 : -1;
}

/* Fills the taps and returns the logits' node, or -1. */
static int add_network(const struct space_net *b, const struct arch *arch, const struct space_build *build, int taps[TAPS])
{
    struct darts_cell genes[DARTS_KINDS];
    struct cell cell = {.channels = build->channels};
    for (int kind = 0; kind < DARTS_KINDS; kind++)
        darts_cell_of(arch, (enum darts_kind)kind, &genes[kind]);
    int input = net_add_input(b->net, build->input, b->status);
    struct map stem = {space_net_conv_bn(b, "stem", "0", "1", input, STEM_FACTOR * build->channels, 3, 1), -1},
               outputs[2] = {stem, stem};
    struct map *before_last = &outputs[0], *last = &outputs[0];
    for (int i = 0; i < build->cells; i++) {
        cell.reduces = cell_reduces(i, build->cells);
        cell.channels *= cell.reduces ? 2 : 1;
        snprintf(cell.name, sizeof cell.name, "cells.%d", i);
        struct map output = {add_cell(b, &cell, &genes[cell.reduces ? DARTS_REDUCE : DARTS_NORMAL], before_last, last), -1};
        if (tap_of_cell(i, build->cells) >= 0)
            taps[tap_of_cell(i, build->cells)] = output.node;
        before_last = last;
        last = last == &outputs[0] ? &outputs[1] : &outputs[0];
        *last = output;
    }
    int pooled = last->node < 0 ? -1 : net_add_global_avg_pool(b->net, "global_pooling", last->node, b->status);
    return pooled < 0 ? -1 : net_add_dense(b->net, "classifier", pooled, build->classes, b->status);
}

enum status_code darts_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status)
{
    struct status reason = {.code = STATUS_OK};
    struct space_net builder = {.net = out, .status = &reason};
    int taps[TAPS] = {-1, -1, -1};
    if (!space_valid(space, arch))
        return status_set(status, STATUS_BAD_INPUT, "the architecture is not one of darts: two cells of eleven genes");
    enum status_code code = space_net_check_sizes("darts", build, 3, "cells in all", 4, status);
    if (code != STATUS_OK)
        return code;
    int logits = add_network(&builder, arch, build, taps);
    return space_net_finish(out, logits, taps, TAPS, &reason, status);
}
