/* coord: a training's result counts when its weights have come, and not before: nothing is acknowledged until both are stored;
 * liars, strangers and those who are late change nothing; a master that is started anew goes on with what its peers still have. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "master/coord_parts.h"
#include "master/store_sql.h"
#include "tests/support/lone_master.h"
#include "tests/support/message.h"
#include "tests/support/train_wants.h"

enum { WORKER = 1, STRANGER = 2, SIZE = WIRE_CHUNK_MAX + 100000 };

/* A master, what a worker of it holds, and what was asked for last. */
struct world {
    struct lone_master lone;
    uint8_t weights[SIZE];
    struct wire_message hello, task, result;
    char schedule[ARCH_TEXT_BYTES]; /* of the task */
    struct wire_bundle_request asked;
    uint32_t asked_link;
    uint64_t asks;
    uint8_t piece[WIRE_CHUNK_MAX]; /* of the last chunk that was sent */
    struct wire_bundle_chunk chunk;
};

static struct status status;

static void note(void *context, const struct wire_message *message)
{
    struct world *world = context;
    if (message->type == WIRE_BUNDLE_REQUEST) {
        world->asked = message->bundle_request;
        world->asked_link = world->lone.last_link;
        world->asks++;
    }
    if (message->type == WIRE_BUNDLE_CHUNK) {
        world->chunk = message->bundle_chunk;
        if (message->bundle_chunk.size > 0)
            memcpy(world->piece, message->bundle_chunk.data, message->bundle_chunk.size);
    }
    if (message->type == WIRE_TASK && message->task.kind == WIRE_ONESHOT_TRAIN) {
        world->task = *message;
        world->task.memory = NULL;
        assert_int_equal(message->task.oneshot.schedule_count, 1);
        snprintf(world->schedule, sizeof world->schedule, "%s", message->task.oneshot.schedule);
    }
}

/* A worker of one slot registers, with what it holds. */
static void say_hello(struct world *world, bool holds)
{
    struct wire_hello *hello = &world->hello.hello;
    hello->sequence++;
    hello->held.count = holds;
    hello->held.items[0].lease_id = world->task.task.lease_id;
    memcpy(hello->held.items[0].key, world->task.task.key, DIGEST_HEX_BYTES);
    lone_send(&world->lone, WORKER, &world->hello);
}

static void make_result(struct world *world)
{
    const struct wire_task *task = &world->task.task;
    world->result = message_numbered(WIRE_TYPES + 2);
    struct wire_result *result = &world->result.result;
    result->lease_id = task->lease_id;
    result->epoch = task->epoch;
    result->attempt = task->attempt;
    result->value = 2.25;
    result->build_seconds = result->run_seconds = 0;
    memcpy(result->key, task->key, sizeof result->key);
    result->artifact_bytes = SIZE;
    digest_of(world->weights, SIZE, &result->artifact_digest);
}

static int open_world(void **state)
{
    static const struct digest images = {{0x77}};
    struct world *world = calloc(1, sizeof *world);
    train_wants(TRAIN_WANTS_ALL, &images);
    if (world == NULL || !lone_prepare(&world->lone, 1000))
        return -1;
    world->lone.sent = note;
    world->lone.sent_context = world;
    train_wants_weights("the weights that are trained in all of these tests, whatever their key is", world->weights, SIZE);
    world->hello = message_sample(WIRE_HELLO);
    world->hello.hello.role = WIRE_WORKER;
    strcpy(world->hello.hello.node, "trainer");
    world->hello.hello.device_key[0] = '\0';
    memset(&world->hello.hello.board, 0, sizeof world->hello.hello.board);
    *state = world;
    if (lone_open(&world->lone, true, &status) != STATUS_OK)
        return -1;
    say_hello(world, false);
    make_result(world);
    return world->task.task.lease_id > 0 ? 0 : -1;
}

static int close_world(void **state)
{
    struct world *world = *state;
    lone_remove(&world->lone);
    free(world);
    return 0;
}

static void repeat_result(struct world *world)
{
    lone_send(&world->lone, WORKER, &world->result);
}

/* The piece that was asked for last, over that link. */
static void send_piece(struct world *world, uint32_t link, size_t offset)
{
    struct wire_message message = {.type = WIRE_BUNDLE_CHUNK};
    size_t left = SIZE - offset;
    message.bundle_chunk = (struct wire_bundle_chunk){.digest = world->result.result.artifact_digest,
                                                      .total_bytes = SIZE,
                                                      .offset_bytes = offset,
                                                      .data = world->weights + offset,
                                                      .size = left < WIRE_CHUNK_MAX ? left : WIRE_CHUNK_MAX};
    lone_send(&world->lone, link, &message);
}

static uint64_t acks(const struct world *world)
{
    return world->lone.by_type[WIRE_RESULT_ACK];
}

static struct store *store_of(const struct world *world)
{
    return search_store(world->lone.coord->search);
}

static void assert_not_stored(const struct world *world)
{
    struct store_evaluation row;
    struct store_weights weights;
    bool found = true;
    assert_int_equal(store_evaluation_get(store_of(world), world->result.result.key, &row, NULL), STATUS_NOT_FOUND);
    assert_ok(store_weights_find(store_of(world), world->result.result.key, &weights, &found, &status), status);
    assert_false(found);
}

static void assert_stored(const struct world *world)
{
    struct store_evaluation row;
    void *data;
    size_t size;
    struct store_weights weights;
    bool found = false;
    assert_ok(store_evaluation_get(store_of(world), world->result.result.key, &row, &status), status);
    assert_int_equal(row.kind, STUDY_WANT_ONESHOT_TRAIN);
    assert_true(row.feasible && row.value == 2.25);
    store_evaluation_free(&row);
    assert_ok(store_weights_find(store_of(world), world->result.result.key, &weights, &found, &status), status);
    assert_true(found && weights.here);
    assert_memory_equal(&weights.digest, &world->result.result.artifact_digest, sizeof weights.digest);
    assert_ok(store_weights_get(store_of(world), &weights.digest, &data, &size, &status), status);
    assert_int_equal(size, SIZE);
    assert_memory_equal(data, world->weights, SIZE);
    free(data);
}

/* The worker's attempt ended like that, and left nothing. */
static void assert_failed(const struct world *world, const char *how)
{
    char sql[192], got[64];
    size_t bytes;
    snprintf(sql, sizeof sql, "SELECT group_concat(state || ' ' || failure) FROM lease WHERE key = '%s' AND state <> 'open'",
             world->result.result.key);
    assert_ok(store_ask_text(store_of(world)->db, "test", sql, got, sizeof got, &status), status);
    assert_string_equal(got, how);
    assert_not_stored(world);
    assert_int_equal(artifacts_count(world->lone.coord->artifacts, &bytes), 0);
}

/* --- as it should be --- */

static void a_task_says_what_is_to_be_trained(void **state)
{
    struct world *world = *state;
    const struct wire_task *task = &world->task.task;
    struct digest one, other;
    oneshot_protocol_digest(&task->oneshot.protocol, &one);
    oneshot_protocol_digest(train_wants_protocol(), &other);
    assert_memory_equal(&one, &other, sizeof one);
    assert_string_equal(task->space, "nb201");
    assert_string_equal(task->arch, "");
    assert_int_equal(task->bundle_digest.bytes[0], 0x77);
    assert_true(task->seed != 0 || search_config(world->lone.coord->search)->seed == 0);
    assert_false(task->oneshot.has_weights);
    assert_int_equal(task->oneshot.mask_rows, 6);
    assert_int_equal(task->oneshot.mask.rows[5], 0x1f);
    assert_int_equal(task->oneshot.stage, 1);
    assert_int_equal(task->oneshot.epoch, 5);
    assert_int_equal(task->oneshot.shard, 2);
    struct arch arch;
    assert_ok(space_parse(search_space(world->lone.coord->search), world->schedule, &arch, &status), status);
}

static void a_result_is_acknowledged_when_it_and_its_weights_are_stored(void **state)
{
    struct world *world = *state;
    const uint64_t first = world->task.task.lease_id;
    repeat_result(world);
    assert_int_equal(world->asks, 1);
    assert_int_equal(world->asked_link, WORKER);
    assert_true(world->asked.offset_bytes == 0);
    assert_memory_equal(&world->asked.digest, &world->result.result.artifact_digest, sizeof world->asked.digest);
    send_piece(world, WORKER, 0);
    assert_true(world->asked.offset_bytes == WIRE_CHUNK_MAX);
    assert_int_equal(acks(world), 0);
    assert_not_stored(world);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_int_equal(world->lone.verdicts[WIRE_ACCEPTED], 1);
    assert_stored(world);
    assert_true(world->task.task.lease_id != first); /* its slot has the next */
    send_piece(world, WORKER, WIRE_CHUNK_MAX);       /* once more */
    repeat_result(world);
    assert_int_equal(world->lone.verdicts[WIRE_ACCEPTED], 1);
    assert_int_equal(world->lone.verdicts[WIRE_DUPLICATE], 1);
    assert_int_equal(world->asks, 2);
}

static void stored_weights_are_served_to_whoever_asks(void **state)
{
    struct world *world = *state;
    struct wire_message request = {.type = WIRE_BUNDLE_REQUEST};
    request.bundle_request.digest = world->result.result.artifact_digest;
    lone_send(&world->lone, STRANGER, &request);
    assert_true(world->chunk.total_bytes == 0);
    repeat_result(world);
    send_piece(world, WORKER, 0);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    for (size_t offset = 0; offset < SIZE; offset += WIRE_CHUNK_MAX) {
        request.bundle_request.offset_bytes = offset;
        lone_send(&world->lone, STRANGER, &request);
        assert_int_equal(world->lone.last_link, STRANGER);
        assert_true(world->chunk.total_bytes == SIZE && world->chunk.offset_bytes == offset);
        assert_memory_equal(world->piece, world->weights + offset, world->chunk.size);
    }
    assert_true(world->chunk.offset_bytes + world->chunk.size == SIZE);
}

static void a_lost_piece_is_asked_for_when_the_result_is_repeated(void **state)
{
    struct world *world = *state;
    repeat_result(world);
    send_piece(world, WORKER, 0);
    repeat_result(world);
    assert_int_equal(world->asks, 3);
    assert_true(world->asked.offset_bytes == WIRE_CHUNK_MAX);
    send_piece(world, WORKER, 0); /* a copy of the first */
    assert_int_equal(world->asks, 3);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_stored(world);
}

static void a_master_that_is_started_anew_asks_from_the_beginning(void **state)
{
    struct world *world = *state;
    repeat_result(world);
    send_piece(world, WORKER, 0);
    lone_close(&world->lone);
    assert_ok(lone_open(&world->lone, false, &status), status);
    send_piece(world, WORKER, WIRE_CHUNK_MAX); /* what the old one had asked for */
    say_hello(world, true);
    assert_int_equal(acks(world), 0);
    repeat_result(world);
    assert_true(world->asked.offset_bytes == 0);
    send_piece(world, WORKER, 0);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_int_equal(world->lone.verdicts[WIRE_ACCEPTED], 1);
    assert_stored(world);
}

static void the_same_process_may_come_back_on_another_connection(void **state)
{
    struct world *world = *state;
    repeat_result(world);
    send_piece(world, WORKER, 0);
    world->hello.hello.sequence++;
    world->hello.hello.held.count = 1;
    world->hello.hello.held.items[0].lease_id = world->task.task.lease_id;
    memcpy(world->hello.hello.held.items[0].key, world->task.task.key, DIGEST_HEX_BYTES);
    lone_send(&world->lone, WORKER + 10, &world->hello);
    lone_send(&world->lone, WORKER + 10, &world->result);
    assert_int_equal(world->asked_link, WORKER + 10);
    assert_true(world->asked.offset_bytes == WIRE_CHUNK_MAX);
    send_piece(world, WORKER + 10, WIRE_CHUNK_MAX);
    assert_stored(world);
}

/* --- as it should not --- */

static void weights_of_another_digest_are_a_failed_attempt(void **state)
{
    struct world *world = *state;
    repeat_result(world);
    world->weights[SIZE - 1] ^= 1;
    send_piece(world, WORKER, 0);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_int_equal(acks(world), 1);
    assert_failed(world, "failed impossible");
}

/* Stored, they would end every search that merges them. */
static void bytes_that_are_no_weights_are_a_failed_attempt(void **state)
{
    struct world *world = *state;
    const float odd = INFINITY;
    memcpy(world->weights + SIZE - sizeof odd, &odd, sizeof odd);
    make_result(world);
    repeat_result(world);
    send_piece(world, WORKER, 0);
    assert_not_stored(world);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_int_equal(acks(world), 1);
    assert_failed(world, "failed impossible");
    memset(world->weights, 0x5a, SIZE);
    make_result(world); /* of the next task */
    repeat_result(world);
    send_piece(world, WORKER, 0);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_int_equal(acks(world), 2);
    assert_failed(world, "failed impossible");
}

static void weights_that_are_never_there_are_a_failed_attempt(void **state)
{
    struct world *world = *state;
    struct wire_message none = {.type = WIRE_BUNDLE_CHUNK}, heartbeat = message_sample(WIRE_HEARTBEAT);
    none.bundle_chunk.digest = world->result.result.artifact_digest;
    heartbeat.heartbeat.held.count = 1;
    heartbeat.heartbeat.held.items[0].lease_id = world->task.task.lease_id;
    memcpy(heartbeat.heartbeat.held.items[0].key, world->task.task.key, DIGEST_HEX_BYTES);
    for (int i = 0; i < 100 && acks(world) == 0; i++) {
        world->lone.now_ms += 1000;
        heartbeat.heartbeat.sequence = world->hello.hello.sequence + 1 + (uint64_t)i;
        lone_send(&world->lone, WORKER, &heartbeat);
        if (i % 3 != 0)
            continue;
        repeat_result(world);
        lone_send(&world->lone, WORKER, &none);
    }
    assert_int_equal(acks(world), 1);
    assert_failed(world, "failed timeout");
}

static void a_training_without_weights_or_with_an_odd_loss_is_a_failed_attempt(void **state)
{
    struct world *world = *state;
    struct wire_message good = world->result;
    world->result.result.artifact_bytes = 0;
    memset(&world->result.result.artifact_digest, 0, sizeof world->result.result.artifact_digest);
    repeat_result(world);
    assert_int_equal(acks(world), 1);
    assert_failed(world, "failed impossible");
    lone_send(&world->lone, WORKER, &good); /* too late, and without a lease */
    assert_int_equal(world->lone.verdicts[WIRE_STALE], 1);
    assert_int_equal(world->asks, 0);
    make_result(world); /* of the next task */
    world->result.result.value = -0.5;
    repeat_result(world);
    assert_failed(world, "failed impossible");
}

static void a_score_with_an_artifact_or_beyond_hundred_is_a_failed_attempt(void **state)
{
    struct world *world = *state;
    lone_close(&world->lone);
    static const struct digest images = {{0x77}};
    train_wants(TRAIN_WANTS_HALF, &images);
    assert_ok(lone_open(&world->lone, true, &status), status);
    const double values[] = {100.5, -1, 50};
    const struct wire_task *task = NULL;
    unsigned tried = 0;
    world->hello.hello.slots = 8;
    say_hello(world, false);
    for (size_t i = 0; i < world->lone.task_count && tried < 3; i++) {
        task = &world->lone.tasks[i].task;
        if (task->kind != WIRE_ONESHOT_SCORE)
            continue;
        assert_true(task->oneshot.has_weights && task->arch[0] != '\0' && task->oneshot.schedule_count == 0);
        world->task.task = *task;
        make_result(world);
        world->result.result.value = values[tried];
        if (tried++ < 2) {
            world->result.result.artifact_bytes = 0;
            memset(&world->result.result.artifact_digest, 0, sizeof world->result.result.artifact_digest);
        }
        repeat_result(world);
        assert_failed(world, "failed impossible");
    }
    assert_int_equal(tried, 3);
    assert_int_equal(world->asks, 0);
}

static void another_peer_can_neither_give_nor_spoil_weights(void **state)
{
    struct world *world = *state;
    struct wire_message none = {.type = WIRE_BUNDLE_CHUNK};
    none.bundle_chunk.digest = world->result.result.artifact_digest;
    repeat_result(world);
    send_piece(world, STRANGER, 0);
    lone_send(&world->lone, STRANGER, &none);
    assert_int_equal(world->asks, 1);
    assert_int_equal(acks(world), 0);
    send_piece(world, WORKER, 0);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_stored(world);
}

static void a_lease_that_ends_takes_what_was_fetched_with_it(void **state)
{
    struct world *world = *state;
    size_t bytes;
    repeat_result(world);
    send_piece(world, WORKER, 0);
    assert_int_equal(artifacts_count(world->lone.coord->artifacts, &bytes), 1);
    world->lone.now_ms += 60000; /* nothing was heard of it: the first turn forgives what the master slept, the next does not */
    coord_turn(world->lone.coord);
    for (int i = 0; i < 60; i++) {
        world->lone.now_ms += 1000;
        coord_turn(world->lone.coord);
    }
    assert_int_equal(artifacts_count(world->lone.coord->artifacts, &bytes), 0);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_not_stored(world);
    say_hello(world, false);
    repeat_result(world);
    assert_int_equal(acks(world), 1);
    assert_int_equal(world->lone.verdicts[WIRE_STALE], 1);
    assert_not_stored(world);
}

static void whoever_hands_a_task_back_meanwhile_is_asked_no_more(void **state)
{
    struct world *world = *state;
    struct wire_message back = {.type = WIRE_RETURN};
    size_t bytes;
    repeat_result(world);
    send_piece(world, WORKER, 0);
    back.return_lease.lease_id = world->result.result.lease_id;
    memcpy(back.return_lease.key, world->result.result.key, DIGEST_HEX_BYTES);
    lone_send(&world->lone, WORKER, &back);
    assert_int_equal(artifacts_count(world->lone.coord->artifacts, &bytes), 0);
    send_piece(world, WORKER, WIRE_CHUNK_MAX);
    assert_not_stored(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_task_says_what_is_to_be_trained, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_result_is_acknowledged_when_it_and_its_weights_are_stored, open_world, close_world),
        cmocka_unit_test_setup_teardown(stored_weights_are_served_to_whoever_asks, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_lost_piece_is_asked_for_when_the_result_is_repeated, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_master_that_is_started_anew_asks_from_the_beginning, open_world, close_world),
        cmocka_unit_test_setup_teardown(the_same_process_may_come_back_on_another_connection, open_world, close_world),
        cmocka_unit_test_setup_teardown(weights_of_another_digest_are_a_failed_attempt, open_world, close_world),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_weights_are_a_failed_attempt, open_world, close_world),
        cmocka_unit_test_setup_teardown(weights_that_are_never_there_are_a_failed_attempt, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_training_without_weights_or_with_an_odd_loss_is_a_failed_attempt, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_score_with_an_artifact_or_beyond_hundred_is_a_failed_attempt, open_world, close_world),
        cmocka_unit_test_setup_teardown(another_peer_can_neither_give_nor_spoil_weights, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_lease_that_ends_takes_what_was_fetched_with_it, open_world, close_world),
        cmocka_unit_test_setup_teardown(whoever_hands_a_task_back_meanwhile_is_asked_no_more, open_world, close_world),
    };
    return TEST_RUN(tests);
}
