/* pareto: dominance, the front of a set of points, non-dominated sorting and crowding. Pure. All objectives are minimised: negate
 * what is to be maximised. Points are row-major n x m.
 *
 * Constraints follow Deb, Pratap, Agarwal and Meyarivan (A fast and elitist multiobjective genetic algorithm: NSGA-II, 2002,
 * section VI): every point carries a `violation`, 0 when it keeps all constraints, else the sum of its relative excesses. A point
 * that keeps them beats every point that does not; of two that do not, the smaller violation beats the larger, whatever their
 * objectives. */
#ifndef HWNAS_MASTER_PARETO_H
#define HWNAS_MASTER_PARETO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* a is no worse in every one of m objectives and better in at least one. NaN never dominates and is never dominated. */
bool pareto_dominates(const double *a, const double *b, size_t m);

/* The violation that a point counts with where there are constraints: INFINITY (infeasible, or a value is missing) when an
 * objective or the violation itself is NaN, otherwise the violation, never below 0. */
double pareto_violation(const double *point, double violation, size_t m);

/* Constrained dominance: -1 when a dominates b, 1 when b dominates a, 0 when neither does. Two violations of INFINITY are equal, so
 * nothing that counts with INFINITY dominates anything. */
int pareto_compare(const double *a, double violation_a, const double *b, double violation_b, size_t m);

/* Marks the non-dominated of n points: front[i] true when no other point dominates point i; of points with equal
 * objectives only the first is marked. A point with a NaN cannot be compared and is never marked. Returns how many are marked.
 * As fast as n offers to a front (front.h), O(n^2) where memory is short. */
size_t pareto_front(const double *points, size_t n, size_t m, bool *front);

/* Non-dominated sorting by constrained dominance: rank[i] = 0 when nothing dominates point i, else 1 + the highest rank among those
 * that dominate it, which is the number of the front that it stands in when fronts are peeled off one after the other. Points with
 * equal objectives share a rank, and so do equal violations: every different violation is a front of its own behind the feasible
 * ones, INFINITY the last. violation may be NULL: all 0. m >= 1, n < 2^32. Returns false without memory, and rank is then
 * undefined. */
bool pareto_sort(const double *points, const double *violation, size_t n, size_t m, uint32_t *rank);

/* Crowding distance (the same paper, section III B) of every point within the front of its rank: over the objectives, the sum of
 * the gap between its two neighbours divided by the range of that front, INFINITY for the ends. Larger is lonelier. Never NaN:
 * - of points with equal objectives the first has the distance that it would have without the others, and the others have 0;
 * - an objective in which the whole front is equal says nothing, and a gap to an infinite value is INFINITY;
 * - a front of one or two different points has INFINITY; a point with a NaN has 0.
 * O(m n log n). Returns false without memory, and crowding is then undefined. */
bool pareto_crowding(const double *points, const uint32_t *rank, size_t n, size_t m, double *crowding);

#endif
