/* rng: a small, seedable, serialisable random generator (xoshiro256**, Blackman and Vigna 2018). Pure.
 *
 * Every generator in hwnas starts from the digest of what it is for (a candidate's weights: study seed and canonical architecture;
 * a strategy's step: study seed and ask number), never from time, arrival order or worker count: rng_from_words(digest words). */
#ifndef HWNAS_COMMON_RNG_H
#define HWNAS_COMMON_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state[4]; /* never all zero */
};

/* Starts a generator from one number (expanded by splitmix64). */
void rng_seed(struct rng *rng, uint64_t seed);

/* Starts a generator from 32 bytes' worth of digest; an all-zero array is treated as rng_seed(rng, 0). */
void rng_from_words(struct rng *rng, const uint64_t words[4]);

/* The next 64 random bits. */
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound) without bias; bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Uniform in [0, 1) with 53 random bits. */
double rng_uniform(struct rng *rng);

/* Standard normal, from two of those (Box and Muller 1958). */
double rng_normal(struct rng *rng);

/* Puts them into a random order, each as likely as any other (Fisher and Yates). */
void rng_shuffle(struct rng *rng, uint32_t *list, size_t count);

#endif
