/* oneshot_relax: the architecture of a bilevel training: numbers alpha whose softmax, row by row over the mask, are the shares of
 * the operations, and that go down the gradient of loss and costs by Adam. DARTS (Liu et al., ICLR 2019, section 2.3, first order:
 * moments 0.5 and 0.999); the costs' part is Latency-DARTS (arXiv 2001.06392). Pure. */
#ifndef HWNAS_WORKER_ONESHOT_RELAX_H
#define HWNAS_WORKER_ONESHOT_RELAX_H

#include "common/oneshot.h"
#include "common/rng.h"
#include "common/space.h"

/* Numbers to begin with: 0.001 times normal draws, as DARTS has them. */
void oneshot_relax_begin(const struct space *space, struct rng *rng, struct oneshot_relaxed *out);

/* The shares; draws where it is not NULL: of each row one operation with the probability of its share, which then has all of it
 * (Gumbel's trick; Jang, Gu and Poole, ICLR 2017). `shares` are always the softmax; `coefficients` what the net is given. */
void oneshot_relax_shares(const struct space *space, const struct space_mask *mask, const struct oneshot_relaxed *relaxed,
                          struct rng *draws, double shares[SPACE_MATRIX_MAX], double coefficients[SPACE_MATRIX_MAX]);

/* One step of Adam. gradient: the derivatives of everything by the coefficients, in matrix form; of a draw they are taken for those
 * by the shares (straight through). */
void oneshot_relax_step(const struct space *space, const struct space_mask *mask, const struct oneshot_protocol *protocol,
                        const double shares[SPACE_MATRIX_MAX], const double *gradient, struct oneshot_relaxed *relaxed);

#endif
