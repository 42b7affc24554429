/* space: a search space as an ops table. Nothing outside space_<name>.c may know what a gene means.
 *
 * A space is a value of struct space made by space_open; it owns whatever tables its module needs. All functions are pure after
 * space_open and safe to call from several threads. */
#ifndef HWNAS_COMMON_SPACE_H
#define HWNAS_COMMON_SPACE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arch.h"
#include "common/net.h"
#include "common/rng.h"
#include "common/status.h"

struct space;
struct space_mask;

enum { SPACE_ROWS_MAX = 64, SPACE_MATRIX_MAX = 256, SPACE_NOT_CHOSEN = -1 };

/* How a matrix of real numbers is an architecture, where that is not gene by gene (space_decode). */
struct space_matrix {
    size_t rows, columns;
    void (*decode)(const struct space *space, const double *values, struct arch *out);
    void (*chosen)(const struct arch *arch, int *columns); /* (rows); SPACE_NOT_CHOSEN where a row is not selected */
    size_t parts;
    size_t (*alike)(const struct space *space, const struct arch *a, const struct arch *b);
};

/* How a net is built from an architecture. */
struct space_build {
    int channels; /* nb201: of the first stage; darts: of the first cells' nodes; fbnet: of the stem; all others grow with it */
    int cells;    /* nb201: per stage; darts: in all; fbnet: its 22 layers */
    int classes;  /* of the logits */
    struct net_shape input; /* (C,H,W) of one image */
};

/* Puts the other's sizes in place of those that are 0, which stand for "not given". */
void space_build_complete(struct space_build *build, const struct space_build *other);

struct space_ops {
    const char *name;                                                     /* "nb201" */
    size_t gene_count;                                                    /* genes of every architecture */
    struct space_build defaults;                                          /* what is built when a study file says nothing */
    int batch;                                                            /* images of a reference bundle made for this space */
    enum status_code (*open)(struct space *space, struct status *status); /* fills space->tables; may be NULL */
    void (*close)(struct space *space);                                   /* frees space->tables; may be NULL */
    int (*choices)(const struct space *space, size_t gene);               /* values 0 .. choices-1 are allowed */
    enum status_code (*parse)(const struct space *space, const char *text, struct arch *out, struct status *status);
    void (*print)(const struct space *space, const struct arch *arch, char out[ARCH_TEXT_BYTES]);
    bool (*connected)(const struct space *space, const struct arch *arch);
    void (*canonical)(const struct space *space, const struct arch *arch, struct arch *out);
    size_t trait_count;           /* of every architecture; 0: none */
    const uint8_t *trait_choices; /* (trait_count) */
    void (*traits)(const struct arch *arch, uint8_t *out);
    enum status_code (*build)(const struct space *space, const struct arch *arch, const struct space_build *build, struct net *out,
                              struct status *status);
    enum status_code (*build_oneshot)(const struct space *space, const struct space_build *build, const struct space_mask *mask,
                                      struct net *out, struct status *status); /* NULL: there is none */
    const struct space_matrix *matrix; /* NULL: a row for each gene, of which the largest number decides */
};

struct space {
    const struct space_ops *ops;
    void *tables; /* owned; the module's own precomputed data */
};

/* Opens the space of that name ("nb201"). STATUS_NOT_FOUND with the list of known names otherwise. Close with space_close. */
enum status_code space_open(const char *name, struct space *out, struct status *status);
void space_close(struct space *space);

/* The ops of the space of that name, without opening it: its defaults and its batch. STATUS_NOT_FOUND as above. */
enum status_code space_find(const char *name, const struct space_ops **out, struct status *status);

size_t space_gene_count(const struct space *space);

/* Number of values of that gene. */
int space_choices(const struct space *space, size_t gene);

/* Reads the space's text form (nb201: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`, or the six digits of ../data's `ops` column).
 * STATUS_BAD_INPUT with the place of the first error; *out is then untouched. */
enum status_code space_parse(const struct space *space, const char *text, struct arch *out, struct status *status);

/* Genes within their ranges and of the right number: what the wire and the store check before they trust an architecture. */
bool space_valid(const struct space *space, const struct arch *arch);

/* From here on, `arch` must be valid in the space (space_valid): what comes from outside is asked first. */

/* Writes the exact text form. parse(print(a)) equals a. */
void space_print(const struct space *space, const struct arch *arch, char out[ARCH_TEXT_BYTES]);

/* False when the network's output cannot depend on its input: infeasible without running (phi = 0). */
bool space_connected(const struct space *space, const struct arch *arch);

/* The representative of the architectures that the space counts as one (isomorphic cells, which compute the same family of
 * functions): the same for each of them, itself a valid architecture, and a fixed point. Evaluation keys and weight seeds use it;
 * table look-ups must not. */
void space_canonical(const struct space *space, const struct arch *arch, struct arch *out);

/* What a model of costs should know beside the genes: small integers, trait i below space_trait_choices(i), that say how the
 * decisions hang together (nb201: which operations reach the output, how many edges meet where). Writes space_trait_count values,
 * none for most spaces. */
enum { SPACE_TRAITS_MAX = 32 };
size_t space_trait_count(const struct space *space);
int space_trait_choices(const struct space *space, size_t trait);
void space_traits(const struct space *space, const struct arch *arch, uint8_t out[SPACE_TRAITS_MAX]);

/* Every gene uniform and independent. */
void space_sample(const struct space *space, struct rng *rng, struct arch *out);

/* Per-gene uniform crossover: each gene from either parent with probability one half. */
void space_crossover(const struct space *space, struct rng *rng, const struct arch *a, const struct arch *b, struct arch *out);

/* Each gene is drawn afresh (uniform, possibly the same value) with that probability. */
void space_mutate(const struct space *space, struct rng *rng, double probability, struct arch *arch);

/* The matrix form (EvNAS, CMANAS, pEvoNAS, NEvoNAS; docs/SYSTEMS.md): a row of real numbers a decision, a number for each of its
 * operations, and the largest is chosen. nb201, fbnet: a row is a gene. darts: a row is one of the 14 edges of a cell, those of the
 * normal cell first, and its columns are `none` and the seven operations; a node keeps the two edges whose best operation other
 * than `none` has the largest numbers. */
size_t space_rows(const struct space *space);
size_t space_columns(const struct space *space, size_t row);
size_t space_matrix_size(const struct space *space); /* of all rows; at most SPACE_MATRIX_MAX */

/* values: the rows one behind the other, SPACE_MATRIX_MAX numbers at most. -INFINITY is chosen only where there is nothing else; of
 * equals the first is. */
void space_decode(const struct space *space, const double *values, struct arch *out);

/* The decisions that can be alike in two architectures, wherever else they differ, and how many are: genes; in darts an operation
 * on one state, in the same node of the same cell. */
size_t space_parts(const struct space *space);
size_t space_parts_alike(const struct space *space, const struct arch *a, const struct arch *b);

/* The column that the architecture has in each row (space_rows of them); SPACE_NOT_CHOSEN in a row that it does not select (an edge
 * of darts beyond a node's two). */
void space_chosen(const struct space *space, const struct arch *arch, int columns[SPACE_ROWS_MAX]);

/* The operations that are left in a space that shrinks (pEvoNAS): bit o of rows[r] is set when column o of row r of the matrix form
 * is there. */
struct space_mask {
    uint32_t rows[SPACE_ROWS_MAX];
};

/* Everything is there. */
void space_mask_all(const struct space *space, struct space_mask *out);

/* Everything but `none`, the first column of each row in nb201 and darts. */
void space_mask_operations(const struct space *space, struct space_mask *out);

/* Each row has something left, and no bit stands beyond its columns or beyond the rows: what the wire and the store check. */
bool space_mask_valid(const struct space *space, const struct space_mask *mask);

/* Puts -INFINITY in the place of the numbers of what is not there, so that space_decode does not choose it. */
void space_mask_values(const struct space *space, const struct space_mask *mask, double *values);

/* Whether all that the architecture has chosen is there. */
bool space_mask_allows(const struct space *space, const struct space_mask *mask, const struct arch *arch);

/* What the architecture has chosen and nothing else: of a row that it does not select the first column, `none` in darts. The
 * one-shot net of such a mask is the architecture's own: there is nothing to mix in it. */
void space_mask_of(const struct space *space, const struct arch *arch, struct space_mask *out);

/* What the operations of an edge weigh in a one-shot net (docs/SYSTEMS.md): per row the softmax of the values, in matrix form, over
 * the columns that the mask has; 0 in all others. */
void space_soften(const struct space *space, const struct space_mask *mask, const double *values, double out[SPACE_MATRIX_MAX]);

/* The same of a decoded architecture: of 1 where it has chosen and 0 elsewhere (EvNAS: e/(e+k-1) and 1/(e+k-1) of k operations). A
 * row that it does not select, or whose choice the mask lacks, weighs its operations evenly. */
void space_mixture(const struct space *space, const struct space_mask *mask, const struct arch *arch, double out[SPACE_MATRIX_MAX]);

/* Builds the one-shot net: on every edge every operation of the mask, weighed by NET_MIX with the coefficient that has its place in
 * the matrix form (row by row, all columns); plainly added up where every edge of a node has one operation left, which weighs 1.
 * Its one output are the logits. The batch norms of the searched operations have a fixed scale of 1 and shift of 0. Parameters
 * outside of the edges are named as by space_build_net; on an edge the operation's name comes in: nb201
 * cells.C.layers.EDGE.nor_conv_3x3.op.1 for cells.C.layers.EDGE.op.1, darts as the search network of its public code
 * cells.C._ops.EDGE._ops.COLUMN.op.1, where pools too have a batch norm. So the net of a smaller mask takes its weights out of that
 * of a larger one by name. Operations that cannot reach the output are left out. The caller frees *out with net_free; weights are
 * not initialised. STATUS_UNSUPPORTED for a space without one (fbnet) or a mask that leaves no way from the input to the output,
 * STATUS_BAD_INPUT for a mask that is not valid or sizes that do not fit. */
enum status_code space_build_oneshot(const struct space *space, const struct space_build *build, const struct space_mask *mask,
                                     struct net *out, struct status *status);

/* Builds the network: outputs logits first, then the taps in order (nb201: after the last cell of stages 1 and 2, after the last
 * BN+ReLU). Edges that cannot reach the output are left out. The caller frees *out with net_free. Weights are not initialised
 * (net_init). STATUS_UNSUPPORTED for a disconnected architecture, STATUS_BAD_INPUT for sizes that do not fit. */
enum status_code space_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status);

#endif
