/* gain: what a predicted point would add to a front. Pure. All objectives are minimised. */
#ifndef HWNAS_MASTER_GAIN_H
#define HWNAS_MASTER_GAIN_H

#include <stdbool.h>
#include <stddef.h>

/* A front that grows by what is expected of those under way. */
struct gain {
    double *points; /* (count, m) non-dominated; owned */
    size_t count, room, m;
    double *reference; /* (m) worst value of each objective that still counts; owned */
    double *range;     /* (m) best to worst on the front, above 0; owned */
    double volume;     /* of the points, m = 2 or 3 */
};

/* The front of n points (n,m) that have no NaN; front (n) tells which they are. The reference is the worst value of each objective
 * among all n. False without memory. gain_free(zeroed) is safe. */
bool gain_open(struct gain *gain, const double *points, size_t n, size_t m, bool *front);
void gain_free(struct gain *gain);

/* How good it would be to have that point (m), larger is better: for two and three objectives, above 0 the hypervolume it would
 * add, for more the margin below; at most 0 where it would add none: minus the distance, in ranges of the front, by which it would
 * have to be better in every objective at once to do so. NaN without memory. */
double gain_of(struct gain *gain, const double *point);

/* The point is expected: the front has it from now on, where it belongs there. False without memory. */
bool gain_expect(struct gain *gain, const double *point);

#endif
