/* store_weights, search_weights: weights come back by key and by digest, stay what they were, can be dropped; evaluations of
 * one-shot nets keep their kind; what peers ask for comes out of memory or the database, and a result and its weights are stored
 * together. */
#include <math.h>
#include <string.h>

#include "master/search.h"
#include "master/store_weights.h"
#include "tests/support/store_case.h"
#include "tests/support/turns.h"

static struct status status;

struct weights {
    char key[DIGEST_HEX_BYTES];
    struct digest digest;
    uint8_t data[1000];
};

/* Weights by number, under a key of that number. */
static struct weights weights_of(int n)
{
    struct weights weights;
    case_key(n, weights.key);
    for (size_t i = 0; i < sizeof weights.data; i++)
        weights.data[i] = (uint8_t)((size_t)n * 31 + i * i);
    digest_of(weights.data, sizeof weights.data, &weights.digest);
    return weights;
}

static void put(struct store *store, const char *key, const struct weights *weights)
{
    assert_ok(store_weights_put(store, key, &weights->digest, weights->data, sizeof weights->data, &status), status);
}

/* What the key has is these, or nothing (NULL). */
static void assert_has(struct store *store, const char *key, const struct weights *weights, bool here)
{
    struct store_weights got;
    bool found;
    void *data = NULL;
    size_t size = 0;
    assert_ok(store_weights_find(store, key, &got, &found, &status), status);
    assert_true(found == (weights != NULL));
    if (weights == NULL)
        return;
    assert_memory_equal(&got.digest, &weights->digest, sizeof got.digest);
    assert_int_equal(got.size, sizeof weights->data);
    assert_true(got.here == here);
    enum status_code code = store_weights_get(store, &weights->digest, &data, &size, &status);
    assert_int_equal(code, here ? STATUS_OK : STATUS_NOT_FOUND);
    if (here) {
        assert_int_equal(size, sizeof weights->data);
        assert_memory_equal(data, weights->data, size);
    }
    free(data);
}

static void weights_are_found_by_key_and_by_digest_after_a_restart(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct weights one = weights_of(1), two = weights_of(2);
    case_begin(store);
    put(store, one.key, &one);
    put(store, two.key, &two);
    case_commit(store);
    store_close(store);
    store = case_open(folder->db, STORE_READ);
    assert_has(store, one.key, &one, true);
    assert_has(store, two.key, &two, true);
    assert_has(store, weights_of(3).key, NULL, false);
    store_close(store);
}

static void weights_of_a_key_stay_what_they_were_until_they_are_dropped(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct weights one = weights_of(1), two = weights_of(2);
    case_begin(store);
    put(store, one.key, &one);
    put(store, one.key, &two);
    assert_has(store, one.key, &one, true);
    assert_ok(store_weights_drop(store, one.key, &status), status);
    assert_has(store, one.key, &one, false);
    put(store, one.key, &two);
    assert_has(store, one.key, &two, true);
    assert_ok(store_weights_drop(store, weights_of(9).key, &status), status);
    case_commit(store);
    store_close(store);
}

static void equal_weights_under_two_keys_are_there_until_both_are_dropped(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct weights one = weights_of(1);
    char other[DIGEST_HEX_BYTES];
    void *data = NULL;
    size_t size = 0;
    case_key(2, other);
    case_begin(store);
    put(store, one.key, &one);
    put(store, other, &one);
    assert_ok(store_weights_drop(store, one.key, &status), status);
    assert_has(store, other, &one, true);
    assert_ok(store_weights_drop(store, other, &status), status);
    assert_int_equal(store_weights_get(store, &one.digest, &data, &size, &status), STATUS_NOT_FOUND);
    case_commit(store);
    store_close(store);
}

static void weights_outside_of_a_transaction_are_refused_and_rolled_back_ones_are_gone(void **state)
{
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    struct weights one = weights_of(1);
    assert_int_equal(store_weights_put(store, one.key, &one.digest, one.data, sizeof one.data, NULL), STATUS_INTERNAL);
    assert_int_equal(store_weights_drop(store, one.key, NULL), STATUS_INTERNAL);
    case_begin(store);
    put(store, one.key, &one);
    store_rollback(store);
    assert_has(store, one.key, NULL, false);
    store_close(store);
}

static void an_evaluation_of_a_one_shot_net_keeps_its_kind(void **state)
{
    static const enum study_want_kind kinds[] = {STUDY_WANT_ONESHOT_TRAIN, STUDY_WANT_ONESHOT_SCORE};
    struct case_folder *folder = *state;
    struct store *store = case_open(folder->db, STORE_WRITE);
    int64_t computed = 0, measured = 0;
    for (int i = 0; i < 2; i++) {
        struct store_evaluation row = case_evaluation(i), got;
        bool inserted;
        row.kind = kinds[i];
        if (row.kind == STUDY_WANT_ONESHOT_TRAIN)
            row.arch[0] = '\0';
        case_begin(store);
        assert_ok(store_evaluation_put(store, &row, &inserted, &status), status);
        case_commit(store);
        assert_ok(store_evaluation_get(store, row.key, &got, &status), status);
        assert_int_equal(got.kind, row.kind);
        assert_string_equal(got.arch, row.arch);
        store_evaluation_free(&got);
    }
    assert_ok(store_evaluation_count(store, &computed, &measured, &status), status);
    assert_true(computed == 2 && measured == 0);
    store_close(store);
}

/* --- search --- */

struct case_search {
    struct case_folder *folder;
    struct turns turns;
};

static void open_search(struct case_search *it, void **state)
{
    it->folder = *state;
    turns_prepare(&it->turns, it->folder->path, it->folder->path, 2, 5);
    assert_ok(turns_open(&it->turns, &status), status);
}

static void assert_blob(struct search *search, const struct weights *weights)
{
    const void *data = NULL;
    size_t size = 0;
    assert_ok(search_blob(search, &weights->digest, &data, &size, &status), status);
    assert_int_equal(size, sizeof weights->data);
    assert_memory_equal(data, weights->data, size);
}

static void a_result_and_its_weights_are_stored_together_or_not_at_all(void **state)
{
    static struct case_search it;
    open_search(&it, state);
    struct search *search = it.turns.search;
    struct weights one = weights_of(1);
    struct store_evaluation row = case_evaluation(1);
    const struct search_artifact artifact = {.digest = one.digest, .data = one.data, .size = sizeof one.data};
    const void *data;
    size_t size;
    bool known = true;
    row.kind = STUDY_WANT_ONESHOT_TRAIN;
    assert_ok(search_begin(search, &status), status);
    assert_ok(search_accept(search, &row, &artifact, &status), status);
    search_rollback(search);
    assert_ok(search_known(search, row.key, &known, &status), status);
    assert_false(known);
    assert_int_equal(search_blob(search, &one.digest, &data, &size, &status), STATUS_NOT_FOUND);
    assert_ok(search_begin(search, &status), status);
    assert_ok(search_accept(search, &row, &artifact, &status), status);
    assert_ok(search_commit(search, &status), status);
    assert_ok(search_known(search, row.key, &known, &status), status);
    assert_true(known);
    assert_has(search_store(search), row.key, &one, true);
    assert_blob(search, &one);
    turns_close(&it.turns);
}

static void more_weights_than_are_kept_in_memory_are_all_served(void **state)
{
    static struct case_search it;
    open_search(&it, state);
    struct search *search = it.turns.search;
    struct digest digest;
    const void *data;
    size_t size;
    assert_ok(search_begin(search, &status), status);
    for (int i = 0; i < 9; i++) {
        struct weights weights = weights_of(i);
        assert_ok(store_weights_put(search_store(search), weights.key, &weights.digest, weights.data, sizeof weights.data, &status),
                  status);
    }
    assert_ok(search_commit(search, &status), status);
    for (int i = 0; i < 40; i++) {
        struct weights weights = weights_of(i * i % 9);
        assert_blob(search, &weights);
    }
    /* One that is in memory is served after the database has dropped it: a worker is halfway through it. */
    struct weights last = weights_of(39 * 39 % 9);
    struct store_weights left;
    bool found = false;
    assert_ok(search_begin(search, &status), status);
    assert_ok(store_weights_drop(search_store(search), last.key, &status), status);
    assert_ok(search_commit(search, &status), status);
    assert_blob(search, &last);
    assert_ok(store_weights_find(search_store(search), last.key, &left, &found, &status), status);
    assert_true(found && !left.here);
    assert_ok(search_blob(search, search_bundle(search), &data, &size, &status), status);
    digest_of(data, size, &digest);
    assert_memory_equal(&digest, search_bundle(search), sizeof digest);
    turns_close(&it.turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_in_folder(weights_are_found_by_key_and_by_digest_after_a_restart),
        case_in_folder(weights_of_a_key_stay_what_they_were_until_they_are_dropped),
        case_in_folder(equal_weights_under_two_keys_are_there_until_both_are_dropped),
        case_in_folder(weights_outside_of_a_transaction_are_refused_and_rolled_back_ones_are_gone),
        case_in_folder(an_evaluation_of_a_one_shot_net_keeps_its_kind),
        case_in_folder(a_result_and_its_weights_are_stored_together_or_not_at_all),
        case_in_folder(more_weights_than_are_kept_in_memory_are_all_served),
    };
    return TEST_RUN(tests);
}
