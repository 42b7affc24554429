/* strategy_random: see strategy_random.h. Called through strategy.c alone. It keeps nothing: what was asked is in the archive, and
 * what was told does not matter. */
#include "master/strategy_random.h"

#include <jansson.h>

#include "common/rng.h"
#include "master/vary.h"

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

static enum status_code random_open(struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    if (s->population < 1 || s->generations < 1 || s->in_flight < 1)
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy random: population, generations and in_flight must be at least 1, not %u, %u and %u",
                          s->population, s->generations, s->in_flight);
    return STATUS_OK;
}

static void random_close(struct strategy *strategy)
{
    (void)strategy;
}

static uint64_t random_total(const struct strategy *strategy)
{
    return (uint64_t)settings(strategy)->population * settings(strategy)->generations;
}

static enum strategy_answer random_ask(struct strategy *strategy, struct arch *out)
{
    struct rng rng;
    if (strategy->asked >= random_total(strategy))
        return STRATEGY_DONE;
    if (strategy_full(strategy))
        return STRATEGY_WAIT;
    strategy_rng(strategy, strategy->asked, &rng);
    return vary_random(strategy, &rng, out) ? STRATEGY_ASK : STRATEGY_DONE;
}

static void random_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    (void)strategy;
    (void)ask;
    (void)arch;
    (void)result;
}

static bool random_boundary(const struct strategy *strategy)
{
    return strategy->told > 0 && strategy->told % settings(strategy)->in_flight == 0;
}

static struct json_t *random_save(const struct strategy *strategy)
{
    (void)strategy;
    return json_object();
}

static enum status_code random_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    (void)strategy;
    return json_is_object(saved) ? STATUS_OK : status_set(status, STATUS_BAD_INPUT, "saved search: the state is no object");
}

static uint32_t random_generation(const struct strategy *strategy)
{
    return (uint32_t)(strategy->told / settings(strategy)->population);
}

const struct strategy_ops strategy_random = {
    .name = "random",
    .open = random_open,
    .close = random_close,
    .ask = random_ask,
    .tell = random_tell,
    .boundary = random_boundary,
    .save = random_save,
    .load = random_load,
    .generation = random_generation,
    .total = random_total,
    .steady = true,
};
