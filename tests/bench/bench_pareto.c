/* bench_pareto: processor time of sorting into fronts, of hypervolumes and of offers to a front, ours beside peers', on one core.
 *
 * usage: bench_pareto [rounds], run by scripts/bench-pareto. BENCH_PAGMO and BENCH_DEAP name the peers' commands (peer_pagmo.cpp,
 * peer_deap.py) where they are installed; each is run right after ours on the same points, and must come to the same outcome, or
 * the bench fails. Prints medians, the median of the paired ratios (peer by ours), and the limit where there is one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/rng.h"
#include "master/front.h"
#include "master/hypervolume.h"
#include "master/pareto.h"
#include "tests/support/timing.h"

enum { OBJECTIVES = 3, ROUNDS_MAX = 101, OFFERS_MAX = 1000000 };
enum shape { RANDOM, ONE_FRONT, COPIES };
static const char *const shape_name[] = {"random", "one front", "many copies"};

struct task {
    const char *verb; /* sort, volume or insert */
    enum shape shape;
    size_t n;
    double limit_ms;  /* 0: none */
    const char *peer; /* the environment variable of its command */
};

static const struct task tasks[] = {
    {"sort", RANDOM, 10000, 100, "BENCH_PAGMO"},     {"sort", RANDOM, 10000, 100, "BENCH_DEAP"},
    {"sort", ONE_FRONT, 10000, 100, "BENCH_DEAP"},   {"sort", COPIES, 10000, 100, "BENCH_DEAP"},
    {"sort", RANDOM, 100000, 2000, "BENCH_DEAP"},    {"sort", ONE_FRONT, 100000, 2000, "BENCH_DEAP"},
    {"sort", COPIES, 100000, 2000, "BENCH_DEAP"},    {"volume", ONE_FRONT, 10000, 0, "BENCH_PAGMO"},
    {"volume", ONE_FRONT, 100000, 0, "BENCH_PAGMO"}, {"insert", ONE_FRONT, 1000, 0, "BENCH_DEAP"},
};

static void fail(const char *why)
{
    fprintf(stderr, "bench_pareto: %s\n", why);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        fail("no memory");
    return memory;
}

/* Uniform in the unit cube; on the plane where the objectives add up to 1; or with 20 different values an objective. */
static void draw_point(struct rng *rng, enum shape shape, double *point)
{
    double sum = 0;
    for (int k = 0; k < OBJECTIVES; k++) {
        double value = rng_uniform(rng);
        point[k] = shape == ONE_FRONT ? -log(1 - value) : shape == COPIES ? floor(20 * value) / 20 : value;
        sum += point[k];
    }
    for (int k = 0; k < OBJECTIVES && shape == ONE_FRONT; k++)
        point[k] /= sum;
}

static double *draw_points(enum shape shape, size_t n)
{
    double *points = allocate(n * OBJECTIVES, sizeof *points);
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < n; i++)
        draw_point(&rng, shape, points + i * OBJECTIVES);
    return points;
}

/* --- one task --- */

static double sort_fronts(const double *points, size_t n)
{
    uint32_t *rank = allocate(n, sizeof *rank), fronts = 0;
    if (!pareto_sort(points, NULL, n, OBJECTIVES, rank))
        fail("no memory");
    for (size_t i = 0; i < n; i++)
        fronts = rank[i] >= fronts ? rank[i] + 1 : fronts;
    free(rank);
    return fronts;
}

static double measure_volume(const double *points, size_t n)
{
    double volume;
    if (!hypervolume_of(points, n, OBJECTIVES, (double[OBJECTIVES]){2, 2, 2}, &volume))
        fail("no memory");
    return volume;
}

static double insert_points(const double *points, size_t n)
{
    struct front *front = front_open(OBJECTIVES);
    for (size_t i = 0; i < n; i++)
        if (front == NULL || front_offer(front, points + i * OBJECTIVES, i) == FRONT_NO_MEMORY)
            fail("no memory");
    double count = (double)front_count(front);
    front_close(front);
    return count;
}

static double seconds_of_ours(const struct task *task, const double *points, double *outcome)
{
    double start = timing_processor_seconds();
    if (strcmp(task->verb, "sort") == 0)
        *outcome = sort_fronts(points, task->n);
    else if (strcmp(task->verb, "volume") == 0)
        *outcome = measure_volume(points, task->n);
    else
        *outcome = insert_points(points, task->n);
    return timing_processor_seconds() - start;
}

static double seconds_of_peer(const struct task *task, const char *command, const char *path, double want)
{
    char line[4096];
    double seconds, outcome;
    snprintf(line, sizeof line, "%s %s %d '%s'", command, task->verb, OBJECTIVES, path);
    FILE *answer = popen(line, "r");
    if (answer == NULL || fscanf(answer, "%lf %lf", &seconds, &outcome) != 2 || pclose(answer) != 0)
        fail("a peer failed");
    if (!(fabs(outcome - want) <= 1e-9 * fabs(want))) {
        fprintf(stderr, "bench_pareto: ours came to %.17g, %s to %.17g\n", want, task->peer, outcome);
        exit(1);
    }
    return seconds;
}

/* Writes the points into a new file for the peer, whose name is written to path. */
static void write_points(const double *points, size_t n, char *path)
{
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "wb") : NULL;
    if (file == NULL || fwrite(points, OBJECTIVES * sizeof *points, n, file) != n || fclose(file) != 0)
        fail("the points cannot be written to /tmp");
}

static void run_task(const struct task *task, int rounds)
{
    double ours[ROUNDS_MAX], peer[ROUNDS_MAX], ratio[ROUNDS_MAX], outcome, *points = draw_points(task->shape, task->n);
    const char *command = getenv(task->peer);
    char path[] = "/tmp/bench_pareto.XXXXXX";
    seconds_of_ours(task, points, &outcome);
    write_points(points, task->n, path);
    for (int i = 0; i < rounds; i++) {
        ours[i] = seconds_of_ours(task, points, &outcome);
        peer[i] = command != NULL ? seconds_of_peer(task, command, path, outcome) : NAN;
        ratio[i] = peer[i] / ours[i];
    }
    unlink(path);
    free(points);
    printf("%-6s %-11s %7zu  %9.3f ms", task->verb, shape_name[task->shape], task->n, 1e3 * timing_median(ours, rounds));
    if (command != NULL)
        printf("  %-5s %10.2f ms  %8.1fx", task->peer + strlen("BENCH_"), 1e3 * timing_median(peer, rounds),
               timing_median(ratio, rounds));
    else
        printf("  %-5s     absent           ", task->peer + strlen("BENCH_"));
    if (task->limit_ms > 0)
        printf("  limit %.0f ms: %s", task->limit_ms, 1e3 * timing_median(ours, rounds) <= task->limit_ms ? "kept" : "BROKEN");
    printf("\n");
    fflush(stdout);
}

/* --- offers to a growing front --- */

/* The time of an offer in the second half of 10^3, 10^4, 10^5 and 10^6 offers. */
static void run_offers(enum shape shape)
{
    double *points = draw_points(shape, OFFERS_MAX);
    struct front *front = front_open(OBJECTIVES);
    double start = 0;
    size_t size = 1000;
    for (size_t i = 0; i < OFFERS_MAX; i++) {
        if (i == size / 2)
            start = timing_processor_seconds();
        if (front == NULL || front_offer(front, points + i * OBJECTIVES, i) == FRONT_NO_MEMORY)
            fail("no memory");
        if (i + 1 < size)
            continue;
        printf("offer  %-11s %7zu  %9.3f us an offer, %zu in the front\n", shape_name[shape], size,
               (timing_processor_seconds() - start) / (double)(size / 2) * 1e6, front_count(front));
        size *= 10;
    }
    front_close(front);
    free(points);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 5;
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_pareto [rounds 1..%d]\n", ROUNDS_MAX);
        return 2;
    }
    printf("# %d objectives, %d rounds, processor time, one core\n", OBJECTIVES, rounds);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        run_task(&tasks[i], rounds);
    run_offers(RANDOM);
    run_offers(ONE_FRONT);
    return 0;
}
