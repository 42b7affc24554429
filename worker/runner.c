/* runner: what all runners share. */
#include "worker/runner.h"

#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

/* How long a job may go on unaware that nobody wants it. */
enum { LOOK_MS = 50 };

bool runner_cancelled(const struct runner_job *job)
{
    return job->cancelled != NULL && job->cancelled(job->context);
}

bool runner_wait(const struct runner_job *job, double seconds)
{
    int64_t until_ms = clock_monotonic_ms() + (int64_t)ceil(1000 * seconds), left_ms;
    while (!runner_cancelled(job)) {
        left_ms = until_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return true;
        poll(NULL, 0, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS)); /* time is all that is waited for */
    }
    return false;
}

void runner_describe(const struct runner *runner, struct runner_board *out)
{
    runner->ops->board(runner, out);
    if (runner->name[0] != '\0')
        memcpy(out->name, runner->name, sizeof out->name);
    if (runner->peak_macs_per_s > 0)
        out->peak_macs_per_s = runner->peak_macs_per_s;
    if (runner->peak_bytes_per_s > 0)
        out->peak_bytes_per_s = runner->peak_bytes_per_s;
    size_t used = strlen(out->device_key);
    if (runner->protocol.mode == MEASURE_SUSTAINED)
        snprintf(out->device_key + used, sizeof out->device_key - used, "+sustained");
}

void runner_note_init(struct runner_note *note)
{
    *note = (struct runner_note){.energy_mj = NAN};
}

void runner_note_free(struct runner_note *note)
{
    json_decref(note->tool);
    note->tool = NULL;
}

void runner_close(struct runner *runner)
{
    if (runner->ops != NULL)
        runner->ops->close(runner);
    runner->ops = NULL;
}
