/* Any call by which the database is read or written fails, once or from then on, and any of SQLite's allocations, in everything a
 * master does with it; or a call does its work and says that it failed. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "master/store_sql.h"
#include "tests/support/disk.h"
#include "tests/support/operations.h"
#include "tests/support/turns.h"

/* --- calls to the disk --- */

static int disk_error;

/* SQLite takes EIO from a read for a damaged file system, and says so of the database. */
enum { IO = 1 << STATUS_IO, IO_OR_DAMAGED = 1 << STATUS_IO | 1 << STATUS_BAD_INPUT, NO_MEMORY = 1 << STATUS_NO_MEMORY };

static void watch(const char *folder)
{
    disk_watch(folder);
}

static void unwatch(void)
{
    disk_free(disk_stop());
}

static void arm_disk(long after, bool from_then_on)
{
    disk_fail_after(DISK_EVERY, after, from_then_on ? DISK_FAILS_FROM_THEN_ON : DISK_FAILS_ONCE, disk_error);
}

static void arm_lie(long after, bool from_then_on)
{
    (void)from_then_on;
    disk_fail_after(DISK_EVERY, after, DISK_LIES, disk_error);
}

/* Every operation in turn; each must have met faults. */
static void try_all(const struct case_folder *folder, const struct fault *fault)
{
    long met = 0;
    for (size_t i = 0; operations_at(i) != NULL; i++) {
        struct case_folder own;
        snprintf(own.path, sizeof own.path, "%.200s/%zu", folder->path, i);
        assert_int_equal(mkdir(own.path, 0700), 0);
        long here = operations_try(operations_at(i), &own, fault);
        print_message("# %s, %s: %ld\n", operations_name(operations_at(i)), fault->word, here);
        assert_true(here > 0);
        met += here;
    }
    print_message("# %s: %ld in all\n", fault->word, met);
}

static void any_call_may_fail_once(void **state)
{
    disk_error = EIO;
    struct fault fault = {"failed calls", watch, unwatch, arm_disk, disk_heal, false, false, IO_OR_DAMAGED, test_amount(12, 0)};
    try_all(*state, &fault);
}

static void all_calls_may_fail_from_any_on(void **state)
{
    disk_error = ENOSPC;
    struct fault fault = {"calls failed from then on", watch, unwatch, arm_disk, disk_heal, true, true, IO, test_amount(8, 0)};
    try_all(*state, &fault);
}

static void any_call_may_do_its_work_and_say_that_it_failed(void **state)
{
    disk_error = EIO;
    struct fault fault = {"lies", watch, unwatch, arm_lie, disk_heal, false, true, IO_OR_DAMAGED, test_amount(8, 0)};
    try_all(*state, &fault);
}

/* --- commits of unknown outcome --- */

static long ask(const char *db, const char *sql)
{
    sqlite3 *connection = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(db, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(connection, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    long answer = (long)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(connection);
    return answer;
}

/* As a kill leaves it: what was written is there, whatever was said of it. */
static void kill_and_come_back(struct turns *turns, const char *folder, const char *as_killed)
{
    struct status status = {0};
    case_copy_files(folder, as_killed);
    turns_close(turns);
    unwatch();
    case_copy_files(as_killed, folder);
    watch(folder);
    assert_ok(turns_open(turns, &status), status);
}

static void stop_and_come_back(struct turns *turns)
{
    struct status status = {0};
    turns_close(turns);
    assert_ok(turns_open(turns, &status), status);
}

/* Every seventh commit reaches the disk and says that it did not; the master then goes on by the way of a restart, is stopped, or
 * is killed. Returns how many lied. */
static long live_among_lies(struct turns *turns, const char *folder, const char *as_killed, long commits)
{
    struct status status = {0};
    long lies = 0, calls;
    watch(folder);
    assert_ok(turns_open(turns, &status), status);
    for (long turn = 1; lies < commits / 7 && !search_finished(turns->search); turn++) {
        if (turn % 7 == 0)
            disk_fail_after(DISK_SYNCS, 0, DISK_LIES, EIO);
        enum status_code code = turns_turn(turns, &status);
        bool lied = disk_heal(&calls);
        assert_int_equal(code, lied ? STATUS_IO : STATUS_OK);
        if (!lied)
            continue;
        if (lies % 3 == 0)
            assert_ok(turns_restart(turns, &status), status);
        else if (lies % 3 == 1)
            stop_and_come_back(turns);
        else
            kill_and_come_back(turns, folder, as_killed);
        lies++;
    }
    turns_finish(turns);
    unwatch();
    return lies;
}

static void commits_that_lie_count_nothing_twice(void **state)
{
    const struct case_folder *folder = *state;
    struct turns turns;
    char wanted[DIGEST_HEX_BYTES], got[DIGEST_HEX_BYTES], as_killed[CASE_PATH_BYTES + 16], work[CASE_PATH_BYTES + 16];
    long commits = test_amount(140, 1000);
    snprintf(as_killed, sizeof as_killed, "%s/killed", folder->path);
    snprintf(work, sizeof work, "%s/work", folder->path);
    assert_int_equal(mkdir(as_killed, 0700) | mkdir(work, 0700), 0);
    turns_prepare(&turns, folder->path, folder->path, (int)(commits / 6), 9);
    turns_finish(&turns);
    turns_outcome(&turns, wanted);
    turns_prepare(&turns, folder->path, work, (int)(commits / 6), 10);
    long lies = live_among_lies(&turns, work, as_killed, commits);
    print_message("# %ld commits lied\n", lies);
    assert_int_equal(lies, commits / 7);
    turns_outcome(&turns, got);
    assert_string_equal(got, wanted);
    assert_int_equal(
        ask(turns.db, "SELECT count(*) FROM (SELECT 1 FROM lease WHERE state = 'done' GROUP BY key HAVING count(*) > 1)"), 0);
    assert_int_equal(ask(turns.db, "SELECT count(*) FROM lease WHERE state = 'done'"),
                     ask(turns.db, "SELECT count(*) FROM evaluation"));
    assert_int_equal(ask(turns.db, "SELECT count(*) FROM lease WHERE state = 'open'"), 0);
}

/* --- SQLite's allocations --- */

static sqlite3_mem_methods own;
static struct {
    bool armed, met, from_then_on;
    long left, calls;
} memory;

static bool memory_fails(void)
{
    if (!memory.armed)
        return false;
    memory.calls++;
    if (memory.met)
        return memory.from_then_on;
    if (memory.left-- > 0)
        return false;
    return memory.met = true;
}

static void *allocate(int size)
{
    return memory_fails() ? NULL : own.xMalloc(size);
}

static void *reallocate(void *old, int size)
{
    return memory_fails() ? NULL : own.xRealloc(old, size);
}

static void arm_memory(long after, bool from_then_on)
{
    memory.left = after;
    memory.from_then_on = from_then_on;
    memory.calls = 0;
    memory.met = false;
    memory.armed = true;
}

static bool disarm_memory(long *calls)
{
    memory.armed = false;
    *calls = memory.calls;
    return memory.met;
}

static int take_over_memory(void)
{
    sqlite3_mem_methods ours;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &own) != SQLITE_OK)
        return -1;
    ours = own;
    ours.xMalloc = allocate;
    ours.xRealloc = reallocate;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK ? 0 : -1;
}

static void any_allocation_of_sqlite_may_fail_once(void **state)
{
    struct fault fault = {"failed allocations", NULL, NULL, arm_memory, disarm_memory, false, false, NO_MEMORY,
                          test_amount(14, 4000)};
    try_all(*state, &fault);
}

static void all_allocations_of_sqlite_may_fail_from_any_on(void **state)
{
    struct fault fault = {
        "allocations failed from then on", NULL, NULL, arm_memory, disarm_memory, true, false, NO_MEMORY, test_amount(7, 4000)};
    try_all(*state, &fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_in_folder(any_call_may_fail_once),
        case_in_folder(all_calls_may_fail_from_any_on),
        case_in_folder(any_call_may_do_its_work_and_say_that_it_failed),
        case_in_folder(commits_that_lie_count_nothing_twice),
        case_in_folder(any_allocation_of_sqlite_may_fail_once),
        case_in_folder(all_allocations_of_sqlite_may_fail_from_any_on),
    };
    if (take_over_memory() != 0)
        return 1;
    return TEST_RUN(tests);
}
