/* strategy_surrogate: several objectives with few evaluations: a Gaussian process predicts what candidates would give, and the one
 * whose prediction adds the most hypervolume to the front is asked (as SMS-EGO does: Ponweiser, Wagner, Biermann and Vincze, PPSN
 * 2008). None of the three papers has it: ours, see docs/METHODS.md. Included by strategy.c alone. */
#ifndef HWNAS_MASTER_STRATEGY_SURROGATE_H
#define HWNAS_MASTER_STRATEGY_SURROGATE_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_surrogate;

#endif
