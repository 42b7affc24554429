/* vary: see vary.h. Called by the strategies that do not want to propose what they know. */
#include "master/vary.h"

#include "master/preference.h"

/* Ours. 64 single steps leave any neighbourhood; 256 draws miss only when the space is all but used up. */
enum { VARY_TRIES = 64, SAMPLE_TRIES = 256, COUNT_TRIES = 1 << 20 };

enum status_code vary_check(const struct config_study *study, struct status *status)
{
    const struct config_strategy *s = &study->strategy;
    if (s->population < 2 || s->population > 100000 || s->generations < 1)
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy %s: a population of 2 to 100000 and at least 1 generation are needed, not %u and %u", s->name,
                          s->population, s->generations);
    if (s->tournament < 1 || s->tournament > s->population || s->elites >= s->population)
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy %s: tournament must be 1 to population (%u) and elites below it, not %u and %u", s->name,
                          s->population, s->tournament, s->elites);
    if (!(s->mutation >= 0 && s->mutation <= 1))
        return status_set(status, STATUS_BAD_INPUT, "strategy %s: mutation must be a probability, not %g", s->name, s->mutation);
    return preference_check(study, status);
}

uint32_t vary_tournament(struct rng *rng, uint32_t *deck, uint32_t count, uint32_t tournament)
{
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++)
        deck[i] = i; /* the draw must not depend on earlier ones */
    for (uint32_t i = 0; i < tournament; i++) {
        uint32_t j = i + (uint32_t)rng_below(rng, count - i);
        uint32_t drawn = deck[j];
        deck[j] = deck[i];
        deck[i] = drawn;
        if (drawn < best)
            best = drawn;
    }
    return best;
}

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

/* Counts one on, the last gene fastest; all zeros follow the last. */
static void next_in_order(const struct space *space, struct arch *arch)
{
    for (size_t gene = arch->length; gene-- > 0;) {
        if (++arch->genes[gene] < space_choices(space, gene))
            return;
        arch->genes[gene] = 0;
    }
}

bool vary_random(const struct strategy *strategy, struct rng *rng, struct arch *out)
{
    for (int i = 0; i < SAMPLE_TRIES; i++) {
        space_sample(strategy->space, rng, out);
        if (!vary_useless(strategy, out))
            return true;
    }
    struct arch start = *out;
    for (int i = 0; i < COUNT_TRIES; i++) {
        next_in_order(strategy->space, out);
        if (!vary_useless(strategy, out))
            return true;
        if (arch_equal(out, &start))
            return false;
    }
    return false;
}
