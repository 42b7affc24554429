/* runner: what all runners share. */
#include "worker/runner.h"

#include <jansson.h>
#include <math.h>
#include <poll.h>

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
