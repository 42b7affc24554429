/* strategy_bilevel: latency-aware differentiable search on a one-shot net (Latency-DARTS, Xu et al., arXiv 2001.06392): for each
 * weight of the costs a net is trained whose architecture goes down the gradient of loss + weight * costs in turns with its
 * weights, and the architecture that it ends with is asked. The training is the study's (study_bilevel.c); this strategy waits for
 * what comes out. Settings: lambda, sweep. Pure. */
#ifndef HWNAS_MASTER_STRATEGY_BILEVEL_H
#define HWNAS_MASTER_STRATEGY_BILEVEL_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_bilevel;

#endif
