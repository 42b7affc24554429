/* relax: architectures by gradient descent: every choice of every gene has a share, the shares of a gene are the softmax of its
 * numbers alpha, and alpha goes down the gradient of a loss by Adam (Kingma and Ba 2015), as DARTS (Liu et al., ICLR 2019) does it:
 * rate 0.05 (ours), moments 0.5 and 0.999, weight decay 0.001. Pure. */
#ifndef HWNAS_MASTER_RELAX_H
#define HWNAS_MASTER_RELAX_H

#include <stddef.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/config.h"
#include "common/rng.h"
#include "common/space.h"

enum { RELAX_FEATURES_MAX = ARCH_GENES_MAX * 16 };

/* The loss of shares (features), and its derivatives by them. */
typedef double relax_loss(void *context, const double *shares, double *gradient);

/* So many steps from equal shares. CONFIG_RELAX_SOFTMAX: the loss of the shares themselves. CONFIG_RELAX_GUMBEL: of one choice a
 * gene, drawn with the probability of its share (Gumbel's trick), and the gradient as if the shares had been the draw (straight
 * through; Jang, Gu and Poole, ICLR 2017). *out: the largest share of each gene, the first of equals. The space has at most
 * RELAX_FEATURES_MAX choices in all. */
void relax_descend(const struct space *space, enum config_relaxation relaxation, uint32_t steps, struct rng *rng, relax_loss *loss,
                   void *context, struct arch *out);

/* Weight i of a sweep of n, in strategy gradient and strategy bilevel: none, then up to strategy.lambda by even steps of the cube
 * root, since most is decided among the small ones. A sweep of one has strategy.lambda alone. */
double relax_weight(const struct config_strategy *settings, uint32_t i);

#endif
