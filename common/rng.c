/* rng: xoshiro256** with splitmix64 seeding. */
#include "common/rng.h"

#include <assert.h>
#include <math.h>

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        rng->state[i] = z ^ (z >> 31);
    }
}

void rng_from_words(struct rng *rng, const uint64_t words[4])
{
    if ((words[0] | words[1] | words[2] | words[3]) == 0) {
        rng_seed(rng, 0);
        return;
    }
    for (int i = 0; i < 4; i++)
        rng->state[i] = words[i];
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    assert(bound > 0);
    /* Values below this threshold would make the low remainders likelier than the rest. */
    uint64_t threshold = (0 - bound) % bound;
    for (;;) {
        uint64_t value = rng_next(rng);
        if (value >= threshold)
            return value % bound;
    }
}

double rng_uniform(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1.0p-53;
}

double rng_normal(struct rng *rng)
{
    static const double pi = 3.14159265358979323846;
    double radius = sqrt(-2 * log(1 - rng_uniform(rng)));
    return radius * cos(2 * pi * rng_uniform(rng));
}

void rng_shuffle(struct rng *rng, uint32_t *list, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        const size_t j = (size_t)rng_below(rng, i);
        const uint32_t swap = list[i - 1];
        list[i - 1] = list[j];
        list[j] = swap;
    }
}
