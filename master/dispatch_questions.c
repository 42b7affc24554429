/* dispatch_questions: what others may know of dispatch: counts, names, connections. Part of dispatch; changes nothing. */
#include "master/dispatch_parts.h"

bool dispatch_broken(const struct dispatch *dispatch)
{
    return dispatch->broken;
}

void dispatch_count(const struct dispatch *dispatch, struct dispatch_counts *out)
{
    *out = (struct dispatch_counts){.workers = dispatch->peers.of[WIRE_WORKER].count,
                                    .agents = dispatch->peers.of[WIRE_AGENT].count,
                                    .waiting_rmi = dispatch->queue.rmi.count,
                                    .waiting_measure = dispatch->queue.waiting_measure,
                                    .leased_rmi = dispatch->queue.leased_rmi,
                                    .leased_measure = dispatch->queue.leased_measure};
}

const char *dispatch_node(const struct dispatch *dispatch, uint32_t link)
{
    const struct peer *peer = peers_find_link(&dispatch->peers, link);
    return peer == NULL ? NULL : peer->node;
}

const char *dispatch_device(const struct dispatch *dispatch, uint32_t link)
{
    const struct peer *peer = peers_find_link(&dispatch->peers, link);
    return peer == NULL ? NULL : peer->device_key;
}

void dispatch_each_link(const struct dispatch *dispatch, void (*each)(void *context, uint32_t link), void *context)
{
    for (const struct peer *peer = dispatch->peers.by_node; peer != NULL; peer = peer->hh.next) {
        if (peer->link != 0)
            each(context, peer->link);
    }
}

const struct queue *dispatch_queue(const struct dispatch *dispatch)
{
    return &dispatch->queue;
}

const struct peers *dispatch_peers(const struct dispatch *dispatch)
{
    return &dispatch->peers;
}
