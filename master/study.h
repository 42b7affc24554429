/* study: one search in progress: joins the strategy's asks with the values its fitness and costs get, whatever their source, and
 * tells the strategy: in ask order, or with strategy.mode steady as they are complete. Pure: no clock, no store, no socket; the
 * coordinator carries out what it wants.
 *
 *   study_pump: ask the strategy until it waits; resolve table, MACs and params parts at once
 *   study_want: a value somebody has to supply (from the store, or by a task)      -> coordinator looks it up or queues a task
 *   study_provide: the value has arrived                                           <- coordinator
 *   study_told: the next candidate whose parts are all there                       -> coordinator stores it, in the same
 * transaction */
#ifndef HWNAS_MASTER_STUDY_H
#define HWNAS_MASTER_STUDY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/config.h"
#include "common/cost.h"
#include "common/digest.h"
#include "common/protocol.h"
#include "common/space.h"
#include "common/status.h"
#include "common/tables.h"
#include "master/strategy.h"

enum study_want_kind {
    STUDY_WANT_RMI,
    STUDY_WANT_MEASURE,
    STUDY_WANT_ONESHOT_TRAIN, /* a one-shot net goes through one shard of one epoch: what comes is a loss and new weights */
    STUDY_WANT_ONESHOT_SCORE  /* an architecture is scored with the weights of a one-shot net */
};

/* Part of the keys: raised when the rule behind a value changes, so that old rows of the store are not taken for new ones. The
 * second is MEASURE_PROTOCOL_VERSION of worker/measure.h, which a test compares. */
enum { STUDY_WEIGHT_SEED_VERSION = 1, STUDY_MEASUREMENT_VERSION = 2, STUDY_ONESHOT_VERSION = 1 };

struct oneshot_protocol; /* common/oneshot.h */
struct space_mask;       /* common/space.h */

/* What ONESHOT_TRAIN and ONESHOT_SCORE need besides the architecture. What is pointed at is the study's and stays as it is until
 * the value of that key was provided, or the study is closed: all shards of an epoch, and all copies of a want, share it. */
struct study_oneshot {
    struct digest images;  /* of the images that are trained or scored on */
    bool has_weights;      /* else they are drawn (TRAIN: the first epoch of a stage that inherits nothing) */
    struct digest weights; /* what is gone on from, or scored with */
    const struct oneshot_protocol *protocol;
    const struct space_mask *mask; /* the operations that are left */
    uint32_t stage;
    uint32_t epoch, shard;       /* TRAIN: from 0 */
    const struct arch *schedule; /* TRAIN: step b trains entry b mod schedule_count */
    size_t schedule_count;       /* at most ONESHOT_SCHEDULE_MAX; 0: drawn at every step */
    struct digest validation;    /* TRAIN, bilevel: of the images that the architecture is trained on */
    const double *pull;          /* TRAIN, bilevel: what one share of each operation adds to the loss, of the costs; matrix form */
    size_t pull_count;           /* 0: the training is not bilevel */
};

/* A value to be supplied. Two candidates with the same key share one want. */
struct study_want {
    char key[DIGEST_HEX_BYTES]; /* evaluation key, or measurement key (device key and measurement protocol version included) */
    enum study_want_kind kind;
    struct arch arch; /* canonical: what is to be evaluated or measured; exact with ONESHOT_SCORE, none with ONESHOT_TRAIN */
    char arch_text[ARCH_TEXT_BYTES];
    char device[128];             /* MEASURE: the study's device word: a device key or "host" */
    struct protocol protocol;     /* RMI: how it is scored */
    uint64_t seed;                /* RMI: of its initial weights: the study's, or that of a finalist's draw */
    struct study_oneshot oneshot; /* ONESHOT_*; zeros otherwise */
};

/* A supplied value: phi of an RMI evaluation, latency_ms of a measurement, the mean loss of a one-shot net's training, the
 * accuracy in percent of an architecture by a one-shot net's weights. */
struct study_value {
    bool feasible;
    double value;
    double energy_mj; /* of a measurement; 0: not measured */
};

/* Weights of a one-shot net that are needed. make: the mean of what was trained on the shards, whose keys study_key_shard makes of
 * this one; those, and the weights under `outdated`, have served. Else only whether there are any. */
struct study_weights_want {
    char key[DIGEST_HEX_BYTES];
    bool make;
    bool read;             /* the numbers of the architecture in those `weights` are wanted (study_alpha_provide) */
    struct digest weights; /* read */
    uint32_t shards;
    char outdated[DIGEST_HEX_BYTES]; /* "": none */
};

struct study_candidate {
    uint64_t ask;
    uint64_t told; /* its number in the order of tells, from 0; the ask's with strategy.mode generations */
    struct arch arch;
    char arch_text[ARCH_TEXT_BYTES]; /* exact */
    char canonical_text[ARCH_TEXT_BYTES];
    char fitness_key[DIGEST_HEX_BYTES]; /* identifies the fitness evaluation: distinct keys are distinct evaluations */
    bool cached;                        /* this fitness key had been evaluated before in this study */
    bool skipped;                       /* ruled out without an evaluation: disconnected, or a table has no cost for it */
    bool connected;
    struct strategy_result result;
    bool satisfies; /* feasible and within every constraint */
};

struct study_counts {
    uint64_t asked, told;
    uint64_t distinct, cached, skipped; /* of asked; they add up to it */
    uint64_t total;                     /* asks the strategy will make in all when nothing ends it early; 0 unknown */
    uint32_t generation;                /* completed */
    size_t epochs, epochs_in_all;       /* of a one-shot net: trained, of those known to be needed; 0 without one */
    uint64_t finalists;                 /* there will be at most so many until the search has ended, then so many; 0: no finals */
    uint64_t finals_scored;             /* of them, all of their values known */
    bool finals;                        /* the search has ended, its finalists are being scored or have been */
};

struct study;

/* What the workers are given besides the settings. */
struct study_inputs {
    const struct digest *bundle;              /* of fitness.bundle; NULL where the fitness is not RMI */
    const struct digest *images, *validation; /* of those files; NULL without a one-shot net */
};

/* Opens a study: loads its tables, opens its strategy. config and space must outlive it. The only function here that reads files.
 */
enum status_code study_open(const struct config_study *config, const struct space *space, const struct study_inputs *inputs,
                            struct study **out, struct status *status);
void study_close(struct study *study);

/* The same with its tables borrowed from `tables` (which loads those it has not yet), so that many studies share them; they must
 * outlive the study. */
enum status_code study_open_shared(const struct config_study *config, const struct space *space, const struct study_inputs *inputs,
                                   struct tables *tables, struct study **out, struct status *status);

/* Asks until the strategy waits or is done or the budget of distinct evaluations is reached, at most `limit` asks. Returns how many
 * were made. The limit changes nothing of what is asked: with steady, study_told makes the asks that are due before it tells. */
size_t study_pump(struct study *study, size_t limit);

/* The next value wanted that was not handed out before: true and *out; false when there is none now. */
bool study_want(struct study *study, struct study_want *out);

/* Supplies a value; keys nobody waits for are ignored (a late duplicate: the first value stands). A value that is not finite, or a
 * negative latency, counts as infeasible. */
void study_provide(struct study *study, const char *key, const struct study_value *value);

/* The same for weights of a one-shot net: what is wanted next (to be looked for before study_want), then whose digest it is; NULL:
 * there are none. */
bool study_weights_want(struct study *study, struct study_weights_want *out);
void study_weights_provide(struct study *study, const char *key, const struct digest *weights);

/* alpha (SPACE_MATRIX_MAX, the rest 0): in matrix form; NULL: the weights have none. */
void study_alpha_provide(struct study *study, const char *key, const double *alpha);

/* STATUS_OK, or why this study cannot go on: weights of its one-shot net cannot be had. */
enum status_code study_failure(const struct study *study, struct status *status);

/* Pops the next candidate in ask order, or with steady the oldest ask that has all its parts, after telling the strategy: true and
 * *out; false when it has not all its parts yet, or there is none. */
bool study_told(struct study *study, struct study_candidate *out);

/* For simulations in which an evaluation takes time: called right after opening, it keeps every candidate incomplete, whatever
 * values it has, until study_release of its ask. study_asked then hands out each newly asked candidate once, in ask order: its
 * texts, key, skipped, cached and connected, and of its result what is known by now; false when there is none now. */
void study_hold(struct study *study);
bool study_asked(struct study *study, struct study_candidate *out);
void study_release(struct study *study, uint64_t ask);

/* Everything that tables and the network itself say of an architecture, without asking for it: what a search would be told. False
 * when it is infeasible, and in a study whose fitness comes from elsewhere. Any number of threads at once. */
bool study_look_up(const struct study *study, const struct arch *arch, struct strategy_result *out);

/* MACs and parameters of the exact architecture in the study's network. */
enum status_code study_paper_cost(const struct study *study, const struct arch *arch, struct cost *out, struct status *status);

/* MACs that are combined with phi: of the canonical architecture, which is what a key stands for, in the space's own network, so
 * that equal keys have equal fitness whatever the study's network is. */
enum status_code study_own_macs(const struct space *space, const struct arch *arch, double *macs, struct status *status);

/* Those of the architecture as it is: in nb201 they may differ, as the canonical form of a cell that uses a convolution's output
 * twice has the convolution twice. What is chosen by its MACs is chosen by these. */
enum status_code study_exact_macs(const struct space *space, const struct arch *arch, double *macs, struct status *status);

/* The strategy in use, for its members and its own answer. */
const struct strategy *study_strategy(const struct study *study);

/* How many RMI evaluations a candidate takes: 0 when its fitness comes out of a table, 2 where that of a second network is combined
 * with the first's. Its fitness_key is the first's. */
unsigned study_trainings(const struct study *study);

/* The strategy is done (or the budget is spent, or 10,000 times as many were skipped as had an evaluation), every candidate was
 * told, and every finalist scored. Found out by study_pump: false before the pump that could ask no more. */
bool study_finished(const struct study *study);

/* Memory ran out: nothing more is asked or told. The coordinator ends; what is stored stays good. */
bool study_out_of_memory(const struct study *study);

void study_count(const struct study *study, struct study_counts *out);

/* Trainings a finalist takes; 0: the study has no finals. */
unsigned study_final_trainings(const struct study *study);

/* The finalist that the finals have chosen, and its final score; NULL before the study is finished, and when there is none. */
const struct study_candidate *study_final(const struct study *study, double *score);

/* Whether a is better than b, which was told before: higher fitness, or equal and the lower cost (of those that are minimised, the
 * first that differs). */
bool study_better(const struct config_study *config, const struct study_candidate *a, const struct study_candidate *b);

/* The best candidate so far: highest fitness among those that satisfy; ties go to the lower cost (of those that are minimised, the
 * first that differs), then to what was told earlier. NULL when none. */
const struct study_candidate *study_best(const struct study *study);

/* Restart: study_snapshot_due is true when the candidate told last completed a generation (with steady, as many tells) and nothing
 * was asked since; the coordinator then stores study_save's bytes in the same transaction. They hold what is in flight too, whose
 * values are wanted again after a load. A snapshot grows with the search (it holds the archive), so
 * it is due only once the search has grown by an eighth since the last: all snapshots of a search together stay within nine times
 * the last one, and a restart replays at most a ninth of the search. study_load goes on from the bytes, in a study just opened;
 * study_replay then takes each stored candidate with told >= the snapshot's told count, in the order they were told: it makes the
 * asks that were due before, checks that the same architecture comes out (STATUS_CONFLICT otherwise) and tells. */
bool study_snapshot_due(const struct study *study);
enum status_code study_save(const struct study *study, void **data, size_t *size, struct status *status);
enum status_code study_load(struct study *study, const void *data, size_t size, struct status *status);
enum status_code study_replay(struct study *study, const struct study_candidate *told, struct status *status);

/* Path and digest of the i-th file the study reads, for the store: a study may only go on with the same contents. The role is the
 * file's key in the study file: "fitness.bundle", "fitness.file", "costs.0.file", ... */
size_t study_file_count(const struct study *study);
void study_file(const struct study *study, size_t i, const char **role, const char **path, const struct digest **digest);

#endif
