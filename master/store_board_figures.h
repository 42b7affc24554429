/* store_board_figures: what a board has done so far, in sums, for people. Part of store (see store.h); reads only. */
#ifndef HWNAS_MASTER_STORE_BOARD_FIGURES_H
#define HWNAS_MASTER_STORE_BOARD_FIGURES_H

#include "master/store_board.h"

enum { STORE_FAILURE_CLASSES_MAX = 32 };

struct store_board_figures {
    int64_t measured;   /* rows of evaluation, infeasible ones included */
    int64_t infeasible; /* of them */
    int64_t withdrawn;
    double queue_seconds, build_seconds, run_seconds; /* means over the measured rows that say; NaN: none does */
    struct {
        char name[32];                     /* its class; "other" where none was given */
        int64_t count;                     /* attempts that failed or were lost, and networks it cannot run */
    } failures[STORE_FAILURE_CLASSES_MAX]; /* the most frequent first */
    size_t failure_count;
};

enum status_code store_board_figures(struct store *store, const char *device_key, const char *name, struct store_board_figures *out,
                                     struct status *status);

#endif
