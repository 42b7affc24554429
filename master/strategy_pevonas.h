/* strategy_pevonas: pEvoNAS's search (Sinha and Chen, GECCO 2022, arXiv 2203.01559): EvNAS's genetic algorithm in stages, each in a
 * smaller space than the one before. Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_PEVONAS_H
#define HWNAS_MASTER_STRATEGY_PEVONAS_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_pevonas;

#endif
