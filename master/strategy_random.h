/* strategy_random: random search, the baseline every method must beat. Each candidate is uniform over the connected architectures
 * that this search has not asked for. Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_RANDOM_H
#define HWNAS_MASTER_STRATEGY_RANDOM_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_random;

#endif
