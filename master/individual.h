/* individual: a candidate and everything that was told of it, for strategies with several objectives. Pure. */
#ifndef HWNAS_MASTER_INDIVIDUAL_H
#define HWNAS_MASTER_INDIVIDUAL_H

#include <stddef.h>

#include "common/config.h"
#include "common/space.h"
#include "master/preference.h"
#include "master/strategy.h"

struct individual {
    struct preference_member told;
    double costs[CONFIG_COSTS_MAX]; /* in the study's order; NaN when infeasible */
};

struct individual individual_of(const struct config_study *study, uint64_t ask, const struct arch *arch,
                                const struct strategy_result *result);

/* Its objectives, all to be minimised: - fitness, then the costs that are not only limited. NaN when infeasible. Returns how many.
 */
size_t individual_objectives(const struct config_study *study, const struct individual *individual,
                             double objectives[CONFIG_COSTS_MAX + 1]);

/* What an infeasible one counts with in a model of the fitness: a fifth of the feasible are below (ours). Poor, but no worse than
 * many that are feasible, or it would bend the model all around. 0 where none is feasible. room: for count numbers. */
double individual_poor_fitness(const struct individual *individuals, size_t count, double *room);

/* Individuals that are added one by one. A zeroed list is empty. */
struct individual_list {
    struct individual *list; /* owned */
    size_t count, room;
};

/* One more at the end; false without memory. */
bool individual_add(struct individual_list *list, const struct individual *individual);
void individual_free(struct individual_list *list);

/* Individuals as a JSON list (a new reference, NULL without memory) and back. Reading takes at most `room` of them and returns how
 * many; SIZE_MAX for a list that is longer or is not of this study. */
struct json_t *individual_save(const struct config_study *study, const struct individual *individuals, size_t count);
size_t individual_load(const struct config_study *study, const struct space *space, const struct json_t *list,
                       struct individual *out, size_t room);

/* Fills an empty list with all that a strategy was told; STATUS_BAD_INPUT when it is not a list of so many individuals. */
enum status_code individual_load_list(const struct strategy *strategy, const struct json_t *saved, struct individual_list *out,
                                      struct status *status);

#endif
