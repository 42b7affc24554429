/* dispatch_waiting: what waiting tasks lack, in a sentence for people. Part of dispatch; changes nothing. Whoever asks does so now
 * and then, so that it may look at every agent. */
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"
#include "master/dispatch_parts.h"

/* The boards that could take the task: whether there is one, and one that is not quarantined. */
struct takers {
    const struct board *any, *trusted, *checked; /* checked: its canary is open, or due */
};

static struct takers find_takers(const struct dispatch *dispatch, const struct task *task)
{
    struct takers takers = {0};
    for (const struct peer *peer = dispatch->peers.of[WIRE_AGENT].first; peer != NULL; peer = peer->role_next) {
        if (!dispatch_could_take(dispatch, peer, task))
            continue;
        takers.any = peer->board;
        if (!peer->board->trust.quarantined)
            takers.trusted = peer->board;
        if (peer->board->canary != NULL || dispatch_canary_is_due(dispatch, peer->board))
            takers.checked = peer->board;
    }
    return takers;
}

/* What is connected in place of a device nobody has: the key that looks most like it. NULL: no agent at all. */
static const char *nearest_device(const struct dispatch *dispatch, const char *device)
{
    const char *nearest = NULL;
    for (const struct peer *peer = dispatch->peers.of[WIRE_AGENT].first; peer != NULL; peer = peer->role_next) {
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

/* The line whose first task was wanted before those of all others, of those behind `after` (NULL: of all). */
static const struct queue_line *next_line(const struct queue *queue, const struct queue_line *after)
{
    const struct queue_line *next = NULL;
    for (const struct queue_line *line = queue->measure; line != NULL; line = line->hh.next) {
        bool behind = line->first != NULL && (after == NULL || line->first->order > after->first->order);
        if (behind && (next == NULL || line->first->order < next->first->order))
            next = line;
    }
    return next;
}

void dispatch_waiting_for(const struct dispatch *dispatch, char *out, size_t size)
{
    const struct queue *queue = &dispatch->queue;
    out[0] = '\0';
    if (queue->rmi.count > 0 && dispatch->peers.of[WIRE_WORKER].count == 0) {
        snprintf(out, size, "a worker: none is connected");
        return;
    }
    const struct queue_line *first = next_line(queue, NULL);
    for (const struct queue_line *line = first; line != NULL; line = next_line(queue, line)) {
        struct takers takers = find_takers(dispatch, line->first);
        if (says_what_is_missing(dispatch, line->first, &takers, out, size))
            return;
    }
    if (first == NULL || queue->rmi.count + queue->leased_rmi > 0)
        return;
    struct takers takers = find_takers(dispatch, first->first);
    if (takers.checked != NULL && queue->leased_measure == 0)
        snprintf(out, size, "a canary on board %s first", takers.checked->key.name);
}
