/* queue, peers and dispatch: the rules of dispatch.h, one by one, on an array of actions and a clock that is a number. What chance
 * and faults do to them together is in tests/sim. */
#include "tests/support/test.h"

#include <string.h>

#include "master/dispatch.h"

enum { HEARTBEAT = 1000, LEASE = 5000 };

static struct dispatch *dispatch;
static struct wire_id_list drop;
static uint64_t next_lease;
static char last_canary[DIGEST_HEX_BYTES];
enum { CANARY = -1 };

static int setup_every(uint32_t canary_every)
{
    struct dispatch_options options = {.epoch = 1,
                                       .heartbeat_ms = HEARTBEAT,
                                       .lease_ms = LEASE,
                                       .failures_max = 3,
                                       .measure_batch = 3,
                                       .measure_wait_ms = 60000,
                                       .canary_every = canary_every,
                                       .host_id = "here"};
    dispatch = dispatch_open(&options, 0);
    next_lease = 1;
    return dispatch == NULL;
}

static int setup(void **state)
{
    (void)state;
    return setup_every(0);
}

static int setup_boards(void **state)
{
    (void)state;
    return setup_every(3);
}

static int teardown(void **state)
{
    (void)state;
    dispatch_close(dispatch);
    return 0;
}

/* --- shorthand --- */

static const char *key(int n)
{
    static char keys[100][DIGEST_HEX_BYTES];
    snprintf(keys[n], sizeof keys[n], "%064d", n);
    return keys[n];
}

static void want(int64_t now, int n, enum wire_kind kind)
{
    dispatch_want(dispatch, now, key(n), kind, "host", &(struct queue_tries){0});
}

static void want_again(int n, enum wire_kind kind, const char *device, int32_t failures, int32_t places)
{
    dispatch_want(dispatch, 0, key(n), kind, device, &(struct queue_tries){.failures = failures, .places = places});
}

static struct wire_hello hello_of(const char *node, enum wire_role role, const char *host, uint32_t slots, uint64_t sequence)
{
    struct wire_hello hello = {.role = role, .incarnation = 1, .slots = slots, .sequence = sequence};
    snprintf(hello.node, sizeof hello.node, "%s", node);
    snprintf(hello.host_id, sizeof hello.host_id, "%s", host);
    snprintf(hello.device_key, sizeof hello.device_key, "%s", role == WIRE_AGENT ? "dev" : "");
    if (role == WIRE_AGENT)
        snprintf(hello.board.name, sizeof hello.board.name, "%s", node);
    return hello;
}

static void join(int64_t now, uint32_t link, const char *node, enum wire_role role, const char *host, uint32_t slots)
{
    struct wire_hello hello = hello_of(node, role, host, slots, 1);
    assert_int_equal(dispatch_hello(dispatch, now, link, &hello, &drop), DISPATCH_HEARD);
}

/* Ticks and takes what is granted, giving ids as a store would; closes are counted by how they closed. */
struct seen {
    int grants, canaries, closes[4], given_up, replaced;
    bool crashes; /* of the last one given up */
    uint32_t links[20];
    uint64_t leases[20];
    int keys[20];
    char reason[DISPATCH_REASON_BYTES];
};

static struct seen tick(int64_t now)
{
    struct seen seen = {0};
    struct dispatch_action action;
    dispatch_tick(dispatch, now);
    while (dispatch_action(dispatch, &action)) {
        switch (action.kind) {
        case DISPATCH_GRANT:
            seen.links[seen.grants] = action.link;
            seen.canaries += action.canary;
            seen.keys[seen.grants] = action.canary ? CANARY : atoi(action.key);
            memcpy(last_canary, action.canary ? action.key : last_canary, sizeof last_canary);
            seen.leases[seen.grants++] = next_lease;
            dispatch_granted(dispatch, action.key, next_lease++);
            break;
        case DISPATCH_CLOSE: seen.closes[action.close]++; break;
        case DISPATCH_GIVE_UP:
            seen.given_up++;
            seen.crashes = action.crashes;
            memcpy(seen.reason, action.reason, sizeof seen.reason);
            break;
        case DISPATCH_REPLACED: seen.replaced++; break;
        case DISPATCH_DRAINED: fail_msg("nobody is drained here"); break;
        }
    }
    assert_false(dispatch_broken(dispatch));
    return seen;
}

static void beat(int64_t now, uint32_t link, uint64_t sequence, uint32_t slots, int held, const uint64_t *leases, const int *keys)
{
    struct wire_heartbeat heartbeat = {.sequence = sequence, .slots = slots};
    heartbeat.held.count = (uint32_t)held;
    for (int i = 0; i < held; i++) {
        heartbeat.held.items[i].lease_id = leases[i];
        memcpy(heartbeat.held.items[i].key, key(keys[i]), DIGEST_HEX_BYTES);
    }
    assert_int_equal(dispatch_heartbeat(dispatch, now, link, &heartbeat, &drop), DISPATCH_HEARD);
}

static enum dispatch_verdict result(int64_t now, uint32_t link, uint64_t lease, uint32_t attempt, int n, enum wire_outcome outcome)
{
    struct wire_result message = {.lease_id = lease, .epoch = 1, .attempt = attempt, .outcome = outcome, .sentence = "why"};
    memcpy(message.key, key(n), sizeof message.key);
    return dispatch_result(dispatch, now, link, &message);
}

/* --- granting --- */

static void a_peer_gets_as_many_tasks_as_it_has_slots_in_the_order_of_wanting(void **state)
{
    (void)state;
    for (int n = 1; n <= 5; n++)
        want(0, n, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 2);
    struct seen seen = tick(0);
    assert_int_equal(seen.grants, 2);
    assert_int_equal(seen.keys[0], 1);
    assert_int_equal(seen.keys[1], 2);
}

static void few_tasks_are_spread_over_the_peers(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    want(0, 2, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 2);
    join(0, 8, "v", WIRE_WORKER, "b", 2);
    struct seen seen = tick(0);
    assert_int_equal(seen.grants, 2);
    assert_int_not_equal(seen.links[0], seen.links[1]);
}

static void a_value_frees_the_slot_for_the_next(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    want(0, 2, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    tick(0);
    assert_int_equal(result(10, 7, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    struct seen seen = tick(10);
    assert_int_equal(seen.closes[DISPATCH_DONE], 1);
    assert_int_equal(seen.keys[0], 2);
}

static void a_torpid_peer_gets_no_new_work_but_keeps_what_it_has(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 2);
    tick(0);
    want(900, 2, WIRE_RMI);
    for (int64_t now = 900; now < 2600; now += 500)
        dispatch_tick(dispatch, now);
    struct seen seen = tick(2600);
    want(2600, 3, WIRE_RMI);
    assert_int_equal(tick(2700).grants, 0);
    assert_int_equal(seen.closes[DISPATCH_LOST], 0);
}

static void a_draining_peer_gets_nothing(void **state)
{
    (void)state;
    join(0, 7, "w", WIRE_WORKER, "a", 2);
    beat(10, 7, 2, 0, 0, NULL, NULL);
    want(20, 1, WIRE_RMI);
    assert_int_equal(tick(20).grants, 0);
}

static void nothing_is_granted_after_stop(void **state)
{
    (void)state;
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    want(0, 1, WIRE_RMI);
    dispatch_stop(dispatch);
    assert_int_equal(tick(0).grants, 0);
}

/* --- the ends of leases --- */

static void a_lease_is_lost_a_lease_time_after_the_last_heartbeat_that_listed_it(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    struct seen seen = tick(0);
    beat(900, 7, 2, 1, 1, seen.leases, seen.keys);
    for (int64_t now = 1000; now < 900 + LEASE; now += 500)
        assert_int_equal(tick(now).closes[DISPATCH_LOST], 0);
    assert_int_equal(tick(900 + LEASE).closes[DISPATCH_LOST], 1);
}

static void a_lease_the_peer_never_confirmed_is_not_an_attempt(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    tick(0);
    int returned = 0, lost = 0;
    for (int64_t now = 500; now <= LEASE; now += 500) {
        struct seen seen = tick(now);
        returned += seen.closes[DISPATCH_RETURNED];
        lost += seen.closes[DISPATCH_LOST];
    }
    assert_int_equal(returned, 1);
    assert_int_equal(lost, 0);
}

static void time_the_master_slept_through_counts_against_nobody(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    struct seen seen = tick(0);
    beat(900, 7, 2, 1, 1, seen.leases, seen.keys);
    tick(1000);
    assert_int_equal(tick(1000 + 10 * LEASE).closes[DISPATCH_LOST], 0);
    assert_int_equal(result(1001 + 10 * LEASE, 7, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
}

static void a_lease_that_is_listed_no_more_has_been_put_down(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    struct seen seen = tick(0);
    beat(900, 7, 2, 0, 1, seen.leases, seen.keys);
    beat(1900, 7, 3, 0, 0, NULL, NULL);
    assert_int_equal(tick(1900).closes[DISPATCH_RETURNED], 1);
}

static void an_overtaken_heartbeat_is_not_answered(void **state)
{
    (void)state;
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    beat(900, 7, 3, 1, 0, NULL, NULL);
    struct wire_heartbeat old = {.sequence = 2, .slots = 1};
    assert_int_equal(dispatch_heartbeat(dispatch, 950, 7, &old, &drop), DISPATCH_OLD);
}

static void a_foreign_lease_is_told_to_be_dropped(void **state)
{
    (void)state;
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    uint64_t lease = 99;
    int n = 1;
    beat(900, 7, 2, 1, 1, &lease, &n);
    assert_int_equal(drop.count, 1);
    assert_int_equal(drop.lease_ids[0], 99);
}

static void a_handed_back_task_goes_to_somebody_else_without_an_attempt(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    tick(0);
    join(0, 8, "v", WIRE_WORKER, "b", 1);
    struct wire_return returned = {.lease_id = 1};
    memcpy(returned.key, key(1), sizeof returned.key);
    dispatch_return(dispatch, 10, 7, &returned);
    dispatch_goodbye(dispatch, 10, 7);
    struct seen seen = tick(10);
    assert_int_equal(seen.closes[DISPATCH_RETURNED], 1);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.links[0], 8);
    assert_int_equal(queue_find(dispatch_queue(dispatch), key(1))->tries.failures, 0);
}

static struct wire_result result_of(uint64_t lease, uint64_t epoch)
{
    return (struct wire_result){.lease_id = lease, .epoch = epoch, .attempt = 1};
}

/* It may be computing still: nothing is measured beside it until its lease has run out. */
static void a_peer_that_is_expelled_has_no_lease_and_no_voice_and_its_host_counts_as_busy(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "here", 1);
    tick(0);
    uint64_t lease = 1;
    int n = 1;
    beat(100, 7, 2, 1, 1, &lease, &n);
    join(100, 8, "v", WIRE_WORKER, "b", 1);
    join(100, 9, "g", WIRE_AGENT, "here", 1);
    want(100, 2, WIRE_MEASURE);
    dispatch_expel(dispatch, 200, 7, "its key is gone");
    assert_null(dispatch_node(dispatch, 7));
    assert_int_equal(result(200, 7, 1, 1, 1, WIRE_OK), DISPATCH_STRANGER);
    struct seen seen = tick(200);
    assert_int_equal(seen.closes[DISPATCH_RETURNED], 1);
    assert_int_equal(seen.replaced, 0);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.links[0], 8);
    assert_int_equal(queue_find(dispatch_queue(dispatch), key(1))->tries.failures, 0);
    lease = 2;
    for (int64_t now = 1100; now <= 5200; now += 1000) {
        uint64_t sequence = (uint64_t)now;
        beat(now, 8, sequence, 1, 1, &lease, &n);
        beat(now, 9, sequence, 1, 0, NULL, NULL);
        seen = tick(now);
        assert_int_equal(seen.grants, now >= 100 + LEASE);
    }
    assert_int_equal(seen.links[0], 9);
    dispatch_expel(dispatch, 5200, 7, "twice is harmless");
}

static void a_result_for_another_nodes_lease_is_seen_to_be_one(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    tick(0);
    struct wire_result its = result_of(1, 1), before = result_of(1, 99), unknown = result_of(2, 1);
    assert_true(dispatch_leased_elsewhere(dispatch, "v", &its));
    assert_false(dispatch_leased_elsewhere(dispatch, "w", &its));
    assert_false(dispatch_leased_elsewhere(dispatch, "v", &before)); /* of another master: an honest peer may hold one */
    assert_false(dispatch_leased_elsewhere(dispatch, "v", &unknown));
}

static void a_task_that_could_not_be_sent_waits_again(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    tick(0);
    dispatch_link_gone(dispatch, 1, 7);
    dispatch_undelivered(dispatch, 1, 1);
    struct seen seen = tick(1);
    assert_int_equal(seen.closes[DISPATCH_RETURNED], 1);
    assert_int_equal(seen.grants, 0);
    assert_null(dispatch_node(dispatch, 7));
}

/* --- failures --- */

static void a_failed_task_is_offered_to_another_node_first(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    tick(0);
    join(0, 8, "v", WIRE_WORKER, "b", 1);
    assert_int_equal(result(10, 7, 1, 1, 1, WIRE_FAILED), DISPATCH_NOTED);
    struct seen seen = tick(10);
    assert_int_equal(seen.closes[DISPATCH_FAILED], 1);
    assert_int_equal(seen.links[0], 8);
}

static void three_failures_on_the_only_node_end_a_task(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    struct seen seen = tick(0);
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(seen.grants, 1);
        assert_int_equal(seen.given_up, 0);
        assert_int_equal(result(10, 7, attempt, attempt, 1, WIRE_FAILED), DISPATCH_NOTED);
        seen = tick(10);
    }
    assert_int_equal(seen.given_up, 1);
    assert_non_null(strstr(seen.reason, "why"));
}

static void failures_of_earlier_starts_count(void **state)
{
    (void)state;
    want_again(1, WIRE_RMI, "", 3, 2);
    assert_int_equal(tick(0).given_up, 1);
    want_again(2, WIRE_RMI, "", 3, 1);
    assert_int_equal(tick(0).given_up, 0);
}

static void a_last_attempt_runs_alone(void **state)
{
    (void)state;
    want_again(1, WIRE_RMI, "", 2, 2);
    want(0, 2, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 4);
    struct seen seen = tick(0);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.keys[0], 1);
    assert_int_equal(result(10, 7, 1, 3, 1, WIRE_OK), DISPATCH_TAKE);
    assert_int_equal(tick(10).grants, 1);
}

/* --- results that come when they should not --- */

static void a_result_is_taken_once(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    tick(0);
    assert_int_equal(result(10, 7, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    assert_int_equal(result(10, 7, 1, 1, 1, WIRE_OK), DISPATCH_STALE);
}

static void a_result_for_another_peers_lease_is_stale(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    tick(0);
    join(0, 8, "v", WIRE_WORKER, "b", 1);
    assert_int_equal(result(10, 8, 1, 1, 1, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(result(10, 7, 1, 2, 1, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(result(10, 9, 1, 1, 1, WIRE_OK), DISPATCH_STRANGER);
    assert_int_equal(result(10, 7, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
}

/* The lease of w is lost, v has the task now, and w comes back with its result. */
static void lose_to_another(enum wire_kind kind, const char *host)
{
    want(0, 1, kind);
    join(0, 7, "w", kind == WIRE_RMI ? WIRE_WORKER : WIRE_AGENT, host, 1);
    struct seen seen = tick(0);
    assert_int_equal(seen.grants, 1);
    beat(100, 7, 2, 1, 1, seen.leases, seen.keys);
    for (int64_t now = 1000; now <= 4000; now += 500)
        dispatch_tick(dispatch, now);
    join(4500, 8, "v", kind == WIRE_RMI ? WIRE_WORKER : WIRE_AGENT, host, 1);
    seen = tick(100 + LEASE);
    assert_int_equal(seen.closes[DISPATCH_LOST], 1);
    assert_int_equal(seen.links[0], 8);
    join(5200, 9, "w", kind == WIRE_RMI ? WIRE_WORKER : WIRE_AGENT, host, 1);
}

static void a_late_result_is_taken_while_the_key_is_open(void **state)
{
    (void)state;
    lose_to_another(WIRE_RMI, "here");
    assert_int_equal(result(5300, 9, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    assert_int_equal(tick(5300).closes[DISPATCH_RETURNED], 0); /* v may be computing still */
    assert_int_equal(result(5400, 8, 2, 2, 1, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(tick(5400).closes[DISPATCH_RETURNED], 1);
}

/* A database that was put back has given the number out again, for the same key, attempt and node. */
static void a_result_under_the_same_number_of_another_master_is_stale(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    assert_int_equal(tick(0).grants, 1);
    struct wire_result before = result_of(1, 2);
    struct wire_return returned = {.lease_id = 1};
    memcpy(before.key, key(1), sizeof before.key);
    memcpy(returned.key, key(1), sizeof returned.key);
    assert_int_equal(dispatch_result(dispatch, 10, 7, &before), DISPATCH_STALE);
    dispatch_return(dispatch, 20, 7, &returned);
    assert_int_equal(tick(20).closes[DISPATCH_RETURNED], 1);
    assert_int_equal(dispatch_result(dispatch, 30, 7, &before), DISPATCH_STALE); /* nor is it one that comes late */
    assert_int_equal(result(40, 7, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
}

static void a_late_result_of_a_lease_one_never_had_is_stale(void **state)
{
    (void)state;
    lose_to_another(WIRE_RMI, "here");
    join(5200, 10, "x", WIRE_WORKER, "here", 1);
    assert_int_equal(result(5300, 10, 1, 1, 1, WIRE_OK), DISPATCH_STALE);
}

static void a_late_measurement_is_stale(void **state)
{
    (void)state;
    lose_to_another(WIRE_MEASURE, "here");
    assert_int_equal(result(5300, 9, 1, 1, 1, WIRE_OK), DISPATCH_STALE);
}

/* --- processes --- */

static void a_later_process_of_the_same_name_takes_over_at_once(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 1);
    struct seen seen = tick(0);
    beat(100, 7, 2, 1, 1, seen.leases, seen.keys);
    struct wire_hello later = hello_of("w", WIRE_WORKER, "a", 1, 1);
    later.incarnation = 2;
    assert_int_equal(dispatch_hello(dispatch, 200, 8, &later, &drop), DISPATCH_HEARD);
    seen = tick(200);
    assert_int_equal(seen.closes[DISPATCH_LOST], 1);
    assert_int_equal(seen.replaced, 1);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.links[0], 8);
    struct wire_hello earlier = hello_of("w", WIRE_WORKER, "a", 1, 9);
    assert_int_equal(dispatch_hello(dispatch, 300, 7, &earlier, &drop), DISPATCH_NOT_YOU);
}

static void a_peer_that_reconnects_keeps_what_it_lists(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    want(0, 2, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "a", 2);
    struct seen seen = tick(0);
    struct wire_hello again = hello_of("w", WIRE_WORKER, "a", 2, 2);
    again.held.count = 1;
    again.held.items[0].lease_id = seen.leases[1];
    memcpy(again.held.items[0].key, key(seen.keys[1]), DIGEST_HEX_BYTES);
    assert_int_equal(dispatch_hello(dispatch, 100, 8, &again, &drop), DISPATCH_HEARD);
    seen = tick(100);
    assert_int_equal(seen.closes[DISPATCH_RETURNED], 1);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.keys[0], 1);
}

/* --- a restarted master --- */

static void a_restored_lease_is_kept_for_a_lease_time_and_goes_on_with_its_peer(void **state)
{
    (void)state;
    dispatch_restore(dispatch, 0, 41, 1, 2, key(1), "w", "");
    next_lease = 50;
    want(0, 1, WIRE_RMI);
    join(0, 8, "v", WIRE_WORKER, "b", 1);
    assert_int_equal(tick(0).grants, 0);
    struct wire_hello back = hello_of("w", WIRE_WORKER, "a", 1, 1);
    back.held.count = 1;
    back.held.items[0].lease_id = 41;
    memcpy(back.held.items[0].key, key(1), DIGEST_HEX_BYTES);
    assert_int_equal(dispatch_hello(dispatch, 1000, 7, &back, &drop), DISPATCH_HEARD);
    assert_int_equal(drop.count, 0);
    assert_int_equal(result(1100, 7, 41, 2, 1, WIRE_OK), DISPATCH_TAKE);
}

static void a_restored_lease_whose_peer_never_comes_back_is_not_an_attempt(void **state)
{
    (void)state;
    dispatch_restore(dispatch, 0, 41, 1, 1, key(1), "w", "");
    next_lease = 50;
    want(0, 1, WIRE_RMI);
    for (int64_t now = 500; now < LEASE; now += 500)
        assert_int_equal(tick(now).closes[DISPATCH_RETURNED], 0);
    join(LEASE - 1, 8, "v", WIRE_WORKER, "b", 1);
    struct seen seen = tick(LEASE);
    assert_int_equal(seen.closes[DISPATCH_RETURNED], 1);
    assert_int_equal(seen.grants, 1);
}

static void no_measurement_starts_while_a_restored_lease_could_be_anywhere(void **state)
{
    (void)state;
    dispatch_restore(dispatch, 0, 41, 1, 1, key(1), "w", "");
    next_lease = 50;
    want(0, 1, WIRE_RMI);
    want(0, 2, WIRE_MEASURE);
    join(0, 7, "g", WIRE_AGENT, "here", 1);
    assert_int_equal(tick(0).grants, 0);
    struct wire_hello back = hello_of("w", WIRE_WORKER, "elsewhere", 1, 1);
    back.held.count = 1;
    back.held.items[0].lease_id = 41;
    memcpy(back.held.items[0].key, key(1), DIGEST_HEX_BYTES);
    dispatch_hello(dispatch, 100, 8, &back, &drop);
    assert_int_equal(tick(100).grants, 1);
}

/* Its result has become needless, and it may be computing it still: in the store its lease is open until that is over. */
static void the_loser_of_two_keeps_its_machine_busy_over_a_restart(void **state)
{
    lose_to_another(WIRE_RMI, "here");
    assert_int_equal(result(5300, 9, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    bool open = tick(5300).closes[DISPATCH_RETURNED] == 0;
    teardown(NULL);
    setup(state);
    if (open)
        dispatch_restore(dispatch, 0, 2, 1, 2, key(1), "v", "");
    next_lease = 50;
    want(0, 2, WIRE_MEASURE);
    join(0, 7, "g", WIRE_AGENT, "here", 1);
    assert_int_equal(tick(0).grants, 0);
    struct wire_hello back = hello_of("v", WIRE_WORKER, "here", 1, 1);
    back.held.count = 1;
    back.held.items[0].lease_id = 2;
    memcpy(back.held.items[0].key, key(1), DIGEST_HEX_BYTES);
    dispatch_hello(dispatch, 100, 8, &back, &drop);
    assert_int_equal(tick(100).grants, 0);
    assert_int_equal(result(200, 8, 2, 2, 1, WIRE_OK), DISPATCH_STALE);
    struct seen seen = tick(200);
    assert_int_equal(seen.closes[DISPATCH_RETURNED], 1);
    assert_int_equal(seen.grants, 1);
}

/* --- the host rule --- */

static void a_host_measures_when_its_workers_have_nothing_to_do(void **state)
{
    (void)state;
    want(0, 1, WIRE_RMI);
    want(0, 2, WIRE_MEASURE);
    want(0, 3, WIRE_MEASURE);
    join(0, 7, "w", WIRE_WORKER, "here", 1);
    join(0, 8, "g", WIRE_AGENT, "here", 1);
    struct seen seen = tick(0);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.links[0], 7);
    assert_int_equal(tick(10).grants, 0);
    assert_int_equal(result(20, 7, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    want(20, 4, WIRE_RMI);
    seen = tick(20);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.keys[0], 2);
}

static void a_turn_of_measuring_ends_with_what_was_wanted_before_it_began(void **state)
{
    (void)state;
    want(0, 1, WIRE_MEASURE);
    join(0, 7, "w", WIRE_WORKER, "here", 1);
    join(0, 8, "g", WIRE_AGENT, "here", 1);
    assert_int_equal(tick(0).links[0], 8);
    want(10, 2, WIRE_RMI);
    want(10, 3, WIRE_MEASURE);
    assert_int_equal(tick(10).grants, 0);
    assert_int_equal(result(20, 8, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    struct seen seen = tick(20);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.keys[0], 2);
}

static void many_measurements_waiting_drain_the_host(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; n++)
        want(0, n, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "here", 1);
    join(0, 8, "g", WIRE_AGENT, "here", 1);
    assert_int_equal(tick(0).grants, 1);
    for (int n = 11; n <= 13; n++)
        want(10, n, WIRE_MEASURE);
    tick(10);
    assert_int_equal(result(20, 7, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    struct seen seen = tick(20);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.keys[0], 11);
}

static void one_measurement_that_has_waited_long_drains_the_host(void **state)
{
    (void)state;
    want(0, 11, WIRE_MEASURE);
    for (int n = 1; n <= 2; n++)
        want(0, n, WIRE_RMI);
    join(0, 7, "w", WIRE_WORKER, "here", 1);
    join(0, 8, "g", WIRE_AGENT, "here", 1);
    struct seen seen = tick(0);
    assert_int_equal(seen.keys[0], 1);
    uint64_t sequence = 2;
    for (int64_t now = 1000; now <= 60000; now += 1000, sequence++) {
        beat(now, 7, sequence, 1, 1, seen.leases, seen.keys);
        beat(now, 8, sequence, 1, 0, NULL, NULL);
        tick(now);
    }
    assert_int_equal(result(60001, 7, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    assert_int_equal(tick(60001).keys[0], 11);
}

static void a_host_measures_one_thing_at_a_time(void **state)
{
    (void)state;
    want(0, 1, WIRE_MEASURE);
    want(0, 2, WIRE_MEASURE);
    join(0, 8, "g", WIRE_AGENT, "here", 1);
    join(0, 9, "h", WIRE_AGENT, "here", 1);
    assert_int_equal(tick(0).grants, 1);
}

static void other_hosts_go_on_computing_while_one_measures(void **state)
{
    (void)state;
    want(0, 1, WIRE_MEASURE);
    join(0, 8, "g", WIRE_AGENT, "here", 1);
    join(0, 7, "w", WIRE_WORKER, "here", 1);
    join(0, 9, "v", WIRE_WORKER, "there", 1);
    tick(0);
    want(10, 2, WIRE_RMI);
    want(10, 3, WIRE_RMI);
    struct seen seen = tick(10);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.links[0], 9);
}

static void the_word_host_means_the_masters_host_and_a_key_its_device(void **state)
{
    (void)state;
    want_again(1, WIRE_MEASURE, "host", 0, 0);
    want_again(2, WIRE_MEASURE, "dev", 0, 0);
    want_again(3, WIRE_MEASURE, "other", 0, 0);
    join(0, 8, "g", WIRE_AGENT, "there", 3);
    struct seen seen = tick(0);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.keys[0], 2);
    char sentence[128];
    dispatch_waiting_for(dispatch, sentence, sizeof sentence);
    assert_non_null(strstr(sentence, "an agent on this host"));
}

/* A worker that was given a task which meanwhile has its value may still compute: its host counts as busy until it has let go. */
static void a_ghost_keeps_its_host_busy(void **state)
{
    (void)state;
    lose_to_another(WIRE_RMI, "here");
    assert_int_equal(result(5300, 9, 1, 1, 1, WIRE_OK), DISPATCH_TAKE);
    want(5300, 2, WIRE_MEASURE);
    join(5300, 20, "g", WIRE_AGENT, "here", 1);
    assert_int_equal(tick(5300).grants, 0);
    uint64_t lease = 2;
    int n = 1;
    beat(5400, 8, 2, 1, 1, &lease, &n);
    assert_int_equal(drop.count, 1);
    assert_int_equal(tick(5400).grants, 0);
    beat(5500, 8, 3, 1, 0, NULL, NULL);
    assert_int_equal(tick(5500).grants, 1);
}

/* --- boards --- */

static const struct peers_trust trusted = {.quarantined = false};

/* An agent of a board that is not the agent's own machine. */
static void join_board(int64_t now, uint32_t link, const char *name, uint32_t slots, uint64_t sequence)
{
    struct wire_hello hello = hello_of(name, WIRE_AGENT, "board-x", slots, sequence);
    snprintf(hello.host_id, sizeof hello.host_id, "board-%s", name);
    assert_int_equal(dispatch_hello(dispatch, now, link, &hello, &drop), DISPATCH_HEARD);
}

static void want_measured(int64_t now, int first, int count)
{
    for (int n = first; n < first + count; n++)
        dispatch_want(dispatch, now, key(n), WIRE_MEASURE, "dev", &(struct queue_tries){0});
}

static enum dispatch_verdict canary_result(int64_t now, uint32_t link, uint64_t lease, enum wire_outcome outcome)
{
    struct wire_result message = {.lease_id = lease, .epoch = 1, .attempt = 1, .outcome = outcome, .sentence = "why"};
    memcpy(message.key, last_canary, sizeof message.key);
    return dispatch_result(dispatch, now, link, &message);
}

static void a_canary_comes_before_the_first_measurement_and_after_every_third(void **state)
{
    (void)state;
    want_measured(0, 1, 9);
    join_board(0, 7, "pi", 1, 1);
    struct seen seen = tick(0);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.canaries, 1);
    assert_int_equal(tick(0).grants, 0);
    for (int n = 1; n <= 9; n++) {
        if (n % 3 == 1) {
            assert_int_equal(canary_result(n, 7, next_lease - 1, WIRE_OK), DISPATCH_CANARY);
            dispatch_trust(dispatch, n, "dev", "pi", &trusted);
            seen = tick(n);
        }
        assert_int_equal(seen.grants, 1);
        assert_int_equal(seen.keys[0], n);
        assert_int_equal(result(n, 7, next_lease - 1, 1, n, WIRE_OK), DISPATCH_TAKE);
        seen = tick(n);
        assert_int_equal(seen.canaries, n % 3 == 0 && n < 9);
    }
}

static void a_canary_is_measured_only_when_a_measurement_waits(void **state)
{
    (void)state;
    join_board(0, 7, "pi", 1, 1);
    assert_int_equal(tick(0).grants, 0);
}

static void a_board_that_connects_again_is_checked_again(void **state)
{
    (void)state;
    want_measured(0, 1, 9);
    join_board(0, 7, "pi", 1, 1);
    tick(0);
    canary_result(1, 7, 1, WIRE_OK);
    assert_int_equal(tick(1).keys[0], 1);
    assert_int_equal(result(2, 7, 2, 1, 1, WIRE_OK), DISPATCH_TAKE);
    join_board(3, 8, "pi", 1, 2);
    assert_int_equal(tick(3).canaries, 1);
    /* What was granted before the connection broke says nothing of what came after. */
    join_board(4, 9, "pi", 1, 3);
    assert_int_equal(canary_result(5, 9, 3, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(tick(5).canaries, 1);
}

static void a_lost_canary_is_due_again_and_nobodys_attempt(void **state)
{
    (void)state;
    want_measured(0, 1, 1);
    join_board(0, 7, "pi", 1, 1);
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(tick(10 * i).canaries, 1);
        struct wire_return handed_back = {.lease_id = next_lease - 1};
        memcpy(handed_back.key, last_canary, sizeof handed_back.key);
        dispatch_return(dispatch, 10 * i, 7, &handed_back);
    }
    assert_int_equal(queue_find(dispatch_queue(dispatch), key(1))->tries.failures, 0);
}

static void doubts_are_cleared_before_anything_else(void **state)
{
    (void)state;
    want_measured(0, 1, 3);
    join_board(0, 7, "pi", 1, 1);
    tick(0);
    for (int i = 1; i <= 4; i++) {
        canary_result(i, 7, next_lease - 1, i == 2 ? WIRE_FAILED : WIRE_OK);
        dispatch_trust(dispatch, i, "dev", "pi", &(struct peers_trust){.again = i < 4});
        assert_int_equal(tick(i).canaries, i < 4);
    }
}

static void a_quarantined_board_is_given_canaries_alone_when_their_time_has_come(void **state)
{
    (void)state;
    want_measured(0, 1, 3);
    join_board(0, 7, "pi", 1, 1);
    tick(0);
    canary_result(1, 7, 1, WIRE_OK);
    dispatch_trust(dispatch, 1, "dev", "pi", &(struct peers_trust){.quarantined = true, .wait_ms = 4000});
    uint64_t sequence = 2;
    for (int64_t now = 501; now < 4001; now += 500) {
        beat(now, 7, sequence++, 1, 0, NULL, NULL);
        assert_int_equal(tick(now).grants, 0);
    }
    beat(4001, 7, sequence, 1, 0, NULL, NULL);
    struct seen seen = tick(4001);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.canaries, 1);
    canary_result(4002, 7, 2, WIRE_OK);
    dispatch_trust(dispatch, 4002, "dev", "pi", &trusted);
    assert_int_equal(tick(4002).keys[0], 1);
}

static void what_a_board_was_measuring_when_it_was_quarantined_is_measured_elsewhere(void **state)
{
    (void)state;
    want_measured(0, 1, 1);
    join_board(0, 7, "pi", 1, 1);
    tick(0);
    canary_result(1, 7, 1, WIRE_OK);
    dispatch_trust(dispatch, 1, "dev", "pi", &trusted);
    assert_int_equal(tick(1).keys[0], 1);
    dispatch_trust(dispatch, 2, "dev", "pi", &(struct peers_trust){.quarantined = true, .wait_ms = 60000});
    assert_int_equal(result(3, 7, 2, 1, 1, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(tick(3).closes[DISPATCH_RETURNED], 1);
    assert_int_equal(queue_find(dispatch_queue(dispatch), key(1))->tries.failures, 0);
}

static void a_board_that_a_person_quarantined_is_given_nothing(void **state)
{
    (void)state;
    want_measured(0, 1, 1);
    dispatch_trust(dispatch, 0, "dev", "pi", &(struct peers_trust){.quarantined = true, .held = true});
    join_board(0, 7, "pi", 1, 1);
    assert_int_equal(tick(0).grants, 0);
    join_board(0, 8, "other", 1, 1);
    assert_int_equal(tick(0).links[0], 8);
}

static void a_board_that_calculates_latency_is_checked_when_it_connects_and_no_more(void **state)
{
    (void)state;
    want_measured(0, 1, 5);
    struct wire_hello hello = hello_of("sim", WIRE_AGENT, "board-sim", 1, 1);
    hello.board.deterministic = true;
    dispatch_hello(dispatch, 0, 7, &hello, &drop);
    assert_int_equal(tick(0).canaries, 1);
    canary_result(1, 7, 1, WIRE_OK);
    for (int n = 1; n <= 5; n++) {
        assert_int_equal(tick(n).keys[0], n);
        assert_int_equal(result(n, 7, next_lease - 1, 1, n, WIRE_OK), DISPATCH_TAKE);
    }
}

static void without_canaries_nothing_is_checked(void **state)
{
    (void)state;
    want_measured(0, 1, 1);
    join_board(0, 7, "pi", 1, 1);
    assert_int_equal(tick(0).keys[0], 1);
}

static void a_board_builds_ahead_and_this_machine_does_not(void **state)
{
    (void)state;
    want_measured(0, 1, 4);
    join_board(0, 7, "pi", 2, 1);
    join(0, 8, "g", WIRE_AGENT, "here", 2);
    struct seen seen = tick(0);
    assert_int_equal(seen.grants, 3);
    int of_the_board = 0;
    for (int i = 0; i < 3; i++)
        of_the_board += seen.links[i] == 7;
    assert_int_equal(of_the_board, 2);
}

static enum dispatch_verdict crash(int64_t now, uint32_t link, uint64_t lease, uint32_t attempt, int n)
{
    struct wire_result message = {.lease_id = lease,
                                  .epoch = 1,
                                  .attempt = attempt,
                                  .outcome = WIRE_FAILED,
                                  .failure = WIRE_FAILURE_CRASHED,
                                  .sentence = "bang"};
    memcpy(message.key, key(n), sizeof message.key);
    return dispatch_result(dispatch, now, link, &message);
}

static void what_crashes_boards_is_given_up_for_everybody_after_two_of_them(void **state)
{
    (void)state;
    want_measured(0, 1, 1);
    join_board(0, 7, "pi", 1, 1);
    join_board(0, 8, "pa", 1, 1);
    uint32_t links[3] = {0};
    struct seen seen = tick(0);
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(seen.grants, 1);
        links[attempt - 1] = seen.links[0];
        assert_int_equal(crash(attempt, seen.links[0], seen.leases[0], attempt, 1), DISPATCH_NOTED);
        seen = tick(attempt);
    }
    assert_int_equal(seen.given_up, 1);
    assert_true(seen.crashes);
    assert_int_not_equal(links[0], links[1]);
}

static void other_failures_are_given_up_for_this_study_only(void **state)
{
    (void)state;
    want_measured(0, 1, 1);
    join_board(0, 7, "pi", 1, 1);
    struct seen seen = tick(0);
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(result(attempt, 7, seen.leases[0], attempt, 1, WIRE_FAILED), DISPATCH_NOTED);
        seen = tick(attempt);
    }
    assert_int_equal(seen.given_up, 1);
    assert_false(seen.crashes);
}

/* Another process, the same board: two attempts in one place, and the third waits for another board while there is one. */
static void attempts_belong_to_the_board_whatever_its_process_is_called(void **state)
{
    (void)state;
    dispatch_want(dispatch, 0, key(1), WIRE_MEASURE, "dev", &(struct queue_tries){0});
    join_board(0, 7, "pi", 1, 1);
    struct seen seen = tick(0);
    crash(1, 7, seen.leases[0], 1, 1);
    dispatch_goodbye(dispatch, 2, 7);
    struct wire_hello again = hello_of("renamed", WIRE_AGENT, "board-pi", 1, 1);
    snprintf(again.board.name, sizeof again.board.name, "pi");
    dispatch_hello(dispatch, 3, 9, &again, &drop);
    join_board(3, 10, "pa", 1, 1);
    assert_int_equal(tick(3).links[0], 10);
    assert_int_equal(queue_find(dispatch_queue(dispatch), key(1))->tries.places, 1);
}

static void a_quarantined_board_does_not_keep_the_workers_of_its_host_waiting(void **state)
{
    (void)state;
    dispatch_trust(dispatch, 0, "dev", "g", &(struct peers_trust){.quarantined = true, .wait_ms = 100000});
    want(0, 1, WIRE_MEASURE);
    join(0, 7, "w", WIRE_WORKER, "here", 1);
    join(0, 8, "g", WIRE_AGENT, "here", 1);
    assert_int_equal(tick(0).grants, 0);
    want(1, 2, WIRE_RMI);
    struct seen seen = tick(1);
    assert_int_equal(seen.grants, 1);
    assert_int_equal(seen.links[0], 7);
}

static const char *waiting_for(void)
{
    static char sentence[512];
    dispatch_waiting_for(dispatch, sentence, sizeof sentence);
    return sentence;
}

static void what_a_measurement_waits_for_is_said_in_words(void **state)
{
    (void)state;
    assert_string_equal(waiting_for(), "");
    want_measured(0, 1, 3);
    assert_string_equal(waiting_for(), "an agent for device dev: none is connected");
    join_board(0, 7, "pi", 1, 1);
    tick(0);
    assert_string_equal(waiting_for(), "a canary on board pi first");
    canary_result(1, 7, 1, WIRE_OK);
    dispatch_trust(dispatch, 1, "dev", "pi", &trusted);
    tick(1);
    assert_string_equal(waiting_for(), ""); /* it is being measured on, which is nothing to wait for */
    dispatch_trust(dispatch, 2, "dev", "pi", &(struct peers_trust){.quarantined = true, .reason = "since noon because it lies"});
    assert_string_equal(waiting_for(), "board pi of device dev, which is quarantined since noon because it lies");
}

static void a_device_that_nobody_has_is_told_with_the_nearest_that_is_here(void **state)
{
    (void)state;
    join_board(0, 7, "pi", 1, 1);
    dispatch_want(dispatch, 0, key(1), WIRE_MEASURE, "de", &(struct queue_tries){0});
    tick(0);
    assert_string_equal(waiting_for(), "an agent for device de: none is connected; the nearest that is here is dev");
}

static void a_restored_canary_is_waited_for(void **state)
{
    (void)state;
    want_measured(0, 1, 1);
    join_board(0, 7, "pi", 1, 1);
    tick(0); /* which names the key */
    teardown(NULL);
    setup_every(3);
    dispatch_restore(dispatch, 0, 41, 1, 1, last_canary, "pi", "pi");
    next_lease = 50;
    want_measured(0, 1, 1);
    struct wire_hello back = hello_of("pi", WIRE_AGENT, "board-pi", 1, 1);
    back.held.count = 1;
    back.held.items[0].lease_id = 41;
    memcpy(back.held.items[0].key, last_canary, DIGEST_HEX_BYTES);
    dispatch_hello(dispatch, 1, 7, &back, &drop);
    assert_int_equal(tick(1).grants, 0);
    assert_int_equal(canary_result(2, 7, 41, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(tick(2).canaries, 1);
}

/* --- why --- */

static void add_code(void *context, const struct dispatch_reason *reason)
{
    char *codes = context;
    assert_true(reason->sentence[0] != '\0');
    snprintf(codes + strlen(codes), 256 - strlen(codes), "%s%s", codes[0] != '\0' ? " " : "", reason->code);
}

static const char *reasons(void)
{
    static char codes[256];
    codes[0] = '\0';
    dispatch_reasons(dispatch, add_code, codes);
    return codes;
}

/* In steps that nobody could take for a master that slept. */
static void let_pass(int64_t from, int64_t to)
{
    for (int64_t now = from; now <= to; now += HEARTBEAT / 2)
        tick(now);
}

static void every_reason_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(reasons(), "");
    want(0, 1, WIRE_RMI);
    want(0, 2, WIRE_RMI);
    want(0, 3, WIRE_RMI);
    assert_string_equal(reasons(), "no_worker");
    join(0, 7, "a", WIRE_WORKER, "there", 1);
    assert_string_equal(reasons(), "next_turn");
    tick(0);
    assert_string_equal(reasons(), "busy_workers");
    let_pass(0, 3 * HEARTBEAT);
    assert_string_equal(reasons(), "silent_workers");
    want(3 * HEARTBEAT, 4, WIRE_MEASURE);
    assert_string_equal(reasons(), "silent_workers no_agent");
}

static void a_machines_turns_are_reasons(void **state)
{
    (void)state;
    join(0, 7, "a", WIRE_WORKER, "h", 1);
    want(0, 1, WIRE_RMI);
    want(0, 2, WIRE_RMI);
    tick(0);
    join(0, 8, "b", WIRE_AGENT, "h", 1);
    dispatch_want(dispatch, 0, key(3), WIRE_MEASURE, "dev", &(struct queue_tries){0});
    tick(0);
    assert_string_equal(reasons(), "busy_workers host_computes");
}

static void a_boards_state_is_a_reason(void **state)
{
    (void)state;
    want_measured(0, 1, 3);
    assert_string_equal(reasons(), "no_agent");
    join_board(0, 7, "pi", 1, 1);
    tick(0);
    assert_string_equal(reasons(), "canary");
    canary_result(1, 7, 1, WIRE_OK);
    dispatch_trust(dispatch, 1, "dev", "pi", &trusted);
    tick(1);
    assert_string_equal(reasons(), "busy_board");
    dispatch_trust(dispatch, 2, "dev", "pi", &(struct peers_trust){.quarantined = true, .reason = "since noon because it lies"});
    assert_string_equal(reasons(), "quarantined");
    let_pass(2, 3 * HEARTBEAT);
    assert_string_equal(reasons(), "silent_agent");
    let_pass(3 * HEARTBEAT, 3 * LEASE);
    assert_string_equal(reasons(), "no_agent");
}

#define BOARD_TEST(name) cmocka_unit_test_setup_teardown(name, setup_boards, teardown)
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_peer_gets_as_many_tasks_as_it_has_slots_in_the_order_of_wanting),
        TEST(few_tasks_are_spread_over_the_peers),
        TEST(a_value_frees_the_slot_for_the_next),
        TEST(a_torpid_peer_gets_no_new_work_but_keeps_what_it_has),
        TEST(a_draining_peer_gets_nothing),
        TEST(nothing_is_granted_after_stop),
        TEST(a_lease_is_lost_a_lease_time_after_the_last_heartbeat_that_listed_it),
        TEST(a_lease_the_peer_never_confirmed_is_not_an_attempt),
        TEST(time_the_master_slept_through_counts_against_nobody),
        TEST(a_lease_that_is_listed_no_more_has_been_put_down),
        TEST(an_overtaken_heartbeat_is_not_answered),
        TEST(a_foreign_lease_is_told_to_be_dropped),
        TEST(a_handed_back_task_goes_to_somebody_else_without_an_attempt),
        TEST(a_peer_that_is_expelled_has_no_lease_and_no_voice_and_its_host_counts_as_busy),
        TEST(a_result_for_another_nodes_lease_is_seen_to_be_one),
        TEST(a_task_that_could_not_be_sent_waits_again),
        TEST(a_failed_task_is_offered_to_another_node_first),
        TEST(three_failures_on_the_only_node_end_a_task),
        TEST(failures_of_earlier_starts_count),
        TEST(a_last_attempt_runs_alone),
        TEST(a_result_is_taken_once),
        TEST(a_result_for_another_peers_lease_is_stale),
        TEST(a_late_result_is_taken_while_the_key_is_open),
        TEST(a_late_result_of_a_lease_one_never_had_is_stale),
        TEST(a_result_under_the_same_number_of_another_master_is_stale),
        TEST(a_late_measurement_is_stale),
        TEST(a_later_process_of_the_same_name_takes_over_at_once),
        TEST(a_peer_that_reconnects_keeps_what_it_lists),
        TEST(a_restored_lease_is_kept_for_a_lease_time_and_goes_on_with_its_peer),
        TEST(a_restored_lease_whose_peer_never_comes_back_is_not_an_attempt),
        TEST(no_measurement_starts_while_a_restored_lease_could_be_anywhere),
        TEST(the_loser_of_two_keeps_its_machine_busy_over_a_restart),
        TEST(a_host_measures_when_its_workers_have_nothing_to_do),
        TEST(a_turn_of_measuring_ends_with_what_was_wanted_before_it_began),
        TEST(many_measurements_waiting_drain_the_host),
        TEST(one_measurement_that_has_waited_long_drains_the_host),
        TEST(a_host_measures_one_thing_at_a_time),
        TEST(other_hosts_go_on_computing_while_one_measures),
        TEST(the_word_host_means_the_masters_host_and_a_key_its_device),
        TEST(a_ghost_keeps_its_host_busy),
        BOARD_TEST(a_canary_comes_before_the_first_measurement_and_after_every_third),
        BOARD_TEST(a_canary_is_measured_only_when_a_measurement_waits),
        BOARD_TEST(a_board_that_connects_again_is_checked_again),
        BOARD_TEST(a_lost_canary_is_due_again_and_nobodys_attempt),
        BOARD_TEST(doubts_are_cleared_before_anything_else),
        BOARD_TEST(a_quarantined_board_is_given_canaries_alone_when_their_time_has_come),
        BOARD_TEST(what_a_board_was_measuring_when_it_was_quarantined_is_measured_elsewhere),
        BOARD_TEST(a_board_that_a_person_quarantined_is_given_nothing),
        BOARD_TEST(a_board_that_calculates_latency_is_checked_when_it_connects_and_no_more),
        BOARD_TEST(a_quarantined_board_does_not_keep_the_workers_of_its_host_waiting),
        BOARD_TEST(what_a_measurement_waits_for_is_said_in_words),
        BOARD_TEST(a_device_that_nobody_has_is_told_with_the_nearest_that_is_here),
        BOARD_TEST(a_restored_canary_is_waited_for),
        TEST(without_canaries_nothing_is_checked),
        TEST(a_board_builds_ahead_and_this_machine_does_not),
        TEST(what_crashes_boards_is_given_up_for_everybody_after_two_of_them),
        TEST(other_failures_are_given_up_for_this_study_only),
        TEST(attempts_belong_to_the_board_whatever_its_process_is_called),
        TEST(every_reason_has_its_word),
        TEST(a_machines_turns_are_reasons),
        BOARD_TEST(a_boards_state_is_a_reason),
    };
    return TEST_RUN(tests);
}
