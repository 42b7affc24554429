/* dispatch: the messages of peers and the passing of time, turned into leases and actions. Called by the coordinator and by the
 * simulation; the rules stand in dispatch.h, who grants what to whom in dispatch_grant.c. */
#include "master/dispatch.h"

#include <math.h>
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

static void close_lease(struct dispatch *dispatch, const struct lease *lease, enum dispatch_close close, enum wire_failure failure,
                        const char *reason)
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

/* --- leases --- */

/* A lease of unknown kind counts as a measurement: nothing runs beside one. */
static void count_on_host(const struct lease *lease, uint32_t change)
{
    if (lease == NULL || lease->host == NULL)
        return;
    if (lease->kind == WIRE_RMI)
        lease->host->computing += change;
    else
        lease->host->measuring += change;
}

void dispatch_place_lease(struct lease *lease, struct peer *peer, struct host *host)
{
    lease->peer = peer;
    lease->host = host;
    if (peer != NULL) {
        peer->leases++;
        peer->last_attempts += lease->alone;
    }
    count_on_host(lease, 1);
}

static void leave_peer(struct lease *lease)
{
    if (lease->peer == NULL)
        return;
    lease->peer->leases--;
    lease->peer->last_attempts -= lease->alone;
    lease->peer = NULL;
}

/* The host gets the lease off its back: the peer cannot be computing any more. */
static void end_ghost(struct dispatch *dispatch, struct lease *lease)
{
    leave_peer(lease);
    count_on_host(lease, (uint32_t)-1);
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
    queue_remove(&dispatch->queue, task);
}

/* A canary's lease is open no more. Whether another one is due, the board's counts say. */
static void end_canary(struct dispatch *dispatch, struct task *task)
{
    task->board->canary = NULL;
    queue_remove(&dispatch->queue, task);
}

/* Takes an open lease off its task, which waits again: the end of every attempt that brought no result. The lease stays behind as
 * a ghost. */
static void fail_lease(struct dispatch *dispatch, struct lease *lease, enum dispatch_close close, enum wire_failure failure,
                       const char *reason)
{
    struct task *task = lease->task;
    close_lease(dispatch, lease, close, failure, reason);
    queue_take_back(&dispatch->queue, lease);
    if (task->board != NULL) {
        end_canary(dispatch, task);
        return;
    }
    if (close == DISPATCH_FAILED || close == DISPATCH_LOST)
        queue_note_failure(task, lease->place, close == DISPATCH_LOST || failure == WIRE_FAILURE_CRASHED);
    if (!task->described)
        queue_remove(&dispatch->queue, task); /* nobody has wanted it in this master's life */
    else
        dispatch_give_up_if_hopeless(dispatch, task, reason);
}

static void lose_lease(struct dispatch *dispatch, struct lease *lease, enum dispatch_close close, const char *reason)
{
    fail_lease(dispatch, lease, close, WIRE_FAILURE_NONE, reason);
}

/* Nothing was heard of it. What the peer never confirmed may never have reached it. */
static void expire_lease(struct dispatch *dispatch, struct lease *lease)
{
    if (lease->task != NULL)
        lose_lease(dispatch, lease, lease->confirmed ? DISPATCH_LOST : DISPATCH_RETURNED,
                   lease->confirmed ? "nothing was heard of it for a lease time" : "the peer never confirmed it");
    end_ghost(dispatch, lease);
}

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
    if (task->lease != NULL) {
        /* Two open leases on one key: only a damaged store says so. The later one counts. */
        struct lease *former = task->lease;
        lose_lease(dispatch, former, DISPATCH_RETURNED, "another lease on the same key was open");
        end_ghost(dispatch, former);
        dispatch_restore(dispatch, now_ms, lease_id, epoch, attempt, key, node, board);
        return;
    }
    task->attempts = attempt - 1;
    struct lease *lease =
        queue_lease(&dispatch->queue, task, epoch, node, board[0] != '\0' ? board : node, now_ms + dispatch->options.lease_ms);
    if (lease == NULL || !queue_lease_id(&dispatch->queue, lease, lease_id))
        dispatch->broken = true;
    else
        lease->granted_ms = -1;
}

void dispatch_want(struct dispatch *dispatch, int64_t now_ms, const char *key, enum wire_kind kind, const char *device,
                   const struct queue_tries *tries)
{
    dispatch_notice_time(dispatch, now_ms);
    struct task *task = queue_find(&dispatch->queue, key);
    if (task != NULL && task->described)
        return;
    if (task == NULL) {
        task = queue_add(&dispatch->queue, key, kind, device, now_ms);
    } else {
        count_on_host(task->lease, (uint32_t)-1);
        queue_describe(&dispatch->queue, task, kind, device, now_ms);
        count_on_host(task->lease, 1);
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

static const char board_is_quarantined[] = "its board has been quarantined";

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
    if (!trust->quarantined)
        return;
    struct lease *lease, *next;
    DL_FOREACH_SAFE(dispatch->queue.leases, lease, next)
    {
        if (lease->peer != NULL && lease->peer->board == board && lease->task != NULL && !lease->canary)
            lose_lease(dispatch, lease, DISPATCH_RETURNED, board_is_quarantined);
    }
}

/* --- messages --- */

static void add_drop(struct wire_id_list *drop, uint64_t lease_id)
{
    if (drop->count < WIRE_HELD_MAX)
        drop->lease_ids[drop->count++] = lease_id;
}

/* The peer holds these: renews those that are its own, tells which are not. A restored lease learns its host here. */
static void renew_held(struct dispatch *dispatch, struct peer *peer, const struct wire_held_list *held, struct wire_id_list *drop)
{
    drop->count = 0;
    for (uint32_t i = 0; i < held->count; i++) {
        struct lease *lease = queue_find_lease(&dispatch->queue, held->items[i].lease_id);
        bool its_own = lease != NULL && strcmp(lease->key, held->items[i].key) == 0 && strcmp(lease->node, peer->node) == 0 &&
                       (lease->peer == peer || lease->peer == NULL);
        if (!its_own || lease->task == NULL) {
            add_drop(drop, held->items[i].lease_id);
            if (its_own)
                lease->confirmed = true; /* a ghost it has now been told to drop: gone when it is not listed any more */
            continue;
        }
        if (lease->peer == NULL)
            dispatch_place_lease(lease, peer, peer->host);
        lease->confirmed = true;
        if (peer->board != NULL && peer->board->trust.quarantined && !lease->canary) {
            lose_lease(dispatch, lease, DISPATCH_RETURNED, board_is_quarantined); /* one of before a restart */
            add_drop(drop, held->items[i].lease_id);
            continue;
        }
        lease->deadline_ms = dispatch->now_ms + dispatch->options.lease_ms;
    }
}

static bool lists(const struct wire_held_list *held, uint64_t lease_id)
{
    for (uint32_t i = 0; i < held->count; i++) {
        if (held->items[i].lease_id == lease_id)
            return true;
    }
    return false;
}

/* A peer that lives and does not list a lease that it once listed has put it down. */
static void notice_put_down(struct dispatch *dispatch, const struct peer *peer, const struct wire_held_list *held)
{
    struct lease *lease, *next;
    DL_FOREACH_SAFE(dispatch->queue.leases, lease, next)
    {
        if (lease->peer != peer || !lease->confirmed || lists(held, lease->id))
            continue;
        if (lease->task != NULL)
            lose_lease(dispatch, lease, DISPATCH_RETURNED, "the peer holds it no more");
        end_ghost(dispatch, lease);
    }
}

/* A fresh connection: what was sent on the one before and not read is lost, so leases that are not in its Hello are not held. A
 * restored lease of this node may have been another process's: its task waits again, but it keeps the host busy until its deadline.
 */
static void notice_not_held(struct dispatch *dispatch, const struct peer *peer, const struct wire_held_list *held)
{
    struct lease *lease, *next;
    DL_FOREACH_SAFE(dispatch->queue.leases, lease, next)
    {
        bool restored = lease->peer == NULL && lease->host == NULL && strcmp(lease->node, peer->node) == 0;
        if ((lease->peer != peer && !restored) || lists(held, lease->id))
            continue;
        if (lease->task != NULL)
            lose_lease(dispatch, lease, DISPATCH_RETURNED, "the peer came back without it");
        if (restored)
            dispatch_place_lease(lease, NULL, peer->host);
        else
            end_ghost(dispatch, lease);
    }
}

/* The process is dead or will be told to exit; until its deadlines have passed its leases keep the host busy. */
static void replace_process(struct dispatch *dispatch, struct peer *peer)
{
    struct lease *lease, *next;
    DL_FOREACH_SAFE(dispatch->queue.leases, lease, next)
    {
        if (lease->peer != peer)
            continue;
        if (lease->task != NULL)
            lose_lease(dispatch, lease, lease->confirmed ? DISPATCH_LOST : DISPATCH_RETURNED,
                       "its process was replaced by a later one");
        leave_peer(lease);
    }
    struct dispatch_action *action = peer->link == 0 ? NULL : dispatch_add_action(dispatch, DISPATCH_REPLACED);
    if (action != NULL)
        action->link = peer->link;
    peers_remove(&dispatch->peers, peer);
}

enum dispatch_heard dispatch_hello(struct dispatch *dispatch, int64_t now_ms, uint32_t link, const struct wire_hello *hello,
                                   struct wire_id_list *drop)
{
    dispatch_notice_time(dispatch, now_ms);
    drop->count = 0;
    struct peer *peer = peers_find(&dispatch->peers, hello->node);
    if (peer != NULL && hello->incarnation < peer->incarnation)
        return DISPATCH_NOT_YOU;
    if (peer != NULL && hello->incarnation == peer->incarnation && hello->sequence <= peer->sequence)
        return DISPATCH_OLD;
    if (peer != NULL && hello->incarnation > peer->incarnation) {
        replace_process(dispatch, peer);
        peer = NULL;
    }
    if (peer == NULL)
        peer = peers_add(&dispatch->peers, hello);
    bool fresh = peer != NULL && peer->link != link;
    if (peer == NULL || !peers_link(&dispatch->peers, peer, link)) {
        dispatch->broken = true;
        return DISPATCH_OLD;
    }
    peer->sequence = hello->sequence;
    peer->heard_ms = now_ms;
    peer->slots = hello->slots;
    renew_held(dispatch, peer, &hello->held, drop);
    if (fresh && peer->board != NULL)
        peer->board->connections++;
    if (fresh)
        notice_not_held(dispatch, peer, &hello->held);
    else
        notice_put_down(dispatch, peer, &hello->held);
    return DISPATCH_HEARD;
}

enum dispatch_heard dispatch_heartbeat(struct dispatch *dispatch, int64_t now_ms, uint32_t link,
                                       const struct wire_heartbeat *heartbeat, struct wire_id_list *drop)
{
    dispatch_notice_time(dispatch, now_ms);
    drop->count = 0;
    struct peer *peer = peers_find_link(&dispatch->peers, link);
    if (peer == NULL)
        return DISPATCH_NOT_KNOWN;
    if (heartbeat->sequence <= peer->sequence)
        return DISPATCH_OLD;
    peer->sequence = heartbeat->sequence;
    peer->heard_ms = now_ms;
    peer->slots = heartbeat->slots;
    renew_held(dispatch, peer, &heartbeat->held, drop);
    notice_put_down(dispatch, peer, &heartbeat->held);
    return DISPATCH_HEARD;
}

/* The key has its value: the task goes, and a lease that another peer may still hold stays as a ghost. */
static void finish_task(struct dispatch *dispatch, struct task *task)
{
    struct lease *lease = task->lease;
    if (lease != NULL) {
        close_lease(dispatch, lease, DISPATCH_RETURNED, WIRE_FAILURE_NONE, "the result of an earlier lease came first");
        queue_take_back(&dispatch->queue, lease);
    }
    queue_remove(&dispatch->queue, task);
}

static struct lease *lease_of_result(const struct dispatch *dispatch, const struct peer *peer, const struct wire_result *result)
{
    struct lease *lease = queue_find_lease(&dispatch->queue, result->lease_id);
    bool matches =
        lease != NULL && lease->peer == peer && lease->attempt == result->attempt && strcmp(lease->key, result->key) == 0;
    return matches ? lease : NULL;
}

bool dispatch_lease(const struct dispatch *dispatch, int64_t now_ms, uint32_t link, const struct wire_result *result,
                    struct dispatch_lease *out)
{
    const struct peer *peer = peers_find_link(&dispatch->peers, link);
    const struct lease *lease = peer == NULL ? NULL : lease_of_result(dispatch, peer, result);
    if (lease == NULL || lease->task == NULL || !lease->task->described)
        return false;
    bool ours = lease->granted_ms >= 0;
    out->canary = lease->canary;
    out->device_key = peer->board == NULL ? NULL : peer->board->key.device_key;
    out->board = peer->board == NULL ? NULL : peer->board->key.name;
    out->queue_seconds = ours ? (double)(lease->granted_ms - lease->task->wanted_ms) / 1000 : NAN;
    out->age_seconds = ours ? (double)(now_ms - lease->granted_ms) / 1000 : NAN;
    return true;
}

/* A canary has a result, good or bad: no other is due for this connection unless dispatch_trust says so. */
static void end_checked(struct dispatch *dispatch, struct lease *lease, const struct wire_result *result)
{
    struct task *task = lease->task;
    struct board *board = task->board;
    bool measured = result->outcome == WIRE_OK;
    close_lease(dispatch, lease, measured ? DISPATCH_DONE : DISPATCH_FAILED, result->failure, measured ? "" : result->sentence);
    queue_take_back(&dispatch->queue, lease);
    end_canary(dispatch, task);
    board->checked = lease->connection;
    board->measurements = 0;
}

enum dispatch_verdict dispatch_result(struct dispatch *dispatch, int64_t now_ms, uint32_t link, const struct wire_result *result)
{
    dispatch_notice_time(dispatch, now_ms);
    struct peer *peer = peers_find_link(&dispatch->peers, link);
    if (peer == NULL)
        return DISPATCH_STRANGER;
    struct lease *lease = lease_of_result(dispatch, peer, result);
    if (lease != NULL && lease->task != NULL && lease->task->described) {
        struct task *task = lease->task;
        enum dispatch_verdict verdict = DISPATCH_TAKE;
        if (lease->canary) {
            end_checked(dispatch, lease, result);
            verdict = DISPATCH_CANARY;
        } else if (result->outcome == WIRE_FAILED) {
            fail_lease(dispatch, lease, DISPATCH_FAILED, result->failure, result->sentence);
            verdict = DISPATCH_NOTED;
        } else {
            close_lease(dispatch, lease, DISPATCH_DONE, result->failure, "");
            queue_take_back(&dispatch->queue, lease);
            queue_remove(&dispatch->queue, task);
        }
        end_ghost(dispatch, lease);
        return verdict;
    }
    if (lease != NULL) {
        if (lease->task != NULL)
            lose_lease(dispatch, lease, DISPATCH_RETURNED, "nobody wants its key any more");
        end_ghost(dispatch, lease);
    }
    struct task *task = queue_find(&dispatch->queue, result->key);
    bool late = task != NULL && task->described && task->kind == WIRE_RMI && result->outcome != WIRE_FAILED &&
                queue_was_leased(task, result->lease_id, peer->node);
    if (!late)
        return DISPATCH_STALE;
    finish_task(dispatch, task);
    return DISPATCH_TAKE;
}

void dispatch_return(struct dispatch *dispatch, int64_t now_ms, uint32_t link, const struct wire_return *returned)
{
    dispatch_notice_time(dispatch, now_ms);
    struct peer *peer = peers_find_link(&dispatch->peers, link);
    struct lease *lease = peer == NULL ? NULL : queue_find_lease(&dispatch->queue, returned->lease_id);
    if (lease == NULL || lease->peer != peer || strcmp(lease->key, returned->key) != 0)
        return;
    if (lease->task != NULL)
        lose_lease(dispatch, lease, DISPATCH_RETURNED, "handed back");
    end_ghost(dispatch, lease);
}

/* Ends all leases of a peer and removes it. What it left without a result counts as lost only if it fell silent. */
static void remove_peer(struct dispatch *dispatch, struct peer *peer, bool silent)
{
    struct lease *lease, *next;
    DL_FOREACH_SAFE(dispatch->queue.leases, lease, next)
    {
        if (lease->peer != peer)
            continue;
        if (lease->task != NULL)
            lose_lease(dispatch, lease, silent && lease->confirmed ? DISPATCH_LOST : DISPATCH_RETURNED,
                       silent ? "its node fell silent" : "its node said goodbye");
        end_ghost(dispatch, lease);
    }
    peers_remove(&dispatch->peers, peer);
}

void dispatch_goodbye(struct dispatch *dispatch, int64_t now_ms, uint32_t link)
{
    dispatch_notice_time(dispatch, now_ms);
    struct peer *peer = peers_find_link(&dispatch->peers, link);
    if (peer != NULL)
        remove_peer(dispatch, peer, false);
}

void dispatch_link_gone(struct dispatch *dispatch, int64_t now_ms, uint32_t link)
{
    dispatch_notice_time(dispatch, now_ms);
    struct peer *peer = peers_find_link(&dispatch->peers, link);
    if (peer != NULL)
        peers_link(&dispatch->peers, peer, 0);
}

void dispatch_granted(struct dispatch *dispatch, const char *key, uint64_t lease_id)
{
    struct task *task = queue_find(&dispatch->queue, key);
    if (task == NULL || task->lease == NULL || task->lease->id != 0 || !queue_lease_id(&dispatch->queue, task->lease, lease_id))
        dispatch->broken = true;
}

void dispatch_undelivered(struct dispatch *dispatch, int64_t now_ms, uint64_t lease_id)
{
    dispatch_notice_time(dispatch, now_ms);
    struct lease *lease = queue_find_lease(&dispatch->queue, lease_id);
    if (lease == NULL)
        return;
    if (lease->task != NULL)
        lose_lease(dispatch, lease, DISPATCH_RETURNED, "its task could not be sent");
    end_ghost(dispatch, lease);
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
        for (struct peer *peer = dispatch->peers.by_node; peer != NULL; peer = peer->hh.next)
            peer->heard_ms += gap;
    }
    if (now_ms > dispatch->now_ms)
        dispatch->now_ms = now_ms;
}

int64_t dispatch_tick(struct dispatch *dispatch, int64_t now_ms)
{
    dispatch_notice_time(dispatch, now_ms);
    struct lease *lease, *next_lease;
    DL_FOREACH_SAFE(dispatch->queue.leases, lease, next_lease)
    {
        if (lease->deadline_ms <= now_ms)
            expire_lease(dispatch, lease);
    }
    struct peer *peer, *next_peer;
    HASH_ITER(hh, dispatch->peers.by_node, peer, next_peer)
    {
        if (peer->heard_ms + dispatch->options.lease_ms <= now_ms)
            remove_peer(dispatch, peer, true);
    }
    dispatch_turn_hosts(dispatch);
    if (!dispatch->stopped)
        dispatch_grant_all(dispatch);
    peers_sweep_hosts(&dispatch->peers);

    int64_t deadline = now_ms + dispatch->options.heartbeat_ms;
    DL_FOREACH(dispatch->queue.leases, lease)
    {
        if (lease->deadline_ms < deadline)
            deadline = lease->deadline_ms;
    }
    return deadline;
}

void dispatch_stop(struct dispatch *dispatch)
{
    dispatch->stopped = true;
}
