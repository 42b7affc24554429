/* bvae: a classifier with a sampled latent, trained by the objective of a beta-VAE (Higgins et al. 2017) as Shneider et al. 2023
 * (arXiv 2307.09994) put it before pruning:
 *
 *   L = CE(h(z), y) + gamma * rec(x, g(z)) + beta * KL,   z = mu + s * eps,   KL = 1/2 sum_i (mu_i^2 + s_i^2 - 1 - ln s_i^2)
 *
 * each term the batch's mean; rec is the mean squared error over the pixels of the normalised images. The encoder is an
 * architecture's net whose logits are 2*latent numbers, mu and ln s^2. h is one dense layer, g (where gamma > 0) two with a ReLU
 * between them. At test time z = mu: what is deployed is the encoder up to mu, and h. Steps allocate nothing; a bvae belongs to one
 * thread. */
#ifndef HWNAS_WORKER_BVAE_H
#define HWNAS_WORKER_BVAE_H

#include "common/net.h"
#include "common/rng.h"
#include "common/space.h"
#include "worker/dense.h"
#include "worker/engine/engine.h"
#include "worker/prune.h"

struct bvae;

struct bvae_options {
    int batch;  /* images a step */
    int latent; /* d */
    int classes;
    int decoder; /* units of g's hidden layer; means nothing where gamma is 0 */
    double beta, gamma;
};

/* The terms before their weights, and L. */
struct bvae_loss {
    double total, cross_entropy, reconstruction, kl;
};

/* Builds the net that is trained (output 0: mu and ln s^2, 2*latent numbers) and the one that is deployed (logits). Tensor t of the
 * first is tensor t of the second, where the last layer, "latent", has its rows of mu alone; then come "head.weight" and
 * "head.bias". sizes->classes: those of the images. Not initialised. Both nets are empty before and after a failure, which is
 * space_build_net's, or STATUS_UNSUPPORTED for a space whose nets do not end in a dense layer. */
enum status_code bvae_build(const struct space *space, const struct arch *arch, const struct space_build *sizes, int latent,
                            struct net *encoder, struct net *deployed, struct status *status);

/* Makes one from an initialised encoder (copied); h and g draw their weights from rng. Fails as engine_create does. Free with
 * bvae_free. */
enum status_code bvae_create(const struct net *encoder, const struct bvae_options *options, struct rng *rng, struct bvae **out,
                             struct status *status);
void bvae_free(struct bvae *model);

/* Forward and backward of one batch: images (batch,C,H,W), labels (batch), noise eps (batch,latent). Leaves the gradients in place.
 */
struct bvae_loss bvae_pass(struct bvae *model, const engine_real *images, const int *labels, const engine_real *noise);

/* One SGD step with the gradients of the last pass. */
void bvae_step(struct bvae *model, const struct engine_sgd *sgd);

/* Gradient of the last pass with respect to the encoder's tensor (engine_gradient). */
void bvae_gradient(const struct bvae *model, int tensor, engine_real *out);

/* Layer 0: h; 1 and 2: g, NULL where there is none. Owned by the model. */
struct dense *bvae_layer(struct bvae *model, int layer);

/* New weights for the encoder, without momentum; what is masked stays 0. */
void bvae_load(struct bvae *model, const struct net *encoder);

/* Notes all weights; goes back to those noted last, without momentum; what is masked stays 0. Recalling needs an earlier
 * remembering. */
void bvae_remember(struct bvae *model);
void bvae_recall(struct bvae *model);

/* Prunes by the mask of the deployed net: what is gone is 0 at once and through all further steps. The rows of ln s^2 and g are no
 * part of what is deployed and are never masked. The mask is borrowed until the next call or bvae_free; NULL: nothing is pruned any
 * more. STATUS_NO_MEMORY; some tensors may then have the new mask and others the old one. */
enum status_code bvae_set_mask(struct bvae *model, const struct prune_mask *mask, struct status *status);

/* The current weights in the encoder's net, owned by the model and valid until the next call; and in a net as bvae_build deploys.
 */
const struct net *bvae_encoder(struct bvae *model);
void bvae_deploy(struct bvae *model, struct net *deployed);

/* KL of one image in nats; each latent's own is added to per_latent (latent) when that is not NULL. */
double bvae_kl(const engine_real *mean, const engine_real *log_variance, int latent, double *per_latent);

#endif
