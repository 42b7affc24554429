/* strategy_evnas: see strategy_evnas.h. Called through strategy.c alone. With elites the best told is always a member, so the best
 * candidate found is the method's answer; but where each generation is scored by weights of its own, the best of the last one is.
 */
#include "master/strategy_evnas.h"

#include <jansson.h>
#include <stdlib.h>

#include "master/rowwise.h"

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

static void evnas_close(struct strategy *strategy)
{
    if (strategy->state != NULL)
        rowwise_close(strategy->state);
    free(strategy->state);
    strategy->state = NULL;
}

static enum status_code evnas_open(struct strategy *strategy, struct status *status)
{
    struct rowwise *search = strategy->state = calloc(1, sizeof *search);
    if (search == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for strategy evnas");
    enum status_code code = rowwise_open(strategy, search, status);
    if (code == STATUS_OK)
        cohort_begin_random(strategy, &search->cohort, settings(strategy)->population);
    return code;
}

static void turn(struct strategy *strategy)
{
    struct rowwise *search = strategy->state;
    rowwise_sort(strategy, search);
    search->cohort.done = search->cohort.generation == settings(strategy)->generations;
    if (!search->cohort.done)
        rowwise_breed(strategy, search);
}

static void evnas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct rowwise *search = strategy->state;
    cohort_tell(strategy, &search->cohort, ask, arch, result, turn);
}

static bool evnas_answer(const struct strategy *strategy, struct arch *out)
{
    const struct rowwise *search = strategy->state;
    bool answers = search->cohort.done && search->cohort.renewed;
    if (answers)
        *out = search->cohort.arch[search->order[0]];
    return answers;
}

static struct json_t *evnas_save(const struct strategy *strategy)
{
    const struct rowwise *search = strategy->state;
    return cohort_save(&search->cohort);
}

static enum status_code evnas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct rowwise *search = strategy->state;
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
    .ask = rowwise_ask,
    .tell = evnas_tell,
    .boundary = rowwise_boundary,
    .save = evnas_save,
    .load = evnas_load,
    .generation = rowwise_generation,
    .total = rowwise_total,
    .member = rowwise_member,
    .answer = evnas_answer,
    .answers = cohort_trains,
};
