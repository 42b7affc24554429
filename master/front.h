/* front: the points that nothing beats among all that were ever offered, kept up to date offer by offer. Pure.
 *
 * All objectives are minimised and points are feasible: what violates a constraint is not offered. Each entry carries a tag by
 * which its owner knows it. An offer costs what a few paths down a balanced tree cost (docs/PERFORMANCE.md has the figures), in any
 * number of objectives, in any units, whatever the order of the offers. */
#ifndef HWNAS_MASTER_FRONT_H
#define HWNAS_MASTER_FRONT_H

#include <stddef.h>
#include <stdint.h>

struct front;

struct front_entry {
    const double *objectives; /* (m), the front's own: valid until the next offer */
    uint64_t tag;
};

enum front_outcome {
    FRONT_NO_MEMORY = -1, /* the front is as it was */
    FRONT_REFUSED = 0,    /* an entry is as good or better in every objective, or a value is NaN */
    FRONT_ENTERED = 1     /* and what it dominates has left */
};

/* An empty front of m >= 1 objectives; NULL without memory. front_close(NULL) is safe. */
struct front *front_open(size_t m);
void front_close(struct front *front);

/* Offers a point of m objectives, which is copied. Of equal points the first stays. */
enum front_outcome front_offer(struct front *front, const double *objectives, uint64_t tag);

size_t front_count(const struct front *front);

/* Writes front_count entries, in the order of the first objective, then the second and so on. */
void front_list(const struct front *front, struct front_entry *entries);

#endif
