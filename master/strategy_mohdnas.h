/* strategy_mohdnas: MO-HDNAS (CVPR-W 2024, arXiv 2404.12403): NSGA-II on fitness, hardware costs and hardware-cost diversity; what
 * is the paper's and what is ours: docs/METHODS.md. Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_MOHDNAS_H
#define HWNAS_MASTER_STRATEGY_MOHDNAS_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_mohdnas;

#endif
