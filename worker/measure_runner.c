/* measure_runner: prepare, samples, release. Called on an agent's slot and by the verbs of `hwnas device`. */
#include "worker/measure_runner.h"

struct sampling {
    const struct runner *runner;
    const struct runner_job *job;
    void *prepared;
    struct runner_note *note;
    struct status why; /* the runner's sentence */
};

/* A measurement that goes on when its lease has run out may be disturbed. */
static double sample(void *context)
{
    struct sampling *sampling = context;
    const struct runner_job *job = sampling->job;
    double ms;
    if (job->cancelled != NULL && job->cancelled(job->context)) {
        status_set(&sampling->why, STATUS_UNAVAILABLE, "the measurement was called off");
        return -1;
    }
    return sampling->runner->ops->sample(sampling->prepared, &ms, 1, sampling->note, &sampling->why) == 1 ? ms : -1;
}

enum status_code measure_runner(struct runner *runner, const struct runner_job *job, const struct measure_options *options,
                                struct runner_note *note, struct measure_result *result, struct status *status)
{
    struct sampling sampling = {.runner = runner, .job = job, .note = note};
    sampling.prepared = runner->ops->prepare(runner, job, note, status);
    if (sampling.prepared == NULL)
        return status->code;
    enum status_code code = measure_take(sample, &sampling, options, result, status);
    runner->ops->release(sampling.prepared);
    if (code != STATUS_OK && sampling.why.code != STATUS_OK)
        *status = sampling.why;
    return code;
}
