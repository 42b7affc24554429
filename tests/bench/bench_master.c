/* bench_master: how many evaluations a real hwnas-master takes in, with a swarm of simulated workers (support/swarm.h) that compute
 * nothing. For each row (address, workers, slots): evaluations a second that were committed and acknowledged, results a commit, the
 * master's processor time an evaluation (its loop's thread and ZeroMQ's), memory a worker. Master and swarm share this machine's
 * CPUs. usage: bench_master BUILD_DIR FOLDER EVALUATIONS RUNS ADDRESS:WORKERSxSLOTS...   (ADDRESS: tcp or ipc) */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/swarm.h"
#include "tests/support/timing.h"

enum { RUNS_MAX = 21, TOTAL = 1000000, WARM_UP = 2000 };

struct row {
    bool tcp;
    uint32_t workers, slots;
};

struct figures {
    double rate, batch, commits_per_s, loop_us, io_us, swarm_us, rss_mib;
};

struct bench {
    const char *build, *folder;
    uint64_t evaluations;
    int run;
    pid_t master;
    char address[256], log[512];
};

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench_master: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

/* --- the master --- */

static void write_study(const char *path, int in_flight)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        die("%s cannot be written", path);
    fprintf(file,
            "name: rate\nspace: fbnet\nseed: 1\nbudget: {evaluations: 0}\n"
            "strategy: {name: random, population: 1000, generations: %d, in_flight: %d}\n"
            "fitness: {source: rmi, bundle: tiny.bundle, protocol: rmi-fast, combine: none}\n",
            TOTAL / 1000, in_flight);
    fclose(file);
}

static void remove_db(const struct bench *bench)
{
    char path[600];
    const char *ends[] = {"db", "db-wal", "log"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(path, sizeof path, "%s/rate-%d.%s", bench->folder, bench->run, ends[i]);
        unlink(path);
    }
}

static void start_master(struct bench *bench, const struct row *row)
{
    char program[512], study[512], db[512];
    snprintf(program, sizeof program, "%s/hwnas-master", bench->build);
    snprintf(study, sizeof study, "%s/rate.yaml", bench->folder);
    snprintf(db, sizeof db, "%s/rate-%d.db", bench->folder, bench->run);
    snprintf(bench->log, sizeof bench->log, "%s/rate-%d.log", bench->folder, bench->run);
    if (row->tcp)
        snprintf(bench->address, sizeof bench->address, "tcp://127.0.0.1:*");
    else
        snprintf(bench->address, sizeof bench->address, "ipc://%s/socket/s%d", bench->folder, bench->run);
    write_study(study, row->slots == 0 ? 100 : 100000);
    remove_db(bench);
    bench->master = fork();
    if (bench->master != 0)
        return;
    int log = open(bench->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0 || chdir(bench->folder) != 0)
        _exit(126);
    char *arguments[] = {program,      "--study", study, "--db", db, "--listen", bench->address, "--exit-with-parent",
                         "--lease-ms", "30000",   NULL};
    execv(program, arguments);
    _exit(127);
}

static void stop_master(const struct bench *bench)
{
    int status = 0;
    kill(bench->master, SIGTERM);
    if (waitpid(bench->master, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("the master ended with status %d; see %s", status, bench->log);
}

/* Nanoseconds on a processor: of the loop's thread, and of all others (ZeroMQ's). */
static void read_threads(pid_t process, double *loop_s, double *others_s)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *folder = opendir(path);
    *loop_s = *others_s = 0;
    if (folder == NULL)
        die("the master has ended");
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        unsigned long long run = 0;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", process, entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fscanf(file, "%llu", &run) == 1)
            *(atoi(entry->d_name) == process ? loop_s : others_s) += (double)run * 1e-9;
        fclose(file);
    }
    closedir(folder);
}

static double read_rss_mib(pid_t process)
{
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", process);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die("the master has ended");
    while (fgets(line, sizeof line, file) != NULL)
        sscanf(line, "VmRSS: %lf", &kib);
    fclose(file);
    return kib / 1024;
}

/* Results and commits of a whole run, as the master says at its end. */
static double read_batch(const struct bench *bench)
{
    char line[1024];
    unsigned long long results = 0, commits = 0;
    FILE *file = fopen(bench->log, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *at = strstr(line, "stored results=");
        if (at != NULL)
            sscanf(at, "stored results=%llu commits=%llu", &results, &commits);
    }
    if (file != NULL)
        fclose(file);
    return commits == 0 ? 0 : (double)results / (double)commits;
}

/* --- a run --- */

static void wait_for(struct swarm *swarm, uint32_t workers)
{
    int64_t end_ms = clock_monotonic_ms() + 60000;
    while (swarm_counts(swarm)->connected < workers || swarm_counts(swarm)->accepted < WARM_UP) {
        if (clock_monotonic_ms() > end_ms)
            die("%u of %u workers are connected, %llu results accepted, after a minute", swarm_counts(swarm)->connected, workers,
                (unsigned long long)swarm_counts(swarm)->accepted);
        swarm_run(swarm, 20);
    }
}

/* A free port is the system's choice: the master says which. */
static void learn_address(struct bench *bench)
{
    int64_t end_ms = clock_monotonic_ms() + 60000;
    char line[1024];
    bool known = false;
    while (!known && clock_monotonic_ms() < end_ms && waitpid(bench->master, NULL, WNOHANG) == 0) {
        FILE *file = fopen(bench->log, "r");
        while (!known && file != NULL && fgets(line, sizeof line, file) != NULL) {
            const char *at = strstr(line, "listening address=");
            known = at != NULL && sscanf(at, "listening address=%255s", bench->address) == 1;
        }
        if (file != NULL)
            fclose(file);
        poll(NULL, 0, 10);
    }
    if (!known)
        die("the master does not listen; see %s", bench->log);
}

static struct figures run(struct bench *bench, const struct row *row)
{
    struct figures figures = {0};
    double loop[2], io[2], own[2];
    bench->run++;
    start_master(bench, row);
    learn_address(bench);
    struct swarm *swarm =
        swarm_open(&(struct swarm_options){.address = bench->address, .workers = row->workers, .slots = row->slots, .seed = 1});
    if (swarm == NULL)
        die("no memory or descriptors for %u workers", row->workers);
    wait_for(swarm, row->workers);
    uint64_t from = swarm_counts(swarm)->accepted;
    int64_t began_ns = clock_monotonic_ns();
    read_threads(bench->master, &loop[0], &io[0]);
    own[0] = timing_processor_seconds();
    while (swarm_counts(swarm)->accepted - from < bench->evaluations)
        swarm_run(swarm, 10);
    double count = (double)(swarm_counts(swarm)->accepted - from), seconds = (double)(clock_monotonic_ns() - began_ns) * 1e-9;
    read_threads(bench->master, &loop[1], &io[1]);
    own[1] = timing_processor_seconds();
    figures.rate = count / seconds;
    figures.loop_us = (loop[1] - loop[0]) / count * 1e6;
    figures.io_us = (io[1] - io[0]) / count * 1e6;
    figures.swarm_us = (own[1] - own[0]) / count * 1e6;
    figures.rss_mib = read_rss_mib(bench->master);
    if (swarm_counts(swarm)->refused > 0)
        die("the master refused %llu messages", (unsigned long long)swarm_counts(swarm)->refused);
    stop_master(bench);
    figures.batch = read_batch(bench);
    figures.commits_per_s = figures.batch > 0 ? figures.rate / figures.batch : 0;
    swarm_close(swarm);
    remove_db(bench);
    return figures;
}

/* Until the master's memory stays what it is, its hundred tasks asked. */
static double settled_rss_mib(const struct bench *bench, struct swarm *swarm)
{
    double before = -1, now = read_rss_mib(bench->master);
    while (now != before) {
        before = now;
        swarm_run(swarm, 500);
        now = read_rss_mib(bench->master);
    }
    return now;
}

static void measure_memory(struct bench *bench, const struct row *row)
{
    bench->run++;
    start_master(bench, row);
    learn_address(bench);
    struct swarm_options options = {.address = bench->address, .workers = row->workers, .seed = 1};
    struct swarm *nobody = swarm_open(&(struct swarm_options){.address = bench->address, .workers = 0});
    struct swarm *swarm = swarm_open(&options);
    if (swarm == NULL || nobody == NULL)
        die("no memory or descriptors for %u workers", row->workers);
    double before = settled_rss_mib(bench, nobody);
    int64_t end_ms = clock_monotonic_ms() + 60000;
    while (swarm_counts(swarm)->connected < row->workers && clock_monotonic_ms() < end_ms)
        swarm_run(swarm, 20);
    double after = settled_rss_mib(bench, swarm);
    printf("%s %7u     0 | the master has %.1f MiB, with %u workers connected %.1f: %.1f KiB a worker\n", row->tcp ? "tcp" : "ipc",
           row->workers, before, swarm_counts(swarm)->connected, after, (after - before) * 1024 / row->workers);
    fflush(stdout);
    stop_master(bench);
    swarm_close(nobody);
    swarm_close(swarm);
    remove_db(bench);
}

static void measure(struct bench *bench, const struct row *row, int runs)
{
    static double values[6][RUNS_MAX];
    double least = 1e30, most = 0;
    for (int i = 0; i < runs; i++) {
        struct figures figures = run(bench, row);
        values[0][i] = figures.rate;
        values[1][i] = figures.batch;
        values[2][i] = figures.commits_per_s;
        values[3][i] = figures.loop_us;
        values[4][i] = figures.io_us;
        values[5][i] = figures.swarm_us;
        least = figures.rate < least ? figures.rate : least;
        most = figures.rate > most ? figures.rate : most;
    }
    printf("%s %7u %5u | %8.0f (%.0f to %.0f) | %7.0f %6.1f | %6.1f %6.1f %6.1f\n", row->tcp ? "tcp" : "ipc", row->workers,
           row->slots, timing_median(values[0], runs), least, most, timing_median(values[1], runs), timing_median(values[2], runs),
           timing_median(values[3], runs), timing_median(values[4], runs), timing_median(values[5], runs));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        die("usage: bench_master BUILD_DIR FOLDER EVALUATIONS RUNS ADDRESS:WORKERSxSLOTS...");
    struct bench bench = {
        .build = realpath(argv[1], NULL), .folder = realpath(argv[2], NULL), .evaluations = strtoull(argv[3], NULL, 10)};
    int runs = atoi(argv[4]);
    if (bench.build == NULL || bench.folder == NULL || runs < 1 || runs > RUNS_MAX)
        die("there is no such folder, or not 1 to %d runs", RUNS_MAX);
    printf("# addr workers slots | evaluations/s (spread) | per commit commits/s | loop us, ZeroMQ us, swarm us an evaluation\n");
    for (int i = 5; i < argc; i++) {
        struct row row = {.tcp = strncmp(argv[i], "tcp:", 4) == 0};
        if (sscanf(argv[i] + 4, "%ux%u", &row.workers, &row.slots) != 2)
            die("%s is not ADDRESS:WORKERSxSLOTS", argv[i]);
        if (row.slots == 0)
            measure_memory(&bench, &row);
        else
            measure(&bench, &row, runs);
    }
    return 0;
}
