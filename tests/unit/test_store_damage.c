/* Damaged and strange databases: each is refused with a sentence that says what to do and is left as it is, byte for byte; never is
 * one begun anew in its place. What no check can see changes one row at the most. */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/fileio.h"
#include "common/rng.h"
#include "master/store_backup.h"
#include "master/store_check.h"
#include "master/store_schema.h"
#include "master/store_sql.h"
#include "tests/support/store_case.h"

enum { ROWS = 200 };

static struct status status;

struct bytes {
    unsigned char *data;
    size_t size;
};

static struct bytes read_file(const char *path)
{
    struct bytes file = {NULL, 0};
    void *data = NULL;
    assert_ok(fileio_read(path, 1 << 26, &data, &file.size, &status), status);
    file.data = data;
    return file;
}

static void write_file(const char *path, const void *data, size_t size)
{
    assert_ok(fileio_write(path, data, size, &status), status);
}

static void assert_holds(const char *path, const struct bytes *wanted)
{
    struct bytes now = read_file(path);
    assert_int_equal(now.size, wanted->size);
    assert_memory_equal(now.data, wanted->data, wanted->size);
    free(now.data);
}

static const char *log_of(const char *db)
{
    static char path[CASE_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s-wal", db);
    return path;
}

/* ROWS evaluations and a lease for each. */
static void fill(const char *path)
{
    struct store *store = case_open(path, STORE_WRITE);
    case_begin(store);
    for (int n = 0; n < ROWS; n++) {
        struct store_lease lease = {.epoch = 1, .attempt = 1, .node = "n"};
        case_put(store, n);
        case_key(n, lease.key);
        assert_ok(store_lease_grant(store, &lease, &status), status);
    }
    case_commit(store);
    store_close(store);
}

/* Refused in both modes, with a sentence that names the file and says one of these words; all files of the folder stay. */
static void refused(const struct case_folder *folder, enum status_code wanted, const char *word)
{
    char before[512], after[512];
    struct bytes file = read_file(folder->db);
    case_names(folder->path, before, sizeof before);
    for (int mode = STORE_WRITE; mode <= STORE_COPY; mode++) {
        struct store *store = NULL;
        enum status_code code = store_open(folder->db, (enum store_mode)mode, &store, &status);
        if (code != wanted || strstr(status.message, folder->db) == NULL || strstr(status.message, word) == NULL)
            fail_msg("mode %d: %s: %s", mode, status_name(code), status.message);
        assert_holds(folder->db, &file);
        case_names(folder->path, after, sizeof after);
        assert_string_equal(after, before);
    }
    free(file.data);
}

/* --- the whole file is something else --- */

static void what_is_no_database_is_refused_and_stays(void **state)
{
    const struct case_folder *folder = *state;
    static const char text[] = "SQLite format 3 is what a database begins with, and a byte that is zero after it; this is a text, "
                               "and long enough to be taken for one by its length.";
    write_file(folder->db, "", 0);
    refused(folder, STATUS_BAD_INPUT, "put a copy in its place");
    write_file(folder->db, text, 50);
    refused(folder, STATUS_BAD_INPUT, "put a copy in its place");
    write_file(folder->db, text, sizeof text);
    refused(folder, STATUS_BAD_INPUT, "put a copy in its place");
}

static void a_folder_or_a_link_to_nothing_is_refused(void **state)
{
    const struct case_folder *folder = *state;
    struct store *store = NULL;
    assert_int_equal(mkdir(folder->db, 0700), 0);
    assert_int_equal(store_open(folder->db, STORE_WRITE, &store, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "not a regular file"));
    assert_int_equal(rmdir(folder->db), 0);
    assert_int_equal(symlink("nowhere", folder->db), 0);
    assert_true(store_open(folder->db, STORE_WRITE, &store, &status) != STATUS_OK);
    assert_non_null(strstr(status.message, folder->db));
    assert_int_equal(unlink(folder->db), 0);
}

static void another_programs_database_and_a_newer_one_are_refused_and_stay(void **state)
{
    const struct case_folder *folder = *state;
    fill(folder->db);
    struct bytes file = read_file(folder->db);
    file.data[68] ^= 1;
    write_file(folder->db, file.data, file.size);
    refused(folder, STATUS_BAD_INPUT, "another program");
    file.data[68] ^= 1;
    file.data[63] = 200;
    write_file(folder->db, file.data, file.size);
    refused(folder, STATUS_BAD_INPUT, "newer hwnas");
    free(file.data);
}

/* Made newer by a transaction that is still in the log: the header does not say so yet. */
static void a_newer_one_that_was_killed_is_refused_and_stays(void **state)
{
    const struct case_folder *folder = *state;
    size_t count;
    char text[64];
    const struct store_migration *now = store_migrations(&count);
    struct store_migration next[16];
    struct store *store = NULL;
    fill(folder->db);
    memcpy(next, now, count * sizeof *next);
    snprintf(text, sizeof text, "CREATE TABLE later (x INTEGER) STRICT; PRAGMA user_version = %zu;", count + 1);
    next[count] = (struct store_migration){(int)count + 1, text};
    pid_t child = fork();
    if (child == 0)
        _exit(store_open_with(folder->db, STORE_WRITE, next, count + 1, &store, &status) == STATUS_OK ? 0 : 1);
    int how = -1;
    assert_true(waitpid(child, &how, 0) == child);
    assert_int_equal(how, 0);
    assert_int_equal(access(log_of(folder->db), F_OK), 0);
    struct bytes log = read_file(log_of(folder->db));
    refused(folder, STATUS_BAD_INPUT, "newer hwnas");
    assert_holds(log_of(folder->db), &log);
    free(log.data);
}

static int as_nobody(const char *path, enum store_mode mode)
{
    struct store *store = NULL;
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 9;
    enum status_code code = store_open(path, mode, &store, &status);
    if (code == STATUS_IO && strstr(status.message, "must be writable") != NULL)
        return 0;
    fprintf(stderr, "# %s: %s\n", status_name(code), status.message);
    return 1;
}

static void one_that_may_not_be_written_is_refused_and_stays(void **state)
{
    const struct case_folder *folder = *state;
    fill(folder->db);
    struct bytes file = read_file(folder->db);
    assert_int_equal(chmod(folder->db, 0444) | chmod(folder->path, 0555), 0);
    for (int mode = STORE_WRITE; mode <= STORE_READ; mode++) {
        int how = -1;
        pid_t child = fork();
        if (child == 0)
            _exit(as_nobody(folder->db, (enum store_mode)mode));
        assert_true(waitpid(child, &how, 0) == child);
        assert_int_equal(how, 0);
    }
    assert_int_equal(chmod(folder->path, 0700), 0);
    assert_holds(folder->db, &file);
    free(file.data);
}

static void a_network_file_system_is_known_by_its_number(void **state)
{
    (void)state;
    assert_string_equal(store_check_network(NFS_SUPER_MAGIC), "NFS");
    assert_string_equal(store_check_network((long)(int)CIFS_SUPER_MAGIC), "CIFS");
    assert_string_equal(store_check_network(0x0bd00bd0), "Lustre");
    assert_null(store_check_network(EXT4_SUPER_MAGIC));
    assert_null(store_check_network(TMPFS_MAGIC));
    assert_null(store_check_network(0));
    assert_ok(store_check_place("/tmp/of-nobody/study.db", &status), status);
}

/* --- a part of it is --- */

static void one_cut_off_anywhere_is_refused_and_stays(void **state)
{
    const struct case_folder *folder = *state;
    fill(folder->db);
    struct bytes file = read_file(folder->db);
    for (size_t size = 1; size < file.size; size += size < 4096 ? 511 : 4096 - 1) {
        write_file(folder->db, file.data, size);
        refused(folder, STATUS_BAD_INPUT, "put a copy in its place");
    }
    free(file.data);
}

/* Reads everything. Returns how many rows are not what they were without that being said; *told: it was said of some. */
static int use(struct store *store, bool *told)
{
    int wrong = 0;
    *told = false;
    for (int n = 0; n < ROWS; n++) {
        struct store_evaluation want = case_evaluation(n), got;
        enum status_code code = store_evaluation_get(store, want.key, &got, &status);
        *told |= code == STATUS_BAD_INPUT;
        wrong += code == STATUS_NOT_FOUND;
        if (code != STATUS_OK && code != STATUS_BAD_INPUT && code != STATUS_NOT_FOUND)
            fail_msg("%s: %s", status_name(code), status.message);
        if (code != STATUS_OK)
            continue;
        wrong += got.value != want.value || got.seconds != want.seconds || got.wall_ms != want.wall_ms ||
                 strcmp(got.detail, want.detail) != 0 || strcmp(got.node, want.node) != 0 || strcmp(got.arch, want.arch) != 0;
        store_evaluation_free(&got);
    }
    return wrong;
}

static void bits_that_flip_are_found_or_change_one_row(void **state)
{
    const struct case_folder *folder = *state;
    const char *word = getenv("SEED");
    struct rng rng;
    long found = 0, harmless = 0, unseen = 0, flips = test_amount(100, 2000);
    rng_seed(&rng, word != NULL ? strtoull(word, NULL, 10) : 12);
    fill(folder->db);
    struct bytes file = read_file(folder->db);
    for (long i = 0; i < flips; i++) {
        size_t at = rng_below(&rng, file.size);
        unsigned char bit = (unsigned char)(1U << rng_below(&rng, 8));
        struct store *store = NULL;
        file.data[at] ^= bit;
        write_file(folder->db, file.data, file.size);
        enum status_code code = store_open(folder->db, STORE_WRITE, &store, &status);
        bool told = false;
        int wrong = code == STATUS_OK ? use(store, &told) : 0;
        store_close(store);
        assert_holds(folder->db, &file);
        if (code != STATUS_OK && code != STATUS_BAD_INPUT)
            fail_msg("byte %zu: %s: %s", at, status_name(code), status.message);
        if (wrong > 1)
            fail_msg("byte %zu: %d rows are not what they were", at, wrong);
        found += code != STATUS_OK || told;
        unseen += wrong;
        harmless += code == STATUS_OK && !told && wrong == 0;
        file.data[at] ^= bit;
    }
    print_message(
        "# %ld flipped bits: %ld refused or told, %ld where nothing is, or in other tables' values, %ld changed a value unseen\n",
        flips, found, harmless, unseen);
    assert_true(found > 0);
    free(file.data);
}

static void pages_of_noise_or_of_another_place_are_refused_and_stay(void **state)
{
    const struct case_folder *folder = *state;
    fill(folder->db);
    struct bytes file = read_file(folder->db), copy = read_file(folder->db);
    size_t found = 0, pages = file.size / 4096;
    for (size_t page = 1; page < pages; page++) {
        memset(file.data + page * 4096, 0xa5, 4096);
        write_file(folder->db, file.data, file.size);
        refused(folder, STATUS_BAD_INPUT, "put a copy in its place");
        const unsigned char *other = copy.data + (page == 1 ? 2 : page - 1) * 4096;
        memcpy(file.data + page * 4096, other, 4096);
        write_file(folder->db, file.data, file.size);
        struct store *store = NULL; /* what quick_check leaves out is for the writer to find */
        bool told;
        enum status_code code = store_open(folder->db, STORE_WRITE, &store, &status);
        assert_true(code == STATUS_OK || code == STATUS_BAD_INPUT);
        if (code == STATUS_OK) /* an empty table's page in another's place */
            assert_int_equal(use(store, &told), 0);
        found += code != STATUS_OK;
        store_close(store);
        assert_holds(folder->db, &file);
        memcpy(file.data + page * 4096, copy.data + page * 4096, 4096);
    }
    assert_true(found > pages / 2);
    free(file.data);
    free(copy.data);
}

/* --- logs and journals --- */

/* Commits one row after the other and leaves database and log as a kill would; states[k]: after so many commits. */
static void leave_log(const struct case_folder *folder, char (*states)[DIGEST_HEX_BYTES], int commits)
{
    struct store *store = case_open(folder->db, STORE_WRITE);
    assert_true(case_digest_of(store, states[0]));
    for (int n = 0; n < commits; n++) {
        case_begin(store);
        case_put(store, n);
        case_commit(store);
        assert_true(case_digest_of(store, states[n + 1]));
    }
    struct bytes db = read_file(folder->db), log = read_file(log_of(folder->db));
    store_close(store);
    write_file(folder->db, db.data, db.size);
    write_file(log_of(folder->db), log.data, log.size);
    free(db.data);
    free(log.data);
}

static void a_log_cut_off_at_any_byte_gives_whole_commits(void **state)
{
    enum { COMMITS = 6 };
    const struct case_folder *folder = *state;
    char states[COMMITS + 1][DIGEST_HEX_BYTES], digest[DIGEST_HEX_BYTES], log_path[CASE_PATH_BYTES + 32];
    leave_log(folder, states, COMMITS);
    snprintf(log_path, sizeof log_path, "%s", log_of(folder->db));
    struct bytes db = read_file(folder->db), log = read_file(log_path);
    size_t last = 0, step = (size_t)test_amount(211, 7);
    for (size_t size = 0; size <= log.size; size += size + step > log.size && size < log.size ? log.size - size : step) {
        write_file(folder->db, db.data, db.size);
        write_file(log_path, log.data, size);
        struct store *store = case_open(folder->db, STORE_WRITE);
        assert_true(case_digest_of(store, digest));
        store_close(store);
        while (last <= COMMITS && strcmp(states[last], digest) != 0)
            last++;
        assert_true(last <= COMMITS); /* never less than with a shorter log */
    }
    assert_int_equal(last, COMMITS);
    free(db.data);
    free(log.data);
}

static void a_log_with_a_flipped_bit_gives_whole_commits(void **state)
{
    enum { COMMITS = 6 };
    const struct case_folder *folder = *state;
    char states[COMMITS + 1][DIGEST_HEX_BYTES], digest[DIGEST_HEX_BYTES], log_path[CASE_PATH_BYTES + 32];
    struct rng rng;
    rng_seed(&rng, 5);
    leave_log(folder, states, COMMITS);
    snprintf(log_path, sizeof log_path, "%s", log_of(folder->db));
    struct bytes db = read_file(folder->db), log = read_file(log_path);
    for (long i = test_amount(30, 1000); i > 0; i--) {
        size_t at = rng_below(&rng, log.size), k = 0;
        log.data[at] ^= 1;
        write_file(folder->db, db.data, db.size);
        write_file(log_path, log.data, log.size);
        struct store *store = case_open(folder->db, STORE_WRITE);
        assert_true(case_digest_of(store, digest));
        store_close(store);
        while (k <= COMMITS && strcmp(states[k], digest) != 0)
            k++;
        assert_true(k <= COMMITS);
        log.data[at] ^= 1;
    }
    free(db.data);
    free(log.data);
}

/* The trap of putting a copy back: the log of the database that it replaces still lies there. */
static void a_copy_beside_the_log_of_what_it_replaces_is_refused_and_stays(void **state)
{
    const struct case_folder *folder = *state;
    char states[4][DIGEST_HEX_BYTES];
    fill(folder->db);
    assert_ok(store_backup_file(folder->db, folder->copy, &status), status);
    struct bytes copy = read_file(folder->copy);
    assert_int_equal(unlink(folder->copy) | unlink(folder->db), 0);
    leave_log(folder, states, 3);
    struct bytes log = read_file(log_of(folder->db));
    write_file(folder->db, copy.data, copy.size);
    refused(folder, STATUS_BAD_INPUT, "move that log away");
    assert_holds(log_of(folder->db), &log);
    assert_int_equal(unlink(log_of(folder->db)), 0);
    struct store *store = case_open(folder->db, STORE_WRITE);
    assert_true(case_has(store, ROWS - 1));
    store_close(store);
    free(copy.data);
    free(log.data);
}

/* The log of one database beside another that has pages of its own. */
static void the_log_of_another_database_is_refused_and_stays(void **state)
{
    const struct case_folder *folder = *state;
    char states[41][DIGEST_HEX_BYTES];
    leave_log(folder, states, 40);
    struct bytes log = read_file(log_of(folder->db));
    assert_int_equal(unlink(folder->db) | unlink(log_of(folder->db)), 0);
    fill(folder->db);
    write_file(log_of(folder->db), log.data, log.size);
    struct bytes db = read_file(folder->db);
    struct store *store = NULL;
    enum status_code code = store_open(folder->db, STORE_WRITE, &store, &status);
    if (code != STATUS_BAD_INPUT || strstr(status.message, "put a copy in its place") == NULL)
        fail_msg("%s: %s", status_name(code), status.message);
    assert_holds(folder->db, &db);
    assert_holds(log_of(folder->db), &log);
    free(db.data);
    free(log.data);
}

/* What the power leaves when it goes while a copy is made a database again: SQLite's journal of the first page. */
static void a_journal_that_was_left_is_rolled_back(void **state)
{
    const struct case_folder *folder = *state;
    char journal[CASE_PATH_BYTES + 32], before[DIGEST_HEX_BYTES], after[DIGEST_HEX_BYTES];
    snprintf(journal, sizeof journal, "%s-journal", folder->copy);
    fill(folder->db);
    assert_ok(store_backup_file(folder->db, folder->copy, &status), status);
    case_digest(folder->copy, "the copy", before);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(folder->copy, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA cache_size = 1; BEGIN; DELETE FROM lease; UPDATE evaluation SET seconds = 0", NULL, NULL, NULL),
        SQLITE_OK);
    struct bytes file = read_file(folder->copy), hot = read_file(journal);
    sqlite3_close(db);
    write_file(folder->copy, file.data, file.size);
    write_file(journal, hot.data, hot.size);
    store_close(case_open(folder->copy, STORE_WRITE));
    case_digest(folder->copy, "what was rolled back", after);
    assert_string_equal(after, before);
    assert_true(access(journal, F_OK) != 0);
    free(file.data);
    free(hot.data);
}

/* --- while it is in use --- */

static void damage_that_comes_while_it_is_in_use_is_told_with_what_to_do(void **state)
{
    const struct case_folder *folder = *state;
    fill(folder->db);
    struct bytes file = read_file(folder->db);
    struct store *store = case_open(folder->db, STORE_READ);
    memset(file.data + 4096, 0xa5, file.size - 4096);
    int fd = open(folder->db, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0 && pwrite(fd, file.data, file.size, 0) == (ssize_t)file.size);
    sqlite3_db_release_memory(store->db);
    enum status_code code = STATUS_OK;
    for (int n = 0; n < ROWS && code == STATUS_OK; n++) {
        struct store_evaluation want = case_evaluation(n), got;
        code = store_evaluation_get(store, want.key, &got, &status);
        if (code == STATUS_OK)
            store_evaluation_free(&got);
    }
    store_close(store);
    close(fd);
    assert_int_equal(code, STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "put a copy in its place"));
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_in_folder(what_is_no_database_is_refused_and_stays),
        case_in_folder(a_folder_or_a_link_to_nothing_is_refused),
        case_in_folder(another_programs_database_and_a_newer_one_are_refused_and_stay),
        case_in_folder(a_newer_one_that_was_killed_is_refused_and_stays),
        case_in_folder(one_that_may_not_be_written_is_refused_and_stays),
        cmocka_unit_test(a_network_file_system_is_known_by_its_number),
        case_in_folder(one_cut_off_anywhere_is_refused_and_stays),
        case_in_folder(bits_that_flip_are_found_or_change_one_row),
        case_in_folder(pages_of_noise_or_of_another_place_are_refused_and_stay),
        case_in_folder(a_log_cut_off_at_any_byte_gives_whole_commits),
        case_in_folder(a_log_with_a_flipped_bit_gives_whole_commits),
        case_in_folder(a_copy_beside_the_log_of_what_it_replaces_is_refused_and_stays),
        case_in_folder(the_log_of_another_database_is_refused_and_stays),
        case_in_folder(a_journal_that_was_left_is_rolled_back),
        case_in_folder(damage_that_comes_while_it_is_in_use_is_told_with_what_to_do),
    };
    return TEST_RUN(tests);
}
