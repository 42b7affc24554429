/* bus: one ROUTER or DEALER socket on a uv loop. Used by the master's coordinator and the peers' sessions; keeps the rule that
 * nobody else touches ZeroMQ. Settings and their reasons: reliability notes, section 3. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/bus_parts.h"
#include "common/wire.h"

enum {
    QUEUE_MESSAGES = 1000,
    PING_MS = 2000, /* ZMTP heartbeats see a dead connection; that the peer's loop lives is seen by Heartbeat messages alone */
    PING_TIMEOUT_MS = 6000,
    KEEPALIVE_IDLE_S = 5,
    KEEPALIVE_INTERVAL_S = 3,
    KEEPALIVE_COUNT = 3,
    UNSENT_MS = 20000,
    HANDSHAKE_MS = 3000,
    CONNECT_MS = 5000,
    RECONNECT_LEAST_MS = 100,
    RECONNECT_SPREAD_MS = 400,
    RECONNECT_MOST_MS = 5000,
    DESCRIPTORS_LEAST = 48,
    ROUTING_ID_BYTES = 5 /* of ids that ZeroMQ chooses: a zero byte and 32 bits */
};

struct bus_watch {
    uv_poll_t poll;
};

int bus_set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

/* --- the loop --- */

bool bus_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return socket != NULL && zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

bool bus_more(const struct bus *bus)
{
    return bus_readable(bus->messages.socket);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active is what keeps the loop from sleeping */
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events; /* waking the loop is all: the check handle receives */
}

static void wake_for(struct bus *bus, struct bus_channel *channel)
{
    if (channel->socket == NULL)
        return;
    if (bus_readable(channel->socket))
        uv_idle_start(&bus->idle, on_idle);
    else
        uv_poll_start(&channel->watch->poll, UV_READABLE, on_poll);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct bus *bus = prepare->data;
    wake_for(bus, &bus->messages);
    wake_for(bus, &bus->zap);
    wake_for(bus, &bus->monitor);
}

static void drop(struct bus *bus, const char *why)
{
    bus->dropped++;
    /* One line for the 1st, 2nd, 4th, 8th ...: a flood must not fill the log. */
    if ((bus->dropped & (bus->dropped - 1)) == 0)
        log_event(bus->logger, LOG_WARN, "dropped a message", log_text("because_it", why), log_count("so_far", bus->dropped));
}

bool bus_receive_part(void *socket, zmq_msg_t *part, bool *more)
{
    zmq_msg_init(part);
    if (zmq_msg_recv(part, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(part);
        return false;
    }
    *more = zmq_msg_more(part) != 0;
    return true;
}

/* Returns false when the socket is empty. */
static bool receive_message(struct bus *bus)
{
    uint32_t link = 0;
    bool more = false, fine = true;
    zmq_msg_t part;
    if (bus->kind == BUS_SERVER) {
        if (!bus_receive_part(bus->messages.socket, &part, &more))
            return false;
        const unsigned char *id = zmq_msg_data(&part);
        fine = zmq_msg_size(&part) == ROUTING_ID_BYTES && id[0] == 0 && more;
        if (fine)
            memcpy(&link, id + 1, sizeof link);
        zmq_msg_close(&part);
        if (!fine && !more) {
            drop(bus, "has no body");
            return true;
        }
    }
    if (!bus_receive_part(bus->messages.socket, &part, &more))
        return false;
    if (!fine)
        drop(bus, "came with a routing id of the peer's own choice");
    else if (more)
        drop(bus, "has several parts");
    else if (bus_zap_admits(bus, &part))
        bus->events.message(bus->events.context, link, zmq_msg_data(&part), zmq_msg_size(&part));
    zmq_msg_close(&part);
    while (more) {
        if (!bus_receive_part(bus->messages.socket, &part, &more))
            return false;
        zmq_msg_close(&part);
    }
    return true;
}

static void sleep_on(struct bus_channel *channel)
{
    if (channel->socket != NULL)
        uv_poll_stop(&channel->watch->poll);
}

static void on_check(uv_check_t *check)
{
    struct bus *bus = check->data;
    uv_idle_stop(&bus->idle);
    sleep_on(&bus->messages);
    sleep_on(&bus->zap);
    sleep_on(&bus->monitor);
    for (int i = 0; i < BUS_BATCH && bus_readable(bus->zap.socket) && bus_zap_answer(bus);)
        i++;
    for (int i = 0; i < BUS_BATCH && bus_readable(bus->monitor.socket) && bus_monitor_take(bus);)
        i++;
    int received = 0;
    while (received < BUS_BATCH && bus_readable(bus->messages.socket) && receive_message(bus))
        received++;
    bus->sender = NULL;
    if (received > 0 && bus->events.batch_end != NULL)
        bus->events.batch_end(bus->events.context);
}

/* --- opening and closing --- */

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

enum status_code bus_channel_open(struct bus *bus, void *socket, struct bus_channel *out, struct status *status)
{
    int fd = -1;
    size_t size = sizeof fd;
    struct bus_watch *watch = zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 ? malloc(sizeof *watch) : NULL;
    if (watch == NULL || uv_poll_init(bus->loop, &watch->poll, fd) != 0) {
        free(watch);
        zmq_close(socket);
        return status_set(status, STATUS_IO, "the socket cannot be watched: %s", zmq_strerror(errno));
    }
    watch->poll.data = watch;
    *out = (struct bus_channel){.socket = socket, .watch = watch};
    return STATUS_OK;
}

void bus_channel_close(struct bus_channel *channel)
{
    if (channel->socket == NULL)
        return;
    uv_poll_stop(&channel->watch->poll);
    uv_close((uv_handle_t *)&channel->watch->poll, on_watch_closed);
    zmq_close(channel->socket);
    *channel = (struct bus_channel){0};
}

static enum status_code open_socket(struct bus *bus, struct status *status)
{
    void *socket = zmq_socket(bus->context, bus->kind == BUS_SERVER ? ZMQ_ROUTER : ZMQ_DEALER);
    if (socket == NULL)
        return status_set(status, STATUS_IO, "no socket: %s", zmq_strerror(errno));
    int64_t most = WIRE_FRAME_MAX;
    int failed = bus_set_int(socket, ZMQ_LINGER, 0) | zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most) |
                 bus_set_int(socket, ZMQ_SNDHWM, QUEUE_MESSAGES) | bus_set_int(socket, ZMQ_RCVHWM, QUEUE_MESSAGES) |
                 bus_set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    if (bus->kind == BUS_SERVER) {
        /* Clients ping; a server that did would go over the timers of all its connections for each answer of each (ZeroMQ 4.3.4
         * looks for a timer to cancel from the first one on): with 10,000 of them it does nothing else. The kernel sees to it that
         * connections end whose other end is gone. */
        failed |= bus_set_int(socket, ZMQ_ROUTER_MANDATORY, 1) | bus_set_int(socket, ZMQ_BACKLOG, 256) |
                  bus_set_int(socket, ZMQ_TCP_KEEPALIVE, 1) | bus_set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) |
                  bus_set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S) |
                  bus_set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT) | bus_set_int(socket, ZMQ_TCP_MAXRT, UNSENT_MS);
    } else {
        failed |= bus_set_int(socket, ZMQ_HEARTBEAT_IVL, PING_MS) | bus_set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, PING_TIMEOUT_MS);
        /* Without IMMEDIATE a client queues for a server that is away, and old heartbeats arrive in a heap. */
        int least = RECONNECT_LEAST_MS + (int)rng_below(&bus->rng, RECONNECT_SPREAD_MS);
        failed |= bus_set_int(socket, ZMQ_IMMEDIATE, 1) | bus_set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) |
                  bus_set_int(socket, ZMQ_RECONNECT_IVL, least) | bus_set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
    }
    if (failed) {
        zmq_close(socket);
        return status_set(status, STATUS_IO, "the socket cannot be set up: %s", zmq_strerror(errno));
    }
    enum status_code code = bus_channel_open(bus, socket, &bus->messages, status);
    return code == STATUS_OK && bus->kind == BUS_CLIENT ? bus_monitor_open(bus, status) : code;
}

static void close_socket(struct bus *bus, int linger_ms)
{
    bus_monitor_close(bus);
    if (bus->messages.socket != NULL)
        bus_set_int(bus->messages.socket, ZMQ_LINGER, linger_ms);
    bus_channel_close(&bus->messages);
}

/* ZeroMQ ends the process when it runs out of descriptors while it makes a socket: what cannot work is said before. */
static enum status_code check_descriptors(struct status *status)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_LEAST)
        return STATUS_OK;
    return status_set(status, STATUS_IO, "only %llu files may be open at once, which is too few for sockets: ulimit -n 1024",
                      (unsigned long long)limit.rlim_cur);
}

enum status_code bus_open(uv_loop_t *loop, enum bus_kind kind, const struct bus_events *events, uint64_t seed,
                          const struct logger *logger, struct bus **out, struct status *status)
{
    enum status_code code = check_descriptors(status);
    if (code != STATUS_OK)
        return code;
    struct bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a socket");
    bus->kind = kind;
    bus->events = *events;
    bus->logger = logger;
    bus->loop = loop;
    rng_seed(&bus->rng, seed);
    bus->context = zmq_ctx_new();
    if (bus->context == NULL) {
        free(bus);
        return status_set(status, STATUS_NO_MEMORY, "no memory for ZeroMQ");
    }
    code = open_socket(bus, status);
    if (code != STATUS_OK) {
        close_socket(bus, 0);
        zmq_ctx_term(bus->context);
        free(bus);
        return code;
    }
    uv_prepare_init(loop, &bus->prepare);
    uv_check_init(loop, &bus->check);
    uv_idle_init(loop, &bus->idle);
    uv_timer_init(loop, &bus->again);
    bus->prepare.data = bus->check.data = bus->idle.data = bus->again.data = bus;
    bus->open_handles = 4;
    uv_prepare_start(&bus->prepare, on_prepare);
    uv_check_start(&bus->check, on_check);
    *out = bus;
    return STATUS_OK;
}

enum status_code bus_use_keys(struct bus *bus, const struct bus_keys *keys, struct status *status)
{
    if (zmq_has("curve") != 1)
        return status_set(status, STATUS_UNSUPPORTED, "this ZeroMQ was built without CURVE: keys cannot be used with it");
    bus->keys = *keys;
    return bus->kind == BUS_SERVER ? bus_zap_open(bus, status) : STATUS_OK;
}

const struct keys_public *bus_sender(const struct bus *bus)
{
    return bus->sender;
}

static enum status_code listen_at(struct bus *bus, const char *address, char *bound, size_t bound_size, struct status *status)
{
    char text[1024];
    void *socket = bus->messages.socket;
    bus_bindable(address, text, sizeof text);
    if (bus_zap_demand(bus, address) != 0)
        return status_set(status, STATUS_IO, "address %s: the key cannot be used: %s", address, zmq_strerror(errno));
    bus_set_int(socket, ZMQ_IPV6, strncmp(text, "tcp://[", 7) == 0);
    bool bound_here = zmq_bind(socket, text) == 0;
    if (!bound_here && errno == ENODEV)
        return status_set(status, STATUS_BAD_INPUT,
                          "address %s: its host is neither an address in digits nor an interface of this machine; tcp://*:PORT "
                          "stands for all that it has",
                          address);
    if (!bound_here)
        return status_set(status, errno == EADDRINUSE ? STATUS_CONFLICT : STATUS_IO, "address %s: cannot be listened at: %s",
                          address, zmq_strerror(errno));
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &bound_size) != 0)
        return status_set(status, STATUS_IO, "address %s: %s", address, zmq_strerror(errno));
    return STATUS_OK;
}

enum status_code bus_listen(struct bus *bus, const char *address, char *bound, size_t bound_size, struct status *status)
{
    char endpoint[1024];
    bool keys = bus->keys.own != NULL;
    enum status_code code = bus_check_address(BUS_SERVER, address, keys, status);
    if (code == STATUS_OK && bus_is_ipc(address))
        code = bus_prepare_ipc_folder(address + 6, status);
    if (code == STATUS_OK)
        code = listen_at(bus, address, endpoint, sizeof endpoint, status);
    if (code == STATUS_OK && keys && !bus_is_ipc(address))
        code = bus_try_strangers(bus, endpoint, keys_public_of(bus->keys.own), status);
    if (code == STATUS_OK && bound != NULL)
        snprintf(bound, bound_size, "%s", endpoint);
    return code;
}

static int show_keys(struct bus *bus)
{
    const struct bus_keys *keys = &bus->keys;
    if (keys->own == NULL || bus_is_ipc(bus->address))
        return 0;
    void *socket = bus->messages.socket;
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->server->bytes, KEYS_BYTES) |
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys_public_of(keys->own)->bytes, KEYS_BYTES) |
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys_secret_of(keys->own), KEYS_BYTES);
}

enum status_code bus_connect(struct bus *bus, const char *address, struct status *status)
{
    enum status_code code = bus_check_address(BUS_CLIENT, address, bus->keys.own != NULL, status);
    if (code != STATUS_OK)
        return code;
    if (address != bus->address)
        snprintf(bus->address, sizeof bus->address, "%s", address);
    if (show_keys(bus) != 0)
        return status_set(status, STATUS_IO, "address %s: the key cannot be used: %s", address, zmq_strerror(errno));
    bus_set_int(bus->messages.socket, ZMQ_IPV6, strncmp(address, "tcp://[", 7) == 0);
    if (zmq_connect(bus->messages.socket, address) != 0)
        return status_set(status, STATUS_BAD_INPUT, "address %s: cannot be connected to: %s", address, zmq_strerror(errno));
    return STATUS_OK;
}

enum status_code bus_reopen(struct bus *bus, struct status *status)
{
    uv_timer_stop(&bus->again);
    close_socket(bus, 0);
    enum status_code code = open_socket(bus, status);
    return code == STATUS_OK ? bus_connect(bus, bus->address, status) : code;
}

static enum status_code send_part(struct bus *bus, const void *data, size_t size, int flags)
{
    zmq_msg_t part;
    if (zmq_msg_init_size(&part, size) != 0)
        return STATUS_NO_MEMORY;
    if (size > 0)
        memcpy(zmq_msg_data(&part), data, size);
    if (zmq_msg_send(&part, bus->messages.socket, flags | ZMQ_DONTWAIT) >= 0)
        return STATUS_OK;
    int reason = errno;
    zmq_msg_close(&part);
    return reason == EAGAIN ? STATUS_UNAVAILABLE : reason == EHOSTUNREACH ? STATUS_NOT_FOUND : STATUS_IO;
}

enum status_code bus_send(struct bus *bus, uint32_t link, const void *data, size_t size)
{
    if (bus->messages.socket == NULL)
        return STATUS_UNAVAILABLE;
    if (bus->kind == BUS_SERVER) {
        unsigned char id[ROUTING_ID_BYTES] = {0};
        memcpy(id + 1, &link, sizeof link);
        enum status_code code = send_part(bus, id, sizeof id, ZMQ_SNDMORE);
        if (code != STATUS_OK)
            return code; /* the body must not follow: it would be taken for an id */
    }
    return send_part(bus, data, size, 0);
}

uint64_t bus_dropped(const struct bus *bus)
{
    return bus->dropped;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct bus *bus = handle->data;
    if (--bus->open_handles == 0)
        free(bus);
}

void bus_close(struct bus *bus, int linger_ms)
{
    if (bus == NULL)
        return;
    close_socket(bus, linger_ms); /* first: whoever still asks to come in is gone with it */
    bus_channel_close(&bus->zap);
    zmq_ctx_term(bus->context);
    uv_close((uv_handle_t *)&bus->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&bus->check, on_handle_closed);
    uv_close((uv_handle_t *)&bus->idle, on_handle_closed);
    uv_close((uv_handle_t *)&bus->again, on_handle_closed);
}
