/* sim: the run: time goes from event to event, faults come as the seed has it, and everything is looked at after every step. */
#include "tests/sim/sim.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "common/bundle.h"
#include "common/fileio.h"
#include "tests/support/train_wants.h"

void sim_say(const struct sim *sim, const char *format, ...)
{
    if (!sim->trace)
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%8.3f ", (double)sim->now_ms / 1000);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

bool sim_chance(struct sim *sim, double probability)
{
    return rng_uniform(&sim->rng) < probability;
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&sim->rng, (uint64_t)(high - low + 1));
}

/* --- the truth --- */

/* Latency grows with what a cell computes, as boards' does. */
struct sim_truth sim_truth_of(const struct sim_odds *odds, enum wire_kind kind, const char *arch)
{
    static const struct {
        const char *word;
        double phi, ms;
    } operations[] = {{"nor_conv_3x3", 2.1, 3}, {"nor_conv_1x1", 1.3, 1}, {"avg_pool_3x3", 0.2, 0.3}, {"skip_connect", 0.4, 0.1}};
    struct digest_stream stream;
    struct digest digest;
    struct rng rng;
    if (kind != WIRE_MEASURE)
        kind = WIRE_RMI; /* trainings and scores by weights stand for those by RMI */
    digest_begin(&stream);
    digest_text(&stream, arch);
    digest_u64(&stream, (uint64_t)kind);
    digest_end(&stream, &digest);
    digest_rng(&digest, &rng);
    int draw = (int)rng_below(&rng, 100);
    struct sim_truth truth = {.value = (kind == WIRE_RMI ? 0.01 : 0.5) * (1 + 0.1 * rng_uniform(&rng))};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        for (const char *at = arch; (at = strstr(at, operations[i].word)) != NULL; at++)
            truth.value += kind == WIRE_RMI ? 0.1 * operations[i].phi : operations[i].ms;
    }
    truth.poison = draw < odds->poison;
    truth.fails = !truth.poison && draw < odds->poison + odds->fails;
    truth.unsuitable =
        kind == WIRE_MEASURE && !truth.poison && !truth.fails && draw < odds->poison + odds->fails + odds->unsuitable;
    return truth;
}

/* --- trainings --- */

void sim_read_task(struct wire_task *task)
{
    if (task->kind != WIRE_ONESHOT_TRAIN)
        return;
    assert_int_equal(task->oneshot.schedule_count, 1);
    snprintf(task->arch, sizeof task->arch, "%s", task->oneshot.schedule);
    task->oneshot.schedule = NULL; /* the message's */
    task->oneshot.schedule_count = 0;
}

void sim_artifact(const char *key, uint8_t out[SIM_ARTIFACT_BYTES], struct digest *digest)
{
    train_wants_weights(key, out, SIM_ARTIFACT_BYTES);
    digest_of(out, SIM_ARTIFACT_BYTES, digest);
}

/* --- faults --- */

static struct sim_process *somebody(struct sim *sim)
{
    return &sim->peers[rng_below(&sim->rng, SIM_PEERS)];
}

static void cut(struct sim *sim)
{
    struct sim_process *process = somebody(sim);
    int64_t until_ms = sim->now_ms + sim_between(sim, 100, 3 * SIM_LEASE_MS);
    int which = (int)rng_below(&sim->rng, 3); /* from it, to it, both */
    for (int i = 0; i < 2; i++) {
        if (which == i || which == 2)
            process->mute_until_ms[i] = until_ms;
    }
    process->cut = process->alive;
    sim_say(sim, "node-%d is cut off (%d)", process->number, which);
}

static void die_in_commit(struct sim *sim)
{
    int which = (int)rng_below(&sim->rng, 4);
    sim->next_commit = which == 0 ? SIM_COMMIT_DIES_BEFORE : SIM_COMMIT_DIES_AFTER;
    if (which < 2)
        return;
    sim->dying_in_commit = true;
    sim->disk.copy_to = &sim->at_death;
    sim->disk.copy_at = sim->disk.writes + rng_below(&sim->rng, 12);
    sim->disk.copy_synced = (sim->faults & SIM_POWER_CUT) != 0 && sim_chance(sim, 0.5);
}

static void lie(struct sim *sim)
{
    /* Only boards lie: hosts 1 and 2 see to it that the study ends. */
    struct sim_process *process = &sim->peers[SIM_FIRST_BOARD + (int)rng_below(&sim->rng, SIM_PEERS - SIM_FIRST_BOARD)];
    process->lie = sim_chance(sim, 0.5) ? 1 : sim_chance(sim, 0.5) ? 1.15 : 0.8;
    process->lies++;
    sim_say(sim, "board-%d is off by %g from now on", process->number, process->lie);
}

static void change_weather(struct sim *sim)
{
    sim->drop = sim_chance(sim, 0.5) ? 0 : 0.3 * rng_uniform(&sim->rng);
    sim->copy = 0.2 * rng_uniform(&sim->rng);
    sim->slow = sim_chance(sim, 0.5) ? 0 : 0.2 * rng_uniform(&sim->rng);
}

static void fault_of_master(struct sim *sim, enum sim_fault fault)
{
    bool commit_is_meant = fault == SIM_MASTER_DIES_IN_COMMIT || fault == SIM_COMMIT_LIE;
    if (sim->coord == NULL || (commit_is_meant && sim->next_commit != SIM_COMMIT_WELL))
        return;
    switch (fault) {
    case SIM_MASTER_DIES: sim_master_dies(sim, false); break;
    case SIM_POWER_CUT: sim_master_dies(sim, true); break;
    case SIM_MASTER_DIES_IN_COMMIT: die_in_commit(sim); break;
    case SIM_MASTER_STOPS: sim_master_stops(sim); break;
    case SIM_COMMIT_LIE: sim->next_commit = SIM_COMMIT_LIES; break;
    case SIM_MASTER_FREEZES: sim->master_frozen_until_ms = sim->now_ms + sim_between(sim, 100, 3 * SIM_LEASE_MS); break;
    default: break;
    }
}

static void clock_jumps(struct sim *sim)
{
    const int64_t hour_ms = 3600000, year_ms = 365 * 24 * hour_ms;
    sim->wall_offset_ms =
        sim_chance(sim, 0.7) ? sim_between(sim, -hour_ms, hour_ms) : sim_between(sim, -10 * year_ms, 10 * year_ms);
    sim_say(sim, "the wall clock is off by %" PRId64 " ms", sim->wall_offset_ms);
}

static void fault(struct sim *sim)
{
    enum sim_fault fault;
    struct sim_process *process = somebody(sim);
    sim->next_fault_ms = sim->faults == 0 ? INT64_MAX : sim->now_ms + sim_between(sim, 500, 20000);
    if (sim->faults == 0)
        return;
    do
        fault = (enum sim_fault)(1u << rng_below(&sim->rng, 15));
    while ((sim->faults & fault) == 0);
    switch (fault) {
    case SIM_PEER_DIES:
        if (process->alive)
            sim_peer_dies(sim, process, sim_between(sim, 10, 3 * SIM_LEASE_MS));
        break;
    case SIM_PEER_FREEZES: process->frozen_until_ms = sim->now_ms + sim_between(sim, 100, 3 * SIM_LEASE_MS); break;
    case SIM_PEER_DRAINS:
        if (process->alive && !process->ledger.draining) {
            ledger_drain(&process->ledger, sim->now_ms);
            process->drained_by_ms = sim->now_ms + 30000;
        }
        break;
    case SIM_CUT: cut(sim); break;
    case SIM_WEATHER: change_weather(sim); break;
    case SIM_DISK_FAILS: sim->disk_fails_until_ms = sim->now_ms + sim_between(sim, 10, 2 * SIM_LEASE_MS); break;
    case SIM_CLOCK_JUMPS: clock_jumps(sim); break;
    case SIM_BOARD_LIES: lie(sim); break;
    case SIM_BACKUP:
        if (sim->has_backup && sim->coord != NULL && sim_chance(sim, 0.3))
            sim_restore_backup(sim);
        else
            sim_take_backup(sim);
        break;
    default: fault_of_master(sim, fault); break;
    }
}

static void heal(struct sim *sim)
{
    sim->next_fault_ms = INT64_MAX;
    sim->drop = sim->copy = sim->slow = 0;
    sim->next_commit = SIM_COMMIT_WELL;
    sim->disk.copy_to = NULL;
    sim->dying_in_commit = false;
    sim->disk_fails_until_ms = sim->master_frozen_until_ms = 0;
    for (int i = 0; i < SIM_PEERS; i++) {
        sim->peers[i].frozen_until_ms = 0;
        sim->peers[i].mute_until_ms[0] = sim->peers[i].mute_until_ms[1] = 0;
    }
}

/* --- time --- */

static int64_t next_event_ms(const struct sim *sim)
{
    int64_t next = sim->next_fault_ms, then = sim_master_next_ms(sim);
    next = then < next ? then : next;
    then = sim_next_flight_ms(sim);
    next = then < next ? then : next;
    for (int i = 0; i < SIM_PEERS; i++) {
        then = sim_peer_next_ms(sim, &sim->peers[i]);
        next = then < next ? then : next;
    }
    return next > sim->now_ms ? next : sim->now_ms + 1;
}

void sim_step(struct sim *sim)
{
    int64_t then = next_event_ms(sim);
    sim_jobs_progress(sim, then - sim->now_ms);
    sim->now_ms = then;
    sim->steps++;
    if (sim->now_ms >= sim->faults_end_ms && sim->next_fault_ms != INT64_MAX)
        heal(sim);
    if (sim->now_ms >= sim->next_fault_ms)
        fault(sim);
    if (sim->coord == NULL && !sim->finished && sim->now_ms >= sim->master_restart_ms)
        sim_master_starts(sim);
    for (int i = 0; i < SIM_PEERS; i++) {
        if (!sim->peers[i].alive && sim->now_ms >= sim->peers[i].restart_ms)
            sim_peer_starts(sim, &sim->peers[i]);
    }
    sim_deliver(sim);
    for (int i = 0; i < SIM_PEERS; i++) {
        if (sim->peers[i].alive && sim->peers[i].frozen_until_ms <= sim->now_ms)
            sim_peer_acts(sim, &sim->peers[i]);
    }
    if (sim->coord != NULL && sim_master_next_ms(sim) <= sim->now_ms)
        sim_master_turns(sim);
    sim_check_step(sim);
}

void sim_run(struct sim *sim)
{
    while (!sim->finished) {
        sim_step(sim);
        SIM_HOLDS(sim, sim->now_ms < SIM_END_MS, "the study does not come to its end");
    }
    sim_check_end(sim);
}

char *sim_undisturbed(const struct sim_place *place, const struct sim_study *study)
{
    struct sim *sim = sim_open(place, study, 1, 0);
    sim->trace = false;
    sim->logger.out = NULL;
    sim_run(sim);
    char *front = sim_front(sim);
    sim_close(sim);
    return front;
}

bool sim_ends_alike(struct sim *sim, const char *undisturbed)
{
    char *front = sim_front(sim);
    bool compared = sim->study->same_answer && sim->healthy_given_up == 0;
    SIM_HOLDS(sim, !compared || strcmp(front, undisturbed) == 0, "the front is another one than undisturbed:\n%sundisturbed:\n%s",
              front, undisturbed);
    free(front);
    return compared;
}

/* --- opening --- */

static void centred_gram(struct rng *rng, int n, float *out)
{
    double rows[8][4], means[4] = {0};
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < 4; j++)
            means[j] += (rows[i][j] = rng_uniform(rng)) / n;
    }
    for (int a = 0; a < n; a++) {
        for (int b = 0; b < n; b++) {
            double sum = 0;
            for (int j = 0; j < 4; j++)
                sum += (rows[a][j] - means[j]) * (rows[b][j] - means[j]);
            out[a * n + b] = (float)sum;
        }
    }
}

/* As small as one can be: the peers here only carry it about. */
static void write_bundle(const char *path, struct digest *digest)
{
    enum { N = 4 };
    uint8_t images[N * 3 * 8 * 8] = {0};
    int32_t labels[N] = {0, 1, 2, 3}, indices[N] = {0, 1, 2, 3};
    double cross_entropy[N] = {0.1, 0.2, 0.3, 0.4};
    float grams[3][N * N];
    struct rng rng;
    struct bundle bundle = {.batch = N,
                            .shape = {3, 8, 8},
                            .classes = 4,
                            .taps = 3,
                            .images = images,
                            .labels = labels,
                            .indices = indices,
                            .cross_entropy = cross_entropy,
                            .grams = {grams[0], grams[1], grams[2]},
                            .mean = {0.5f, 0.5f, 0.5f},
                            .std = {0.25f, 0.25f, 0.25f},
                            .dataset = "made-up",
                            .reference = "made-up"};
    struct status status = {0};
    void *data;
    size_t size;
    rng_seed(&rng, 1);
    for (int i = 0; i < 3; i++)
        centred_gram(&rng, N, grams[i]);
    assert_ok(bundle_write(&bundle, &data, &size, &status), status);
    assert_ok(fileio_write(path, data, size, &status), status);
    digest_of(data, size, digest);
    free(data);
}

/* A new database as a master makes it, on the real file system: simulated disks begin with its bytes. */
static void write_database(struct sim_place *place)
{
    struct store *store;
    struct status status = {0};
    assert_ok(store_open(place->db, STORE_WRITE, &store, &status), status);
    store_close(store);
    assert_ok(fileio_read(place->db, 1 << 20, &place->database, &place->database_size, &status), status);
}

int sim_place_open(void **state)
{
    const char *folder = getenv("TMPDIR");
    char bundle[192];
    struct sim_place *place = calloc(1, sizeof *place);
    *state = place;
    snprintf(place->folder, sizeof place->folder, "%.80s/hwnas-sim-%ld", folder != NULL ? folder : "/tmp", (long)getpid());
    snprintf(place->db, sizeof place->db, "%s/sim.db", place->folder);
    snprintf(bundle, sizeof bundle, "%s/ref.bundle", place->folder);
    if (mkdir(place->folder, 0700) != 0 || space_open("nb201", &place->space, NULL) != STATUS_OK)
        return -1;
    write_bundle(bundle, &place->bundle);
    write_database(place);
    return 0;
}

int sim_place_close(void **state)
{
    struct sim_place *place = *state;
    char path[192];
    unlink(place->db);
    snprintf(path, sizeof path, "%s/ref.bundle", place->folder);
    unlink(path);
    rmdir(place->folder);
    space_close(&place->space);
    free(place->database);
    free(place);
    return 0;
}

static void write_study(struct sim *sim)
{
    snprintf(sim->study_path, sizeof sim->study_path, "%s/%s.yaml", sim->place->folder, sim->study->name);
    FILE *out = fopen(sim->study_path, "w");
    assert_non_null(out);
    fprintf(out, "name: sim\nspace: nb201\nfitness: {source: rmi, bundle: ref.bundle, combine: none, finalists: %u}\n%s",
            sim->study->finalists, sim->study->settings);
    assert_int_equal(fclose(out), 0);
}

struct sim *sim_open(const struct sim_place *place, const struct sim_study *study, uint64_t seed, uint32_t faults)
{
    static const int hosts[SIM_PEERS] = {1, 1, 2, 2, 3, 1, 2, 4, 5}; /* host-3 has a worker only; hosts 4 and 5 are boards */
    struct sim *sim = calloc(1, sizeof *sim);
    assert_non_null(sim);
    sim->place = place;
    sim->study = study;
    sim->seed = seed;
    sim->trace = getenv("TRACE") != NULL;
    sim->logger = (struct logger){.out = sim->trace ? stderr : NULL, .level = LOG_DEBUG, .program = "master"};
    sim->faults = faults;
    sim->faults_end_ms = SIM_FAULTS_END_MS;
    rng_seed(&sim->rng, seed);
    train_wants(study->trains ? TRAIN_WANTS_HALF : TRAIN_WANTS_NONE, &place->bundle);
    write_study(sim);
    sim_master_init(sim);
    disk_put(&sim->disk, place->db, place->database, place->database_size);
    disk_mount(&sim->disk);
    for (int i = 0; i < SIM_PEERS; i++) {
        sim->peers[i].number = i;
        sim->peers[i].host = hosts[i];
        sim->peers[i].lie = 1;
        sim->peers[i].restart_ms = sim_between(sim, 0, 3000);
        downloads_init(&sim->peers[i].downloads);
    }
    sim->master_restart_ms = sim_between(sim, 0, 2000);
    sim->next_fault_ms = faults == 0 ? INT64_MAX : sim_between(sim, 1000, 20000);
    return sim;
}

void sim_close(struct sim *sim)
{
    struct sim_key *key, *next_key;
    struct sim_token *token, *next_token;
    for (int i = 0; i < SIM_PEERS; i++) {
        sim_forget_flights(sim, i, true);
        downloads_clear(&sim->peers[i].downloads);
    }
    if (sim->coord != NULL)
        sim_master_dies(sim, false);
    disk_unmount(&sim->disk);
    disk_copy_free(&sim->at_death);
    disk_copy_free(&sim->backup);
    disk_free(&sim->disk);
    HASH_ITER(hh, sim->keys, key, next_key)
    {
        HASH_DEL(sim->keys, key);
        free(key);
    }
    HASH_ITER(hh, sim->tokens, token, next_token)
    {
        HASH_DEL(sim->tokens, token);
        free(token);
    }
    unlink(sim->study_path);
    free(sim);
}
