/* artifacts: what results bring besides their values (the weights that a training ended with), fetched piece by piece from the
 * peers that have them, before the results count. Pure: time comes as an argument, the requests to be sent leave as results.
 *
 * One a lease. A result is kept here until all of its artifact has come and has the size and the digest that it announced; the
 * coordinator then handles it as any other. Peers repeat results that are not acknowledged: that is what asks again for a piece
 * that was lost, whatever lost it. Pieces that nobody asked that peer for are nobody's. */
#ifndef HWNAS_MASTER_ARTIFACTS_H
#define HWNAS_MASTER_ARTIFACTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

struct artifacts_options {
    size_t bytes_max;    /* of all that is being fetched; at least WIRE_BLOB_MAX */
    int64_t patience_ms; /* when so long nothing of an artifact has come, although it was asked for, its attempt has failed */
};

enum { ARTIFACTS_ASKS = 8 }; /* so often within patience_ms, so that time in which nobody was asked does not count */

/* What is to be done about a result. */
enum artifacts_verdict {
    ARTIFACTS_ASK,      /* send the request */
    ARTIFACTS_NOT_NOW,  /* nothing: what is fetched already leaves no room, or the piece was nobody's; the peer comes back */
    ARTIFACTS_COMPLETE, /* handle the result with its artifact, then artifacts_drop */
    ARTIFACTS_FAILED    /* handle the result, which is a failure now, then artifacts_drop */
};

/* A result that waits for its artifact. */
struct artifact {
    uint64_t lease_id;
    uint32_t link;             /* the connection its peer was last heard on */
    struct wire_result result; /* with a detail of its own */
    uint8_t *data;             /* result.artifact_bytes; NULL before the first piece */
    size_t received;           /* bytes */
    int64_t asked_ms;          /* when it was asked for last, of the times that count */
    unsigned unanswered;       /* these, since a piece came */
    char *detail;              /* what result.detail points to; owned */
    struct artifact *prev, *next;
};

struct artifacts;

/* NULL without memory. */
struct artifacts *artifacts_new(const struct artifacts_options *options);
void artifacts_free(struct artifacts *artifacts);

/* A result with an artifact has come over that connection, for a lease that is open; again as often as it is repeated. ASK: *ask is
 * for that link. FAILED: *out, whose failure is TIMEOUT. NOT_NOW: also without memory. */
enum artifacts_verdict artifacts_result(struct artifacts *artifacts, int64_t now_ms, uint32_t link,
                                        const struct wire_result *result, struct wire_bundle_request *ask, struct artifact **out);

/* A piece has come over that connection. ASK: the next one. COMPLETE or FAILED (class IMPOSSIBLE: other bytes than were announced):
 * *out. */
enum artifacts_verdict artifacts_chunk(struct artifacts *artifacts, int64_t now_ms, uint32_t link,
                                       const struct wire_bundle_chunk *chunk, struct wire_bundle_request *ask,
                                       struct artifact **out);

/* The lease has ended: what was fetched for it is thrown away. None is no error. */
void artifacts_drop(struct artifacts *artifacts, uint64_t lease_id);
void artifacts_drop_all(struct artifacts *artifacts);

/* How many are being fetched, and how many bytes they will have. */
size_t artifacts_count(const struct artifacts *artifacts, size_t *bytes);

#endif
