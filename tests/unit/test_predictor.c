/* predictor: sums and products over genes are learned, stray values are not, gradients are those of finite differences, and what is
 * disconnected is a class of its own. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "master/predictor.h"

enum { EXAMPLES = 400, OTHERS = 300, FEATURES = 30 };

struct world {
    struct space space;
    struct arch archs[EXAMPLES];
    double values[EXAMPLES];
    struct predictor_examples examples;
    struct rng rng;
};

static struct status status;

/* 3 to 40. */
static double sum_of(const struct arch *arch)
{
    static const double weight[5] = {0, 0.5, 2, 6, 1};
    double sum = 3;
    for (int i = 0; i < arch->length; i++)
        sum += weight[arch->genes[i]] * (1 + 0.1 * i);
    return sum;
}

static double with_a_product(const struct arch *arch)
{
    return sum_of(arch) + (arch->genes[0] >= 2 && arch->genes[5] >= 2 ? 10 : 0);
}

static void draw_connected(struct world *world, struct arch *out)
{
    do
        space_sample(&world->space, &world->rng, out);
    while (!space_connected(&world->space, out));
}

static void fill(struct world *world, double (*figure)(const struct arch *))
{
    for (int i = 0; i < EXAMPLES; i++) {
        draw_connected(world, &world->archs[i]);
        world->values[i] = figure(&world->archs[i]);
    }
    world->examples = (struct predictor_examples){&world->space, world->archs, world->values, EXAMPLES};
}

static int open_world(void **state)
{
    struct world *world = *state = calloc(1, sizeof *world);
    rng_seed(&world->rng, 1);
    return space_open("nb201", &world->space, NULL) == STATUS_OK ? 0 : -1;
}

static int close_world(void **state)
{
    struct world *world = *state;
    space_close(&world->space);
    free(world);
    return 0;
}

static const struct predictor_settings kinds[] = {
    {PREDICTOR_RIDGE, false, 0, 1e-3, 0}, {PREDICTOR_KERNEL, false, 0.8, 1e-3, 0}, {PREDICTOR_MLP, false, 0, 0, 1500}};

static struct predictor *fit(struct world *world, const struct predictor_settings *settings)
{
    struct predictor *predictor = NULL;
    assert_ok(predictor_fit(&world->examples, settings, &world->rng, &predictor, &status), status);
    return predictor;
}

/* On architectures that were not learned. */
static struct predictor_error judge(struct world *world, const struct predictor *predictor, double (*figure)(const struct arch *))
{
    double measured[OTHERS], predicted[OTHERS];
    struct predictor_error error;
    for (int i = 0; i < OTHERS; i++) {
        struct arch arch;
        draw_connected(world, &arch);
        measured[i] = figure(&arch);
        predicted[i] = predictor_predict(predictor, &arch);
    }
    assert_ok(predictor_judge(measured, predicted, OTHERS, &error, &status), status);
    return error;
}

static void every_kind_learns_a_sum(void **state)
{
    struct world *world = *state;
    static const double most[] = {0.001, 0.01, 0.05};
    fill(world, sum_of);
    for (int kind = 0; kind < PREDICTOR_KINDS; kind++) {
        struct predictor *predictor = fit(world, &kinds[kind]);
        struct predictor_error error = judge(world, predictor, sum_of);
        print_message("# %s: %.2f %%, rank %.4f\n", predictor_kind_name(kinds[kind].kind), 100 * error.relative, error.rank);
        assert_true(error.relative < most[kind]);
        assert_true(error.rank > 0.99);
        predictor_free(predictor);
    }
}

static void a_kernel_learns_what_ridge_cannot(void **state)
{
    struct world *world = *state;
    double errors[2];
    fill(world, with_a_product);
    for (int kind = 0; kind < 2; kind++) {
        struct predictor *predictor = fit(world, &kinds[kind]);
        errors[kind] = judge(world, predictor, with_a_product).relative;
        predictor_free(predictor);
    }
    assert_true(errors[PREDICTOR_KERNEL] < 0.7 * errors[PREDICTOR_RIDGE]);
}

static void stray_values_do_not_bend_what_is_around_them(void **state)
{
    struct world *world = *state;
    fill(world, sum_of);
    for (int i = 0; i < EXAMPLES; i += 7)
        world->values[i] *= 1.4;
    for (int kind = 0; kind < 2; kind++) {
        struct predictor_settings settings = kinds[kind];
        settings.noise = 0.1; /* with little noise a kernel goes through every value */
        struct predictor *predictor = fit(world, &settings);
        double error = judge(world, predictor, sum_of).relative; /* a mean would be off by 0.4 / 7 = 5.7 % */
        print_message("# %s with strays: %.2f %%\n", predictor_kind_name(kinds[kind].kind), 100 * error);
        assert_true(error < 0.03);
        predictor_free(predictor);
    }
}

/* A network can go through strays among different architectures, but not of one. */
static void a_network_does_not_follow_a_stray_seventh_of_one_architecture(void **state)
{
    struct world *world = *state;
    fill(world, sum_of);
    for (int i = 0; i < EXAMPLES; i++) {
        world->archs[i] = world->archs[0];
        world->values[i] = i % 7 == 0 ? 14 : 10;
    }
    struct predictor *predictor = fit(world, &kinds[PREDICTOR_MLP]);
    assert_near(predictor_predict(predictor, &world->archs[0]), 10, 0, 0.15); /* the mean is 10.57 */
    predictor_free(predictor);
}

/* Shares of one are an architecture, and between them the gradient is that of the value. */
static void gradients_are_those_of_finite_differences(void **state)
{
    struct world *world = *state;
    const double step = 1e-6;
    fill(world, with_a_product);
    assert_int_equal(predictor_features(&world->space), FEATURES);
    for (int kind = 0; kind < PREDICTOR_KINDS; kind++) {
        struct predictor *predictor = fit(world, &kinds[kind]);
        double input[FEATURES] = {0}, gradient[FEATURES], unused[FEATURES];
        for (int gene = 0; gene < 6; gene++)
            input[5 * gene + world->archs[0].genes[gene]] = 1;
        assert_near(predictor_relaxed(predictor, input, gradient), predictor_predict(predictor, &world->archs[0]), 1e-9, 0);
        for (int i = 0; i < FEATURES; i++)
            input[i] = rng_uniform(&world->rng) / 2.5;
        predictor_relaxed(predictor, input, gradient);
        for (int i = 0; i < FEATURES; i++) {
            double at = input[i];
            input[i] = at + step;
            double above = predictor_relaxed(predictor, input, unused);
            input[i] = at - step;
            double below = predictor_relaxed(predictor, input, unused);
            input[i] = at;
            assert_near(gradient[i], (above - below) / (2 * step), 1e-5, 1e-6);
        }
        predictor_free(predictor);
    }
}

static void what_is_disconnected_is_a_class_of_its_own(void **state)
{
    struct world *world = *state;
    const struct arch nothing = {.length = 6, .genes = {3, 3, 3, 0, 0, 0}};
    fill(world, sum_of);
    struct predictor *predictor = fit(world, &kinds[PREDICTOR_RIDGE]);
    double before = predictor_predict(predictor, &world->archs[9]);
    assert_true(isnan(predictor_predict(predictor, &nothing)));
    predictor_free(predictor);
    for (int i = 0; i < 3; i++) { /* of 399 in place of 400 examples */
        world->archs[EXAMPLES - 1 - i] = (struct arch){.length = 6, .genes = {3, (uint8_t)i, 0, 0, 0, 0}};
        world->values[EXAMPLES - 1 - i] = 0.001 * (i + 1);
    }
    predictor = fit(world, &kinds[PREDICTOR_RIDGE]);
    assert_near(predictor_predict(predictor, &nothing), 0.002, 1e-12, 0);
    assert_near(predictor_predict(predictor, &world->archs[9]), before, 1e-3, 0);
    predictor_free(predictor);
}

static void cross_validation_chooses_what_predicts_best_and_says_how_well(void **state)
{
    struct world *world = *state;
    struct predictor_settings settings, again;
    struct predictor_error error;
    struct rng first, second;
    fill(world, sum_of);
    rng_seed(&first, 3);
    second = first;
    assert_ok(predictor_choose(&world->examples, PREDICTOR_FAST, true, &first, &settings, &error, &status), status);
    assert_int_equal(settings.kind, PREDICTOR_RIDGE);
    assert_false(settings.traits);
    assert_true(error.relative < 0.002 && error.rank > 0.99);
    assert_ok(predictor_choose(&world->examples, PREDICTOR_FAST, true, &second, &again, &error, &status), status);
    assert_memory_equal(&again, &settings, sizeof again);
    fill(world, with_a_product);
    assert_ok(predictor_choose(&world->examples, PREDICTOR_FAST, false, &first, &settings, &error, &status), status);
    assert_int_equal(settings.kind, PREDICTOR_KERNEL);
}

static void with_hardly_any_examples_it_is_ridge(void **state)
{
    struct world *world = *state;
    struct predictor_settings settings;
    struct predictor_error error;
    fill(world, sum_of);
    world->examples.count = 4;
    assert_ok(predictor_choose(&world->examples, PREDICTOR_ALL, true, &world->rng, &settings, &error, &status), status);
    assert_int_equal(settings.kind, PREDICTOR_RIDGE);
    assert_true(isnan(error.relative));
    struct predictor *predictor = fit(world, &settings);
    assert_near(predictor_predict(predictor, &world->archs[0]), world->values[0], 0.2, 0);
    predictor_free(predictor);
}

static void nothing_is_learned_from_disconnected_examples_alone(void **state)
{
    struct world *world = *state;
    struct predictor *predictor = NULL;
    fill(world, sum_of);
    memset(world->archs[0].genes, 0, 6);
    world->examples.count = 1;
    assert_int_equal(predictor_fit(&world->examples, &kinds[PREDICTOR_RIDGE], &world->rng, &predictor, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "none of 1 examples"));
}

static void errors_are_relative_to_what_was_measured(void **state)
{
    (void)state;
    const double measured[] = {10, 20, 40}, predicted[] = {11, 20, 30};
    struct predictor_error error;
    assert_ok(predictor_judge(measured, predicted, 3, &error, &status), status);
    assert_near(error.relative, (0.1 + 0 + 0.25) / 3, 1e-12, 0);
    assert_near(error.rank, 1, 1e-12, 0);
    assert_int_equal(error.count, 3);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(every_kind_learns_a_sum),
        in_world(a_kernel_learns_what_ridge_cannot),
        in_world(stray_values_do_not_bend_what_is_around_them),
        in_world(a_network_does_not_follow_a_stray_seventh_of_one_architecture),
        in_world(gradients_are_those_of_finite_differences),
        in_world(what_is_disconnected_is_a_class_of_its_own),
        in_world(cross_validation_chooses_what_predicts_best_and_says_how_well),
        in_world(with_hardly_any_examples_it_is_ridge),
        in_world(nothing_is_learned_from_disconnected_examples_alone),
        cmocka_unit_test(errors_are_relative_to_what_was_measured),
    };
    return TEST_RUN(tests);
}
