/* pareto: dominance and the front of a set of points. Pure. All objectives are minimised: negate what is to be maximised. */
#ifndef HWNAS_MASTER_PARETO_H
#define HWNAS_MASTER_PARETO_H

#include <stdbool.h>
#include <stddef.h>

/* a is no worse in every one of m objectives and better in at least one. NaN never dominates and is never dominated. */
bool pareto_dominates(const double *a, const double *b, size_t m);

/* Marks the non-dominated of n points (row-major n x m): front[i] true when no other point dominates point i; of points with equal
 * objectives only the first is marked. A point with a NaN cannot be compared and is never marked. Returns how many are marked.
 * O(n log n) for m = 2, O(n^2) otherwise (and where memory is short). */
size_t pareto_front(const double *points, size_t n, size_t m, bool *front);

#endif
