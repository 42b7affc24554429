/* gain: see gain.h. Called by strategy_surrogate.c for every candidate of a pool, nearly all of which add nothing: what is cheap is
 * asked first. */
#include "master/gain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "master/hypervolume.h"
#include "master/pareto.h"

void gain_free(struct gain *gain)
{
    free(gain->points);
    free(gain->reference);
    free(gain->range);
    *gain = (struct gain){0};
}

static bool has_volume(const struct gain *gain)
{
    return gain->m == 2 || gain->m == 3;
}

static bool measure(struct gain *gain, size_t count, double *volume)
{
    *volume = 0;
    return !has_volume(gain) || hypervolume_of(gain->points, count, gain->m, gain->reference, volume);
}

static bool make_room(struct gain *gain, size_t count)
{
    if (count <= gain->room)
        return true;
    size_t room = count + count / 2 + 16;
    double *points = realloc(gain->points, room * gain->m * sizeof *points);
    if (points == NULL)
        return false;
    gain->points = points;
    gain->room = room;
    return true;
}

/* Keeps those marked. */
static void keep(struct gain *gain, const double *points, size_t n, const bool *marked)
{
    size_t m = gain->m;
    gain->count = 0;
    for (size_t i = 0; i < n; i++)
        if (marked[i])
            memmove(gain->points + gain->count++ * m, points + i * m, m * sizeof *points);
}

static void set_range(struct gain *gain)
{
    for (size_t k = 0; k < gain->m; k++) {
        double least = INFINITY, most = -INFINITY;
        for (size_t i = 0; i < gain->count; i++) {
            least = fmin(least, gain->points[i * gain->m + k]);
            most = fmax(most, gain->points[i * gain->m + k]);
        }
        gain->range[k] = most > least ? most - least : 1;
    }
}

bool gain_open(struct gain *gain, const double *points, size_t n, size_t m, bool *front)
{
    *gain = (struct gain){.m = m, .reference = calloc(m, sizeof *gain->reference), .range = calloc(m, sizeof *gain->range)};
    if (gain->reference == NULL || gain->range == NULL || !make_room(gain, n + 1))
        return false;
    for (size_t k = 0; k < m; k++)
        gain->reference[k] = -INFINITY;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++)
            gain->reference[k] = fmax(gain->reference[k], points[i * m + k]);
    pareto_front(points, n, m, front);
    keep(gain, points, n, front);
    set_range(gain);
    return measure(gain, gain->count, &gain->volume);
}

/* By how much, in ranges, the point is better than each on the front in at least one objective; below 0: by how much it would have
 * to be. */
static double margin(const struct gain *gain, const double *point)
{
    double least = INFINITY;
    for (size_t i = 0; i < gain->count; i++) {
        double most = -INFINITY;
        for (size_t k = 0; k < gain->m; k++)
            most = fmax(most, (gain->points[i * gain->m + k] - point[k]) / gain->range[k]);
        least = fmin(least, most);
    }
    return least;
}

double gain_of(struct gain *gain, const double *point)
{
    double with, by = margin(gain, point);
    if (by <= 0 || !has_volume(gain))
        return by;
    memcpy(gain->points + gain->count * gain->m, point, gain->m * sizeof *point);
    if (!measure(gain, gain->count + 1, &with))
        return NAN;
    return isfinite(with) ? with - gain->volume : by; /* numbers too large to multiply */
}

bool gain_expect(struct gain *gain, const double *point)
{
    if (margin(gain, point) <= 0)
        return true;
    if (!make_room(gain, gain->count + 2))
        return false;
    size_t kept = 0, m = gain->m;
    for (size_t i = 0; i < gain->count; i++)
        if (!pareto_dominates(point, gain->points + i * m, m))
            memmove(gain->points + kept++ * m, gain->points + i * m, m * sizeof *point);
    memcpy(gain->points + kept * m, point, m * sizeof *point);
    gain->count = kept + 1;
    return measure(gain, gain->count, &gain->volume);
}
