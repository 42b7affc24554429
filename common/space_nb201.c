/* space_nb201: what the genes of a NAS-Bench-201 cell mean: text, connectivity and the classes of isomorphic cells. The network is
 * built in space_nb201_net.c. Reached only through the ops table at the end; pure after open. */
#include "common/space_nb201.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/space_nb201_cell.h"
#include "common/space_text.h"

const struct nb201_edge nb201_edges[NB201_EDGES] = {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}};

const char *const nb201_operation_names[NB201_OPERATIONS] = {"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3",
                                                             "avg_pool_3x3"};

/* Longest text of a node: 112 bytes, of node 3 with three nested convolutions, and room to spare. */
enum { NODE_TEXT_BYTES = 256 };

/* space->tables: for every cell, by the number its genes spell in base 5, the number of its class's representative. */
struct nb201_tables {
    uint16_t representative[NB201_CELLS];
};

static size_t cell_number(const struct arch *arch)
{
    size_t number = 0;
    for (size_t i = 0; i < NB201_EDGES; i++)
        number = number * NB201_OPERATIONS + arch->genes[i];
    return number;
}

static void cell_of_number(size_t number, struct arch *out)
{
    memset(out, 0, sizeof *out);
    out->length = NB201_EDGES;
    for (size_t i = NB201_EDGES; i-- > 0; number /= NB201_OPERATIONS)
        out->genes[i] = (uint8_t)(number % NB201_OPERATIONS);
}

/* --- text ------------------------------------------------------------------------------------------------ */

static enum status_code parse_digits(struct space_text *text, struct arch *arch)
{
    for (size_t i = 0; i < NB201_EDGES; i++, text->at++) {
        if (*text->at < '0' || *text->at >= '0' + NB201_OPERATIONS)
            return space_text_refuse(text, "a digit 0 to 4");
        arch->genes[i] = (uint8_t)(*text->at - '0');
    }
    return *text->at == '\0' ? STATUS_OK : space_text_refuse(text, "the end after six digits");
}

/* Reads `op~SOURCE|` of that edge, and what stands between it and the node before. */
static enum status_code parse_edge(struct space_text *text, size_t edge, struct arch *arch)
{
    int source = nb201_edges[edge].from;
    const char rest[] = {'~', (char)('0' + source), '|', '\0'};
    enum status_code code = source == 0 ? space_text_expect(text, edge == 0 ? "|" : "+|") : STATUS_OK;
    if (code == STATUS_OK)
        code = space_text_word(text, nb201_operation_names, NB201_OPERATIONS, "~|+", &arch->genes[edge]);
    return code == STATUS_OK ? space_text_expect(text, rest) : code;
}

static enum status_code nb201_parse(const struct space *space, const char *string, struct arch *out, struct status *status)
{
    (void)space;
    struct space_text text = {.text = string, .at = string, .status = status};
    struct arch arch = {.length = NB201_EDGES};
    enum status_code code = STATUS_OK;
    if (string[0] >= '0' && string[0] <= '9') {
        code = parse_digits(&text, &arch);
    } else {
        for (size_t i = 0; i < NB201_EDGES && code == STATUS_OK; i++)
            code = parse_edge(&text, i, &arch);
        code = code == STATUS_OK ? space_text_end(&text) : code;
    }
    if (code == STATUS_OK)
        *out = arch;
    return code;
}

static void nb201_print(const struct space *space, const struct arch *arch, char out[ARCH_TEXT_BYTES])
{
    (void)space;
    size_t used = 0;
    for (size_t i = 0; i < NB201_EDGES; i++) {
        const char *opening = nb201_edges[i].from > 0 ? "" : i == 0 ? "|" : "+|";
        used += (size_t)snprintf(out + used, ARCH_TEXT_BYTES - used, "%s%s~%d|", opening, nb201_operation_names[arch->genes[i]],
                                 nb201_edges[i].from);
    }
}

/* --- connectivity ---------------------------------------------------------------------------------------- */

unsigned nb201_live_edges(const struct arch *arch)
{
    bool fed[NB201_NODES] = {true}, read[NB201_NODES] = {[NB201_NODES - 1] = true};
    for (size_t i = 0; i < NB201_EDGES; i++)
        if (arch->genes[i] != NB201_NONE && fed[nb201_edges[i].from])
            fed[nb201_edges[i].to] = true;
    for (size_t i = NB201_EDGES; i-- > 0;)
        if (arch->genes[i] != NB201_NONE && read[nb201_edges[i].to])
            read[nb201_edges[i].from] = true;
    unsigned live = 0;
    for (size_t i = 0; i < NB201_EDGES; i++)
        if (arch->genes[i] != NB201_NONE && fed[nb201_edges[i].from] && read[nb201_edges[i].to])
            live |= 1U << i;
    return live;
}

static bool nb201_connected(const struct space *space, const struct arch *arch)
{
    (void)space;
    return nb201_live_edges(arch) != 0;
}

/* --- classes of isomorphic cells ------------------------------------------------------------------------- */

/* Copies text to `at` and returns the new end; the texts are far shorter than their room. */
static char *append(char *at, const char *text)
{
    size_t length = strlen(text);
    memcpy(at, text, length + 1);
    return at + length;
}

static void edge_text(const char *source, uint8_t operation, char out[NODE_TEXT_BYTES])
{
    if (operation == NB201_NONE || strcmp(source, "#") == 0)
        append(out, "#");
    else if (operation == NB201_SKIP)
        append(out, source);
    else
        append(append(append(append(out, "("), source), ")@"), nb201_operation_names[operation]);
}

static void swap_to_order(const char **a, const char **b)
{
    if (strcmp(*a, *b) <= 0)
        return;
    const char *first = *b;
    *b = *a;
    *a = first;
}

/* Up to three texts. */
static void sort_texts(const char **texts, int count)
{
    if (count == 3)
        swap_to_order(&texts[1], &texts[2]);
    if (count >= 2)
        swap_to_order(&texts[0], &texts[1]);
    if (count == 3)
        swap_to_order(&texts[1], &texts[2]);
}

/* The benchmark's own text of a cell; equal texts make one class (rule and source: space_nb201.h). */
static void class_text(const struct arch *arch, char out[NODE_TEXT_BYTES])
{
    char nodes[NB201_NODES][NODE_TEXT_BYTES], edges[NB201_NODES - 1][NODE_TEXT_BYTES];
    size_t edge = 0;
    append(nodes[0], "0");
    for (int node = 1; node < NB201_NODES; node++) {
        const char *sorted[NB201_NODES - 1];
        for (int from = 0; from < node; from++, edge++) {
            edge_text(nodes[from], arch->genes[edge], edges[from]);
            sorted[from] = edges[from];
        }
        sort_texts(sorted, node);
        char *end = nodes[node];
        for (int i = 0; i < node; i++)
            end = append(append(end, i > 0 ? "+" : ""), sorted[i]);
    }
    append(out, nodes[NB201_NODES - 1]);
}

struct class_entry {
    char text[NODE_TEXT_BYTES];
    uint16_t representative;
    UT_hash_handle hh;
};

/* Cells in the order of their numbers, so the first of a class is the one with the smallest genes. */
static int fill_representatives(struct nb201_tables *tables)
{
    struct class_entry *classes = NULL, *entry = NULL, *next = NULL;
    int failed = 0;
    for (size_t number = 0; number < NB201_CELLS && !failed; number++) {
        struct arch arch;
        char text[NODE_TEXT_BYTES];
        cell_of_number(number, &arch);
        class_text(&arch, text);
        HASH_FIND_STR(classes, text, entry);
        if (entry == NULL) {
            entry = calloc(1, sizeof *entry);
            if (entry == NULL) {
                failed = 1;
                break;
            }
            append(entry->text, text);
            entry->representative = (uint16_t)number;
            HASH_ADD_STR(classes, text, entry);
            if (entry->hh.tbl == NULL) {
                free(entry);
                failed = 1;
                break;
            }
        }
        tables->representative[number] = entry->representative;
    }
    HASH_ITER(hh, classes, entry, next)
    {
        HASH_DEL(classes, entry);
        free(entry);
    }
    return failed ? -1 : 0;
}

static enum status_code nb201_open(struct space *space, struct status *status)
{
    struct nb201_tables *tables = calloc(1, sizeof *tables);
    if (tables == NULL || fill_representatives(tables) != 0) {
        free(tables);
        return status_set(status, STATUS_NO_MEMORY, "no memory for the tables of the search space nb201");
    }
    space->tables = tables;
    return STATUS_OK;
}

static void nb201_close(struct space *space)
{
    free(space->tables);
    space->tables = NULL;
}

static void nb201_canonical(const struct space *space, const struct arch *arch, struct arch *out)
{
    const struct nb201_tables *tables = space->tables;
    cell_of_number(tables->representative[cell_number(arch)], out);
}

/* --- traits -------------------------------------------------------------------------------------------------- */

enum { NB201_TRAITS = 2 * NB201_EDGES + 7 };

static const uint8_t nb201_trait_choices[NB201_TRAITS] = {10, 10, 10, 10, 10, 10, 20, 20, 20, 20, 20, 20, 2, 3, 4, 2, 3, 3, 4};

/* How many operations are added up in node 2, 0 to 2: a skip of nothing is none. */
static uint8_t added_in_node_2(const struct arch *arch)
{
    bool second = arch->genes[2] != NB201_NONE && (arch->genes[0] != NB201_NONE || arch->genes[2] != NB201_SKIP);
    return (uint8_t)((arch->genes[1] != NB201_NONE) + second);
}

static bool is_convolution(uint8_t gene)
{
    return gene == NB201_CONV_1X1 || gene == NB201_CONV_3X3;
}

/* Whether what does not reach the output is dropped: 2 where it is. Read off the published latencies of Raspberry Pi and Pixel, all
 * of them: what nobody wants of node 2 is dropped when it is a sum, or when nobody wants a convolution in node 1 either, and is
 * computed when it is one operation. */
static uint8_t dropped(const struct arch *arch)
{
    const uint8_t *genes = arch->genes;
    uint8_t added = added_in_node_2(arch);
    bool unwanted = genes[2] == NB201_NONE && genes[4] == NB201_NONE && is_convolution(genes[0]);
    return genes[5] == NB201_NONE && added > 0 && unwanted ? 2 : added;
}

/* Every edge's operation, told apart by whether it reaches the output; if not, also by whether it is dropped all the same; then how
 * many edges that carry anything end in nodes 1, 2 and 3, how many nodes' outputs are wanted from 2 and 1, and how many edges leave
 * nodes 1 and 0. */
static void nb201_traits(const struct arch *arch, uint8_t *out)
{
    unsigned live = nb201_live_edges(arch);
    uint8_t on[NB201_EDGES], gone = dropped(arch);
    for (size_t i = 0; i < NB201_EDGES; i++)
        on[i] = arch->genes[i] != NB201_NONE;
    const uint8_t into2 = (uint8_t)(on[1] + (on[2] & on[0]));
    const uint8_t degrees[] = {on[0],
                               into2,
                               (uint8_t)(on[3] + (on[4] & on[0]) + (on[5] && into2 > 0)),
                               on[5],
                               (uint8_t)(on[4] + (on[2] & on[5])),
                               (uint8_t)(on[2] + on[4]),
                               (uint8_t)(on[0] + on[1] + on[3])};
    for (size_t i = 0; i < NB201_EDGES; i++) {
        uint8_t gene = arch->genes[i];
        bool lives = (live >> i & 1) != 0;
        out[i] = (uint8_t)(lives ? gene : NB201_OPERATIONS + gene);
        out[NB201_EDGES + i] = (uint8_t)(lives ? gene : NB201_OPERATIONS + 3 * gene + gone);
    }
    memcpy(out + 2 * NB201_EDGES, degrees, sizeof degrees);
}

static int nb201_choices(const struct space *space, size_t gene)
{
    (void)space;
    (void)gene;
    return NB201_OPERATIONS;
}

const struct space_ops space_nb201 = {
    .name = "nb201",
    .gene_count = NB201_EDGES,
    .defaults = {.channels = 16, .cells = 5, .classes = 10, .input = {3, 32, 32}},
    .batch = 32,
    .open = nb201_open,
    .close = nb201_close,
    .choices = nb201_choices,
    .parse = nb201_parse,
    .print = nb201_print,
    .connected = nb201_connected,
    .canonical = nb201_canonical,
    .trait_count = NB201_TRAITS,
    .trait_choices = nb201_trait_choices,
    .traits = nb201_traits,
    .build = nb201_build_net,
    .build_oneshot = nb201_build_oneshot,
};
