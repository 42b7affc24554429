/* downloads: what a worker has fetched by digest and keeps in memory: reference bundles, images, weights of one-shot nets; and the
 * one that it is fetching. Pure: the session sends the requests this asks for and hands over the chunks.
 *
 * Each kind has places of its own, so that weights, which change with every epoch, do not crowd out images, which do not. With all
 * places taken by the largest there are, that is a GiB. */
#ifndef HWNAS_WORKER_DOWNLOADS_H
#define HWNAS_WORKER_DOWNLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bundle.h"
#include "common/digest.h"
#include "common/images.h"
#include "common/status.h"
#include "common/tensorfile.h"
#include "common/wire.h"

enum downloads_kind { DOWNLOADS_BUNDLE, DOWNLOADS_IMAGES, DOWNLOADS_WEIGHTS, DOWNLOADS_KINDS };

enum { DOWNLOADS_KEPT = 4 }; /* of a kind at the most; how many: downloads.c */

struct download {
    struct digest digest;
    union { /* by its kind; read-only once it is here */
        struct bundle bundle;
        struct images images;
        struct tensorfile weights;
    };
    int users;
    uint64_t last_used; /* 0: the place is free */
};

struct downloads {
    struct download places[DOWNLOADS_KINDS][DOWNLOADS_KEPT];
    uint64_t uses;
    bool fetching;
    enum downloads_kind kind;
    struct digest wanted;
    uint8_t *data; /* of the one being fetched */
    size_t size, received;
};

void downloads_init(struct downloads *downloads);
void downloads_clear(struct downloads *downloads); /* nobody may use one any more */

/* It, for as long as downloads_release has not been called as often as this; NULL when it is not here. */
struct download *downloads_use(struct downloads *downloads, enum downloads_kind kind, const struct digest *digest);
void downloads_release(struct download *download); /* NULL is harmless */

/* Begins to fetch one unless another is being fetched or there is no room until somebody releases one: true and the request to be
 * sent. Again after a lost chunk: downloads_request. */
bool downloads_fetch(struct downloads *downloads, enum downloads_kind kind, const struct digest *digest,
                     struct wire_bundle_request *out);

/* The request for what is still missing; false when nothing is being fetched. */
bool downloads_request(const struct downloads *downloads, struct wire_bundle_request *out);

/* A chunk has come. STATUS_OK: downloads_request says what is next, or *complete. STATUS_UNAVAILABLE: not what was asked for,
 * ignored. Others end the fetch: the master does not have it (STATUS_NOT_FOUND), the bytes are not that file or no file of that
 * kind (STATUS_BAD_INPUT), STATUS_NO_MEMORY. */
enum status_code downloads_chunk(struct downloads *downloads, const struct wire_bundle_chunk *chunk, bool *complete,
                                 struct status *status);

#endif
