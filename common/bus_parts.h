/* bus_parts: what the bus*.c files share; nobody else includes it. */
#ifndef HWNAS_COMMON_BUS_PARTS_H
#define HWNAS_COMMON_BUS_PARTS_H

#include <zmq.h>

#include "common/bus.h"
#include "common/rng.h"

struct bus_watch; /* a poll handle: it must outlive its socket until its close callback has run */

/* A socket of ZeroMQ's and what wakes the loop for it. */
struct bus_channel {
    void *socket; /* NULL: none */
    struct bus_watch *watch;
};

struct bus {
    enum bus_kind kind;
    struct bus_events events;
    const struct logger *logger;
    uv_loop_t *loop;
    void *context;               /* ZeroMQ's */
    struct bus_channel messages; /* ROUTER or DEALER */
    struct bus_channel zap;      /* server with keys: who may come in */
    struct bus_channel monitor;  /* client: what became of its connection */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    uv_timer_t again;   /* client that was refused: when it tries again */
    int open_handles;   /* of the four above: the bus is freed when the last close callback has run */
    char address[1024]; /* client: where bus_reopen connects to */
    struct rng rng;
    uint64_t dropped;
    struct bus_keys keys; /* own NULL: none */
    const struct keys_public *sender;
    const struct keys_public *stranger; /* whom the self-test plays now; NULL: nobody */
    uint64_t refusals;                  /* of keys */
    uint32_t monitors;                  /* so far: the monitor's address must be new each time */
    uint32_t refused, broken_off;       /* in a row */
    void (*on_refused)(void *context, const char *sentence);
    void *refused_context;
};

/* --- bus.c --- */

int bus_set_int(void *socket, int option, int value);

/* Whether the socket has something to be read. */
bool bus_readable(void *socket);

/* Receives one part; false when there is none now. *more says whether others follow. Caller closes the part. */
bool bus_receive_part(void *socket, zmq_msg_t *part, bool *more);

/* Has the loop watch a socket; closes it when that fails. */
enum status_code bus_channel_open(struct bus *bus, void *socket, struct bus_channel *out, struct status *status);
void bus_channel_close(struct bus_channel *channel);

/* --- bus_address.c --- */

bool bus_is_ipc(const char *address);
/* Makes the folder of that socket, or checks that nobody else may enter it. */
enum status_code bus_prepare_ipc_folder(const char *path, struct status *status);
/* Where an address that is listened at can be reached from here. */
void bus_reachable(const char *bound, char *out, size_t size);

/* --- bus_zap.c --- */

/* Server: opens the handler, before any other bind. */
enum status_code bus_zap_open(struct bus *bus, struct status *status);
/* Answers one question of who may come in; false when there is none. */
bool bus_zap_answer(struct bus *bus);
/* Sets what the next bind to that address demands of peers. */
int bus_zap_demand(struct bus *bus, const char *address);
/* Whether a message is to be heard; fills in bus->sender. */
bool bus_zap_admits(struct bus *bus, zmq_msg_t *body);

/* --- bus_try.c --- */

/* Connects to an address that is listened at as a stranger, once with a throw-away key and once without any, and sees that both are
 * refused. bus: whose handler answers meanwhile; NULL: none. Blocks for some milliseconds, for seconds when something is wrong.
 * STATUS_INTERNAL: one was let in, or it could not be found out. */
enum status_code bus_try_strangers(struct bus *bus, const char *bound, const struct keys_public *server, struct status *status);

/* --- bus_monitor.c --- */

/* Client: watches its socket; after it is set up and before it connects. */
enum status_code bus_monitor_open(struct bus *bus, struct status *status);
void bus_monitor_close(struct bus *bus);
/* Takes one event; false when there is none. */
bool bus_monitor_take(struct bus *bus);

#endif
