/* strategy_evnas: see strategy_evnas.h. Called through strategy.c alone. With elites the best told is always a member, so the best
 * candidate found is the method's answer. */
#include "master/strategy_evnas.h"

#include <jansson.h>
#include <stdlib.h>

#include "master/cohort.h"
#include "master/rowwise.h"
#include "master/vary.h"

struct evnas {
    struct cohort cohort; /* the population */
    uint32_t *order;      /* (population), owned: the members, best first */
    uint32_t *deck;       /* (population), owned: room to draw a tournament from */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* --- open and close --- */

static void evnas_close(struct strategy *strategy)
{
    struct evnas *search = strategy->state;
    if (search == NULL)
        return;
    cohort_close(&search->cohort);
    free(search->order);
    free(search->deck);
    free(search);
    strategy->state = NULL;
}

static enum status_code evnas_open(struct strategy *strategy, struct status *status)
{
    enum status_code code = vary_check(strategy->study, status);
    if (code != STATUS_OK)
        return code;
    uint32_t size = settings(strategy)->population;
    struct evnas *search = strategy->state = calloc(1, sizeof *search);
    if (search != NULL) {
        search->order = calloc(size, sizeof *search->order);
        search->deck = calloc(size, sizeof *search->deck);
    }
    if (search == NULL || search->order == NULL || search->deck == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a population of %u", size);
    code = cohort_open(strategy, size, &search->cohort, status);
    if (code == STATUS_OK)
        cohort_begin_random(strategy, &search->cohort, size);
    return code;
}

/* --- the search --- */

static enum strategy_answer evnas_ask(struct strategy *strategy, struct arch *out)
{
    struct evnas *search = strategy->state;
    return cohort_ask(strategy, &search->cohort, out);
}

static void turn(struct strategy *strategy)
{
    struct evnas *search = strategy->state;
    cohort_sort(strategy, &search->cohort, 0, search->order);
    search->cohort.done = search->cohort.generation == settings(strategy)->generations;
    if (!search->cohort.done)
        rowwise_breed(strategy, &search->cohort, search->order, search->deck);
}

static void evnas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct evnas *search = strategy->state;
    cohort_tell(strategy, &search->cohort, ask, arch, result, turn);
}

static bool evnas_boundary(const struct strategy *strategy)
{
    const struct evnas *search = strategy->state;
    return cohort_boundary(&search->cohort);
}

static bool evnas_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct evnas *search = strategy->state;
    if (i >= search->cohort.count)
        return false;
    *out = search->cohort.arch[i];
    return true;
}

static uint32_t evnas_generation(const struct strategy *strategy)
{
    const struct evnas *search = strategy->state;
    return search->cohort.generation;
}

/* How many of its members are new nobody knows. */
static uint64_t evnas_total(const struct strategy *strategy)
{
    (void)strategy;
    return 0;
}

/* --- saving --- */

static struct json_t *evnas_save(const struct strategy *strategy)
{
    const struct evnas *search = strategy->state;
    return cohort_save(&search->cohort);
}

static enum status_code evnas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct evnas *search = strategy->state;
    enum status_code code = cohort_load(strategy, &search->cohort, saved, status);
    if (code != STATUS_OK)
        return code;
    if (search->cohort.count != settings(strategy)->population || search->cohort.generation > settings(strategy)->generations)
        return status_set(status, STATUS_BAD_INPUT, "saved search: generation %u of %u members does not fit the settings",
                          search->cohort.generation, search->cohort.count);
    return STATUS_OK;
}

const struct strategy_ops strategy_evnas = {
    .name = "evnas",
    .open = evnas_open,
    .close = evnas_close,
    .ask = evnas_ask,
    .tell = evnas_tell,
    .boundary = evnas_boundary,
    .save = evnas_save,
    .load = evnas_load,
    .generation = evnas_generation,
    .total = evnas_total,
    .member = evnas_member,
};
