/* strategy_surrogate: asks what a model of everything told so far expects most of. Called through strategy.c alone.
 *
 * The rule it keeps: everything is a function of the list of results and of what is under way. With generations the model moves in
 * steps of in_flight asks, which are all made from one model and waited for; steady, it knows all that has been told. Those under
 * way count with what is expected of them, so that a batch spreads along the front. */
#include "master/strategy_surrogate.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "master/gain.h"
#include "master/gaussian.h"
#include "master/individual.h"
#include "master/vary.h"

/* Results beyond so many still make the front, but the model, whose price per ask grows with them, learns no more. */
enum { MODEL_MAX = 2000 };

/* One ask in so many is a child of the front, unseen by the model. Ours. */
enum { BLIND = 8 };

/* Of the model: two that share no gene still correlate by 0.17 whatever the space. Ours. */
static const double REACH = 1.8, NOISE = 0.01;

struct pending {
    uint64_t ask;
    struct arch arch;
};

struct surrogate {
    struct individual_list told; /* in the order of the tells */
    size_t known;                /* of them, those that model and front know */
    struct pending *pending;     /* (in_flight) asked after the model came to know the last of those; owned */
    size_t pending_count;
    struct gaussian *model; /* predicts fitness, then every cost; owned */
    struct gain gain;       /* of the objectives; with what is expected of those pending */
    size_t *front;          /* (front_count) places in told; owned */
    size_t front_count;
    bool ready; /* model, gain and front are those of known and pending */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* --- open and close --- */

static enum status_code check_settings(const struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    if (s->population < 1 || s->generations < 1 || s->warmup < 2 || s->pool < 1 || s->in_flight < 1)
        return status_set(
            status, STATUS_BAD_INPUT,
            "strategy surrogate: at least 2 candidates of warm-up and 1 of population, generations, pool and in_flight are "
            "needed, not %u, %u, %u, %u and %u",
            s->warmup, s->population, s->generations, s->pool, s->in_flight);
    return preference_check(strategy->study, status);
}

static void surrogate_close(struct strategy *strategy)
{
    struct surrogate *search = strategy->state;
    if (search == NULL)
        return;
    individual_free(&search->told);
    free(search->pending);
    free(search->front);
    gaussian_free(search->model);
    gain_free(&search->gain);
    free(search);
    strategy->state = NULL;
}

static enum status_code surrogate_open(struct strategy *strategy, struct status *status)
{
    enum status_code code = check_settings(strategy, status);
    if (code != STATUS_OK)
        return code;
    struct surrogate *search = strategy->state = calloc(1, sizeof *search);
    if (search != NULL) {
        search->pending = calloc(settings(strategy)->in_flight, sizeof *search->pending);
        search->model = gaussian_new(space_gene_count(strategy->space), 1 + strategy->study->cost_count, REACH, NOISE);
    }
    if (search == NULL || search->pending == NULL || search->model == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for strategy surrogate");
    return STATUS_OK;
}

/* --- the model --- */

/* What the model is told of the first n: fitness below `least` is taken for that, since chance-level architectures would bend the
 * model where it matters; what is infeasible has the least, and costs what the feasible cost on average. */
static void fill_values(const struct strategy *strategy, size_t n, double least, double *values)
{
    const struct surrogate *search = strategy->state;
    size_t m = 1 + strategy->study->cost_count, feasible = 0;
    double mean[CONFIG_COSTS_MAX + 1] = {0};
    for (size_t i = 0; i < n; i++) {
        const struct individual *told = &search->told.list[i];
        feasible += told->told.feasible;
        for (size_t k = 1; k < m && told->told.feasible; k++)
            mean[k] += told->costs[k - 1];
    }
    for (size_t i = 0; i < n; i++) {
        const struct individual *told = &search->told.list[i];
        values[i * m] = told->told.feasible ? fmax(told->told.fitness, least) : least;
        for (size_t k = 1; k < m; k++)
            values[i * m + k] = told->told.feasible ? told->costs[k - 1] : feasible > 0 ? mean[k] / (double)feasible : 0;
    }
}

static bool learn(struct strategy *strategy, double *least)
{
    struct surrogate *search = strategy->state;
    size_t n = search->known < MODEL_MAX ? search->known : MODEL_MAX;
    double *values = malloc((n + 1) * (1 + strategy->study->cost_count) * sizeof *values);
    bool learnt = values != NULL;
    while (learnt && gaussian_count(search->model) < n)
        learnt = gaussian_add(search->model, search->told.list[gaussian_count(search->model)].told.arch.genes, 1);
    if (learnt) {
        *least = individual_poor_fitness(search->told.list, n, values);
        fill_values(strategy, n, *least, values);
        gaussian_fit(search->model, values);
    }
    free(values);
    return learnt;
}

/* The front of what is known and within its limits. */
static bool find_front(struct strategy *strategy, double least)
{
    struct surrogate *search = strategy->state;
    size_t m = 1, count = 0;
    double *points = malloc((search->known + 1) * (CONFIG_COSTS_MAX + 1) * sizeof *points);
    size_t *places = malloc((search->known + 1) * sizeof *places);
    bool *front = calloc(search->known + 1, sizeof *front), found = points != NULL && places != NULL && front != NULL;
    for (size_t i = 0; found && i < search->known; i++) {
        const struct individual *told = &search->told.list[i];
        double objectives[CONFIG_COSTS_MAX + 1];
        m = individual_objectives(strategy->study, told, objectives);
        objectives[0] = fmin(objectives[0], -least);
        if (!told->told.feasible || told->told.violation > 0)
            continue;
        memcpy(points + count * m, objectives, m * sizeof *points);
        places[count++] = i;
    }
    gain_free(&search->gain);
    search->front_count = 0;
    found = found && gain_open(&search->gain, points, count, m, front);
    for (size_t i = 0; found && i < count; i++)
        if (front[i])
            places[search->front_count++] = places[i];
    free(points);
    free(front);
    free(search->front);
    search->front = places;
    return found;
}

/* The expected objectives; returns the expected violation. */
static double expect(const struct strategy *strategy, const struct arch *arch, double objectives[CONFIG_COSTS_MAX + 1])
{
    const struct surrogate *search = strategy->state;
    double values[CONFIG_COSTS_MAX + 1], violation = 0;
    size_t m = 1;
    gaussian_predict(search->model, arch->genes, values);
    objectives[0] = -values[0];
    for (uint32_t i = 0; i < strategy->study->cost_count; i++) {
        const struct config_cost *cost = &strategy->study->costs[i];
        if (!cost->limit_only)
            objectives[m++] = values[1 + i];
        if (cost->has_max && values[1 + i] > cost->max)
            violation += (values[1 + i] - cost->max) / cost->max;
    }
    return violation;
}

static bool count_pending(struct strategy *strategy, const struct arch *arch)
{
    struct surrogate *search = strategy->state;
    double objectives[CONFIG_COSTS_MAX + 1];
    return expect(strategy, arch, objectives) > 0 || gain_expect(&search->gain, objectives);
}

/* Brings the model to what is known and under way. */
static bool prepare(struct strategy *strategy)
{
    struct surrogate *search = strategy->state;
    double least;
    if (search->ready)
        return true;
    if (!learn(strategy, &least) || !find_front(strategy, least))
        return false;
    for (size_t i = 0; i < search->pending_count; i++)
        if (!count_pending(strategy, &search->pending[i].arch))
            return false;
    search->ready = true;
    return true;
}

/* --- proposing --- */

/* Half of the pool is uniform, the other half lies around the front: one step away, or two with probability 1/2, and so on. Ours.
 */
static void draw(const struct strategy *strategy, struct rng *rng, struct arch *out)
{
    const struct surrogate *search = strategy->state;
    if (search->front_count == 0 || rng_below(rng, 2) == 0) {
        space_sample(strategy->space, rng, out);
        return;
    }
    *out = search->told.list[search->front[rng_below(rng, search->front_count)]].told.arch;
    do
        vary_step(strategy->space, rng, out);
    while (rng_below(rng, 2) == 0);
}

/* A child of two of the front, whatever the model thinks of it. Ours: a smooth model never looks where it expects nothing, and
 * what is best in one of these spaces is often better than its neighbours suggest. */
static void breed(const struct strategy *strategy, struct rng *rng, struct arch *out)
{
    const struct surrogate *search = strategy->state;
    const struct individual *mother = &search->told.list[search->front[rng_below(rng, search->front_count)]],
                            *father = &search->told.list[search->front[rng_below(rng, search->front_count)]];
    space_crossover(strategy->space, rng, &mother->told.arch, &father->told.arch, out);
    space_mutate(strategy->space, rng, settings(strategy)->mutation, out);
    vary_renew(strategy, rng, out);
}

/* Within the limits before beyond them. Until something is on the front, the fittest is wanted. */
static double promise(struct strategy *strategy, const struct arch *arch)
{
    static const double beyond = -1e9;
    struct surrogate *search = strategy->state;
    double objectives[CONFIG_COSTS_MAX + 1], violation = expect(strategy, arch, objectives);
    if (violation > 0)
        return beyond - violation;
    if (search->front_count == 0)
        return -objectives[0];
    double gained = gain_of(&search->gain, objectives);
    strategy->out_of_memory |= isnan(gained);
    return gained;
}

static void choose(struct strategy *strategy, struct rng *rng, struct arch *out)
{
    const struct surrogate *search = strategy->state;
    double best = -INFINITY;
    if (search->front_count > 0 && strategy->asked % BLIND == 0) {
        breed(strategy, rng, out);
        return;
    }
    for (uint32_t i = 0; i < settings(strategy)->pool; i++) {
        struct arch arch;
        draw(strategy, rng, &arch);
        if (vary_useless(strategy, &arch))
            continue;
        double promised = promise(strategy, &arch);
        if (promised > best) {
            best = promised;
            *out = arch;
        }
    }
    if (isinf(best)) {
        space_sample(strategy->space, rng, out);
        vary_renew(strategy, rng, out);
    }
}

/* Lets the model know the first n results; nothing is under way then but what was asked since. */
static void come_to_know(struct strategy *strategy, size_t n)
{
    struct surrogate *search = strategy->state;
    if (search->known == n)
        return;
    search->known = n;
    search->ready = false;
    if (!strategy_steady(strategy))
        search->pending_count = 0;
}

static enum strategy_answer ask_model(struct strategy *strategy, struct arch *out)
{
    struct surrogate *search = strategy->state;
    uint64_t in_flight = settings(strategy)->in_flight, searched = strategy->asked - settings(strategy)->warmup;
    uint64_t n = strategy_steady(strategy) ? strategy->told : strategy->asked - searched % in_flight;
    struct rng rng;
    if (strategy->told < n)
        return STRATEGY_WAIT;
    come_to_know(strategy, (size_t)n);
    strategy_rng(strategy, strategy->asked, &rng);
    if (prepare(strategy)) {
        choose(strategy, &rng, out);
        if (strategy->out_of_memory)
            return STRATEGY_WAIT;
        search->pending[search->pending_count++] = (struct pending){strategy->asked, *out};
        if (count_pending(strategy, out))
            return STRATEGY_ASK;
    }
    strategy->out_of_memory = true;
    return STRATEGY_WAIT;
}

static uint64_t surrogate_total(const struct strategy *strategy)
{
    return (uint64_t)settings(strategy)->population * settings(strategy)->generations;
}

static enum strategy_answer surrogate_ask(struct strategy *strategy, struct arch *out)
{
    uint32_t warmup = settings(strategy)->warmup;
    struct rng rng;
    if (strategy->asked == surrogate_total(strategy))
        return STRATEGY_DONE;
    if (strategy_steady(strategy) && strategy_full(strategy))
        return STRATEGY_WAIT;
    if (strategy->asked >= warmup)
        return strategy->told < warmup ? STRATEGY_WAIT : ask_model(strategy, out);
    strategy_rng(strategy, strategy->asked, &rng);
    space_sample(strategy->space, &rng, out);
    vary_renew(strategy, &rng, out);
    return STRATEGY_ASK;
}

/* --- learning --- */

static void no_longer_pending(struct surrogate *search, uint64_t ask)
{
    size_t i = 0;
    while (i < search->pending_count && search->pending[i].ask != ask)
        i++;
    if (i == search->pending_count)
        return;
    search->pending_count--;
    memmove(search->pending + i, search->pending + i + 1, (search->pending_count - i) * sizeof *search->pending);
}

static void surrogate_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct surrogate *search = strategy->state;
    struct individual newcomer = individual_of(strategy->study, ask, arch, result);
    if (!individual_add(&search->told, &newcomer)) {
        strategy->out_of_memory = true;
        return;
    }
    if (strategy_steady(strategy))
        no_longer_pending(search, ask);
}

/* With generations: nothing is under way from the last model. */
static bool surrogate_boundary(const struct strategy *strategy)
{
    uint32_t warmup = settings(strategy)->warmup;
    return strategy->told >= warmup && (strategy->told - warmup) % settings(strategy)->in_flight == 0;
}

static uint32_t surrogate_generation(const struct strategy *strategy)
{
    return (uint32_t)(strategy->told / settings(strategy)->population);
}

/* --- saving --- */

static struct json_t *save_pending(const struct surrogate *search)
{
    json_t *list = json_array();
    for (size_t i = 0; i < search->pending_count; i++) {
        char genes[STRATEGY_GENES_BYTES];
        strategy_genes_print(&search->pending[i].arch, genes);
        json_array_append_new(list, json_pack("{s:I, s:s}", "ask", (json_int_t)search->pending[i].ask, "genes", genes));
    }
    if (list != NULL && json_array_size(list) == search->pending_count)
        return list;
    json_decref(list);
    return NULL;
}

static struct json_t *surrogate_save(const struct strategy *strategy)
{
    const struct surrogate *search = strategy->state;
    json_t *told = individual_save(strategy->study, search->told.list, search->told.count), *pending = save_pending(search);
    if (told == NULL || pending == NULL) {
        json_decref(told);
        json_decref(pending);
        return NULL;
    }
    return json_pack("{s:I, s:o, s:o}", "known", (json_int_t)search->known, "pending", pending, "told", told);
}

static bool load_pending(const struct strategy *strategy, const json_t *list)
{
    struct surrogate *search = strategy->state;
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > settings(strategy)->in_flight)
        return false;
    for (size_t i = 0; i < count; i++) {
        json_int_t ask;
        const char *genes;
        if (json_unpack(json_array_get(list, i), "{s:I, s:s}", "ask", &ask, "genes", &genes) != 0 || ask < 0 ||
            !strategy_genes_parse(strategy->space, genes, &search->pending[i].arch))
            return false;
        search->pending[i].ask = (uint64_t)ask;
    }
    search->pending_count = count;
    return true;
}

/* So many are under way, or in the batch that the model does not know yet. */
static bool pending_fits(const struct strategy *strategy)
{
    const struct surrogate *search = strategy->state;
    uint32_t warmup = settings(strategy)->warmup;
    if (strategy->asked <= warmup)
        return search->pending_count == 0;
    return search->known <= strategy->told &&
           search->pending_count == strategy->asked - (strategy_steady(strategy) ? strategy->told : search->known);
}

static enum status_code surrogate_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct surrogate *search = strategy->state;
    json_int_t known;
    json_t *pending, *told;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:I, s:o, s:o}", "known", &known, "pending", &pending, "told",
                       &told) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    enum status_code code = individual_load_list(strategy, told, &search->told, status);
    if (code != STATUS_OK)
        return code;
    search->known = known >= 0 && (size_t)known <= search->told.count ? (size_t)known : search->told.count + 1;
    if (!load_pending(strategy, pending) || !pending_fits(strategy))
        return status_set(status, STATUS_BAD_INPUT, "saved search: what is under way does not go with %lld known results",
                          (long long)known);
    return STATUS_OK;
}

const struct strategy_ops strategy_surrogate = {
    .name = "surrogate",
    .open = surrogate_open,
    .close = surrogate_close,
    .ask = surrogate_ask,
    .tell = surrogate_tell,
    .boundary = surrogate_boundary,
    .save = surrogate_save,
    .load = surrogate_load,
    .generation = surrogate_generation,
    .total = surrogate_total,
    .steady = true,
};
