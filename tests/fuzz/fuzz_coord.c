/* fuzz_coord: frames of several peers, one after the other, to a whole coordinator with a study and a database. It goes on, answers
 * what can be read, keeps its books in order, and what it stored can be opened again. */
#include "tests/fuzz/fuzz_coord.h"

#include <stdlib.h>
#include <string.h>

#include "common/space.h"
#include "master/dispatch.h"
#include "tests/support/lone_master.h"

const struct fuzz_target fuzz_target = {"coord", 150};

/* In place of space_open and space_close (the linker's --wrap): nb201 is opened once, and stays open. */
enum status_code __real_space_open(const char *name, struct space *out, struct status *status);
enum status_code __wrap_space_open(const char *name, struct space *out, struct status *status);
void __wrap_space_close(struct space *space);

enum status_code __wrap_space_open(const char *name, struct space *out, struct status *status)
{
    static struct space opened;
    FUZZ_MUST(strcmp(name, "nb201") == 0, "the study's space and the canary's are nb201");
    if (opened.ops == NULL)
        FUZZ_MUST(__real_space_open(name, &opened, status) == STATUS_OK, "the space can be opened");
    *out = opened;
    return STATUS_OK;
}

void __wrap_space_close(struct space *space)
{
    *space = (struct space){0};
}

static struct lone_master lone;

static void remove_lone(void)
{
    lone_remove(&lone);
}

/* The n-th task, if the number means one. */
static const struct wire_task *task_of(uint64_t lease_id)
{
    bool means_one = lease_id >= 1 && lease_id <= FUZZ_COORD_TASKS && lease_id <= lone.task_count;
    return means_one ? &lone.tasks[lease_id - 1].task : NULL;
}

static void put_lease(uint64_t *lease_id, char key[DIGEST_HEX_BYTES])
{
    const struct wire_task *task = task_of(*lease_id);
    if (task == NULL)
        return;
    *lease_id = task->lease_id;
    memcpy(key, task->key, DIGEST_HEX_BYTES);
}

static void put_leases(struct wire_held_list *held)
{
    for (uint32_t i = 0; i < held->count; i++)
        put_lease(&held->items[i].lease_id, held->items[i].key);
}

static void put_tasks(struct wire_message *message)
{
    const struct wire_task *task;
    switch (message->type) {
    case WIRE_HELLO: put_leases(&message->hello.held); break;
    case WIRE_HEARTBEAT: put_leases(&message->heartbeat.held); break;
    case WIRE_RETURN: put_lease(&message->return_lease.lease_id, message->return_lease.key); break;
    case WIRE_RESULT:
        task = task_of(message->result.lease_id);
        if (task != NULL) {
            message->result.epoch = task->epoch;
            message->result.attempt = task->attempt;
        }
        put_lease(&message->result.lease_id, message->result.key);
        break;
    case WIRE_QUESTION: /* a backup would be written wherever the input says */
        if (message->question.kind == WIRE_ASK_BACKUP)
            strcpy(message->question.text, "/nowhere/at/all.db");
        break;
    default: break;
    }
}

/* As it is when it cannot be read. */
static void deliver(uint32_t link, const uint8_t *data, size_t size)
{
    static struct wire_message message;
    struct status status = {0};
    void *meant = NULL;
    size_t meant_size = 0;
    if (wire_decode(data, size, &message, &status) == STATUS_OK) {
        put_tasks(&message);
        FUZZ_MUST(wire_encode(&message, &meant, &meant_size, &status) == STATUS_OK, status.message);
    }
    wire_free(&message);
    coord_message(lone.coord, link, meant != NULL ? meant : data, meant != NULL ? meant_size : size);
    free(meant);
}

static void books_are_in_order(void)
{
    struct status status = {0};
    struct dispatch_counts counts;
    FUZZ_MUST(coord_failure(lone.coord, &status) == STATUS_OK, status.message);
    FUZZ_MUST(!lone.broken, "what it sends can be read");
    const struct dispatch *dispatch = coord_dispatch(lone.coord);
    FUZZ_MUST(dispatch != NULL && !dispatch_broken(dispatch), "its store works");
    dispatch_count(dispatch, &counts);
    FUZZ_MUST(counts.workers + counts.agents <= 64, "there are no more peers than connections and time for them");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    const size_t whole = size;
    if (lone.folder[0] == '\0') {
        FUZZ_MUST(lone_prepare(&lone, 6), "a study can be written");
        atexit(remove_lone);
    }
    lone.now_ms = 1000;
    FUZZ_MUST(lone_open(&lone, true, &status) == STATUS_OK, status.message);
    while (size >= FUZZ_COORD_HEAD && !coord_over(lone.coord)) {
        size_t length = data[2] | (size_t)data[3] << 8, left = size - FUZZ_COORD_HEAD;
        length = length < left ? length : left;
        lone.now_ms += 100 * data[1];
        deliver((data[0] & 7u) + 1, data + FUZZ_COORD_HEAD, length);
        if ((data[0] & FUZZ_COORD_TURN) != 0)
            coord_turn(lone.coord);
        data += FUZZ_COORD_HEAD + length;
        size -= FUZZ_COORD_HEAD + length;
    }
    if (!coord_over(lone.coord))
        coord_turn(lone.coord);
    while (!coord_over(lone.coord) && coord_thinking(lone.coord) >= 0)
        coord_think(lone.coord);
    books_are_in_order();
    lone_close(&lone);
    if (whole % 8 == 0) { /* it takes as long as all else */
        FUZZ_MUST(lone_open(&lone, false, &status) == STATUS_OK, status.message);
        lone_close(&lone);
    }
    return 0;
}
