/* bundles: a small cache and one download. Used by the session; what it hands to the slots is read-only. */
#include "worker/bundles.h"

#include <stdlib.h>
#include <string.h>

void bundles_init(struct bundles *bundles)
{
    memset(bundles, 0, sizeof *bundles);
}

static void end_fetch(struct bundles *bundles)
{
    free(bundles->data);
    bundles->data = NULL;
    bundles->size = bundles->received = 0;
    bundles->fetching = false;
}

void bundles_clear(struct bundles *bundles)
{
    for (int i = 0; i < BUNDLES_KEPT; i++) {
        if (bundles->entries[i].last_used > 0)
            bundle_free(&bundles->entries[i].bundle);
    }
    end_fetch(bundles);
    bundles_init(bundles);
}

const struct bundle *bundles_use(struct bundles *bundles, const struct digest *digest)
{
    for (int i = 0; i < BUNDLES_KEPT; i++) {
        struct bundles_entry *entry = &bundles->entries[i];
        if (entry->last_used == 0 || memcmp(&entry->digest, digest, sizeof *digest) != 0)
            continue;
        entry->last_used = ++bundles->uses;
        entry->users++;
        return &entry->bundle;
    }
    return NULL;
}

void bundles_release(struct bundles *bundles, const struct bundle *bundle)
{
    for (int i = 0; i < BUNDLES_KEPT; i++) {
        if (&bundles->entries[i].bundle == bundle)
            bundles->entries[i].users--;
    }
}

/* A free place, or that of the bundle nobody has used for longest; NULL when all are in use. */
static struct bundles_entry *place(struct bundles *bundles)
{
    struct bundles_entry *best = NULL;
    for (int i = 0; i < BUNDLES_KEPT; i++) {
        struct bundles_entry *entry = &bundles->entries[i];
        if (entry->users == 0 && (best == NULL || entry->last_used < best->last_used))
            best = entry;
    }
    return best;
}

bool bundles_request(const struct bundles *bundles, struct wire_bundle_request *out)
{
    *out = (struct wire_bundle_request){.digest = bundles->wanted, .offset_bytes = bundles->received};
    return bundles->fetching;
}

bool bundles_fetch(struct bundles *bundles, const struct digest *digest, struct wire_bundle_request *out)
{
    if (bundles->fetching || place(bundles) == NULL)
        return false;
    bundles->fetching = true;
    bundles->wanted = *digest;
    return bundles_request(bundles, out);
}

static enum status_code keep(struct bundles *bundles, struct status *status)
{
    struct digest digest;
    struct bundle bundle;
    struct bundles_entry *entry = place(bundles);
    digest_of(bundles->data, bundles->size, &digest);
    if (memcmp(&digest, &bundles->wanted, sizeof digest) != 0)
        return status_set(status, STATUS_BAD_INPUT, "the bundle that came has another digest than the one asked for");
    if (entry == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no room for another bundle");
    enum status_code code = bundle_read(bundles->data, bundles->size, &bundle, status);
    if (code != STATUS_OK)
        return code;
    if (entry->last_used > 0)
        bundle_free(&entry->bundle);
    *entry = (struct bundles_entry){.digest = digest, .bundle = bundle, .last_used = ++bundles->uses};
    return STATUS_OK;
}

enum status_code bundles_chunk(struct bundles *bundles, const struct wire_bundle_chunk *chunk, bool *complete,
                               struct status *status)
{
    *complete = false;
    if (!bundles->fetching || memcmp(&chunk->digest, &bundles->wanted, sizeof chunk->digest) != 0)
        return status_set(status, STATUS_UNAVAILABLE, "a chunk of a bundle that is not being fetched");
    if (chunk->total_bytes == 0) {
        end_fetch(bundles);
        return status_set(status, STATUS_NOT_FOUND, "the master does not have the bundle");
    }
    if (chunk->offset_bytes != bundles->received || (bundles->data != NULL && chunk->total_bytes != bundles->size))
        return status_set(status, STATUS_UNAVAILABLE, "a chunk that is not the next one");
    if (bundles->data == NULL) {
        bundles->data = malloc((size_t)chunk->total_bytes);
        if (bundles->data == NULL) {
            end_fetch(bundles);
            return status_set(status, STATUS_NO_MEMORY, "no memory for a bundle of %llu bytes",
                              (unsigned long long)chunk->total_bytes);
        }
        bundles->size = (size_t)chunk->total_bytes;
    }
    memcpy(bundles->data + bundles->received, chunk->data, chunk->size); /* wire_check: within total */
    bundles->received += chunk->size;
    if (bundles->received < bundles->size)
        return STATUS_OK;
    enum status_code code = keep(bundles, status);
    end_fetch(bundles);
    *complete = code == STATUS_OK;
    return code;
}
