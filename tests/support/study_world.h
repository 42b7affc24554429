/* study_world: a made-up world for studies: the nb201 space, a table of all its cells with an accuracy and a latency, and values
 * for whatever is wanted from outside, each a function of the architecture alone. */
#ifndef HWNAS_TESTS_SUPPORT_STUDY_WORLD_H
#define HWNAS_TESTS_SUPPORT_STUDY_WORLD_H

#include "common/rng.h"
#include "master/study.h"
#include "tests/support/test.h"

enum { WORLD_TOLD_MAX = 4000, WORLD_CELLS = 15625 };

/* A study to be changed by each test: fitness and costs.0 (latency_ms, at most 12) from the table. */
struct world {
    struct space space;
    char path[256]; /* of the table: ops,accuracy,energy_mj,latency_ms; latency is missing in every seventh row */
    struct config_cost costs[3];
    struct config_study config;
    struct digest bundle;
    struct tables *tables; /* where studies find theirs; NULL: each loads its own */
};

/* cmocka's setup and teardown. */
int world_open(void **state);
int world_close(void **state);

/* Which: 0 accuracy or phi, 1 latency_ms, 2 energy_mj. */
double world_value(const struct arch *arch, int which);

/* Fitness from workers and latency from an agent: everything comes from outside. */
void world_evaluate_outside(struct world *world);

struct study *world_study(const struct world *world);
struct study_counts world_counts(const struct study *study);

/* What the workers and agents of this world answer: a function of the want alone. */
struct study_value world_value_of(const struct study_want *want);
void world_answer(struct study *study, const struct study_want *want);

/* Runs to the end with values answered at once; returns how many were told. */
size_t world_run(struct study *study, struct study_candidate *out);
size_t world_run_new(const struct world *world, struct study_candidate *out);

void world_assert_same(const struct study_candidate *got, const struct study_candidate *want);
void world_assert_all_same(const struct study_candidate *got, size_t count, const struct study_candidate *want, size_t want_count);

#endif
