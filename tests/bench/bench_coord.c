/* bench_coord: what an evaluation costs the master without a network, and what it costs the store alone. The coordinator is the
 * product's; its peers are an array that answers each task at once. usage: bench_coord FOLDER EVALUATIONS RUNS
 * WORKERSxSLOTS[xBATCH]... (FOLDER has tiny.bundle; BATCH: messages a turn, all that wait by default; WORKERSxSLOTS 0x0: the store
 * alone, BATCH evaluations a commit) */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/rng.h"
#include "common/wire.h"
#include "master/coord.h"
#include "tests/support/swarm_wire.h"
#include "tests/support/timing.h"

enum { RUNS_MAX = 21, TOTAL = 1000000, LINK_FIRST = 1 };

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench_coord: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

struct figures {
    double rate, batch, processor_us;
};

static void remove_db(const char *db)
{
    char log[600];
    snprintf(log, sizeof log, "%s-wal", db);
    unlink(db);
    unlink(log);
}

/* --- peers in memory --- */

struct mail {
    uint32_t link;
    size_t size;
    uint8_t *data;
};

struct crowd {
    uint32_t count, slots;
    uint64_t epoch, *sequences, accepted;
    struct swarm_held *fresh; /* of the link that is being sent to */
    uint32_t fresh_count, fresh_link;
    struct mail *mail; /* to the coordinator */
    size_t mail_count, mail_room;
};

static void put_mail(struct crowd *peers, uint32_t link, const uint8_t *data, size_t size)
{
    if (peers->mail_count == peers->mail_room) {
        peers->mail_room = 2 * peers->mail_room + 1024;
        peers->mail = realloc(peers->mail, peers->mail_room * sizeof *peers->mail);
    }
    struct mail *mail = &peers->mail[peers->mail_count++];
    *mail = (struct mail){.link = link, .size = size, .data = malloc(size)};
    memcpy(mail->data, data, size);
}

/* Confirms and answers the tasks of one link, as a worker does that got them in one go. */
static void answer_fresh(struct crowd *peers)
{
    static uint8_t frame[1 << 16];
    if (peers->fresh_count == 0)
        return;
    put_mail(peers, peers->fresh_link, frame,
             swarm_wire_heartbeat(frame, peers->slots, ++peers->sequences[peers->fresh_link], peers->fresh, peers->fresh_count));
    for (uint32_t i = 0; i < peers->fresh_count; i++)
        put_mail(peers, peers->fresh_link, frame, swarm_wire_result(frame, &peers->fresh[i]));
    peers->fresh_count = 0;
}

static enum status_code take(void *context, uint32_t link, const void *data, size_t size)
{
    struct crowd *peers = context;
    struct swarm_message message;
    if (link != peers->fresh_link)
        answer_fresh(peers);
    peers->fresh_link = link;
    if (!swarm_wire_read(data, size, &message))
        die("an unreadable message");
    if (message.word == SWARM_ACK)
        peers->accepted += message.code == WIRE_ACCEPTED;
    if (message.word == SWARM_REFUSE)
        die("refused");
    if (message.word != SWARM_TASK)
        return STATUS_OK;
    struct swarm_held *held = &peers->fresh[peers->fresh_count++];
    *held = (struct swarm_held){.lease_id = message.lease_id, .epoch = message.epoch, .attempt = message.attempt};
    memcpy(held->key, message.key, SWARM_KEY_BYTES);
    return STATUS_OK;
}

static uint64_t draw(void *context)
{
    (void)context;
    return 1; /* there is one master on a database of its own */
}

static void say_hellos(struct crowd *peers)
{
    uint8_t frame[1024];
    for (uint32_t i = LINK_FIRST; i < LINK_FIRST + peers->count; i++) {
        char node[32];
        snprintf(node, sizeof node, "node-%u", i);
        put_mail(peers, i, frame, swarm_wire_hello(frame, node, node, 1, peers->slots, ++peers->sequences[i], NULL, 0));
    }
}

/* --- the coordinator --- */

static void write_study(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        die("%s cannot be written", path);
    fprintf(file,
            "name: rate\nspace: fbnet\nseed: 1\nbudget: {evaluations: 0}\n"
            "strategy: {name: random, population: 1000, generations: %d, in_flight: 50000}\n"
            "fitness: {source: rmi, bundle: tiny.bundle, protocol: rmi-fast, combine: none}\n",
            TOTAL / 1000);
    fclose(file);
}

static void deliver(struct coord *coord, struct crowd *peers, size_t batch)
{
    struct mail *mail = peers->mail;
    size_t count = peers->mail_count;
    peers->mail = NULL;
    peers->mail_count = peers->mail_room = 0;
    for (size_t i = 0; i < count; i++) {
        coord_message(coord, mail[i].link, mail[i].data, mail[i].size);
        free(mail[i].data);
        if ((i + 1) % batch == 0)
            coord_turn(coord);
    }
    free(mail);
    coord_turn(coord);
    answer_fresh(peers);
}

static struct figures run_coord(const char *folder, uint64_t evaluations, uint32_t workers, uint32_t slots, size_t batch)
{
    char db[512], study[512];
    struct status status = {0};
    struct coord *coord = NULL;
    struct crowd peers = {.count = workers, .slots = slots};
    peers.sequences = calloc(workers + LINK_FIRST, sizeof *peers.sequences);
    peers.fresh = calloc(slots + 1, sizeof *peers.fresh);
    snprintf(db, sizeof db, "%s/coord.db", folder);
    snprintf(study, sizeof study, "%s/coord.yaml", folder);
    remove_db(db);
    write_study(study);
    struct coord_options options = {.search = {.study_path = study, .db = db}, .heartbeat_ms = 60000, .lease_ms = 600000};
    struct coord_effects effects = {.clock = &clock_system, .send = take, .chance = draw, .context = &peers};
    if (coord_open(&options, &effects, NULL, &coord, &status) != STATUS_OK || coord_start(coord, &status) != STATUS_OK)
        die("%s", status.message);
    say_hellos(&peers);
    for (int i = 0; i < 30; i++)
        deliver(coord, &peers, batch);
    uint64_t from = peers.accepted, commits = store_commits(search_store((struct search *)(uintptr_t)coord_search(coord)));
    double processor = timing_processor_seconds();
    int64_t began_ns = clock_monotonic_ns();
    while (peers.accepted - from < evaluations)
        deliver(coord, &peers, batch);
    double count = (double)(peers.accepted - from);
    struct figures figures = {.rate = count / ((double)(clock_monotonic_ns() - began_ns) * 1e-9),
                              .processor_us = (timing_processor_seconds() - processor) / count * 1e6};
    commits = store_commits(search_store((struct search *)(uintptr_t)coord_search(coord))) - commits;
    figures.batch = count / (double)commits;
    coord_close(coord);
    for (size_t i = 0; i < peers.mail_count; i++)
        free(peers.mail[i].data);
    free(peers.mail);
    free(peers.sequences);
    free(peers.fresh);
    remove_db(db);
    return figures;
}

/* --- the store alone --- */

static void random_key(struct rng *rng, char out[DIGEST_HEX_BYTES])
{
    struct digest digest;
    for (int i = 0; i < DIGEST_BYTES; i++)
        digest.bytes[i] = (uint8_t)rng_next(rng);
    digest_hex(&digest, out);
}

/* The statements of one evaluation, as coordinator and search carry them out. */
static void store_one(struct store *store, struct rng *rng, uint64_t number, struct status *status)
{
    struct store_evaluation row = {
        .kind = STUDY_WANT_RMI,
        .feasible = true,
        .value = 1.5,
        .detail = "{}",
        .node = "swarm-1234",
        .queue_seconds = NAN,
        .build_seconds = NAN,
        .run_seconds = NAN,
        .energy_mj = NAN,
        .arch = "k3_e6 k3_e6 k5_e3 skip k3_e6 k3_e1 k5_e6 k3_e6 k3_e1 skip k3_e6 k5_e3 k3_e6 k5_e1 k3_e6 skip k3"};
    struct store_attempts attempts;
    struct store_lease lease = {.epoch = 1, .attempt = 1, .node = "swarm-1234"};
    struct study_candidate candidate = {
        .ask = number, .told = number, .arch.length = 22, .connected = true, .result = {.feasible = true, .fitness = 1.5}};
    bool done;
    random_key(rng, row.key);
    memcpy(lease.key, row.key, sizeof lease.key);
    memcpy(candidate.fitness_key, row.key, sizeof row.key);
    memcpy(candidate.arch_text, row.arch, sizeof candidate.arch_text);
    memcpy(candidate.canonical_text, row.arch, sizeof candidate.canonical_text);
    struct store_evaluation found;
    if (store_evaluation_get(store, row.key, &found, status) != STATUS_NOT_FOUND ||
        store_lease_attempts(store, row.key, &attempts, status) != STATUS_OK ||
        store_lease_grant(store, &lease, status) != STATUS_OK ||
        store_lease_close(store, lease.id, 1, 1, lease.node, STORE_LEASE_DONE, "", "", 1, &done, status) != STATUS_OK ||
        store_evaluation_put(store, &row, &done, status) != STATUS_OK ||
        store_candidate_put(store, 1, &candidate, 0, status) != STATUS_OK)
        die("%s", status->message);
}

static struct figures run_store(const char *folder, uint64_t evaluations, size_t batch)
{
    char db[512];
    struct status status = {0};
    struct store *store = NULL;
    struct rng rng;
    struct store_study study = {.name = "rate", .settings = "", .files = "{}"};
    int64_t id;
    rng_seed(&rng, 1);
    snprintf(db, sizeof db, "%s/store.db", folder);
    remove_db(db);
    if (store_open(db, STORE_WRITE, &store, &status) != STATUS_OK || store_begin(store, &status) != STATUS_OK ||
        store_study_create(store, &study, &id, &status) != STATUS_OK || store_commit(store, &status) != STATUS_OK)
        die("%s", status.message);
    double processor = timing_processor_seconds();
    int64_t began_ns = clock_monotonic_ns();
    for (uint64_t i = 0; i < evaluations; i++) {
        if (i % batch == 0 && store_begin(store, &status) != STATUS_OK)
            die("%s", status.message);
        store_one(store, &rng, i, &status);
        if (((i + 1) % batch == 0 || i + 1 == evaluations) && store_commit(store, &status) != STATUS_OK)
            die("%s", status.message);
    }
    double count = (double)evaluations;
    struct figures figures = {.rate = count / ((double)(clock_monotonic_ns() - began_ns) * 1e-9),
                              .processor_us = (timing_processor_seconds() - processor) / count * 1e6,
                              .batch = (double)batch};
    store_close(store);
    remove_db(db);
    return figures;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        die("usage: bench_coord FOLDER EVALUATIONS RUNS WORKERSxSLOTS[xBATCH]...");
    uint64_t evaluations = strtoull(argv[2], NULL, 10);
    int runs = atoi(argv[3]);
    if (runs < 1 || runs > RUNS_MAX)
        die("not 1 to %d runs", RUNS_MAX);
    for (int i = 4; i < argc; i++) {
        uint32_t workers = 0, slots = 0;
        size_t batch = SIZE_MAX;
        double values[3][RUNS_MAX];
        if (sscanf(argv[i], "%ux%ux%zu", &workers, &slots, &batch) < 2)
            die("%s is not WORKERSxSLOTSxBATCH", argv[i]);
        for (int r = 0; r < runs; r++) {
            struct figures figures =
                workers == 0 ? run_store(argv[1], evaluations, batch) : run_coord(argv[1], evaluations, workers, slots, batch);
            values[0][r] = figures.rate;
            values[1][r] = figures.batch;
            values[2][r] = figures.processor_us;
        }
        double rate = timing_median(values[0], runs); /* sorts them */
        printf("%s %7u %5u | %8.0f (%.0f to %.0f) | %7.0f | %6.1f\n", workers == 0 ? "store" : "coord", workers, slots, rate,
               values[0][0], values[0][runs - 1], timing_median(values[1], runs), timing_median(values[2], runs));
        fflush(stdout);
    }
    return 0;
}
