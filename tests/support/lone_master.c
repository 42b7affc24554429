/* lone_master: see lone_master.h. */
#include "tests/support/lone_master.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bundle.h"
#include "common/fileio.h"

enum { IMAGES = 4, PIXELS = 3 * 8 * 8, TAPS = 3, DB_MAX = 256 << 20 };

/* --- the study --- */

static bool write_bundle(const char *path)
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
    void *data = NULL;
    size_t size = 0;
    for (int i = 0; i < IMAGES * IMAGES; i++)
        gram[i] = i % (IMAGES + 1) == 0 ? 3 : -1; /* centred: every row's sum is 0 */
    bool done = bundle_write(&bundle, &data, &size, NULL) == STATUS_OK && fileio_write(path, data, size, NULL) == STATUS_OK;
    free(data);
    return done;
}

static bool write_study(const char *path, int generations)
{
    char text[1024];
    int length = snprintf(text, sizeof text,
                          "name: lone\n"
                          "space: nb201\n"
                          "strategy: {name: evrsnas, population: 6, generations: %d, tournament: 3}\n"
                          "fitness: {source: rmi, bundle: lone.bundle, protocol: rmi-fast, combine: none}\n"
                          "costs: [{name: latency_ms, source: agent, device: " LONE_DEVICE "}]\n"
                          "network: {channels: 4, cells: 1, classes: 4, input_size: 8}\n"
                          "budget: {evaluations: 0}\n"
                          "seed: 7\n",
                          generations);
    return fileio_write(path, text, (size_t)length, NULL) == STATUS_OK;
}

bool lone_prepare(struct lone_master *lone, int generations)
{
    memset(lone, 0, sizeof *lone);
    snprintf(lone->folder, sizeof lone->folder, "%s/hwnas-lone-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(lone->folder) == NULL)
        return false;
    snprintf(lone->study, sizeof lone->study, "%s/lone.yaml", lone->folder);
    snprintf(lone->bundle, sizeof lone->bundle, "%s/lone.bundle", lone->folder);
    snprintf(lone->db, sizeof lone->db, "%s/lone.db", lone->folder);
    return write_bundle(lone->bundle) && write_study(lone->study, generations);
}

static void remove_db(const struct lone_master *lone)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char path[160];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(path, sizeof path, "%s%s", lone->db, ends[i]);
        unlink(path);
    }
}

void lone_remove(struct lone_master *lone)
{
    lone_close(lone);
    free(lone->page);
    lone->page = NULL;
    remove_db(lone);
    unlink(lone->study);
    unlink(lone->bundle);
    rmdir(lone->folder);
}

/* --- its effects --- */

static int64_t monotonic_of(void *context)
{
    return ((struct lone_master *)context)->now_ms;
}

static int64_t wall_of(void *context)
{
    return 1800000000000 + ((struct lone_master *)context)->now_ms;
}

static enum status_code take_frame(void *context, uint32_t link, const void *data, size_t size)
{
    struct lone_master *lone = context;
    struct status status = {0};
    lone->frames++;
    lone->last_link = link;
    if (wire_decode(data, size, &lone->last, &status) != STATUS_OK) {
        lone->broken = true;
        return STATUS_OK;
    }
    lone->by_type[lone->last.type]++;
    if (lone->last.type == WIRE_REFUSE)
        lone->refusals[lone->last.refuse.code]++;
    if (lone->last.type == WIRE_RESULT_ACK)
        lone->verdicts[lone->last.result_ack.verdict]++;
    if (lone->last.type == WIRE_ANSWER) {
        free(lone->page);
        lone->page = lone->last.answer.size > 0 ? strndup(lone->last.answer.text, lone->last.answer.size) : NULL;
    }
    if (lone->last.type == WIRE_TASK)
        lone->tasks[lone->task_count++ % LONE_TASKS] = (struct lone_task){lone->last.task, link};
    if (lone->sent != NULL)
        lone->sent(lone->sent_context, &lone->last);
    wire_free(&lone->last);
    return STATUS_OK;
}

static uint64_t no_chance(void *context)
{
    (void)context;
    return 0;
}

static const struct keys_public *sender_of(void *context)
{
    return ((struct lone_master *)context)->sender;
}

enum status_code lone_open(struct lone_master *lone, bool fresh, struct status *status)
{
    if (fresh)
        remove_db(lone);
    lone->clock = (struct clock){monotonic_of, wall_of, lone};
    lone->options = (struct coord_options){
        .search = {.study_path = lone->study, .db = lone->db}, .heartbeat_ms = 1000, .lease_ms = 10000, .canary_every = 10};
    const struct coord_effects effects = {
        .clock = &lone->clock, .send = take_frame, .sender = sender_of, .chance = no_chance, .context = lone};
    lone->frames = 0;
    lone->task_count = 0;
    lone->broken = false;
    memset(lone->refusals, 0, sizeof lone->refusals);
    memset(lone->verdicts, 0, sizeof lone->verdicts);
    memset(lone->by_type, 0, sizeof lone->by_type);
    enum status_code code = coord_open(&lone->options, &effects, &lone->logger, &lone->coord, status);
    if (code != STATUS_OK) {
        lone->coord = NULL;
        return code;
    }
    return coord_start(lone->coord, status);
}

void lone_close(struct lone_master *lone)
{
    coord_close(lone->coord);
    lone->coord = NULL;
}

const struct wire_task *lone_task_of(const struct lone_master *lone, uint32_t link)
{
    const struct queue *queue = dispatch_queue(coord_dispatch(lone->coord));
    for (size_t i = lone->task_count; i-- > 0 && i + LONE_TASKS >= lone->task_count;) {
        const struct lone_task *sent = &lone->tasks[i % LONE_TASKS];
        if (sent->link == link && queue_find_lease(queue, sent->task.lease_id) != NULL)
            return &sent->task;
    }
    return NULL;
}

void lone_message(struct lone_master *lone, uint32_t link, const void *data, size_t size)
{
    coord_message(lone->coord, link, data, size);
    coord_turn(lone->coord);
}

void lone_send(struct lone_master *lone, uint32_t link, const struct wire_message *message)
{
    struct status status = {0};
    void *data;
    size_t size;
    if (wire_encode(message, &data, &size, &status) != STATUS_OK) {
        fprintf(stderr, "# %s\n", status.message);
        lone->broken = true;
        return;
    }
    lone_message(lone, link, data, size);
    free(data);
}

/* --- what it holds --- */

/* FNV-1a. */
static void mix(uint64_t *hash, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ ((const uint8_t *)data)[i]) * UINT64_C(1099511628211);
}

static void mix_number(uint64_t *hash, uint64_t value)
{
    mix(hash, &value, sizeof value);
}

static void mix_text(uint64_t *hash, const char *text)
{
    mix(hash, text, strlen(text) + 1);
}

static void mix_peers(uint64_t *hash, const struct peers *peers)
{
    for (const struct peer *peer = peers->by_node; peer != NULL; peer = peer->hh.next) {
        mix_text(hash, peer->node);
        mix_text(hash, peer->device_key);
        mix_text(hash, peer->host->id);
        const uint64_t numbers[] = {peer->role,   peer->incarnation,   peer->link,     peer->slots,
                                    peer->leases, peer->last_attempts, peer->sequence, (uint64_t)peer->heard_ms};
        mix(hash, numbers, sizeof numbers);
    }
    for (const struct host *host = peers->hosts; host != NULL; host = host->hh.next) {
        mix_text(hash, host->id);
        const uint64_t numbers[] = {host->computing, host->measuring, host->measure_turn, host->turn_limit};
        mix(hash, numbers, sizeof numbers);
    }
    for (const struct board *board = peers->boards; board != NULL; board = board->hh.next) {
        mix_text(hash, board->key.device_key);
        mix_text(hash, board->key.name);
        const uint64_t numbers[] = {board->trust.quarantined, board->connections, board->checked, board->measurements,
                                    board->canary != NULL};
        mix(hash, numbers, sizeof numbers);
    }
}

static void mix_queue(uint64_t *hash, const struct queue *queue)
{
    for (const struct task *task = queue->tasks; task != NULL; task = task->hh.next) {
        mix_text(hash, task->key);
        mix_text(hash, task->device);
        const uint64_t numbers[] = {task->described, task->kind,       task->order,         (uint64_t)task->tries.failures,
                                    task->attempts,  task->past_count, task->lease != NULL, (uint64_t)task->wanted_ms};
        mix(hash, numbers, sizeof numbers);
    }
    for (const struct lease *lease = queue->leases; lease != NULL; lease = lease->next != queue->leases ? lease->next : NULL) {
        mix_text(hash, lease->key);
        mix_text(hash, lease->node);
        const uint64_t numbers[] = {lease->id,       lease->epoch, lease->attempt, lease->canary, (uint64_t)lease->deadline_ms,
                                    lease->confirmed};
        mix(hash, numbers, sizeof numbers);
    }
}

uint64_t lone_state(const struct lone_master *lone)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    struct study_counts counts;
    const struct dispatch *dispatch = coord_dispatch(lone->coord);
    study_count(search_study(coord_search(lone->coord)), &counts);
    const uint64_t numbers[] = {counts.asked, counts.told, counts.distinct, counts.cached, counts.skipped};
    mix(&hash, numbers, sizeof numbers);
    mix_number(&hash, dispatch != NULL);
    if (dispatch != NULL) {
        mix_peers(&hash, dispatch_peers(dispatch));
        mix_queue(&hash, dispatch_queue(dispatch));
    }
    return hash;
}

uint64_t lone_stored(const struct lone_master *lone)
{
    static const char *const ends[] = {"", "-wal"};
    uint64_t hash = UINT64_C(14695981039346656037);
    char path[160];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        void *data;
        size_t size;
        snprintf(path, sizeof path, "%s%s", lone->db, ends[i]);
        if (fileio_read(path, DB_MAX, &data, &size, NULL) != STATUS_OK)
            continue;
        mix_number(&hash, size);
        for (size_t at = 0; at + 8 <= size; at += 8) { /* pages, which end at a multiple of 8 */
            uint64_t word;
            memcpy(&word, (const uint8_t *)data + at, sizeof word);
            hash = (hash ^ word) * UINT64_C(1099511628211);
        }
        free(data);
    }
    return hash;
}
