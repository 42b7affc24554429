/* artifacts: see artifacts.h. Called by coord_artifacts. */
#include "master/artifacts.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/line.h"

struct artifacts {
    struct artifacts_options options;
    struct artifact *first; /* utlist; few: one an open lease at the most */
    size_t bytes;           /* of all of them */
};

struct artifacts *artifacts_new(const struct artifacts_options *options)
{
    struct artifacts *artifacts = calloc(1, sizeof *artifacts);
    if (artifacts != NULL)
        artifacts->options = *options;
    return artifacts;
}

/* --- one of them --- */

static void forget(struct artifacts *artifacts, struct artifact *artifact)
{
    artifacts->bytes -= (size_t)artifact->result.artifact_bytes;
    DL_DELETE(artifacts->first, artifact);
    free(artifact->data);
    free(artifact->detail);
    free(artifact);
}

static struct artifact *find(const struct artifacts *artifacts, uint64_t lease_id)
{
    struct artifact *artifact;
    DL_FOREACH(artifacts->first, artifact)
    {
        if (artifact->lease_id == lease_id)
            return artifact;
    }
    return NULL;
}

/* NULL without room or memory. */
static struct artifact *begin(struct artifacts *artifacts, int64_t now_ms, const struct wire_result *result)
{
    if (result->artifact_bytes > artifacts->options.bytes_max - artifacts->bytes)
        return NULL;
    struct artifact *artifact = calloc(1, sizeof *artifact);
    char *detail = result->detail_size > 0 ? malloc(result->detail_size) : NULL;
    if (artifact == NULL || (detail == NULL && result->detail_size > 0)) {
        free(artifact);
        free(detail);
        return NULL;
    }
    if (detail != NULL)
        memcpy(detail, result->detail, result->detail_size);
    artifact->lease_id = result->lease_id;
    artifact->result = *result;
    artifact->result.detail = artifact->detail = detail;
    artifact->asked_ms = now_ms;
    artifacts->bytes += (size_t)result->artifact_bytes;
    DL_APPEND(artifacts->first, artifact);
    return artifact;
}

static enum artifacts_verdict ask_on(const struct artifact *artifact, struct wire_bundle_request *ask)
{
    *ask = (struct wire_bundle_request){.digest = artifact->result.artifact_digest, .offset_bytes = artifact->received};
    return ARTIFACTS_ASK;
}

static enum artifacts_verdict fail(struct artifact *artifact, enum wire_failure failure, const char *sentence,
                                   struct artifact **out)
{
    artifact->result.outcome = WIRE_FAILED;
    artifact->result.failure = failure;
    artifact->result.value = artifact->result.energy_mj = 0;
    line_of(sentence, artifact->result.sentence, sizeof artifact->result.sentence);
    *out = artifact;
    return ARTIFACTS_FAILED;
}

/* --- results --- */

static bool is_same(const struct artifact *artifact, const struct wire_result *result)
{
    return artifact->result.artifact_bytes == result->artifact_bytes &&
           memcmp(&artifact->result.artifact_digest, &result->artifact_digest, sizeof result->artifact_digest) == 0;
}

/* Asked once more. Messages that had waited while this process stood still come all at once, and count once. */
static bool is_tired(const struct artifacts *artifacts, struct artifact *artifact, int64_t now_ms)
{
    if (now_ms - artifact->asked_ms < artifacts->options.patience_ms / ARTIFACTS_ASKS)
        return false;
    artifact->asked_ms = now_ms;
    return ++artifact->unanswered >= ARTIFACTS_ASKS;
}

enum artifacts_verdict artifacts_result(struct artifacts *artifacts, int64_t now_ms, uint32_t link,
                                        const struct wire_result *result, struct wire_bundle_request *ask, struct artifact **out)
{
    struct artifact *artifact = find(artifacts, result->lease_id);
    if (artifact != NULL && !is_same(artifact, result)) {
        forget(artifacts, artifact);
        artifact = NULL;
    }
    if (artifact == NULL)
        artifact = begin(artifacts, now_ms, result);
    if (artifact == NULL)
        return ARTIFACTS_NOT_NOW;
    artifact->link = link;
    if (is_tired(artifacts, artifact, now_ms))
        return fail(artifact, WIRE_FAILURE_TIMEOUT, "it announced an artifact and does not hand it over", out);
    return ask_on(artifact, ask);
}

/* --- pieces --- */

/* The artifact that this piece is the next of, or the last of that link that it is any of; NULL: nobody's. Two leases of one peer
 * may have brought the same bytes. */
static struct artifact *find_chunk(const struct artifacts *artifacts, uint32_t link, const struct wire_bundle_chunk *chunk)
{
    struct artifact *artifact, *some = NULL;
    DL_FOREACH(artifacts->first, artifact)
    {
        if (artifact->link != link || memcmp(&artifact->result.artifact_digest, &chunk->digest, sizeof chunk->digest) != 0)
            continue;
        some = artifact;
        if (chunk->offset_bytes == artifact->received)
            return artifact;
    }
    return some;
}

static enum artifacts_verdict complete(struct artifact *artifact, struct artifact **out)
{
    struct digest digest;
    digest_of(artifact->data, artifact->received, &digest);
    if (memcmp(&digest, &artifact->result.artifact_digest, sizeof digest) != 0)
        return fail(artifact, WIRE_FAILURE_IMPOSSIBLE, "its artifact has another digest than it announced", out);
    *out = artifact;
    return ARTIFACTS_COMPLETE;
}

enum artifacts_verdict artifacts_chunk(struct artifacts *artifacts, int64_t now_ms, uint32_t link,
                                       const struct wire_bundle_chunk *chunk, struct wire_bundle_request *ask,
                                       struct artifact **out)
{
    struct artifact *artifact = find_chunk(artifacts, link, chunk);
    if (artifact == NULL)
        return ARTIFACTS_NOT_NOW;
    size_t size = (size_t)artifact->result.artifact_bytes;
    if (chunk->total_bytes == 0)
        return ARTIFACTS_NOT_NOW; /* it may have been asked for what it held before; who goes on like that fails in the end */
    if (chunk->total_bytes != size)
        return fail(artifact, WIRE_FAILURE_IMPOSSIBLE, "its artifact has another size than it announced", out);
    if (chunk->offset_bytes != artifact->received)
        return ARTIFACTS_NOT_NOW; /* once more, or too late */
    if (artifact->data == NULL)
        artifact->data = malloc(size);
    if (artifact->data == NULL)
        return ARTIFACTS_NOT_NOW;
    memcpy(artifact->data + artifact->received, chunk->data, chunk->size); /* wire_check: within total_bytes */
    artifact->received += chunk->size;
    artifact->asked_ms = now_ms;
    artifact->unanswered = 0;
    return artifact->received < size ? ask_on(artifact, ask) : complete(artifact, out);
}

/* --- the end --- */

void artifacts_drop(struct artifacts *artifacts, uint64_t lease_id)
{
    struct artifact *artifact = find(artifacts, lease_id);
    if (artifact != NULL)
        forget(artifacts, artifact);
}

void artifacts_drop_all(struct artifacts *artifacts)
{
    while (artifacts->first != NULL)
        forget(artifacts, artifacts->first);
}

void artifacts_free(struct artifacts *artifacts)
{
    if (artifacts == NULL)
        return;
    artifacts_drop_all(artifacts);
    free(artifacts);
}

size_t artifacts_count(const struct artifacts *artifacts, size_t *bytes)
{
    const struct artifact *artifact;
    size_t count = 0;
    DL_FOREACH(artifacts->first, artifact)
    count++;
    *bytes = artifacts->bytes;
    return count;
}
