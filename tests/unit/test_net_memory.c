/* net, net_onnx, space and tensorfile without memory: every allocation of each function fails once, and the function says so and
 * leaves nothing behind that crashes. */
#include "tests/support/test.h"

#include <string.h>

#include "common/net_onnx.h"
#include "common/space.h"
#include "common/tensorfile.h"
#include "tests/support/failing_malloc.h"

static struct status status;
static struct space space;
static struct net net;   /* what most actions read */
static struct net mixed; /* a concatenation and a channel shuffle, which is three ONNX nodes */
static void *model;
static size_t model_size;

static enum status_code prepare_mixed(void)
{
    net_init_empty(&mixed);
    int x = net_add_input(&mixed, (struct net_shape){2, 4, 4}, &status);
    x = net_add_concat(&mixed, "all", (const int[]){x, net_add_max_pool(&mixed, "peaks", x, 3, 1, 1, &status)}, 2, &status);
    x = net_add_channel_shuffle(&mixed, "shuffled", x, 2, &status);
    return net_add_output(&mixed, net_add_global_avg_pool(&mixed, "pooled", x, &status), &status);
}

static int prepare(void **state)
{
    (void)state;
    const struct space_build build = {.channels = 2, .cells = 1, .classes = 2, .input = {1, 4, 4}};
    struct arch arch;
    net_init_empty(&net);
    return space_open("nb201", &space, &status) == STATUS_OK && space_parse(&space, "241302", &arch, &status) == STATUS_OK &&
                   space_build_net(&space, &arch, &build, &net, &status) == STATUS_OK &&
                   net_onnx_write(&net, &model, &model_size, &status) == STATUS_OK && prepare_mixed() == STATUS_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    net_free(&net);
    net_free(&mixed);
    free(model);
    space_close(&space);
    return 0;
}

/* Lets allocation 0, 1, 2, ... of the action fail until one run gets through. */
static void fail_each_allocation(enum status_code (*action)(void))
{
    for (long k = 0; k < 100000; k++) {
        memset(&status, 0, sizeof status);
        failing_malloc_after(k);
        enum status_code code = action();
        bool failed = failing_malloc_after(FAILING_MALLOC_NEVER) == FAILING_MALLOC_NEVER;
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

static enum status_code do_open(void)
{
    struct space other;
    enum status_code code = space_open("nb201", &other, &status);
    if (code == STATUS_OK)
        space_close(&other);
    return code;
}

static enum status_code do_build(void)
{
    const struct space_build build = {.channels = 2, .cells = 1, .classes = 2, .input = {1, 4, 4}};
    struct arch arch;
    struct net out;
    net_init_empty(&out);
    enum status_code code = space_parse(&space, "241302", &arch, &status);
    if (code == STATUS_OK)
        code = space_build_net(&space, &arch, &build, &out, &status);
    net_free(&out);
    return code;
}

static enum status_code do_build_darts(void)
{
    const struct space_build build = {.channels = 2, .cells = 3, .classes = 2, .input = {1, 4, 4}};
    struct space darts;
    struct arch arch;
    struct net out;
    struct rng rng;
    net_init_empty(&out);
    rng_seed(&rng, 1);
    enum status_code code = space_open("darts", &darts, &status);
    if (code != STATUS_OK)
        return code;
    space_sample(&darts, &rng, &arch);
    code = space_build_net(&darts, &arch, &build, &out, &status);
    net_free(&out);
    space_close(&darts);
    return code;
}

static enum status_code do_copy(void)
{
    struct net out;
    net_init_empty(&out);
    enum status_code code = net_copy(&net, &out, &status);
    net_free(&out);
    return code;
}

static enum status_code do_fold(void)
{
    struct net out;
    net_init_empty(&out);
    enum status_code code = net_fold(&net, &out, &status);
    net_free(&out);
    return code;
}

static enum status_code do_check(void)
{
    return net_check(&net, &status);
}

static enum status_code do_write(void)
{
    void *data = NULL;
    size_t size = 0;
    enum status_code code = net_onnx_write(&net, &data, &size, &status);
    free(data);
    return code;
}

static enum status_code do_write_mixed(void)
{
    void *data = NULL;
    size_t size = 0;
    struct net back;
    net_init_empty(&back);
    enum status_code code = net_onnx_write(&mixed, &data, &size, &status);
    if (code == STATUS_OK)
        code = net_onnx_read(data, size, NULL, 0, &back, &status);
    net_free(&back);
    free(data);
    return code;
}

static enum status_code do_read(void)
{
    struct net out;
    net_init_empty(&out);
    enum status_code code = net_onnx_read(model, model_size, NULL, 0, &out, &status);
    net_free(&out);
    return code;
}

static enum status_code do_tensorfile(void)
{
    struct tensorfile file = {0}, back = {0};
    const int64_t dims[] = {2};
    const float data[] = {1.0F, 2.0F};
    void *bytes = NULL;
    size_t size = 0;
    enum status_code code = tensorfile_add(&file, "x", TENSORFILE_F32, 1, dims, data, &status);
    if (code == STATUS_OK)
        code = tensorfile_set(&file, "key", "value", &status);
    if (code == STATUS_OK)
        code = tensorfile_write(&file, &bytes, &size, &status);
    if (code == STATUS_OK) {
        long armed = failing_malloc_after(FAILING_MALLOC_NEVER); /* what was written without complaint is whole */
        assert_ok(tensorfile_read(bytes, size, &back, &status), status);
        assert_string_equal(tensorfile_metadata(&back, "key"), "value");
        tensorfile_free(&back);
        failing_malloc_after(armed);
        code = tensorfile_read(bytes, size, &back, &status);
    }
    free(bytes);
    tensorfile_free(&file);
    tensorfile_free(&back);
    return code;
}

static void a_space_opens_or_says_that_it_cannot(void **state)
{
    (void)state;
    /* Its thousands of class entries fail alike: a stride would miss the table's own growth, so the first 300 and the success do.
     */
    for (long k = 0; k < 300; k++) {
        failing_malloc_after(k);
        enum status_code code = do_open();
        failing_malloc_after(FAILING_MALLOC_NEVER);
        assert_int_equal(code, STATUS_NO_MEMORY);
    }
    assert_ok(do_open(), status);
}

static void building_says_so(void **state)
{
    (void)state;
    fail_each_allocation(do_build);
}

static void building_darts_says_so(void **state)
{
    (void)state;
    fail_each_allocation(do_build_darts);
}

static void copying_says_so(void **state)
{
    (void)state;
    fail_each_allocation(do_copy);
}

static void folding_says_so(void **state)
{
    (void)state;
    fail_each_allocation(do_fold);
}

static void checking_says_so(void **state)
{
    (void)state;
    fail_each_allocation(do_check);
}

static void writing_onnx_says_so(void **state)
{
    (void)state;
    fail_each_allocation(do_write);
    fail_each_allocation(do_write_mixed);
}

static void reading_onnx_says_so(void **state)
{
    (void)state;
    fail_each_allocation(do_read);
}

static void tensor_files_say_so(void **state)
{
    (void)state;
    fail_each_allocation(do_tensorfile);
}

int main(void)
{
    FAILING_MALLOC_NEEDED();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_space_opens_or_says_that_it_cannot),
        cmocka_unit_test(building_says_so),
        cmocka_unit_test(building_darts_says_so),
        cmocka_unit_test(copying_says_so),
        cmocka_unit_test(folding_says_so),
        cmocka_unit_test(checking_says_so),
        cmocka_unit_test(writing_onnx_says_so),
        cmocka_unit_test(reading_onnx_says_so),
        cmocka_unit_test(tensor_files_say_so),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, prepare, tear_down);
}
