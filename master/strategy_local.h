/* strategy_local: local search (White, Nolen and Savani, UAI 2021, arXiv 2005.02960): all neighbours of the best are evaluated, the
 * best of them is next, and where none is better the search starts again at random. In a study whose costs are objectives it is
 * Pareto local search (Paquete, Chiarandini and Stuetzle 2004). Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_LOCAL_H
#define HWNAS_MASTER_STRATEGY_LOCAL_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_local;

#endif
