/* dispatch_waiting: what waiting tasks lack, in sentences for people. Part of dispatch; changes nothing. Whoever asks does so now
 * and then, so that it may look at every agent. */
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"
#include "master/dispatch_parts.h"

/* The boards that could take the task: whether there is one, and one that is not quarantined. */
struct takers {
    const struct board *any, *trusted, *checked; /* checked: its canary is open, or due */
    const struct peer *drained;                  /* all that are trusted are drained: one of them */
};

/* One of the peers, when all that are there have been drained; NULL otherwise. */
static const struct peer *all_drained(const struct dispatch *dispatch, const struct peer *first, const struct task *task)
{
    const struct peer *drained = NULL;
    for (const struct peer *peer = first; peer != NULL; peer = peer->role_next) {
        bool asked = dispatch_could_take(dispatch, peer, task) && (peer->board == NULL || !peer->board->trust.quarantined);
        if (asked && !dispatch_is_drained(dispatch, peer))
            return NULL;
        drained = asked ? peer : drained;
    }
    return drained;
}

static void tell_drained(const struct dispatch *dispatch, const struct peer *peer, char *out, size_t size)
{
    snprintf(out, size, "%s %s, on which %d tasks failed one after the other: it is tried again in %.0f s",
             peer->role == WIRE_WORKER ? "worker" : "agent", peer->node, PEERS_FAILED_KEPT,
             (double)(peer->drained_until_ms - dispatch->now_ms) / 1000);
}

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
    takers.drained = all_drained(dispatch, dispatch->peers.of[WIRE_AGENT].first, task);
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
    else if (takers->drained != NULL)
        tell_drained(dispatch, takers->drained, out, size);
    return takers->trusted == NULL || takers->drained != NULL;
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
    const struct peer *drained =
        queue->rmi.count == 0 ? NULL : all_drained(dispatch, dispatch->peers.of[WIRE_WORKER].first, queue->rmi.first);
    if (drained != NULL) {
        tell_drained(dispatch, drained, out, size);
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

/* --- all of it --- */

/* Peers that could take some waiting task, by what keeps them from it. */
struct obstacles {
    uint32_t peers, silent, full, quarantined, checked, drained, beside; /* beside: their host does the other kind of work now */
    uint32_t slots;
    int64_t heard_ms;           /* the last that was heard of a silent one */
    const struct peer *example; /* of those that are not silent */
    const struct peer *resting; /* of those that are drained */
    const struct board *doubted, *board;
};

static void weigh(const struct dispatch *dispatch, const struct peer *peer, struct obstacles *out)
{
    const struct board *board = peer->board;
    out->peers++;
    out->slots += peer->slots;
    if (board != NULL)
        out->board = board;
    if (dispatch->now_ms - peer->heard_ms > (int64_t)dispatch->options.heartbeat_ms * 5 / 2 || peer->link == 0) {
        out->silent++;
        out->heard_ms = peer->heard_ms > out->heard_ms ? peer->heard_ms : out->heard_ms;
        return;
    }
    out->example = peer;
    if (dispatch_is_drained(dispatch, peer)) {
        out->drained++;
        out->resting = peer;
    }
    if (board != NULL && board->trust.quarantined) {
        out->quarantined++;
        out->doubted = board;
    } else if (board != NULL && (board->canary != NULL || dispatch_canary_is_due(dispatch, board))) {
        out->checked++;
        out->doubted = out->quarantined > 0 ? out->doubted : board;
    }
    if (peer->leases >= peer->slots || peer->last_attempts > 0)
        out->full++;
    else if (peer->role == WIRE_WORKER ? peer->host->measuring > 0 || peer->host->measure_turn : peer->host->computing > 0)
        out->beside++;
}

static double seconds_ago(const struct dispatch *dispatch, int64_t then_ms)
{
    return (double)(dispatch->now_ms - then_ms) / 1000;
}

static void say_drained(const struct dispatch *dispatch, const char *what, uint32_t count, const struct obstacles *found,
                        struct dispatch_reason *out)
{
    char who[sizeof out->sentence / 2];
    tell_drained(dispatch, found->resting, who, sizeof who);
    out->code = "drained";
    snprintf(out->sentence, sizeof out->sentence, "%u %s wait for %s", count, what, who);
}

static void explain_rmi(const struct dispatch *dispatch, struct dispatch_reason *out)
{
    struct obstacles found = {.heard_ms = INT64_MIN};
    uint32_t count = dispatch->queue.rmi.count;
    for (const struct peer *peer = dispatch->peers.of[WIRE_WORKER].first; peer != NULL; peer = peer->role_next)
        weigh(dispatch, peer, &found);
    out->code = "next_turn";
    snprintf(out->sentence, sizeof out->sentence,
             "%u evaluation(s) are about to be given out, or are left to workers they have not failed on", count);
    if (found.peers == 0) {
        out->code = "no_worker";
        snprintf(out->sentence, sizeof out->sentence, "%u evaluation(s) wait for a worker: none is connected", count);
    } else if (found.silent == found.peers) {
        out->code = "silent_workers";
        snprintf(out->sentence, sizeof out->sentence,
                 "%u evaluation(s) wait for a worker: all %u are silent, the last was heard of %.1f s ago", count, found.peers,
                 seconds_ago(dispatch, found.heard_ms));
    } else if (found.drained > 0 && found.silent + found.drained == found.peers) {
        say_drained(dispatch, "evaluation(s)", count, &found, out);
    } else if (dispatch->nowhere.measuring > 0) {
        out->code = "earlier_leases";
        snprintf(out->sentence, sizeof out->sentence,
                 "%u evaluation(s) wait: measurements given out before the master was started anew may be running on any machine",
                 count);
    } else if (found.full + found.silent == found.peers) {
        out->code = "busy_workers";
        snprintf(out->sentence, sizeof out->sentence, "%u evaluation(s) wait: all %u slot(s) of %u worker(s) are busy", count,
                 found.slots, found.peers);
    } else if (found.beside > 0 && found.full + found.silent + found.beside == found.peers) {
        out->code = "host_measures";
        snprintf(out->sentence, sizeof out->sentence,
                 "%u evaluation(s) wait: machine %s measures, and its workers wait for their turn", count, found.example->host->id);
    }
}

static bool explain_absent(const struct dispatch *dispatch, const struct queue_line *line, const struct obstacles *found,
                           struct dispatch_reason *out)
{
    const char *nearest = found->peers == 0 ? nearest_device(dispatch, line->device) : NULL;
    bool host = strcmp(line->device, "host") == 0;
    if (found->peers == 0) {
        out->code = "no_agent";
        snprintf(out->sentence, sizeof out->sentence, "%u measurement(s) wait for an agent %s%s: none is connected%s%s",
                 line->count, host ? "on this host" : "for device ", host ? "" : line->device,
                 !host && nearest != NULL ? "; the nearest that is here is " : "", !host && nearest != NULL ? nearest : "");
        return true;
    }
    if (found->silent < found->peers)
        return false;
    out->code = "silent_agent";
    snprintf(out->sentence, sizeof out->sentence,
             "%u measurement(s) wait for device %s: its %u agent(s) are silent, the last was heard of %.1f s ago", line->count,
             line->device, found->peers, seconds_ago(dispatch, found->heard_ms));
    return true;
}

static void explain_line(const struct dispatch *dispatch, const struct queue_line *line, struct dispatch_reason *out)
{
    struct obstacles found = {.heard_ms = INT64_MIN};
    for (const struct peer *peer = dispatch->peers.of[WIRE_AGENT].first; peer != NULL; peer = peer->role_next)
        if (dispatch_could_take(dispatch, peer, line->first))
            weigh(dispatch, peer, &found);
    *out = (struct dispatch_reason){.device = line->device, .board = found.board != NULL ? found.board->key.name : NULL};
    if (explain_absent(dispatch, line, &found, out))
        return;
    uint32_t here = found.peers - found.silent;
    if (found.doubted != NULL)
        out->board = found.doubted->key.name;
    if (found.quarantined == here) {
        out->code = "quarantined";
        snprintf(out->sentence, sizeof out->sentence, "%u measurement(s) wait for device %s: board %s is quarantined %.250s",
                 line->count, line->device, out->board, found.doubted->trust.reason);
    } else if (found.drained > 0 && found.drained + found.quarantined >= here) {
        say_drained(dispatch, "measurement(s)", line->count, &found, out);
    } else if (dispatch->nowhere.computing + dispatch->nowhere.measuring > 0) {
        out->code = "earlier_leases";
        snprintf(
            out->sentence, sizeof out->sentence,
            "%u measurement(s) wait for device %s: what was given out before the master was started anew may be running on any "
            "machine",
            line->count, line->device);
    } else if (found.quarantined + found.checked == here) {
        out->code = "canary";
        snprintf(out->sentence, sizeof out->sentence, "%u measurement(s) wait for device %s: board %s measures a canary first",
                 line->count, line->device, out->board);
    } else if (found.beside + found.full >= here && found.beside > 0) {
        out->code = "host_computes";
        snprintf(out->sentence, sizeof out->sentence,
                 "%u measurement(s) wait for device %s: workers compute on its machine, which takes its turn when no evaluation "
                 "waits, %u measurements do, or one has waited %u s",
                 line->count, line->device, dispatch->options.measure_batch, dispatch->options.measure_wait_ms / 1000);
    } else {
        out->code = "busy_board";
        snprintf(out->sentence, sizeof out->sentence,
                 "%u measurement(s) wait for device %s: %u board(s), one measurement at a time", line->count, line->device, here);
    }
}

void dispatch_reasons(const struct dispatch *dispatch, void (*each)(void *context, const struct dispatch_reason *reason),
                      void *context)
{
    struct dispatch_reason reason = {.code = NULL};
    if (dispatch->queue.rmi.count > 0) {
        explain_rmi(dispatch, &reason);
        each(context, &reason);
    }
    for (const struct queue_line *line = next_line(&dispatch->queue, NULL); line != NULL;
         line = next_line(&dispatch->queue, line)) {
        explain_line(dispatch, line, &reason);
        each(context, &reason);
    }
}
