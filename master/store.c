/* store: opening, checking, creating and migrating the database; transactions. Called by the coordinator and by the verbs that
 * read.
 *
 * The rule it keeps: a file that is not ours, is damaged or is newer is refused before anything in it is changed. */
#include "master/store.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crash.h"
#include "common/fileio.h"
#include "master/store_backup_parts.h"
#include "master/store_check.h"
#include "master/store_schema.h"
#include "master/store_sql.h"

enum { READER_PATIENCE_MS = 500 };

static enum status_code file_failure(const char *path, const char *what, struct status *status)
{
    return status_set(status, STATUS_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* --- pragmas --- */

static enum status_code ask_int(sqlite3 *db, const char *path, const char *sql, int *out, struct status *status)
{
    char text[32];
    enum status_code code = store_ask_text(db, path, sql, text, sizeof text, status);
    *out = atoi(text);
    return code;
}

static void configure_connection(sqlite3 *db)
{
    sqlite3_extended_result_codes(db, 1);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* until the file is accepted for writing */
    sqlite3_busy_timeout(db, READER_PATIENCE_MS);                     /* another reader is done in milliseconds */
}

/* Exclusive before the first access, so that WAL needs no shared-memory file and a second opener is refused at once. */
static const char exclusive_sql[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;";
static const char durable_sql[] = "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -32768;";

static enum status_code enter_wal(sqlite3 *db, const char *path, struct status *status)
{
    char mode[16];
    enum status_code code = store_ask_text(db, path, "PRAGMA journal_mode = WAL", mode, sizeof mode, status);
    if (code == STATUS_OK && strcmp(mode, "wal") != 0)
        return status_set(status, STATUS_IO, "%s: SQLite cannot keep a write-ahead log beside this file (journal mode %s)", path,
                          mode);
    return code;
}

/* --- migrations --- */

static enum status_code migrate_step(sqlite3 *db, const char *path, const struct store_migration *migration, struct status *status)
{
    enum status_code code = store_run(db, path, "BEGIN IMMEDIATE", status);
    int version = 0;
    if (code == STATUS_OK)
        code = store_run(db, path, migration->sql, status);
    if (code == STATUS_OK)
        code = ask_int(db, path, "PRAGMA user_version", &version, status);
    if (code == STATUS_OK && version != migration->version)
        code = status_set(status, STATUS_INTERNAL, "%s: migration %d ends at version %d", path, migration->version, version);
    crash_point("migration-run");
    if (code == STATUS_OK)
        code = store_run(db, path, "COMMIT", status);
    crash_point("migration-done");
    if (code != STATUS_OK && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static enum status_code migrate(sqlite3 *db, const char *path, int from, const struct store_migration *migrations, size_t count,
                                struct status *status)
{
    enum status_code code = STATUS_OK;
    for (size_t i = (size_t)from; i < count && code == STATUS_OK; i++)
        code = migrate_step(db, path, &migrations[i], status);
    return code;
}

/* A copy of the old version stays beside the file, complete or not at all. */
static enum status_code back_up(struct store *store, int version, struct status *status)
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s.schema%d", store->path, version) >= (int)sizeof copy)
        return status_set(status, STATUS_BAD_INPUT, "%s: the path is too long", store->path);
    return store_backup_whole(store, copy, true, status);
}

/* --- creating --- */

/* Without a journal beside it: nobody reads it before it is complete and synced. */
static enum status_code fill_new(const char *path, int fd, const struct store_migration *migrations, size_t count,
                                 struct status *status)
{
    sqlite3 *db = NULL;
    int result = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
    enum status_code code = result == SQLITE_OK ? STATUS_OK : store_failure(db, path, result, status);
    if (code == STATUS_OK)
        code = store_run(db, path, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF", status);
    if (code == STATUS_OK)
        code = migrate(db, path, 0, migrations, count, status);
    sqlite3_close(db);
    if (code == STATUS_OK && fsync(fd) != 0)
        code = file_failure(path, "cannot be written", status);
    return code;
}

/* Takes its name only when it is complete: no crash can leave a half-made database behind, and no empty file is ever ours. */
static enum status_code create(const char *path, const struct store_migration *migrations, size_t count, struct status *status)
{
    char fresh[PATH_MAX];
    int fd = -1;
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return status_set(status, STATUS_BAD_INPUT, "%s: the path is too long", path);
    enum status_code code = fileio_claim(fresh, &fd, status);
    if (code == STATUS_OK)
        code = fill_new(fresh, fd, migrations, count, status);
    crash_point("database-made");
    bool made = code == STATUS_OK;
    if (made)
        code = fileio_take_name(fresh, path, status);
    crash_point("database-named");
    if (fd >= 0 && code != STATUS_OK)
        unlink(fresh);
    if (fd >= 0)
        close(fd);
    return made && code == STATUS_CONFLICT ? STATUS_OK : code; /* somebody else was faster: then that one is opened */
}

/* --- open and close --- */

static enum status_code find_file(const char *path, enum store_mode mode, bool *exists, struct status *status)
{
    struct stat info;
    *exists = stat(path, &info) == 0;
    if (*exists && !S_ISREG(info.st_mode))
        return status_set(status, STATUS_BAD_INPUT, "%s: is not a regular file", path);
    if (*exists)
        return STATUS_OK;
    if (errno != ENOENT)
        return file_failure(path, "cannot be opened", status);
    if (mode != STORE_WRITE)
        return status_set(status, STATUS_NOT_FOUND, "%s: there is no such database; name one with --db", path);
    return STATUS_OK;
}

static enum status_code accept_version(struct store *store, const struct store_migration *migrations, size_t count,
                                       struct status *status)
{
    int version = 0;
    enum status_code code = ask_int(store->db, store->path, "PRAGMA user_version", &version, status);
    if (code != STATUS_OK)
        return code;
    if (version > (int)count)
        return store_check_newer(store->path, version, (int)count, status);
    if (version < 1)
        return status_set(status, STATUS_BAD_INPUT, "%s: is not a complete database of hwnas (schema %d)", store->path, version);
    if (version == (int)count || store->mode == STORE_COPY)
        return STATUS_OK;
    if (store->mode == STORE_READ)
        return status_set(status, STATUS_BAD_INPUT,
                          "%s: was made by an older hwnas (schema %d; this one has %d); `hwnas study resume` brings it up to date",
                          store->path, version, (int)count);
    code = back_up(store, version, status);
    return code == STATUS_OK ? migrate(store->db, store->path, version, migrations, count, status) : code;
}

static enum status_code open_existing(struct store *store, const struct store_migration *migrations, size_t count,
                                      struct status *status)
{
    int result = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL); /* one thread */
    if (result == SQLITE_OK && sqlite3_db_readonly(store->db, "main") != 0)
        result = SQLITE_READONLY; /* not even its locks can be had */
    if (result != SQLITE_OK)
        return store_failure(store->db, store->path, result, status);
    configure_connection(store->db);
    enum status_code code = store_check_header(store->db, store->path, (int)count, status);
    if (code == STATUS_OK)
        code = store_run(store->db, store->path, exclusive_sql, status);
    if (code == STATUS_OK)
        code = store_check_sound(store->db, store->path, store->mode == STORE_WRITE, status);
    if (code == STATUS_OK && store->mode == STORE_WRITE)
        code = enter_wal(store->db, store->path, status);
    if (code == STATUS_OK && store->mode == STORE_WRITE)
        code = store_run(store->db, store->path, durable_sql, status);
    if (code == STATUS_OK)
        code = accept_version(store, migrations, count, status);
    if (code == STATUS_OK && store->mode != STORE_WRITE)
        code = store_run(store->db, store->path, "PRAGMA query_only = ON", status);
    if (code == STATUS_OK && store->mode == STORE_WRITE)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return code;
}

enum status_code store_open_with(const char *path, enum store_mode mode, const struct store_migration *migrations, size_t count,
                                 struct store **out, struct status *status)
{
    bool exists = false;
    enum status_code code = find_file(path, mode, &exists, status);
    if (code == STATUS_OK && mode == STORE_WRITE)
        code = store_check_place(path, status);
    if (code == STATUS_OK && !exists)
        code = create(path, migrations, count, status);
    if (code != STATUS_OK)
        return code;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory", path);
    }
    store->mode = mode;
    code = open_existing(store, migrations, count, status);
    if (code == STATUS_OK)
        *out = store;
    else
        store_close(store);
    return code;
}

enum status_code store_open(const char *path, enum store_mode mode, struct store **out, struct status *status)
{
    size_t count;
    const struct store_migration *migrations = store_migrations(&count);
    return store_open_with(path, mode, migrations, count, out, status);
}

/* Looking into a database in WAL mode makes a log beside it. Who was not accepted as a writer keeps his hands off a log that holds
 * something; an empty one he made himself, or nobody misses it. */
static void forget_empty_log(const struct store *store)
{
    char log[PATH_MAX];
    struct stat info;
    if (store->db != NULL && snprintf(log, sizeof log, "%s-wal", store->path) < (int)sizeof log && stat(log, &info) == 0 &&
        info.st_size == 0)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    store_rollback(store);
    store_statements_free(store);
    forget_empty_log(store);
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}

const char *store_path(const struct store *store)
{
    return store->path;
}

/* --- transactions --- */

enum status_code store_begin(struct store *store, struct status *status)
{
    assert(!store->in_transaction);
    enum status_code code = store_run(store->db, store->path, "BEGIN IMMEDIATE", status);
    store->in_transaction = code == STATUS_OK;
    store->changes = sqlite3_total_changes(store->db);
    return code;
}

enum status_code store_commit(struct store *store, struct status *status)
{
    assert(store->in_transaction);
    if (sqlite3_get_autocommit(store->db)) {
        store->in_transaction = false;
        return status_set(status, STATUS_IO, "%s: the transaction was rolled back by an earlier failure", store->path);
    }
    enum status_code code = store_run(store->db, store->path, "COMMIT", status);
    if (code != STATUS_OK) {
        store_rollback(store);
        return code;
    }
    store->in_transaction = false;
    store->commits += sqlite3_total_changes(store->db) != store->changes;
    return code;
}

uint64_t store_commits(const struct store *store)
{
    return store->commits;
}

void store_rollback(struct store *store)
{
    store->in_transaction = false;
    if (store->db != NULL && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}
