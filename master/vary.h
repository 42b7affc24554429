/* vary: what the strategies share of choosing parents and of proposing. Pure.
 *
 * The larger part is another architecture in place of one that would teach a search nothing. None of the published algorithms does
 * this: they propose again what they already know. Ours, see docs/METHODS.md. */
#ifndef HWNAS_MASTER_VARY_H
#define HWNAS_MASTER_VARY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/config.h"
#include "common/rng.h"
#include "common/space.h"
#include "common/status.h"
#include "master/strategy.h"

/* The settings of a genetic algorithm: STATUS_BAD_INPUT for a population below 2 or above 100000, no generation, a tournament or
 * elites that it cannot hold, a mutation that is no probability, and what preference_check refuses. */
enum status_code vary_check(const struct config_study *study, struct status *status);

/* The best of `tournament` members drawn without replacement from a population of `count` that is sorted, the best first: its
 * place. deck: room for count numbers. */
uint32_t vary_tournament(struct rng *rng, uint32_t *deck, uint32_t count, uint32_t tournament);

/* True for what this search has asked before (strategy_known) and for what cannot work (space_connected). */
bool vary_useless(const struct strategy *strategy, const struct arch *arch);

/* One gene, drawn uniformly, gets another value, drawn uniformly from the others; nothing when it has no other. */
void vary_step(const struct space *space, struct rng *rng, struct arch *arch);

/* Steps from *arch until it is useful, at most 64 times; then random architectures, at most 256. Returns false when even the last
 * of them is useless (the space is all but used up); *arch is then that one. A useful *arch stays and draws nothing from rng. */
bool vary_renew(const struct strategy *strategy, struct rng *rng, struct arch *arch);

/* A random useful architecture, uniform while a draw in 256 still finds one; then the first useful one after a random place in
 * counting order. False when none is left (or none among the next million, in a space that no search uses up). */
bool vary_random(const struct strategy *strategy, struct rng *rng, struct arch *out);

#endif
