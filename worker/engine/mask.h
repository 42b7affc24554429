/* mask: weights that are held at zero. */
#ifndef HWNAS_WORKER_ENGINE_MASK_H
#define HWNAS_WORKER_ENGINE_MASK_H

#include "worker/engine/engine_inner.h"

/* engine_set_mask. */
enum status_code mask_set(struct engine *engine, int tensor, const unsigned char *kept, struct status *status);

/* Makes all that is masked zero again, and its velocity. */
void mask_apply(const struct engine *engine);

/* Forgets all masks. */
void mask_free(struct engine *engine);

#endif
