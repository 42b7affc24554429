/* dispatch_grant: which waiting task goes to which peer, and when a host computes or measures. Part of dispatch; pure. */
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "master/dispatch_parts.h"

/* Silent for more than 2.5 heartbeats: it may be dead, so it gets no new work; what it has it may still finish. */
static bool is_torpid(const struct dispatch *dispatch, const struct peer *peer)
{
    return peer->link == 0 || dispatch->now_ms - peer->heard_ms > (int64_t)dispatch->options.heartbeat_ms * 5 / 2;
}

static bool measures(const struct dispatch *dispatch, const struct peer *peer, const struct task *task)
{
    if (strcmp(task->device, "host") == 0)
        return strcmp(peer->host->id, dispatch->options.host_id) == 0;
    return strcmp(peer->device_key, task->device) == 0;
}

static bool could_take(const struct dispatch *dispatch, const struct peer *peer, const struct task *task)
{
    if (task->kind == WIRE_RMI)
        return peer->role == WIRE_WORKER;
    return peer->role == WIRE_AGENT && measures(dispatch, peer, task);
}

bool dispatch_other_node_exists(const struct dispatch *dispatch, const struct task *task)
{
    for (const struct peer *peer = dispatch->peers.by_node; peer != NULL; peer = peer->hh.next) {
        if (could_take(dispatch, peer, task) && !is_torpid(dispatch, peer) && !queue_failed_on(task, peer->node))
            return true;
    }
    return false;
}

/* --- turns --- */

/* The first waiting measurement that an agent of the host could take, of an order below limit. */
static const struct task *first_measurement(const struct dispatch *dispatch, const struct host *host, uint64_t limit,
                                            uint32_t *count)
{
    const struct task *first = NULL;
    *count = 0;
    for (const struct task *task = dispatch->queue.waiting_measure; task != NULL && task->order < limit; task = task->next) {
        for (const struct peer *peer = dispatch->peers.by_node; peer != NULL; peer = peer->hh.next) {
            if (peer->host != host || is_torpid(dispatch, peer) || !could_take(dispatch, peer, task))
                continue;
            if (first == NULL)
                first = task;
            ++*count;
            break;
        }
        if (*count >= dispatch->options.measure_batch)
            break;
    }
    return first;
}

void dispatch_turn_hosts(struct dispatch *dispatch)
{
    const struct dispatch_options *options = &dispatch->options;
    for (struct host *host = dispatch->peers.hosts; host != NULL; host = host->hh.next) {
        uint32_t count;
        if (host->measure_turn && host->measuring == 0 && first_measurement(dispatch, host, host->turn_limit, &count) == NULL)
            host->measure_turn = false;
        if (host->measure_turn || host->agents == 0)
            continue;
        const struct task *first = first_measurement(dispatch, host, UINT64_MAX, &count);
        if (first == NULL)
            continue;
        if (dispatch->queue.waiting_rmi == NULL || count >= options->measure_batch ||
            dispatch->now_ms - first->wanted_ms >= options->measure_wait_ms) {
            host->measure_turn = true;
            host->turn_limit = dispatch->queue.next_order;
        }
    }
}

/* --- grants --- */

/* Restored leases whose node has not come back could be on any host: bit 1 an RMI lease, bit 2 a measurement, both if unknown. */
static unsigned leases_somewhere(const struct dispatch *dispatch)
{
    unsigned kinds = 0;
    const struct lease *lease;
    DL_FOREACH(dispatch->queue.leases, lease)
    {
        if (lease->host != NULL)
            continue;
        bool known = lease->task == NULL || lease->task->described;
        kinds |= !known || lease->kind == 0 ? 3u : lease->kind == WIRE_RMI ? 1u : 2u;
    }
    return kinds;
}

static bool may_start(const struct dispatch *dispatch, const struct peer *peer, unsigned somewhere)
{
    if (peer->leases >= peer->slots || peer->last_attempts > 0 || is_torpid(dispatch, peer))
        return false;
    const struct host *host = peer->host;
    if (peer->role == WIRE_WORKER)
        return host->measuring == 0 && !host->measure_turn && (somewhere & 2u) == 0;
    return host->measuring == 0 && host->computing == 0 && (host->measure_turn || host->workers == 0) && somewhere == 0;
}

static bool is_last_attempt(const struct dispatch *dispatch, const struct task *task)
{
    return task->failures >= dispatch->options.failures_max - 1;
}

/* The earliest waiting task for the peer. One that failed on this node is left to others while there are others. A last attempt
 * waits for the peer to be empty, and the peer takes nothing else meanwhile. */
static struct task *choose_task(const struct dispatch *dispatch, const struct peer *peer)
{
    struct task *task = queue_waiting(&dispatch->queue, peer->role == WIRE_WORKER ? WIRE_RMI : WIRE_MEASURE);
    for (; task != NULL; task = task->next) {
        if (!could_take(dispatch, peer, task))
            continue;
        if (queue_failed_on(task, peer->node) && dispatch_other_node_exists(dispatch, task))
            continue;
        return is_last_attempt(dispatch, task) && peer->leases > 0 ? NULL : task;
    }
    return NULL;
}

static bool grant_one(struct dispatch *dispatch, struct peer *peer)
{
    struct task *task = choose_task(dispatch, peer);
    if (task == NULL)
        return false;
    struct lease *lease =
        queue_lease(&dispatch->queue, task, dispatch->options.epoch, peer->node, dispatch->now_ms + dispatch->options.lease_ms);
    struct dispatch_action *action = lease == NULL ? NULL : dispatch_add_action(dispatch, DISPATCH_GRANT);
    if (action == NULL) {
        dispatch->broken = true;
        return false;
    }
    lease->alone = is_last_attempt(dispatch, task);
    dispatch_place_lease(lease, peer, peer->host);
    memcpy(action->key, task->key, sizeof action->key);
    memcpy(action->node, peer->node, sizeof action->node);
    action->attempt = lease->attempt;
    action->link = peer->link;
    action->sequence = peer->sequence;
    return true;
}

void dispatch_grant_all(struct dispatch *dispatch)
{
    /* One task per peer and round, so that a few tasks are spread over all nodes. */
    bool granted = true;
    while (granted && !dispatch->broken) {
        granted = false;
        unsigned somewhere = leases_somewhere(dispatch);
        for (struct peer *peer = dispatch->peers.by_node; peer != NULL; peer = peer->hh.next) {
            if (may_start(dispatch, peer, somewhere))
                granted |= grant_one(dispatch, peer);
        }
    }
}

void dispatch_waiting_for(const struct dispatch *dispatch, char *out, size_t size)
{
    out[0] = '\0';
    if (dispatch->queue.waiting_rmi != NULL && peers_count(&dispatch->peers, WIRE_WORKER) == 0) {
        snprintf(out, size, "a worker: none is connected");
        return;
    }
    for (const struct task *task = dispatch->queue.waiting_measure; task != NULL; task = task->next) {
        bool somebody = false;
        for (const struct peer *peer = dispatch->peers.by_node; peer != NULL && !somebody; peer = peer->hh.next)
            somebody = could_take(dispatch, peer, task);
        if (somebody)
            continue;
        if (strcmp(task->device, "host") == 0)
            snprintf(out, size, "an agent on this host: none is connected");
        else
            snprintf(out, size, "an agent for device %s: none is connected", task->device);
        return;
    }
}
