/* relax: see relax.h. Called by strategy_gradient.c. */
#include "master/relax.h"

#include <math.h>
#include <string.h>

static const double RATE = 0.05, DECAY1 = 0.5, DECAY2 = 0.999, TINY = 1e-8, WEIGHT_DECAY = 1e-3;

struct descent {
    const struct space *space;
    size_t features;
    double alpha[RELAX_FEATURES_MAX], shares[RELAX_FEATURES_MAX], input[RELAX_FEATURES_MAX], slopes[RELAX_FEATURES_MAX];
    double mean[RELAX_FEATURES_MAX], square[RELAX_FEATURES_MAX];
};

static void softmax(const double *x, size_t n, double *out)
{
    double most = x[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        most = fmax(most, x[i]);
    for (size_t i = 0; i < n; i++)
        sum += out[i] = exp(x[i] - most);
    for (size_t i = 0; i < n; i++)
        out[i] /= sum;
}

static size_t largest(const double *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* -log(-log(u)) for a uniform u that is neither 0 nor 1. */
static double gumbel(struct rng *rng)
{
    double u = fmin(fmax(rng_uniform(rng), 1e-300), 1 - 1e-16);
    return -log(-log(u));
}

/* The shares of a gene at `first`; and what the loss sees of them. */
static void open_gene(struct descent *at, size_t first, size_t n, enum config_relaxation relaxation, struct rng *rng)
{
    double noisy[UINT8_MAX + 1];
    for (size_t i = 0; i < n; i++)
        noisy[i] = at->alpha[first + i] + (relaxation == CONFIG_RELAX_GUMBEL ? gumbel(rng) : 0);
    softmax(noisy, n, at->shares + first);
    memcpy(at->input + first, at->shares + first, n * sizeof(double));
    if (relaxation == CONFIG_RELAX_SOFTMAX)
        return;
    size_t drawn = largest(noisy, n);
    for (size_t i = 0; i < n; i++)
        at->input[first + i] = i == drawn;
}

/* From the derivatives by the shares to those by alpha. */
static void through_softmax(struct descent *at, size_t first, size_t n)
{
    double mean = 0;
    for (size_t i = first; i < first + n; i++)
        mean += at->shares[i] * at->slopes[i];
    for (size_t i = first; i < first + n; i++)
        at->slopes[i] = at->shares[i] * (at->slopes[i] - mean);
}

static void step(struct descent *at, uint32_t number)
{
    double unbias1 = 1 / (1 - pow(DECAY1, number + 1.0)), unbias2 = 1 / (1 - pow(DECAY2, number + 1.0));
    for (size_t i = 0; i < at->features; i++) {
        double slope = at->slopes[i] + WEIGHT_DECAY * at->alpha[i];
        at->mean[i] = DECAY1 * at->mean[i] + (1 - DECAY1) * slope;
        at->square[i] = DECAY2 * at->square[i] + (1 - DECAY2) * slope * slope;
        at->alpha[i] -= RATE * at->mean[i] * unbias1 / (sqrt(at->square[i] * unbias2) + TINY);
    }
}

void relax_descend(const struct space *space, enum config_relaxation relaxation, uint32_t steps, struct rng *rng, relax_loss *loss,
                   void *context, struct arch *out)
{
    struct descent at = {.space = space};
    size_t genes = space_gene_count(space), first[ARCH_GENES_MAX];
    for (size_t gene = 0; gene < genes; gene++) {
        first[gene] = at.features;
        at.features += (size_t)space_choices(space, gene);
    }
    for (uint32_t number = 0; number < steps; number++) {
        for (size_t gene = 0; gene < genes; gene++)
            open_gene(&at, first[gene], (size_t)space_choices(space, gene), relaxation, rng);
        loss(context, at.input, at.slopes);
        for (size_t gene = 0; gene < genes; gene++)
            through_softmax(&at, first[gene], (size_t)space_choices(space, gene));
        step(&at, number);
    }
    *out = (struct arch){.length = (uint8_t)genes};
    for (size_t gene = 0; gene < genes; gene++)
        out->genes[gene] = (uint8_t)largest(at.alpha + first[gene], (size_t)space_choices(space, gene));
}

double relax_weight(const struct config_strategy *settings, uint32_t i)
{
    double share = settings->sweep > 1 ? (double)i / (double)(settings->sweep - 1) : 1;
    return settings->lambda * share * share * share;
}
