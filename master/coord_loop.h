/* coord_loop: the coordinator on a uv loop: the bus, timers, signals. The whole of a master's run. */
#ifndef HWNAS_MASTER_COORD_LOOP_H
#define HWNAS_MASTER_COORD_LOOP_H

#include "master/coord.h"

/* Runs the study to its end, or to SIGTERM or SIGINT. Blocks. Returns the master's exit code: 0 finished or drained, 130
 * interrupted; otherwise status has the sentence and status_exit_code says the code. */
int coord_loop_run(const struct coord_options *options, const struct logger *logger, struct status *status);

#endif
