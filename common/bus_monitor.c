/* bus_monitor: what became of a client's connection. Part of bus. ZeroMQ gives a connection up for good, and silently, when the
 * server refuses its key or wants another kind of handshake (reliability notes Z13): here that is told, and tried again, less and
 * less often: the key may be put on the list tomorrow. */
#include <stdio.h>
#include <string.h>

#include "common/bus_parts.h"

enum { AGAIN_LEAST_MS = 1000, AGAIN_DOUBLINGS = 5, AGAIN_MOST_MS = 30000 };

enum status_code bus_monitor_open(struct bus *bus, struct status *status)
{
    char address[64];
    snprintf(address, sizeof address, "inproc://monitor-%u", bus->monitors++);
    void *socket = zmq_socket(bus->context, ZMQ_PAIR);
    if (socket == NULL)
        return status_set(status, STATUS_IO, "no socket for the connection's fate: %s", zmq_strerror(zmq_errno()));
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    if (bus_set_int(socket, ZMQ_LINGER, 0) != 0 || zmq_socket_monitor(bus->messages.socket, address, events) != 0 ||
        zmq_connect(socket, address) != 0) {
        zmq_close(socket);
        return status_set(status, STATUS_IO, "the connection cannot be watched: %s", zmq_strerror(zmq_errno()));
    }
    return bus_channel_open(bus, socket, &bus->monitor, status);
}

/* The events are stopped before their reader goes: ZeroMQ's own thread would wait for ever for somebody to take the next. */
void bus_monitor_close(struct bus *bus)
{
    if (bus->monitor.socket != NULL && bus->messages.socket != NULL)
        zmq_socket_monitor(bus->messages.socket, NULL, 0);
    bus_channel_close(&bus->monitor);
}

void bus_on_refused(struct bus *bus, void (*refused)(void *context, const char *sentence), void *context)
{
    bus->on_refused = refused;
    bus->refused_context = context;
}

/* --- trying again --- */

static void try_again(struct bus *bus);

static void on_again(uv_timer_t *timer)
{
    struct bus *bus = timer->data;
    struct status status = {0};
    if (bus_reopen(bus, &status) == STATUS_OK)
        return;
    log_event(bus->logger, LOG_WARN, "trying again", log_text("reason", status.message));
    try_again(bus);
}

static void try_again(struct bus *bus)
{
    uint32_t doublings = bus->refused > AGAIN_DOUBLINGS ? AGAIN_DOUBLINGS : bus->refused - 1;
    uint32_t wait_ms = AGAIN_LEAST_MS << doublings;
    if (wait_ms > AGAIN_MOST_MS)
        wait_ms = AGAIN_MOST_MS;
    wait_ms = wait_ms / 2 + (uint32_t)rng_below(&bus->rng, wait_ms / 2);
    uv_timer_start(&bus->again, on_again, wait_ms, 0);
}

/* One line for the 1st, 2nd, 4th, 8th ...: it may go on for days. */
static void tell(struct bus *bus, uint32_t times, const char *sentence)
{
    if ((times & (times - 1)) == 0)
        log_warn(bus->logger, "%s", sentence);
    if (bus->on_refused != NULL)
        bus->on_refused(bus->refused_context, sentence);
}

/* --- events --- */

static bool with_keys(const struct bus *bus)
{
    return bus->keys.own != NULL && !bus_is_ipc(bus->address);
}

static void on_not_listed(struct bus *bus)
{
    char sentence[STATUS_MESSAGE_BYTES];
    const struct keys_public *own = bus->keys.own == NULL ? NULL : keys_public_of(bus->keys.own);
    if (own == NULL)
        snprintf(sentence, sizeof sentence, "%.200s refuses this connection", bus->address);
    else
        snprintf(sentence, sizeof sentence,
                 "%.200s refuses the key %s (%s): put its public file into the folder of the master's --allow and send the master "
                 "SIGHUP",
                 bus->address, own->name, own->fingerprint);
    bus->refused++;
    try_again(bus);
    tell(bus, bus->refused, sentence);
}

static void on_other_handshake(struct bus *bus, uint32_t error)
{
    char sentence[STATUS_MESSAGE_BYTES];
    const char *why = error != ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? "does not keep to the protocol"
                      : with_keys(bus)                                    ? "speaks without keys, and this end has keys"
                                       : "wants keys: give --key NAME_secret and --server-key FILE";
    snprintf(sentence, sizeof sentence, "%.200s %s", bus->address, why);
    bus->refused++;
    try_again(bus);
    tell(bus, bus->refused, sentence);
}

/* ZeroMQ tries again by itself. Once may be a master that is just ending. */
static void on_broken_off(struct bus *bus)
{
    char sentence[STATUS_MESSAGE_BYTES];
    bus->broken_off++;
    if (bus->broken_off < 2)
        return;
    if (with_keys(bus))
        snprintf(sentence, sizeof sentence,
                 "%.200s breaks off while keys are exchanged: is %s (%s) of --server-key the key of this very master?",
                 bus->address, bus->keys.server->name, bus->keys.server->fingerprint);
    else
        snprintf(sentence, sizeof sentence,
                 "%.200s breaks off as soon as it is connected to: perhaps it wants keys (--key NAME_secret and --server-key FILE)",
                 bus->address);
    tell(bus, bus->broken_off, sentence);
}

static void on_let_in(struct bus *bus)
{
    if (bus->refused + bus->broken_off > 1)
        log_event(bus->logger, LOG_INFO, "this connection is let in now", log_text("address", bus->address));
    bus->refused = bus->broken_off = 0;
    uv_timer_stop(&bus->again);
}

bool bus_monitor_take(struct bus *bus)
{
    struct {
        uint16_t event;
        uint32_t value;
    } __attribute__((packed)) told = {0};
    bool more = false;
    zmq_msg_t part;
    if (!bus_receive_part(bus->monitor.socket, &part, &more))
        return false;
    if (zmq_msg_size(&part) == sizeof told)
        memcpy(&told, zmq_msg_data(&part), sizeof told);
    zmq_msg_close(&part);
    while (more && bus_receive_part(bus->monitor.socket, &part, &more))
        zmq_msg_close(&part);
    switch (told.event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: on_let_in(bus); break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: on_not_listed(bus); break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: on_other_handshake(bus, told.value); break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: on_broken_off(bus); break;
    default: break;
    }
    return true;
}
