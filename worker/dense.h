/* dense: a dense layer beside an engine's net, for what the engine does not give: the gradient with respect to the layer's input.
 * In the engine's element type, over OpenBLAS. A layer belongs to one thread; nothing here allocates but dense_create. */
#ifndef HWNAS_WORKER_DENSE_H
#define HWNAS_WORKER_DENSE_H

#include <stddef.h>

#include "common/rng.h"
#include "common/status.h"
#include "worker/engine/engine.h"

struct dense {
    int inputs, outputs;
    size_t weights, count;                      /* outputs*inputs; weights + outputs */
    engine_real *values, *gradients, *velocity; /* owned, count each: weight (outputs,inputs), then bias (outputs) */
    const unsigned char *kept;                  /* borrowed, one for each weight: those with 0 stay 0 in dense_step. NULL: all */
};

/* PyTorch's default initialisation: weights and biases U(-1/sqrt(inputs), 1/sqrt(inputs)), drawn in that order. STATUS_NO_MEMORY.
 * Free with dense_free, which is fine on an empty layer. */
enum status_code dense_create(int inputs, int outputs, struct rng *rng, struct dense *out, struct status *status);
void dense_free(struct dense *layer);

/* y (rows,outputs) = x (rows,inputs) weight^T + bias, all dense in memory. */
void dense_forward(const struct dense *layer, int rows, const engine_real *x, engine_real *y);

/* Gradients from dy (rows,outputs) of the forward pass that read x. dx (rows,inputs) is written, or added to where `add` is set;
 * NULL: not wanted. */
void dense_backward(struct dense *layer, int rows, const engine_real *x, const engine_real *dy, engine_real *dx, int add);

/* One step of SGD as engine_step takes it, then what is not kept becomes 0. */
void dense_step(struct dense *layer, const struct engine_sgd *sgd);

/* Makes weights that are not kept 0 at once; NULL: keeps all from now on. `kept` is borrowed until the next call or dense_free. */
void dense_set_mask(struct dense *layer, const unsigned char *kept);

/* New values (count of them), no momentum; what is masked stays 0. */
void dense_load(struct dense *layer, const engine_real *values);

#endif
