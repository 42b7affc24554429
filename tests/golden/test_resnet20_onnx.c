/* net_onnx on a real PyTorch export, ../shared/data/resnet20_cifar10.onnx: its weights, its logits, its way out and back, and what
 * happens when it is damaged. */
#include "tests/support/test.h"

#include <string.h>

#include <jansson.h>

#include "common/cost.h"
#include "common/fileio.h"
#include "common/net_onnx.h"
#include "common/tensorfile.h"
#include "tests/support/net_naive.h"
#include "worker/engine/engine.h"

enum { CLASSES = 10, IMAGES = 4, RECORD_BYTES = 3073, PIXELS = 1024 };

static struct status status;

static struct net resnet20(void)
{
    struct net net;
    net_init_empty(&net);
    assert_ok(net_onnx_load("../shared/data/resnet20_cifar10.onnx", NULL, 0, &net, &status), status);
    return net;
}

static void outputs_are_the_logits_and_three_stages(void **state)
{
    (void)state;
    struct net net = resnet20();
    static const int shapes[][3] = {{10, 1, 1}, {16, 32, 32}, {32, 16, 16}, {64, 8, 8}};
    assert_int_equal(net.output_count, 4);
    for (int i = 0; i < 4; i++) {
        struct net_shape shape = net.nodes[net.outputs[i]].shape;
        assert_int_equal(shape.c, shapes[i][0]);
        assert_int_equal(shape.h, shapes[i][1]);
        assert_int_equal(shape.w, shapes[i][2]);
    }
    net_free(&net);
}

static void shortcuts_are_subsamples_and_channel_pads(void **state)
{
    (void)state;
    struct net net = resnet20();
    int subsamples = 0, pads = 0;
    for (int i = 0; i < net.node_count; i++) {
        subsamples += net.nodes[i].op == NET_SUBSAMPLE;
        pads += net.nodes[i].op == NET_CHANNEL_PAD;
    }
    assert_int_equal(subsamples, 2);
    assert_int_equal(pads, 2);
    assert_int_equal(net.node_count, 73);
    net_free(&net);
}

static void the_published_number_of_parameters_is_there(void **state)
{
    (void)state;
    struct net net = resnet20();
    struct cost cost;
    cost_of_net(&net, &cost);
    assert_int_equal(cost.params, 269722);
    net_free(&net);
}

/* The exported module held the network as member `n`, hence the prefix. */
static void weights_bear_their_state_dict_names_and_values(void **state)
{
    (void)state;
    struct net net = resnet20();
    struct tensorfile file;
    assert_ok(tensorfile_load("../shared/data/resnet20_cifar10.safetensors", &file, &status), status);
    assert_int_equal(net.tensor_count, file.entry_count);
    for (size_t i = 0; i < file.entry_count; i++) {
        char name[256];
        snprintf(name, sizeof name, "n.%s", file.entries[i].name);
        int index = net_find_tensor(&net, name);
        if (index < 0)
            fail_msg("the net lacks %s", name);
        assert_int_equal(net.tensors[index].count, file.entries[i].count);
        assert_memory_equal(net.tensors[index].data, file.entries[i].data, file.entries[i].bytes);
    }
    tensorfile_free(&file);
    net_free(&net);
}

/* (3,32,32), normalised as the JSON beside the model says. */
static void read_image(const unsigned char *record, float image[3 * PIXELS])
{
    static const double mean[] = {0.485, 0.456, 0.406}, std[] = {0.229, 0.224, 0.225};
    for (int i = 0; i < 3 * PIXELS; i++)
        image[i] = (float)((record[1 + i] / 255.0 - mean[i / PIXELS]) / std[i / PIXELS]);
}

static void assert_logits(const struct net *net, const json_t *expected)
{
    void *records = NULL;
    size_t size = 0;
    assert_ok(fileio_read("../shared/data/cifar10_test_512.bin", 1 << 24, &records, &size, &status), status);
    for (size_t n = 0; n < IMAGES; n++) {
        float image[3 * PIXELS];
        read_image((const unsigned char *)records + n * RECORD_BYTES, image);
        double *logits = net_naive_run(net, image, 0);
        for (size_t k = 0; k < CLASSES; k++)
            assert_near(logits[k], json_real_value(json_array_get(json_array_get(expected, n), k)), 0, 2e-5);
        free(logits);
    }
    free(records);
}

static void logits_of_the_first_test_images_are_pytorchs(void **state)
{
    (void)state;
    struct net net = resnet20();
    json_t *manifest = json_load_file("../shared/data/resnet20_cifar10.json", 0, NULL);
    assert_non_null(manifest);
    assert_logits(&net, json_object_get(manifest, "test_logits_first4_of_cifar10_test_512"));
    json_decref(manifest);
    net_free(&net);
}

static void folding_keeps_the_logits(void **state)
{
    (void)state;
    struct net net = resnet20(), folded;
    net_init_empty(&folded);
    json_t *manifest = json_load_file("../shared/data/resnet20_cifar10.json", 0, NULL);
    assert_non_null(manifest);
    assert_ok(net_fold(&net, &folded, &status), status);
    for (int i = 0; i < folded.node_count; i++)
        assert_int_not_equal(folded.nodes[i].op, NET_BATCH_NORM);
    assert_logits(&folded, json_object_get(manifest, "test_logits_first4_of_cifar10_test_512"));
    json_decref(manifest);
    net_free(&folded);
    net_free(&net);
}

/* Logits of the first images by the engine, one batch. */
static void assert_engine_logits(const struct net *net, const json_t *expected)
{
    const struct engine_options options = {.mode = ENGINE_INFER, .batch = IMAGES, .isa = ENGINE_ISA_AUTO};
    struct engine *engine = NULL;
    void *records = NULL;
    size_t size = 0;
    float *images = calloc((size_t)IMAGES * 3 * PIXELS, sizeof *images);
    assert_non_null(images);
    assert_ok(fileio_read("../shared/data/cifar10_test_512.bin", 1 << 24, &records, &size, &status), status);
    for (size_t n = 0; n < IMAGES; n++)
        read_image((const unsigned char *)records + n * RECORD_BYTES, images + n * 3 * PIXELS);
    assert_ok(engine_create(net, &options, &engine, &status), status);
    engine_forward(engine, images);
    struct engine_rows logits = engine_output(engine, 0);
    for (size_t n = 0; n < IMAGES; n++)
        for (size_t k = 0; k < CLASSES; k++)
            assert_near((double)logits.data[n * logits.stride + k], json_real_value(json_array_get(json_array_get(expected, n), k)),
                        0, 1e-4);
    engine_free(engine);
    free(records);
    free(images);
}

static void the_engine_gives_pytorchs_logits_folded_and_not(void **state)
{
    (void)state;
    struct net net = resnet20(), folded;
    net_init_empty(&folded);
    json_t *manifest = json_load_file("../shared/data/resnet20_cifar10.json", 0, NULL);
    assert_non_null(manifest);
    assert_ok(net_fold(&net, &folded, &status), status);
    assert_engine_logits(&net, json_object_get(manifest, "test_logits_first4_of_cifar10_test_512"));
    assert_engine_logits(&folded, json_object_get(manifest, "test_logits_first4_of_cifar10_test_512"));
    json_decref(manifest);
    net_free(&folded);
    net_free(&net);
}

static void export_and_import_give_the_identical_net(void **state)
{
    (void)state;
    struct net net = resnet20(), back;
    void *data = NULL;
    size_t size = 0;
    net_init_empty(&back);
    assert_ok(net_onnx_write(&net, &data, &size, &status), status);
    assert_ok(net_onnx_read(data, size, NULL, 0, &back, &status), status);
    assert_int_equal(back.node_count, net.node_count);
    for (int i = 0; i < net.node_count; i++)
        assert_memory_equal(&back.nodes[i], &net.nodes[i], sizeof net.nodes[i]);
    for (int i = 0; i < net.tensor_count; i++) {
        assert_string_equal(back.tensors[i].name, net.tensors[i].name);
        assert_memory_equal(back.tensors[i].data, net.tensors[i].data, net.tensors[i].count * sizeof(float));
    }
    assert_memory_equal(back.outputs, net.outputs, sizeof net.outputs);
    free(data);
    net_free(&back);
    net_free(&net);
}

/* --- damage --- */

/* The graph's nodes stand in the first 23 KB; the rest is weights, where damage changes numbers only. */
enum { STRUCTURE_BYTES = 23000, ROUNDS = 2500 };

static void read_damaged(unsigned char *data, size_t size, int *accepted)
{
    struct net net;
    net_init_empty(&net);
    memset(&status, 0, sizeof status);
    unsigned char *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, data, size);
    if (net_onnx_read(exact, size, NULL, 0, &net, &status) == STATUS_OK) {
        assert_ok(net_check(&net, &status), status);
        *accepted += 1;
    } else {
        assert_true(status.message[0] != '\0');
        assert_int_equal(net.node_count, 0);
    }
    net_free(&net);
    free(exact);
}

static void a_damaged_file_is_read_or_refused(void **state)
{
    (void)state;
    void *original = NULL;
    size_t size = 0;
    int accepted = 0;
    struct rng rng;
    rng_seed(&rng, 2020);
    assert_ok(fileio_read("../shared/data/resnet20_cifar10.onnx", 1 << 24, &original, &size, &status), status);
    unsigned char *data = original;
    for (int round = 0; round < ROUNDS; round++) {
        size_t place = rng_below(&rng, STRUCTURE_BYTES);
        unsigned char before = data[place];
        data[place] = (unsigned char)rng_next(&rng);
        read_damaged(data, size, &accepted);
        data[place] = before;
    }
    assert_in_range(accepted, 1, ROUNDS - 1);
    free(original);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    void *data = NULL;
    size_t size = 0;
    int accepted = 0;
    struct rng rng;
    rng_seed(&rng, 7);
    assert_ok(fileio_read("../shared/data/resnet20_cifar10.onnx", 1 << 24, &data, &size, &status), status);
    for (int round = 0; round < 1000; round++)
        read_damaged(data, rng_below(&rng, round % 2 == 0 ? size : STRUCTURE_BYTES), &accepted);
    assert_int_equal(accepted, 0);
    free(data);
}

int main(void)
{
    TEST_NEEDS("../shared/data/resnet20_cifar10.onnx");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_the_logits_and_three_stages),
        cmocka_unit_test(shortcuts_are_subsamples_and_channel_pads),
        cmocka_unit_test(the_published_number_of_parameters_is_there),
        cmocka_unit_test(weights_bear_their_state_dict_names_and_values),
        cmocka_unit_test(logits_of_the_first_test_images_are_pytorchs),
        cmocka_unit_test(folding_keeps_the_logits),
        cmocka_unit_test(the_engine_gives_pytorchs_logits_folded_and_not),
        cmocka_unit_test(export_and_import_give_the_identical_net),
        cmocka_unit_test(a_damaged_file_is_read_or_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
    };
    return TEST_RUN(tests);
}
