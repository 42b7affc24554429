/* relax: both relaxations end where the loss is least, and every weight of a sum counts. */
#include "tests/support/test.h"

#include <math.h>

#include "master/relax.h"

static const double weights[30] = {3,      1, 2, 5, 4, /**/ 0, -1, 4,  4, 4, /**/ 2, 2, 2, 1.5, 2, /**/ 9, 8, 7, 6, 5,
                                   /**/ 1, 2, 3, 4, 5, /**/ 7, 7,  -7, 7, 7};
static const uint8_t least[6] = {1, 1, 3, 4, 0, 2};

static double sum_of(void *context, const double *shares, double *gradient)
{
    double sum = 0;
    for (int i = 0; i < 30; i++) {
        sum += weights[i] * shares[i];
        gradient[i] = weights[i];
    }
    ++*(uint32_t *)context;
    return sum;
}

/* Least where gene 0 and gene 5 choose alike: no gene can know alone. */
static double product_of(void *context, const double *shares, double *gradient)
{
    double sum = 0;
    (void)context;
    for (int i = 0; i < 30; i++)
        gradient[i] = 0;
    for (int i = 0; i < 5; i++) {
        double weight = i == 3 ? -2 : -1;
        sum += weight * shares[i] * shares[25 + i];
        gradient[i] = weight * shares[25 + i];
        gradient[25 + i] = weight * shares[i];
    }
    return sum;
}

static void descend(relax_loss *loss, void *context, enum config_relaxation relaxation, uint64_t seed, struct arch *out)
{
    struct space space;
    struct rng rng;
    rng_seed(&rng, seed);
    assert_int_equal(space_open("nb201", &space, NULL), STATUS_OK);
    relax_descend(&space, relaxation, 300, &rng, loss, context, out);
    space_close(&space);
}

static void a_sum_ends_at_its_least(void **state)
{
    (void)state;
    for (int relaxation = CONFIG_RELAX_GUMBEL; relaxation <= CONFIG_RELAX_SOFTMAX; relaxation++) {
        uint32_t steps = 0;
        struct arch out;
        descend(sum_of, &steps, (enum config_relaxation)relaxation, 1, &out);
        assert_int_equal(steps, 300);
        assert_int_equal(out.length, 6);
        assert_memory_equal(out.genes, least, sizeof least);
    }
}

static void decisions_that_belong_together_are_made_together(void **state)
{
    (void)state;
    for (int relaxation = CONFIG_RELAX_GUMBEL; relaxation <= CONFIG_RELAX_SOFTMAX; relaxation++) {
        struct arch out;
        descend(product_of, NULL, (enum config_relaxation)relaxation, 2, &out);
        assert_int_equal(out.genes[0], out.genes[5]);
    }
}

static void equal_chance_gives_equal_architectures(void **state)
{
    (void)state;
    struct arch one, other;
    descend(product_of, NULL, CONFIG_RELAX_GUMBEL, 3, &one);
    descend(product_of, NULL, CONFIG_RELAX_GUMBEL, 3, &other);
    assert_true(arch_equal(&one, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_ends_at_its_least),
        cmocka_unit_test(decisions_that_belong_together_are_made_together),
        cmocka_unit_test(equal_chance_gives_equal_architectures),
    };
    return TEST_RUN(tests);
}
