/* store_lease: who works on what. The rule it keeps: a result is accepted only through the lease it was granted under: id, epoch,
 * attempt and node in one UPDATE, in the transaction that also stores the result. */
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "master/store_sql.h"

/* The year 2109: a clock that says more must not use up the numbers. */
static const int64_t EPOCH_WALL_MAX_MS = (int64_t)1 << 42;

static const char *const state_names[] = {[STORE_LEASE_OPEN] = "open",
                                          [STORE_LEASE_DONE] = "done",
                                          [STORE_LEASE_FAILED] = "failed",
                                          [STORE_LEASE_LOST] = "lost",
                                          [STORE_LEASE_RETURNED] = "returned"};

enum status_code store_epoch_next(struct store *store, int64_t wall_ms, uint64_t chance, int64_t *epoch, struct status *status)
{
    struct query query;
    int64_t now = wall_ms < 0 ? 0 : wall_ms < EPOCH_WALL_MAX_MS ? wall_ms : EPOCH_WALL_MAX_MS;
    sql_begin_write(&query, store, "UPDATE master SET epoch = max(epoch + 1, ?1) + ?2 WHERE id = 1", status);
    sql_bind_int(&query, now << STORE_EPOCH_CHANCE_BITS);
    sql_bind_int(&query, (int64_t)(chance & ((1u << STORE_EPOCH_CHANCE_BITS) - 1)));
    sql_run(&query);
    enum status_code code = sql_end(&query);
    if (code != STATUS_OK)
        return code;
    sql_begin(&query, store, "SELECT epoch FROM master WHERE id = 1", status);
    if (sql_row(&query))
        *epoch = sql_column_int(&query, 0);
    else
        sql_fail(&query, STATUS_BAD_INPUT, "has no epoch: damaged, or made by another program");
    return sql_end(&query);
}

enum status_code store_lease_grant(struct store *store, struct store_lease *lease, struct status *status)
{
    struct query query;
    sql_begin_write(&query, store,
                    "INSERT INTO lease (epoch, key, attempt, node, state, reason, granted_wall_ms, closed_wall_ms, board) "
                    "VALUES (?1, ?2, ?3, ?4, 'open', '', ?5, 0, ?6)",
                    status);
    sql_bind_int(&query, lease->epoch);
    sql_bind_text(&query, lease->key);
    sql_bind_int(&query, lease->attempt);
    sql_bind_text(&query, lease->node);
    sql_bind_int(&query, lease->granted_wall_ms);
    sql_bind_text(&query, lease->board);
    if (sql_run(&query) == 1) {
        lease->id = sqlite3_last_insert_rowid(store->db);
        lease->state = STORE_LEASE_OPEN;
    }
    return sql_end(&query);
}

enum status_code store_lease_close(struct store *store, int64_t id, int64_t epoch, int32_t attempt, const char *node,
                                   enum store_lease_state state, const char *failure, const char *reason, int64_t wall_ms,
                                   bool *closed, struct status *status)
{
    struct query query;
    sql_begin_write(&query, store,
                    "UPDATE lease SET state = ?1, reason = ?2, closed_wall_ms = ?3, failure = ?4 "
                    "WHERE id = ?5 AND epoch = ?6 AND attempt = ?7 AND node = ?8 AND state = 'open'",
                    status);
    sql_bind_text(&query, state_names[state]);
    sql_bind_text(&query, reason != NULL ? reason : "");
    sql_bind_int(&query, wall_ms);
    sql_bind_text(&query, failure);
    sql_bind_int(&query, id);
    sql_bind_int(&query, epoch);
    sql_bind_int(&query, attempt);
    sql_bind_text(&query, node);
    *closed = sql_run(&query) == 1;
    return sql_end(&query);
}

static void read_open_lease(struct query *query, struct store_lease *out)
{
    memset(out, 0, sizeof *out);
    out->id = sql_column_int(query, 0);
    out->epoch = sql_column_int(query, 1);
    sql_column_text(query, 2, out->key, sizeof out->key);
    out->attempt = (int32_t)sql_column_int(query, 3);
    sql_column_text(query, 4, out->node, sizeof out->node);
    out->state = STORE_LEASE_OPEN;
    out->granted_wall_ms = sql_column_int(query, 5);
    sql_column_text(query, 6, out->board, sizeof out->board);
}

enum status_code store_lease_open_list(struct store *store, struct store_lease **out, size_t *count, struct status *status)
{
    struct query query;
    struct store_lease *list = NULL;
    size_t used = 0;
    sql_begin(&query, store,
              "SELECT id, epoch, key, attempt, node, granted_wall_ms, board FROM lease WHERE state = 'open' ORDER BY id", status);
    while (sql_row(&query)) {
        struct store_lease *grown = realloc(list, (used + 1) * sizeof *list);
        if (grown == NULL) {
            sql_fail(&query, STATUS_NO_MEMORY, "no memory for the list of leases");
            break;
        }
        list = grown;
        read_open_lease(&query, &list[used++]);
    }
    enum status_code code = sql_end(&query);
    if (code == STATUS_OK) {
        *out = list;
        *count = used;
        return code;
    }
    free(list);
    return code;
}

/* Places are counted here: SQLite would make a table for a DISTINCT, and nearly every key has no failure at all. Beyond so many it
 * does not matter how many there are. */
enum { PLACES_COUNTED = 16 };

static void count_place(struct query *query, char seen[PLACES_COUNTED][WIRE_NAME_BYTES], struct store_attempts *out)
{
    char place[WIRE_NAME_BYTES];
    sql_column_text(query, 0, place, sizeof place);
    for (int32_t i = 0; i < out->places; i++) {
        if (strcmp(seen[i], place) == 0)
            return;
    }
    if (out->places < PLACES_COUNTED)
        memcpy(seen[out->places++], place, sizeof place);
}

enum status_code store_lease_attempts(struct store *store, const char *key, struct store_attempts *out, struct status *status)
{
    struct query query;
    char seen[PLACES_COUNTED][WIRE_NAME_BYTES];
    *out = (struct store_attempts){0};
    sql_begin(&query, store,
              "SELECT CASE board WHEN '' THEN node ELSE board END, state = 'lost' OR failure = 'crashed' FROM lease "
              "WHERE key = ?1 AND state IN ('failed', 'lost')",
              status);
    sql_bind_text(&query, key);
    while (sql_row(&query)) {
        out->failures++;
        out->crashes += sql_column_int(&query, 1) != 0;
        count_place(&query, seen, out);
    }
    return sql_end(&query);
}
