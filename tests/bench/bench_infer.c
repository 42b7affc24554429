/* bench_infer: processor time of one inference at batch 1, as the built-in runner measures it (worker/runner_builtin.c: batch norms
 * folded, one thread), beside PyTorch's eager mode, beside the sum of its own steps each timed by itself, and beside the limit of
 * this core, on eight cells of NAS-Bench-201.
 *
 * usage: bench_infer [rounds [isa]], run by scripts/bench. BENCH_BEST and BENCH_DEFAULT may name commands
 * (tests/bench/peer_torch.py), each asked for the same network in turns with ours; a round is the median of RUNS inferences. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bench_peer.h"
#include "tests/support/evaluation.h"
#include "tests/support/plan_limit.h"
#include "tests/support/timing.h"
#include "worker/engine/engine_inner.h"
#include "worker/engine/isa.h"

enum { ROUNDS_MAX = 101, RUNS = 31, STEPS_MAX = 4096, PEERS = 2 };

static const char *const peer_names[PEERS] = {"best", "default"}, *const peer_variables[PEERS] = {"BENCH_BEST", "BENCH_DEFAULT"};

struct bench {
    int rounds;
    enum engine_isa isa;
    struct evaluation image; /* a batch of two; inference reads the first */
    struct peer peers[PEERS];
    struct plan_machine machine;
    double ours, steps, limit, logs[PEERS], theirs[PEERS]; /* added up over the cells */
};

static double seconds_of_inference(struct bench *b, struct engine *engine)
{
    double times[RUNS];
    for (int i = 0; i < RUNS; i++) {
        const double start = timing_processor_seconds();
        engine_forward(engine, b->image.images);
        times[i] = timing_processor_seconds() - start;
    }
    return timing_median(times, RUNS);
}

/* The sum of the medians of each step's own times, less what reading the clock costs. */
static double seconds_of_steps(struct bench *b, struct engine *engine)
{
    static double times[STEPS_MAX][RUNS];
    double clock[RUNS], sum = 0;
    const int count = engine->plan.forward_count;
    if (count > STEPS_MAX)
        exit(1);
    engine->images = b->image.images;
    for (int i = 0; i < RUNS; i++) {
        for (int step = 0; step < count; step++) {
            const double start = timing_processor_seconds();
            engine_forward_step(engine, &engine->plan.steps[step]);
            times[step][i] = timing_processor_seconds() - start;
        }
        const double start = timing_processor_seconds();
        clock[i] = timing_processor_seconds() - start;
    }
    for (int step = 0; step < count; step++)
        sum += timing_median(times[step], RUNS);
    return sum - count * timing_median(clock, RUNS);
}

static void print_peers(struct bench *b, double theirs[PEERS][ROUNDS_MAX], double ratios[PEERS][ROUNDS_MAX])
{
    const int last = b->rounds - 1;
    for (int p = 0; p < PEERS; p++) {
        if (!peer_is_there(&b->peers[p]))
            continue;
        const double median = timing_median(theirs[p], b->rounds), ratio = timing_median(ratios[p], b->rounds);
        printf(" | %7.3f (%.3f-%.3f) %5.2f (%.2f-%.2f)", median * 1e3, theirs[p][0] * 1e3, theirs[p][last] * 1e3, ratio,
               ratios[p][0], ratios[p][last]);
        b->theirs[p] += median;
        b->logs[p] += log(ratio);
    }
}

static void bench_cell(struct bench *b, const struct evaluation_cell *cell)
{
    const struct engine_options options = {.mode = ENGINE_INFER, .batch = 1, .isa = b->isa};
    double ours[ROUNDS_MAX], steps[ROUNDS_MAX], shares[ROUNDS_MAX], theirs[PEERS][ROUNDS_MAX], ratios[PEERS][ROUNDS_MAX];
    struct net net, folded;
    struct engine *engine;
    struct status status;
    net_init_empty(&net);
    net_init_empty(&folded);
    evaluation_net(&b->image, cell->digits, 5, &net);
    if (net_fold(&net, &folded, &status) != STATUS_OK || engine_create(&folded, &options, &engine, &status) != STATUS_OK) {
        fprintf(stderr, "bench_infer: %s: %s\n", cell->name, status.message);
        exit(1);
    }
    seconds_of_inference(b, engine);
    for (int i = 0; i < b->rounds; i++) {
        ours[i] = seconds_of_inference(b, engine);
        steps[i] = seconds_of_steps(b, engine);
        shares[i] = ours[i] / steps[i];
        for (int p = 0; p < PEERS; p++) {
            theirs[p][i] = peer_ask(&b->peers[p], "%s infer %d", cell->digits, RUNS);
            ratios[p][i] = theirs[p][i] / ours[i];
        }
    }
    const double mine = timing_median(ours, b->rounds), sum = timing_median(steps, b->rounds);
    const double limit = plan_limit_of(&folded, &options, &b->machine).forward_seconds;
    printf("%-10s %7.3f (%.3f-%.3f) %7.3f %5.2f %7.3f %5.2f", cell->name, mine * 1e3, ours[0] * 1e3, ours[b->rounds - 1] * 1e3,
           sum * 1e3, timing_median(shares, b->rounds), limit * 1e3, mine / limit);
    print_peers(b, theirs, ratios);
    printf("\n");
    fflush(stdout);
    b->ours += mine;
    b->steps += sum;
    b->limit += limit;
    engine_free(engine);
    net_free(&folded);
    net_free(&net);
}

int main(int argc, char **argv)
{
    struct bench b = {.rounds = argc > 1 ? atoi(argv[1]) : 7};
    engine_blas_settle();
    if (b.rounds < 1 || b.rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_infer [rounds 1..%d [isa]]\n", ROUNDS_MAX);
        return 2;
    }
    b.isa = evaluation_isa(argc > 2 ? argv[2] : NULL);
    evaluation_open(&b.image, 2);
    for (int p = 0; p < PEERS; p++)
        peer_start(&b.peers[p], getenv(peer_variables[p]));
    for (int p = 0; p < PEERS; p++)
        peer_ask(&b.peers[p], "000100 infer 1"); /* it has started and is quiet */
    plan_limit_measure(b.isa, &b.machine);
    printf("# inference: batch 1, %d rounds, kernels %s, OpenBLAS of PyTorch %s, one thread; peak of fused multiply-adds %.0f "
           "GFLOP/s\n",
           b.rounds, b.isa == ENGINE_ISA_AUTO ? engine_best_isa() : engine_isa_word(b.isa), engine_blas_core(),
           b.machine.peak_gflops);
    printf("# cell, ours in ms (lowest-highest), sum of its steps, ours / sum, limit, ours / limit");
    for (int p = 0; p < PEERS; p++)
        if (peer_is_there(&b.peers[p]))
            printf(" | PyTorch %s in ms (lowest-highest), PyTorch / ours", peer_names[p]);
    printf("\n");
    for (int i = 0; i < EVALUATION_CELLS; i++)
        bench_cell(&b, &evaluation_cells[i]);
    printf("# mean rate of ours %.1f inferences/s, %.2f times the sum of its steps, %.2f times the limit's time",
           EVALUATION_CELLS / b.ours, b.ours / b.steps, b.ours / b.limit);
    for (int p = 0; p < PEERS; p++)
        if (peer_is_there(&b.peers[p]))
            printf("; PyTorch %s %.1f, ratio %.2f, geometric mean of the ratios %.2f", peer_names[p],
                   EVALUATION_CELLS / b.theirs[p], b.theirs[p] / b.ours, exp(b.logs[p] / EVALUATION_CELLS));
    printf("\n");
    evaluation_close(&b.image);
    return 0;
}
