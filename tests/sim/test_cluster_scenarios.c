/* One thing at a time in the simulated cluster (tests/sim/sim.h): each message lost, copied, late; each kind of fault alone; tasks
 * that kill whoever computes them; old databases under clocks that were put back. SEED=n and TRACE as in test_cluster_sim. */
#include "tests/sim/sim.h"

#define SETTINGS(evaluations)                                                                                                      \
    "strategy: {name: evrsnas, population: 6, generations: 200}\n"                                                                 \
    "costs:\n"                                                                                                                     \
    "  - {name: host_ms, source: agent, device: host, max: 12}\n"                                                                  \
    "  - {name: board_ms, source: agent, device: dev-f32}\n"                                                                       \
    "network: {channels: 16, cells: 1, classes: 10}\n"                                                                             \
    "budget: {evaluations: " evaluations "}\n"                                                                                     \
    "seed: 3\n"

static const struct sim_study small = {"small", SETTINGS("12"), true, 12, {0, 0, 0}, 0, false};
static const struct sim_study longer = {"longer", SETTINGS("40"), true, 40, {0, 0, 0}, 0, false};
static const struct sim_study trained = {"trained", SETTINGS("12"), true, 12, {0, 0, 0}, 0, true};
static const struct sim_study trained_longer = {"trained-longer", SETTINGS("40"), true, 40, {2, 2, 2}, 0, true};
static const struct sim_study poisoned = {"poisoned", SETTINGS("120"), true, 120, {10, 0, 0}, 0, false};

static uint64_t first_seed(void)
{
    const char *one = getenv("SEED");
    return one == NULL ? 1 : strtoull(one, NULL, 10);
}

/* --- messages --- */

enum mode { REQUEST_LOST, REPLY_LOST, REPLY_LOST_WHILE_AT_WORK, THREE_TIMES, AFTER_THE_LEASE, MODES };

struct trouble {
    enum wire_type type;
    enum mode mode;
    uint64_t met;
};

/* What answers a message of that type; itself when nothing does. */
static enum wire_type reply_to(enum wire_type type)
{
    switch (type) {
    case WIRE_HELLO: return WIRE_WELCOME;
    case WIRE_WELCOME: return WIRE_HEARTBEAT;
    case WIRE_HEARTBEAT: return WIRE_HEARTBEAT_ANSWER;
    case WIRE_TASK: return WIRE_RESULT;
    case WIRE_RESULT: return WIRE_RESULT_ACK;
    case WIRE_BUNDLE_REQUEST: return WIRE_BUNDLE_CHUNK;
    case WIRE_REFUSE: return WIRE_HELLO;
    default: return type;
    }
}

static void trouble(void *context, struct sim *sim, bool to_master, int peer, const struct wire_message *message,
                    struct sim_fate *fate)
{
    struct trouble *trouble = context;
    bool request = message->type == trouble->type, reply = message->type == reply_to(trouble->type);
    (void)to_master;
    (void)peer;
    if (sim->now_ms > 60000 || (!request && !reply))
        return;
    switch (trouble->mode) {
    case REQUEST_LOST: fate->copies = request && sim_chance(sim, 0.4) ? 0 : 1; break;
    case REPLY_LOST: fate->copies = reply && sim_chance(sim, 0.4) ? 0 : 1; break;
    case REPLY_LOST_WHILE_AT_WORK: /* the request comes again while the first is being worked on */
        fate->copies = request ? 2 : sim_chance(sim, 0.5) ? 0 : 1;
        break;
    case THREE_TIMES: fate->copies = request ? 3 : 1; break;
    default: fate->delay_ms = request && sim_chance(sim, 0.4) ? SIM_LEASE_MS + sim_between(sim, 1, SIM_LEASE_MS) : 0; break;
    }
    trouble->met += fate->copies != 1 || fate->delay_ms > 0;
}

static void every_message_may_be_lost_copied_or_late(void **state)
{
    uint64_t rounds = (uint64_t)test_amount(2, 20), runs = 0, met = 0;
    char *calm = sim_undisturbed(*state, &small);
    for (enum wire_type type = WIRE_HELLO; type <= WIRE_REFUSE; type++) {
        for (enum mode mode = 0; mode < MODES; mode++) {
            for (uint64_t seed = first_seed(); seed < first_seed() + rounds; seed++, runs++) {
                struct trouble in = {type, mode, 0};
                /* Now and then a peer is started anew, drained, or the master is: so that all types are sent. */
                struct sim *sim = sim_open(*state, &small, seed, SIM_PEER_DRAINS | SIM_MASTER_STOPS | SIM_PEER_DIES);
                sim->faults_end_ms = 60000;
                sim->fate = trouble;
                sim->fate_context = &in;
                sim_run(sim);
                sim_ends_alike(sim, calm);
                met += in.met;
                sim_close(sim);
            }
        }
    }
    printf("# %" PRIu64 " runs, %" PRIu64 " messages met trouble\n", runs, met);
    assert_true(met > runs);
    free(calm);
}

/* The messages that carry weights about, and their results. */
static void every_piece_of_an_artifact_may_be_lost_copied_or_late(void **state)
{
    static const enum wire_type types[] = {WIRE_RESULT, WIRE_RESULT_ACK, WIRE_BUNDLE_REQUEST, WIRE_BUNDLE_CHUNK, WIRE_HEARTBEAT};
    uint64_t rounds = (uint64_t)test_amount(4, 60), runs = 0, met = 0, pieces = 0;
    char *calm = sim_undisturbed(*state, &trained), *without = sim_undisturbed(*state, &small);
    assert_string_equal(calm, without); /* values are those of the scores that they stand for */
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (enum mode mode = 0; mode < MODES; mode++) {
            for (uint64_t seed = first_seed(); seed < first_seed() + rounds; seed++, runs++) {
                struct trouble in = {types[i], mode, 0};
                struct sim *sim = sim_open(*state, &trained, seed, SIM_PEER_DRAINS | SIM_MASTER_STOPS | SIM_PEER_DIES);
                sim->faults_end_ms = 60000;
                sim->fate = trouble;
                sim->fate_context = &in;
                sim_run(sim);
                sim_ends_alike(sim, calm);
                met += in.met;
                pieces += sim->pieces;
                sim_close(sim);
            }
        }
    }
    printf("# %" PRIu64 " runs, %" PRIu64 " messages met trouble, %" PRIu64 " pieces\n", runs, met, pieces);
    assert_true(met > runs && pieces > runs);
    free(calm);
    free(without);
}

/* --- faults --- */

/* Restarts of the master in the middle of an upload, cuts, failing disks, old databases: all at once. */
static void trainings_survive_all_kinds_of_faults_together(void **state)
{
    uint64_t rounds = (uint64_t)test_amount(60, 2000), compared = 0, kills = 0, stalls = 0, pieces = 0;
    char *calm = sim_undisturbed(*state, &trained_longer);
    for (uint64_t seed = first_seed(); seed < first_seed() + rounds; seed++) {
        struct sim *sim = sim_open(*state, &trained_longer, seed, SIM_ALL_FAULTS);
        sim_run(sim);
        compared += sim_ends_alike(sim, calm);
        kills += sim->master_kills;
        stalls += sim->stalls;
        pieces += sim->pieces;
        sim_close(sim);
    }
    printf("# %" PRIu64 " runs: the master died %" PRIu64 " times, the disk failed %" PRIu64 " times, %" PRIu64 " pieces, %" PRIu64
           " fronts compared\n",
           rounds, kills, stalls, pieces, compared);
    free(calm);
}

static void every_kind_of_fault_alone_leaves_the_same_answer(void **state)
{
    uint64_t rounds = (uint64_t)test_amount(3, 60), compared = 0, runs = 0;
    char *calm = sim_undisturbed(*state, &small);
    for (uint32_t fault = 1; fault <= SIM_ALL_FAULTS; fault <<= 1) {
        for (uint64_t seed = first_seed(); seed < first_seed() + rounds; seed++, runs++) {
            struct sim *sim = sim_open(*state, &small, seed, fault);
            sim_run(sim);
            compared += sim_ends_alike(sim, calm);
            sim_close(sim);
        }
    }
    printf("# %" PRIu64 " runs, %" PRIu64 " fronts compared\n", runs, compared);
    free(calm);
}

/* The clock is set back when the old database is there: the epochs of the starts in between come again but for chance. */
static void no_token_comes_twice_out_of_a_database_put_back(void **state)
{
    uint64_t rounds = (uint64_t)test_amount(30, 1000), backups = 0;
    char *calm = sim_undisturbed(*state, &longer);
    for (uint64_t seed = first_seed(); seed < first_seed() + rounds; seed++) {
        struct sim *sim = sim_open(*state, &longer, seed, SIM_BACKUP | SIM_CLOCK_JUMPS | SIM_MASTER_DIES);
        sim_run(sim);
        sim_ends_alike(sim, calm);
        backups += sim->backups;
        sim_close(sim);
    }
    printf("# %" PRIu64 " databases were put back\n", backups);
    free(calm);
}

static bool somebody_computes_anew(const struct sim *sim)
{
    for (const struct sim_token *token = sim->tokens; token != NULL; token = token->hh.next) {
        const struct sim_process *process = &sim->peers[token->peer];
        for (int i = 0; i < SIM_JOBS && !token->kept; i++) {
            const struct sim_job *job = &process->jobs[i];
            if (job->task.kind != WIRE_MEASURE && job->task.lease_id == token->id[1] && sim_computes(sim, process, job))
                return true;
        }
    }
    return false;
}

/* Workers go on with what no master knows of any more, and hear nothing of it: the same key is given to others meanwhile. Nothing
 * that they bring counts twice, and nothing else is computed twice. */
static void a_database_put_back_at_once_leaves_the_same_answer(void **state)
{
    uint64_t rounds = (uint64_t)test_amount(40, 1000), twice = 0;
    char *calm = sim_undisturbed(*state, &longer);
    for (uint64_t seed = first_seed(); seed < first_seed() + rounds; seed++) {
        struct sim *sim = sim_open(*state, &longer, seed, 0);
        while (sim->now_ms < 5000 + (int64_t)seed % 40 * 250)
            sim_step(sim);
        sim_take_backup(sim);
        while (!somebody_computes_anew(sim))
            sim_step(sim);
        sim_restore_backup(sim);
        sim->master_restart_ms = sim->now_ms + 50;
        for (int i = 0; i < SIM_WORKERS; i++) {
            if (sim_chance(sim, 0.5))
                sim->peers[i].mute_until_ms[0] = sim->now_ms + SIM_LEASE_MS;
        }
        sim_run(sim);
        sim_ends_alike(sim, calm);
        twice += sim->twice > 0;
        sim_close(sim);
    }
    printf("# %" PRIu64 " of %" PRIu64 " databases put back had a key computed twice\n", twice, rounds);
    assert_true(twice > 0);
    free(calm);
}

/* What was taken from a peer that was away must stay taken, when it comes back while the database cannot be written. */
static void a_master_that_cannot_store_gives_nothing_back(void **state)
{
    uint64_t rounds = (uint64_t)test_amount(40, 400), stalls = 0;
    char *calm = sim_undisturbed(*state, &longer);
    for (uint64_t seed = first_seed(); seed < first_seed() + rounds; seed++) {
        struct sim *sim = sim_open(*state, &longer, seed, SIM_DISK_FAILS | SIM_CUT | SIM_PEER_FREEZES | SIM_WEATHER);
        sim_run(sim);
        sim_ends_alike(sim, calm);
        stalls += sim->stalls;
        sim_close(sim);
    }
    printf("# the disk failed %" PRIu64 " times\n", stalls);
    free(calm);
}

/* --- poison --- */

static void poison_is_given_up_after_three_deaths_and_nothing_else_is(void **state)
{
    uint64_t rounds = (uint64_t)test_amount(3, 20), poison = 0, deaths = 0, others = 0;
    for (uint64_t seed = first_seed(); seed < first_seed() + rounds; seed++) {
        struct sim *sim = sim_open(*state, &poisoned, seed, 0);
        sim_run(sim);
        SIM_HOLDS(sim, sim->healthy_given_up == 0, "a healthy task was given up");
        for (const struct sim_key *key = sim->keys; key != NULL; key = key->hh.next) {
            SIM_HOLDS(sim, key->deaths <= 3, "key %.8s killed %d processes", key->key, key->deaths);
            poison += key->truth.poison;
            others += !key->truth.poison;
            deaths += (uint64_t)key->deaths;
        }
        sim_close(sim);
    }
    printf("# %" PRIu64 " poisonous tasks killed %" PRIu64 " processes; %" PRIu64 " others have their values\n", poison, deaths,
           others);
    assert_true(poison >= 10 * rounds && deaths <= 3 * poison);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_may_be_lost_copied_or_late),
        cmocka_unit_test(every_piece_of_an_artifact_may_be_lost_copied_or_late),
        cmocka_unit_test(trainings_survive_all_kinds_of_faults_together),
        cmocka_unit_test(every_kind_of_fault_alone_leaves_the_same_answer),
        cmocka_unit_test(no_token_comes_twice_out_of_a_database_put_back),
        cmocka_unit_test(a_database_put_back_at_once_leaves_the_same_answer),
        cmocka_unit_test(a_master_that_cannot_store_gives_nothing_back),
        cmocka_unit_test(poison_is_given_up_after_three_deaths_and_nothing_else_is),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, sim_place_open, sim_place_close);
}
