/* strategy_cmanas: CMANAS's search (Sinha and Chen, Evolutionary Computation 32(2), 2024, arXiv 2107.07266): CMA-ES on matrices,
 * and its mean is the answer. Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_CMANAS_H
#define HWNAS_MASTER_STRATEGY_CMANAS_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_cmanas;

#endif
