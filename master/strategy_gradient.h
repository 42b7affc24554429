/* strategy_gradient: differentiable search that knows latency, after Latency-DARTS (Xu et al., arXiv 2001.06392), on predictors in
 * place of a supernet: a random sample is evaluated; predictors of fitness and costs learn it; the shares of all choices go down
 * the gradient of loss = - fitness + lambda * costs, for a sweep of lambdas; what they decide for is evaluated. What is theirs and
 * what is ours: docs/SYSTEMS.md. */
#ifndef HWNAS_MASTER_STRATEGY_GRADIENT_H
#define HWNAS_MASTER_STRATEGY_GRADIENT_H

#include "master/strategy.h"

extern const struct strategy_ops strategy_gradient;

#endif
