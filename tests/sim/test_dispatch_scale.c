/* dispatch with very many peers: what happens often takes no longer for that. Counted is not time but memory: how many pages
 * dispatch went over, which the kernel notes for each (/proc/self/clear_refs and smaps; proc(5)). A walk over all peers, leases or
 * tasks, wherever it may hide, goes over thousands. Skips where the kernel does not tell. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "master/dispatch.h"

enum {
    PEERS = 20000,
    TRIES = 10,       /* of each kind of event; each event concerns a few peers, leases and tasks */
    PAGES_EACH = 100, /* the most that one event may go over: lists and hash tables reach into a few pages each (60, 75 where a
                         sanitizer spreads them) */
    PAGES_ALL = 1500, /* the least that all peers, or all leases, or all tasks take */
    HEARTBEAT = 1000,
    LEASE = 10000
};

static struct dispatch *dispatch;
static int64_t now_ms;
static uint64_t next_lease, next_key;

/* What the store and the peers know: leases by the link they went to. */
static struct grant {
    uint64_t lease_id;
    uint32_t attempt;
    char key[DIGEST_HEX_BYTES];
} grants[PEERS + 1];
static uint64_t sequences[PEERS + 1];
static uint32_t last_link; /* of the grant taken last */

/* --- how much memory was gone over --- */

/* The processor notes a page only when it looks it up; unmapping many at once makes it forget what it has looked up. */
static bool forget_lookups(void)
{
    size_t size = 256 * 4096;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    memset(memory, 1, size);
    return munmap(memory, size) == 0;
}

static bool forget_pages(void)
{
    int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    bool done = file >= 0 && write(file, "1", 1) == 1 && forget_lookups();
    if (file >= 0)
        close(file);
    return done;
}

/* In pages of the heap and of mapped memory without a file, since forget_pages. */
static long touched_pages(void)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[512], permissions[8];
    unsigned long start, end, inode = 1, kilobytes, sum = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%lx-%lx %7s %*x %*x:%*x %lu", &start, &end, permissions, &inode) == 4)
            continue;
        if (inode == 0 && sscanf(line, "Referenced: %lu", &kilobytes) == 1)
            sum += kilobytes;
    }
    fclose(file);
    return (long)(sum / 4);
}

static long base_pages; /* what forgetting and counting itself goes over */

static void begin_counting(void)
{
    assert_true(forget_pages());
}

#define assert_went_over(least, most, what)                                                                                        \
    do {                                                                                                                           \
        long pages = touched_pages() - base_pages;                                                                                 \
        printf("# %s: %ld pages\n", what, pages);                                                                                  \
        if (pages < (least) || pages > (most))                                                                                     \
            fail_msg("%s: went over %ld pages, not %ld to %ld", what, pages, (long)(least), (long)(most));                         \
    } while (0)

/* --- a cluster --- */

static struct wire_hello hello_of(uint32_t link)
{
    struct wire_hello hello = {.role = WIRE_WORKER, .incarnation = 1, .slots = 1, .sequence = ++sequences[link]};
    snprintf(hello.node, sizeof hello.node, "node-%u", link);
    snprintf(hello.host_id, sizeof hello.host_id, "host-%u", link);
    return hello;
}

static void list_held(uint32_t link, struct wire_held_list *held)
{
    held->count = grants[link].lease_id != 0;
    held->items[0].lease_id = grants[link].lease_id;
    memcpy(held->items[0].key, grants[link].key, DIGEST_HEX_BYTES);
}

static void say_hello(uint32_t link)
{
    static struct wire_hello hello;
    static struct wire_id_list drop;
    hello = hello_of(link);
    list_held(link, &hello.held);
    assert_int_equal(dispatch_hello(dispatch, now_ms, link, &hello, &drop), DISPATCH_HEARD);
}

static void beat(uint32_t link)
{
    static struct wire_heartbeat heartbeat;
    static struct wire_id_list drop;
    heartbeat = (struct wire_heartbeat){.sequence = ++sequences[link], .slots = 1};
    list_held(link, &heartbeat.held);
    assert_int_equal(dispatch_heartbeat(dispatch, now_ms, link, &heartbeat, &drop), DISPATCH_HEARD);
}

static void want(long count)
{
    for (long i = 0; i < count; i++) {
        char key[DIGEST_HEX_BYTES];
        snprintf(key, sizeof key, "%064llx", (unsigned long long)++next_key);
        dispatch_want(dispatch, now_ms, key, WIRE_RMI, "", &(struct queue_tries){0});
    }
}

/* Ticks, and carries out what comes of it. Returns how many leases were granted. */
static long tick(void)
{
    struct dispatch_action action;
    long granted = 0;
    dispatch_tick(dispatch, now_ms);
    while (dispatch_action(dispatch, &action)) {
        if (action.kind != DISPATCH_GRANT)
            continue;
        struct grant *grant = &grants[action.link];
        last_link = action.link;
        grant->lease_id = next_lease++;
        grant->attempt = action.attempt;
        memcpy(grant->key, action.key, sizeof grant->key);
        dispatch_granted(dispatch, action.key, grant->lease_id);
        granted++;
    }
    assert_false(dispatch_broken(dispatch));
    return granted;
}

static void finish(uint32_t link)
{
    static struct wire_result result;
    struct grant *grant = &grants[link];
    result = (struct wire_result){.lease_id = grant->lease_id, .epoch = 1, .attempt = grant->attempt, .outcome = WIRE_OK};
    memcpy(result.key, grant->key, sizeof result.key);
    assert_int_equal(dispatch_result(dispatch, now_ms, link, &result), DISPATCH_TAKE);
    *grant = (struct grant){0};
}

static void open_dispatch(void)
{
    struct dispatch_options options = {.epoch = 1,
                                       .heartbeat_ms = HEARTBEAT,
                                       .lease_ms = LEASE,
                                       .failures_max = 3,
                                       .measure_batch = 32,
                                       .measure_wait_ms = 300000,
                                       .host_id = "host-1"};
    dispatch = dispatch_open(&options, now_ms);
    assert_non_null(dispatch);
}

static int setup(void **state)
{
    (void)state;
    now_ms = 0;
    next_lease = 1;
    next_key = 0;
    memset(grants, 0, sizeof grants);
    memset(sequences, 0, sizeof sequences);
    open_dispatch();
    for (uint32_t link = 1; link <= PEERS; link++)
        say_hello(link);
    return 0;
}

static int setup_busy(void **state)
{
    setup(state);
    want(2 * PEERS);
    assert_int_equal(tick(), PEERS);
    for (uint32_t link = 1; link <= PEERS; link++)
        beat(link);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dispatch_close(dispatch);
    return 0;
}

/* --- events --- */

static uint32_t some(int i)
{
    return 1 + (uint32_t)i * (PEERS / TRIES) + 7;
}

static void a_walk_over_all_peers_is_noticed(void **state)
{
    (void)state;
    long looked = 0;
    begin_counting();
    for (const struct peer *peer = dispatch_peers(dispatch)->by_node; peer != NULL; peer = peer->hh.next)
        looked += peer->slots;
    assert_went_over(PAGES_ALL, LONG_MAX, "all peers");
    assert_int_equal(looked, PEERS);
}

static void a_walk_over_all_leases_is_noticed(void **state)
{
    (void)state;
    long looked = 0;
    begin_counting();
    for (const struct lease *lease = dispatch_queue(dispatch)->leases; lease != NULL; lease = lease->next)
        looked += lease->confirmed;
    assert_went_over(PAGES_ALL, LONG_MAX, "all leases");
    assert_int_equal(looked, PEERS);
}

static void a_tick_without_work_goes_over_nobody(void **state)
{
    (void)state;
    begin_counting();
    for (int i = 0; i < TRIES; i++)
        assert_int_equal(tick(), 0);
    assert_went_over(0, PAGES_EACH, "ticks");
}

static void a_task_finds_one_of_many_that_are_idle(void **state)
{
    (void)state;
    begin_counting();
    for (int i = 0; i < TRIES; i++) {
        want(1);
        assert_int_equal(tick(), 1);
        beat(last_link);
        finish(last_link);
    }
    assert_went_over(0, TRIES * PAGES_EACH, "tasks for idle workers");
}

static void a_result_frees_one_of_many_that_are_busy(void **state)
{
    (void)state;
    begin_counting();
    for (int i = 0; i < TRIES; i++) {
        finish(some(i));
        assert_int_equal(tick(), 1);
        assert_int_equal(last_link, some(i));
        beat(some(i));
    }
    assert_went_over(0, TRIES * PAGES_EACH, "results");
}

static void a_heartbeat_goes_over_its_peer_alone(void **state)
{
    (void)state;
    begin_counting();
    for (int i = 0; i < TRIES; i++) {
        beat(some(i));
        assert_int_equal(tick(), 0);
    }
    assert_went_over(0, TRIES * PAGES_EACH, "heartbeats");
}

static void one_that_leaves_and_comes_back_goes_over_nobody_else(void **state)
{
    (void)state;
    begin_counting();
    for (int i = 0; i < TRIES; i++) {
        dispatch_goodbye(dispatch, now_ms, some(i));
        grants[some(i)] = (struct grant){0};
        tick();
        say_hello(some(i));
        assert_int_equal(tick(), 1);
    }
    assert_went_over(0, TRIES * PAGES_EACH, "goodbyes and hellos");
}

static void a_lost_connection_goes_over_its_peer_alone(void **state)
{
    (void)state;
    begin_counting();
    for (int i = 0; i < TRIES; i++) {
        dispatch_link_gone(dispatch, now_ms, some(i));
        tick();
        say_hello(some(i));
        tick();
    }
    assert_went_over(0, TRIES * PAGES_EACH, "connections");
}

static void the_silent_are_found_without_the_others(void **state)
{
    (void)state;
    for (now_ms = HEARTBEAT; now_ms < LEASE; now_ms += HEARTBEAT) {
        for (uint32_t link = 1; link <= PEERS; link++) {
            if (link % (PEERS / TRIES) != 0)
                beat(link);
        }
        tick();
    }
    for (int i = 1; i <= TRIES; i++)
        assert_non_null(dispatch_node(dispatch, (uint32_t)(i * (PEERS / TRIES))));
    now_ms = LEASE;
    begin_counting();
    tick();
    assert_went_over(0, TRIES * PAGES_EACH, "silent workers");
    for (int i = 1; i <= TRIES; i++)
        assert_null(dispatch_node(dispatch, (uint32_t)(i * (PEERS / TRIES))));
}

/* Waiting again, they stand before all that were never taken. */
static void tasks_that_wait_again_find_their_place_at_once(void **state)
{
    (void)state;
    begin_counting();
    for (int i = 0; i < TRIES; i++) {
        struct wire_return returned = {.lease_id = grants[some(i)].lease_id};
        memcpy(returned.key, grants[some(i)].key, sizeof returned.key);
        dispatch_return(dispatch, now_ms, some(i), &returned);
    }
    assert_went_over(0, TRIES * PAGES_EACH, "tasks handed back");
    assert_int_equal(tick(), TRIES);
}

static void after_a_restart_each_finds_its_own_leases(void **state)
{
    (void)state;
    dispatch_close(dispatch);
    open_dispatch();
    for (uint32_t link = 1; link <= PEERS; link++) {
        char node[WIRE_NAME_BYTES];
        snprintf(node, sizeof node, "node-%u", link);
        dispatch_restore(dispatch, now_ms, grants[link].lease_id, 1, grants[link].attempt, grants[link].key, node, "");
    }
    next_key = 0;
    want(2 * PEERS);
    tick();
    begin_counting();
    for (int i = 0; i < TRIES; i++) {
        say_hello(some(i));
        assert_int_equal(tick(), 0);
    }
    assert_went_over(0, TRIES * PAGES_EACH, "workers back after a restart");
    for (int i = 0; i < TRIES; i++)
        finish(some(i));
    assert_int_equal(tick(), TRIES);
}

static bool kernel_tells(void)
{
    /* Huge pages are gone over as one. */
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0 || !forget_pages())
        return false;
    long pages = 1000;
    volatile char *memory = calloc((size_t)pages, 4096);
    if (memory == NULL)
        return false;
    for (long i = 0; i < pages; i++)
        memory[i * 4096] = 1;
    forget_pages();
    base_pages = touched_pages();
    forget_pages();
    for (long i = 0; i < pages; i++)
        memory[i * 4096]++;
    bool tells = touched_pages() - base_pages >= pages - 10 && base_pages < pages / 2;
    free((void *)(uintptr_t)memory);
    return tells;
}

int main(void)
{
    if (!kernel_tells()) {
        printf("1..0 # SKIP which pages a process goes over is not told here (by this kernel, or under a sanitizer)\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_walk_over_all_peers_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_walk_over_all_leases_is_noticed, setup_busy, teardown),
        cmocka_unit_test_setup_teardown(a_tick_without_work_goes_over_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tick_without_work_goes_over_nobody, setup_busy, teardown),
        cmocka_unit_test_setup_teardown(a_task_finds_one_of_many_that_are_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(a_result_frees_one_of_many_that_are_busy, setup_busy, teardown),
        cmocka_unit_test_setup_teardown(a_heartbeat_goes_over_its_peer_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_heartbeat_goes_over_its_peer_alone, setup_busy, teardown),
        cmocka_unit_test_setup_teardown(one_that_leaves_and_comes_back_goes_over_nobody_else, setup_busy, teardown),
        cmocka_unit_test_setup_teardown(a_lost_connection_goes_over_its_peer_alone, setup_busy, teardown),
        cmocka_unit_test_setup_teardown(the_silent_are_found_without_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(tasks_that_wait_again_find_their_place_at_once, setup_busy, teardown),
        cmocka_unit_test_setup_teardown(after_a_restart_each_finds_its_own_leases, setup_busy, teardown),
    };
    return TEST_RUN(tests);
}
