/* nsga: see nsga.h. Called by strategy_mohdnas.c, strategy_nevonas.c and foresight.c. */
#include "master/nsga.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "master/pareto.h"

/* --- standing --- */

bool nsga_rank(const double *points, const double *violation, size_t n, size_t m, struct nsga_standing *out)
{
    uint32_t *rank = calloc(n + 1, sizeof *rank);
    double *crowding = calloc(n + 1, sizeof *crowding);
    bool done = rank != NULL && crowding != NULL && pareto_sort(points, violation, n, m, rank) &&
                pareto_crowding(points, rank, n, m, crowding);
    for (size_t i = 0; done && i < n; i++)
        out[i] = (struct nsga_standing){rank[i], crowding[i], out[i].age, (uint32_t)i};
    free(rank);
    free(crowding);
    return done;
}

static int by_standing(const void *left, const void *right)
{
    const struct nsga_standing *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->crowding != b->crowding)
        return a->crowding > b->crowding ? -1 : 1;
    return a->age < b->age ? -1 : a->age > b->age;
}

void nsga_sort(struct nsga_standing *standing, size_t n)
{
    qsort(standing, n, sizeof *standing, by_standing);
}

uint32_t nsga_parent(const struct nsga_standing *standing, uint32_t n, struct rng *rng)
{
    const struct nsga_standing *a = &standing[rng_below(rng, n)], *b = &standing[rng_below(rng, n)];
    bool second = b->rank != a->rank ? b->rank < a->rank : b->crowding > a->crowding;
    return second ? b->index : a->index;
}

/* --- operators --- */

static const double alike = 1e-14; /* parents nearer than this have no spread to keep */

/* How far a child lies from the middle of its parents, as a multiple of theirs, when the bound behind it is `bound` of their
 * distance away: so that no child lies beyond. */
static double spread_factor(double uniform, double bound, double eta)
{
    double alpha = 2 - pow(1 + 2 * bound, -(eta + 1));
    double base = uniform <= 1 / alpha ? uniform * alpha : 1 / (2 - uniform * alpha);
    return pow(base, 1 / (eta + 1));
}

static double within(double x)
{
    return fmin(fmax(x, 0), 1);
}

static void cross_number(struct rng *rng, double eta, double a, double b, double *child, double *sibling)
{
    double low = fmin(a, b), high = fmax(a, b), distance = high - low, uniform = rng_uniform(rng);
    double lower = within((low + high - spread_factor(uniform, low / distance, eta) * distance) / 2);
    double upper = within((low + high + spread_factor(uniform, (1 - high) / distance, eta) * distance) / 2);
    bool swap = rng_below(rng, 2) == 1;
    *child = swap ? upper : lower;
    *sibling = swap ? lower : upper;
}

void nsga_cross(struct rng *rng, double probability, double eta, size_t n, const double *a, const double *b, double *child,
                double *sibling)
{
    memcpy(child, a, n * sizeof *child);
    memcpy(sibling, b, n * sizeof *sibling);
    if (rng_uniform(rng) >= probability)
        return;
    for (size_t i = 0; i < n; i++)
        if (rng_below(rng, 2) == 0 && fabs(a[i] - b[i]) > alike)
            cross_number(rng, eta, a[i], b[i], &child[i], &sibling[i]);
}

static double mutated(double uniform, double eta, double x)
{
    if (uniform <= 0.5)
        return x + pow(2 * uniform + (1 - 2 * uniform) * pow(1 - x, eta + 1), 1 / (eta + 1)) - 1;
    return x + 1 - pow(2 * (1 - uniform) + 2 * (uniform - 0.5) * pow(x, eta + 1), 1 / (eta + 1));
}

void nsga_mutate(struct rng *rng, double probability, double eta, size_t n, double *x)
{
    for (size_t i = 0; i < n; i++)
        if (rng_uniform(rng) < probability)
            x[i] = within(mutated(rng_uniform(rng), eta, x[i]));
}
