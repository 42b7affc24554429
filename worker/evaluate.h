/* evaluate: one candidate's score: task -> net -> training steps on the frozen batch -> RMI trace (methods 1.5).
 *
 * Deterministic: the same (architecture, bundle, protocol, seed) gives the same trace on the same ISA. Runs on the calling thread.
 */
#ifndef HWNAS_WORKER_EVALUATE_H
#define HWNAS_WORKER_EVALUATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bundle.h"
#include "common/protocol.h"
#include "common/space.h"
#include "common/tensorfile.h"
#include "worker/engine/engine.h"

struct evaluate_step {
    double rmi[BUNDLE_TAPS_MAX]; /* one per tap */
    double cross_entropy, loss;  /* all before that step's update */
};

struct evaluate_trace {
    int taps, steps;            /* steps: rows recorded */
    struct evaluate_step *rows; /* steps of them, owned; the last one holds the NaN when there was one; none when disconnected */
    double phi;                 /* sum of the RMIs at the last recorded step; 0 when infeasible */
    bool feasible;              /* false: disconnected, or a NaN appeared; why_not says which */
    char why_not[128];
    double seconds; /* spent in the training loop; for display, not part of the result */
    size_t arena_bytes;
    const char *isa; /* "avx512", ...: static; NULL when nothing ran */
};

struct evaluate_task {
    const struct space *space;
    const struct arch *arch; /* evaluated as its canonical form unless exact is set */
    const struct bundle *bundle;
    const struct protocol *protocol;
    uint64_t seed;                    /* the study's seed: see protocol_weight_seed */
    bool exact;                       /* build the architecture as written (hwnas rmi --weights) */
    const struct tensorfile *weights; /* initial weights by name; NULL: drawn from the seed */
    enum engine_isa isa;
    bool direct; /* 3x3 convolutions as plain sums of products, which round less and take longer (engine_convolutions) */
    struct engine_memory *memory;     /* for the engine; NULL: its own */
    bool (*cancelled)(void *context); /* asked between steps; NULL: never */
    void *context;
};

/* Scores the task into *out (free with evaluate_trace_free). A disconnected architecture or a NaN is a result (feasible false, phi
 * 0), not an error. When gradients is not NULL it receives (tensorfile_add-ed, owning nothing: data lives in *gradient_data, which
 * the caller frees whatever is returned) the gradients of the loss at step 0 under the parameters' names; none when there is no
 * such gradient (disconnected, NaN at step 0). STATUS_UNAVAILABLE when cancelled; STATUS_BAD_INPUT when weights lack a tensor or
 * have another shape, naming it. */
enum status_code evaluate_run(const struct evaluate_task *task, struct evaluate_trace *out, struct tensorfile *gradients,
                              void **gradient_data, struct status *status);
void evaluate_trace_free(struct evaluate_trace *trace);

#endif
