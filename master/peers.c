/* peers: processes by node name and by connection, and the hosts they run on. Used by dispatch, which knows the rules. */
#include "master/peers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

void peers_sweep_hosts(struct peers *peers)
{
    struct host *host, *next;
    HASH_ITER(hh, peers->hosts, host, next)
    {
        if (host->workers + host->agents + host->computing + host->measuring > 0)
            continue;
        HASH_DEL(peers->hosts, host);
        free(host);
    }
}

struct peer *peers_add(struct peers *peers, const struct wire_hello *hello)
{
    assert(peers_find(peers, hello->node) == NULL);
    bool agent = hello->role == WIRE_AGENT;
    struct host *host = peers_host(peers, hello->host_id);
    struct board *board = agent ? peers_board(peers, hello->device_key, hello->board.name) : NULL;
    struct peer *peer = host == NULL || (agent && board == NULL) ? NULL : calloc(1, sizeof *peer);
    if (peer == NULL)
        return NULL;
    peer->board = board;
    if (agent)
        board->deterministic = hello->board.deterministic;
    memcpy(peer->node, hello->node, sizeof peer->node);
    memcpy(peer->device_key, hello->device_key, sizeof peer->device_key);
    peer->role = hello->role;
    peer->incarnation = hello->incarnation;
    peer->slots = hello->slots;
    peer->host = host;
    HASH_ADD_STR(peers->by_node, node, peer);
    if (peer->hh.tbl == NULL) {
        free(peer);
        return NULL;
    }
    if (peer->role == WIRE_WORKER)
        host->workers++;
    else
        host->agents++;
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
    if (peer->role == WIRE_WORKER)
        peer->host->workers--;
    else
        peer->host->agents--;
    HASH_DEL(peers->by_node, peer);
    free(peer);
}

uint32_t peers_count(const struct peers *peers, enum wire_role role)
{
    uint32_t count = 0;
    for (const struct peer *peer = peers->by_node; peer != NULL; peer = peer->hh.next)
        count += peer->role == role;
    return count;
}
