/* bus: one ROUTER or DEALER socket on a uv loop. Used by the master's coordinator and the peers' sessions; keeps the rule that
 * nobody else touches ZeroMQ. Settings and their reasons: reliability notes, section 3. */
#include "common/bus.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "common/rng.h"
#include "common/wire.h"

enum {
    QUEUE_MESSAGES = 1000,
    PING_MS = 2000, /* ZMTP heartbeats see a dead connection; that the peer's loop lives is seen by Heartbeat messages alone */
    PING_TIMEOUT_MS = 6000,
    HANDSHAKE_MS = 3000,
    CONNECT_MS = 5000,
    RECONNECT_LEAST_MS = 100,
    RECONNECT_SPREAD_MS = 400,
    RECONNECT_MOST_MS = 5000,
    ROUTING_ID_BYTES = 5 /* of ids that ZeroMQ chooses: a zero byte and 32 bits */
};

/* A poll handle must outlive its socket until its close callback has run. */
struct watch {
    uv_poll_t poll;
};

struct bus {
    enum bus_kind kind;
    struct bus_events events;
    const struct logger *logger;
    uv_loop_t *loop;
    void *context; /* ZeroMQ's */
    void *socket;
    struct watch *watch;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    int open_handles;   /* of the three above: the bus is freed when the last close callback has run */
    char address[1024]; /* client: where bus_reopen connects to */
    struct rng rng;
    uint64_t dropped;
};

/* --- addresses --- */

static bool is_loopback(const char *host, size_t length)
{
    if (length == 9 && memcmp(host, "localhost", 9) == 0)
        return true;
    if (length == 5 && memcmp(host, "[::1]", 5) == 0)
        return true;
    unsigned a, b, c, d;
    char text[16], more;
    if (length >= sizeof text)
        return false;
    memcpy(text, host, length);
    text[length] = '\0';
    return sscanf(text, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &more) == 4 && a == 127 && b < 256 && c < 256 && d < 256;
}

enum status_code bus_check_address(const char *address, struct status *status)
{
    if (strncmp(address, "ipc://", 6) == 0) {
        size_t length = strlen(address + 6);
        /* A zmq "@" path has no folder whose mode could protect it. */
        if (length == 0 || address[6] == '@' || address[6] == '*')
            return status_set(status, STATUS_BAD_INPUT, "address %s: write ipc:// and the path of the socket", address);
        if (length > 100)
            return status_set(status, STATUS_BAD_INPUT, "address %s: a socket's path may have 100 characters; this one has %zu",
                              address, length);
        return STATUS_OK;
    }
    if (strncmp(address, "tcp://", 6) != 0)
        return status_set(status, STATUS_BAD_INPUT, "address %s: write ipc://PATH or tcp://127.0.0.1:PORT", address);
    const char *host = address + 6, *colon = strrchr(host, ':');
    if (colon == NULL || colon[1] == '\0' || (strcmp(colon, ":*") != 0 && strspn(colon + 1, "0123456789") != strlen(colon + 1)))
        return status_set(status, STATUS_BAD_INPUT, "address %s: has no port; write tcp://127.0.0.1:PORT", address);
    if (!is_loopback(host, (size_t)(colon - host)))
        return status_set(
            status, STATUS_UNSUPPORTED,
            "address %s: hwnas does not listen beyond this machine without CURVE keys, which this version does not have; use "
            "127.0.0.1 and tunnel with ssh",
            address);
    return STATUS_OK;
}

static enum status_code prepare_ipc_folder(const char *path, struct status *status)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return status_set(status, STATUS_IO, "%s: the socket's folder cannot be made: %s", folder, strerror(errno));
    struct stat info;
    if (stat(folder, &info) != 0)
        return status_set(status, STATUS_IO, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode) || (info.st_mode & 077) != 0)
        return status_set(status, STATUS_BAD_INPUT,
                          "%s: the socket's folder must be open to its owner alone; name a new folder or run: chmod 700 %s", folder,
                          folder);
    return STATUS_OK;
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

/* ZeroMQ resolves no names when it binds. */
static void bindable(const char *address, char *out, size_t size)
{
    if (strncmp(address, "tcp://localhost:", 16) == 0)
        snprintf(out, size, "tcp://127.0.0.1:%s", address + 16);
    else
        snprintf(out, size, "%s", address);
}

/* --- the loop --- */

static bool readable(const struct bus *bus)
{
    int events = 0;
    size_t size = sizeof events;
    return bus->socket != NULL && zmq_getsockopt(bus->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
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

static void on_prepare(uv_prepare_t *prepare)
{
    struct bus *bus = prepare->data;
    if (bus->socket == NULL)
        return;
    if (readable(bus))
        uv_idle_start(&bus->idle, on_idle);
    else
        uv_poll_start(&bus->watch->poll, UV_READABLE, on_poll);
}

static void drop(struct bus *bus, const char *why)
{
    bus->dropped++;
    /* One line for the 1st, 2nd, 4th, 8th ...: a flood must not fill the log. */
    if ((bus->dropped & (bus->dropped - 1)) == 0)
        log_warn(bus->logger, "dropped a message that %s (%llu so far)", why, (unsigned long long)bus->dropped);
}

/* Receives one part: 1, 0 when there is none now. *more says whether others follow. */
static int receive_part(struct bus *bus, zmq_msg_t *part, bool *more)
{
    zmq_msg_init(part);
    if (zmq_msg_recv(part, bus->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(part);
        return 0;
    }
    *more = zmq_msg_more(part) != 0;
    return 1;
}

/* Returns false when the socket is empty. */
static bool receive_message(struct bus *bus)
{
    uint32_t link = 0;
    bool more = false, fine = true;
    zmq_msg_t part;
    if (bus->kind == BUS_SERVER) {
        if (!receive_part(bus, &part, &more))
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
    if (!receive_part(bus, &part, &more))
        return false;
    if (!fine)
        drop(bus, "came with a routing id of the peer's own choice");
    else if (more)
        drop(bus, "has several parts");
    else
        bus->events.message(bus->events.context, link, zmq_msg_data(&part), zmq_msg_size(&part));
    zmq_msg_close(&part);
    while (more) {
        if (!receive_part(bus, &part, &more))
            return false;
        zmq_msg_close(&part);
    }
    return true;
}

static void on_check(uv_check_t *check)
{
    struct bus *bus = check->data;
    uv_idle_stop(&bus->idle);
    if (bus->socket == NULL)
        return;
    uv_poll_stop(&bus->watch->poll);
    int received = 0;
    while (received < BUS_BATCH && readable(bus) && receive_message(bus))
        received++;
    if (received > 0 && bus->events.batch_end != NULL)
        bus->events.batch_end(bus->events.context);
}

/* --- opening and closing --- */

static enum status_code open_socket(struct bus *bus, struct status *status)
{
    void *socket = zmq_socket(bus->context, bus->kind == BUS_SERVER ? ZMQ_ROUTER : ZMQ_DEALER);
    if (socket == NULL)
        return status_set(status, STATUS_IO, "no socket: %s", zmq_strerror(errno));
    int64_t most = WIRE_FRAME_MAX;
    int failed = set_int(socket, ZMQ_LINGER, 0) | zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most) |
                 set_int(socket, ZMQ_SNDHWM, QUEUE_MESSAGES) | set_int(socket, ZMQ_RCVHWM, QUEUE_MESSAGES) |
                 set_int(socket, ZMQ_HEARTBEAT_IVL, PING_MS) | set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, PING_TIMEOUT_MS) |
                 set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    if (bus->kind == BUS_SERVER) {
        failed |= set_int(socket, ZMQ_ROUTER_MANDATORY, 1) | set_int(socket, ZMQ_BACKLOG, 256);
    } else {
        /* Without IMMEDIATE a client queues for a server that is away, and old heartbeats arrive in a heap. */
        int least = RECONNECT_LEAST_MS + (int)rng_below(&bus->rng, RECONNECT_SPREAD_MS);
        failed |= set_int(socket, ZMQ_IMMEDIATE, 1) | set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) |
                  set_int(socket, ZMQ_RECONNECT_IVL, least) | set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
    }
    int fd = -1;
    size_t size = sizeof fd;
    failed |= zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    struct watch *watch = failed ? NULL : malloc(sizeof *watch);
    if (watch == NULL || uv_poll_init(bus->loop, &watch->poll, fd) != 0) {
        free(watch);
        zmq_close(socket);
        return status_set(status, STATUS_IO, "the socket cannot be set up: %s", zmq_strerror(errno));
    }
    watch->poll.data = watch;
    bus->socket = socket;
    bus->watch = watch;
    return STATUS_OK;
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_socket(struct bus *bus, int linger_ms)
{
    if (bus->socket == NULL)
        return;
    uv_poll_stop(&bus->watch->poll);
    uv_close((uv_handle_t *)&bus->watch->poll, on_watch_closed);
    set_int(bus->socket, ZMQ_LINGER, linger_ms);
    zmq_close(bus->socket);
    bus->watch = NULL;
    bus->socket = NULL;
}

enum status_code bus_open(uv_loop_t *loop, enum bus_kind kind, const struct bus_events *events, uint64_t seed,
                          const struct logger *logger, struct bus **out, struct status *status)
{
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
    enum status_code code = open_socket(bus, status);
    if (code != STATUS_OK) {
        zmq_ctx_term(bus->context);
        free(bus);
        return code;
    }
    uv_prepare_init(loop, &bus->prepare);
    uv_check_init(loop, &bus->check);
    uv_idle_init(loop, &bus->idle);
    bus->prepare.data = bus->check.data = bus->idle.data = bus;
    bus->open_handles = 3;
    uv_prepare_start(&bus->prepare, on_prepare);
    uv_check_start(&bus->check, on_check);
    *out = bus;
    return STATUS_OK;
}

enum status_code bus_listen(struct bus *bus, const char *address, char *bound, size_t bound_size, struct status *status)
{
    enum status_code code = bus_check_address(address, status);
    if (code == STATUS_OK && strncmp(address, "ipc://", 6) == 0)
        code = prepare_ipc_folder(address + 6, status);
    if (code != STATUS_OK)
        return code;
    char text[1024];
    bindable(address, text, sizeof text);
    set_int(bus->socket, ZMQ_IPV6, strncmp(text, "tcp://[", 7) == 0);
    if (zmq_bind(bus->socket, text) != 0)
        return status_set(status, errno == EADDRINUSE ? STATUS_CONFLICT : STATUS_IO, "address %s: cannot be listened at: %s",
                          address, zmq_strerror(errno));
    if (bound != NULL && zmq_getsockopt(bus->socket, ZMQ_LAST_ENDPOINT, bound, &bound_size) != 0)
        return status_set(status, STATUS_IO, "address %s: %s", address, zmq_strerror(errno));
    return STATUS_OK;
}

enum status_code bus_connect(struct bus *bus, const char *address, struct status *status)
{
    enum status_code code = bus_check_address(address, status);
    if (code != STATUS_OK)
        return code;
    set_int(bus->socket, ZMQ_IPV6, strncmp(address, "tcp://[", 7) == 0);
    if (zmq_connect(bus->socket, address) != 0)
        return status_set(status, STATUS_BAD_INPUT, "address %s: cannot be connected to: %s", address, zmq_strerror(errno));
    if (address != bus->address)
        snprintf(bus->address, sizeof bus->address, "%s", address);
    return STATUS_OK;
}

enum status_code bus_reopen(struct bus *bus, struct status *status)
{
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
    if (zmq_msg_send(&part, bus->socket, flags | ZMQ_DONTWAIT) >= 0)
        return STATUS_OK;
    int reason = errno;
    zmq_msg_close(&part);
    return reason == EAGAIN ? STATUS_UNAVAILABLE : reason == EHOSTUNREACH ? STATUS_NOT_FOUND : STATUS_IO;
}

enum status_code bus_send(struct bus *bus, uint32_t link, const void *data, size_t size)
{
    if (bus->socket == NULL)
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
    close_socket(bus, linger_ms);
    zmq_ctx_term(bus->context);
    uv_close((uv_handle_t *)&bus->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&bus->check, on_handle_closed);
    uv_close((uv_handle_t *)&bus->idle, on_handle_closed);
}
