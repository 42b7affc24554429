/* study_bilevel: architectures out of a one-shot net whose weights and whose architecture are trained in turns (DARTS, Liu et al.,
 * ICLR 2019, first order; with costs Latency-DARTS, arXiv 2001.06392). Part of study.
 *
 * For each weight of the sweep there is a training of its own from the same beginning. The costs pull at the shares of the
 * operations: ridge regression on a random sample's costs says by how much, in standard deviations of the cost; being linear, it
 * pulls alike all the way, so that workers need not ask. All trainings are wanted at once, and what each ends with is asked in the
 * order of the weights.
 *
 * `none` is no choice: it costs nothing and, behind a batch norm, its share only scales what the others give, so that it takes
 * nearly all there is, whatever the loss (DARTS leaves it out of the decision for that reason, section 2.4). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "master/predictor.h"
#include "master/relax.h"
#include "master/study_parts.h"

enum { SAMPLE = 1000, SAMPLE_TRIES = 100 };
static const uint64_t SAMPLE_CHANCE = (uint64_t)1 << 62; /* of the numbers that strategy_rng takes; asks have those below */

enum status_code study_bilevel_check(const struct study *study, struct status *status)
{
    const struct config_study *config = study->config;
    if (study->space->ops->matrix != NULL)
        return status_set(status, STATUS_BAD_INPUT, "study %s: strategy bilevel is there for the space nb201, not for %s",
                          config->name, config->space);
    for (uint32_t i = 0; i < config->cost_count; i++)
        if (config->costs[i].source == CONFIG_COST_AGENT)
            return status_set(status, STATUS_BAD_INPUT,
                              "study %s: strategy bilevel has to know cost %s before it measures anything; take a table, a look-up "
                              "table (`hwnas device calibrate` makes one), macs or params",
                              config->name, config->costs[i].name);
    return STATUS_OK;
}

/* --- what costs add to the loss --- */

struct sample {
    struct arch *archs;               /* (SAMPLE) */
    double *values[CONFIG_COSTS_MAX]; /* (SAMPLE) each */
    size_t count;
};

static void free_sample(struct sample *sample)
{
    free(sample->archs);
    for (size_t i = 0; i < CONFIG_COSTS_MAX; i++)
        free(sample->values[i]);
}

/* Random connected architectures whose costs are known. False without memory. */
static bool draw_sample(const struct study *study, struct rng *rng, struct sample *out)
{
    out->archs = calloc(SAMPLE, sizeof *out->archs);
    bool there = out->archs != NULL;
    for (uint32_t i = 0; i < study->config->cost_count; i++)
        there &= (out->values[i] = calloc(SAMPLE, sizeof *out->values[i])) != NULL;
    for (size_t tries = 0; there && out->count < SAMPLE && tries < (size_t)SAMPLE * SAMPLE_TRIES; tries++) {
        struct study_candidate candidate = {.ask = 0};
        space_sample(study->space, rng, &candidate.arch);
        if (!space_connected(study->space, &candidate.arch))
            continue;
        enum status_code code = study_immediate_costs(study, &candidate);
        there = code != STATUS_NO_MEMORY;
        if (code != STATUS_OK)
            continue;
        for (uint32_t i = 0; i < study->config->cost_count; i++)
            out->values[i][out->count] = candidate.result.costs[i];
        out->archs[out->count++] = candidate.arch;
    }
    return there;
}

static double deviation(const double *values, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - sum / (double)count) * (values[i] - sum / (double)count);
    return count > 1 ? sqrt(squares / (double)(count - 1)) : 0;
}

/* Adds what one cost pulls with. Of a cost that does not vary, nothing. False without memory. */
static bool add_pull(const struct study *study, const struct sample *sample, uint32_t cost, struct rng *rng, double *pull)
{
    const struct predictor_examples examples = {study->space, sample->archs, sample->values[cost], sample->count};
    double spread = deviation(sample->values[cost], sample->count), slopes[SPACE_MATRIX_MAX], shares[SPACE_MATRIX_MAX] = {0};
    struct predictor_settings settings;
    struct predictor_error error;
    struct predictor *predictor = NULL;
    if (!(spread > 0))
        return true;
    enum status_code code = predictor_choose(&examples, 1 << PREDICTOR_RIDGE, false, rng, &settings, &error, NULL);
    if (code == STATUS_OK)
        code = predictor_fit(&examples, &settings, rng, &predictor, NULL);
    if (code != STATUS_OK)
        return false;
    predictor_relaxed(predictor, shares, slopes);
    for (size_t i = 0; i < predictor_features(study->space); i++)
        pull[i] += slopes[i] / spread;
    predictor_free(predictor);
    return true;
}

/* All costs that are minimised, each in its standard deviations. */
static bool learn_pull(const struct study *study, double pull[SPACE_MATRIX_MAX])
{
    struct sample sample = {.count = 0};
    struct rng rng;
    strategy_rng(&study->strategy, SAMPLE_CHANCE, &rng);
    memset(pull, 0, SPACE_MATRIX_MAX * sizeof *pull);
    bool done = draw_sample(study, &rng, &sample);
    for (uint32_t i = 0; i < study->config->cost_count && done && sample.count > 0; i++)
        if (!study->config->costs[i].limit_only)
            done = add_pull(study, &sample, i, &rng, pull);
    free_sample(&sample);
    return done;
}

/* --- the trainings --- */

/* The number of its last point, or COURSE_NO_MEMORY. */
static int plan_training(struct study *study, const double *pull)
{
    uint32_t epochs = study->config->fitness.oneshot.epochs;
    struct course_point point = {.pull = pull, .pull_count = predictor_features(study->space)};
    int previous = COURSE_NONE;
    space_mask_operations(study->space, &point.mask);
    for (uint32_t epoch = 0; epoch < epochs && previous != COURSE_NO_MEMORY; epoch++) {
        point.previous = previous;
        point.epoch = epoch;
        point.read = point.kept = epoch + 1 == epochs;
        previous = course_append(study->oneshot.course, &point);
    }
    return previous;
}

static bool plan_all(struct study *study)
{
    const struct config_strategy *settings = &study->config->strategy;
    struct study_oneshot_course *oneshot = &study->oneshot;
    size_t features = predictor_features(study->space);
    double unit[SPACE_MATRIX_MAX];
    oneshot->pulls = calloc(settings->sweep * features, sizeof *oneshot->pulls);
    int *ends = calloc(settings->sweep, sizeof *ends);
    bool done = oneshot->pulls != NULL && ends != NULL && learn_pull(study, unit);
    for (uint32_t i = 0; i < settings->sweep && done; i++) {
        double *pull = oneshot->pulls + i * features;
        for (size_t k = 0; k < features; k++)
            pull[k] = relax_weight(settings, i) * unit[k];
        ends[i] = plan_training(study, pull);
        done = ends[i] != COURSE_NO_MEMORY;
    }
    oneshot->ends = ends;
    return done;
}

/* The largest number of each row that was trained: without `none` the input always reaches the output. */
static void decide(const struct space *space, const double *alpha, struct arch *out)
{
    struct space_mask mask;
    double numbers[SPACE_MATRIX_MAX];
    memcpy(numbers, alpha, sizeof numbers);
    space_mask_operations(space, &mask);
    space_mask_values(space, &mask, numbers);
    space_decode(space, numbers, out);
}

bool study_bilevel_offer(struct study *study)
{
    struct study_oneshot_course *oneshot = &study->oneshot;
    struct strategy *strategy = &study->strategy;
    struct arch arch;
    if (oneshot->ends == NULL && !plan_all(study))
        return false;
    bool offered = strategy_member(strategy, strategy->asked, &arch);
    for (uint64_t i = strategy->asked + offered; i < study->config->strategy.sweep; i++)
        course_need(oneshot->course, oneshot->ends[i]);
    if (strategy->asked == study->config->strategy.sweep || offered)
        return true;
    const double *alpha = course_alpha(oneshot->course, oneshot->ends[strategy->asked]);
    if (alpha == NULL)
        return true;
    decide(study->space, alpha, &arch);
    strategy_offer(strategy, &arch);
    return true;
}
