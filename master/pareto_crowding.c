/* pareto_crowding: how lonely each point stands in its front. Called by multi-objective strategies, which keep the loneliest of the
 * front that does not fit. Copies of a point are left out of the reckoning, so that they cannot hide how lonely their place is. */
#include <math.h>
#include <stdlib.h>

#include "master/pareto.h"

struct crowd {
    const double *points; /* (n, m) */
    const uint32_t *rank; /* (n) */
    size_t m, by;         /* sorted by this objective first, then by all in their order */
};

static int by_value(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int by_objectives(const struct crowd *crowd, size_t i, size_t j)
{
    const double *a = crowd->points + i * crowd->m, *b = crowd->points + j * crowd->m;
    int order = by_value(a[crowd->by], b[crowd->by]);
    for (size_t k = 0; k < crowd->m && order == 0; k++)
        order = by_value(a[k], b[k]);
    return order;
}

/* By rank, objectives and place in the list: equal points stand together, the first of them first. */
static int by_rank(const void *a, const void *b, void *context)
{
    const struct crowd *crowd = context;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (crowd->rank[i] != crowd->rank[j])
        return crowd->rank[i] < crowd->rank[j] ? -1 : 1;
    int order = by_objectives(crowd, i, j);
    return order != 0 ? order : i < j ? -1 : i > j;
}

/* Adds what one objective says of one front: order[0..count) are its different points, sorted by that objective. */
static void add_gaps(const struct crowd *crowd, const size_t *order, size_t count, double *crowding)
{
    const double *value = crowd->points + crowd->by;
    double range = 0, low = INFINITY, high = -INFINITY;
    if (value[order[0] * crowd->m] == value[order[count - 1] * crowd->m])
        return;
    for (size_t i = 0; i < count; i++) {
        double v = value[order[i] * crowd->m];
        if (isfinite(v)) {
            low = fmin(low, v);
            high = fmax(high, v);
        }
    }
    range = high - low;
    crowding[order[0]] = crowding[order[count - 1]] = INFINITY;
    for (size_t i = 1; i + 1 < count; i++) {
        double gap = value[order[i + 1] * crowd->m] - value[order[i - 1] * crowd->m];
        if (gap > 0) /* neither 0 nor the NaN between two equal infinities */
            crowding[order[i]] += isinf(gap) ? gap : gap / range;
    }
}

/* Leaves out of the sorted list all but the first of equal points. Returns how many are left. */
static size_t drop_copies(const struct crowd *crowd, size_t *order, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || crowd->rank[order[kept - 1]] != crowd->rank[order[i]] ||
            by_objectives(crowd, order[kept - 1], order[i]) != 0)
            order[kept++] = order[i];
    return kept;
}

static size_t front_length(const struct crowd *crowd, const size_t *order, size_t count)
{
    size_t length = 1;
    while (length < count && crowd->rank[order[length]] == crowd->rank[order[0]])
        length++;
    return length;
}

bool pareto_crowding(const double *points, const uint32_t *rank, size_t n, size_t m, double *crowding)
{
    struct crowd crowd = {.points = points, .rank = rank, .m = m};
    size_t count = 0, length, *order = malloc((n + 1) * sizeof *order);
    if (order == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        crowding[i] = 0;
        if (pareto_violation(points + i * m, 0, m) == 0)
            order[count++] = i;
    }
    for (crowd.by = 0; crowd.by < m; crowd.by++) {
        qsort_r(order, count, sizeof *order, by_rank, &crowd);
        if (crowd.by == 0)
            count = drop_copies(&crowd, order, count);
        for (size_t start = 0; start < count; start += length) {
            length = front_length(&crowd, order + start, count - start);
            if (length < 3)
                for (size_t i = start; i < start + length; i++)
                    crowding[order[i]] = INFINITY;
            else
                add_gaps(&crowd, order + start, length, crowding);
        }
    }
    free(order);
    return true;
}
