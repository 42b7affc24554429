/* space_darts: the search space of DARTS (Liu, Simonyan and Yang, ICLR 2019, section 2.1): a normal and a reduction cell, each of
 * four nodes that add up two operations on two different earlier states. Included by space.c and by its tests alone.
 *
 * States 0 and 1 of a cell are the outputs of the two cells before it, states 2 to 5 its nodes. Operations: 0 max_pool_3x3,
 * 1 avg_pool_3x3, 2 skip_connect, 3 sep_conv_3x3, 4 sep_conv_5x5, 5 dil_conv_3x3, 6 dil_conv_5x5 (the paper's `none` is never
 * chosen). A cell has eleven genes, the normal cell's first: the two operations of node 2, then for nodes 3, 4 and 5 the pair of
 * states they read (3, 6 and 10 choices) and the two operations, the one on the earlier state first. Node 2 can only read 0 and 1.
 * Pair p is (a,b), a < b, with p = b(b-1)/2 + a, so that one number means one pair for every node. Every combination is a valid
 * cell, and none is written twice: (1*3*6*10 * 7^8)^2 architectures, the paper's 10^18.
 *
 * The text form: `normal:` and `/reduce:`, each followed by the four nodes, joined by `|`, a node being `op~STATE+op~STATE`.
 *
 * Two architectures are counted as one when their cells differ by the order of the nodes alone: a node's place is only the place of
 * its channels in the cell's output, which the 1x1 convolutions and the classifier behind it weigh one by one, and which linear CKA
 * does not see; so they compute the same family of functions, begin with equally distributed weights and score alike. The
 * representative has the smallest genes. Cells that are equal for other reasons (a node that reads one of two pools that compute
 * the same, a max-pool before or after a ReLU) are kept apart. Every architecture is connected: each node reads two states that
 * depend on the image, and no operation discards its input. */
#ifndef HWNAS_COMMON_SPACE_DARTS_H
#define HWNAS_COMMON_SPACE_DARTS_H

#include "common/space.h"

enum { DARTS_NODES = 4, DARTS_OPERATIONS = 7, DARTS_CELL_GENES = 11, DARTS_GENES = 2 * DARTS_CELL_GENES };

enum darts_operation {
    DARTS_MAX_POOL,
    DARTS_AVG_POOL,
    DARTS_SKIP,
    DARTS_SEP_CONV_3X3,
    DARTS_SEP_CONV_5X5,
    DARTS_DIL_CONV_3X3,
    DARTS_DIL_CONV_5X5
};

extern const struct space_ops space_darts;

#endif
