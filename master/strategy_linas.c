/* strategy_linas: see strategy_linas.h. Called through strategy.c alone.
 *
 * The rule it keeps: a batch is a function of everything told before its first ask, made with that ask's chance, and saved until
 * its last member is asked. So neither workers nor arrival order can change what is proposed. */
#include "master/strategy_linas.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/rng.h"
#include "master/foresight.h"
#include "master/individual.h"
#include "master/vary.h"

struct linas {
    struct individual_list told; /* in the order of the asks */
    struct arch *batch;          /* (population) of the generation in progress: what the predictors chose; owned */
    size_t batch_count; /* fewer than the population in the first generation, and where the space is used up: then at random */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

static uint64_t linas_total(const struct strategy *strategy)
{
    return (uint64_t)settings(strategy)->population * settings(strategy)->generations;
}

/* --- open and close --- */

static void linas_close(struct strategy *strategy)
{
    struct linas *search = strategy->state;
    if (search == NULL)
        return;
    individual_free(&search->told);
    free(search->batch);
    free(search);
    strategy->state = NULL;
}

static enum status_code linas_open(struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    enum status_code code = vary_check(strategy->study, status);
    if (code != STATUS_OK)
        return code;
    if (s->predicted < s->population || s->predicted > 1000000)
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy linas: %u predicted evaluations are not from the population (%u) to 1000000; change "
                          "strategy.predicted",
                          s->predicted, s->population);
    struct linas *search = strategy->state = calloc(1, sizeof *search);
    if (search != NULL)
        search->batch = calloc(s->population, sizeof *search->batch);
    if (search == NULL || search->batch == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for strategy linas");
    return STATUS_OK;
}

/* --- proposing --- */

/* False without memory. */
static bool make_batch(struct strategy *strategy)
{
    struct linas *search = strategy->state;
    static const struct foresight_kinds kinds = {PREDICTOR_FAST, PREDICTOR_FAST, true, false};
    struct foresight foresight;
    struct status status = {0};
    struct rng rng;
    search->batch_count = 0;
    if (!foresight_possible(search->told.list, search->told.count))
        return true;
    strategy_rng(strategy, strategy->asked, &rng);
    bool done = foresight_learn(strategy, search->told.list, search->told.count, &kinds, &rng, &foresight, &status) == STATUS_OK &&
                foresight_search(&foresight, &rng, search->batch, settings(strategy)->population, &search->batch_count);
    foresight_free(&foresight);
    return done;
}

static enum strategy_answer linas_ask(struct strategy *strategy, struct arch *out)
{
    struct linas *search = strategy->state;
    size_t place = strategy->asked % settings(strategy)->population;
    struct rng rng;
    if (strategy->asked == linas_total(strategy))
        return STRATEGY_DONE;
    if (place == 0 && strategy->told < strategy->asked)
        return STRATEGY_WAIT;
    if (place == 0 && !make_batch(strategy)) {
        strategy->out_of_memory = true;
        return STRATEGY_WAIT;
    }
    if (place < search->batch_count) {
        *out = search->batch[place];
        return STRATEGY_ASK;
    }
    strategy_rng(strategy, strategy->asked, &rng);
    return vary_random(strategy, &rng, out) ? STRATEGY_ASK : STRATEGY_DONE;
}

/* --- learning --- */

static void linas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct linas *search = strategy->state;
    struct individual newcomer = individual_of(strategy->study, ask, arch, result);
    strategy->out_of_memory |= !individual_add(&search->told, &newcomer);
}

static bool linas_boundary(const struct strategy *strategy)
{
    return strategy->told > 0 && strategy->told % settings(strategy)->population == 0;
}

static uint32_t linas_generation(const struct strategy *strategy)
{
    return (uint32_t)(strategy->told / settings(strategy)->population);
}

/* --- saving --- */

static struct json_t *linas_save(const struct strategy *strategy)
{
    const struct linas *search = strategy->state;
    json_t *told = individual_save(strategy->study, search->told.list, search->told.count);
    json_t *batch = strategy_archs_save(search->batch, search->batch_count);
    if (told == NULL || batch == NULL) {
        json_decref(told);
        json_decref(batch);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "batch", batch, "told", told);
}

static enum status_code linas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct linas *search = strategy->state;
    json_t *batch, *told;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:o, s:o}", "batch", &batch, "told", &told) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    enum status_code code = individual_load_list(strategy, told, &search->told, status);
    if (code != STATUS_OK)
        return code;
    search->batch_count = strategy_archs_load(strategy->space, batch, search->batch, settings(strategy)->population);
    if (search->batch_count == SIZE_MAX || strategy->asked > linas_total(strategy)) {
        search->batch_count = 0;
        return status_set(status, STATUS_BAD_INPUT,
                          "saved search: what the predictors chose cannot be read, or too much was asked");
    }
    return STATUS_OK;
}

const struct strategy_ops strategy_linas = {
    .name = "linas",
    .open = linas_open,
    .close = linas_close,
    .ask = linas_ask,
    .tell = linas_tell,
    .boundary = linas_boundary,
    .save = linas_save,
    .load = linas_load,
    .generation = linas_generation,
    .total = linas_total,
};
