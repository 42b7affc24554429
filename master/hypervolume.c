/* hypervolume: sweeps along the last objective. Called by reports and benches.
 *
 * In two objectives the sweep meets ever smaller values of the first, and each adds a rectangle. In three, every slab between two
 * neighbouring values of the third has the same cross-section: the area behind a staircase in the first two, which only grows
 * (Fonseca, Paquete and Lopez-Ibanez 2006, An improved dimension-sweep algorithm for the hypervolume indicator, with a sorted
 * staircase as in Beume et al. 2009). */
#include "master/hypervolume.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* --- a set of whole numbers --- */

/* A set of whole numbers below some bound, which finds a member's neighbours: words of 64 bits, and words over which of those are
 * not 0, and so on up to one word. */
enum { SET_LEVELS = 11 }; /* 64^11 > 2^64 */

struct set {
    uint64_t *level[SET_LEVELS]; /* level[0]: the members themselves; all one allocation */
    int levels;
};

static bool set_open(struct set *set, size_t bound)
{
    size_t words[SET_LEVELS], all = 0;
    set->levels = 0;
    for (size_t rest = bound; set->levels == 0 || rest > 1; set->levels++) {
        rest = words[set->levels] = rest / 64 + 1;
        all += rest;
    }
    set->level[0] = calloc(all, sizeof(uint64_t));
    for (int i = 1; set->level[0] != NULL && i < set->levels; i++)
        set->level[i] = set->level[i - 1] + words[i - 1];
    return set->level[0] != NULL;
}

static void set_add(struct set *set, size_t member)
{
    for (int i = 0; i < set->levels; i++, member /= 64)
        set->level[i][member / 64] |= UINT64_C(1) << (member % 64);
}

static void set_remove(struct set *set, size_t member)
{
    for (int i = 0; i < set->levels; i++, member /= 64) {
        set->level[i][member / 64] &= ~(UINT64_C(1) << (member % 64));
        if (set->level[i][member / 64] != 0)
            return;
    }
}

/* The nearest member below (step < 0) or above (step > 0) a number; SIZE_MAX when there is none. */
static size_t set_next(const struct set *set, size_t number, int step)
{
    for (int i = 0; i < set->levels; i++, number /= 64) {
        unsigned bit = number % 64;
        uint64_t aside = step > 0 ? ~UINT64_C(1) << bit : (UINT64_C(1) << bit) - 1, found = set->level[i][number / 64] & aside;
        if (found == 0)
            continue;
        for (;; i--) {
            number = number / 64 * 64 + (size_t)(step > 0 ? __builtin_ctzll(found) : 63 - __builtin_clzll(found));
            if (i == 0)
                return number;
            found = set->level[i - 1][number];
            number *= 64;
        }
    }
    return SIZE_MAX;
}

/* --- sweeps --- */

struct sweep {
    const double **rows; /* the points that contribute */
    size_t count, m;
    const double *reference; /* (m) */
};

/* Differences of huge numbers may be infinite: nothing wide is still nothing. */
static double product(double a, double b)
{
    return a > 0 && b > 0 ? a * b : 0;
}

static int by_value(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int by_first_two(const void *a, const void *b)
{
    const double *x = *(const double *const *)a, *y = *(const double *const *)b;
    int order = by_value(x[0], y[0]);
    return order != 0 ? order : by_value(x[1], y[1]);
}

static double area(struct sweep *sweep)
{
    double sum = 0, top = sweep->reference[1]; /* the smallest second objective so far */
    qsort(sweep->rows, sweep->count, sizeof *sweep->rows, by_first_two);
    for (size_t i = 0; i < sweep->count; i++) {
        const double *row = sweep->rows[i];
        sum += product(sweep->reference[0] - row[0], top - row[1]);
        top = fmin(top, row[1]);
    }
    return sum;
}

/* Takes a place of rows, which are sorted by the first two objectives, into the staircase. Returns the area gained behind it. */
static double climb(const struct sweep *sweep, struct set *stairs, size_t place)
{
    const double *row = sweep->rows[place];
    size_t before = set_next(stairs, place, -1), after = set_next(stairs, place, 1);
    double top = before != SIZE_MAX ? sweep->rows[before][1] : sweep->reference[1], left = row[0], gained = 0;
    if (top <= row[1])
        return 0;
    for (; after != SIZE_MAX && sweep->rows[after][1] >= row[1]; after = set_next(stairs, after, 1)) {
        gained += product(sweep->rows[after][0] - left, top - row[1]);
        left = sweep->rows[after][0];
        top = sweep->rows[after][1];
        set_remove(stairs, after);
    }
    set_add(stairs, place);
    return gained + product((after != SIZE_MAX ? sweep->rows[after][0] : sweep->reference[0]) - left, top - row[1]);
}

static int by_third(const void *a, const void *b, void *context)
{
    const struct sweep *sweep = context;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    return by_value(sweep->rows[i][2], sweep->rows[j][2]);
}

static bool volume_of(struct sweep *sweep, double *volume)
{
    struct set stairs;
    size_t *order = calloc(sweep->count, sizeof *order);
    bool done = set_open(&stairs, sweep->count) && order != NULL;
    double cross_section = 0, sum = 0;
    if (done) {
        qsort(sweep->rows, sweep->count, sizeof *sweep->rows, by_first_two);
        for (size_t i = 0; i < sweep->count; i++)
            order[i] = i;
        qsort_r(order, sweep->count, sizeof *order, by_third, sweep);
        for (size_t i = 0; i < sweep->count; i++) {
            double end = i + 1 < sweep->count ? sweep->rows[order[i + 1]][2] : sweep->reference[2];
            cross_section += climb(sweep, &stairs, order[i]);
            sum += product(cross_section, end - sweep->rows[order[i]][2]);
        }
        *volume = sum;
    }
    free(stairs.level[0]);
    free(order);
    return done;
}

/* --- all --- */

/* Keeps the points that contribute. Returns whether one of them is better than any number. */
static bool choose_rows(struct sweep *sweep, const double *points, size_t n)
{
    bool boundless = false;
    for (size_t i = 0; i < n; i++) {
        const double *point = points + i * sweep->m;
        bool inside = true, infinite = false;
        for (size_t k = 0; k < sweep->m; k++) {
            inside = inside && point[k] < sweep->reference[k];
            infinite = infinite || isinf(point[k]) || isinf(sweep->reference[k]);
        }
        if (inside)
            sweep->rows[sweep->count++] = point;
        boundless = boundless || (inside && infinite);
    }
    return boundless;
}

bool hypervolume_of(const double *points, size_t n, size_t m, const double *reference, double *volume)
{
    struct sweep sweep = {.m = m, .reference = reference};
    bool done = true;
    *volume = NAN;
    if (m != 2 && m != 3)
        return false;
    sweep.rows = calloc(n + 1, sizeof *sweep.rows);
    if (sweep.rows == NULL)
        return false;
    if (choose_rows(&sweep, points, n))
        *volume = INFINITY;
    else if (sweep.count == 0)
        *volume = 0;
    else if (m == 2)
        *volume = area(&sweep);
    else
        done = volume_of(&sweep, volume);
    free(sweep.rows);
    return done;
}
