/* space_nb201: the search space of NAS-Bench-201 (Dong and Yang, ICLR 2020): cells of four nodes and six edges, five operations per
 * edge, 15,625 cells. Included by space.c and by its tests alone.
 *
 * Gene i is the operation of edge i; edges in the order 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2; operations 0 none, 1 skip_connect,
 * 2 nor_conv_1x1, 3 nor_conv_3x3, 4 avg_pool_3x3. The text form is `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`.
 *
 * Isomorphic cells, exactly as the benchmark counts them (AutoDL-Projects, Structure.to_unique_str(consider_zero=True)), which
 * gives its published 6,466 topologies: node 0 is `0`; an edge is `#` when its operation is `none` or its source is exactly `#`,
 * its source's own text when the operation is skip_connect, `(SOURCE)@OPERATION` otherwise; a node is its edges' texts sorted and
 * joined with `+`; the cell is node 3. Edges that do not reach node 3 leave no trace, so they never split a class. Cells of one
 * class compute the same family of functions (sums of the same terms); the converse does not hold: where zeros stay in the text,
 * `#+#` for one, equal cells are kept apart (4,930 classes would be left), as in the published count. A class is wholly connected
 * or wholly disconnected. Its representative is the member with the smallest genes. */
#ifndef HWNAS_COMMON_SPACE_NB201_H
#define HWNAS_COMMON_SPACE_NB201_H

#include "common/space.h"

enum { NB201_EDGES = 6, NB201_OPERATIONS = 5, NB201_CELLS = 15625, NB201_TOPOLOGIES = 6466 };

enum nb201_operation { NB201_NONE, NB201_SKIP, NB201_CONV_1X1, NB201_CONV_3X3, NB201_AVG_POOL };

extern const struct space_ops space_nb201;

#endif
