/* swarm_wire: what a simulated worker writes by hand is what common/wire reads, and the other way round. */
#include "tests/support/test.h"

#include <string.h>

#include "common/wire.h"
#include "tests/support/swarm_wire.h"

static struct swarm_held held[3];

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        held[i] = (struct swarm_held){.lease_id = 1000 + (uint64_t)i, .epoch = 1ull << 41, .attempt = 2};
        memset(held[i].key, 0x30 + i, sizeof held[i].key);
    }
    return 0;
}

static void read_back(const uint8_t *data, size_t size, struct wire_message *out)
{
    struct status status = {0};
    assert_ok(wire_decode(data, size, out, &status), status);
}

static void assert_held(const struct wire_held_list *list, uint32_t count)
{
    assert_int_equal(list->count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct digest key;
        assert_true(list->items[i].lease_id == held[i].lease_id);
        assert_int_equal(digest_parse(list->items[i].key, &key), 0);
        assert_memory_equal(key.bytes, held[i].key, sizeof key.bytes);
    }
}

static void what_a_worker_says_is_read_by_a_master(void **state)
{
    (void)state;
    static struct wire_message message;
    static uint8_t data[4096];
    assert_true(swarm_wire_room(3) <= sizeof data);
    read_back(data, swarm_wire_hello(data, "swarm-7", "host-7", 9, 16, 5, held, 3), &message);
    assert_int_equal(message.type, WIRE_HELLO);
    assert_int_equal(message.hello.role, WIRE_WORKER);
    assert_string_equal(message.hello.node, "swarm-7");
    assert_string_equal(message.hello.host_id, "host-7");
    assert_true(message.hello.incarnation == 9 && message.hello.slots == 16 && message.hello.sequence == 5);
    assert_held(&message.hello.held, 3);
    read_back(data, swarm_wire_heartbeat(data, 0, 6, held, 2), &message);
    assert_int_equal(message.type, WIRE_HEARTBEAT);
    assert_true(message.heartbeat.sequence == 6 && message.heartbeat.slots == 0);
    assert_held(&message.heartbeat.held, 2);
    read_back(data, swarm_wire_result(data, &held[1]), &message);
    assert_int_equal(message.type, WIRE_RESULT);
    assert_true(message.result.lease_id == 1001 && message.result.epoch == held[1].epoch && message.result.attempt == 2);
    assert_int_equal(message.result.outcome, WIRE_OK);
    assert_true(message.result.value == swarm_value(held[1].key));
    wire_free(&message);
}

static void hear(const struct wire_message *message, struct swarm_message *out)
{
    struct status status = {0};
    void *data;
    size_t size;
    assert_ok(wire_encode(message, &data, &size, &status), status);
    assert_true(swarm_wire_read(data, size, out));
    for (size_t cut = 1; cut < size; cut++) { /* whatever it makes of a part: it stays within it */
        struct swarm_message unused;
        void *part = malloc(cut);
        memcpy(part, data, cut);
        swarm_wire_read(part, cut, &unused);
        free(part);
    }
    free(data);
}

static void what_a_master_says_is_read_by_a_worker(void **state)
{
    (void)state;
    static struct wire_message message;
    struct swarm_message got;
    message = (struct wire_message){.type = WIRE_WELCOME};
    message.welcome = (struct wire_welcome){.epoch = 1ull << 41, .heartbeat_ms = 200, .lease_ms = 2000, .sequence = 5};
    message.welcome.drop.count = 2;
    message.welcome.drop.lease_ids[0] = 7;
    message.welcome.drop.lease_ids[1] = 300;
    hear(&message, &got);
    assert_int_equal(got.word, SWARM_WELCOME);
    assert_true(got.epoch == 1ull << 41 && got.heartbeat_ms == 200 && got.lease_ms == 2000 && got.sequence == 5);
    assert_true(got.drops == 2 && got.drop[0] == 7 && got.drop[1] == 300);
    message = (struct wire_message){.type = WIRE_TASK};
    message.task =
        (struct wire_task){.lease_id = 77, .epoch = 3, .attempt = 2, .lease_ms = 2000, .sequence = 4, .kind = WIRE_MEASURE};
    message.task.network = (struct wire_network){1, 1, 1, 1, 1};
    strcpy(message.task.space, "s");
    strcpy(message.task.arch, "a");
    memset(message.task.key, 'a', DIGEST_HEX_BYTES - 1);
    hear(&message, &got);
    assert_int_equal(got.word, SWARM_TASK);
    assert_true(got.lease_id == 77 && got.epoch == 3 && got.attempt == 2 && got.key[0] == 0xaa && got.key[31] == 0xaa);
    message = (struct wire_message){.type = WIRE_HEARTBEAT_ANSWER};
    message.heartbeat_answer = (struct wire_heartbeat_answer){.epoch = 3, .sequence = 8};
    message.heartbeat_answer.drop.count = 1;
    message.heartbeat_answer.drop.lease_ids[0] = 9;
    hear(&message, &got);
    assert_true(got.word == SWARM_ANSWER && got.sequence == 8 && got.drops == 1 && got.drop[0] == 9);
    message = (struct wire_message){.type = WIRE_RESULT_ACK};
    message.result_ack = (struct wire_result_ack){.lease_id = 77, .verdict = WIRE_DUPLICATE};
    hear(&message, &got);
    assert_true(got.word == SWARM_ACK && got.lease_id == 77 && got.code == WIRE_DUPLICATE);
    message = (struct wire_message){.type = WIRE_GOODBYE};
    message.goodbye.finished = true;
    hear(&message, &got);
    assert_true(got.word == SWARM_GOODBYE && got.code == 1);
    message = (struct wire_message){.type = WIRE_REFUSE};
    message.refuse.code = WIRE_REFUSE_NOT_REGISTERED;
    strcpy(message.refuse.sentence, "no");
    hear(&message, &got);
    assert_true(got.word == SWARM_REFUSE && got.code == WIRE_REFUSE_NOT_REGISTERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_a_worker_says_is_read_by_a_master, setup),
        cmocka_unit_test_setup(what_a_master_says_is_read_by_a_worker, setup),
    };
    return TEST_RUN(tests);
}
