/* net_onnx against another implementation: tests/e2e/onnx_numpy.py checks each exported model with onnx.checker and carries it out
 * with numpy; logits and taps must be those of the net that was exported, run by the naive oracle and by the engine. Needs
 * python3-onnx, and skips loudly without. */
#include "tests/support/test.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/fileio.h"
#include "common/net_onnx.h"
#include "common/space.h"
#include "tests/support/net_naive.h"
#include "worker/engine/engine.h"

enum { PATH_BYTES = 256, COMMAND_BYTES = 1024 };

static struct status status;
static const char *python;
static char folder[] = "/tmp/test_net_onnx_peer.XXXXXX";

/* The first interpreter that has what onnx_numpy.py needs: a person's own python3 often hides Debian's. */
static const char *find_python(void)
{
    static const char *const candidates[] = {"python3", "/usr/bin/python3"};
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        char command[COMMAND_BYTES];
        snprintf(command, sizeof command, "%s -c 'import onnx, numpy' >/dev/null 2>&1", candidates[i]);
        if (system(command) == 0)
            return candidates[i];
    }
    return NULL;
}

static void file_path(const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s", folder, name);
}

/* Runs the peer on the model for one image; its outputs, one after the other. The caller frees. */
static double *run_peer(const char *model, const float *image, size_t image_count, size_t output_count)
{
    char images[PATH_BYTES], out[PATH_BYTES], command[COMMAND_BYTES];
    void *data = NULL;
    size_t size = 0;
    file_path("images", images);
    file_path("out", out);
    assert_ok(fileio_write(images, image, image_count * sizeof *image, &status), status);
    snprintf(command, sizeof command, "%s tests/e2e/onnx_numpy.py %s %s %s", python, model, images, out);
    if (system(command) != 0)
        fail_msg("the peer refuses %s", model);
    assert_ok(fileio_read(out, 1 << 28, &data, &size, &status), status);
    assert_int_equal(size, output_count * sizeof(double));
    return data;
}

/* float32 and float64 part by what a few hundred float32 sums of each logit's own size can lose. */
static void assert_engine_agrees(const struct net *net, const float *image, const double *logits)
{
    const struct engine_options options = {.mode = ENGINE_INFER, .batch = 1, .isa = ENGINE_ISA_AUTO};
    struct engine *engine = NULL;
    double scale = 0.0;
    for (int k = 0; k < net->classes; k++)
        scale = fmax(scale, fabs(logits[k]));
    assert_ok(engine_create(net, &options, &engine, &status), status);
    engine_forward(engine, image);
    for (int k = 0; k < net->classes; k++)
        assert_near((double)engine_output(engine, 0).data[k], logits[k], 0, 1e-5 * scale);
    engine_free(engine);
}

/* The peer's outputs are those of the naive run, and its logits those of the engine where the engine runs such a net. */
static void assert_peer_agrees(const struct net *net, const char *model, bool with_engine)
{
    struct net_shape shape = net->nodes[0].shape;
    size_t image_count = (size_t)shape.c * (size_t)shape.h * (size_t)shape.w, total = 0, at = 0;
    struct rng rng;
    float *image = calloc(image_count, sizeof *image);
    assert_non_null(image);
    rng_seed(&rng, 17);
    for (size_t i = 0; i < image_count; i++)
        image[i] = (float)(rng_uniform(&rng) * 4.0 - 2.0);
    for (int k = 0; k < net->output_count; k++)
        total += net_naive_count(net, k);
    double *got = run_peer(model, image, image_count, total);
    for (int k = 0; k < net->output_count; k++) {
        double *want = net_naive_run(net, image, k);
        for (size_t i = 0; i < net_naive_count(net, k); i++)
            assert_near(got[at++], want[i], 1e-9, 1e-9);
        free(want);
    }
    if (with_engine)
        assert_engine_agrees(net, image, got);
    free(got);
    free(image);
}

static void assert_export_agrees(const struct net *net, bool with_engine)
{
    char model[PATH_BYTES];
    file_path("model.onnx", model);
    assert_ok(net_onnx_save(net, model, &status), status);
    assert_peer_agrees(net, model, with_engine);
}

/* Fills running statistics with something that shows when it is left out. */
static struct net space_net(const char *name, const char *text, int cells)
{
    const struct space_build build = {.channels = 4, .cells = cells, .classes = 7, .input = {3, 16, 16}};
    struct space space;
    struct arch arch;
    struct net net;
    struct rng rng;
    net_init_empty(&net);
    assert_ok(space_open(name, &space, &status), status);
    assert_ok(space_parse(&space, text, &arch, &status), status);
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    rng_seed(&rng, 5);
    net_init(&net, &rng);
    for (int i = 0; i < net.tensor_count; i++)
        for (size_t k = 0; k < net.tensors[i].count && !net.tensors[i].trainable; k++)
            net.tensors[i].data[k] = (float)(0.2 + rng_uniform(&rng));
    space_close(&space);
    return net;
}

static struct net nb201_net(const char *text)
{
    return space_net("nb201", text, 2);
}

static void exported_cells_of_every_operation_give_the_same_outputs(void **state)
{
    (void)state;
    static const char *const cells[] = {"234123", "410432", "111111", "000100"};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        struct net net = nb201_net(cells[i]);
        assert_export_agrees(&net, true);
        net_free(&net);
    }
}

static void exported_fbnets_of_every_block_give_the_same_outputs(void **state)
{
    (void)state;
    static const char *const networks[] = {"0123456781545787654321", "8888888888888888888888"};
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        struct net net = space_net("fbnet", networks[i], 22);
        assert_export_agrees(&net, true);
        net_free(&net);
    }
}

static void a_folded_export_gives_the_same_logits(void **state)
{
    (void)state;
    struct net net = nb201_net("342134"), folded;
    net_init_empty(&folded);
    assert_ok(net_fold(&net, &folded, &status), status);
    assert_export_agrees(&folded, true);
    net_free(&folded);
    net_free(&net);
}

static void groups_shortcuts_and_outputs_named_twice_give_the_same(void **state)
{
    (void)state;
    struct net net;
    struct rng rng;
    net_init_empty(&net);
    net_add_input(&net, (struct net_shape){4, 9, 7}, &status);
    int conv = net_add_conv(&net, "conv", 0, 6, 3, 3, 1, 2, 1, &status);
    int sub = net_add_subsample(&net, "sub", 0, 3, &status);
    int pad = net_add_channel_pad(&net, "pad", sub, 0, 2, &status);
    int sum = net_add_add(&net, "sum", (const int[]){conv, pad, pad}, 3, &status);
    int pool = net_add_avg_pool(&net, "pool", sum, 3, 2, 1, &status);
    int gap = net_add_global_avg_pool(&net, "gap", pool, &status);
    int dense = net_add_dense(&net, "dense", gap, 3, &status);
    int relu = net_add_relu(&net, "relu", dense, &status);
    int head = net_add_dense(&net, "head", relu, 2, &status);
    const int outputs[] = {head, sum, sum, 0};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
        assert_ok(net_add_output(&net, outputs[i], &status), status);
    rng_seed(&rng, 8);
    net_init(&net, &rng);
    assert_export_agrees(&net, true);
    net_free(&net);
}

static void separable_convolutions_shuffles_and_concatenations_give_the_same(void **state)
{
    (void)state;
    struct net net;
    struct rng rng;
    const struct net_conv dilated = {.out_channels = 6, .kernel = 5, .stride = 1, .pad = 4, .dilation = 2, .groups = 6},
                          halved = {.out_channels = 6, .kernel = 3, .stride = 2, .pad = 2, .dilation = 2, .groups = 2},
                          grouped = {.out_channels = 9, .kernel = 1, .stride = 2, .groups = 3, .with_bias = 1};
    net_init_empty(&net);
    net_add_input(&net, (struct net_shape){6, 9, 7}, &status);
    int deep = net_add_conv_with(&net, "deep", 0, &dilated, &status);
    int mixed = net_add_channel_shuffle(&net, "mixed", net_add_relu(&net, "relu", deep, &status), 3, &status);
    int even = net_add_conv_with(&net, "even", mixed, &grouped, &status);
    int half = net_add_conv_with(&net, "half", mixed, &halved, &status);
    int peaks = net_add_max_pool(&net, "peaks", deep, 3, 2, 1, &status);
    int all = net_add_concat(&net, "all", (const int[]){even, half, peaks, half}, 4, &status);
    int odd = net_add_subsample_from(&net, "odd", all, 2, 1, &status);
    int gap = net_add_global_avg_pool(&net, "gap", odd, &status);
    int head = net_add_dense(&net, "head", gap, 3, &status);
    const int outputs[] = {head, mixed, all, odd};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
        assert_ok(net_add_output(&net, outputs[i], &status), status);
    rng_seed(&rng, 8);
    net_init(&net, &rng);
    assert_export_agrees(&net, true);
    net_free(&net);
}

/* The other way round: PyTorch's file itself, with all its Shape, Gather, Slice and Pad, against the net we read from it. */
static void pytorchs_own_file_gives_what_the_imported_net_gives(void **state)
{
    (void)state;
    static const char path[] = "../shared/data/resnet20_cifar10.onnx";
    struct net net;
    net_init_empty(&net);
    if (access(path, R_OK) != 0) {
        print_message("# %s is absent: left out\n", path);
        return;
    }
    assert_ok(net_onnx_load(path, NULL, 0, &net, &status), status);
    assert_peer_agrees(&net, path, true);
    assert_export_agrees(&net, true);
    net_free(&net);
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"model.onnx", "images", "out"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_BYTES];
        file_path(names[i], path);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    python = find_python();
    if (python == NULL) {
        printf("1..0 # SKIP no python3 with onnx and numpy (Debian: python3-onnx): exports are not compared\n");
        return 0;
    }
    if (mkdtemp(folder) == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exported_cells_of_every_operation_give_the_same_outputs),
        cmocka_unit_test(exported_fbnets_of_every_block_give_the_same_outputs),
        cmocka_unit_test(a_folded_export_gives_the_same_logits),
        cmocka_unit_test(groups_shortcuts_and_outputs_named_twice_give_the_same),
        cmocka_unit_test(separable_convolutions_shuffles_and_concatenations_give_the_same),
        cmocka_unit_test(pytorchs_own_file_gives_what_the_imported_net_gives),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, remove_folder);
}
