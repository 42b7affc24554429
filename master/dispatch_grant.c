/* dispatch_grant: which waiting task goes to which peer, and when a host computes or measures. Part of dispatch; pure. */
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "common/nearest.h"
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

/* Where the peer's attempts count as made. */
static const char *place_of(const struct peer *peer)
{
    return peer->board != NULL ? peer->board->key.name : peer->node;
}

/* A board that may measure nothing now, not even a canary. */
static bool is_blocked(const struct dispatch *dispatch, const struct board *board)
{
    if (board == NULL || !board->trust.quarantined)
        return false;
    return board->trust.held || dispatch->options.canary_every == 0 || dispatch->now_ms < board->canary_from_ms;
}

static bool canary_is_due(const struct dispatch *dispatch, const struct board *board)
{
    if (board->trust.quarantined)
        return true;
    if (dispatch->options.canary_every == 0)
        return false;
    return board->trust.again || board->checked != board->connections ||
           (!board->deterministic && board->measurements >= dispatch->options.canary_every);
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
        bool quarantined = peer->board != NULL && peer->board->trust.quarantined;
        if (could_take(dispatch, peer, task) && !is_torpid(dispatch, peer) && !quarantined &&
            !queue_failed_on(task, place_of(peer)))
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
            if (peer->host != host || is_torpid(dispatch, peer) || is_blocked(dispatch, peer->board) ||
                !could_take(dispatch, peer, task))
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
    if (is_blocked(dispatch, peer->board) || peer->board->canary != NULL)
        return false;
    bool ahead = host->is_board && host->measuring == peer->leases; /* built while the other one runs */
    return (host->measuring == 0 || ahead) && host->computing == 0 && (host->measure_turn || host->workers == 0) && somewhere == 0;
}

static bool is_last_attempt(const struct dispatch *dispatch, const struct task *task)
{
    return task->tries.failures >= dispatch->options.failures_max - 1;
}

/* The earliest waiting task for the peer. One that failed on this node is left to others while there are others. A last attempt
 * waits for the peer to be empty, and the peer takes nothing else meanwhile. */
static struct task *choose_task(const struct dispatch *dispatch, const struct peer *peer)
{
    struct task *task = queue_waiting(&dispatch->queue, peer->role == WIRE_WORKER ? WIRE_RMI : WIRE_MEASURE);
    for (; task != NULL; task = task->next) {
        if (!could_take(dispatch, peer, task))
            continue;
        if (queue_failed_on(task, place_of(peer)) && dispatch_other_node_exists(dispatch, task))
            continue;
        return is_last_attempt(dispatch, task) && peer->leases > 0 ? NULL : task;
    }
    return NULL;
}

static void canary_key(const struct board *board, char out[DIGEST_HEX_BYTES])
{
    struct digest_stream stream;
    struct digest digest;
    digest_begin(&stream);
    digest_text(&stream, "hwnas canary");
    digest_text(&stream, board->key.device_key);
    digest_text(&stream, board->key.name);
    digest_end(&stream, &digest);
    digest_hex(&digest, out);
}

/* *busy: a canary of an earlier start of the master may still be running; nothing is granted until that is known. */
static struct lease *lease_canary(struct dispatch *dispatch, const struct peer *peer, bool *busy)
{
    char key[DIGEST_HEX_BYTES];
    canary_key(peer->board, key);
    *busy = queue_find(&dispatch->queue, key) != NULL;
    if (*busy)
        return NULL;
    struct lease *lease = queue_lease_canary(&dispatch->queue, key, peer->board, dispatch->options.epoch, peer->node,
                                             place_of(peer), dispatch->now_ms + dispatch->options.lease_ms);
    if (lease == NULL)
        return NULL;
    lease->connection = peer->board->connections;
    peer->board->canary = lease;
    return lease;
}

static struct lease *lease_task(struct dispatch *dispatch, const struct peer *peer, struct task *task)
{
    struct lease *lease = queue_lease(&dispatch->queue, task, dispatch->options.epoch, peer->node, place_of(peer),
                                      dispatch->now_ms + dispatch->options.lease_ms);
    if (lease == NULL)
        return NULL;
    lease->alone = is_last_attempt(dispatch, task);
    if (peer->board != NULL)
        peer->board->measurements++;
    return lease;
}

static bool grant_one(struct dispatch *dispatch, struct peer *peer)
{
    struct task *task = choose_task(dispatch, peer);
    bool busy = false;
    if (task == NULL)
        return false;
    bool canary = peer->board != NULL && canary_is_due(dispatch, peer->board);
    struct lease *lease = canary ? lease_canary(dispatch, peer, &busy) : lease_task(dispatch, peer, task);
    if (busy)
        return false;
    struct dispatch_action *action = lease == NULL ? NULL : dispatch_add_action(dispatch, DISPATCH_GRANT);
    if (action == NULL) {
        dispatch->broken = true;
        return false;
    }
    lease->granted_ms = dispatch->now_ms;
    dispatch_place_lease(lease, peer, peer->host);
    memcpy(action->key, lease->key, sizeof action->key);
    memcpy(action->node, peer->node, sizeof action->node);
    action->canary = canary;
    if (peer->board != NULL) {
        memcpy(action->device_key, peer->board->key.device_key, sizeof action->device_key);
        memcpy(action->board, peer->board->key.name, sizeof action->board);
    }
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

/* --- what is waited for --- */

/* The boards that could take the task: whether there is one, and one that is not quarantined. */
struct takers {
    const struct board *any, *trusted, *checked; /* checked: its canary is open, or due */
};

static struct takers find_takers(const struct dispatch *dispatch, const struct task *task)
{
    struct takers takers = {0};
    for (const struct peer *peer = dispatch->peers.by_node; peer != NULL; peer = peer->hh.next) {
        if (!could_take(dispatch, peer, task))
            continue;
        takers.any = peer->board;
        if (!peer->board->trust.quarantined)
            takers.trusted = peer->board;
        if (peer->board->canary != NULL || canary_is_due(dispatch, peer->board))
            takers.checked = peer->board;
    }
    return takers;
}

/* What is connected in place of a device nobody has: the key that looks most like it. NULL: no agent at all. */
static const char *nearest_device(const struct dispatch *dispatch, const char *device)
{
    const char *nearest = NULL;
    for (const struct peer *peer = dispatch->peers.by_node; peer != NULL; peer = peer->hh.next) {
        if (peer->role != WIRE_AGENT)
            continue;
        if (strncmp(peer->device_key, device, strlen(device)) == 0)
            return peer->device_key;
        if (nearest == NULL || nearest_distance(device, peer->device_key) < nearest_distance(device, nearest))
            nearest = peer->device_key;
    }
    return nearest;
}

static bool says_what_is_missing(const struct dispatch *dispatch, const struct task *task, const struct takers *takers, char *out,
                                 size_t size)
{
    const char *nearest = takers->any == NULL ? nearest_device(dispatch, task->device) : NULL;
    if (takers->any == NULL && strcmp(task->device, "host") == 0)
        snprintf(out, size, "an agent on this host: none is connected");
    else if (takers->any == NULL && nearest != NULL)
        snprintf(out, size, "an agent for device %s: none is connected; the nearest that is here is %s", task->device, nearest);
    else if (takers->any == NULL)
        snprintf(out, size, "an agent for device %s: none is connected", task->device);
    else if (takers->trusted == NULL)
        snprintf(out, size, "board %s of device %s, which is quarantined %s", takers->any->key.name, takers->any->key.device_key,
                 takers->any->trust.reason);
    return takers->trusted == NULL;
}

void dispatch_waiting_for(const struct dispatch *dispatch, char *out, size_t size)
{
    const struct queue *queue = &dispatch->queue;
    out[0] = '\0';
    if (queue->waiting_rmi != NULL && peers_count(&dispatch->peers, WIRE_WORKER) == 0) {
        snprintf(out, size, "a worker: none is connected");
        return;
    }
    for (const struct task *task = queue->waiting_measure; task != NULL; task = task->next) {
        struct takers takers = find_takers(dispatch, task);
        if (says_what_is_missing(dispatch, task, &takers, out, size))
            return;
    }
    if (queue->waiting_measure == NULL || queue->waiting_rmi_count + queue->leased_rmi > 0)
        return;
    struct takers takers = find_takers(dispatch, queue->waiting_measure);
    if (takers.checked != NULL && queue->leased_measure == 0)
        snprintf(out, size, "a canary on board %s first", takers.checked->key.name);
}
