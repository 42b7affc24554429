/* search: a study joined with its store: opening and resuming it, looking wanted values up, storing what comes out. Blocks on the
 * store only. Called by the coordinator, which brings the values that the store does not have.
 *
 * All writes of one turn of the coordinator stand in one transaction: search_begin, writes, search_commit. A failed write or commit
 * is an unknown outcome; the memory's state is then worth nothing and search_restart builds it anew from what is stored, by the
 * same way as after a crash. */
#ifndef HWNAS_MASTER_SEARCH_H
#define HWNAS_MASTER_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/wire.h"
#include "master/store.h"
#include "master/store_weights.h"
#include "master/study.h"

struct search_options {
    const char *study_path; /* a study file, or NULL */
    const char *const *overrides;
    size_t override_count;
    const char *resume;        /* the name of a study in the database, when study_path is NULL */
    const char *db;            /* NULL: NAME.db in the current folder */
    const struct clock *clock; /* NULL: the system's */
};

/* A value that no store row holds: a task for somebody. Called during search_advance. */
typedef void (*search_task)(void *context, const struct study_want *want, const struct store_attempts *attempts);

struct search;

/* A file that peers are given. */
struct search_file {
    void *data; /* owned; NULL: the study has no such file */
    size_t size;
    struct digest digest;
};

/* Reads images into memory and says how many they are. STATUS_BAD_INPUT, besides all that images_read refuses: they are not those
 * that the study's network takes. Caller frees out->data, also after a failure. */
enum status_code search_read_images(const struct config_study *study, const char *path, struct search_file *out, int *count,
                                    struct status *status);

/* Opens database and study, checks that settings and files are those the study was begun with, and goes on from what is stored.
 * STATUS_CONFLICT: another master holds the database, or the study of that name has other settings or files (the sentence shows
 * the difference). Others as config_load, store_open, study_open. logger may be NULL. */
enum status_code search_open(const struct search_options *options, const struct logger *logger, struct search **out,
                             struct status *status);
/* Checkpoints and closes the database. */
void search_close(struct search *search);

const struct config_study *search_config(const struct search *search);
const struct space *search_space(const struct search *search);
const struct study *search_study(const struct search *search);
struct store *search_store(struct search *search);

/* RMI studies: the address of the bundle; NULL for other studies. */
const struct digest *search_bundle(const struct search *search);

/* The bytes of that digest that peers may ask for: the bundle, images, or weights of the store, of which the last few are kept in
 * memory. *data is good until the next call of any function here. STATUS_NOT_FOUND: there are none. STATUS_IO, STATUS_NO_MEMORY: it
 * may come later. */
enum status_code search_blob(struct search *search, const struct digest *digest, const void **data, size_t *size,
                             struct status *status);

/* Every candidate was told and the study is marked finished. */
bool search_finished(const struct search *search);

/* Seconds spent on the study, earlier starts included. */
double search_seconds(const struct search *search, int64_t now_ms);

/* Begins a transaction if none is open; ends it, keeping everything or nothing. */
enum status_code search_begin(struct search *search, struct status *status);
enum status_code search_commit(struct search *search, struct status *status);
void search_rollback(struct search *search);

/* Asks and tells until nothing moves or about `limit` asks and tells were done, or a tenth of a second has passed (*more is then
 * true: call again soon). Stores told candidates, snapshots and the end. In a transaction. STATUS_NO_MEMORY: give up. */
enum status_code search_advance(struct search *search, size_t limit, search_task task, void *context, bool *more,
                                struct status *status);

/* The want of that key that was handed out as a task and has no value yet, or NULL. */
const struct study_want *search_wanted(const struct search *search, const char *key);

/* What a want's kind is called in messages. */
enum wire_kind search_wire_kind(enum study_want_kind kind);

/* Whether the bytes are what that training leaves: weights of its net. STATUS_BAD_INPUT says what is wrong with them. */
enum status_code search_weights_check(const struct search *search, const struct study_want *want, const void *data, size_t size,
                                      struct status *status);

/* What came with a value: the weights that a training ended with. */
struct search_artifact {
    struct digest digest; /* of data */
    const void *data;     /* borrowed */
    size_t size;
};

/* The value of a wanted key has come: stores the row, and what came with it (NULL: nothing) under the same key, and provides it. In
 * a transaction. */
enum status_code search_accept(struct search *search, const struct store_evaluation *evaluation,
                               const struct search_artifact *artifact, struct status *status);

/* Nobody can supply it: the candidates that wait for it are infeasible. Leaves no row: another study may have more luck. */
void search_give_up(struct search *search, const char *key);

/* Whether the store has a value for the key. */
enum status_code search_known(struct search *search, const char *key, bool *known, struct status *status);

/* Stores how many seconds were spent so far: the master is leaving. In a transaction. */
enum status_code search_pause(struct search *search, struct status *status);

/* Throws away the study's memory and builds it anew from the store. Outside of a transaction. */
enum status_code search_restart(struct search *search, struct status *status);

#endif
