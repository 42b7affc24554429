/* slot: one computing thread of a peer. It runs one job at a time and never touches a socket; the session starts jobs, prolongs
 * their leases and takes their results, all on the loop's thread. */
#ifndef HWNAS_WORKER_SLOT_H
#define HWNAS_WORKER_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/bundle.h"
#include "common/images.h"
#include "common/status.h"
#include "common/tensorfile.h"
#include "common/wire.h"

struct slot;

/* What came out of a job. */
struct slot_result {
    bool abandoned; /* cancelled, or the lease ran out under it: there is no result */
    enum wire_outcome outcome;
    enum wire_failure failure;
    double value, seconds, build_seconds, run_seconds;
    double energy_mj; /* 0: not measured */
    char sentence[WIRE_SENTENCE_BYTES];
    char *detail;   /* JSON, owned; NULL: none */
    void *artifact; /* what came out besides, owned: artifact_bytes; NULL: nothing */
    size_t artifact_bytes;
    struct digest artifact_digest; /* of it */
};

/* Frees what a result owns; twice is harmless. */
void slot_result_free(struct slot_result *result);

/* What a task names by digest; NULL what its kind has no use for, or the task does not have. Borrowed. */
struct slot_inputs {
    const struct bundle *bundle;      /* RMI */
    const struct images *images;      /* ONESHOT_* */
    const struct images *validation;  /* ONESHOT_TRAIN, bilevel */
    const struct tensorfile *weights; /* ONESHOT_* */
};

/* Computes a task on the slot's thread; `slot` is for slot_pause and slot_holds. */
typedef void (*slot_work)(void *context, struct slot *slot, const struct wire_task *task, const struct slot_inputs *inputs,
                          struct slot_result *out);

/* Called on the loop's thread when a job has ended; slot_take gives its result. */
typedef void (*slot_done)(void *context, struct slot *slot);

/* Starts a thread that works with (work, work_context). STATUS_NO_MEMORY, STATUS_IO. */
enum status_code slot_open(uv_loop_t *loop, slot_work work, void *work_context, slot_done done, void *done_context,
                           struct slot **out, struct status *status);

/* Cancels, waits for the thread (up to one training step or inference) and frees the slot once the loop has closed its handle. */
void slot_close(struct slot *slot);

/* The loop's side: whether a job may be started; starts one (task is copied; what it points to and the inputs must outlive the
 * job). */
bool slot_idle(const struct slot *slot);
void slot_start(struct slot *slot, const struct wire_task *task, const struct slot_inputs *inputs, int64_t good_until_ms);

/* The lease of the job that runs or has ended and not been taken; 0: none. */
uint64_t slot_lease(const struct slot *slot);

/* The lease is good for longer; the job is to stop. */
void slot_prolong(struct slot *slot, int64_t good_until_ms);
void slot_cancel(struct slot *slot);

/* After done: moves the result out (the caller's to free) and makes the slot idle. */
void slot_take(struct slot *slot, struct slot_result *out);

/* The job's side. slot_pause: true when the job is to stop; while the lease is not known to be good it waits for a renewal (another
 * peer may have the task by now, and this host may be measuring). slot_holds: whether the lease is good now; never waits. */
bool slot_pause(struct slot *slot);
bool slot_holds(struct slot *slot);

#endif
