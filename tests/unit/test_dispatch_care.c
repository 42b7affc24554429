/* dispatch's care for slow and broken nodes: a task that takes long is given to an idle worker as well; a node on which all fails
 * is given nothing for a while. */
#include <string.h>

#include "master/dispatch.h"
#include "tests/support/test.h"

enum { HEARTBEAT = 1000, LEASE = 5000, FLOOR = 3000, ELSEWHERE = 4000, DRAINED = 60000, KEYS = 64 };

/* Every worker here has one slot, beats in time and lists what it holds. */
struct worker {
    char node[WIRE_NAME_BYTES];
    uint64_t sequence, lease; /* lease 0: idle */
    uint32_t attempt;
    int n;
};

struct cluster {
    struct dispatch *dispatch;
    int64_t now;
    uint64_t next_lease;
    struct worker workers[8];
    int worker_count;
    int grants, closes[4], drained, given_up;
    int given[KEYS]; /* leases of that key */
};

static const char *key(int n)
{
    static char keys[KEYS][DIGEST_HEX_BYTES];
    snprintf(keys[n], sizeof keys[n], "%064d", n);
    return keys[n];
}

static int setup_with(void **state, uint32_t copy_after_ms, uint32_t elsewhere_ms)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    struct dispatch_options options = {.epoch = 1,
                                       .heartbeat_ms = HEARTBEAT,
                                       .lease_ms = LEASE,
                                       .failures_max = 3,
                                       .measure_batch = 3,
                                       .measure_wait_ms = 60000,
                                       .copy_after_ms = copy_after_ms,
                                       .elsewhere_ms = elsewhere_ms,
                                       .drain_ms = DRAINED,
                                       .host_id = "here"};
    cluster->dispatch = dispatch_open(&options, 0);
    cluster->next_lease = 1;
    *state = cluster;
    return cluster->dispatch == NULL;
}

static int setup(void **state)
{
    return setup_with(state, FLOOR, 0);
}

static int setup_without_copies(void **state)
{
    return setup_with(state, 0, 0);
}

static int setup_with_patience(void **state)
{
    return setup_with(state, FLOOR, ELSEWHERE);
}

static int teardown(void **state)
{
    struct cluster *cluster = *state;
    dispatch_close(cluster->dispatch);
    free(cluster);
    return 0;
}

static void join(struct cluster *cluster, const char *node)
{
    struct worker *worker = &cluster->workers[cluster->worker_count++];
    struct wire_hello hello = {.role = WIRE_WORKER, .incarnation = 1, .slots = 1, .sequence = ++worker->sequence};
    struct wire_id_list drop;
    snprintf(worker->node, sizeof worker->node, "%s", node);
    snprintf(hello.node, sizeof hello.node, "%s", node);
    snprintf(hello.host_id, sizeof hello.host_id, "host-of-%s", node);
    dispatch_hello(cluster->dispatch, cluster->now, (uint32_t)cluster->worker_count, &hello, &drop);
}

static void want(struct cluster *cluster, int n)
{
    dispatch_want(cluster->dispatch, cluster->now, key(n), WIRE_RMI, "", &(struct queue_tries){0});
}

static void tick(struct cluster *cluster)
{
    struct dispatch_action action;
    dispatch_tick(cluster->dispatch, cluster->now);
    while (dispatch_action(cluster->dispatch, &action)) {
        if (action.kind == DISPATCH_GRANT) {
            struct worker *worker = &cluster->workers[action.link - 1];
            dispatch_granted(cluster->dispatch, action.key, cluster->next_lease);
            worker->n = atoi(action.key);
            worker->attempt = action.attempt;
            worker->lease = cluster->next_lease++;
            cluster->given[worker->n]++;
            cluster->grants++;
        } else if (action.kind == DISPATCH_CLOSE) {
            cluster->closes[action.close]++;
        }
        cluster->drained += action.kind == DISPATCH_DRAINED;
        cluster->given_up += action.kind == DISPATCH_GIVE_UP;
    }
    assert_false(dispatch_broken(cluster->dispatch));
}

static void beat(struct cluster *cluster, int w)
{
    struct worker *worker = &cluster->workers[w];
    struct wire_heartbeat heartbeat = {.sequence = ++worker->sequence, .slots = 1};
    struct wire_id_list drop;
    if (worker->lease != 0) {
        heartbeat.held.count = 1;
        heartbeat.held.items[0].lease_id = worker->lease;
        memcpy(heartbeat.held.items[0].key, key(worker->n), DIGEST_HEX_BYTES);
    }
    dispatch_heartbeat(cluster->dispatch, cluster->now, (uint32_t)w + 1, &heartbeat, &drop);
    for (uint32_t i = 0; i < drop.count; i++)
        worker->lease = drop.lease_ids[i] == worker->lease ? 0 : worker->lease;
}

static void pass(struct cluster *cluster, int64_t ms)
{
    for (int64_t until = cluster->now + ms; cluster->now < until;) {
        cluster->now += HEARTBEAT / 2;
        for (int w = 0; w < cluster->worker_count; w++)
            beat(cluster, w);
        tick(cluster);
    }
}

static enum dispatch_verdict finish(struct cluster *cluster, int w, enum wire_outcome outcome)
{
    struct worker *worker = &cluster->workers[w];
    struct wire_result result = {
        .lease_id = worker->lease, .epoch = 1, .attempt = worker->attempt, .outcome = outcome, .sentence = "no"};
    memcpy(result.key, key(worker->n), sizeof result.key);
    worker->lease = 0;
    enum dispatch_verdict verdict = dispatch_result(cluster->dispatch, cluster->now, (uint32_t)w + 1, &result);
    tick(cluster);
    return verdict;
}

/* Two workers, eight tasks: the second worker does seven of them, a second each; the first holds the last one. */
static void one_is_left(struct cluster *cluster)
{
    join(cluster, "slow");
    join(cluster, "quick");
    for (int n = 1; n <= 8; n++)
        want(cluster, n);
    tick(cluster);
    assert_int_equal(cluster->grants, 2);
    for (int i = 0; i < 7; i++) {
        pass(cluster, 1000);
        assert_int_equal(finish(cluster, 1, WIRE_OK), DISPATCH_TAKE);
    }
    assert_true(cluster->workers[0].lease != 0);
}

/* --- copies --- */

static void what_takes_long_is_given_to_an_idle_worker_once(void **state)
{
    struct cluster *cluster = *state;
    one_is_left(cluster);
    pass(cluster, 1000);
    int n = cluster->workers[0].n;
    assert_int_equal(cluster->workers[1].n, n);
    assert_true(cluster->workers[1].lease != 0 && cluster->workers[1].attempt == 2);
    join(cluster, "third");
    pass(cluster, 30000);
    assert_int_equal(cluster->given[n], 2);
}

static void the_first_result_counts_and_the_other_lease_ends(void **state)
{
    struct cluster *cluster = *state;
    one_is_left(cluster);
    pass(cluster, 1000);
    assert_int_equal(finish(cluster, 1, WIRE_OK), DISPATCH_TAKE);
    assert_int_equal(cluster->closes[DISPATCH_DONE], 8);
    assert_int_equal(cluster->closes[DISPATCH_RETURNED], 0); /* it may be computing still */
    assert_int_equal(finish(cluster, 0, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(cluster->closes[DISPATCH_RETURNED], 1);
    assert_int_equal(cluster->closes[DISPATCH_LOST] + cluster->closes[DISPATCH_FAILED], 0);
}

static void the_one_it_was_copied_from_may_be_first(void **state)
{
    struct cluster *cluster = *state;
    one_is_left(cluster);
    pass(cluster, 1000);
    assert_int_equal(finish(cluster, 0, WIRE_OK), DISPATCH_TAKE);
    assert_int_equal(cluster->closes[DISPATCH_RETURNED], 0);
    pass(cluster, 2000);
    assert_true(cluster->workers[1].lease == 0); /* it was told to drop it */
    assert_int_equal(cluster->closes[DISPATCH_RETURNED], 1);
}

static void a_study_that_ends_closes_the_other_lease(void **state)
{
    struct cluster *cluster = *state;
    one_is_left(cluster);
    pass(cluster, 1000);
    assert_int_equal(finish(cluster, 1, WIRE_OK), DISPATCH_TAKE);
    dispatch_finish(cluster->dispatch);
    tick(cluster);
    assert_int_equal(cluster->closes[DISPATCH_RETURNED], 1);
    assert_int_equal(finish(cluster, 0, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(cluster->closes[DISPATCH_RETURNED], 1); /* once */
}

static void when_one_fails_the_other_goes_on(void **state)
{
    struct cluster *cluster = *state;
    one_is_left(cluster);
    pass(cluster, 1000);
    int n = cluster->workers[0].n;
    assert_int_equal(finish(cluster, 0, WIRE_FAILED), DISPATCH_NOTED);
    pass(cluster, 2000);
    assert_int_equal(cluster->given[n], 2); /* not a third time */
    assert_int_equal(finish(cluster, 1, WIRE_OK), DISPATCH_TAKE);
}

static void a_copy_survives_a_restart(void **state)
{
    struct cluster *cluster = *state;
    one_is_left(cluster);
    pass(cluster, 1000);
    int n = cluster->workers[0].n;
    dispatch_close(cluster->dispatch);
    setup_with(state, FLOOR, 0);
    struct cluster *after = *state;
    memcpy(after->workers, cluster->workers, sizeof after->workers);
    for (int w = 0; w < 2; w++)
        dispatch_restore(after->dispatch, 0, after->workers[w].lease, 1, after->workers[w].attempt, key(n), after->workers[w].node,
                         "");
    want(after, n);
    for (int w = 0; w < 2; w++) {
        struct wire_hello hello = {.role = WIRE_WORKER, .incarnation = 1, .slots = 1, .sequence = ++after->workers[w].sequence};
        struct wire_id_list drop;
        memcpy(hello.node, after->workers[w].node, sizeof hello.node);
        snprintf(hello.host_id, sizeof hello.host_id, "host-of-%s", hello.node);
        hello.held.count = 1;
        hello.held.items[0].lease_id = after->workers[w].lease;
        memcpy(hello.held.items[0].key, key(n), DIGEST_HEX_BYTES);
        dispatch_hello(after->dispatch, 0, (uint32_t)w + 1, &hello, &drop);
        assert_int_equal(drop.count, 0);
    }
    after->worker_count = 2;
    free(cluster);
    tick(after);
    assert_int_equal(finish(after, 1, WIRE_OK), DISPATCH_TAKE);
    assert_int_equal(finish(after, 0, WIRE_OK), DISPATCH_STALE);
    assert_int_equal(after->closes[DISPATCH_DONE], 1);
    assert_int_equal(after->closes[DISPATCH_RETURNED], 1);
}

static void nothing_is_copied_while_tasks_wait_or_much_is_left(void **state)
{
    struct cluster *cluster = *state;
    join(cluster, "slow");
    join(cluster, "quick");
    for (int n = 1; n <= 8; n++)
        want(cluster, n);
    tick(cluster);
    for (int i = 0; i < 5; i++) {
        pass(cluster, 1000);
        finish(cluster, 1, WIRE_OK);
    }
    join(cluster, "idle"); /* gets the last that waits; of eight tasks five are done */
    join(cluster, "more");
    pass(cluster, 10000);
    assert_int_equal(cluster->grants, 8);
}

/* Two workers side by side, four seconds a task: 1.5 times that is more than the floor. */
static void what_is_long_is_measured_by_what_is_usual(void **state)
{
    struct cluster *cluster = *state;
    join(cluster, "first");
    join(cluster, "second");
    for (int n = 1; n <= 8; n++)
        want(cluster, n);
    tick(cluster);
    for (int i = 0; i < 3; i++) {
        pass(cluster, 4000);
        finish(cluster, 0, WIRE_OK);
        finish(cluster, 1, WIRE_OK);
    }
    pass(cluster, 4000);
    finish(cluster, 1, WIRE_OK);
    pass(cluster, 1500);
    assert_int_equal(cluster->grants, 8);
    pass(cluster, 2000);
    assert_int_equal(cluster->grants, 9);
}

static void nothing_is_copied_before_five_have_told_what_is_usual(void **state)
{
    struct cluster *cluster = *state;
    join(cluster, "slow");
    join(cluster, "quick");
    for (int n = 1; n <= 5; n++)
        want(cluster, n);
    tick(cluster);
    for (int i = 0; i < 4; i++) {
        pass(cluster, 1000);
        finish(cluster, 1, WIRE_OK);
    }
    pass(cluster, 30000);
    assert_int_equal(cluster->grants, 5);
}

static void what_has_failed_is_not_copied(void **state)
{
    struct cluster *cluster = *state;
    join(cluster, "first");
    for (int n = 1; n <= 8; n++)
        want(cluster, n);
    tick(cluster);
    for (int n = 1; n <= 7; n++) {
        pass(cluster, 1000);
        finish(cluster, 0, WIRE_OK);
    }
    join(cluster, "second");
    finish(cluster, 0, WIRE_FAILED);
    assert_int_equal(cluster->workers[1].n, 8);
    pass(cluster, 30000);
    assert_int_equal(cluster->given[8], 2);
}

static void nothing_is_copied_when_that_is_switched_off(void **state)
{
    struct cluster *cluster = *state;
    one_is_left(cluster);
    pass(cluster, 30000);
    assert_int_equal(cluster->grants, 8);
}

/* --- tasks that fail --- */

static void a_task_waits_for_another_node_before_it_goes_back(void **state)
{
    struct cluster *cluster = *state;
    join(cluster, "alone");
    want(cluster, 1);
    want(cluster, 2);
    tick(cluster);
    assert_int_equal(cluster->workers[0].n, 1);
    finish(cluster, 0, WIRE_FAILED);
    assert_int_equal(cluster->workers[0].n, 2); /* what has not failed goes on */
    finish(cluster, 0, WIRE_OK);
    pass(cluster, ELSEWHERE - HEARTBEAT);
    assert_int_equal(cluster->given[1], 1);
    pass(cluster, 2 * HEARTBEAT);
    assert_int_equal(cluster->given[1], 2);
    finish(cluster, 0, WIRE_FAILED);
    pass(cluster, HEARTBEAT);
    join(cluster, "back again");
    tick(cluster);
    assert_int_equal(cluster->given[1], 3);
    assert_int_equal(cluster->workers[1].n, 1);
}

/* --- nodes on which all fails --- */

static void a_node_on_which_five_tasks_failed_is_given_nothing_for_a_while(void **state)
{
    struct cluster *cluster = *state;
    char waiting[256];
    join(cluster, "broken");
    for (int n = 1; n <= 8; n++)
        want(cluster, n);
    tick(cluster);
    while (cluster->workers[0].lease != 0) /* each task three times, as there is nobody else */
        finish(cluster, 0, WIRE_FAILED);
    assert_int_equal(cluster->given_up, 4);
    assert_int_equal(cluster->drained, 1);
    int grants = cluster->grants;
    pass(cluster, DRAINED - 1000);
    assert_int_equal(cluster->grants, grants);
    dispatch_waiting_for(cluster->dispatch, waiting, sizeof waiting);
    assert_non_null(strstr(waiting, "worker broken, on which 5 tasks failed"));
    pass(cluster, 2000);
    assert_int_equal(cluster->grants, grants + 1);
    while (cluster->workers[0].lease != 0) /* one chance: the fifth task twice more, and a sixth */
        finish(cluster, 0, WIRE_FAILED);
    assert_int_equal(cluster->given_up, 5);
    assert_int_equal(cluster->drained, 2);
    assert_int_equal(cluster->given[6], 1);
}

static void a_success_between_begins_the_count_anew(void **state)
{
    struct cluster *cluster = *state;
    join(cluster, "moody");
    for (int n = 1; n <= 40; n++)
        want(cluster, n);
    tick(cluster);
    for (int i = 0; i < 30; i++)
        finish(cluster, 0, i % 4 == 3 ? WIRE_OK : WIRE_FAILED);
    assert_int_equal(cluster->drained, 0);
}

static void one_task_that_fails_again_and_again_drains_nobody(void **state)
{
    struct cluster *cluster = *state;
    join(cluster, "a");
    want(cluster, 1);
    tick(cluster);
    while (cluster->workers[0].lease != 0)
        finish(cluster, 0, WIRE_FAILED);
    assert_int_equal(cluster->drained, 0);
    assert_int_equal(cluster->given_up, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_takes_long_is_given_to_an_idle_worker_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_result_counts_and_the_other_lease_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(the_one_it_was_copied_from_may_be_first, setup, teardown),
        cmocka_unit_test_setup_teardown(when_one_fails_the_other_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_study_that_ends_closes_the_other_lease, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_survives_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_copied_while_tasks_wait_or_much_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_long_is_measured_by_what_is_usual, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_copied_before_five_have_told_what_is_usual, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_failed_is_not_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_copied_when_that_is_switched_off, setup_without_copies, teardown),
        cmocka_unit_test_setup_teardown(a_task_waits_for_another_node_before_it_goes_back, setup_with_patience, teardown),
        cmocka_unit_test_setup_teardown(a_node_on_which_five_tasks_failed_is_given_nothing_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(a_success_between_begins_the_count_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(one_task_that_fails_again_and_again_drains_nobody, setup, teardown),
    };
    return TEST_RUN(tests);
}
