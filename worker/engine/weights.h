/* weights: parameters between a net's plain tensors and the engine's blocked layout (struct plan_param). */
#ifndef HWNAS_WORKER_ENGINE_WEIGHTS_H
#define HWNAS_WORKER_ENGINE_WEIGHTS_H

#include "worker/engine/engine_inner.h"

/* The net's tensors into the engine; the velocity becomes zero. The net has the structure the engine was made for. */
void weights_load(struct engine *engine, const struct net *net);

/* And back. Tensors that reach no output are left alone. */
void weights_store(const struct engine *engine, struct net *net);

/* Gradient of tensor `tensor` in plain order; zeros where it has none. */
void weights_gradient(const struct engine *engine, int tensor, engine_real *out);

/* Writes where the elements with kept[i] == 0 stand among the trainable elements, and returns how many there are. kept: of a
 * trained tensor, in its plain order. */
size_t weights_places(const struct engine *engine, int tensor, const unsigned char *kept, size_t *places);

#endif
