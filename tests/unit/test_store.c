/* store: what is committed survives a kill, one holder at a time, strange files are refused untouched, leases fence, versions move.
 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/fileio.h"
#include "master/store.h"
#include "master/store_schema.h"
#include "master/store_sql.h"

enum { PATH_BYTES = 256 };

struct folder {
    char path[PATH_BYTES];
    char db[PATH_BYTES + 16];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    snprintf(folder->path, sizeof folder->path, "%s/hwnas-store-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder->path) == NULL)
        return -1;
    snprintf(folder->db, sizeof folder->db, "%s/study.db", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    char command[PATH_BYTES + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder->path);
    int failed = system(command);
    free(folder);
    return failed;
}

static struct store *open_store(const char *path, enum store_mode mode)
{
    struct store *store = NULL;
    struct status status = {0};
    assert_ok(store_open(path, mode, &store, &status), status);
    return store;
}

static void begin(struct store *store)
{
    struct status status = {0};
    assert_ok(store_begin(store, &status), status);
}

static void commit(struct store *store)
{
    struct status status = {0};
    assert_ok(store_commit(store, &status), status);
}

/* 64 hexadecimal digits that start with n. */
static void make_key(int n, char out[DIGEST_HEX_BYTES])
{
    snprintf(out, DIGEST_HEX_BYTES, "%08x%056x", (unsigned)n, 0U);
}

static struct store_evaluation evaluation_of(int n)
{
    struct store_evaluation evaluation = {.kind = n % 2 == 0 ? STUDY_WANT_RMI : STUDY_WANT_MEASURE,
                                          .feasible = true,
                                          .value = 1.0 / (n + 3),
                                          .detail = "{\"trace\":[1,2]}",
                                          .seconds = 0.25 * n,
                                          .wall_ms = 1700000000000 + n,
                                          .board = "kitchen",
                                          .queue_seconds = 1.5,
                                          .build_seconds = NAN,
                                          .run_seconds = 0.5,
                                          .energy_mj = 3.25,
                                          .after_canary = 12};
    make_key(n, evaluation.key);
    make_key(n + 1000, evaluation.samples_digest);
    snprintf(evaluation.arch, sizeof evaluation.arch, "arch %d", n);
    snprintf(evaluation.node, sizeof evaluation.node, "node-%d", n % 3);
    snprintf(evaluation.device_key, sizeof evaluation.device_key, "board-cpu-builtin1-fp32");
    return evaluation;
}

static bool put_evaluation(struct store *store, int n)
{
    struct status status = {0};
    bool inserted = false;
    struct store_evaluation evaluation = evaluation_of(n);
    assert_ok(store_evaluation_put(store, &evaluation, &inserted, &status), status);
    return inserted;
}

static int64_t count_evaluations(struct store *store)
{
    struct status status = {0};
    int64_t rmi = -1, measure = -1;
    assert_ok(store_evaluation_count(store, &rmi, &measure, &status), status);
    return rmi + measure;
}

static int64_t create_study(struct store *store, const char *name)
{
    struct status status = {0};
    int64_t id = 0;
    struct store_study study = {
        .name = (char *)(uintptr_t)name, .settings = "a: 1\n", .files = "{}", .created_wall_ms = 12, .seconds = 0.5};
    assert_ok(store_study_create(store, &study, &id, &status), status);
    return id;
}

/* --- the architecture-fitness table --- */

static void an_evaluation_comes_back_as_it_was_put(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_evaluation want = evaluation_of(1), got;
    struct status status = {0};
    begin(store);
    assert_true(put_evaluation(store, 1));
    commit(store);
    assert_ok(store_evaluation_get(store, want.key, &got, &status), status);
    assert_int_equal(got.kind, want.kind);
    assert_true(got.value == want.value);
    assert_true(got.feasible);
    assert_string_equal(got.arch, want.arch);
    assert_string_equal(got.detail, want.detail);
    assert_string_equal(got.node, want.node);
    assert_string_equal(got.device_key, want.device_key);
    assert_true(got.seconds == want.seconds);
    assert_true(got.wall_ms == want.wall_ms);
    assert_string_equal(got.board, want.board);
    assert_string_equal(got.samples_digest, want.samples_digest);
    assert_true(got.queue_seconds == 1.5 && isnan(got.build_seconds) && got.run_seconds == 0.5 && got.energy_mj == 3.25);
    assert_true(got.after_canary == 12);
    store_evaluation_free(&got);
    store_close(store);
}

static void an_infeasible_evaluation_keeps_its_reason(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_evaluation evaluation = evaluation_of(2), got;
    struct status status = {0};
    bool inserted;
    evaluation.feasible = false;
    evaluation.value = NAN;
    snprintf(evaluation.why_not, sizeof evaluation.why_not, "the loss is NaN from step 3 on");
    begin(store);
    assert_ok(store_evaluation_put(store, &evaluation, &inserted, &status), status);
    commit(store);
    assert_ok(store_evaluation_get(store, evaluation.key, &got, &status), status);
    assert_false(got.feasible);
    assert_true(got.value == 0);
    assert_string_equal(got.why_not, evaluation.why_not);
    store_evaluation_free(&got);
    store_close(store);
}

static void an_evaluation_put_twice_stays_the_first(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_evaluation other = evaluation_of(4), got;
    struct status status = {0};
    bool inserted = true;
    begin(store);
    assert_true(put_evaluation(store, 4));
    other.value = 99;
    assert_ok(store_evaluation_put(store, &other, &inserted, &status), status);
    commit(store);
    assert_false(inserted);
    assert_ok(store_evaluation_get(store, other.key, &got, &status), status);
    assert_true(got.value == evaluation_of(4).value);
    assert_int_equal(count_evaluations(store), 1);
    store_evaluation_free(&got);
    store_close(store);
}

static void an_unknown_key_is_not_found(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_evaluation got;
    char key[DIGEST_HEX_BYTES];
    make_key(77, key);
    assert_int_equal(store_evaluation_get(store, key, &got, NULL), STATUS_NOT_FOUND);
    store_close(store);
}

static void a_bundle_is_found_by_its_digest(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct digest digest;
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    digest_of("a\0b", 3, &digest);
    begin(store);
    assert_ok(store_bundle_put(store, &digest, "a\0b", 3, &status), status);
    assert_ok(store_bundle_put(store, &digest, "a\0b", 3, &status), status);
    commit(store);
    assert_ok(store_bundle_get(store, &digest, &data, &size, &status), status);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "a\0b", 3);
    free(data);
    digest_of("x", 1, &digest);
    assert_int_equal(store_bundle_get(store, &digest, &data, &size, NULL), STATUS_NOT_FOUND);
    store_close(store);
}

/* --- studies, candidates, snapshots --- */

static void a_study_is_found_listed_and_updated(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_study study, *list = NULL;
    struct status status = {0};
    size_t count = 0;
    begin(store);
    int64_t first = create_study(store, "first");
    create_study(store, "second");
    assert_ok(store_study_update(store, first, STORE_STUDY_FINISHED, 99, 7.5, &status), status);
    commit(store);
    assert_ok(store_study_find(store, "first", &study, &status), status);
    assert_true(study.id == first);
    assert_string_equal(study.settings, "a: 1\n");
    assert_int_equal(study.state, STORE_STUDY_FINISHED);
    assert_true(study.seconds == 7.5);
    assert_true(study.finished_wall_ms == 99);
    store_study_free(&study);
    assert_ok(store_study_list(store, &list, &count, &status), status);
    assert_int_equal(count, 2);
    assert_string_equal(list[1].name, "second");
    for (size_t i = 0; i < count; i++)
        store_study_free(&list[i]);
    free(list);
    assert_int_equal(store_study_find(store, "third", &study, NULL), STATUS_NOT_FOUND);
    store_close(store);
}

static void a_study_has_no_answer_until_it_is_given_one(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_study study;
    struct status status = {0};
    begin(store);
    int64_t id = create_study(store, "first");
    commit(store);
    assert_ok(store_study_find(store, "first", &study, &status), status);
    assert_null(study.answer);
    store_study_free(&study);
    begin(store);
    assert_ok(store_study_answer(store, id, "|none~0|", &status), status);
    commit(store);
    assert_ok(store_study_find(store, "first", &study, &status), status);
    assert_string_equal(study.answer, "|none~0|");
    store_study_free(&study);
    store_close(store);
}

static void a_second_study_of_one_name_is_a_conflict(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_study study = {.name = "twice", .settings = "", .files = "{}"};
    int64_t id;
    begin(store);
    create_study(store, "twice");
    assert_int_equal(store_study_create(store, &study, &id, NULL), STATUS_CONFLICT);
    store_rollback(store);
    store_close(store);
}

/* The one told as number `told`; of two neighbours the later one was asked first. */
static struct study_candidate candidate_of(uint64_t told)
{
    uint64_t ask = told ^ 1;
    struct study_candidate candidate = {
        .ask = ask, .told = told, .arch = {.length = 6, .genes = {1, 2, 3, 4, 0, (uint8_t)(ask % 5)}}};
    snprintf(candidate.arch_text, sizeof candidate.arch_text, "exact %d", (int)ask);
    snprintf(candidate.canonical_text, sizeof candidate.canonical_text, "canonical %d", (int)ask);
    make_key((int)ask, candidate.fitness_key);
    candidate.cached = ask % 2;
    candidate.skipped = ask % 3 == 0;
    candidate.connected = ask % 5 != 0;
    candidate.result.feasible = ask % 7 != 0;
    candidate.result.fitness = 1.0 / 3 + (double)ask;
    candidate.satisfies = ask % 4 == 0;
    for (int i = 0; i < CONFIG_COSTS_MAX; i++)
        candidate.result.costs[i] = NAN;
    candidate.result.costs[0] = 0.1 * (double)ask;
    return candidate;
}

struct seen {
    uint64_t next; /* told */
    size_t count;
};

static enum status_code compare(void *context, const struct study_candidate *got, struct status *status)
{
    (void)status;
    struct seen *seen = context;
    struct study_candidate want = candidate_of(seen->next);
    assert_true(got->ask == want.ask);
    assert_true(got->told == want.told);
    assert_true(arch_equal(&got->arch, &want.arch));
    assert_string_equal(got->arch_text, want.arch_text);
    assert_string_equal(got->canonical_text, want.canonical_text);
    assert_string_equal(got->fitness_key, want.fitness_key);
    assert_int_equal(got->cached, want.cached);
    assert_int_equal(got->skipped, want.skipped);
    assert_int_equal(got->connected, want.connected);
    assert_int_equal(got->result.feasible, want.result.feasible);
    assert_int_equal(got->satisfies, want.satisfies);
    assert_true(got->result.fitness == want.result.fitness);
    assert_true(got->result.costs[0] == want.result.costs[0]);
    assert_true(isnan(got->result.costs[1]));
    assert_true(isnan(got->result.costs[CONFIG_COSTS_MAX - 1]));
    seen->next++;
    seen->count++;
    return STATUS_OK;
}

static void candidates_come_back_in_the_order_of_tells_with_every_field(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct status status = {0};
    begin(store);
    int64_t other = create_study(store, "other"), id = create_study(store, "s");
    for (uint64_t told = 30; told-- > 0;) {
        struct study_candidate candidate = candidate_of(told);
        assert_ok(store_candidate_put(store, id, &candidate, 2, &status), status);
        assert_ok(store_candidate_put(store, id, &candidate, 2, &status), status);
        candidate.ask += 100;
        assert_ok(store_candidate_put(store, other, &candidate, 2, &status), status);
    }
    commit(store);
    struct seen seen = {0, 0};
    assert_ok(store_candidate_each(store, id, 0, compare, &seen, &status), status);
    assert_int_equal(seen.count, 30);
    seen = (struct seen){17, 0};
    assert_ok(store_candidate_each(store, id, 17, compare, &seen, &status), status);
    assert_int_equal(seen.count, 13);
    store_close(store);
}

static void two_candidates_cannot_be_told_at_once(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct status status = {0};
    struct study_candidate candidate = candidate_of(3);
    begin(store);
    int64_t id = create_study(store, "s");
    assert_ok(store_candidate_put(store, id, &candidate, 1, &status), status);
    candidate.ask += 2;
    assert_int_not_equal(store_candidate_put(store, id, &candidate, 1, &status), STATUS_OK);
    store_rollback(store);
    store_close(store);
}

static enum status_code stop_at_three(void *context, const struct study_candidate *candidate, struct status *status)
{
    (void)candidate;
    int *calls = context;
    return ++*calls == 3 ? status_set(status, STATUS_CONFLICT, "enough") : STATUS_OK;
}

static void a_reader_of_candidates_can_stop_early_and_read_again(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct status status = {0};
    int calls = 0;
    begin(store);
    int64_t id = create_study(store, "s");
    for (uint64_t told = 0; told < 10; told++) {
        struct study_candidate candidate = candidate_of(told);
        assert_ok(store_candidate_put(store, id, &candidate, 1, &status), status);
    }
    commit(store);
    assert_int_equal(store_candidate_each(store, id, 0, stop_at_three, &calls, &status), STATUS_CONFLICT);
    assert_int_equal(calls, 3);
    struct seen seen = {0, 0};
    assert_ok(store_candidate_each(store, id, 0, compare, &seen, &status), status);
    store_close(store);
}

static void only_the_newest_snapshot_is_kept(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct status status = {0};
    uint64_t told = 0;
    void *data = NULL;
    size_t size = 0;
    begin(store);
    int64_t id = create_study(store, "s");
    assert_int_equal(store_snapshot_get(store, id, &told, &data, &size, NULL), STATUS_NOT_FOUND);
    assert_ok(store_snapshot_put(store, id, 20, "old", 3, &status), status);
    assert_ok(store_snapshot_put(store, id, 39, "newer", 5, &status), status);
    commit(store);
    assert_ok(store_snapshot_get(store, id, &told, &data, &size, &status), status);
    assert_int_equal(told, 39);
    assert_int_equal(size, 5);
    assert_memory_equal(data, "newer", 5);
    free(data);
    store_close(store);
}

/* --- leases --- */

static struct store_lease grant(struct store *store, int64_t epoch, int32_t attempt, const char *node)
{
    struct status status = {0};
    struct store_lease lease = {.epoch = epoch, .attempt = attempt, .granted_wall_ms = 5};
    make_key(9, lease.key);
    snprintf(lease.node, sizeof lease.node, "%s", node);
    assert_ok(store_lease_grant(store, &lease, &status), status);
    return lease;
}

static bool close_lease(struct store *store, int64_t id, int64_t epoch, int32_t attempt, const char *node)
{
    struct status status = {0};
    bool closed = true;
    assert_ok(store_lease_close(store, id, epoch, attempt, node, STORE_LEASE_DONE, "", "", 6, &closed, &status), status);
    return closed;
}

static void a_lease_closes_only_under_its_own_token_and_only_once(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    begin(store);
    struct store_lease lease = grant(store, 3, 2, "anna");
    assert_false(close_lease(store, lease.id + 1, 3, 2, "anna"));
    assert_false(close_lease(store, lease.id, 4, 2, "anna"));
    assert_false(close_lease(store, lease.id, 3, 1, "anna"));
    assert_false(close_lease(store, lease.id, 3, 2, "berta"));
    assert_true(close_lease(store, lease.id, 3, 2, "anna"));
    assert_false(close_lease(store, lease.id, 3, 2, "anna"));
    commit(store);
    store_close(store);
}

static void open_leases_are_listed_after_a_restart_and_ids_are_never_reused(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_lease *list = NULL;
    struct status status = {0};
    size_t count = 0;
    begin(store);
    struct store_lease first = grant(store, 1, 1, "anna"), second = grant(store, 1, 2, "berta");
    assert_true(close_lease(store, first.id, 1, 1, "anna"));
    commit(store);
    store_close(store);
    store = open_store(folder->db, STORE_WRITE);
    assert_ok(store_lease_open_list(store, &list, &count, &status), status);
    assert_int_equal(count, 1);
    assert_true(list[0].id == second.id);
    assert_string_equal(list[0].node, "berta");
    assert_string_equal(list[0].key, second.key);
    assert_int_equal(list[0].attempt, 2);
    assert_true(list[0].epoch == 1);
    free(list);
    begin(store);
    assert_true(grant(store, 2, 3, "anna").id > second.id);
    commit(store);
    store_close(store);
}

static void attempts_count_failures_and_losses_but_not_returns(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct status status = {0};
    static const struct {
        const char *node;
        enum store_lease_state state;
        const char *failure;
    } ends[] = {{"anna", STORE_LEASE_FAILED, "crashed"},
                {"anna", STORE_LEASE_FAILED, "timeout"},
                {"berta", STORE_LEASE_LOST, "lost"},
                {"carla", STORE_LEASE_RETURNED, ""}};
    struct store_attempts attempts = {0};
    bool closed;
    char key[DIGEST_HEX_BYTES];
    begin(store);
    for (int i = 0; i < 4; i++) {
        struct store_lease lease = grant(store, 1, i + 1, ends[i].node);
        assert_ok(
            store_lease_close(store, lease.id, 1, i + 1, ends[i].node, ends[i].state, ends[i].failure, "why", 6, &closed, &status),
            status);
    }
    commit(store);
    make_key(9, key);
    assert_ok(store_lease_attempts(store, key, &attempts, &status), status);
    assert_int_equal(attempts.failures, 3);
    assert_int_equal(attempts.places, 2);
    assert_int_equal(attempts.crashes, 2);
    store_close(store);
}

/* An agent's node name is new with every process; what counts is what it measures on. */
static void attempts_of_one_board_under_two_node_names_are_of_one_place(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct status status = {0};
    struct store_attempts attempts = {0};
    bool closed;
    begin(store);
    for (int i = 1; i <= 2; i++) {
        struct store_lease lease = {.epoch = 1, .attempt = i, .board = "pi"};
        make_key(9, lease.key);
        snprintf(lease.node, sizeof lease.node, "agent-%d", i);
        assert_ok(store_lease_grant(store, &lease, &status), status);
        assert_ok(store_lease_close(store, lease.id, 1, i, lease.node, STORE_LEASE_LOST, "lost", "why", 6, &closed, &status),
                  status);
        assert_ok(store_lease_attempts(store, lease.key, &attempts, &status), status);
    }
    commit(store);
    assert_int_equal(attempts.failures, 2);
    assert_int_equal(attempts.places, 1);
    store_close(store);
}

static int64_t epoch_after(struct store *store, int64_t wall_ms, uint64_t chance)
{
    struct status status = {0};
    int64_t epoch = 0;
    begin(store);
    assert_ok(store_epoch_next(store, wall_ms, chance, &epoch, &status), status);
    commit(store);
    return epoch;
}

static void the_epoch_rises_with_every_start_whatever_the_clock_says(void **state)
{
    static const int64_t wall_ms[] = {0, 1764000000000, 1764000000000, 5, -7, 1764000009000, INT64_MAX, INT64_MAX, 0};
    struct folder *folder = *state;
    int64_t before = 0;
    for (size_t i = 0; i < sizeof wall_ms / sizeof wall_ms[0]; i++) {
        struct store *store = open_store(folder->db, STORE_WRITE);
        int64_t epoch = epoch_after(store, wall_ms[i], i % 2 == 0 ? 0 : UINT64_MAX);
        assert_true(epoch > before);
        assert_true(wall_ms[i] != 1764000009000 || epoch >> STORE_EPOCH_CHANCE_BITS == wall_ms[i]);
        before = epoch;
        store_close(store);
    }
}

/* A copy that is put back, and a clock that is put back with it: only chance tells the two starts apart. */
static void starts_after_a_restored_copy_do_not_share_an_epoch(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    int64_t base = epoch_after(store, 1764000000000, 0);
    store_close(store);
    for (int64_t clock = 0; clock <= 1764000000000; clock += 1764000000000) {
        char other[sizeof folder->db + 8];
        snprintf(other, sizeof other, "%s.%d", folder->db, clock > 0);
        int64_t epochs[2];
        for (uint64_t i = 0; i < 2; i++) {
            unlink(other);
            store = open_store(other, STORE_WRITE);
            assert_true(epoch_after(store, 1764000000000, 0) == base);
            epochs[i] = epoch_after(store, clock, 4711 + i);
            store_close(store);
        }
        assert_true(epochs[0] > base && epochs[1] > base && epochs[0] != epochs[1]);
        unlink(other);
    }
}

/* --- transactions and kills --- */

static void what_is_rolled_back_is_gone(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    begin(store);
    put_evaluation(store, 1);
    store_rollback(store);
    assert_int_equal(count_evaluations(store), 0);
    store_close(store);
}

static void a_write_outside_of_a_transaction_is_refused(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_evaluation evaluation = evaluation_of(1);
    bool inserted = true;
    assert_int_equal(store_evaluation_put(store, &evaluation, &inserted, NULL), STATUS_INTERNAL);
    assert_false(inserted);
    store_close(store);
}

/* In a child: commits 0 to 9, writes 10 to 19 without a commit, and is killed. */
static void die_in_a_transaction(const char *path)
{
    struct store *store = NULL;
    bool inserted;
    if (store_open(path, STORE_WRITE, &store, NULL) != STATUS_OK || store_begin(store, NULL) != STATUS_OK)
        _exit(9);
    for (int n = 0; n < 20; n++) {
        struct store_evaluation evaluation = evaluation_of(n);
        if (store_evaluation_put(store, &evaluation, &inserted, NULL) != STATUS_OK)
            _exit(9);
        if (n == 9 && (store_commit(store, NULL) != STATUS_OK || store_begin(store, NULL) != STATUS_OK))
            _exit(9);
    }
    kill(getpid(), SIGKILL);
}

static void run_and_kill(const char *path)
{
    int how = 0;
    pid_t child = fork();
    if (child == 0)
        die_in_a_transaction(path);
    assert_true(child > 0);
    assert_true(waitpid(child, &how, 0) == child);
    assert_true(WIFSIGNALED(how));
}

static void after_a_kill_a_master_finds_exactly_what_was_committed(void **state)
{
    struct folder *folder = *state;
    run_and_kill(folder->db);
    struct store *store = open_store(folder->db, STORE_WRITE);
    assert_int_equal(count_evaluations(store), 10);
    begin(store);
    assert_true(put_evaluation(store, 10));
    assert_false(put_evaluation(store, 3));
    commit(store);
    store_close(store);
}

static void after_a_kill_a_reader_finds_the_same_and_changes_nothing(void **state)
{
    struct folder *folder = *state;
    char wal[PATH_BYTES + 32];
    struct status status = {0};
    void *before = NULL, *after = NULL, *wal_before = NULL, *wal_after = NULL;
    size_t size = 0, size_after = 0, wal_size = 0, wal_size_after = 0;
    run_and_kill(folder->db);
    snprintf(wal, sizeof wal, "%s-wal", folder->db);
    assert_ok(fileio_read(folder->db, 1 << 24, &before, &size, &status), status);
    assert_ok(fileio_read(wal, 1 << 24, &wal_before, &wal_size, &status), status);
    struct store *store = open_store(folder->db, STORE_READ);
    assert_int_equal(count_evaluations(store), 10);
    store_close(store);
    assert_ok(fileio_read(folder->db, 1 << 24, &after, &size_after, &status), status);
    assert_ok(fileio_read(wal, 1 << 24, &wal_after, &wal_size_after, &status), status);
    assert_true(wal_size > 0);
    assert_int_equal(size, size_after);
    assert_memory_equal(before, after, size);
    assert_int_equal(wal_size, wal_size_after);
    assert_memory_equal(wal_before, wal_after, wal_size);
    free(before);
    free(after);
    free(wal_before);
    free(wal_after);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on file sizes stands for a full disk. */
static void a_commit_that_finds_no_room_fails_and_later_ones_succeed(void **state)
{
    struct folder *folder = *state;
    struct status status = {0};
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct store *store = open_store(folder->db, STORE_WRITE);
    set_file_limit(64 << 10);
    begin(store);
    for (int n = 0; n < 500; n++)
        put_evaluation(store, n);
    enum status_code code = store_commit(store, &status);
    set_file_limit(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    assert_int_equal(code, STATUS_IO);
    assert_int_equal(count_evaluations(store), 0);
    begin(store);
    put_evaluation(store, 7);
    commit(store);
    store_close(store);
    store = open_store(folder->db, STORE_WRITE);
    assert_int_equal(count_evaluations(store), 1);
    store_close(store);
}

static void nothing_more_is_written_into_a_transaction_that_broke_midway(void **state)
{
    struct folder *folder = *state;
    struct digest digest;
    size_t size = 64 << 20; /* too much to be kept back until the commit */
    void *data = calloc(1, size);
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct store_evaluation evaluation = evaluation_of(3);
    bool inserted = true;
    digest_of("any", 3, &digest);
    set_file_limit(64 << 10);
    begin(store);
    assert_int_equal(store_bundle_put(store, &digest, data, size, NULL), STATUS_IO);
    set_file_limit(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    free(data);
    assert_int_equal(store_evaluation_put(store, &evaluation, &inserted, NULL), STATUS_IO);
    assert_int_equal(store_commit(store, NULL), STATUS_IO);
    assert_int_equal(count_evaluations(store), 0);
    store_close(store);
}

/* --- who may open what --- */

static void a_second_opener_is_refused_and_told_which_file(void **state)
{
    struct folder *folder = *state;
    struct status status = {0};
    struct store *store = open_store(folder->db, STORE_WRITE), *second = NULL;
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
    begin(store);
    put_evaluation(store, 1);
    commit(store);
    store_close(store);
    store = open_store(folder->db, STORE_WRITE);
    assert_int_equal(count_evaluations(store), 1);
    store_close(store);
}

static void a_reader_cannot_write_and_does_not_create(void **state)
{
    struct folder *folder = *state;
    struct store *store = NULL;
    struct store_evaluation evaluation = evaluation_of(1);
    bool inserted = false;
    assert_int_equal(store_open(folder->db, STORE_READ, &store, NULL), STATUS_NOT_FOUND);
    assert_true(access(folder->db, F_OK) != 0);
    store_close(open_store(folder->db, STORE_WRITE));
    store = open_store(folder->db, STORE_READ);
    if (store_begin(store, NULL) == STATUS_OK)
        assert_true(store_evaluation_put(store, &evaluation, &inserted, NULL) != STATUS_OK);
    assert_false(inserted);
    store_close(store);
}

static void nothing_but_the_database_is_left_after_closing(void **state)
{
    struct folder *folder = *state;
    char command[PATH_BYTES + 32];
    struct store *store = open_store(folder->db, STORE_WRITE);
    begin(store);
    put_evaluation(store, 1);
    commit(store);
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
    struct store *store = open_store(path, STORE_WRITE);
    begin(store);
    for (int n = 0; n < 200; n++)
        put_evaluation(store, n);
    commit(store);
    store_close(store);
    assert_ok(fileio_read(path, 1 << 24, &data, size, &status), status);
    return data;
}

static void an_empty_file_is_refused(void **state)
{
    struct folder *folder = *state;
    refused_untouched(folder->db, "", 0);
}

static void a_text_file_is_refused(void **state)
{
    struct folder *folder = *state;
    char text[4096];
    memset(text, 'x', sizeof text);
    refused_untouched(folder->db, text, sizeof text);
}

static void a_folder_is_refused(void **state)
{
    struct folder *folder = *state;
    struct store *store = NULL;
    assert_int_equal(store_open(folder->path, STORE_WRITE, &store, NULL), STATUS_BAD_INPUT);
}

static void a_database_of_another_program_is_refused(void **state)
{
    struct folder *folder = *state;
    size_t size;
    unsigned char *data = sound_database(folder->db, &size);
    data[68] ^= 1;
    refused_untouched(folder->db, data, size);
    free(data);
}

static void a_database_of_a_newer_hwnas_is_refused(void **state)
{
    struct folder *folder = *state;
    size_t size;
    unsigned char *data = sound_database(folder->db, &size);
    data[63] = 200;
    refused_untouched(folder->db, data, size);
    free(data);
}

static void a_cut_off_database_is_refused(void **state)
{
    struct folder *folder = *state;
    size_t size;
    unsigned char *data = sound_database(folder->db, &size);
    refused_untouched(folder->db, data, size - 4096);
    free(data);
}

static void a_database_with_a_page_of_noise_is_refused(void **state)
{
    struct folder *folder = *state;
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
    struct folder *folder = *state;
    for (int mode = STORE_WRITE; mode <= STORE_COPY; mode++) {
        struct store *store = open_store(folder->db, (enum store_mode)mode);
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
    struct store *store = open_store(folder->db, STORE_WRITE);
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
    struct folder *folder = *state;
    struct store_evaluation got;
    struct store_lease *leases;
    struct store_attempts attempts = {0};
    struct status status = {0};
    size_t count;
    char key[DIGEST_HEX_BYTES];
    snprintf(key, sizeof key, "%064d", 7);
    make_version(2, folder->db, version_2_rows);
    struct store *store = open_store(folder->db, STORE_WRITE);
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
    struct folder *folder = *state;
    struct store_study study;
    struct status status = {0};
    uint64_t next = 0, told = 0;
    void *data = NULL;
    size_t size = 0;
    make_version(1, folder->db, version_1_rows);
    struct store *store = open_store(folder->db, STORE_WRITE);
    assert_ok(store_candidate_each(store, 1, 0, compare_old, &next, &status), status);
    assert_true(next == 25);
    assert_ok(store_study_find(store, "old", &study, &status), status);
    assert_null(study.answer);
    assert_true(study.seconds == 1.5);
    store_study_free(&study);
    assert_ok(store_snapshot_get(store, 1, &told, &data, &size, &status), status);
    assert_true(told == 20);
    free(data);
    begin(store);
    struct study_candidate candidate = candidate_of(25);
    candidate.ask = 25;
    assert_ok(store_candidate_put(store, 1, &candidate, 2, &status), status);
    commit(store);
    store_close(store);
}

static void a_reader_leaves_version_1_alone_and_says_what_to_do(void **state)
{
    struct folder *folder = *state;
    struct store *store = NULL;
    struct status status = {0};
    make_version(1, folder->db, version_1_rows);
    assert_int_equal(store_open(folder->db, STORE_READ, &store, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "hwnas study resume"));
}

static const char to_version_5[] = "ALTER TABLE study ADD COLUMN owner TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 5;";
static const char half_way_to_version_5[] =
    "CREATE TABLE extra (x INTEGER) STRICT; SELECT no_such_function(); PRAGMA user_version = 5;";

static enum status_code open_as_version_5(const char *path, const char *sql, struct store **out, struct status *status)
{
    size_t count;
    const struct store_migration *now = store_migrations(&count);
    assert_int_equal(count, 4);
    struct store_migration next[] = {now[0], now[1], now[2], now[3], {5, sql}};
    return store_open_with(path, STORE_WRITE, next, 5, out, status);
}

static void the_next_version_migrates_this_one_and_keeps_a_copy(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct status status = {0};
    char copy[PATH_BYTES + 32];
    begin(store);
    put_evaluation(store, 1);
    commit(store);
    store_close(store);
    assert_ok(open_as_version_5(folder->db, to_version_5, &store, &status), status);
    assert_int_equal(count_evaluations(store), 1);
    store_close(store);
    assert_int_equal(store_open(folder->db, STORE_WRITE, &store, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "newer"));
    snprintf(copy, sizeof copy, "%s.schema4", folder->db);
    store = open_store(copy, STORE_WRITE);
    assert_int_equal(count_evaluations(store), 1);
    store_close(store);
}

static void a_migration_that_fails_leaves_the_old_version(void **state)
{
    struct folder *folder = *state;
    struct store *store = open_store(folder->db, STORE_WRITE);
    struct status status = {0};
    begin(store);
    put_evaluation(store, 1);
    commit(store);
    store_close(store);
    assert_true(open_as_version_5(folder->db, half_way_to_version_5, &store, &status) != STATUS_OK);
    store = open_store(folder->db, STORE_WRITE);
    assert_int_equal(count_evaluations(store), 1);
    store_close(store);
    assert_ok(open_as_version_5(folder->db, to_version_5, &store, &status), status);
    store_close(store);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(an_evaluation_comes_back_as_it_was_put),
        in_folder(an_infeasible_evaluation_keeps_its_reason),
        in_folder(an_evaluation_put_twice_stays_the_first),
        in_folder(an_unknown_key_is_not_found),
        in_folder(a_bundle_is_found_by_its_digest),
        in_folder(a_study_is_found_listed_and_updated),
        in_folder(a_study_has_no_answer_until_it_is_given_one),
        in_folder(a_second_study_of_one_name_is_a_conflict),
        in_folder(candidates_come_back_in_the_order_of_tells_with_every_field),
        in_folder(two_candidates_cannot_be_told_at_once),
        in_folder(a_reader_of_candidates_can_stop_early_and_read_again),
        in_folder(only_the_newest_snapshot_is_kept),
        in_folder(a_lease_closes_only_under_its_own_token_and_only_once),
        in_folder(open_leases_are_listed_after_a_restart_and_ids_are_never_reused),
        in_folder(attempts_count_failures_and_losses_but_not_returns),
        in_folder(attempts_of_one_board_under_two_node_names_are_of_one_place),
        in_folder(the_epoch_rises_with_every_start_whatever_the_clock_says),
        in_folder(starts_after_a_restored_copy_do_not_share_an_epoch),
        in_folder(what_is_rolled_back_is_gone),
        in_folder(a_write_outside_of_a_transaction_is_refused),
        in_folder(after_a_kill_a_master_finds_exactly_what_was_committed),
        in_folder(after_a_kill_a_reader_finds_the_same_and_changes_nothing),
        in_folder(a_commit_that_finds_no_room_fails_and_later_ones_succeed),
        in_folder(nothing_more_is_written_into_a_transaction_that_broke_midway),
        in_folder(a_second_opener_is_refused_and_told_which_file),
        in_folder(a_reader_cannot_write_and_does_not_create),
        in_folder(nothing_but_the_database_is_left_after_closing),
        in_folder(an_empty_file_is_refused),
        in_folder(a_text_file_is_refused),
        in_folder(a_folder_is_refused),
        in_folder(a_database_of_another_program_is_refused),
        in_folder(a_database_of_a_newer_hwnas_is_refused),
        in_folder(a_cut_off_database_is_refused),
        in_folder(a_database_with_a_page_of_noise_is_refused),
        in_folder(every_connection_is_careful),
        cmocka_unit_test(every_column_of_the_schema_has_a_comment),
        in_folder(candidates_of_version_1_were_told_in_ask_order),
        in_folder(measurements_and_leases_of_version_2_stay_what_they_were),
        in_folder(a_reader_leaves_version_1_alone_and_says_what_to_do),
        in_folder(the_next_version_migrates_this_one_and_keeps_a_copy),
        in_folder(a_migration_that_fails_leaves_the_old_version),
    };
    return TEST_RUN(tests);
}
