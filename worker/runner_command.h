/* runner_command: the runner that drives a board's own tools, as its board file says: a build step and a run step. */
#ifndef HWNAS_WORKER_RUNNER_COMMAND_H
#define HWNAS_WORKER_RUNNER_COMMAND_H

#include "common/config_board.h"
#include "common/status.h"
#include "worker/runner.h"

/* Opens the board of a checked file whose runner is `command`; `board` is borrowed until the runner is closed. Looks for the
 * programs and asks for the tool's version (blocks as long as that takes). Builds are kept in cache_folder (NULL: the user's cache
 * folder, see worker/build_cache.h). STATUS_NOT_FOUND when a program is absent, STATUS_BAD_INPUT when the version cannot be read,
 * each with what to do.
 *
 * Candidates are prepared and sampled by child processes in private temporary folders; `prepare` of one may run while another is
 * sampled, from another thread. What is prepared keeps the job's `cancelled` and its context, and nothing else of the job. */
enum status_code runner_command_open(const struct config_board *board, const char *cache_folder, struct runner *out,
                                     struct status *status);

#endif
