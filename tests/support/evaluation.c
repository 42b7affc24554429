/* evaluation: the training loop of an RMI evaluation on random images. What it costs does not depend on what the images show. */
#include "tests/support/evaluation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/rmi.h"

const struct evaluation_cell evaluation_cells[EVALUATION_CELLS] = {
    {"all3x3", "333333"}, {"all1x1", "222222"}, {"best_like", "333132"}, {"mixed", "342123"},
    {"pooly", "424341"},  {"skippy", "111121"}, {"one3x3", "000300"},    {"nearempty", "000100"}};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

void evaluation_net(const struct evaluation *e, const char *digits, int cells, struct net *net)
{
    const struct space_build build = {.channels = 16, .cells = cells, .classes = EVALUATION_CLASSES, .input = {3, 32, 32}};
    struct status status;
    struct arch arch;
    struct rng rng;
    rng_seed(&rng, 1);
    if (space_parse(&e->space, digits, &arch, &status) != STATUS_OK ||
        space_build_net(&e->space, &arch, &build, net, &status) != STATUS_OK)
        fail(digits, status.message);
    net_init(net, &rng);
}

void evaluation_open(struct evaluation *e, int batch)
{
    const size_t pixels = (size_t)batch * 3 * 32 * 32, square = (size_t)batch * (size_t)batch;
    struct status status;
    struct rng rng;
    if (space_open("nb201", &e->space, &status) != STATUS_OK)
        fail("nb201", status.message);
    rng_seed(&rng, 3);
    e->batch = batch;
    e->memory = (struct engine_memory){0};
    e->images = malloc(pixels * sizeof *e->images);
    e->teacher = malloc(3 * square * sizeof *e->teacher);
    if (!e->images || !e->teacher)
        fail("a batch", "no memory");
    e->gram = e->teacher + square;
    e->scratch = e->gram + square;
    for (size_t i = 0; i < pixels; i++)
        e->images[i] = (float)(4 * rng_uniform(&rng) - 2);
    for (int i = 0; i < batch; i++)
        e->labels[i] = (int)rng_below(&rng, EVALUATION_CLASSES);
    rmi_gram((struct engine_rows){e->images, 3072, 3072, batch}, e->teacher);
}

void evaluation_close(struct evaluation *e)
{
    engine_memory_free(&e->memory);
    space_close(&e->space);
    free(e->images);
    free(e->teacher);
}

/* One pass over the batch; backward and an update when train is set. Returns the mixed loss. */
static double pass(struct evaluation *e, struct engine *engine, int train)
{
    static const struct engine_sgd sgd = {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 5e-4};
    double similarity = 0;
    struct engine_rows gradient;
    engine_forward(engine, e->images);
    for (int tap = 1; tap <= EVALUATION_TAPS; tap++) {
        rmi_gram(engine_output(engine, tap), e->gram);
        similarity += rmi_cka(e->gram, e->teacher, e->batch);
        if (train) {
            gradient = engine_output_gradient(engine, tap);
            rmi_add_gradient(engine_output(engine, tap), e->gram, e->teacher, -0.8, e->scratch, &gradient);
        }
    }
    if (train)
        gradient = engine_output_gradient(engine, 0);
    const double entropy =
        engine_cross_entropy(engine_output(engine, 0), e->labels, EVALUATION_CLASSES, 0.2, train ? &gradient : NULL, NULL);
    if (train) {
        engine_backward(engine);
        engine_step(engine, &sgd);
    }
    return 0.8 * (EVALUATION_TAPS - similarity) + 0.2 * entropy;
}

double evaluation_run(struct evaluation *e, const struct net *net, int steps, enum engine_isa isa)
{
    const struct engine_options options = {.mode = steps ? ENGINE_TRAIN : ENGINE_BATCH_STATS,
                                           .batch = e->batch,
                                           .isa = isa,
                                           .convolutions = ENGINE_FAST,
                                           .memory = &e->memory};
    struct status status;
    struct engine *engine;
    if (engine_create(net, &options, &engine, &status) != STATUS_OK)
        fail("an engine", status.message);
    for (int step = 0; step < steps; step++)
        pass(e, engine, 1);
    const double loss = pass(e, engine, 0);
    engine_free(engine);
    return loss;
}

enum engine_isa evaluation_isa(const char *name)
{
    if (!name)
        return ENGINE_ISA_AUTO;
    for (enum engine_isa isa = ENGINE_ISA_AUTO; isa <= ENGINE_ISA_AVX512; isa++)
        if (strcmp(name, engine_isa_word(isa)) == 0)
            return isa;
    fail(name, "no instruction set of that name; there are auto, portable, neon, avx2 and avx512");
    return ENGINE_ISA_AUTO;
}
