/* oneshot_relax: see oneshot_relax.h. Called by oneshot_train.c. */
#include "worker/oneshot_relax.h"

#include <math.h>
#include <string.h>

static const double MEAN_DECAY = 0.5, SQUARE_DECAY = 0.999, TINY = 1e-8, BEGIN_SCALE = 1e-3;

void oneshot_relax_begin(const struct space *space, struct rng *rng, struct oneshot_relaxed *out)
{
    *out = (struct oneshot_relaxed){.size = space_matrix_size(space)};
    for (size_t i = 0; i < out->size; i++)
        out->alpha[i] = (float)(BEGIN_SCALE * rng_normal(rng));
}

/* A column with the probability of its share. */
static size_t draw(const double *shares, size_t columns, struct rng *rng)
{
    double left = rng_uniform(rng);
    size_t last = 0;
    for (size_t column = 0; column < columns; column++) {
        if (shares[column] <= 0)
            continue;
        last = column;
        if (left < shares[column])
            break;
        left -= shares[column];
    }
    return last;
}

void oneshot_relax_shares(const struct space *space, const struct space_mask *mask, const struct oneshot_relaxed *relaxed,
                          struct rng *draws, double shares[SPACE_MATRIX_MAX], double coefficients[SPACE_MATRIX_MAX])
{
    double alpha[SPACE_MATRIX_MAX] = {0};
    for (size_t i = 0; i < relaxed->size; i++)
        alpha[i] = (double)relaxed->alpha[i];
    space_soften(space, mask, alpha, shares);
    memcpy(coefficients, shares, SPACE_MATRIX_MAX * sizeof *shares);
    for (size_t row = 0, first = 0; row < space_rows(space) && draws != NULL; first += space_columns(space, row++)) {
        size_t chosen = draw(shares + first, space_columns(space, row), draws);
        for (size_t column = 0; column < space_columns(space, row); column++)
            coefficients[first + column] = column == chosen;
    }
}

static void adam(const struct oneshot_protocol *protocol, double gradient, struct oneshot_relaxed *relaxed, size_t i)
{
    double steps = (double)relaxed->steps;
    gradient += protocol->alpha_weight_decay * (double)relaxed->alpha[i];
    double mean = MEAN_DECAY * (double)relaxed->mean[i] + (1 - MEAN_DECAY) * gradient;
    double square = SQUARE_DECAY * (double)relaxed->square[i] + (1 - SQUARE_DECAY) * gradient * gradient;
    double step = mean / (1 - pow(MEAN_DECAY, steps)) / (sqrt(square / (1 - pow(SQUARE_DECAY, steps))) + TINY);
    relaxed->mean[i] = (float)mean;
    relaxed->square[i] = (float)square;
    relaxed->alpha[i] = (float)((double)relaxed->alpha[i] - protocol->alpha_learning_rate * step);
}

/* By the numbers of a row: d/d alpha_o = p_o (g_o - sum of p g); what the mask lacks has no share and stays. */
void oneshot_relax_step(const struct space *space, const struct space_mask *mask, const struct oneshot_protocol *protocol,
                        const double shares[SPACE_MATRIX_MAX], const double *gradient, struct oneshot_relaxed *relaxed)
{
    relaxed->steps += 1;
    for (size_t row = 0, first = 0; row < space_rows(space); first += space_columns(space, row++)) {
        double middle = 0;
        for (size_t column = 0; column < space_columns(space, row); column++)
            middle += shares[first + column] * gradient[first + column];
        for (size_t column = 0; column < space_columns(space, row); column++)
            if ((mask->rows[row] >> column & 1U) != 0)
                adam(protocol, shares[first + column] * (gradient[first + column] - middle), relaxed, first + column);
    }
}
