/* rmi: linear CKA against a worked example, its invariances, and its gradient against finite differences. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "worker/rmi.h"

enum { N = 4, P = 2, Q = 3 };

static float x[N * P] = {1, 2, 3, 4, 5, 7, 2, 0}, y[N * Q] = {2, 1, 0, 1, 0, 3, 4, 4, 1, 0, 1, 1};

static struct engine_rows rows(float *data, size_t features)
{
    return (struct engine_rows){data, features, features, N};
}

static double cka_of(float *a, size_t p, float *b, size_t q)
{
    float k[N * N], l[N * N];
    rmi_gram(rows(a, p), k);
    rmi_gram(rows(b, q), l);
    return rmi_cka(k, l, N);
}

/* The vector of methods 1.1, computed by hand and by the feature-space form of CKA. */
static void cka_of_the_worked_example_is_right(void **state)
{
    (void)state;
    assert_near(cka_of(x, P, y, Q), 0.6265502625, 1e-6, 0);
}

static void cka_of_features_with_themselves_is_one(void **state)
{
    (void)state;
    assert_near(cka_of(x, P, x, P), 1, 1e-6, 0);
}

static void cka_does_not_see_scale_nor_a_constant_row(void **state)
{
    (void)state;
    float moved[N * P];
    for (int i = 0; i < N * P; i++)
        moved[i] = 3 * x[i] + (i % P ? 7.F : -2.F);
    assert_near(cka_of(moved, P, y, Q), cka_of(x, P, y, Q), 1e-5, 0);
}

static void cka_of_constant_features_is_not_a_number(void **state)
{
    (void)state;
    float zero[N * P] = {0};
    assert_true(isnan(cka_of(zero, P, y, Q)));
}

static void centred_grams_have_zero_row_sums(void **state)
{
    (void)state;
    float k[N * N];
    rmi_gram(rows(x, P), k);
    for (int i = 0; i < N; i++)
        assert_near(k[i * N] + k[i * N + 1] + k[i * N + 2] + k[i * N + 3], 0, 0, 1e-4);
}

static void padding_between_rows_is_not_read(void **state)
{
    (void)state;
    float wide[N * 5], k[N * N], l[N * N];
    for (int i = 0; i < N * 5; i++)
        wide[i] = i % 5 < P ? x[i / 5 * P + i % 5] : 1e9F;
    rmi_gram((struct engine_rows){wide, P, 5, N}, k);
    rmi_gram(rows(y, Q), l);
    assert_near(rmi_cka(k, l, N), 0.6265502625, 1e-6, 0);
}

static void the_gradient_agrees_with_finite_differences_and_is_added(void **state)
{
    (void)state;
    float k[N * N], l[N * N], scratch[N * N], gradient[N * P], moved[N * P];
    struct engine_rows out = rows(gradient, P);
    for (int i = 0; i < N * P; i++)
        gradient[i] = 100;
    rmi_gram(rows(x, P), k);
    rmi_gram(rows(y, Q), l);
    rmi_add_gradient(rows(x, P), k, l, -2, scratch, &out);
    for (int i = 0; i < N * P; i++) {
        memcpy(moved, x, sizeof x);
        moved[i] = x[i] + 0.01F;
        const double above = cka_of(moved, P, y, Q);
        moved[i] = x[i] - 0.01F;
        assert_near((double)gradient[i] - 100, -2 * (above - cka_of(moved, P, y, Q)) / 0.02, 2e-3, 1e-4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cka_of_the_worked_example_is_right),
        cmocka_unit_test(cka_of_features_with_themselves_is_one),
        cmocka_unit_test(cka_does_not_see_scale_nor_a_constant_row),
        cmocka_unit_test(cka_of_constant_features_is_not_a_number),
        cmocka_unit_test(centred_grams_have_zero_row_sums),
        cmocka_unit_test(padding_between_rows_is_not_read),
        cmocka_unit_test(the_gradient_agrees_with_finite_differences_and_is_added),
    };
    return TEST_RUN(tests);
}
