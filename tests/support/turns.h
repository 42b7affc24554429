/* turns: a master without a network: a real study in a real database, whose turns are those of the coordinator (one transaction:
 * what the search wants, leases granted, results accepted under their leases, canaries, candidates and snapshots), with workers and
 * agents that answer at random from the seed. What they answer follows from the architecture, so that every run ends the same. */
#ifndef HWNAS_TESTS_SUPPORT_TURNS_H
#define HWNAS_TESTS_SUPPORT_TURNS_H

#include "common/rng.h"
#include "master/search.h"
#include "tests/support/test.h"

enum { TURNS_QUEUE = 512, TURNS_SLOTS = 4 };

struct turns_task {
    char key[DIGEST_HEX_BYTES];
    enum study_want_kind kind;
    struct arch arch;
    char arch_text[ARCH_TEXT_BYTES];
    int64_t lease; /* 0: none */
    int32_t attempt;
};

struct turns {
    char study[300];                                       /* PATH of the study file; its bundle stands beside it */
    char db[300];                                          /* the database */
    size_t detail_bytes;                                   /* of an evaluation; 0: a few */
    void (*committed)(void *context, struct store *store); /* after each commit that succeeded; may be NULL */
    void *context;
    struct rng rng;
    /* the master's memory */
    struct search *search; /* NULL: closed */
    int64_t epoch, wall_ms, canary;
    struct turns_task queue[TURNS_QUEUE], out[TURNS_SLOTS];
    size_t queued, leased;
};

/* Writes study file and bundle into the folder; the database will be FOLDER_DB/study.db. 6 + 5 * (generations - 1) candidates. */
void turns_prepare(struct turns *turns, const char *folder, const char *folder_db, int generations, uint64_t seed);

/* As a master starts: opens or creates, raises the epoch, and gives back the leases that were open. */
enum status_code turns_open(struct turns *turns, struct status *status);

/* One transaction. What fails leaves memory that is worth nothing: turns_restart, or turns_close. */
enum status_code turns_turn(struct turns *turns, struct status *status);

/* As the coordinator does when the database can be written again. */
enum status_code turns_restart(struct turns *turns, struct status *status);

void turns_close(struct turns *turns);

/* Opens if need be and turns until the study is finished; fails the test otherwise. Closes. */
void turns_finish(struct turns *turns);

/* Takes back what the board measured since its last good canary but one, as `hwnas device quarantine` does. Closed. */
enum status_code turns_withdraw(struct turns *turns, struct status *status);

/* The digest of all candidates, as they were told: what a study comes to. Closed. */
void turns_outcome(const struct turns *turns, char out[DIGEST_HEX_BYTES]);

#endif
