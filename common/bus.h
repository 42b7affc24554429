/* bus: ZeroMQ sockets on a uv loop. The bus*.c files are the only includers of zmq.h.
 *
 * A bus is either a server (ROUTER: many peers, each known by a link number that ZeroMQ chose) or a client (DEALER: one server,
 * link 0). One message is one ZeroMQ part of at most WIRE_FRAME_MAX bytes; anything longer, in several parts, or from a peer that
 * chose its own routing id is dropped. Nothing here retries or acknowledges: a message that bus_send took is queued, not delivered.
 *
 * Everything runs on the loop's thread; no function blocks except bus_close with a linger time. The socket's descriptor is
 * edge-triggered and any send or receive swallows its edge, so the loop is driven by prepare, check and idle handles
 * (reliability notes Z1-Z3): prepare looks whether the socket has something and keeps the loop turning if so, check receives at
 * most BUS_BATCH messages a turn. */
#ifndef HWNAS_COMMON_BUS_H
#define HWNAS_COMMON_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/keys.h"
#include "common/keys_list.h"
#include "common/log.h"
#include "common/status.h"

enum { BUS_BATCH = 64 };

enum bus_kind { BUS_SERVER, BUS_CLIENT };

struct bus_events {
    /* A message of `link`. data is valid during the call only. May call bus_send, not bus_reopen or bus_close. */
    void (*message)(void *context, uint32_t link, const void *data, size_t size);
    /* After the messages of one loop turn (at least one): where the server commits. May call anything. NULL: nothing. */
    void (*batch_end)(void *context);
    void *context;
};

struct bus;

/* Opens a bus on the loop. `seed` spreads a client's reconnections in time. logger may be NULL. STATUS_IO, STATUS_NO_MEMORY. */
enum status_code bus_open(uv_loop_t *loop, enum bus_kind kind, const struct bus_events *events, uint64_t seed,
                          const struct logger *logger, struct bus **out, struct status *status);

/* Whether hwnas may listen at or connect to this address: ipc:// with a path, tcp:// to the loopback; with keys tcp:// to any host.
 * STATUS_BAD_INPUT; STATUS_UNSUPPORTED with what to do for a host that needs keys. */
enum status_code bus_check_address(enum bus_kind kind, const char *address, bool with_keys, struct status *status);

/* The address as ZeroMQ takes it to listen at: it looks no name up, so that `localhost` is written in digits. */
void bus_bindable(const char *address, char *out, size_t size);

/* Keys: who this end is, and whom it talks to. Borrowed: they outlive the bus. */
struct bus_keys {
    const struct keys_secret *own;    /* NULL: no keys */
    struct keys_list *allow;          /* server: who is let in; its owner may reload it at any time */
    const struct keys_public *server; /* client: whom it wants to meet, and nobody else */
};

/* From now on tcp:// is CURVE, on both sides alike; ipc:// stays as it is, its folder protects it. Before bus_listen and
 * bus_connect. A server answers by the list who may come in, and hears no message of a key that has left it, on whatever
 * connection. A client that is refused says so in the log and tries again, less and less often (within 30 s). STATUS_UNSUPPORTED:
 * ZeroMQ was built without CURVE; STATUS_IO. */
enum status_code bus_use_keys(struct bus *bus, const struct bus_keys *keys, struct status *status);

/* Server, during the message callback: the key that the message came with; NULL: over a socket that needs none. Valid until the
 * list is reloaded. */
const struct keys_public *bus_sender(const struct bus *bus);

/* Client: is told in one sentence whenever the server refuses it, or speaks with other keys. For whom waiting makes no sense. */
void bus_on_refused(struct bus *bus, void (*refused)(void *context, const char *sentence), void *context);

/* Server: accepts peers at the address, too. The folder of an ipc socket is made with mode 0700 if it is not there, and refused if
 * others may enter it. A tcp port may be `*`. bound (may be NULL) receives the address in use. With keys a stranger's connections
 * are tried at once, and STATUS_INTERNAL is returned if one is let in; that blocks for some milliseconds. */
enum status_code bus_listen(struct bus *bus, const char *address, char *bound, size_t bound_size, struct status *status);

/* Client: connects, now or as soon as the server is there. Once. */
enum status_code bus_connect(struct bus *bus, const char *address, struct status *status);

/* Client: drops connection and queue and connects afresh; the server sees a new link. */
enum status_code bus_reopen(struct bus *bus, struct status *status);

/* Queues a message. STATUS_UNAVAILABLE: the peer takes no more now, or the client is not connected. STATUS_NOT_FOUND: that link
 * is gone for good. STATUS_IO otherwise. Never blocks, never keeps data. */
enum status_code bus_send(struct bus *bus, uint32_t link, const void *data, size_t size);

/* Whether a message waits to be received now. */
bool bus_more(const struct bus *bus);

/* Messages dropped because they broke the rules above. */
uint64_t bus_dropped(const struct bus *bus);

/* Server with keys: connections and messages refused for the key they came with. */
uint64_t bus_refused(const struct bus *bus);

/* Closes sockets and handles after giving queued messages linger_ms to leave (blocks that long at most). The bus is freed when the
 * loop has run its close callbacks: run the loop once more before uv_loop_close. NULL is fine. */
void bus_close(struct bus *bus, int linger_ms);

#endif
