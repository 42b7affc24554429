/* store_failure: attempts that failed or were lost, for people who ask why. Part of store; reads only. */
#ifndef HWNAS_MASTER_STORE_FAILURE_H
#define HWNAS_MASTER_STORE_FAILURE_H

#include "master/store.h"

struct store_failure {
    int64_t lease_id;
    int32_t attempt;
    bool lost; /* else it failed */
    char node[64];
    char board[64];   /* of an agent; else empty */
    char failure[32]; /* its class; empty where it has none */
    char reason[256];
    int64_t wall_ms; /* when it ended */
};

/* The newest attempts of that key that failed or were lost, the newest first, at most `most` of them into out. */
enum status_code store_failure_list(struct store *store, const char *key, size_t most, struct store_failure *out, size_t *count,
                                    struct status *status);

#endif
