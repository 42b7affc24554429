/* reference: the reference network, and the bundle that is made with it.
 *
 * Used by `hwnas reference` only. The rule it keeps (methods 1.3): a reference always runs with the statistics of the batch at
 * hand, when it ranks the pool and when it gives the target features, because the public search code never leaves training mode. */
#include "worker/reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/engine.h"
#include "worker/rmi.h"

/* --- ResNet-20 --- */

/* What the builders below add to; node is the latest one, negative after a failure, which then stays. */
struct chain {
    struct net *net;
    struct status *status;
    int node;
};

static void chain_conv_bn(struct chain *chain, const char *block, int number, int channels, int stride)
{
    char conv[NET_NAME_BYTES], norm[NET_NAME_BYTES];
    snprintf(conv, sizeof conv, "%sconv%d", block, number);
    snprintf(norm, sizeof norm, "%sbn%d", block, number);
    if (chain->node >= 0)
        chain->node = net_add_conv(chain->net, conv, chain->node, channels, 3, stride, 1, 1, 0, chain->status);
    if (chain->node >= 0)
        chain->node = net_add_batch_norm(chain->net, norm, chain->node, 1e-5f, chain->status);
}

static void chain_relu(struct chain *chain, const char *block, const char *name)
{
    char full[NET_NAME_BYTES];
    snprintf(full, sizeof full, "%s%s", block, name);
    if (chain->node >= 0)
        chain->node = net_add_relu(chain->net, full, chain->node, chain->status);
}

/* Option A: every second pixel, new channels zero on both sides; nothing to learn. */
static int option_a(struct chain *chain, const char *block, int input, int channels)
{
    char name[NET_NAME_BYTES];
    int grow = channels - chain->net->nodes[input].shape.c;
    snprintf(name, sizeof name, "%sshortcut.subsample", block);
    int node = net_add_subsample(chain->net, name, input, 2, chain->status);
    snprintf(name, sizeof name, "%sshortcut.pad", block);
    return node < 0 ? -1 : net_add_channel_pad(chain->net, name, node, grow / 2, grow - grow / 2, chain->status);
}

static void chain_block(struct chain *chain, const char *block, int channels, int stride)
{
    char name[NET_NAME_BYTES];
    int shortcut = chain->node;
    chain_conv_bn(chain, block, 1, channels, stride);
    chain_relu(chain, block, "relu1");
    chain_conv_bn(chain, block, 2, channels, 1);
    if (chain->node >= 0 && stride != 1)
        shortcut = option_a(chain, block, shortcut, channels);
    if (shortcut < 0)
        chain->node = -1;
    snprintf(name, sizeof name, "%sadd", block);
    if (chain->node >= 0)
        chain->node = net_add_add(chain->net, name, (const int[]){chain->node, shortcut}, 2, chain->status);
    chain_relu(chain, block, "relu2");
}

/* Everything up to the third stage; stages[] receives the three stages' last nodes. */
static void chain_stages(struct chain *chain, int stages[3])
{
    chain_conv_bn(chain, "", 1, 16, 1);
    chain_relu(chain, "", "relu1");
    for (int stage = 0; stage < 3; stage++) {
        for (int block = 0; block < 3; block++) {
            char prefix[32];
            snprintf(prefix, sizeof prefix, "layer%d.%d.", stage + 1, block);
            chain_block(chain, prefix, 16 << stage, stage > 0 && block == 0 ? 2 : 1);
        }
        stages[stage] = chain->node;
    }
}

enum status_code reference_resnet20(struct net_shape input, int classes, struct net *out, struct status *status)
{
    struct status first = {0};
    struct chain chain = {out, &first, -1};
    int stages[3];
    net_init_empty(out);
    chain.node = net_add_input(out, input, &first);
    chain_stages(&chain, stages);
    if (chain.node >= 0)
        chain.node = net_add_global_avg_pool(out, "pool", chain.node, &first);
    if (chain.node >= 0)
        chain.node = net_add_dense(out, "linear", chain.node, classes, &first);
    enum status_code code = chain.node < 0 ? first.code : net_add_output(out, chain.node, &first);
    for (int stage = 0; code == STATUS_OK && stage < 3; stage++)
        code = net_add_output(out, stages[stage], &first);
    if (code == STATUS_OK)
        return STATUS_OK;
    net_free(out);
    return status_set(status, code, "ResNet-20: %s", first.message);
}

/* --- the bundle --- */

/* -log softmax(logits)[label] as log1p of the other classes' odds: a well-trained reference is sure of its best images to 1e-15,
 * where log-sum-exp minus the logit would have lost every digit that the ranking needs. */
static double cross_entropy_of(const engine_real *logits, int classes, int label)
{
    double largest = 0, odds = 0;
    for (int c = 0; c < classes; c++)
        largest = fmax(largest, (double)logits[c] - (double)logits[label]);
    for (int c = 0; c < classes; c++)
        if (c != label)
            odds += exp((double)logits[c] - (double)logits[label] - largest);
    return largest > 0 ? largest + log(exp(-largest) + odds) : log1p(odds);
}

struct scored {
    double cross_entropy;
    uint32_t index;
};

/* Lowest cross-entropy first; equal ones in the pool's order, so that the choice does not hang on the sort. */
static int compare_scored(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->cross_entropy != y->cross_entropy)
        return x->cross_entropy < y->cross_entropy ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Runs the net with batch statistics on the images of those indices; *out is left after its forward pass. */
static enum status_code run_on(const struct net *net, const struct data_set *set, const uint32_t *indices, int count,
                               struct engine **out, struct status *status)
{
    const struct engine_options options = {.mode = ENGINE_BATCH_STATS, .batch = count};
    size_t image = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    float *images = malloc((size_t)count * image * sizeof *images);
    if (images == NULL)
        return status_set(status, STATUS_NO_MEMORY, "reference: no memory for %d images", count);
    enum status_code code = engine_create(net, &options, out, status);
    if (code == STATUS_OK) {
        data_batch(set, indices, (size_t)count, images);
        engine_forward(*out, images);
    }
    free(images);
    return code;
}

/* Scores images 0..pool-1 in one batch into scores, best first. */
static enum status_code score_pool(const struct net *net, const struct data_set *set, int pool, struct scored *scores,
                                   struct status *status)
{
    struct engine *engine = NULL;
    uint32_t *indices = malloc((size_t)pool * sizeof *indices);
    if (indices == NULL)
        return status_set(status, STATUS_NO_MEMORY, "reference: no memory for a pool of %d", pool);
    for (int i = 0; i < pool; i++)
        indices[i] = (uint32_t)i;
    enum status_code code = run_on(net, set, indices, pool, &engine, status);
    for (int i = 0; code == STATUS_OK && i < pool; i++) {
        struct engine_rows logits = engine_output(engine, 0);
        double value = cross_entropy_of(logits.data + (size_t)i * logits.stride, net->classes, set->labels[i]);
        scores[i] = (struct scored){value, (uint32_t)i};
        if (!isfinite(value))
            code = status_set(status, STATUS_BAD_INPUT, "the reference's cross-entropy of image %d is %g: its weights are damaged",
                              i, value);
    }
    if (code == STATUS_OK)
        qsort(scores, (size_t)pool, sizeof *scores, compare_scored);
    engine_free(engine);
    free(indices);
    return code;
}

/* Room for everything in a bundle of that size. */
static enum status_code allocate_bundle(int batch, int taps, size_t image, struct bundle *out, struct status *status)
{
    size_t n = (size_t)batch;
    out->batch = batch;
    out->taps = taps;
    out->images = malloc(n * image);
    out->labels = malloc(n * sizeof *out->labels);
    out->indices = malloc(n * sizeof *out->indices);
    out->cross_entropy = malloc(n * sizeof *out->cross_entropy);
    int complete = out->images != NULL && out->labels != NULL && out->indices != NULL && out->cross_entropy != NULL;
    for (int tap = 0; tap < taps; tap++) {
        out->grams[tap] = malloc(n * n * sizeof(float));
        complete = complete && out->grams[tap] != NULL;
    }
    return complete ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "reference: no memory for a bundle of %d images", batch);
}

static enum status_code fill_bundle(const struct net *net, const char *reference_name, const struct data_set *set,
                                    const struct scored *best, int batch, struct bundle *out, struct status *status)
{
    size_t image = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    enum status_code code = allocate_bundle(batch, net->output_count - 1, image, out, status);
    if (code != STATUS_OK)
        return code;
    out->shape = set->shape;
    out->classes = net->classes;
    memcpy(out->mean, set->mean, sizeof out->mean);
    memcpy(out->std, set->std, sizeof out->std);
    snprintf(out->dataset, sizeof out->dataset, "%s", set->name);
    snprintf(out->reference, sizeof out->reference, "%s", reference_name);
    for (int i = 0; i < batch; i++) {
        memcpy(out->images + (size_t)i * image, set->images + best[i].index * image, image);
        out->labels[i] = set->labels[best[i].index];
        out->indices[i] = (int32_t)best[i].index;
        out->cross_entropy[i] = best[i].cross_entropy;
    }
    return STATUS_OK;
}

/* The taps' centred Grams of the frozen batch, run by itself: with batch statistics the pool's features would be others. */
static enum status_code fill_grams(const struct net *net, const struct data_set *set, struct bundle *out, struct status *status)
{
    struct engine *engine = NULL;
    size_t n = (size_t)out->batch;
    engine_real *gram = malloc(n * n * sizeof *gram);
    uint32_t *indices = malloc(n * sizeof *indices);
    enum status_code code = STATUS_OK;
    if (gram == NULL || indices == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "reference: no memory for Gram matrices of %d images", out->batch);
    for (size_t i = 0; code == STATUS_OK && i < n; i++)
        indices[i] = (uint32_t)out->indices[i];
    if (code == STATUS_OK)
        code = run_on(net, set, indices, out->batch, &engine, status);
    for (int tap = 0; code == STATUS_OK && tap < out->taps; tap++) {
        rmi_gram(engine_output(engine, tap + 1), gram);
        for (size_t i = 0; i < n * n; i++)
            out->grams[tap][i] = (float)gram[i];
    }
    engine_free(engine);
    free(indices);
    free(gram);
    return code;
}

static enum status_code check_request(const struct net *net, const struct data_set *set, int pool, int batch, struct status *status)
{
    struct net_shape in = net->nodes[0].shape;
    if (net->output_count < 2)
        return status_set(status, STATUS_BAD_INPUT, "the reference has no taps: name some of its values with --taps");
    if (in.c != set->shape.c || in.h != set->shape.h || in.w != set->shape.w)
        return status_set(status, STATUS_BAD_INPUT, "the reference takes images of %dx%dx%d, these are %dx%dx%d", in.c, in.h, in.w,
                          set->shape.c, set->shape.h, set->shape.w);
    if (net->classes < set->classes)
        return status_set(status, STATUS_BAD_INPUT, "the reference knows %d classes, the images have %d", net->classes,
                          set->classes);
    if (batch < 2 || batch > BUNDLE_BATCH_MAX)
        return status_set(status, STATUS_BAD_INPUT, "a batch of %d images; it must be 2 to %d", batch, BUNDLE_BATCH_MAX);
    if (pool < batch)
        return status_set(status, STATUS_BAD_INPUT, "a pool of %d images cannot give a batch of %d", pool, batch);
    if ((size_t)pool > set->count)
        return status_set(status, STATUS_BAD_INPUT,
                          "a pool of %d images asks for more than the %zu there are; give as many images, or fewer with --pool",
                          pool, set->count);
    return STATUS_OK;
}

enum status_code reference_bundle(const struct net *net, const char *reference_name, const struct data_set *set, int pool,
                                  int batch, struct bundle *out, struct status *status)
{
    struct bundle bundle = {0};
    enum status_code code = check_request(net, set, pool, batch, status);
    if (code != STATUS_OK)
        return code;
    struct scored *scores = malloc((size_t)pool * sizeof *scores);
    if (scores == NULL)
        return status_set(status, STATUS_NO_MEMORY, "reference: no memory for a pool of %d", pool);
    code = score_pool(net, set, pool, scores, status);
    if (code == STATUS_OK)
        code = fill_bundle(net, reference_name, set, scores, batch, &bundle, status);
    if (code == STATUS_OK)
        code = fill_grams(net, set, &bundle, status);
    free(scores);
    if (code != STATUS_OK)
        bundle_free(&bundle);
    else
        *out = bundle;
    return code;
}
