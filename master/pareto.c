/* pareto: which points nobody beats. Called by reports and by multi-objective strategies; knows nothing of architectures. */
#include "master/pareto.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

bool pareto_dominates(const double *a, const double *b, size_t m)
{
    bool better = false;
    for (size_t k = 0; k < m; k++) {
        if (!(a[k] <= b[k]))
            return false;
        better |= a[k] < b[k];
    }
    return better;
}

static bool comparable(const double *point, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (isnan(point[k]))
            return false;
    return true;
}

double pareto_violation(const double *point, double violation, size_t m)
{
    if (isnan(violation) || !comparable(point, m))
        return INFINITY;
    return violation > 0 ? violation : 0;
}

int pareto_compare(const double *a, double violation_a, const double *b, double violation_b, size_t m)
{
    violation_a = pareto_violation(a, violation_a, m);
    violation_b = pareto_violation(b, violation_b, m);
    if (violation_a != violation_b)
        return violation_a < violation_b ? -1 : 1;
    if (violation_a > 0)
        return 0;
    return pareto_dominates(a, b, m) ? -1 : pareto_dominates(b, a, m);
}

static bool equal(const double *a, const double *b, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (a[k] != b[k])
            return false;
    return true;
}

static bool beaten(const double *points, size_t n, size_t m, size_t i)
{
    for (size_t j = 0; j < n; j++) {
        if (pareto_dominates(points + j * m, points + i * m, m))
            return true;
        if (j < i && equal(points + j * m, points + i * m, m))
            return true;
    }
    return false;
}

static size_t front_by_pairs(const double *points, size_t n, size_t m, bool *front)
{
    size_t marked = 0;
    for (size_t i = 0; i < n; i++) {
        front[i] = comparable(points + i * m, m) && !beaten(points, n, m, i);
        marked += front[i];
    }
    return marked;
}

/* By the first objective, then the second, then the place in the list, so that the first of equal points comes first. */
static int by_objectives(const void *a, const void *b, void *context)
{
    const double *points = context;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    for (size_t k = 0; k < 2; k++)
        if (points[2 * i + k] != points[2 * j + k])
            return points[2 * i + k] < points[2 * j + k] ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* Sorted by the first objective, a point is on the front exactly when its second is smaller than every second before it. */
static size_t front_by_sweep(const double *points, size_t n, bool *front, size_t *order)
{
    size_t count = 0, marked = 0;
    for (size_t i = 0; i < n; i++) {
        front[i] = false;
        if (comparable(points + 2 * i, 2))
            order[count++] = i;
    }
    qsort_r(order, count, sizeof *order, by_objectives, (void *)(uintptr_t)points);
    for (size_t i = 0; i < count; i++) {
        if (marked > 0 && points[2 * order[i] + 1] >= points[2 * order[marked - 1] + 1])
            continue;
        front[order[i]] = true;
        order[marked++] = order[i];
    }
    return marked;
}

size_t pareto_front(const double *points, size_t n, size_t m, bool *front)
{
    size_t *order = m == 2 && n > 0 ? malloc(n * sizeof *order) : NULL;
    if (order == NULL)
        return front_by_pairs(points, n, m, front);
    size_t marked = front_by_sweep(points, n, front, order);
    free(order);
    return marked;
}
