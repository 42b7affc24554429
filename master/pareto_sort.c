/* pareto_sort: which front every point stands in. Called by multi-objective strategies.
 *
 * A point's front is one behind the last front among the points that dominate it. Feasible points are put into lexicographic order
 * and copies are folded; the different points that remain are called places, numbered in that order, so that only an earlier place
 * can dominate a later one and the first objective needs no further look. Two objectives: a sweep with a binary search over the
 * fronts. More: halve the places, rank the earlier half, raise the later half above it, rank the later half (Jensen 2003, Reducing
 * the run-time complexity of multiobjective EAs; Fortin, Grenier and Parizeau 2013, Generalizing the improved run-time complexity
 * algorithm for non-dominated sorting, for equal values). Raising splits by one objective after the other until two remain, and
 * those are a sweep by the one over a Fenwick tree by the other: O(n log^(m-1) n), whatever the fronts look like. */
#include <stdlib.h>
#include <string.h>

#include "master/pareto.h"

enum { FEW = 32 }; /* so few places are compared pair by pair: measured, flat around it */

struct row {
    double violation, first; /* first: the first objective */
    uint32_t index;          /* of the point */
};

struct value {
    double value;
    uint32_t place;
};

struct sorter {
    const double *points; /* (n, m) */
    size_t m;
    struct row *rows;  /* (n): the feasible in lexicographic order, then the others by violation */
    uint32_t feasible; /* how many of them are feasible */
    uint32_t places;
    uint32_t *point; /* (places): a point that stands there */
    uint32_t *front; /* (places) */
    uint32_t *level; /* (places, m): the dense rank of objectives 1 to m-1 among all places; that of objective 0 is not used */
    uint32_t *tree;  /* (places + 1): Fenwick tree over levels of objective 2: the highest front + 1 swept in so far; 0 none */
};

static int by_violation_and_objectives(const void *a, const void *b, void *context)
{
    const struct sorter *sorter = context;
    const struct row *x = a, *y = b;
    if (x->violation != y->violation)
        return x->violation < y->violation ? -1 : 1;
    if (x->violation > 0)
        return 0;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    const double *p = sorter->points + x->index * sorter->m, *q = sorter->points + y->index * sorter->m;
    for (size_t k = 1; k < sorter->m; k++)
        if (p[k] != q[k])
            return p[k] < q[k] ? -1 : 1;
    return 0;
}

static void make_rows(struct sorter *sorter, const double *violation, size_t n)
{
    sorter->feasible = 0;
    for (size_t i = 0; i < n; i++) {
        const double *point = sorter->points + i * sorter->m;
        struct row row = {pareto_violation(point, violation ? violation[i] : 0, sorter->m), point[0], (uint32_t)i};
        sorter->rows[i] = row;
        sorter->feasible += row.violation == 0;
    }
    qsort_r(sorter->rows, n, sizeof *sorter->rows, by_violation_and_objectives, sorter);
}

/* Folds copies: point[] holds the first row of each place. */
static void make_places(struct sorter *sorter)
{
    sorter->places = 0;
    for (uint32_t i = 0; i < sorter->feasible; i++)
        if (i == 0 || by_violation_and_objectives(&sorter->rows[i - 1], &sorter->rows[i], sorter) != 0)
            sorter->point[sorter->places++] = sorter->rows[i].index;
}

/* --- one or two objectives --- */

/* best[f] is the smallest last objective in front f, which grows with f: a place belongs to the first front whose best is above it.
 */
static void rank_by_sweep(struct sorter *sorter, double *best)
{
    uint32_t fronts = 0;
    for (uint32_t place = 0; place < sorter->places; place++) {
        double last = sorter->m == 2 ? sorter->points[(size_t)sorter->point[place] * 2 + 1] : 0;
        uint32_t low = 0, high = fronts;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (best[middle] <= last)
                low = middle + 1;
            else
                high = middle;
        }
        best[low] = last;
        sorter->front[place] = low;
        fronts += low == fronts;
    }
}

/* --- three objectives and more --- */

static int by_value(const void *a, const void *b)
{
    const struct value *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static uint32_t *level_of(const struct sorter *sorter, uint32_t place)
{
    return sorter->level + place * sorter->m;
}

/* Fills in the levels of objective k and leaves the places in its order (equal values: in their own). */
static void make_levels(struct sorter *sorter, size_t k, struct value *values)
{
    for (uint32_t place = 0; place < sorter->places; place++)
        values[place] = (struct value){sorter->points[sorter->point[place] * sorter->m + k], place};
    qsort(values, sorter->places, sizeof *values, by_value);
    uint32_t level = 0;
    for (uint32_t i = 0; i < sorter->places; i++) {
        level += i > 0 && values[i].value != values[i - 1].value;
        level_of(sorter, values[i].place)[k] = level;
    }
}

/* Raises place j above place i < j where i is no worse in objectives 1 to last: that is dominance when i's others are no worse. */
static void raise_one(struct sorter *sorter, uint32_t i, uint32_t j, size_t last)
{
    const uint32_t *a = level_of(sorter, i), *b = level_of(sorter, j);
    if (sorter->front[i] < sorter->front[j])
        return;
    for (size_t k = 1; k <= last; k++)
        if (a[k] > b[k])
            return;
    sorter->front[j] = sorter->front[i] + 1;
}

/* Lists are sorted by objective 1, equal values by place. Raises the list's places from middle on above those before it that are no
 * worse in objectives 1 and 2. */
static void raise_by_sweep(struct sorter *sorter, const uint32_t *list, uint32_t count, uint32_t middle)
{
    uint32_t *tree = sorter->tree, *front = sorter->front;
    for (uint32_t at = 0; at < count; at++) {
        uint32_t place = list[at], cell = level_of(sorter, place)[2] + 1;
        if (place < middle) {
            /* A cell that is high enough has only such cells above it. */
            for (; cell <= sorter->places && tree[cell] <= front[place]; cell += cell & -cell)
                tree[cell] = front[place] + 1;
        } else {
            for (; cell > 0; cell &= cell - 1)
                if (tree[cell] > front[place])
                    front[place] = tree[cell];
        }
    }
    for (uint32_t at = 0; at < count; at++)
        if (list[at] < middle)
            for (uint32_t cell = level_of(sorter, list[at])[2] + 1; cell <= sorter->places && tree[cell] > 0; cell += cell & -cell)
                tree[cell] = 0;
}

/* What a list's earlier places (before middle) and later ones span in one objective. */
struct span {
    uint32_t count, low, high;
};

static void span_of(const struct sorter *sorter, const uint32_t *list, uint32_t count, uint32_t middle, size_t k,
                    struct span span[2])
{
    span[0] = span[1] = (struct span){0, UINT32_MAX, 0};
    for (uint32_t at = 0; at < count; at++) {
        struct span *side = &span[list[at] >= middle];
        uint32_t level = level_of(sorter, list[at])[k];
        side->count++;
        side->low = level < side->low ? level : side->low;
        side->high = level > side->high ? level : side->high;
    }
}

static void raise_by_pairs(struct sorter *sorter, const uint32_t *list, uint32_t count, uint32_t middle, size_t last)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = i + 1; list[i] < middle && j < count; j++)
            if (list[j] >= middle)
                raise_one(sorter, list[i], list[j], last);
}

/* Moves the places whose objective k is at most pivot to the front of the list, both parts in their old order. */
static uint32_t split(const struct sorter *sorter, uint32_t *list, uint32_t count, size_t k, uint32_t pivot, uint32_t *scratch)
{
    uint32_t low = 0, high = 0;
    for (uint32_t at = 0; at < count; at++)
        if (level_of(sorter, list[at])[k] <= pivot)
            list[low++] = list[at];
        else
            scratch[high++] = list[at];
    memcpy(list + low, scratch, high * sizeof *list);
    return low;
}

/* Raises the list's places from middle on above those before it that are no worse in objectives 1 to last. Reorders the list;
 * scratch has room for last - 2 lists of this length. */
static void raise_later(struct sorter *sorter, uint32_t *list, uint32_t count, uint32_t middle, size_t last, uint32_t *scratch)
{
    struct span span[2];
    if (last == 2) {
        raise_by_sweep(sorter, list, count, middle);
        return;
    }
    span_of(sorter, list, count, middle, last, span);
    if (span[0].count == 0 || span[1].count == 0 || span[0].low > span[1].high)
        return;
    if (count <= FEW) {
        raise_by_pairs(sorter, list, count, middle, last);
    } else if (span[0].high <= span[1].low) {
        raise_later(sorter, list, count, middle, last - 1, scratch);
    } else {
        uint32_t low = span[0].low < span[1].low ? span[0].low : span[1].low;
        uint32_t high = span[0].high > span[1].high ? span[0].high : span[1].high;
        uint32_t pivot = low + (high - low) / 2, crossing = 0;
        for (uint32_t at = 0; at < count; at++)
            if ((level_of(sorter, list[at])[last] <= pivot) == (list[at] < middle))
                scratch[crossing++] = list[at];
        raise_later(sorter, scratch, crossing, middle, last - 1, scratch + crossing);
        uint32_t below = split(sorter, list, count, last, pivot, scratch);
        raise_later(sorter, list, below, middle, last, scratch);
        raise_later(sorter, list + below, count - below, middle, last, scratch);
    }
}

static uint32_t pick(const uint32_t *list, uint32_t count, uint32_t from, uint32_t to, uint32_t *picked)
{
    uint32_t found = 0;
    for (uint32_t at = 0; at < count; at++)
        if (list[at] >= from && list[at] < to)
            picked[found++] = list[at];
    return found;
}

/* Ranks places first to first + count - 1, which the list holds, by each other; all above the places before them is done. */
static void rank_range(struct sorter *sorter, const uint32_t *list, uint32_t first, uint32_t count, uint32_t *scratch)
{
    uint32_t middle = first + count / 2, end = first + count, picked;
    if (count <= FEW) {
        for (uint32_t j = first; j < end; j++)
            for (uint32_t i = first; i < j; i++)
                raise_one(sorter, i, j, sorter->m - 1);
        return;
    }
    picked = pick(list, count, first, middle, scratch);
    rank_range(sorter, scratch, first, picked, scratch + picked);
    picked = pick(list, count, first, end, scratch);
    raise_later(sorter, scratch, picked, middle, sorter->m - 1, scratch + picked);
    picked = pick(list, count, middle, end, scratch);
    rank_range(sorter, scratch, middle, picked, scratch + picked);
}

static bool rank_by_halves(struct sorter *sorter)
{
    size_t places = sorter->places, lists = sorter->m; /* the list, its halves' (a list and a bit in all), and m - 3 for raising */
    struct value *values = calloc(places + 1, sizeof *values);
    uint32_t *scratch = calloc(lists, (places + 64) * sizeof *scratch);
    sorter->level = calloc(places + 1, sorter->m * sizeof *sorter->level);
    sorter->tree = calloc(places + 1, sizeof *sorter->tree);
    bool done = values && scratch && sorter->level && sorter->tree;
    for (size_t k = sorter->m - 1; done && k >= 1; k--)
        make_levels(sorter, k, values);
    if (done) {
        for (size_t i = 0; i < places; i++)
            scratch[i] = values[i].place;
        rank_range(sorter, scratch, 0, sorter->places, scratch + places);
    }
    free(values);
    free(scratch);
    return done;
}

/* --- all --- */

static bool rank_places(struct sorter *sorter)
{
    if (sorter->m > 2)
        return rank_by_halves(sorter);
    double *best = calloc((size_t)sorter->places + 1, sizeof *best);
    if (best == NULL)
        return false;
    rank_by_sweep(sorter, best);
    free(best);
    return true;
}

static void write_ranks(const struct sorter *sorter, size_t n, uint32_t *rank)
{
    uint32_t place = 0, fronts = 0;
    for (size_t i = 0; i < sorter->feasible; i++) {
        if (i > 0 && by_violation_and_objectives(&sorter->rows[i - 1], &sorter->rows[i], (void *)(uintptr_t)sorter) != 0)
            place++;
        rank[sorter->rows[i].index] = sorter->front[place];
        fronts = sorter->front[place] >= fronts ? sorter->front[place] + 1 : fronts;
    }
    for (size_t i = sorter->feasible; i < n; i++) {
        if (i > sorter->feasible && sorter->rows[i].violation != sorter->rows[i - 1].violation)
            fronts++;
        rank[sorter->rows[i].index] = fronts;
    }
}

bool pareto_sort(const double *points, const double *violation, size_t n, size_t m, uint32_t *rank)
{
    struct sorter sorter = {.points = points, .m = m};
    bool done = false;
    sorter.rows = calloc(n + 1, sizeof *sorter.rows);
    sorter.point = calloc(n + 1, sizeof *sorter.point);
    sorter.front = calloc(n + 1, sizeof *sorter.front);
    if (sorter.rows && sorter.point && sorter.front) {
        make_rows(&sorter, violation, n);
        make_places(&sorter);
        done = rank_places(&sorter);
    }
    if (done)
        write_ranks(&sorter, n, rank);
    free(sorter.rows);
    free(sorter.point);
    free(sorter.front);
    free(sorter.level);
    free(sorter.tree);
    return done;
}
