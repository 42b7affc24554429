/* dispatch_parts: what the dispatch*.c files share; nobody else includes it. */
#ifndef HWNAS_MASTER_DISPATCH_PARTS_H
#define HWNAS_MASTER_DISPATCH_PARTS_H

#include "master/dispatch.h"

enum { DISPATCH_TOOK_KEPT = 32 };

struct dispatch {
    struct dispatch_options options;
    struct queue queue;
    struct peers peers;
    struct host nowhere; /* counts restored leases whose node has not come back: they could be on any host */
    int64_t now_ms;      /* of the last call */
    uint64_t heard;      /* Hellos and Heartbeats */
    uint64_t rounds;     /* in which lines were looked at */
    /* dispatch_copy.c: how long RMI tasks took lately, how far their batch is */
    int64_t took_ms[DISPATCH_TOOK_KEPT];
    uint64_t took_count, batch_wanted, batch_done;
    int64_t copies_from_ms;
    bool stopped, broken;
    struct dispatch_action *actions; /* a list that is emptied from the front */
    size_t action_first, action_end, action_capacity;
};

/* Appends an action; NULL without memory (dispatch is then broken). */
struct dispatch_action *dispatch_add_action(struct dispatch *dispatch, enum dispatch_action_kind kind);

/* Moves the clock on; forgives everybody the time this process slept through. */
void dispatch_notice_time(struct dispatch *dispatch, int64_t now_ms);

/* --- dispatch_lease.c --- */

#define DISPATCH_QUARANTINED "its board has been quarantined"

/* Puts a lease to a peer (or to nobody) and counts it on the host, out of where it is now. */
void dispatch_place_lease(struct dispatch *dispatch, struct lease *lease, struct peer *peer, struct host *host);

/* Counts a lease on its host, and no more. What then has room there is ready. */
void dispatch_join_host(struct dispatch *dispatch, const struct lease *lease);
void dispatch_leave_host(struct dispatch *dispatch, const struct lease *lease);

/* Takes the lease off its peer, which has room for another; it stays on its host. */
void dispatch_leave_peer(struct dispatch *dispatch, struct lease *lease);

/* Tells that the lease is to be closed in the store. */
void dispatch_close_lease(struct dispatch *dispatch, const struct lease *lease, enum dispatch_close close,
                          enum wire_failure failure, const char *reason);

/* Takes an open lease off its task, which waits again: the end of every attempt that brought no result. The lease stays behind as
 * a ghost. */
void dispatch_fail_lease(struct dispatch *dispatch, struct lease *lease, enum dispatch_close close, enum wire_failure failure,
                         const char *reason);
void dispatch_lose_lease(struct dispatch *dispatch, struct lease *lease, enum dispatch_close close, const char *reason);

/* Nothing was heard of a lease until its deadline. */
void dispatch_expire_lease(struct dispatch *dispatch, struct lease *lease);

/* A ghost that is open in the store still is closed there. */
void dispatch_close_ghost(struct dispatch *dispatch, struct lease *lease);

/* The host gets the lease off its back: the peer cannot be computing any more. */
void dispatch_end_ghost(struct dispatch *dispatch, struct lease *lease);

/* A canary's lease is open no more. Whether another one is due, the board's counts say. */
void dispatch_end_canary(struct dispatch *dispatch, struct task *task);

/* Removes a waiting task that has failed often enough and tells so. */
void dispatch_give_up_if_hopeless(struct dispatch *dispatch, struct task *task, const char *reason);

/* --- dispatch_message.c --- */

/* Ends all leases of a peer and removes it. What it left without a result counts as lost only if it fell silent. */
void dispatch_remove_peer(struct dispatch *dispatch, struct peer *peer, bool silent);

/* --- dispatch_grant.c --- */

/* Whether that is a peer for such a task. */
bool dispatch_could_take(const struct dispatch *dispatch, const struct peer *peer, const struct task *task);

/* Whether the board's next task is a canary. */
bool dispatch_canary_is_due(const struct dispatch *dispatch, const struct board *board);

/* Whether a connected peer that could take the task has not failed at it. */
bool dispatch_other_node_exists(const struct dispatch *dispatch, const struct task *task);

/* Begins and ends the hosts' turns at measuring. */
void dispatch_turn_hosts(struct dispatch *dispatch);

/* Whether the peer may be given something now, if there is something for it. */
bool dispatch_may_start(const struct dispatch *dispatch, const struct peer *peer);

/* Puts a lease just made to its peer, and tells so. A lease that is NULL could not be made. */
void dispatch_announce(struct dispatch *dispatch, struct lease *lease, struct peer *peer);

/* Leases waiting tasks to peers with free slots, as far as the rules allow. */
void dispatch_grant_all(struct dispatch *dispatch);

/* --- dispatch_copy.c --- */

/* A task is wanted; has a value or is given up. */
void dispatch_note_wanted(struct dispatch *dispatch, enum wire_kind kind);
void dispatch_note_done(struct dispatch *dispatch, enum wire_kind kind);

/* The lease has brought a value. */
void dispatch_note_took(struct dispatch *dispatch, const struct lease *lease);

/* Leases to idle workers what takes others unusually long, once more. */
void dispatch_copy_stragglers(struct dispatch *dispatch);

/* --- dispatch_drain.c --- */

/* A task has failed on the peer. */
void dispatch_note_failed(struct dispatch *dispatch, struct peer *peer, const char *key, const char *why);

/* Whether it is given nothing for a while, because one task after the other failed on it. */
bool dispatch_is_drained(const struct dispatch *dispatch, const struct peer *peer);

#endif
