/* inputs: see inputs.h. */
#include "worker/inputs.h"

#include <string.h>

/* Images to train or to score on first; with bilevel training those of validation after them. */
static int needs_of(const struct wire_task *task, struct inputs_need out[INPUTS_MAX])
{
    if (task->kind == WIRE_MEASURE)
        return 0;
    out[0] = (struct inputs_need){task->kind == WIRE_RMI ? DOWNLOADS_BUNDLE : DOWNLOADS_IMAGES, task->bundle_digest};
    int count = 1;
    if (task->kind == WIRE_RMI)
        return count;
    if (task->oneshot.pull_count > 0)
        out[count++] = (struct inputs_need){DOWNLOADS_IMAGES, task->oneshot.validation};
    if (task->oneshot.has_weights)
        out[count++] = (struct inputs_need){DOWNLOADS_WEIGHTS, task->oneshot.weights};
    return count;
}

bool inputs_take(struct inputs *inputs, struct downloads *downloads, const struct wire_task *task, struct slot_inputs *out,
                 struct inputs_need *missing)
{
    struct inputs_need needs[INPUTS_MAX];
    int count = needs_of(task, needs);
    *out = (struct slot_inputs){0};
    for (int i = 0; i < count; i++) {
        struct download *download = inputs->uses[i] = downloads_use(downloads, needs[i].kind, &needs[i].digest);
        if (download == NULL) {
            inputs_release(inputs);
            *missing = needs[i];
            return false;
        }
        switch (needs[i].kind) {
        case DOWNLOADS_BUNDLE: out->bundle = &download->bundle; break;
        case DOWNLOADS_IMAGES: *(i == 0 ? &out->images : &out->validation) = &download->images; break;
        default: out->weights = &download->weights; break;
        }
    }
    return true;
}

void inputs_release(struct inputs *inputs)
{
    for (int i = 0; i < INPUTS_MAX; i++) {
        downloads_release(inputs->uses[i]);
        inputs->uses[i] = NULL;
    }
}

bool inputs_name(const struct wire_task *task, const struct digest *digest)
{
    struct inputs_need needs[INPUTS_MAX];
    int count = needs_of(task, needs);
    bool found = false;
    for (int i = 0; i < count; i++)
        found |= memcmp(&needs[i].digest, digest, sizeof *digest) == 0;
    return found;
}
