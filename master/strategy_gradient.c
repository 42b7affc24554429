/* strategy_gradient: see strategy_gradient.h. Called through strategy.c alone.
 *
 * The rule it keeps: the sweep is a function of the sample's results, made with the chance of its first ask. Every weight sees the
 * same draws, so that what differs between two of them comes from the weight. */
#include "master/strategy_gradient.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "common/rng.h"
#include "master/foresight.h"
#include "master/individual.h"
#include "master/preference.h"
#include "master/relax.h"
#include "master/vary.h"

/* What being beyond a limit by one standard deviation of the cost costs, in standard deviations of the fitness. Ours. */
static const double LIMIT_WEIGHT = 3;

struct gradient {
    struct individual_list told; /* in the order of the asks */
    struct arch *sweep;          /* (strategy.sweep) what each weight decided for; owned */
    size_t swept;                /* 0 before the sample has all its results */
};

/* The loss of one weight. Everything in standard deviations of the sample. */
struct weighing {
    const struct strategy *strategy;
    const struct foresight *foresight;
    size_t features;
    double lambda;
    double scale[CONFIG_COSTS_MAX + 1];
    double *slopes; /* (features) room */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

static uint64_t gradient_total(const struct strategy *strategy)
{
    return (uint64_t)settings(strategy)->warmup + settings(strategy)->sweep;
}

/* --- open and close --- */

static enum status_code check_settings(const struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    if (s->warmup < 2 || s->warmup > 100000 || s->sweep < 1 || s->sweep > 1000 || s->steps < 1 || s->steps > 1000000)
        return status_set(status, STATUS_BAD_INPUT,
                          "strategy gradient: a sample (warmup) of 2 to 100000, a sweep of 1 to 1000 and 1 to 1000000 steps are "
                          "needed, not %u, %u and %u",
                          s->warmup, s->sweep, s->steps);
    return preference_check(strategy->study, status);
}

static void gradient_close(struct strategy *strategy)
{
    struct gradient *search = strategy->state;
    if (search == NULL)
        return;
    individual_free(&search->told);
    free(search->sweep);
    free(search);
    strategy->state = NULL;
}

static enum status_code gradient_open(struct strategy *strategy, struct status *status)
{
    enum status_code code = check_settings(strategy, status);
    if (code != STATUS_OK)
        return code;
    struct gradient *search = strategy->state = calloc(1, sizeof *search);
    if (search != NULL)
        search->sweep = calloc(settings(strategy)->sweep, sizeof *search->sweep);
    if (search == NULL || search->sweep == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for strategy gradient");
    return STATUS_OK;
}

/* --- the loss --- */

/* Adds `times` the figure and its derivatives. */
static double add_figure(const struct weighing *weighing, size_t figure, const double *shares, double times, double *gradient)
{
    double value = predictor_relaxed(weighing->foresight->predictors[figure], shares, weighing->slopes);
    for (size_t i = 0; i < weighing->features; i++)
        gradient[i] += times * weighing->slopes[i];
    return value;
}

static double loss(void *context, const double *shares, double *gradient)
{
    const struct weighing *weighing = context;
    const struct config_study *study = weighing->strategy->study;
    for (size_t i = 0; i < weighing->features; i++)
        gradient[i] = 0;
    double sum = -add_figure(weighing, 0, shares, -1 / weighing->scale[0], gradient) / weighing->scale[0];
    for (uint32_t i = 0; i < study->cost_count; i++) {
        const struct config_cost *cost = &study->costs[i];
        double unit = 1 / weighing->scale[i + 1], weight = cost->limit_only ? 0 : weighing->lambda * unit;
        double value = add_figure(weighing, i + 1, shares, weight, gradient);
        sum += weight * value;
        if (!cost->has_max || value <= cost->max)
            continue;
        for (size_t j = 0; j < weighing->features; j++)
            gradient[j] += LIMIT_WEIGHT * unit * weighing->slopes[j];
        sum += LIMIT_WEIGHT * unit * (value - cost->max);
    }
    return sum;
}

/* Standard deviations of the feasible, 1 where they do not vary. */
static void measure_scales(const struct strategy *strategy, struct weighing *out)
{
    const struct gradient *search = strategy->state;
    for (size_t figure = 0; figure <= strategy->study->cost_count; figure++) {
        double count = 0, sum = 0, squares = 0;
        for (size_t i = 0; i < search->told.count; i++) {
            const struct individual *told = &search->told.list[i];
            double value = figure == 0 ? told->told.fitness : told->costs[figure - 1];
            if (!told->told.feasible)
                continue;
            count += 1;
            sum += value;
            squares += value * value;
        }
        double variance = squares / count - sum / count * (sum / count);
        out->scale[figure] = variance > 0 ? sqrt(variance) : 1;
    }
}

/* --- the sweep --- */

static double loss_of(struct weighing *weighing, const struct arch *arch, double *shares, double *gradient)
{
    size_t first = 0;
    for (size_t i = 0; i < weighing->features; i++)
        shares[i] = 0;
    for (size_t gene = 0; gene < arch->length; gene++) {
        shares[first + arch->genes[gene]] = 1;
        first += (size_t)space_choices(weighing->strategy->space, gene);
    }
    return loss(weighing, shares, gradient);
}

/* Predictors know nothing of what is disconnected: of its neighbours by one gene that are connected, the one of the least loss; as
 * it is where there is none. */
static void connect(struct weighing *weighing, double *room, struct arch *arch)
{
    const struct space *space = weighing->strategy->space;
    struct arch best = *arch;
    double least = INFINITY;
    for (size_t gene = 0; gene < arch->length && !space_connected(space, arch); gene++) {
        for (int value = 0; value < space_choices(space, gene); value++) {
            struct arch neighbour = *arch;
            neighbour.genes[gene] = (uint8_t)value;
            if (!space_connected(space, &neighbour))
                continue;
            double its = loss_of(weighing, &neighbour, room, room + weighing->features);
            if (its >= least)
                continue;
            least = its;
            best = neighbour;
        }
    }
    *arch = best;
}

static bool descend(struct strategy *strategy, const struct foresight *foresight, const struct rng *rng)
{
    struct gradient *search = strategy->state;
    size_t features = predictor_features(strategy->space);
    struct weighing weighing = {
        .strategy = strategy, .foresight = foresight, .features = features, .slopes = calloc(3 * features, sizeof(double))};
    if (weighing.slopes == NULL)
        return false;
    measure_scales(strategy, &weighing);
    for (uint32_t i = 0; i < settings(strategy)->sweep; i++) {
        struct rng draws = *rng;
        weighing.lambda = relax_weight(settings(strategy), i);
        relax_descend(strategy->space, settings(strategy)->relaxation, settings(strategy)->steps, &draws, loss, &weighing,
                      &search->sweep[i]);
        connect(&weighing, weighing.slopes + features, &search->sweep[i]);
    }
    search->swept = settings(strategy)->sweep;
    free(weighing.slopes);
    return true;
}

/* False without memory. Only where foresight_possible. */
static bool make_sweep(struct strategy *strategy)
{
    static const struct foresight_kinds kinds = {1 << PREDICTOR_MLP, PREDICTOR_FAST, false, true};
    struct gradient *search = strategy->state;
    struct foresight foresight;
    struct status status = {0};
    struct rng rng;
    strategy_rng(strategy, strategy->asked, &rng);
    bool done = foresight_learn(strategy, search->told.list, search->told.count, &kinds, &rng, &foresight, &status) == STATUS_OK &&
                descend(strategy, &foresight, &rng);
    foresight_free(&foresight);
    return done;
}

static enum strategy_answer ask_sweep(struct strategy *strategy, struct arch *out)
{
    struct gradient *search = strategy->state;
    if (strategy->told < settings(strategy)->warmup)
        return STRATEGY_WAIT;
    if (search->swept == 0 && !foresight_possible(search->told.list, search->told.count))
        return STRATEGY_DONE;
    if (search->swept == 0 && !make_sweep(strategy)) {
        strategy->out_of_memory = true;
        return STRATEGY_WAIT;
    }
    *out = search->sweep[strategy->asked - settings(strategy)->warmup];
    return STRATEGY_ASK;
}

static enum strategy_answer gradient_ask(struct strategy *strategy, struct arch *out)
{
    struct rng rng;
    if (strategy->asked == gradient_total(strategy))
        return STRATEGY_DONE;
    if (strategy->asked >= settings(strategy)->warmup)
        return ask_sweep(strategy, out);
    strategy_rng(strategy, strategy->asked, &rng);
    return vary_random(strategy, &rng, out) ? STRATEGY_ASK : STRATEGY_DONE;
}

/* --- learning --- */

static void gradient_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct gradient *search = strategy->state;
    struct individual newcomer = individual_of(strategy->study, ask, arch, result);
    strategy->out_of_memory |= !individual_add(&search->told, &newcomer);
}

static bool gradient_boundary(const struct strategy *strategy)
{
    return strategy->told == settings(strategy)->warmup || strategy->told == gradient_total(strategy);
}

static uint32_t gradient_generation(const struct strategy *strategy)
{
    return strategy->told == gradient_total(strategy) ? 2 : strategy->told >= settings(strategy)->warmup ? 1 : 0;
}

static bool gradient_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct gradient *search = strategy->state;
    if (i >= search->swept)
        return false;
    *out = search->sweep[i];
    return true;
}

/* Of a sweep the front is the answer. */
static bool gradient_answers(const struct config_study *study)
{
    return study->strategy.sweep == 1;
}

static bool gradient_answer(const struct strategy *strategy, struct arch *out)
{
    return gradient_answers(strategy->study) && strategy->told == gradient_total(strategy) && gradient_member(strategy, 0, out);
}

/* --- saving --- */

static struct json_t *gradient_save(const struct strategy *strategy)
{
    const struct gradient *search = strategy->state;
    json_t *told = individual_save(strategy->study, search->told.list, search->told.count);
    json_t *sweep = strategy_archs_save(search->sweep, search->swept);
    if (told == NULL || sweep == NULL) {
        json_decref(told);
        json_decref(sweep);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "sweep", sweep, "told", told);
}

static enum status_code gradient_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct gradient *search = strategy->state;
    json_t *sweep, *told;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:o, s:o}", "sweep", &sweep, "told", &told) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    enum status_code code = individual_load_list(strategy, told, &search->told, status);
    if (code != STATUS_OK)
        return code;
    size_t swept = strategy_archs_load(strategy->space, sweep, search->sweep, settings(strategy)->sweep);
    if (strategy->asked > gradient_total(strategy) || (swept != 0 && swept != settings(strategy)->sweep) ||
        (swept == 0 && strategy->asked > settings(strategy)->warmup) || (swept != 0 && strategy->told < settings(strategy)->warmup))
        return status_set(status, STATUS_BAD_INPUT, "saved search: the sweep cannot be read, or does not go with %llu asks",
                          (unsigned long long)strategy->asked);
    search->swept = swept;
    return STATUS_OK;
}

const struct strategy_ops strategy_gradient = {
    .name = "gradient",
    .open = gradient_open,
    .close = gradient_close,
    .ask = gradient_ask,
    .tell = gradient_tell,
    .boundary = gradient_boundary,
    .save = gradient_save,
    .load = gradient_load,
    .generation = gradient_generation,
    .total = gradient_total,
    .member = gradient_member,
    .answer = gradient_answer,
    .answers = gradient_answers,
    .generations = 2, /* the sample and the sweep */
};
