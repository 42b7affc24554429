/* pareto_front: which points of a set nobody beats. Called by reports; knows nothing of architectures. */
#include <stdlib.h>
#include <string.h>

#include "master/front.h"
#include "master/pareto.h"

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
        front[i] = pareto_violation(points + i * m, 0, m) == 0 && !beaten(points, n, m, i);
        marked += front[i];
    }
    return marked;
}

/* True when every point could be offered and the entries listed. */
static bool front_by_offers(const double *points, size_t n, size_t m, bool *marked, size_t *count)
{
    struct front *front = front_open(m);
    struct front_entry *entries = NULL;
    bool done = front != NULL;
    for (size_t i = 0; i < n && done; i++)
        done = front_offer(front, points + i * m, i) != FRONT_NO_MEMORY;
    if (done) {
        *count = front_count(front);
        entries = calloc(*count + 1, sizeof *entries);
        done = entries != NULL;
    }
    if (done) {
        memset(marked, 0, n * sizeof *marked);
        front_list(front, entries);
        for (size_t i = 0; i < *count; i++)
            marked[entries[i].tag] = true;
    }
    free(entries);
    front_close(front);
    return done;
}

size_t pareto_front(const double *points, size_t n, size_t m, bool *front)
{
    size_t count = 0;
    if (n == 0 || (m > 0 && front_by_offers(points, n, m, front, &count)))
        return count;
    return front_by_pairs(points, n, m, front);
}
