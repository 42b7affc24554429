/* rowwise: the genetic algorithm of EvNAS and pEvoNAS on the rows of matrices (docs/SYSTEMS.md), and what two strategies that are
 * little else share. Pure. */
#ifndef HWNAS_MASTER_ROWWISE_H
#define HWNAS_MASTER_ROWWISE_H

#include <stdint.h>

#include "master/cohort.h"

struct rowwise {
    struct cohort cohort; /* the population */
    uint32_t *order;      /* (population), owned: the members, best first; set by rowwise_sort */
    uint32_t *deck;       /* (population), owned: room to draw a tournament from */
};

/* A population of strategy.population without members yet. STATUS_BAD_INPUT for settings that no such search has (vary_check),
 * STATUS_NO_MEMORY. Free with rowwise_close, also after a failure. */
enum status_code rowwise_open(const struct strategy *strategy, struct rowwise *out, struct status *status);
void rowwise_close(struct rowwise *rowwise);

/* Puts the members of a cohort that has all its results in order. */
void rowwise_sort(const struct strategy *strategy, struct rowwise *rowwise);

/* Makes and begins the next generation of a cohort that is in order: its elites, then children of two parents, each the best of a
 * tournament of its own: rows from either, then each row drawn afresh with the probability of a mutation. */
void rowwise_breed(const struct strategy *strategy, struct rowwise *rowwise);

/* Of the ops table of a strategy whose state begins with a struct rowwise. Its total is not known: nobody can say how many members
 * will be new. */
enum strategy_answer rowwise_ask(struct strategy *strategy, struct arch *out);
bool rowwise_boundary(const struct strategy *strategy);
bool rowwise_member(const struct strategy *strategy, size_t i, struct arch *out);
uint32_t rowwise_generation(const struct strategy *strategy);
uint64_t rowwise_total(const struct strategy *strategy);

#endif
