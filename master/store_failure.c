/* store_failure: see store_failure.h. */
#include "master/store_failure.h"

#include <string.h>

#include "master/store_sql.h"

static void read_failure(struct query *query, struct store_failure *out)
{
    char state[16];
    memset(out, 0, sizeof *out);
    out->lease_id = sql_column_int(query, 0);
    out->attempt = (int32_t)sql_column_int(query, 1);
    sql_column_text(query, 2, state, sizeof state);
    out->lost = strcmp(state, "lost") == 0;
    sql_column_text(query, 3, out->node, sizeof out->node);
    sql_column_text(query, 4, out->board, sizeof out->board);
    sql_column_text(query, 5, out->failure, sizeof out->failure);
    sql_column_text(query, 6, out->reason, sizeof out->reason);
    out->wall_ms = sql_column_int(query, 7);
}

enum status_code store_failure_list(struct store *store, const char *key, size_t most, struct store_failure *out, size_t *count,
                                    struct status *status)
{
    struct query query;
    *count = 0;
    sql_begin(&query, store,
              "SELECT id, attempt, state, node, board, failure, reason, closed_wall_ms FROM lease "
              "WHERE key = ?1 AND state IN ('failed', 'lost') ORDER BY id DESC LIMIT ?2",
              status);
    sql_bind_text(&query, key);
    sql_bind_int(&query, (int64_t)most);
    while (*count < most && sql_row(&query))
        read_failure(&query, &out[(*count)++]);
    return sql_end(&query);
}
