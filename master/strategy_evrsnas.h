/* strategy_evrsnas: HW-EvRSNAS's genetic algorithm (WACV 2024, arXiv 2311.03923) with the conventions of its first author's earlier
 * code; what is the paper's and what is ours: docs/METHODS.md. Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_EVRSNAS_H
#define HWNAS_MASTER_STRATEGY_EVRSNAS_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_evrsnas;

#endif
