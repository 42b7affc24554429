/* dispatch_message: what each message of a peer does to its leases. Part of dispatch; pure. */
#include <math.h>
#include <string.h>
#include <utlist.h>

#include "master/dispatch_parts.h"

/* --- what it holds --- */

static void add_drop(struct wire_id_list *drop, uint64_t lease_id)
{
    if (drop->count < WIRE_HELD_MAX)
        drop->lease_ids[drop->count++] = lease_id;
}

/* The peer holds these: renews those that are its own, tells which are not, marks all. A restored lease learns its host here. */
static void renew_held(struct dispatch *dispatch, struct peer *peer, const struct wire_held_list *held, struct wire_id_list *drop)
{
    drop->count = 0;
    dispatch->heard++;
    for (uint32_t i = 0; i < held->count; i++) {
        struct lease *lease = queue_find_lease(&dispatch->queue, held->items[i].lease_id);
        if (lease != NULL)
            lease->listed = dispatch->heard;
        bool its_own = lease != NULL && strcmp(lease->key, held->items[i].key) == 0 && strcmp(lease->node, peer->node) == 0 &&
                       (lease->peer == peer || lease->peer == NULL);
        if (!its_own || lease->task == NULL) {
            add_drop(drop, held->items[i].lease_id);
            if (its_own)
                lease->confirmed = true; /* a ghost it has now been told to drop: gone when it is not listed any more */
            continue;
        }
        if (lease->peer == NULL)
            dispatch_place_lease(dispatch, lease, peer, peer->host);
        lease->confirmed = true;
        if (peer->board != NULL && peer->board->trust.quarantined && !lease->canary) {
            dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, DISPATCH_QUARANTINED); /* one of before a restart */
            add_drop(drop, held->items[i].lease_id);
            continue;
        }
        queue_renew(&dispatch->queue, lease, dispatch->now_ms + dispatch->options.lease_ms);
    }
}

/* A peer that lives and does not list a lease that it once listed has put it down. */
static void notice_put_down(struct dispatch *dispatch, const struct peer *peer)
{
    struct lease *lease, *next;
    DL_FOREACH_SAFE2(peer->held, lease, next, held_next)
    {
        if (!lease->confirmed || lease->listed == dispatch->heard)
            continue;
        if (lease->task != NULL)
            dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, "the peer holds it no more");
        dispatch_end_ghost(dispatch, lease);
    }
}

/* A fresh connection: what was sent on the one before and not read is lost, so leases that are not in its Hello are not held. A
 * restored lease of this node may have been another process's: its task waits again, but it keeps the host busy until its deadline.
 */
static void notice_not_held(struct dispatch *dispatch, const struct peer *peer)
{
    struct lease *lease, *next;
    DL_FOREACH_SAFE2(peer->held, lease, next, held_next)
    {
        if (lease->listed == dispatch->heard)
            continue;
        if (lease->task != NULL)
            dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, "the peer came back without it");
        dispatch_end_ghost(dispatch, lease);
    }
    for (lease = queue_absent(&dispatch->queue, peer->node); lease != NULL; lease = next) {
        next = lease->held_next;
        if (lease->listed == dispatch->heard)
            continue;
        if (lease->task != NULL)
            dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, "the peer came back without it");
        dispatch_place_lease(dispatch, lease, NULL, peer->host);
    }
}

/* Until its deadlines have passed a peer's leases keep the host busy: nobody knows whether it still computes. */
static void take_leases_off(struct dispatch *dispatch, struct peer *peer, enum dispatch_close confirmed, const char *why)
{
    struct lease *lease, *next;
    DL_FOREACH_SAFE2(peer->held, lease, next, held_next)
    {
        if (lease->task != NULL)
            dispatch_lose_lease(dispatch, lease, lease->confirmed ? confirmed : DISPATCH_RETURNED, why);
        dispatch_leave_peer(dispatch, lease);
    }
}

/* The process is dead or will be told to exit. */
static void replace_process(struct dispatch *dispatch, struct peer *peer)
{
    take_leases_off(dispatch, peer, DISPATCH_LOST, "its process was replaced by a later one");
    struct dispatch_action *action = peer->link == 0 ? NULL : dispatch_add_action(dispatch, DISPATCH_REPLACED);
    if (action != NULL)
        action->link = peer->link;
    peers_remove(&dispatch->peers, peer);
}

/* Whatever stood in the way of a task for it: now it is looked at again. */
static void hear(struct dispatch *dispatch, struct peer *peer, uint64_t sequence, uint32_t slots)
{
    peer->sequence = sequence;
    peer->slots = slots;
    peers_heard(&dispatch->peers, peer, dispatch->now_ms);
    peers_ready(&dispatch->peers, peer);
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
        peer = peers_add(&dispatch->peers, hello, dispatch->now_ms);
    bool fresh = peer != NULL && peer->link != link;
    if (peer == NULL || !peers_link(&dispatch->peers, peer, link)) {
        dispatch->broken = true;
        return DISPATCH_OLD;
    }
    hear(dispatch, peer, hello->sequence, hello->slots);
    renew_held(dispatch, peer, &hello->held, drop);
    if (fresh && peer->board != NULL)
        peer->board->connections++;
    if (fresh)
        notice_not_held(dispatch, peer);
    else
        notice_put_down(dispatch, peer);
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
    hear(dispatch, peer, heartbeat->sequence, heartbeat->slots);
    renew_held(dispatch, peer, &heartbeat->held, drop);
    notice_put_down(dispatch, peer);
    return DISPATCH_HEARD;
}

/* The key has its value: the task goes, and leases that other peers may still hold stay as ghosts. In the store they stay open as
 * long: a master that is started anew meanwhile must know as well that those hosts are busy. */
static void finish_task(struct dispatch *dispatch, struct task *task)
{
    while (task->lease != NULL) {
        struct lease *lease = task->lease;
        queue_take_back(&dispatch->queue, lease);
        lease->unclosed = true;
    }
    dispatch_note_done(dispatch, task->kind);
    queue_remove(&dispatch->queue, task);
}

/* All of the token: a database that is put back gives ids out again, now and then for the same key, attempt and node. */
static struct lease *lease_of_result(const struct dispatch *dispatch, const struct peer *peer, const struct wire_result *result)
{
    struct lease *lease = queue_find_lease(&dispatch->queue, result->lease_id);
    bool matches = lease != NULL && lease->peer == peer && lease->epoch == result->epoch && lease->attempt == result->attempt &&
                   strcmp(lease->key, result->key) == 0;
    return matches ? lease : NULL;
}

bool dispatch_leased_elsewhere(const struct dispatch *dispatch, const char *node, const struct wire_result *result)
{
    const struct lease *lease = queue_find_lease(&dispatch->queue, result->lease_id);
    return lease != NULL && lease->epoch == result->epoch && strcmp(lease->node, node) != 0;
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
    dispatch_close_lease(dispatch, lease, measured ? DISPATCH_DONE : DISPATCH_FAILED, result->failure,
                         measured ? "" : result->sentence);
    queue_take_back(&dispatch->queue, lease);
    dispatch_end_canary(dispatch, task);
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
            dispatch_fail_lease(dispatch, lease, DISPATCH_FAILED, result->failure, result->sentence);
            dispatch_note_failed(dispatch, peer, result->key, result->sentence);
            verdict = DISPATCH_NOTED;
        } else {
            dispatch_note_took(dispatch, lease);
            peer->failed_count = 0;
            dispatch_close_lease(dispatch, lease, DISPATCH_DONE, result->failure, "");
            queue_take_back(&dispatch->queue, lease);
            finish_task(dispatch, task);
        }
        dispatch_end_ghost(dispatch, lease);
        return verdict;
    }
    if (lease != NULL) {
        if (lease->task != NULL)
            dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, "nobody wants its key any more");
        dispatch_end_ghost(dispatch, lease);
    }
    struct task *task = queue_find(&dispatch->queue, result->key);
    bool late = task != NULL && task->described && wire_role_of(task->kind) == WIRE_WORKER && result->outcome != WIRE_FAILED &&
                result->epoch == dispatch->options.epoch && queue_was_leased(task, result->lease_id, peer->node);
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
        dispatch_lose_lease(dispatch, lease, DISPATCH_RETURNED, "handed back");
    dispatch_end_ghost(dispatch, lease);
}

void dispatch_remove_peer(struct dispatch *dispatch, struct peer *peer, bool silent)
{
    while (peer->held != NULL) {
        struct lease *lease = peer->held;
        if (lease->task != NULL)
            dispatch_lose_lease(dispatch, lease, silent && lease->confirmed ? DISPATCH_LOST : DISPATCH_RETURNED,
                                silent ? "its node fell silent" : "its node said goodbye");
        dispatch_end_ghost(dispatch, lease);
    }
    peers_remove(&dispatch->peers, peer);
}

void dispatch_goodbye(struct dispatch *dispatch, int64_t now_ms, uint32_t link)
{
    dispatch_notice_time(dispatch, now_ms);
    struct peer *peer = peers_find_link(&dispatch->peers, link);
    if (peer != NULL)
        dispatch_remove_peer(dispatch, peer, false);
}

void dispatch_expel(struct dispatch *dispatch, int64_t now_ms, uint32_t link, const char *why)
{
    dispatch_notice_time(dispatch, now_ms);
    struct peer *peer = peers_find_link(&dispatch->peers, link);
    if (peer == NULL)
        return;
    take_leases_off(dispatch, peer, DISPATCH_RETURNED, why);
    peers_remove(&dispatch->peers, peer);
}

void dispatch_link_gone(struct dispatch *dispatch, int64_t now_ms, uint32_t link)
{
    dispatch_notice_time(dispatch, now_ms);
    struct peer *peer = peers_find_link(&dispatch->peers, link);
    if (peer != NULL)
        peers_link(&dispatch->peers, peer, 0);
}
