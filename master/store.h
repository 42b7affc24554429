/* store: the architecture-fitness table, studies, leases and bundles in SQLite. The only includer of sqlite3.h; schema in
 * schema.sql.
 *
 * One connection, one thread, WAL, synchronous FULL, exclusive locking (a second master on the same file is refused). Writes happen
 * between store_begin and store_commit; what a peer is told after a commit that returned STATUS_OK survives a power cut. A failed
 * commit is an unknown outcome: every write is idempotent. Texts in structs handed out are owned by the struct (free with its
 * _free) unless said otherwise. */
#ifndef HWNAS_MASTER_STORE_H
#define HWNAS_MASTER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/status.h"
#include "master/study.h"

struct store;

enum store_mode {
    STORE_WRITE, /* create if absent, migrate, hold the file alone */
    STORE_READ,  /* must exist; never changes it; refused while a master holds it */
    STORE_COPY   /* as STORE_READ, but of any version up to this one's: for store_backup, and nothing else */
};

/* Opens and checks the database (quick_check). STATUS_CONFLICT: another process holds it. STATUS_BAD_INPUT: not ours, damaged, or
 * made by a newer hwnas; the file is left as it was. */
enum status_code store_open(const char *path, enum store_mode mode, struct store **out, struct status *status);
void store_close(struct store *store); /* checkpoints; an open transaction is rolled back */

/* As it was given to store_open. */
const char *store_path(const struct store *store);

enum status_code store_begin(struct store *store, struct status *status);
enum status_code store_commit(struct store *store, struct status *status);
void store_rollback(struct store *store);

/* How many commits since the opening had something to keep: each of them has waited for the disk once. */
uint64_t store_commits(const struct store *store);

/* --- studies --- */
enum store_study_state { STORE_STUDY_RUNNING, STORE_STUDY_FINISHED };

struct store_study {
    int64_t id;
    char *name;
    char *settings; /* config_text */
    char *files;    /* JSON {role: {"path":…,"digest":…}} */
    enum store_study_state state;
    int64_t created_wall_ms, finished_wall_ms; /* 0: not yet */
    double seconds;                            /* of search so far, summed over restarts */
    char *answer;                              /* the method's own answer, an exact architecture; NULL: none */
};
void store_study_free(struct store_study *study);

enum status_code store_study_find(struct store *store, const char *name, struct store_study *out, struct status *status);
enum status_code store_study_list(struct store *store, struct store_study **out, size_t *count,
                                  struct status *status); /* free each, then the array */
enum status_code store_study_create(struct store *store, const struct store_study *study, int64_t *id, struct status *status);
enum status_code store_study_update(struct store *store, int64_t id, enum store_study_state state, int64_t finished_wall_ms,
                                    double seconds, struct status *status);
/* Keeps the method's own answer. */
enum status_code store_study_answer(struct store *store, int64_t id, const char *arch, struct status *status);
const char *store_study_state_name(enum store_study_state state);

/* --- the architecture-fitness table: one row per evaluation or measurement key, never changed once written --- */
struct store_evaluation {
    char key[DIGEST_HEX_BYTES];
    enum study_want_kind kind;
    char arch[ARCH_TEXT_BYTES]; /* as in struct study_want; empty for the training of a one-shot net */
    bool feasible;
    char why_not[128]; /* empty when feasible */
    double value;      /* as in struct study_value */
    char *detail;  /* JSON: the whole trace, raw samples, statistics and conditions, or what is known of a one-shot net; owned */
    char node[64]; /* who computed it */
    char device_key[128]; /* measurements: what it ran on */
    double seconds;       /* spent by the node */
    int64_t wall_ms;      /* when it was accepted */
    /* measurements: */
    char board[64];                        /* the very board */
    char failure[32];                      /* why it is infeasible, as a class; empty when it is not */
    double queue_seconds;                  /* from being wanted to being granted; NaN: not known */
    double build_seconds, run_seconds;     /* of seconds; NaN: not known */
    double energy_mj;                      /* NaN: not measured */
    int64_t after_canary;                  /* the board's last good canary then; 0: none */
    char samples_digest[DIGEST_HEX_BYTES]; /* may be empty */
};
void store_evaluation_free(struct store_evaluation *evaluation);

/* *found: there is such a row. */
enum status_code store_evaluation_find(struct store *store, const char *key, struct store_evaluation *out, bool *found,
                                       struct status *status);
/* The same, with STATUS_NOT_FOUND when there is none. */
enum status_code store_evaluation_get(struct store *store, const char *key, struct store_evaluation *out, struct status *status);

/* Inserts; *inserted is false (and nothing changes) when the key is already there. */
enum status_code store_evaluation_put(struct store *store, const struct store_evaluation *evaluation, bool *inserted,
                                      struct status *status);
/* Rows that workers computed, and rows that agents measured. */
enum status_code store_evaluation_count(struct store *store, int64_t *computed, int64_t *measured, struct status *status);

/* --- candidates told, in the order they were, and snapshots --- */
enum status_code store_candidate_put(struct store *store, int64_t study_id, const struct study_candidate *candidate,
                                     size_t cost_count, struct status *status);
/* Calls `each` for candidates with told >= from in the order of the tells until it returns other than STATUS_OK; returns that. */
enum status_code store_candidate_each(struct store *store, int64_t study_id, uint64_t from,
                                      enum status_code (*each)(void *context, const struct study_candidate *candidate,
                                                               struct status *status),
                                      void *context, struct status *status);
/* Keeps only the newest snapshot of the study. `told` is how many candidates it includes. */
enum status_code store_snapshot_put(struct store *store, int64_t study_id, uint64_t told, const void *data, size_t size,
                                    struct status *status);
/* STATUS_NOT_FOUND when there is none. Caller frees *data. */
enum status_code store_snapshot_get(struct store *store, int64_t study_id, uint64_t *told, void **data, size_t *size,
                                    struct status *status);

/* --- leases: who works on what; they survive a restart of the master --- */
enum store_lease_state { STORE_LEASE_OPEN, STORE_LEASE_DONE, STORE_LEASE_FAILED, STORE_LEASE_LOST, STORE_LEASE_RETURNED };

struct store_lease {
    int64_t id;    /* never reused */
    int64_t epoch; /* of the master that granted it */
    char key[DIGEST_HEX_BYTES];
    int32_t attempt; /* 1, 2, ... of that key */
    char node[64];
    char board[64]; /* of an agent; else empty */
    enum store_lease_state state;
    char reason[256]; /* why it failed or was lost */
    int64_t granted_wall_ms, closed_wall_ms;
};

/* Raises the epoch (once per master start) and returns it. It is a number that no other start ever has, of this database or of a
 * copy that is put back in its place: the milliseconds since 1970 and, below them, 20 bits of `chance` (uniform). Where the clock
 * does not allow that it rises by 1 and chance, so that two starts after a restored copy do not meet either. */
enum { STORE_EPOCH_CHANCE_BITS = 20 };
enum status_code store_epoch_next(struct store *store, int64_t wall_ms, uint64_t chance, int64_t *epoch, struct status *status);
/* Inserts an open lease; id is chosen by the store. */
enum status_code store_lease_grant(struct store *store, struct store_lease *lease, struct status *status);
/* Closes the lease if id, epoch, attempt, node and state OPEN all match; *closed says whether it did (false: stale, somebody
 * else's, or closed before). epoch is the one the lease was granted in; failure is the class of a failure, or empty. */
enum status_code store_lease_close(struct store *store, int64_t id, int64_t epoch, int32_t attempt, const char *node,
                                   enum store_lease_state state, const char *failure, const char *reason, int64_t wall_ms,
                                   bool *closed, struct status *status);
enum status_code store_lease_open_list(struct store *store, struct store_lease **out, size_t *count,
                                       struct status *status); /* caller frees */
/* Attempts of that key that failed or were lost. */
struct store_attempts {
    int32_t failures;
    int32_t places;  /* on so many different boards (agents) or nodes (workers) */
    int32_t crashes; /* of them: lost, or the board crashed */
};
enum status_code store_lease_attempts(struct store *store, const char *key, struct store_attempts *out, struct status *status);

/* --- bundles by digest --- */
enum status_code store_bundle_put(struct store *store, const struct digest *digest, const void *data, size_t size,
                                  struct status *status);
enum status_code store_bundle_get(struct store *store, const struct digest *digest, void **data, size_t *size,
                                  struct status *status);

#endif
