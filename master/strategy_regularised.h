/* strategy_regularised: regularised (ageing) evolution (Real et al., AAAI 2019, arXiv 1802.01548, algorithm 1): of a sample from
 * the population the best is parent, one gene of it is changed, and the oldest dies, however good. Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_REGULARISED_H
#define HWNAS_MASTER_STRATEGY_REGULARISED_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_regularised;

#endif
