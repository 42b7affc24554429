/* prune_chain without memory: every allocation of a whole chain fails once, and the chain says so or does without. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/support/failing_malloc.h"
#include "worker/prune_chain.h"

enum { SIDE = 8, IMAGE = 3 * SIDE * SIDE, COUNT = 16, LEVELS = 2 };

static uint8_t images[COUNT * IMAGE], labels[COUNT];

static enum status_code count_level(void *context, int index, const struct prune_level *level, const struct net *net,
                                    struct status *status)
{
    (void)index, (void)level, (void)net, (void)status;
    ++*(int *)context;
    return STATUS_OK;
}

static void a_chain_that_lacks_memory_says_so(void **state)
{
    (void)state;
    struct data_set set = {.count = COUNT,
                           .shape = {3, SIDE, SIDE},
                           .classes = 2,
                           .images = images,
                           .labels = labels,
                           .mean = {0.5F, 0.5F, 0.5F},
                           .std = {0.3F, 0.3F, 0.3F}};
    struct space space;
    struct arch arch;
    struct status status = {0};
    struct prune_plan plan = {.space = &space,
                              .arch = &arch,
                              .sizes = {.channels = 2, .cells = 1, .classes = 2, .input = {3, SIDE, SIDE}},
                              .latent = 2,
                              .decoder = 3,
                              .gamma = 1,
                              .beta = 0.1,
                              .epochs = 1,
                              .fine_tune_epochs = 1,
                              .batch = 8,
                              .learning_rate = 0.01,
                              .fine_tune_rate = 0.01,
                              .schedule = PRUNE_ONE_SHOT,
                              .percents = {50, 90},
                              .level_count = LEVELS};
    int levels = 0, absorbed = 0;
    const struct prune_visitor visitor = {&levels, count_level, NULL};
    for (int i = 0; i < COUNT; i++) {
        labels[i] = (uint8_t)(i % 2);
        memset(images + i * IMAGE, 60 + 120 * (i % 2) + i, IMAGE);
    }
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, "300100", &arch, &status), status);
    assert_ok(prune_chain_run(&plan, &set, &set, &visitor, &status), status); /* OpenBLAS has its memory now */
    for (long k = 0;; k++) {
        levels = 0;
        failing_malloc_after(k);
        const enum status_code code = prune_chain_run(&plan, &set, &set, &visitor, &status);
        if (failing_malloc_after(FAILING_MALLOC_NEVER) != FAILING_MALLOC_NEVER) {
            assert_ok(code, status);
            assert_int_equal(levels, LEVELS);
            assert_true(k > 30);
            break;
        }
        if (code == STATUS_OK && absorbed++ < LEVELS) { /* qsort does without its memory, once a level */
            assert_int_equal(levels, LEVELS);
            continue;
        }
        if (code != STATUS_NO_MEMORY)
            fail_msg("allocation %ld failed, and the chain ended with: %s", k, status_name(code));
        assert_true(strlen(status.message) > 0);
        assert_true(levels < LEVELS);
    }
    space_close(&space);
}

int main(void)
{
    FAILING_MALLOC_NEEDED();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_that_lacks_memory_says_so),
    };
    return TEST_RUN(tests);
}
