/* hypervolume: how much of the space before a reference point a set of points dominates, the usual measure of a front (Zitzler and
 * Thiele 1998). Exact. Pure. All objectives are minimised: negate what is to be maximised, the reference too. */
#ifndef HWNAS_MASTER_HYPERVOLUME_H
#define HWNAS_MASTER_HYPERVOLUME_H

#include <stdbool.h>
#include <stddef.h>

/* The volume of the union of the boxes between each of n points (row-major n x m) and the reference (m), in the product of the
 * objectives' units. m is 2 or 3. Points need not be non-dominated nor different; one that is not strictly better than the
 * reference in every objective, or has a NaN, contributes nothing; one that is -INFINITY somewhere and contributes makes the volume
 * INFINITY. O(n log n). Returns false without memory or for another m, and *volume is then NaN. */
bool hypervolume_of(const double *points, size_t n, size_t m, const double *reference, double *volume);

#endif
