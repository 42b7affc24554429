/* memory: the one mapping that an engine lives in: taken from the system, or from an engine that is no more. Used by engine.c. */
#ifndef HWNAS_WORKER_ENGINE_MEMORY_H
#define HWNAS_WORKER_ENGINE_MEMORY_H

#include <stddef.h>

#include "worker/engine/engine.h"

enum { MEMORY_PAGE = 2 << 20 }; /* a huge page of x86-64 */

/* A mapping of at least `bytes` (a multiple of MEMORY_PAGE), aligned to MEMORY_PAGE; NULL when there is none. Its contents are
 * zeros where *used is 0, else zeros or what an earlier engine left. `memory` may be NULL or taken: then the mapping is new, and
 * goes back to the system. */
void *memory_take(struct engine_memory *memory, size_t bytes, int *used);

/* Gives back what memory_take returned for the same arguments. */
void memory_give(struct engine_memory *memory, void *mapping, size_t bytes);

#endif
