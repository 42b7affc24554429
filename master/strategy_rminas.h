/* strategy_rminas: RMI-NAS's search, a random forest that learns which architectures are good, as its authors' code has it
 * (sampler/RF_sampling.py); what is the paper's and what is ours: docs/METHODS.md. Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_RMINAS_H
#define HWNAS_MASTER_STRATEGY_RMINAS_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_rminas;

#endif
