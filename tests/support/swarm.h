/* swarm: very many workers that compute nothing, in one thread, for tests and benches of the master. They speak the protocol of
 * docs/PROTOCOL.md in full (Hello, Heartbeats with what they hold, results until they are acknowledged), over ZMTP 3 by hand: one
 * descriptor and some hundred bytes a worker, where a ZeroMQ socket takes several descriptors. The value of a task is made from its
 * key alone (swarm_value). Faults, where they are asked for, come by chance from the seed. */
#ifndef HWNAS_TESTS_SUPPORT_SWARM_H
#define HWNAS_TESTS_SUPPORT_SWARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SWARM_KEY_BYTES = 32 };

/* Chances of each result to be the occasion of a fault. */
struct swarm_faults {
    double kill;      /* the worker dies with all it holds; a later process takes its name */
    double cut;       /* its connection goes; it holds on to what it has, and comes back */
    double freeze;    /* it falls silent for freeze_ms with its result done: late, where the lease has ended meanwhile */
    double duplicate; /* the result is sent twice */
    int64_t freeze_ms;
};

struct swarm_options {
    const char *address; /* tcp://127.0.0.1:PORT or ipc://PATH */
    uint32_t workers, slots;
    uint64_t seed;
    bool ledger;      /* keep the key of every accepted result */
    int64_t think_ms; /* a task takes 0 to twice as long; 0: it is done at once */
    struct swarm_faults faults;
};

struct swarm_counts {
    uint64_t tasks, results, heartbeats, hellos; /* taken; sent */
    uint64_t accepted, duplicate, stale, retry_later;
    uint64_t connections, kills, cuts, freezes, duplicates;
    uint64_t refused;   /* by the master, for other reasons than that it does not know a connection */
    uint32_t connected; /* workers that have been welcomed and not cut off since */
    bool finished;      /* the master said that the study is */
};

struct swarm;

/* NULL without memory or descriptors. Connects as soon as it is run. */
struct swarm *swarm_open(const struct swarm_options *options);
void swarm_close(struct swarm *swarm);

/* Plays for that long at most; returns early once the study is finished. */
void swarm_run(struct swarm *swarm, int64_t for_ms);

const struct swarm_counts *swarm_counts(const struct swarm *swarm);

/* The keys of accepted results, SWARM_KEY_BYTES each, in the order they were acknowledged. */
const uint8_t *swarm_accepted(const struct swarm *swarm, size_t *count);

/* What a worker of the swarm finds for a key. */
double swarm_value(const uint8_t key[SWARM_KEY_BYTES]);

#endif
