/* store_check: looking before touching. The rule it keeps: a file that is not ours, is damaged or is newer is refused with its
 * bytes as they were. */
#include "master/store_check.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/filesystem.h"
#include "master/store_schema.h"
#include "master/store_sql.h"

#define PUT_BACK "it was left as it is: put a copy in its place (without a FILE-wal), or see `.recover` of the sqlite3 shell"

enum { HEADER_BYTES = 100, HEADER_WRITE_VERSION = 18, HEADER_USER_VERSION = 60, HEADER_APPLICATION_ID = 68, ROLLBACK_JOURNAL = 1 };

/* --- the place --- */

const char *store_check_network(long type)
{
    struct filesystem is = filesystem_of((unsigned long)type);
    return is.kind == FILESYSTEM_NETWORK ? is.name : NULL;
}

enum status_code store_check_place(const char *path, struct status *status)
{
    char folder[PATH_MAX];
    struct statfs system;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s",
             slash == NULL   ? 1
             : slash == path ? 1
                             : (int)(slash - path),
             slash == NULL ? "." : path);
    if (statfs(path, &system) != 0 && statfs(folder, &system) != 0)
        return STATUS_OK; /* whoever opens it says why that cannot be */
    const char *network = store_check_network((long)system.f_type);
    if (network == NULL)
        return STATUS_OK;
    return status_set(status, STATUS_UNSUPPORTED,
                      "%s: lies on a network file system (%s), where locks and syncs are not to be trusted: keep the database on a "
                      "local disk with --db",
                      path, network);
}

/* --- the first bytes --- */

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

enum status_code store_check_newer(const char *path, int version, int known, struct status *status)
{
    return status_set(status, STATUS_BAD_INPUT,
                      "%s: was made by a newer hwnas (schema %d; this one knows %d): use that version, or another file with --db",
                      path, version, known);
}

static enum status_code read_header(sqlite3 *db, const char *path, unsigned char header[HEADER_BYTES], struct status *status)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL || file->pMethods == NULL)
        return store_failure(db, path, SQLITE_CANTOPEN, status);
    if (file->pMethods->xFileSize(file, &size) != SQLITE_OK)
        return store_failure(db, path, SQLITE_IOERR, status);
    if (size < HEADER_BYTES)
        return status_set(status, STATUS_BAD_INPUT, "%s: is not a database of hwnas: it has %lld bytes; " PUT_BACK, path,
                          (long long)size);
    int result = file->pMethods->xRead(file, header, HEADER_BYTES, 0);
    return result == SQLITE_OK ? STATUS_OK : store_failure(db, path, result, status);
}

/* A database that keeps a log says so in its header before there is one, and copies say that they keep none. SQLite would take the
 * pages of any log that lies there. */
static enum status_code check_log(const char *path, const unsigned char *header, struct status *status)
{
    char log[PATH_MAX];
    struct stat info;
    if (header[HEADER_WRITE_VERSION] != ROLLBACK_JOURNAL || snprintf(log, sizeof log, "%s-wal", path) >= (int)sizeof log ||
        stat(log, &info) != 0 || info.st_size == 0)
        return STATUS_OK;
    return status_set(
        status, STATUS_BAD_INPUT,
        "%s: the log beside it (%s-wal) belongs to another database, whose place this one has taken: move that log away", path,
        path);
}

enum status_code store_check_header(sqlite3 *db, const char *path, int known, struct status *status)
{
    unsigned char header[HEADER_BYTES];
    enum status_code code = read_header(db, path, header, status);
    if (code != STATUS_OK)
        return code;
    if (memcmp(header, "SQLite format 3", 16) != 0)
        return status_set(status, STATUS_BAD_INPUT, "%s: is not a database (its first bytes are not SQLite's); " PUT_BACK, path);
    if (big_endian(header + HEADER_APPLICATION_ID) != STORE_APPLICATION_ID)
        return status_set(status, STATUS_BAD_INPUT, "%s: is a database of another program; name one of hwnas with --db", path);
    int version = (int)big_endian(header + HEADER_USER_VERSION);
    return version > known ? store_check_newer(path, version, known, status) : check_log(path, header, status);
}

/* --- all of it --- */

/* The check reports a page that it could not read as it does a damaged one, but for SQLite's code in its words. */
static int reading_failure(const char *answer)
{
    const char *words = strstr(answer, "error code");
    int result = words != NULL ? atoi(words + strcspn(words, "0123456789")) : SQLITE_OK;
    return (result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_NOMEM ? result : SQLITE_OK;
}

/* ... and for pages of long values without a code. */
static bool is_unread(const char *answer)
{
    return strstr(answer, "failed to get page") != NULL;
}

static enum status_code expect(sqlite3 *db, const char *path, const char *sql, const char *wanted, struct status *status)
{
    char answer[128];
    enum status_code code = store_ask_text(db, path, sql, answer, sizeof answer, status);
    if (code == STATUS_OK && is_unread(answer)) /* why, the same again will tell, if it was no passing thing */
        code = store_ask_text(db, path, sql, answer, sizeof answer, status);
    if (code == STATUS_INTERNAL) /* the schema is not SQL any more */
        snprintf(answer, sizeof answer, "%s", sqlite3_errmsg(db));
    else if (code != STATUS_OK || strcmp(answer, wanted) == 0)
        return code;
    if (reading_failure(answer) != SQLITE_OK)
        return store_failure(NULL, path, reading_failure(answer), status);
    for (char *byte = answer; *byte != '\0'; byte++)
        if (*byte < ' ' || *byte > '~')
            *byte = *byte == '\n' ? ' ' : '?';
    if (is_unread(answer))
        return status_set(status, STATUS_IO, "%s: cannot be read (%s)", path, answer);
    return status_set(status, STATUS_BAD_INPUT, "%s: the database is damaged (%s); " PUT_BACK, path, answer);
}

enum status_code store_check_sound(sqlite3 *db, const char *path, bool whole, struct status *status)
{
    if (!whole)
        return expect(db, path, "PRAGMA quick_check(1)", "ok", status);
    enum status_code code = expect(db, path, "PRAGMA integrity_check(1)", "ok", status);
    return code == STATUS_OK ? expect(db, path, "PRAGMA foreign_key_check", "", status) : code;
}
