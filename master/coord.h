/* coord: the coordinator. It joins search (study and store), dispatch (who gets what) and the messages of peers, and is the only
 * file group (coord*.c) that knows them all. Time and the network reach it as arguments: coord_loop.h runs it on the system's clock
 * and a bus, the simulation (tests/sim) on its own.
 *
 * One thread. A turn comes after up to BUS_BATCH messages: it lets study and dispatch go on, stores everything in one
 * transaction, and sends answers and tasks only after the commit. When the store fails (disk full, input/output error) nothing more
 * is granted or accepted, peers are kept alive and told to try later, and once a second the store is tried; when it works again
 * the search is built anew from it, as after a crash. Any other failure ends the master: what is stored is good. */
#ifndef HWNAS_MASTER_COORD_H
#define HWNAS_MASTER_COORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/keys_list.h"
#include "common/log.h"
#include "common/status.h"
#include "master/dispatch.h"
#include "master/search.h"

struct bus_keys; /* common/bus.h */

struct coord_options {
    struct search_options search;
    const char *const *listen; /* addresses, for coord_loop */
    size_t listen_count;
    const struct bus_keys *keys; /* for coord_loop; NULL: none. Borrowed */
    struct keys_list *allow;     /* with keys: who is let in. Borrowed; coord_reload_keys reads it again */
    bool progress;               /* JSON lines on standard output (master/progress.h says what is in them) */
    uint32_t heartbeat_ms;       /* what peers are asked for */
    uint32_t lease_ms;
    uint32_t canary_every;  /* measurements of a board between its canaries; 0: none */
    uint32_t copy_after_ms; /* as dispatch_options */
};

/* What a coordinator does to the world. */
struct coord_effects {
    const struct clock *clock;
    /* As bus_send: queued, not delivered. */
    enum status_code (*send)(void *context, uint32_t link, const void *data, size_t size);
    /* As bus_sender: the key that the message being handled came with. NULL: there are no keys. */
    const struct keys_public *(*sender)(void *context);
    uint64_t (*chance)(void *context); /* 64 bits that nobody has had */
    void *context;
};

struct coord;

/* Opens database and study. options must outlive it, effects are copied. As search_open. */
enum status_code coord_open(const struct coord_options *options, const struct coord_effects *effects, const struct logger *logger,
                            struct coord **out, struct status *status);
void coord_close(struct coord *coord);

/* Reads the open leases and takes the first turn. It comes before the first message: what was in flight before a restart is wanted
 * again, so that its leases fit. */
enum status_code coord_start(struct coord *coord, struct status *status);

/* A frame of a peer (context is the coordinator). What follows from it is done, stored and answered by the next turn. */
void coord_message(void *context, uint32_t link, const void *data, size_t size);

/* After a batch of messages, and when the time coord_wake_ms has come. */
void coord_turn(struct coord *coord);
int64_t coord_wake_ms(const struct coord *coord);

/* How soon an operator's question is to be thought on, in ms; -1: none is asked. A piece of an answer takes some milliseconds. */
int coord_thinking(const struct coord *coord);
void coord_think(struct coord *coord);

/* Reads the list of keys again. Who is registered with a key that is gone loses its place and its leases. A turn is due. */
void coord_reload_keys(struct coord *coord);

/* Grants no more, stores how far it is and says goodbye. */
void coord_stop(struct coord *coord);

/* The study is finished, the coordinator was stopped, or has failed: nothing more is to be called but questions and coord_close. */
bool coord_over(const struct coord *coord);

/* Why it ended, when it should not have; else STATUS_OK. */
enum status_code coord_failure(const struct coord *coord, struct status *status);

/* Prints the progress line, if options ask for it. */
void coord_print_progress(const struct coord *coord, int64_t now_ms);

/* The same in a few words, for a service manager. */
void coord_describe_progress(const struct coord *coord, char *out, size_t size);

/* The path of the database. */
const char *coord_db(const struct coord *coord);

/* For the simulation's invariants; dispatch is NULL while the store does not work. */
const struct search *coord_search(const struct coord *coord);
const struct dispatch *coord_dispatch(const struct coord *coord);

#endif
