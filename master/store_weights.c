/* store_weights: see store_weights.h. Called by search. */
#include "master/store_weights.h"

#include <stdlib.h>
#include <string.h>

#include "master/store_sql.h"

/* Columns: digest, size_bytes, whether there is data. */
static void read_weights(struct query *query, struct store_weights *out)
{
    char hex[DIGEST_HEX_BYTES];
    sql_column_text(query, 0, hex, sizeof hex);
    if (digest_parse(hex, &out->digest) != 0)
        sql_fail(query, STATUS_BAD_INPUT, "weights have a digest that is none");
    out->size = (size_t)sql_column_int(query, 1);
    out->here = sql_column_int(query, 2) != 0;
}

enum status_code store_weights_find(struct store *store, const char *key, struct store_weights *out, bool *found,
                                    struct status *status)
{
    struct query query;
    sql_begin(&query, store, "SELECT digest, size_bytes, data IS NOT NULL FROM weights WHERE key = ?1", status);
    sql_bind_text(&query, key);
    *found = sql_row(&query);
    if (*found)
        read_weights(&query, out);
    return sql_end(&query);
}

enum status_code store_weights_put(struct store *store, const char *key, const struct digest *digest, const void *data, size_t size,
                                   struct status *status)
{
    struct query query;
    char hex[DIGEST_HEX_BYTES];
    digest_hex(digest, hex);
    sql_begin_write(&query, store,
                    "INSERT INTO weights (key, digest, size_bytes, data) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO UPDATE "
                    "SET digest = excluded.digest, size_bytes = excluded.size_bytes, data = excluded.data WHERE data IS NULL",
                    status);
    sql_bind_text(&query, key);
    sql_bind_text(&query, hex);
    sql_bind_int(&query, (int64_t)size);
    sql_bind_blob(&query, data, size);
    sql_run(&query);
    return sql_end(&query);
}

enum status_code store_weights_get(struct store *store, const struct digest *digest, void **data, size_t *size,
                                   struct status *status)
{
    struct query query;
    char hex[DIGEST_HEX_BYTES];
    void *copy = NULL;
    digest_hex(digest, hex);
    sql_begin(&query, store, "SELECT data FROM weights WHERE digest = ?1 AND data IS NOT NULL LIMIT 1", status);
    sql_bind_text(&query, hex);
    bool found = sql_row(&query);
    if (found)
        copy = sql_column_blob_copy(&query, 0, size);
    enum status_code code = sql_end(&query);
    if (code == STATUS_OK && !found)
        return status_set(status, STATUS_NOT_FOUND, "%s: holds no weights %s", store->path, hex);
    if (code == STATUS_OK)
        *data = copy;
    else
        free(copy);
    return code;
}

enum status_code store_weights_drop(struct store *store, const char *key, struct status *status)
{
    struct query query;
    sql_begin_write(&query, store, "UPDATE weights SET data = NULL WHERE key = ?1", status);
    sql_bind_text(&query, key);
    sql_run(&query);
    return sql_end(&query);
}
