/* job: what a peer does with a task: scores it, trains a one-shot net, or measures it, and writes the result's detail. Runs on a
 * slot's thread. */
#ifndef HWNAS_WORKER_JOB_H
#define HWNAS_WORKER_JOB_H

#include "common/space.h"
#include "worker/engine/engine.h"
#include "worker/runner.h"
#include "worker/slot.h"

/* What one slot's jobs need and keep; one per slot. Zero-initialise, set isa (workers) or runner (agents), close at the end. */
struct job_bench {
    enum engine_isa isa;
    struct runner *runner; /* borrowed */
    pthread_mutex_t *turn; /* of the runner's board, which several slots share; borrowed */
    struct space space;    /* of the last task: opening one makes tables */
    bool space_open;
    struct engine_memory memory; /* of the engines of its scores */
};

void job_bench_close(struct job_bench *bench);

/* A slot_work with a struct job_bench as its context. Whatever goes wrong becomes an outcome FAILED with a sentence. Detail of a
 * score: {"taps","steps","every","isa","arena_bytes","trace":[[step, rmi..., cross_entropy, loss],...]} (null for what is not a
 * number; every: 1 unless the trace is too long for a frame); of a training: {"loss","weights","bytes","isa","arena_bytes"}, and
 * the weights are its artifact; of a score by a one-shot net: {"accuracy","cross_entropy","isa","arena_bytes"}; of a measurement:
 * measure_json. */
void job_work(void *bench, struct slot *slot, const struct wire_task *task, const struct slot_inputs *inputs,
              struct slot_result *out);

#endif
