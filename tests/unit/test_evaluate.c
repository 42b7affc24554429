/* evaluate: the trace of one candidate: what it is made of, what it may depend on, and how a run ends early.
 *
 * Nets and images are tiny; the values themselves are checked against PyTorch in tests/golden/test_golden_rmi.c. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "worker/evaluate.h"

enum { N = 8, SIDE = 8, IMAGE = 3 * SIDE * SIDE, TAPS = 3 };

static const char plain[] = "|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|none~0|nor_conv_1x1~1|skip_connect~2|";

struct fixture {
    struct space space;
    struct arch arch;
    struct bundle bundle;
    struct protocol protocol;
    struct evaluate_task task;
};

/* A centred Gram of random features with a different number of them for each tap. */
static float *random_gram(struct rng *rng, int features)
{
    double x[N][64], mean[64] = {0};
    float *gram = malloc(N * N * sizeof *gram);
    for (int i = 0; i < N; i++)
        for (int f = 0; f < features; f++) {
            x[i][f] = rng_uniform(rng);
            mean[f] += x[i][f] / N;
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int f = 0; f < features; f++)
                sum += (x[i][f] - mean[f]) * (x[j][f] - mean[f]);
            gram[i * N + j] = (float)sum;
        }
    return gram;
}

static void fixture_open_in(struct fixture *f, const char *space, const char *arch)
{
    struct status status = {0};
    struct rng rng;
    memset(f, 0, sizeof *f);
    rng_seed(&rng, 5);
    assert_ok(space_open(space, &f->space, &status), status);
    assert_ok(space_parse(&f->space, arch, &f->arch, &status), status);
    f->bundle = (struct bundle){
        .batch = N, .shape = {3, SIDE, SIDE}, .classes = 4, .taps = TAPS, .std = {0.3f, 0.3f, 0.3f}, .mean = {0.5f, 0.5f, 0.5f}};
    f->bundle.images = malloc(N * IMAGE);
    f->bundle.labels = malloc(N * sizeof(int32_t));
    for (int i = 0; i < N * IMAGE; i++)
        f->bundle.images[i] = (uint8_t)rng_below(&rng, 256);
    for (int i = 0; i < N; i++)
        f->bundle.labels[i] = i % 4;
    for (int tap = 0; tap < TAPS; tap++)
        f->bundle.grams[tap] = random_gram(&rng, 3 + tap);
    f->protocol = (struct protocol){
        .steps = 4, .channels = 8, .cells = 1, .learning_rate = 0.1, .momentum = 0.9, .weight_decay = 5e-4, .beta = 0.8};
    f->task =
        (struct evaluate_task){.space = &f->space, .arch = &f->arch, .bundle = &f->bundle, .protocol = &f->protocol, .seed = 3};
}

static void fixture_open(struct fixture *f, const char *arch)
{
    fixture_open_in(f, "nb201", arch);
}

static void fixture_close(struct fixture *f)
{
    bundle_free(&f->bundle);
    space_close(&f->space);
}

static void evaluate(struct fixture *f, struct evaluate_trace *trace)
{
    struct status status = {0};
    assert_ok(evaluate_run(&f->task, trace, NULL, NULL, &status), status);
}

/* The net of the fixture as evaluate builds it, for weights and parameter names. */
static void build(const struct fixture *f, struct net *net)
{
    struct status status = {0};
    const struct space_build build = {f->protocol.channels, f->protocol.cells, f->bundle.classes, f->bundle.shape};
    net_init_empty(net);
    assert_ok(space_build_net(&f->space, &f->arch, &build, net, &status), status);
}

/* All tensors of the net as a file that borrows them; with `without`, all but that one. */
static void weights_of(const struct net *net, const char *without, struct tensorfile *file)
{
    struct status status = {0};
    memset(file, 0, sizeof *file);
    for (int i = 0; i < net->tensor_count; i++) {
        const struct net_tensor *tensor = &net->tensors[i];
        int64_t dims[NET_RANK_MAX];
        for (int d = 0; d < tensor->rank; d++)
            dims[d] = tensor->dims[d];
        if (without == NULL || strcmp(tensor->name, without) != 0)
            assert_ok(tensorfile_add(file, tensor->name, TENSORFILE_F32, tensor->rank, dims, tensor->data, &status), status);
    }
}

static void a_trace_has_one_row_a_step_and_its_loss_is_the_mixed_loss(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace trace;
    fixture_open(&f, plain);
    evaluate(&f, &trace);
    assert_true(trace.feasible);
    assert_int_equal(trace.steps, 4);
    assert_int_equal(trace.taps, TAPS);
    for (int step = 0; step < trace.steps; step++) {
        const struct evaluate_step *row = &trace.rows[step];
        double sum = row->rmi[0] + row->rmi[1] + row->rmi[2];
        assert_near(row->loss, 0.8 * (3 - sum) + 0.2 * row->cross_entropy, 1e-12, 0);
        for (int tap = 0; tap < TAPS; tap++)
            assert_true(row->rmi[tap] > 0 && row->rmi[tap] <= 1.0000001);
    }
    assert_near(trace.phi, trace.rows[3].rmi[0] + trace.rows[3].rmi[1] + trace.rows[3].rmi[2], 0, 0);
    assert_true(trace.arena_bytes > 0);
    evaluate_trace_free(&trace);
    fixture_close(&f);
}

static void the_same_task_gives_the_same_bits(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace a, b;
    fixture_open(&f, plain);
    evaluate(&f, &a);
    evaluate(&f, &b);
    assert_memory_equal(a.rows, b.rows, (size_t)a.steps * sizeof *a.rows);
    evaluate_trace_free(&a);
    evaluate_trace_free(&b);
    fixture_close(&f);
}

static void another_seed_gives_another_trace(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace a, b;
    fixture_open(&f, plain);
    evaluate(&f, &a);
    f.task.seed++;
    evaluate(&f, &b);
    assert_true(a.rows[0].loss != b.rows[0].loss);
    evaluate_trace_free(&a);
    evaluate_trace_free(&b);
    fixture_close(&f);
}

static void a_shorter_protocol_sees_the_first_rows_of_a_longer_one(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace longer, shorter;
    fixture_open(&f, plain);
    evaluate(&f, &longer);
    f.protocol.steps = 2;
    evaluate(&f, &shorter);
    assert_int_equal(shorter.steps, 2);
    assert_memory_equal(shorter.rows, longer.rows, 2 * sizeof *longer.rows);
    evaluate_trace_free(&longer);
    evaluate_trace_free(&shorter);
    fixture_close(&f);
}

static void assert_isomorphic(const char *space, int cells, const char *const archs[2])
{
    struct fixture f[2];
    struct evaluate_trace trace[2], exact[2];
    for (int i = 0; i < 2; i++) {
        fixture_open_in(&f[i], space, archs[i]);
        f[i].protocol.cells = cells;
        evaluate(&f[i], &trace[i]);
        f[i].task.exact = true;
        evaluate(&f[i], &exact[i]);
    }
    assert_memory_equal(trace[0].rows, trace[1].rows, 4 * sizeof *trace[0].rows);
    assert_memory_not_equal(exact[0].rows, exact[1].rows, 4 * sizeof *exact[0].rows);
    for (int i = 0; i < 2; i++) {
        evaluate_trace_free(&trace[i]);
        evaluate_trace_free(&exact[i]);
        fixture_close(&f[i]);
    }
}

/* Node 2 copies node 1 in one cell and the input in the other, with the convolution on the respective other edge. */
static void isomorphic_cells_have_one_trace_unless_built_exactly(void **state)
{
    (void)state;
    assert_isomorphic("nb201", 1,
                      (const char *const[2]){"|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|",
                                             "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|nor_conv_3x3~2|"});
}

#define REDUCE                                                                                                                     \
    "/reduce:max_pool_3x3~0+skip_connect~1|skip_connect~0+avg_pool_3x3~2|dil_conv_3x3~1+skip_connect~2|max_pool_3x3~0+skip_"       \
    "connect~4"

/* The normal cell's first two nodes change places. */
static void so_have_darts_cells_with_their_nodes_in_another_order(void **state)
{
    (void)state;
    assert_isomorphic(
        "darts", 3,
        (const char *const[2]){
            "normal:sep_conv_3x3~0+skip_connect~1|dil_conv_5x5~0+avg_pool_3x3~1|max_pool_3x3~0+skip_connect~3|skip_connect~2+"
            "sep_conv_5x5~3" REDUCE,
            "normal:dil_conv_5x5~0+avg_pool_3x3~1|sep_conv_3x3~0+skip_connect~1|max_pool_3x3~0+skip_connect~2|sep_conv_5x5~2+"
            "skip_connect~3" REDUCE});
}

static void a_disconnected_cell_is_infeasible_and_says_so(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace trace;
    fixture_open(&f, "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|none~2|");
    evaluate(&f, &trace);
    assert_false(trace.feasible);
    assert_int_equal(trace.steps, 0);
    assert_near(trace.phi, 0, 0, 0);
    assert_non_null(strstr(trace.why_not, "disconnected"));
    evaluate_trace_free(&trace);
    fixture_close(&f);
}

static void weights_that_blow_up_make_the_candidate_infeasible_at_that_step(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace trace;
    struct net net;
    struct tensorfile weights;
    fixture_open(&f, plain);
    build(&f, &net);
    net_init(&net, &(struct rng){{1, 2, 3, 4}});
    net.tensors[net_find_tensor(&net, "classifier.bias")].data[0] = NAN;
    weights_of(&net, NULL, &weights);
    f.task.weights = &weights;
    f.task.exact = true;
    evaluate(&f, &trace);
    assert_false(trace.feasible);
    assert_int_equal(trace.steps, 1);
    assert_near(trace.phi, 0, 0, 0);
    assert_string_equal(trace.why_not, "the cross-entropy is not a number at step 0");
    evaluate_trace_free(&trace);
    tensorfile_free(&weights);
    net_free(&net);
    fixture_close(&f);
}

/* A last batch norm of weight 0 and bias 0 makes the third tap constant, and its CKA 0/0. */
static void a_tap_without_variation_is_infeasible_and_named(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace trace;
    struct net net;
    struct tensorfile weights;
    fixture_open(&f, plain);
    build(&f, &net);
    net_init(&net, &(struct rng){{1, 2, 3, 4}});
    struct net_tensor *last = &net.tensors[net_find_tensor(&net, "lastact.0.weight")];
    memset(last->data, 0, last->count * sizeof(float));
    weights_of(&net, NULL, &weights);
    f.task.weights = &weights;
    f.task.exact = true;
    evaluate(&f, &trace);
    assert_false(trace.feasible);
    assert_string_equal(trace.why_not, "RMI of tap 3 is not a number at step 0");
    evaluate_trace_free(&trace);
    tensorfile_free(&weights);
    net_free(&net);
    fixture_close(&f);
}

static void weights_given_by_name_are_the_weights_used(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace drawn, given;
    struct net net;
    struct rng rng;
    struct tensorfile weights;
    char text[ARCH_TEXT_BYTES];
    fixture_open(&f, plain);
    f.task.exact = true;
    evaluate(&f, &drawn);
    build(&f, &net);
    space_print(&f.space, &f.arch, text);
    protocol_weight_seed(&f.protocol, f.task.seed, text, &rng);
    net_init(&net, &rng);
    weights_of(&net, NULL, &weights);
    f.task.weights = &weights;
    evaluate(&f, &given);
    assert_memory_equal(drawn.rows, given.rows, 4 * sizeof *drawn.rows);
    evaluate_trace_free(&drawn);
    evaluate_trace_free(&given);
    tensorfile_free(&weights);
    net_free(&net);
    fixture_close(&f);
}

static void refuse_weights(struct fixture *f, const struct tensorfile *weights, const char *name)
{
    struct evaluate_trace trace = {0};
    struct status status = {0};
    f->task.weights = weights;
    f->task.exact = true;
    assert_int_equal(evaluate_run(&f->task, &trace, NULL, NULL, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, name));
    assert_null(trace.rows);
}

static void weights_that_do_not_fit_are_named(void **state)
{
    (void)state;
    struct fixture f;
    struct net net;
    struct tensorfile weights;
    struct status status = {0};
    fixture_open(&f, plain);
    build(&f, &net);
    weights_of(&net, "classifier.weight", &weights);
    refuse_weights(&f, &weights, "\"classifier.weight\"");
    assert_ok(tensorfile_add(&weights, "classifier.weight", TENSORFILE_F32, 2, (const int64_t[]){1, 1}, (float[]){0}, &status),
              status);
    refuse_weights(&f, &weights, "\"classifier.weight\"");
    tensorfile_free(&weights);
    net_free(&net);
    fixture_close(&f);
}

static bool cancel_at_third_question(void *context)
{
    return ++*(int *)context == 3;
}

static void a_run_stops_between_steps_when_it_is_cancelled(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace trace = {0};
    struct status status = {0};
    int asked = 0;
    fixture_open(&f, plain);
    f.task.cancelled = cancel_at_third_question;
    f.task.context = &asked;
    assert_int_equal(evaluate_run(&f.task, &trace, NULL, NULL, &status), STATUS_UNAVAILABLE);
    assert_non_null(strstr(status.message, "step 2 of 4"));
    assert_null(trace.rows);
    fixture_close(&f);
}

static void a_bundle_with_other_taps_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace trace = {0};
    struct status status = {0};
    fixture_open(&f, plain);
    f.bundle.taps = 2;
    assert_int_equal(evaluate_run(&f.task, &trace, NULL, NULL, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "2 taps"));
    fixture_close(&f);
}

static void numbers_outside_the_protocols_ranges_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct evaluate_trace trace = {0};
    struct status status = {0};
    fixture_open(&f, plain);
    f.protocol.steps = 0;
    assert_int_equal(evaluate_run(&f.task, &trace, NULL, NULL, &status), STATUS_BAD_INPUT);
    f.protocol.steps = 1;
    f.arch.genes[0] = 99;
    assert_int_equal(evaluate_run(&f.task, &trace, NULL, NULL, &status), STATUS_BAD_INPUT);
    fixture_close(&f);
}

/* Loss of one forward pass with the net's weights. */
static double loss_at(struct fixture *f, const struct net *net, struct tensorfile *gradients, void **data)
{
    struct tensorfile weights;
    struct evaluate_trace trace;
    struct status status = {0};
    weights_of(net, NULL, &weights);
    f->task.weights = &weights;
    f->task.exact = true;
    f->protocol.steps = 1;
    assert_ok(evaluate_run(&f->task, &trace, gradients, data, &status), status);
    double loss = trace.rows[0].loss;
    evaluate_trace_free(&trace);
    tensorfile_free(&weights);
    return loss;
}

/* Moves every parameter by scale times its gradient (plus decay times itself). */
static void move(struct net *net, const struct tensorfile *gradients, double scale, double decay)
{
    for (int i = 0; i < net->tensor_count; i++) {
        struct net_tensor *tensor = &net->tensors[i];
        if (!tensor->trainable)
            continue;
        const struct tensorfile_entry *entry = tensorfile_find(gradients, tensor->name);
        assert_non_null(entry);
        assert_int_equal(entry->count, tensor->count);
        for (size_t j = 0; j < tensor->count; j++)
            tensor->data[j] += (float)(scale * ((double)((const float *)entry->data)[j] + decay * (double)tensor->data[j]));
    }
}

static double squared_norm(const struct tensorfile *gradients)
{
    double sum = 0;
    for (size_t i = 0; i < gradients->entry_count; i++)
        for (size_t j = 0; j < gradients->entries[i].count; j++)
            sum += (double)((const float *)gradients->entries[i].data)[j] * (double)((const float *)gradients->entries[i].data)[j];
    return sum;
}

static void the_gradients_of_step_0_are_the_slope_of_the_loss(void **state)
{
    (void)state;
    struct fixture f;
    struct net net;
    struct tensorfile gradients = {0};
    void *data = NULL;
    fixture_open(&f, plain);
    build(&f, &net);
    net_init(&net, &(struct rng){{9, 2, 3, 4}});
    loss_at(&f, &net, &gradients, &data);
    double norm = squared_norm(&gradients), scale = 1e-3 / sqrt(norm);
    move(&net, &gradients, scale, 0);
    double above = loss_at(&f, &net, NULL, NULL);
    move(&net, &gradients, -2 * scale, 0);
    double below = loss_at(&f, &net, NULL, NULL);
    assert_true(norm > 1e-4);
    assert_near((above - below) / (2 * scale), norm, 0.02, 0);
    tensorfile_free(&gradients);
    free(data);
    net_free(&net);
    fixture_close(&f);
}

static void the_second_row_is_seen_after_one_step_of_sgd_with_weight_decay(void **state)
{
    (void)state;
    struct fixture f;
    struct net net;
    struct tensorfile gradients = {0}, weights;
    struct evaluate_trace trace;
    void *data = NULL;
    fixture_open(&f, plain);
    f.protocol.weight_decay = 0.05;
    build(&f, &net);
    net_init(&net, &(struct rng){{9, 2, 3, 4}});
    loss_at(&f, &net, &gradients, &data);
    weights_of(&net, NULL, &weights);
    f.task.weights = &weights;
    f.protocol.steps = 2;
    evaluate(&f, &trace);
    tensorfile_free(&weights);
    move(&net, &gradients, -f.protocol.learning_rate, f.protocol.weight_decay);
    assert_near(trace.rows[1].loss, loss_at(&f, &net, NULL, NULL), 1e-5, 0);
    evaluate_trace_free(&trace);
    tensorfile_free(&gradients);
    free(data);
    net_free(&net);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_has_one_row_a_step_and_its_loss_is_the_mixed_loss),
        cmocka_unit_test(the_same_task_gives_the_same_bits),
        cmocka_unit_test(another_seed_gives_another_trace),
        cmocka_unit_test(a_shorter_protocol_sees_the_first_rows_of_a_longer_one),
        cmocka_unit_test(isomorphic_cells_have_one_trace_unless_built_exactly),
        cmocka_unit_test(so_have_darts_cells_with_their_nodes_in_another_order),
        cmocka_unit_test(a_disconnected_cell_is_infeasible_and_says_so),
        cmocka_unit_test(weights_that_blow_up_make_the_candidate_infeasible_at_that_step),
        cmocka_unit_test(a_tap_without_variation_is_infeasible_and_named),
        cmocka_unit_test(weights_given_by_name_are_the_weights_used),
        cmocka_unit_test(weights_that_do_not_fit_are_named),
        cmocka_unit_test(a_run_stops_between_steps_when_it_is_cancelled),
        cmocka_unit_test(a_bundle_with_other_taps_is_refused),
        cmocka_unit_test(numbers_outside_the_protocols_ranges_are_refused),
        cmocka_unit_test(the_gradients_of_step_0_are_the_slope_of_the_loss),
        cmocka_unit_test(the_second_row_is_seen_after_one_step_of_sgd_with_weight_decay),
    };
    return TEST_RUN(tests);
}
