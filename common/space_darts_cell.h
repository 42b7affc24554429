/* space_darts_cell: what space_darts.c and space_darts_net.c share about a cell. Nobody else includes it. */
#ifndef HWNAS_COMMON_SPACE_DARTS_CELL_H
#define HWNAS_COMMON_SPACE_DARTS_CELL_H

#include "common/space_darts.h"

enum darts_kind { DARTS_NORMAL, DARTS_REDUCE, DARTS_KINDS };

enum { DARTS_STATES = DARTS_NODES + 2 };

/* Of the matrix form. Column 0 is `none`. */
enum { DARTS_CELL_EDGES = 14, DARTS_COLUMNS = DARTS_OPERATIONS + 1 };

/* An operation on a state. */
struct darts_edge {
    uint8_t state, operation;
};

/* Node n is state n + 2; its edge on the earlier state stands first. */
struct darts_cell {
    struct darts_edge edges[DARTS_NODES][2];
};

/* The cell that the genes spell. */
void darts_cell_of(const struct arch *arch, enum darts_kind kind, struct darts_cell *out);

/* space_ops.build. */
enum status_code darts_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status);

/* space_ops.build_oneshot. */
enum status_code darts_build_oneshot(const struct space *space, const struct space_build *build, const struct space_mask *mask,
                                     struct net *out, struct status *status);

#endif
