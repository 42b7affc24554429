/* sim_check: what must hold in the simulation, whatever happens: looked at after every step, when a master opens the database, and
 * at the end. */
#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <utlist.h>

#include "master/dispatch_parts.h"
#include "master/report.h"
#include "tests/sim/sim.h"

enum { CANDIDATES_MAX = 512, COSTS = 2 };

/* --- what was seen --- */

static bool is_canary(const struct wire_task *task)
{
    return task->kind == WIRE_MEASURE && task->network.cells == 5;
}

struct sim_key *sim_key(struct sim *sim, const struct wire_task *task)
{
    struct sim_key *key;
    HASH_FIND_STR(sim->keys, task->key, key);
    if (key != NULL)
        return key;
    key = calloc(1, sizeof *key);
    assert_non_null(key);
    memcpy(key->key, task->key, sizeof key->key);
    memcpy(key->arch, task->arch, sizeof key->arch);
    key->kind = task->kind;
    key->truth = sim_truth_of(&sim->study->odds, task->kind, task->arch);
    HASH_ADD_STR(sim->keys, key, key);
    return key;
}

/* Whether the task has two leases now, of which that is the later one. */
static bool is_copy(const struct sim *sim, const struct wire_task *task)
{
    const struct task *known = queue_find(dispatch_queue(coord_dispatch(sim->coord)), task->key);
    return known != NULL && known->copy != NULL && known->copy->id == task->lease_id;
}

static void check_token(struct sim *sim, int peer, const struct wire_task *task)
{
    struct sim_token *token;
    const uint64_t id[2] = {task->epoch, task->lease_id};
    HASH_FIND(hh, sim->tokens, id, sizeof id, token);
    SIM_HOLDS(sim, token == NULL, "lease %" PRIu64 " of epoch %" PRIu64 " is granted twice", task->lease_id, task->epoch);
    token = calloc(1, sizeof *token);
    assert_non_null(token);
    memcpy(token->id, id, sizeof id);
    memcpy(token->key, task->key, sizeof token->key);
    token->peer = peer;
    token->copy = is_copy(sim, task);
    sim->copies += token->copy;
    SIM_HOLDS(sim, !token->copy || task->kind == WIRE_RMI || task->kind == WIRE_ONESHOT_SCORE, "%s %.8s is copied",
              wire_kind_name(task->kind), task->key);
    HASH_ADD(hh, sim->tokens, id, sizeof token->id, token);
}

static void check_board(struct sim *sim, const struct wire_task *task)
{
    const struct lease *lease = queue_find_lease(dispatch_queue(coord_dispatch(sim->coord)), task->lease_id);
    if (lease == NULL || lease->peer == NULL || lease->peer->board == NULL || is_canary(task))
        return;
    const struct board *board = lease->peer->board;
    SIM_HOLDS(sim, !board->trust.quarantined, "board %s measures in quarantine", board->key.name);
    SIM_HOLDS(sim, board->checked == board->connections, "board %s measures after it connected, without a canary", board->key.name);
    SIM_HOLDS(sim, !board->trust.again, "board %s measures after a canary that left doubts", board->key.name);
    SIM_HOLDS(sim, board->measurements <= SIM_CANARY_EVERY, "board %s measures %u times without a canary", board->key.name,
              board->measurements);
}

void sim_note_task(struct sim *sim, int peer, const struct wire_task *task)
{
    sim_say(sim, "lease %" PRIu64 " of %.8s to node-%d, attempt %u%s", task->lease_id, task->key, peer, task->attempt,
            is_canary(task) ? " (canary)" : "");
    check_token(sim, peer, task);
    check_board(sim, task);
    if (is_canary(task))
        return;
    const struct sim_key *key = sim_key(sim, task);
    SIM_HOLDS(sim, strcmp(key->arch, task->arch) == 0 && key->kind == task->kind, "key %.8s changes its meaning", key->key);
}

/* --- after every step --- */

static const struct sim_token *token_of(const struct sim *sim, const struct wire_task *task)
{
    const struct sim_token *token;
    const uint64_t id[2] = {task->epoch, task->lease_id};
    HASH_FIND(hh, sim->tokens, id, sizeof id, token);
    return token;
}

static bool was_copy(const struct sim *sim, const struct wire_task *task)
{
    const struct sim_token *token = token_of(sim, task);
    return token != NULL && token->copy;
}

bool sim_is_lost(const struct sim *sim, const struct wire_task *task)
{
    const struct sim_token *token = token_of(sim, task);
    return token != NULL && token->lost;
}

/* Two may compute one key when one of them was given a copy; never three, and nothing is measured twice. */
static void check_pair(const struct sim *sim, const struct wire_task *const *active, int count, const struct wire_task *task)
{
    int others = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(active[i]->key, task->key) != 0)
            continue;
        bool copied = task->kind != WIRE_MEASURE && (was_copy(sim, active[i]) || was_copy(sim, task));
        SIM_HOLDS(sim, copied && ++others == 1, "key %.8s is computed by two peers at once", task->key);
    }
}

/* A master cannot know of leases that the database before its own had. They end by themselves, 3/4 of a lease time after the master
 * that granted them was last heard; until then the rules are for all others. */
static void check_lost(struct sim *sim, const struct wire_task *const *active, int count, const struct wire_task *lost)
{
    SIM_HOLDS(sim, sim->now_ms < sim->put_back_ms + SIM_LEASE_MS * 3 / 4, "key %.8s is computed long after its lease was lost",
              lost->key);
    for (int i = 0; i < count; i++)
        sim->twice += strcmp(active[i]->key, lost->key) == 0;
}

static void check_hosts(struct sim *sim)
{
    int computing[SIM_HOSTS + 1] = {0}, measuring[SIM_HOSTS + 1] = {0}, active_count = 0, lost_count = 0;
    const struct wire_task *active[SIM_PEERS * SIM_JOBS], *lost[SIM_PEERS * SIM_JOBS];
    for (int i = 0; i < SIM_PEERS; i++) {
        const struct sim_process *process = &sim->peers[i];
        for (int j = 0; j < SIM_JOBS; j++) {
            const struct sim_job *job = &process->jobs[j];
            if (!sim_computes(sim, process, job))
                continue;
            if (sim_is_lost(sim, &job->task)) {
                lost[lost_count++] = &job->task;
                continue;
            }
            if (job->task.kind == WIRE_MEASURE)
                measuring[process->host]++;
            else
                computing[process->host]++;
            check_pair(sim, active, active_count, &job->task);
            active[active_count++] = &job->task;
        }
    }
    for (int i = 0; i < lost_count; i++)
        check_lost(sim, active, active_count, lost[i]);
    for (int h = 1; h <= SIM_HOSTS; h++) {
        SIM_HOLDS(sim, measuring[h] == 0 || computing[h] == 0, "host-%d measures while it computes", h);
        SIM_HOLDS(sim, measuring[h] <= (h < 4 ? 1 : SIM_SLOTS), "host-%d measures %d things at once", h, measuring[h]);
    }
}

/* Leases in memory are those in the store. */
static void check_leases(struct sim *sim, const struct dispatch *dispatch, struct store *store)
{
    struct store_lease *stored;
    struct status status = {0};
    size_t count, open = 0;
    assert_ok(store_lease_open_list(store, &stored, &count, &status), status);
    for (size_t i = 0; i < count; i++) {
        const struct lease *lease = queue_find_lease(dispatch_queue(dispatch), (uint64_t)stored[i].id);
        SIM_HOLDS(sim, lease != NULL && (lease->task != NULL || lease->unclosed), "lease %" PRId64 " is open in the store alone",
                  stored[i].id);
        SIM_HOLDS(sim,
                  (int64_t)lease->epoch == stored[i].epoch && (int32_t)lease->attempt == stored[i].attempt &&
                      strcmp(lease->key, stored[i].key) == 0 && strcmp(lease->node, stored[i].node) == 0,
                  "lease %" PRId64 " is another one in the store", stored[i].id);
    }
    const struct lease *lease;
    DL_FOREACH(dispatch_queue(dispatch)->leases, lease)
    open += lease->task != NULL || lease->unclosed;
    SIM_HOLDS(sim, open == count, "%zu leases are open, %zu in the store", open, count);
    free(stored);
}

static void check_counts(const struct sim *sim, const struct dispatch *dispatch)
{
    for (const struct peer *peer = dispatch_peers(dispatch)->by_node; peer != NULL; peer = peer->hh.next)
        SIM_HOLDS(sim, peer->leases < 1000, "a peer's leases were counted below 0");
    for (const struct host *host = dispatch_peers(dispatch)->hosts; host != NULL; host = host->hh.next)
        SIM_HOLDS(sim, host->computing < 1000 && host->measuring < 1000, "a host's leases were counted below 0");
}

/* The best of the candidates as they were told. */
struct best {
    struct sim *sim;
    bool any;
    struct study_candidate candidate;
    uint64_t told;
};

static enum status_code look_at(void *context, const struct study_candidate *candidate, struct status *status)
{
    struct best *best = context;
    (void)status;
    SIM_HOLDS(best->sim, candidate->told == best->told, "tell %" PRIu64 " is not in the table", best->told);
    best->told++;
    if (!candidate->satisfies)
        return STATUS_OK;
    const struct strategy_result *now = &candidate->result, *then = &best->candidate.result;
    bool better = !best->any || now->fitness > then->fitness;
    if (best->any && now->fitness == then->fitness)
        better = now->costs[0] < then->costs[0] || (now->costs[0] == then->costs[0] && now->costs[1] < then->costs[1]);
    if (better)
        best->candidate = *candidate;
    best->any = true;
    return STATUS_OK;
}

/* What the study remembers is what the table says. */
static void check_study(struct sim *sim, struct store *store)
{
    struct best best = {.sim = sim};
    struct study_counts counts;
    struct status status = {0};
    const struct study *study = search_study(coord_search(sim->coord));
    study_count(study, &counts);
    assert_ok(store_candidate_each(store, 1, 0, look_at, &best, &status), status);
    SIM_HOLDS(sim, best.told == counts.told, "%" PRIu64 " candidates were told, the table has %" PRIu64, counts.told, best.told);
    const struct study_candidate *known = study_best(study);
    SIM_HOLDS(sim, (known != NULL) == best.any, "the best is not the table's");
    if (known != NULL)
        SIM_HOLDS(sim, strcmp(known->canonical_text, best.candidate.canonical_text) == 0, "the best is %s, by the table %s",
                  known->canonical_text, best.candidate.canonical_text);
}

void sim_check_step(struct sim *sim)
{
    check_hosts(sim);
    const struct dispatch *dispatch = sim->coord == NULL ? NULL : coord_dispatch(sim->coord);
    if (dispatch == NULL)
        return;
    check_counts(sim, dispatch);
    /* What a failed send ended is closed in the store by the next turn. */
    if (sim->checked_commits == sim->commits || dispatch->action_first < dispatch->action_end)
        return;
    sim->checked_commits = sim->commits;
    struct store *store = search_store((struct search *)coord_search(sim->coord));
    check_leases(sim, dispatch, store);
    if (sim->commits % 16 == 0)
        check_study(sim, store);
}

void sim_check_acked(struct sim *sim, struct store *store)
{
    for (const struct sim_key *key = sim->keys; key != NULL; key = key->hh.next) {
        struct store_evaluation row;
        struct status status = {0};
        if (!key->acked)
            continue;
        SIM_HOLDS(sim, store_evaluation_get(store, key->key, &row, &status) == STATUS_OK,
                  "the result of key %.8s was acknowledged and is not in the store", key->key);
        store_evaluation_free(&row);
    }
}

/* --- at the end --- */

static int64_t ask_number(struct sim *sim, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    SIM_HOLDS(sim, sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    SIM_HOLDS(sim, sqlite3_step(statement) == SQLITE_ROW, "%s", sqlite3_errmsg(db));
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static void check_sound(struct sim *sim, sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    SIM_HOLDS(sim, strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0, "the database is damaged: %s",
              sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &statement, NULL), SQLITE_OK);
    SIM_HOLDS(sim, sqlite3_step(statement) == SQLITE_DONE, "a row of the database points at nothing");
    sqlite3_finalize(statement);
}

/* Each training has left its weights, and nothing else has. */
static void check_artifacts(struct sim *sim, sqlite3 *db)
{
    static const char sql[] =
        "SELECT e.key, w.data FROM evaluation AS e LEFT JOIN weights AS w ON w.key = e.key WHERE e.feasible = 1 "
        "AND e.kind = 'train'";
    sqlite3_stmt *statement = NULL;
    int64_t rows = 0;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    for (; sqlite3_step(statement) == SQLITE_ROW; rows++) {
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        uint8_t wanted[SIM_ARTIFACT_BYTES];
        struct digest unused;
        sim_artifact(key, wanted, &unused);
        const void *data = sqlite3_column_blob(statement, 1);
        SIM_HOLDS(sim, sqlite3_column_bytes(statement, 1) == SIM_ARTIFACT_BYTES && memcmp(data, wanted, SIM_ARTIFACT_BYTES) == 0,
                  "training %.8s counts without its weights, or with others", key);
    }
    sqlite3_finalize(statement);
    SIM_HOLDS(sim, ask_number(sim, db, "SELECT count(*) FROM weights") == rows, "there are weights of no training");
    SIM_HOLDS(sim, !sim->study->trains || rows > 0, "nothing was trained");
}

/* Every value is what its architecture has; what was given up is counted. */
static void check_values(struct sim *sim, sqlite3 *db)
{
    static const char sql[] = "SELECT key, kind, arch, feasible, value, failure FROM evaluation";
    sqlite3_stmt *statement = NULL;
    int64_t rows = 0;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *kind = (const char *)sqlite3_column_text(statement, 1), *arch = (const char *)sqlite3_column_text(statement, 2);
        struct sim_truth truth = sim_truth_of(&sim->study->odds, strcmp(kind, "measure") == 0 ? WIRE_MEASURE : WIRE_RMI, arch);
        bool feasible = sqlite3_column_int(statement, 3) != 0;
        bool crashes = strcmp((const char *)sqlite3_column_text(statement, 5), "crashes_device") == 0;
        bool hopeless = truth.poison || truth.fails || truth.unsuitable;
        rows++;
        SIM_HOLDS(sim, !feasible || (!hopeless && sqlite3_column_double(statement, 4) == truth.value), "%s %s has a wrong value",
                  kind, arch);
        SIM_HOLDS(sim, feasible || hopeless || crashes, "%s %s is said to be infeasible", kind, arch);
        sim->healthy_given_up += !feasible && !hopeless;
    }
    sqlite3_finalize(statement);
    check_artifacts(sim, db);
    for (const struct sim_key *key = sim->keys; key != NULL; key = key->hh.next) {
        if (key->truth.poison || key->truth.fails)
            continue;
        assert_int_equal(sqlite3_prepare_v2(db, "SELECT 1 FROM evaluation WHERE key = ?1", -1, &statement, NULL), SQLITE_OK);
        sqlite3_bind_text(statement, 1, key->key, -1, SQLITE_STATIC);
        sim->healthy_given_up += sqlite3_step(statement) != SQLITE_ROW;
        sqlite3_finalize(statement);
    }
    SIM_HOLDS(sim, rows > 0, "the table is empty");
}

static void check_budget(struct sim *sim, sqlite3 *db)
{
    int64_t rows = ask_number(sim, db, "SELECT count(*) FROM candidate");
    SIM_HOLDS(sim, ask_number(sim, db, "SELECT count(*) FROM study WHERE state = 'finished'") == 1, "the study is not finished");
    SIM_HOLDS(sim, rows == ask_number(sim, db, "SELECT max(ask) + 1 FROM candidate"), "an ask was never told");
    SIM_HOLDS(sim, rows == ask_number(sim, db, "SELECT max(told) + 1 FROM candidate"), "a tell is missing");
    int64_t distinct = ask_number(sim, db, "SELECT count(DISTINCT fitness_key) FROM candidate WHERE skipped = 0");
    int64_t fresh = ask_number(sim, db, "SELECT count(*) FROM candidate WHERE skipped = 0 AND cached = 0");
    SIM_HOLDS(sim, distinct == fresh, "%" PRId64 " evaluations counted, %" PRId64 " different ones", fresh, distinct);
    SIM_HOLDS(sim, distinct == (int64_t)sim->study->distinct, "%" PRId64 " evaluations of a budget of %" PRIu64, distinct,
              sim->study->distinct);
    SIM_HOLDS(sim, ask_number(sim, db, "SELECT count(*) FROM lease WHERE state = 'open'") == 0, "a lease is open at the end");
    SIM_HOLDS(sim,
              ask_number(sim, db,
                         "SELECT count(*) FROM (SELECT key FROM lease WHERE state = 'done' AND key IN (SELECT key FROM evaluation) "
                         "GROUP BY key HAVING count(*) > 1)") == 0,
              "a key was done twice");
    SIM_HOLDS(sim,
              ask_number(sim, db,
                         "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND failure <> 'crashes_device' AND key NOT IN "
                         "(SELECT key FROM lease WHERE state = 'done')") == 0,
              "a measurement counts whose lease had ended");
}

/* --- the front --- */

struct points {
    struct sim *sim;
    struct study_candidate of[CANDIDATES_MAX];
    size_t count;
};

static enum status_code keep(void *context, const struct study_candidate *candidate, struct status *status)
{
    struct points *points = context;
    (void)status;
    assert_true(points->count < CANDIDATES_MAX);
    if (candidate->satisfies)
        points->of[points->count++] = *candidate;
    return STATUS_OK;
}

static bool beats(const struct study_candidate *a, const struct study_candidate *b)
{
    bool better = a->result.fitness > b->result.fitness, worse = a->result.fitness < b->result.fitness;
    for (int i = 0; i < COSTS; i++) {
        better |= a->result.costs[i] < b->result.costs[i];
        worse |= a->result.costs[i] > b->result.costs[i];
    }
    /* Of equal ones the one told first. */
    return !worse && (better || a->told < b->told);
}

/* The front that the report shows is the one that the table has. */
static void check_front(struct sim *sim, struct store *store, const struct report *report)
{
    struct points *points = calloc(1, sizeof *points);
    struct status status = {0};
    size_t found = 0;
    assert_non_null(points);
    assert_ok(store_candidate_each(store, 1, 0, keep, points, &status), status);
    for (size_t i = 0; i < points->count; i++) {
        bool beaten = false;
        for (size_t j = 0; j < points->count && !beaten; j++)
            beaten = j != i && beats(&points->of[j], &points->of[i]);
        if (beaten)
            continue;
        bool there = false;
        for (size_t j = 0; j < report->front_count; j++)
            there |= strcmp(report->front[j].arch, points->of[i].arch_text) == 0;
        SIM_HOLDS(sim, there, "%s is not in the front", points->of[i].arch_text);
        found++;
    }
    SIM_HOLDS(sim, found == report->front_count, "the front has %zu points, by the table %zu", report->front_count, found);
    free(points);
}

/* Every finalist is scored unless somebody gave up on it, and the best of them is the one that is shown. */
static void check_finals(struct sim *sim, const struct report *report)
{
    const struct report_finals *finals = report->finals;
    if (finals == NULL)
        return;
    SIM_HOLDS(sim, finals->count == sim->study->finalists || finals->count <= report->satisfying, "there are %zu finalists",
              finals->count);
    SIM_HOLDS(sim, finals->scored == finals->count || sim->healthy_given_up > 0, "%zu of %zu finalists are scored", finals->scored,
              finals->count);
    SIM_HOLDS(sim, (report->final != NULL) == (finals->count > 0 && !isnan(finals->list[0].score)), "who was chosen is not shown");
}

char *sim_front(struct sim *sim)
{
    struct store *store;
    struct report report;
    struct status status = {0};
    char *text = NULL;
    size_t size = 0;
    assert_ok(store_open(sim->place->db, STORE_READ, &store, &status), status);
    assert_ok(report_load(store, "sim", &report, &status), status);
    check_front(sim, store, &report);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (size_t i = 0; i < report.front_count; i++)
        fprintf(out, "%s %.17g %.17g %.17g\n", report.front[i].arch, report.front[i].fitness, report.front[i].costs[0],
                report.front[i].costs[1]);
    check_finals(sim, &report);
    for (size_t i = 0; report.finals != NULL && i < report.finals->count; i++)
        fprintf(out, "%s %.17g as finalist %zu\n", report.finals->list[i].point.arch, report.finals->list[i].score,
                report.finals->list[i].place);
    fprintf(out, "%" PRIu64 " asked, %" PRIu64 " distinct\n", report.asked, report.distinct);
    fclose(out);
    report_free(&report);
    store_close(store);
    return text;
}

void sim_check_end(struct sim *sim)
{
    sqlite3 *db = NULL;
    struct store *store;
    struct status status = {0};
    assert_ok(store_open(sim->place->db, STORE_READ, &store, &status), status);
    sim_check_acked(sim, store);
    store_close(store);
    assert_int_equal(sqlite3_open_v2(sim->place->db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    check_sound(sim, db);
    check_values(sim, db);
    check_budget(sim, db);
    sqlite3_close(db);
}
