/* combine: the two parts weigh alike on random architectures, neither can run away, and the constants are those of the space. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/combine.h"
#include "common/cost.h"
#include "common/protocol.h"
#include "common/space.h"

static const struct combine_scale *scale_of_nb201(void)
{
    const struct combine_scale *scale = combine_scale("nb201", protocol_kept_name("nb201", "rmi-fast", false));
    assert_non_null(scale);
    return scale;
}

static void what_was_not_measured_has_no_scale(void **state)
{
    (void)state;
    assert_null(combine_scale("nb201", "rmi-slow"));
    assert_null(combine_scale("darts", protocol_kept_name("darts", "rmi-fast", false)));
    assert_null(combine_scale("fbnet", protocol_kept_name("fbnet", "rmi-fast", false)));
}

static double phi_at(const struct combine_scale *scale, double nearness)
{
    return scale->taps * (1 - exp(-nearness));
}

static void a_middling_architecture_has_0_and_a_spread_more_of_a_part_counts_1(void **state)
{
    (void)state;
    const struct combine_scale *scale = scale_of_nb201();
    double middle = phi_at(scale, scale->nearness.mean), macs = exp(scale->log_macs.mean);
    double nearer = phi_at(scale, scale->nearness.mean + scale->nearness.spread), more = macs * exp(scale->log_macs.spread);
    double deep = phi_at(scale, scale->deep_nearness.mean);
    double deep_nearer = phi_at(scale, scale->deep_nearness.mean + scale->both_spread * scale->deep_nearness.spread);
    assert_near(combine_macs(scale, middle, macs), 0, 0, 1e-9);
    assert_near(combine_macs(scale, nearer, macs), 1, 0, 1e-9);
    assert_near(combine_macs(scale, middle, more), 1, 0, 1e-9);
    assert_near(combine_macs_deep(scale, middle, deep, macs), 0, 0, 1e-9);
    assert_near(combine_macs_deep(scale, middle, deep_nearer, macs), 1, 0, 1e-9);
    assert_near(combine_macs_deep(scale, middle, deep, more), 1, 0, 1e-9);
    assert_near(combine_macs_deep(scale, nearer, deep, macs), 2 / scale->both_spread, 0, 1e-9);
}

static void a_phi_at_its_maximum_is_finite_and_the_best_there_is(void **state)
{
    (void)state;
    const struct combine_scale *scale = scale_of_nb201();
    double most = combine_macs(scale, scale->taps, 4e7);
    assert_true(isfinite(most));
    assert_true(most > combine_macs(scale, scale->taps - 1e-4, 4e7));
    assert_true(most > combine_macs(scale, scale->taps * (1 - 2e-6), 4e7));
    assert_near(combine_macs(scale, scale->taps * (1 - 5e-7), 4e7), most, 0, 0);
    assert_near(combine_macs(scale, scale->taps * (1 + 1e-7), 4e7), most, 0, 0);
    assert_true(isfinite(combine_macs_deep(scale, 0, 0, 4e7)));
}

/* The draws' mean counts, so one lucky draw of three is worth a third. */
static void a_final_score_is_the_mean_of_the_draws_and_macs(void **state)
{
    (void)state;
    const struct combine_finals *finals = combine_finals("nb201", "rmi-fast-2", combine_finals_kept_name("final"));
    double phi[COMBINE_FINAL_DRAWS_MAX];
    assert_non_null(finals);
    assert_true(finals->draws > 1 && finals->draws <= COMBINE_FINAL_DRAWS_MAX);
    double middle = finals->taps * (1 - exp(-finals->nearness.mean)), macs = exp(finals->log_macs.mean);
    double nearer = finals->taps * (1 - exp(-finals->nearness.mean - finals->nearness.spread));
    for (unsigned i = 0; i < finals->draws; i++)
        phi[i] = middle;
    assert_near(combine_final(finals, phi, macs), 0, 0, 1e-9);
    assert_near(combine_final(finals, phi, macs * exp(finals->log_macs.spread)), 1, 0, 1e-9);
    for (unsigned i = 0; i < finals->draws; i++) {
        phi[i] = nearer;
        assert_near(combine_final(finals, phi, macs), (i + 1.0) / finals->draws, 0, 1e-9);
    }
    phi[0] = finals->taps;
    assert_true(isfinite(combine_final(finals, phi, macs)));
}

static void finals_are_known_by_space_protocol_and_name(void **state)
{
    (void)state;
    struct protocol protocol;
    struct status status;
    const struct combine_finals *finals = combine_finals("nb201", "rmi-fast-2", "final-1");
    assert_non_null(finals);
    assert_string_equal(combine_finals_kept_name("final"), "final-1");
    assert_string_equal(combine_finals_kept_name("other"), "other");
    assert_null(combine_finals("nb201", "rmi-fast-2", "final"));
    assert_null(combine_finals("nb201", "rmi-full", "final-1"));
    assert_null(combine_finals("darts", "rmi-fast-2", "final-1"));
    assert_ok(protocol_preset("nb201", finals->protocol, &protocol, &status), status);
    assert_string_equal(protocol_kept_name("nb201", "rmi-final", false), finals->protocol);
    assert_near(finals->log_macs.mean, scale_of_nb201()->log_macs.mean, 0, 0);
    assert_near(finals->log_macs.spread, scale_of_nb201()->log_macs.spread, 0, 0);
}

/* Databases hold finals that were decided with these numbers. */
static void final_scores_are_those_in_existing_databases(void **state)
{
    (void)state;
    const struct combine_finals *finals = combine_finals("nb201", "rmi-fast-2", "final-1");
    assert_int_equal(finals->draws, 3);
    assert_near(combine_final(finals, (const double[]){2.9, 2.8, 2.95}, 4e7), 0.59365818355, 0, 1e-9);
}

/* In people's databases stand fitnesses that were computed with these numbers, and studies that go on. */
static void the_fitness_is_that_in_existing_databases(void **state)
{
    (void)state;
    const struct combine_scale *scale = combine_scale("nb201", "rmi-fast-2");
    assert_near(combine_macs(scale, 2.9, 4e7), 1.45967055748, 0, 1e-9);
    assert_near(combine_macs_deep(scale, 2.9, 2.5, 4e7), 1.0749140551, 0, 1e-9);
}

static void the_second_network_is_a_preset_of_the_space(void **state)
{
    (void)state;
    struct protocol deep;
    struct status status;
    assert_ok(protocol_preset("nb201", scale_of_nb201()->deep, &deep, &status), status);
    assert_string_equal(deep.name, scale_of_nb201()->deep);
}

/* Networks cost what their class's representative costs, as in a study. */
static void the_scale_of_macs_is_that_of_all_connected_cells(void **state)
{
    (void)state;
    struct space space;
    struct status status;
    double sum = 0, squares = 0;
    int count = 0;
    assert_ok(space_open("nb201", &space, &status), status);
    for (int number = 0; number < 15625; number++) {
        struct arch arch = {.length = 6};
        struct net net;
        struct cost cost;
        for (int edge = 0, rest = number; edge < 6; edge++, rest /= 5)
            arch.genes[edge] = (uint8_t)(rest % 5);
        if (!space_connected(&space, &arch))
            continue;
        net_init_empty(&net);
        assert_ok(space_build_net(&space, &arch, &space.ops->defaults, &net, &status), status);
        cost_of_net(&net, &cost);
        net_free(&net);
        sum += log((double)cost.macs);
        squares += log((double)cost.macs) * log((double)cost.macs);
        count++;
    }
    space_close(&space);
    const struct combine_scale *scale = scale_of_nb201();
    assert_int_equal(count, 15284);
    assert_near(scale->log_macs.mean, sum / count, 0, 1e-4);
    assert_near(scale->log_macs.spread, sqrt(squares / count - sum / count * (sum / count)), 0, 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_measured_has_no_scale),
        cmocka_unit_test(a_middling_architecture_has_0_and_a_spread_more_of_a_part_counts_1),
        cmocka_unit_test(a_phi_at_its_maximum_is_finite_and_the_best_there_is),
        cmocka_unit_test(a_final_score_is_the_mean_of_the_draws_and_macs),
        cmocka_unit_test(finals_are_known_by_space_protocol_and_name),
        cmocka_unit_test(final_scores_are_those_in_existing_databases),
        cmocka_unit_test(the_fitness_is_that_in_existing_databases),
        cmocka_unit_test(the_second_network_is_a_preset_of_the_space),
        cmocka_unit_test(the_scale_of_macs_is_that_of_all_connected_cells),
    };
    return TEST_RUN(tests);
}
