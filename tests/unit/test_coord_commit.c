/* coord: nothing leaves before its commit. At the very moment a Welcome, a task or an acknowledgement is sent, what it rests on is
 * on the disk, synced: a power cut right then would not take it back. A commit that fails sends nothing. */
#include <errno.h>
#include <string.h>

#include <sqlite3.h>

#include "tests/support/disk.h"
#include "tests/support/lone_master.h"
#include "tests/support/message.h"
#include "tests/support/test.h"

enum { WORKER = 1, BOARD = 2, PROMISES_MAX = 4096, ROUNDS = 14 };

static struct status status;

/* What was sent, and how many calls had written before. */
struct promise {
    enum wire_type type;
    uint64_t id; /* an epoch, or a lease */
    size_t calls;
};

struct trial {
    struct lone_master lone;
    struct promise promises[PROMISES_MAX];
    size_t count;
    char cut[64]; /* a folder */
    uint64_t answered;
};

static void note(void *context, const struct wire_message *message)
{
    struct trial *trial = context;
    struct promise promise = {.type = message->type, .calls = disk_calls()};
    if (message->type == WIRE_WELCOME)
        promise.id = message->welcome.epoch;
    else if (message->type == WIRE_TASK)
        promise.id = message->task.lease_id;
    else if (message->type == WIRE_RESULT_ACK && message->result_ack.verdict <= WIRE_DUPLICATE)
        promise.id = message->result_ack.lease_id;
    else
        return;
    assert_true(trial->count < PROMISES_MAX);
    trial->promises[trial->count++] = promise;
}

static int make_trial(void **state)
{
    struct trial *trial = calloc(1, sizeof *trial);
    snprintf(trial->cut, sizeof trial->cut, "%s/hwnas-cut-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (trial == NULL || mkdtemp(trial->cut) == NULL || !lone_prepare(&trial->lone, 1000))
        return -1;
    trial->lone.sent = note;
    trial->lone.sent_context = trial;
    *state = trial;
    return 0;
}

static int remove_trial(void **state)
{
    struct trial *trial = *state;
    char command[128];
    lone_remove(&trial->lone);
    snprintf(command, sizeof command, "rm -rf '%s'", trial->cut);
    int failed = system(command);
    free(trial);
    return failed;
}

/* --- peers --- */

static void say_hello(struct lone_master *lone, enum wire_role role)
{
    struct wire_message hello = message_sample(WIRE_HELLO);
    hello.hello.role = role;
    hello.hello.slots = 2;
    hello.hello.held.count = 0;
    hello.hello.sequence = (uint64_t)++lone->now_ms;
    if (role == WIRE_AGENT) {
        strcpy(hello.hello.node, "board");
        strcpy(hello.hello.device_key, LONE_DEVICE);
        hello.hello.board.deterministic = false;
    } else {
        strcpy(hello.hello.node, "honest");
        strcpy(hello.hello.host_id, "host.b");
        hello.hello.device_key[0] = '\0';
        memset(&hello.hello.board, 0, sizeof hello.hello.board);
    }
    lone_send(lone, role == WIRE_AGENT ? BOARD : WORKER, &hello);
}

static void send_result(struct trial *trial, const struct wire_task *task)
{
    struct wire_message result = message_sample(WIRE_RESULT);
    result.result.lease_id = task->lease_id;
    result.result.epoch = task->epoch;
    result.result.attempt = task->attempt;
    memcpy(result.result.key, task->key, sizeof result.result.key);
    lone_send(&trial->lone, WORKER, &result);
}

/* The worker answers its last task, twice; without a new one it registers again. */
static void take_a_round(struct trial *trial)
{
    const struct wire_task *task = lone_task_of(&trial->lone, WORKER);
    if (task == NULL || task->lease_id == trial->answered) {
        say_hello(&trial->lone, WIRE_WORKER);
        say_hello(&trial->lone, WIRE_AGENT);
        return;
    }
    struct wire_task held = *task;
    trial->answered = task->lease_id;
    send_result(trial, &held);
    send_result(trial, &held);
}

/* --- what was on the disk --- */

static int64_t ask(sqlite3 *db, const char *sql, uint64_t id)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(statement, 1, (int64_t)id), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return answer;
}

static bool is_kept(sqlite3 *db, const struct promise *promise)
{
    if (promise->type == WIRE_WELCOME)
        return ask(db, "SELECT epoch = ?1 FROM master", promise->id);
    if (promise->type == WIRE_TASK)
        return ask(db, "SELECT count(*) FROM lease WHERE id = ?1 AND state = 'open'", promise->id) == 1;
    return ask(db,
               "SELECT count(*) FROM lease l WHERE id = ?1 AND state <> 'open' AND (state <> 'done' OR node <> 'honest' OR "
               "EXISTS (SELECT 1 FROM evaluation WHERE key = l.key))",
               promise->id) == 1;
}

/* Each promise on the disk as it was when the promise was made, without anything that was not synced. */
static void check_promises(const struct trial *trial, const struct disk *disk, long fault)
{
    char path[128];
    struct rng rng;
    sqlite3 *db = NULL;
    rng_seed(&rng, 1);
    snprintf(path, sizeof path, "%s/lone.db", trial->cut);
    for (size_t i = 0; i < trial->count; i++) {
        const struct promise *promise = &trial->promises[i];
        if (i == 0 || promise->calls != promise[-1].calls) {
            sqlite3_close(db);
            disk_cut(disk, promise->calls, DISK_NONE, &rng, trial->cut);
            assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        }
        if (!is_kept(db, promise))
            fail_msg("fault %ld: message %zu, of type %d for %llu, left before its commit", fault, i, (int)promise->type,
                     (unsigned long long)promise->id);
    }
    sqlite3_close(db);
}

/* --- tests --- */

/* A run in which call number `after` fails, if there are so many; returns whether it did. The master then waits for better times
 * and goes on. */
static bool live(struct trial *trial, unsigned kinds, long after, enum disk_fault fault)
{
    struct lone_master *lone = &trial->lone;
    bool failed = false;
    trial->count = 0;
    trial->answered = 0;
    assert_ok(lone_open(lone, true, &status), status);
    lone_close(lone);
    disk_watch(lone->folder);
    assert_ok(lone_open(lone, false, &status), status);
    disk_fail_after(kinds, after, fault, ENOSPC);
    for (int round = 0; round < ROUNDS; round++) {
        long calls;
        take_a_round(trial);
        if (coord_dispatch(lone->coord) != NULL)
            continue;
        failed = true;
        assert_true(disk_heal(&calls));
        lone->now_ms += 2000;
        coord_turn(lone->coord);
        assert_non_null(coord_dispatch(lone->coord));
    }
    long calls;
    failed |= disk_heal(&calls);
    assert_ok(coord_failure(lone->coord, &status), status);
    assert_false(lone->broken);
    uint64_t accepted = lone->verdicts[WIRE_ACCEPTED];
    lone_close(lone);
    struct disk *disk = disk_stop();
    check_promises(trial, disk, after);
    disk_free(disk);
    assert_true(accepted >= ROUNDS / 4);
    return failed;
}

static void what_is_sent_is_on_the_disk_and_synced(void **state)
{
    struct trial *trial = *state;
    assert_false(live(trial, DISK_EVERY, 1 << 30, DISK_FAILS_ONCE));
    print_message("# %zu messages\n", trial->count);
    assert_true(trial->count > ROUNDS);
}

static void a_commit_that_fails_sends_nothing(void **state)
{
    static const unsigned kinds[] = {DISK_WRITES, DISK_SYNCS};
    struct trial *trial = *state;
    long failed = 0, step = test_amount(5, 1);
    for (size_t k = 0; k < 2; k++)
        for (int fault = DISK_FAILS_ONCE; fault <= DISK_LIES; fault++)
            for (long after = (long)k; live(trial, kinds[k], after, (enum disk_fault)fault); after += step)
                failed++;
    print_message("# %ld runs with a failure\n", failed);
    assert_true(failed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sent_is_on_the_disk_and_synced, make_trial, remove_trial),
        cmocka_unit_test_setup_teardown(a_commit_that_fails_sends_nothing, make_trial, remove_trial),
    };
    return TEST_RUN(tests);
}
