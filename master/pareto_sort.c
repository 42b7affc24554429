/* pareto_sort: which front every point stands in. Called by multi-objective strategies. */
#include <stdlib.h>

#include "master/pareto.h"

static bool beaten(const double *points, const double *violation, size_t n, size_t m, const uint32_t *rank, uint32_t front,
                   size_t i)
{
    for (size_t j = 0; j < n; j++)
        if (rank[j] >= front &&
            pareto_compare(points + j * m, violation ? violation[j] : 0, points + i * m, violation ? violation[i] : 0, m) < 0)
            return true;
    return false;
}

bool pareto_sort(const double *points, const double *violation, size_t n, size_t m, uint32_t *rank)
{
    bool *leaves = malloc(n + 1);
    size_t left = n;
    if (leaves == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        rank[i] = UINT32_MAX;
    for (uint32_t front = 0; left > 0; front++) {
        for (size_t i = 0; i < n; i++)
            leaves[i] = rank[i] == UINT32_MAX && !beaten(points, violation, n, m, rank, front, i);
        for (size_t i = 0; i < n; i++)
            if (leaves[i]) {
                rank[i] = front;
                left--;
            }
    }
    free(leaves);
    return true;
}
