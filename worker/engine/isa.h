/* isa: which instruction sets this CPU runs and the kernels built for each. */
#ifndef HWNAS_WORKER_ENGINE_ISA_H
#define HWNAS_WORKER_ENGINE_ISA_H

#include "worker/engine/kernels.h"

/* The best this CPU runs. */
enum engine_isa isa_best(void);

/* The kernels of that instruction set (AUTO: of the best), or NULL when this CPU or this build lacks it. */
const struct kernels *isa_kernels(enum engine_isa isa);

/* The next one above `isa` that isa_kernels has; the first after AUTO, AUTO after the last: a loop over all of them. */
enum engine_isa isa_next(enum engine_isa isa);

#endif
