/* store: what is committed survives a kill and comes back as it was put, leases fence. */
#include "tests/support/store_case.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/fileio.h"

/* A measurement when n is odd, with all that only a measurement has. */
static struct store_evaluation evaluation_of(int n)
{
    struct store_evaluation evaluation = case_evaluation(n);
    evaluation.kind = n % 2 == 0 ? STUDY_WANT_RMI : STUDY_WANT_MEASURE;
    evaluation.run_seconds = 0.5;
    evaluation.energy_mj = 3.25;
    evaluation.after_canary = 12;
    case_key(n + 1000, evaluation.samples_digest);
    snprintf(evaluation.board, sizeof evaluation.board, "kitchen");
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_evaluation want = evaluation_of(1), got;
    struct status status = {0};
    case_begin(store);
    assert_true(put_evaluation(store, 1));
    case_commit(store);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_evaluation evaluation = evaluation_of(2), got;
    struct status status = {0};
    bool inserted;
    evaluation.feasible = false;
    evaluation.value = NAN;
    snprintf(evaluation.why_not, sizeof evaluation.why_not, "the loss is NaN from step 3 on");
    case_begin(store);
    assert_ok(store_evaluation_put(store, &evaluation, &inserted, &status), status);
    case_commit(store);
    assert_ok(store_evaluation_get(store, evaluation.key, &got, &status), status);
    assert_false(got.feasible);
    assert_true(got.value == 0);
    assert_string_equal(got.why_not, evaluation.why_not);
    store_evaluation_free(&got);
    store_close(store);
}

static void an_evaluation_put_twice_stays_the_first(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_evaluation other = evaluation_of(4), got;
    struct status status = {0};
    bool inserted = true;
    case_begin(store);
    assert_true(put_evaluation(store, 4));
    other.value = 99;
    assert_ok(store_evaluation_put(store, &other, &inserted, &status), status);
    case_commit(store);
    assert_false(inserted);
    assert_ok(store_evaluation_get(store, other.key, &got, &status), status);
    assert_true(got.value == evaluation_of(4).value);
    assert_int_equal(case_count(store), 1);
    store_evaluation_free(&got);
    store_close(store);
}

static void an_unknown_key_is_not_found(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_evaluation got;
    char key[DIGEST_HEX_BYTES];
    case_key(77, key);
    assert_int_equal(store_evaluation_get(store, key, &got, NULL), STATUS_NOT_FOUND);
    store_close(store);
}

static void a_bundle_is_found_by_its_digest(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct digest digest;
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    digest_of("a\0b", 3, &digest);
    case_begin(store);
    assert_ok(store_bundle_put(store, &digest, "a\0b", 3, &status), status);
    assert_ok(store_bundle_put(store, &digest, "a\0b", 3, &status), status);
    case_commit(store);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_study study, *list = NULL;
    struct status status = {0};
    size_t count = 0;
    case_begin(store);
    int64_t first = create_study(store, "first");
    create_study(store, "second");
    assert_ok(store_study_update(store, first, STORE_STUDY_FINISHED, 99, 7.5, &status), status);
    case_commit(store);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_study study;
    struct status status = {0};
    case_begin(store);
    int64_t id = create_study(store, "first");
    case_commit(store);
    assert_ok(store_study_find(store, "first", &study, &status), status);
    assert_null(study.answer);
    store_study_free(&study);
    case_begin(store);
    assert_ok(store_study_answer(store, id, "|none~0|", &status), status);
    case_commit(store);
    assert_ok(store_study_find(store, "first", &study, &status), status);
    assert_string_equal(study.answer, "|none~0|");
    store_study_free(&study);
    store_close(store);
}

static void a_second_study_of_one_name_is_a_conflict(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_study study = {.name = "twice", .settings = "", .files = "{}"};
    int64_t id;
    case_begin(store);
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
    case_key((int)ask, candidate.fitness_key);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct status status = {0};
    case_begin(store);
    int64_t other = create_study(store, "other"), id = create_study(store, "s");
    for (uint64_t told = 30; told-- > 0;) {
        struct study_candidate candidate = candidate_of(told);
        assert_ok(store_candidate_put(store, id, &candidate, 2, &status), status);
        assert_ok(store_candidate_put(store, id, &candidate, 2, &status), status);
        candidate.ask += 100;
        assert_ok(store_candidate_put(store, other, &candidate, 2, &status), status);
    }
    case_commit(store);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct status status = {0};
    struct study_candidate candidate = candidate_of(3);
    case_begin(store);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct status status = {0};
    int calls = 0;
    case_begin(store);
    int64_t id = create_study(store, "s");
    for (uint64_t told = 0; told < 10; told++) {
        struct study_candidate candidate = candidate_of(told);
        assert_ok(store_candidate_put(store, id, &candidate, 1, &status), status);
    }
    case_commit(store);
    assert_int_equal(store_candidate_each(store, id, 0, stop_at_three, &calls, &status), STATUS_CONFLICT);
    assert_int_equal(calls, 3);
    struct seen seen = {0, 0};
    assert_ok(store_candidate_each(store, id, 0, compare, &seen, &status), status);
    store_close(store);
}

static void only_the_newest_snapshot_is_kept(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct status status = {0};
    uint64_t told = 0;
    void *data = NULL;
    size_t size = 0;
    case_begin(store);
    int64_t id = create_study(store, "s");
    assert_int_equal(store_snapshot_get(store, id, &told, &data, &size, NULL), STATUS_NOT_FOUND);
    assert_ok(store_snapshot_put(store, id, 20, "old", 3, &status), status);
    assert_ok(store_snapshot_put(store, id, 39, "newer", 5, &status), status);
    case_commit(store);
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
    case_key(9, lease.key);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    case_begin(store);
    struct store_lease lease = grant(store, 3, 2, "anna");
    assert_false(close_lease(store, lease.id + 1, 3, 2, "anna"));
    assert_false(close_lease(store, lease.id, 4, 2, "anna"));
    assert_false(close_lease(store, lease.id, 3, 1, "anna"));
    assert_false(close_lease(store, lease.id, 3, 2, "berta"));
    assert_true(close_lease(store, lease.id, 3, 2, "anna"));
    assert_false(close_lease(store, lease.id, 3, 2, "anna"));
    case_commit(store);
    store_close(store);
}

static void open_leases_are_listed_after_a_restart_and_ids_are_never_reused(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_lease *list = NULL;
    struct status status = {0};
    size_t count = 0;
    case_begin(store);
    struct store_lease first = grant(store, 1, 1, "anna"), second = grant(store, 1, 2, "berta");
    assert_true(close_lease(store, first.id, 1, 1, "anna"));
    case_commit(store);
    store_close(store);
    store = case_open(folder->db, STORE_WRITE);
    assert_ok(store_lease_open_list(store, &list, &count, &status), status);
    assert_int_equal(count, 1);
    assert_true(list[0].id == second.id);
    assert_string_equal(list[0].node, "berta");
    assert_string_equal(list[0].key, second.key);
    assert_int_equal(list[0].attempt, 2);
    assert_true(list[0].epoch == 1);
    free(list);
    case_begin(store);
    assert_true(grant(store, 2, 3, "anna").id > second.id);
    case_commit(store);
    store_close(store);
}

static void attempts_count_failures_and_losses_but_not_returns(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
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
    case_begin(store);
    for (int i = 0; i < 4; i++) {
        struct store_lease lease = grant(store, 1, i + 1, ends[i].node);
        assert_ok(
            store_lease_close(store, lease.id, 1, i + 1, ends[i].node, ends[i].state, ends[i].failure, "why", 6, &closed, &status),
            status);
    }
    case_commit(store);
    case_key(9, key);
    assert_ok(store_lease_attempts(store, key, &attempts, &status), status);
    assert_int_equal(attempts.failures, 3);
    assert_int_equal(attempts.places, 2);
    assert_int_equal(attempts.crashes, 2);
    store_close(store);
}

/* An agent's node name is new with every process; what counts is what it measures on. */
static void attempts_of_one_board_under_two_node_names_are_of_one_place(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct status status = {0};
    struct store_attempts attempts = {0};
    bool closed;
    case_begin(store);
    for (int i = 1; i <= 2; i++) {
        struct store_lease lease = {.epoch = 1, .attempt = i, .board = "pi"};
        case_key(9, lease.key);
        snprintf(lease.node, sizeof lease.node, "agent-%d", i);
        assert_ok(store_lease_grant(store, &lease, &status), status);
        assert_ok(store_lease_close(store, lease.id, 1, i, lease.node, STORE_LEASE_LOST, "lost", "why", 6, &closed, &status),
                  status);
        assert_ok(store_lease_attempts(store, lease.key, &attempts, &status), status);
    }
    case_commit(store);
    assert_int_equal(attempts.failures, 2);
    assert_int_equal(attempts.places, 1);
    store_close(store);
}

static int64_t epoch_after(struct store *store, int64_t wall_ms, uint64_t chance)
{
    struct status status = {0};
    int64_t epoch = 0;
    case_begin(store);
    assert_ok(store_epoch_next(store, wall_ms, chance, &epoch, &status), status);
    case_commit(store);
    return epoch;
}

static void the_epoch_rises_with_every_start_whatever_the_clock_says(void **state)
{
    static const int64_t wall_ms[] = {0, 1764000000000, 1764000000000, 5, -7, 1764000009000, INT64_MAX, INT64_MAX, 0};
    struct case_folder *folder = *state;
    int64_t before = 0;
    for (size_t i = 0; i < sizeof wall_ms / sizeof wall_ms[0]; i++) {
        struct store *store = case_open(folder->db, STORE_WRITE);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    int64_t base = epoch_after(store, 1764000000000, 0);
    store_close(store);
    for (int64_t clock = 0; clock <= 1764000000000; clock += 1764000000000) {
        char other[sizeof folder->db + 8];
        snprintf(other, sizeof other, "%s.%d", folder->db, clock > 0);
        int64_t epochs[2];
        for (uint64_t i = 0; i < 2; i++) {
            unlink(other);
            store = case_open(other, STORE_WRITE);
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
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    case_begin(store);
    put_evaluation(store, 1);
    store_rollback(store);
    assert_int_equal(case_count(store), 0);
    store_close(store);
}

static void a_write_outside_of_a_transaction_is_refused(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
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
    struct case_folder *folder = *state;
    run_and_kill(folder->db);
    struct store *store = case_open(folder->db, STORE_WRITE);
    assert_int_equal(case_count(store), 10);
    case_begin(store);
    assert_true(put_evaluation(store, 10));
    assert_false(put_evaluation(store, 3));
    case_commit(store);
    store_close(store);
}

static void after_a_kill_a_reader_finds_the_same_and_changes_nothing(void **state)
{
    struct case_folder *folder = *state;
    char wal[CASE_PATH_BYTES + 32];
    struct status status = {0};
    void *before = NULL, *after = NULL, *wal_before = NULL, *wal_after = NULL;
    size_t size = 0, size_after = 0, wal_size = 0, wal_size_after = 0;
    run_and_kill(folder->db);
    snprintf(wal, sizeof wal, "%s-wal", folder->db);
    assert_ok(fileio_read(folder->db, 1 << 24, &before, &size, &status), status);
    assert_ok(fileio_read(wal, 1 << 24, &wal_before, &wal_size, &status), status);
    struct store *store = case_open(folder->db, STORE_READ);
    assert_int_equal(case_count(store), 10);
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
    struct case_folder *folder = *state;
    struct status status = {0};
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct store *store = case_open(folder->db, STORE_WRITE);
    set_file_limit(64 << 10);
    case_begin(store);
    for (int n = 0; n < 500; n++)
        put_evaluation(store, n);
    enum status_code code = store_commit(store, &status);
    set_file_limit(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    assert_int_equal(code, STATUS_IO);
    assert_int_equal(case_count(store), 0);
    case_begin(store);
    put_evaluation(store, 7);
    case_commit(store);
    store_close(store);
    store = case_open(folder->db, STORE_WRITE);
    assert_int_equal(case_count(store), 1);
    store_close(store);
}

static void nothing_more_is_written_into_a_transaction_that_broke_midway(void **state)
{
    struct case_folder *folder = *state;
    struct digest digest;
    size_t size = 64 << 20; /* too much to be kept back until the commit */
    void *data = calloc(1, size);
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct store_evaluation evaluation = evaluation_of(3);
    bool inserted = true;
    digest_of("any", 3, &digest);
    set_file_limit(64 << 10);
    case_begin(store);
    assert_int_equal(store_bundle_put(store, &digest, data, size, NULL), STATUS_IO);
    set_file_limit(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    free(data);
    assert_int_equal(store_evaluation_put(store, &evaluation, &inserted, NULL), STATUS_IO);
    assert_int_equal(store_commit(store, NULL), STATUS_IO);
    assert_int_equal(case_count(store), 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_in_folder(an_evaluation_comes_back_as_it_was_put),
        case_in_folder(an_infeasible_evaluation_keeps_its_reason),
        case_in_folder(an_evaluation_put_twice_stays_the_first),
        case_in_folder(an_unknown_key_is_not_found),
        case_in_folder(a_bundle_is_found_by_its_digest),
        case_in_folder(a_study_is_found_listed_and_updated),
        case_in_folder(a_study_has_no_answer_until_it_is_given_one),
        case_in_folder(a_second_study_of_one_name_is_a_conflict),
        case_in_folder(candidates_come_back_in_the_order_of_tells_with_every_field),
        case_in_folder(two_candidates_cannot_be_told_at_once),
        case_in_folder(a_reader_of_candidates_can_stop_early_and_read_again),
        case_in_folder(only_the_newest_snapshot_is_kept),
        case_in_folder(a_lease_closes_only_under_its_own_token_and_only_once),
        case_in_folder(open_leases_are_listed_after_a_restart_and_ids_are_never_reused),
        case_in_folder(attempts_count_failures_and_losses_but_not_returns),
        case_in_folder(attempts_of_one_board_under_two_node_names_are_of_one_place),
        case_in_folder(the_epoch_rises_with_every_start_whatever_the_clock_says),
        case_in_folder(starts_after_a_restored_copy_do_not_share_an_epoch),
        case_in_folder(what_is_rolled_back_is_gone),
        case_in_folder(a_write_outside_of_a_transaction_is_refused),
        case_in_folder(after_a_kill_a_master_finds_exactly_what_was_committed),
        case_in_folder(after_a_kill_a_reader_finds_the_same_and_changes_nothing),
        case_in_folder(a_commit_that_finds_no_room_fails_and_later_ones_succeed),
        case_in_folder(nothing_more_is_written_into_a_transaction_that_broke_midway),
    };
    return TEST_RUN(tests);
}
