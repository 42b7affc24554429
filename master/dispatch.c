/* dispatch: what is wanted, what is thought of boards, and the passing of time, turned into leases and actions. Called by the
 * coordinator and by the simulation; the rules stand in dispatch.h, what peers say in dispatch_message.c, who grants what to whom
 * in dispatch_grant.c. The rule all of them keep: what happens often takes no longer when there are more peers, leases or tasks. */
#include "master/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "master/dispatch_parts.h"

struct dispatch *dispatch_open(const struct dispatch_options *options, int64_t now_ms)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (dispatch == NULL)
        return NULL;
    dispatch->options = *options;
    dispatch->now_ms = now_ms;
    queue_init(&dispatch->queue);
    peers_init(&dispatch->peers);
    return dispatch;
}

void dispatch_close(struct dispatch *dispatch)
{
    if (dispatch == NULL)
        return;
    queue_clear(&dispatch->queue);
    peers_clear(&dispatch->peers);
    free(dispatch->actions);
    free(dispatch);
}

/* --- actions --- */

struct dispatch_action *dispatch_add_action(struct dispatch *dispatch, enum dispatch_action_kind kind)
{
    if (dispatch->action_first == dispatch->action_end)
        dispatch->action_first = dispatch->action_end = 0;
    if (dispatch->action_end == dispatch->action_capacity) {
        size_t capacity = dispatch->action_capacity == 0 ? 64 : 2 * dispatch->action_capacity;
        struct dispatch_action *grown = realloc(dispatch->actions, capacity * sizeof *grown);
        if (grown == NULL) {
            dispatch->broken = true;
            return NULL;
        }
        dispatch->actions = grown;
        dispatch->action_capacity = capacity;
    }
    struct dispatch_action *action = &dispatch->actions[dispatch->action_end++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}

bool dispatch_action(struct dispatch *dispatch, struct dispatch_action *out)
{
    if (dispatch->action_first == dispatch->action_end)
        return false;
    *out = dispatch->actions[dispatch->action_first++];
    return true;
}

/* A restored lease has stood on it so far: now its kind is known, and where it counts. */
static bool describe_task(struct dispatch *dispatch, struct task *task, enum wire_kind kind, const char *device, int64_t now_ms)
{
    if (task->lease != NULL)
        dispatch_leave_host(dispatch, task->lease);
    if (task->copy != NULL)
        dispatch_leave_host(dispatch, task->copy);
    bool described = queue_describe(&dispatch->queue, task, kind, device, now_ms);
    if (task->lease != NULL)
        dispatch_join_host(dispatch, task->lease);
    if (task->copy != NULL)
        dispatch_join_host(dispatch, task->copy);
    return described;
}

void dispatch_want(struct dispatch *dispatch, int64_t now_ms, const char *key, enum wire_kind kind, const char *device,
                   const struct queue_tries *tries)
{
    dispatch_notice_time(dispatch, now_ms);
    struct task *task = queue_find(&dispatch->queue, key);
    if (task != NULL && task->described)
        return;
    dispatch_note_wanted(dispatch, kind);
    if (task == NULL) {
        task = queue_add(&dispatch->queue, key, kind, device, now_ms);
    } else if (!describe_task(dispatch, task, kind, device, now_ms)) {
        task = NULL;
    }
    if (task == NULL) {
        dispatch->broken = true;
        return;
    }
    task->tries = *tries;
    if (task->attempts < (uint32_t)tries->failures)
        task->attempts = (uint32_t)tries->failures;
    /* Right after a start nobody is connected: whether there is another node cannot be said yet. */
    if (tries->places >= 2)
        dispatch_give_up_if_hopeless(dispatch, task, "noted in the store");
}

/* --- boards --- */

void dispatch_trust(struct dispatch *dispatch, int64_t now_ms, const char *device_key, const char *name,
                    const struct peers_trust *trust)
{
    dispatch_notice_time(dispatch, now_ms);
    struct board *board = peers_board(&dispatch->peers, device_key, name);
    if (board == NULL) {
        dispatch->broken = true;
        return;
    }
    board->trust = *trust;
    board->canary_from_ms = now_ms + trust->wait_ms;
    for (struct peer *peer = dispatch->peers.of[WIRE_AGENT].first; peer != NULL; peer = peer->role_next) {
        if (peer->board != board)
            continue;
        struct lease *lease, *next;
        DL_FOREACH_SAFE2(peer->held, lease, next, held_next)
        {
            if (trust->quarantined && lease->task != NULL && !lease->canary)
                dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, DISPATCH_QUARANTINED);
        }
        peers_ready(&dispatch->peers, peer);
    }
}

/* --- time --- */

void dispatch_notice_time(struct dispatch *dispatch, int64_t now_ms)
{
    /* dispatch_tick asks to be called every heartbeat. A longer gap means that this process did not run; what peers said meanwhile
     * still waits in the socket. */
    int64_t gap = now_ms - dispatch->now_ms, usual = 2 * (int64_t)dispatch->options.heartbeat_ms;
    if (gap > usual) {
        struct lease *lease;
        DL_FOREACH(dispatch->queue.leases, lease)
        lease->deadline_ms += gap;
        for (struct peer *peer = dispatch->peers.by_heard; peer != NULL; peer = peer->heard_next) {
            peer->heard_ms += gap;
            peers_ready(&dispatch->peers, peer);
        }
    }
    if (now_ms > dispatch->now_ms)
        dispatch->now_ms = now_ms;
}

int64_t dispatch_tick(struct dispatch *dispatch, int64_t now_ms)
{
    dispatch_notice_time(dispatch, now_ms);
    const struct queue *queue = &dispatch->queue;
    const struct peers *peers = &dispatch->peers;
    while (queue->leases != NULL && queue->leases->deadline_ms <= now_ms)
        dispatch_expire_lease(dispatch, queue->leases);
    while (peers->by_heard != NULL && peers->by_heard->heard_ms + dispatch->options.lease_ms <= now_ms)
        dispatch_remove_peer(dispatch, peers->by_heard, true);
    dispatch_turn_hosts(dispatch);
    if (!dispatch->stopped) {
        dispatch_grant_all(dispatch);
        dispatch_copy_stragglers(dispatch);
    }
    peers_sweep_hosts(&dispatch->peers);

    int64_t deadline = now_ms + dispatch->options.heartbeat_ms;
    return queue->leases != NULL && queue->leases->deadline_ms < deadline ? queue->leases->deadline_ms : deadline;
}

void dispatch_stop(struct dispatch *dispatch)
{
    dispatch->stopped = true;
}

void dispatch_finish(struct dispatch *dispatch)
{
    struct lease *lease, *next;
    dispatch->stopped = true;
    DL_FOREACH_SAFE(dispatch->queue.leases, lease, next)
    {
        if (lease->task != NULL)
            dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, "the study is finished");
        dispatch_close_ghost(dispatch, lease);
    }
}
