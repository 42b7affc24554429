/* strategy_linas: LINAS of DyNAS-T (Cummings et al., A Hardware-Aware Framework for Accelerating Neural Architecture Search Across
 * Modalities, arXiv 2205.10358): a population is measured, predictors learn all that was measured, a long evolutionary search on
 * the predictions alone gives the next population. What is theirs and what is ours: docs/SYSTEMS.md. */
#ifndef HWNAS_MASTER_STRATEGY_LINAS_H
#define HWNAS_MASTER_STRATEGY_LINAS_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_linas;

#endif
