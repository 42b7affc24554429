/* golden: bundle and traces against PyTorch 1.13, through the path that users take: images and ResNet-20 from ../shared/data,
 * bundle by reference_bundle, candidates by evaluate_run. The bounds are those of ../shared/golden/README.md: of a step's five
 * columns each within 10 times PyTorch float32's largest error at that step, of the gradients each tensor within 3 times PyTorch's
 * drift, with convolutions as sums of products. Evaluations convolve by Winograd's method where that is faster; it rounds 4 to 10
 * times worse (docs/PERFORMANCE.md, Rounding), and is held to WINOGRAD_SLACK times those bounds. The gradients are those of this
 * CPU's best instruction set; test_golden_engine.c looks at the others. */
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "common/net_onnx.h"
#include "worker/evaluate.h"
#include "worker/reference.h"

enum { STEPS = 11, ASSERTED = 3, BATCH = 32, COLUMNS = 5, WINOGRAD_SLACK = 8 };

static struct bundle bundle;
static struct space space;

static json_t *golden_load(const char *digits)
{
    char path[128];
    json_error_t error;
    snprintf(path, sizeof path, "../shared/golden/nb201_%s.json", digits);
    json_t *golden = json_load_file(path, 0, &error);
    if (golden == NULL)
        fail_msg("%s: %s", path, error.text);
    return golden;
}

static double golden_cell(const json_t *golden, const char *type, int step, int column)
{
    const json_t *trace = json_object_get(json_object_get(golden, "trace"), type);
    return json_number_value(json_array_get(json_array_get(trace, (size_t)step), (size_t)column));
}

static int make_bundle(void **state)
{
    (void)state;
    struct net net;
    struct data_set set = {0};
    struct status status = {0};
    net_init_empty(&net);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(data_load("../shared/data/cifar10_train_1024.bin", NULL, NULL, 512, &set, &status), status);
    assert_ok(net_onnx_load("../shared/data/resnet20_cifar10.onnx", NULL, 0, &net, &status), status);
    assert_ok(reference_bundle(&net, "resnet20_cifar10.onnx", &set, 512, BATCH, &bundle, &status), status);
    net_free(&net);
    data_free(&set);
    return 0;
}

static int free_bundle(void **state)
{
    (void)state;
    bundle_free(&bundle);
    space_close(&space);
    return 0;
}

static void the_32_images_are_the_golden_ones_in_the_golden_order(void **state)
{
    (void)state;
    json_t *golden = golden_load("241302");
    const json_t *indices = json_object_get(golden, "batch_indices");
    assert_int_equal(json_array_size(indices), BATCH);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(bundle.indices[i], json_integer_value(json_array_get(indices, (size_t)i)));
    json_decref(golden);
}

/* PyTorch's own figures are multiples of 2.2e-16 here: log(1+x) loses what log1p keeps. */
static void their_cross_entropies_are_the_golden_ones(void **state)
{
    (void)state;
    json_t *golden = golden_load("241302");
    const json_t *values = json_object_get(golden, "reference_cross_entropy");
    for (int i = 0; i < BATCH; i++)
        assert_near(bundle.cross_entropy[i], json_number_value(json_array_get(values, (size_t)i)), 1e-3, 4e-16);
    json_decref(golden);
}

/* --- traces --- */

static void evaluate(const json_t *golden, const char *digits, int steps, enum engine_isa isa, bool direct,
                     struct evaluate_trace *trace, struct tensorfile *gradients, void **gradient_data)
{
    char path[128];
    struct tensorfile weights = {0};
    struct protocol protocol;
    struct arch arch;
    struct status status = {0};
    snprintf(path, sizeof path, "../shared/golden/nb201_%s.safetensors", digits);
    assert_ok(protocol_preset("nb201", "rmi-full", &protocol, &status), status);
    assert_ok(space_parse(&space, json_string_value(json_object_get(golden, "arch")), &arch, &status), status);
    assert_ok(tensorfile_load(path, &weights, &status), status);
    protocol.steps = steps;
    const struct evaluate_task task = {.space = &space,
                                       .arch = &arch,
                                       .bundle = &bundle,
                                       .protocol = &protocol,
                                       .exact = true,
                                       .weights = &weights,
                                       .isa = isa,
                                       .direct = direct};
    assert_ok(evaluate_run(&task, trace, gradients, gradient_data, &status), status);
    assert_int_equal(trace->steps, steps);
    tensorfile_free(&weights);
}

static double cell(const struct evaluate_step *row, int column)
{
    return column < 3 ? row->rmi[column] : column == 3 ? row->cross_entropy : row->loss;
}

/* The largest error of one step over its five columns, ours or PyTorch's float32. */
static double step_error(const json_t *golden, const struct evaluate_trace *trace, int step)
{
    double worst = 0;
    for (int column = 0; column < COLUMNS; column++) {
        double truth = golden_cell(golden, "float64", step, column);
        double got = trace != NULL ? cell(&trace->rows[step], column) : golden_cell(golden, "float32", step, column);
        worst = fmax(worst, fabs(got - truth));
    }
    return worst;
}

/* Every column of the first steps within the step's bound; later ones are only reported. */
static void check_trace(const json_t *golden, const struct evaluate_trace *trace, double slack)
{
    for (int step = 0; step < trace->steps; step++) {
        double own = step_error(golden, NULL, step);
        if (trace->steps > ASSERTED)
            print_message("step %2d: largest error %.2e, PyTorch float32's own %.2e\n", step, step_error(golden, trace, step), own);
        for (int column = 0; step < ASSERTED && column < COLUMNS; column++)
            assert_near(cell(&trace->rows[step], column), golden_cell(golden, "float64", step, column), 0,
                        slack * fmax(2e-5, 10 * own));
    }
}

static double value_at(const struct tensorfile_entry *entry, size_t i)
{
    return entry->dtype == TENSORFILE_F64 ? ((const double *)entry->data)[i] : (double)((const float *)entry->data)[i];
}

static double norm_of_all(const struct tensorfile *file)
{
    double sum = 0;
    for (size_t e = 0; e < file->entry_count; e++)
        for (size_t i = 0; i < file->entries[e].count; i++)
            sum += value_at(&file->entries[e], i) * value_at(&file->entries[e], i);
    return sqrt(sum);
}

/* ||got - want|| / ||want||. A bias right before a batch norm has no gradient but rounding (1e-18 in the golden files, where others
 * have 1e-9 and more); an error relative to that means nothing, so it is taken relative to a millionth of the whole gradient. */
static double relative_error(const struct tensorfile_entry *got, const struct tensorfile_entry *want, double whole)
{
    double difference = 0, norm = 0;
    assert_int_equal(got->count, want->count);
    for (size_t i = 0; i < want->count; i++) {
        double truth = value_at(want, i), error = value_at(got, i) - truth;
        difference += error * error;
        norm += truth * truth;
    }
    return sqrt(difference) / (sqrt(norm) > 1e-14 * whole ? sqrt(norm) : 1e-6 * whole);
}

/* Every parameter has a gradient, and every gradient is the golden one. */
static void check_gradients(const json_t *golden, const char *digits, const struct tensorfile *gradients, double slack)
{
    char path[128];
    struct tensorfile want = {0};
    struct status status = {0};
    double drift = json_number_value(json_object_get(golden, "float32_gradient_drift"));
    double bound = slack * fmax(3 * drift, 2e-3), worst = 0;
    size_t compared = 0;
    snprintf(path, sizeof path, "../shared/golden/nb201_%s.grad.safetensors", digits);
    assert_ok(tensorfile_load(path, &want, &status), status);
    double whole = norm_of_all(&want);
    for (size_t i = 0; i < want.entry_count; i++) {
        const struct tensorfile_entry *got = tensorfile_find(gradients, want.entries[i].name);
        if (got == NULL)
            fail_msg("%s has no gradient", want.entries[i].name);
        double error = relative_error(got, &want.entries[i], whole);
        if (!(error <= bound))
            fail_msg("%s: relative error %.3g, allowed %.3g", got->name, error, bound);
        worst = fmax(worst, error);
        compared++;
    }
    assert_int_equal(compared, gradients->entry_count);
    print_message("%s: %zu gradients, worst relative error %.2e of %.2e\n", digits, compared, worst, bound);
    tensorfile_free(&want);
}

static void check_network(const char *digits)
{
    json_t *golden = golden_load(digits);
    for (int direct = 1; direct >= 0; direct--) {
        const double slack = direct ? 1 : WINOGRAD_SLACK;
        struct evaluate_trace trace;
        struct tensorfile gradients = {0};
        void *data = NULL;
        print_message("%s, %s\n", digits, direct ? "direct" : "as evaluations run");
        evaluate(golden, digits, STEPS, ENGINE_ISA_AUTO, direct, &trace, &gradients, &data);
        check_trace(golden, &trace, slack);
        check_gradients(golden, digits, &gradients, slack);
        evaluate_trace_free(&trace);
        tensorfile_free(&gradients);
        free(data);
    }
    json_decref(golden);
}

static void trace_and_gradients_of_104142_are_golden(void **state)
{
    (void)state;
    check_network("104142");
}

static void trace_and_gradients_of_241302_are_golden(void **state)
{
    (void)state;
    check_network("241302");
}

static void trace_and_gradients_of_333133_are_golden(void **state)
{
    (void)state;
    check_network("333133");
}

static void check_isa(enum engine_isa isa)
{
    static const char *const cells[] = {"104142", "241302", "333133"};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        json_t *golden = golden_load(cells[i]);
        for (int direct = 0; direct <= 1; direct++) {
            struct evaluate_trace trace;
            evaluate(golden, cells[i], ASSERTED, isa, direct, &trace, NULL, NULL);
            check_trace(golden, &trace, direct ? 1 : WINOGRAD_SLACK);
            evaluate_trace_free(&trace);
        }
        json_decref(golden);
    }
}

/* An ISA that this CPU lacks is left out, loudly. */
static void every_instruction_set_of_this_cpu_is_within_the_bounds(void **state)
{
    (void)state;
    static const struct {
        enum engine_isa isa;
        const char *name;
    } isas[] = {{ENGINE_ISA_PORTABLE, "portable"}, {ENGINE_ISA_AVX2, "avx2"}, {ENGINE_ISA_AVX512, "avx512"}};
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        const struct engine_options options = {.mode = ENGINE_INFER, .batch = 1, .isa = isas[i].isa};
        struct net net;
        size_t bytes;
        net_init_empty(&net);
        assert_int_equal(reference_resnet20((struct net_shape){3, 32, 32}, 10, &net, NULL), STATUS_OK);
        enum status_code known = engine_plan_bytes(&net, &options, &bytes, NULL);
        net_free(&net);
        if (known != STATUS_OK)
            print_message("%s: not on this CPU, not checked\n", isas[i].name);
        else
            check_isa(isas[i].isa);
    }
}

int main(void)
{
    TEST_NEEDS("../shared/golden/nb201_241302.json");
    TEST_NEEDS("../shared/data/resnet20_cifar10.onnx");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_32_images_are_the_golden_ones_in_the_golden_order),
        cmocka_unit_test(their_cross_entropies_are_the_golden_ones),
        cmocka_unit_test(trace_and_gradients_of_104142_are_golden),
        cmocka_unit_test(trace_and_gradients_of_241302_are_golden),
        cmocka_unit_test(trace_and_gradients_of_333133_are_golden),
        cmocka_unit_test(every_instruction_set_of_this_cpu_is_within_the_bounds),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, make_bundle, free_bundle);
}
