/* artifacts: what results bring is put together piece by piece whatever order, copies and losses there are; wrong sizes, wrong
 * digests, strangers and those who hand nothing over get nowhere; no more memory is taken than was allowed. */
#include "tests/support/test.h"

#include <string.h>

#include "common/rng.h"
#include "master/artifacts.h"

enum { SIZE = 1000, PIECE = 64, LINK = 3, OTHER = 4, PATIENCE_MS = 8000 };

static uint8_t bytes[SIZE];
static struct artifacts *artifacts;
static struct wire_bundle_request ask;
static struct artifact *out;

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * i + i / 7);
    const struct artifacts_options options = {.bytes_max = WIRE_BLOB_MAX, .patience_ms = PATIENCE_MS};
    artifacts = artifacts_new(&options);
    return artifacts == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    artifacts_free(artifacts);
    return 0;
}

static struct wire_result result_of(uint64_t lease_id)
{
    struct wire_result result = {.lease_id = lease_id,
                                 .epoch = 9,
                                 .attempt = 2,
                                 .outcome = WIRE_OK,
                                 .value = 1.5,
                                 .detail = "{\"loss\":1.5}",
                                 .detail_size = 12,
                                 .artifact_bytes = SIZE};
    memset(result.key, 'a', DIGEST_HEX_BYTES - 1);
    digest_of(bytes, SIZE, &result.artifact_digest);
    return result;
}

static enum artifacts_verdict say(int64_t now_ms, uint32_t link, const struct wire_result *result)
{
    return artifacts_result(artifacts, now_ms, link, result, &ask, &out);
}

static struct wire_bundle_chunk piece_at(size_t offset)
{
    struct wire_bundle_chunk chunk = {
        .total_bytes = SIZE, .offset_bytes = offset, .data = bytes + offset, .size = SIZE - offset < PIECE ? SIZE - offset : PIECE};
    digest_of(bytes, SIZE, &chunk.digest);
    return chunk;
}

static enum artifacts_verdict hear(int64_t now_ms, uint32_t link, const struct wire_bundle_chunk *chunk)
{
    return artifacts_chunk(artifacts, now_ms, link, chunk, &ask, &out);
}

static size_t being_fetched(void)
{
    size_t unused;
    return artifacts_count(artifacts, &unused);
}

/* The rest of it, piece by piece as it is asked for. */
static enum artifacts_verdict hear_rest(int64_t now_ms, uint32_t link)
{
    enum artifacts_verdict verdict = ARTIFACTS_ASK;
    while (verdict == ARTIFACTS_ASK) {
        struct wire_bundle_chunk chunk = piece_at((size_t)ask.offset_bytes);
        verdict = hear(now_ms, link, &chunk);
    }
    return verdict;
}

static void assert_whole(uint64_t lease_id)
{
    assert_true(out->lease_id == lease_id && out->result.lease_id == lease_id);
    assert_true(out->result.outcome == WIRE_OK && out->result.value == 1.5);
    assert_int_equal(out->received, SIZE);
    assert_memory_equal(out->data, bytes, SIZE);
    assert_int_equal(out->result.detail_size, 12);
    assert_memory_equal(out->result.detail, "{\"loss\":1.5}", 12);
}

static void assert_failed(enum wire_failure failure, const char *words)
{
    assert_int_equal(out->result.outcome, WIRE_FAILED);
    assert_int_equal(out->result.failure, failure);
    assert_true(out->result.value == 0);
    if (strstr(out->result.sentence, words) == NULL)
        fail_msg("\"%s\" does not say: %s", out->result.sentence, words);
}

/* --- as it should be --- */

static void an_artifact_is_whole_when_its_last_piece_has_come(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    char detail[] = "{\"loss\":1.5}";
    result.detail = detail;
    assert_int_equal(say(0, LINK, &result), ARTIFACTS_ASK);
    memset(detail, 'x', sizeof detail); /* the message is gone */
    assert_true(ask.offset_bytes == 0);
    assert_memory_equal(&ask.digest, &result.artifact_digest, sizeof ask.digest);
    assert_int_equal(hear_rest(0, LINK), ARTIFACTS_COMPLETE);
    assert_whole(7);
    artifacts_drop(artifacts, 7);
    assert_int_equal(being_fetched(), 0);
}

static void pieces_that_are_lost_copied_and_overtaken_come_together(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    for (int round = 0; round < 200; round++) {
        struct wire_result result = result_of(7);
        struct wire_bundle_request asked[64];
        size_t count = 0;
        enum artifacts_verdict verdict = ARTIFACTS_NOT_NOW;
        for (int turn = 0; verdict != ARTIFACTS_COMPLETE; turn++) {
            assert_true(turn < 10000);
            /* The peer repeats its result, or one of the requests that are under way arrives, perhaps not for the first time. */
            if (count == 0 || rng_below(&rng, 8) == 0) {
                verdict = say(0, LINK, &result);
            } else {
                size_t which = rng_below(&rng, count);
                struct wire_bundle_chunk chunk = piece_at((size_t)asked[which].offset_bytes);
                if (rng_below(&rng, 4) != 0)
                    asked[which] = asked[--count];
                if (rng_below(&rng, 4) == 0)
                    continue; /* lost */
                verdict = hear(0, LINK, &chunk);
            }
            assert_true(verdict != ARTIFACTS_FAILED);
            if (verdict == ARTIFACTS_ASK && count < 64)
                asked[count++] = ask;
        }
        assert_whole(7);
        artifacts_drop(artifacts, 7);
    }
}

static void what_has_come_is_kept_when_the_peer_comes_on_another_connection(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    struct wire_bundle_chunk chunk = piece_at(0), second = piece_at(PIECE);
    say(0, LINK, &result);
    assert_int_equal(hear(0, LINK, &chunk), ARTIFACTS_ASK);
    assert_int_equal(say(0, OTHER, &result), ARTIFACTS_ASK);
    assert_true(ask.offset_bytes == PIECE);
    assert_int_equal(hear(0, LINK, &second), ARTIFACTS_NOT_NOW);
    assert_int_equal(hear_rest(0, OTHER), ARTIFACTS_COMPLETE);
    assert_whole(7);
    assert_int_equal(out->link, OTHER);
}

static void two_leases_of_one_peer_may_bring_the_same_bytes(void **state)
{
    (void)state;
    struct wire_result one = result_of(7), two = result_of(8);
    struct wire_bundle_chunk first = piece_at(0);
    say(0, LINK, &one);
    say(0, LINK, &two);
    assert_int_equal(hear(0, LINK, &first), ARTIFACTS_ASK);
    assert_int_equal(hear(0, LINK, &first), ARTIFACTS_ASK); /* of the other */
    assert_int_equal(hear(0, LINK, &first), ARTIFACTS_NOT_NOW);
    assert_int_equal(hear_rest(0, LINK), ARTIFACTS_COMPLETE);
    artifacts_drop(artifacts, out->lease_id);
    say(0, LINK, &two);
    say(0, LINK, &one);
    assert_int_equal(hear_rest(0, LINK), ARTIFACTS_COMPLETE);
}

static void another_result_of_the_lease_begins_anew(void **state)
{
    (void)state;
    struct wire_result result = result_of(7), other = result;
    struct wire_bundle_chunk chunk = piece_at(0);
    size_t held;
    other.artifact_bytes = SIZE - 1;
    say(0, LINK, &other);
    digest_of("x", 1, &other.artifact_digest);
    say(0, LINK, &other);
    assert_int_equal(hear(0, LINK, &chunk), ARTIFACTS_NOT_NOW);
    assert_int_equal(say(0, LINK, &result), ARTIFACTS_ASK);
    assert_int_equal(artifacts_count(artifacts, &held), 1);
    assert_int_equal(held, SIZE);
    assert_int_equal(hear_rest(0, LINK), ARTIFACTS_COMPLETE);
    assert_whole(7);
}

/* --- as it should not --- */

static void bytes_of_another_digest_fail_the_attempt(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    say(0, LINK, &result);
    struct wire_bundle_chunk chunk = piece_at(0);
    uint8_t changed[PIECE];
    memcpy(changed, bytes, PIECE);
    changed[PIECE / 2] ^= 1;
    chunk.data = changed;
    assert_int_equal(hear(0, LINK, &chunk), ARTIFACTS_ASK);
    assert_int_equal(hear_rest(0, LINK), ARTIFACTS_FAILED);
    assert_failed(WIRE_FAILURE_IMPOSSIBLE, "another digest");
}

static void another_size_than_was_announced_fails_the_attempt(void **state)
{
    (void)state;
    const uint64_t totals[] = {SIZE + 1, SIZE - 1, WIRE_BLOB_MAX};
    for (size_t i = 0; i < 3; i++) {
        struct wire_result result = result_of(7);
        struct wire_bundle_chunk first = piece_at(0), chunk = piece_at(PIECE);
        say(0, LINK, &result);
        hear(0, LINK, &first);
        chunk.total_bytes = totals[i];
        assert_int_equal(hear(0, LINK, &chunk), ARTIFACTS_FAILED);
        assert_failed(WIRE_FAILURE_IMPOSSIBLE, "another size");
        artifacts_drop(artifacts, 7);
    }
}

static void one_who_has_not_what_it_announced_fails_in_the_end(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    struct wire_bundle_chunk none = {.digest = result.artifact_digest};
    int64_t now_ms = 0;
    say(now_ms, LINK, &result);
    assert_int_equal(hear(now_ms, LINK, &none), ARTIFACTS_NOT_NOW);
    while (say(now_ms += 3000, LINK, &result) == ARTIFACTS_ASK) {
        assert_true(now_ms < 4 * ARTIFACTS_ASKS * 1000);
        assert_int_equal(hear(now_ms, LINK, &none), ARTIFACTS_NOT_NOW);
    }
    assert_failed(WIRE_FAILURE_TIMEOUT, "does not hand it over");
}

static void a_piece_of_another_place_changes_nothing(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    say(0, LINK, &result);
    const size_t offsets[] = {1, PIECE, PIECE - 1, SIZE - 1};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct wire_bundle_chunk chunk = piece_at(offsets[i]);
        assert_int_equal(hear(0, LINK, &chunk), ARTIFACTS_NOT_NOW);
    }
    assert_int_equal(hear_rest(0, LINK), ARTIFACTS_COMPLETE);
    assert_whole(7);
}

static void another_peer_can_neither_give_a_piece_nor_spoil_it(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    say(0, LINK, &result);
    struct wire_bundle_chunk chunk = piece_at(0), none = {.digest = result.artifact_digest}, other = chunk;
    assert_int_equal(hear(0, OTHER, &chunk), ARTIFACTS_NOT_NOW);
    assert_int_equal(hear(0, OTHER, &none), ARTIFACTS_NOT_NOW);
    digest_of("x", 1, &other.digest);
    assert_int_equal(hear(0, LINK, &other), ARTIFACTS_NOT_NOW);
    assert_int_equal(hear_rest(0, LINK), ARTIFACTS_COMPLETE);
    assert_whole(7);
}

static void after_the_lease_a_piece_is_nobodys(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    struct wire_bundle_chunk chunk = piece_at(0);
    say(0, LINK, &result);
    artifacts_drop(artifacts, 7);
    artifacts_drop(artifacts, 7);
    assert_int_equal(hear(0, LINK, &chunk), ARTIFACTS_NOT_NOW);
    assert_int_equal(being_fetched(), 0);
}

static void one_who_hands_nothing_over_fails_in_the_end(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    int64_t now_ms = 0;
    assert_int_equal(say(now_ms, LINK, &result), ARTIFACTS_ASK);
    while (say(now_ms += 3000, LINK, &result) == ARTIFACTS_ASK)
        assert_true(now_ms < 4 * ARTIFACTS_ASKS * 1000);
    assert_true(now_ms >= PATIENCE_MS);
    assert_failed(WIRE_FAILURE_TIMEOUT, "does not hand it over");
}

static void one_who_is_slow_does_not(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    enum artifacts_verdict verdict = say(0, LINK, &result);
    for (int64_t now_ms = 0; verdict == ARTIFACTS_ASK; now_ms += PATIENCE_MS / 2) {
        struct wire_bundle_chunk chunk = piece_at((size_t)ask.offset_bytes);
        say(now_ms, LINK, &result);
        verdict = hear(now_ms, LINK, &chunk);
    }
    assert_int_equal(verdict, ARTIFACTS_COMPLETE);
}

/* However often it was asked in vain before each. */
static void with_each_piece_patience_begins_again(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    int64_t now_ms = 0;
    enum artifacts_verdict verdict = say(now_ms, LINK, &result);
    while (verdict == ARTIFACTS_ASK) {
        for (int i = 1; i < ARTIFACTS_ASKS; i++)
            assert_int_equal(say(now_ms += PATIENCE_MS / ARTIFACTS_ASKS, LINK, &result), ARTIFACTS_ASK);
        struct wire_bundle_chunk chunk = piece_at((size_t)ask.offset_bytes);
        verdict = hear(now_ms, LINK, &chunk);
    }
    assert_int_equal(verdict, ARTIFACTS_COMPLETE);
}

static void time_in_which_nobody_was_asked_does_not_count(void **state)
{
    (void)state;
    struct wire_result result = result_of(7);
    say(0, LINK, &result);
    for (int i = 0; i < 100; i++) /* all that had waited while the master stood still */
        assert_int_equal(say(50 * PATIENCE_MS, LINK, &result), ARTIFACTS_ASK);
    assert_int_equal(hear_rest(50 * PATIENCE_MS, LINK), ARTIFACTS_COMPLETE);
}

static void no_more_is_fetched_at_once_than_there_is_room_for(void **state)
{
    (void)state;
    struct wire_result large = result_of(1), other = result_of(2), small = result_of(3);
    size_t held;
    large.artifact_bytes = WIRE_BLOB_MAX - SIZE;
    other.artifact_bytes = SIZE + 1;
    assert_int_equal(say(0, LINK, &large), ARTIFACTS_ASK);
    assert_int_equal(say(0, LINK, &other), ARTIFACTS_NOT_NOW);
    assert_int_equal(say(0, LINK, &small), ARTIFACTS_ASK);
    assert_int_equal(artifacts_count(artifacts, &held), 2);
    assert_int_equal(held, WIRE_BLOB_MAX);
    artifacts_drop(artifacts, 1);
    assert_int_equal(say(0, LINK, &other), ARTIFACTS_ASK);
    artifacts_drop_all(artifacts);
    assert_int_equal(artifacts_count(artifacts, &held), 0);
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_artifact_is_whole_when_its_last_piece_has_come, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_that_are_lost_copied_and_overtaken_come_together, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_come_is_kept_when_the_peer_comes_on_another_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(two_leases_of_one_peer_may_bring_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(another_result_of_the_lease_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_of_another_digest_fail_the_attempt, setup, teardown),
        cmocka_unit_test_setup_teardown(another_size_than_was_announced_fails_the_attempt, setup, teardown),
        cmocka_unit_test_setup_teardown(one_who_has_not_what_it_announced_fails_in_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_piece_of_another_place_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(another_peer_can_neither_give_a_piece_nor_spoil_it, setup, teardown),
        cmocka_unit_test_setup_teardown(after_the_lease_a_piece_is_nobodys, setup, teardown),
        cmocka_unit_test_setup_teardown(one_who_hands_nothing_over_fails_in_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(one_who_is_slow_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(with_each_piece_patience_begins_again, setup, teardown),
        cmocka_unit_test_setup_teardown(time_in_which_nobody_was_asked_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_is_fetched_at_once_than_there_is_room_for, setup, teardown),
    };
    return TEST_RUN(tests);
}
