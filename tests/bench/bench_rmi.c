/* bench_rmi: processor seconds (user and system) of one RMI evaluation, ours beside PyTorch's and beside the limit of this core, on
 * eight cells of NAS-Bench-201. All run on one thread, so that on an idle machine this is the wall time, and on a busy one still
 * means something.
 *
 * usage: bench_rmi [batch [STEPS:ROUNDS,... [isa]]], run by scripts/bench. Ours: build the net, plan it, take that many training
 * steps, score once more: all that an evaluation costs a worker but reading the task. BENCH_BEST and BENCH_DEFAULT may name
 * commands (tests/bench/peer_torch.py): each is started once and asked for the same evaluation right after each of ours. Prints
 * medians, the lowest and the highest, and medians of the paired ratios; then over the eight cells the geometric mean of the ratios
 * and the mean rate, eight evaluations by the sum of their times, which heavy cells dominate. The limit is that of the plan
 * (tests/support/plan_limit.h) with what the Gram matrices multiply. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/support/bench_peer.h"
#include "tests/support/evaluation.h"
#include "tests/support/plan_limit.h"
#include "tests/support/timing.h"
#include "worker/engine/isa.h"

enum { ROUNDS_MAX = 101, SETTINGS_MAX = 8, PEERS = 2, FULL_STEPS = 151 };

static const char *const peer_names[PEERS] = {"best", "default"}, *const peer_variables[PEERS] = {"BENCH_BEST", "BENCH_DEFAULT"};

struct setting {
    int steps, rounds;
};

struct bench {
    struct evaluation evaluation;
    enum engine_isa isa;
    struct peer peers[PEERS];
    struct plan_machine machine;
};

/* What is added up over the cells. */
struct totals {
    double ours, limit, peers[PEERS], logs[PEERS];
};

static double seconds_of_ours(struct bench *b, const char *digits, int steps)
{
    struct net net;
    const double start = timing_processor_seconds();
    net_init_empty(&net);
    evaluation_net(&b->evaluation, digits, 5, &net);
    evaluation_run(&b->evaluation, &net, steps, b->isa);
    net_free(&net);
    return timing_processor_seconds() - start;
}

/* FLOPs of one pass's Gram matrices, half of each for symmetry; training takes as much twice more for their gradients. */
static double gram_gflop(int batch)
{
    double features = 0;
    for (int tap = 0; tap < EVALUATION_TAPS; tap++)
        features += 16384 >> tap;
    return 1e-9 * batch * batch * features;
}

static double limit_of(const struct bench *b, const char *digits, int steps)
{
    const struct engine_options options = {
        .mode = steps ? ENGINE_TRAIN : ENGINE_BATCH_STATS, .batch = b->evaluation.batch, .isa = b->isa};
    const double gram = gram_gflop(options.batch) / b->machine.peak_gflops;
    struct net net;
    net_init_empty(&net);
    evaluation_net(&b->evaluation, digits, 5, &net);
    const struct plan_limit limit = plan_limit_of(&net, &options, &b->machine);
    net_free(&net);
    return (steps + 1) * (limit.forward_seconds + gram) + steps * (limit.backward_seconds + 2 * gram);
}

static void bench_cell(struct bench *b, const struct evaluation_cell *cell, struct setting setting, struct totals *totals)
{
    double ours[ROUNDS_MAX], theirs[PEERS][ROUNDS_MAX], ratios[PEERS][ROUNDS_MAX];
    const int last = setting.rounds - 1;
    plan_limit_measure(b->isa, &b->machine);
    for (int round = -1; round < setting.rounds; round++) { /* the first, of one step, only touches memory */
        const int steps = round < 0 && setting.steps > 1 ? 1 : setting.steps, at = round < 0 ? 0 : round;
        ours[at] = seconds_of_ours(b, cell->digits, steps);
        for (int p = 0; p < PEERS; p++) {
            theirs[p][at] = peer_ask(&b->peers[p], "%s %d %d", cell->digits, b->evaluation.batch, steps);
            ratios[p][at] = theirs[p][at] / ours[at];
        }
    }
    const double mine = timing_median(ours, setting.rounds), limit = limit_of(b, cell->digits, setting.steps);
    totals->ours += mine;
    totals->limit += limit;
    printf("%-10s %4d %9.2f (%.2f-%.2f) %9.2f %5.2f", cell->name, setting.steps, mine * 1e3, ours[0] * 1e3, ours[last] * 1e3,
           limit * 1e3, mine / limit);
    for (int p = 0; p < PEERS; p++) {
        if (!peer_is_there(&b->peers[p]))
            continue;
        const double median = timing_median(theirs[p], setting.rounds), ratio = timing_median(ratios[p], setting.rounds);
        printf(" | %9.2f (%.2f-%.2f) %5.2f (%.2f-%.2f)", median * 1e3, theirs[p][0] * 1e3, theirs[p][last] * 1e3, ratio,
               ratios[p][0], ratios[p][last]);
        totals->peers[p] += median;
        totals->logs[p] += log(ratio);
    }
    printf("\n");
    fflush(stdout);
}

static void bench_setting(struct bench *b, struct setting setting)
{
    struct totals totals = {0};
    printf("# %d steps, %d rounds\n", setting.steps, setting.rounds);
    printf("# cell, steps, ours in ms (lowest-highest), limit, ours / limit");
    for (int p = 0; p < PEERS; p++)
        if (peer_is_there(&b->peers[p]))
            printf(" | PyTorch %s in ms (lowest-highest), PyTorch / ours", peer_names[p]);
    printf("\n");
    for (int i = 0; i < EVALUATION_CELLS; i++)
        bench_cell(b, &evaluation_cells[i], setting, &totals);
    printf("# %d steps: mean rate of ours %.3f evaluations/s, %.2f times the limit's time (last: %.0f GFLOP/s of multiply-adds, "
           "memory %.0f "
           "GB/s within the second-level cache, %.0f beyond)",
           setting.steps, EVALUATION_CELLS / totals.ours, totals.ours / totals.limit, b->machine.peak_gflops, b->machine.near_gbs,
           b->machine.far_gbs);
    for (int p = 0; p < PEERS; p++)
        if (peer_is_there(&b->peers[p]))
            printf("; PyTorch %s %.3f, ratio %.2f, geometric mean of the ratios %.2f", peer_names[p],
                   EVALUATION_CELLS / totals.peers[p], totals.peers[p] / totals.ours, exp(totals.logs[p] / EVALUATION_CELLS));
    printf("\n");
}

/* "0:7,10:3": how many settings; 0 where the text is none. */
static int read_settings(const char *text, struct setting *settings)
{
    int count = 0, used;
    do {
        struct setting *s = &settings[count];
        if (count == SETTINGS_MAX || sscanf(text, "%d:%d%n", &s->steps, &s->rounds, &used) != 2 || s->steps < 0 || s->rounds < 1 ||
            s->rounds > ROUNDS_MAX)
            return 0;
        count++;
        text += used;
    } while (*text++ == ',');
    return text[-1] == '\0' ? count : 0;
}

int main(int argc, char **argv)
{
    const int batch = argc > 1 ? atoi(argv[1]) : 32;
    struct setting settings[SETTINGS_MAX];
    struct bench b = {0};
    struct rusage usage;
    engine_blas_settle();
    const int count = read_settings(argc > 2 ? argv[2] : "0:7,10:3", settings);
    if (batch < 2 || batch > EVALUATION_BATCH_MAX || count == 0) {
        fprintf(stderr, "usage: bench_rmi [batch 2..%d [STEPS:ROUNDS,... (rounds 1..%d) [isa]]]\n", EVALUATION_BATCH_MAX,
                ROUNDS_MAX);
        return 2;
    }
    b.isa = evaluation_isa(argc > 3 ? argv[3] : NULL);
    evaluation_open(&b.evaluation, batch);
    for (int p = 0; p < PEERS; p++)
        peer_start(&b.peers[p], getenv(peer_variables[p]));
    for (int p = 0; p < PEERS; p++)
        peer_ask(&b.peers[p], "000100 2 0"); /* it has started and is quiet */
    printf("# RMI evaluations: batch %d, kernels %s, OpenBLAS %s, one thread\n", batch,
           b.isa == ENGINE_ISA_AUTO ? engine_best_isa() : engine_isa_word(b.isa), engine_blas_core());
    if (engine_blas_warning())
        printf("# %s\n", engine_blas_warning());
    int most = 0;
    for (int i = 0; i < count; i++) {
        bench_setting(&b, settings[i]);
        most = settings[i].steps > most ? settings[i].steps : most;
    }
    if (most < FULL_STEPS)
        printf("# the longest loop timed had %d steps: RMI-NAS's has %d (BENCH_STEPS=%d:1 times it in full)\n", most, FULL_STEPS,
               FULL_STEPS);
    getrusage(RUSAGE_SELF, &usage);
    printf("# peak resident memory of ours: %ld MiB\n", usage.ru_maxrss >> 10);
    evaluation_close(&b.evaluation);
    return 0;
}
