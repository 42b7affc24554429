/* vary: see vary.h. Called by the strategies that do not want to propose what they know. */
#include "master/vary.h"

/* Ours. 64 single steps leave any neighbourhood; 256 draws miss only when the space is all but used up. */
enum { VARY_TRIES = 64, SAMPLE_TRIES = 256 };

bool vary_useless(const struct strategy *strategy, const struct arch *arch)
{
    return !space_connected(strategy->space, arch) || strategy_known(strategy, arch);
}

void vary_step(const struct space *space, struct rng *rng, struct arch *arch)
{
    size_t gene = rng_below(rng, space_gene_count(space));
    int choices = space_choices(space, gene);
    if (choices > 1)
        arch->genes[gene] = (uint8_t)((arch->genes[gene] + 1 + rng_below(rng, (uint64_t)choices - 1)) % (uint64_t)choices);
}

bool vary_renew(const struct strategy *strategy, struct rng *rng, struct arch *arch)
{
    bool useless = vary_useless(strategy, arch);
    for (int i = 0; i < VARY_TRIES && useless; i++) {
        vary_step(strategy->space, rng, arch);
        useless = vary_useless(strategy, arch);
    }
    for (int i = 0; i < SAMPLE_TRIES && useless; i++) {
        space_sample(strategy->space, rng, arch);
        useless = vary_useless(strategy, arch);
    }
    return !useless;
}
