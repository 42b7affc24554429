/* downloads: a small cache and one download. Used by the session; what it hands to the slots is read-only. */
#include "worker/downloads.h"

#include <stdlib.h>
#include <string.h>

/* What is known of a kind. */
static const struct {
    const char *name;
    size_t bytes_max;
    int kept; /* images: those to train on and those to score with; weights: what is gone on from, and what is scored with meanwhile
               */
} kinds[DOWNLOADS_KINDS] = {[DOWNLOADS_BUNDLE] = {"bundle", BUNDLE_BYTES_MAX, DOWNLOADS_KEPT},
                            [DOWNLOADS_IMAGES] = {"set of images", IMAGES_BYTES_MAX, 2},
                            [DOWNLOADS_WEIGHTS] = {"file of weights", ONESHOT_BYTES_MAX, 2}};

void downloads_init(struct downloads *downloads)
{
    memset(downloads, 0, sizeof *downloads);
}

static void end_fetch(struct downloads *downloads)
{
    free(downloads->data);
    downloads->data = NULL;
    downloads->size = downloads->received = 0;
    downloads->fetching = false;
}

static void empty(enum downloads_kind kind, struct download *download)
{
    if (download->last_used > 0) {
        switch (kind) {
        case DOWNLOADS_BUNDLE: bundle_free(&download->bundle); break;
        case DOWNLOADS_IMAGES: images_free(&download->images); break;
        default: tensorfile_free(&download->weights); break;
        }
    }
    memset(download, 0, sizeof *download);
}

void downloads_clear(struct downloads *downloads)
{
    for (enum downloads_kind kind = 0; kind < DOWNLOADS_KINDS; kind++)
        for (int i = 0; i < kinds[kind].kept; i++)
            empty(kind, &downloads->places[kind][i]);
    end_fetch(downloads);
    downloads_init(downloads);
}

struct download *downloads_use(struct downloads *downloads, enum downloads_kind kind, const struct digest *digest)
{
    for (int i = 0; i < kinds[kind].kept; i++) {
        struct download *download = &downloads->places[kind][i];
        if (download->last_used == 0 || memcmp(&download->digest, digest, sizeof *digest) != 0)
            continue;
        download->last_used = ++downloads->uses;
        download->users++;
        return download;
    }
    return NULL;
}

void downloads_release(struct download *download)
{
    if (download != NULL)
        download->users--;
}

/* A free place, or that of what nobody has used for longest; NULL when all are in use. */
static struct download *place(struct downloads *downloads, enum downloads_kind kind)
{
    struct download *best = NULL;
    for (int i = 0; i < kinds[kind].kept; i++) {
        struct download *download = &downloads->places[kind][i];
        if (download->users == 0 && (best == NULL || download->last_used < best->last_used))
            best = download;
    }
    return best;
}

bool downloads_request(const struct downloads *downloads, struct wire_bundle_request *out)
{
    *out = (struct wire_bundle_request){.digest = downloads->wanted, .offset_bytes = downloads->received};
    return downloads->fetching;
}

bool downloads_fetch(struct downloads *downloads, enum downloads_kind kind, const struct digest *digest,
                     struct wire_bundle_request *out)
{
    if (downloads->fetching || place(downloads, kind) == NULL)
        return false;
    downloads->fetching = true;
    downloads->kind = kind;
    downloads->wanted = *digest;
    return downloads_request(downloads, out);
}

static enum status_code read_file(const struct downloads *downloads, struct download *out, struct status *status)
{
    switch (downloads->kind) {
    case DOWNLOADS_BUNDLE: return bundle_read(downloads->data, downloads->size, &out->bundle, status);
    case DOWNLOADS_IMAGES: return images_read(downloads->data, downloads->size, &out->images, status);
    default: return tensorfile_read(downloads->data, downloads->size, &out->weights, status);
    }
}

static enum status_code keep(struct downloads *downloads, struct status *status)
{
    struct download fresh = {0}, *there = place(downloads, downloads->kind);
    digest_of(downloads->data, downloads->size, &fresh.digest);
    if (memcmp(&fresh.digest, &downloads->wanted, sizeof fresh.digest) != 0)
        return status_set(status, STATUS_BAD_INPUT, "the %s that came has another digest than the one asked for",
                          kinds[downloads->kind].name);
    if (there == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no room for another %s", kinds[downloads->kind].name);
    empty(downloads->kind, there); /* first: both might not fit */
    enum status_code code = read_file(downloads, &fresh, status);
    if (code != STATUS_OK)
        return code;
    fresh.last_used = ++downloads->uses;
    *there = fresh;
    return STATUS_OK;
}

/* Room for all of it, when its first chunk says how much that is. */
static enum status_code begin(struct downloads *downloads, uint64_t total_bytes, struct status *status)
{
    const char *name = kinds[downloads->kind].name;
    if (total_bytes > kinds[downloads->kind].bytes_max)
        return status_set(status, STATUS_BAD_INPUT, "a %s of %llu bytes; at most %zu are taken", name,
                          (unsigned long long)total_bytes, kinds[downloads->kind].bytes_max);
    downloads->data = malloc((size_t)total_bytes);
    if (downloads->data == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a %s of %llu bytes", name, (unsigned long long)total_bytes);
    downloads->size = (size_t)total_bytes;
    return STATUS_OK;
}

enum status_code downloads_chunk(struct downloads *downloads, const struct wire_bundle_chunk *chunk, bool *complete,
                                 struct status *status)
{
    enum status_code code = STATUS_OK;
    *complete = false;
    if (!downloads->fetching || memcmp(&chunk->digest, &downloads->wanted, sizeof chunk->digest) != 0)
        return status_set(status, STATUS_UNAVAILABLE, "a chunk of something that is not being fetched");
    if (chunk->total_bytes == 0) {
        end_fetch(downloads);
        return status_set(status, STATUS_NOT_FOUND, "the master does not have the %s", kinds[downloads->kind].name);
    }
    if (chunk->offset_bytes != downloads->received || (downloads->data != NULL && chunk->total_bytes != downloads->size))
        return status_set(status, STATUS_UNAVAILABLE, "a chunk that is not the next one");
    if (downloads->data == NULL)
        code = begin(downloads, chunk->total_bytes, status);
    if (code == STATUS_OK) {
        memcpy(downloads->data + downloads->received, chunk->data, chunk->size); /* wire_check: within total */
        downloads->received += chunk->size;
        if (downloads->received < downloads->size)
            return STATUS_OK;
        code = keep(downloads, status);
    }
    end_fetch(downloads);
    *complete = code == STATUS_OK;
    return code;
}
