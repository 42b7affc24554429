/* coord: the master's loop. It joins search (study and store), dispatch (who gets what) and bus (messages), and is the only file
 * group (coord*.c) that knows them all.
 *
 * One thread. A turn of the loop takes up to BUS_BATCH messages, lets study and dispatch go on, stores everything in one
 * transaction, and sends answers and tasks only after the commit. When the store fails (disk full, input/output error) nothing more
 * is granted or accepted, peers are kept alive and told to try later, and once a second the store is tried; when it works again
 * the search is built anew from it, as after a crash. Any other failure ends the master: what is stored is good. */
#ifndef HWNAS_MASTER_COORD_H
#define HWNAS_MASTER_COORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "common/status.h"
#include "master/search.h"

struct coord_options {
    struct search_options search;
    const char *const *listen; /* addresses */
    size_t listen_count;
    bool progress;         /* JSON lines on standard output (master/progress.h says what is in them) */
    uint32_t heartbeat_ms; /* what peers are asked for */
    uint32_t lease_ms;
    uint32_t canary_every; /* measurements of a board between its canaries; 0: none */
};

/* Runs the study to its end, or to SIGTERM or SIGINT. Blocks. Returns the master's exit code: 0 finished or drained, 130
 * interrupted; otherwise status has the sentence and status_exit_code says the code. */
int coord_run(const struct coord_options *options, const struct logger *logger, struct status *status);

#endif
