/* strategy: a search method behind ask/tell, as an ops table. Pure: randomness comes from (seed, ask number), costs and fitness
 * from tell.
 *
 * The contract: asks are numbered from 0; tell is called exactly once per ask, in ask order; a strategy that needs results before
 * it can propose more says STRATEGY_WAIT. The state after a given list of tells depends on nothing else, and save/load carry it
 * over a restart. */
#ifndef HWNAS_MASTER_STRATEGY_H
#define HWNAS_MASTER_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/config.h"
#include "common/space.h"
#include "common/status.h"

enum strategy_answer { STRATEGY_ASK, STRATEGY_WAIT, STRATEGY_DONE };

/* What a strategy learns of one candidate. */
struct strategy_result {
    bool feasible;                  /* false: disconnected, NaN, failed, or a cost is missing: never better than a feasible one */
    double fitness;                 /* larger is better; 0 when infeasible */
    double costs[CONFIG_COSTS_MAX]; /* in the study's order; NaN where missing */
};

struct strategy;

struct strategy_ops {
    const char *name;
    enum status_code (*open)(struct strategy *strategy, struct status *status);
    void (*close)(struct strategy *strategy);
    enum strategy_answer (*ask)(struct strategy *strategy, struct arch *out);
    void (*tell)(struct strategy *strategy, const struct arch *arch, const struct strategy_result *result);
    /* True when now (after the tells so far) is a good moment for a snapshot: a generation has just been completed. */
    bool (*boundary)(const struct strategy *strategy);
    enum status_code (*save)(const struct strategy *strategy, void **data, size_t *size, struct status *status);
    enum status_code (*load)(struct strategy *strategy, const void *data, size_t size, struct status *status);
    uint32_t (*generation)(const struct strategy *strategy); /* completed generations */
};

struct strategy {
    const struct strategy_ops *ops;
    const struct config_study *study; /* borrowed */
    const struct space *space;        /* borrowed */
    uint64_t asked, told;             /* kept by strategy_ask and strategy_tell */
    void *state;                      /* owned by the module */
};

/* Opens the strategy study->strategy.name ("evrsnas"); STATUS_NOT_FOUND with the known names. study and space must outlive it. */
enum status_code strategy_open(const struct config_study *study, const struct space *space, struct strategy *out,
                               struct status *status);
void strategy_close(struct strategy *strategy);

/* The next candidate, or wait, or done. */
enum strategy_answer strategy_ask(struct strategy *strategy, struct arch *out);

/* The result of the oldest ask not yet told. */
void strategy_tell(struct strategy *strategy, const struct arch *arch, const struct strategy_result *result);

bool strategy_boundary(const struct strategy *strategy);
uint32_t strategy_generation(const struct strategy *strategy);

/* State as bytes (JSON) and back; asked and told included. Saved only when asked == told. Caller frees *data. */
enum status_code strategy_save(const struct strategy *strategy, void **data, size_t *size, struct status *status);
enum status_code strategy_load(struct strategy *strategy, const void *data, size_t size, struct status *status);

/* The generator for ask number `ask` of this study: digest of (study seed, strategy name, ask). */
void strategy_rng(const struct strategy *strategy, uint64_t ask, struct rng *out);

#endif
