/* coord_artifacts: results that bring more than a value wait here until their artifacts have been fetched. Part of coord. The rule
 * it keeps: such a result is neither handled nor acknowledged before its artifact is whole; then both are stored in one
 * transaction. */
#include "master/coord_parts.h"

/* Room for four of the largest; a minute for the next piece. */
enum { BYTES_MAX = 768 << 20, PATIENCE_MS = 60000 };

enum status_code coord_artifacts_open(struct coord *coord, struct status *status)
{
    const struct artifacts_options options = {.bytes_max = BYTES_MAX, .patience_ms = PATIENCE_MS};
    coord->artifacts = artifacts_new(&options);
    return coord->artifacts != NULL ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory");
}

static void ask(struct coord *coord, uint32_t link, const struct wire_bundle_request *request)
{
    coord->answer.type = WIRE_BUNDLE_REQUEST;
    coord->answer.bundle_request = *request;
    coord_post(coord, link, &coord->answer, 0);
}

/* The lease may have ended since the result came: coord_settle looks. */
static void settle(struct coord *coord, struct artifact *artifact, bool complete)
{
    const uint64_t lease_id = artifact->lease_id;
    const struct search_artifact whole = {
        .digest = artifact->result.artifact_digest, .data = artifact->data, .size = artifact->received};
    struct wire_result result =
        artifact->result; /* what is kept may be dropped meanwhile; its detail is not looked at after that */
    coord_settle(coord, artifact->link, &result, complete ? &whole : NULL);
    artifacts_drop(coord->artifacts, lease_id);
}

void coord_artifact_result(struct coord *coord, uint32_t link, const struct wire_result *result)
{
    struct wire_bundle_request request;
    struct artifact *artifact;
    switch (artifacts_result(coord->artifacts, coord_now_ms(coord), link, result, &request, &artifact)) {
    case ARTIFACTS_ASK: ask(coord, link, &request); break;
    case ARTIFACTS_FAILED: settle(coord, artifact, false); break;
    default: break;
    }
}

void coord_artifact_chunk(struct coord *coord, uint32_t link, const struct wire_bundle_chunk *chunk)
{
    struct wire_bundle_request request;
    struct artifact *artifact;
    if (coord->stalled)
        return;
    switch (artifacts_chunk(coord->artifacts, coord_now_ms(coord), link, chunk, &request, &artifact)) {
    case ARTIFACTS_ASK: ask(coord, link, &request); break;
    case ARTIFACTS_COMPLETE: settle(coord, artifact, true); break;
    case ARTIFACTS_FAILED: settle(coord, artifact, false); break;
    case ARTIFACTS_NOT_NOW: break;
    }
}
