/* runner_simulated: a board that does not exist: latencies out of a table, and every mischief a real board is capable of, each as
 * often as stated. For tests of masters, for planning a study before its board is there, and for demonstrations.
 *
 * What happens is a function of (seed, architecture, how many measurements this runner began before) and of nothing else: the same
 * agent given the same tasks in the same order does the same again. A crash ends the process, so the agent that takes its place
 * counts from 0 again: with a seed of its own, an architecture that crashes a fresh board crashes it every time, as broken kernels
 * do, and what it measures first has the very samples that it had before, which a master takes for a replay. */
#ifndef HWNAS_WORKER_RUNNER_SIMULATED_H
#define HWNAS_WORKER_RUNNER_SIMULATED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "worker/runner.h"

struct runner_simulated_options {
    const char *device_key, *name; /* of the board; it is never this machine */
    double peak_macs_per_s, peak_bytes_per_s;
    bool deterministic; /* one sample says all; also when noise and spikes are 0 */
    /* Where latencies come from: common/table.h. An architecture without a row of its own is looked up by its canonical form (the
     * first row with the same one); without that it is an operation the board lacks. */
    const char *table, *space, *column; /* column: milliseconds */
    const char *device, *dataset;       /* rows of these alone; NULL: all */
    const char *energy_column;          /* millijoules, of the same rows; NULL: no energy */
    double noise;                       /* standard deviation of a sample, as a fraction of it */
    double spikes;                      /* share of the samples that take up to three times as long */
    double drift;                       /* how much slower each measurement is than the one before, as a fraction */
    double lie;                         /* every latency is multiplied by it; 1: none */
    int lie_after;                      /* after so many honest measurements */
    double delay_s;                     /* a measurement takes so many real seconds; otherwise its time is not real */
    double fail;                        /* probability that a measurement fails (class `crashed`, as if the board's tool had) */
    double crash;                       /* probability that it ends this process with abort() */
    double hang;                        /* probability that it hangs: until it is cancelled, or for hang_s (class `timeout`) */
    double hang_s;
    uint64_t seed; /* 0: another one at every start */
};

/* All zero but lie 1, hang_s 600 and seed 1. */
struct runner_simulated_options runner_simulated_defaults(void);

/* Reads the table. The options' texts need not outlive the call. STATUS_NOT_FOUND for the space, and what table_load says. Samples
 * one by one; note->run_seconds is what the samples would have taken, not what they took. */
enum status_code runner_simulated_open(const struct runner_simulated_options *options, struct runner *out, struct status *status);

#endif
