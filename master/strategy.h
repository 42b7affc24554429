/* strategy: a search method behind ask/tell, as an ops table. Pure: randomness comes from (seed, ask number), costs and fitness
 * from tell.
 *
 * The contract: asks are numbered from 0; tell is called exactly once per ask; a strategy that needs results before it can propose
 * more says STRATEGY_WAIT. With strategy.mode generations, tells come in ask order, so the state after n tells depends on their
 * results alone. With steady, tells come in any order, and between two tells the caller asks until STRATEGY_WAIT or
 * STRATEGY_DONE: at most in_flight candidates are asked and not told, so ask k is always made after exactly k + 1 - in_flight
 * tells (none for the first in_flight), and the state depends on the order and results of the tells alone. save/load carry it over
 * a restart. */
#ifndef HWNAS_MASTER_STRATEGY_H
#define HWNAS_MASTER_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/config.h"
#include "common/space.h"
#include "common/status.h"
#include "master/archive.h"

enum strategy_answer { STRATEGY_ASK, STRATEGY_WAIT, STRATEGY_DONE };

/* What a strategy learns of one candidate. */
struct strategy_result {
    bool feasible;                  /* false: disconnected, NaN, failed, or a cost is missing: never better than a feasible one */
    double fitness;                 /* larger is better; 0 when infeasible */
    double costs[CONFIG_COSTS_MAX]; /* in the study's order; NaN where missing */
};

struct strategy;
struct json_t; /* jansson's */

/* A module keeps everything it needs to go on in strategy->state; save gives it as a JSON object (a new reference), load takes such
 * an object, which may come from a damaged file, into a freshly opened strategy. */
struct strategy_ops {
    const char *name;
    enum status_code (*open)(struct strategy *strategy, struct status *status);
    void (*close)(struct strategy *strategy);
    enum strategy_answer (*ask)(struct strategy *strategy, struct arch *out);
    void (*tell)(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result);
    /* True when now (after the tells so far) is a good moment for a snapshot: a generation has just been completed. */
    bool (*boundary)(const struct strategy *strategy);
    struct json_t *(*save)(const struct strategy *strategy); /* NULL without memory */
    enum status_code (*load)(struct strategy *strategy, const struct json_t *saved, struct status *status);
    uint32_t (*generation)(const struct strategy *strategy); /* completed generations */
    uint64_t (*total)(const struct strategy *strategy);      /* asks in all when nothing ends it early; 0 unknown */
    bool steady;                                             /* can do strategy.mode steady */
    /* The i-th member of the current population, false beyond its end; NULL where there is no population. */
    bool (*member)(const struct strategy *strategy, size_t i, struct arch *out);
    /* The method's own answer where it is not the best candidate found; false while there is none; NULL where there never is. */
    bool (*answer)(const struct strategy *strategy, struct arch *out);
    /* What is to be asked next, where that comes from the study; only while it waits for it; NULL: it does not. */
    void (*offer)(struct strategy *strategy, const struct arch *arch);
    /* The stage that the next ask belongs to, and the operations that it may choose; NULL: there is one stage, with all of them. */
    uint32_t (*stage)(const struct strategy *strategy, struct space_mask *out);
    /* Is there one at the end of such a study? NULL: always, where `answer` is given. */
    bool (*answers)(const struct config_study *study);
    uint32_t generations; /* in all, where they are not strategy.generations; 0: they are */
};

struct strategy {
    const struct strategy_ops *ops;
    const struct config_study *study; /* borrowed */
    const struct space *space;        /* borrowed */
    uint64_t asked, told;             /* kept by strategy_ask and strategy_tell */
    struct archive *archive;          /* owned: the identity of everything asked so far, kept by strategy_ask */
    bool out_of_memory;               /* the archive could not grow: strategy_ask waits for ever; the study says so */
    void *state;                      /* owned by the module */
};

/* Opens the strategy study->strategy.name ("evrsnas"); STATUS_NOT_FOUND with the known names; STATUS_BAD_INPUT for settings it
 * cannot work with (steady where it has no such mode). study and space must outlive it. */
enum status_code strategy_open(const struct config_study *study, const struct space *space, struct strategy *out,
                               struct status *status);
void strategy_close(struct strategy *strategy);

/* The next candidate, or wait, or done. */
enum strategy_answer strategy_ask(struct strategy *strategy, struct arch *out);

/* The result of that ask: the oldest not yet told, or with steady any not yet told. */
void strategy_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result);

/* Told in any order? As strategy.mode says. */
bool strategy_steady(const struct strategy *strategy);

/* The population and the method's own answer, as the ops table says; false where there is none. */
bool strategy_member(const struct strategy *strategy, size_t i, struct arch *out);
bool strategy_answer(const struct strategy *strategy, struct arch *out);
/* Has the study's strategy an answer of its own when it gets to its end? */
bool strategy_answers(const struct config_study *study);

/* For modules that propose without generations: true when in_flight candidates are asked and not told; with strategy.mode
 * generations also when a batch of in_flight is asked and not all told, so that there are moments to save in. */
bool strategy_full(const struct strategy *strategy);

/* To a strategy with `offer` that has said STRATEGY_WAIT. */
void strategy_offer(struct strategy *strategy, const struct arch *arch);

/* The stage in progress, from 0, and which operations it may choose (of the space's matrix form). */
uint32_t strategy_stage(const struct strategy *strategy, struct space_mask *out);

bool strategy_boundary(const struct strategy *strategy);
uint32_t strategy_generation(const struct strategy *strategy);
uint32_t strategy_generations(const struct strategy *strategy); /* in all; 0 unknown */
uint64_t strategy_total(const struct strategy *strategy);

/* State as bytes (JSON) and back; asked, told and the archive included. Saved only when asked == told, or with steady between a
 * tell and the asks that follow it: what is in flight then is the caller's to save. Caller frees *data.
 * Loading wants a strategy that was just opened; STATUS_BAD_INPUT leaves it unusable (close it). */
enum status_code strategy_save(const struct strategy *strategy, void **data, size_t *size, struct status *status);
enum status_code strategy_load(struct strategy *strategy, const void *data, size_t size, struct status *status);

/* The same as a JSON object, for what is saved together with it. */
struct json_t *strategy_save_json(const struct strategy *strategy);
enum status_code strategy_load_json(struct strategy *strategy, const struct json_t *saved, struct status *status);

/* A JSON object's text without spaces, zero-terminated (which *size does not count), for the caller to free; false without
 * memory. */
bool strategy_json_text(const struct json_t *object, void **data, size_t *size);

/* What makes two asks one evaluation: the exact genes where the fitness is looked up in a table, the canonical ones where the net
 * itself is evaluated. */
void strategy_identity(const struct strategy *strategy, const struct arch *arch, struct arch *out);

/* True when this search has asked for it (or its like) before. */
bool strategy_known(const struct strategy *strategy, const struct arch *arch);

/* The generator for ask number `ask` of this study: digest of (study seed, strategy name, ask). */
void strategy_rng(const struct strategy *strategy, uint64_t ask, struct rng *out);

/* Architectures in saved states: two hexadecimal digits a gene. Parse returns false for anything that is not a valid architecture
 * of the space. */
enum { STRATEGY_GENES_BYTES = 2 * ARCH_GENES_MAX + 1 };
void strategy_genes_print(const struct arch *arch, char out[STRATEGY_GENES_BYTES]);
bool strategy_genes_parse(const struct space *space, const char *text, struct arch *out);

/* Architectures as a JSON list of such texts (a new reference, NULL without memory) and back. Reading takes at most `room` of them
 * and returns how many; SIZE_MAX for a list that is longer or is not of this space. */
struct json_t *strategy_archs_save(const struct arch *archs, size_t count);
size_t strategy_archs_load(const struct space *space, const struct json_t *list, struct arch *out, size_t room);

#endif
