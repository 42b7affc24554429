/* infer: a trained net over a whole image set. */
#ifndef HWNAS_WORKER_INFER_H
#define HWNAS_WORKER_INFER_H

#include "common/net.h"
#include "worker/data.h"
#include "worker/engine/engine.h"

/* Runs the net with its running statistics (folded where that is possible) on every image in order. `visit` gets image number
 * `image` and its row of output 0: net->classes numbers. Fails as engine_create does; the images have the net's size. */
enum status_code infer_set(const struct net *net, const struct data_set *set,
                           void (*visit)(void *context, size_t image, engine_real *row), void *context, struct status *status);

/* The share, 0 to 1, of the set's images whose largest logit is their label's. */
enum status_code infer_accuracy(const struct net *net, const struct data_set *set, double *fraction, struct status *status);

#endif
