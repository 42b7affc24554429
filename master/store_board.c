/* store_board: boards, canaries, and taking back what a board measured. Called by coord_boards and by the verbs of `hwnas device`.
 * The rule it keeps: measured data is moved, never deleted. */
#include "master/store_board.h"

#include <stdlib.h>
#include <string.h>

#include "common/line.h"
#include "master/store_sql.h"

/* --- boards --- */

#define BOARD_COLUMNS                                                                                                              \
    "device_key, name, state, reason, held, since_wall_ms, strikes, first_canary, runner, node, conditions, seen_wall_ms, "        \
    "deterministic, peak_macs_per_s, peak_bytes_per_s"

static void read_board(struct query *query, struct store_board *out)
{
    char state[16];
    memset(out, 0, sizeof *out);
    sql_column_text(query, 0, out->device_key, sizeof out->device_key);
    sql_column_text(query, 1, out->name, sizeof out->name);
    sql_column_text(query, 2, state, sizeof state);
    out->quarantined = strcmp(state, "quarantined") == 0;
    sql_column_text(query, 3, out->reason, sizeof out->reason);
    out->held = sql_column_int(query, 4) != 0;
    out->since_wall_ms = sql_column_int(query, 5);
    out->strikes = (int32_t)sql_column_int(query, 6);
    out->first_canary = sql_column_int(query, 7);
    sql_column_text(query, 8, out->runner, sizeof out->runner);
    sql_column_text(query, 9, out->node, sizeof out->node);
    sql_column_text(query, 10, out->conditions, sizeof out->conditions);
    out->seen_wall_ms = sql_column_int(query, 11);
    out->deterministic = sql_column_int(query, 12) != 0;
    out->peak_macs_per_s = sql_column_real(query, 13);
    out->peak_bytes_per_s = sql_column_real(query, 14);
}

static enum status_code no_such_board(const struct store *store, const char *device_key, const char *name, struct status *status)
{
    return status_set(status, STATUS_NOT_FOUND, "%s: knows no board \"%s\" of device %s; `hwnas device list` shows those it knows",
                      store->path, name, device_key);
}

enum status_code store_board_get(struct store *store, const char *device_key, const char *name, struct store_board *out,
                                 struct status *status)
{
    struct query query;
    sql_begin(&query, store, "SELECT " BOARD_COLUMNS " FROM board WHERE device_key = ?1 AND name = ?2", status);
    sql_bind_text(&query, device_key);
    sql_bind_text(&query, name);
    bool found = sql_row(&query);
    if (found)
        read_board(&query, out);
    enum status_code code = sql_end(&query);
    return code == STATUS_OK && !found ? no_such_board(store, device_key, name, status) : code;
}

/* Reads the rest of a begun query into a list. */
static enum status_code read_boards(struct query *query, struct store_board **out, size_t *count)
{
    struct store_board *list = NULL;
    size_t used = 0;
    while (sql_row(query)) {
        struct store_board *grown = realloc(list, (used + 1) * sizeof *list);
        if (grown == NULL) {
            sql_fail(query, STATUS_NO_MEMORY, "no memory for the list of boards");
            break;
        }
        list = grown;
        read_board(query, &list[used++]);
    }
    enum status_code code = sql_end(query);
    if (code != STATUS_OK) {
        free(list);
        return code;
    }
    *out = list;
    *count = used;
    return STATUS_OK;
}

enum status_code store_board_list(struct store *store, struct store_board **out, size_t *count, struct status *status)
{
    struct query query;
    sql_begin(&query, store, "SELECT " BOARD_COLUMNS " FROM board ORDER BY device_key, name", status);
    return read_boards(&query, out, count);
}

enum status_code store_board_find(struct store *store, const char *word, struct store_board **out, size_t *count,
                                  struct status *status)
{
    struct query query;
    sql_begin(&query, store,
              "SELECT " BOARD_COLUMNS " FROM board WHERE name = ?1 OR (device_key = ?1 AND NOT EXISTS (SELECT 1 FROM board WHERE "
              "name = ?1)) ORDER BY device_key, name",
              status);
    sql_bind_text(&query, word);
    return read_boards(&query, out, count);
}

enum status_code store_board_seen(struct store *store, const struct store_board *board, struct status *status)
{
    struct query query;
    /* A board that was forgotten begins anew: its old canaries do not count. */
    sql_begin_write(
        &query, store,
        "INSERT INTO board (" BOARD_COLUMNS ") VALUES (?1, ?2, 'trusted', '', 0, ?3, 0, "
        "(SELECT coalesce(max(id), 0) + 1 FROM canary WHERE device_key = ?1 AND board = ?2), ?4, ?5, ?6, ?3, ?7, ?8, ?9) "
        "ON CONFLICT (device_key, name) DO UPDATE SET runner = excluded.runner, node = excluded.node, "
        "conditions = excluded.conditions, seen_wall_ms = excluded.seen_wall_ms, deterministic = "
        "excluded.deterministic, peak_macs_per_s = excluded.peak_macs_per_s, peak_bytes_per_s = "
        "excluded.peak_bytes_per_s",
        status);
    sql_bind_text(&query, board->device_key);
    sql_bind_text(&query, board->name);
    sql_bind_int(&query, board->seen_wall_ms);
    sql_bind_text(&query, board->runner);
    sql_bind_text(&query, board->node);
    sql_bind_text(&query, board->conditions);
    sql_bind_int(&query, board->deterministic);
    sql_bind_real(&query, board->peak_macs_per_s);
    sql_bind_real(&query, board->peak_bytes_per_s);
    sql_run(&query);
    return sql_end(&query);
}

enum status_code store_board_state(struct store *store, const struct store_board *board, struct status *status)
{
    struct query query;
    sql_begin_write(
        &query, store,
        "UPDATE board SET state = ?3, reason = ?4, held = ?5, since_wall_ms = ?6, strikes = ?7 WHERE device_key = ?1 AND "
        "name = ?2",
        status);
    sql_bind_text(&query, board->device_key);
    sql_bind_text(&query, board->name);
    sql_bind_text(&query, board->quarantined ? "quarantined" : "trusted");
    sql_bind_text(&query, board->quarantined ? board->reason : "");
    sql_bind_int(&query, board->quarantined && board->held);
    sql_bind_int(&query, board->since_wall_ms);
    sql_bind_int(&query, board->strikes);
    bool there = sql_run(&query) == 1;
    enum status_code code = sql_end(&query);
    return code == STATUS_OK && !there ? no_such_board(store, board->device_key, board->name, status) : code;
}

enum status_code store_board_quarantine(struct store *store, const char *device_key, const char *name, const char *reason,
                                        int64_t wall_ms, struct status *status)
{
    struct store_board board;
    enum status_code code = store_board_get(store, device_key, name, &board, status);
    if (code != STATUS_OK)
        return code;
    board.quarantined = board.held = true;
    board.since_wall_ms = wall_ms;
    line_of(reason, board.reason, sizeof board.reason);
    return store_board_state(store, &board, status);
}

enum status_code store_board_trust(struct store *store, const char *device_key, const char *name, bool new_level, int64_t wall_ms,
                                   struct status *status)
{
    struct query query;
    sql_begin_write(&query, store,
                    "UPDATE board SET state = 'trusted', reason = '', held = 0, since_wall_ms = ?3, strikes = 0, first_canary = "
                    "CASE ?4 WHEN 0 THEN first_canary ELSE (SELECT coalesce(max(id), 0) + 1 FROM canary WHERE device_key = ?1 AND "
                    "board = ?2) END WHERE device_key = ?1 AND name = ?2",
                    status);
    sql_bind_text(&query, device_key);
    sql_bind_text(&query, name);
    sql_bind_int(&query, wall_ms);
    sql_bind_int(&query, new_level);
    bool there = sql_run(&query) == 1;
    enum status_code code = sql_end(&query);
    return code == STATUS_OK && !there ? no_such_board(store, device_key, name, status) : code;
}

enum status_code store_board_forget(struct store *store, const char *device_key, const char *name, struct status *status)
{
    struct query query;
    sql_begin_write(&query, store, "DELETE FROM board WHERE device_key = ?1 AND name = ?2", status);
    sql_bind_text(&query, device_key);
    sql_bind_text(&query, name);
    bool there = sql_run(&query) == 1;
    enum status_code code = sql_end(&query);
    return code == STATUS_OK && !there ? no_such_board(store, device_key, name, status) : code;
}

/* --- canaries --- */

static const char *const verdict_names[] = {
    [STORE_CANARY_GOOD] = "good", [STORE_CANARY_DOUBTFUL] = "doubtful", [STORE_CANARY_OFF] = "off"};

const char *store_canary_verdict_name(enum store_canary_verdict verdict)
{
    return verdict_names[verdict];
}

enum status_code store_canary_put(struct store *store, struct store_canary *canary, struct status *status)
{
    struct query query;
    sql_begin_write(
        &query, store,
        "INSERT INTO canary (device_key, board, verdict, latency_ms, expected_ms, sentence, detail, samples_digest, node, "
        "seconds, wall_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        status);
    sql_bind_text(&query, canary->device_key);
    sql_bind_text(&query, canary->board);
    sql_bind_text(&query, verdict_names[canary->verdict]);
    sql_bind_real(&query, canary->latency_ms);
    sql_bind_real(&query, canary->expected_ms);
    sql_bind_text(&query, canary->sentence);
    sql_bind_text(&query, canary->detail != NULL ? canary->detail : "{}");
    sql_bind_text(&query, canary->samples_digest);
    sql_bind_text(&query, canary->node);
    sql_bind_real(&query, canary->seconds);
    sql_bind_int(&query, canary->wall_ms);
    if (sql_run(&query) == 1)
        canary->id = sqlite3_last_insert_rowid(store->db);
    return sql_end(&query);
}

static void read_canary(struct query *query, struct store_canary *out)
{
    char verdict[16];
    memset(out, 0, sizeof *out);
    out->id = sql_column_int(query, 0);
    sql_column_text(query, 1, out->device_key, sizeof out->device_key);
    sql_column_text(query, 2, out->board, sizeof out->board);
    sql_column_text(query, 3, verdict, sizeof verdict);
    out->verdict = strcmp(verdict, "good") == 0  ? STORE_CANARY_GOOD
                   : strcmp(verdict, "off") == 0 ? STORE_CANARY_OFF
                                                 : STORE_CANARY_DOUBTFUL;
    out->latency_ms = sql_column_real(query, 4);
    out->expected_ms = sql_column_real(query, 5);
    sql_column_text(query, 6, out->sentence, sizeof out->sentence);
    out->detail = sql_column_text_borrow(query, 7);
    sql_column_text(query, 8, out->samples_digest, sizeof out->samples_digest);
    sql_column_text(query, 9, out->node, sizeof out->node);
    out->seconds = sql_column_real(query, 10);
    out->wall_ms = sql_column_int(query, 11);
}

enum status_code store_canary_each(struct store *store, const char *device_key, const char *board, int64_t from,
                                   enum status_code (*each)(void *context, const struct store_canary *canary,
                                                            struct status *status),
                                   void *context, struct status *status)
{
    struct query query;
    struct store_canary canary;
    sql_begin(&query, store,
              "SELECT id, device_key, board, verdict, latency_ms, expected_ms, sentence, detail, samples_digest, node, seconds, "
              "wall_ms FROM canary WHERE device_key = ?1 AND board = ?2 AND id >= ?3 ORDER BY id",
              status);
    sql_bind_text(&query, device_key);
    sql_bind_text(&query, board);
    sql_bind_int(&query, from);
    while (sql_row(&query)) {
        read_canary(&query, &canary);
        if (query.code == STATUS_OK)
            query.code = each(context, &canary, status);
    }
    return sql_end(&query);
}

enum status_code store_canary_last_good(struct store *store, const char *device_key, const char *board, int64_t *id,
                                        int64_t *wall_ms, struct status *status)
{
    struct query query;
    *id = *wall_ms = 0;
    sql_begin(&query, store,
              "SELECT id, wall_ms FROM canary WHERE device_key = ?1 AND board = ?2 AND verdict = 'good' ORDER BY id DESC LIMIT 1",
              status);
    sql_bind_text(&query, device_key);
    sql_bind_text(&query, board);
    if (sql_row(&query)) {
        *id = sql_column_int(&query, 0);
        *wall_ms = sql_column_int(&query, 1);
    }
    return sql_end(&query);
}

enum status_code store_samples_known(struct store *store, const char *device_key, const char *board, const char *samples_digest,
                                     bool *known, struct status *status)
{
    struct query query;
    sql_begin(
        &query, store,
        "SELECT 1 FROM evaluation WHERE kind = 'measure' AND device_key = ?1 AND board = ?2 AND samples_digest = ?3 UNION ALL "
        "SELECT 1 FROM canary WHERE device_key = ?1 AND board = ?2 AND samples_digest = ?3 UNION ALL "
        "SELECT 1 FROM withdrawn WHERE device_key = ?1 AND board = ?2 AND samples_digest = ?3 LIMIT 1",
        status);
    sql_bind_text(&query, device_key);
    sql_bind_text(&query, board);
    sql_bind_text(&query, samples_digest);
    *known = sql_row(&query);
    return sql_end(&query);
}

/* --- taking back --- */

enum { STUDIES_AT_ONCE = 64 };

struct step_back {
    int64_t study_id, told; /* told: of the first candidate that used a value */
};

static void bind_measured(struct query *query, const char *device_key, const char *name, int64_t since)
{
    sql_bind_text(query, device_key);
    sql_bind_text(query, name);
    sql_bind_int(query, since);
}

/* A value is a candidate's when it is that of the candidate's canonical architecture, to the last bit. Should it be another of the
 * same size, the study takes a step back for nothing and ends the same. */
static enum status_code first_users(struct store *store, const char *device_key, const char *name, int64_t since,
                                    struct step_back *out, size_t *count, struct status *status)
{
    struct query query;
    *count = 0;
    sql_begin(&query, store,
              "SELECT c.study_id, min(c.told) FROM evaluation e JOIN candidate c ON c.canonical = e.arch "
              "WHERE e.kind = 'measure' AND e.device_key = ?1 AND e.board = ?2 AND e.after_canary >= ?3 AND c.skipped = 0 AND "
              "((e.feasible = 0 AND c.feasible = 0) OR EXISTS (SELECT 1 FROM candidate_cost k WHERE k.study_id = c.study_id AND "
              "k.ask = c.ask AND k.value = e.value)) GROUP BY c.study_id LIMIT ?4",
              status);
    bind_measured(&query, device_key, name, since);
    sql_bind_int(&query, STUDIES_AT_ONCE);
    while (sql_row(&query))
        out[(*count)++] = (struct step_back){sql_column_int(&query, 0), sql_column_int(&query, 1)};
    return sql_end(&query);
}

static enum status_code run_for(struct store *store, const char *sql, const struct step_back *step, int *changed,
                                struct status *status)
{
    struct query query;
    sql_begin_write(&query, store, sql, status);
    sql_bind_int(&query, step->study_id);
    sql_bind_int(&query, step->told);
    *changed = sql_run(&query);
    return sql_end(&query);
}

static enum status_code step_back(struct store *store, const struct step_back *step, int64_t *candidates, struct status *status)
{
    int changed = 0;
    enum status_code code = run_for(store, "DELETE FROM candidate WHERE study_id = ?1 AND told >= ?2", step, &changed, status);
    *candidates += changed;
    if (code == STATUS_OK)
        code = run_for(store, "DELETE FROM snapshot WHERE study_id = ?1 AND told > ?2", step, &changed, status);
    if (code == STATUS_OK)
        code = run_for(store, "UPDATE study SET state = 'running', finished_wall_ms = 0, answer = NULL WHERE id = ?1 AND ?2 >= 0",
                       step, &changed, status);
    return code;
}

static enum status_code move_rows(struct store *store, const char *device_key, const char *name, int64_t since, const char *reason,
                                  int64_t wall_ms, int64_t *rows, struct status *status)
{
    struct query query;
    sql_begin_write(
        &query, store,
        "INSERT INTO withdrawn (withdrawn_wall_ms, withdrawn_because, key, kind, arch, feasible, why_not, value, detail, "
        "node, device_key, seconds, wall_ms, board, failure, queue_seconds, build_seconds, run_seconds, energy_mj, "
        "after_canary, samples_digest) SELECT ?4, ?5, key, kind, arch, feasible, why_not, value, detail, node, "
        "device_key, seconds, wall_ms, board, failure, queue_seconds, build_seconds, run_seconds, energy_mj, "
        "after_canary, samples_digest FROM evaluation WHERE kind = 'measure' AND device_key = ?1 AND board = ?2 AND "
        "after_canary >= ?3 ORDER BY wall_ms, key",
        status);
    bind_measured(&query, device_key, name, since);
    sql_bind_int(&query, wall_ms);
    sql_bind_text(&query, reason);
    *rows = sql_run(&query);
    enum status_code code = sql_end(&query);
    if (code != STATUS_OK)
        return code;
    sql_begin_write(&query, store,
                    "DELETE FROM evaluation WHERE kind = 'measure' AND device_key = ?1 AND board = ?2 AND after_canary >= ?3",
                    status);
    bind_measured(&query, device_key, name, since);
    sql_run(&query);
    return sql_end(&query);
}

enum status_code store_board_withdraw(struct store *store, const char *device_key, const char *name, int64_t since,
                                      const char *reason, int64_t wall_ms, struct store_withdrawal *out, struct status *status)
{
    struct step_back steps[STUDIES_AT_ONCE];
    size_t count;
    enum status_code code;
    memset(out, 0, sizeof *out);
    do { /* a study that has stepped back uses no such value any more */
        code = first_users(store, device_key, name, since, steps, &count, status);
        for (size_t i = 0; i < count && code == STATUS_OK; i++)
            code = step_back(store, &steps[i], &out->candidates, status);
        out->studies += (int64_t)count;
    } while (code == STATUS_OK && count > 0);
    return code == STATUS_OK ? move_rows(store, device_key, name, since, reason, wall_ms, &out->rows, status) : code;
}

enum status_code store_board_measured(struct store *store, const char *device_key, const char *name, int64_t since, int64_t *rows,
                                      struct status *status)
{
    struct query query;
    sql_begin(&query, store,
              "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND device_key = ?1 AND board = ?2 AND after_canary >= ?3",
              status);
    bind_measured(&query, device_key, name, since);
    if (sql_row(&query))
        *rows = sql_column_int(&query, 0);
    return sql_end(&query);
}
