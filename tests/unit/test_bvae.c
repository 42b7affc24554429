/* bvae: the objective at known values, its gradient against finite differences (in double the whole of it, every kind of
 * parameter), masks that hold through training, and how beta weighs. Built twice, in float32 and in double. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "worker/bvae.h"

enum { BATCH = 6, SIDE = 8, PIXELS = 3 * SIDE * SIDE, LATENT = 3, CLASSES = 4, DECODER = 7, PROBES = 12 };
static const int in_double = sizeof(engine_real) == sizeof(double);

static struct status status;

struct fixture {
    struct net encoder, deployed;
    struct bvae *model;
    engine_real images[BATCH * PIXELS], noise[BATCH * LATENT];
    int labels[BATCH];
};

static void make(struct fixture *f, double beta, double gamma)
{
    const struct space_build build = {.channels = 4, .cells = 1, .classes = CLASSES, .input = {3, SIDE, SIDE}};
    const struct bvae_options options = {
        .batch = BATCH, .latent = LATENT, .classes = CLASSES, .decoder = DECODER, .beta = beta, .gamma = gamma};
    struct space space;
    struct arch arch;
    struct rng rng;
    net_init_empty(&f->encoder);
    net_init_empty(&f->deployed);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, "342123", &arch, &status), status);
    assert_ok(bvae_build(&space, &arch, &build, LATENT, &f->encoder, &f->deployed, &status), status);
    space_close(&space);
    rng_seed(&rng, 5);
    net_init(&f->encoder, &rng);
    assert_ok(bvae_create(&f->encoder, &options, &rng, &f->model, &status), status);
    rng_seed(&rng, 6); /* whatever else was drawn, the images are the same */
    for (int i = 0; i < BATCH * PIXELS; i++)
        f->images[i] = (engine_real)(2 * rng_uniform(&rng) - 1);
    for (int i = 0; i < BATCH * LATENT; i++)
        f->noise[i] = (engine_real)rng_normal(&rng);
    for (int i = 0; i < BATCH; i++) {
        f->labels[i] = i % CLASSES;
        f->images[i * PIXELS + f->labels[i]] += 3; /* something to be learned */
    }
}

static void drop(struct fixture *f)
{
    bvae_free(f->model);
    net_free(&f->encoder);
    net_free(&f->deployed);
}

static struct bvae_loss pass(struct fixture *f)
{
    return bvae_pass(f->model, f->images, f->labels, f->noise);
}

static void train(struct fixture *f, int steps)
{
    const struct engine_sgd sgd = {.learning_rate = 0.02, .momentum = 0.9, .weight_decay = 5e-4};
    for (int i = 0; i < steps; i++) {
        pass(f);
        bvae_step(f->model, &sgd);
    }
}

/* --- the objective --- */

static void kl_is_right_at_known_values(void **state)
{
    (void)state;
    const engine_real standard[] = {0, 0}, mean[] = {1, -2}, log_variance[] = {0, (engine_real)1.3862943611198906}; /* ln 4 */
    double each[2] = {0, 10};
    assert_near(bvae_kl(standard, standard, 2, NULL), 0, 0, 0);
    assert_near(bvae_kl(mean, standard, 2, NULL), 2.5, 1e-6, 0); /* (1 + 4) / 2 */
    assert_near(bvae_kl(mean, log_variance, 2, each), 0.5 + 0.5 * (4 + 4 - 1 - 1.3862943611198906), 1e-6, 0);
    assert_near(each[0], 0.5, 1e-6, 0);
    assert_near(each[1], 10 + 0.5 * (4 + 4 - 1 - 1.3862943611198906), 1e-6, 0);
}

static void the_loss_is_the_weighted_sum_of_its_terms(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 0.3, 0.7);
    const struct bvae_loss loss = pass(&f);
    assert_true(loss.cross_entropy > 0);
    assert_true(loss.reconstruction > 0);
    assert_true(loss.kl > 0);
    assert_near(loss.total, loss.cross_entropy + 0.7 * loss.reconstruction + 0.3 * loss.kl, 1e-12, 0);
    drop(&f);
    make(&f, 0, 0);
    const struct bvae_loss plain = pass(&f);
    assert_near(plain.total, plain.cross_entropy, 0, 0);
    assert_near(plain.cross_entropy, loss.cross_entropy, 1e-6, 0); /* the same weights and noise */
    assert_near(plain.reconstruction, 0, 0, 0);
    assert_null(bvae_layer(f.model, 1));
    drop(&f);
}

/* Without noise the cross-entropy is that of the deployed net's logits, which takes mu alone. */
static void without_noise_the_classifier_reads_the_means(void **state)
{
    (void)state;
    struct fixture f;
    struct engine *engine;
    const struct engine_options options = {.mode = ENGINE_BATCH_STATS, .batch = BATCH};
    make(&f, 0.1, 0);
    memset(f.noise, 0, sizeof f.noise);
    const struct bvae_loss loss = pass(&f);
    bvae_deploy(f.model, &f.deployed);
    assert_ok(engine_create(&f.deployed, &options, &engine, &status), status);
    engine_forward(engine, f.images);
    assert_near(engine_cross_entropy(engine_output(engine, 0), f.labels, CLASSES, 1, NULL, NULL), loss.cross_entropy, 1e-5, 0);
    engine_free(engine);
    drop(&f);
}

/* --- gradients --- */

/* The largest difference found, beside the largest gradient. */
struct gap {
    double difference, largest;
};

static void compare(struct gap *gap, double analytic, double numeric)
{
    gap->difference = fmax(gap->difference, fabs(analytic - numeric));
    gap->largest = fmax(gap->largest, fabs(analytic));
}

/* How far a parameter moves. In double little, so that next to no ReLU turns over on the way; a float still shows it. */
static double nudge(void)
{
    return in_double ? 0x1p-21 : 0x1p-8;
}

/* L with element i of the encoder's tensor t moved by `by`, and how far a float really moved. */
static double encoder_loss(struct fixture *f, int t, size_t i, double by, double *moved)
{
    float *value = &f->encoder.tensors[t].data[i];
    const float before = *value;
    *value = (float)(before + by);
    *moved = (double)*value - (double)before;
    bvae_load(f->model, &f->encoder);
    const double loss = pass(f).total;
    *value = before;
    return loss;
}

static void probe_tensor(struct fixture *f, int t, struct gap *gap)
{
    const struct net_tensor *tensor = &f->encoder.tensors[t];
    engine_real *gradient = malloc(tensor->count * sizeof *gradient);
    assert_non_null(gradient);
    bvae_load(f->model, &f->encoder);
    pass(f);
    bvae_gradient(f->model, t, gradient);
    for (size_t k = 0; k < PROBES; k++) {
        const size_t i = k * tensor->count / PROBES;
        double up, down;
        const double above = encoder_loss(f, t, i, nudge(), &up), below = encoder_loss(f, t, i, -nudge(), &down);
        compare(gap, (double)gradient[i], (above - below) / (up - down));
    }
    free(gradient);
}

static void probe_layer(struct fixture *f, struct dense *layer, struct gap *gap)
{
    engine_real *gradient = malloc(layer->count * sizeof *gradient);
    assert_non_null(gradient);
    bvae_load(f->model, &f->encoder);
    pass(f);
    memcpy(gradient, layer->gradients, layer->count * sizeof *gradient);
    for (size_t k = 0; k < layer->count; k += 1 + layer->count / 64) {
        const engine_real before = layer->values[k], up = before + (engine_real)nudge(), down = before - (engine_real)nudge();
        layer->values[k] = up;
        const double above = pass(f).total;
        layer->values[k] = down;
        const double below = pass(f).total;
        layer->values[k] = before;
        compare(gap, (double)gradient[k], (above - below) / (double)(up - down));
    }
    free(gradient);
}

static void judge(const struct fixture *f, const struct gap *gap, double relative, double absolute, const char *what)
{
    if (!(gap->difference <= relative * gap->largest + absolute))
        fail_msg("%s (decoder: %s): off by %g of %g", what, bvae_layer(f->model, 1) != NULL ? "yes" : "no", gap->difference,
                 gap->largest);
}

/* The whole of it in double, to 1e-4 of the largest gradient of the same tensor or layer. In float32 rounding and ReLUs that turn
 * over hide the encoder's; the classifier's, which is smooth, must agree to a hundredth. */
static void the_gradient_is_that_of_finite_differences(void **state)
{
    (void)state;
    static const double weights[][2] = {{0, 0}, {0.5, 0}, {0, 2}, {1.5, 3}};
    for (size_t w = 0; w < sizeof weights / sizeof weights[0]; w++) {
        struct fixture f;
        make(&f, weights[w][0], weights[w][1]);
        for (int t = 0; in_double && t < f.encoder.tensor_count; t++) {
            struct gap gap = {0, 0};
            if (!f.encoder.tensors[t].trainable)
                continue;
            probe_tensor(&f, t, &gap);
            judge(&f, &gap, 1e-4, 1e-8, f.encoder.tensors[t].name);
        }
        for (int k = 0; k < (in_double ? 3 : 1); k++) {
            struct gap gap = {0, 0};
            if (bvae_layer(f.model, k) == NULL)
                continue;
            probe_layer(&f, bvae_layer(f.model, k), &gap);
            judge(&f, &gap, in_double ? 1e-4 : 0.01, 1e-8, "a layer behind the latent");
        }
        drop(&f);
    }
}

/* --- training and masks --- */

static void training_brings_the_loss_down(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 0.01, 0.5);
    const struct bvae_loss first = pass(&f);
    train(&f, 60);
    const struct bvae_loss last = pass(&f);
    assert_true(last.total < first.total / 2);
    assert_true(last.reconstruction < first.reconstruction);
    drop(&f);
}

/* A tiny problem, so only the trend over values far apart is asked for. */
static void kl_falls_as_beta_grows(void **state)
{
    (void)state;
    static const double betas[] = {0, 0.01, 0.1, 1, 4};
    double before = INFINITY;
    for (size_t i = 0; i < sizeof betas / sizeof betas[0]; i++) {
        struct fixture f;
        make(&f, betas[i], 0);
        train(&f, 80);
        const double kl = pass(&f).kl;
        if (!(kl < before))
            fail_msg("KL is %g at beta %g, and was %g at the beta before", kl, betas[i], before);
        before = kl;
        drop(&f);
    }
    assert_true(before < 0.1);
}

static void prune_to(struct fixture *f, struct prune_mask *mask, double percent)
{
    bvae_deploy(f->model, &f->deployed);
    assert_ok(prune_mask_rank(mask, &f->deployed, prune_zeros(mask->total, percent), &status), status);
    assert_ok(bvae_set_mask(f->model, mask, &status), status);
}

static void pruned_weights_stay_zero_to_one_weight_through_training(void **state)
{
    (void)state;
    static const double percents[] = {50, 80, 95, 99};
    struct fixture f;
    struct prune_mask mask;
    make(&f, 0.01, 0.5);
    train(&f, 10);
    assert_ok(prune_mask_create(&f.deployed, &mask, &status), status);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        prune_to(&f, &mask, percents[i]);
        for (int round = 0; round < 2; round++) { /* at once, and after training on */
            bvae_deploy(f.model, &f.deployed);
            assert_int_equal(prune_count_zeros(&f.deployed), prune_zeros(mask.total, percents[i]));
            for (int t = 0; t < mask.tensor_count; t++)
                for (size_t k = 0; mask.kept[t] != NULL && k < f.deployed.tensors[t].count; k++)
                    assert_int_equal(f.deployed.tensors[t].data[k] != 0, mask.kept[t][k]);
            train(&f, 10);
        }
    }
    prune_mask_free(&mask);
    drop(&f);
}

static void what_is_not_deployed_is_not_pruned(void **state)
{
    (void)state;
    struct fixture f;
    struct prune_mask mask;
    make(&f, 0.01, 0.5);
    bvae_deploy(f.model, &f.deployed);
    assert_ok(prune_mask_create(&f.deployed, &mask, &status), status);
    prune_to(&f, &mask, 100);
    const struct net *encoder = bvae_encoder(f.model);
    const struct net_tensor *latent = &encoder->tensors[net_find_tensor(encoder, "latent.weight")];
    for (size_t i = 0; i < latent->count; i++)
        assert_int_equal(latent->data[i] != 0, i >= latent->count / 2);
    for (int k = 1; k < 3; k++)
        for (size_t i = 0; i < bvae_layer(f.model, k)->weights; i++)
            assert_true(bvae_layer(f.model, k)->values[i] != 0);
    prune_mask_free(&mask);
    drop(&f);
}

static void recalling_goes_back_to_what_was_remembered(void **state)
{
    (void)state;
    struct fixture f;
    struct prune_mask mask;
    make(&f, 0.01, 0.5);
    train(&f, 5);
    bvae_remember(f.model);
    const struct bvae_loss then = pass(&f);
    bvae_deploy(f.model, &f.deployed);
    assert_ok(prune_mask_create(&f.deployed, &mask, &status), status);
    prune_to(&f, &mask, 90);
    train(&f, 5);
    assert_true(pass(&f).total != then.total);
    assert_ok(bvae_set_mask(f.model, NULL, &status), status);
    bvae_recall(f.model);
    assert_near(pass(&f).total, then.total, 1e-6, 0); /* in double a net's floats are in between */
    train(&f, 1);
    bvae_deploy(f.model, &f.deployed);
    assert_int_equal(prune_count_zeros(&f.deployed), 0);
    prune_mask_free(&mask);
    drop(&f);
}

static void the_deployed_net_is_the_encoder_up_to_mu_and_a_head(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 0.1, 0);
    assert_int_equal(f.encoder.output_count, 1);
    assert_int_equal(f.encoder.classes, 2 * LATENT);
    assert_int_equal(f.deployed.classes, CLASSES);
    assert_int_equal(f.deployed.tensor_count, f.encoder.tensor_count + 2);
    assert_string_equal(f.deployed.tensors[f.encoder.tensor_count].name, "head.weight");
    assert_int_equal(f.deployed.tensors[f.encoder.tensor_count].count, CLASSES * LATENT);
    assert_ok(net_check(&f.encoder, &status), status);
    assert_ok(net_check(&f.deployed, &status), status);
    drop(&f);
}

static void a_disconnected_architecture_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    const struct space_build build = {.channels = 4, .cells = 1, .classes = CLASSES, .input = {3, SIDE, SIDE}};
    struct space space;
    struct arch arch;
    struct net encoder, deployed;
    net_init_empty(&encoder);
    net_init_empty(&deployed);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, "000000", &arch, &status), status);
    assert_int_equal(bvae_build(&space, &arch, &build, LATENT, &encoder, &deployed, &status), STATUS_UNSUPPORTED);
    assert_non_null(strstr(status.message, "disconnected"));
    assert_int_equal(encoder.node_count + deployed.node_count, 0);
    space_close(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kl_is_right_at_known_values),
        cmocka_unit_test(the_loss_is_the_weighted_sum_of_its_terms),
        cmocka_unit_test(without_noise_the_classifier_reads_the_means),
        cmocka_unit_test(the_gradient_is_that_of_finite_differences),
        cmocka_unit_test(training_brings_the_loss_down),
        cmocka_unit_test(kl_falls_as_beta_grows),
        cmocka_unit_test(pruned_weights_stay_zero_to_one_weight_through_training),
        cmocka_unit_test(what_is_not_deployed_is_not_pruned),
        cmocka_unit_test(recalling_goes_back_to_what_was_remembered),
        cmocka_unit_test(the_deployed_net_is_the_encoder_up_to_mu_and_a_head),
        cmocka_unit_test(a_disconnected_architecture_is_refused_and_leaves_nothing),
    };
    return TEST_RUN(tests);
}
