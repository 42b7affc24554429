/* inputs: what a task names by digest, taken out of what the worker has downloaded for as long as it is computed. Pure. Used by the
 * session. */
#ifndef HWNAS_WORKER_INPUTS_H
#define HWNAS_WORKER_INPUTS_H

#include <stdbool.h>

#include "common/wire.h"
#include "worker/downloads.h"
#include "worker/slot.h"

enum { INPUTS_MAX = 3 };

/* What a task names. */
struct inputs_need {
    enum downloads_kind kind;
    struct digest digest;
};

/* What a task has in use. Zeros: nothing. */
struct inputs {
    struct download *uses[INPUTS_MAX];
};

/* Takes all that the task needs into use: true and *out. False when something is not here: nothing is in use then, and *missing is
 * what is to be fetched. */
bool inputs_take(struct inputs *inputs, struct downloads *downloads, const struct wire_task *task, struct slot_inputs *out,
                 struct inputs_need *missing);

/* The task is not computed any more. Twice is harmless. */
void inputs_release(struct inputs *inputs);

/* Whether the task names that digest. */
bool inputs_name(const struct wire_task *task, const struct digest *digest);

#endif
