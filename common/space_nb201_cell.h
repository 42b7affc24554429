/* space_nb201_cell: what space_nb201.c and space_nb201_net.c share about a cell. Nobody else includes it. */
#ifndef HWNAS_COMMON_SPACE_NB201_CELL_H
#define HWNAS_COMMON_SPACE_NB201_CELL_H

#include "common/space_nb201.h"

enum { NB201_NODES = 4 };

struct nb201_edge {
    int from, to;
};

/* In gene order; sources stand before destinations. */
extern const struct nb201_edge nb201_edges[NB201_EDGES];

extern const char *const nb201_operation_names[NB201_OPERATIONS];

/* Bit i is set when edge i lies on a way from node 0 to node 3 without `none`; 0 when the cell is disconnected. */
unsigned nb201_live_edges(const struct arch *arch);

/* space_ops.build. */
enum status_code nb201_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status);

/* space_ops.build_oneshot. */
enum status_code nb201_build_oneshot(const struct space *space, const struct space_build *build, const struct space_mask *mask,
                                     struct net *out, struct status *status);

#endif
