/* strategy_evrsnas: what is proposed, what is preferred, and that a saved search goes on as if nothing had happened. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "master/strategy.h"

enum { ASKS_MAX = 4000 };

/* A search in the nb201 space with made-up figures: genes weighted into a fitness and a cost. */
struct world {
    struct space space;
    struct config_cost cost;
    struct config_study study;
    double fitness_unit;            /* fitness is told in multiples of this */
    bool (*feasible)(uint64_t ask); /* NULL: everything connected is */
};

static int open_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->cost = (struct config_cost){.name = "latency_ms", .source = CONFIG_COST_TABLE, .has_max = true, .max = 12};
    world->study = (struct config_study){
        .name = "made-up",
        .space = "nb201",
        .strategy =
            {.name = "evrsnas", .population = 20, .generations = 40, .tournament = 5, .elites = 1, .mutation = 0.1, .lambda = 2},
        .fitness = {.source = CONFIG_FITNESS_TABLE},
        .costs = &world->cost,
        .cost_count = 1,
        .seed = 5};
    world->fitness_unit = 1;
    *state = world;
    return space_open("nb201", &world->space, NULL) == STATUS_OK ? 0 : -1;
}

static int close_world(void **state)
{
    struct world *world = *state;
    space_close(&world->space);
    free(world);
    return 0;
}

static double fitness_of(const struct arch *arch)
{
    static const double weight[5] = {0, 0.4, 1.3, 2.1, 0.2};
    double sum = 0;
    for (int i = 0; i < arch->length; i++)
        sum += weight[arch->genes[i]] * (1 + 0.07 * i);
    return sum;
}

static double cost_of(const struct arch *arch)
{
    static const double weight[5] = {0.1, 0.3, 2, 5, 1};
    double sum = 0;
    for (int i = 0; i < arch->length; i++)
        sum += weight[arch->genes[i]];
    return sum;
}

static void tell(const struct world *world, struct strategy *strategy, const struct arch *arch)
{
    struct strategy_result result = {.costs = {cost_of(arch), cost_of(arch)}};
    result.feasible = space_connected(&world->space, arch) && (world->feasible == NULL || world->feasible(strategy->told));
    result.fitness = result.feasible ? world->fitness_unit * fitness_of(arch) : 0;
    strategy_tell(strategy, strategy->told, arch, &result);
}

static struct strategy open_strategy(const struct world *world)
{
    struct strategy strategy;
    struct status status = {0};
    assert_ok(strategy_open(&world->study, &world->space, &strategy, &status), status);
    return strategy;
}

/* Asks and tells, generation by generation, until it is done or `limit` asks are made. Returns how many asks are in out. */
static size_t run(const struct world *world, struct strategy *strategy, struct arch *out, size_t limit)
{
    size_t asked = 0, told = 0;
    for (;;) {
        enum strategy_answer answer = asked < limit ? strategy_ask(strategy, &out[asked]) : STRATEGY_WAIT;
        if (answer == STRATEGY_ASK)
            asked++;
        else if (told < asked)
            while (told < asked)
                tell(world, strategy, &out[told++]);
        else
            return asked;
    }
}

static size_t run_all(const struct world *world, struct arch *out)
{
    struct strategy strategy = open_strategy(world);
    size_t asked = run(world, &strategy, out, ASKS_MAX);
    assert_int_equal(strategy_ask(&strategy, &out[asked]), STRATEGY_DONE);
    strategy_close(&strategy);
    return asked;
}

static size_t count_distinct(const struct arch *archs, size_t count)
{
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < i && !arch_equal(&archs[i], &archs[j]))
            j++;
        distinct += j == i;
    }
    return distinct;
}

/* --- what is proposed --- */

static void every_ask_is_new_and_connected(void **state)
{
    struct world *world = *state;
    static struct arch asked[ASKS_MAX];
    size_t count = run_all(world, asked);
    assert_int_equal(count_distinct(asked, count), count);
    for (size_t i = 0; i < count; i++) {
        assert_true(space_valid(&world->space, &asked[i]));
        assert_true(space_connected(&world->space, &asked[i]));
    }
}

static void with_fitness_by_rmi_no_two_asks_are_isomorphic(void **state)
{
    struct world *world = *state;
    static struct arch asked[ASKS_MAX];
    world->study.fitness.source = CONFIG_FITNESS_RMI;
    size_t count = run_all(world, asked);
    for (size_t i = 0; i < count; i++) {
        struct arch exact = asked[i];
        space_canonical(&world->space, &exact, &asked[i]);
    }
    assert_int_equal(count_distinct(asked, count), count);
}

static void the_plain_algorithm_proposes_what_it_knows(void **state)
{
    struct world *world = *state;
    static struct arch asked[ASKS_MAX];
    world->study.strategy.plain = true;
    size_t count = run_all(world, asked);
    assert_true(count_distinct(asked, count) < count / 2);
}

static void elites_are_not_asked_again(void **state)
{
    struct world *world = *state;
    static struct arch asked[ASKS_MAX];
    world->study.strategy.elites = 3;
    struct strategy strategy = open_strategy(world);
    assert_true(strategy_total(&strategy) == 20 + 39 * 17);
    strategy_close(&strategy);
    assert_int_equal(run_all(world, asked), 20 + 39 * 17);
}

static void a_space_that_is_used_up_is_asked_again_rather_than_for_ever(void **state)
{
    struct world *world = *state;
    struct strategy strategy = open_strategy(world);
    struct arch arch = {.length = 6};
    for (int i = 0; i < 15625; i++) {
        for (int edge = 0, rest = i; edge < 6; edge++, rest /= 5)
            arch.genes[edge] = (uint8_t)(rest % 5);
        archive_add(&strategy.archive, &arch, NULL);
    }
    assert_int_equal(strategy_ask(&strategy, &arch), STRATEGY_ASK);
    strategy_close(&strategy);
}

static void a_generation_waits_for_the_one_before(void **state)
{
    struct world *world = *state;
    struct strategy strategy = open_strategy(world);
    struct arch asked[20], more;
    for (int i = 0; i < 20; i++)
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
    for (int i = 0; i < 19; i++)
        tell(world, &strategy, &asked[i]);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_WAIT);
    assert_false(strategy_boundary(&strategy));
    tell(world, &strategy, &asked[19]);
    assert_true(strategy_boundary(&strategy));
    assert_int_equal(strategy_generation(&strategy), 1);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_ASK);
    assert_false(strategy_boundary(&strategy));
    strategy_close(&strategy);
}

static void equal_seeds_ask_the_same_and_others_do_not(void **state)
{
    struct world *world = *state;
    static struct arch first[ASKS_MAX], second[ASKS_MAX];
    size_t count = run_all(world, first);
    assert_int_equal(run_all(world, second), count);
    assert_memory_equal(first, second, count * sizeof *first);
    world->study.seed++;
    run_all(world, second);
    assert_memory_not_equal(first, second, count * sizeof *first);
}

/* --- what is preferred --- */

/* With tournaments of the whole population and no mutation, every child of the second generation is its best member. */
static struct arch favourite(struct world *world)
{
    static struct arch asked[ASKS_MAX];
    world->study.strategy.tournament = 20;
    world->study.strategy.mutation = 0;
    world->study.strategy.plain = true;
    world->study.strategy.generations = 2;
    run_all(world, asked);
    return asked[20];
}

static struct arch best_of_first(const struct world *world, double (*score)(const struct world *, const struct arch *))
{
    static struct arch asked[20];
    struct strategy strategy = open_strategy(world);
    size_t best = 0;
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
        if (score(world, &asked[i]) > score(world, &asked[best]))
            best = i;
    }
    strategy_close(&strategy);
    return asked[best];
}

static double unconstrained(const struct world *world, const struct arch *arch)
{
    return space_connected(&world->space, arch) ? fitness_of(arch) : -1;
}

static double constrained(const struct world *world, const struct arch *arch)
{
    return cost_of(arch) <= world->cost.max ? unconstrained(world, arch) : -1;
}

static void a_large_lambda_prefers_what_satisfies(void **state)
{
    struct world *world = *state;
    world->study.strategy.lambda = 1e6;
    struct arch got = favourite(world), want = best_of_first(world, constrained);
    assert_true(arch_equal(&got, &want));
}

static void a_lambda_of_zero_ignores_the_constraint(void **state)
{
    struct world *world = *state;
    world->study.strategy.lambda = 0;
    struct arch got = favourite(world), want = best_of_first(world, unconstrained);
    assert_true(cost_of(&want) > world->cost.max);
    assert_true(arch_equal(&got, &want));
}

static bool feasible_only_third(uint64_t ask)
{
    return ask == 2;
}

static void an_infeasible_candidate_is_never_better_than_a_feasible_one(void **state)
{
    struct world *world = *state;
    world->feasible = feasible_only_third;
    world->fitness_unit = -1; /* below the 0 of infeasible ones */
    world->cost.max = 0.001;  /* and with the heaviest penalty */
    world->study.strategy.lambda = 1e6;
    world->study.strategy.plain = true;
    struct strategy strategy = open_strategy(world);
    struct arch third;
    for (int i = 0; i < 3; i++)
        strategy_ask(&strategy, &third);
    strategy_close(&strategy);
    struct arch got = favourite(world);
    assert_true(arch_equal(&got, &third));
}

static void lambda_means_the_same_in_every_unit_of_fitness(void **state)
{
    struct world *world = *state;
    static struct arch first[ASKS_MAX], second[ASKS_MAX];
    size_t count = run_all(world, first);
    world->fitness_unit = 32;
    assert_int_equal(run_all(world, second), count);
    assert_memory_equal(first, second, count * sizeof *first);
}

static void only_a_cost_above_its_limit_changes_anything(void **state)
{
    struct world *world = *state;
    static struct arch first[ASKS_MAX], second[ASKS_MAX];
    struct config_cost two[2] = {world->cost, world->cost};
    size_t count = run_all(world, first);
    world->study.costs = two;
    world->study.cost_count = 2;
    two[1].has_max = false;
    two[1].max = 1;
    run_all(world, second);
    assert_memory_equal(first, second, count * sizeof *first);
    two[1].has_max = true;
    two[1].max = 1000;
    run_all(world, second);
    assert_memory_equal(first, second, count * sizeof *first);
    two[1].max = 3;
    run_all(world, second);
    assert_memory_not_equal(first, second, count * sizeof *first);
}

static void a_tournament_of_one_makes_parents_of_all_kinds(void **state)
{
    struct world *world = *state;
    static struct arch asked[ASKS_MAX];
    world->study.strategy.tournament = 1;
    world->study.strategy.mutation = 0;
    world->study.strategy.plain = true;
    world->study.strategy.generations = 2;
    run_all(world, asked);
    assert_true(count_distinct(asked + 20, 19) > 10);
}

/* --- saving --- */

static void a_search_saved_after_any_tell_and_loaded_goes_on_the_same(void **state)
{
    struct world *world = *state;
    static struct arch want[ASKS_MAX], got[ASKS_MAX];
    struct status status = {0};
    world->study.strategy.generations = 6;
    size_t count = run_all(world, want);
    for (size_t stop = 0; stop <= count; stop++) {
        void *data = NULL;
        size_t size = 0;
        struct strategy strategy = open_strategy(world);
        size_t asked = run(world, &strategy, got, stop);
        assert_int_equal(asked, stop);
        assert_ok(strategy_save(&strategy, &data, &size, &status), status);
        strategy_close(&strategy);
        strategy = open_strategy(world);
        assert_ok(strategy_load(&strategy, data, size, &status), status);
        free(data);
        asked += run(world, &strategy, got + stop, ASKS_MAX - stop);
        strategy_close(&strategy);
        assert_int_equal(asked, count);
        assert_memory_equal(got, want, count * sizeof *want);
    }
}

static void a_damaged_save_is_refused_or_read_but_never_crashes(void **state)
{
    struct world *world = *state;
    static struct arch asked[ASKS_MAX];
    struct status status = {0};
    struct rng rng;
    void *data = NULL;
    size_t size = 0;
    int refused = 0;
    struct strategy strategy = open_strategy(world);
    run(world, &strategy, asked, 50);
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    rng_seed(&rng, 7);
    for (int round = 0; round < 3000; round++) {
        char *bytes = malloc(size);
        memcpy(bytes, data, size);
        bytes[rng_below(&rng, size)] = "0123456789abcdef\"{}[],:-x"[rng_below(&rng, 25)];
        strategy = open_strategy(world);
        if (strategy_load(&strategy, bytes, round % 2 == 0 ? size : rng_below(&rng, size), &status) != STATUS_OK)
            refused++;
        else
            run(world, &strategy, asked, 30);
        strategy_close(&strategy);
        free(bytes);
    }
    free(data);
    assert_true(refused > 1500);
}

static void a_save_of_other_settings_is_refused(void **state)
{
    struct world *world = *state;
    static struct arch asked[ASKS_MAX];
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    struct strategy strategy = open_strategy(world);
    run(world, &strategy, asked, 50);
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    world->study.strategy.population = 21;
    strategy = open_strategy(world);
    assert_int_equal(strategy_load(&strategy, data, size, &status), STATUS_BAD_INPUT);
    strategy_close(&strategy);
    free(data);
}

/* --- settings --- */

static void settings_that_cannot_work_are_refused_with_their_values(void **state)
{
    struct world *world = *state;
    struct strategy strategy;
    struct status status = {0};
    world->study.strategy.tournament = 21;
    assert_int_equal(strategy_open(&world->study, &world->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "21"));
    world->study.strategy.tournament = 5;
    world->study.strategy.elites = 20;
    assert_int_equal(strategy_open(&world->study, &world->space, &strategy, &status), STATUS_BAD_INPUT);
    world->study.strategy.elites = 1;
    world->study.strategy.lambda = NAN;
    assert_int_equal(strategy_open(&world->study, &world->space, &strategy, &status), STATUS_BAD_INPUT);
    world->study.strategy.lambda = 2;
    world->cost.max = 0;
    assert_int_equal(strategy_open(&world->study, &world->space, &strategy, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "latency_ms"));
}

static void an_unknown_strategy_is_told_those_there_are(void **state)
{
    struct world *world = *state;
    struct strategy strategy;
    struct status status = {0};
    world->study.strategy.name = "annealing";
    assert_int_equal(strategy_open(&world->study, &world->space, &strategy, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "evrsnas"));
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(every_ask_is_new_and_connected),
        in_world(with_fitness_by_rmi_no_two_asks_are_isomorphic),
        in_world(the_plain_algorithm_proposes_what_it_knows),
        in_world(elites_are_not_asked_again),
        in_world(a_space_that_is_used_up_is_asked_again_rather_than_for_ever),
        in_world(a_generation_waits_for_the_one_before),
        in_world(equal_seeds_ask_the_same_and_others_do_not),
        in_world(a_large_lambda_prefers_what_satisfies),
        in_world(a_lambda_of_zero_ignores_the_constraint),
        in_world(an_infeasible_candidate_is_never_better_than_a_feasible_one),
        in_world(lambda_means_the_same_in_every_unit_of_fitness),
        in_world(only_a_cost_above_its_limit_changes_anything),
        in_world(a_tournament_of_one_makes_parents_of_all_kinds),
        in_world(a_search_saved_after_any_tell_and_loaded_goes_on_the_same),
        in_world(a_damaged_save_is_refused_or_read_but_never_crashes),
        in_world(a_save_of_other_settings_is_refused),
        in_world(settings_that_cannot_work_are_refused_with_their_values),
        in_world(an_unknown_strategy_is_told_those_there_are),
    };
    return TEST_RUN(tests);
}
