/* ledger: what one peer (worker or agent) holds, owes and has heard: the peer's half of the lease protocol. Pure: time comes as an
 * argument; messages are plain structs; the session carries out what is due.
 *
 * The rules (the master's half: master/dispatch.h; pictures: docs/LIFECYCLE.md):
 *   - Hello until Welcome; then a Heartbeat every heartbeat_ms that lists all leases held. Three unanswered: reopen the connection
 *     and say Hello again, with what is held: nothing is thrown away because the master was away.
 *   - A lease is good until 3/4 of lease_ms after THIS side sent the last Hello or Heartbeat the master is known to have heard (it
 *     echoes its sequence number). Past that the master may have given the task to another: computing pauses until the next answer.
 *   - A result is kept and sent again until its ResultAck comes with any verdict but RETRY_LATER.
 *   - A Task taken is confirmed by a Heartbeat at once, before it is computed. One that was leased before is begun only when that
 *     Heartbeat is answered: if it kills its workers, all deaths but perhaps the first are known to the master as attempts.
 *   - A Task is started once: copies are ignored, one that came too late or finds no room is returned; so is one whose lease has
 * the number of one that is still held, of a master whose database has been put back. */
#ifndef HWNAS_WORKER_LEDGER_H
#define HWNAS_WORKER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rng.h"
#include "common/wire.h"

enum { LEDGER_SEQUENCES = 256, LEDGER_SEEN = 256, LEDGER_ITEMS_MAX = WIRE_HELD_MAX };

enum ledger_state { LEDGER_FREE, LEDGER_RUNNING, LEDGER_DONE };

struct ledger_item {
    enum ledger_state state;
    bool known;   /* the master has answered a message that lists it */
    bool dropped; /* DONE: the master holds the lease ended; no longer listed, but the result is still offered */
    uint64_t lease_id;
    char key[DIGEST_HEX_BYTES];
    uint64_t listed_from; /* Hellos and Heartbeats from this sequence number on list it */
    int64_t good_until_ms;
    int64_t send_ms; /* DONE: when to send the result (again) */
};

struct ledger {
    struct wire_hello self; /* identity; slots is what is offered: 0 while draining */
    struct rng rng;
    bool registered, draining;
    uint64_t epoch, sequence;
    uint64_t hello_sequence; /* of the last Hello */
    uint32_t heartbeat_ms, lease_ms;
    int unanswered;
    int64_t next_ms;                   /* of the next Hello or Heartbeat */
    int64_t sent_ms[LEDGER_SEQUENCES]; /* by sequence, a ring */
    uint64_t seen[LEDGER_SEEN];        /* lease ids ever taken, a ring */
    uint32_t seen_count;
    uint32_t capacity;
    struct ledger_item items[LEDGER_ITEMS_MAX];
};

enum ledger_due {
    LEDGER_NOTHING,
    LEDGER_SEND_HELLO,     /* ledger_hello, send */
    LEDGER_SEND_HEARTBEAT, /* ledger_heartbeat, send */
    LEDGER_REOPEN,         /* bus_reopen */
    LEDGER_SEND_RESULT     /* send the result of *lease_id */
};

enum ledger_answer { LEDGER_START, LEDGER_IGNORE, LEDGER_RETURN };

/* identity: role, node, incarnation, host, slots, ...; its sequence and held list are not looked at. */
void ledger_init(struct ledger *ledger, const struct wire_hello *identity, uint64_t seed);

/* The next thing due at now_ms, doing its bookkeeping (call until LEDGER_NOTHING), and when to ask again at the latest. */
enum ledger_due ledger_due(struct ledger *ledger, int64_t now_ms, uint64_t *lease_id, int64_t *wait_until_ms);

/* Fills the message that was due. */
void ledger_hello(struct ledger *ledger, int64_t now_ms, struct wire_hello *out);
void ledger_heartbeat(struct ledger *ledger, int64_t now_ms, struct wire_heartbeat *out);

/* The Hello or Heartbeat could not be sent: soon again. */
void ledger_unsent(struct ledger *ledger, int64_t now_ms);

/* Messages of the master. cancel receives the leases whose computing must stop: they are forgotten. */
void ledger_welcome(struct ledger *ledger, int64_t now_ms, const struct wire_welcome *welcome, struct wire_id_list *cancel);
void ledger_heartbeat_answer(struct ledger *ledger, int64_t now_ms, const struct wire_heartbeat_answer *answer,
                             struct wire_id_list *cancel);
enum ledger_answer ledger_task(struct ledger *ledger, int64_t now_ms, const struct wire_task *task);
/* True when the result may be thrown away. */
bool ledger_ack(struct ledger *ledger, int64_t now_ms, const struct wire_result_ack *ack);
void ledger_not_registered(struct ledger *ledger, int64_t now_ms);

/* The task has been computed: its result is now owed. False when the lease was dropped meanwhile: throw the result away. */
bool ledger_done(struct ledger *ledger, int64_t now_ms, uint64_t lease_id);

/* The lease is given up without a result; true when it was held (then send a Return). */
bool ledger_forget(struct ledger *ledger, uint64_t lease_id);

/* Whether a task of that attempt may be begun now. */
bool ledger_may_begin(const struct ledger *ledger, uint64_t lease_id, uint32_t attempt);

/* When the lease stops being good, or INT64_MIN when it is not held. */
int64_t ledger_good_until(const struct ledger *ledger, uint64_t lease_id);

/* From now on no slots are offered and tasks are returned. */
void ledger_drain(struct ledger *ledger, int64_t now_ms);

/* Leases being computed; results owed. */
uint32_t ledger_count(const struct ledger *ledger, enum ledger_state state);

#endif
