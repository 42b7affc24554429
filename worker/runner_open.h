/* runner_open: the runner of a board file. Called by hwnas-agent and by the verbs of `hwnas device`. */
#ifndef HWNAS_WORKER_RUNNER_OPEN_H
#define HWNAS_WORKER_RUNNER_OPEN_H

#include "common/config_board.h"
#include "common/status.h"
#include "worker/runner.h"

/* Opens the runner that the board asks for, to be measured as it says; the board must outlive the runner. NULL: the built-in runner
 * on this host. cpu is for the built-in runner: the CPU to measure on, -1: its choice. May read files and start the program that
 * tells a runtime's version. Fails as the runner does (runner_builtin.c, runner_command.h, runner_simulated.h). */
enum status_code runner_open(const struct config_board *board, int cpu, struct runner *out, struct status *status);

#endif
