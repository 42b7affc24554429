/* bench_run: one search of a bench from its first ask to its last tell, in virtual time, with everything that is reported of it. A
 * run depends on its study, its seed and the simulated cluster alone: any number of them may run at the same time. */
#ifndef HWNAS_MASTER_BENCH_RUN_H
#define HWNAS_MASTER_BENCH_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/space.h"
#include "common/status.h"
#include "master/bench_clock.h"
#include "master/bench_truth.h"
#include "master/study.h"

/* How long things take in the simulated cluster. */
struct bench_times {
    bool simulated;       /* false: everything is known at once */
    double evaluation_s;  /* mean of an evaluation by a worker, in proportion to the network's multiply-accumulates; 0: none */
    double measurement_s; /* mean of a measurement by a board, in proportion to the first cost */
    double spread;        /* standard deviation of the logarithm of both: log-normal, mean 1 */
    struct bench_clock_settings cluster;
};

/* What is to be run, and what for. All borrowed. */
struct bench_case {
    const struct config_study *config; /* its seed is not looked at */
    const struct space *space;
    const struct bench_truth *truth;
    const struct bench_target *target;
    const struct bench_times *times;
    struct tables *tables;
    pthread_mutex_t *tables_lock; /* held while a study is opened: the list of tables may grow then */
    uint32_t sample_every;        /* distinct evaluations */
    const atomic_bool *stopped;
};

/* The search as it stood after so many distinct evaluations. */
struct bench_sample {
    uint64_t asked, distinct;
    double seconds; /* simulated */
    double regret, ratio;
};

struct bench_run {
    uint64_t seed;
    struct study_counts counts;
    bool found;                  /* anything within the limits */
    struct study_candidate best; /* when found */
    bool has_answer;             /* the strategy has an answer of its own */
    struct arch returned;        /* the answer, else the best found; when found or has_answer */
    double returned_fitness, returned_test;
    double population_test; /* the best test value of a member of the last population, which no search can know; NaN without one */
    double returned_costs[CONFIG_COSTS_MAX];
    double regret;    /* the best fitness within the limits less that of the best found; less 0 when nothing was found */
    double ratio;     /* hypervolume of all that was found, as a share of the true front's; NaN where that has none */
    double diversity; /* chibar of the last population's first cost (MO-HDNAS, arXiv 2404.12403, equation 4); NaN without one */
    double seconds, workers_busy, boards_busy, speedup; /* of the simulated cluster; NaN where there is none */
    struct bench_sample *samples;                       /* owned */
    size_t sample_count;
    double *front; /* owned: front_count x objectives of the target, sorted by the first */
    size_t front_count;
};

/* Runs it: opens a study of the case's settings with this seed, its tables borrowed. STATUS_UNAVAILABLE when stopped. Free with
 * bench_run_free, also after a failure. */
enum status_code bench_run(const struct bench_case *bench, uint64_t seed, struct bench_run *out, struct status *status);
void bench_run_free(struct bench_run *run);

#endif
