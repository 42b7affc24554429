/* measure_runner: one candidate measured on a runner by the protocol of measure.h. What agents and `hwnas device` share. */
#ifndef HWNAS_WORKER_MEASURE_RUNNER_H
#define HWNAS_WORKER_MEASURE_RUNNER_H

#include "worker/measure.h"
#include "worker/runner.h"

/* Prepares the job's candidate, takes its measurement and releases it. Blocks as long as that takes; job->cancelled ends it early
 * (STATUS_UNAVAILABLE), while it waits for job->turn too, and so does measure_limit_s after that turn has come (class timeout); how
 * long a build may take is the runner's own to bound. On failure status has the runner's sentence and note->failure its class. The
 * caller frees the note. */
enum status_code measure_runner(struct runner *runner, const struct runner_job *job, const struct measure_options *options,
                                struct runner_note *note, struct measure_result *result, struct status *status);

/* Whether the runner's board may be measured now (measure_check_governor): for an agent to ask before it offers the board, because
 * every measurement on it would fail. */
enum status_code measure_runner_check(const struct runner *runner, struct status *status);

/* What a line of conditions (key=value pairs) says of governor, boost (on, off), frequency_mhz, frequency_max_mhz, temperature_c,
 * throttle_count, throttled (a Raspberry Pi's bits, 0x...), gpu_mhz and gpu_fixed (yes, no). */
void measure_view_of(const char *conditions, struct measure_view *out);

#endif
