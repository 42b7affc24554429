/* cli_run: `hwnas run STUDY.yaml`: a whole search on this machine, and its result. */
#ifndef HWNAS_MASTER_CLI_RUN_H
#define HWNAS_MASTER_CLI_RUN_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cli.h"
#include "master/cli_launch.h"

extern const struct cli_verb cli_run_verb;

enum { CLI_RUN_OVERRIDES_MAX = 64, CLI_RUN_WORKERS_AUTO = -1 };

struct cli_run {
    const char *verb;       /* for messages: "run" */
    const char *study_path; /* YAML; NULL with `resume` */
    const char *resume;     /* the name of a study that goes on from its settings in `db` */
    const char *overrides[CLI_RUN_OVERRIDES_MAX];
    size_t override_count;
    const char *db;                            /* NULL: NAME.db in the current folder */
    const char *boards[CLI_LAUNCH_BOARDS_MAX]; /* board files: an agent is started for each */
    size_t board_count;
    const char *listen[CLI_LAUNCH_LISTEN_MAX]; /* for workers and agents that are started elsewhere */
    size_t listen_count;
    const char *key, *allow; /* the master's; NULL: none */
    int workers;             /* CLI_RUN_WORKERS_AUTO: one a CPU, none where the fitness needs none */
    enum cli_format format;
    bool quiet;
    const char *log_level;
    const char *canary_every; /* a number; NULL: the default */
};

/* Checks everything, runs the study to its end and prints the result on standard output. Returns the exit code, messages printed.
 */
int cli_run_study(const struct cli_run *run);

/* The options that all verbs that run a study share, as children for argp; the verb's own parser hands its struct cli_run over by
 * setting state->child_inputs[0] at ARGP_KEY_INIT. */
extern const struct argp_child cli_run_children[];

#endif
