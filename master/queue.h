/* queue: the tasks that wait for a peer or are with one, and the leases on them. Pure: no clock, no chance, no socket.
 *
 * A task is a key whose value somebody wants. It is WAITING (no lease) or LEASED (one open lease), and leaves the queue when its
 * value is there or it is given up: docs/LIFECYCLE.md. A lease says that a peer may compute a task; it ends when the result comes,
 * when the peer hands it back, or when nothing was heard of it until its deadline. A lease without a task is a ghost: the master
 * has no use for it any more, but the peer may still be computing, so its host counts as busy until the deadline.
 *
 * Nothing here takes longer when there are more tasks, leases or peers: whoever is next stands first in a list. Waiting tasks stand
 * in lines, one a device word and one for RMI; leases in the order of their deadlines, because each is moved on by one lease time
 * from now; the leases of a peer in a list of its own.
 *
 * Who may change what: tasks and leases are changed by queue.c and dispatch*.c only. Nothing here survives a restart by itself:
 * open leases and attempts are in the store. A canary is a task that nobody wants but dispatch; it is added with its lease and
 * leaves the queue when that ends. */
#ifndef HWNAS_MASTER_QUEUE_H
#define HWNAS_MASTER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "common/wire.h"

enum { QUEUE_NODES_KEPT = 4, QUEUE_PAST_KEPT = 4 };

struct peer; /* master/peers.h */
struct host;
struct board;
struct lease;
struct queue_absence;

/* A lease of this key that is no longer open, granted by this very process: its late result may still be accepted. */
struct queue_past {
    uint64_t lease_id;
    char node[WIRE_NAME_BYTES];
};

/* What has become of a key so far. */
struct queue_tries {
    int32_t failures; /* attempts that failed or were lost, restarts of the master included */
    int32_t places;   /* in so many different places */
    int32_t crashes;  /* of the failures: lost, or the board crashed */
};

/* Tasks that wait for peers of one kind. It stays when it is empty. */
struct queue_line {
    char device[WIRE_DEVICE_BYTES]; /* a device key, or "host"; empty: RMI */
    struct task *first;             /* described, no lease, by order; prev of the first is the last */
    struct task *finger;            /* the one that was put in last, where the next is looked for a place; NULL: none */
    uint32_t count;
    uint64_t seen; /* dispatch's mark: it has been looked at in this round */
    UT_hash_handle hh;
};

struct task {
    char key[DIGEST_HEX_BYTES];
    bool described; /* false: known from a restored lease alone, nobody wants it yet; kind and device are not valid then */
    enum wire_kind kind;
    char device[WIRE_DEVICE_BYTES]; /* MEASURE: device key, or "host" */
    uint64_t order;                 /* smaller was wanted earlier; kept when a task waits again */
    int64_t wanted_ms;              /* when it was wanted */
    struct board *board;            /* a canary of that board, never waiting; NULL: somebody wants it */
    struct queue_tries tries;
    char failed_on[QUEUE_NODES_KEPT][WIRE_NAME_BYTES]; /* the first of the places, of this process' life */
    uint32_t failed_on_count;
    int64_t failed_ms;                       /* the last failure; of no meaning before there was one */
    uint32_t attempts;                       /* started so far */
    struct lease *lease;                     /* NULL: waiting */
    struct lease *copy;                      /* beside it: the same task on another node, because this one takes long */
    bool copied;                             /* it has had one */
    struct queue_past past[QUEUE_PAST_KEPT]; /* a ring */
    uint32_t past_count;                     /* ever added */
    struct queue_line *line;                 /* where it stands while it waits; NULL: not described, or a canary */
    struct task *prev, *next;                /* in it */
    UT_hash_handle hh;
};

struct lease {
    uint64_t id;       /* 0 between grant and store */
    uint64_t epoch;    /* of the master that granted it */
    struct task *task; /* NULL: a ghost */
    char key[DIGEST_HEX_BYTES];
    char node[WIRE_NAME_BYTES];
    char place[WIRE_NAME_BYTES]; /* where it runs: the board of an agent, the node itself of a worker */
    uint32_t attempt;
    enum wire_kind kind;
    bool canary;         /* its task was one */
    uint32_t connection; /* canary: which connection of the board it was granted to */
    int64_t granted_ms;  /* -1: by an earlier start of the master */
    struct peer *peer;   /* NULL: restored and its node has not come back, or the ghost of a process that was replaced */
    struct host *host;   /* NULL: restored, not known yet: could be any */
    int64_t deadline_ms;
    bool confirmed;                /* the peer has said that it holds it */
    bool unclosed;                 /* a ghost that is open in the store still: a restart must not forget it */
    bool alone;                    /* the task's last attempt: nothing else on that peer */
    uint64_t listed;               /* the number of the message that listed it last */
    struct lease *prev, *next;     /* in the order of deadlines */
    struct lease **holder;         /* the list of who holds it: of a peer, or of a node that has not come back; NULL: nobody's */
    struct queue_absence *absence; /* of these the latter */
    struct lease *held_prev, *held_next;
    UT_hash_handle hh; /* by id, once it has one */
};

/* Restored leases of a node that has not come back. */
struct queue_absence {
    char node[WIRE_NAME_BYTES];
    struct lease *held;
    UT_hash_handle hh;
};

struct queue {
    struct task *tasks; /* hash by key */
    struct queue_line rmi;
    struct queue_line *measure;          /* hash by device word */
    uint32_t waiting_measure;            /* in all of these */
    struct queue_absence *absences;      /* hash by node; none is empty */
    struct lease *leases;                /* all, ghosts included, the next to end first */
    struct lease *by_id;                 /* hash of those with an id */
    uint32_t leased_rmi, leased_measure; /* open leases of described tasks, neither ghosts nor canaries counted */
    uint64_t next_order;
};

void queue_init(struct queue *queue);
void queue_clear(struct queue *queue); /* frees all */

/* Adds a task that waits, described when kind is not 0; NULL without memory. The key must not be there. */
struct task *queue_add(struct queue *queue, const char *key, enum wire_kind kind, const char *device, int64_t now_ms);

/* Describes a task that was known from a restored lease alone. False without memory. */
bool queue_describe(struct queue *queue, struct task *task, enum wire_kind kind, const char *device, int64_t now_ms);

struct task *queue_find(const struct queue *queue, const char *key);

/* The lease of that id (not 0), ghosts included, or NULL. */
struct lease *queue_find_lease(const struct queue *queue, uint64_t id);

/* Puts an open lease on a waiting task; counts the attempt. No lease may have a later deadline. NULL without memory. */
struct lease *queue_lease(struct queue *queue, struct task *task, uint64_t epoch, const char *node, const char *place,
                          int64_t deadline_ms);

/* Puts a second open lease on a leased task that has none; counts the attempt. Deadlines as above. NULL without memory. */
struct lease *queue_lease_copy(struct queue *queue, struct task *task, uint64_t epoch, const char *node, const char *place,
                               int64_t deadline_ms);

/* Adds a canary of the board with an open lease on it. The key must not be there. NULL without memory. */
struct lease *queue_lease_canary(struct queue *queue, const char *key, struct board *board, uint64_t epoch, const char *node,
                                 const char *place, int64_t deadline_ms);

/* Gives the lease its id, from the store. False without memory. */
bool queue_lease_id(struct queue *queue, struct lease *lease, uint64_t id);

/* Moves its deadline on. No lease may have a later one. */
void queue_renew(struct queue *queue, struct lease *lease, int64_t deadline_ms);

/* Puts the lease into a list of held ones, out of the one it is in; NULL: out alone. */
void queue_hold(struct queue *queue, struct lease *lease, struct lease **holder);

/* Puts a restored lease to those of its node. False without memory. */
bool queue_hold_absent(struct queue *queue, struct lease *lease);

/* The restored leases of that node; NULL when there are none. Go on with held_next. */
struct lease *queue_absent(const struct queue *queue, const char *node);

/* Takes the task off its lease, remembering the lease as past; the lease is a ghost. The task waits again, unless a copy is still
 * at work: that is then its lease. */
void queue_take_back(struct queue *queue, struct lease *lease);

/* Ends a ghost. */
void queue_end_lease(struct queue *queue, struct lease *lease);

/* Removes a task that has no lease. */
void queue_remove(struct queue *queue, struct task *task);

/* Whether that lease id was once given to that node for this task by this process. */
bool queue_was_leased(const struct task *task, uint64_t lease_id, const char *node);

/* Notes a failed or lost attempt in that place. */
void queue_note_failure(struct task *task, const char *place, bool crashed, int64_t now_ms);

/* Whether an attempt in that place has failed in this process' life. */
bool queue_failed_on(const struct task *task, const char *place);

/* The line of that device word, or NULL. */
struct queue_line *queue_line(const struct queue *queue, const char *device);

#endif
