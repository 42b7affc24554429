/* space_darts_net: the evaluation network of DARTS for small images (the paper's appendix A.2; without auxiliary head and drop
 * path) around the two cells, with the parameter names of its public PyTorch code.
 *
 * stem of three times the channels; cells, of which those at a third and at two thirds of the depth reduce and double the channels;
 * global pool, dense. A cell's output is its four nodes side by side. Pools carry no batch norm, as in that code; skips of a
 * reduction are factorised reductions. The ReLU in front of every convolution and the pools are shared by all that read one state,
 * which changes no value.
 *
 * The one-shot net has the same macro network; in its cells each node adds up every operation of a mask on every earlier state, and
 * pools have a batch norm behind them, as in the search network of that code. */
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
    int row;                    /* one-shot: the first of its rows in the matrix form */
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
    if (*pool < 0) {
        *pool = space_net_pool(b, largest ? NET_MAX_POOL : NET_AVG_POOL, cell->name, rest, cell->states[state].node, 3, stride, 1);
        snprintf(rest, sizeof rest, "states.%d.%s_pool_bn", state, largest ? "max" : "avg");
        if (b->fixed)
            *pool = space_net_batch_norm(b, cell->name, rest, *pool);
    }
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

/* name: of the edge's operation, before its modules. */
static int add_edge(const struct space_net *b, struct cell *cell, const char *name, struct darts_edge edge)
{
    int stride = cell->reduces && edge.state < 2 ? 2 : 1;
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

/* What a cell is built from: an architecture's genes, or the mask of a one-shot net. */
struct cell_plan {
    const struct darts_cell *genes;
    const struct space_mask *mask; /* genes is not read where there is one */
};

static int add_node(const struct space_net *b, struct cell *cell, const struct darts_cell *genes, int node)
{
    char rest[64];
    int terms[2];
    for (int i = 0; i < 2; i++) {
        snprintf(rest, sizeof rest, "%s._ops.%d", cell->name, 2 * node + i);
        terms[i] = add_edge(b, cell, rest, genes->edges[node][i]);
    }
    snprintf(rest, sizeof rest, "states.%d", node + 2);
    return space_net_add(b, cell->name, rest, terms, 2);
}

/* All operations of the mask on one state, weighed where there is a choice; -1 after a failure. */
static int add_mixed_edge(const struct space_net *b, struct cell *cell, int node, int state, uint32_t operations)
{
    int inputs[DARTS_OPERATIONS], coefficients[DARTS_OPERATIONS], count = 0;
    const int edge = node * (node + 3) / 2 + state;
    char rest[64];
    for (uint8_t operation = 0; operation < DARTS_OPERATIONS; operation++) {
        if ((operations >> (operation + 1) & 1U) == 0)
            continue;
        snprintf(rest, sizeof rest, "%s._ops.%d._ops.%d", cell->name, edge, operation + 1);
        coefficients[count] = (cell->row + edge) * DARTS_COLUMNS + operation + 1;
        inputs[count++] = add_edge(b, cell, rest, (struct darts_edge){(uint8_t)state, operation});
    }
    if ((operations & (operations - 1)) == 0)
        return inputs[0];
    snprintf(rest, sizeof rest, "states.%d.edge.%d", node + 2, state);
    return space_net_mix(b, cell->name, rest, inputs, coefficients, count);
}

static int add_mixed_node(const struct space_net *b, struct cell *cell, const struct space_mask *mask, int node)
{
    int terms[DARTS_STATES], count = 0;
    char rest[16];
    for (int state = 0; state < node + 2; state++) {
        const uint32_t operations = mask->rows[cell->row + node * (node + 3) / 2 + state];
        if (operations != 1U)
            terms[count++] = add_mixed_edge(b, cell, node, state, operations);
    }
    snprintf(rest, sizeof rest, "states.%d", node + 2);
    return count == 1 ? terms[0] : space_net_add(b, cell->name, rest, terms, count);
}

/* Returns the cell's output. */
static int add_cell(const struct space_net *b, struct cell *cell, const struct cell_plan *plan, struct map *before_last,
                    struct map *last)
{
    const struct space_net searched = {.net = b->net, .status = b->status, .fixed = plan->mask != NULL};
    int outputs[DARTS_NODES];
    for (int state = 0; state < DARTS_STATES; state++) {
        cell->states[state] = (struct map){-1, -1};
        cell->pools[state][0] = cell->pools[state][1] = -1;
    }
    add_inputs(b, cell, before_last, last);
    for (int node = 0; node < DARTS_NODES; node++) {
        outputs[node] =
            plan->mask != NULL ? add_mixed_node(&searched, cell, plan->mask, node) : add_node(&searched, cell, plan->genes, node);
        cell->states[node + 2].node = outputs[node];
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

/* Fills the taps and returns the logits' node, or -1. plans: of the normal and of the reduction cell. */
static int add_network(const struct space_net *b, const struct cell_plan plans[DARTS_KINDS], const struct space_build *build,
                       int taps[TAPS])
{
    struct cell cell = {.channels = build->channels};
    int input = net_add_input(b->net, build->input, b->status);
    struct map stem = {space_net_conv_bn(b, "stem", "0", "1", input, STEM_FACTOR * build->channels, 3, 1), -1},
               outputs[2] = {stem, stem};
    struct map *before_last = &outputs[0], *last = &outputs[0];
    for (int i = 0; i < build->cells; i++) {
        cell.reduces = cell_reduces(i, build->cells);
        cell.channels *= cell.reduces ? 2 : 1;
        cell.row = cell.reduces ? DARTS_CELL_EDGES : 0;
        snprintf(cell.name, sizeof cell.name, "cells.%d", i);
        struct map output = {add_cell(b, &cell, &plans[cell.reduces ? DARTS_REDUCE : DARTS_NORMAL], before_last, last), -1};
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
    struct darts_cell genes[DARTS_KINDS];
    const struct cell_plan plans[DARTS_KINDS] = {{.genes = &genes[DARTS_NORMAL]}, {.genes = &genes[DARTS_REDUCE]}};
    for (int kind = 0; kind < DARTS_KINDS; kind++)
        darts_cell_of(arch, (enum darts_kind)kind, &genes[kind]);
    int logits = add_network(&builder, plans, build, taps);
    return space_net_finish(out, logits, taps, TAPS, &reason, status);
}

/* Every node has something left to add up. */
static enum status_code check_nodes(const struct space_mask *mask, struct status *status)
{
    const uint32_t *row = mask->rows;
    for (int kind = 0; kind < DARTS_KINDS; kind++) {
        for (int node = 0; node < DARTS_NODES; node++) {
            bool left = false;
            for (int state = 0; state < node + 2; state++)
                left |= *row++ != 1U;
            if (!left)
                return status_set(status, STATUS_UNSUPPORTED, "node %d of the %s cell of darts has no operation left but none",
                                  node + 2, kind == DARTS_NORMAL ? "normal" : "reduction");
        }
    }
    return STATUS_OK;
}

enum status_code darts_build_oneshot(const struct space *space, const struct space_build *build, const struct space_mask *mask,
                                     struct net *out, struct status *status)
{
    (void)space;
    struct status reason = {.code = STATUS_OK};
    struct space_net builder = {.net = out, .status = &reason};
    const struct cell_plan plans[DARTS_KINDS] = {{.mask = mask}, {.mask = mask}};
    int taps[TAPS] = {-1, -1, -1};
    enum status_code code = space_net_check_sizes("darts", build, 3, "cells in all", 4, status);
    if (code == STATUS_OK)
        code = check_nodes(mask, status);
    if (code != STATUS_OK)
        return code;
    int logits = add_network(&builder, plans, build, taps);
    return space_net_finish(out, logits, NULL, 0, &reason, status);
}
