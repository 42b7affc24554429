/* novelty: how far an architecture is from those nearest to it, NEvoNAS's second objective (Sinha and Chen, arXiv 2204.00188).
 * Pure. */
#ifndef HWNAS_MASTER_NOVELTY_H
#define HWNAS_MASTER_NOVELTY_H

#include <stdint.h>

#include "common/arch.h"
#include "common/space.h"

/* Jaccard's distance of two sets of decisions, place by place: 1 where nothing is alike, 0 where everything is. With c of p parts
 * alike (space_parts) 1 - c / (2 p - c). */
double novelty_distance(const struct space *space, const struct arch *a, const struct arch *b);

/* Takes one more distance into the smallest so far, which rise; `count` of them are there, at most `most`. Returns how many there
 * are then. */
uint32_t novelty_take(double *nearest, uint32_t count, uint32_t most, double distance);

/* Their mean; 0 of none. */
double novelty_mean(const double *nearest, uint32_t count);

#endif
