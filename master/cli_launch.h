/* cli_launch: starts and watches the processes of one embedded run: the master, its workers and its agents, on an ipc socket in a
 * private folder; shows the progress; ends them all. Used by `hwnas run` and `hwnas study resume`.
 *
 * One libuv loop, one thread. The master alone decides whether the study may run: workers are started at its first progress line
 * that says so, so a finished or refused study starts none. Children stand in sessions of their own (Ctrl-C reaches `hwnas` alone,
 * which then ends them in order) and end with their parent whatever happens to it. */
#ifndef HWNAS_MASTER_CLI_LAUNCH_H
#define HWNAS_MASTER_CLI_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

enum { CLI_LAUNCH_WORKERS_MAX = 1024, CLI_LAUNCH_BOARDS_MAX = 64, CLI_LAUNCH_LISTEN_MAX = 8, CLI_LAUNCH_INTERRUPTED = 130 };

struct cli_launch {
    const char *study_path; /* the study file, or NULL with `resume`: the name of a study in the database */
    const char *resume;
    const char *const *overrides; /* --set texts for the master */
    size_t override_count;
    const char *db;
    const char *log_level;     /* for the children's log; a word log_parse_level knows */
    const char *canary_every;  /* for the master: measurements of a board between its canaries; NULL: as many as it likes */
    int workers;               /* 0 to CLI_LAUNCH_WORKERS_MAX */
    bool agent;                /* an agent that measures this machine itself */
    const char *const *boards; /* board files: an agent each */
    size_t board_count;        /* 0 to CLI_LAUNCH_BOARDS_MAX */
    const char *const *listen; /* where the master listens besides, for workers and agents that are started elsewhere */
    size_t listen_count;       /* 0 to CLI_LAUNCH_LISTEN_MAX */
    const char *key, *allow;   /* the master's key and whom it lets in there; both NULL: no keys */
    bool quiet;                /* no progress on standard error */
};

/* Blocks until the study is finished, refused, failed or interrupted. Returns the exit code: 0, the master's own, 1, or
 * CLI_LAUNCH_INTERRUPTED; status has the sentence unless it is 0. What the children log goes to the database's path with .log
 * instead of .db. */
int cli_launch_run(const struct cli_launch *launch, struct status *status);

/* How many CPUs this process may use: the number of workers when nobody says otherwise. */
int cli_launch_cpus(void);

#endif
