/* dispatch_copy: what takes one worker unusually long is given to an idle one as well. Part of dispatch; pure.
 *
 * Scores alone (by RMI, by the weights of a one-shot net): their value follows from the key, so it does not matter whose result
 * comes first. The other lease then ends as a ghost, and a result that still comes of it is compared and counts nothing. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "master/dispatch_parts.h"

enum { TOOK_FEW = 5 }; /* below, nobody knows what is usual */

/* --- what is usual --- */

static bool is_score(enum wire_kind kind)
{
    return kind == WIRE_RMI || kind == WIRE_ONESHOT_SCORE;
}

/* A batch is what was wanted since there last was nothing. */
void dispatch_note_wanted(struct dispatch *dispatch, enum wire_kind kind)
{
    if (!is_score(kind))
        return;
    if (dispatch->queue.rmi.count + dispatch->queue.leased_rmi == 0)
        dispatch->batch_wanted = dispatch->batch_done = 0;
    dispatch->batch_wanted++;
}

void dispatch_note_done(struct dispatch *dispatch, enum wire_kind kind)
{
    dispatch->batch_done += is_score(kind);
}

void dispatch_note_took(struct dispatch *dispatch, const struct lease *lease)
{
    if (is_score(lease->kind) && lease->granted_ms >= 0)
        dispatch->took_ms[dispatch->took_count++ % DISPATCH_TOOK_KEPT] = dispatch->now_ms - lease->granted_ms;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t usual_ms(const struct dispatch *dispatch)
{
    int64_t sorted[DISPATCH_TOOK_KEPT];
    size_t count = dispatch->took_count < DISPATCH_TOOK_KEPT ? (size_t)dispatch->took_count : DISPATCH_TOOK_KEPT;
    memcpy(sorted, dispatch->took_ms, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], by_size);
    return sorted[count / 2];
}

/* --- who takes long, and who has time --- */

static bool takes_long(const struct dispatch *dispatch, const struct lease *lease, int64_t limit_ms)
{
    const struct task *task = lease->task;
    return is_score(lease->kind) && lease->granted_ms >= 0 && dispatch->now_ms - lease->granted_ms > limit_ms && task != NULL &&
           task->described && task->lease == lease && !task->copied && task->tries.failures == 0;
}

/* An idle worker that is not the lease's; it leaves the list of those that are ready. NULL: none. */
static struct peer *take_idle(struct dispatch *dispatch, const struct lease *lease)
{
    struct peers_list *ready = &dispatch->peers.ready[WIRE_WORKER];
    for (uint32_t left = ready->count; left > 0; left--) {
        struct peer *peer = ready->first;
        peers_not_ready(&dispatch->peers, peer);
        if (!dispatch_may_start(dispatch, peer))
            continue;
        if (strcmp(peer->node, lease->node) != 0)
            return peer;
        peers_ready(&dispatch->peers, peer);
    }
    return NULL;
}

/* All leases are looked at, so not in every turn, and only when the batch nears its end and somebody stands idle. */
static bool is_time(const struct dispatch *dispatch)
{
    const struct queue *queue = &dispatch->queue;
    return dispatch->options.copy_after_ms > 0 && dispatch->now_ms >= dispatch->copies_from_ms && queue->rmi.count == 0 &&
           queue->leased_rmi > 0 && dispatch->peers.ready[WIRE_WORKER].count > 0 && dispatch->nowhere.measuring == 0 &&
           dispatch->took_count >= TOOK_FEW && 4 * dispatch->batch_done >= 3 * dispatch->batch_wanted;
}

void dispatch_copy_stragglers(struct dispatch *dispatch)
{
    if (!is_time(dispatch))
        return;
    int64_t limit_ms = usual_ms(dispatch) * 3 / 2;
    if (limit_ms < dispatch->options.copy_after_ms)
        limit_ms = dispatch->options.copy_after_ms;
    dispatch->copies_from_ms = dispatch->now_ms + dispatch->options.heartbeat_ms;
    struct lease *lease, *next;
    DL_FOREACH_SAFE(dispatch->queue.leases, lease, next)
    {
        if (dispatch->broken || !takes_long(dispatch, lease, limit_ms))
            continue;
        struct peer *peer = take_idle(dispatch, lease);
        if (peer == NULL)
            return;
        struct lease *copy = queue_lease_copy(&dispatch->queue, lease->task, dispatch->options.epoch, peer->node, peer->node,
                                              dispatch->now_ms + dispatch->options.lease_ms);
        dispatch_announce(dispatch, copy, peer);
        peers_ready(&dispatch->peers, peer);
    }
}
