/* store_board: boards, canaries, and what is left when a board's measurements are taken back. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "master/store_board.h"

enum { PATH_BYTES = 256 };

static const char *const device = "pi-bcm-tflite2-f32";
static char folder[PATH_BYTES];
static struct store *store;
static struct status status;

static int setup(void **state)
{
    char path[PATH_BYTES + 16];
    (void)state;
    snprintf(folder, sizeof folder, "%s/hwnas-board-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/study.db", folder);
    return store_open(path, STORE_WRITE, &store, &status) != STATUS_OK || store_begin(store, &status) != STATUS_OK;
}

static int teardown(void **state)
{
    char command[PATH_BYTES + 16];
    (void)state;
    store_close(store);
    store = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* --- shorthand --- */

static void seen(const char *name, int64_t wall_ms)
{
    struct store_board board = {.seen_wall_ms = wall_ms, .peak_macs_per_s = 2e9, .deterministic = true};
    snprintf(board.device_key, sizeof board.device_key, "%s", device);
    snprintf(board.name, sizeof board.name, "%s", name);
    snprintf(board.runner, sizeof board.runner, "command");
    snprintf(board.node, sizeof board.node, "node-%d", (int)wall_ms);
    snprintf(board.conditions, sizeof board.conditions, "governor=performance");
    assert_ok(store_board_seen(store, &board, &status), status);
}

static struct store_board get(const char *name)
{
    struct store_board board;
    assert_ok(store_board_get(store, device, name, &board, &status), status);
    return board;
}

static int64_t canary(const char *name, enum store_canary_verdict verdict, double latency_ms)
{
    struct store_canary canary = {
        .verdict = verdict, .latency_ms = latency_ms, .expected_ms = NAN, .detail = "{\"a\":1}", .wall_ms = 7};
    snprintf(canary.device_key, sizeof canary.device_key, "%s", device);
    snprintf(canary.board, sizeof canary.board, "%s", name);
    snprintf(canary.samples_digest, sizeof canary.samples_digest, "c%g", latency_ms);
    assert_ok(store_canary_put(store, &canary, &status), status);
    return canary.id;
}

static void make_key(int n, char out[DIGEST_HEX_BYTES])
{
    snprintf(out, DIGEST_HEX_BYTES, "%064d", n);
}

/* Architecture n, measured on that board after that canary: n + 0.5 ms, or infeasible. */
static void measured(int n, const char *board, int64_t after_canary, bool feasible)
{
    bool inserted;
    struct store_evaluation row = {.kind = STUDY_WANT_MEASURE,
                                   .feasible = feasible,
                                   .value = n + 0.5,
                                   .detail = "{}",
                                   .wall_ms = 5,
                                   .queue_seconds = NAN,
                                   .build_seconds = NAN,
                                   .run_seconds = NAN,
                                   .energy_mj = NAN,
                                   .after_canary = after_canary};
    make_key(n, row.key);
    snprintf(row.arch, sizeof row.arch, "arch %d", n);
    snprintf(row.device_key, sizeof row.device_key, "%s", device);
    snprintf(row.board, sizeof row.board, "%s", board);
    snprintf(row.failure, sizeof row.failure, "%s", feasible ? "" : "crashes_device");
    snprintf(row.samples_digest, sizeof row.samples_digest, "s%d", n);
    assert_ok(store_evaluation_put(store, &row, &inserted, &status), status);
    assert_true(inserted);
}

static bool there(int n)
{
    struct store_evaluation row;
    char key[DIGEST_HEX_BYTES];
    make_key(n, key);
    enum status_code code = store_evaluation_get(store, key, &row, &status);
    if (code == STATUS_OK)
        store_evaluation_free(&row);
    return code == STATUS_OK;
}

static int64_t begin_study(const char *name)
{
    int64_t id = 0;
    struct store_study study = {.name = (char *)(uintptr_t)name, .settings = "a: 1\n", .files = "{}", .created_wall_ms = 12};
    assert_ok(store_study_create(store, &study, &id, &status), status);
    return id;
}

/* A candidate told as number `told`, whose latency is that of architecture n; NaN costs: it was not feasible. */
static void told(int64_t study, uint64_t number, int n, double latency_ms)
{
    struct study_candidate candidate = {.ask = number, .told = number, .arch = {.length = 1, .genes = {1}}, .connected = true};
    snprintf(candidate.arch_text, sizeof candidate.arch_text, "exact %d", n);
    snprintf(candidate.canonical_text, sizeof candidate.canonical_text, "arch %d", n);
    make_key(n, candidate.fitness_key);
    candidate.result.feasible = !isnan(latency_ms);
    candidate.result.costs[0] = latency_ms;
    assert_ok(store_candidate_put(store, study, &candidate, 1, &status), status);
}

static enum status_code count_one(void *context, const struct study_candidate *candidate, struct status *unused)
{
    (void)unused;
    (void)candidate;
    ++*(int *)context;
    return STATUS_OK;
}

static int told_count(int64_t study)
{
    int count = 0;
    assert_ok(store_candidate_each(store, study, 0, count_one, &count, &status), status);
    return count;
}

static enum store_study_state state_of(const char *name)
{
    struct store_study study;
    assert_ok(store_study_find(store, name, &study, &status), status);
    enum store_study_state state = study.state;
    store_study_free(&study);
    return state;
}

/* --- boards --- */

static void a_board_is_trusted_when_it_first_comes_and_keeps_its_state_when_it_comes_again(void **unused)
{
    (void)unused;
    seen("kitchen", 3);
    struct store_board board = get("kitchen");
    assert_false(board.quarantined);
    assert_true(board.since_wall_ms == 3 && board.peak_macs_per_s == 2e9 && board.deterministic);
    board.quarantined = true;
    board.since_wall_ms = 4;
    board.strikes = 2;
    snprintf(board.reason, sizeof board.reason, "it lies");
    assert_ok(store_board_state(store, &board, &status), status);
    seen("kitchen", 9);
    board = get("kitchen");
    assert_true(board.quarantined && !board.held && board.strikes == 2 && board.since_wall_ms == 4 && board.seen_wall_ms == 9);
    assert_string_equal(board.reason, "it lies");
    assert_string_equal(board.node, "node-9");
    assert_string_equal(board.conditions, "governor=performance");
}

static void an_unknown_board_is_not_found_and_the_sentence_names_it(void **unused)
{
    (void)unused;
    struct store_board board;
    assert_int_equal(store_board_get(store, device, "attic", &board, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "attic"));
    assert_int_equal(store_board_quarantine(store, device, "attic", "why", 1, &status), STATUS_NOT_FOUND);
    assert_int_equal(store_board_trust(store, device, "attic", true, 1, &status), STATUS_NOT_FOUND);
    assert_int_equal(store_board_forget(store, device, "attic", &status), STATUS_NOT_FOUND);
}

static void boards_are_found_by_name_or_all_of_a_device(void **unused)
{
    (void)unused;
    struct store_board *boards;
    size_t count;
    seen("kitchen", 1);
    seen("attic", 1);
    assert_ok(store_board_list(store, &boards, &count, &status), status);
    assert_int_equal(count, 2);
    assert_string_equal(boards[0].name, "attic");
    free(boards);
    assert_ok(store_board_find(store, "kitchen", &boards, &count, &status), status);
    assert_int_equal(count, 1);
    free(boards);
    assert_ok(store_board_find(store, device, &boards, &count, &status), status);
    assert_int_equal(count, 2);
    free(boards);
    assert_ok(store_board_find(store, "nobody", &boards, &count, &status), status);
    assert_int_equal(count, 0);
    free(boards);
}

static void a_person_quarantines_a_board_and_trusts_it_again(void **unused)
{
    (void)unused;
    seen("kitchen", 1);
    assert_ok(store_board_quarantine(store, device, "kitchen", "its fan is broken", 5, &status), status);
    struct store_board board = get("kitchen");
    assert_true(board.quarantined && board.held && board.since_wall_ms == 5);
    assert_string_equal(board.reason, "its fan is broken");
    assert_ok(store_board_trust(store, device, "kitchen", false, 8, &status), status);
    board = get("kitchen");
    assert_true(!board.quarantined && !board.held && board.since_wall_ms == 8);
    assert_string_equal(board.reason, "");
}

static enum status_code count_canary(void *context, const struct store_canary *got, struct status *unused)
{
    (void)unused;
    assert_string_equal(got->detail, "{\"a\":1}");
    ++*(int *)context;
    return STATUS_OK;
}

static int canaries_of(const char *name, int64_t from)
{
    int count = 0;
    assert_ok(store_canary_each(store, device, name, from, count_canary, &count, &status), status);
    return count;
}

static void accepting_a_new_level_leaves_the_canaries_so_far_behind(void **unused)
{
    (void)unused;
    seen("kitchen", 1);
    int64_t first_from = get("kitchen").first_canary;
    for (int i = 0; i < 3; i++)
        canary("kitchen", STORE_CANARY_GOOD, 10 + i);
    assert_int_equal(canaries_of("kitchen", first_from), 3);
    assert_ok(store_board_trust(store, device, "kitchen", false, 8, &status), status);
    assert_int_equal(canaries_of("kitchen", get("kitchen").first_canary), 3);
    assert_ok(store_board_trust(store, device, "kitchen", true, 8, &status), status);
    assert_int_equal(canaries_of("kitchen", get("kitchen").first_canary), 0);
    canary("kitchen", STORE_CANARY_GOOD, 20);
    assert_int_equal(canaries_of("kitchen", get("kitchen").first_canary), 1);
    assert_int_equal(canaries_of("kitchen", 0), 4);
}

static void a_forgotten_board_begins_anew_and_its_canaries_stay(void **unused)
{
    (void)unused;
    seen("kitchen", 1);
    canary("kitchen", STORE_CANARY_GOOD, 10);
    assert_ok(store_board_quarantine(store, device, "kitchen", "why", 5, &status), status);
    assert_ok(store_board_forget(store, device, "kitchen", &status), status);
    seen("kitchen", 6);
    assert_false(get("kitchen").quarantined);
    assert_int_equal(canaries_of("kitchen", get("kitchen").first_canary), 0);
    assert_int_equal(canaries_of("kitchen", 0), 1);
}

/* --- canaries --- */

static enum status_code keep_canary(void *context, const struct store_canary *got, struct status *unused)
{
    (void)unused;
    *(struct store_canary *)context = *got;
    return STATUS_OK;
}

static void a_canary_comes_back_as_it_was_put(void **unused)
{
    (void)unused;
    struct store_canary got;
    int64_t id = canary("kitchen", STORE_CANARY_OFF, NAN);
    assert_ok(store_canary_each(store, device, "kitchen", 0, keep_canary, &got, &status), status);
    assert_true(got.id == id && got.verdict == STORE_CANARY_OFF && isnan(got.latency_ms) && isnan(got.expected_ms));
    assert_true(got.wall_ms == 7);
}

static void the_last_good_canary_is_that_boards_own(void **unused)
{
    (void)unused;
    int64_t id, wall_ms;
    assert_ok(store_canary_last_good(store, device, "kitchen", &id, &wall_ms, &status), status);
    assert_true(id == 0 && wall_ms == 0);
    canary("kitchen", STORE_CANARY_GOOD, 10);
    int64_t good = canary("kitchen", STORE_CANARY_GOOD, 11);
    canary("kitchen", STORE_CANARY_OFF, 12);
    canary("kitchen", STORE_CANARY_DOUBTFUL, 12);
    canary("attic", STORE_CANARY_GOOD, 13);
    assert_ok(store_canary_last_good(store, device, "kitchen", &id, &wall_ms, &status), status);
    assert_true(id == good && wall_ms == 7);
}

static bool known(const char *board, const char *digest)
{
    bool answer;
    assert_ok(store_samples_known(store, device, board, digest, &answer, &status), status);
    return answer;
}

static void samples_are_known_by_board_wherever_they_went(void **unused)
{
    (void)unused;
    struct store_withdrawal out;
    seen("kitchen", 1);
    measured(1, "kitchen", 0, true);
    canary("kitchen", STORE_CANARY_GOOD, 10);
    assert_true(known("kitchen", "s1"));
    assert_true(known("kitchen", "c10"));
    assert_false(known("kitchen", "s2"));
    assert_false(known("attic", "s1"));
    assert_ok(store_board_withdraw(store, device, "kitchen", 0, "why", 9, &out, &status), status);
    assert_true(known("kitchen", "s1"));
}

/* --- taking back --- */

static void what_was_measured_since_the_canary_is_taken_back_and_nothing_else(void **unused)
{
    (void)unused;
    struct store_withdrawal out;
    int64_t rows = 0;
    seen("kitchen", 1);
    measured(1, "kitchen", 4, true);
    measured(2, "kitchen", 5, true);
    measured(3, "kitchen", 6, false);
    measured(4, "attic", 6, true);
    assert_ok(store_board_measured(store, device, "kitchen", 5, &rows, &status), status);
    assert_int_equal(rows, 2);
    assert_ok(store_board_withdraw(store, device, "kitchen", 5, "it lied", 9, &out, &status), status);
    assert_int_equal(out.rows, 2);
    assert_int_equal(out.studies, 0);
    assert_true(there(1) && !there(2) && !there(3) && there(4));
    assert_ok(store_board_withdraw(store, device, "kitchen", 5, "it lied", 9, &out, &status), status);
    assert_int_equal(out.rows, 0);
    measured(2, "attic", 7, true); /* the key is free again */
}

static void a_study_goes_back_to_before_the_first_candidate_that_used_it(void **unused)
{
    (void)unused;
    struct store_withdrawal out;
    uint64_t told_then;
    void *data;
    size_t size;
    for (int n = 1; n <= 6; n++)
        measured(n, n == 3 || n == 5 ? "kitchen" : "attic", 2, true);
    int64_t a = begin_study("a"), b = begin_study("b");
    for (int n = 1; n <= 6; n++)
        told(a, (uint64_t)n - 1, n, n + 0.5);
    told(b, 0, 1, 1.5);
    told(b, 1, 3, 99); /* that architecture with a figure of another source */
    assert_ok(store_snapshot_put(store, a, 4, "x", 1, &status), status);
    assert_ok(store_snapshot_put(store, b, 2, "x", 1, &status), status);
    assert_ok(store_study_update(store, a, STORE_STUDY_FINISHED, 8, 1, &status), status);
    assert_ok(store_study_answer(store, a, "exact 5", &status), status);
    assert_ok(store_study_update(store, b, STORE_STUDY_FINISHED, 8, 1, &status), status);
    assert_ok(store_board_withdraw(store, device, "kitchen", 0, "it lied", 9, &out, &status), status);
    assert_int_equal(out.rows, 2);
    assert_int_equal(out.studies, 1);
    assert_int_equal(out.candidates, 4);
    assert_int_equal(told_count(a), 2);
    assert_int_equal(told_count(b), 2);
    assert_int_equal(state_of("a"), STORE_STUDY_RUNNING);
    assert_int_equal(state_of("b"), STORE_STUDY_FINISHED);
    assert_int_equal(store_snapshot_get(store, a, &told_then, &data, &size, &status), STATUS_NOT_FOUND);
    assert_ok(store_snapshot_get(store, b, &told_then, &data, &size, &status), status);
    free(data);
}

static void a_snapshot_from_before_the_first_user_stays(void **unused)
{
    (void)unused;
    struct store_withdrawal out;
    uint64_t told_then = 0;
    void *data;
    size_t size;
    measured(2, "kitchen", 2, true);
    int64_t a = begin_study("a");
    told(a, 0, 1, 1.5);
    told(a, 1, 2, 2.5);
    assert_ok(store_snapshot_put(store, a, 1, "x", 1, &status), status);
    assert_ok(store_board_withdraw(store, device, "kitchen", 0, "it lied", 9, &out, &status), status);
    assert_int_equal(told_count(a), 1);
    assert_ok(store_snapshot_get(store, a, &told_then, &data, &size, &status), status);
    assert_true(told_then == 1);
    free(data);
}

static void a_candidate_that_was_infeasible_because_of_the_board_is_asked_again(void **unused)
{
    (void)unused;
    struct store_withdrawal out;
    measured(2, "kitchen", 2, false);
    int64_t a = begin_study("a");
    told(a, 0, 1, 1.5);
    told(a, 1, 2, NAN);
    assert_ok(store_board_withdraw(store, device, "kitchen", 0, "it lied", 9, &out, &status), status);
    assert_int_equal(told_count(a), 1);
}

static void many_studies_step_back_at_once(void **unused)
{
    (void)unused;
    struct store_withdrawal out;
    char name[16];
    measured(2, "kitchen", 2, true);
    for (int i = 0; i < 150; i++) {
        snprintf(name, sizeof name, "s%d", i);
        told(begin_study(name), 0, 2, 2.5);
    }
    assert_ok(store_board_withdraw(store, device, "kitchen", 0, "it lied", 9, &out, &status), status);
    assert_int_equal(out.studies, 150);
    assert_int_equal(out.candidates, 150);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_board_is_trusted_when_it_first_comes_and_keeps_its_state_when_it_comes_again),
        TEST(an_unknown_board_is_not_found_and_the_sentence_names_it),
        TEST(boards_are_found_by_name_or_all_of_a_device),
        TEST(a_person_quarantines_a_board_and_trusts_it_again),
        TEST(accepting_a_new_level_leaves_the_canaries_so_far_behind),
        TEST(a_forgotten_board_begins_anew_and_its_canaries_stay),
        TEST(a_canary_comes_back_as_it_was_put),
        TEST(the_last_good_canary_is_that_boards_own),
        TEST(samples_are_known_by_board_wherever_they_went),
        TEST(what_was_measured_since_the_canary_is_taken_back_and_nothing_else),
        TEST(a_study_goes_back_to_before_the_first_candidate_that_used_it),
        TEST(a_snapshot_from_before_the_first_user_stays),
        TEST(a_candidate_that_was_infeasible_because_of_the_board_is_asked_again),
        TEST(many_studies_step_back_at_once),
    };
    return TEST_RUN(tests);
}
