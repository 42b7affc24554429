/* dispatch_lease: how a lease begins, where it counts, and each way it can end. Part of dispatch; pure. */
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "master/dispatch_parts.h"

void dispatch_close_lease(struct dispatch *dispatch, const struct lease *lease, enum dispatch_close close,
                          enum wire_failure failure, const char *reason)
{
    struct dispatch_action *action = dispatch_add_action(dispatch, DISPATCH_CLOSE);
    if (action == NULL)
        return;
    action->failure = close == DISPATCH_LOST ? WIRE_FAILURE_LOST : failure;
    action->canary = lease->canary;
    action->lease_id = lease->id;
    action->epoch = lease->epoch;
    action->attempt = lease->attempt;
    action->close = close;
    memcpy(action->key, lease->key, sizeof action->key);
    memcpy(action->node, lease->node, sizeof action->node);
    snprintf(action->reason, sizeof action->reason, "%s", reason);
}

/* --- where it counts --- */

/* A restored lease counts nowhere in particular until its node has come back. */
static struct host *host_of(struct dispatch *dispatch, const struct lease *lease)
{
    return lease->host != NULL ? lease->host : lease->absence != NULL ? &dispatch->nowhere : NULL;
}

/* A lease of unknown kind counts as a measurement: nothing runs beside one. */
void dispatch_join_host(struct dispatch *dispatch, const struct lease *lease)
{
    struct host *host = host_of(dispatch, lease);
    if (host == NULL)
        return;
    if (wire_role_of(lease->kind) == WIRE_WORKER)
        host->computing++;
    else
        host->measuring++;
}

void dispatch_leave_host(struct dispatch *dispatch, const struct lease *lease)
{
    struct host *host = host_of(dispatch, lease);
    if (host == NULL)
        return;
    if (wire_role_of(lease->kind) == WIRE_WORKER)
        host->computing--;
    else
        host->measuring--;
    if (host == &dispatch->nowhere)
        return;
    if (host->is_board || host->computing + host->measuring == 0)
        peers_ready_on(&dispatch->peers, host, WIRE_AGENT);
    if (wire_role_of(lease->kind) == WIRE_AGENT && host->measuring == 0)
        peers_ready_on(&dispatch->peers, host, WIRE_WORKER);
    peers_left_host(&dispatch->peers, host);
}

void dispatch_place_lease(struct dispatch *dispatch, struct lease *lease, struct peer *peer, struct host *host)
{
    dispatch_leave_host(dispatch, lease);
    queue_hold(&dispatch->queue, lease, peer == NULL ? NULL : &peer->held);
    lease->peer = peer;
    lease->host = host;
    if (peer != NULL) {
        peer->leases++;
        peer->last_attempts += lease->alone;
    }
    dispatch_join_host(dispatch, lease);
}

void dispatch_leave_peer(struct dispatch *dispatch, struct lease *lease)
{
    struct peer *peer = lease->peer;
    if (peer == NULL)
        return;
    queue_hold(&dispatch->queue, lease, NULL);
    lease->peer = NULL;
    peer->leases--;
    peer->last_attempts -= lease->alone;
    peers_ready(&dispatch->peers, peer);
}

/* --- its ends --- */

void dispatch_close_ghost(struct dispatch *dispatch, struct lease *lease)
{
    if (lease->unclosed)
        dispatch_close_lease(dispatch, lease, DISPATCH_RETURNED, WIRE_FAILURE_NONE, "the result of another lease came first");
    lease->unclosed = false;
}

void dispatch_end_ghost(struct dispatch *dispatch, struct lease *lease)
{
    dispatch_close_ghost(dispatch, lease);
    dispatch_leave_peer(dispatch, lease);
    dispatch_leave_host(dispatch, lease);
    queue_end_lease(&dispatch->queue, lease);
}

void dispatch_give_up_if_hopeless(struct dispatch *dispatch, struct task *task, const char *reason)
{
    if (task->lease != NULL || !task->described || task->tries.failures < dispatch->options.failures_max)
        return;
    if (task->tries.places < 2 && dispatch_other_node_exists(dispatch, task))
        return;
    struct dispatch_action *action = dispatch_add_action(dispatch, DISPATCH_GIVE_UP);
    if (action == NULL)
        return;
    memcpy(action->key, task->key, sizeof action->key);
    action->crashes = task->kind == WIRE_MEASURE && task->tries.crashes >= dispatch->options.failures_max;
    if (task->failed_on_count > 0)
        memcpy(action->board, task->failed_on[task->failed_on_count - 1], sizeof action->board);
    snprintf(action->reason, sizeof action->reason, "given up after %d failed attempts, the last: %s", task->tries.failures,
             reason);
    dispatch_note_done(dispatch, task->kind);
    queue_remove(&dispatch->queue, task);
}

void dispatch_end_canary(struct dispatch *dispatch, struct task *task)
{
    task->board->canary = NULL;
    queue_remove(&dispatch->queue, task);
}

void dispatch_fail_lease(struct dispatch *dispatch, struct lease *lease, enum dispatch_close close, enum wire_failure failure,
                         const char *reason)
{
    struct task *task = lease->task;
    dispatch_close_lease(dispatch, lease, close, failure, reason);
    queue_take_back(&dispatch->queue, lease);
    if (task->board != NULL) {
        dispatch_end_canary(dispatch, task);
        return;
    }
    if (close == DISPATCH_FAILED || close == DISPATCH_LOST)
        queue_note_failure(task, lease->place, close == DISPATCH_LOST || failure == WIRE_FAILURE_CRASHED, dispatch->now_ms);
    if (task->lease != NULL)
        return; /* its copy goes on */
    if (!task->described)
        queue_remove(&dispatch->queue, task); /* nobody has wanted it in this master's life */
    else
        dispatch_give_up_if_hopeless(dispatch, task, reason);
}

void dispatch_lose_lease(struct dispatch *dispatch, struct lease *lease, enum dispatch_close close, const char *reason)
{
    dispatch_fail_lease(dispatch, lease, close, WIRE_FAILURE_NONE, reason);
}

void dispatch_expire_lease(struct dispatch *dispatch, struct lease *lease)
{
    /* What the peer never confirmed may never have reached it. */
    if (lease->task != NULL)
        dispatch_lose_lease(dispatch, lease, lease->confirmed ? DISPATCH_LOST : DISPATCH_RETURNED,
                            lease->confirmed ? "nothing was heard of it for a lease time" : "the peer never confirmed it");
    dispatch_end_ghost(dispatch, lease);
}

/* --- its beginning --- */

void dispatch_restore(struct dispatch *dispatch, int64_t now_ms, uint64_t lease_id, uint64_t epoch, uint32_t attempt,
                      const char *key, const char *node, const char *board)
{
    dispatch_notice_time(dispatch, now_ms);
    struct task *task = queue_find(&dispatch->queue, key);
    if (task == NULL)
        task = queue_add(&dispatch->queue, key, 0, "", now_ms);
    if (task == NULL) {
        dispatch->broken = true;
        return;
    }
    if (task->copy != NULL) {
        /* Three open leases on one key: only a damaged store says so. The last two count. */
        struct lease *former = task->lease;
        dispatch_lose_lease(dispatch, former, DISPATCH_RETURNED, "two more leases on the same key were open");
        dispatch_end_ghost(dispatch, former);
    }
    task->attempts = attempt - 1;
    const char *place = board[0] != '\0' ? board : node;
    int64_t deadline_ms = dispatch->now_ms + dispatch->options.lease_ms;
    struct lease *lease = task->lease == NULL ? queue_lease(&dispatch->queue, task, epoch, node, place, deadline_ms)
                                              : queue_lease_copy(&dispatch->queue, task, epoch, node, place, deadline_ms);
    if (lease == NULL || !queue_lease_id(&dispatch->queue, lease, lease_id) || !queue_hold_absent(&dispatch->queue, lease)) {
        dispatch->broken = true;
        return;
    }
    lease->granted_ms = -1;
    dispatch_join_host(dispatch, lease);
}

void dispatch_granted(struct dispatch *dispatch, const char *key, uint64_t lease_id)
{
    struct task *task = queue_find(&dispatch->queue, key);
    struct lease *fresh = task == NULL ? NULL : task->copy != NULL ? task->copy : task->lease;
    if (fresh == NULL || fresh->id != 0 || !queue_lease_id(&dispatch->queue, fresh, lease_id))
        dispatch->broken = true;
}

void dispatch_undelivered(struct dispatch *dispatch, int64_t now_ms, uint64_t lease_id)
{
    dispatch_notice_time(dispatch, now_ms);
    struct lease *lease = queue_find_lease(&dispatch->queue, lease_id);
    if (lease == NULL)
        return;
    if (lease->task != NULL)
        dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, "its task could not be sent");
    dispatch_end_ghost(dispatch, lease);
}
