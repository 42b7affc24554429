/* search_open: from a study file, or a name in the database, to a study that goes on where it stood. Part of search. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bundle.h"
#include "common/fileio.h"
#include "common/images.h"
#include "common/jsontext.h"
#include "master/search_parts.h"

/* --- what peers are given --- */

/* The digest that the stored study has for a file of that role, as hex; NULL when it has none. */
static const char *stored_digest(const json_t *files, const char *role)
{
    return json_string_value(json_object_get(json_object_get(files, role), "digest"));
}

/* The bundle's file, or the store's copy when the file is gone and the study is known. */
static enum status_code read_bundle(struct search *search, const json_t *stored_files, struct status *status)
{
    const char *path = search->config->fitness.bundle, *hex = stored_digest(stored_files, "fitness.bundle");
    struct digest digest;
    enum status_code code = fileio_read(path, BUNDLE_BYTES_MAX, &search->bundle.data, &search->bundle.size, status);
    if (code == STATUS_NOT_FOUND && hex != NULL && digest_parse(hex, &digest) == 0) {
        log_event(search->logger, LOG_INFO, "a file is gone; going on with the copy in the database", log_text("file", path));
        code = store_bundle_get(search->store, &digest, &search->bundle.data, &search->bundle.size, status);
    }
    if (code != STATUS_OK)
        return code;
    struct bundle bundle;
    code = bundle_read(search->bundle.data, search->bundle.size, &bundle, status);
    if (code != STATUS_OK)
        return status_prefix(status, "%s", path);
    bundle_free(&bundle);
    digest_of(search->bundle.data, search->bundle.size, &search->bundle.digest);
    return STATUS_OK;
}

static enum status_code check_fit(const struct config_study *study, const struct images *images, const char *path,
                                  struct status *status)
{
    const struct config_network *network = &study->network;
    const struct net_shape *shape = &images->shape;
    if (images->classes == network->classes && shape->c == network->input_channels && shape->h == network->input_size &&
        shape->w == network->input_size)
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT,
                      "%s: has images (%d,%d,%d) of %d classes, and the study's network takes (%d,%d,%d) of %d; set "
                      "network.input_channels, input_size and classes, or take other images",
                      path, shape->c, shape->h, shape->w, images->classes, network->input_channels, network->input_size,
                      network->input_size, network->classes);
}

/* Images are not kept in the database, which they would make many times as large: their file has to stay. */
enum status_code search_read_images(const struct config_study *study, const char *path, struct search_file *out, int *count,
                                    struct status *status)
{
    struct images images;
    *out = (struct search_file){.data = NULL};
    enum status_code code = fileio_read(path, IMAGES_BYTES_MAX, &out->data, &out->size, status);
    if (code == STATUS_OK && (code = images_read(out->data, out->size, &images, status)) != STATUS_OK)
        status_prefix(status, "%s", path);
    if (code != STATUS_OK)
        return code;
    *count = images.count;
    digest_of(out->data, out->size, &out->digest);
    code = check_fit(study, &images, path, status);
    images_free(&images);
    return code;
}

static enum status_code read_inputs(struct search *search, const json_t *stored_files, struct status *status)
{
    const struct config_fitness *fitness = &search->config->fitness;
    if (fitness->source == CONFIG_FITNESS_RMI)
        return read_bundle(search, stored_files, status);
    if (fitness->source != CONFIG_FITNESS_ONESHOT)
        return STATUS_OK;
    int trained = 0, scored = 0;
    enum status_code code = search_read_images(search->config, fitness->oneshot.images, &search->images, &trained, status);
    if (code == STATUS_OK && (uint64_t)trained < (uint64_t)fitness->oneshot.shards * fitness->oneshot.batch)
        return status_set(status, STATUS_BAD_INPUT,
                          "%s: %d images are too few for %u shards with a batch of %u each; lower fitness.shards or fitness.batch",
                          fitness->oneshot.images, trained, fitness->oneshot.shards, fitness->oneshot.batch);
    return code == STATUS_OK ? search_read_images(search->config, fitness->oneshot.validation, &search->validation, &scored, status)
                             : code;
}

/* --- settings and files as they were --- */

/* NULL without memory. */
static json_t *files_json(const struct study *study)
{
    json_t *files = json_object();
    for (size_t i = 0; i < study_file_count(study); i++) {
        const char *role, *path;
        const struct digest *digest;
        char hex[DIGEST_HEX_BYTES];
        study_file(study, i, &role, &path, &digest);
        digest_hex(digest, hex);
        json_object_set_new(files, role, json_pack("{s:s,s:s}", "path", path, "digest", hex));
    }
    if (json_object_size(files) == study_file_count(study))
        return files;
    json_decref(files);
    return NULL;
}

static enum status_code check_files(const struct search *search, const json_t *stored, struct status *status)
{
    for (size_t i = 0; i < study_file_count(search->study); i++) {
        const char *role, *path;
        const struct digest *digest;
        char hex[DIGEST_HEX_BYTES];
        study_file(search->study, i, &role, &path, &digest);
        digest_hex(digest, hex);
        const char *there = stored_digest(stored, role);
        if (there == NULL || strcmp(there, hex) != 0)
            return status_set(
                status, STATUS_CONFLICT,
                "study %s: the contents of its %s (%.200s) have changed since it was begun (digest %.12s then, %.12s now); "
                "put them back, or begin a study under another name",
                search->config->name, role, path, there == NULL ? "none" : there, hex);
    }
    return STATUS_OK;
}

static enum status_code check_settings(const struct search *search, const struct store_study *stored, struct status *status)
{
    struct config_study *there;
    enum status_code code = config_parse(stored->settings, strlen(stored->settings), "the database", &there, status);
    if (code != STATUS_OK)
        return code;
    char difference[320];
    if (config_difference(there, search->config, difference, sizeof difference))
        code = status_set(status, STATUS_CONFLICT,
                          "study %s is in this database with other settings: %s; begin a study under another name, or in another "
                          "database with --db",
                          search->config->name, difference);
    config_free(there);
    return code;
}

static enum status_code create_study(struct search *search, struct status *status)
{
    struct store_study study = {
        .name = search->config->name, .state = STORE_STUDY_RUNNING, .created_wall_ms = search_wall_ms(search)};
    json_t *files = files_json(search->study);
    study.files = files == NULL ? NULL : json_dumps(files, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(files);
    enum status_code code =
        study.files == NULL ? status_set(status, STATUS_NO_MEMORY, "no memory for the study's files") : STATUS_OK;
    if (code == STATUS_OK)
        code = config_text(search->config, &study.settings, status);
    if (code == STATUS_OK)
        code = search_begin(search, status);
    if (code == STATUS_OK)
        code = store_study_create(search->store, &study, &search->id, status);
    if (code == STATUS_OK && search->bundle.data != NULL)
        code = store_bundle_put(search->store, &search->bundle.digest, search->bundle.data, search->bundle.size, status);
    if (code == STATUS_OK)
        code = search_commit(search, status);
    search_rollback(search);
    free(study.files);
    free(study.settings);
    return code;
}

/* --- going on from what is stored --- */

static enum status_code replay(void *context, const struct study_candidate *candidate, struct status *status)
{
    struct search *search = context;
    return study_replay(search->study, candidate, status);
}

static enum status_code go_on(struct search *search, struct status *status)
{
    uint64_t told = 0;
    void *data;
    size_t size;
    enum status_code code = store_snapshot_get(search->store, search->id, &told, &data, &size, status);
    if (code == STATUS_OK) {
        code = study_load(search->study, data, size, status);
        free(data);
    } else if (code == STATUS_NOT_FOUND) {
        code = STATUS_OK;
    }
    if (code == STATUS_OK)
        code = store_candidate_each(search->store, search->id, told, replay, search, status);
    return code;
}

static enum status_code open_study(struct search *search, struct status *status)
{
    const struct study_inputs inputs = {.bundle = search->bundle.data != NULL ? &search->bundle.digest : NULL,
                                        .images = search->images.data != NULL ? &search->images.digest : NULL,
                                        .validation = search->validation.data != NULL ? &search->validation.digest : NULL};
    return study_open(search->config, &search->space, &inputs, &search->study, status);
}

enum status_code search_restart(struct search *search, struct status *status)
{
    search_forget_wanted(search);
    study_close(search->study);
    search->study = NULL;
    /* The commit that failed may have been the one that would have finished the study. */
    struct store_study stored = {0};
    enum status_code code = store_study_find(search->store, search->config->name, &stored, status);
    search->finished = code == STATUS_OK && stored.state == STORE_STUDY_FINISHED;
    store_study_free(&stored);
    if (code == STATUS_OK)
        code = open_study(search, status);
    return code == STATUS_OK ? go_on(search, status) : code;
}

/* --- opening --- */

static enum status_code open_store(struct search *search, const char *db, struct status *status)
{
    char path[CONFIG_NAME_BYTES + 8];
    snprintf(path, sizeof path, "%s.db", search->config != NULL ? search->config->name : "");
    return store_open(db != NULL ? db : path, STORE_WRITE, &search->store, status);
}

/* Settings and store, in the order that each way of naming the study needs. */
static enum status_code open_settings(struct search *search, const struct search_options *options, struct store_study *stored,
                                      bool *known, struct status *status)
{
    enum status_code code = STATUS_OK;
    if (options->study_path != NULL)
        code = config_load(options->study_path, options->overrides, options->override_count, &search->config, status);
    if (code == STATUS_OK)
        code = open_store(search, options->db, status);
    if (code != STATUS_OK)
        return code;
    code = store_study_find(search->store, search->config != NULL ? search->config->name : options->resume, stored, status);
    *known = code == STATUS_OK;
    if (search->config != NULL)
        return *known ? check_settings(search, stored, status) : code == STATUS_NOT_FOUND ? STATUS_OK : code;
    if (code == STATUS_OK)
        code = config_parse(stored->settings, strlen(stored->settings), "the database", &search->config, status);
    return code;
}

static enum status_code open_parts(struct search *search, const json_t *stored_files, struct status *status)
{
    enum status_code code = space_open(search->config->space, &search->space, status);
    search->space_open = code == STATUS_OK;
    if (code == STATUS_OK)
        code = read_inputs(search, stored_files, status);
    return code == STATUS_OK ? open_study(search, status) : code;
}

enum status_code search_open(const struct search_options *options, const struct logger *logger, struct search **out,
                             struct status *status)
{
    struct store_study stored = {0};
    json_t *files = NULL;
    bool known = false;
    struct search *search = calloc(1, sizeof *search);
    if (search == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a study");
    search->logger = logger;
    search->clock = options->clock != NULL ? options->clock : &clock_system;
    search->opened_ms = search_now_ms(search);
    enum status_code code = open_settings(search, options, &stored, &known, status);
    if (code != STATUS_OK)
        goto done;
    if (known)
        code = jsontext_read(stored.files, strlen(stored.files), "the list of the study's files", &files, status);
    if (code == STATUS_OK)
        code = open_parts(search, files, status);
    if (code != STATUS_OK)
        goto done;
    if (!known) {
        code = create_study(search, status);
        goto done;
    }
    code = check_files(search, files, status);
    if (code != STATUS_OK)
        goto done;
    search->id = stored.id;
    search->seconds_before = search->seconds_in_all = stored.seconds;
    search->finished = stored.state == STORE_STUDY_FINISHED;
    code = go_on(search, status);
done:
    json_decref(files);
    store_study_free(&stored);
    if (code == STATUS_OK)
        *out = search;
    else
        search_close(search);
    return code;
}

void search_close(struct search *search)
{
    if (search == NULL)
        return;
    search_rollback(search);
    search_forget_wanted(search);
    study_close(search->study);
    store_close(search->store);
    if (search->space_open)
        space_close(&search->space);
    search_forget_weights(search);
    free(search->bundle.data);
    free(search->images.data);
    free(search->validation.data);
    config_free(search->config);
    free(search);
}
