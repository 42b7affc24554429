/* bus with keys: whoever is on the list talks, nobody else does, whatever they come with; a key that leaves the list is not heard
 * any more. Strangers speak ZeroMQ, or bytes, straight at the port. Ends by counts, never by a time. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <zmq.h>

#include "common/bus.h"
#include "common/bus_parts.h"
#include "common/rng.h"

enum { STRANGERS_AT_ONCE = 16 };

struct world {
    char path[64], made[80], allow[80];
    uv_loop_t loop;
    uv_timer_t timer;
    struct keys_list *list;
    struct keys_secret *head, *alpha, *beta, *unlisted;
    struct bus_keys server_keys, alpha_keys, beta_keys;
    struct bus *server, *honest, *other;
    char address[128];
    int heard_alpha, heard_beta, heard_before, heard_strange, answered, other_answered, refusals;
    bool wait_for_answer;
    bool (*until)(struct world *world);
    struct rng rng;
};

static void shell(const char *command_text, const struct world *world)
{
    char command[512];
    snprintf(command, sizeof command, "set -e; A='%s' B='%s'; %s", world->made, world->allow, command_text);
    assert_int_equal(system(command), 0);
}

static struct keys_secret *make(const struct world *world, const char *name, enum keys_role role)
{
    struct keys_public made;
    struct keys_secret *pair = NULL;
    struct status status = {0};
    char path[128];
    assert_ok(keys_create(world->made, name, role, &made, &status), status);
    snprintf(path, sizeof path, "%s/%s_secret", world->made, name);
    assert_ok(keys_load_secret(path, &pair, &status), status);
    return pair;
}

/* --- who talks --- */

static void on_server_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct world *world = context;
    const struct keys_public *key = bus_sender(world->server);
    if (key == NULL || size != 4)
        world->heard_strange++;
    else if (strcmp(key->name, "alpha") == 0)
        world->heard_alpha++;
    else if (strcmp(key->name, "beta") == 0)
        world->heard_beta++;
    else
        world->heard_strange++;
    bus_send(world->server, link, data, size);
}

static void on_honest_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct world *world = context;
    (void)link;
    (void)data;
    (void)size;
    world->answered++;
    world->wait_for_answer = false;
}

static void on_other_message(void *context, uint32_t link, const void *data, size_t size)
{
    (void)link;
    (void)data;
    (void)size;
    ((struct world *)context)->other_answered++;
}

static void on_refused(void *context, const char *sentence)
{
    (void)sentence;
    ((struct world *)context)->refusals++;
}

/* Until the test's condition holds: honest talk in lock-step, whatever else happens. */
static void on_timer(uv_timer_t *timer)
{
    struct world *world = timer->data;
    if (!world->wait_for_answer && bus_send(world->honest, 0, "ping", 4) == STATUS_OK)
        world->wait_for_answer = true;
    if (world->until(world))
        uv_stop(&world->loop);
}

static void run_until(struct world *world, bool (*until)(struct world *world))
{
    world->until = until;
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static struct bus *connect_as(struct world *world, const struct bus_keys *keys,
                              void (*message)(void *, uint32_t, const void *, size_t))
{
    struct bus *bus;
    struct bus_events events = {message, NULL, world};
    struct status status = {0};
    assert_ok(bus_open(&world->loop, BUS_CLIENT, &events, rng_next(&world->rng), NULL, &bus, &status), status);
    if (keys != NULL)
        assert_ok(bus_use_keys(bus, keys, &status), status);
    bus_on_refused(bus, on_refused, world);
    assert_ok(bus_connect(bus, world->address, &status), status);
    return bus;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct status status = {0};
    snprintf(world->path, sizeof world->path, "/tmp/hwnas-test-bus-keys-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    snprintf(world->made, sizeof world->made, "%s/made", world->path);
    snprintf(world->allow, sizeof world->allow, "%s/allow", world->path);
    rng_seed(&world->rng, 3);
    world->head = make(world, "head", KEYS_MASTER);
    world->alpha = make(world, "alpha", KEYS_WORKER);
    world->beta = make(world, "beta", KEYS_WORKER);
    assert_ok(keys_generate("stray", KEYS_WORKER, &world->unlisted, &status), status);
    shell("mkdir -m 755 \"$B\"; cp \"$A\"/alpha \"$A\"/beta \"$B\"", world);
    assert_ok(keys_list_load(world->allow, &world->list, &status), status);
    world->server_keys = (struct bus_keys){.own = world->head, .allow = world->list};
    world->alpha_keys = (struct bus_keys){.own = world->alpha, .server = keys_public_of(world->head)};
    world->beta_keys = (struct bus_keys){.own = world->beta, .server = keys_public_of(world->head)};
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->timer);
    world->timer.data = world;
    uv_timer_start(&world->timer, on_timer, 1, 1);
    struct bus_events events = {on_server_message, NULL, world};
    assert_ok(bus_open(&world->loop, BUS_SERVER, &events, 1, NULL, &world->server, &status), status);
    assert_ok(bus_use_keys(world->server, &world->server_keys, &status), status);
    assert_ok(bus_listen(world->server, "tcp://127.0.0.1:*", world->address, sizeof world->address, &status), status);
    world->honest = connect_as(world, &world->alpha_keys, on_honest_message);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    uv_close((uv_handle_t *)&world->timer, NULL);
    bus_close(world->honest, 0);
    bus_close(world->other, 0);
    bus_close(world->server, 0);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    keys_list_free(world->list);
    keys_free(world->head);
    keys_free(world->alpha);
    keys_free(world->beta);
    keys_free(world->unlisted);
    shell("rm -rf \"$A\" \"$B\"", world);
    rmdir(world->path);
    free(world);
    return 0;
}

/* --- the honest --- */

static bool has_talked(struct world *world)
{
    return world->answered >= 200;
}

static void a_listed_key_talks_and_each_message_has_its_key(void **state)
{
    struct world *world = *state;
    run_until(world, has_talked);
    assert_in_range(world->heard_alpha, 200, 201);
    assert_int_equal(world->heard_strange, 0);
    assert_int_equal(world->heard_beta, 0);
    assert_int_equal(bus_refused(world->server), 0); /* the self-test's stranger is nobody's business */
}

static bool was_answered_locally(struct world *world)
{
    return world->other_answered > 0 || bus_send(world->other, 0, "here", 4) == STATUS_INTERNAL;
}

/* One server: keys on tcp, none on a socket in a folder of its own. */
static void a_private_socket_needs_no_key_beside_one_that_does(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    snprintf(world->address, sizeof world->address, "ipc://%s/in/s", world->path);
    assert_ok(bus_listen(world->server, world->address, NULL, 0, &status), status);
    world->other = connect_as(world, NULL, on_other_message);
    run_until(world, was_answered_locally);
    assert_int_equal(world->heard_beta, 0);
    assert_true(world->heard_strange > 0); /* that is: without a key */
    unlink(world->address + 6);
    *strrchr(world->address, '/') = '\0';
    rmdir(world->address + 6);
}

/* --- keys that go and come --- */

static bool beta_was_heard(struct world *world)
{
    bus_send(world->other, 0, "beta", 4);
    return world->other_answered > 0;
}

static bool beta_knocked_50_times(struct world *world)
{
    bus_send(world->other, 0, "beta", 4);
    return bus_refused(world->server) >= 50 || world->heard_beta > world->heard_before || world->heard_strange > 0;
}

static bool beta_was_told(struct world *world)
{
    return world->refusals > 0;
}

static void a_key_taken_off_the_list_is_not_heard_until_it_is_back(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    world->other = connect_as(world, &world->beta_keys, on_other_message);
    run_until(world, beta_was_heard);
    shell("rm \"$B\"/beta", world);
    assert_ok(keys_list_reload(world->list, NULL, &status), status);
    int heard = world->heard_before = world->heard_beta;
    run_until(world, beta_knocked_50_times); /* the connection stands: each message is refused by itself */
    assert_int_equal(world->heard_beta, heard);
    assert_int_equal(world->heard_strange, 0);
    assert_int_equal(world->refusals, 0);
    assert_ok(bus_reopen(world->other, &status), status);
    run_until(world, beta_was_told);
    assert_int_equal(world->heard_beta, heard);
    shell("cp \"$A\"/beta \"$B\"", world);
    assert_ok(keys_list_reload(world->list, NULL, &status), status);
    world->other_answered = 0;
    run_until(world, beta_was_heard); /* without anybody's help: it tries again */
    assert_true(world->heard_beta > heard);
    assert_int_equal(world->heard_strange, 0);
}

static void a_client_is_told_when_keys_do_not_fit(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    struct bus_keys wrong_server = {.own = world->alpha, .server = keys_public_of(world->beta)};
    const struct bus_keys *cases[] = {NULL, &wrong_server};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world->refusals = 0;
        world->other = connect_as(world, cases[i], on_other_message);
        run_until(world, beta_was_told);
        bus_close(world->other, 0);
        world->other = NULL;
    }
    /* And with keys at a server that has none. */
    struct bus *plain;
    struct bus_events events = {on_server_message, NULL, world};
    assert_ok(bus_open(&world->loop, BUS_SERVER, &events, 1, NULL, &plain, &status), status);
    assert_ok(bus_listen(plain, "tcp://127.0.0.1:*", world->address, sizeof world->address, &status), status);
    world->refusals = 0;
    world->other = connect_as(world, &world->alpha_keys, on_other_message);
    run_until(world, beta_was_told);
    bus_close(plain, 0);
    assert_int_equal(world->heard_strange + world->other_answered, 0);
}

/* ZeroMQ looks no names up: who wrote one is told what to write. */
static void a_host_by_its_name_cannot_be_listened_at(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    assert_int_equal(bus_listen(world->server, "tcp://a-host.invalid:*", NULL, 0, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "tcp://a-host.invalid:*: its host is neither"));
}

/* --- strangers --- */

enum stranger_kind { UNKNOWN_KEY, REVOKED_KEY, NO_PAIR, WRONG_SERVER, NO_KEY, PASSWORD, BAD_BYTES, STRANGER_KINDS };

struct stranger {
    enum stranger_kind kind;
    void *socket, *monitor; /* of ZeroMQ */
    int fd;                 /* of BAD_BYTES */
    bool here;
};

struct storm {
    struct world *world;
    void *context;
    struct stranger strangers[STRANGERS_AT_ONCE];
    long wanted, begun, refused, let_in;
};

static struct storm *the_storm(struct world *world)
{
    return world->timer.data == world ? (struct storm *)world->loop.data : NULL;
}

static void throw_bytes(struct storm *storm, struct stranger *stranger)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(storm->world->address, ':') + 1));
    /* A ZMTP 3.1 greeting that wants CURVE, then what should be HELLO. */
    uint8_t bytes[64 + 202] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};
    bytes[64] = 4;
    bytes[65] = 200;
    memcpy(bytes + 66, "\x05HELLO\x01\x00", 8);
    for (size_t i = rng_below(&storm->world->rng, 2) ? 66 : 74; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rng_below(&storm->world->rng, 256);
    stranger->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_not_equal(stranger->fd, -1);
    assert_int_equal(connect(stranger->fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(stranger->fd, bytes, sizeof bytes, MSG_NOSIGNAL), (ssize_t)sizeof bytes);
    assert_int_equal(fcntl(stranger->fd, F_SETFL, O_NONBLOCK), 0);
}

static int show_keys(const struct storm *storm, const struct stranger *stranger)
{
    const struct world *world = storm->world;
    const struct keys_secret *pair = stranger->kind == REVOKED_KEY ? world->beta
                                     : stranger->kind == NO_PAIR   ? world->alpha
                                                                   : world->unlisted;
    const struct keys_secret *secret = stranger->kind == NO_PAIR ? world->unlisted : pair;
    const struct keys_secret *server = stranger->kind == WRONG_SERVER ? world->unlisted : world->head;
    if (stranger->kind == NO_KEY)
        return 0;
    if (stranger->kind == PASSWORD)
        return zmq_setsockopt(stranger->socket, ZMQ_PLAIN_USERNAME, "admin", 5) |
               zmq_setsockopt(stranger->socket, ZMQ_PLAIN_PASSWORD, "admin", 5);
    return zmq_setsockopt(stranger->socket, ZMQ_CURVE_SERVERKEY, keys_public_of(server)->bytes, KEYS_BYTES) |
           zmq_setsockopt(stranger->socket, ZMQ_CURVE_PUBLICKEY, keys_public_of(pair)->bytes, KEYS_BYTES) |
           zmq_setsockopt(stranger->socket, ZMQ_CURVE_SECRETKEY, keys_secret_of(secret), KEYS_BYTES);
}

static void begin(struct storm *storm, struct stranger *stranger)
{
    char name[64];
    int zero = 0;
    *stranger = (struct stranger){.kind = (enum stranger_kind)(storm->begun % STRANGER_KINDS), .here = true, .fd = -1};
    snprintf(name, sizeof name, "inproc://fate-%ld", storm->begun++);
    if (stranger->kind == BAD_BYTES) {
        throw_bytes(storm, stranger);
        return;
    }
    stranger->socket = zmq_socket(storm->context, ZMQ_DEALER);
    stranger->monitor = zmq_socket(storm->context, ZMQ_PAIR);
    assert_int_equal(zmq_setsockopt(stranger->socket, ZMQ_LINGER, &zero, sizeof zero) | show_keys(storm, stranger), 0);
    assert_int_equal(zmq_socket_monitor(stranger->socket, name, ZMQ_EVENT_ALL) | zmq_connect(stranger->monitor, name), 0);
    assert_int_equal(zmq_connect(stranger->socket, storm->world->address), 0);
    zmq_send(stranger->socket, "stranger", 8, ZMQ_DONTWAIT);
}

/* 1: let in; -1: refused; 0: not known yet. */
static int fate(struct stranger *stranger)
{
    if (stranger->kind == BAD_BYTES) {
        char bytes[256];
        ssize_t got = recv(stranger->fd, bytes, sizeof bytes, 0);
        return got == 0 || (got < 0 && errno != EAGAIN) ? -1 : 0;
    }
    int result = 0;
    bool more;
    zmq_msg_t part;
    while (result == 0 && bus_receive_part(stranger->monitor, &part, &more)) {
        uint16_t event = 0;
        if (more && zmq_msg_size(&part) > sizeof event)
            memcpy(&event, zmq_msg_data(&part), sizeof event);
        zmq_msg_close(&part);
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            result = 1;
        else if (event &
                 (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL))
            result = -1;
    }
    return result;
}

static void end(struct stranger *stranger)
{
    if (stranger->fd >= 0)
        close(stranger->fd);
    if (stranger->socket != NULL) {
        zmq_socket_monitor(stranger->socket, NULL, 0); /* or ZeroMQ's thread waits for ever for a reader */
        zmq_close(stranger->socket);
        zmq_close(stranger->monitor);
    }
    stranger->here = false;
}

static bool storm_is_over(struct world *world)
{
    struct storm *storm = the_storm(world);
    bool over = true;
    for (size_t i = 0; i < STRANGERS_AT_ONCE; i++) {
        struct stranger *stranger = &storm->strangers[i];
        int known = stranger->here ? fate(stranger) : 0;
        if (known != 0) {
            *(known > 0 ? &storm->let_in : &storm->refused) += 1;
            end(stranger);
        }
        if (!stranger->here && storm->begun < storm->wanted)
            begin(storm, stranger);
        over &= !stranger->here;
    }
    return over;
}

static void strangers_are_refused_while_the_honest_talk_on(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    struct storm storm = {.world = world, .context = zmq_ctx_new(), .wanted = test_amount(140, 1400)};
    world->loop.data = &storm;
    shell("rm \"$B\"/beta", world);
    assert_ok(keys_list_reload(world->list, NULL, &status), status);
    run_until(world, has_talked);
    int answered = world->answered;
    run_until(world, storm_is_over);
    printf("# %ld strangers: %ld refused, %ld let in; %d messages of the honest meanwhile\n", storm.begun, storm.refused,
           storm.let_in, world->answered - answered);
    assert_int_equal(storm.let_in, 0);
    assert_int_equal(storm.refused, storm.wanted);
    assert_int_equal(world->heard_strange + world->heard_beta, 0);
    assert_int_equal(bus_dropped(world->server), 0);
    assert_true(world->answered > answered);
    assert_true(bus_refused(world->server) >=
                (uint64_t)(2 * storm.wanted / STRANGER_KINDS)); /* those with keys that are not listed */
    answered = world->answered = 0;
    run_until(world, has_talked); /* and after it */
    zmq_ctx_term(storm.context);
}

/* --- the self-test --- */

/* What the self-test is there to find: CURVE that asks nobody (no handler), and no CURVE at all. */
static void a_door_that_lets_strangers_in_is_found(void **state)
{
    struct world *world = *state;
    void *context = zmq_ctx_new();
    for (int curve = 0; curve <= 1; curve++) {
        struct status status = {0};
        char address[128];
        size_t size = sizeof address;
        void *server = zmq_socket(context, ZMQ_ROUTER);
        assert_int_equal(bus_set_int(server, ZMQ_LINGER, 0), 0);
        if (curve)
            assert_int_equal(bus_set_int(server, ZMQ_CURVE_SERVER, 1) |
                                 zmq_setsockopt(server, ZMQ_CURVE_SECRETKEY, keys_secret_of(world->head), KEYS_BYTES),
                             0);
        assert_int_equal(zmq_bind(server, "tcp://127.0.0.1:*"), 0);
        assert_int_equal(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, address, &size), 0);
        assert_int_equal(bus_try_strangers(NULL, address, keys_public_of(world->head), &status), STATUS_INTERNAL);
        assert_non_null(strstr(status.message, curve ? "with a throw-away key is let in" : "asks for no keys"));
        zmq_close(server);
    }
    zmq_ctx_term(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_listed_key_talks_and_each_message_has_its_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_private_socket_needs_no_key_beside_one_that_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_taken_off_the_list_is_not_heard_until_it_is_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_is_told_when_keys_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_host_by_its_name_cannot_be_listened_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strangers_are_refused_while_the_honest_talk_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_door_that_lets_strangers_in_is_found, set_up, tear_down),
    };
    return TEST_RUN(tests);
}
