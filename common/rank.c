/* rank: see rank.h. Called by worker/calibrate.c, master/predictor_choose.c and master/trust.c. */
#include "common/rank.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    double value;
    size_t at;
};

static int by_value(const void *left, const void *right)
{
    double a = ((const struct ranked *)left)->value, b = ((const struct ranked *)right)->value;
    return (a > b) - (a < b);
}

/* Ranks from 0. */
static void rank(const double *values, size_t n, struct ranked *room, double *ranks)
{
    for (size_t i = 0; i < n; i++)
        room[i] = (struct ranked){values[i], i};
    qsort(room, n, sizeof *room, by_value);
    for (size_t first = 0, last; first < n; first = last) {
        for (last = first + 1; last < n && room[last].value <= room[first].value; last++)
            continue;
        for (size_t i = first; i < last; i++)
            ranks[room[i].at] = ((double)first + (double)last - 1) / 2;
    }
}

static double correlation(const double *a, const double *b, size_t n)
{
    double mean = ((double)n - 1) / 2, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - mean) * (b[i] - mean);
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
    }
    return ab / sqrt(aa * bb); /* NaN when one of them does not vary */
}

bool rank_correlation(const double *a, const double *b, size_t n, double *out)
{
    double *ranks = calloc(2 * n, sizeof *ranks);
    struct ranked *room = calloc(n, sizeof *room);
    bool done = ranks != NULL && room != NULL;
    if (done) {
        rank(a, n, room, ranks);
        rank(b, n, room, ranks + n);
        *out = correlation(ranks, ranks + n, n);
    }
    free(ranks);
    free(room);
    return done;
}
