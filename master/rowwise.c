/* rowwise: see rowwise.h. Called by strategy_evnas.c and strategy_pevonas.c. */
#include "master/rowwise.h"

#include <string.h>

#include "master/vary.h"

static const double *parent(const struct strategy *strategy, const struct cohort *cohort, const uint32_t *order, uint32_t *deck,
                            struct rng *rng)
{
    return cohort_alpha(cohort, order[vary_tournament(rng, deck, cohort->count, strategy->study->strategy.tournament)]);
}

void rowwise_breed(const struct strategy *strategy, struct cohort *cohort, const uint32_t *order, uint32_t *deck)
{
    const struct config_strategy *settings = &strategy->study->strategy;
    struct rng rng;
    cohort_rng(strategy, cohort, &rng);
    for (uint32_t i = 0; i < cohort->count; i++) {
        double *child = cohort_next(cohort, i);
        if (i < settings->elites) {
            memcpy(child, cohort_alpha(cohort, order[i]), cohort->shape.size * sizeof *child);
            continue;
        }
        const double *mother = parent(strategy, cohort, order, deck, &rng), *father = parent(strategy, cohort, order, deck, &rng);
        alpha_cross(&cohort->shape, &rng, mother, father, child);
        alpha_reset(&cohort->shape, &rng, settings->mutation, child);
    }
    cohort_begin(strategy, cohort, cohort->count);
}
