/* search_parts: what search.c and search_open.c share; nobody else includes it. */
#ifndef HWNAS_MASTER_SEARCH_PARTS_H
#define HWNAS_MASTER_SEARCH_PARTS_H

#include <uthash.h>

#include "common/space.h"
#include "master/search.h"

/* A value that was asked of the peers. */
struct wanted {
    char key[DIGEST_HEX_BYTES];
    struct study_want want;
    UT_hash_handle hh;
};

enum { SEARCH_WEIGHTS_KEPT = 4, SEARCH_WEIGHTS_BYTES = 256 << 20 };

/* Weights in memory. */
struct search_weights {
    struct digest digest;
    void *data; /* owned; NULL: a free place */
    size_t size;
    uint64_t last_used;
};

struct search {
    const struct logger *logger;
    const struct clock *clock;
    struct config_study *config;
    struct space space;
    bool space_open;
    struct search_file bundle;             /* RMI */
    struct search_file images, validation; /* a one-shot net */
    struct store *store;
    int64_t id; /* of the study in the store */
    struct study *study;
    struct wanted *wanted;                              /* hash by key */
    struct search_weights weights[SEARCH_WEIGHTS_KEPT]; /* those peers asked for last */
    uint64_t weights_uses;
    bool finished, in_transaction;
    double seconds_before; /* of earlier starts */
    double seconds_in_all; /* when finished */
    int64_t opened_ms;
};

static inline int64_t search_now_ms(const struct search *search)
{
    return search->clock->monotonic_ms(search->clock->context);
}

static inline int64_t search_wall_ms(const struct search *search)
{
    return search->clock->wall_ms(search->clock->context);
}

/* Frees the table of wants. */
void search_forget_wanted(struct search *search);

/* Weights that the study's one-shot net needs are looked for, or made of what was trained on their shards. In a transaction. */
enum status_code search_meet_weights_want(struct search *search, const struct study_weights_want *want, struct status *status);

/* Frees the weights in memory. */
void search_forget_weights(struct search *search);

#endif
