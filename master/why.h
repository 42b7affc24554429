/* why: what a study waits for, as facts that somebody gathered, and their print: for `hwnas study why` and `hwnas device why`. The
 * facts come from a running master (coord_why.c) or out of a database that none holds (cli_why.c). Pure. */
#ifndef HWNAS_MASTER_WHY_H
#define HWNAS_MASTER_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/arch.h"
#include "common/cli.h"
#include "common/wire.h"
#include "master/store_board.h"
#include "master/store_failure.h"
#include "master/study.h"

enum { WHY_REASONS_MAX = 24, WHY_LISTED = 100, WHY_SENTENCE_BYTES = 640 };

/* One thing that is waited for. */
struct why_reason {
    const char *code; /* "no_worker", ...: a word for scripts; a literal */
    char sentence[WHY_SENTENCE_BYTES];
    char todo[WHY_SENTENCE_BYTES]; /* what would help; empty: nothing need be done */
};

/* Who holds what. */
struct why_lease {
    uint64_t id;
    enum wire_kind kind; /* 0: not known yet, from an earlier start of the master */
    char node[WIRE_NAME_BYTES], board[WIRE_NAME_BYTES];
    char key[DIGEST_HEX_BYTES], arch[ARCH_TEXT_BYTES]; /* arch may be empty: a canary, a training, or nobody's any more */
    char part[64];                                     /* of what is trained: "epoch 3 of stage 1, shard 2"; else empty */
    uint32_t attempt;
    int64_t since_wall_ms, until_wall_ms; /* 0: not known */
    bool canary, confirmed;
};

struct why_failure {
    char key[DIGEST_HEX_BYTES], arch[ARCH_TEXT_BYTES];
    struct store_failure attempt;
};

struct why {
    char study[WIRE_NAME_BYTES];
    const char *state; /* "running", "finished": a literal */
    bool live;         /* a master told it */
    struct study_counts counts;
    struct why_tasks {
        uint32_t waiting, leased;
    } tasks[WIRE_KINDS]; /* by kind; canaries are none */
    uint32_t workers, agents;
    struct why_reason reasons[WHY_REASONS_MAX];
    size_t reason_count;
    struct why_lease leases[WHY_LISTED];
    size_t lease_count, leases_in_all;
    struct why_failure failures[WHY_LISTED];
    size_t failure_count, failures_in_all; /* in all: of what is still wanted */
    struct store_board *boards;            /* owned; those that are quarantined */
    size_t board_count;
};

/* All zeros but the study's name; NULL without memory. */
struct why *why_new(const char *study);
void why_free(struct why *why); /* NULL is fine */

/* Adds a reason with its sentence; what is too much is left out. Returns its todo, to be filled in, or a place where that does no
 * harm. */
char *why_because(struct why *why, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds what the store knows of a key's failed attempts, as far as there is room. */
enum status_code why_add_failures(struct why *why, struct store *store, const char *key, const char *arch, int32_t failures,
                                  struct status *status);

/* Adds the boards that are quarantined. */
enum status_code why_add_boards(struct why *why, struct store *store, struct status *status);

enum status_code why_print(const struct why *why, enum cli_format format, FILE *out, struct status *status);

/* --- measurements that wait --- */
struct why_waiting {
    char arch[ARCH_TEXT_BYTES], key[DIGEST_HEX_BYTES], device[WIRE_DEVICE_BYTES];
};

struct why_device {
    char device[WIRE_DEVICE_BYTES];
    char waits_for[2 * WHY_SENTENCE_BYTES + 8];
    size_t count; /* measurements for it */
};

/* In the order they would be granted. */
struct why_measurements {
    struct why_waiting *list; /* owned */
    size_t count, room;
    struct why_device *devices; /* owned; each once */
    size_t device_count;
};

/* STATUS_NO_MEMORY. */
enum status_code why_measurement_add(struct why_measurements *all, const char *arch, const char *key, const char *device,
                                     struct status *status);
void why_measurements_free(struct why_measurements *all);

enum status_code why_measurements_print(const struct why_measurements *all, const char *study, enum cli_format format, FILE *out,
                                        struct status *status);

#endif
