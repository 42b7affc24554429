/* foresight: what predictors learned from a search's results would have it measure next: NSGA-II on predicted objectives, where a
 * look costs microseconds in place of a measurement (LINAS, Cummings et al., arXiv 2205.10358, algorithm 1). Pure. */
#ifndef HWNAS_MASTER_FORESIGHT_H
#define HWNAS_MASTER_FORESIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/rng.h"
#include "master/individual.h"
#include "master/predictor.h"
#include "master/strategy.h"

/* A predictor of the fitness, then one for each cost of the study. */
struct foresight {
    const struct strategy *strategy; /* borrowed: its space, its settings and what it has asked */
    struct predictor *predictors[CONFIG_COSTS_MAX + 1];
    const struct individual *told; /* borrowed */
    size_t told_count;
};

/* Learns all figures from what was told, of the last FORESIGHT_EXAMPLES_MAX results: which predictor, of these kinds (predictor.h),
 * is chosen anew for each figure. What is infeasible counts with a poor fitness (individual.h) and teaches nothing of costs. Only
 * where foresight_possible. STATUS_NO_MEMORY otherwise. Free with foresight_free, also after a failure. */
enum { FORESIGHT_EXAMPLES_MAX = 1000 };

struct foresight_kinds {
    unsigned fitness, costs; /* sets */
    bool traits;
    bool floor; /* what is worse than the infeasible count with counts with that too: only the good are to be told apart */
};

enum status_code foresight_learn(const struct strategy *strategy, const struct individual *told, size_t count,
                                 const struct foresight_kinds *kinds, struct rng *rng, struct foresight *out,
                                 struct status *status);
/* Is one of those results feasible? */
bool foresight_possible(const struct individual *told, size_t count);
void foresight_free(struct foresight *foresight);

/* Looks at strategy.predicted different architectures and gives the `count` best of them that the search has not asked: by rank,
 * then crowding, among them and what was measured. *found of them, fewer where there are no more. False without memory. */
bool foresight_search(const struct foresight *foresight, struct rng *rng, struct arch *out, size_t count, size_t *found);

#endif
