/* bvae: the objective and its gradient. The engine runs the encoder; what stands behind the sampled latent are layers of dense.h,
 * whose gradient with respect to z comes back through mu and s into the engine. Called by prune_chain. */
#include "worker/bvae.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSIFIER, HIDDEN, PIXELS, LAYERS };

struct bvae {
    struct bvae_options options;
    int pixels;                        /* C*H*W of an image */
    struct net current, remembered;    /* the encoder's */
    struct engine *engine;             /* of the encoder */
    struct dense layers[LAYERS];       /* h, g's two; g's are empty where gamma is 0 */
    engine_real *noted[LAYERS];        /* owned: their remembered values */
    engine_real *buffers;              /* owned: all that follow */
    engine_real *z, *pull;             /* (batch,latent): the sample; d L / d z */
    engine_real *logits, *logit_pull;  /* (batch,classes) */
    engine_real *hidden, *hidden_pull; /* (batch,decoder) */
    engine_real *picture;              /* (batch,pixels): g(z), then d L / d g(z) */
};

/* --- nets --- */

/* The last layer becomes "latent" and the only output: taps of a training would cost a gradient each. */
static enum status_code name_latent(struct net *net, int features, struct status *status)
{
    const int node = net->outputs[0];
    if (net->nodes[node].op != NET_DENSE || net->nodes[node].params[1] != net->tensor_count - 1)
        return status_set(status, STATUS_UNSUPPORTED, "layer %s is no dense layer at the net's end: no latent can take its place",
                          net->nodes[node].name);
    snprintf(net->nodes[node].name, sizeof net->nodes[node].name, "latent");
    net_name_params(net, node, "latent");
    net->output_count = 1;
    net->classes = features;
    return STATUS_OK;
}

static enum status_code build_to_latent(const struct space *space, const struct arch *arch, const struct space_build *sizes,
                                        int features, struct net *out, struct status *status)
{
    struct space_build build = *sizes;
    build.classes = features;
    enum status_code code = space_build_net(space, arch, &build, out, status);
    return code == STATUS_OK ? name_latent(out, features, status) : code;
}

static enum status_code add_head(struct net *net, int classes, struct status *status)
{
    const int node = net_add_dense(net, "head", net->outputs[0], classes, status);
    if (node < 0)
        return status->code;
    net->outputs[0] = node;
    net->classes = classes;
    return STATUS_OK;
}

enum status_code bvae_build(const struct space *space, const struct arch *arch, const struct space_build *sizes, int latent,
                            struct net *encoder, struct net *deployed, struct status *status)
{
    struct status reason = {.code = STATUS_OK};
    enum status_code code = build_to_latent(space, arch, sizes, 2 * latent, encoder, &reason);
    if (code == STATUS_OK)
        code = build_to_latent(space, arch, sizes, latent, deployed, &reason);
    if (code == STATUS_OK)
        code = add_head(deployed, sizes->classes, &reason);
    if (code == STATUS_OK)
        return STATUS_OK;
    net_free(encoder);
    net_free(deployed);
    return status_set(status, code, "%s", reason.message);
}

/* --- making and freeing --- */

static engine_real *cut(engine_real **next, int batch, int features)
{
    engine_real *part = *next;
    *next += (size_t)batch * (size_t)features;
    return part;
}

static enum status_code make_buffers(struct bvae *b, struct status *status)
{
    const struct bvae_options *o = &b->options;
    const int decoder = o->gamma > 0 ? o->decoder : 0, pixels = o->gamma > 0 ? b->pixels : 0;
    const size_t each = 2 * ((size_t)o->latent + (size_t)o->classes + (size_t)decoder) + (size_t)pixels;
    engine_real *next = b->buffers = calloc((size_t)o->batch * each, sizeof *b->buffers);
    if (next == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the latents of %d images", o->batch);
    b->z = cut(&next, o->batch, o->latent);
    b->pull = cut(&next, o->batch, o->latent);
    b->logits = cut(&next, o->batch, o->classes);
    b->logit_pull = cut(&next, o->batch, o->classes);
    b->hidden = cut(&next, o->batch, decoder);
    b->hidden_pull = cut(&next, o->batch, decoder);
    b->picture = cut(&next, o->batch, pixels);
    return STATUS_OK;
}

static enum status_code make_layers(struct bvae *b, struct rng *rng, struct status *status)
{
    const struct bvae_options *o = &b->options;
    enum status_code code = dense_create(o->latent, o->classes, rng, &b->layers[CLASSIFIER], status);
    if (code == STATUS_OK && o->gamma > 0)
        code = dense_create(o->latent, o->decoder, rng, &b->layers[HIDDEN], status);
    if (code == STATUS_OK && o->gamma > 0)
        code = dense_create(o->decoder, b->pixels, rng, &b->layers[PIXELS], status);
    for (int i = 0; code == STATUS_OK && i < LAYERS; i++) {
        b->noted[i] = calloc(b->layers[i].count + 1, sizeof *b->noted[i]);
        if (b->noted[i] == NULL)
            code = status_set(status, STATUS_NO_MEMORY, "no memory to remember %zu weights", b->layers[i].count);
    }
    return code;
}

enum status_code bvae_create(const struct net *encoder, const struct bvae_options *options, struct rng *rng, struct bvae **out,
                             struct status *status)
{
    const struct net_shape image = encoder->nodes[0].shape;
    const struct engine_options engine = {.mode = ENGINE_TRAIN, .batch = options->batch, .track_running_stats = 1};
    struct bvae *b = calloc(1, sizeof *b);
    if (b == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a beta-VAE");
    assert(encoder->classes == 2 * options->latent);
    b->options = *options;
    b->pixels = image.c * image.h * image.w;
    net_init_empty(&b->current);
    net_init_empty(&b->remembered);
    enum status_code code = net_copy(encoder, &b->current, status);
    if (code == STATUS_OK)
        code = net_copy(encoder, &b->remembered, status);
    if (code == STATUS_OK)
        code = engine_create(encoder, &engine, &b->engine, status);
    if (code == STATUS_OK)
        code = make_layers(b, rng, status);
    if (code == STATUS_OK)
        code = make_buffers(b, status);
    if (code == STATUS_OK)
        *out = b;
    else
        bvae_free(b);
    return code;
}

void bvae_free(struct bvae *b)
{
    if (b == NULL)
        return;
    for (int i = 0; i < LAYERS; i++) {
        dense_free(&b->layers[i]);
        free(b->noted[i]);
    }
    free(b->buffers);
    engine_free(b->engine);
    net_free(&b->remembered);
    net_free(&b->current);
    free(b);
}

/* --- the objective --- */

double bvae_kl(const engine_real *mean, const engine_real *log_variance, int latent, double *per_latent)
{
    double sum = 0;
    for (int i = 0; i < latent; i++) {
        const double mu = (double)mean[i], ln = (double)log_variance[i], kl = 0.5 * (mu * mu + exp(ln) - 1 - ln);
        sum += kl;
        if (per_latent != NULL)
            per_latent[i] += kl;
    }
    return sum;
}

/* z = mu + s * eps, with s = exp(ln s^2 / 2). */
static void sample(struct bvae *b, struct engine_rows latent, const engine_real *noise)
{
    const int d = b->options.latent;
    for (int n = 0; n < b->options.batch; n++) {
        const engine_real *row = latent.data + (size_t)n * latent.stride;
        for (int i = 0; i < d; i++)
            b->z[n * d + i] = row[i] + (engine_real)exp((double)row[d + i] / 2) * noise[n * d + i];
    }
}

/* The cross-entropy of h(z); pull becomes its gradient. */
static double classify(struct bvae *b, const int *labels)
{
    const struct bvae_options *o = &b->options;
    const size_t classes = (size_t)o->classes;
    struct engine_rows logits = {b->logits, classes, classes, o->batch}, gradient = {b->logit_pull, classes, classes, o->batch};
    dense_forward(&b->layers[CLASSIFIER], o->batch, b->z, b->logits);
    memset(b->logit_pull, 0, (size_t)o->batch * classes * sizeof *b->logit_pull);
    const double entropy = engine_cross_entropy(logits, labels, o->classes, 1, &gradient, NULL);
    dense_backward(&b->layers[CLASSIFIER], o->batch, b->z, b->logit_pull, b->pull, 0);
    return entropy;
}

/* The mean squared error of g(z); pull gets gamma times its gradient added. */
static double reconstruct(struct bvae *b, const engine_real *images)
{
    const struct bvae_options *o = &b->options;
    const size_t count = (size_t)o->batch * (size_t)b->pixels, units = (size_t)o->batch * (size_t)o->decoder;
    double error = 0;
    dense_forward(&b->layers[HIDDEN], o->batch, b->z, b->hidden);
    for (size_t i = 0; i < units; i++)
        b->hidden[i] = b->hidden[i] > 0 ? b->hidden[i] : 0;
    dense_forward(&b->layers[PIXELS], o->batch, b->hidden, b->picture);
    for (size_t i = 0; i < count; i++) {
        const double difference = (double)(b->picture[i] - images[i]);
        error += difference * difference;
        b->picture[i] = (engine_real)(2 * o->gamma * difference / (double)count);
    }
    dense_backward(&b->layers[PIXELS], o->batch, b->hidden, b->picture, b->hidden_pull, 0);
    for (size_t i = 0; i < units; i++)
        b->hidden_pull[i] = b->hidden[i] > 0 ? b->hidden_pull[i] : 0;
    dense_backward(&b->layers[HIDDEN], o->batch, b->z, b->hidden_pull, b->pull, 1);
    return error / (double)count;
}

/* The mean KL; the gradient of all of L with respect to mu and ln s^2 into `gradient`. */
static double pull_latents(const struct bvae *b, struct engine_rows latent, const engine_real *noise, struct engine_rows gradient)
{
    const int d = b->options.latent, batch = b->options.batch;
    const double weight = b->options.beta / batch;
    double kl = 0;
    for (int n = 0; n < batch; n++) {
        const engine_real *row = latent.data + (size_t)n * latent.stride;
        engine_real *out = gradient.data + (size_t)n * gradient.stride;
        kl += bvae_kl(row, row + d, d, NULL);
        for (int i = 0; i < d; i++) {
            const double pull = (double)b->pull[n * d + i], s = exp((double)row[d + i] / 2);
            out[i] = (engine_real)(pull + weight * (double)row[i]);
            out[d + i] = (engine_real)(0.5 * (pull * s * (double)noise[n * d + i] + weight * (s * s - 1)));
        }
    }
    return kl / batch;
}

struct bvae_loss bvae_pass(struct bvae *b, const engine_real *images, const int *labels, const engine_real *noise)
{
    struct bvae_loss loss = {.total = 0};
    engine_forward(b->engine, images);
    const struct engine_rows latent = engine_output(b->engine, 0);
    sample(b, latent, noise);
    loss.cross_entropy = classify(b, labels);
    if (b->options.gamma > 0)
        loss.reconstruction = reconstruct(b, images);
    loss.kl = pull_latents(b, latent, noise, engine_output_gradient(b->engine, 0));
    engine_backward(b->engine);
    loss.total = loss.cross_entropy + b->options.gamma * loss.reconstruction + b->options.beta * loss.kl;
    return loss;
}

void bvae_step(struct bvae *b, const struct engine_sgd *sgd)
{
    engine_step(b->engine, sgd);
    for (int i = 0; i < LAYERS; i++)
        dense_step(&b->layers[i], sgd);
}

void bvae_gradient(const struct bvae *b, int tensor, engine_real *out)
{
    engine_gradient(b->engine, tensor, out);
}

struct dense *bvae_layer(struct bvae *b, int layer)
{
    return b->layers[layer].count > 0 ? &b->layers[layer] : NULL;
}

/* --- weights and masks --- */

void bvae_load(struct bvae *b, const struct net *encoder)
{
    engine_load_weights(b->engine, encoder);
}

void bvae_remember(struct bvae *b)
{
    engine_store_weights(b->engine, &b->remembered);
    for (int i = 0; i < LAYERS; i++)
        if (b->layers[i].count > 0)
            memcpy(b->noted[i], b->layers[i].values, b->layers[i].count * sizeof *b->noted[i]);
}

void bvae_recall(struct bvae *b)
{
    bvae_load(b, &b->remembered);
    for (int i = 0; i < LAYERS; i++)
        if (b->layers[i].count > 0)
            dense_load(&b->layers[i], b->noted[i]);
}

/* The engine's mask of one tensor. That of the latent layer covers its first rows; the rest is kept. */
static enum status_code mask_tensor(struct bvae *b, int tensor, const unsigned char *kept, size_t covered, struct status *status)
{
    const size_t count = b->current.tensors[tensor].count;
    if (kept == NULL || covered == count)
        return engine_set_mask(b->engine, tensor, kept, status);
    unsigned char *whole = malloc(count);
    if (whole == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a mask over %zu weights", count);
    memset(whole, 1, count);
    memcpy(whole, kept, covered);
    const enum status_code code = engine_set_mask(b->engine, tensor, whole, status);
    free(whole);
    return code;
}

enum status_code bvae_set_mask(struct bvae *b, const struct prune_mask *mask, struct status *status)
{
    enum status_code code = STATUS_OK;
    const int head = b->current.tensor_count;
    for (int i = 0; code == STATUS_OK && i < b->current.node_count; i++) {
        const int t = prune_ranked(&b->current.nodes[i]);
        if (t < 0)
            continue;
        const size_t count = b->current.tensors[t].count;
        code = mask_tensor(b, t, mask != NULL ? mask->kept[t] : NULL, t == head - 2 ? count / 2 : count, status);
    }
    if (code == STATUS_OK)
        dense_set_mask(&b->layers[CLASSIFIER], mask != NULL ? mask->kept[head] : NULL);
    return code;
}

const struct net *bvae_encoder(struct bvae *b)
{
    engine_store_weights(b->engine, &b->current);
    return &b->current;
}

void bvae_deploy(struct bvae *b, struct net *deployed)
{
    const struct net *encoder = bvae_encoder(b);
    const struct dense *classifier = &b->layers[CLASSIFIER];
    for (int t = 0; t < encoder->tensor_count; t++) {
        assert(strcmp(encoder->tensors[t].name, deployed->tensors[t].name) == 0);
        memcpy(deployed->tensors[t].data, encoder->tensors[t].data, deployed->tensors[t].count * sizeof(float));
    }
    struct net_tensor *head = deployed->tensors + encoder->tensor_count;
    for (size_t i = 0; i < classifier->count; i++)
        (i < classifier->weights ? head[0].data + i : head[1].data + (i - classifier->weights))[0] = (float)classifier->values[i];
}
