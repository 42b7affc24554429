/* prune_chain: trains, prunes, trains on, looks at what is left. Called by `hwnas prune` for every beta and seed of its grid. */
#include "worker/prune_chain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cost.h"
#include "worker/infer.h"
#include "worker/passes.h"

struct chain {
    const struct prune_plan *plan;
    const struct data_set *test;
    const struct prune_visitor *visitor;
    struct net encoder, deployed;
    struct bvae *model;
    struct prune_mask mask; /* over deployed */
    struct passes passes;
    struct rng rng;     /* initial weights, then noise */
    engine_real *noise; /* (batch,latent), owned */
    int passes_done, passes_planned;
    double loss; /* mean over the last pass */
};

/* --- making and freeing --- */

static enum status_code open_chain(struct chain *chain, const struct data_set *train, struct status *status)
{
    const struct prune_plan *plan = chain->plan;
    const struct bvae_options options = {.batch = plan->batch,
                                         .latent = plan->latent,
                                         .classes = plan->sizes.classes,
                                         .decoder = plan->decoder,
                                         .beta = plan->beta,
                                         .gamma = plan->gamma};
    enum status_code code =
        bvae_build(plan->space, plan->arch, &plan->sizes, plan->latent, &chain->encoder, &chain->deployed, status);
    if (code != STATUS_OK)
        return code;
    rng_seed(&chain->rng, plan->seed);
    net_init(&chain->encoder, &chain->rng);
    code = bvae_create(&chain->encoder, &options, &chain->rng, &chain->model, status);
    if (code == STATUS_OK)
        code = prune_mask_create(&chain->deployed, &chain->mask, status);
    if (code == STATUS_OK)
        code = passes_open(train, plan->batch, plan->augment, plan->seed, &chain->passes, status);
    if (code != STATUS_OK)
        return code;
    chain->noise = calloc((size_t)plan->batch * (size_t)plan->latent, sizeof *chain->noise);
    return chain->noise != NULL ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory for noise");
}

static void close_chain(struct chain *chain)
{
    free(chain->noise);
    passes_free(&chain->passes);
    bvae_free(chain->model);
    prune_mask_free(&chain->mask);
    net_free(&chain->deployed);
    net_free(&chain->encoder);
}

/* --- training --- */

static double train_step(struct chain *chain, double learning_rate)
{
    const struct prune_plan *plan = chain->plan;
    const struct engine_sgd sgd = {.learning_rate = learning_rate, .momentum = plan->momentum, .weight_decay = plan->weight_decay};
    const size_t count = (size_t)plan->batch * (size_t)plan->latent;
    passes_next(&chain->passes);
    for (size_t i = 0; i < count; i++)
        chain->noise[i] = (engine_real)rng_normal(&chain->rng);
    const struct bvae_loss loss = bvae_pass(chain->model, chain->passes.images, chain->passes.labels, chain->noise);
    bvae_step(chain->model, &sgd);
    return loss.total;
}

static enum status_code train(struct chain *chain, int epochs, double peak, double percent, struct status *status)
{
    const long each = chain->passes.steps_per_pass, steps = epochs * each;
    double sum = 0;
    for (long step = 0; step < steps; step++) {
        const double loss = train_step(chain, passes_rate(peak, (double)step / (double)steps));
        if (!isfinite(loss))
            return status_set(status, STATUS_BAD_INPUT,
                              "beta %g, seed %llu: training diverged at %g %% sparsity (loss %g): lower the learning rate",
                              chain->plan->beta, (unsigned long long)chain->plan->seed, percent, loss);
        sum += loss;
        if ((step + 1) % each != 0)
            continue;
        chain->loss = sum / (double)each;
        sum = 0;
        chain->passes_done++;
        if (chain->visitor->progress != NULL)
            chain->visitor->progress(chain->visitor->context, (double)chain->passes_done / chain->passes_planned, chain->loss);
    }
    return STATUS_OK;
}

/* --- what is left --- */

struct latents {
    int count;
    double kl[PRUNE_LATENT_MAX]; /* sums over images */
};

static void add_latents(void *context, size_t image, engine_real *row)
{
    struct latents *latents = context;
    (void)image;
    bvae_kl(row, row + latents->count, latents->count, latents->kl);
}

static enum status_code look(struct chain *chain, struct prune_level *out, struct status *status)
{
    struct latents latents = {.count = chain->plan->latent};
    struct cost cost;
    enum status_code code = infer_set(bvae_encoder(chain->model), chain->test, add_latents, &latents, status);
    if (code == STATUS_OK)
        code = infer_accuracy(&chain->deployed, chain->test, &out->accuracy, status);
    for (int i = 0; i < latents.count; i++) {
        const double mean = latents.kl[i] / (double)chain->test->count;
        out->kl += mean;
        out->active += mean > PRUNE_ACTIVE_NATS;
    }
    cost_of_net(&chain->deployed, &cost);
    out->macs = cost.macs;
    out->nonzero_macs = prune_macs(&chain->deployed);
    out->total = chain->mask.total;
    out->zeros = chain->mask.zeros;
    out->loss = chain->loss;
    return code;
}

/* --- levels --- */

/* Puts the mask of that sparsity over the weights remembered last. */
static enum status_code prune(struct chain *chain, double percent, struct status *status)
{
    enum status_code code = bvae_set_mask(chain->model, NULL, status);
    if (code == STATUS_OK && chain->plan->schedule == PRUNE_ONE_SHOT) {
        prune_mask_free(&chain->mask);
        code = prune_mask_create(&chain->deployed, &chain->mask, status);
    }
    if (code != STATUS_OK)
        return code;
    bvae_recall(chain->model);
    bvae_deploy(chain->model, &chain->deployed);
    code = prune_mask_rank(&chain->mask, &chain->deployed, prune_zeros(chain->mask.total, percent), status);
    return code == STATUS_OK ? bvae_set_mask(chain->model, &chain->mask, status) : code;
}

static enum status_code run_level(struct chain *chain, int index, struct status *status)
{
    const struct prune_plan *plan = chain->plan;
    struct prune_level level = {.total = 0};
    enum status_code code = prune(chain, plan->percents[index], status);
    if (code == STATUS_OK)
        code = train(chain, plan->fine_tune_epochs, plan->fine_tune_rate, plan->percents[index], status);
    if (code != STATUS_OK)
        return code;
    bvae_deploy(chain->model, &chain->deployed);
    if (plan->schedule == PRUNE_ITERATIVE)
        bvae_remember(chain->model);
    code = look(chain, &level, status);
    return code == STATUS_OK ? chain->visitor->level(chain->visitor->context, index, &level, &chain->deployed, status) : code;
}

enum status_code prune_chain_run(const struct prune_plan *plan, const struct data_set *train_set, const struct data_set *test,
                                 const struct prune_visitor *visitor, struct status *status)
{
    struct chain chain = {.plan = plan,
                          .test = test,
                          .visitor = visitor,
                          .passes_planned = plan->epochs + plan->level_count * plan->fine_tune_epochs};
    net_init_empty(&chain.encoder);
    net_init_empty(&chain.deployed);
    enum status_code code = open_chain(&chain, train_set, status);
    if (code == STATUS_OK)
        code = train(&chain, plan->epochs, plan->learning_rate, 0, status);
    if (code == STATUS_OK)
        bvae_remember(chain.model);
    for (int i = 0; code == STATUS_OK && i < plan->level_count; i++)
        code = run_level(&chain, i, status);
    close_chain(&chain);
    return code;
}
