/* A real master with fifty simulated workers that do no work, and everything that can go wrong going wrong now and then: workers
 * die, lose their connection, stand still until their leases have run out, send results twice; the master is killed and started
 * again. In the end every result that was acknowledged is in the database, every candidate was told once with the value of its key,
 * nothing is open, and master and descriptors have not grown. */
#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/fileio.h"
#include "master/store.h"
#include "tests/support/swarm.h"

enum { WORKERS = 50, HEARTBEAT_MS = 200, LEASE_MS = 2000, SAMPLES = 4000, PATIENCE_MS = 300000 };

struct soak {
    char folder[128], db[256], study[256], address[256], log[256];
    long evaluations;
    pid_t master;
    int lives;
};

/* --- the master --- */

static void write_study(struct soak *soak)
{
    char command[600];
    snprintf(command, sizeof command, "python3 tests/support/tiny_bundle.py %s/tiny.bundle", soak->folder);
    assert_int_equal(system(command), 0);
    FILE *file = fopen(soak->study, "w");
    assert_non_null(file);
    fprintf(file,
            "name: soak\nspace: fbnet\nseed: 1\nbudget: {evaluations: 0}\n"
            "strategy: {name: random, population: 100, generations: %ld, mode: steady, in_flight: 200}\n"
            "fitness: {source: rmi, bundle: tiny.bundle, protocol: rmi-fast, combine: none}\n",
            soak->evaluations / 100);
    fclose(file);
}

static void start_master(struct soak *soak)
{
    char program[512], heartbeat[16], lease[16];
    snprintf(program, sizeof program, "%s/hwnas-master", getenv("HWNAS_BUILD"));
    snprintf(heartbeat, sizeof heartbeat, "%d", HEARTBEAT_MS);
    snprintf(lease, sizeof lease, "%d", LEASE_MS);
    soak->lives++;
    soak->master = fork();
    assert_true(soak->master >= 0);
    if (soak->master != 0)
        return;
    char *arguments[] = {
        program,   "--study",    soak->study, "--db",        soak->db, "--listen",           soak->address, "--heartbeat-ms",
        heartbeat, "--lease-ms", lease,       "--log-level", "error",  "--exit-with-parent", NULL};
    int log = open(soak->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    execv(program, arguments);
    _exit(127);
}

static void kill_master(struct soak *soak)
{
    int status;
    kill(soak->master, SIGKILL);
    assert_int_equal(waitpid(soak->master, &status, 0), soak->master);
    start_master(soak);
}

static double rss_mib(pid_t process)
{
    char path[64], line[256];
    double kib = NAN;
    snprintf(path, sizeof path, "/proc/%d/status", process);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "VmRSS: %lf", &kib);
    if (file != NULL)
        fclose(file);
    return kib / 1024;
}

static int descriptors(pid_t process)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", process);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return count;
}

/* --- what is looked at meanwhile: the master's last life --- */

struct sample {
    double minutes, mib, accepted;
    int descriptors;
};

/* Least squares of y over x. */
static double slope(const struct sample *samples, int count, bool by_time)
{
    double x = 0, y = 0, xx = 0, xy = 0;
    for (int i = 0; i < count; i++) {
        double at = by_time ? samples[i].minutes : samples[i].accepted;
        x += at / count;
        y += samples[i].mib / count;
        xx += at * at / count;
        xy += at * samples[i].mib / count;
    }
    return (xy - x * y) / (xx - x * x);
}

/* --- what must hold --- */

struct told {
    uint64_t count;
};

static enum status_code check_told(void *context, const struct study_candidate *candidate, struct status *status)
{
    struct told *told = context;
    struct digest key;
    (void)status;
    assert_int_equal(digest_parse(candidate->fitness_key, &key), 0);
    if (candidate->told != told->count || !candidate->result.feasible || candidate->result.fitness != swarm_value(key.bytes))
        fail_msg("candidate %llu, told %llu: %s with %.17g", (unsigned long long)candidate->ask,
                 (unsigned long long)candidate->told, candidate->result.feasible ? "feasible" : "infeasible",
                 candidate->result.fitness);
    told->count++;
    return STATUS_OK;
}

static void check_database(const struct soak *soak, const uint8_t *accepted, size_t count)
{
    struct status status = {0};
    struct store *store = NULL;
    struct store_lease *leases = NULL;
    struct store_study study;
    struct told told = {0};
    size_t open_leases = 0;
    assert_ok(store_open(soak->db, STORE_READ, &store, &status), status);
    for (size_t i = 0; i < count; i++) {
        struct store_evaluation row;
        struct digest digest;
        char key[DIGEST_HEX_BYTES];
        bool found;
        memcpy(digest.bytes, accepted + i * SWARM_KEY_BYTES, sizeof digest.bytes);
        digest_hex(&digest, key);
        assert_ok(store_evaluation_find(store, key, &row, &found, &status), status);
        if (!found)
            fail_msg("an acknowledged result is lost: %s", key);
        assert_true(row.feasible && row.value == swarm_value(digest.bytes));
        store_evaluation_free(&row);
    }
    assert_ok(store_study_find(store, "soak", &study, &status), status);
    assert_int_equal(study.state, STORE_STUDY_FINISHED);
    assert_ok(store_candidate_each(store, study.id, 0, check_told, &told, &status), status);
    assert_int_equal(told.count, soak->evaluations);
    assert_ok(store_lease_open_list(store, &leases, &open_leases, &status), status);
    assert_int_equal(open_leases, 0);
    free(leases);
    store_study_free(&study);
    store_close(store);
}

static int make_folder(void **state)
{
    struct soak *soak = calloc(1, sizeof *soak);
    assert_non_null(soak);
    snprintf(soak->folder, sizeof soak->folder, "/tmp/hwnas-soak-XXXXXX");
    assert_non_null(mkdtemp(soak->folder));
    snprintf(soak->db, sizeof soak->db, "%s/soak.db", soak->folder);
    snprintf(soak->study, sizeof soak->study, "%s/soak.yaml", soak->folder);
    snprintf(soak->address, sizeof soak->address, "ipc://%s/socket/master", soak->folder);
    snprintf(soak->log, sizeof soak->log, "%s/log", soak->folder);
    soak->evaluations = test_amount(4000, 100000);
    *state = soak;
    return 0;
}

static int remove_folder(void **state)
{
    struct soak *soak = *state;
    char command[300];
    if (soak->master > 0 && waitpid(soak->master, NULL, WNOHANG) == 0) {
        kill(soak->master, SIGKILL);
        waitpid(soak->master, NULL, 0);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", soak->folder);
    int gone = system(command);
    free(soak);
    return gone;
}

static void nothing_is_lost_and_nothing_grows_while_everything_goes_wrong(void **state)
{
    struct soak *soak = *state;
    static struct sample samples[SAMPLES];
    int count = 0, kills = (int)test_amount(3, 10);
    int64_t began_ms = clock_monotonic_ms(), heard_ms = began_ms, life_ms = began_ms, sample_ms = 0;
    uint64_t heard = 0;
    const char *seed = getenv("SEED");
    const struct swarm_options options = {
        .address = soak->address,
        .workers = WORKERS,
        .slots = 1,
        .seed = seed == NULL ? 1 : strtoull(seed, NULL, 10),
        .ledger = true,
        .think_ms = test_amount(0, 300), /* in full: ten minutes and more */
        .faults = {.kill = 0.004, .cut = 0.008, .freeze = 0.002, .duplicate = 0.02, .freeze_ms = 3 * LEASE_MS / 2}};
    write_study(soak);
    start_master(soak);
    struct swarm *swarm = swarm_open(&options);
    assert_non_null(swarm);
    const struct swarm_counts *counts = swarm_counts(swarm);
    while (!counts->finished) {
        swarm_run(swarm, 50);
        int64_t now_ms = clock_monotonic_ms();
        if (counts->accepted != heard) {
            heard = counts->accepted;
            heard_ms = now_ms;
        }
        if (now_ms - heard_ms > PATIENCE_MS)
            fail_msg("nothing was accepted for %d s; %llu were", PATIENCE_MS / 1000, (unsigned long long)counts->accepted);
        /* The first half of the study is that of the kills; the second is watched. */
        if (soak->lives <= kills && counts->accepted >= (uint64_t)(soak->evaluations / 2 * soak->lives / (kills + 1))) {
            kill_master(soak);
            life_ms = now_ms;
        }
        bool watched = soak->lives > kills && counts->accepted > (uint64_t)(soak->evaluations * 6 / 10);
        if (watched && now_ms - sample_ms >= test_amount(100, 1000) && count < SAMPLES && counts->connected == WORKERS) {
            samples[count++] = (struct sample){.minutes = (double)(now_ms - life_ms) / 60000,
                                               .mib = rss_mib(soak->master),
                                               .accepted = (double)counts->accepted,
                                               .descriptors = descriptors(soak->master)};
            sample_ms = now_ms;
        }
    }
    int exit_status = -1;
    assert_int_equal(waitpid(soak->master, &exit_status, 0), soak->master);
    soak->master = 0;
    assert_true(WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0);
    printf("# seed=%llu: %ld evaluations in %.1f min, %d lives of the master, %llu workers killed, %llu cut, %llu frozen, %llu "
           "results "
           "sent twice; accepted %llu, duplicate %llu, stale %llu\n",
           (unsigned long long)options.seed, soak->evaluations, (double)(clock_monotonic_ms() - began_ms) / 60000, soak->lives,
           (unsigned long long)counts->kills, (unsigned long long)counts->cuts, (unsigned long long)counts->freezes,
           (unsigned long long)counts->duplicates, (unsigned long long)counts->accepted, (unsigned long long)counts->duplicate,
           (unsigned long long)counts->stale);
    size_t accepted;
    const uint8_t *keys = swarm_accepted(swarm, &accepted);
    check_database(soak, keys, accepted);
    assert_true(counts->refused == 0);
    assert_true(counts->kills > 0 && counts->cuts > 0 && counts->freezes > 0 && counts->duplicates > 0);
    int least = INT32_MAX, most = 0;
    for (int i = 0; i < count; i++) {
        least = samples[i].descriptors < least ? samples[i].descriptors : least;
        most = samples[i].descriptors > most ? samples[i].descriptors : most;
    }
    if (count > 10) {
        double a_minute = slope(samples, count, true), each_kib = slope(samples, count, false) * 1024;
        printf("# memory: %.1f MiB at the end, %+.2f MiB a minute, %+.3f KiB an evaluation; descriptors %d to %d\n",
               samples[count - 1].mib, a_minute, each_kib, least, most);
        /* The search keeps what it has asked, by design; nothing else may grow. */
        if (test_amount(0, 1) == 1)
            assert_true(each_kib < 1.5);
        assert_true(most - least <= 2 * WORKERS / 5); /* connections that are being replaced */
    }
    swarm_close(swarm);
}

int main(void)
{
    if (getenv("HWNAS_BUILD") == NULL) {
        printf("1..0 # SKIP HWNAS_BUILD is not set: run the tests with scripts/run-tests\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost_and_nothing_grows_while_everything_goes_wrong, make_folder, remove_folder),
    };
    return TEST_RUN(tests);
}
