/* oneshot without memory: every allocation of training, scoring and merging fails once, and the function says so and leaves nothing
 * behind that crashes. */
#include "tests/support/test.h"

#include <stdbool.h>
#include <string.h>

#include "tests/support/failing_malloc.h"
#include "worker/oneshot.h"

enum { IMAGES = 5, IMAGE = 3 * 4 * 4 };

static struct status status;
static struct space space;
static struct arch arch;
static uint8_t pixels[IMAGES * IMAGE];
static int32_t labels[IMAGES] = {0, 1, 1, 0, 1};
static struct images pictures = {
    .count = IMAGES, .shape = {3, 4, 4}, .classes = 2, .pixels = pixels, .labels = labels, .std = {1, 1, 1}};
static struct oneshot_work work = {.space = &space, .images = &pictures};
static struct oneshot_trained before;
static struct tensorfile weights; /* the same, read */

static int prepare(void **state)
{
    (void)state;
    for (int i = 0; i < IMAGES * IMAGE; i++)
        pixels[i] = (uint8_t)(i * 37);
    if (space_open("nb201", &space, &status) != STATUS_OK || space_parse(&space, "312341", &arch, &status) != STATUS_OK)
        return -1;
    oneshot_protocol_default(&(struct space_build){.channels = 1, .cells = 1}, &work.protocol);
    work.protocol.batch = 2;
    for (int row = 0; row < 6; row++) /* few operations: each allocation is a run */
        work.mask.rows[row] = 1U << arch.genes[row] | (row < 2 ? 1U << 3 : 0);
    if (oneshot_train(&work, 0, 0, NULL, 0, &before, &status) != STATUS_OK)
        return -1;
    return tensorfile_read(before.weights, before.bytes, &weights, &status) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tensorfile_free(&weights);
    free(before.weights);
    space_close(&space);
    return 0;
}

static enum status_code do_train(void)
{
    struct oneshot_trained trained = {0};
    enum status_code code = oneshot_train(&work, 0, 0, NULL, 0, &trained, &status);
    if (code == STATUS_OK)
        assert_true(trained.bytes == before.bytes && memcmp(trained.weights, before.weights, before.bytes) == 0);
    free(trained.weights);
    return code;
}

static enum status_code do_train_a_path(void)
{
    struct oneshot_trained trained = {0};
    work.protocol.single_path = true;
    enum status_code code = oneshot_train(&work, 0, 0, &arch, 1, &trained, &status);
    work.protocol.single_path = false;
    free(trained.weights);
    return code;
}

static enum status_code do_score(void)
{
    struct oneshot_score score;
    work.weights = &weights;
    enum status_code code = oneshot_score(&work, &arch, &score, &status);
    work.weights = NULL;
    return code;
}

static enum status_code do_merge(void)
{
    const struct tensorfile shards[2] = {weights, weights};
    void *data = NULL;
    size_t size;
    enum status_code code = oneshot_merge(2, shards, &data, &size, &status);
    free(data);
    return code;
}

/* Lets allocation 0, 1, 2, ... of the action fail until one run gets through. */
static void fail_each_allocation(enum status_code (*action)(void))
{
    assert_ok(action(), status); /* what is set up once is */
    for (long k = 0; k < 100000; k++) {
        memset(&status, 0, sizeof status);
        failing_malloc_after(k);
        enum status_code code = action();
        const bool failed = failing_malloc_after(FAILING_MALLOC_NEVER) == FAILING_MALLOC_NEVER;
        if (!failed) {
            assert_ok(code, status);
            assert_true(k > 0);
            return;
        }
        /* A library may do without what it asked for; whoever fails has a sentence. */
        assert_true(code == STATUS_OK || status.message[0] != '\0');
    }
    fail_msg("no run got through");
}

static void training_survives_each_failing_allocation(void **state)
{
    (void)state;
    fail_each_allocation(do_train);
}

static void training_a_path_survives_each_failing_allocation(void **state)
{
    (void)state;
    fail_each_allocation(do_train_a_path);
}

static void scoring_survives_each_failing_allocation(void **state)
{
    (void)state;
    fail_each_allocation(do_score);
}

static void merging_survives_each_failing_allocation(void **state)
{
    (void)state;
    fail_each_allocation(do_merge);
}

int main(void)
{
    FAILING_MALLOC_NEEDED();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_survives_each_failing_allocation),
        cmocka_unit_test(training_a_path_survives_each_failing_allocation),
        cmocka_unit_test(scoring_survives_each_failing_allocation),
        cmocka_unit_test(merging_survives_each_failing_allocation),
    };
    engine_blas_settle();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests_name(__FILE__, tests, prepare, tear_down);
}
