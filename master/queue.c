/* queue: tasks by key, lines of those that wait in the order of wanting, leases by id, deadline and holder. Used by dispatch, which
 * knows the rules. */
#include "master/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

void queue_init(struct queue *queue)
{
    memset(queue, 0, sizeof *queue);
    queue->next_order = 1;
}

void queue_clear(struct queue *queue)
{
    struct lease *lease, *next_lease;
    HASH_CLEAR(hh, queue->by_id);
    DL_FOREACH_SAFE(queue->leases, lease, next_lease)
    free(lease);
    struct task *task, *next_task;
    HASH_ITER(hh, queue->tasks, task, next_task)
    {
        HASH_DEL(queue->tasks, task);
        free(task);
    }
    struct queue_line *line, *next_line;
    HASH_ITER(hh, queue->measure, line, next_line)
    {
        HASH_DEL(queue->measure, line);
        free(line);
    }
    struct queue_absence *absence, *next_absence;
    HASH_ITER(hh, queue->absences, absence, next_absence)
    {
        HASH_DEL(queue->absences, absence);
        free(absence);
    }
    queue_init(queue);
}

/* --- lines --- */

struct queue_line *queue_line(const struct queue *queue, const char *device)
{
    struct queue_line *line;
    HASH_FIND_STR(queue->measure, device, line);
    return line;
}

static struct queue_line *make_line(struct queue *queue, enum wire_kind kind, const char *device)
{
    struct queue_line *line = wire_role_of(kind) == WIRE_WORKER ? &queue->rmi : queue_line(queue, device);
    if (line != NULL)
        return line;
    line = calloc(1, sizeof *line);
    if (line == NULL)
        return NULL;
    strncpy(line->device, device, sizeof line->device - 1);
    HASH_ADD_STR(queue->measure, device, line);
    if (line->hh.tbl != NULL)
        return line;
    free(line);
    return NULL;
}

/* New tasks come last. Those that wait again come in the order they were taken, one behind the other: the place of each is next to
 * that of the one before. */
static void insert(struct queue_line *line, struct task *task)
{
    struct task *last = line->first == NULL ? NULL : line->first->prev;
    struct task *at = last == NULL || last->order < task->order ? last : line->finger != NULL ? line->finger : line->first;
    while (at != NULL && at->order > task->order)
        at = at == line->first ? NULL : at->prev;
    while (at != NULL && at->next != NULL && at->next->order < task->order)
        at = at->next;
    if (at == NULL)
        DL_PREPEND(line->first, task);
    else
        DL_APPEND_ELEM(line->first, at, task);
    if (task->next != NULL)
        line->finger = task;
}

static void wait_again(struct queue *queue, struct task *task)
{
    if (task->line == NULL)
        return;
    insert(task->line, task);
    task->line->count++;
    queue->waiting_measure += task->kind == WIRE_MEASURE;
}

static void stop_waiting(struct queue *queue, struct task *task)
{
    if (task->line == NULL)
        return;
    if (task->line->finger == task)
        task->line->finger = task->next;
    DL_DELETE(task->line->first, task);
    task->line->count--;
    queue->waiting_measure -= task->kind == WIRE_MEASURE;
    task->prev = task->next = NULL;
}

/* --- tasks --- */

static void count_leased(struct queue *queue, const struct task *task, uint32_t change)
{
    if (!task->described || task->board != NULL)
        return;
    if (wire_role_of(task->kind) == WIRE_WORKER)
        queue->leased_rmi += change;
    else
        queue->leased_measure += change;
}

static bool describe(struct queue *queue, struct task *task, enum wire_kind kind, const char *device, int64_t now_ms)
{
    task->line = make_line(queue, kind, device);
    if (task->line == NULL)
        return false;
    task->described = true;
    task->kind = kind;
    strncpy(task->device, device, sizeof task->device - 1);
    task->order = queue->next_order++;
    task->wanted_ms = now_ms;
    return true;
}

static struct task *add_task(struct queue *queue, const char *key)
{
    assert(queue_find(queue, key) == NULL);
    struct task *task = calloc(1, sizeof *task);
    if (task == NULL)
        return NULL;
    strncpy(task->key, key, sizeof task->key - 1);
    HASH_ADD_STR(queue->tasks, key, task);
    if (task->hh.tbl != NULL)
        return task;
    free(task);
    return NULL;
}

struct task *queue_add(struct queue *queue, const char *key, enum wire_kind kind, const char *device, int64_t now_ms)
{
    struct task *task = add_task(queue, key);
    if (task == NULL)
        return NULL;
    if (kind != 0 && !describe(queue, task, kind, device, now_ms)) {
        HASH_DEL(queue->tasks, task);
        free(task);
        return NULL;
    }
    wait_again(queue, task);
    return task;
}

bool queue_describe(struct queue *queue, struct task *task, enum wire_kind kind, const char *device, int64_t now_ms)
{
    assert(!task->described);
    if (!describe(queue, task, kind, device, now_ms))
        return false;
    if (task->lease == NULL) {
        wait_again(queue, task);
    } else {
        task->lease->kind = kind;
        if (task->copy != NULL)
            task->copy->kind = kind;
        count_leased(queue, task, 1);
    }
    return true;
}

struct task *queue_find(const struct queue *queue, const char *key)
{
    struct task *task;
    HASH_FIND_STR(queue->tasks, key, task);
    return task;
}

struct lease *queue_find_lease(const struct queue *queue, uint64_t id)
{
    struct lease *lease;
    HASH_FIND(hh, queue->by_id, &id, sizeof id, lease);
    return lease;
}

/* --- leases --- */

static struct lease *add_lease(struct queue *queue, struct task *task, uint64_t epoch, const char *node, const char *place,
                               int64_t deadline_ms)
{
    assert(queue->leases == NULL || queue->leases->prev->deadline_ms <= deadline_ms);
    struct lease *lease = calloc(1, sizeof *lease);
    if (lease == NULL)
        return NULL;
    lease->task = task;
    lease->epoch = epoch;
    lease->kind = task->kind;
    lease->attempt = ++task->attempts;
    lease->deadline_ms = deadline_ms;
    memcpy(lease->key, task->key, sizeof lease->key);
    strncpy(lease->node, node, sizeof lease->node - 1);
    strncpy(lease->place, place, sizeof lease->place - 1);
    lease->canary = task->board != NULL;
    DL_APPEND(queue->leases, lease);
    return lease;
}

struct lease *queue_lease(struct queue *queue, struct task *task, uint64_t epoch, const char *node, const char *place,
                          int64_t deadline_ms)
{
    assert(task->lease == NULL);
    struct lease *lease = add_lease(queue, task, epoch, node, place, deadline_ms);
    if (lease == NULL)
        return NULL;
    stop_waiting(queue, task);
    task->lease = lease;
    count_leased(queue, task, 1);
    return lease;
}

struct lease *queue_lease_copy(struct queue *queue, struct task *task, uint64_t epoch, const char *node, const char *place,
                               int64_t deadline_ms)
{
    assert(task->lease != NULL && task->copy == NULL);
    task->copy = add_lease(queue, task, epoch, node, place, deadline_ms);
    task->copied = true;
    return task->copy;
}

struct lease *queue_lease_canary(struct queue *queue, const char *key, struct board *board, uint64_t epoch, const char *node,
                                 const char *place, int64_t deadline_ms)
{
    struct task *task = add_task(queue, key);
    if (task == NULL)
        return NULL;
    task->described = true;
    task->kind = WIRE_MEASURE;
    task->board = board;
    struct lease *lease = queue_lease(queue, task, epoch, node, place, deadline_ms);
    if (lease == NULL)
        queue_remove(queue, task);
    return lease;
}

bool queue_lease_id(struct queue *queue, struct lease *lease, uint64_t id)
{
    assert(lease->id == 0 && id != 0);
    lease->id = id;
    HASH_ADD(hh, queue->by_id, id, sizeof lease->id, lease);
    return lease->hh.tbl != NULL;
}

void queue_renew(struct queue *queue, struct lease *lease, int64_t deadline_ms)
{
    assert(queue->leases->prev->deadline_ms <= deadline_ms);
    lease->deadline_ms = deadline_ms;
    DL_DELETE(queue->leases, lease);
    DL_APPEND(queue->leases, lease);
}

static void forget_absence(struct queue *queue, struct queue_absence *absence)
{
    HASH_DEL(queue->absences, absence);
    free(absence);
}

static struct queue_absence *find_absence(const struct queue *queue, const char *node)
{
    struct queue_absence *absence;
    HASH_FIND_STR(queue->absences, node, absence);
    return absence;
}

void queue_hold(struct queue *queue, struct lease *lease, struct lease **holder)
{
    if (lease->holder != NULL)
        DL_DELETE2(*lease->holder, lease, held_prev, held_next);
    if (lease->absence != NULL && lease->absence->held == NULL)
        forget_absence(queue, lease->absence);
    lease->absence = NULL;
    lease->holder = holder;
    if (holder != NULL)
        DL_APPEND2(*holder, lease, held_prev, held_next);
}

bool queue_hold_absent(struct queue *queue, struct lease *lease)
{
    struct queue_absence *absence = find_absence(queue, lease->node);
    if (absence == NULL) {
        absence = calloc(1, sizeof *absence);
        if (absence == NULL)
            return false;
        memcpy(absence->node, lease->node, sizeof absence->node);
        HASH_ADD_STR(queue->absences, node, absence);
        if (absence->hh.tbl == NULL) {
            free(absence);
            return false;
        }
    }
    queue_hold(queue, lease, &absence->held);
    lease->absence = absence;
    return true;
}

struct lease *queue_absent(const struct queue *queue, const char *node)
{
    const struct queue_absence *absence = find_absence(queue, node);
    return absence == NULL ? NULL : absence->held;
}

void queue_take_back(struct queue *queue, struct lease *lease)
{
    struct task *task = lease->task;
    assert(task != NULL && (task->lease == lease || task->copy == lease));
    if (lease->id != 0) {
        struct queue_past *past = &task->past[task->past_count++ % QUEUE_PAST_KEPT];
        past->lease_id = lease->id;
        memcpy(past->node, lease->node, sizeof past->node);
    }
    if (task->lease == lease)
        task->lease = task->copy;
    task->copy = NULL;
    lease->task = NULL;
    if (task->lease != NULL)
        return;
    count_leased(queue, task, (uint32_t)-1);
    wait_again(queue, task);
}

void queue_end_lease(struct queue *queue, struct lease *lease)
{
    assert(lease->task == NULL);
    queue_hold(queue, lease, NULL);
    if (lease->hh.tbl != NULL)
        HASH_DEL(queue->by_id, lease);
    DL_DELETE(queue->leases, lease);
    free(lease);
}

void queue_remove(struct queue *queue, struct task *task)
{
    assert(task->lease == NULL);
    stop_waiting(queue, task);
    HASH_DEL(queue->tasks, task);
    free(task);
}

bool queue_was_leased(const struct task *task, uint64_t lease_id, const char *node)
{
    uint32_t kept = task->past_count < QUEUE_PAST_KEPT ? task->past_count : QUEUE_PAST_KEPT;
    for (uint32_t i = 0; i < kept; i++) {
        if (task->past[i].lease_id == lease_id && strcmp(task->past[i].node, node) == 0)
            return true;
    }
    return false;
}

void queue_note_failure(struct task *task, const char *place, bool crashed, int64_t now_ms)
{
    task->failed_ms = now_ms;
    task->tries.failures++;
    task->tries.crashes += crashed;
    if (queue_failed_on(task, place))
        return;
    task->tries.places++;
    if (task->failed_on_count < QUEUE_NODES_KEPT)
        strncpy(task->failed_on[task->failed_on_count++], place, WIRE_NAME_BYTES - 1);
}

bool queue_failed_on(const struct task *task, const char *place)
{
    for (uint32_t i = 0; i < task->failed_on_count; i++) {
        if (strcmp(task->failed_on[i], place) == 0)
            return true;
    }
    return false;
}
