/* strategy_cmanas: see strategy_cmanas.h. Called through strategy.c alone.
 *
 * A generation is lambda samples, which lambda follows from the size of the matrix; from the second on also the mean of the
 * distribution, which is scored and teaches nothing. After the last the mean alone is scored: it is the answer. */
#include "master/strategy_cmanas.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "master/cmaes.h"
#include "master/cohort.h"

static const double first_sigma = 1.3; /* CMANAS's code */

struct cmanas {
    struct cohort cohort; /* the mean, but not in the first generation; then the samples */
    struct cmaes cmaes;
    uint32_t *order;       /* (lambda), owned */
    const double **sorted; /* (lambda), owned */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* --- open and close --- */

static void cmanas_close(struct strategy *strategy)
{
    struct cmanas *search = strategy->state;
    if (search == NULL)
        return;
    cohort_close(&search->cohort);
    cmaes_close(&search->cmaes);
    free(search->order);
    free(search->sorted);
    free(search);
    strategy->state = NULL;
}

/* The mean, when it is to be scored, and with `samples` lambda samples become the generation. */
static void sample(struct strategy *strategy, bool samples)
{
    struct cmanas *search = strategy->state;
    uint32_t count = 0;
    struct rng rng;
    cohort_rng(strategy, &search->cohort, &rng);
    if (search->cmaes.generation > 0)
        memcpy(cohort_next(&search->cohort, count++), search->cmaes.mean, search->cmaes.is.n * sizeof *search->cmaes.mean);
    for (size_t i = 0; samples && i < search->cmaes.is.lambda; i++)
        cmaes_sample(&search->cmaes, &rng, cohort_next(&search->cohort, count++));
    cohort_begin(strategy, &search->cohort, count);
}

static enum status_code cmanas_open(struct strategy *strategy, struct status *status)
{
    if (settings(strategy)->generations < 1)
        return status_set(status, STATUS_BAD_INPUT, "strategy cmanas: at least 1 generation is needed, not %u",
                          settings(strategy)->generations);
    enum status_code code = preference_check(strategy->study, status);
    if (code != STATUS_OK)
        return code;
    struct alpha_shape shape;
    alpha_shape(strategy->space, &shape);
    struct cmanas *search = strategy->state = calloc(1, sizeof *search);
    if (search == NULL || !cmaes_open(shape.size, first_sigma, &search->cmaes))
        return status_set(status, STATUS_NO_MEMORY, "no memory for a distribution of %zu numbers", shape.size);
    size_t lambda = search->cmaes.is.lambda;
    search->order = calloc(lambda, sizeof *search->order);
    search->sorted = calloc(lambda, sizeof *search->sorted);
    if (search->order == NULL || search->sorted == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu samples", lambda);
    code = cohort_open(strategy, (uint32_t)lambda + 1, &search->cohort, status);
    if (code == STATUS_OK)
        sample(strategy, true);
    return code;
}

/* --- the search --- */

static enum strategy_answer cmanas_ask(struct strategy *strategy, struct arch *out)
{
    struct cmanas *search = strategy->state;
    return cohort_ask(strategy, &search->cohort, out);
}

/* Is the mean among the members, before the samples? */
static uint32_t means(const struct cmanas *search)
{
    return search->cmaes.generation > 0 ? 1 : 0;
}

static void turn(struct strategy *strategy)
{
    struct cmanas *search = strategy->state;
    uint32_t first = means(search), lambda = search->cohort.count - first;
    search->cohort.done = lambda == 0;
    if (search->cohort.done)
        return;
    cohort_sort(strategy, &search->cohort, first, search->order);
    for (uint32_t i = 0; i < lambda; i++)
        search->sorted[i] = cohort_alpha(&search->cohort, search->order[i]);
    if (!cmaes_update(&search->cmaes, search->sorted)) {
        strategy->out_of_memory = true;
        return;
    }
    sample(strategy, search->cmaes.generation < settings(strategy)->generations);
}

static void cmanas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct cmanas *search = strategy->state;
    cohort_tell(strategy, &search->cohort, ask, arch, result, turn);
}

static bool cmanas_boundary(const struct strategy *strategy)
{
    const struct cmanas *search = strategy->state;
    return cohort_boundary(&search->cohort);
}

static uint32_t cmanas_generation(const struct strategy *strategy)
{
    const struct cmanas *search = strategy->state;
    return (uint32_t)search->cmaes.generation;
}

/* How many of its samples are new nobody knows. */
static uint64_t cmanas_total(const struct strategy *strategy)
{
    (void)strategy;
    return 0;
}

static bool cmanas_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct cmanas *search = strategy->state;
    if (i >= search->cohort.count)
        return false;
    *out = search->cohort.arch[i];
    return true;
}

static bool cmanas_answer(const struct strategy *strategy, struct arch *out)
{
    const struct cmanas *search = strategy->state;
    if (search->cohort.done)
        *out = search->cohort.arch[0];
    return search->cohort.done;
}

/* --- saving --- */

static struct json_t *cmanas_save(const struct strategy *strategy)
{
    const struct cmanas *search = strategy->state;
    json_t *cohort = cohort_save(&search->cohort), *cmaes = cmaes_save(&search->cmaes);
    if (cohort != NULL && cmaes != NULL)
        return json_pack("{s:o, s:o}", "cohort", cohort, "distribution", cmaes);
    json_decref(cohort);
    json_decref(cmaes);
    return NULL;
}

static enum status_code cmanas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct cmanas *search = strategy->state;
    uint32_t lambda = (uint32_t)search->cmaes.is.lambda, most = settings(strategy)->generations;
    if (!cmaes_load(&search->cmaes, json_object_get(saved, "distribution")) || search->cmaes.generation > most)
        return status_set(status, STATUS_BAD_INPUT, "saved search: the distribution cannot be read, or is not of these settings");
    enum status_code code = cohort_load(strategy, &search->cohort, json_object_get(saved, "cohort"), status);
    if (code != STATUS_OK)
        return code;
    uint32_t samples = search->cmaes.generation < most ? lambda : 0;
    if (search->cohort.count != means(search) + samples || (search->cohort.done && samples > 0))
        return status_set(status, STATUS_BAD_INPUT, "saved search: %u members after %llu generations do not fit the settings",
                          search->cohort.count, (unsigned long long)search->cmaes.generation);
    return STATUS_OK;
}

const struct strategy_ops strategy_cmanas = {
    .name = "cmanas",
    .open = cmanas_open,
    .close = cmanas_close,
    .ask = cmanas_ask,
    .tell = cmanas_tell,
    .boundary = cmanas_boundary,
    .save = cmanas_save,
    .load = cmanas_load,
    .generation = cmanas_generation,
    .total = cmanas_total,
    .member = cmanas_member,
    .answer = cmanas_answer,
};
