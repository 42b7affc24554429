/* prune_chain: one architecture under one beta and one seed: trained by the objective of bvae.h, then pruned to one sparsity after
 * the other, with training that goes on under the mask. */
#ifndef HWNAS_WORKER_PRUNE_CHAIN_H
#define HWNAS_WORKER_PRUNE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/space.h"
#include "worker/bvae.h"
#include "worker/data.h"

enum { PRUNE_LEVELS_MAX = 32, PRUNE_LATENT_MAX = 256 };

enum prune_schedule {
    PRUNE_ITERATIVE, /* each sparsity goes on from the one before */
    PRUNE_ONE_SHOT   /* each starts from the trained dense net */
};

struct prune_plan {
    const struct space *space;
    const struct arch *arch;
    struct space_build sizes; /* complete, with the images' shape and classes */
    int latent, decoder;
    double beta, gamma;
    int epochs, fine_tune_epochs; /* before the first sparsity; at each sparsity, 0 too: none */
    int batch;
    double learning_rate, fine_tune_rate; /* peaks of a one-cycle schedule (passes_rate) each */
    double momentum, weight_decay;
    bool augment;
    enum prune_schedule schedule;
    double percents[PRUNE_LEVELS_MAX]; /* rising, 0 to less than 100 */
    int level_count;
    uint64_t seed;
};

/* What came out at one sparsity. */
struct prune_level {
    size_t total, zeros;        /* ranked weights; those the mask has taken away, exactly prune_zeros(total, percent) */
    double accuracy;            /* 0 to 1 on the test images, z = mu, running statistics */
    double kl;                  /* nats, mean over the test images */
    int active;                 /* latents whose mean KL is above PRUNE_ACTIVE_NATS */
    int64_t macs, nonzero_macs; /* cost.macs; prune_macs */
    double loss;                /* the mean of L over the last pass */
};

/* A latent that carries less is said to be inactive. */
static const double PRUNE_ACTIVE_NATS = 0.01;

/* Whom to tell. */
struct prune_visitor {
    void *context;
    /* After each level, with the deployed net (bvae.h), whose pruned weights are 0; borrowed. What it returns ends the chain when
     * it is not STATUS_OK. */
    enum status_code (*level)(void *context, int index, const struct prune_level *level, const struct net *deployed,
                              struct status *status);
    /* After each pass: how far the chain is, 0 to 1, and the loss L of its last pass. NULL: nobody asks. */
    void (*progress)(void *context, double fraction, double loss);
};

/* Runs the chain. Deterministic in plan and images on one instruction set. Blocks as long as training does. STATUS_BAD_INPUT when
 * the training diverges (it names beta, seed and sparsity), the batch does not fit, or space_build_net's reasons. */
enum status_code prune_chain_run(const struct prune_plan *plan, const struct data_set *train, const struct data_set *test,
                                 const struct prune_visitor *visitor, struct status *status);

#endif
