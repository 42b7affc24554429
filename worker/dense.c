/* dense: the classifier and the decoder behind a sampled latent (bvae.c), which need gradients with respect to their input. */
#include "worker/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/blas.h"

enum status_code dense_create(int inputs, int outputs, struct rng *rng, struct dense *out, struct status *status)
{
    *out = (struct dense){.inputs = inputs, .outputs = outputs, .weights = (size_t)inputs * (size_t)outputs};
    out->count = out->weights + (size_t)outputs;
    out->values = malloc(out->count * sizeof *out->values);
    out->gradients = calloc(out->count, sizeof *out->gradients);
    out->velocity = calloc(out->count, sizeof *out->velocity);
    if (out->values == NULL || out->gradients == NULL || out->velocity == NULL) {
        dense_free(out);
        return status_set(status, STATUS_NO_MEMORY, "no memory for a dense layer of %d times %d weights", outputs, inputs);
    }
    const double bound = 1 / sqrt(inputs);
    for (size_t i = 0; i < out->count; i++)
        out->values[i] = (engine_real)((2 * rng_uniform(rng) - 1) * bound);
    return STATUS_OK;
}

void dense_free(struct dense *layer)
{
    free(layer->values);
    free(layer->gradients);
    free(layer->velocity);
    *layer = (struct dense){.inputs = 0};
}

void dense_forward(const struct dense *layer, int rows, const engine_real *x, engine_real *y)
{
    const size_t n = (size_t)rows, in = (size_t)layer->inputs, out = (size_t)layer->outputs;
    for (size_t i = 0; i < n; i++)
        memcpy(y + i * out, layer->values + layer->weights, out * sizeof *y);
    blas_gemm(0, 1, n, out, in, 1, x, in, layer->values, in, 1, y, out);
}

void dense_backward(struct dense *layer, int rows, const engine_real *x, const engine_real *dy, engine_real *dx, int add)
{
    const size_t n = (size_t)rows, in = (size_t)layer->inputs, out = (size_t)layer->outputs;
    engine_real *bias = layer->gradients + layer->weights;
    blas_gemm(1, 0, out, in, n, 1, dy, out, x, in, 0, layer->gradients, in);
    memset(bias, 0, out * sizeof *bias);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < out; k++)
            bias[k] += dy[i * out + k];
    if (dx != NULL)
        blas_gemm(0, 0, n, in, out, 1, dy, out, layer->values, in, (engine_real)(add != 0), dx, in);
}

static void clear_masked(struct dense *layer)
{
    for (size_t i = 0; layer->kept != NULL && i < layer->weights; i++)
        if (!layer->kept[i])
            layer->values[i] = layer->velocity[i] = 0;
}

void dense_step(struct dense *layer, const struct engine_sgd *sgd)
{
    const engine_real rate = (engine_real)sgd->learning_rate, momentum = (engine_real)sgd->momentum,
                      decay = (engine_real)sgd->weight_decay;
    for (size_t i = 0; i < layer->count; i++) {
        layer->velocity[i] = momentum * layer->velocity[i] + layer->gradients[i] + decay * layer->values[i];
        layer->values[i] -= rate * layer->velocity[i];
    }
    clear_masked(layer);
}

void dense_set_mask(struct dense *layer, const unsigned char *kept)
{
    layer->kept = kept;
    clear_masked(layer);
}

void dense_load(struct dense *layer, const engine_real *values)
{
    memcpy(layer->values, values, layer->count * sizeof *values);
    memset(layer->velocity, 0, layer->count * sizeof *layer->velocity);
    clear_masked(layer);
}
