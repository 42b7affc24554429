/* reference: the ResNet-20, its training, and the choice of the frozen batch. Values against PyTorch:
 * tests/golden/test_golden_rmi.c. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/cost.h"
#include "worker/infer.h"
#include "worker/reference.h"

enum { SIDE = 8, IMAGE = 3 * SIDE * SIDE, COUNT = 48 };

/* Two classes of small noisy images: dark ones and bright ones. */
static void make_set(struct data_set *set)
{
    struct rng rng;
    rng_seed(&rng, 21);
    memset(set, 0, sizeof *set);
    *set = (struct data_set){.name = "made",
                             .count = COUNT,
                             .shape = {3, SIDE, SIDE},
                             .classes = 2,
                             .mean = {0.5f, 0.5f, 0.5f},
                             .std = {0.3f, 0.3f, 0.3f}};
    set->images = malloc(COUNT * IMAGE);
    set->labels = malloc(COUNT);
    for (int i = 0; i < COUNT; i++) {
        set->labels[i] = (uint8_t)rng_below(&rng, 2);
        for (int p = 0; p < IMAGE; p++)
            set->images[i * IMAGE + p] = (uint8_t)(rng_below(&rng, 128) + (set->labels[i] ? 127u : 0u));
    }
}

static void make_net(const struct data_set *set, struct net *net)
{
    struct status status = {0};
    struct rng rng;
    rng_seed(&rng, 4);
    net_init_empty(net);
    assert_ok(reference_resnet20(set->shape, set->classes, net, &status), status);
    net_init(net, &rng);
}

static void resnet20_has_the_published_parameters_taps_and_names(void **state)
{
    (void)state;
    struct net net;
    struct cost cost;
    struct status status = {0};
    net_init_empty(&net);
    assert_ok(reference_resnet20((struct net_shape){3, 32, 32}, 10, &net, &status), status);
    cost_of_net(&net, &cost);
    assert_int_equal(cost.params, 269722);
    assert_int_equal(net.output_count, 4);
    assert_int_equal(net.nodes[net.outputs[0]].shape.c, 10);
    assert_int_equal(net.nodes[net.outputs[1]].shape.h, 32);
    assert_int_equal(net.nodes[net.outputs[2]].shape.c, 32);
    assert_int_equal(net.nodes[net.outputs[3]].shape.w, 8);
    assert_int_equal(net.nodes[net.outputs[3]].op, NET_RELU);
    assert_true(net_find_tensor(&net, "layer3.2.bn2.running_var") >= 0);
    assert_true(net_find_tensor(&net, "linear.bias") >= 0);
    assert_ok(net_check(&net, &status), status);
    net_free(&net);
}

static void resnet20_of_impossible_images_is_refused(void **state)
{
    (void)state;
    struct net net;
    struct status status = {0};
    net_init_empty(&net);
    assert_int_not_equal(reference_resnet20((struct net_shape){3, 0, 32}, 10, &net, &status), STATUS_OK);
    assert_non_null(strstr(status.message, "ResNet-20"));
    assert_int_equal(net.node_count, 0);
}

static void the_frozen_batch_is_the_surest_images_in_that_order(void **state)
{
    (void)state;
    struct data_set set;
    struct net net;
    struct bundle bundle = {0};
    struct status status = {0};
    make_set(&set);
    make_net(&set, &net);
    assert_ok(reference_bundle(&net, "test", &set, 40, 10, &bundle, &status), status);
    assert_int_equal(bundle.batch, 10);
    assert_int_equal(bundle.taps, 3);
    for (int i = 0; i < 10; i++) {
        assert_in_range(bundle.indices[i], 0, 39);
        assert_int_equal(bundle.labels[i], set.labels[bundle.indices[i]]);
        assert_memory_equal(bundle.images + i * IMAGE, set.images + bundle.indices[i] * IMAGE, IMAGE);
        assert_true(i == 0 || bundle.cross_entropy[i] >= bundle.cross_entropy[i - 1]);
    }
    bundle_free(&bundle);
    net_free(&net);
    data_free(&set);
}

/* Every image of the set is the same, so every cross-entropy is. */
static void images_of_equal_cross_entropy_keep_the_pools_order(void **state)
{
    (void)state;
    struct data_set set;
    struct net net;
    struct bundle bundle = {0};
    struct status status = {0};
    make_set(&set);
    make_net(&set, &net);
    for (int i = 2; i < COUNT; i++) {
        memcpy(set.images + i * IMAGE, set.images + i % 2 * IMAGE, IMAGE);
        set.labels[i] = set.labels[i % 2];
    }
    assert_ok(reference_bundle(&net, "test", &set, 16, 4, &bundle, &status), status);
    assert_in_range(bundle.indices[0], 0, 1);
    for (int i = 1; i < 4; i++)
        assert_int_equal(bundle.indices[i], bundle.indices[0] + 2 * i);
    bundle_free(&bundle);
    net_free(&net);
    data_free(&set);
}

static void a_bundle_that_was_made_passes_its_own_check_and_twice_gives_equal_bytes(void **state)
{
    (void)state;
    struct data_set set;
    struct net net;
    struct bundle bundle = {0}, again = {0}, back = {0};
    struct status status = {0};
    void *data[2];
    size_t size[2];
    make_set(&set);
    make_net(&set, &net);
    assert_ok(reference_bundle(&net, "test", &set, 40, 10, &bundle, &status), status);
    assert_ok(reference_bundle(&net, "test", &set, 40, 10, &again, &status), status);
    assert_ok(bundle_write(&bundle, &data[0], &size[0], &status), status);
    assert_ok(bundle_write(&again, &data[1], &size[1], &status), status);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    assert_ok(bundle_read(data[0], size[0], &back, &status), status);
    bundle_free(&bundle);
    bundle_free(&again);
    bundle_free(&back);
    free(data[0]);
    free(data[1]);
    net_free(&net);
    data_free(&set);
}

static void refuse_bundle(const struct net *net, const struct data_set *set, int pool, int batch, const char *words)
{
    struct bundle bundle = {0};
    struct status status = {0};
    assert_int_equal(reference_bundle(net, "test", set, pool, batch, &bundle, &status), STATUS_BAD_INPUT);
    if (strstr(status.message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", status.message, words);
    assert_null(bundle.images);
}

static void requests_that_cannot_be_met_are_refused(void **state)
{
    (void)state;
    struct data_set set;
    struct net net;
    make_set(&set);
    make_net(&set, &net);
    refuse_bundle(&net, &set, COUNT + 1, 10, "more than the 48");
    refuse_bundle(&net, &set, 9, 10, "pool of 9");
    refuse_bundle(&net, &set, 40, 1, "batch of 1");
    set.classes = 3;
    refuse_bundle(&net, &set, 40, 10, "knows 2 classes");
    set.classes = 2;
    set.shape.h = 4;
    refuse_bundle(&net, &set, 40, 10, "takes images of 3x8x8");
    set.shape.h = SIDE;
    net.tensors[net_find_tensor(&net, "linear.weight")].data[0] = NAN;
    refuse_bundle(&net, &set, 40, 10, "damaged");
    net.output_count = 1;
    refuse_bundle(&net, &set, 40, 10, "no taps");
    net_free(&net);
    data_free(&set);
}

struct seen {
    int calls;
    double last_fraction;
};

static void watch(void *context, double fraction, double loss, double seconds_left)
{
    struct seen *seen = context;
    assert_true(fraction >= seen->last_fraction && fraction <= 1);
    assert_true(isfinite(loss));
    assert_true(seconds_left >= 0);
    seen->last_fraction = fraction;
    seen->calls++;
}

static struct reference_training short_training(void)
{
    return (struct reference_training){
        .epochs = 6, .batch = 8, .learning_rate = 0.05, .momentum = 0.9, .weight_decay = 5e-4, .seed = 1};
}

static void training_learns_what_can_be_learnt(void **state)
{
    (void)state;
    struct data_set set;
    struct net net;
    struct reference_report report;
    struct reference_training options = short_training();
    struct seen seen = {0};
    struct status status = {0};
    double before, after;
    make_set(&set);
    make_net(&set, &net);
    options.progress = watch;
    options.context = &seen;
    assert_ok(infer_accuracy(&net, &set, &before, &status), status);
    assert_ok(reference_train(&net, &set, &set, &options, &report, &status), status);
    assert_ok(infer_accuracy(&net, &set, &after, &status), status);
    assert_true(before < 0.9);
    assert_true(after > 0.97);
    assert_near(report.test_accuracy, after, 0, 0);
    assert_int_equal(report.steps, 36);
    assert_true(report.train_loss < 0.5);
    assert_in_range(seen.calls, 30, 36);
    assert_near(seen.last_fraction, 1, 0, 0);
    net_free(&net);
    data_free(&set);
}

static void the_same_seed_trains_to_the_same_weights_and_another_to_others(void **state)
{
    (void)state;
    struct data_set set;
    struct net nets[3];
    struct reference_report report;
    struct status status = {0};
    make_set(&set);
    for (int i = 0; i < 3; i++) {
        struct reference_training options = short_training();
        options.epochs = 2;
        options.augment = true;
        options.seed = i < 2 ? 1 : 2;
        make_net(&set, &nets[i]);
        assert_ok(reference_train(&nets[i], &set, NULL, &options, &report, &status), status);
        assert_true(isnan(report.test_accuracy));
    }
    int tensor = net_find_tensor(&nets[0], "conv1.weight");
    size_t bytes = nets[0].tensors[tensor].count * sizeof(float);
    assert_memory_equal(nets[0].tensors[tensor].data, nets[1].tensors[tensor].data, bytes);
    assert_memory_not_equal(nets[0].tensors[tensor].data, nets[2].tensors[tensor].data, bytes);
    for (int i = 0; i < 3; i++)
        net_free(&nets[i]);
    data_free(&set);
}

static void training_ends_when_its_time_is_up(void **state)
{
    (void)state;
    struct data_set set;
    struct net net;
    struct reference_report report;
    struct reference_training options = short_training();
    struct seen seen = {0};
    struct status status = {0};
    make_set(&set);
    make_net(&set, &net);
    options.epochs = 100000;
    options.max_seconds = 0.3;
    options.progress = watch;
    options.context = &seen;
    assert_ok(reference_train(&net, &set, NULL, &options, &report, &status), status);
    assert_true(report.steps < 600000);
    assert_near(seen.last_fraction, 1, 0, 0);
    net_free(&net);
    data_free(&set);
}

static void a_training_that_diverges_says_so(void **state)
{
    (void)state;
    struct data_set set;
    struct net net;
    struct reference_report report;
    struct reference_training options = short_training();
    struct status status = {0};
    make_set(&set);
    make_net(&set, &net);
    options.learning_rate = 1e30;
    assert_int_equal(reference_train(&net, &set, NULL, &options, &report, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "diverged at step"));
    net_free(&net);
    data_free(&set);
}

static void training_options_that_cannot_work_are_refused(void **state)
{
    (void)state;
    struct data_set set;
    struct net net;
    struct reference_report report;
    struct reference_training options = short_training();
    struct status status = {0};
    make_set(&set);
    make_net(&set, &net);
    options.batch = COUNT + 1;
    assert_int_equal(reference_train(&net, &set, NULL, &options, &report, &status), STATUS_BAD_INPUT);
    options = short_training();
    options.epochs = 0;
    assert_int_equal(reference_train(&net, &set, NULL, &options, &report, &status), STATUS_BAD_INPUT);
    options = short_training();
    set.classes = 9;
    assert_int_equal(reference_train(&net, &set, NULL, &options, &report, &status), STATUS_BAD_INPUT);
    net_free(&net);
    data_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet20_has_the_published_parameters_taps_and_names),
        cmocka_unit_test(resnet20_of_impossible_images_is_refused),
        cmocka_unit_test(the_frozen_batch_is_the_surest_images_in_that_order),
        cmocka_unit_test(images_of_equal_cross_entropy_keep_the_pools_order),
        cmocka_unit_test(a_bundle_that_was_made_passes_its_own_check_and_twice_gives_equal_bytes),
        cmocka_unit_test(requests_that_cannot_be_met_are_refused),
        cmocka_unit_test(training_learns_what_can_be_learnt),
        cmocka_unit_test(the_same_seed_trains_to_the_same_weights_and_another_to_others),
        cmocka_unit_test(training_ends_when_its_time_is_up),
        cmocka_unit_test(a_training_that_diverges_says_so),
        cmocka_unit_test(training_options_that_cannot_work_are_refused),
    };
    return TEST_RUN(tests);
}
