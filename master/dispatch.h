/* dispatch: who gets what, when a lease ends, when a task is given up. Pure: time comes as an argument (milliseconds of a clock
 * that never jumps back), effects leave as a list of actions, so that the whole of it runs in a simulation (tests/sim).
 *
 * The rules (pictures: docs/LIFECYCLE.md):
 *   - Peers pull: a peer gets at most as many tasks as it has free slots, and none while it is silent for more than 2.5 heartbeats.
 *   - A lease ends lease_ms after the last heartbeat that listed it (or after the grant). The peer counts its own, earlier deadline
 *     from when it SENT that heartbeat, and stops computing there: so a lease never runs on two peers at once.
 *   - The last attempt of a task runs alone on its peer: another task that kills the process cannot take it along.
 *   - A lost or failed attempt counts, if the peer had confirmed the lease; a lease handed back or never confirmed does not. After
 *     failures_max of them, on at least two nodes when there are two, the task is given up. It is offered to another node first,
 * and where there is none goes back to one that it failed on after elsewhere_ms.
 *   - A result is taken once: from the open lease, or late from a lease of this very key, node and master that was lost while the
 *     key is still open (RMI only: a measurement whose lease was lost may have been disturbed).
 *   - The host rule: a host never measures while a worker on it computes, and measures one thing at a time. Its turns: RMI first;
 *     when no RMI task waits, or measure_batch measurements wait, or one has waited measure_wait_ms, the host takes no new RMI
 * task, drains, measures what was wanted before the turn began, and goes back. Hosts without workers always measure.
 *   - A board (what an agent measures on) that is not the agent's own machine may hold as many measurements as its agent has slots:
 *     the agent builds one while another runs.
 *   - Before a board's first measurement after each connection, and after every canary_every further ones, it is given a canary
 *     and nothing else until that is judged; so too when the last canary left doubts. A canary that is lost or handed back is due
 *     again. Boards that calculate latency have one after connecting, no more.
 *   - A quarantined board loses what it measures and is given canaries alone, as often as trust says, and only while a measurement
 *     waits for it.
 *   - When no RMI task waits, three quarters of the batch are done and a worker stands idle, a task that has taken longer than 1.5
 *     times the median, and than copy_after_ms, is leased to that worker as well: once, on another node, never one that has failed.
 *     The first result counts.
 *   - A node on which five different tasks failed one after the other, none succeeding between, is given nothing for drain_ms.
 *   - A failed or lost measurement is one of its board, whatever the process was called.
 *   - A lease restored from the store keeps its peer's place for one full lease_ms; until its node has come back it could be on any
 *     host, so nothing starts that must not run beside it.
 *   - Time the master itself slept through (stopped, swapped out) does not count against anybody. */
#ifndef HWNAS_MASTER_DISPATCH_H
#define HWNAS_MASTER_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"
#include "master/peers.h"
#include "master/queue.h"

enum { DISPATCH_REASON_BYTES = 128 };

struct dispatch_options {
    uint64_t epoch; /* of this start of the master */
    uint32_t heartbeat_ms, lease_ms;
    int32_t failures_max;          /* 3 */
    uint32_t measure_batch;        /* 32 */
    uint32_t measure_wait_ms;      /* 300000 */
    uint32_t canary_every;         /* measurements between canaries (10); 0: no canaries */
    uint32_t copy_after_ms;        /* an RMI task that takes longer may get a copy (10000); 0: never */
    uint32_t elsewhere_ms;         /* how long a task waits for another node than those it failed on (5000) */
    uint32_t drain_ms;             /* how long a node on which all fails is given nothing (60000); 0: it is not noticed */
    char host_id[WIRE_NAME_BYTES]; /* the master's: the device word "host" means its agents */
};

/* What is to be done now. The coordinator stores grants and closes and commits before it sends anything. */
enum dispatch_action_kind {
    DISPATCH_GRANT,   /* key, node, board, attempt, link, sequence, canary: store the lease, dispatch_granted, commit, send the Task
                       */
    DISPATCH_CLOSE,   /* lease_id, epoch, attempt, node, close, failure, reason: close the stored lease */
    DISPATCH_GIVE_UP, /* key, reason, crashes: infeasible for this study; with crashes for everybody: it crashes boards */
    DISPATCH_REPLACED, /* link: Refuse; a later process has that node name */
    DISPATCH_DRAINED   /* node, reason: it is given nothing for a while; for people */
};
enum dispatch_close { DISPATCH_DONE, DISPATCH_FAILED, DISPATCH_LOST, DISPATCH_RETURNED };

struct dispatch_action {
    enum dispatch_action_kind kind;
    uint32_t link;
    uint64_t lease_id, epoch, sequence;
    uint32_t attempt;
    char key[DIGEST_HEX_BYTES];
    char node[WIRE_NAME_BYTES];
    char device_key[WIRE_DEVICE_BYTES]; /* of an agent; else empty */
    char board[WIRE_NAME_BYTES];        /* likewise; GIVE_UP with crashes: the last one */
    bool canary, crashes;
    enum dispatch_close close;
    enum wire_failure failure;
    char reason[DISPATCH_REASON_BYTES];
};

enum dispatch_heard {
    DISPATCH_HEARD,
    DISPATCH_OLD,       /* ignore it */
    DISPATCH_NOT_KNOWN, /* Refuse NOT_REGISTERED */
    DISPATCH_NOT_YOU    /* Refuse REPLACED: a later process has that node name */
};

enum dispatch_verdict {
    DISPATCH_STRANGER, /* that connection has no peer: Refuse NOT_REGISTERED */
    DISPATCH_TAKE,     /* store the value; the task is gone */
    DISPATCH_NOTED,    /* a failure, counted: acknowledge as accepted */
    DISPATCH_CANARY,   /* a canary's, failed or not: judge it, dispatch_trust, acknowledge as accepted */
    DISPATCH_STALE     /* of no open lease: acknowledge as duplicate or stale */
};

struct dispatch_counts {
    uint32_t workers, agents;
    uint32_t waiting_rmi, waiting_measure, leased_rmi, leased_measure;
};

struct dispatch;

/* NULL without memory. options are copied. */
struct dispatch *dispatch_open(const struct dispatch_options *options, int64_t now_ms);
void dispatch_close(struct dispatch *dispatch);

/* Start of the master: an open lease from the store. */
void dispatch_restore(struct dispatch *dispatch, int64_t now_ms, uint64_t lease_id, uint64_t epoch, uint32_t attempt,
                      const char *key, const char *node, const char *board);

/* Somebody wants the value of that key. tries: what the store knows of. Twice is harmless. */
void dispatch_want(struct dispatch *dispatch, int64_t now_ms, const char *key, enum wire_kind kind, const char *device,
                   const struct queue_tries *tries);

/* What is thought of a board from now on, whether it is connected or not. Measurements that one now quarantined has been leased are
 * wanted again, from others. */
void dispatch_trust(struct dispatch *dispatch, int64_t now_ms, const char *device_key, const char *board,
                    const struct peers_trust *trust);

/* Messages of a peer. Hello and Heartbeat fill *drop (the leases the peer holds that are not its own) when they are HEARD. An OLD
 * one, overtaken by a later one, must not be answered: an answer would renew the peer's leases on what it said before. */
enum dispatch_heard dispatch_hello(struct dispatch *dispatch, int64_t now_ms, uint32_t link, const struct wire_hello *hello,
                                   struct wire_id_list *drop);
enum dispatch_heard dispatch_heartbeat(struct dispatch *dispatch, int64_t now_ms, uint32_t link,
                                       const struct wire_heartbeat *heartbeat, struct wire_id_list *drop);
enum dispatch_verdict dispatch_result(struct dispatch *dispatch, int64_t now_ms, uint32_t link, const struct wire_result *result);
void dispatch_return(struct dispatch *dispatch, int64_t now_ms, uint32_t link, const struct wire_return *returned);
void dispatch_goodbye(struct dispatch *dispatch, int64_t now_ms, uint32_t link);

/* The peer at that connection is not to be heard any more, and why. What it was leased waits again; until its deadlines have passed
 * its host counts as busy, for it may still be computing. No attempt is counted. */
void dispatch_expel(struct dispatch *dispatch, int64_t now_ms, uint32_t link, const char *why);

/* A send failed for good: no new work for that peer until it says Hello on another connection. */
void dispatch_link_gone(struct dispatch *dispatch, int64_t now_ms, uint32_t link);

/* What is known of the open lease that a result from that connection claims to be of. False when there is none: dispatch_result
 * will not take it, unless it is a late one of RMI. */
struct dispatch_lease {
    bool canary;
    const char *device_key, *board; /* of the agent; NULL for workers */
    double queue_seconds;           /* from being wanted to being granted; NaN: granted by an earlier start of the master */
    double age_seconds;             /* since it was granted; NaN likewise */
};
bool dispatch_lease(const struct dispatch *dispatch, int64_t now_ms, uint32_t link, const struct wire_result *result,
                    struct dispatch_lease *out);

/* Whether a result claims a lease of this master's that is another node's than the one given. */
bool dispatch_leased_elsewhere(const struct dispatch *dispatch, const char *node, const struct wire_result *result);

/* The id the store gave to the lease granted on that key; and the opposite when its Task could not be sent. */
void dispatch_granted(struct dispatch *dispatch, const char *key, uint64_t lease_id);
void dispatch_undelivered(struct dispatch *dispatch, int64_t now_ms, uint64_t lease_id);

/* Does all that is due, grants what can be granted, and returns when it must be called next at the latest. */
int64_t dispatch_tick(struct dispatch *dispatch, int64_t now_ms);

/* From now on nothing is granted (the master is leaving). */
void dispatch_stop(struct dispatch *dispatch);

/* The study is finished: what is still leased (canaries) is wanted no more. */
void dispatch_finish(struct dispatch *dispatch);

/* The next action, oldest first; false when there is none. */
bool dispatch_action(struct dispatch *dispatch, struct dispatch_action *out);

/* A call ran out of memory: what it should have done is lost and the state is to be thrown away. */
bool dispatch_broken(const struct dispatch *dispatch);

void dispatch_count(const struct dispatch *dispatch, struct dispatch_counts *out);

/* The name of the peer at that connection; NULL when there is none. */
const char *dispatch_node(const struct dispatch *dispatch, uint32_t link);
/* Its device key; "" for a worker, NULL when there is none. */
const char *dispatch_device(const struct dispatch *dispatch, uint32_t link);

/* Calls `each` with the connection of every peer that has one. */
void dispatch_each_link(const struct dispatch *dispatch, void (*each)(void *context, uint32_t link), void *context);

/* Says in one sentence what waiting tasks lack or wait for: "a worker: none is connected"; "an agent for device D: none is
 * connected"; "board B of device D, which is quarantined since ..."; "worker W, on which 5 tasks failed one after the
 * other: it is tried again in 40 s"; and when nothing else is going on, "a canary on
 * board B first". Empty otherwise. */
void dispatch_waiting_for(const struct dispatch *dispatch, char *out, size_t size);

/* Everything that keeps waiting tasks waiting, one reason after the other: a word of those below, a sentence, and whom it is about.
 *   no_worker silent_workers busy_workers host_measures earlier_leases next_turn drained
 *   no_agent silent_agent quarantined canary busy_board host_computes drained
 * The master's clock must have been told to dispatch lately (dispatch_tick). */
struct dispatch_reason {
    const char *code;
    char sentence[640];
    const char *device, *board; /* NULL: none; valid during the call */
};
void dispatch_reasons(const struct dispatch *dispatch, void (*each)(void *context, const struct dispatch_reason *reason),
                      void *context);

/* For the simulation's invariants: queue and peers as they are. */
const struct queue *dispatch_queue(const struct dispatch *dispatch);
const struct peers *dispatch_peers(const struct dispatch *dispatch);

#endif
