/* cli_options: what the worker-side verbs of `hwnas` share besides common/cli.h: the instruction set, numbers into JSON, a progress
 * line. */
#ifndef HWNAS_WORKER_CLI_OPTIONS_H
#define HWNAS_WORKER_CLI_OPTIONS_H

#include <argp.h>
#include <jansson.h>
#include <stdint.h>

#include "common/cli.h"
#include "worker/engine/engine.h"

enum engine_isa cli_option_isa(const char *text, struct argp_state *state);

/* A JSON real, or null for what JSON has no word for (NaN, infinities). */
json_t *cli_json_number(double value);

/* Prints the object as one line on standard output and releases it. STATUS_NO_MEMORY for a NULL object, STATUS_IO when standard
 * output does not take it. */
enum status_code cli_json_print(json_t *object, struct status *status);

/* A warning on standard error when OpenBLAS is narrower than this CPU (what engine_blas_settle could not mend). */
void cli_warn_of_blas(const char *verb);

/* Progress of one long job on standard error: a bar that is redrawn on a terminal, a plain line every tenth otherwise. */
struct cli_progress {
    const char *what; /* "training" */
    int last_tenth;   /* start with -1 */
};
void cli_progress_show(struct cli_progress *progress, double fraction, double seconds_left, const char *detail);
void cli_progress_end(void);

#endif
