/* store_evaluation: the architecture-fitness table and the bundles: what is written once under the digest of what it is. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "master/store_sql.h"

#define EVALUATION_COLUMNS                                                                                                         \
    "key, kind, arch, feasible, why_not, value, detail, node, device_key, seconds, wall_ms, board, failure, queue_seconds, "       \
    "build_seconds, run_seconds, energy_mj, after_canary, samples_digest"

static const char *const kind_names[] = {[STUDY_WANT_RMI] = "rmi",
                                         [STUDY_WANT_MEASURE] = "measure",
                                         [STUDY_WANT_ONESHOT_TRAIN] = "train",
                                         [STUDY_WANT_ONESHOT_SCORE] = "score"};
enum { KINDS = sizeof kind_names / sizeof kind_names[0] };

void store_evaluation_free(struct store_evaluation *evaluation)
{
    if (evaluation == NULL)
        return;
    free(evaluation->detail);
    evaluation->detail = NULL;
}

static void read_kind(struct query *query, int column, enum study_want_kind *out)
{
    char word[16];
    sql_column_text(query, column, word, sizeof word);
    for (int kind = 0; kind < KINDS; kind++) {
        if (strcmp(word, kind_names[kind]) == 0) {
            *out = (enum study_want_kind)kind;
            return;
        }
    }
    sql_fail(query, STATUS_BAD_INPUT, "an evaluation is of a kind that this hwnas does not know");
}

static void read_evaluation(struct query *query, struct store_evaluation *out)
{
    memset(out, 0, sizeof *out);
    sql_column_text(query, 0, out->key, sizeof out->key);
    read_kind(query, 1, &out->kind);
    sql_column_text(query, 2, out->arch, sizeof out->arch);
    out->feasible = sql_column_int(query, 3) != 0;
    sql_column_text(query, 4, out->why_not, sizeof out->why_not);
    out->value = out->feasible ? sql_column_real(query, 5) : 0;
    out->detail = sql_column_text_copy(query, 6);
    sql_column_text(query, 7, out->node, sizeof out->node);
    sql_column_text(query, 8, out->device_key, sizeof out->device_key);
    out->seconds = sql_column_real(query, 9);
    out->wall_ms = sql_column_int(query, 10);
    sql_column_text(query, 11, out->board, sizeof out->board);
    sql_column_text(query, 12, out->failure, sizeof out->failure);
    out->queue_seconds = sql_column_real(query, 13);
    out->build_seconds = sql_column_real(query, 14);
    out->run_seconds = sql_column_real(query, 15);
    out->energy_mj = sql_column_real(query, 16);
    out->after_canary = sql_column_int(query, 17);
    sql_column_text(query, 18, out->samples_digest, sizeof out->samples_digest);
}

enum status_code store_evaluation_find(struct store *store, const char *key, struct store_evaluation *out, bool *found,
                                       struct status *status)
{
    struct query query;
    sql_begin(&query, store, "SELECT " EVALUATION_COLUMNS " FROM evaluation WHERE key = ?1", status);
    sql_bind_text(&query, key);
    *found = sql_row(&query);
    if (*found)
        read_evaluation(&query, out);
    enum status_code code = sql_end(&query);
    if (code != STATUS_OK && *found)
        store_evaluation_free(out);
    return code;
}

enum status_code store_evaluation_get(struct store *store, const char *key, struct store_evaluation *out, struct status *status)
{
    bool found;
    enum status_code code = store_evaluation_find(store, key, out, &found, status);
    if (code == STATUS_OK && !found)
        return status_set(status, STATUS_NOT_FOUND, "%s: holds no evaluation %s", store->path, key);
    return code;
}

enum status_code store_evaluation_put(struct store *store, const struct store_evaluation *evaluation, bool *inserted,
                                      struct status *status)
{
    struct query query;
    assert(!evaluation->feasible || isfinite(evaluation->value));
    sql_begin_write(&query, store,
                    "INSERT INTO evaluation (" EVALUATION_COLUMNS
                    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
                    "?16, ?17, ?18, ?19) ON CONFLICT (key) DO NOTHING",
                    status);
    sql_bind_text(&query, evaluation->key);
    sql_bind_text(&query, kind_names[evaluation->kind]);
    sql_bind_text(&query, evaluation->arch);
    sql_bind_int(&query, evaluation->feasible);
    sql_bind_text(&query, evaluation->why_not);
    sql_bind_real(&query, evaluation->feasible ? evaluation->value : NAN);
    sql_bind_text(&query, evaluation->detail != NULL ? evaluation->detail : "");
    sql_bind_text(&query, evaluation->node);
    sql_bind_text(&query, evaluation->device_key);
    sql_bind_real(&query, evaluation->seconds);
    sql_bind_int(&query, evaluation->wall_ms);
    sql_bind_text(&query, evaluation->board);
    sql_bind_text(&query, evaluation->failure);
    sql_bind_real(&query, evaluation->queue_seconds);
    sql_bind_real(&query, evaluation->build_seconds);
    sql_bind_real(&query, evaluation->run_seconds);
    sql_bind_real(&query, evaluation->energy_mj);
    sql_bind_int(&query, evaluation->after_canary);
    sql_bind_text(&query, evaluation->samples_digest);
    *inserted = sql_run(&query) == 1;
    return sql_end(&query);
}

enum status_code store_evaluation_count(struct store *store, int64_t *computed, int64_t *measured, struct status *status)
{
    struct query query;
    sql_begin(&query, store,
              "SELECT count(*) FILTER (WHERE kind <> 'measure'), count(*) FILTER (WHERE kind = 'measure') FROM evaluation", status);
    if (sql_row(&query)) {
        *computed = sql_column_int(&query, 0);
        *measured = sql_column_int(&query, 1);
    }
    return sql_end(&query);
}

/* --- bundles --- */

enum status_code store_bundle_put(struct store *store, const struct digest *digest, const void *data, size_t size,
                                  struct status *status)
{
    struct query query;
    char hex[DIGEST_HEX_BYTES];
    digest_hex(digest, hex);
    sql_begin_write(&query, store, "INSERT INTO bundle (digest, data) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING", status);
    sql_bind_text(&query, hex);
    sql_bind_blob(&query, data, size);
    sql_run(&query);
    return sql_end(&query);
}

enum status_code store_bundle_get(struct store *store, const struct digest *digest, void **data, size_t *size,
                                  struct status *status)
{
    struct query query;
    char hex[DIGEST_HEX_BYTES];
    void *copy = NULL;
    digest_hex(digest, hex);
    sql_begin(&query, store, "SELECT data FROM bundle WHERE digest = ?1", status);
    sql_bind_text(&query, hex);
    bool found = sql_row(&query);
    if (found)
        copy = sql_column_blob_copy(&query, 0, size);
    enum status_code code = sql_end(&query);
    if (code == STATUS_OK && !found)
        return status_set(status, STATUS_NOT_FOUND, "%s: holds no bundle %s", store->path, hex);
    if (code == STATUS_OK)
        *data = copy;
    return code;
}
