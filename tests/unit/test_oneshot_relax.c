/* bilevel training: shares are a softmax over what is left, draws come as often as the shares say, steps go down the gradient of
 * loss and costs, and a training of both levels is a function of its inputs alone. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "worker/oneshot.h"
#include "worker/oneshot_relax.h"

static struct space space;
static struct space_mask all;

static int open_space(void **state)
{
    (void)state;
    if (space_open("nb201", &space, NULL) != STATUS_OK)
        return -1;
    space_mask_all(&space, &all);
    return 0;
}

static int close_space(void **state)
{
    (void)state;
    space_close(&space);
    return 0;
}

static struct oneshot_relaxed some_relaxed(void)
{
    struct oneshot_relaxed relaxed = {.size = 30};
    for (int i = 0; i < 30; i++)
        relaxed.alpha[i] = (float)((i * 7 % 11) * 0.3 - 1);
    return relaxed;
}

/* --- shares --- */

static void shares_are_a_softmax_over_what_is_left(void **state)
{
    (void)state;
    struct oneshot_relaxed relaxed = some_relaxed();
    struct space_mask mask = all;
    double shares[SPACE_MATRIX_MAX], coefficients[SPACE_MATRIX_MAX], sum = 0;
    mask.rows[2] = 0x16;
    oneshot_relax_shares(&space, &mask, &relaxed, NULL, shares, coefficients);
    assert_memory_equal(shares, coefficients, sizeof shares);
    for (int column = 0; column < 5; column++)
        sum += (0x16 >> column & 1) != 0 ? exp((double)relaxed.alpha[10 + column]) : 0;
    for (int column = 0; column < 5; column++)
        assert_near(shares[10 + column], (0x16 >> column & 1) != 0 ? exp((double)relaxed.alpha[10 + column]) / sum : 0, 0, 1e-12);
}

static void draws_come_as_often_as_the_shares_say(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    struct oneshot_relaxed relaxed = some_relaxed();
    double shares[SPACE_MATRIX_MAX], drawn[SPACE_MATRIX_MAX], counts[30] = {0};
    struct space_mask mask = all;
    struct rng rng;
    mask.rows[5] = 0x09;
    rng_seed(&rng, 3);
    for (int n = 0; n < DRAWS; n++) {
        oneshot_relax_shares(&space, &mask, &relaxed, &rng, shares, drawn);
        for (int row = 0; row < 6; row++) {
            double sum = 0;
            for (int i = 5 * row; i < 5 * row + 5; i++) {
                assert_true(drawn[i] == 0 || drawn[i] == 1);
                sum += drawn[i];
                counts[i] += drawn[i];
            }
            assert_true(sum == 1);
        }
    }
    for (int i = 0; i < 30; i++)
        assert_near(counts[i] / DRAWS, shares[i], 0, 5 * sqrt(0.25 / DRAWS));
}

/* --- steps --- */

/* A loss of the shares whose gradient is known. */
static double loss_of(const double *shares)
{
    double sum = 0;
    for (int i = 0; i < 30; i++)
        sum += (i % 4 + 1) * shares[i] + 0.5 * shares[i] * shares[(i + 7) % 30];
    return sum;
}

static void slopes_of(const double *shares, double *out)
{
    for (int i = 0; i < 30; i++)
        out[i] = (i % 4 + 1) + 0.5 * shares[(i + 7) % 30] + 0.5 * shares[(i + 23) % 30];
}

/* Adam's first step has the gradient's mean in `mean` (half of it) and goes by the learning rate against its sign. */
static void the_first_step_has_the_gradient_of_finite_differences(void **state)
{
    (void)state;
    struct oneshot_relaxed before = some_relaxed(), after = before;
    const struct oneshot_protocol protocol = {.alpha_learning_rate = 0.01, .alpha_weight_decay = 0.1};
    double shares[SPACE_MATRIX_MAX], coefficients[SPACE_MATRIX_MAX], slopes[30];
    oneshot_relax_shares(&space, &all, &before, NULL, shares, coefficients);
    slopes_of(shares, slopes);
    oneshot_relax_step(&space, &all, &protocol, shares, slopes, &after);
    assert_true(after.steps == 1);
    for (int i = 0; i < 30; i++) {
        struct oneshot_relaxed up = before, down = before;
        double high[SPACE_MATRIX_MAX], low[SPACE_MATRIX_MAX];
        up.alpha[i] += 1e-3F;
        down.alpha[i] -= 1e-3F;
        oneshot_relax_shares(&space, &all, &up, NULL, high, coefficients);
        oneshot_relax_shares(&space, &all, &down, NULL, low, coefficients);
        double width = (double)up.alpha[i] - (double)down.alpha[i];
        double gradient = (loss_of(high) - loss_of(low)) / width + 0.1 * (double)before.alpha[i];
        assert_near(2 * (double)after.mean[i], gradient, 1e-4, 1e-5);
        assert_near((double)after.alpha[i] - (double)before.alpha[i], gradient > 0 ? -0.01 : 0.01, 1e-3, 0);
    }
}

static void what_the_mask_lacks_stays(void **state)
{
    (void)state;
    struct oneshot_relaxed before = some_relaxed(), after = before;
    const struct oneshot_protocol protocol = {.alpha_learning_rate = 0.01, .alpha_weight_decay = 0.1};
    struct space_mask mask = all;
    double shares[SPACE_MATRIX_MAX], coefficients[SPACE_MATRIX_MAX], slopes[30];
    mask.rows[1] = 0x0c;
    oneshot_relax_shares(&space, &mask, &before, NULL, shares, coefficients);
    slopes_of(shares, slopes);
    oneshot_relax_step(&space, &mask, &protocol, shares, slopes, &after);
    for (int i = 0; i < 30; i++)
        assert_int_equal(after.alpha[i] == before.alpha[i], i >= 5 && i < 10 && i != 7 && i != 8);
}

static void enough_steps_find_the_cheapest_operation(void **state)
{
    (void)state;
    struct oneshot_relaxed relaxed;
    const struct oneshot_protocol protocol = {.alpha_learning_rate = 0.05, .alpha_weight_decay = 1e-3};
    double shares[SPACE_MATRIX_MAX], coefficients[SPACE_MATRIX_MAX], slopes[30];
    struct rng rng;
    rng_seed(&rng, 1);
    oneshot_relax_begin(&space, &rng, &relaxed);
    for (int i = 0; i < 30; i++) {
        assert_in_range((unsigned)(fabs((double)relaxed.alpha[i]) * 1e6), 0, 6000);
        slopes[i] = (i / 5 + i) % 5; /* 0 at another column in each row */
    }
    for (int step = 0; step < 300; step++) {
        oneshot_relax_shares(&space, &all, &relaxed, NULL, shares, coefficients);
        oneshot_relax_step(&space, &all, &protocol, shares, slopes, &relaxed);
    }
    for (int i = 0; i < 30; i++)
        assert_int_equal(shares[i] > 0.9, slopes[i] == 0);
}

/* --- with a net --- */

enum { IMAGES = 32, SIDE = 8 };
static uint8_t pixels[IMAGES * 3 * SIDE * SIDE];
static int32_t labels[IMAGES];

/* Brightness is the class. */
static struct images some_images(int shift)
{
    for (int i = 0; i < IMAGES; i++) {
        labels[i] = i % 4;
        for (int k = 0; k < 3 * SIDE * SIDE; k++)
            pixels[i * 3 * SIDE * SIDE + k] = (uint8_t)(40 * labels[i] + (i * 31 + k * 17 + shift) % 40);
    }
    return (struct images){.count = IMAGES,
                           .shape = {3, SIDE, SIDE},
                           .classes = 4,
                           .pixels = pixels,
                           .labels = labels,
                           .mean = {0.5F, 0.5F, 0.5F},
                           .std = {0.25F, 0.25F, 0.25F}};
}

static struct oneshot_work some_work(const struct images *images, const double *pull)
{
    return (struct oneshot_work){.space = &space,
                                 .mask = all,
                                 .protocol = {.channels = 4,
                                              .cells = 1,
                                              .batch = 8,
                                              .epochs = 4,
                                              .shards = 1,
                                              .learning_rate = 0.05,
                                              .learning_rate_end = 0.001,
                                              .momentum = 0.9,
                                              .weight_decay = 3e-4,
                                              .clip_norm = 5,
                                              .bilevel = true,
                                              .alpha_learning_rate = 0.1,
                                              .alpha_weight_decay = 1e-3},
                                 .seed = 9,
                                 .images = images,
                                 .validation = images,
                                 .pull = pull,
                                 .pull_count = 30};
}

/* All epochs, one after the other; the last weights for the caller to free. */
static struct oneshot_trained train(struct oneshot_work work)
{
    struct status status = {0};
    struct oneshot_trained out = {0};
    struct tensorfile weights = {0};
    for (uint32_t epoch = 0; epoch < work.protocol.epochs; epoch++) {
        free(out.weights);
        assert_ok(oneshot_train(&work, epoch, 0, NULL, 0, &out, &status), status);
        tensorfile_free(&weights);
        assert_ok(tensorfile_read(out.weights, out.bytes, &weights, &status), status);
        work.weights = &weights;
    }
    tensorfile_free(&weights);
    return out;
}

static struct oneshot_relaxed relaxed_of(const struct oneshot_trained *trained)
{
    struct status status = {0};
    struct tensorfile weights = {0};
    struct oneshot_relaxed relaxed;
    assert_ok(tensorfile_read(trained->weights, trained->bytes, &weights, &status), status);
    assert_ok(oneshot_relaxed_read(&space, &weights, &relaxed, &status), status);
    tensorfile_free(&weights);
    return relaxed;
}

static void a_training_of_both_levels_is_a_function_of_its_inputs(void **state)
{
    (void)state;
    const double none[30] = {0};
    const struct images images = some_images(0);
    for (int gumbel = 0; gumbel <= 1; gumbel++) {
        struct oneshot_work work = some_work(&images, none);
        work.protocol.gumbel = gumbel;
        struct oneshot_trained one = train(work), two = train(work);
        struct oneshot_relaxed relaxed = relaxed_of(&one);
        assert_int_equal(one.bytes, two.bytes);
        assert_memory_equal(one.weights, two.weights, one.bytes);
        assert_true(relaxed.steps == 4 * IMAGES / 8);
        work.seed++;
        free(two.weights);
        two = train(work);
        assert_memory_not_equal(one.weights, two.weights, one.bytes);
        free(one.weights);
        free(two.weights);
    }
}

/* Operation 1 (the skip connection) costs nothing and all others much: the costs decide, by draws or by shares. */
static void costs_pull_the_architecture_to_what_is_cheap(void **state)
{
    (void)state;
    const struct images images = some_images(0);
    double pull[30], free_of_cost[30] = {0};
    for (int i = 0; i < 30; i++)
        pull[i] = i % 5 == 1 ? 0 : 20;
    for (int gumbel = 0; gumbel <= 1; gumbel++) {
        struct oneshot_work work = some_work(&images, pull);
        work.protocol.gumbel = gumbel;
        struct oneshot_trained trained = train(work);
        struct oneshot_relaxed relaxed = relaxed_of(&trained);
        for (int row = 0; row < 6; row++)
            for (int column = 0; column < 5; column++)
                assert_true(column == 1 || relaxed.alpha[5 * row + 1] > relaxed.alpha[5 * row + column] + 1);
        free(trained.weights);
        work.pull = free_of_cost;
        trained = train(work);
        relaxed = relaxed_of(&trained);
        int skips = 0;
        for (int row = 0; row < 6; row++)
            skips += relaxed.alpha[5 * row + 1] > relaxed.alpha[5 * row + 3] + 1;
        assert_true(skips < 6);
        free(trained.weights);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    const double none[30] = {0};
    const struct images images = some_images(0);
    const struct arch arch = {.length = 6};
    struct status status = {0};
    struct oneshot_trained out = {0};
    struct tensorfile weights = {0};
    struct oneshot_work work = some_work(&images, none);
    work.pull_count = 29;
    assert_int_equal(oneshot_train(&work, 0, 0, NULL, 0, &out, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "30 numbers that costs pull with, not 29"));
    work = some_work(&images, none);
    work.validation = NULL;
    assert_int_equal(oneshot_train(&work, 0, 0, NULL, 0, &out, &status), STATUS_BAD_INPUT);
    work = some_work(&images, none);
    assert_int_equal(oneshot_train(&work, 0, 0, &arch, 1, &out, &status), STATUS_BAD_INPUT);
    /* Weights of another training hold no architecture. */
    work.protocol.bilevel = false;
    assert_ok(oneshot_train(&work, 0, 0, NULL, 0, &out, &status), status);
    assert_ok(tensorfile_read(out.weights, out.bytes, &weights, &status), status);
    free(out.weights);
    work = some_work(&images, none);
    work.weights = &weights;
    assert_int_equal(oneshot_train(&work, 1, 0, NULL, 0, &out, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "hold no architecture"));
    tensorfile_free(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_a_softmax_over_what_is_left),
        cmocka_unit_test(draws_come_as_often_as_the_shares_say),
        cmocka_unit_test(the_first_step_has_the_gradient_of_finite_differences),
        cmocka_unit_test(what_the_mask_lacks_stays),
        cmocka_unit_test(enough_steps_find_the_cheapest_operation),
        cmocka_unit_test(a_training_of_both_levels_is_a_function_of_its_inputs),
        cmocka_unit_test(costs_pull_the_architecture_to_what_is_cheap),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    if (open_space(NULL) != 0)
        return 1;
    int failed = TEST_RUN(tests);
    close_space(NULL);
    return failed;
}
