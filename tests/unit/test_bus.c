/* bus: messages both ways on real sockets, the stall trap, addresses. Ends by counts, never by a time. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/bus.h"

/* A server that answers every message with the same bytes, and a client that keeps `window` messages under way. */
struct exchange {
    uv_loop_t loop;
    struct bus *server, *client;
    uv_timer_t timer;
    uint32_t link; /* the client's, as the server sees it */
    int sent, answered, wanted, window;
    int server_batches;
    long busy_ns; /* how long the timer keeps the loop busy before it sends */
};

static void finish(struct exchange *exchange)
{
    uv_close((uv_handle_t *)&exchange->timer, NULL);
    bus_close(exchange->client, 0);
    bus_close(exchange->server, 0);
}

static void send_some(struct exchange *exchange)
{
    while (exchange->sent < exchange->wanted && exchange->sent - exchange->answered < exchange->window) {
        if (bus_send(exchange->client, 0, &exchange->sent, sizeof exchange->sent) != STATUS_OK)
            return;
        exchange->sent++;
    }
}

static void on_server_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct exchange *exchange = context;
    exchange->link = link;
    assert_int_equal(bus_send(exchange->server, link, data, size), STATUS_OK);
}

static void on_server_batch(void *context)
{
    ((struct exchange *)context)->server_batches++;
}

static void on_client_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct exchange *exchange = context;
    int number;
    assert_int_equal(link, 0);
    assert_int_equal(size, sizeof number);
    memcpy(&number, data, sizeof number);
    assert_int_equal(number, exchange->answered);
    exchange->answered++;
}

static void on_client_batch(void *context)
{
    struct exchange *exchange = context;
    send_some(exchange);
    if (exchange->answered == exchange->wanted)
        finish(exchange);
}

/* Until the connection stands the client cannot send. With busy_ns it is also what the trap needs: sends from a callback that
 * is not the socket's, after having kept the loop busy. */
static void on_timer(uv_timer_t *timer)
{
    struct exchange *exchange = timer->data;
    if (exchange->busy_ns > 0) {
        struct timespec start, now;
        clock_gettime(CLOCK_MONOTONIC, &start);
        do
            clock_gettime(CLOCK_MONOTONIC, &now);
        while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < exchange->busy_ns);
    }
    send_some(exchange);
}

static void open_exchange(struct exchange *exchange, const char *address)
{
    struct status status = {0};
    char bound[256];
    struct bus_events server = {on_server_message, on_server_batch, exchange},
                      client = {on_client_message, on_client_batch, exchange};
    uv_loop_init(&exchange->loop);
    assert_ok(bus_open(&exchange->loop, BUS_SERVER, &server, 1, NULL, &exchange->server, &status), status);
    assert_ok(bus_listen(exchange->server, address, bound, sizeof bound, &status), status);
    assert_ok(bus_open(&exchange->loop, BUS_CLIENT, &client, 2, NULL, &exchange->client, &status), status);
    assert_ok(bus_connect(exchange->client, bound, &status), status);
    uv_timer_init(&exchange->loop, &exchange->timer);
    exchange->timer.data = exchange;
    uv_timer_start(&exchange->timer, on_timer, 1, 1);
}

static void run_exchange(struct exchange *exchange, const char *address)
{
    open_exchange(exchange, address);
    uv_run(&exchange->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&exchange->loop), 0);
}

static void messages_arrive_once_and_in_order_over_tcp(void **state)
{
    (void)state;
    struct exchange exchange = {.wanted = 2000, .window = 500};
    run_exchange(&exchange, "tcp://127.0.0.1:*");
    assert_int_equal(exchange.answered, 2000);
}

static void a_batch_ends_after_several_messages(void **state)
{
    (void)state;
    struct exchange exchange = {.wanted = 2000, .window = 500};
    run_exchange(&exchange, "tcp://localhost:*");
    assert_in_range(exchange.server_batches, 2000 / BUS_BATCH, 1999);
}

static void a_busy_timer_that_sends_does_not_stall_the_loop(void **state)
{
    (void)state;
    struct exchange exchange = {.wanted = (int)test_amount(5000, 20000), .window = 1, .busy_ns = test_amount(300000, 3000000)};
    run_exchange(&exchange, "tcp://127.0.0.1:*");
    assert_int_equal(exchange.answered, exchange.wanted);
}

static void an_ipc_folder_is_made_for_its_owner_alone(void **state)
{
    (void)state;
    char folder[] = "/tmp/hwnas-test-bus-XXXXXX", inside[64], address[128];
    assert_non_null(mkdtemp(folder));
    snprintf(inside, sizeof inside, "%s/private", folder);
    snprintf(address, sizeof address, "ipc://%s/hwnas.sock", inside);
    struct exchange exchange = {.wanted = 10, .window = 10};
    run_exchange(&exchange, address);
    struct stat info;
    assert_int_equal(stat(inside, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    unlink(address + 6);
    rmdir(inside);
    rmdir(folder);
}

static void an_ipc_folder_that_others_may_enter_is_refused(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct bus *bus;
    struct bus_events events = {on_server_message, NULL, NULL};
    struct status status = {0};
    uv_loop_init(&loop);
    assert_ok(bus_open(&loop, BUS_SERVER, &events, 1, NULL, &bus, &status), status);
    assert_int_equal(bus_listen(bus, "ipc:///tmp/hwnas-test.sock", NULL, 0, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "chmod 700"));
    bus_close(bus, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

static void a_link_nobody_has_is_not_found(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct bus *bus;
    struct bus_events events = {on_server_message, NULL, NULL};
    struct status status = {0};
    uv_loop_init(&loop);
    assert_ok(bus_open(&loop, BUS_SERVER, &events, 1, NULL, &bus, &status), status);
    assert_int_equal(bus_send(bus, 12345, "x", 1), STATUS_NOT_FOUND);
    bus_close(bus, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

static void a_client_without_a_server_queues_nothing(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct bus *bus;
    struct bus_events events = {on_client_message, NULL, NULL};
    struct status status = {0};
    uv_loop_init(&loop);
    assert_ok(bus_open(&loop, BUS_CLIENT, &events, 1, NULL, &bus, &status), status);
    assert_ok(bus_connect(bus, "tcp://127.0.0.1:1", &status), status);
    assert_int_equal(bus_send(bus, 0, "x", 1), STATUS_UNAVAILABLE);
    bus_close(bus, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

static void without_keys_only_this_machine_is_listened_at(void **state)
{
    (void)state;
    const char *const fine[] = {"ipc:///run/hwnas/x.sock", "tcp://127.0.0.1:5555", "tcp://127.9.8.7:*", "tcp://[::1]:1",
                                "tcp://localhost:80"};
    const char *const beyond[] = {
        "tcp://*:5555", "tcp://0.0.0.0:5555",           "tcp://10.0.0.1:1", "tcp://[::]:1", "tcp://128.0.0.1:1",
        "tcp://eth0:1", "tcp://127.0.0.1.example.org:1"};
    const char *const nonsense[] = {"",           "5555",   "tcp://127.0.0.1", "tcp://127.0.0.1:http", "ipc://",         "ipc://@x",
                                    "inproc://x", "tcp://", "tcp://:5",        "tcp://a b:5",          "tcp://fe80::1:5"};
    struct status status;
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_ok(bus_check_address(BUS_SERVER, fine[i], false, &status), status);
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        assert_int_equal(bus_check_address(BUS_SERVER, beyond[i], false, &status), STATUS_UNSUPPORTED);
        assert_non_null(strstr(status.message, "hwnas keygen"));
        assert_int_equal(bus_check_address(BUS_CLIENT, beyond[i], false, &status), STATUS_UNSUPPORTED);
        assert_non_null(strstr(status.message, "--server-key"));
        assert_ok(bus_check_address(BUS_SERVER, beyond[i], true, &status), status);
    }
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        assert_int_equal(bus_check_address(BUS_SERVER, nonsense[i], true, &status), STATUS_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_once_and_in_order_over_tcp),
        cmocka_unit_test(a_batch_ends_after_several_messages),
        cmocka_unit_test(a_busy_timer_that_sends_does_not_stall_the_loop),
        cmocka_unit_test(an_ipc_folder_is_made_for_its_owner_alone),
        cmocka_unit_test(an_ipc_folder_that_others_may_enter_is_refused),
        cmocka_unit_test(a_link_nobody_has_is_not_found),
        cmocka_unit_test(a_client_without_a_server_queues_nothing),
        cmocka_unit_test(without_keys_only_this_machine_is_listened_at),
    };
    return TEST_RUN(tests);
}
