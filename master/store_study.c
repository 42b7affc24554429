/* store_study: studies, the candidates they were told in the order of the tells, and the snapshot a restart goes on from. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "master/store_sql.h"

static const char *const state_names[] = {[STORE_STUDY_RUNNING] = "running", [STORE_STUDY_FINISHED] = "finished"};

const char *store_study_state_name(enum store_study_state state)
{
    return state_names[state];
}

/* --- studies --- */

void store_study_free(struct store_study *study)
{
    if (study == NULL)
        return;
    free(study->name);
    free(study->settings);
    free(study->files);
    free(study->answer);
    memset(study, 0, sizeof *study);
}

/* Columns: id, name, settings, files, state, created_wall_ms, finished_wall_ms, seconds, answer. */
static void read_study(struct query *query, struct store_study *out)
{
    char state[16];
    memset(out, 0, sizeof *out);
    out->id = sql_column_int(query, 0);
    out->name = sql_column_text_copy(query, 1);
    out->settings = sql_column_text_copy(query, 2);
    out->files = sql_column_text_copy(query, 3);
    sql_column_text(query, 4, state, sizeof state);
    out->state = strcmp(state, state_names[STORE_STUDY_FINISHED]) == 0 ? STORE_STUDY_FINISHED : STORE_STUDY_RUNNING;
    out->created_wall_ms = sql_column_int(query, 5);
    out->finished_wall_ms = sql_column_int(query, 6);
    out->seconds = sql_column_real(query, 7);
    if (sqlite3_column_type(query->statement, 8) != SQLITE_NULL)
        out->answer = sql_column_text_copy(query, 8);
}

enum status_code store_study_find(struct store *store, const char *name, struct store_study *out, struct status *status)
{
    struct query query;
    sql_begin(
        &query, store,
        "SELECT id, name, settings, files, state, created_wall_ms, finished_wall_ms, seconds, answer FROM study WHERE name = ?1",
        status);
    sql_bind_text(&query, name);
    bool found = sql_row(&query);
    if (found)
        read_study(&query, out);
    enum status_code code = sql_end(&query);
    if (code != STATUS_OK && found)
        store_study_free(out);
    if (code == STATUS_OK && !found)
        return status_set(status, STATUS_NOT_FOUND, "%s: holds no study \"%s\"; `hwnas study list` shows those it holds",
                          store->path, name);
    return code;
}

enum status_code store_study_list(struct store *store, struct store_study **out, size_t *count, struct status *status)
{
    struct query query;
    struct store_study *list = NULL;
    size_t used = 0;
    sql_begin(&query, store,
              "SELECT id, name, settings, files, state, created_wall_ms, finished_wall_ms, seconds, answer FROM study ORDER BY id",
              status);
    while (sql_row(&query)) {
        struct store_study *grown = realloc(list, (used + 1) * sizeof *list);
        if (grown == NULL) {
            sql_fail(&query, STATUS_NO_MEMORY, "no memory for the list of studies");
            break;
        }
        list = grown;
        read_study(&query, &list[used++]);
    }
    enum status_code code = sql_end(&query);
    if (code == STATUS_OK) {
        *out = list;
        *count = used;
        return code;
    }
    while (used > 0)
        store_study_free(&list[--used]);
    free(list);
    return code;
}

enum status_code store_study_create(struct store *store, const struct store_study *study, int64_t *id, struct status *status)
{
    struct query query;
    sql_begin_write(&query, store,
                    "INSERT INTO study (name, settings, files, state, created_wall_ms, finished_wall_ms, seconds) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    status);
    sql_bind_text(&query, study->name);
    sql_bind_text(&query, study->settings);
    sql_bind_text(&query, study->files);
    sql_bind_text(&query, state_names[study->state]);
    sql_bind_int(&query, study->created_wall_ms);
    sql_bind_int(&query, study->finished_wall_ms);
    sql_bind_real(&query, study->seconds);
    if (sql_run(&query) == 1)
        *id = sqlite3_last_insert_rowid(store->db);
    return sql_end(&query);
}

enum status_code store_study_update(struct store *store, int64_t id, enum store_study_state state, int64_t finished_wall_ms,
                                    double seconds, struct status *status)
{
    struct query query;
    sql_begin_write(&query, store, "UPDATE study SET state = ?1, finished_wall_ms = ?2, seconds = ?3 WHERE id = ?4", status);
    sql_bind_text(&query, state_names[state]);
    sql_bind_int(&query, finished_wall_ms);
    sql_bind_real(&query, seconds);
    sql_bind_int(&query, id);
    if (sql_run(&query) == 0)
        sql_fail(&query, STATUS_NOT_FOUND, "no study has that id");
    return sql_end(&query);
}

enum status_code store_study_answer(struct store *store, int64_t id, const char *arch, struct status *status)
{
    struct query query;
    sql_begin_write(&query, store, "UPDATE study SET answer = ?1 WHERE id = ?2", status);
    sql_bind_text(&query, arch);
    sql_bind_int(&query, id);
    if (sql_run(&query) == 0)
        sql_fail(&query, STATUS_NOT_FOUND, "no study has that id");
    return sql_end(&query);
}

/* --- candidates --- */

static enum status_code put_cost(struct store *store, int64_t study_id, uint64_t ask, size_t position, double value,
                                 struct status *status)
{
    struct query query;
    sql_begin_write(&query, store,
                    "INSERT INTO candidate_cost (study_id, ask, position, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                    status);
    sql_bind_int(&query, study_id);
    sql_bind_int(&query, (int64_t)ask);
    sql_bind_int(&query, (int64_t)position);
    sql_bind_real(&query, value);
    sql_run(&query);
    return sql_end(&query);
}

enum status_code store_candidate_put(struct store *store, int64_t study_id, const struct study_candidate *candidate,
                                     size_t cost_count, struct status *status)
{
    struct query query;
    assert(cost_count <= CONFIG_COSTS_MAX);
    sql_begin_write(
        &query, store,
        "INSERT INTO candidate (study_id, ask, genes, arch, canonical, fitness_key, cached, skipped, connected, feasible, "
        "fitness, satisfies, told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
        "ON CONFLICT (study_id, ask) DO NOTHING",
        status);
    sql_bind_int(&query, study_id);
    sql_bind_int(&query, (int64_t)candidate->ask);
    sql_bind_blob(&query, candidate->arch.genes, candidate->arch.length);
    sql_bind_text(&query, candidate->arch_text);
    sql_bind_text(&query, candidate->canonical_text);
    sql_bind_text(&query, candidate->fitness_key);
    sql_bind_int(&query, candidate->cached);
    sql_bind_int(&query, candidate->skipped);
    sql_bind_int(&query, candidate->connected);
    sql_bind_int(&query, candidate->result.feasible);
    sql_bind_real(&query, candidate->result.fitness);
    sql_bind_int(&query, candidate->satisfies);
    sql_bind_int(&query, (int64_t)candidate->told);
    sql_run(&query);
    enum status_code code = sql_end(&query);
    for (size_t i = 0; i < cost_count && code == STATUS_OK; i++)
        code = put_cost(store, study_id, candidate->ask, i, candidate->result.costs[i], status);
    return code;
}

static enum status_code read_costs(struct store *store, int64_t study_id, struct study_candidate *out, struct status *status)
{
    struct query query;
    for (size_t i = 0; i < CONFIG_COSTS_MAX; i++)
        out->result.costs[i] = NAN;
    sql_begin(&query, store, "SELECT position, value FROM candidate_cost WHERE study_id = ?1 AND ask = ?2", status);
    sql_bind_int(&query, study_id);
    sql_bind_int(&query, (int64_t)out->ask);
    while (sql_row(&query)) {
        int64_t position = sql_column_int(&query, 0);
        if (position < CONFIG_COSTS_MAX)
            out->result.costs[position] = sql_column_real(&query, 1);
        else
            sql_fail(&query, STATUS_BAD_INPUT, "a candidate has more costs than this hwnas can hold");
    }
    return sql_end(&query);
}

/* Columns: ask, genes, arch, canonical, fitness_key, cached, skipped, connected, feasible, fitness, satisfies,
 * told. */
static void read_candidate(struct query *query, struct study_candidate *out)
{
    size_t length = (size_t)sqlite3_column_bytes(query->statement, 1);
    memset(out, 0, sizeof *out);
    out->ask = (uint64_t)sql_column_int(query, 0);
    if (length > ARCH_GENES_MAX) {
        sql_fail(query, STATUS_BAD_INPUT, "a candidate has more genes than this hwnas can hold");
        return;
    }
    out->arch.length = (uint8_t)length;
    if (length > 0)
        memcpy(out->arch.genes, sqlite3_column_blob(query->statement, 1), length);
    sql_column_text(query, 2, out->arch_text, sizeof out->arch_text);
    sql_column_text(query, 3, out->canonical_text, sizeof out->canonical_text);
    sql_column_text(query, 4, out->fitness_key, sizeof out->fitness_key);
    out->cached = sql_column_int(query, 5) != 0;
    out->skipped = sql_column_int(query, 6) != 0;
    out->connected = sql_column_int(query, 7) != 0;
    out->result.feasible = sql_column_int(query, 8) != 0;
    out->result.fitness = sql_column_real(query, 9);
    out->satisfies = sql_column_int(query, 10) != 0;
    out->told = (uint64_t)sql_column_int(query, 11);
}

enum status_code store_candidate_each(struct store *store, int64_t study_id, uint64_t from,
                                      enum status_code (*each)(void *context, const struct study_candidate *candidate,
                                                               struct status *status),
                                      void *context, struct status *status)
{
    struct query query;
    struct study_candidate candidate;
    sql_begin(&query, store,
              "SELECT ask, genes, arch, canonical, fitness_key, cached, skipped, connected, feasible, fitness, satisfies, told "
              "FROM candidate WHERE study_id = ?1 AND told >= ?2 ORDER BY told",
              status);
    sql_bind_int(&query, study_id);
    sql_bind_int(&query, from > INT64_MAX ? INT64_MAX : (int64_t)from);
    while (sql_row(&query)) {
        read_candidate(&query, &candidate);
        if (query.code == STATUS_OK)
            query.code = read_costs(store, study_id, &candidate, status);
        if (query.code == STATUS_OK)
            query.code = each(context, &candidate, status);
    }
    return sql_end(&query);
}

/* --- snapshots --- */

enum status_code store_snapshot_put(struct store *store, int64_t study_id, uint64_t told, const void *data, size_t size,
                                    struct status *status)
{
    struct query query;
    sql_begin_write(&query, store,
                    "INSERT INTO snapshot (study_id, told, data) VALUES (?1, ?2, ?3) "
                    "ON CONFLICT (study_id) DO UPDATE SET told = excluded.told, data = excluded.data",
                    status);
    sql_bind_int(&query, study_id);
    sql_bind_int(&query, (int64_t)told);
    sql_bind_blob(&query, data, size);
    sql_run(&query);
    return sql_end(&query);
}

enum status_code store_snapshot_get(struct store *store, int64_t study_id, uint64_t *told, void **data, size_t *size,
                                    struct status *status)
{
    struct query query;
    void *copy = NULL;
    sql_begin(&query, store, "SELECT told, data FROM snapshot WHERE study_id = ?1", status);
    sql_bind_int(&query, study_id);
    bool found = sql_row(&query);
    if (found) {
        *told = (uint64_t)sql_column_int(&query, 0);
        copy = sql_column_blob_copy(&query, 1, size);
    }
    enum status_code code = sql_end(&query);
    if (code != STATUS_OK) {
        free(copy);
        return code;
    }
    if (!found)
        return status_set(status, STATUS_NOT_FOUND, "%s: the study has no snapshot yet", store->path);
    *data = copy;
    return STATUS_OK;
}
