/* world: a search in the nb201 space with made-up figures, for the tests of the strategies; and the tests that every strategy must
 * pass, to be put into a program's list by WORLD_STRATEGY_TESTS. */
#ifndef HWNAS_TESTS_SUPPORT_WORLD_H
#define HWNAS_TESTS_SUPPORT_WORLD_H

#include "tests/support/test.h"

#include "master/strategy.h"

enum { WORLD_ASKS_MAX = 4000, WORLD_FLIGHT_MAX = 64 };

struct world {
    struct space space;
    struct config_cost cost; /* limited to 12 */
    struct config_study study;
    double fitness_unit;            /* fitness is told in multiples of this */
    bool (*feasible)(uint64_t ask); /* NULL: everything connected is */
};

/* What a steady search has asked and not told. */
struct world_flight {
    uint64_t ask[WORLD_FLIGHT_MAX];
    struct arch arch[WORLD_FLIGHT_MAX];
    size_t count;
};

/* Set-up and teardown: *state becomes a world whose strategy is evrsnas, 20 x 40, with 20 in flight. */
int world_open(void **state);
int world_close(void **state);

double world_fitness(const struct arch *arch);
double world_cost(const struct arch *arch);

struct strategy world_strategy(const struct world *world);
void world_tell(const struct world *world, struct strategy *strategy, uint64_t ask, const struct arch *arch);

/* Asks all it can and then tells the oldest not yet told, until it is done or out holds `limit` asks and all are told. Returns how
 * many asks are in out. */
size_t world_run(const struct world *world, struct strategy *strategy, struct arch *out, size_t limit);

/* The same in steady mode, telling in a shuffled order that depends on the seed and the count of tells alone; stops right after
 * tell number `tells`. out[k] is ask k. Returns asks made in all. */
size_t world_run_steady(const struct world *world, struct strategy *strategy, struct world_flight *flight, struct arch *out,
                        uint64_t tells);

/* A whole search, in the mode of the study; it must come to its end. Returns how many asks are in out. */
size_t world_run_all(const struct world *world, struct arch *out);

size_t world_count_distinct(const struct arch *archs, size_t count);

/* What holds for every strategy; `state` is the world that the test program's own set-up made. */
void world_asks_the_same_for_equal_seeds_and_not_for_others(void **state);
void world_goes_on_the_same_when_saved_after_any_tell(void **state);
void world_survives_a_damaged_save(void **state);
void world_steady_never_has_more_in_flight_than_it_may(void **state);
void world_steady_goes_on_the_same_when_saved_after_any_tell(void **state);
void world_steady_survives_a_damaged_save(void **state);

#define WORLD_TEST(open, test) cmocka_unit_test_setup_teardown(test, open, world_close)
#define WORLD_STRATEGY_TESTS(open)                                                                                                 \
    WORLD_TEST(open, world_asks_the_same_for_equal_seeds_and_not_for_others),                                                      \
        WORLD_TEST(open, world_goes_on_the_same_when_saved_after_any_tell), WORLD_TEST(open, world_survives_a_damaged_save),       \
        WORLD_TEST(open, world_steady_never_has_more_in_flight_than_it_may),                                                       \
        WORLD_TEST(open, world_steady_goes_on_the_same_when_saved_after_any_tell),                                                 \
        WORLD_TEST(open, world_steady_survives_a_damaged_save)

#endif
