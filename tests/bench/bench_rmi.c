/* bench_rmi: processor seconds (user and system) of one RMI evaluation, ours beside PyTorch's, on eight cells of NAS-Bench-201.
 * Both run on one thread, so that on an idle machine this is the wall time, and on a busy one still means something.
 *
 * usage: bench_rmi [batch [rounds [isa]]], run by scripts/bench. Ours: build the net, plan it, train k steps, score once more: all
 * that an evaluation costs a worker but reading the task. Where BENCH_PEER names a command (tests/bench/peer_torch.py), it is
 * started once and asked for the same evaluation right after each of ours, so that whatever slows the machine slows both. Prints
 * per cell the medians, the spread, and the median of the paired ratios. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/space.h"
#include "tests/support/timing.h"
#include "worker/engine/engine.h"
#include "worker/engine/isa.h"
#include "worker/rmi.h"

enum { TAPS = 3, BATCH_MAX = 512, ROUNDS_MAX = 101, CLASSES = 10 };

static const struct {
    const char *name, *digits;
} cells[] = {{"all3x3", "333333"}, {"all1x1", "222222"}, {"best_like", "333132"}, {"mixed", "342123"},
             {"pooly", "424341"},  {"skippy", "111121"}, {"one3x3", "000300"},    {"nearempty", "000100"}};

struct bench {
    int batch, rounds;
    enum engine_isa isa;
    float *images;
    int labels[BATCH_MAX];
    engine_real *teacher, *gram, *scratch; /* (batch, batch) each */
    struct space space;
    FILE *to_peer, *from_peer; /* NULL: no peer */
};

static void fail(const char *what, const struct status *status)
{
    fprintf(stderr, "bench_rmi: %s: %s\n", what, status->message);
    exit(1);
}

/* One pass over the batch; backward and an update when train is set. Returns the mixed loss. */
static double pass(struct bench *b, struct engine *engine, int train)
{
    static const struct engine_sgd sgd = {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 5e-4};
    double similarity = 0;
    engine_forward(engine, b->images);
    for (int tap = 1; tap <= TAPS; tap++) {
        rmi_gram(engine_output(engine, tap), b->gram);
        similarity += rmi_cka(b->gram, b->teacher, b->batch);
        struct engine_rows gradient;
        if (train) {
            gradient = engine_output_gradient(engine, tap);
            rmi_add_gradient(engine_output(engine, tap), b->gram, b->teacher, -0.8, b->scratch, &gradient);
        }
    }
    struct engine_rows gradient;
    if (train)
        gradient = engine_output_gradient(engine, 0);
    const double entropy = engine_cross_entropy(engine_output(engine, 0), b->labels, CLASSES, 0.2, train ? &gradient : NULL, NULL);
    if (train) {
        engine_backward(engine);
        engine_step(engine, &sgd);
    }
    return 0.8 * (TAPS - similarity) + 0.2 * entropy;
}

static double seconds_of_ours(struct bench *b, const char *digits, int steps)
{
    struct status status;
    struct arch arch;
    struct net net;
    struct engine *engine;
    struct rng rng;
    const struct space_build build = {.channels = 16, .cells = 5, .classes = CLASSES, .input = {3, 32, 32}};
    const struct engine_options options = {.mode = steps ? ENGINE_TRAIN : ENGINE_BATCH_STATS, .batch = b->batch, .isa = b->isa};
    const double start = timing_processor_seconds();
    net_init_empty(&net);
    rng_seed(&rng, 1);
    if (space_parse(&b->space, digits, &arch, &status) != STATUS_OK ||
        space_build_net(&b->space, &arch, &build, &net, &status) != STATUS_OK)
        fail(digits, &status);
    net_init(&net, &rng);
    if (engine_create(&net, &options, &engine, &status) != STATUS_OK)
        fail(digits, &status);
    for (int step = 0; step < steps; step++)
        pass(b, engine, 1);
    pass(b, engine, 0);
    engine_free(engine);
    net_free(&net);
    return timing_processor_seconds() - start;
}

static double seconds_of_peer(struct bench *b, const char *digits, int steps)
{
    double seconds = NAN;
    if (!b->to_peer)
        return seconds;
    fprintf(b->to_peer, "%s %d %d\n", digits, b->batch, steps);
    fflush(b->to_peer);
    if (fscanf(b->from_peer, "%lf", &seconds) != 1) {
        fprintf(stderr, "bench_rmi: the peer ended early\n");
        exit(1);
    }
    return seconds;
}

static void start_peer(struct bench *b, const char *command)
{
    int to[2], from[2];
    if (!command || !*command)
        return;
    if (pipe(to) != 0 || pipe(from) != 0) {
        perror("bench_rmi: pipe");
        exit(1);
    }
    if (fork() == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    b->to_peer = fdopen(to[1], "w");
    b->from_peer = fdopen(from[0], "r");
}

static void bench_cell(struct bench *b, const char *name, const char *digits, int steps, double *logs)
{
    double ours[ROUNDS_MAX], peer[ROUNDS_MAX], ratio[ROUNDS_MAX];
    seconds_of_ours(b, digits, steps ? 1 : 0);
    seconds_of_peer(b, digits, steps ? 1 : 0);
    for (int i = 0; i < b->rounds; i++) {
        ours[i] = seconds_of_ours(b, digits, steps);
        peer[i] = seconds_of_peer(b, digits, steps);
        ratio[i] = peer[i] / ours[i];
    }
    const double mine = timing_median(ours, b->rounds);
    printf("%-10s k=%-3d %9.2f ms (%.2f-%.2f)", name, steps, mine * 1e3, ours[0] * 1e3, ours[b->rounds - 1] * 1e3);
    if (b->to_peer) {
        const double theirs = timing_median(peer, b->rounds), times = timing_median(ratio, b->rounds);
        printf("  torch %9.2f ms (%.2f-%.2f)  %6.2fx (%.2f-%.2f)", theirs * 1e3, peer[0] * 1e3, peer[b->rounds - 1] * 1e3, times,
               ratio[0], ratio[b->rounds - 1]);
        *logs += log(times);
    }
    printf("\n");
    fflush(stdout);
}

static void make_batch(struct bench *b)
{
    const size_t pixels = (size_t)b->batch * 3 * 32 * 32, square = (size_t)b->batch * (size_t)b->batch;
    struct rng rng;
    rng_seed(&rng, 3);
    b->images = malloc(pixels * sizeof *b->images);
    b->teacher = malloc(3 * square * sizeof *b->teacher);
    if (!b->images || !b->teacher)
        exit(1);
    b->gram = b->teacher + square;
    b->scratch = b->gram + square;
    for (size_t i = 0; i < pixels; i++)
        b->images[i] = (float)(4 * rng_uniform(&rng) - 2);
    for (int i = 0; i < b->batch; i++)
        b->labels[i] = (int)rng_below(&rng, CLASSES);
    rmi_gram((struct engine_rows){b->images, 3072, 3072, b->batch}, b->teacher);
}

int main(int argc, char **argv)
{
    static const int steps[] = {0, 10};
    struct bench b = {.batch = argc > 1 ? atoi(argv[1]) : 32, .rounds = argc > 2 ? atoi(argv[2]) : 7};
    struct status status;
    struct rusage usage;
    engine_blas_settle();
    if (b.batch < 2 || b.batch > BATCH_MAX || b.rounds < 1 || b.rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_rmi [batch 2..%d [rounds 1..%d [isa]]]\n", BATCH_MAX, ROUNDS_MAX);
        return 2;
    }
    for (enum engine_isa isa = ENGINE_ISA_AUTO; argc > 3 && isa <= ENGINE_ISA_AVX512; isa++)
        if (strcmp(argv[3], engine_isa_word(isa)) == 0)
            b.isa = isa;
    if (space_open("nb201", &b.space, &status) != STATUS_OK)
        fail("space", &status);
    make_batch(&b);
    start_peer(&b, getenv("BENCH_PEER"));
    printf("# batch %d, %d rounds, kernels %s, OpenBLAS %s, one thread\n", b.batch, b.rounds,
           b.isa == ENGINE_ISA_AUTO ? engine_best_isa() : engine_isa_word(b.isa), engine_blas_core());
    if (engine_blas_warning())
        printf("# %s\n", engine_blas_warning());
    for (int k = 0; k < 2; k++) {
        double logs = 0;
        for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
            bench_cell(&b, cells[i].name, cells[i].digits, steps[k], &logs);
        if (b.to_peer)
            printf("# k=%d: geometric mean of the ratios %.2f\n", steps[k], exp(logs / (double)(sizeof cells / sizeof *cells)));
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("# peak resident memory of ours: %ld MiB\n", usage.ru_maxrss >> 10);
    return 0;
}
