/* store_backup: SQLite's backup interface, a bounded number of pages at a time, on the store's own connection: writes of that
 * connection keep the copy in step, so that a backup neither begins again nor holds the writer up. */
#include "master/store_backup.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crash.h"
#include "common/fileio.h"
#include "master/store_backup_parts.h"
#include "master/store_check.h"
#include "master/store_sql.h"

enum { STEP_PAGES = 256 };

enum phase { COPYING, CHECKING, DONE };

struct store_backup {
    struct store *store;
    bool replace; /* what has the target's name */
    enum phase phase;
    int fd;        /* of the partial file, locked: it is this backup's; -1: not yet */
    sqlite3 *copy; /* the checker's while it runs */
    sqlite3_backup *copying;
    pthread_t checker;
    atomic_bool checked;
    struct status verdict; /* the checker's, once `checked` */
    char target[PATH_MAX], partial[PATH_MAX];
};

static enum status_code file_failure(const char *path, struct status *status)
{
    return status_set(status, STATUS_IO, "%s: the copy cannot be written: %s", path, strerror(errno));
}

/* --- beginning --- */

static enum status_code check_target(const struct store_backup *backup, struct status *status)
{
    struct stat info;
    if (backup->replace || lstat(backup->target, &info) != 0)
        return STATUS_OK;
    return status_set(status, STATUS_CONFLICT, "%s: exists already, and nothing is overwritten: give the copy another name",
                      backup->target);
}

static enum status_code take_partial(struct store_backup *backup, struct status *status)
{
    enum status_code code = fileio_claim(backup->partial, &backup->fd, status);
    if (code == STATUS_CONFLICT)
        return status_set(status, code, "%s: another backup to this name is on its way", backup->target);
    return code;
}

/* With the rights that the database has: it may be for its owner's eyes only. */
static enum status_code take_rights(struct store_backup *backup, struct status *status)
{
    struct stat info;
    if (stat(backup->store->path, &info) != 0 || fchmod(backup->fd, info.st_mode & 0777) != 0)
        return file_failure(backup->partial, status);
    return STATUS_OK;
}

static enum status_code open_copy(struct store_backup *backup, struct status *status)
{
    int result = sqlite3_open_v2(backup->partial, &backup->copy, SQLITE_OPEN_READWRITE, NULL);
    if (result != SQLITE_OK)
        return store_failure(backup->copy, backup->partial, result, status);
    sqlite3_extended_result_codes(backup->copy, 1);
    /* Nobody reads it before it is complete and synced. */
    return store_run(backup->copy, backup->partial, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA mmap_size = 0;",
                     status);
}

static enum status_code begin(struct store_backup *backup, struct status *status)
{
    enum status_code code = check_target(backup, status);
    if (code == STATUS_OK)
        code = take_partial(backup, status);
    if (code == STATUS_OK)
        code = take_rights(backup, status);
    if (code == STATUS_OK)
        code = open_copy(backup, status);
    if (code != STATUS_OK)
        return code;
    crash_point("before-backup");
    backup->copying = sqlite3_backup_init(backup->copy, "main", backup->store->db, "main");
    if (backup->copying == NULL)
        return store_failure(backup->copy, backup->partial, sqlite3_extended_errcode(backup->copy), status);
    return STATUS_OK;
}

static enum status_code begin_with(struct store *store, const char *target, bool replace, struct store_backup **out,
                                   struct status *status)
{
    struct store_backup *backup = calloc(1, sizeof *backup);
    if (backup == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory for a backup", target);
    backup->store = store;
    backup->replace = replace;
    backup->fd = -1;
    enum status_code code = STATUS_OK;
    if (snprintf(backup->target, sizeof backup->target, "%s", target) >= (int)sizeof backup->target ||
        snprintf(backup->partial, sizeof backup->partial, "%s.partial", target) >= (int)sizeof backup->partial)
        code = status_set(status, STATUS_BAD_INPUT, "%.200s...: the path is too long", target);
    if (code == STATUS_OK)
        code = begin(backup, status);
    if (code == STATUS_OK)
        *out = backup;
    else
        store_backup_end(backup);
    return code;
}

enum status_code store_backup_begin(struct store *store, const char *target, struct store_backup **out, struct status *status)
{
    return begin_with(store, target, false, out, status);
}

/* --- checking --- */

static enum status_code check(const struct store_backup *backup, struct status *status)
{
    struct status found = {0};
    enum status_code code = store_check_sound(backup->copy, backup->partial, true, &found);
    if (code == STATUS_BAD_INPUT)
        return status_set(status, STATUS_IO,
                          "%s: the copy came out damaged: check %s itself (stop its master, open it again), and "
                          "try another disk; %.200s",
                          backup->target, backup->store->path, found.message);
    return code == STATUS_OK ? code : status_set(status, code, "%s", found.message);
}

/* Says in the header (bytes 18 and 19) that the copy keeps no write-ahead log: it is one file, and stays so when it is read.
 * SQLite's own way to that end would make a log first. */
static enum status_code leave_wal(struct store_backup *backup, struct status *status)
{
    static const unsigned char rollback_journal[2] = {1, 1};
    sqlite3_close(backup->copy);
    backup->copy = NULL;
    return pwrite(backup->fd, rollback_journal, 2, 18) == 2 ? STATUS_OK : file_failure(backup->partial, status);
}

static enum status_code check_and_sync(struct store_backup *backup, struct status *status)
{
    enum status_code code = leave_wal(backup, status);
    if (code == STATUS_OK)
        code = open_copy(backup, status);
    if (code == STATUS_OK)
        code = check(backup, status);
    sqlite3_close(backup->copy);
    backup->copy = NULL;
    if (code == STATUS_OK && fsync(backup->fd) != 0)
        code = file_failure(backup->partial, status);
    return code;
}

static void *run_check(void *context)
{
    struct store_backup *backup = context;
    backup->verdict.code = check_and_sync(backup, &backup->verdict);
    atomic_store(&backup->checked, true);
    return NULL;
}

/* Reading the whole copy and syncing it take seconds when it is large: not on the owner's thread. */
static enum status_code begin_check(struct store_backup *backup, struct status *status)
{
    int failed = pthread_create(&backup->checker, NULL, run_check, backup);
    if (failed != 0)
        return status_set(status, STATUS_NO_MEMORY, "%s: no thread to check the copy with: %s", backup->target, strerror(failed));
    backup->phase = CHECKING;
    return STATUS_OK;
}

/* --- steps --- */

static enum status_code copy_some(struct store_backup *backup, struct status *status)
{
    int result = sqlite3_backup_step(backup->copying, STEP_PAGES);
    if (result == SQLITE_OK)
        return STATUS_OK;
    if (result != SQLITE_DONE)
        return store_failure(backup->copy, backup->partial, result, status);
    result = sqlite3_backup_finish(backup->copying);
    backup->copying = NULL;
    crash_point("backup-copied");
    return result == SQLITE_OK ? begin_check(backup, status) : store_failure(backup->copy, backup->partial, result, status);
}

static enum status_code take_name(struct store_backup *backup, struct status *status)
{
    if (!backup->replace)
        return fileio_take_name(backup->partial, backup->target, status);
    if (rename(backup->partial, backup->target) != 0)
        return file_failure(backup->target, status);
    fileio_sync_folder(backup->target);
    return STATUS_OK;
}

static enum status_code end_check(struct store_backup *backup, struct status *status)
{
    pthread_join(backup->checker, NULL);
    backup->phase = COPYING; /* no thread to wait for any more */
    if (backup->verdict.code != STATUS_OK)
        return status_set(status, backup->verdict.code, "%s", backup->verdict.message);
    crash_point("backup-made");
    enum status_code code = take_name(backup, status);
    crash_point("backup-named");
    if (code == STATUS_OK)
        backup->phase = DONE;
    return code;
}

enum status_code store_backup_step(struct store_backup *backup, bool *done, struct status *status)
{
    assert(!backup->store->in_transaction);
    enum status_code code = STATUS_OK;
    if (backup->phase == CHECKING && atomic_load(&backup->checked))
        code = end_check(backup, status);
    else if (backup->phase == COPYING)
        code = copy_some(backup, status);
    *done = backup->phase == DONE;
    return code;
}

void store_backup_end(struct store_backup *backup)
{
    if (backup == NULL)
        return;
    if (backup->phase == CHECKING)
        pthread_join(backup->checker, NULL);
    sqlite3_backup_finish(backup->copying);
    sqlite3_close(backup->copy);
    if (backup->fd >= 0 && backup->phase != DONE)
        unlink(backup->partial);
    if (backup->fd >= 0)
        close(backup->fd);
    free(backup);
}

/* --- all at once --- */

enum status_code store_backup_whole(struct store *store, const char *target, bool replace, struct status *status)
{
    struct store_backup *backup = NULL;
    bool done = false;
    enum status_code code = begin_with(store, target, replace, &backup, status);
    while (code == STATUS_OK && backup->phase == COPYING)
        code = store_backup_step(backup, &done, status);
    if (code == STATUS_OK)
        code = end_check(backup, status);
    store_backup_end(backup);
    return code;
}

enum status_code store_backup_file(const char *path, const char *target, struct status *status)
{
    struct store *store = NULL;
    enum status_code code = store_open(path, STORE_COPY, &store, status);
    if (code == STATUS_OK)
        code = store_backup_whole(store, target, false, status);
    store_close(store);
    return code;
}
