/* additive: sums are learned exactly, the rest on average, and nothing depends on the order of the examples but rounding. */
#include "tests/support/test.h"

#include "common/rng.h"
#include "master/additive.h"

static int open_space(void **state)
{
    struct space *space = *state = calloc(1, sizeof *space);
    return space_open("nb201", space, NULL) == STATUS_OK ? 0 : -1;
}

static int close_space(void **state)
{
    space_close(*state);
    free(*state);
    return 0;
}

static struct additive open_model(const struct space *space, size_t figures)
{
    struct additive model;
    struct status status = {0};
    assert_ok(additive_open(space, figures, &model, &status), status);
    return model;
}

static double figure_of(const struct arch *arch)
{
    static const double weight[5] = {0, 3, 7, 20, 1};
    double sum = 4;
    for (int i = 0; i < arch->length; i++)
        sum += weight[arch->genes[i]] * (1 + i);
    return sum;
}

/* Examples 0 .. count - 1 of that seed. */
static void learn(struct additive *model, const struct space *space, uint64_t seed, int count)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (int i = 0; i < count; i++) {
        struct arch arch;
        space_sample(space, &rng, &arch);
        additive_learn(model, &arch, (double[]){figure_of(&arch), -figure_of(&arch)});
    }
    additive_solve(model);
}

static void without_examples_every_estimate_is_0(void **state)
{
    struct additive model = open_model(*state, 1);
    struct arch arch = {.length = 6, .genes = {1, 2, 3, 4, 0, 1}};
    assert_near(additive_estimate(&model, 0, &arch), 0, 0, 0);
    additive_solve(&model);
    assert_near(additive_estimate(&model, 0, &arch), 0, 0, 0);
    additive_close(&model);
}

static void a_sum_over_the_genes_is_learned_from_few_examples(void **state)
{
    const struct space *space = *state;
    struct additive model = open_model(space, 2);
    struct rng rng;
    learn(&model, space, 1, 2000);
    rng_seed(&rng, 2);
    for (int i = 0; i < 100; i++) {
        struct arch arch;
        space_sample(space, &rng, &arch);
        assert_near(additive_estimate(&model, 0, &arch), figure_of(&arch), 0, 0.6); /* the ridge's share of 4 to 424 */
        assert_near(additive_estimate(&model, 1, &arch), -additive_estimate(&model, 0, &arch), 1e-9, 1e-9);
    }
    additive_close(&model);
}

static void one_example_is_half_believed_beside_the_intercept(void **state)
{
    struct additive model = open_model(*state, 1);
    struct arch seen = {.length = 6, .genes = {1, 1, 1, 1, 1, 1}}, other = {.length = 6, .genes = {2, 2, 2, 2, 2, 2}};
    additive_learn(&model, &seen, (double[]){10});
    additive_learn(&model, &other, (double[]){0});
    additive_solve(&model);
    /* Residual +-5 shared by six terms that each cost a ridge of one: 5 * 6 / (6 + 1). */
    assert_near(additive_estimate(&model, 0, &seen), 5 + 30.0 / 7, 1e-5, 0);
    assert_near(additive_estimate(&model, 0, &other), 5 - 30.0 / 7, 1e-5, 0);
    additive_close(&model);
}

static void cleared_examples_are_forgotten(void **state)
{
    const struct space *space = *state;
    struct additive model = open_model(space, 2), fresh = open_model(space, 2);
    struct arch arch = {.length = 6, .genes = {1, 2, 3, 4, 0, 1}};
    learn(&model, space, 1, 50);
    additive_clear(&model);
    learn(&model, space, 3, 50);
    learn(&fresh, space, 3, 50);
    assert_true(additive_estimate(&model, 0, &arch) == additive_estimate(&fresh, 0, &arch));
    additive_close(&model);
    additive_close(&fresh);
}

#define in_space(test) cmocka_unit_test_setup_teardown(test, open_space, close_space)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_space(without_examples_every_estimate_is_0),
        in_space(a_sum_over_the_genes_is_learned_from_few_examples),
        in_space(one_example_is_half_believed_beside_the_intercept),
        in_space(cleared_examples_are_forgotten),
    };
    return TEST_RUN(tests);
}
