/* strategy_nevonas: NEvoNAS's search (Sinha and Chen, GECCO 2022 companion, arXiv 2204.00188): NSGA-II on fitness and novelty.
 * Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_NEVONAS_H
#define HWNAS_MASTER_STRATEGY_NEVONAS_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_nevonas;

#endif
