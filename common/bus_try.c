/* bus_try: the listener's self-test: is a stranger let in? Part of bus. CURVE without a working handler lets everybody in and
 * nothing shows it (reliability notes Z12): so whoever listens with keys knocks at its own door before anybody else can. */
#include <string.h>

#include "common/bus_parts.h"

enum { TRY_MS = 10000, TRY_STEP_MS = 10, TRY_AGAIN_MS = 10 };

enum fate { FATE_UNKNOWN, FATE_REFUSED, FATE_LET_IN, FATE_NO_CURVE };

/* What became of a connection, as its monitor tells: the part with the event. */
static enum fate read_fate(void *monitor, bool keyed)
{
    enum fate fate = FATE_UNKNOWN;
    bool more = false;
    zmq_msg_t part;
    while (fate == FATE_UNKNOWN && bus_receive_part(monitor, &part, &more)) {
        uint16_t event = 0;
        if (more && zmq_msg_size(&part) >= sizeof event)
            memcpy(&event, zmq_msg_data(&part), sizeof event);
        zmq_msg_close(&part);
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            fate = FATE_LET_IN;
        else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
            fate = keyed ? FATE_NO_CURVE : FATE_REFUSED;
        else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && keyed)
            fate = FATE_REFUSED;
    }
    return fate;
}

static enum fate watch_fate(struct bus *bus, void *monitor, bool keyed)
{
    enum fate fate = FATE_UNKNOWN;
    uint64_t start_ns = uv_hrtime();
    while (fate == FATE_UNKNOWN && uv_hrtime() - start_ns < TRY_MS * (uint64_t)1000000) {
        zmq_pollitem_t items[2] = {{.socket = monitor, .events = ZMQ_POLLIN},
                                   {.socket = bus != NULL ? bus->zap.socket : NULL, .events = ZMQ_POLLIN}};
        zmq_poll(items, bus != NULL ? 2 : 1, TRY_STEP_MS);
        while (bus != NULL && bus_zap_answer(bus))
            ;
        fate = read_fate(monitor, keyed);
    }
    return fate;
}

/* key NULL: without any. */
static enum fate try_stranger(struct bus *bus, const char *address, const struct keys_public *server, const struct keys_secret *key)
{
    enum fate fate = FATE_UNKNOWN;
    void *context = zmq_ctx_new();
    void *socket = context == NULL ? NULL : zmq_socket(context, ZMQ_DEALER);
    void *monitor = socket == NULL ? NULL : zmq_socket(context, ZMQ_PAIR);
    bool ready = monitor != NULL && bus_set_int(socket, ZMQ_LINGER, 0) == 0 &&
                 bus_set_int(socket, ZMQ_RECONNECT_IVL, TRY_AGAIN_MS) == 0 &&
                 bus_set_int(socket, ZMQ_IPV6, strncmp(address, "tcp://[", 7) == 0) == 0;
    if (ready && key != NULL)
        ready = zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server->bytes, KEYS_BYTES) == 0 &&
                zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys_public_of(key)->bytes, KEYS_BYTES) == 0 &&
                zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys_secret_of(key), KEYS_BYTES) == 0;
    if (ready && zmq_socket_monitor(socket, "inproc://fate", ZMQ_EVENT_ALL) == 0 && zmq_connect(monitor, "inproc://fate") == 0 &&
        zmq_connect(socket, address) == 0)
        fate = watch_fate(bus, monitor, key != NULL);
    if (socket != NULL) {
        zmq_socket_monitor(socket, NULL, 0); /* or ZeroMQ's thread may wait for ever for somebody to read an event */
        zmq_close(socket);
    }
    if (monitor != NULL)
        zmq_close(monitor);
    if (context != NULL)
        zmq_ctx_term(context);
    return fate;
}

enum status_code bus_try_strangers(struct bus *bus, const char *bound, const struct keys_public *server, struct status *status)
{
    char address[1024];
    struct keys_secret *key = NULL;
    bus_reachable(bound, address, sizeof address);
    enum status_code code = keys_generate("stranger", KEYS_WORKER, &key, status);
    for (int keyed = 1; keyed >= 0 && code == STATUS_OK; keyed--) {
        if (bus != NULL)
            bus->stranger = keys_public_of(key);
        enum fate fate = try_stranger(bus, address, server, keyed ? key : NULL);
        if (bus != NULL)
            bus->stranger = NULL;
        if (fate == FATE_LET_IN)
            code = status_set(status, STATUS_INTERNAL, "address %.200s: a stranger %s is let in; it is not listened at", address,
                              keyed ? "with a throw-away key" : "without a key");
        else if (fate == FATE_NO_CURVE)
            code = status_set(status, STATUS_INTERNAL, "address %.200s: asks for no keys; it is not listened at", address);
        else if (fate == FATE_UNKNOWN)
            code = status_set(status, STATUS_INTERNAL,
                              "address %.200s: whether a stranger %s is let in could not be found out; it is not listened at",
                              address, keyed ? "with a throw-away key" : "without a key");
    }
    keys_free(key);
    return code;
}
