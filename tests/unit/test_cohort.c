/* cohort: the four strategies on matrices in every space: each architecture once, and what was saved goes on the same. */
#include "tests/support/test.h"

#include <string.h>

#include "master/strategy.h"

enum { ASKS_MAX = 600 };

static const char *const strategies[] = {"evnas", "cmanas", "pevonas", "nevonas"};

struct search {
    struct config_study study;
    struct space *space; /* borrowed */
    struct arch asked[ASKS_MAX];
    size_t count;
};

static struct config_study study_of(const char *strategy, const char *space)
{
    return (struct config_study){.name = "made-up",
                                 .space = (char *)(uintptr_t)space,
                                 .strategy = {.name = (char *)(uintptr_t)strategy,
                                              .population = 10,
                                              .generations = 5,
                                              .tournament = 3,
                                              .elites = 1,
                                              .mutation = 0.1,
                                              .lambda = 2,
                                              .neighbours = 3},
                                 .fitness = {.source = CONFIG_FITNESS_RMI},
                                 .seed = 3};
}

/* Isomorphic architectures are worth the same. */
static double fitness(const struct space *space, const struct arch *arch)
{
    struct arch same;
    double sum = 0;
    space_canonical(space, arch, &same);
    for (int gene = 0; gene < same.length; gene++)
        sum += same.genes[gene] * (1 + 0.1 * gene);
    return sum;
}

static void open_strategy(struct search *search, struct strategy *strategy)
{
    struct status status = {0};
    assert_ok(strategy_open(&search->study, search->space, strategy, &status), status);
}

/* Asks and tells until `stop` are told or the search is done. */
static void run(struct search *search, struct strategy *strategy, size_t stop)
{
    struct arch arch;
    while (strategy->told < stop && strategy_ask(strategy, &arch) == STRATEGY_ASK) {
        struct strategy_result result = {.feasible = space_connected(search->space, &arch)};
        result.fitness = result.feasible ? fitness(search->space, &arch) : 0;
        assert_true(strategy->told < ASKS_MAX);
        search->asked[strategy->told] = arch;
        strategy_tell(strategy, strategy->told, &arch, &result);
    }
    search->count = (size_t)strategy->told;
}

static void each_space(void (*check)(struct search *search))
{
    static const char *const spaces[] = {"nb201", "darts", "fbnet"};
    static struct search search;
    for (int i = 0; i < 3; i++) {
        struct space space;
        assert_int_equal(space_open(spaces[i], &space, NULL), STATUS_OK);
        for (size_t k = 0; k < sizeof strategies / sizeof strategies[0]; k++) {
            search.study = study_of(strategies[k], spaces[i]);
            search.space = &space;
            check(&search);
        }
        space_close(&space);
    }
}

static void check_distinct(struct search *search)
{
    struct strategy strategy;
    open_strategy(search, &strategy);
    run(search, &strategy, ASKS_MAX);
    strategy_close(&strategy);
    assert_true(search->count > 20);
    for (size_t i = 0; i < search->count; i++) {
        struct arch exact = search->asked[i];
        space_canonical(search->space, &exact, &search->asked[i]);
        for (size_t j = 0; j < i; j++)
            assert_false(arch_equal(&search->asked[i], &search->asked[j]));
    }
}

static void no_two_asks_are_one_network(void **state)
{
    (void)state;
    each_space(check_distinct);
}

static void check_restart(struct search *search)
{
    static struct search again;
    struct strategy strategy;
    struct status status = {0};
    open_strategy(search, &strategy);
    run(search, &strategy, ASKS_MAX);
    strategy_close(&strategy);
    again = *search;
    for (size_t stop = 0; stop <= search->count; stop += 17) {
        void *data = NULL;
        size_t size = 0;
        memset(again.asked, 0, sizeof again.asked);
        open_strategy(&again, &strategy);
        run(&again, &strategy, stop);
        assert_ok(strategy_save(&strategy, &data, &size, &status), status);
        strategy_close(&strategy);
        open_strategy(&again, &strategy);
        assert_ok(strategy_load(&strategy, data, size, &status), status);
        run(&again, &strategy, ASKS_MAX);
        assert_int_equal(again.count, search->count);
        assert_memory_equal(again.asked, search->asked, search->count * sizeof search->asked[0]);
        strategy_close(&strategy);
        free(data);
    }
}

static void a_search_that_was_saved_goes_on_the_same(void **state)
{
    (void)state;
    each_space(check_restart);
}

/* The last quarter is better than the first, in every space. */
static void check_progress(struct search *search)
{
    struct strategy strategy;
    double first = 0, last = 0;
    search->study.strategy.generations = 12;
    search->study.strategy.population = 20;
    search->study.strategy.mutation = 0.05;
    open_strategy(search, &strategy);
    run(search, &strategy, ASKS_MAX);
    strategy_close(&strategy);
    size_t quarter = search->count / 4;
    for (size_t i = 0; i < quarter; i++) {
        first += fitness(search->space, &search->asked[i]);
        last += fitness(search->space, &search->asked[search->count - 1 - i]);
    }
    print_message("# %s, %s: %zu asked, first quarter %.2f, last %.2f\n", search->study.strategy.name, search->study.space,
                  search->count, first / (double)quarter, last / (double)quarter);
    assert_true(last > first);
}

static void a_search_gets_somewhere(void **state)
{
    (void)state;
    each_space(check_progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_asks_are_one_network),
        cmocka_unit_test(a_search_that_was_saved_goes_on_the_same),
        cmocka_unit_test(a_search_gets_somewhere),
    };
    return TEST_RUN(tests);
}
