/* store_backup: copies taken while the owner writes hold all that was committed before and stay in step; they are sound, replace
 * nothing, and whatever fails leaves nothing behind. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/fileio.h"
#include "common/rng.h"
#include "master/store_backup.h"
#include "master/store_schema.h"
#include "tests/support/store_case.h"

enum { BLOB_BYTES = 64 << 10 };

static struct status status;

/* A batch of rows, now and then with a bundle that takes many pages. */
static void put_batch(struct store *store, int from, int count, struct rng *rng)
{
    static unsigned char blob[BLOB_BYTES];
    struct digest digest;
    for (int n = from; n < from + count; n++)
        case_put(store, n);
    for (size_t i = 0; i < sizeof blob; i += 8)
        memcpy(blob + i, &(uint64_t){rng_next(rng)}, 8);
    digest_of(blob, sizeof blob, &digest);
    assert_ok(store_bundle_put(store, &digest, blob, rng_below(rng, 3) == 0 ? sizeof blob : 64, &status), status);
}

static void fill(struct store *store, int rows)
{
    struct rng rng;
    rng_seed(&rng, 1);
    case_begin(store);
    for (int n = 0; n < rows; n += 100)
        put_batch(store, n, 100, &rng);
    case_commit(store);
}

static struct store_backup *begin(struct store *store, const char *target)
{
    struct store_backup *backup = NULL;
    assert_ok(store_backup_begin(store, target, &backup, &status), status);
    return backup;
}

/* Returns in how many steps it was done. */
static int step_to_the_end(struct store_backup *backup)
{
    int steps = 0;
    for (bool done = false; !done; steps++)
        assert_ok(store_backup_step(backup, &done, &status), status);
    return steps;
}

static void expect_names(const struct case_folder *folder, const char *wanted)
{
    char names[512];
    case_names(folder->path, names, sizeof names);
    assert_string_equal(names, wanted);
}

static void expect_same_contents(const char *one, const char *other)
{
    char a[DIGEST_HEX_BYTES], b[DIGEST_HEX_BYTES];
    case_digest(one, one, a);
    case_digest(other, other, b);
    assert_string_equal(a, b);
}

/* --- under load --- */

/* Whole batches only, and none that was acknowledged before the copy began is missing. Returns the batches it holds. */
static int check_copy(const char *path, int batch, int acknowledged)
{
    struct store *copy = case_open(path, STORE_READ);
    int batches = (int)(case_count(copy) / batch);
    assert_int_equal(case_count(copy), batches * batch);
    for (int n = 0; n < batches * batch; n++)
        assert_true(case_has(copy, n));
    store_close(copy);
    assert_true(batches >= acknowledged);
    return batches;
}

/* One in four is rolled back. Returns how many were committed. */
static int write_batch(struct store *store, int from, int count, struct rng *rng)
{
    case_begin(store);
    put_batch(store, from, count, rng);
    if (rng_below(rng, 4) == 0) {
        store_rollback(store);
        return 0;
    }
    case_commit(store);
    return 1;
}

static void each_of_many_copies_under_load_holds_what_was_acknowledged_before_it_began(void **state)
{
    enum { BATCH = 40, WRITES = 30 };
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    const char *seed = getenv("SEED");
    struct rng rng;
    rng_seed(&rng, seed != NULL ? strtoull(seed, NULL, 10) : 11);
    int acknowledged = 0;
    for (long round = test_amount(10, 50); round > 0; round--) {
        int before = acknowledged;
        struct store_backup *backup = begin(store, folder->copy);
        bool done = false;
        for (int writes = 0; !done; writes++) {
            if (writes < WRITES)
                acknowledged += write_batch(store, acknowledged * BATCH, BATCH, &rng);
            else
                sched_yield(); /* the check takes as long as it takes */
            assert_ok(store_backup_step(backup, &done, &status), status);
        }
        store_backup_end(backup);
        char digest[DIGEST_HEX_BYTES];
        case_digest(folder->copy, "the copy", digest);
        assert_true(check_copy(folder->copy, BATCH, before) <= acknowledged);
        assert_int_equal(unlink(folder->copy), 0);
    }
    store_close(store);
    expect_names(folder, "study.db");
}

static void what_is_committed_while_it_is_copied_is_in_the_copy(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    bool done;
    fill(store, 4000);
    struct store_backup *backup = begin(store, folder->copy);
    assert_ok(store_backup_step(backup, &done, &status), status);
    case_begin(store);
    case_put(store, 5000);
    case_commit(store);
    step_to_the_end(backup);
    store_backup_end(backup);
    store_close(store);
    expect_same_contents(folder->db, folder->copy);
}

static void a_step_copies_a_bounded_part(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct stat info;
    fill(store, 20000);
    struct store_backup *backup = begin(store, folder->copy);
    int steps = step_to_the_end(backup);
    store_backup_end(backup);
    store_close(store);
    assert_int_equal(stat(folder->copy, &info), 0);
    assert_true(info.st_size > 4 << 20);
    assert_true(steps >= info.st_size >> 20);
}

static void a_copy_is_one_file_that_reads_and_goes_on(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    fill(store, 300);
    struct store_backup *backup = begin(store, folder->copy);
    step_to_the_end(backup);
    store_backup_end(backup);
    expect_names(folder, "copy.db study.db study.db-wal");
    store_close(case_open(folder->copy, STORE_READ));
    expect_names(folder, "copy.db study.db study.db-wal");
    struct store *copy = case_open(folder->copy, STORE_WRITE);
    case_begin(copy);
    assert_true(case_put(copy, 9999));
    case_commit(copy);
    store_close(copy);
    assert_false(case_has(store, 9999));
    store_close(store);
}

static void a_copy_has_the_rights_of_its_database(void **state)
{
    struct case_folder *folder = *state;
    struct stat info;
    store_close(case_open(folder->db, STORE_WRITE));
    assert_int_equal(chmod(folder->db, 0640), 0);
    assert_ok(store_backup_file(folder->db, folder->copy, &status), status);
    assert_int_equal(stat(folder->copy, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

/* --- what is in the way --- */

static void nothing_that_exists_is_replaced(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_backup *backup = NULL;
    void *data = NULL;
    size_t size = 0;
    assert_ok(fileio_write(folder->copy, "mine", 4, &status), status);
    assert_int_equal(store_backup_begin(store, folder->copy, &backup, &status), STATUS_CONFLICT);
    assert_non_null(strstr(status.message, folder->copy));
    assert_int_equal(store_backup_begin(store, folder->db, &backup, &status), STATUS_CONFLICT);
    /* Not even what comes while it is copied. */
    assert_int_equal(unlink(folder->copy), 0);
    backup = begin(store, folder->copy);
    assert_ok(fileio_write(folder->copy, "mine", 4, &status), status);
    enum status_code code = STATUS_OK;
    for (bool done = false; !done && code == STATUS_OK;)
        code = store_backup_step(backup, &done, &status);
    assert_int_equal(code, STATUS_CONFLICT);
    store_backup_end(backup);
    store_close(store);
    assert_ok(fileio_read(folder->copy, 100, &data, &size, &status), status);
    assert_int_equal(size, 4);
    free(data);
    expect_names(folder, "copy.db study.db");
}

static void two_at_once_to_one_name_are_one_too_many(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_backup *first = begin(store, folder->copy), *second = NULL;
    assert_int_equal(store_backup_begin(store, folder->copy, &second, &status), STATUS_CONFLICT);
    step_to_the_end(first);
    store_backup_end(first);
    store_close(store);
    expect_same_contents(folder->db, folder->copy);
}

static void two_at_once_to_two_names_are_both_whole(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    char other[CASE_PATH_BYTES + 16];
    bool done;
    snprintf(other, sizeof other, "%s/other.db", folder->path);
    fill(store, 4000);
    struct store_backup *first = begin(store, folder->copy), *second = begin(store, other);
    assert_ok(store_backup_step(first, &done, &status), status);
    case_begin(store);
    case_put(store, 7000);
    case_commit(store);
    step_to_the_end(second);
    step_to_the_end(first);
    store_backup_end(first);
    store_backup_end(second);
    store_close(store);
    expect_same_contents(folder->db, folder->copy);
    expect_same_contents(folder->db, other);
}

static void what_a_killed_backup_left_is_taken_over(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    fill(store, 3000);
    store_close(store);
    pid_t child = fork();
    if (child == 0) {
        bool done;
        struct store_backup *backup = begin(case_open(folder->db, STORE_READ), folder->copy);
        store_backup_step(backup, &done, NULL);
        raise(SIGKILL);
    }
    int how = 0;
    assert_true(waitpid(child, &how, 0) == child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(access(folder->copy, F_OK), -1);
    assert_ok(store_backup_file(folder->db, folder->copy, &status), status);
    expect_names(folder, "copy.db study.db");
    expect_same_contents(folder->db, folder->copy);
}

static void one_given_up_leaves_nothing_wherever_it_is(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    fill(store, 4000);
    for (int steps = 0; steps < 6; steps++) {
        struct store_backup *backup = begin(store, folder->copy);
        bool done = false;
        for (int i = 0; i < steps && !done; i++)
            assert_ok(store_backup_step(backup, &done, &status), status);
        store_backup_end(backup);
        if (done)
            assert_int_equal(unlink(folder->copy), 0);
        expect_names(folder, "study.db study.db-wal");
    }
    case_begin(store);
    assert_true(case_put(store, 8000));
    case_commit(store);
    store_close(store);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct case_folder *folder = *state;
    char target[CASE_PATH_BYTES + 32];
    snprintf(target, sizeof target, "%s/nowhere/copy.db", folder->path);
    store_close(case_open(folder->db, STORE_WRITE));
    assert_int_equal(store_backup_file(folder->db, target, &status), STATUS_IO);
    assert_non_null(strstr(status.message, "nowhere"));
    snprintf(target, sizeof target, "%s/absent.db", folder->path);
    assert_int_equal(store_backup_file(target, folder->copy, &status), STATUS_NOT_FOUND);
    expect_names(folder, "study.db");
}

/* --- what goes wrong --- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on file sizes stands for a full disk. The database itself may grow on another. */
static void a_copy_that_finds_no_room_leaves_nothing_and_the_owner_goes_on(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    fill(store, 4000);
    struct store_backup *backup = begin(store, folder->copy);
    enum status_code code = STATUS_OK;
    limit_files(256 << 10);
    for (bool done = false; !done && code == STATUS_OK;)
        code = store_backup_step(backup, &done, &status);
    limit_files(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    assert_int_equal(code, STATUS_IO);
    assert_non_null(strstr(status.message, "copy.db"));
    store_backup_end(backup);
    expect_names(folder, "study.db study.db-wal");
    case_begin(store);
    assert_true(case_put(store, 8000));
    case_commit(store);
    store_close(store);
}

/* A byte of an index entry: what quick_check, which is all that opening does, cannot see. */
static void a_copy_of_what_was_damaged_unseen_is_refused(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_lease lease = {.epoch = 1, .attempt = 1, .node = "n"};
    void *data = NULL;
    size_t size = 0;
    memset(lease.key, 'a', sizeof lease.key - 1);
    case_begin(store);
    bool closed = false; /* as one that is found by its key */
    assert_ok(store_lease_grant(store, &lease, &status), status);
    assert_ok(store_lease_close(store, lease.id, 1, 1, "n", STORE_LEASE_FAILED, "", "", 0, &closed, &status), status);
    assert_true(closed);
    case_commit(store);
    store_close(store);
    assert_ok(fileio_read(folder->db, 1 << 24, &data, &size, &status), status);
    unsigned char *first = memmem(data, size, lease.key, 64), *last = first;
    assert_non_null(first);
    for (unsigned char *next = first; next != NULL;
         next = memmem(next + 1, size - (size_t)(next + 1 - (unsigned char *)data), lease.key, 64))
        last = next;
    assert_ptr_not_equal(first, last);
    *last = 'b';
    assert_ok(fileio_write(folder->db, data, size, &status), status);
    free(data);
    store_close(case_open(folder->db, STORE_READ));
    assert_int_equal(store_backup_file(folder->db, folder->copy, &status), STATUS_IO);
    assert_non_null(strstr(status.message, "damaged"));
    expect_names(folder, "study.db");
}

static void a_database_that_somebody_holds_is_not_copied_behind_his_back(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    assert_int_equal(store_backup_file(folder->db, folder->copy, &status), STATUS_CONFLICT);
    store_close(store);
    expect_names(folder, "study.db");
}

static void an_older_version_can_be_copied_as_it_is(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = NULL;
    size_t count;
    const struct store_migration *migrations = store_migrations(&count);
    assert_ok(store_open_with(folder->db, STORE_WRITE, migrations, 1, &store, &status), status);
    store_close(store);
    assert_ok(store_backup_file(folder->db, folder->copy, &status), status);
    expect_names(folder, "copy.db study.db");
    expect_same_contents(folder->db, folder->copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_in_folder(each_of_many_copies_under_load_holds_what_was_acknowledged_before_it_began),
        case_in_folder(what_is_committed_while_it_is_copied_is_in_the_copy),
        case_in_folder(a_step_copies_a_bounded_part),
        case_in_folder(a_copy_is_one_file_that_reads_and_goes_on),
        case_in_folder(a_copy_has_the_rights_of_its_database),
        case_in_folder(nothing_that_exists_is_replaced),
        case_in_folder(two_at_once_to_one_name_are_one_too_many),
        case_in_folder(two_at_once_to_two_names_are_both_whole),
        case_in_folder(what_a_killed_backup_left_is_taken_over),
        case_in_folder(one_given_up_leaves_nothing_wherever_it_is),
        case_in_folder(a_folder_that_is_not_there_is_named),
        case_in_folder(a_copy_that_finds_no_room_leaves_nothing_and_the_owner_goes_on),
        case_in_folder(a_copy_of_what_was_damaged_unseen_is_refused),
        case_in_folder(a_database_that_somebody_holds_is_not_copied_behind_his_back),
        case_in_folder(an_older_version_can_be_copied_as_it_is),
    };
    return TEST_RUN(tests);
}
