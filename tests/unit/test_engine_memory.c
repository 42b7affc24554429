/* engine: no allocation in the loop. After the first step every allocation fails, and training with its RMI goes on as it did. */
#include "tests/support/test.h"

#include <math.h>

#include "common/space.h"
#include "tests/support/failing_malloc.h"
#include "worker/engine/engine.h"
#include "worker/rmi.h"

enum { BATCH = 4, PIXELS = 3 * 16 * 16, CLASSES = 10, TAPS = 3, STEPS = 4 };

struct trial {
    struct engine *engine;
    float images[BATCH * PIXELS];
    engine_real teacher[BATCH * BATCH], gram[BATCH * BATCH], scratch[BATCH * BATCH];
};

static void make(struct trial *t)
{
    struct status status = {0};
    struct space space;
    struct arch arch;
    struct net net;
    struct rng rng;
    const struct space_build build = {.channels = 16, .cells = 1, .classes = CLASSES, .input = {3, 16, 16}};
    const struct engine_options options = {.mode = ENGINE_TRAIN, .batch = BATCH};
    net_init_empty(&net);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, "342123", &arch, &status), status);
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    space_close(&space);
    rng_seed(&rng, 11);
    net_init(&net, &rng);
    for (int i = 0; i < BATCH * PIXELS; i++)
        t->images[i] = (float)rng_uniform(&rng) - 0.5F;
    assert_ok(engine_create(&net, &options, &t->engine, &status), status);
    net_free(&net);
    rmi_gram((struct engine_rows){.data = t->images, .features = PIXELS, .stride = PIXELS, .rows = BATCH}, t->teacher);
}

/* Returns the sum of the similarities. */
static double step(struct trial *t)
{
    static const struct engine_sgd sgd = {.learning_rate = 0.01, .momentum = 0.9, .weight_decay = 5e-4};
    double similarity = 0;
    engine_forward(t->engine, t->images);
    for (int tap = 1; tap <= TAPS; tap++) {
        struct engine_rows gradient = engine_output_gradient(t->engine, tap);
        rmi_gram(engine_output(t->engine, tap), t->gram);
        similarity += rmi_cka(t->gram, t->teacher, BATCH);
        rmi_add_gradient(engine_output(t->engine, tap), t->gram, t->teacher, -1, t->scratch, &gradient);
    }
    engine_backward(t->engine);
    engine_step(t->engine, &sgd);
    return similarity;
}

static void steps_go_on_when_nothing_can_be_allocated(void **state)
{
    (void)state;
    struct trial with, without;
    make(&with);
    make(&without);
    step(&with);
    step(&without);
    for (int i = 0; i < STEPS; i++) {
        const double want = step(&with);
        failing_malloc_from(0);
        const double got = step(&without);
        const long left = failing_malloc_from(FAILING_MALLOC_NEVER);
        failing_malloc_after(FAILING_MALLOC_NEVER);
        assert_int_equal(left, 0); /* nobody asked */
        assert_true(isfinite(got) && got == want);
    }
    engine_free(with.engine);
    engine_free(without.engine);
}

int main(void)
{
    FAILING_MALLOC_NEEDED();
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_go_on_when_nothing_can_be_allocated)};
    engine_blas_settle();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
