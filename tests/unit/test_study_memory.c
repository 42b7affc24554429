/* study without memory: every allocation fails once, and the study says so or does without. It never tells anything but what it
 * would have told, and what it saved goes on as if there had been no failure. */
#include <math.h>
#include <string.h>

#include "tests/support/failing_malloc.h"
#include "tests/support/study_world.h"

enum { ASKS = 24 };

static struct study_candidate want[WORLD_TOLD_MAX], got[WORLD_TOLD_MAX];
static size_t want_count;

struct snapshot {
    void *data;
    size_t size;
    uint64_t told;
};

/* Latency from a table and MACs from the network itself; both modes and every strategy must end soon. */
static int open_small(void **state)
{
    if (world_open(state) != 0)
        return -1;
    struct world *world = *state;
    world->tables = tables_new();
    world->costs[1] = (struct config_cost){.name = "macs", .source = CONFIG_COST_MACS};
    world->config.cost_count = 2;
    struct config_strategy *s = &world->config.strategy;
    s->population = 6;
    s->generations = ASKS / 6;
    s->tournament = 2;
    s->in_flight = 4;
    s->warmup = 8;
    s->positives = 4;
    s->quantile = 0.3;
    s->pool = 5;
    s->trees = 2;
    s->consensus = 2;
    s->neighbours = 3;
    s->predicted = 20;
    s->sweep = 2;
    s->steps = 3;
    s->diversity = true;
    world->config.budget.evaluations = ASKS;
    return 0;
}

/* Runs on until the end or until memory runs out; keeps the last snapshot that could be taken. Returns how many were told. */
static size_t run(struct study *study, struct snapshot *last, bool *out_of_memory)
{
    struct study_counts counts;
    size_t told = 0;
    *out_of_memory = false;
    while (!*out_of_memory && !study_finished(study)) {
        study_pump(study, SIZE_MAX);
        while (!*out_of_memory && study_told(study, &got[told])) {
            told++;
            if (!study_snapshot_due(study))
                continue;
            struct snapshot fresh = {0};
            *out_of_memory = study_save(study, &fresh.data, &fresh.size, NULL) != STATUS_OK;
            if (*out_of_memory)
                break;
            study_count(study, &counts);
            fresh.told = counts.told;
            free(last->data);
            *last = fresh;
        }
        *out_of_memory |= study_out_of_memory(study);
    }
    *out_of_memory |= study_out_of_memory(study);
    return told;
}

static void goes_on_from(const struct world *world, const struct snapshot *last)
{
    struct study *study = world_study(world);
    struct status status = {0};
    struct snapshot later = {0};
    bool out_of_memory;
    assert_ok(study_load(study, last->data, last->size, &status), status);
    size_t told = run(study, &later, &out_of_memory);
    assert_false(out_of_memory);
    world_assert_all_same(got, told, want + last->told, want_count - last->told);
    free(later.data);
    study_close(study);
}

/* Lets every `step`-th allocation of the whole search fail, one a run. */
static void survives(const struct world *world, long step)
{
    bool refused = false, whole = false;
    want_count = world_run_new(world, want);
    for (long k = 0; !whole; k += step) {
        struct study *study = world_study(world);
        struct snapshot last = {0};
        bool out_of_memory;
        failing_malloc_after(k);
        size_t told = run(study, &last, &out_of_memory);
        whole = failing_malloc_after(FAILING_MALLOC_NEVER) != FAILING_MALLOC_NEVER;
        refused |= out_of_memory;
        assert_true(told <= want_count);
        for (size_t i = 0; i < told; i++)
            world_assert_same(&got[i], &want[i]);
        assert_true(out_of_memory || told == want_count);
        assert_false(whole && out_of_memory);
        if (last.data != NULL)
            goes_on_from(world, &last);
        free(last.data);
        study_close(study);
    }
    assert_true(refused);
}

/* The finals' part of a study whose search has ended: told all but the last of its candidates, each allocation of the rest fails
 * once. What was told stays, and without a failure the finalists are scored. */
static bool ends(const struct world *world, long k, bool *whole)
{
    struct study *study = world_study(world);
    struct study_want one;
    struct status status;
    for (size_t i = 0; i + 1 < want_count; i++)
        assert_ok(study_replay(study, &want[i], &status), status);
    failing_malloc_after(k);
    for (int turn = 0; !study_finished(study) && !study_out_of_memory(study); turn++) {
        assert_true(turn < 10);
        study_pump(study, SIZE_MAX);
        while (study_want(study, &one))
            study_provide(study, one.key, &(struct study_value){.feasible = true, .value = 2});
        while (study_told(study, got))
            continue;
    }
    *whole = failing_malloc_after(FAILING_MALLOC_NEVER) != FAILING_MALLOC_NEVER;
    bool finished = study_finished(study);
    double score;
    assert_true((study_final(study, &score) != NULL) == finished);
    study_close(study);
    return finished;
}

static void the_finals_end_or_memory_is_said_to_be_short(void **state)
{
    struct world *world = *state;
    bool whole = false, refused = false;
    world->config.strategy.name = "random";
    world->config.cost_count = 1;
    world->config.fitness.source = CONFIG_FITNESS_RMI;
    world->config.fitness.protocol = "rmi-fast-2";
    world->config.fitness.finals = "final-1";
    world->config.fitness.finalists = 3;
    want_count = 0;
    struct study *study = world_study(world);
    while (!study_finished(study)) {
        struct study_want one;
        study_pump(study, SIZE_MAX);
        while (study_want(study, &one))
            study_provide(study, one.key, &(struct study_value){.feasible = true, .value = 2});
        while (study_told(study, &want[want_count]))
            want_count++;
    }
    study_close(study);
    for (long k = 0; !whole; k++) {
        bool finished = ends(world, k, &whole);
        refused |= !finished;
        assert_true(finished || !whole);
    }
    assert_true(refused);
}

static void search(struct world *world, const char *strategy, enum config_mode mode)
{
    world->config.strategy.name = (char *)(uintptr_t)strategy;
    world->config.strategy.mode = mode;
    survives(world, 401); /* of the network's many allocations only some */
    world->config.cost_count = 1;
    survives(world, 5);
}

#define SEARCH_TEST(name, mode)                                                                                                    \
    static void name##_##mode(void **state)                                                                                        \
    {                                                                                                                              \
        search(*state, #name, CONFIG_MODE_##mode);                                                                                 \
    }

SEARCH_TEST(evrsnas, GENERATIONS)
SEARCH_TEST(evrsnas, STEADY)
SEARCH_TEST(mohdnas, GENERATIONS)
SEARCH_TEST(mohdnas, STEADY)
SEARCH_TEST(surrogate, GENERATIONS)
SEARCH_TEST(surrogate, STEADY)
SEARCH_TEST(rminas, GENERATIONS)
SEARCH_TEST(rminas, STEADY)
SEARCH_TEST(random, STEADY)
SEARCH_TEST(regularised, GENERATIONS)
SEARCH_TEST(local, STEADY)
SEARCH_TEST(evnas, GENERATIONS)
SEARCH_TEST(cmanas, GENERATIONS)
SEARCH_TEST(pevonas, GENERATIONS)
SEARCH_TEST(nevonas, GENERATIONS)

/* Choosing predictors allocates thousands of times: some of them. */
static void linas_GENERATIONS(void **state)
{
    struct world *world = *state;
    world->config.strategy.name = (char *)(uintptr_t) "linas";
    world->config.cost_count = 1;
    survives(world, 997);
}

static void gradient_GENERATIONS(void **state)
{
    struct world *world = *state;
    world->config.strategy.name = (char *)(uintptr_t) "gradient";
    world->config.cost_count = 1;
    survives(world, 499);
}

#define SMALL(test) cmocka_unit_test_setup_teardown(test, open_small, world_close)

int main(void)
{
    FAILING_MALLOC_NEEDED();
    const struct CMUnitTest tests[] = {
        SMALL(the_finals_end_or_memory_is_said_to_be_short),
        SMALL(evrsnas_GENERATIONS),
        SMALL(evrsnas_STEADY),
        SMALL(mohdnas_GENERATIONS),
        SMALL(mohdnas_STEADY),
        SMALL(surrogate_GENERATIONS),
        SMALL(surrogate_STEADY),
        SMALL(rminas_GENERATIONS),
        SMALL(rminas_STEADY),
        SMALL(random_STEADY),
        SMALL(regularised_GENERATIONS),
        SMALL(local_STEADY),
        SMALL(evnas_GENERATIONS),
        SMALL(cmanas_GENERATIONS),
        SMALL(pevonas_GENERATIONS),
        SMALL(nevonas_GENERATIONS),
        SMALL(linas_GENERATIONS),
        SMALL(gradient_GENERATIONS),
    };
    return TEST_RUN(tests);
}
