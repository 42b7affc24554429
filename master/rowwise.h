/* rowwise: the genetic algorithm of EvNAS and pEvoNAS on the rows of matrices (docs/SYSTEMS.md). Pure. */
#ifndef HWNAS_MASTER_ROWWISE_H
#define HWNAS_MASTER_ROWWISE_H

#include <stdint.h>

#include "master/cohort.h"

/* Makes and begins the next generation of a cohort that has all its results and is in `order`: its elites, then children of two
 * parents, each the best of a tournament of its own: rows from either, then each row drawn afresh with the probability of a
 * mutation. deck: room for as many numbers as the population. */
void rowwise_breed(const struct strategy *strategy, struct cohort *cohort, const uint32_t *order, uint32_t *deck);

#endif
