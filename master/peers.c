/* peers: processes by node name and by connection, and the hosts they run on. Used by dispatch, which knows the rules. */
#include "master/peers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

void peers_init(struct peers *peers)
{
    memset(peers, 0, sizeof *peers);
}

void peers_clear(struct peers *peers)
{
    HASH_CLEAR(hh_link, peers->by_link);
    struct peer *peer, *next_peer;
    HASH_ITER(hh, peers->by_node, peer, next_peer)
    {
        HASH_DEL(peers->by_node, peer);
        free(peer);
    }
    struct host *host, *next_host;
    HASH_ITER(hh, peers->hosts, host, next_host)
    {
        HASH_DEL(peers->hosts, host);
        free(host);
    }
    struct board *board, *next_board;
    HASH_ITER(hh, peers->boards, board, next_board)
    {
        HASH_DEL(peers->boards, board);
        free(board);
    }
}

struct peer *peers_find(const struct peers *peers, const char *node)
{
    struct peer *peer;
    HASH_FIND_STR(peers->by_node, node, peer);
    return peer;
}

struct peer *peers_find_link(const struct peers *peers, uint32_t link)
{
    struct peer *peer = NULL;
    if (link != 0)
        HASH_FIND(hh_link, peers->by_link, &link, sizeof link, peer);
    return peer;
}

struct host *peers_host(struct peers *peers, const char *id)
{
    struct host *host;
    HASH_FIND_STR(peers->hosts, id, host);
    if (host != NULL)
        return host;
    host = calloc(1, sizeof *host);
    if (host == NULL)
        return NULL;
    strncpy(host->id, id, sizeof host->id - 1);
    host->is_board = strncmp(id, "board-", strlen("board-")) == 0;
    HASH_ADD_STR(peers->hosts, id, host);
    if (host->hh.tbl == NULL) {
        free(host);
        return NULL;
    }
    return host;
}

struct board *peers_board(struct peers *peers, const char *device_key, const char *name)
{
    struct board_key key = {0};
    strncpy(key.device_key, device_key, sizeof key.device_key - 1);
    strncpy(key.name, name, sizeof key.name - 1);
    struct board *board;
    HASH_FIND(hh, peers->boards, &key, sizeof key, board);
    if (board != NULL)
        return board;
    board = calloc(1, sizeof *board);
    if (board == NULL)
        return NULL;
    board->key = key;
    HASH_ADD(hh, peers->boards, key, sizeof board->key, board);
    if (board->hh.tbl != NULL)
        return board;
    free(board);
    return NULL;
}

/* --- lists --- */

void peers_heard(struct peers *peers, struct peer *peer, int64_t now_ms)
{
    peer->heard_ms = now_ms;
    DL_DELETE2(peers->by_heard, peer, heard_prev, heard_next);
    DL_APPEND2(peers->by_heard, peer, heard_prev, heard_next);
}

void peers_ready(struct peers *peers, struct peer *peer)
{
    if (peer->ready || peer->link == 0 || peer->leases >= peer->slots)
        return;
    peer->ready = true;
    peers->ready[peer->role].count++;
    DL_APPEND2(peers->ready[peer->role].first, peer, ready_prev, ready_next);
}

void peers_not_ready(struct peers *peers, struct peer *peer)
{
    if (!peer->ready)
        return;
    peer->ready = false;
    peers->ready[peer->role].count--;
    DL_DELETE2(peers->ready[peer->role].first, peer, ready_prev, ready_next);
}

void peers_ready_on(struct peers *peers, const struct host *host, enum wire_role role)
{
    for (struct peer *peer = host->of[role].first; peer != NULL; peer = peer->host_next)
        peers_ready(peers, peer);
}

static void note_mixed(struct peers *peers, struct host *host)
{
    bool mixed = host->of[WIRE_WORKER].count > 0 && host->of[WIRE_AGENT].count > 0;
    if (mixed && !host->mixed)
        DL_APPEND2(peers->mixed, host, mixed_prev, mixed_next);
    else if (!mixed && host->mixed)
        DL_DELETE2(peers->mixed, host, mixed_prev, mixed_next);
    host->mixed = mixed;
}

static void join_lists(struct peers *peers, struct peer *peer)
{
    struct host *host = peer->host;
    DL_APPEND2(peers->by_heard, peer, heard_prev, heard_next);
    DL_APPEND2(peers->of[peer->role].first, peer, role_prev, role_next);
    DL_APPEND2(host->of[peer->role].first, peer, host_prev, host_next);
    peers->of[peer->role].count++;
    host->of[peer->role].count++;
    note_mixed(peers, host);
}

static void leave_lists(struct peers *peers, struct peer *peer)
{
    struct host *host = peer->host;
    peers_not_ready(peers, peer);
    DL_DELETE2(peers->by_heard, peer, heard_prev, heard_next);
    DL_DELETE2(peers->of[peer->role].first, peer, role_prev, role_next);
    DL_DELETE2(host->of[peer->role].first, peer, host_prev, host_next);
    peers->of[peer->role].count--;
    host->of[peer->role].count--;
    note_mixed(peers, host);
    /* Those of the other role had to take turns with it. */
    if (host->of[peer->role].count == 0)
        peers_ready_on(peers, host, peer->role == WIRE_WORKER ? WIRE_AGENT : WIRE_WORKER);
}

static bool is_empty(const struct host *host)
{
    return host->of[WIRE_WORKER].count + host->of[WIRE_AGENT].count + host->computing + host->measuring == 0;
}

void peers_left_host(struct peers *peers, struct host *host)
{
    if (host->empty || !is_empty(host))
        return;
    host->empty = true;
    host->next_empty = peers->first_empty;
    peers->first_empty = host;
}

void peers_sweep_hosts(struct peers *peers)
{
    while (peers->first_empty != NULL) {
        struct host *host = peers->first_empty;
        peers->first_empty = host->next_empty;
        host->empty = false;
        if (!is_empty(host))
            continue;
        HASH_DEL(peers->hosts, host);
        free(host);
    }
}

/* --- peers --- */

struct peer *peers_add(struct peers *peers, const struct wire_hello *hello, int64_t now_ms)
{
    assert(peers_find(peers, hello->node) == NULL);
    bool agent = hello->role == WIRE_AGENT;
    struct host *host = peers_host(peers, hello->host_id);
    struct board *board = agent ? peers_board(peers, hello->device_key, hello->board.name) : NULL;
    struct peer *peer = host == NULL || (agent && board == NULL) ? NULL : calloc(1, sizeof *peer);
    if (peer == NULL) {
        if (host != NULL)
            peers_left_host(peers, host);
        return NULL;
    }
    peer->board = board;
    if (agent)
        board->deterministic = hello->board.deterministic;
    memcpy(peer->node, hello->node, sizeof peer->node);
    memcpy(peer->device_key, hello->device_key, sizeof peer->device_key);
    peer->role = hello->role;
    peer->incarnation = hello->incarnation;
    peer->slots = hello->slots;
    peer->host = host;
    peer->heard_ms = now_ms;
    HASH_ADD_STR(peers->by_node, node, peer);
    if (peer->hh.tbl == NULL) {
        free(peer);
        peers_left_host(peers, host);
        return NULL;
    }
    join_lists(peers, peer);
    return peer;
}

static void unlink_peer(struct peers *peers, struct peer *peer)
{
    if (peer->link == 0)
        return;
    HASH_DELETE(hh_link, peers->by_link, peer);
    peer->link = 0;
}

bool peers_link(struct peers *peers, struct peer *peer, uint32_t link)
{
    if (peer->link == link)
        return true;
    struct peer *former = peers_find_link(peers, link);
    if (former != NULL)
        unlink_peer(peers, former);
    unlink_peer(peers, peer);
    if (link == 0)
        return true;
    peer->link = link;
    HASH_ADD(hh_link, peers->by_link, link, sizeof peer->link, peer);
    if (peer->hh_link.tbl != NULL)
        return true;
    peer->link = 0;
    return false;
}

void peers_remove(struct peers *peers, struct peer *peer)
{
    assert(peer->leases == 0);
    unlink_peer(peers, peer);
    leave_lists(peers, peer);
    peers_left_host(peers, peer->host);
    HASH_DEL(peers->by_node, peer);
    free(peer);
}
