/* peers: who is connected, on which host and with which board. Pure: no clock, no socket.
 *
 * A peer is one process: worker or agent, known by its node name; of two processes with one name the later one (larger incarnation)
 * is the peer. A host is a machine that peers run on; it exists as long as a peer or a lease points at it. A
 * board is what an agent measures on, known by device key and name; it stays when its agent has left, so that what is thought of it
 * does. The host of a board that is not the machine its agent runs on is the board itself: its id starts with `board-`.
 *
 * Whoever is due is found without looking at all others: peers stand in lists, the longest silent first, and those that may have
 * room for a task. The second holds everybody who has; it may hold others, who are taken out when they are looked at. */
#ifndef HWNAS_MASTER_PEERS_H
#define HWNAS_MASTER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "common/wire.h"

enum { PEERS_ROLES = WIRE_AGENT + 1, PEERS_FAILED_KEPT = 5 };

struct peer;
struct lease; /* master/queue.h */

/* Peers of one role, one after the other. */
struct peers_list {
    struct peer *first;
    uint32_t count;
};

struct host {
    char id[WIRE_NAME_BYTES];
    bool is_board;                     /* not a machine that anything else runs on */
    struct peers_list of[PEERS_ROLES]; /* on it, by role */
    uint32_t computing, measuring;     /* leases on it, ghosts included */
    bool measure_turn;                 /* no new RMI lease: the host drains and its agents measure */
    uint64_t turn_limit;               /* tasks of a smaller order belong to this turn */
    bool mixed, empty;                 /* in these lists of peers */
    struct host *mixed_prev, *mixed_next;
    struct host *next_empty;
    UT_hash_handle hh;
};

/* What the coordinator thinks of a board (master/trust.h). */
struct peers_trust {
    bool quarantined; /* canaries only */
    bool held;        /* not even these */
    bool again;       /* a canary before anything else */
    uint32_t wait_ms; /* quarantined: until the next canary */
    char reason[256]; /* quarantined: since when and why, for people */
};

struct board_key {
    char device_key[WIRE_DEVICE_BYTES];
    char name[WIRE_NAME_BYTES];
};

struct board {
    struct board_key key; /* zero-padded: a hash key */
    struct peers_trust trust;
    int64_t canary_from_ms; /* quarantined: no canary before */
    uint32_t connections;   /* how often an agent has connected with it */
    uint32_t checked;       /* the connection that a canary was last measured on */
    uint32_t measurements;  /* granted since the last canary */
    bool deterministic;
    struct lease *canary; /* open; NULL: none */
    UT_hash_handle hh;
};

struct peer {
    char node[WIRE_NAME_BYTES];
    enum wire_role role;
    uint64_t incarnation;
    struct host *host;
    uint32_t link; /* the bus' number of its connection; 0: the connection is gone */
    uint32_t slots;
    uint32_t leases;                    /* on this peer, ghosts included */
    struct lease *held;                 /* these (queue_hold) */
    uint32_t last_attempts;             /* of these: tasks that must run alone */
    char device_key[WIRE_DEVICE_BYTES]; /* agents */
    struct board *board;                /* agents; NULL for workers */
    uint64_t sequence;                  /* the highest heard */
    int64_t heard_ms;                   /* when */
    bool ready;                         /* in the list of those that may have room for a task */
    uint64_t failed[PEERS_FAILED_KEPT]; /* different tasks that failed on it one after the other, as numbers of their keys */
    uint32_t failed_count;
    int64_t drained_until_ms; /* it is given nothing before */
    struct peer *heard_prev, *heard_next;
    struct peer *ready_prev, *ready_next;
    struct peer *role_prev, *role_next; /* all of its role */
    struct peer *host_prev, *host_next; /* all of its role on its host */
    UT_hash_handle hh;                  /* by node */
    UT_hash_handle hh_link;
};

struct peers {
    struct peer *by_node;
    struct peer *by_link;
    struct peer *by_heard;                /* the longest silent first */
    struct peers_list of[PEERS_ROLES];    /* by role */
    struct peers_list ready[PEERS_ROLES]; /* likewise: who may have room for a task, who has waited longest first */
    struct host *hosts;
    struct host *mixed;       /* those with workers and agents */
    struct host *first_empty; /* those that nothing pointed at for a while at least */
    struct board *boards;
};

void peers_init(struct peers *peers);
void peers_clear(struct peers *peers);

struct peer *peers_find(const struct peers *peers, const char *node);
struct peer *peers_find_link(const struct peers *peers, uint32_t link); /* NULL for link 0 */

/* Adds a peer without leases from its Hello, heard now; NULL without memory. The node must not be there. */
struct peer *peers_add(struct peers *peers, const struct wire_hello *hello, int64_t now_ms);

/* Changes the connection of a peer; 0: gone. A link that another peer had is taken from it. False without memory. */
bool peers_link(struct peers *peers, struct peer *peer, uint32_t link);

/* Removes a peer that has no leases. */
void peers_remove(struct peers *peers, struct peer *peer);

/* The host of that id, made if it is not there; NULL without memory. */
struct host *peers_host(struct peers *peers, const char *id);

/* The board of that key and name, made if it is not there; NULL without memory. */
struct board *peers_board(struct peers *peers, const char *device_key, const char *name);

/* Something was heard of it. No peer may have been heard of later. */
void peers_heard(struct peers *peers, struct peer *peer, int64_t now_ms);

/* It may have room for a task from now on; it has not, until it is said again. Twice is harmless. */
void peers_ready(struct peers *peers, struct peer *peer);
void peers_not_ready(struct peers *peers, struct peer *peer);

/* So may all of one role on a host. */
void peers_ready_on(struct peers *peers, const struct host *host, enum wire_role role);

/* A lease has left the host: remembers it if nothing points at it now. */
void peers_left_host(struct peers *peers, struct host *host);

/* Frees hosts nothing points at. */
void peers_sweep_hosts(struct peers *peers);

#endif
