/* dispatch_drain: a node on which one task after the other fails is given nothing for a while: it is the node, not the tasks. Part
 * of dispatch; pure. */
#include <stdio.h>
#include <string.h>

#include "master/dispatch_parts.h"

/* Tells tasks apart (FNV-1a). */
static uint64_t number_of(const char *key)
{
    uint64_t number = 14695981039346656037u;
    for (; *key != '\0'; key++)
        number = (number ^ (unsigned char)*key) * 1099511628211u;
    return number;
}

/* It has its next chance after that while; if that fails too, it is drained again at once. */
static void drain(struct dispatch *dispatch, struct peer *peer, const char *why)
{
    peer->drained_until_ms = dispatch->now_ms + dispatch->options.drain_ms;
    memmove(peer->failed, peer->failed + 1, sizeof peer->failed - sizeof peer->failed[0]);
    peer->failed_count--;
    struct dispatch_action *action = dispatch_add_action(dispatch, DISPATCH_DRAINED);
    if (action == NULL)
        return;
    memcpy(action->node, peer->node, sizeof action->node);
    snprintf(action->reason, sizeof action->reason, "%s", why);
}

void dispatch_note_failed(struct dispatch *dispatch, struct peer *peer, const char *key, const char *why)
{
    uint64_t number = number_of(key);
    if (dispatch->options.drain_ms == 0 || dispatch_is_drained(dispatch, peer))
        return;
    for (uint32_t i = 0; i < peer->failed_count; i++) {
        if (peer->failed[i] == number)
            return;
    }
    peer->failed[peer->failed_count++] = number;
    if (peer->failed_count == PEERS_FAILED_KEPT)
        drain(dispatch, peer, why);
}

bool dispatch_is_drained(const struct dispatch *dispatch, const struct peer *peer)
{
    return dispatch->now_ms < peer->drained_until_ms;
}
