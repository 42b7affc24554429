/* store: one holder at a time, strange files are refused untouched, every connection is careful, versions move. */
#include "tests/support/store_case.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "common/fileio.h"
#include "master/store_schema.h"
#include "master/store_sql.h"

/* --- who may open what --- */

static void a_second_opener_is_refused_and_told_which_file(void **state)
{
    struct case_folder *folder = *state;
    struct status status = {0};
    struct store *store = case_open(folder->db, STORE_WRITE), *second = NULL;
    pid_t child = fork();
    if (child == 0) {
        enum status_code write = store_open(folder->db, STORE_WRITE, &second, &status);
        bool named = strstr(status.message, "study.db") != NULL;
        enum status_code read = store_open(folder->db, STORE_READ, &second, NULL);
        _exit(write == STATUS_CONFLICT && read == STATUS_CONFLICT && named ? 0 : 1);
    }
    int how = -1;
    assert_true(waitpid(child, &how, 0) == child);
    assert_int_equal(how, 0);
    assert_int_equal(store_open(folder->db, STORE_WRITE, &second, &status), STATUS_CONFLICT);
    case_begin(store);
    case_put(store, 1);
    case_commit(store);
    store_close(store);
    store = case_open(folder->db, STORE_WRITE);
    assert_int_equal(case_count(store), 1);
    store_close(store);
}

static void a_reader_cannot_write_and_does_not_create(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = NULL;
    struct store_evaluation evaluation = case_evaluation(1);
    bool inserted = false;
    assert_int_equal(store_open(folder->db, STORE_READ, &store, NULL), STATUS_NOT_FOUND);
    assert_true(access(folder->db, F_OK) != 0);
    store_close(case_open(folder->db, STORE_WRITE));
    store = case_open(folder->db, STORE_READ);
    if (store_begin(store, NULL) == STATUS_OK)
        assert_true(store_evaluation_put(store, &evaluation, &inserted, NULL) != STATUS_OK);
    assert_false(inserted);
    store_close(store);
}

static void nothing_but_the_database_is_left_after_closing(void **state)
{
    struct case_folder *folder = *state;
    char command[CASE_PATH_BYTES + 32];
    struct store *store = case_open(folder->db, STORE_WRITE);
    case_begin(store);
    case_put(store, 1);
    case_commit(store);
    store_close(store);
    snprintf(command, sizeof command, "test \"$(ls '%s')\" = study.db", folder->path);
    assert_int_equal(system(command), 0);
}

/* The file is refused with BAD_INPUT in both modes and afterwards has the same bytes. */
static void refused_untouched(const char *path, const void *data, size_t size)
{
    struct status status = {0};
    for (int mode = STORE_WRITE; mode <= STORE_READ; mode++) {
        struct store *store = NULL;
        void *after = NULL;
        size_t size_after = 0;
        assert_ok(fileio_write(path, data, size, &status), status);
        enum status_code code = store_open(path, (enum store_mode)mode, &store, &status);
        assert_int_equal(code, STATUS_BAD_INPUT);
        assert_non_null(strstr(status.message, path));
        assert_ok(fileio_read(path, 1 << 24, &after, &size_after, &status), status);
        assert_int_equal(size_after, size);
        assert_memory_equal(after, data, size);
        free(after);
    }
}

static void *sound_database(const char *path, size_t *size)
{
    struct status status = {0};
    void *data = NULL;
    struct store *store = case_open(path, STORE_WRITE);
    case_begin(store);
    for (int n = 0; n < 200; n++)
        case_put(store, n);
    case_commit(store);
    store_close(store);
    assert_ok(fileio_read(path, 1 << 24, &data, size, &status), status);
    return data;
}

static void an_empty_file_is_refused(void **state)
{
    struct case_folder *folder = *state;
    refused_untouched(folder->db, "", 0);
}

static void a_text_file_is_refused(void **state)
{
    struct case_folder *folder = *state;
    char text[4096];
    memset(text, 'x', sizeof text);
    refused_untouched(folder->db, text, sizeof text);
}

static void a_folder_is_refused(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = NULL;
    assert_int_equal(store_open(folder->path, STORE_WRITE, &store, NULL), STATUS_BAD_INPUT);
}

static void a_database_of_another_program_is_refused(void **state)
{
    struct case_folder *folder = *state;
    size_t size;
    unsigned char *data = sound_database(folder->db, &size);
    data[68] ^= 1;
    refused_untouched(folder->db, data, size);
    free(data);
}

static void a_database_of_a_newer_hwnas_is_refused(void **state)
{
    struct case_folder *folder = *state;
    size_t size;
    unsigned char *data = sound_database(folder->db, &size);
    data[63] = 200;
    refused_untouched(folder->db, data, size);
    free(data);
}

static void a_cut_off_database_is_refused(void **state)
{
    struct case_folder *folder = *state;
    size_t size;
    unsigned char *data = sound_database(folder->db, &size);
    refused_untouched(folder->db, data, size - 4096);
    free(data);
}

static void a_database_with_a_page_of_noise_is_refused(void **state)
{
    struct case_folder *folder = *state;
    size_t size;
    unsigned char *data = sound_database(folder->db, &size);
    memset(data + size - 4096, 0xa5, 4096);
    refused_untouched(folder->db, data, size);
    free(data);
}

/* --- settings --- */

static int64_t ask(struct store *store, const char *sql)
{
    struct status status = {0};
    char answer[32];
    assert_ok(store_ask_text(store->db, store->path, sql, answer, sizeof answer, &status), status);
    return strtoll(answer, NULL, 10);
}

static int configured(struct store *store, int what)
{
    int set = -1;
    assert_int_equal(sqlite3_db_config(store->db, what, -1, &set), SQLITE_OK);
    return set;
}

static void every_connection_is_careful(void **state)
{
    struct case_folder *folder = *state;
    for (int mode = STORE_WRITE; mode <= STORE_COPY; mode++) {
        struct store *store = case_open(folder->db, (enum store_mode)mode);
        assert_int_equal(ask(store, "PRAGMA foreign_keys"), 1);
        assert_int_equal(ask(store, "PRAGMA trusted_schema"), 0);
        assert_int_equal(ask(store, "PRAGMA cell_size_check"), 1);
        assert_int_equal(ask(store, "PRAGMA mmap_size"), 0);
        assert_int_equal(ask(store, "PRAGMA query_only"), mode != STORE_WRITE);
        assert_int_equal(ask(store, "SELECT locking_mode = 'exclusive' FROM pragma_locking_mode"), 1);
        assert_int_equal(configured(store, SQLITE_DBCONFIG_DEFENSIVE), 1);
        assert_int_equal(configured(store, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION), 0);
        store_close(store);
    }
    struct store *store = case_open(folder->db, STORE_WRITE);
    assert_int_equal(ask(store, "PRAGMA synchronous"), 2);
    assert_true(ask(store, "PRAGMA wal_autocheckpoint") >= 1000);
    assert_int_equal(ask(store, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(
        ask(store, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite_%'"), 0);
    store_close(store);
}

/* --- the schema and its versions --- */

static bool starts_with(const char *line, const char *words)
{
    return strncmp(line, words, strlen(words)) == 0;
}

static bool is_constraint(const char *line)
{
    line += strspn(line, " ");
    return starts_with(line, "PRIMARY KEY (") || starts_with(line, "FOREIGN KEY (") || starts_with(line, "CHECK (") ||
           starts_with(line, "UNIQUE (");
}

/* Counts the columns that a file of the schema describes; each must have a comment on its line. */
static int commented_columns(const char *path)
{
    struct status status = {0};
    void *text = NULL;
    size_t size = 0;
    int columns = 0;
    bool inside = false;
    assert_ok(fileio_read(path, 1 << 20, &text, &size, &status), status);
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        bool added = starts_with(line, "ALTER TABLE") && strstr(line, " ADD COLUMN ") != NULL;
        if (starts_with(line, "CREATE TABLE")) {
            inside = true;
        } else if (starts_with(line, ")")) {
            inside = false;
        } else if (added || (inside && !is_constraint(line))) {
            const char *comment = strstr(line, "-- ");
            if (comment == NULL || strlen(comment) < 8)
                fail_msg("no comment: %s", line);
            columns++;
        }
    }
    free(text);
    return columns;
}

static void every_column_of_the_schema_has_a_comment(void **state)
{
    (void)state;
    assert_true(commented_columns("master/schema.sql") > 40);
    assert_int_equal(commented_columns("master/schema_2.sql"), 18);
    assert_int_equal(commented_columns("master/schema_3.sql"), 59);
    assert_int_equal(commented_columns("master/schema_4.sql"), 11);
    assert_int_equal(commented_columns("master/schema_5.sql"), 23);
}

/* A database of an older version: its schemas, and what that version would have written. */
static void make_version(int version, const char *path, const char *rows)
{
    struct status status = {0};
    struct store *store = NULL;
    struct store_migration list[8];
    size_t count, size;
    const struct store_migration *now = store_migrations(&count);
    assert_true((int)count > version && version <= 8);
    memcpy(list, now, (size_t)version * sizeof list[0]);
    size = strlen(now[version - 1].sql) + strlen(rows) + 1;
    char *sql = malloc(size);
    snprintf(sql, size, "%s%s", now[version - 1].sql, rows);
    list[version - 1].sql = sql;
    assert_ok(store_open_with(path, STORE_WRITE, list, (size_t)version, &store, &status), status);
    store_close(store);
    free(sql);
}

static const char version_2_rows[] =
    "INSERT INTO study VALUES (1, 'old', 'a: 1', '{}', 'running', 12, 0, 1.5, NULL);"
    "INSERT INTO candidate VALUES (1, 0, 0, x'010203040000', 'exact', 'canonical', printf('%064d', 1), 0, 0, 1, 1, 0.5, 1);"
    "INSERT INTO candidate_cost VALUES (1, 0, 0, 0.25);"
    "INSERT INTO evaluation VALUES (printf('%064d', 7), 'measure', 'canonical', 1, '', 0.25, '{}', 'a-1', 'host-x-y-f32', 2.0, 9);"
    "INSERT INTO lease VALUES (4, 1, printf('%064d', 7), 1, 'a-1', 'failed', 'why', 5, 6);"
    "INSERT INTO lease VALUES (5, 1, printf('%064d', 7), 2, 'a-2', 'open', '', 5, 0);";

static void measurements_and_leases_of_version_2_stay_what_they_were(void **state)
{
    struct case_folder *folder = *state;
    struct store_evaluation got;
    struct store_lease *leases;
    struct store_attempts attempts = {0};
    struct status status = {0};
    size_t count;
    char key[DIGEST_HEX_BYTES];
    snprintf(key, sizeof key, "%064d", 7);
    make_version(2, folder->db, version_2_rows);
    struct store *store = case_open(folder->db, STORE_WRITE);
    assert_ok(store_evaluation_get(store, key, &got, &status), status);
    assert_true(got.value == 0.25 && got.seconds == 2.0 && got.wall_ms == 9);
    assert_string_equal(got.device_key, "host-x-y-f32");
    assert_string_equal(got.board, "");
    assert_string_equal(got.failure, "");
    assert_true(isnan(got.queue_seconds) && isnan(got.build_seconds) && isnan(got.run_seconds) && isnan(got.energy_mj));
    store_evaluation_free(&got);
    assert_ok(store_lease_open_list(store, &leases, &count, &status), status);
    assert_int_equal(count, 1);
    assert_true(leases[0].id == 5);
    assert_string_equal(leases[0].board, "");
    free(leases);
    assert_ok(store_lease_attempts(store, key, &attempts, &status), status);
    assert_int_equal(attempts.failures, 1);
    assert_int_equal(attempts.places, 1);
    store_close(store);
}

static const char version_4_rows[] =
    "INSERT INTO evaluation (key, kind, arch, feasible, why_not, value, detail, node, device_key, seconds, wall_ms, board, "
    "failure, "
    "queue_seconds, build_seconds, run_seconds, energy_mj, after_canary, samples_digest) VALUES "
    "(printf('%064d', 7), 'measure', 'canonical', 1, '', 0.25, '{}', 'a-1', 'host-x-y-f32', 2.0, 9, 'kitchen', '', 1.5, 0.5, 0.75, "
    "3.25, 12, printf('%064d', 9)), "
    "(printf('%064d', 8), 'rmi', 'other', 0, 'why', NULL, '{\"a\":1}', 'w-1', '', 3.0, 10, '', '', NULL, NULL, NULL, NULL, 0, '');";

static void evaluations_of_version_4_stay_what_they_were_to_the_last_column(void **state)
{
    struct case_folder *folder = *state;
    struct store_evaluation got;
    struct status status = {0};
    char key[DIGEST_HEX_BYTES], text[4 * ARCH_TEXT_BYTES];
    snprintf(key, sizeof key, "%064d", 7);
    make_version(4, folder->db, version_4_rows);
    struct store *store = case_open(folder->db, STORE_WRITE);
    assert_ok(store_evaluation_get(store, key, &got, &status), status);
    snprintf(text, sizeof text, "%d %s %d '%s' %g %s %s %s %g %" PRId64 " %s '%s' %g %g %g %g %" PRId64 " %.4s%s", got.kind,
             got.arch, got.feasible, got.why_not, got.value, got.detail, got.node, got.device_key, got.seconds, got.wall_ms,
             got.board, got.failure, got.queue_seconds, got.build_seconds, got.run_seconds, got.energy_mj, got.after_canary,
             got.samples_digest, got.samples_digest + 63);
    assert_string_equal(text, "1 canonical 1 '' 0.25 {} a-1 host-x-y-f32 2 9 kitchen '' 1.5 0.5 0.75 3.25 12 00009");
    store_evaluation_free(&got);
    snprintf(key, sizeof key, "%064d", 8);
    assert_ok(store_evaluation_get(store, key, &got, &status), status);
    snprintf(text, sizeof text, "%d %s %d '%s' %s %s '%s' %g %" PRId64, got.kind, got.arch, got.feasible, got.why_not, got.detail,
             got.node, got.device_key, got.seconds, got.wall_ms);
    assert_string_equal(text, "0 other 0 'why' {\"a\":1} w-1 '' 3 10");
    assert_true(isnan(got.queue_seconds) && isnan(got.energy_mj));
    store_evaluation_free(&got);
    store_close(store);
}

static const char version_1_rows[] = "INSERT INTO study VALUES (1, 'old', 'a: 1', '{}', 'running', 12, 0, 1.5);"
                                     "WITH RECURSIVE asks (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM asks WHERE k < 24) "
                                     "INSERT INTO candidate SELECT 1, k, x'010203040000', 'exact', 'canonical', printf('%064d', "
                                     "k), 0, 0, 1, 1, k / 2.0, 1 FROM asks;"
                                     "INSERT INTO candidate_cost SELECT 1, ask, 0, ask + 0.25 FROM candidate;"
                                     "INSERT INTO snapshot VALUES (1, 20, x'00');";

static enum status_code compare_old(void *context, const struct study_candidate *got, struct status *status)
{
    (void)status;
    uint64_t *next = context;
    assert_true(got->ask == *next);
    assert_true(got->told == *next);
    assert_string_equal(got->arch_text, "exact");
    assert_true(got->result.fitness == (double)*next / 2);
    assert_true(got->result.costs[0] == (double)*next + 0.25);
    ++*next;
    return STATUS_OK;
}

static void candidates_of_version_1_were_told_in_ask_order(void **state)
{
    struct case_folder *folder = *state;
    struct store_study study;
    struct status status = {0};
    uint64_t next = 0, told = 0;
    void *data = NULL;
    size_t size = 0;
    make_version(1, folder->db, version_1_rows);
    struct store *store = case_open(folder->db, STORE_WRITE);
    assert_ok(store_candidate_each(store, 1, 0, compare_old, &next, &status), status);
    assert_true(next == 25);
    assert_ok(store_study_find(store, "old", &study, &status), status);
    assert_null(study.answer);
    assert_true(study.seconds == 1.5);
    store_study_free(&study);
    assert_ok(store_snapshot_get(store, 1, &told, &data, &size, &status), status);
    assert_true(told == 20);
    free(data);
    case_begin(store);
    struct study_candidate candidate = {.ask = 25, .told = 25, .arch = {.length = 6}};
    case_key(25, candidate.fitness_key);
    assert_ok(store_candidate_put(store, 1, &candidate, 2, &status), status);
    case_commit(store);
    store_close(store);
}

static void a_reader_leaves_version_1_alone_and_says_what_to_do(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = NULL;
    struct status status = {0};
    make_version(1, folder->db, version_1_rows);
    assert_int_equal(store_open(folder->db, STORE_READ, &store, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "hwnas study resume"));
}

static const char to_version_6[] = "ALTER TABLE study ADD COLUMN owner TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 6;";
static const char half_way_to_version_6[] =
    "CREATE TABLE extra (x INTEGER) STRICT; SELECT no_such_function(); PRAGMA user_version = 6;";

static enum status_code open_as_version_6(const char *path, const char *sql, struct store **out, struct status *status)
{
    size_t count;
    const struct store_migration *now = store_migrations(&count);
    assert_int_equal(count, 5);
    struct store_migration next[] = {now[0], now[1], now[2], now[3], now[4], {6, sql}};
    return store_open_with(path, STORE_WRITE, next, 6, out, status);
}

static void the_next_version_migrates_this_one_and_keeps_a_copy(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct status status = {0};
    char copy[CASE_PATH_BYTES + 32];
    case_begin(store);
    case_put(store, 1);
    case_commit(store);
    store_close(store);
    assert_ok(open_as_version_6(folder->db, to_version_6, &store, &status), status);
    assert_int_equal(case_count(store), 1);
    store_close(store);
    assert_int_equal(store_open(folder->db, STORE_WRITE, &store, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "newer"));
    snprintf(copy, sizeof copy, "%s.schema5", folder->db);
    store = case_open(copy, STORE_WRITE);
    assert_int_equal(case_count(store), 1);
    store_close(store);
}

static void a_migration_that_fails_leaves_the_old_version(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct status status = {0};
    case_begin(store);
    case_put(store, 1);
    case_commit(store);
    store_close(store);
    assert_true(open_as_version_6(folder->db, half_way_to_version_6, &store, &status) != STATUS_OK);
    store = case_open(folder->db, STORE_WRITE);
    assert_int_equal(case_count(store), 1);
    store_close(store);
    assert_ok(open_as_version_6(folder->db, to_version_6, &store, &status), status);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_in_folder(a_second_opener_is_refused_and_told_which_file),
        case_in_folder(a_reader_cannot_write_and_does_not_create),
        case_in_folder(nothing_but_the_database_is_left_after_closing),
        case_in_folder(an_empty_file_is_refused),
        case_in_folder(a_text_file_is_refused),
        case_in_folder(a_folder_is_refused),
        case_in_folder(a_database_of_another_program_is_refused),
        case_in_folder(a_database_of_a_newer_hwnas_is_refused),
        case_in_folder(a_cut_off_database_is_refused),
        case_in_folder(a_database_with_a_page_of_noise_is_refused),
        case_in_folder(every_connection_is_careful),
        cmocka_unit_test(every_column_of_the_schema_has_a_comment),
        case_in_folder(candidates_of_version_1_were_told_in_ask_order),
        case_in_folder(measurements_and_leases_of_version_2_stay_what_they_were),
        case_in_folder(evaluations_of_version_4_stay_what_they_were_to_the_last_column),
        case_in_folder(a_reader_leaves_version_1_alone_and_says_what_to_do),
        case_in_folder(the_next_version_migrates_this_one_and_keeps_a_copy),
        case_in_folder(a_migration_that_fails_leaves_the_old_version),
    };
    return TEST_RUN(tests);
}
