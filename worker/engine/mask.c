/* mask: weights that are held at zero (engine_set_mask). Used by engine.c. An engine without masks keeps nothing of all this. */
#include "worker/engine/mask.h"

#include <stdlib.h>

#include "worker/engine/weights.h"

static void clear(const struct engine *e, const struct engine_mask *mask)
{
    for (size_t i = 0; i < mask->count; i++) {
        e->weights[mask->places[i]] = 0;
        e->velocity[mask->places[i]] = 0;
    }
}

void mask_apply(const struct engine *e)
{
    for (int i = 0; e->masks && i < e->plan.param_count; i++)
        clear(e, &e->masks[i]);
}

void mask_free(struct engine *e)
{
    for (int i = 0; e->masks && i < e->plan.param_count; i++)
        free(e->masks[i].places);
    free(e->masks);
    e->masks = NULL;
}

/* The places of the weights that are not kept; one more than needed, so that a mask which drops nothing has memory, too. */
static enum status_code find_places(const struct engine *e, int tensor, const unsigned char *kept, struct engine_mask *mask,
                                    struct status *status)
{
    size_t dropped = 0;
    for (size_t i = 0; i < e->plan.tensor_elements[tensor]; i++)
        dropped += !kept[i];
    mask->places = malloc((dropped + 1) * sizeof *mask->places);
    if (!mask->places)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a mask over %zu weights", e->plan.tensor_elements[tensor]);
    mask->count = weights_places(e, tensor, kept, mask->places);
    return STATUS_OK;
}

enum status_code mask_set(struct engine *e, int tensor, const unsigned char *kept, struct status *status)
{
    struct engine_mask mask = {NULL, 0};
    const int param = e->plan.param_of_tensor[tensor];
    if (param == PLAN_NONE || !e->plan.params[param].trainable)
        return status_set(status, STATUS_BAD_INPUT, "tensor %d of the net is not trained: it cannot be masked", tensor);
    if (!e->masks && !(e->masks = calloc((size_t)e->plan.param_count, sizeof *e->masks)))
        return status_set(status, STATUS_NO_MEMORY, "no memory for the masks of %d parameters", e->plan.param_count);
    const enum status_code code = kept ? find_places(e, tensor, kept, &mask, status) : STATUS_OK;
    if (code != STATUS_OK)
        return code;
    free(e->masks[param].places);
    e->masks[param] = mask;
    clear(e, &mask);
    return STATUS_OK;
}
