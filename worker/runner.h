/* runner: how an agent runs a candidate on a board to measure it: an ops table. `builtin` runs our own engine on this host;
 * `command` drives the board's own tools; `simulated` plays a board from a table. */
#ifndef HWNAS_WORKER_RUNNER_H
#define HWNAS_WORKER_RUNNER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/net.h"
#include "common/space.h"
#include "common/status.h"
#include "common/wire.h"
#include "worker/measure.h"

struct runner;
struct json_t;

/* What is measured on. */
struct runner_board {
    char device_key[WIRE_DEVICE_BYTES];       /* `<board>-<processor>-<runtime+version>-<precision>` */
    char name[WIRE_NAME_BYTES];               /* of this very board, over restarts and reboots; several may share a device key */
    bool elsewhere;                           /* not this machine: workers here do not disturb it */
    bool deterministic;                       /* calculates latency: one sample says all */
    double peak_macs_per_s, peak_bytes_per_s; /* what its hardware can do at the most; 0: unknown */
    int build_ahead;                          /* how many candidates may be built while another one runs: 0 or 1 */
};

/* The candidate; all borrowed. */
struct runner_job {
    const struct net *net; /* unfolded, initialised */
    const struct space *space;
    const struct arch *arch;
    bool (*cancelled)(void *context); /* true: nobody wants the result any more, stop soon. May be NULL */
    void *context;
    pthread_mutex_t *turn; /* of the board: built without it, run with it. NULL: nobody else runs there */
};

/* What a runner says beside its samples. Zero-initialise but for energy_mj, or use runner_note_init; release with runner_note_free.
 */
struct runner_note {
    enum wire_failure failure; /* class of a failure, beside the status' sentence */
    double build_seconds, run_seconds;
    bool build_cached; /* the build's output was there already */
    double energy_mj;  /* an inference's; NaN: not measured */
    int power_samples;
    bool throttled; /* the board says that it slowed its clock meanwhile */
    struct json_t
        *tool; /* what else is worth keeping: the tool's version, its arguments, the end of its output; NULL: nothing; owned */
};

struct runner_ops {
    const char *name; /* "builtin" */
    bool whole;       /* one call of `sample` is a whole series, warmed up by the tool */
    void (*board)(const struct runner *runner, struct runner_board *out);
    /* Writes the conditions as one line of key=value pairs: governor, cpu, affinity, load, tool versions. */
    void (*conditions)(const struct runner *runner, char *out, size_t size);
    /* The i-th sentence (from 0) about what would disturb a measurement now and what to do about it; false when there are no more.
     */
    bool (*warning)(const struct runner *runner, int i, char *out, size_t size);
    /* Makes the candidate ready to run at batch 1; may take as long as a build does. NULL, status and note->failure on failure.
     * What is prepared may outlive the job, but not the context of `cancelled`, which is asked on. prepare, sample and release of
     * one candidate are called from one thread, which may be pinned to a CPU between prepare and release. */
    void *(*prepare)(struct runner *runner, const struct runner_job *job, struct runner_note *note, struct status *status);
    /* Runs it and writes milliseconds of an inference: one sample, or a whole series of at most `room`. Returns how many, at least
     * 1; -1, status and note->failure on failure. Blocks as long as it runs. */
    int (*sample)(void *prepared, double *out_ms, int room, struct runner_note *note, struct status *status);
    void (*release)(void *prepared);      /* NULL is fine */
    void (*close)(struct runner *runner); /* frees state; no prepared network may be left */
};

struct runner {
    const struct runner_ops *ops;
    void *state;
    struct measure_options protocol; /* how this board is to be measured */
    double run_s;                    /* what one call of `sample` takes at the most, by its own time-outs; 0: it has none */
    /* What a board file says in place of what the runner says; empty and 0: nothing. */
    char name[WIRE_NAME_BYTES];
    double peak_macs_per_s, peak_bytes_per_s;
};

/* What the runner measures on: ops->board, the board file's word where there is one, and `+sustained` behind the device key in that
 * mode, whose figures are others. */
void runner_describe(const struct runner *runner, struct runner_board *out);

/* Whether nobody wants the job's result any more. */
bool runner_cancelled(const struct runner_job *job);

/* Waits; false as soon as the job is cancelled. */
bool runner_wait(const struct runner_job *job, double seconds);

void runner_note_init(struct runner_note *note);
void runner_note_free(struct runner_note *note);

/* The built-in runner: our own engine on this host: BN folded, batch 1, one thread, pinned to `cpu` from prepare to release (-1:
 * the last CPU the process may use). STATUS_BAD_INPUT for a CPU this process may not use. */
enum status_code runner_builtin_open(int cpu, struct runner *out, struct status *status);

/* Closing an empty or closed runner is fine. */
void runner_close(struct runner *runner);

#endif
