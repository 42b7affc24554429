/* dispatch_parts: what dispatch.c and dispatch_grant.c share; nobody else includes it. */
#ifndef HWNAS_MASTER_DISPATCH_PARTS_H
#define HWNAS_MASTER_DISPATCH_PARTS_H

#include "master/dispatch.h"

struct dispatch {
    struct dispatch_options options;
    struct queue queue;
    struct peers peers;
    int64_t now_ms; /* of the last call */
    bool stopped, broken;
    struct dispatch_action *actions; /* a list that is emptied from the front */
    size_t action_first, action_end, action_capacity;
};

/* Appends an action; NULL without memory (dispatch is then broken). */
struct dispatch_action *dispatch_add_action(struct dispatch *dispatch, enum dispatch_action_kind kind);

/* Counts a lease on its peer and host. */
void dispatch_place_lease(struct lease *lease, struct peer *peer, struct host *host);

/* Moves the clock on; forgives everybody the time this process slept through. */
void dispatch_notice_time(struct dispatch *dispatch, int64_t now_ms);

/* Removes a waiting task that has failed often enough and tells so. */
void dispatch_give_up_if_hopeless(struct dispatch *dispatch, struct task *task, const char *reason);

/* --- dispatch_grant.c --- */

/* Whether a connected peer that could take the task has not failed at it. */
bool dispatch_other_node_exists(const struct dispatch *dispatch, const struct task *task);

/* Begins and ends the hosts' turns at measuring. */
void dispatch_turn_hosts(struct dispatch *dispatch);

/* Leases waiting tasks to peers with free slots, as far as the rules allow. */
void dispatch_grant_all(struct dispatch *dispatch);

#endif
