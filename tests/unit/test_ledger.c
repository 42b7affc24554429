/* ledger: what a peer holds and owes; deadlines on a clock that is a number. Together with the master's half it is in tests/sim. */
#include "tests/support/test.h"

#include <string.h>

#include "worker/ledger.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct ledger ledger;
static struct wire_hello hello;
static struct wire_heartbeat heartbeat;
static struct wire_id_list cancel;

static enum ledger_due due(int64_t now, uint64_t *lease_id)
{
    int64_t wait;
    return ledger_due(&ledger, now, lease_id, &wait);
}

static int unregistered(void **state)
{
    (void)state;
    struct wire_hello self = {.role = WIRE_WORKER, .node = "w", .host_id = "h", .slots = 2, .incarnation = 1};
    ledger_init(&ledger, &self, 1);
    return 0;
}

static void welcome(int64_t now)
{
    struct wire_welcome message = {.epoch = 3, .heartbeat_ms = 1000, .lease_ms = 8000, .sequence = hello.sequence};
    ledger_welcome(&ledger, now, &message, &cancel);
}

static int registered(void **state)
{
    unregistered(state);
    ledger_hello(&ledger, 0, &hello);
    welcome(5);
    return 0;
}

static enum ledger_answer offer(int64_t now, uint64_t lease_id, uint64_t sequence)
{
    struct wire_task task = {.lease_id = lease_id, .epoch = 3, .attempt = 1, .lease_ms = 8000, .sequence = sequence, .key = KEY};
    return ledger_task(&ledger, now, &task);
}

static void beat(int64_t now, bool answered)
{
    ledger_heartbeat(&ledger, now, &heartbeat);
    struct wire_heartbeat_answer answer = {.epoch = 3, .sequence = heartbeat.sequence};
    if (answered)
        ledger_heartbeat_answer(&ledger, now + 1, &answer, &cancel);
}

static void a_task_that_was_leased_before_waits_for_the_answer(void **state)
{
    (void)state;
    assert_int_equal(offer(10, 1, 1), LEDGER_START);
    assert_true(ledger_may_begin(&ledger, 1, 1));
    assert_false(ledger_may_begin(&ledger, 1, 2));
    beat(11, false);
    assert_false(ledger_may_begin(&ledger, 1, 2));
    beat(12, true);
    assert_true(ledger_may_begin(&ledger, 1, 2));
    assert_false(ledger_may_begin(&ledger, 2, 1)); /* a lease that is not held */
    assert_int_equal(offer(20, 3, 2), LEDGER_START);
    struct wire_heartbeat_answer earlier = {.epoch = 3, .sequence = heartbeat.sequence};
    ledger_heartbeat_answer(&ledger, 21, &earlier, &cancel); /* of a Heartbeat that did not list it */
    assert_false(ledger_may_begin(&ledger, 3, 2));
}

static void the_first_thing_due_is_a_hello(void **state)
{
    (void)state;
    uint64_t lease_id;
    assert_int_equal(due(0, &lease_id), LEDGER_SEND_HELLO);
}

static void the_answer_to_an_earlier_hello_registers_nobody(void **state)
{
    (void)state;
    ledger_hello(&ledger, 0, &hello);
    struct wire_hello later;
    ledger_hello(&ledger, 300, &later);
    welcome(400);
    assert_false(ledger.registered);
}

static void three_unanswered_heartbeats_reopen_the_connection(void **state)
{
    (void)state;
    uint64_t lease_id;
    int64_t now = 1005;
    for (int i = 0; i < 3; i++, now += 1000) {
        assert_int_equal(due(now, &lease_id), LEDGER_SEND_HEARTBEAT);
        beat(now, false);
    }
    assert_int_equal(due(now, &lease_id), LEDGER_REOPEN);
    assert_int_equal(due(now, &lease_id), LEDGER_SEND_HELLO);
}

static void a_task_is_confirmed_by_a_heartbeat_at_once(void **state)
{
    (void)state;
    uint64_t lease_id;
    assert_int_equal(due(10, &lease_id), LEDGER_NOTHING);
    assert_int_equal(offer(10, 7, 1), LEDGER_START);
    assert_int_equal(due(10, &lease_id), LEDGER_SEND_HEARTBEAT);
    ledger_heartbeat(&ledger, 10, &heartbeat);
    assert_int_equal(heartbeat.held.count, 1);
    assert_int_equal(heartbeat.held.items[0].lease_id, 7);
}

static void a_task_is_started_once(void **state)
{
    (void)state;
    assert_int_equal(offer(10, 7, 1), LEDGER_START);
    assert_int_equal(offer(20, 7, 1), LEDGER_IGNORE);
}

static void a_number_that_is_held_is_not_taken_again(void **state)
{
    (void)state;
    struct wire_welcome back = {.epoch = 4, .heartbeat_ms = 1000, .lease_ms = 8000, .drop = {.count = 1, .lease_ids = {7}}};
    struct wire_task task = {.lease_id = 7, .epoch = 4, .attempt = 1, .lease_ms = 8000, .key = KEY};
    struct wire_result_ack stale = {.lease_id = 7, .verdict = WIRE_STALE};
    assert_int_equal(offer(10, 7, 1), LEDGER_START);
    assert_true(ledger_done(&ledger, 20, 7));
    ledger_not_registered(&ledger, 30); /* the master's database is put back: it gives 7 out again */
    ledger_hello(&ledger, 30, &hello);
    back.sequence = task.sequence = hello.sequence;
    ledger_welcome(&ledger, 31, &back, &cancel);
    assert_int_equal(ledger_task(&ledger, 32, &task), LEDGER_RETURN);
    assert_int_equal(ledger_count(&ledger, LEDGER_RUNNING), 0);
    assert_int_equal(ledger_count(&ledger, LEDGER_DONE), 1); /* the result of before is still offered */
    assert_true(ledger_ack(&ledger, 33, &stale));
    task.lease_id = 8;
    assert_int_equal(ledger_task(&ledger, 34, &task), LEDGER_START);
}

static void a_task_of_another_epoch_is_ignored(void **state)
{
    (void)state;
    struct wire_task task = {.lease_id = 7, .epoch = 2, .attempt = 1, .lease_ms = 8000, .sequence = 1, .key = KEY};
    assert_int_equal(ledger_task(&ledger, 10, &task), LEDGER_IGNORE);
}

static void a_task_that_comes_too_late_is_returned(void **state)
{
    (void)state;
    assert_int_equal(offer(6000, 7, 1), LEDGER_RETURN);
}

static void the_deadline_counts_from_when_the_answered_heartbeat_was_sent(void **state)
{
    (void)state;
    assert_int_equal(offer(10, 7, 1), LEDGER_START);
    assert_int_equal(ledger_good_until(&ledger, 7), 6000);
    beat(1000, true);
    assert_int_equal(ledger_good_until(&ledger, 7), 7000);
    beat(2000, false);
    assert_int_equal(ledger_good_until(&ledger, 7), 7000);
}

static void an_answer_to_a_heartbeat_that_did_not_list_a_lease_does_not_renew_it(void **state)
{
    (void)state;
    ledger_heartbeat(&ledger, 1000, &heartbeat);
    assert_int_equal(offer(1010, 7, 1), LEDGER_START);
    struct wire_heartbeat_answer answer = {.epoch = 3, .sequence = heartbeat.sequence};
    ledger_heartbeat_answer(&ledger, 1020, &answer, &cancel);
    assert_int_equal(ledger_good_until(&ledger, 7), 6000);
}

static void a_dropped_lease_is_cancelled(void **state)
{
    (void)state;
    assert_int_equal(offer(10, 7, 1), LEDGER_START);
    ledger_heartbeat(&ledger, 1000, &heartbeat);
    struct wire_heartbeat_answer answer = {.epoch = 3, .sequence = heartbeat.sequence, .drop = {.count = 1, .lease_ids = {7}}};
    ledger_heartbeat_answer(&ledger, 1001, &answer, &cancel);
    assert_int_equal(cancel.count, 1);
    assert_int_equal(cancel.lease_ids[0], 7);
    assert_false(ledger_done(&ledger, 2000, 7));
}

static void a_result_is_sent_until_it_is_acknowledged(void **state)
{
    (void)state;
    uint64_t lease_id = 0;
    offer(10, 7, 1);
    beat(10, true);
    assert_true(ledger_done(&ledger, 100, 7));
    assert_int_equal(due(100, &lease_id), LEDGER_SEND_RESULT);
    assert_int_equal(lease_id, 7);
    assert_int_equal(due(100, &lease_id), LEDGER_NOTHING);
    beat(1000, true);
    beat(2000, true);
    beat(3000, true);
    assert_int_equal(due(3100, &lease_id), LEDGER_SEND_RESULT);
    struct wire_result_ack later = {.lease_id = 7, .verdict = WIRE_RETRY_LATER},
                           accepted = {.lease_id = 7, .verdict = WIRE_ACCEPTED};
    assert_false(ledger_ack(&ledger, 3200, &later));
    assert_int_equal(ledger_count(&ledger, LEDGER_DONE), 1);
    assert_true(ledger_ack(&ledger, 3300, &accepted));
    assert_int_equal(ledger_count(&ledger, LEDGER_DONE), 0);
}

static void a_result_whose_lease_was_dropped_is_still_offered_but_not_listed(void **state)
{
    (void)state;
    uint64_t lease_id = 0;
    offer(10, 7, 1);
    assert_true(ledger_done(&ledger, 100, 7));
    ledger_heartbeat(&ledger, 1000, &heartbeat);
    struct wire_heartbeat_answer answer = {.epoch = 3, .sequence = heartbeat.sequence, .drop = {.count = 1, .lease_ids = {7}}};
    ledger_heartbeat_answer(&ledger, 1001, &answer, &cancel);
    assert_int_equal(cancel.count, 0);
    ledger_heartbeat(&ledger, 1002, &heartbeat);
    assert_int_equal(heartbeat.held.count, 0);
    assert_int_equal(due(1003, &lease_id), LEDGER_SEND_RESULT);
}

static void a_draining_peer_offers_no_slots_and_returns_tasks(void **state)
{
    (void)state;
    uint64_t lease_id;
    ledger_drain(&ledger, 100);
    assert_int_equal(due(100, &lease_id), LEDGER_SEND_HEARTBEAT);
    ledger_heartbeat(&ledger, 100, &heartbeat);
    assert_int_equal(heartbeat.slots, 0);
    assert_int_equal(offer(110, 7, 1), LEDGER_RETURN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_thing_due_is_a_hello, unregistered),
        cmocka_unit_test_setup(the_answer_to_an_earlier_hello_registers_nobody, unregistered),
        cmocka_unit_test_setup(a_task_that_was_leased_before_waits_for_the_answer, registered),
        cmocka_unit_test_setup(three_unanswered_heartbeats_reopen_the_connection, registered),
        cmocka_unit_test_setup(a_task_is_confirmed_by_a_heartbeat_at_once, registered),
        cmocka_unit_test_setup(a_task_is_started_once, registered),
        cmocka_unit_test_setup(a_number_that_is_held_is_not_taken_again, registered),
        cmocka_unit_test_setup(a_task_of_another_epoch_is_ignored, registered),
        cmocka_unit_test_setup(a_task_that_comes_too_late_is_returned, registered),
        cmocka_unit_test_setup(the_deadline_counts_from_when_the_answered_heartbeat_was_sent, registered),
        cmocka_unit_test_setup(an_answer_to_a_heartbeat_that_did_not_list_a_lease_does_not_renew_it, registered),
        cmocka_unit_test_setup(a_dropped_lease_is_cancelled, registered),
        cmocka_unit_test_setup(a_result_is_sent_until_it_is_acknowledged, registered),
        cmocka_unit_test_setup(a_result_whose_lease_was_dropped_is_still_offered_but_not_listed, registered),
        cmocka_unit_test_setup(a_draining_peer_offers_no_slots_and_returns_tasks, registered),
    };
    return TEST_RUN(tests);
}
