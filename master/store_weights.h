/* store_weights: the weights of one-shot nets in the database, by the key of what they came of and by digest. Part of store: one
 * connection, one thread; every function blocks on the disk. */
#ifndef HWNAS_MASTER_STORE_WEIGHTS_H
#define HWNAS_MASTER_STORE_WEIGHTS_H

#include "master/store.h"

/* What is known of weights without their bytes. */
struct store_weights {
    struct digest digest;
    size_t size; /* bytes */
    bool here;   /* false: the bytes were dropped */
};

/* Keeps them under that key, in the caller's transaction. What the key has stays, be it other weights; those whose bytes were
 * dropped are replaced: nothing goes on from them any more. data is not kept. */
enum status_code store_weights_put(struct store *store, const char *key, const struct digest *digest, const void *data, size_t size,
                                   struct status *status);

/* What the key has; *found is false when it has nothing. */
enum status_code store_weights_find(struct store *store, const char *key, struct store_weights *out, bool *found,
                                    struct status *status);

/* The bytes of that digest, whatever key they stand under; caller frees *data. STATUS_NOT_FOUND: there are none, or they were
 * dropped. */
enum status_code store_weights_get(struct store *store, const struct digest *digest, void **data, size_t *size,
                                   struct status *status);

/* Drops the bytes of that key, in the caller's transaction; what they were stays known. No such key is no error. */
enum status_code store_weights_drop(struct store *store, const char *key, struct status *status);

#endif
