/* store_sql: statements prepared once, bound, stepped and read, with one sticky error. Included by store*.c alone.
 *
 * A query is used as: sql_begin, sql_bind_* in the order of the question marks, sql_row until false (or sql_run for
 * writes), sql_column_* within a row, sql_end. After the first failure the rest does nothing and sql_end returns its code. */
#ifndef HWNAS_MASTER_STORE_SQL_H
#define HWNAS_MASTER_STORE_SQL_H

#include <sqlite3.h>

#include "master/store.h"

struct store_statement; /* a prepared statement, kept by the address of its text */

struct store {
    sqlite3 *db;
    char *path; /* owned; for messages */
    enum store_mode mode;
    bool in_transaction; /* between store_begin and store_commit or store_rollback, as the caller sees it */
    int changes;         /* SQLite's count when it began */
    uint64_t commits;    /* that changed something */
    struct store_statement *statements;
};

struct query {
    struct store *store;
    sqlite3_stmt *statement;
    int bound;
    enum status_code code;
    struct status *status;
};

/* sql must be a string literal or static. A statement cannot be begun again before its sql_end. */
void sql_begin(struct query *query, struct store *store, const char *sql, struct status *status);

/* The same for statements that write: fails unless a transaction is open. SQLite ends a transaction by itself when the disk is
 * full; what is written after that would stand alone. */
void sql_begin_write(struct query *query, struct store *store, const char *sql, struct status *status);

/* Texts and blobs are not copied: they must live until sql_end. A NaN becomes NULL. */
void sql_bind_int(struct query *query, int64_t value);
void sql_bind_real(struct query *query, double value);
void sql_bind_text(struct query *query, const char *text);
void sql_bind_blob(struct query *query, const void *data, size_t size);

/* Steps: true when there is a row to read. */
bool sql_row(struct query *query);

/* Steps a statement that gives no rows. Returns how many rows it changed. */
int sql_run(struct query *query);

enum status_code sql_end(struct query *query);

/* NULL is read as NaN, 0 or the empty text. */
int64_t sql_column_int(const struct query *query, int column);
double sql_column_real(const struct query *query, int column);

/* Into a buffer; a text that does not fit fails the query with STATUS_BAD_INPUT. */
void sql_column_text(struct query *query, int column, char *out, size_t size);

/* Valid until the next row or sql_end; NULL on failure. */
const char *sql_column_text_borrow(struct query *query, int column);

/* Copies; the caller frees. NULL on failure. */
char *sql_column_text_copy(struct query *query, int column);
void *sql_column_blob_copy(struct query *query, int column, size_t *size);

/* Fails the query from outside: what was read makes no sense. */
void sql_fail(struct query *query, enum status_code code, const char *what);

/* Runs statements that need no parameters; several may stand in one text. */
enum status_code store_run(sqlite3 *db, const char *path, const char *sql, struct status *status);

/* The first column of the first row, as text; empty when there is none. */
enum status_code store_ask_text(sqlite3 *db, const char *path, const char *sql, char *out, size_t size, struct status *status);

/* Turns an SQLite result into a code and a sentence. */
enum status_code store_failure(sqlite3 *db, const char *path, int result, struct status *status);

void store_statements_free(struct store *store);

#endif
