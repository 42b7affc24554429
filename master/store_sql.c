/* store_sql: the thin layer between store*.c and SQLite's C interface. The rule it keeps: no SQL is ever put together at run time.
 */
#include "master/store_sql.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct store_statement {
    const char *sql; /* the key is this address */
    sqlite3_stmt *statement;
    UT_hash_handle hh;
};

enum status_code store_failure(sqlite3 *db, const char *path, int result, struct status *status)
{
    const char *why = db != NULL && sqlite3_errcode(db) != SQLITE_OK ? sqlite3_errmsg(db) : sqlite3_errstr(result);
    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return status_set(
            status, STATUS_CONFLICT,
            "%s: another process holds this database (a master that runs, or a reader): wait for its end, or use another "
            "file with --db",
            path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return status_set(
            status, STATUS_BAD_INPUT,
            "%s: the database is damaged (%s): put a copy in its place (without a FILE-wal), or see `.recover` of the "
            "sqlite3 shell",
            path, why);
    case SQLITE_NOMEM: return status_set(status, STATUS_NO_MEMORY, "%s: no memory", path);
    case SQLITE_CONSTRAINT: return status_set(status, STATUS_CONFLICT, "%s: %s", path, why);
    case SQLITE_FULL: return status_set(status, STATUS_IO, "%s: the disk is full", path);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return status_set(
            status, STATUS_IO,
            "%s: %s; the file and its folder must be writable, also for reading (to look into a file that is not, copy it)", path,
            why);
    case SQLITE_IOERR:
        return status_set(status, result == SQLITE_IOERR_NOMEM ? STATUS_NO_MEMORY : STATUS_IO, "%s: %s (SQLite %d)", path, why,
                          result);
    default: return status_set(status, STATUS_INTERNAL, "%s: %s (SQLite %d)", path, why, result);
    }
}

enum status_code store_run(sqlite3 *db, const char *path, const char *sql, struct status *status)
{
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? STATUS_OK : store_failure(db, path, sqlite3_extended_errcode(db), status);
}

enum status_code store_ask_text(sqlite3 *db, const char *path, const char *sql, char *out, size_t size, struct status *status)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    const unsigned char *text = result == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
    if (result == SQLITE_ROW && text == NULL && sqlite3_errcode(db) == SQLITE_NOMEM)
        result = SQLITE_NOMEM;
    snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
    enum status_code code = STATUS_OK;
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        code = store_failure(db, path, sqlite3_extended_errcode(db), status);
    sqlite3_finalize(statement);
    return code;
}

static void fail(struct query *query, int result)
{
    if (query->code == STATUS_OK)
        query->code = store_failure(query->store->db, query->store->path, result, query->status);
}

void sql_fail(struct query *query, enum status_code code, const char *what)
{
    if (query->code == STATUS_OK)
        query->code = status_set(query->status, code, "%s: %s", query->store->path, what);
}

/* --- statements --- */

static sqlite3_stmt *prepare(struct query *query, const char *sql)
{
    struct store *store = query->store;
    struct store_statement *item = NULL;
    HASH_FIND_PTR(store->statements, &sql, item);
    if (item != NULL)
        return item->statement;
    item = calloc(1, sizeof *item);
    if (item == NULL) {
        fail(query, SQLITE_NOMEM);
        return NULL;
    }
    int result = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &item->statement, NULL);
    if (result != SQLITE_OK) {
        /* Every statement fits the schema of this version: if this one does not, the schema is not what it was. */
        fail(query, result == SQLITE_ERROR ? SQLITE_CORRUPT : result);
        free(item);
        return NULL;
    }
    item->sql = sql;
    HASH_ADD_PTR(store->statements, sql, item);
    if (item->hh.tbl != NULL)
        return item->statement;
    sqlite3_finalize(item->statement);
    free(item);
    fail(query, SQLITE_NOMEM);
    return NULL;
}

void store_statements_free(struct store *store)
{
    struct store_statement *item, *next;
    HASH_ITER(hh, store->statements, item, next)
    {
        HASH_DEL(store->statements, item);
        sqlite3_finalize(item->statement);
        free(item);
    }
}

void sql_begin(struct query *query, struct store *store, const char *sql, struct status *status)
{
    *query = (struct query){.store = store, .status = status};
    query->statement = prepare(query, sql);
    assert(query->statement == NULL || !sqlite3_stmt_busy(query->statement));
}

void sql_begin_write(struct query *query, struct store *store, const char *sql, struct status *status)
{
    sql_begin(query, store, sql, status);
    if (!store->in_transaction)
        sql_fail(query, STATUS_INTERNAL, "a write outside of a transaction");
    else if (sqlite3_get_autocommit(store->db))
        sql_fail(query, STATUS_IO, "the transaction was rolled back by an earlier failure");
}

void sql_bind_int(struct query *query, int64_t value)
{
    int result = query->code == STATUS_OK ? sqlite3_bind_int64(query->statement, ++query->bound, value) : SQLITE_OK;
    if (result != SQLITE_OK)
        fail(query, result);
}

void sql_bind_real(struct query *query, double value)
{
    int result = query->code == STATUS_OK ? sqlite3_bind_double(query->statement, ++query->bound, value) : SQLITE_OK;
    if (result != SQLITE_OK)
        fail(query, result);
}

void sql_bind_text(struct query *query, const char *text)
{
    int result = query->code == STATUS_OK
                     ? sqlite3_bind_text64(query->statement, ++query->bound, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8)
                     : SQLITE_OK;
    if (result != SQLITE_OK)
        fail(query, result);
}

void sql_bind_blob(struct query *query, const void *data, size_t size)
{
    int result =
        query->code == STATUS_OK ? sqlite3_bind_blob64(query->statement, ++query->bound, data, size, SQLITE_STATIC) : SQLITE_OK;
    if (result != SQLITE_OK)
        fail(query, result);
}

bool sql_row(struct query *query)
{
    if (query->code != STATUS_OK)
        return false;
    int result = sqlite3_step(query->statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        fail(query, sqlite3_extended_errcode(query->store->db));
    return result == SQLITE_ROW;
}

int sql_run(struct query *query)
{
    bool row = sql_row(query);
    assert(!row);
    (void)row;
    return query->code == STATUS_OK ? sqlite3_changes(query->store->db) : 0;
}

enum status_code sql_end(struct query *query)
{
    if (query->statement != NULL) {
        sqlite3_reset(query->statement);
        sqlite3_clear_bindings(query->statement);
    }
    return query->code;
}

/* --- columns --- */

int64_t sql_column_int(const struct query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

double sql_column_real(const struct query *query, int column)
{
    if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
        return NAN;
    return sqlite3_column_double(query->statement, column);
}

/* SQLite hands out NULL for a value that it found no memory to hand out, as it does for one that is NULL or empty. */
static bool is_missing(sqlite3_stmt *statement, const void *data)
{
    return data == NULL && sqlite3_errcode(sqlite3_db_handle(statement)) == SQLITE_NOMEM;
}

void sql_column_text(struct query *query, int column, char *out, size_t size)
{
    const void *text = sqlite3_column_text(query->statement, column);
    size_t length = (size_t)sqlite3_column_bytes(query->statement, column);
    out[0] = '\0';
    if (is_missing(query->statement, text)) {
        fail(query, SQLITE_NOMEM);
        return;
    }
    if (length >= size) {
        sql_fail(query, STATUS_BAD_INPUT, "holds a text that is too long for its column: damaged, or made by another program");
        return;
    }
    if (text != NULL)
        memcpy(out, text, length);
    out[length] = '\0';
}

const char *sql_column_text_borrow(struct query *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query->statement, column);
    if (is_missing(query->statement, text))
        fail(query, SQLITE_NOMEM);
    return (const char *)text;
}

void *sql_column_blob_copy(struct query *query, int column, size_t *size)
{
    const void *data = sqlite3_column_blob(query->statement, column);
    size_t length = (size_t)sqlite3_column_bytes(query->statement, column);
    char *copy = is_missing(query->statement, data) ? NULL : malloc(length + 1);
    if (copy == NULL) {
        fail(query, SQLITE_NOMEM);
        return NULL;
    }
    if (length > 0)
        memcpy(copy, data, length);
    copy[length] = '\0';
    *size = length;
    return copy;
}

char *sql_column_text_copy(struct query *query, int column)
{
    size_t size;
    return sql_column_blob_copy(query, column, &size);
}
