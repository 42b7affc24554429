/* queue: tasks by key, waiting lists in the order of wanting, leases by id. Used by dispatch, which knows the rules. */
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
    queue_init(queue);
}

static int by_order(const struct task *a, const struct task *b)
{
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Tasks mostly come in order, so the place is looked for from the end. */
static void list_insert(struct task **head, struct task *task)
{
    struct task *after = *head == NULL ? NULL : (*head)->prev;
    while (after != NULL && by_order(after, task) > 0)
        after = after == *head ? NULL : after->prev;
    if (after == NULL)
        DL_PREPEND(*head, task);
    else
        DL_APPEND_ELEM(*head, after, task);
}

static void wait_again(struct queue *queue, struct task *task)
{
    if (!task->described || task->board != NULL)
        return;
    if (task->kind == WIRE_RMI) {
        list_insert(&queue->waiting_rmi, task);
        queue->waiting_rmi_count++;
    } else {
        list_insert(&queue->waiting_measure, task);
        queue->waiting_measure_count++;
    }
}

static void stop_waiting(struct queue *queue, struct task *task)
{
    if (!task->described || task->board != NULL)
        return;
    if (task->kind == WIRE_RMI) {
        DL_DELETE(queue->waiting_rmi, task);
        queue->waiting_rmi_count--;
    } else {
        DL_DELETE(queue->waiting_measure, task);
        queue->waiting_measure_count--;
    }
    task->prev = task->next = NULL;
}

static void count_leased(struct queue *queue, const struct task *task, uint32_t change)
{
    if (!task->described || task->board != NULL)
        return;
    if (task->kind == WIRE_RMI)
        queue->leased_rmi += change;
    else
        queue->leased_measure += change;
}

static void describe(struct queue *queue, struct task *task, enum wire_kind kind, const char *device, int64_t now_ms)
{
    task->described = true;
    task->kind = kind;
    strncpy(task->device, device, sizeof task->device - 1);
    task->order = queue->next_order++;
    task->wanted_ms = now_ms;
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
    if (kind != 0)
        describe(queue, task, kind, device, now_ms);
    wait_again(queue, task);
    return task;
}

void queue_describe(struct queue *queue, struct task *task, enum wire_kind kind, const char *device, int64_t now_ms)
{
    assert(!task->described);
    describe(queue, task, kind, device, now_ms);
    if (task->lease == NULL) {
        wait_again(queue, task);
    } else {
        task->lease->kind = kind;
        count_leased(queue, task, 1);
    }
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

struct lease *queue_lease(struct queue *queue, struct task *task, uint64_t epoch, const char *node, const char *place,
                          int64_t deadline_ms)
{
    assert(task->lease == NULL);
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
    stop_waiting(queue, task);
    task->lease = lease;
    DL_APPEND(queue->leases, lease);
    count_leased(queue, task, 1);
    return lease;
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

void queue_take_back(struct queue *queue, struct lease *lease)
{
    struct task *task = lease->task;
    assert(task != NULL && task->lease == lease);
    if (lease->id != 0) {
        struct queue_past *past = &task->past[task->past_count++ % QUEUE_PAST_KEPT];
        past->lease_id = lease->id;
        memcpy(past->node, lease->node, sizeof past->node);
    }
    count_leased(queue, task, (uint32_t)-1);
    task->lease = NULL;
    lease->task = NULL;
    wait_again(queue, task);
}

void queue_end_lease(struct queue *queue, struct lease *lease)
{
    assert(lease->task == NULL);
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

void queue_note_failure(struct task *task, const char *place, bool crashed)
{
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

struct task *queue_waiting(const struct queue *queue, enum wire_kind kind)
{
    return kind == WIRE_RMI ? queue->waiting_rmi : queue->waiting_measure;
}
