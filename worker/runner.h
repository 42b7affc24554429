/* runner: how an agent runs a candidate to measure it: an ops table. `builtin` runs our own engine on this host; command and
 * simulated runners join later. */
#ifndef HWNAS_WORKER_RUNNER_H
#define HWNAS_WORKER_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/net.h"
#include "common/status.h"

struct runner;

struct runner_ops {
    const char *name; /* "builtin" */
    /* Writes the device key `<board>-<processor>-<runtime+version>-<precision>`, e.g. "host-xeon-hwnas0.1+avx512-f32". */
    void (*device_key)(const struct runner *runner, char *out, size_t size);
    /* Writes the conditions as one line of key=value pairs: governor, cpu, affinity, load, tool versions. */
    void (*conditions)(const struct runner *runner, char *out, size_t size);
    /* The i-th sentence (from 0) about what would disturb a measurement now and what to do about it; false when there are no more.
     */
    bool (*warning)(const struct runner *runner, int i, char *out, size_t size);
    /* Makes `net` (unfolded, initialised; borrowed during the call) ready to run at batch 1; NULL and status on failure. prepare,
     * sample and release of one network are called from one thread, which may be pinned to a CPU between prepare and release. */
    void *(*prepare)(struct runner *runner, const struct net *net, struct status *status);
    /* One inference's milliseconds, or a negative number. */
    double (*sample)(void *prepared);
    void (*release)(void *prepared);
    void (*close)(struct runner *runner); /* frees state; no prepared network may be left */
};

struct runner {
    const struct runner_ops *ops;
    void *state;
};

/* The built-in runner: our own engine on this host: BN folded, batch 1, one thread, pinned to `cpu` from prepare to release (-1:
 * the last CPU the process may use). STATUS_BAD_INPUT for a CPU this process may not use. */
enum status_code runner_builtin_open(int cpu, struct runner *out, struct status *status);

/* Closing an empty or closed runner is fine. */
void runner_close(struct runner *runner);

#endif
