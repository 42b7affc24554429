/* rowwise: see rowwise.h. Called by strategy_evnas.c and strategy_pevonas.c. */
#include "master/rowwise.h"

#include <stdlib.h>
#include <string.h>

#include "master/vary.h"

enum status_code rowwise_open(const struct strategy *strategy, struct rowwise *out, struct status *status)
{
    uint32_t size = strategy->study->strategy.population;
    enum status_code code = vary_check(strategy->study, status);
    *out = (struct rowwise){.order = NULL};
    if (code != STATUS_OK)
        return code;
    out->order = calloc(size, sizeof *out->order);
    out->deck = calloc(size, sizeof *out->deck);
    if (out->order == NULL || out->deck == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a population of %u", size);
    return cohort_open(strategy, size, &out->cohort, status);
}

void rowwise_close(struct rowwise *rowwise)
{
    cohort_close(&rowwise->cohort);
    free(rowwise->order);
    free(rowwise->deck);
}

void rowwise_sort(const struct strategy *strategy, struct rowwise *rowwise)
{
    cohort_sort(strategy, &rowwise->cohort, 0, rowwise->order);
}

static const double *parent(const struct strategy *strategy, const struct rowwise *rowwise, struct rng *rng)
{
    const struct cohort *cohort = &rowwise->cohort;
    uint32_t place = vary_tournament(rng, rowwise->deck, cohort->count, strategy->study->strategy.tournament);
    return cohort_alpha(cohort, rowwise->order[place]);
}

void rowwise_breed(const struct strategy *strategy, struct rowwise *rowwise)
{
    const struct config_strategy *settings = &strategy->study->strategy;
    struct cohort *cohort = &rowwise->cohort;
    struct rng rng;
    cohort_rng(strategy, cohort, &rng);
    for (uint32_t i = 0; i < cohort->count; i++) {
        double *child = cohort_next(cohort, i);
        if (i < settings->elites) {
            memcpy(child, cohort_alpha(cohort, rowwise->order[i]), cohort->shape.size * sizeof *child);
            continue;
        }
        const double *mother = parent(strategy, rowwise, &rng), *father = parent(strategy, rowwise, &rng);
        alpha_cross(&cohort->shape, &rng, mother, father, child);
        alpha_reset(&cohort->shape, &rng, settings->mutation, child);
    }
    cohort_begin(strategy, cohort, cohort->count);
}

/* --- of an ops table --- */

enum strategy_answer rowwise_ask(struct strategy *strategy, struct arch *out)
{
    struct rowwise *rowwise = strategy->state;
    return cohort_ask(strategy, &rowwise->cohort, out);
}

bool rowwise_boundary(const struct strategy *strategy)
{
    const struct rowwise *rowwise = strategy->state;
    return cohort_boundary(&rowwise->cohort);
}

bool rowwise_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct rowwise *rowwise = strategy->state;
    if (i >= rowwise->cohort.count)
        return false;
    *out = rowwise->cohort.arch[i];
    return true;
}

uint32_t rowwise_generation(const struct strategy *strategy)
{
    const struct rowwise *rowwise = strategy->state;
    return rowwise->cohort.generation;
}

uint64_t rowwise_total(const struct strategy *strategy)
{
    (void)strategy;
    return 0;
}
