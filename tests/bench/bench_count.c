/* bench_count: one evaluation, or inferences, of a small net, for tests/e2e/instructions.sh, which counts the instructions of
 * count_evaluation and count_inference under callgrind. No clock, no chance: the same work in every run.
 *
 * usage: bench_count evaluation|inference isa. The net is a cell with every operation, one cell a stage, so that all channel counts
 * of NAS-Bench-201 occur. */
#include <stdio.h>
#include <string.h>

#include "tests/support/evaluation.h"

enum { BATCH = 2, STEPS = 1, INFERENCES = 2 };

void count_evaluation(struct evaluation *e, const struct net *net, enum engine_isa isa);
int count_inference(struct evaluation *e, const struct net *net, enum engine_isa isa);

/* Counted: planning, one training step, the score. */
__attribute__((noinline)) void count_evaluation(struct evaluation *e, const struct net *net, enum engine_isa isa)
{
    printf("loss %.3f\n", evaluation_run(e, net, STEPS, isa));
}

/* Counted: folding, planning, some inferences at batch 1. */
__attribute__((noinline)) int count_inference(struct evaluation *e, const struct net *net, enum engine_isa isa)
{
    const struct engine_options options = {.mode = ENGINE_INFER, .batch = 1, .isa = isa};
    struct engine *engine;
    struct status status;
    struct net folded;
    net_init_empty(&folded);
    if (net_fold(net, &folded, &status) != STATUS_OK || engine_create(&folded, &options, &engine, &status) != STATUS_OK) {
        fprintf(stderr, "bench_count: %s\n", status.message);
        return 1;
    }
    for (int i = 0; i < INFERENCES; i++)
        engine_forward(engine, e->images);
    printf("first logit %.3f\n", (double)engine_output(engine, 0).data[0]);
    engine_free(engine);
    net_free(&folded);
    return 0;
}

int main(int argc, char **argv)
{
    struct evaluation e;
    struct net net;
    if (argc != 3 || (strcmp(argv[1], "evaluation") != 0 && strcmp(argv[1], "inference") != 0)) {
        fprintf(stderr, "usage: bench_count evaluation|inference ISA\n");
        return 2;
    }
    const enum engine_isa isa = evaluation_isa(argv[2]);
    int failed = 0;
    net_init_empty(&net);
    evaluation_open(&e, BATCH);
    evaluation_net(&e, "342123", 1, &net);
    if (strcmp(argv[1], "evaluation") == 0)
        count_evaluation(&e, &net, isa);
    else
        failed = count_inference(&e, &net, isa);
    evaluation_close(&e);
    net_free(&net);
    return failed;
}
