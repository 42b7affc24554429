/* runner_command_internal: what the command runner's files share: an open board, and one program of it run to its end. */
#ifndef HWNAS_WORKER_RUNNER_COMMAND_INTERNAL_H
#define HWNAS_WORKER_RUNNER_COMMAND_INTERNAL_H

#include <regex.h>

#include "common/config_board.h"
#include "worker/build_cache.h"
#include "worker/command.h"
#include "worker/power.h"
#include "worker/runner.h"
#include "worker/template.h"

enum { COMMAND_VERSION_BYTES = 64 };

/* Nothing of it changes after runner_command_open, so that threads may share it. */
struct command_board {
    const struct config_board *board;
    struct runner_board identity;
    char runtime[COMMAND_VERSION_BYTES]; /* with the version */
    struct build_cache cache;            /* where there is a build */
    regex_t unsupported, throttled;
    bool has_unsupported, has_throttled; /* compiled */
};

/* One program to run. */
struct command_step {
    const struct command_board *owner;
    const struct config_board_step *step;
    const struct template_values *values;
    const char *workdir;
    bool (*cancelled)(void *context); /* may be NULL */
    void *context;
    struct power *power; /* read meanwhile; NULL: nothing is */
};

/* Runs it, as command_run does. result is filled in any case, and the caller's to free. */
enum status_code command_step_run(const struct command_step *step, struct command_result *result, struct status *status);

/* prepare, sample and release of struct runner_ops. */
void *command_candidate_prepare(struct runner *runner, const struct runner_job *job, struct runner_note *note,
                                struct status *status);
int command_candidate_sample(void *prepared, double *out_ms, int room, struct runner_note *note, struct status *status);
void command_candidate_release(void *prepared);

#endif
