/* preference: which of two results a search for one best architecture would rather have. Pure; shared by the strategies that look
 * for one, and in parts by the others.
 *
 * One order for all of them: feasible before infeasible; then the higher fitness - lambda * spread * violation; then the smaller
 * violation; then the earlier ask. Violation is the sum over the limited costs of max(0, cost - max) / max. That a candidate over a
 * limit pays in proportion to the distance is HW-EvRSNAS's (WACV 2024); the form is ours, see docs/METHODS.md. */
#ifndef HWNAS_MASTER_PREFERENCE_H
#define HWNAS_MASTER_PREFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/config.h"
#include "common/space.h"
#include "common/status.h"
#include "master/strategy.h"

/* A candidate and what was told of it. */
struct preference_member {
    struct arch arch;
    uint64_t ask;
    bool feasible;
    double fitness;   /* as told; 0 when infeasible */
    double violation; /* 0: within every limit */
    uint32_t cost_count;
    double costs[CONFIG_COSTS_MAX]; /* as told, in the study's order */
};

/* Members that are added one by one. A zeroed one is empty. */
struct preference_list {
    struct preference_member *members; /* owned */
    size_t count, room;
};

/* STATUS_BAD_INPUT for a lambda below 0 or infinite, and for a limit that is not above 0: the distance is counted in limits. */
enum status_code preference_check(const struct config_study *study, struct status *status);

struct preference_member preference_member(const struct config_study *study, uint64_t ask, const struct arch *arch,
                                           const struct strategy_result *result);

/* Below 0 when a goes before b, never 0 for different asks. penalty is lambda * spread: what one whole violation costs. */
int preference_compare(double penalty, const struct preference_member *a, const struct preference_member *b);

/* Best first. */
void preference_sort(double penalty, struct preference_member *members, size_t count);

/* One more member at the end; false without memory. */
bool preference_add(struct preference_list *list, const struct preference_member *member);
void preference_free(struct preference_list *list);

/* The fitness of the feasible members in rising order; returns how many. `values` has room for count numbers. */
size_t preference_values(const struct preference_member *members, size_t count, double *values);

/* The interquartile range of the feasible members' fitness; 1 where they cannot be told apart. phi lies in [0,3], an accuracy in
 * [0,100]: a lambda that means the same for both must be measured in something of the fitness itself. Quartiles, because one
 * chance-level architecture among twenty would dominate a standard deviation. `values` has room for count numbers. */
double preference_spread(const struct preference_member *members, size_t count, double *values);

/* Costs as a JSON list, null where one is missing (NaN). A new reference; NULL without memory. */
struct json_t *preference_save_costs(const double *costs, size_t count);

/* Members as a JSON list (a new reference, NULL without memory) and back. preference_load takes at most `room` of them and returns
 * how many; SIZE_MAX for a list that is longer or is not of this space. preference_load_list adds all to an empty list; false when
 * one is not of this space, or without memory. */
struct json_t *preference_save(const struct preference_member *members, size_t count);
size_t preference_load(const struct space *space, const struct json_t *list, struct preference_member *out, size_t room);
bool preference_load_list(const struct space *space, const struct json_t *list, struct preference_list *out);

#endif
