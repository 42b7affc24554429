/* fuzz_snapshot: the study that the target's snapshots are of, and that seeds.c saves. */
#ifndef HWNAS_TESTS_FUZZ_FUZZ_SNAPSHOT_H
#define HWNAS_TESTS_FUZZ_FUZZ_SNAPSHOT_H

#include "master/study.h"
#include "tests/fuzz/fuzz.h"

/* New ones at the end: an input's first byte says which it is of, 'a' the first. */
static const char *const fuzz_strategies[] = {"evrsnas", "mohdnas", "surrogate", "rminas",  "random", "regularised", "local",
                                              "evnas",   "cmanas",  "pevonas",   "nevonas", "linas",  "gradient"};
enum { FUZZ_STRATEGIES = sizeof fuzz_strategies / sizeof fuzz_strategies[0] };

static inline const char *fuzz_strategy_of(uint8_t first)
{
    return fuzz_strategies[(uint8_t)(first - 'a') % FUZZ_STRATEGIES];
}

/* A small study whose values all come from outside. */
struct fuzz_study {
    struct config_cost cost;
    struct config_study config;
    struct digest bundle;
    struct study *study;
};

static inline void fuzz_study_open(struct fuzz_study *out, const char *strategy)
{
    static struct space space; /* opening it takes longer than all else */
    struct status status = {0};
    *out = (struct fuzz_study){
        .cost = {.name = "latency_ms", .source = CONFIG_COST_AGENT, .device = "host", .has_max = true, .max = 12},
        .config = {.name = "made-up",
                   .space = "nb201",
                   .strategy = {.population = 4,
                                .generations = 6,
                                .tournament = 2,
                                .elites = 1,
                                .mutation = 0.1,
                                .lambda = 2,
                                .in_flight = 4,
                                .diversity = true,
                                .warmup = 6,
                                .positives = 4,
                                .quantile = 0.3,
                                .pool = 20,
                                .trees = 3,
                                .consensus = 2,
                                .neighbours = 3,
                                .predicted = 10,
                                .sweep = 2,
                                .steps = 3},
                   .fitness = {.source = CONFIG_FITNESS_RMI, .bundle = "x", .protocol = "rmi-fast", .column = "accuracy"},
                   .cost_count = 1,
                   .network = {16, 1, 10, 3, 32},
                   .seed = 5}};
    out->config.strategy.name = (char *)strategy;
    out->config.costs = &out->cost;
    if (space.ops == NULL)
        FUZZ_MUST(space_open("nb201", &space, &status) == STATUS_OK, "the space can be opened");
    FUZZ_MUST(study_open(&out->config, &space, &(struct study_inputs){.bundle = &out->bundle}, &out->study, &status) == STATUS_OK,
              status.message);
}

static inline void fuzz_study_close(struct fuzz_study *study)
{
    study_close(study->study);
}

/* Goes on for so many tells, answering whatever is wanted. */
static inline void fuzz_study_go_on(struct study *study, int tells)
{
    struct study_candidate told;
    struct study_want want;
    for (int i = 0; i < tells && !study_out_of_memory(study); i++) {
        study_pump(study, 64);
        while (study_want(study, &want)) {
            bool rmi = want.kind == STUDY_WANT_RMI;
            struct study_value value = {.feasible = true, .value = 1.0 + want.arch.genes[rmi ? 0 : 2] + 0.25 * want.arch.genes[3]};
            study_provide(study, want.key, &value);
        }
        if (!study_told(study, &told))
            return;
    }
}

#endif
