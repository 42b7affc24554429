/* cmaes: the constants that the formulas give, functions that everybody's CMA-ES solves, and that it goes on from what was saved as
 * if nothing had been. And eigen, which it stands on. */
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "master/cmaes.h"
#include "master/eigen.h"

enum { N = 10, LAMBDA = 10, SEEDS = 20 };

typedef double function(const double *x);

static double sphere(const double *x)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += x[i] * x[i];
    return sum;
}

/* Axes from 1 to a million. */
static double ellipsoid(const double *x)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += pow(1e6, i / (double)(N - 1)) * x[i] * x[i];
    return sum;
}

static double rosenbrock(const double *x)
{
    double sum = 0;
    for (int i = 0; i + 1 < N; i++)
        sum += 100 * pow(x[i + 1] - x[i] * x[i], 2) + pow(1 - x[i], 2);
    return sum;
}

static double flat(const double *x)
{
    (void)x;
    return 1;
}

struct sample {
    double value, x[N];
};

static int by_value(const void *left, const void *right)
{
    const struct sample *a = left, *b = right;
    return a->value < b->value ? -1 : a->value > b->value;
}

/* One generation, minimising; returns the best value in it. */
static double generation(struct cmaes *cmaes, struct rng *rng, function *f)
{
    struct sample samples[LAMBDA];
    const double *sorted[LAMBDA];
    assert_int_equal(cmaes->is.lambda, LAMBDA);
    for (int i = 0; i < LAMBDA; i++) {
        cmaes_sample(cmaes, rng, samples[i].x);
        samples[i].value = f(samples[i].x);
    }
    qsort(samples, LAMBDA, sizeof *samples, by_value);
    for (int i = 0; i < LAMBDA; i++)
        sorted[i] = samples[i].x;
    assert_true(cmaes_update(cmaes, sorted));
    return samples[0].value;
}

/* Evaluations until a value of 1e-10; 100,000 when it is not reached. */
static double evaluations(function *f, uint64_t seed)
{
    struct cmaes cmaes;
    struct rng rng;
    double count = 0;
    rng_seed(&rng, seed);
    assert_true(cmaes_open(N, 1.3, &cmaes));
    for (int i = 0; i < N; i++)
        cmaes.mean[i] = 6 * rng_uniform(&rng) - 3;
    do
        count += LAMBDA;
    while (count < 100000 && generation(&cmaes, &rng, f) > 1e-10);
    cmaes_close(&cmaes);
    return count;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double median_evaluations(const char *name, function *f)
{
    double counts[SEEDS];
    for (int i = 0; i < SEEDS; i++)
        counts[i] = evaluations(f, (uint64_t)i + 1);
    qsort(counts, SEEDS, sizeof *counts, by_size);
    double median = (counts[SEEDS / 2 - 1] + counts[SEEDS / 2]) / 2;
    print_message("# %s: 1e-10 after %.0f evaluations (%.0f to %.0f)\n", name, median, counts[0], counts[SEEDS - 1]);
    return median;
}

static void the_sphere_is_solved(void **state)
{
    (void)state;
    assert_true(median_evaluations("sphere", sphere) <= 2500);
}

static void an_ellipsoid_of_a_million_is_solved(void **state)
{
    (void)state;
    assert_true(median_evaluations("ellipsoid", ellipsoid) <= 8000);
}

static void rosenbrocks_function_is_solved(void **state)
{
    (void)state;
    assert_true(median_evaluations("Rosenbrock", rosenbrock) <= 10000);
}

/* Every comparison is a draw: nothing may overflow, and the distribution stays one. */
static void a_function_that_says_nothing_does_no_harm(void **state)
{
    (void)state;
    struct cmaes cmaes;
    struct rng rng;
    rng_seed(&rng, 3);
    assert_true(cmaes_open(N, 1.3, &cmaes));
    for (int i = 0; i < 20000; i++)
        generation(&cmaes, &rng, flat);
    assert_true(isfinite(cmaes.sigma) && cmaes.sigma > 0);
    for (int i = 0; i < N; i++)
        assert_true(isfinite(cmaes.mean[i]));
    cmaes_close(&cmaes);
}

static void the_constants_are_those_of_the_formulas(void **state)
{
    (void)state;
    static const struct cmaes_constants want[] = {
        {30, 14, 7, 4.28714, 0.00203257, 0.00490212, 0.16003, 1.16003, 0.120834, 5.43187, 1.41463, -0.41463},
        {224, 20, 10, 5.9388, 3.93964e-5, 1.60808e-4, 0.033791, 1.033791, 0.017656, 14.94994, 1.24499, -0.24499}};
    static const double first_weight[] = {0.3611, 0.2796};
    for (int i = 0; i < 2; i++) {
        struct cmaes_constants got;
        struct cmaes cmaes;
        cmaes_constants(want[i].n, &got);
        assert_int_equal(got.lambda, want[i].lambda);
        assert_int_equal(got.mu, want[i].mu);
        assert_near(got.mueff, want[i].mueff, 0, 1e-5);
        assert_near(got.c1, want[i].c1, 0, 1e-8);
        assert_near(got.cmu, want[i].cmu, 0, 1e-8);
        assert_near(got.csigma, want[i].csigma, 0, 1e-5);
        assert_near(got.dsigma, want[i].dsigma, 0, 1e-5);
        assert_near(got.cc, want[i].cc, 0, 1e-6);
        assert_near(got.chi, want[i].chi, 0, 1e-5);
        assert_near(got.active, want[i].active, 0, 1e-5);
        assert_near(got.weights, want[i].weights, 0, 1e-5);
        assert_true(cmaes_open(want[i].n, 1.3, &cmaes));
        double sum = 0;
        for (size_t k = 0; k < got.lambda; k++)
            sum += cmaes.weights[k];
        assert_near(sum, want[i].weights, 0, 1e-5);
        assert_near(cmaes.weights[0], first_weight[i], 0, 5e-5);
        cmaes_close(&cmaes);
    }
}

/* From C = I, where the inverse root is the unit matrix: the tutorial's formulas written out (cmaes.h). `scale` stretches the
 * samples: so far that the path of sigma is too long for the path of C to go on with. */
static void check_first_update(double scale, bool goes_on)
{
    struct cmaes cmaes;
    struct rng rng;
    double x[LAMBDA][N], y_w[N] = {0}, path = 0;
    const double *sorted[LAMBDA];
    rng_seed(&rng, 6);
    assert_true(cmaes_open(N, 1.3, &cmaes));
    const struct cmaes_constants c = cmaes.is;
    for (int k = 0; k < LAMBDA; k++) {
        for (int i = 0; i < N; i++) {
            x[k][i] = scale * rng_normal(&rng);
            y_w[i] += k < (int)c.mu ? cmaes.weights[k] * x[k][i] / 1.3 : 0;
        }
        sorted[k] = x[k];
    }
    assert_true(cmaes_update(&cmaes, sorted));
    for (int i = 0; i < N; i++) {
        double p = sqrt(c.csigma * (2 - c.csigma) * c.mueff) * y_w[i];
        assert_near(cmaes.mean[i], 1.3 * y_w[i], 1e-12, 1e-12);
        assert_near(cmaes.path_sigma[i], p, 1e-12, 1e-12);
        assert_near(cmaes.path_c[i], goes_on ? sqrt(c.cc * (2 - c.cc) * c.mueff) * y_w[i] : 0, 1e-12, 1e-12);
        path += p * p;
    }
    assert_near(cmaes.sigma, 1.3 * exp(c.csigma / c.dsigma * (sqrt(path) / c.chi - 1)), 1e-12, 0);
    assert_int_equal(sqrt(path) / sqrt(1 - pow(1 - c.csigma, 4)) < (1.4 + 2.0 / (N + 1)) * c.chi, goes_on);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double want = (i == j) * (1 + (goes_on ? 0 : c.c1 * c.cc * (2 - c.cc)) - c.c1 - c.cmu * c.weights);
            want += c.c1 * cmaes.path_c[i] * cmaes.path_c[j];
            for (int k = 0; k < LAMBDA; k++) {
                double squares = 0, weight = cmaes.weights[k];
                for (int m = 0; m < N; m++)
                    squares += x[k][m] / 1.3 * x[k][m] / 1.3;
                weight *= weight < 0 ? N / (squares + 1e-8) : 1;
                want += c.cmu * weight * x[k][i] / 1.3 * x[k][j] / 1.3;
            }
            assert_near(cmaes.covariance[i * N + j], want, 1e-11, 1e-12);
        }
    cmaes_close(&cmaes);
}

static void the_first_update_is_that_of_the_formulas(void **state)
{
    (void)state;
    check_first_update(1, true);
    check_first_update(9, false);
}

static void the_first_samples_are_those_of_a_sphere_of_radius_sigma(void **state)
{
    (void)state;
    enum { SAMPLES = 4000 };
    struct cmaes cmaes;
    struct rng rng;
    double mean[N] = {0}, square[N] = {0};
    rng_seed(&rng, 5);
    assert_true(cmaes_open(N, 1.3, &cmaes));
    cmaes.mean[4] = 7;
    for (int k = 0; k < SAMPLES; k++) {
        double x[N];
        cmaes_sample(&cmaes, &rng, x);
        for (int i = 0; i < N; i++) {
            mean[i] += x[i] / SAMPLES;
            square[i] += (x[i] - cmaes.mean[i]) * (x[i] - cmaes.mean[i]) / SAMPLES;
        }
    }
    for (int i = 0; i < N; i++) {
        assert_near(mean[i], i == 4 ? 7 : 0, 0, 0.1);
        assert_near(sqrt(square[i]), 1.3, 0, 0.06);
    }
    cmaes_close(&cmaes);
}

static void the_roots_belong_to_the_covariance(void **state)
{
    (void)state;
    struct cmaes cmaes;
    struct rng rng;
    rng_seed(&rng, 9);
    assert_true(cmaes_open(N, 1.3, &cmaes));
    for (int i = 0; i < 300; i++)
        generation(&cmaes, &rng, ellipsoid);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double square = 0, unit = 0;
            for (int k = 0; k < N; k++) {
                square += cmaes.root[i * N + k] * cmaes.root[k * N + j];
                unit += cmaes.root[i * N + k] * cmaes.inverse_root[k * N + j];
            }
            assert_true(cmaes.covariance[i * N + j] == cmaes.covariance[j * N + i]);
            assert_near(square, cmaes.covariance[i * N + j], 1e-9, 1e-12);
            assert_near(unit, i == j, 0, 1e-9);
        }
    cmaes_close(&cmaes);
}

static void it_goes_on_from_what_was_saved_to_the_last_bit(void **state)
{
    (void)state;
    struct cmaes cmaes, again;
    struct rng rng;
    rng_seed(&rng, 11);
    assert_true(cmaes_open(N, 1.3, &cmaes));
    for (int round = 0; round < 60; round++) {
        generation(&cmaes, &rng, rosenbrock);
        json_t *saved = cmaes_save(&cmaes);
        char *text = json_dumps(saved, JSON_COMPACT); /* as a snapshot keeps it */
        json_t *read = json_loads(text, 0, NULL);
        assert_true(cmaes_open(N, 1.3, &again));
        assert_true(cmaes_load(&again, read));
        struct rng same = rng;
        assert_true(generation(&cmaes, &rng, rosenbrock) == generation(&again, &same, rosenbrock));
        assert_memory_equal(again.mean, cmaes.mean, N * sizeof(double));
        assert_memory_equal(again.root, cmaes.root, N * N * sizeof(double));
        assert_true(again.sigma == cmaes.sigma && again.generation == cmaes.generation);
        cmaes_close(&again);
        json_decref(saved);
        json_decref(read);
        free(text);
    }
    cmaes_close(&cmaes);
}

static void a_state_of_another_size_or_without_sense_is_refused(void **state)
{
    (void)state;
    static const char *const damages[] = {"mean", "path_sigma", "path_c", "covariance", "sigma", "generation"};
    struct cmaes cmaes, again;
    assert_true(cmaes_open(N, 1.3, &cmaes));
    json_t *saved = cmaes_save(&cmaes);
    assert_true(cmaes_open(N + 1, 1.3, &again));
    assert_false(cmaes_load(&again, saved));
    cmaes_close(&again);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        json_t *damaged = json_copy(saved);
        json_object_set_new(damaged, damages[i], i < 4 ? json_array() : json_integer(-1));
        assert_true(cmaes_open(N, 1.3, &again));
        assert_false(cmaes_load(&again, damaged));
        cmaes_close(&again);
        json_decref(damaged);
    }
    json_decref(saved);
    cmaes_close(&cmaes);
}

/* A covariance that has lost its definiteness is mended, and the mended one is what is saved. */
static void a_covariance_with_negative_eigenvalues_is_mended(void **state)
{
    (void)state;
    struct cmaes cmaes;
    assert_true(cmaes_open(N, 1.3, &cmaes));
    cmaes.covariance[0] = -1;
    cmaes.covariance[N + 1] = 0;
    json_t *saved = cmaes_save(&cmaes);
    assert_true(cmaes_load(&cmaes, saved));
    assert_near(cmaes.covariance[0], 1e-8, 1e-6, 0);
    assert_near(cmaes.root[N + 1], 1e-4, 1e-6, 0);
    assert_near(cmaes.inverse_root[0], 1e4, 1e-6, 0);
    json_decref(saved);
    cmaes_close(&cmaes);
}

static void eigenvectors_are_rows_and_their_values_rise(void **state)
{
    (void)state;
    enum { M = 40 };
    static double matrix[M * M], vectors[M * M], values[M];
    struct rng rng;
    rng_seed(&rng, 2);
    for (int i = 0; i < M; i++)
        for (int j = 0; j <= i; j++)
            matrix[i * M + j] = matrix[j * M + i] = rng_normal(&rng);
    memcpy(vectors, matrix, sizeof matrix);
    for (int i = 0; i < M; i++) /* only the lower triangle is read */
        for (int j = i + 1; j < M; j++)
            vectors[i * M + j] = 99;
    assert_true(eigen_symmetric(M, vectors, values));
    for (int k = 0; k < M; k++) {
        const double *vector = vectors + k * M;
        double length = 0;
        assert_true(k == 0 || values[k] >= values[k - 1]);
        for (int i = 0; i < M; i++) {
            double image = 0;
            for (int j = 0; j < M; j++)
                image += matrix[i * M + j] * vector[j];
            assert_near(image, values[k] * vector[i], 0, 1e-12);
            length += vector[i] * vector[i];
        }
        assert_near(length, 1, 0, 1e-12);
    }
}

static void a_matrix_with_a_nan_has_no_eigenvalues(void **state)
{
    (void)state;
    double matrix[4] = {1, 0, NAN, 1}, values[2];
    assert_false(eigen_symmetric(2, matrix, values));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvectors_are_rows_and_their_values_rise),
        cmocka_unit_test(a_matrix_with_a_nan_has_no_eigenvalues),
        cmocka_unit_test(the_constants_are_those_of_the_formulas),
        cmocka_unit_test(the_first_update_is_that_of_the_formulas),
        cmocka_unit_test(the_first_samples_are_those_of_a_sphere_of_radius_sigma),
        cmocka_unit_test(the_sphere_is_solved),
        cmocka_unit_test(an_ellipsoid_of_a_million_is_solved),
        cmocka_unit_test(rosenbrocks_function_is_solved),
        cmocka_unit_test(a_function_that_says_nothing_does_no_harm),
        cmocka_unit_test(the_roots_belong_to_the_covariance),
        cmocka_unit_test(it_goes_on_from_what_was_saved_to_the_last_bit),
        cmocka_unit_test(a_state_of_another_size_or_without_sense_is_refused),
        cmocka_unit_test(a_covariance_with_negative_eigenvalues_is_mended),
    };
    return TEST_RUN(tests);
}
