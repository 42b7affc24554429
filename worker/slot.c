/* slot: a thread, a mutex and a condition; the loop hears of ends through a uv_async. Used by the session.
 *
 * Concurrency: everything shared between the two threads stands under `mutex`; `phase` says whose move it is. The loop's thread
 * alone moves IDLE -> BUSY and ENDED -> IDLE, the slot's thread alone BUSY -> ENDED. */
#include "worker/slot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum phase { IDLE, BUSY, ENDED };

struct slot {
    uv_async_t async;
    uv_thread_t thread;
    slot_work work;
    void *work_context;
    slot_done done;
    void *done_context;
    uv_mutex_t mutex;
    uv_cond_t changed;
    /* under mutex */
    enum phase phase;
    bool cancelled, quit;
    int64_t good_until_ms;
    struct wire_task task;
    struct slot_inputs inputs;
    struct slot_result result;
};

void slot_result_free(struct slot_result *result)
{
    free(result->detail);
    free(result->artifact);
    result->detail = NULL;
    result->artifact = NULL;
}

static void run_thread(void *argument)
{
    struct slot *slot = argument;
    uv_mutex_lock(&slot->mutex);
    for (;;) {
        while (slot->phase != BUSY && !slot->quit)
            uv_cond_wait(&slot->changed, &slot->mutex);
        if (slot->quit)
            break;
        /* The loop's thread does not touch task and inputs while the phase is BUSY. */
        uv_mutex_unlock(&slot->mutex);
        struct slot_result result = {0};
        slot->work(slot->work_context, slot, &slot->task, &slot->inputs, &result);
        uv_mutex_lock(&slot->mutex);
        slot->result = result;
        slot->phase = ENDED;
        uv_async_send(&slot->async);
    }
    uv_mutex_unlock(&slot->mutex);
}

static enum phase phase_of(const struct slot *slot)
{
    uv_mutex_lock((uv_mutex_t *)&slot->mutex);
    enum phase phase = slot->phase;
    uv_mutex_unlock((uv_mutex_t *)&slot->mutex);
    return phase;
}

static void on_async(uv_async_t *async)
{
    struct slot *slot = async->data;
    if (phase_of(slot) == ENDED)
        slot->done(slot->done_context, slot);
}

static void on_closed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;
    uv_cond_destroy(&slot->changed);
    uv_mutex_destroy(&slot->mutex);
    slot_result_free(&slot->result);
    free(slot);
}

enum status_code slot_open(uv_loop_t *loop, slot_work work, void *work_context, slot_done done, void *done_context,
                           struct slot **out, struct status *status)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a slot");
    slot->work = work;
    slot->work_context = work_context;
    slot->done = done;
    slot->done_context = done_context;
    if (uv_mutex_init(&slot->mutex) != 0) {
        free(slot);
        return status_set(status, STATUS_NO_MEMORY, "no memory for a slot's lock");
    }
    if (uv_cond_init(&slot->changed) != 0) {
        uv_mutex_destroy(&slot->mutex);
        free(slot);
        return status_set(status, STATUS_NO_MEMORY, "no memory for a slot's lock");
    }
    uv_async_init(loop, &slot->async, on_async);
    slot->async.data = slot;
    if (uv_thread_create(&slot->thread, run_thread, slot) != 0) {
        uv_close((uv_handle_t *)&slot->async, on_closed);
        return status_set(status, STATUS_IO, "a slot's thread cannot be started: too many threads?");
    }
    *out = slot;
    return STATUS_OK;
}

void slot_close(struct slot *slot)
{
    if (slot == NULL)
        return;
    uv_mutex_lock(&slot->mutex);
    slot->cancelled = slot->quit = true;
    uv_cond_broadcast(&slot->changed);
    uv_mutex_unlock(&slot->mutex);
    uv_thread_join(&slot->thread);
    uv_close((uv_handle_t *)&slot->async, on_closed);
}

bool slot_idle(const struct slot *slot)
{
    return phase_of(slot) == IDLE;
}

void slot_start(struct slot *slot, const struct wire_task *task, const struct slot_inputs *inputs, int64_t good_until_ms)
{
    uv_mutex_lock(&slot->mutex);
    assert(slot->phase == IDLE);
    slot->task = *task;
    slot->inputs = *inputs;
    slot->good_until_ms = good_until_ms;
    slot->cancelled = false;
    slot->phase = BUSY;
    uv_cond_broadcast(&slot->changed);
    uv_mutex_unlock(&slot->mutex);
}

uint64_t slot_lease(const struct slot *slot)
{
    /* task is written by the loop's thread alone, which is the one that asks. */
    return phase_of(slot) == IDLE ? 0 : slot->task.lease_id;
}

void slot_prolong(struct slot *slot, int64_t good_until_ms)
{
    uv_mutex_lock(&slot->mutex);
    slot->good_until_ms = good_until_ms;
    uv_cond_broadcast(&slot->changed);
    uv_mutex_unlock(&slot->mutex);
}

void slot_cancel(struct slot *slot)
{
    uv_mutex_lock(&slot->mutex);
    slot->cancelled = true;
    uv_cond_broadcast(&slot->changed);
    uv_mutex_unlock(&slot->mutex);
}

void slot_take(struct slot *slot, struct slot_result *out)
{
    uv_mutex_lock(&slot->mutex);
    assert(slot->phase == ENDED);
    *out = slot->result;
    memset(&slot->result, 0, sizeof slot->result);
    slot->phase = IDLE;
    uv_mutex_unlock(&slot->mutex);
}

bool slot_pause(struct slot *slot)
{
    uv_mutex_lock(&slot->mutex);
    while (!slot->cancelled && clock_monotonic_ms() >= slot->good_until_ms)
        uv_cond_wait(&slot->changed, &slot->mutex);
    bool cancelled = slot->cancelled;
    uv_mutex_unlock(&slot->mutex);
    return cancelled;
}

bool slot_holds(struct slot *slot)
{
    uv_mutex_lock(&slot->mutex);
    bool holds = !slot->cancelled && clock_monotonic_ms() < slot->good_until_ms;
    uv_mutex_unlock(&slot->mutex);
    return holds;
}
