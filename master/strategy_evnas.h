/* strategy_evnas: EvNAS's search (Sinha and Chen, GECCO 2021, arXiv 2012.12540): a genetic algorithm on the rows of matrices.
 * Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_EVNAS_H
#define HWNAS_MASTER_STRATEGY_EVNAS_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_evnas;

#endif
