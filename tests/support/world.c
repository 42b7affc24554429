/* world: see world.h. Fitness and cost are sums over the genes, so that the best is known to no one but is not hard to find. */
#include "tests/support/world.h"

#include <string.h>

int world_open(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->cost = (struct config_cost){.name = "latency_ms", .source = CONFIG_COST_TABLE, .has_max = true, .max = 12};
    world->study = (struct config_study){.name = "made-up",
                                         .space = "nb201",
                                         .strategy = {.name = "evrsnas",
                                                      .population = 20,
                                                      .generations = 40,
                                                      .tournament = 5,
                                                      .elites = 1,
                                                      .mutation = 0.1,
                                                      .lambda = 2,
                                                      .in_flight = 20},
                                         .fitness = {.source = CONFIG_FITNESS_TABLE},
                                         .costs = &world->cost,
                                         .cost_count = 1,
                                         .seed = 5};
    world->fitness_unit = 1;
    *state = world;
    return space_open("nb201", &world->space, NULL) == STATUS_OK ? 0 : -1;
}

int world_close(void **state)
{
    struct world *world = *state;
    space_close(&world->space);
    free(world);
    return 0;
}

double world_fitness(const struct arch *arch)
{
    static const double weight[5] = {0, 0.4, 1.3, 2.1, 0.2};
    double sum = 0;
    for (int i = 0; i < arch->length; i++)
        sum += weight[arch->genes[i]] * (1 + 0.07 * i);
    return sum;
}

double world_cost(const struct arch *arch)
{
    static const double weight[5] = {0.1, 0.3, 2, 5, 1};
    double sum = 0;
    for (int i = 0; i < arch->length; i++)
        sum += weight[arch->genes[i]];
    return sum;
}

struct strategy world_strategy(const struct world *world)
{
    struct strategy strategy;
    struct status status = {0};
    assert_ok(strategy_open(&world->study, &world->space, &strategy, &status), status);
    return strategy;
}

void world_tell(const struct world *world, struct strategy *strategy, uint64_t ask, const struct arch *arch)
{
    struct strategy_result result = {.costs = {world_cost(arch), world_cost(arch)}};
    result.feasible = space_connected(&world->space, arch) && (world->feasible == NULL || world->feasible(ask));
    result.fitness = result.feasible ? world->fitness_unit * world_fitness(arch) : 0;
    strategy_tell(strategy, ask, arch, &result);
}

size_t world_run(const struct world *world, struct strategy *strategy, struct arch *out, size_t limit)
{
    size_t asked = 0, told = 0;
    for (;;) {
        if (asked < limit && strategy_ask(strategy, &out[asked]) == STRATEGY_ASK) {
            asked++;
        } else if (told < asked) {
            world_tell(world, strategy, strategy->told, &out[told]);
            told++;
        } else {
            return asked;
        }
    }
}

static void tell_some(const struct world *world, struct strategy *strategy, struct world_flight *flight)
{
    struct rng rng;
    rng_seed(&rng, world->study.seed * 1000003 + strategy->told);
    size_t i = rng_below(&rng, flight->count);
    world_tell(world, strategy, flight->ask[i], &flight->arch[i]);
    flight->count--;
    memmove(flight->ask + i, flight->ask + i + 1, (flight->count - i) * sizeof flight->ask[0]);
    memmove(flight->arch + i, flight->arch + i + 1, (flight->count - i) * sizeof flight->arch[0]);
}

size_t world_run_steady(const struct world *world, struct strategy *strategy, struct world_flight *flight, struct arch *out,
                        uint64_t tells)
{
    while (strategy->told < tells) {
        struct arch arch;
        while (flight->count < WORLD_FLIGHT_MAX && strategy_ask(strategy, &arch) == STRATEGY_ASK) {
            flight->ask[flight->count] = strategy->asked - 1;
            flight->arch[flight->count++] = out[strategy->asked - 1] = arch;
        }
        if (flight->count == 0)
            break;
        tell_some(world, strategy, flight);
    }
    return strategy->asked;
}

size_t world_run_all(const struct world *world, struct arch *out)
{
    struct strategy strategy = world_strategy(world);
    struct world_flight flight = {0};
    size_t asked = strategy_steady(&strategy) ? world_run_steady(world, &strategy, &flight, out, UINT64_MAX)
                                              : world_run(world, &strategy, out, WORLD_ASKS_MAX);
    assert_int_equal(strategy_ask(&strategy, &out[asked]), STRATEGY_DONE);
    strategy_close(&strategy);
    return asked;
}

size_t world_count_distinct(const struct arch *archs, size_t count)
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

/* --- what holds for every strategy --- */

void world_asks_the_same_for_equal_seeds_and_not_for_others(void **state)
{
    struct world *world = *state;
    static struct arch first[WORLD_ASKS_MAX + 1], second[WORLD_ASKS_MAX + 1];
    size_t count = world_run_all(world, first);
    assert_int_equal(world_run_all(world, second), count);
    assert_memory_equal(first, second, count * sizeof *first);
    world->study.seed++;
    world_run_all(world, second);
    assert_memory_not_equal(first, second, count * sizeof *first);
}

/* The same strategy, saved, closed, opened and loaded. */
static void reopen(const struct world *world, struct strategy *strategy)
{
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    assert_ok(strategy_save(strategy, &data, &size, &status), status);
    strategy_close(strategy);
    *strategy = world_strategy(world);
    assert_ok(strategy_load(strategy, data, size, &status), status);
    free(data);
}

void world_goes_on_the_same_when_saved_after_any_tell(void **state)
{
    struct world *world = *state;
    static struct arch want[WORLD_ASKS_MAX + 1], got[WORLD_ASKS_MAX + 1];
    world->study.strategy.generations = 6;
    size_t count = world_run_all(world, want);
    for (size_t stop = 0; stop <= count; stop++) {
        struct strategy strategy = world_strategy(world);
        size_t asked = world_run(world, &strategy, got, stop);
        assert_int_equal(asked, stop);
        reopen(world, &strategy);
        asked += world_run(world, &strategy, got + stop, WORLD_ASKS_MAX - stop);
        strategy_close(&strategy);
        assert_int_equal(asked, count);
        assert_memory_equal(got, want, count * sizeof *want);
    }
}

static void make_steady(struct world *world)
{
    world->study.strategy.mode = CONFIG_MODE_STEADY;
    world->study.strategy.in_flight = 7;
}

void world_steady_goes_on_the_same_when_saved_after_any_tell(void **state)
{
    struct world *world = *state;
    static struct arch want[WORLD_ASKS_MAX + 1], got[WORLD_ASKS_MAX + 1];
    world->study.strategy.generations = 6;
    make_steady(world);
    size_t count = world_run_all(world, want);
    for (uint64_t stop = 0; stop <= count; stop++) {
        struct strategy strategy = world_strategy(world);
        struct world_flight flight = {0};
        world_run_steady(world, &strategy, &flight, got, stop);
        reopen(world, &strategy);
        assert_int_equal(world_run_steady(world, &strategy, &flight, got, UINT64_MAX), count);
        strategy_close(&strategy);
        assert_memory_equal(got, want, count * sizeof *want);
    }
}

void world_steady_never_has_more_in_flight_than_it_may(void **state)
{
    struct world *world = *state;
    make_steady(world);
    struct strategy strategy = world_strategy(world);
    struct arch asked[7], more;
    for (int i = 0; i < 7; i++)
        assert_int_equal(strategy_ask(&strategy, &asked[i]), STRATEGY_ASK);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_WAIT);
    world_tell(world, &strategy, 3, &asked[3]);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_ASK);
    assert_int_equal(strategy_ask(&strategy, &more), STRATEGY_WAIT);
    strategy_close(&strategy);
}

static void damage(struct world *world, const void *data, size_t size)
{
    static struct arch asked[WORLD_ASKS_MAX + 1];
    struct status status = {0};
    struct rng rng;
    int refused = 0;
    rng_seed(&rng, 7);
    for (int round = 0; round < 3000; round++) {
        char *bytes = malloc(size);
        memcpy(bytes, data, size);
        bytes[rng_below(&rng, size)] = "0123456789abcdef\"{}[],:-x"[rng_below(&rng, 25)];
        struct strategy strategy = world_strategy(world);
        struct world_flight flight = {0};
        if (strategy_load(&strategy, bytes, round % 2 == 0 ? size : rng_below(&rng, size), &status) != STATUS_OK)
            refused++;
        else if (!strategy_steady(&strategy))
            world_run(world, &strategy, asked, 30);
        else if (strategy.asked < 1000)
            world_run_steady(world, &strategy, &flight, asked, strategy.told + 30);
        strategy_close(&strategy);
        free(bytes);
    }
    assert_true(refused > 1500);
}

void world_survives_a_damaged_save(void **state)
{
    struct world *world = *state;
    static struct arch asked[WORLD_ASKS_MAX + 1];
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    struct strategy strategy = world_strategy(world);
    world_run(world, &strategy, asked, 50);
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    damage(world, data, size);
    free(data);
}

void world_steady_survives_a_damaged_save(void **state)
{
    struct world *world = *state;
    static struct arch asked[WORLD_ASKS_MAX + 1];
    struct status status = {0};
    struct world_flight flight = {0};
    void *data = NULL;
    size_t size = 0;
    make_steady(world);
    struct strategy strategy = world_strategy(world);
    world_run_steady(world, &strategy, &flight, asked, 50);
    assert_ok(strategy_save(&strategy, &data, &size, &status), status);
    strategy_close(&strategy);
    damage(world, data, size);
    free(data);
}
