/* turns: see turns.h. */
#include "tests/support/turns.h"

#include <math.h>
#include <string.h>

#include "common/bundle.h"
#include "common/fileio.h"
#include "master/store_board.h"

enum { IMAGES = 4, PIXELS = 3 * 8 * 8, TAPS = 3 };

static const char device[] = "host-made-up-f32", board[] = "host-1";

/* --- the study --- */

static void write_bundle(const char *path)
{
    uint8_t images[IMAGES * PIXELS] = {0};
    int32_t labels[IMAGES] = {0, 1, 2, 3}, indices[IMAGES] = {0, 1, 2, 3};
    double cross_entropy[IMAGES] = {0.1, 0.2, 0.3, 0.4};
    float gram[IMAGES * IMAGES];
    struct bundle bundle = {.batch = IMAGES,
                            .shape = {3, 8, 8},
                            .classes = 4,
                            .taps = TAPS,
                            .images = images,
                            .labels = labels,
                            .indices = indices,
                            .cross_entropy = cross_entropy,
                            .grams = {gram, gram, gram},
                            .mean = {0.5f, 0.5f, 0.5f},
                            .std = {0.25f, 0.25f, 0.25f},
                            .dataset = "made up",
                            .reference = "made up"};
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    for (int i = 0; i < IMAGES * IMAGES; i++)
        gram[i] = i % (IMAGES + 1) == 0 ? 3 : -1; /* centred: every row's sum is 0 */
    assert_ok(bundle_write(&bundle, &data, &size, &status), status);
    assert_ok(fileio_write(path, data, size, &status), status);
    free(data);
}

void turns_prepare(struct turns *turns, const char *folder, const char *folder_db, int generations, uint64_t seed)
{
    char text[1024], bundle[300];
    struct status status = {0};
    memset(turns, 0, sizeof *turns);
    snprintf(turns->study, sizeof turns->study, "%s/turns.yaml", folder);
    snprintf(turns->db, sizeof turns->db, "%s/study.db", folder_db);
    snprintf(bundle, sizeof bundle, "%s/turns.bundle", folder);
    write_bundle(bundle);
    int length = snprintf(text, sizeof text,
                          "name: turns\n"
                          "space: nb201\n"
                          "strategy: {name: evrsnas, population: 6, generations: %d, tournament: 3}\n"
                          "fitness: {source: rmi, bundle: turns.bundle, protocol: rmi-fast, combine: none}\n"
                          "costs: [{name: latency_ms, source: agent, device: host}]\n"
                          "network: {channels: 4, cells: 1, classes: 4, input_size: 8}\n"
                          "seed: 7\n",
                          generations);
    assert_ok(fileio_write(turns->study, text, (size_t)length, &status), status);
    rng_seed(&turns->rng, seed);
}

/* --- transactions --- */

static enum status_code commit(struct turns *turns, struct status *status)
{
    enum status_code code = search_commit(turns->search, status);
    if (code == STATUS_OK && turns->committed != NULL)
        turns->committed(turns->context, search_store(turns->search));
    return code;
}

static enum status_code return_open_leases(struct turns *turns, struct status *status)
{
    struct store *store = search_store(turns->search);
    struct store_lease *leases = NULL;
    size_t count = 0;
    bool closed;
    enum status_code code = store_lease_open_list(store, &leases, &count, status);
    for (size_t i = 0; i < count && code == STATUS_OK; i++)
        code = store_lease_close(store, leases[i].id, leases[i].epoch, leases[i].attempt, leases[i].node, STORE_LEASE_RETURNED, "",
                                 "", ++turns->wall_ms, &closed, status);
    free(leases);
    return code;
}

static enum status_code see_board(struct turns *turns, struct status *status)
{
    struct store_board here = {.seen_wall_ms = ++turns->wall_ms, .peak_macs_per_s = 2e9};
    snprintf(here.device_key, sizeof here.device_key, "%s", device);
    snprintf(here.name, sizeof here.name, "%s", board);
    snprintf(here.runner, sizeof here.runner, "builtin");
    snprintf(here.node, sizeof here.node, "agent");
    return store_board_seen(search_store(turns->search), &here, status);
}

static enum status_code begin_epoch(struct turns *turns, struct status *status)
{
    struct store *store = search_store(turns->search);
    turns->queued = turns->leased = 0;
    enum status_code code = search_begin(turns->search, status);
    if (code == STATUS_OK)
        code = store_epoch_next(store, 0, 0, &turns->epoch, status);
    if (code == STATUS_OK)
        code = return_open_leases(turns, status);
    if (code == STATUS_OK)
        code = see_board(turns, status);
    if (code == STATUS_OK)
        code = commit(turns, status);
    search_rollback(turns->search);
    return code;
}

enum status_code turns_open(struct turns *turns, struct status *status)
{
    struct search_options options = {.study_path = turns->study, .db = turns->db};
    int64_t seen_ms;
    enum status_code code = search_open(&options, NULL, &turns->search, status);
    if (code != STATUS_OK) {
        turns->search = NULL;
        return code;
    }
    if (turns->committed != NULL) /* the study is in it now */
        turns->committed(turns->context, search_store(turns->search));
    code = store_canary_last_good(search_store(turns->search), device, board, &turns->canary, &seen_ms, status);
    return code == STATUS_OK ? begin_epoch(turns, status) : code;
}

enum status_code turns_restart(struct turns *turns, struct status *status)
{
    search_rollback(turns->search);
    enum status_code code = search_restart(turns->search, status);
    return code == STATUS_OK ? begin_epoch(turns, status) : code;
}

void turns_close(struct turns *turns)
{
    search_close(turns->search);
    turns->search = NULL;
}

/* --- a turn --- */

static void on_task(void *context, const struct study_want *want, const struct store_attempts *attempts)
{
    struct turns *turns = context;
    assert_true(turns->queued < TURNS_QUEUE);
    struct turns_task *task = &turns->queue[turns->queued++];
    *task = (struct turns_task){.kind = want->kind, .arch = want->arch, .attempt = attempts->failures};
    memcpy(task->key, want->key, sizeof task->key);
    memcpy(task->arch_text, want->arch_text, sizeof task->arch_text);
}

static const char *node_of(const struct turns_task *task)
{
    return task->kind == STUDY_WANT_RMI ? "worker" : "agent";
}

static enum status_code grant(struct turns *turns, struct status *status)
{
    while (turns->leased < TURNS_SLOTS && turns->queued > 0) {
        struct turns_task *task = &turns->out[turns->leased];
        *task = turns->queue[0];
        memmove(turns->queue, turns->queue + 1, --turns->queued * sizeof *turns->queue);
        struct store_lease lease = {.epoch = turns->epoch, .attempt = ++task->attempt, .granted_wall_ms = ++turns->wall_ms};
        memcpy(lease.key, task->key, sizeof lease.key);
        snprintf(lease.node, sizeof lease.node, "%s", node_of(task));
        snprintf(lease.board, sizeof lease.board, "%s", task->kind == STUDY_WANT_MEASURE ? board : "");
        enum status_code code = store_lease_grant(search_store(turns->search), &lease, status);
        if (code != STATUS_OK)
            return code;
        task->lease = lease.id;
        turns->leased++;
    }
    return STATUS_OK;
}

/* A worker scores, an agent measures: some architectures cannot be. */
static struct store_evaluation answer_of(struct turns *turns, const struct turns_task *task)
{
    struct store_evaluation row = {.kind = task->kind,
                                   .feasible = true,
                                   .seconds = 0.5,
                                   .wall_ms = ++turns->wall_ms,
                                   .queue_seconds = NAN,
                                   .build_seconds = NAN,
                                   .run_seconds = NAN,
                                   .energy_mj = NAN};
    struct digest digest;
    memcpy(row.key, task->key, sizeof row.key);
    memcpy(row.arch, task->arch_text, sizeof row.arch);
    snprintf(row.node, sizeof row.node, "%s", node_of(task));
    digest_of(task->arch_text, strlen(task->arch_text), &digest);
    row.value = 1 + digest.bytes[task->kind] / 16.0;
    if (task->kind == STUDY_WANT_MEASURE) {
        snprintf(row.device_key, sizeof row.device_key, "%s", device);
        snprintf(row.board, sizeof row.board, "%s", board);
        digest_hex(&digest, row.samples_digest);
        row.after_canary = turns->canary;
    } else if (digest.bytes[5] < 20) {
        row.feasible = false;
        snprintf(row.why_not, sizeof row.why_not, "the loss is NaN from step 3 on");
    }
    row.detail = malloc(turns->detail_bytes + 16);
    if (row.detail == NULL)
        return row;
    memset(row.detail, 'x', turns->detail_bytes + 16);
    row.detail[turns->detail_bytes + 15] = '\0';
    return row;
}

/* A result under its lease; one in ten fails and is tried again. */
static enum status_code finish(struct turns *turns, struct turns_task *task, struct status *status)
{
    bool failed = rng_below(&turns->rng, 10) == 0, closed = false;
    enum status_code code = store_lease_close(search_store(turns->search), task->lease, turns->epoch, task->attempt, node_of(task),
                                              failed ? STORE_LEASE_FAILED : STORE_LEASE_DONE, failed ? "timeout" : "",
                                              failed ? "too slow" : "", ++turns->wall_ms, &closed, status);
    if (code != STATUS_OK)
        return code;
    assert_true(closed);
    if (failed) {
        turns->queue[turns->queued++] = *task;
        return STATUS_OK;
    }
    struct store_evaluation row = answer_of(turns, task);
    code =
        row.detail != NULL ? search_accept(turns->search, &row, NULL, status) : status_set(status, STATUS_NO_MEMORY, "no memory");
    store_evaluation_free(&row);
    return code;
}

static enum status_code take_results(struct turns *turns, struct status *status)
{
    for (size_t i = turns->leased; i-- > 0;) {
        if (rng_below(&turns->rng, 2) == 0)
            continue;
        enum status_code code = finish(turns, &turns->out[i], status);
        if (code != STATUS_OK)
            return code;
        memmove(turns->out + i, turns->out + i + 1, (--turns->leased - i) * sizeof *turns->out);
    }
    return STATUS_OK;
}

static enum status_code take_canary(struct turns *turns, struct status *status)
{
    struct store_canary canary = {.verdict = STORE_CANARY_GOOD, .latency_ms = 2, .expected_ms = NAN, .wall_ms = ++turns->wall_ms};
    snprintf(canary.device_key, sizeof canary.device_key, "%s", device);
    snprintf(canary.board, sizeof canary.board, "%s", board);
    snprintf(canary.node, sizeof canary.node, "agent");
    enum status_code code = store_canary_put(search_store(turns->search), &canary, status);
    if (code == STATUS_OK)
        turns->canary = canary.id;
    return code;
}

enum status_code turns_turn(struct turns *turns, struct status *status)
{
    bool more = true;
    enum status_code code = search_begin(turns->search, status);
    if (code == STATUS_OK)
        code = take_results(turns, status);
    if (code == STATUS_OK && rng_below(&turns->rng, 8) == 0)
        code = take_canary(turns, status);
    while (code == STATUS_OK && more)
        code = search_advance(turns->search, SIZE_MAX, on_task, turns, &more, status);
    if (code == STATUS_OK)
        code = grant(turns, status);
    return code == STATUS_OK ? commit(turns, status) : code;
}

void turns_finish(struct turns *turns)
{
    struct status status = {0};
    if (turns->search == NULL)
        assert_ok(turns_open(turns, &status), status);
    for (int i = 0; !search_finished(turns->search); i++) {
        assert_true(i < 10000);
        assert_ok(turns_turn(turns, &status), status);
    }
    turns_close(turns);
}

/* --- what came out --- */

enum status_code turns_withdraw(struct turns *turns, struct status *status)
{
    struct store *store = NULL;
    struct store_withdrawal withdrawal;
    enum status_code code = store_open(turns->db, STORE_WRITE, &store, status);
    if (code == STATUS_OK)
        code = store_begin(store, status);
    if (code == STATUS_OK)
        code = store_board_withdraw(store, device, board, turns->canary - 1, "a test", ++turns->wall_ms, &withdrawal, status);
    if (code == STATUS_OK)
        code = store_commit(store, status);
    if (code == STATUS_OK && turns->committed != NULL)
        turns->committed(turns->context, store);
    store_close(store);
    return code;
}

static enum status_code add(void *context, const struct study_candidate *candidate, struct status *status)
{
    struct digest_stream *stream = context;
    (void)status;
    digest_u64(stream, candidate->ask);
    digest_text(stream, candidate->arch_text);
    digest_bytes(stream, &candidate->result.fitness, sizeof candidate->result.fitness);
    digest_bytes(stream, &candidate->result.costs[0], sizeof candidate->result.costs[0]);
    return STATUS_OK;
}

void turns_outcome(const struct turns *turns, char out[DIGEST_HEX_BYTES])
{
    struct status status = {0};
    struct store *store = NULL;
    struct store_study study;
    struct digest_stream stream;
    struct digest digest;
    assert_ok(store_open(turns->db, STORE_READ, &store, &status), status);
    assert_ok(store_study_find(store, "turns", &study, &status), status);
    assert_int_equal(study.state, STORE_STUDY_FINISHED);
    digest_begin(&stream);
    assert_ok(store_candidate_each(store, study.id, 0, add, &stream, &status), status);
    digest_end(&stream, &digest);
    digest_hex(&digest, out);
    store_study_free(&study);
    store_close(store);
}
