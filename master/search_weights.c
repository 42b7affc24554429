/* search_weights: what peers ask for by digest, and the weights of one-shot nets by key. Part of search. Weights are many
 * megabytes, and all workers ask for the same piece by piece, so the last few stay in memory. */
#include <stdlib.h>
#include <string.h>

#include "common/crash.h"
#include "common/oneshot.h"
#include "common/tensorfile.h"
#include "master/search_parts.h"
#include "master/study_key.h"

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
    const struct search_file *const files[] = {&search->bundle, &search->images, &search->validation};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i]->data == NULL || memcmp(&files[i]->digest, digest, sizeof *digest) != 0)
            continue;
        *data = files[i]->data;
        *size = files[i]->size;
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

/* --- what a one-shot net needs --- */

enum status_code search_weights_check(const struct search *search, const struct study_want *want, const void *data, size_t size,
                                      struct status *status)
{
    const struct oneshot_protocol *protocol = want->oneshot.protocol;
    const struct config_network *network = &search->config->network;
    const struct space_build build = {.channels = protocol->channels,
                                      .cells = protocol->cells,
                                      .classes = network->classes,
                                      .input = {network->input_channels, network->input_size, network->input_size}};
    struct net net;
    net_init_empty(&net);
    enum status_code code = space_build_oneshot(&search->space, &build, want->oneshot.mask, &net, status);
    if (code != STATUS_OK)
        return code;
    code = oneshot_check(data, size, &net, protocol->bilevel ? space_matrix_size(&search->space) : 0, status);
    net_free(&net);
    return code;
}

static enum status_code look_for(struct search *search, const struct study_weights_want *want, struct status *status)
{
    struct store_weights weights;
    bool found;
    enum status_code code = store_weights_find(search->store, want->key, &weights, &found, status);
    if (code == STATUS_OK)
        study_weights_provide(search->study, want->key, found && weights.here ? &weights.digest : NULL);
    return code;
}

static enum status_code read_weights(struct search *search, const struct digest *digest, struct tensorfile *out,
                                     struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    enum status_code code = store_weights_get(search->store, digest, &data, &size, status);
    if (code == STATUS_OK)
        code = tensorfile_read(data, size, out, status);
    free(data);
    return code;
}

/* What was trained on one shard. STATUS_NOT_FOUND: its bytes are not there. */
static enum status_code read_shard(struct search *search, const char *key, struct tensorfile *out, struct status *status)
{
    struct store_weights weights;
    bool found;
    enum status_code code = store_weights_find(search->store, key, &weights, &found, status);
    if (code == STATUS_OK && !found)
        return status_set(status, STATUS_NOT_FOUND, "the database has no weights under %s", key);
    return code == STATUS_OK ? read_weights(search, &weights.digest, out, status) : code;
}

static enum status_code read_alpha(struct search *search, const struct study_weights_want *want, struct status *status)
{
    struct tensorfile file = {.entry_count = 0};
    struct oneshot_relaxed relaxed;
    double alpha[SPACE_MATRIX_MAX] = {0};
    enum status_code code = read_weights(search, &want->weights, &file, status);
    if (code != STATUS_OK)
        return code;
    bool there = oneshot_relaxed_read(&search->space, &file, &relaxed, NULL) == STATUS_OK;
    for (size_t i = 0; there && i < relaxed.size; i++)
        alpha[i] = (double)relaxed.alpha[i];
    study_alpha_provide(search->study, want->key, there ? alpha : NULL);
    tensorfile_free(&file);
    return STATUS_OK;
}

/* The mean of the shards under the key of the whole; the shards have served, and so has what they began with. */
static enum status_code keep_mean(struct search *search, const struct study_weights_want *want, const struct tensorfile *shards,
                                  struct digest *digest, struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    char key[DIGEST_HEX_BYTES];
    enum status_code code = oneshot_merge(want->shards, shards, &data, &size, status);
    if (code != STATUS_OK)
        return code;
    digest_of(data, size, digest);
    code = store_weights_put(search->store, want->key, digest, data, size, status);
    free(data);
    for (uint32_t i = 0; i < want->shards && code == STATUS_OK; i++) {
        study_key_shard(want->key, i, key);
        code = store_weights_drop(search->store, key, status);
    }
    return code == STATUS_OK && want->outdated[0] != '\0' ? store_weights_drop(search->store, want->outdated, status) : code;
}

static enum status_code make(struct search *search, const struct study_weights_want *want, struct status *status)
{
    struct digest digest;
    char key[DIGEST_HEX_BYTES];
    enum status_code code = STATUS_OK;
    struct tensorfile *shards = calloc(want->shards, sizeof *shards);
    if (shards == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the weights of %u shards", want->shards);
    for (uint32_t i = 0; i < want->shards && code == STATUS_OK; i++) {
        study_key_shard(want->key, i, key);
        code = read_shard(search, key, &shards[i], status);
    }
    if (code == STATUS_OK)
        code = keep_mean(search, want, shards, &digest, status);
    for (uint32_t i = 0; i < want->shards; i++)
        tensorfile_free(&shards[i]);
    free(shards);
    crash_point("weights-stored");
    if (code == STATUS_OK)
        study_weights_provide(search->study, want->key, &digest);
    return code;
}

enum status_code search_meet_weights_want(struct search *search, const struct study_weights_want *want, struct status *status)
{
    return want->read ? read_alpha(search, want, status) : want->make ? make(search, want, status) : look_for(search, want, status);
}
