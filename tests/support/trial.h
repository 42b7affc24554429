/* trial: a search in the nb201 space with made-up figures, for the tests of the strategies; and the tests that every strategy must
 * pass, to be put into a program's list by TRIAL_STRATEGY_TESTS. */
#ifndef HWNAS_TESTS_SUPPORT_TRIAL_H
#define HWNAS_TESTS_SUPPORT_TRIAL_H

#include "tests/support/test.h"

#include "master/strategy.h"

enum { TRIAL_ASKS_MAX = 4000, TRIAL_FLIGHT_MAX = 64 };

struct trial {
    struct space space;
    struct config_cost cost; /* limited to 12 */
    struct config_study study;
    double fitness_unit;            /* fitness is told in multiples of this */
    bool (*feasible)(uint64_t ask); /* NULL: everything connected is */
};

/* What a steady search has asked and not told. */
struct trial_flight {
    uint64_t ask[TRIAL_FLIGHT_MAX];
    struct arch arch[TRIAL_FLIGHT_MAX];
    size_t count;
};

/* Set-up and teardown: *state becomes a trial whose strategy is evrsnas, 20 x 40, with 20 in flight. */
int trial_open(void **state);
int trial_close(void **state);

double trial_fitness(const struct arch *arch);
double trial_cost(const struct arch *arch);

/* *best becomes *arch where that is connected and fitter. */
void trial_keep_fitter(const struct trial *trial, const struct arch *arch, struct arch *best);

struct strategy trial_strategy(const struct trial *trial);
void trial_tell(const struct trial *trial, struct strategy *strategy, uint64_t ask, const struct arch *arch);

/* Asks all it can and then tells the oldest not yet told, until it is done or out holds `limit` asks and all are told. Returns how
 * many asks are in out. */
size_t trial_run(const struct trial *trial, struct strategy *strategy, struct arch *out, size_t limit);

/* The same in steady mode, telling in a shuffled order that depends on the seed and the count of tells alone; stops right after
 * tell number `tells`. out[k] is ask k. Returns asks made in all. */
size_t trial_run_steady(const struct trial *trial, struct strategy *strategy, struct trial_flight *flight, struct arch *out,
                        uint64_t tells);

/* A whole search, in the mode of the study; it must come to its end. Returns how many asks are in out. */
size_t trial_run_all(const struct trial *trial, struct arch *out);

size_t trial_count_distinct(const struct arch *archs, size_t count);

/* For trial.feasible. */
bool trial_nothing_is_feasible(uint64_t ask);

/* In how many genes the two differ. */
int trial_differing_genes(const struct arch *a, const struct arch *b);

/* What holds for every strategy; `state` is the trial that the test program's own set-up made. */
void trial_asks_the_same_for_equal_seeds_and_not_for_others(void **state);
void trial_goes_on_the_same_when_saved_after_any_tell(void **state);
void trial_survives_a_damaged_save(void **state);
void trial_steady_never_has_more_in_flight_than_it_may(void **state);
void trial_steady_goes_on_the_same_when_saved_after_any_tell(void **state);
void trial_steady_survives_a_damaged_save(void **state);

/* Not in the list below: only for strategies that propose nothing twice, have a penalty, or keep a population. */
void trial_asks_no_architecture_twice(void **state);
void trial_searches_the_same_in_every_unit_of_fitness(void **state);
void trial_by_rmi_asks_no_two_that_are_isomorphic(void **state);
void trial_refuses_a_save_of_another_population(void **state);

#define TRIAL_TEST(open, test) cmocka_unit_test_setup_teardown(test, open, trial_close)
/* Of those that have no steady mode. */
#define TRIAL_GENERATIONS_TESTS(open)                                                                                              \
    TRIAL_TEST(open, trial_asks_the_same_for_equal_seeds_and_not_for_others),                                                      \
        TRIAL_TEST(open, trial_goes_on_the_same_when_saved_after_any_tell), TRIAL_TEST(open, trial_survives_a_damaged_save)
#define TRIAL_STRATEGY_TESTS(open)                                                                                                 \
    TRIAL_GENERATIONS_TESTS(open), TRIAL_TEST(open, trial_steady_never_has_more_in_flight_than_it_may),                            \
        TRIAL_TEST(open, trial_steady_goes_on_the_same_when_saved_after_any_tell),                                                 \
        TRIAL_TEST(open, trial_steady_survives_a_damaged_save)

#endif
