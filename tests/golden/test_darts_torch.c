/* test_darts_torch: one DARTS network with every operation at both strides, scored as evaluate scores it, beside a PyTorch model in
 * float64 that was written from the paper: trace and gradients of the first step.
 *
 * Both sides draw weights, images and the reference's Grams from the same formula (`draw` below), by the names of what they fill.
 */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "worker/evaluate.h"

enum { N = 6, SIDE = 16, IMAGE = 3 * SIDE * SIDE, TAPS = 3, FEATURES = 7, STEPS = 5 };

static const char every_operation[] =
    "normal:sep_conv_5x5~0+dil_conv_3x3~1|skip_connect~0+max_pool_3x3~2|avg_pool_3x3~1+sep_conv_3x3~3|dil_conv_5x5~0+skip_connect~4"
    "/reduce:skip_connect~0+dil_conv_3x3~1|max_pool_3x3~0+sep_conv_3x3~1|avg_pool_3x3~0+sep_conv_5x5~1|dil_conv_5x5~0+skip_connect~"
    "4";

/* --- PyTorch's figures ----------------------------------------------------------------------------------- */

static const struct evaluate_step torch_trace[STEPS] = {
    {{0.803028002763, 0.693126133821, 0.807806423584}, 2.439606505452, 1.044752852956},
    {{0.802357859933, 0.778485701091, 0.907870695656}, 2.420823334879, 0.893193261632},
    {{0.811984815979, 0.825033125445, 0.891773651649}, 2.160081019820, 0.808982929505},
    {{0.823046662885, 0.838966372071, 0.954353603405}, 2.106558798099, 0.728218448931},
    {{0.829083660962, 0.852288032894, 0.952646617646}, 1.759680309907, 0.644721412780},
};

/* Of all gradients of the first step together. */
static const double torch_norm = 5.3093816929;

struct gradient {
    const char *name;
    double norm, projection; /* projection: on what `draw` gives for "~NAME" */
};

static const struct gradient torch_gradients[] = {
    {"stem.0.weight", 3.315787001, 0.9523272109},
    {"stem.1.bias", 0.2665903398, 0.2846326425},
    {"cells.0.preprocess0.op.1.weight", 0.8268627294, 0.2347928301},
    {"cells.1._ops.0.op.1.weight", 1.010102947, 0.9392448034},
    {"cells.1._ops.0.op.6.weight", 0.365651148, 0.2246891649},
    {"cells.1._ops.1.op.1.weight", 0.455087481, -0.05721561685},
    {"cells.1._ops.6.op.1.weight", 0.4070561395, -0.2043151871},
    {"cells.1._ops.5.op.5.weight", 0.3922927654, 0.1341796451},
    {"cells.2._ops.0.conv_1.weight", 0.1728160545, -0.1095536003},
    {"cells.2._ops.0.conv_2.weight", 0.1627594489, 0.1439450126},
    {"cells.2._ops.0.bn.weight", 0.03854257829, -0.03909387842},
    {"cells.2._ops.1.op.1.weight", 0.1803511592, -0.07410194571},
    {"cells.2._ops.3.op.1.weight", 0.2228674528, -0.01866402807},
    {"cells.2._ops.5.op.1.weight", 0.4158451334, -0.2099046015},
    {"cells.2._ops.6.op.1.weight", 0.2469075439, 0.06740173021},
    {"cells.3.preprocess0.conv_2.weight", 0.4732012725, -0.2311341553},
    {"cells.3.preprocess1.op.2.weight", 0.07243800722, 0.004904824034},
    {"cells.5._ops.5.op.6.weight", 0.09759037492, 0.0578116011},
    {"classifier.weight", 0.5658724831, 0.03850589558},
};

/* --- what both sides draw -------------------------------------------------------------------------------- */

/* Numbers in [-1,1) by SplitMix64, begun with the FNV-1a hash of prefix and name. */
static uint64_t begin_draw(const char *prefix, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *prefix != '\0'; prefix++)
        hash = (hash ^ (uint8_t)*prefix) * 0x100000001b3u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return hash;
}

static double draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1;
}

/* Convolutions and the dense layer as PyTorch's default has them in size, batch norms near one and zero. */
static void fill_weights(struct net *net, struct tensorfile *file)
{
    struct status status = {0};
    for (int i = 0; i < net->tensor_count; i++) {
        struct net_tensor *tensor = &net->tensors[i];
        uint64_t state = begin_draw("", tensor->name);
        int64_t dims[NET_RANK_MAX] = {0};
        bool is_bias = strcmp(tensor->name + strlen(tensor->name) - 5, ".bias") == 0;
        for (int d = 0; d < tensor->rank; d++)
            dims[d] = tensor->dims[d];
        for (size_t k = 0; tensor->trainable && k < tensor->count; k++) {
            double u = draw(&state);
            double value = tensor->rank > 1 ? u / sqrt((double)tensor->count / tensor->dims[0]) : is_bias ? 0.1 * u : 1 + 0.2 * u;
            tensor->data[k] = (float)value;
        }
        assert_ok(tensorfile_add(file, tensor->name, TENSORFILE_F32, tensor->rank, dims, tensor->data, &status), status);
    }
}

static float *fill_gram(int tap)
{
    char name[8];
    double x[N][FEATURES], mean[FEATURES] = {0};
    float *gram = malloc(N * N * sizeof *gram);
    snprintf(name, sizeof name, "tap%d", tap + 1);
    uint64_t state = begin_draw("", name);
    assert_non_null(gram);
    for (int i = 0; i < N; i++)
        for (int f = 0; f < FEATURES; f++)
            mean[f] += (x[i][f] = draw(&state)) / N;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int f = 0; f < FEATURES; f++)
                sum += (x[i][f] - mean[f]) * (x[j][f] - mean[f]);
            gram[i * N + j] = (float)sum;
        }
    return gram;
}

static void fill_bundle(struct bundle *bundle)
{
    uint64_t state = begin_draw("", "images");
    *bundle = (struct bundle){.batch = N,
                              .shape = {3, SIDE, SIDE},
                              .classes = 10,
                              .taps = TAPS,
                              .mean = {0.5F, 0.5F, 0.5F},
                              .std = {0.25F, 0.25F, 0.25F},
                              .images = malloc(N * IMAGE),
                              .labels = malloc(N * sizeof(int32_t))};
    assert_true(bundle->images != NULL && bundle->labels != NULL);
    for (int i = 0; i < N * IMAGE; i++)
        bundle->images[i] = (uint8_t)floor((draw(&state) + 1) * 128);
    for (int i = 0; i < N; i++)
        bundle->labels[i] = i;
    for (int tap = 0; tap < TAPS; tap++)
        bundle->grams[tap] = fill_gram(tap);
}

/* --- the comparison -------------------------------------------------------------------------------------- */

static double norm_of(const float *data, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)data[i] * (double)data[i];
    return sqrt(sum);
}

static void check_trace(const struct evaluate_trace *trace)
{
    assert_true(trace->feasible);
    assert_int_equal(trace->steps, STEPS);
    for (int step = 0; step < STEPS; step++) {
        double near = step == 0 ? 1e-6 : 1e-5;
        for (int tap = 0; tap < TAPS; tap++)
            assert_near(trace->rows[step].rmi[tap], torch_trace[step].rmi[tap], near, 0);
        assert_near(trace->rows[step].cross_entropy, torch_trace[step].cross_entropy, near, 0);
        assert_near(trace->rows[step].loss, torch_trace[step].loss, near, 0);
    }
}

static void check_gradients(const struct tensorfile *gradients)
{
    double squares = 0;
    for (size_t i = 0; i < gradients->entry_count; i++)
        squares += pow(norm_of(gradients->entries[i].data, gradients->entries[i].count), 2);
    assert_near(sqrt(squares), torch_norm, 1e-5, 0);
    for (size_t i = 0; i < sizeof torch_gradients / sizeof torch_gradients[0]; i++) {
        const struct gradient *want = &torch_gradients[i];
        const struct tensorfile_entry *entry = tensorfile_find(gradients, want->name);
        if (entry == NULL)
            fail_msg("no gradient of %s", want->name);
        const float *data = entry->data;
        uint64_t state = begin_draw("~", want->name);
        double projection = 0;
        for (size_t k = 0; k < entry->count; k++)
            projection += (double)data[k] * draw(&state);
        assert_near(norm_of(data, entry->count), want->norm, 1e-5, 0);
        assert_near(projection, want->projection, 0, 1e-5 * want->norm);
    }
}

static void compare(enum engine_isa isa)
{
    struct protocol protocol = {
        .steps = STEPS, .channels = 4, .cells = 6, .learning_rate = 0.025, .momentum = 0.9, .weight_decay = 3e-4, .beta = 0.8};
    struct space space;
    struct arch arch;
    struct bundle bundle;
    struct net net;
    struct tensorfile weights = {0}, gradients = {0};
    struct evaluate_trace trace = {0};
    struct status status = {0};
    void *gradient_data = NULL;
    net_init_empty(&net);
    fill_bundle(&bundle);
    assert_ok(space_open("darts", &space, &status), status);
    assert_ok(space_parse(&space, every_operation, &arch, &status), status);
    const struct space_build build = {protocol.channels, protocol.cells, bundle.classes, bundle.shape};
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    fill_weights(&net, &weights);
    const struct evaluate_task task = {
        .space = &space, .arch = &arch, .bundle = &bundle, .protocol = &protocol, .exact = true, .weights = &weights, .isa = isa};
    assert_ok(evaluate_run(&task, &trace, &gradients, &gradient_data, &status), status);
    check_trace(&trace);
    check_gradients(&gradients);
    evaluate_trace_free(&trace);
    tensorfile_free(&gradients);
    free(gradient_data);
    tensorfile_free(&weights);
    net_free(&net);
    bundle_free(&bundle);
    space_close(&space);
}

static void trace_and_gradients_are_those_of_pytorch(void **state)
{
    (void)state;
    compare(ENGINE_ISA_AUTO);
}

static void portable_kernels_give_them_too(void **state)
{
    (void)state;
    compare(ENGINE_ISA_PORTABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace_and_gradients_are_those_of_pytorch),
        cmocka_unit_test(portable_kernels_give_them_too),
    };
    return TEST_RUN(tests);
}
