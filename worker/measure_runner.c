/* measure_runner: a runner as the measuring protocol wants to see it. Called on an agent's slot and by the verbs of `hwnas device`.
 *
 * The protocol's runs, looks and waits are the runner's samples, its line of conditions, and real time. */
#include "worker/measure_runner.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"

/* How long one that waits for its turn may go on unaware that nobody wants it. */
enum { LOOK_MS = 50 };

/* When a measurement is stopped: nobody wants it any more, or it has taken too long. Heartbeats go on while it runs, so nobody but
 * this side would end one that hangs. */
struct bounds {
    const struct runner_job *job;
    int64_t until_ns;
    bool late;
};

static bool shall_stop(void *context)
{
    struct bounds *bounds = context;
    bounds->late = bounds->late || clock_monotonic_ns() >= bounds->until_ns;
    return bounds->late || runner_cancelled(bounds->job);
}

struct sampling {
    const struct runner *runner;
    const struct runner_job *job; /* cancelled when it shall stop */
    void *prepared;
    struct runner_note *note; /* of the whole measurement */
};

/* The call's note becomes part of the whole's: its failure, and what the tool said last. */
static void take_over(struct runner_note *whole, struct runner_note *call)
{
    whole->failure = call->failure;
    whole->throttled |= call->throttled;
    if (call->tool != NULL) {
        json_decref(whole->tool);
        whole->tool = call->tool;
        call->tool = NULL;
    }
    runner_note_free(call);
}

static int run(void *context, double *out_ms, int room, struct measure_run *said, struct status *status)
{
    struct sampling *sampling = context;
    struct runner_note note;
    /* A measurement that goes on when its lease has run out may be disturbed. */
    if (runner_cancelled(sampling->job)) {
        status_set(status, STATUS_UNAVAILABLE, "the measurement was called off");
        return -1;
    }
    runner_note_init(&note);
    int64_t began_ns = clock_monotonic_ns();
    int count = sampling->runner->ops->sample(sampling->prepared, out_ms, room, &note, status);
    double seconds = (double)(clock_monotonic_ns() - began_ns) / 1e9;
    said->seconds = note.run_seconds > 0 ? note.run_seconds : seconds;
    said->energy_mj = note.energy_mj;
    said->power_samples = note.power_samples;
    said->throttled = note.throttled;
    sampling->note->run_seconds += seconds;
    take_over(sampling->note, &note);
    return count;
}

/* What stands behind KEY= in a line of pairs; NULL when there is none. */
static const char *value_of(const char *line, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = line; at != NULL; at = strchr(at, ' ')) {
        at += strspn(at, " ");
        if (strncmp(at, key, length) == 0 && at[length] == '=')
            return at + length + 1;
    }
    return NULL;
}

static double number_of(const char *line, const char *key, double unknown)
{
    const char *value = value_of(line, key);
    char *end = NULL;
    double number = value == NULL ? unknown : strtod(value, &end);
    return end == value || !isfinite(number) ? unknown : number;
}

static void word_of(const char *line, const char *key, char out[MEASURE_WORD_BYTES])
{
    const char *value = value_of(line, key);
    size_t size = value == NULL ? 0 : strcspn(value, " ");
    size = size < MEASURE_WORD_BYTES ? size : MEASURE_WORD_BYTES - 1;
    if (size > 0)
        memcpy(out, value, size);
    out[size] = '\0';
}

void measure_view_of(const char *conditions, struct measure_view *out)
{
    char boost[MEASURE_WORD_BYTES], fixed[MEASURE_WORD_BYTES];
    *out = measure_view_unknown();
    word_of(conditions, "governor", out->governor);
    word_of(conditions, "boost", boost);
    out->boost = strcmp(boost, "on") == 0;
    word_of(conditions, "gpu_fixed", fixed);
    out->gpu_mhz = strcmp(fixed, "yes") == 0 ? number_of(conditions, "gpu_mhz", 0) : 0;
    out->frequency_mhz = number_of(conditions, "frequency_mhz", 0);
    out->frequency_max_mhz = number_of(conditions, "frequency_max_mhz", 0);
    out->temperature_c = number_of(conditions, "temperature_c", NAN);
    out->throttle_count = number_of(conditions, "throttle_count", NAN);
    double bits = number_of(conditions, "throttled", 0);
    out->throttled = bits > 0 && bits < 0x80000000u ? (unsigned)bits : 0;
}

static void look_at(const struct runner *runner, struct measure_view *out)
{
    char line[WIRE_CONDITIONS_BYTES] = "";
    runner->ops->conditions(runner, line, sizeof line);
    measure_view_of(line, out);
}

static void look(void *context, struct measure_view *out)
{
    const struct sampling *sampling = context;
    look_at(sampling->runner, out);
}

static bool wait_here(void *context, double seconds)
{
    const struct sampling *sampling = context;
    return runner_wait(sampling->job, seconds);
}

enum status_code measure_runner_check(const struct runner *runner, struct status *status)
{
    struct measure_view view;
    look_at(runner, &view);
    return measure_check_governor(&runner->protocol, &view, status);
}

/* False when nobody wants the job any more: the one that runs may take long. */
static bool take_turn(const struct runner_job *job)
{
    for (int failed = job->turn == NULL ? 0 : EBUSY; failed != 0;) {
        struct timespec until;
        if (runner_cancelled(job))
            return false;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        failed = pthread_mutex_timedlock(job->turn, &until);
    }
    return true;
}

static enum status_code take_bounded(const struct measure_board *view, const struct measure_options *options, struct bounds *bounds,
                                     struct runner_note *note, struct measure_result *result, struct status *status)
{
    const struct sampling *sampling = view->context;
    double limit_s = measure_limit_s(options, sampling->runner->run_s);
    bounds->until_ns = clock_monotonic_ns() + (int64_t)(1e9 * limit_s);
    enum status_code code = measure_take(view, options, result, status);
    if (code == STATUS_OK || !bounds->late)
        return code;
    note->failure = WIRE_FAILURE_TIMEOUT;
    return status_set(status, STATUS_UNAVAILABLE, "the measurement was given up after %.6g s, the most that its mode allows",
                      limit_s);
}

enum status_code measure_runner(struct runner *runner, const struct runner_job *job, const struct measure_options *options,
                                struct runner_note *note, struct measure_result *result, struct status *status)
{
    struct bounds bounds = {.job = job, .until_ns = INT64_MAX};
    struct runner_job bounded = *job;
    bounded.cancelled = shall_stop;
    bounded.context = &bounds;
    struct sampling sampling = {.runner = runner, .job = &bounded, .note = note};
    struct measure_board view = {.context = &sampling, .whole = runner->ops->whole, .run = run, .look = look, .wait = wait_here};
    struct runner_board board;
    runner_describe(runner, &board);
    view.deterministic = board.deterministic;
    sampling.prepared = runner->ops->prepare(runner, &bounded, note, status);
    if (sampling.prepared == NULL)
        return status->code;
    memset(result, 0, sizeof *result);
    enum status_code code = STATUS_OK;
    if (!take_turn(job)) {
        code = status_set(status, STATUS_UNAVAILABLE, "the measurement was called off while it waited for its turn");
    } else {
        code = take_bounded(&view, options, &bounds, note, result, status);
        if (job->turn != NULL)
            pthread_mutex_unlock(job->turn);
    }
    runner->ops->release(sampling.prepared);
    note->energy_mj = code == STATUS_OK ? result->energy_mj : NAN;
    note->power_samples = code == STATUS_OK ? result->power_samples : 0;
    if (code != STATUS_OK && result->throttled)
        note->failure = WIRE_FAILURE_THROTTLED;
    return code;
}
