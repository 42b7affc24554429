/* build_cache: what builds have made, on disk, by the digest of what they were made from: a conversion or an engine build may take
 * minutes, and networks come back (canaries, second attempts, other searches). */
#ifndef HWNAS_WORKER_BUILD_CACHE_H
#define HWNAS_WORKER_BUILD_CACHE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/status.h"

/* Only what the functions below write changes it; may be used by several threads, its folder by several processes. */
struct build_cache {
    char folder[PATH_MAX];
    uint64_t bytes_max; /* of all files together */
};

/* Uses `folder` (NULL: $XDG_CACHE_HOME/hwnas/builds, or $HOME/.cache/hwnas/builds), which is made when it is absent. */
enum status_code build_cache_open(const char *folder, uint64_t bytes_max, struct build_cache *out, struct status *status);

/* Looks a key up: true with the bytes in fresh memory (the caller's to free). A file that is damaged is removed and counts as
 * absent; one that is read counts as new. Blocks while reading. */
bool build_cache_get(const struct build_cache *cache, const struct digest *key, void **data, size_t *size);

/* Keeps `data` under the key, whole or not at all, and removes the files that were not used for longest until all fit bytes_max;
 * what does not fit by itself is not kept, which is no error. STATUS_IO, STATUS_NO_MEMORY: nothing was kept. */
enum status_code build_cache_put(const struct build_cache *cache, const struct digest *key, const void *data, size_t size,
                                 struct status *status);

#endif
