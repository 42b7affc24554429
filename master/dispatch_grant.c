/* dispatch_grant: which waiting task goes to which peer, and when a host computes or measures. Part of dispatch; pure. */
#include <string.h>

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

bool dispatch_canary_is_due(const struct dispatch *dispatch, const struct board *board)
{
    if (board->trust.quarantined)
        return true;
    if (dispatch->options.canary_every == 0)
        return false;
    return board->trust.again || board->checked != board->connections ||
           (!board->deterministic && board->measurements >= dispatch->options.canary_every);
}

bool dispatch_could_take(const struct dispatch *dispatch, const struct peer *peer, const struct task *task)
{
    if (wire_role_of(task->kind) == WIRE_WORKER)
        return peer->role == WIRE_WORKER;
    return peer->role == WIRE_AGENT && measures(dispatch, peer, task);
}

bool dispatch_other_node_exists(const struct dispatch *dispatch, const struct task *task)
{
    enum wire_role role = wire_role_of(task->kind);
    for (const struct peer *peer = dispatch->peers.of[role].first; peer != NULL; peer = peer->role_next) {
        bool quarantined = peer->board != NULL && peer->board->trust.quarantined;
        if (dispatch_could_take(dispatch, peer, task) && !is_torpid(dispatch, peer) && !quarantined &&
            !dispatch_is_drained(dispatch, peer) && !queue_failed_on(task, place_of(peer)))
            return true;
    }
    return false;
}

/* --- lines --- */

/* The tasks that wait for such a peer: for its device, and on the master's own host for "host". */
struct lines {
    struct queue_line *of[2]; /* NULL: nobody has wanted such a thing */
};

static struct lines lines_of(struct dispatch *dispatch, const struct peer *peer)
{
    struct lines lines = {{NULL, NULL}};
    if (peer->role == WIRE_WORKER) {
        lines.of[0] = &dispatch->queue.rmi;
        return lines;
    }
    if (strcmp(peer->device_key, "host") != 0)
        lines.of[0] = queue_line(&dispatch->queue, peer->device_key);
    if (strcmp(peer->host->id, dispatch->options.host_id) == 0)
        lines.of[1] = queue_line(&dispatch->queue, "host");
    return lines;
}

/* The earlier of two tasks; either may be NULL. */
static struct task *earlier(struct task *a, struct task *b)
{
    return a == NULL || (b != NULL && b->order < a->order) ? b : a;
}

/* --- turns --- */

/* The first waiting measurement that an agent of the host could take, of an order below limit. *count: how many there are, as far
 * as it matters. */
static const struct task *first_measurement(struct dispatch *dispatch, const struct host *host, uint64_t limit, uint32_t *count)
{
    struct task *first = NULL;
    *count = 0;
    dispatch->rounds++;
    for (const struct peer *peer = host->of[WIRE_AGENT].first; peer != NULL; peer = peer->host_next) {
        if (is_torpid(dispatch, peer) || is_blocked(dispatch, peer->board))
            continue;
        struct lines lines = lines_of(dispatch, peer);
        for (int i = 0; i < 2; i++) {
            struct queue_line *line = lines.of[i];
            if (line == NULL || line->seen == dispatch->rounds)
                continue;
            line->seen = dispatch->rounds;
            struct task *task = line->first;
            if (task != NULL && task->order < limit)
                first = earlier(first, task);
            for (; task != NULL && task->order < limit && *count < dispatch->options.measure_batch; task = task->next)
                ++*count;
        }
    }
    return first;
}

static void turn_host(struct dispatch *dispatch, struct host *host)
{
    const struct dispatch_options *options = &dispatch->options;
    uint32_t count;
    if (host->measure_turn && host->measuring == 0 && first_measurement(dispatch, host, host->turn_limit, &count) == NULL) {
        host->measure_turn = false;
        peers_ready_on(&dispatch->peers, host, WIRE_WORKER);
    }
    if (host->measure_turn)
        return;
    const struct task *first = first_measurement(dispatch, host, UINT64_MAX, &count);
    if (first == NULL)
        return;
    if (dispatch->queue.rmi.first == NULL || count >= options->measure_batch ||
        dispatch->now_ms - first->wanted_ms >= options->measure_wait_ms) {
        host->measure_turn = true;
        host->turn_limit = dispatch->queue.next_order;
        peers_ready_on(&dispatch->peers, host, WIRE_AGENT);
    }
}

void dispatch_turn_hosts(struct dispatch *dispatch)
{
    for (struct host *host = dispatch->peers.mixed; host != NULL; host = host->mixed_next)
        turn_host(dispatch, host);
}

/* --- grants --- */

bool dispatch_may_start(const struct dispatch *dispatch, const struct peer *peer)
{
    if (peer->leases >= peer->slots || peer->last_attempts > 0 || is_torpid(dispatch, peer) || dispatch_is_drained(dispatch, peer))
        return false;
    const struct host *host = peer->host;
    bool alone = host->of[WIRE_WORKER].count == 0 || host->of[WIRE_AGENT].count == 0;
    if (peer->role == WIRE_WORKER)
        return host->measuring == 0 && (!host->measure_turn || alone);
    if (is_blocked(dispatch, peer->board) || peer->board->canary != NULL)
        return false;
    bool ahead = host->is_board && host->measuring == peer->leases; /* built while the other one runs */
    return (host->measuring == 0 || ahead) && host->computing == 0 && (host->measure_turn || alone);
}

static bool is_last_attempt(const struct dispatch *dispatch, const struct task *task)
{
    return task->tries.failures >= dispatch->options.failures_max - 1;
}

/* One that failed on this node is left to others while there are others, and for a while when there are none: they may have died
 * of it too, and come back. */
static bool may_have(const struct dispatch *dispatch, const struct peer *peer, const struct task *task)
{
    return !queue_failed_on(task, place_of(peer)) ||
           (dispatch->now_ms >= task->failed_ms + dispatch->options.elsewhere_ms && !dispatch_other_node_exists(dispatch, task));
}

/* The earliest waiting task for the peer. A last attempt waits for the peer to be empty, and the peer takes nothing else
 * meanwhile. */
static struct task *choose_task(struct dispatch *dispatch, const struct peer *peer)
{
    struct lines lines = lines_of(dispatch, peer);
    struct task *next[2] = {lines.of[0] == NULL ? NULL : lines.of[0]->first, lines.of[1] == NULL ? NULL : lines.of[1]->first};
    struct task *task;
    while ((task = earlier(next[0], next[1])) != NULL) {
        if (may_have(dispatch, peer, task))
            return is_last_attempt(dispatch, task) && peer->leases > 0 ? NULL : task;
        next[task != next[0]] = task->next;
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

void dispatch_announce(struct dispatch *dispatch, struct lease *lease, struct peer *peer)
{
    struct dispatch_action *action = lease == NULL ? NULL : dispatch_add_action(dispatch, DISPATCH_GRANT);
    if (action == NULL) {
        dispatch->broken = true;
        return;
    }
    lease->granted_ms = dispatch->now_ms;
    dispatch_place_lease(dispatch, lease, peer, peer->host);
    memcpy(action->key, lease->key, sizeof action->key);
    memcpy(action->node, peer->node, sizeof action->node);
    action->canary = lease->canary;
    if (peer->board != NULL) {
        memcpy(action->device_key, peer->board->key.device_key, sizeof action->device_key);
        memcpy(action->board, peer->board->key.name, sizeof action->board);
    }
    action->attempt = lease->attempt;
    action->link = peer->link;
    action->sequence = peer->sequence;
}

static bool grant_one(struct dispatch *dispatch, struct peer *peer)
{
    struct task *task = choose_task(dispatch, peer);
    bool busy = false;
    if (task == NULL)
        return false;
    bool canary = peer->board != NULL && dispatch_canary_is_due(dispatch, peer->board);
    struct lease *lease = canary ? lease_canary(dispatch, peer, &busy) : lease_task(dispatch, peer, task);
    if (!busy)
        dispatch_announce(dispatch, lease, peer);
    return !busy && !dispatch->broken;
}

/* One task per peer and round, so that a few tasks are spread over all nodes: who has got one goes to the end of the list. Who may
 * not start leaves it, and comes back with its next Heartbeat or when what stood in its way has gone. */
static void grant_to(struct dispatch *dispatch, enum wire_role role, const uint32_t *waiting)
{
    struct peers_list *ready = &dispatch->peers.ready[role];
    uint32_t passed = 0; /* one after the other had room and found nothing for it */
    while (*waiting > 0 && passed < ready->count && !dispatch->broken) {
        struct peer *peer = ready->first;
        peers_not_ready(&dispatch->peers, peer);
        if (!dispatch_may_start(dispatch, peer))
            continue;
        passed = grant_one(dispatch, peer) ? 0 : passed + 1;
        peers_ready(&dispatch->peers, peer);
    }
}

void dispatch_grant_all(struct dispatch *dispatch)
{
    if (dispatch->nowhere.measuring == 0)
        grant_to(dispatch, WIRE_WORKER, &dispatch->queue.rmi.count);
    if (dispatch->nowhere.measuring + dispatch->nowhere.computing == 0)
        grant_to(dispatch, WIRE_AGENT, &dispatch->queue.waiting_measure);
}
