/* strategy_rminas: random candidates, then those a random forest thinks good, then the vote of the best. Called through strategy.c
 * alone.
 *
 * The rule it keeps: everything is a function of the list of results (`told`) and of the ask's number. A forest is grown on the
 * first n results with chance that belongs to n. With generations, n moves in steps of in_flight asks, which are all made from one
 * forest and waited for; steady, n is what has been told. With in_flight 1 both are the published loop. */
#include "master/strategy_rminas.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "master/forest.h"
#include "master/preference.h"
#include "master/vary.h"

/* How often a random candidate of the warm-up is drawn again before a neighbour is taken. */
enum { DRAW_TRIES = 256 };

/* Of the numbers that strategy_rng takes, asks have the lower half. */
static const uint64_t FOREST_CHANCE = (uint64_t)1 << 63;

struct rminas {
    struct preference_member *told; /* owned: everything told, in the order of the tells */
    size_t count, room;
    double threshold; /* on fitness; known from the end of the warm-up on */
    struct forest *forest;
    size_t grown_on;                 /* results that the forest knows; 0: none is grown */
    uint8_t choices[ARCH_GENES_MAX]; /* of the space */
    bool answered;                   /* the answer has been asked: nothing more to do */
    struct arch answer;              /* then */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* --- open and close --- */

static enum status_code check_settings(const struct strategy *strategy, struct status *status)
{
    const struct config_strategy *s = settings(strategy);
    if (s->warmup < 2 || s->positives < 1 || s->pool < 1 || s->trees < 1 || s->consensus < 1 || s->in_flight < 1)
        return status_set(
            status, STATUS_BAD_INPUT,
            "strategy rminas: at least 2 candidates of warm-up and 1 of positives, pool, trees, consensus and in_flight "
            "are needed, not %u, %u, %u, %u, %u and %u",
            s->warmup, s->positives, s->pool, s->trees, s->consensus, s->in_flight);
    if (!(s->quantile > 0 && s->quantile < 1))
        return status_set(status, STATUS_BAD_INPUT, "strategy rminas: quantile must be between 0 and 1, not %g", s->quantile);
    return preference_check(strategy->study, status);
}

static void rminas_close(struct strategy *strategy)
{
    struct rminas *search = strategy->state;
    if (search == NULL)
        return;
    free(search->told);
    forest_free(search->forest);
    free(search);
    strategy->state = NULL;
}

static enum status_code rminas_open(struct strategy *strategy, struct status *status)
{
    enum status_code code = check_settings(strategy, status);
    if (code != STATUS_OK)
        return code;
    struct rminas *search = strategy->state = calloc(1, sizeof *search);
    if (search == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for strategy rminas");
    for (size_t i = 0; i < space_gene_count(strategy->space); i++)
        search->choices[i] = (uint8_t)space_choices(strategy->space, i);
    return STATUS_OK;
}

/* --- what is good --- */

/* May it be called good at all? What is over a limit may not (ours: the paper has no limits). */
static bool eligible(const struct preference_member *member)
{
    return member->feasible && !(member->violation > 0);
}

static bool positive(const struct rminas *search, const struct preference_member *member)
{
    return eligible(member) && member->fitness >= search->threshold;
}

static int by_fitness(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a > b ? -1 : a < b;
}

/* The fitness that the best `quantile` of the warm-up reach, interpolated as numpy does; where the worse neighbour is not eligible,
 * that of the better; -INFINITY (all that are eligible are good) where there are too few. */
static bool set_threshold(struct strategy *strategy)
{
    struct rminas *search = strategy->state;
    size_t n = settings(strategy)->warmup;
    double place = settings(strategy)->quantile * (double)(n - 1), *sorted = malloc(n * sizeof *sorted);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        sorted[i] = eligible(&search->told[i]) ? search->told[i].fitness : -INFINITY;
    qsort(sorted, n, sizeof *sorted, by_fitness);
    size_t better = (size_t)place;
    double share = place - (double)better;
    search->threshold = sorted[better];
    if (better + 1 < n && !isinf(sorted[better + 1]))
        search->threshold = (1 - share) * sorted[better] + share * sorted[better + 1];
    free(sorted);
    return true;
}

/* Good ones that the forest found, among the first n results. */
static size_t found(const struct strategy *strategy, size_t n)
{
    const struct rminas *search = strategy->state;
    size_t count = 0;
    for (size_t i = settings(strategy)->warmup; i < n; i++)
        count += positive(search, &search->told[i]);
    return count;
}

/* --- the forest --- */

static bool grow(struct strategy *strategy, size_t n)
{
    struct rminas *search = strategy->state;
    size_t columns = space_gene_count(strategy->space);
    if (search->grown_on == n)
        return true;
    uint8_t *values = malloc(n * columns);
    bool *labels = malloc(n * sizeof *labels);
    struct rng rng;
    forest_free(search->forest);
    search->forest = NULL;
    search->grown_on = 0;
    for (size_t i = 0; values != NULL && labels != NULL && i < n; i++) {
        memcpy(values + i * columns, search->told[i].arch.genes, columns);
        labels[i] = positive(search, &search->told[i]);
    }
    strategy_rng(strategy, FOREST_CHANCE + n, &rng);
    if (values != NULL && labels != NULL)
        search->forest =
            forest_grow(&(struct forest_rows){values, labels, n, columns, search->choices}, settings(strategy)->trees, &rng);
    if (search->forest != NULL)
        search->grown_on = n;
    free(values);
    free(labels);
    return search->forest != NULL;
}

/* --- proposing --- */

/* The plain algorithm also proposes what cannot work, and learns from it. */
static bool unwanted(const struct strategy *strategy, const struct arch *arch)
{
    return settings(strategy)->plain ? strategy_known(strategy, arch) : vary_useless(strategy, arch);
}

/* Uniform, without what was drawn before; false when the space is all but used up. */
static bool draw(const struct strategy *strategy, struct rng *rng, struct arch *out)
{
    for (int i = 0; i < DRAW_TRIES; i++) {
        space_sample(strategy->space, rng, out);
        if (!unwanted(strategy, out))
            return true;
    }
    return vary_renew(strategy, rng, out);
}

/* Of a pool of random candidates the one that the forest believes in most, the first of equals. */
static bool choose(const struct strategy *strategy, struct rng *rng, struct arch *out)
{
    const struct rminas *search = strategy->state;
    double best = -1;
    for (uint32_t i = 0; i < settings(strategy)->pool; i++) {
        struct arch arch;
        space_sample(strategy->space, rng, &arch);
        if (unwanted(strategy, &arch))
            continue;
        double probability = forest_probability(search->forest, arch.genes);
        if (probability > best) {
            best = probability;
            *out = arch;
        }
    }
    return best >= 0 || draw(strategy, rng, out);
}

/* The first result that the forest for the next ask does not know. */
static size_t known_results(const struct strategy *strategy)
{
    if (strategy_steady(strategy))
        return strategy->told;
    uint64_t searched = strategy->asked - settings(strategy)->warmup;
    return (size_t)(strategy->asked - searched % settings(strategy)->in_flight);
}

static int by_goodness(const void *left, const void *right)
{
    const struct preference_member *a = left, *b = right;
    if (a->fitness != b->fitness)
        return a->fitness > b->fitness ? -1 : 1;
    return a->ask < b->ask ? -1 : a->ask > b->ask;
}

/* The good ones, best first, at the front of a copy of what was told; *count says how many. Caller frees; NULL without memory. */
static struct preference_member *sorted_positives(const struct rminas *search, size_t *count)
{
    struct preference_member *good = malloc((search->count + 1) * sizeof *good);
    *count = 0;
    for (size_t i = 0; good != NULL && i < search->count; i++)
        if (positive(search, &search->told[i]))
            good[(*count)++] = search->told[i];
    if (good != NULL)
        qsort(good, *count, sizeof *good, by_goodness);
    return good;
}

/* Gene by gene the value that most of the best good ones have; of equals the smallest, as argmax does. */
static void vote(const struct strategy *strategy, const struct preference_member *good, size_t voters, struct arch *out)
{
    *out = (struct arch){.length = (uint8_t)space_gene_count(strategy->space)};
    for (size_t gene = 0; gene < out->length; gene++) {
        size_t votes[UINT8_MAX + 1] = {0};
        for (size_t i = 0; i < voters; i++)
            votes[good[i].arch.genes[gene]]++;
        for (size_t value = 1; value <= UINT8_MAX; value++)
            if (votes[value] > votes[out->genes[gene]])
                out->genes[gene] = (uint8_t)value;
    }
}

/* The search is over: its answer is asked like any other candidate, so that it is evaluated and stored. */
static enum strategy_answer ask_answer(struct strategy *strategy, struct arch *out)
{
    struct rminas *search = strategy->state;
    size_t count;
    if (strategy->told < strategy->asked)
        return STRATEGY_WAIT;
    struct preference_member *good = sorted_positives(search, &count);
    strategy->out_of_memory |= good == NULL;
    if (count > 0) {
        vote(strategy, good, count < settings(strategy)->consensus ? count : settings(strategy)->consensus, &search->answer);
        search->answered = true;
        *out = search->answer;
    }
    free(good);
    return count > 0 ? STRATEGY_ASK : good == NULL ? STRATEGY_WAIT : STRATEGY_DONE;
}

static enum strategy_answer ask_forest(struct strategy *strategy, struct arch *out)
{
    struct rng rng;
    size_t n = known_results(strategy);
    if (strategy->told < n)
        return STRATEGY_WAIT;
    if (found(strategy, n) >= settings(strategy)->positives)
        return ask_answer(strategy, out);
    strategy->out_of_memory |= !grow(strategy, n);
    if (strategy->out_of_memory)
        return STRATEGY_WAIT;
    strategy_rng(strategy, strategy->asked, &rng);
    return choose(strategy, &rng, out) ? STRATEGY_ASK : ask_answer(strategy, out);
}

static enum strategy_answer rminas_ask(struct strategy *strategy, struct arch *out)
{
    const struct rminas *search = strategy->state;
    uint32_t warmup = settings(strategy)->warmup;
    struct rng rng;
    if (search->answered)
        return STRATEGY_DONE;
    if (strategy_steady(strategy) && strategy_full(strategy))
        return STRATEGY_WAIT;
    if (strategy->asked < warmup) {
        strategy_rng(strategy, strategy->asked, &rng);
        draw(strategy, &rng, out); /* a warm-up larger than the space repeats itself */
        return STRATEGY_ASK;
    }
    return strategy->told < warmup ? STRATEGY_WAIT : ask_forest(strategy, out);
}

/* --- learning --- */

static bool make_room(struct rminas *search, size_t count)
{
    if (count <= search->room)
        return true;
    size_t room = count < 256 ? 256 : count + count / 2;
    struct preference_member *told = realloc(search->told, room * sizeof *told);
    if (told == NULL)
        return false;
    search->told = told;
    search->room = room;
    return true;
}

static void rminas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct rminas *search = strategy->state;
    if (!make_room(search, search->count + 1)) {
        strategy->out_of_memory = true;
        return;
    }
    search->told[search->count++] = preference_member(strategy->study, ask, arch, result);
    if (search->count == settings(strategy)->warmup)
        strategy->out_of_memory |= !set_threshold(strategy);
}

/* Between two forests, with nothing under way from the last. */
static bool rminas_boundary(const struct strategy *strategy)
{
    uint32_t warmup = settings(strategy)->warmup;
    return strategy->told >= warmup && (strategy->told - warmup) % settings(strategy)->in_flight == 0;
}

/* The good ones, in the order they were told. */
static bool rminas_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct rminas *search = strategy->state;
    if (search->count < settings(strategy)->warmup)
        return false;
    for (size_t at = 0; at < search->count; at++)
        if (positive(search, &search->told[at]) && i-- == 0) {
            *out = search->told[at].arch;
            return true;
        }
    return false;
}

static bool rminas_answer(const struct strategy *strategy, struct arch *out)
{
    const struct rminas *search = strategy->state;
    if (search->answered)
        *out = search->answer;
    return search->answered;
}

/* The warm-up is the first, then as many as can be in flight. */
static uint32_t rminas_generation(const struct strategy *strategy)
{
    uint32_t warmup = settings(strategy)->warmup;
    return strategy->told < warmup ? 0 : 1 + (uint32_t)((strategy->told - warmup) / settings(strategy)->in_flight);
}

static uint64_t rminas_total(const struct strategy *strategy)
{
    (void)strategy;
    return 0;
}

/* --- saving --- */

static struct json_t *rminas_save(const struct strategy *strategy)
{
    const struct rminas *search = strategy->state;
    char genes[STRATEGY_GENES_BYTES] = "";
    json_t *told = preference_save(search->told, search->count);
    if (told == NULL)
        return NULL;
    if (search->answered)
        strategy_genes_print(&search->answer, genes);
    return json_pack("{s:o, s:b, s:s}", "told", told, "answered", (int)search->answered, "answer", genes);
}

static enum status_code rminas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct rminas *search = strategy->state;
    json_t *told;
    int answered;
    const char *genes;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:o, s:b, s:s}", "told", &told, "answered", &answered, "answer",
                       &genes) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    size_t count = json_array_size(told);
    if (!make_room(search, count))
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu results", count);
    if (count != strategy->told || preference_load(strategy->space, told, search->told, count) != count)
        return status_set(status, STATUS_BAD_INPUT, "saved search: the list of %zu results cannot be read, or is not one of %llu",
                          count, (unsigned long long)strategy->told);
    if (answered && !strategy_genes_parse(strategy->space, genes, &search->answer))
        return status_set(status, STATUS_BAD_INPUT, "saved search: the answer is not an architecture");
    search->answered = answered;
    search->count = count;
    if (count >= settings(strategy)->warmup && !set_threshold(strategy))
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu results", count);
    return STATUS_OK;
}

const struct strategy_ops strategy_rminas = {
    .name = "rminas",
    .open = rminas_open,
    .close = rminas_close,
    .ask = rminas_ask,
    .tell = rminas_tell,
    .boundary = rminas_boundary,
    .save = rminas_save,
    .load = rminas_load,
    .generation = rminas_generation,
    .total = rminas_total,
    .steady = true,
    .member = rminas_member,
    .answer = rminas_answer,
};
