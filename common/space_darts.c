/* space_darts: what the genes of a DARTS architecture mean: text and the classes of cells that differ by the order of their nodes.
 * The network is built in space_darts_net.c. Reached only through the ops table at the end; pure. */
#include "common/space_darts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/space_darts_cell.h"
#include "common/space_text.h"

static const char *const operation_names[DARTS_OPERATIONS] = {"max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3",
                                                              "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"};

static const char *const kind_names[DARTS_KINDS] = {"normal", "reduce"};

/* Pairs of states that node n can read. */
static int pair_count(int node)
{
    return (node + 2) * (node + 1) / 2;
}

/* Where node n's pair gene stands in its cell (node 0 has none), and the first of its two operations. */
static int pair_gene(int node)
{
    return 3 * node - 1;
}

static int operation_gene(int node)
{
    return 3 * node;
}

/* --- genes and cells ------------------------------------------------------------------------------------- */

static struct darts_cell cell_of_genes(const uint8_t genes[DARTS_CELL_GENES])
{
    struct darts_cell cell;
    for (int node = 0; node < DARTS_NODES; node++) {
        int pair = node == 0 ? 0 : genes[pair_gene(node)], later = 1;
        while (later * (later + 1) / 2 <= pair)
            later++;
        cell.edges[node][0] = (struct darts_edge){(uint8_t)(pair - later * (later - 1) / 2), genes[operation_gene(node)]};
        cell.edges[node][1] = (struct darts_edge){(uint8_t)later, genes[operation_gene(node) + 1]};
    }
    return cell;
}

/* Edges of a node may stand in either order. */
static void genes_of_cell(const struct darts_cell *cell, uint8_t genes[DARTS_CELL_GENES])
{
    for (int node = 0; node < DARTS_NODES; node++) {
        const struct darts_edge *edges = cell->edges[node];
        int early = edges[0].state < edges[1].state ? 0 : 1, later = edges[1 - early].state;
        if (node > 0)
            genes[pair_gene(node)] = (uint8_t)(later * (later - 1) / 2 + edges[early].state);
        genes[operation_gene(node)] = edges[early].operation;
        genes[operation_gene(node) + 1] = edges[1 - early].operation;
    }
}

void darts_cell_of(const struct arch *arch, enum darts_kind kind, struct darts_cell *out)
{
    *out = cell_of_genes(arch->genes + kind * DARTS_CELL_GENES);
}

static int darts_choices(const struct space *space, size_t gene)
{
    (void)space;
    int place = (int)(gene % DARTS_CELL_GENES);
    return place % 3 == 2 ? pair_count(place / 3 + 1) : DARTS_OPERATIONS;
}

/* --- text ------------------------------------------------------------------------------------------------ */

/* Reads `op~STATE`; node n may read states 0 to n + 1. */
static enum status_code parse_edge(struct space_text *text, int node, struct darts_edge *edge)
{
    enum status_code code = space_text_word(text, operation_names, DARTS_OPERATIONS, "~+|/", &edge->operation);
    if (code == STATUS_OK)
        code = space_text_expect(text, "~");
    if (code != STATUS_OK)
        return code;
    if (*text->at < '0' || *text->at > '1' + node)
        return space_text_refuse(text, "a state from 0 to %d", node + 1);
    edge->state = (uint8_t)(*text->at++ - '0');
    return STATUS_OK;
}

static enum status_code parse_node(struct space_text *text, int node, struct darts_edge edges[2])
{
    enum status_code code = parse_edge(text, node, &edges[0]);
    if (code == STATUS_OK)
        code = space_text_expect(text, "+");
    if (code == STATUS_OK)
        code = parse_edge(text, node, &edges[1]);
    if (code != STATUS_OK || edges[0].state != edges[1].state)
        return code;
    text->at--;
    return space_text_refuse(text, "a state other than %d, which the node reads already", edges[0].state);
}

static enum status_code parse_cell(struct space_text *text, enum darts_kind kind, uint8_t genes[DARTS_CELL_GENES])
{
    struct darts_cell cell;
    char opening[16];
    snprintf(opening, sizeof opening, "%s%s:", kind == DARTS_NORMAL ? "" : "/", kind_names[kind]);
    enum status_code code = space_text_expect(text, opening);
    for (int node = 0; node < DARTS_NODES && code == STATUS_OK; node++) {
        if (node > 0)
            code = space_text_expect(text, "|");
        if (code == STATUS_OK)
            code = parse_node(text, node, cell.edges[node]);
    }
    if (code == STATUS_OK)
        genes_of_cell(&cell, genes);
    return code;
}

static enum status_code darts_parse(const struct space *space, const char *string, struct arch *out, struct status *status)
{
    (void)space;
    struct space_text text = {.text = string, .at = string, .status = status};
    struct arch arch = {.length = DARTS_GENES};
    enum status_code code = parse_cell(&text, DARTS_NORMAL, arch.genes);
    if (code == STATUS_OK)
        code = parse_cell(&text, DARTS_REDUCE, arch.genes + DARTS_CELL_GENES);
    if (code == STATUS_OK)
        code = space_text_end(&text);
    if (code == STATUS_OK)
        *out = arch;
    return code;
}

/* 253 bytes: all operations have names of twelve letters. */
static void darts_print(const struct space *space, const struct arch *arch, char out[ARCH_TEXT_BYTES])
{
    (void)space;
    size_t used = 0;
    for (int kind = 0; kind < DARTS_KINDS; kind++) {
        struct darts_cell cell;
        darts_cell_of(arch, (enum darts_kind)kind, &cell);
        used += (size_t)snprintf(out + used, ARCH_TEXT_BYTES - used, "%s%s:", kind == DARTS_NORMAL ? "" : "/", kind_names[kind]);
        for (int node = 0; node < DARTS_NODES; node++) {
            const struct darts_edge *edges = cell.edges[node];
            used += (size_t)snprintf(out + used, ARCH_TEXT_BYTES - used, "%s%s~%d+%s~%d", node > 0 ? "|" : "",
                                     operation_names[edges[0].operation], edges[0].state, operation_names[edges[1].operation],
                                     edges[1].state);
        }
    }
}

/* --- classes --------------------------------------------------------------------------------------------- */

static bool darts_connected(const struct space *space, const struct arch *arch)
{
    (void)space;
    (void)arch;
    return true;
}

/* A cell whose nodes are being put into another order. */
struct ordering {
    const struct darts_cell *cell;
    struct darts_cell ordered;      /* its first `placed` nodes */
    int8_t state_of[DARTS_STATES];  /* of a state of `cell` in `ordered`; -1 for a node not placed yet */
    uint8_t best[DARTS_CELL_GENES]; /* the smallest genes so far */
};

/* Whether both states that the node reads have a place; then it may stand next. */
static bool place_node(struct ordering *ordering, int node, int place)
{
    for (int i = 0; i < 2; i++) {
        struct darts_edge edge = ordering->cell->edges[node][i];
        if (ordering->state_of[edge.state] < 0)
            return false;
        edge.state = (uint8_t)ordering->state_of[edge.state];
        ordering->ordered.edges[place][i] = edge;
    }
    return true;
}

/* Tries every order of the nodes in which each stands behind what it reads: 24 at most. */
static void try_orders(struct ordering *ordering, int placed)
{
    if (placed == DARTS_NODES) {
        uint8_t genes[DARTS_CELL_GENES];
        genes_of_cell(&ordering->ordered, genes);
        if (memcmp(genes, ordering->best, sizeof genes) < 0)
            memcpy(ordering->best, genes, sizeof genes);
        return;
    }
    for (int node = 0; node < DARTS_NODES; node++) {
        if (ordering->state_of[node + 2] >= 0 || !place_node(ordering, node, placed))
            continue;
        ordering->state_of[node + 2] = (int8_t)(placed + 2);
        try_orders(ordering, placed + 1);
        ordering->state_of[node + 2] = -1;
    }
}

static void darts_canonical(const struct space *space, const struct arch *arch, struct arch *out)
{
    (void)space;
    struct arch canonical = {.length = DARTS_GENES};
    for (int kind = 0; kind < DARTS_KINDS; kind++) {
        struct darts_cell cell;
        struct ordering ordering = {.cell = &cell, .state_of = {0, 1, -1, -1, -1, -1}};
        darts_cell_of(arch, (enum darts_kind)kind, &cell);
        memset(ordering.best, UINT8_MAX, sizeof ordering.best);
        try_orders(&ordering, 0);
        memcpy(canonical.genes + kind * DARTS_CELL_GENES, ordering.best, sizeof ordering.best);
    }
    *out = canonical;
}

/* --- the matrix form ------------------------------------------------------------------------------------- */

/* The best operation of an edge that is not `none`, the first of equals. */
static uint8_t best_operation(const double values[DARTS_COLUMNS])
{
    uint8_t best = 0;
    for (uint8_t operation = 1; operation < DARTS_OPERATIONS; operation++)
        if (values[operation + 1] > values[best + 1])
            best = operation;
    return best;
}

/* Of the edges into one node the two with the largest numbers, the first of equals. */
static void best_edges(const double *values, int states, struct darts_edge out[2])
{
    for (int i = 0; i < 2; i++) {
        double largest = -INFINITY;
        bool found = false;
        for (int state = 0; state < states; state++) {
            const double *row = values + state * DARTS_COLUMNS;
            uint8_t operation = best_operation(row);
            if ((i == 1 && state == out[0].state) || (found && !(row[operation + 1] > largest)))
                continue;
            out[i] = (struct darts_edge){(uint8_t)state, operation};
            largest = row[operation + 1];
            found = true;
        }
    }
}

static void darts_decode(const struct space *space, const double *values, struct arch *out)
{
    (void)space;
    struct arch arch = {.length = DARTS_GENES};
    for (int kind = 0; kind < DARTS_KINDS; kind++) {
        struct darts_cell cell = {0};
        for (int node = 0; node < DARTS_NODES; node++) {
            best_edges(values, node + 2, cell.edges[node]);
            values += (node + 2) * DARTS_COLUMNS;
        }
        genes_of_cell(&cell, arch.genes + kind * DARTS_CELL_GENES);
    }
    *out = arch;
}

static void darts_chosen(const struct arch *arch, int *columns)
{
    for (int kind = 0; kind < DARTS_KINDS; kind++) {
        struct darts_cell cell;
        darts_cell_of(arch, (enum darts_kind)kind, &cell);
        for (int node = 0; node < DARTS_NODES; node++) {
            for (int state = 0; state < node + 2; state++)
                columns[state] = SPACE_NOT_CHOSEN;
            for (int i = 0; i < 2; i++)
                columns[cell.edges[node][i].state] = cell.edges[node][i].operation + 1;
            columns += node + 2;
        }
    }
}

static size_t nodes_alike(const struct darts_edge a[2], const struct darts_edge b[2])
{
    size_t alike = 0;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            alike += a[i].state == b[j].state && a[i].operation == b[j].operation;
    return alike;
}

static size_t darts_alike(const struct space *space, const struct arch *a, const struct arch *b)
{
    (void)space;
    size_t alike = 0;
    for (int kind = 0; kind < DARTS_KINDS; kind++) {
        struct darts_cell left, right;
        darts_cell_of(a, (enum darts_kind)kind, &left);
        darts_cell_of(b, (enum darts_kind)kind, &right);
        for (int node = 0; node < DARTS_NODES; node++)
            alike += nodes_alike(left.edges[node], right.edges[node]);
    }
    return alike;
}

static const struct space_matrix darts_matrix = {
    .rows = DARTS_KINDS * DARTS_CELL_EDGES,
    .columns = DARTS_COLUMNS,
    .decode = darts_decode,
    .chosen = darts_chosen,
    .parts = DARTS_KINDS * DARTS_NODES * 2,
    .alike = darts_alike,
};

const struct space_ops space_darts = {
    .name = "darts",
    .gene_count = DARTS_GENES,
    .defaults = {.channels = 16, .cells = 8, .classes = 10, .input = {3, 32, 32}},
    .batch = 128,
    .choices = darts_choices,
    .parse = darts_parse,
    .print = darts_print,
    .connected = darts_connected,
    .canonical = darts_canonical,
    .build = darts_build_net,
    .build_oneshot = darts_build_oneshot,
    .matrix = &darts_matrix,
};
