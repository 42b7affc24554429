/* The whole cluster in virtual time (tests/sim/sim.h): real coordinator, study, store, ledgers; everything else may fail. A failing
 * seed is printed; SEED=n runs that one alone, with its story on standard error when TRACE is set. */
#include "tests/sim/sim.h"

#define SETTINGS(strategy)                                                                                                         \
    "strategy: " strategy "\n"                                                                                                     \
    "costs:\n"                                                                                                                     \
    "  - {name: host_ms, source: agent, device: host, max: 12}\n"                                                                  \
    "  - {name: board_ms, source: agent, device: dev-f32}\n"                                                                       \
    "network: {channels: 16, cells: 1, classes: 10}\n"                                                                             \
    "budget: {evaluations: 24}\n"                                                                                                  \
    "seed: 3\n"

static const struct sim_study studies[] = {
    {"evrsnas", SETTINGS("{name: evrsnas, population: 8, generations: 50}"), true, 24, {2, 2, 2}, 0, false},
    {"mohdnas", SETTINGS("{name: mohdnas, population: 8, generations: 50}"), true, 24, {2, 2, 2}, 0, false},
    {"random-steady",
     SETTINGS("{name: random, population: 8, generations: 50, mode: steady, in_flight: 6}"),
     false,
     24,
     {2, 2, 2},
     0,
     false},
    {"evrsnas-steady",
     SETTINGS("{name: evrsnas, population: 8, generations: 50, mode: steady, in_flight: 8}"),
     false,
     24,
     {2, 2, 2},
     0,
     false},
    {"cmanas", SETTINGS("{name: cmanas, generations: 50}"), true, 24, {2, 2, 2}, 0, false},
    {"nevonas", SETTINGS("{name: nevonas, population: 8, generations: 50, mutation: 0.2}"), true, 24, {2, 2, 2}, 0, false},
    {"finals", SETTINGS("{name: evrsnas, population: 8, generations: 50}"), true, 24, {2, 2, 2}, 4, false},
    {"finals-steady",
     SETTINGS("{name: evrsnas, population: 8, generations: 50, mode: steady, in_flight: 8}"),
     false,
     24,
     {2, 2, 2},
     4,
     false},
};
enum { STUDIES = sizeof studies / sizeof studies[0] };

#if defined(__SANITIZE_THREAD__)
enum { SEEDS_QUICK = 100, SEEDS_FULL = 1000 }; /* fifteen times as slow, and there is but one thread */
#else
enum { SEEDS_QUICK = 1000, SEEDS_FULL = 10000 };
#endif

/* The front of each study when nothing goes wrong. */
struct fronts {
    char *of[STUDIES];
};

struct sums {
    uint64_t seeds, steps, frames, kills, master_kills, stalls, backups, acks, stale, compared, healthy_given_up, commits, copies;
};

static void add_up(struct sums *sums, const struct sim *sim)
{
    sums->seeds++;
    sums->steps += sim->steps;
    sums->frames += sim->frames;
    sums->kills += sim->kills;
    sums->master_kills += sim->master_kills;
    sums->stalls += sim->stalls;
    sums->backups += sim->backups;
    sums->acks += sim->acks;
    sums->stale += sim->stale;
    sums->commits += sim->commits;
    sums->copies += sim->copies;
    sums->healthy_given_up += sim->healthy_given_up;
}

/* Which faults may happen under that seed: none in every tenth, else about half of all kinds. */
static uint32_t faults_of(uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed ^ 0x5eed);
    return seed % 10 == 0 ? 0 : (uint32_t)rng_next(&rng) & SIM_ALL_FAULTS;
}

static void run_seed(const struct sim_place *place, const struct sim_study *study, uint64_t seed, char **calm, struct sums *sums)
{
    if (study->same_answer && *calm == NULL)
        *calm = sim_undisturbed(place, study);
    struct sim *sim = sim_open(place, study, seed, faults_of(seed));
    sim_run(sim);
    SIM_HOLDS(sim, sim->faults != 0 || sim->healthy_given_up == 0, "a healthy task was given up in a run without faults");
    sums->compared += sim_ends_alike(sim, *calm);
    add_up(sums, sim);
    sim_close(sim);
}

/* Seeds 1 to so many unless the environment says which, each with the study whose turn it is. */
static void every_study_ends_with_its_promises_kept(void **state)
{
    const char *one = getenv("SEED");
    uint64_t first = one == NULL ? 1 : strtoull(one, NULL, 10);
    const char *few = getenv("SEEDS"); /* 1 to so many */
    uint64_t last = one != NULL ? first : few != NULL ? strtoull(few, NULL, 10) : (uint64_t)test_amount(SEEDS_QUICK, SEEDS_FULL);
    struct sums sums = {0};
    struct fronts fronts = {0};
    for (uint64_t seed = first; seed <= last; seed++)
        run_seed(*state, &studies[seed % STUDIES], seed, &fronts.of[seed % STUDIES], &sums);
    printf("# seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " steps, %" PRIu64 " messages, %" PRIu64 " commits\n", first, last,
           sums.steps, sums.frames, sums.commits);
    printf("# the master died %" PRIu64 " times and stalled %" PRIu64 " times, others ended %" PRIu64 " times, %" PRIu64
           " backups were put back\n",
           sums.master_kills, sums.stalls, sums.kills, sums.backups);
    printf("# %" PRIu64 " results acknowledged, %" PRIu64 " of them stale; %" PRIu64 " tasks copied; %" PRIu64
           " fronts compared; %" PRIu64 " healthy tasks given up\n",
           sums.acks, sums.stale, sums.copies, sums.compared, sums.healthy_given_up);
    for (int i = 0; i < STUDIES; i++)
        free(fronts.of[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_study_ends_with_its_promises_kept),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, sim_place_open, sim_place_close);
}
