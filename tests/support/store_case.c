/* store_case: see store_case.h. */
#include "tests/support/store_case.h"

#include <dirent.h>
#include <math.h>
#include <string.h>

#include <sqlite3.h>

#include "master/store_sql.h"

/* --- folders --- */

int case_make_folder(void **state)
{
    struct case_folder *folder = calloc(1, sizeof *folder);
    snprintf(folder->path, sizeof folder->path, "%s/hwnas-case-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder->path) == NULL)
        return -1;
    snprintf(folder->db, sizeof folder->db, "%s/study.db", folder->path);
    snprintf(folder->copy, sizeof folder->copy, "%s/copy.db", folder->path);
    *state = folder;
    return 0;
}

int case_remove_folder(void **state)
{
    struct case_folder *folder = *state;
    char command[CASE_PATH_BYTES + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder->path);
    int failed = system(command);
    free(folder);
    return failed;
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

void case_names(const char *folder, char *out, size_t size)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_name, alphasort);
    size_t used = 0;
    assert_true(count >= 0);
    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : " ", entries[i]->d_name);
        assert_true(used < size);
        free(entries[i]);
    }
    free(entries);
}

void case_copy_files(const char *from, const char *to)
{
    char command[2 * CASE_PATH_BYTES + 64];
    snprintf(command, sizeof command, "rm -f '%s'/* && cp -a '%s'/. '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

/* --- stores and rows --- */

struct store *case_open(const char *path, enum store_mode mode)
{
    struct store *store = NULL;
    struct status status = {0};
    assert_ok(store_open(path, mode, &store, &status), status);
    return store;
}

void case_begin(struct store *store)
{
    struct status status = {0};
    assert_ok(store_begin(store, &status), status);
}

void case_commit(struct store *store)
{
    struct status status = {0};
    assert_ok(store_commit(store, &status), status);
}

void case_key(int n, char out[DIGEST_HEX_BYTES])
{
    snprintf(out, DIGEST_HEX_BYTES, "%08x%056x", (unsigned)n, 0U);
}

struct store_evaluation case_evaluation(int n)
{
    struct store_evaluation evaluation = {.kind = STUDY_WANT_RMI,
                                          .feasible = true,
                                          .value = 1.0 / (n + 3),
                                          .detail = "{\"trace\":[1,2]}",
                                          .seconds = 0.25 * n,
                                          .wall_ms = 1700000000000 + n,
                                          .queue_seconds = 1.5,
                                          .build_seconds = NAN,
                                          .run_seconds = NAN,
                                          .energy_mj = NAN};
    case_key(n, evaluation.key);
    snprintf(evaluation.arch, sizeof evaluation.arch, "arch %d", n);
    snprintf(evaluation.node, sizeof evaluation.node, "node-%d", n % 3);
    return evaluation;
}

bool case_put(struct store *store, int n)
{
    struct status status = {0};
    bool inserted = false;
    struct store_evaluation evaluation = case_evaluation(n);
    assert_ok(store_evaluation_put(store, &evaluation, &inserted, &status), status);
    return inserted;
}

bool case_has(struct store *store, int n)
{
    struct status status = {0};
    struct store_evaluation want = case_evaluation(n), got;
    enum status_code code = store_evaluation_get(store, want.key, &got, &status);
    if (code == STATUS_NOT_FOUND)
        return false;
    assert_ok(code, status);
    assert_true(got.value == want.value && got.seconds == want.seconds && got.wall_ms == want.wall_ms);
    assert_string_equal(got.detail, want.detail);
    store_evaluation_free(&got);
    return true;
}

int64_t case_count(struct store *store)
{
    struct status status = {0};
    int64_t rmi = -1, measure = -1;
    assert_ok(store_evaluation_count(store, &rmi, &measure, &status), status);
    return rmi + measure;
}

/* --- everything --- */

static bool digest_rows(sqlite3 *db, const char *sql, struct digest_stream *stream)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(statement);
        for (int i = 0; i < sqlite3_column_count(statement) && result == SQLITE_ROW; i++) {
            digest_u64(stream, (uint64_t)sqlite3_column_type(statement, i));
            const void *data = sqlite3_column_blob(statement, i);
            digest_bytes(stream, data != NULL ? data : "", (size_t)sqlite3_column_bytes(statement, i));
        }
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE;
}

static bool answers(sqlite3 *db, const char *sql, const char *wanted)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    const unsigned char *text = result == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
    bool holds = (result == SQLITE_ROW || result == SQLITE_DONE) && strcmp(text != NULL ? (const char *)text : "", wanted) == 0;
    sqlite3_finalize(statement);
    return holds;
}

static bool digest_tables(sqlite3 *db, struct digest_stream *stream)
{
    sqlite3_stmt *tables = NULL;
    bool whole =
        sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1, &tables, NULL) == SQLITE_OK;
    while (whole && sqlite3_step(tables) == SQLITE_ROW) {
        char sql[128];
        const char *table = (const char *)sqlite3_column_text(tables, 0);
        snprintf(sql, sizeof sql, "SELECT %s FROM \"%s\" ORDER BY 1, 2",
                 strcmp(table, "study") == 0 ? "id, name, settings, files, state" : "*", table);
        whole = digest_rows(db, sql, stream);
    }
    sqlite3_finalize(tables);
    return whole;
}

static bool digest_all(sqlite3 *db, char out[DIGEST_HEX_BYTES])
{
    struct digest_stream stream;
    struct digest digest;
    digest_begin(&stream);
    if (!answers(db, "PRAGMA integrity_check", "ok") || !answers(db, "PRAGMA foreign_key_check", "") ||
        !digest_rows(db, "PRAGMA user_version", &stream) ||
        !digest_rows(db, "SELECT name, sql FROM sqlite_schema ORDER BY name", &stream) || !digest_tables(db, &stream))
        return false;
    digest_end(&stream, &digest);
    digest_hex(&digest, out);
    return true;
}

bool case_digest_of(struct store *store, char out[DIGEST_HEX_BYTES])
{
    return digest_all(store->db, out);
}

void case_digest(const char *db, const char *what, char out[DIGEST_HEX_BYTES])
{
    sqlite3 *connection = NULL;
    if (sqlite3_open_v2(db, &connection, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        fail_msg("%s: %s: %s", what, db, sqlite3_errmsg(connection));
    sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (!answers(connection, "PRAGMA locking_mode = EXCLUSIVE", "exclusive") || !digest_all(connection, out))
        fail_msg("%s: %s is damaged: %s", what, db, sqlite3_errmsg(connection));
    sqlite3_close(connection);
}
