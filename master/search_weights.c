/* search_weights: what peers ask for by digest, and the weights of one-shot nets by key. Part of search. Weights are many
 * megabytes, and all workers ask for the same piece by piece, so the last few stay in memory. */
#include <stdlib.h>
#include <string.h>

#include "master/search_parts.h"

static void forget(struct search_weights *weights)
{
    free(weights->data);
    *weights = (struct search_weights){0};
}

void search_forget_weights(struct search *search)
{
    for (int i = 0; i < SEARCH_WEIGHTS_KEPT; i++)
        forget(&search->weights[i]);
}

static struct search_weights *find(struct search *search, const struct digest *digest)
{
    for (int i = 0; i < SEARCH_WEIGHTS_KEPT; i++) {
        struct search_weights *weights = &search->weights[i];
        if (weights->data != NULL && memcmp(&weights->digest, digest, sizeof *digest) == 0)
            return weights;
    }
    return NULL;
}

/* The place that was used longest ago; a free one before all. */
static struct search_weights *oldest(struct search *search)
{
    struct search_weights *best = &search->weights[0];
    for (int i = 1; i < SEARCH_WEIGHTS_KEPT; i++) {
        if (search->weights[i].last_used < best->last_used)
            best = &search->weights[i];
    }
    return best;
}

/* The one with most in it that was used longest ago goes first, until `size` more fit; one always does. */
static struct search_weights *make_room(struct search *search, size_t size)
{
    size_t held = 0;
    for (int i = 0; i < SEARCH_WEIGHTS_KEPT; i++)
        held += search->weights[i].size;
    for (int i = 0; i < SEARCH_WEIGHTS_KEPT && held > 0 && held + size > SEARCH_WEIGHTS_BYTES; i++) {
        struct search_weights *first = NULL;
        for (int k = 0; k < SEARCH_WEIGHTS_KEPT; k++) {
            struct search_weights *weights = &search->weights[k];
            if (weights->data != NULL && (first == NULL || weights->last_used < first->last_used))
                first = weights;
        }
        held -= first->size;
        forget(first);
    }
    struct search_weights *place = oldest(search);
    forget(place);
    return place;
}

enum status_code search_blob(struct search *search, const struct digest *digest, const void **data, size_t *size,
                             struct status *status)
{
    if (search->bundle != NULL && memcmp(&search->bundle_digest, digest, sizeof *digest) == 0) {
        *data = search->bundle;
        *size = search->bundle_size;
        return STATUS_OK;
    }
    struct search_weights *weights = find(search, digest);
    if (weights == NULL) {
        void *copy = NULL;
        size_t copied = 0;
        enum status_code code = store_weights_get(search->store, digest, &copy, &copied, status);
        if (code != STATUS_OK)
            return code;
        weights = make_room(search, copied);
        *weights = (struct search_weights){.digest = *digest, .data = copy, .size = copied};
    }
    weights->last_used = ++search->weights_uses;
    *data = weights->data;
    *size = weights->size;
    return STATUS_OK;
}

enum status_code search_weights(struct search *search, const char *key, struct store_weights *out, bool *found,
                                struct status *status)
{
    return store_weights_find(search->store, key, out, found, status);
}

enum status_code search_keep_weights(struct search *search, const char *key, const void *data, size_t size, struct digest *digest,
                                     struct status *status)
{
    digest_of(data, size, digest);
    return store_weights_put(search->store, key, digest, data, size, status);
}

enum status_code search_drop_weights(struct search *search, const char *key, struct status *status)
{
    return store_weights_drop(search->store, key, status);
}
