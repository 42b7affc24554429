/* bench_truth: what tables say of every architecture in them, and the best that a study's limits allow: what a search is measured
 * against. Pure but for loading. */
#ifndef HWNAS_MASTER_BENCH_TRUTH_H
#define HWNAS_MASTER_BENCH_TRUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/digest.h"
#include "common/space.h"
#include "common/status.h"
#include "common/tables.h"

/* Every feasible architecture of the fitness table: connected, with a fitness and all costs; limits are not looked at. */
struct bench_truth {
    size_t count, costs;
    struct arch *arch;
    double *fitness;
    double *cost;                     /* count x costs */
    double *test;                     /* the test column; NaN where there is none */
    double slowest[CONFIG_COSTS_MAX]; /* the largest value of each cost */
    double mean[CONFIG_COSTS_MAX];
    double least_fitness;
    const struct table *test_table; /* borrowed; NULL without a test column */
    double mean_macs;               /* of some hundred architectures; NaN where no network can be built */
};

/* Objectives of a search, all minimised: the costs that are not limited only, then -fitness. */
enum { BENCH_OBJECTIVES_MAX = CONFIG_COSTS_MAX + 1 };

/* What there is to be found within one study's limits. */
struct bench_target {
    size_t feasible;  /* architectures within the limits */
    double fitness;   /* the best fitness among them; NaN when there are none */
    double test;      /* what the test column says of that one (of the cheapest of equals) */
    double best_test; /* the best test value among them */
    size_t objectives;
    size_t objective_cost[CONFIG_COSTS_MAX];
    double reference[BENCH_OBJECTIVES_MAX];
    double *front; /* owned: front_count x objectives, sorted by the first */
    size_t front_count;
    double hypervolume; /* of that front; NaN unless there are 2 or 3 objectives */
};

/* --reference: one number a cost that is an objective, then the fitness; NaN: the default (the slowest feasible value; the least
 * feasible fitness). */
struct bench_reference {
    size_t count; /* 0: not given */
    double values[BENCH_OBJECTIVES_MAX];
};

/* The digest of everything a truth depends on: equal digests, equal truths. */
void bench_truth_digest(const struct config_study *config, const char *test_column, struct digest *out);

/* Looks every architecture of the fitness table up. test_column may be NULL. STATUS_BAD_INPUT when nothing is feasible. Free with
 * bench_truth_free. `tables` must outlive it. */
enum status_code bench_truth_load(const struct config_study *config, const struct space *space, const char *test_column,
                                  struct tables *tables, struct bench_truth *out, struct status *status);
void bench_truth_free(struct bench_truth *truth);

/* The smallest limit on that cost that at least this share of the feasible architectures stays within. */
enum status_code bench_truth_limit(const struct bench_truth *truth, size_t cost, double share, double *limit,
                                   struct status *status);

/* STATUS_BAD_INPUT for a reference of the wrong length or one that no architecture within the limits is better than. Free with
 * bench_target_free. */
enum status_code bench_target_find(const struct bench_truth *truth, const struct config_study *config,
                                   const struct bench_reference *reference, struct bench_target *out, struct status *status);
void bench_target_free(struct bench_target *target);

/* Within every limit of the study. */
bool bench_target_satisfies(const struct config_study *config, const double *costs);

/* The objectives of a candidate: m numbers, as many as target->objectives. */
void bench_target_point(const struct bench_target *target, const double *costs, double fitness, double *point);

/* The hypervolume of points (count x objectives) as a share of the target's; NaN when that has none. False without memory. */
bool bench_target_ratio(const struct bench_target *target, const double *points, size_t count, double *ratio);

#endif
