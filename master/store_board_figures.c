/* store_board_figures: sums over a board's rows. Called by the verbs of `hwnas device`. Attempts are kept under the board's name
 * alone: where two device keys share a name, each is told the failures of both. */
#include "master/store_board_figures.h"

#include <string.h>

#include "master/store_sql.h"

static enum status_code sum_up(struct store *store, const char *device_key, const char *name, struct store_board_figures *out,
                               struct status *status)
{
    struct query query;
    sql_begin(
        &query, store,
        "SELECT count(*), total(feasible = 0), avg(queue_seconds), avg(build_seconds), avg(run_seconds), (SELECT count(*) FROM "
        "withdrawn WHERE device_key = ?1 AND board = ?2) FROM evaluation WHERE kind = 'measure' AND device_key = ?1 AND "
        "board = ?2",
        status);
    sql_bind_text(&query, device_key);
    sql_bind_text(&query, name);
    if (sql_row(&query)) {
        out->measured = sql_column_int(&query, 0);
        out->infeasible = (int64_t)sql_column_real(&query, 1);
        out->queue_seconds = sql_column_real(&query, 2);
        out->build_seconds = sql_column_real(&query, 3);
        out->run_seconds = sql_column_real(&query, 4);
        out->withdrawn = sql_column_int(&query, 5);
    }
    return sql_end(&query);
}

enum status_code store_board_figures(struct store *store, const char *device_key, const char *name, struct store_board_figures *out,
                                     struct status *status)
{
    struct query query;
    memset(out, 0, sizeof *out);
    enum status_code code = sum_up(store, device_key, name, out, status);
    if (code != STATUS_OK)
        return code;
    sql_begin(
        &query, store,
        "SELECT CASE failure WHEN '' THEN 'other' ELSE failure END AS class, count(*) AS often FROM (SELECT failure FROM lease "
        "WHERE board = ?2 AND state IN ('failed', 'lost') UNION ALL SELECT failure FROM evaluation WHERE kind = 'measure' AND "
        "device_key = ?1 AND board = ?2 AND feasible = 0) GROUP BY class ORDER BY often DESC, class",
        status);
    sql_bind_text(&query, device_key);
    sql_bind_text(&query, name);
    while (out->failure_count < STORE_FAILURE_CLASSES_MAX && sql_row(&query)) {
        sql_column_text(&query, 0, out->failures[out->failure_count].name, sizeof out->failures[0].name);
        out->failures[out->failure_count++].count = sql_column_int(&query, 1);
    }
    return sql_end(&query);
}
