/* bundles: the reference bundles a worker has in memory, by digest, and the one it is fetching. Pure: the session sends the
 * requests this asks for and hands over the chunks. */
#ifndef HWNAS_WORKER_BUNDLES_H
#define HWNAS_WORKER_BUNDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bundle.h"
#include "common/digest.h"
#include "common/status.h"
#include "common/wire.h"

enum { BUNDLES_KEPT = 4 };

struct bundles_entry {
    struct digest digest;
    struct bundle bundle;
    int users;
    uint64_t last_used; /* 0: the place is free */
};

struct bundles {
    struct bundles_entry entries[BUNDLES_KEPT];
    uint64_t uses;
    bool fetching;
    struct digest wanted;
    uint8_t *data; /* of the one being fetched */
    size_t size, received;
};

void bundles_init(struct bundles *bundles);
void bundles_clear(struct bundles *bundles); /* nobody may use one any more */

/* The bundle, for as long as bundles_release has not been called as often as this; NULL when it is not here. */
const struct bundle *bundles_use(struct bundles *bundles, const struct digest *digest);
void bundles_release(struct bundles *bundles, const struct bundle *bundle);

/* Begins to fetch a bundle unless another is being fetched or there is no room until somebody releases one: true and the request to
 * be sent. Again after a lost chunk: bundles_request. */
bool bundles_fetch(struct bundles *bundles, const struct digest *digest, struct wire_bundle_request *out);

/* The request for what is still missing; false when nothing is being fetched. */
bool bundles_request(const struct bundles *bundles, struct wire_bundle_request *out);

/* A chunk has come. STATUS_OK: bundles_request says what is next, or *complete. STATUS_UNAVAILABLE: not what was asked for,
 * ignored. Others end the fetch: the master does not have it (STATUS_NOT_FOUND), the bytes are not that bundle (STATUS_BAD_INPUT).
 */
enum status_code bundles_chunk(struct bundles *bundles, const struct wire_bundle_chunk *chunk, bool *complete,
                               struct status *status);

#endif
