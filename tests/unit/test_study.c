/* study: parts are joined in ask order whatever order their values come in, nothing is evaluated twice, and a restart at any point
 * ends the same. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/combine.h"
#include "common/fileio.h"
#include "common/rng.h"
#include "master/study_key.h"
#include "tests/support/study_world.h"
#include "worker/measure.h"

static struct study_candidate told_once[WORLD_TOLD_MAX], told_again[WORLD_TOLD_MAX];

/* --- tables --- */

static void a_table_study_ends_by_itself_with_every_ask_told_in_order(void **state)
{
    struct world *world = *state;
    struct study *study = world_study(world);
    size_t told = world_run(study, told_once);
    assert_int_equal(told, 20 + 14 * 19);
    assert_true(world_counts(study).total == told);
    assert_true(world_counts(study).asked == told);
    for (size_t i = 0; i < told; i++)
        assert_true(told_once[i].ask == i);
    study_close(study);
}

static void fitness_and_cost_are_those_of_the_exact_architecture(void **state)
{
    struct world *world = *state;
    size_t told = world_run_new(world, told_once);
    for (size_t i = 0; i < told; i++) {
        if (!told_once[i].result.feasible)
            continue;
        assert_near(told_once[i].result.fitness, world_value(&told_once[i].arch, 0), 0, 1e-6);
        assert_near(told_once[i].result.costs[0], world_value(&told_once[i].arch, 1), 0, 1e-6);
        assert_int_equal(told_once[i].satisfies, told_once[i].result.costs[0] <= 12);
    }
}

static void asked_is_distinct_and_cached_and_skipped(void **state)
{
    struct world *world = *state;
    world->config.strategy.plain = true;
    struct study *study = world_study(world);
    size_t told = world_run(study, told_once);
    uint64_t distinct = 0, cached = 0, skipped = 0;
    for (size_t i = 0; i < told; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = strcmp(told_once[i].fitness_key, told_once[j].fitness_key) == 0;
        skipped += told_once[i].skipped;
        cached += !told_once[i].skipped && seen;
        distinct += !told_once[i].skipped && !seen;
        assert_int_equal(told_once[i].cached, !told_once[i].skipped && seen);
    }
    assert_true(world_counts(study).distinct == distinct);
    assert_true(world_counts(study).cached == cached);
    assert_true(world_counts(study).skipped == skipped);
    assert_true(cached > 0 && skipped > 0);
    study_close(study);
}

static void what_is_disconnected_or_has_no_cost_is_infeasible_without_evaluation(void **state)
{
    struct world *world = *state;
    world->config.strategy.plain = true;
    size_t told = world_run_new(world, told_once);
    int disconnected = 0, costless = 0;
    for (size_t i = 0; i < told; i++) {
        const struct study_candidate *candidate = &told_once[i];
        disconnected += !candidate->connected;
        costless += candidate->connected && isnan(candidate->result.costs[0]);
        assert_int_equal(candidate->skipped, !candidate->connected || isnan(candidate->result.costs[0]));
        if (!candidate->skipped)
            continue;
        assert_false(candidate->result.feasible);
        assert_false(candidate->satisfies);
        assert_true(candidate->result.fitness == 0);
    }
    assert_true(disconnected > 0);
    assert_true(costless > 0);
}

static void the_budget_of_distinct_evaluations_ends_the_search(void **state)
{
    struct world *world = *state;
    world->config.budget.evaluations = 50;
    struct study *study = world_study(world);
    size_t told = world_run(study, told_once);
    assert_true(world_counts(study).distinct == 50);
    assert_true(world_counts(study).asked == told);
    assert_int_equal(study_pump(study, 10), 0);
    study_close(study);
}

/* rminas has no end of its own before something is good. */
static void a_search_in_which_nothing_can_be_evaluated_ends(void **state)
{
    struct world *world = *state;
    static const char *const modes[] = {"generations", "steady"};
    static const char table[] = "ops,latency_ms\n000000,1\n"; /* a cell that is disconnected */
    char path[sizeof world->path + 8];
    struct status status = {0};
    snprintf(path, sizeof path, "%s.few", world->path);
    assert_ok(fileio_write(path, table, strlen(table), &status), status);
    world->costs[0].file = path;
    world->config.strategy = (struct config_strategy){.name = "rminas",
                                                      .plain = true,
                                                      .warmup = 10,
                                                      .positives = 1,
                                                      .quantile = 0.5,
                                                      .pool = 1,
                                                      .trees = 1,
                                                      .consensus = 1,
                                                      .in_flight = 1000};
    for (int mode = 0; mode < 2; mode++) {
        struct study_candidate candidate;
        world->config.strategy.mode = mode == 0 ? CONFIG_MODE_GENERATIONS : CONFIG_MODE_STEADY;
        struct study *study = world_study(world);
        while (study_pump(study, SIZE_MAX) > 0 || study_told(study, &candidate))
            while (study_told(study, &candidate))
                continue;
        if (!study_finished(study) || world_counts(study).asked != 10000)
            fail_msg("%s: %llu asked", modes[mode], (unsigned long long)world_counts(study).asked);
        study_close(study);
    }
    unlink(path);
}

static void the_best_is_the_fittest_that_satisfies_then_the_cheapest_then_the_first(void **state)
{
    struct world *world = *state;
    struct study *study = world_study(world);
    const struct study_candidate *best = NULL;
    assert_null(study_best(study));
    size_t told = world_run(study, told_once);
    for (size_t i = 0; i < told; i++) {
        const struct study_candidate *c = &told_once[i];
        if (c->satisfies && (best == NULL || c->result.fitness > best->result.fitness ||
                             (c->result.fitness == best->result.fitness && c->result.costs[0] < best->result.costs[0])))
            best = c;
    }
    assert_non_null(best);
    world_assert_same(study_best(study), best);
    study_close(study);
}

static void a_cost_table_with_negative_values_is_refused(void **state)
{
    struct world *world = *state;
    struct study *study = NULL;
    struct status status = {0};
    static const char text[] = "ops,accuracy,latency_ms\n421211,1,-1\n";
    assert_ok(fileio_write(world->path, text, strlen(text), &status), status);
    assert_int_equal(study_open(&world->config, &world->space, NULL, &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "negative"));
}

static void macs_and_parameters_are_those_of_the_benchmark(void **state)
{
    struct world *world = *state;
    world->costs[0] = (struct config_cost){.name = "macs", .source = CONFIG_COST_MACS};
    world->costs[1] = (struct config_cost){.name = "params", .source = CONFIG_COST_PARAMS};
    world->config.cost_count = 2;
    world->config.network.cells = 5;
    world->config.strategy.generations = 2;
    size_t told = world_run_new(world, told_once);
    for (size_t i = 0; i < told; i++) {
        int conv1 = 0, conv3 = 0;
        /* Only cells whose every edge reaches the output follow the benchmark's rule; nets leave the others out. */
        for (int edge = 0; edge < 6; edge++) {
            conv1 += told_once[i].arch.genes[edge] == 2;
            conv3 += told_once[i].arch.genes[edge] == 3;
        }
        if (memchr(told_once[i].arch.genes, 0, 6) != NULL)
            continue;
        assert_near(told_once[i].result.costs[0], 7783050 + 3932160.0 * conv1 + 35389440.0 * conv3, 1e-6, 0);
        assert_near(told_once[i].result.costs[1], 73306 + 28000.0 * conv1 + 243040.0 * conv3, 1e-5, 0);
    }
}

/* --- values from outside --- */

static void each_key_is_wanted_once(void **state)
{
    struct world *world = *state;
    static char keys[2 * WORLD_TOLD_MAX][DIGEST_HEX_BYTES];
    size_t wanted = 0, told = 0;
    struct study_want want;
    world_evaluate_outside(world);
    world->config.strategy.plain = true;
    struct study *study = world_study(world);
    while (!study_finished(study)) {
        study_pump(study, SIZE_MAX);
        while (study_want(study, &want)) {
            memcpy(keys[wanted++], want.key, DIGEST_HEX_BYTES);
            world_answer(study, &want);
        }
        while (study_told(study, &told_once[told]))
            told++;
    }
    for (size_t i = 0; i < wanted; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(keys[i], keys[j]);
    assert_true(wanted == 2 * world_counts(study).distinct);
    study_close(study);
}

static void isomorphic_cells_share_key_and_value(void **state)
{
    struct world *world = *state;
    world_evaluate_outside(world);
    world->config.strategy.plain = true;
    world->config.strategy.generations = 60;
    size_t told = world_run_new(world, told_once);
    int pairs = 0;
    for (size_t i = 0; i < told; i++) {
        for (size_t j = 0; j < i; j++) {
            bool same = strcmp(told_once[i].canonical_text, told_once[j].canonical_text) == 0;
            assert_int_equal(same, strcmp(told_once[i].fitness_key, told_once[j].fitness_key) == 0);
            pairs += same && !arch_equal(&told_once[i].arch, &told_once[j].arch);
            if (same)
                assert_true(told_once[i].result.fitness == told_once[j].result.fitness);
        }
    }
    assert_true(pairs > 0);
}

static void nothing_is_told_before_all_its_parts_are_there(void **state)
{
    struct world *world = *state;
    struct study_want want, first = {.kind = STUDY_WANT_MEASURE};
    world_evaluate_outside(world);
    struct study *study = world_study(world);
    study_pump(study, SIZE_MAX);
    while (study_want(study, &want)) {
        if (want.kind == STUDY_WANT_RMI && first.kind != STUDY_WANT_RMI)
            first = want;
        else
            world_answer(study, &want);
    }
    assert_false(study_told(study, told_once));
    assert_false(study_finished(study));
    world_answer(study, &first);
    assert_true(study_told(study, told_once));
    study_close(study);
}

/* Holds wants back and answers them in random order, some twice, some with another value the second time. */
static size_t run_shuffled(const struct world *world, struct rng *rng, struct study_candidate *out)
{
    static struct study_want held[WORLD_TOLD_MAX];
    size_t held_count = 0, told = 0;
    struct study *study = world_study(world);
    while (!study_finished(study)) {
        study_pump(study, 1 + rng_below(rng, 9));
        while (held_count < WORLD_TOLD_MAX && rng_below(rng, 4) > 0 && study_want(study, &held[held_count]))
            held_count++;
        for (size_t answers = rng_below(rng, 4); answers > 0 && held_count > 0; answers--) {
            size_t pick = rng_below(rng, held_count);
            world_answer(study, &held[pick]);
            study_provide(study, held[pick].key, &(struct study_value){.feasible = true, .value = 1e6});
            if (rng_below(rng, 3) > 0)
                held[pick] = held[--held_count];
        }
        while (rng_below(rng, 5) > 0 && study_told(study, &out[told]))
            told++;
    }
    study_close(study);
    return told;
}

static void the_order_of_arrival_changes_nothing(void **state)
{
    struct world *world = *state;
    struct rng rng;
    world_evaluate_outside(world);
    size_t want = world_run_new(world, told_once);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        print_message("# seed=%d\n", (int)seed);
        rng_seed(&rng, seed);
        size_t got = run_shuffled(world, &rng, told_again);
        world_assert_all_same(told_again, got, told_once, want);
    }
}

static void a_value_that_is_not_a_number_is_infeasible(void **state)
{
    struct world *world = *state;
    struct study_want want;
    world_evaluate_outside(world);
    struct study *study = world_study(world);
    study_pump(study, 2);
    while (study_want(study, &want)) {
        double value = want.kind == STUDY_WANT_RMI ? NAN : 1;
        study_provide(study, want.key, &(struct study_value){.feasible = true, .value = value});
    }
    assert_true(study_told(study, told_once));
    assert_false(told_once->result.feasible);
    assert_true(told_once->result.fitness == 0);
    assert_true(told_once->result.costs[0] == 1);
    study_close(study);
}

static void unknown_keys_are_ignored(void **state)
{
    struct world *world = *state;
    world_evaluate_outside(world);
    struct study *study = world_study(world);
    study_provide(study, "no such key", &(struct study_value){.feasible = true, .value = 1});
    study_pump(study, 5);
    study_provide(study, "", &(struct study_value){.feasible = true, .value = 1});
    assert_false(study_told(study, told_once));
    study_close(study);
}

static void first_key(const struct world *world, enum study_want_kind kind, char out[DIGEST_HEX_BYTES])
{
    struct study_want want;
    struct study *study = world_study(world);
    study_pump(study, 1);
    while (study_want(study, &want))
        if (want.kind == kind)
            memcpy(out, want.key, DIGEST_HEX_BYTES);
    study_close(study);
}

static void keys_change_with_what_the_value_depends_on_and_with_nothing_else(void **state)
{
    struct world *world = *state;
    char rmi[DIGEST_HEX_BYTES], measure[DIGEST_HEX_BYTES], other[DIGEST_HEX_BYTES];
    world_evaluate_outside(world);
    first_key(world, STUDY_WANT_RMI, rmi);
    first_key(world, STUDY_WANT_MEASURE, measure);
    world->config.name = "another";
    world->config.strategy.lambda = 3;
    world->config.network.cells = 5;
    first_key(world, STUDY_WANT_RMI, other);
    assert_string_equal(other, rmi);
    first_key(world, STUDY_WANT_MEASURE, other);
    assert_string_not_equal(other, measure);
    world->config.network.cells = 1;
    world->config.fitness.protocol = "rmi-full";
    first_key(world, STUDY_WANT_RMI, other);
    assert_string_not_equal(other, rmi);
    first_key(world, STUDY_WANT_MEASURE, other);
    assert_string_equal(other, measure);
    world->costs[0].device = "board-cpu-builtin1-fp32";
    first_key(world, STUDY_WANT_MEASURE, other);
    assert_string_not_equal(other, measure);
    world->config.fitness.protocol = "rmi-fast";
    digest_of("another bundle", 14, &world->bundle);
    first_key(world, STUDY_WANT_RMI, other);
    assert_string_not_equal(other, rmi);
}

/* Stored evaluations are found again by their keys, and a key by its draw's seed: the numbers stay what they are. */
static void draws_have_seeds_of_their_own_which_stay(void **state)
{
    struct world *world = *state;
    struct digest bundle, protocol;
    char first[DIGEST_HEX_BYTES], second[DIGEST_HEX_BYTES];
    assert_int_equal(study_key_draw_seed(0, 1), UINT64_C(16535295761565250286));
    assert_int_equal(study_key_draw_seed(7, 3), UINT64_C(6399539815585318351));
    digest_of("bundle", 6, &bundle);
    digest_of("protocol", 8, &protocol);
    study_key_rmi(&world->config, "cell", &bundle, &protocol, 1, first);
    study_key_rmi(&world->config, "cell", &bundle, &protocol, study_key_draw_seed(1, 1), second);
    assert_string_not_equal(first, second);
}

/* MACs of what is evaluated, in the space's own network; the world's has fewer cells. */
static double own_macs(const struct world *world, const struct arch *arch)
{
    struct arch canonical;
    struct net net;
    struct cost cost;
    net_init_empty(&net);
    space_canonical(&world->space, arch, &canonical);
    assert_int_equal(space_build_net(&world->space, &canonical, &world->space.ops->defaults, &net, NULL), STATUS_OK);
    cost_of_net(&net, &cost);
    net_free(&net);
    return (double)cost.macs;
}

/* phi is combined where it is told: what workers compute, and the keys it is known by, are the same. */
static void combining_changes_the_fitness_and_nothing_that_is_wanted(void **state)
{
    struct world *world = *state;
    char alone[DIGEST_HEX_BYTES], combined[DIGEST_HEX_BYTES];
    const struct combine_scale *scale = combine_scale("nb201", protocol_kept_name("nb201", "rmi-fast", false));
    struct study_want want;
    int feasible = 0;
    world_evaluate_outside(world);
    first_key(world, STUDY_WANT_RMI, alone);
    world->config.fitness.combine = "macs";
    first_key(world, STUDY_WANT_RMI, combined);
    assert_string_equal(combined, alone);
    struct study *study = world_study(world);
    assert_int_equal(study_trainings(study), 1);
    study_pump(study, 20);
    while (study_want(study, &want))
        study_provide(study, want.key, &(struct study_value){.feasible = true, .value = 2.9});
    while (study_told(study, told_once)) {
        if (!told_once->result.feasible)
            continue;
        assert_near(told_once->result.fitness, combine_macs(scale, 2.9, own_macs(world, &told_once->arch)), 0, 1e-12);
        feasible++;
    }
    assert_true(feasible > 10);
    study_close(study);
}

/* Either score may come first. */
static void a_second_network_is_a_second_want_and_the_candidate_waits_for_both(void **state)
{
    struct world *world = *state;
    const struct combine_scale *scale = combine_scale("nb201", protocol_kept_name("nb201", "rmi-fast", false));
    const double phi[2] = {2.9, 2.7};
    world_evaluate_outside(world);
    world->config.fitness.combine = "macs+deep";
    world->config.cost_count = 0;
    for (int early = 0; early < 2; early++) {
        struct study_want want, scores[2];
        int count = 0, late = 1 - early;
        struct study *study = world_study(world);
        assert_int_equal(study_trainings(study), 2);
        study_pump(study, 1);
        while (study_want(study, &want))
            scores[count++] = want;
        assert_int_equal(count, 2);
        assert_string_not_equal(scores[0].key, scores[1].key);
        assert_string_equal(scores[0].arch_text, scores[1].arch_text);
        assert_int_equal(scores[0].seed, world->config.seed);
        assert_int_equal(scores[1].seed, world->config.seed);
        assert_string_equal(scores[0].protocol.name, "rmi-fast-2");
        assert_string_equal(scores[1].protocol.name, scale->deep);
        study_provide(study, scores[early].key, &(struct study_value){.feasible = true, .value = phi[early]});
        assert_false(study_told(study, told_once));
        study_provide(study, scores[late].key, &(struct study_value){.feasible = true, .value = phi[late]});
        assert_true(study_told(study, told_once));
        assert_string_equal(told_once->fitness_key, scores[0].key);
        assert_near(told_once->result.fitness, combine_macs_deep(scale, phi[0], phi[1], own_macs(world, &told_once->arch)), 0,
                    1e-12);
        study_close(study);
    }
}

static void without_its_second_score_a_candidate_is_infeasible(void **state)
{
    struct world *world = *state;
    struct study_want want;
    world_evaluate_outside(world);
    world->config.fitness.combine = "macs+deep";
    world->config.cost_count = 0;
    struct study *study = world_study(world);
    study_pump(study, 1);
    while (study_want(study, &want))
        study_provide(study, want.key, &(struct study_value){.feasible = want.protocol.cells == 1, .value = 2.9});
    assert_true(study_told(study, told_once));
    assert_false(told_once->result.feasible);
    study_close(study);
}

static void measurements_are_keyed_by_the_version_that_agents_measure_by(void **state)
{
    (void)state;
    assert_int_equal(STUDY_MEASUREMENT_VERSION, MEASURE_PROTOCOL_VERSION);
}

/* Latency and energy of one device come out of one measurement. */
static void one_measurement_gives_latency_and_energy(void **state)
{
    struct world *world = *state;
    struct study_candidate told;
    struct study_want want;
    world_evaluate_outside(world);
    world->costs[1] =
        (struct config_cost){.name = "energy_mj", .source = CONFIG_COST_AGENT, .device = "host", .column = "energy_mj"};
    world->config.cost_count = 2;
    struct study *study = world_study(world);
    study_pump(study, 1);
    int wants = 0;
    while (study_want(study, &want)) {
        struct study_value value = world_value_of(&want);
        wants++;
        value.feasible = true;
        value.energy_mj = want.kind == STUDY_WANT_MEASURE ? 7.5 : 0;
        study_provide(study, want.key, &value);
    }
    assert_int_equal(wants, 2);
    assert_true(study_told(study, &told));
    assert_true(told.result.feasible);
    assert_near(told.result.costs[1], 7.5, 0, 0);
    assert_true(told.result.costs[0] != 7.5);
    study_close(study);
}

static void without_its_energy_a_candidate_is_infeasible(void **state)
{
    struct world *world = *state;
    struct study_candidate told;
    struct study_want want;
    world_evaluate_outside(world);
    world->costs[0].column = "energy_mj";
    struct study *study = world_study(world);
    study_pump(study, 1);
    while (study_want(study, &want))
        study_provide(study, want.key, &(struct study_value){.feasible = true, .value = 1});
    assert_true(study_told(study, &told));
    assert_false(told.result.feasible);
    study_close(study);
}

/* --- values held back --- */

static void a_held_candidate_is_told_after_its_release_alone(void **state)
{
    struct world *world = *state;
    struct study_candidate candidate;
    struct study *study = world_study(world);
    study_hold(study);
    study_pump(study, SIZE_MAX);
    assert_false(study_told(study, &candidate));
    study_release(study, 1);
    assert_false(study_told(study, &candidate));
    study_release(study, 0);
    assert_true(study_told(study, &candidate));
    assert_true(candidate.ask == 0);
    assert_true(study_told(study, &candidate));
    assert_true(candidate.ask == 1);
    assert_false(study_told(study, &candidate));
    study_close(study);
}

/* Tells in the order that a random number per candidate gives; the asked list must be what is told. */
static size_t run_held(struct study *study, struct rng *rng, struct study_candidate *out)
{
    static struct study_candidate asked[WORLD_TOLD_MAX];
    size_t asked_count = 0, told = 0;
    uint64_t open[64];
    size_t open_count = 0;
    study_hold(study);
    while (!study_finished(study)) {
        study_pump(study, SIZE_MAX);
        while (study_asked(study, &asked[asked_count])) {
            assert_true(asked[asked_count].ask == asked_count);
            open[open_count++] = asked_count++;
        }
        if (open_count > 0) {
            size_t pick = rng_below(rng, open_count);
            study_release(study, open[pick]);
            open[pick] = open[--open_count];
        }
        for (; study_told(study, &out[told]); told++) {
            assert_string_equal(asked[told].arch_text, out[told].arch_text);
            assert_string_equal(asked[told].canonical_text, out[told].canonical_text);
            assert_int_equal(asked[told].skipped, out[told].skipped);
            assert_int_equal(asked[told].cached, out[told].cached);
            assert_int_equal(asked[told].connected, out[told].connected);
        }
    }
    return told;
}

static void holding_back_changes_nothing_of_what_is_found(void **state)
{
    struct world *world = *state;
    struct rng rng;
    rng_seed(&rng, 17);
    world->config.strategy.plain = true;
    size_t want = world_run_new(world, told_once);
    struct study *study = world_study(world);
    world_assert_all_same(told_again, run_held(study, &rng, told_again), told_once, want);
    study_close(study);
}

static void studies_that_share_tables_find_what_each_finds_alone(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    struct study *first = NULL, *second = NULL;
    struct tables *tables = tables_new();
    size_t want = world_run_new(world, told_once);
    assert_ok(study_open_shared(&world->config, &world->space, NULL, tables, &first, &status), status);
    unlink(world->path);
    assert_ok(study_open_shared(&world->config, &world->space, NULL, tables, &second, &status), status);
    world_assert_all_same(told_again, world_run(first, told_again), told_once, want);
    study_close(first);
    world_assert_all_same(told_again, world_run(second, told_again), told_once, want);
    study_close(second);
    tables_free(tables);
}

/* --- restart --- */

/* The study stops after `stop` tells, with everything else lost; another goes on from the last snapshot due and the told list. */
static size_t run_with_restart(const struct world *world, size_t stop, struct study_candidate *out)
{
    struct status status = {0};
    struct study_want want;
    void *data = NULL;
    size_t size = 0, told = 0, snapshot_told = 0;
    struct study *study = world_study(world);
    while (told < stop) {
        study_pump(study, 13);
        while (study_want(study, &want))
            world_answer(study, &want);
        while (told < stop && study_told(study, &out[told])) {
            told++;
            if (!study_snapshot_due(study))
                continue;
            free(data);
            assert_ok(study_save(study, &data, &size, &status), status);
            snapshot_told = told;
        }
    }
    study_close(study);
    study = world_study(world);
    if (data != NULL)
        assert_ok(study_load(study, data, size, &status), status);
    for (size_t i = snapshot_told; i < told; i++)
        assert_ok(study_replay(study, &out[i], &status), status);
    told += world_run(study, out + told);
    assert_true(world_counts(study).told == told);
    free(data);
    study_close(study);
    return told;
}

static void a_restart_after_any_tell_ends_with_the_same_candidates(void **state)
{
    struct world *world = *state;
    world_evaluate_outside(world);
    static const char *const strategies[] = {"evrsnas", "evrsnas", "evnas", "cmanas", "pevonas", "nevonas", "linas", "gradient"};
    world->config.strategy.neighbours = 5;
    world->config.strategy.predicted = 50;
    world->config.strategy.warmup = 10;
    world->config.strategy.sweep = 3;
    world->config.strategy.steps = 5;
    for (int i = 0; i < 8; i++) {
        world->config.strategy.name = (char *)(uintptr_t)strategies[i];
        world->config.strategy.plain = i == 0;
        world->config.strategy.generations = i == 6 ? 3 : 6;
        size_t want = world_run_new(world, told_once);
        for (size_t stop = 0; stop <= want; stop += 3) {
            size_t got = run_with_restart(world, stop, told_again);
            world_assert_all_same(told_again, got, told_once, want);
        }
    }
}

/* Runs a table study until a snapshot is due after more than `least` tells. */
static size_t run_to_snapshot(struct study *study, size_t least)
{
    size_t told = 0;
    do {
        study_pump(study, SIZE_MAX);
        while (study_told(study, told_once))
            told++;
    } while (told <= least || !study_snapshot_due(study));
    return told;
}

static struct study *copy_study(const struct world *world, const struct study *study)
{
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    struct study *copy = world_study(world);
    assert_ok(study_save(study, &data, &size, &status), status);
    assert_ok(study_load(copy, data, size, &status), status);
    free(data);
    return copy;
}

static void counts_and_best_survive_a_restart(void **state)
{
    struct world *world = *state;
    world->config.strategy.plain = true;
    struct study *study = world_study(world);
    run_to_snapshot(study, 100);
    struct study *copy = copy_study(world, study);
    struct study_counts want = world_counts(study), got = world_counts(copy);
    assert_true(got.asked == want.asked);
    assert_true(got.told == want.told);
    assert_true(got.distinct == want.distinct);
    assert_true(got.cached == want.cached);
    assert_true(got.skipped == want.skipped);
    assert_true(got.total == want.total);
    assert_int_equal(got.generation, want.generation);
    world_assert_same(study_best(copy), study_best(study));
    study_close(study);
    study_close(copy);
}

static void the_next_snapshot_is_due_at_the_same_tell_after_a_restart(void **state)
{
    struct world *world = *state;
    struct study *study = world_study(world);
    run_to_snapshot(study, 170); /* the next generation of 19 is less than an eighth of that */
    struct study *copy = copy_study(world, study);
    assert_int_equal(run_to_snapshot(copy, 0), run_to_snapshot(study, 0));
    study_close(study);
    study_close(copy);
}

static void snapshots_are_due_ever_more_seldom(void **state)
{
    struct world *world = *state;
    size_t told = 0, last = 0, due = 0;
    world->config.strategy.generations = 100;
    struct study *study = world_study(world);
    while (!study_finished(study)) {
        study_pump(study, SIZE_MAX);
        while (study_told(study, told_once)) {
            told++;
            if (!study_snapshot_due(study))
                continue;
            assert_true((told - last) * 8 >= last);
            last = told;
            due++;
        }
    }
    assert_true(due > 20);
    assert_true(due < 50);
    assert_true((told - last) * 8 <= told);
    study_close(study);
}

static void a_replay_that_comes_out_otherwise_is_a_conflict(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    world_run_new(world, told_once);
    struct study *study = world_study(world);
    assert_ok(study_replay(study, &told_once[0], &status), status);
    assert_int_equal(study_replay(study, &told_once[2], &status), STATUS_CONFLICT);
    study_close(study);
    world->config.seed++;
    study = world_study(world);
    assert_int_equal(study_replay(study, &told_once[0], &status), STATUS_CONFLICT);
    assert_non_null(strstr(status.message, told_once[0].arch_text));
    study_close(study);
}

static void a_damaged_snapshot_is_refused_or_read_but_never_crashes(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    struct rng rng;
    void *data = NULL;
    size_t size = 0;
    world->config.strategy.generations = 3;
    world_evaluate_outside(world); /* no tables to load each time */
    struct study *study = world_study(world);
    world_run(study, told_once);
    assert_ok(study_save(study, &data, &size, &status), status);
    study_close(study);
    rng_seed(&rng, 11);
    for (int round = 0; round < 1000; round++) {
        char *bytes = malloc(size);
        memcpy(bytes, data, size);
        bytes[rng_below(&rng, size)] = "0123456789abcdef\"{}[],:-x"[rng_below(&rng, 25)];
        study = world_study(world);
        if (study_load(study, bytes, round % 2 == 0 ? size : rng_below(&rng, size), &status) == STATUS_OK)
            study_pump(study, 100);
        else
            assert_int_equal(status.code, STATUS_BAD_INPUT);
        study_close(study);
        free(bytes);
    }
    free(data);
}

/* --- files and settings --- */

static void looking_up_says_what_a_search_is_told(void **state)
{
    static struct study_candidate told[WORLD_TOLD_MAX];
    struct world *world = *state;
    struct study *study = world_study(world);
    struct strategy_result looked_up;
    size_t count = world_run(study, told);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(study_look_up(study, &told[i].arch, &looked_up), told[i].result.feasible);
        assert_true(looked_up.fitness == told[i].result.fitness);
        assert_true(!looked_up.feasible || looked_up.costs[0] == told[i].result.costs[0]);
    }
    study_close(study);
}

static void the_files_of_a_study_are_named_with_their_digests(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    const char *role, *path;
    const struct digest *digest;
    struct digest want;
    void *data = NULL;
    size_t size = 0;
    struct study *study = world_study(world);
    assert_ok(fileio_read(world->path, 1 << 24, &data, &size, &status), status);
    digest_of(data, size, &want);
    free(data);
    assert_int_equal(study_file_count(study), 2);
    study_file(study, 0, &role, &path, &digest);
    assert_string_equal(role, "costs.0.file");
    assert_string_equal(path, world->path);
    assert_memory_equal(digest, &want, sizeof want);
    study_file(study, 1, &role, &path, &digest);
    assert_string_equal(role, "fitness.file");
    study_close(study);
}

static void a_study_that_cannot_be_opened_says_why(void **state)
{
    struct world *world = *state;
    struct study *study = NULL;
    struct status status = {0};
    world->costs[0].column = "latency";
    assert_int_equal(study_open(&world->config, &world->space, NULL, &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "cost latency_ms"));
    world_evaluate_outside(world);
    assert_int_equal(study_open(&world->config, &world->space, NULL, &study, &status), STATUS_BAD_INPUT);
    world->config.fitness.protocol = "rmi-slow";
    assert_int_equal(study_open(&world->config, &world->space, &(struct study_inputs){.bundle = &world->bundle}, &study, &status),
                     STATUS_NOT_FOUND);
    world->config.fitness.protocol = "rmi-full";
    world->config.fitness.combine = "macs";
    assert_int_equal(study_open(&world->config, &world->space, &(struct study_inputs){.bundle = &world->bundle}, &study, &status),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "cannot be combined"));
    world->config.fitness.combine = "none";
    world->costs[0].source = CONFIG_COST_MACS;
    world->config.network.channels = 0;
    assert_int_equal(study_open(&world->config, &world->space, &(struct study_inputs){.bundle = &world->bundle}, &study, &status),
                     STATUS_BAD_INPUT);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(a_table_study_ends_by_itself_with_every_ask_told_in_order),
        in_world(fitness_and_cost_are_those_of_the_exact_architecture),
        in_world(asked_is_distinct_and_cached_and_skipped),
        in_world(what_is_disconnected_or_has_no_cost_is_infeasible_without_evaluation),
        in_world(the_budget_of_distinct_evaluations_ends_the_search),
        in_world(a_search_in_which_nothing_can_be_evaluated_ends),
        in_world(the_best_is_the_fittest_that_satisfies_then_the_cheapest_then_the_first),
        in_world(a_cost_table_with_negative_values_is_refused),
        in_world(macs_and_parameters_are_those_of_the_benchmark),
        in_world(each_key_is_wanted_once),
        in_world(isomorphic_cells_share_key_and_value),
        in_world(nothing_is_told_before_all_its_parts_are_there),
        in_world(the_order_of_arrival_changes_nothing),
        in_world(a_value_that_is_not_a_number_is_infeasible),
        in_world(unknown_keys_are_ignored),
        in_world(draws_have_seeds_of_their_own_which_stay),
        in_world(keys_change_with_what_the_value_depends_on_and_with_nothing_else),
        in_world(combining_changes_the_fitness_and_nothing_that_is_wanted),
        in_world(a_second_network_is_a_second_want_and_the_candidate_waits_for_both),
        in_world(without_its_second_score_a_candidate_is_infeasible),
        cmocka_unit_test(measurements_are_keyed_by_the_version_that_agents_measure_by),
        in_world(one_measurement_gives_latency_and_energy),
        in_world(without_its_energy_a_candidate_is_infeasible),
        in_world(a_held_candidate_is_told_after_its_release_alone),
        in_world(holding_back_changes_nothing_of_what_is_found),
        in_world(studies_that_share_tables_find_what_each_finds_alone),
        in_world(a_restart_after_any_tell_ends_with_the_same_candidates),
        in_world(counts_and_best_survive_a_restart),
        in_world(the_next_snapshot_is_due_at_the_same_tell_after_a_restart),
        in_world(snapshots_are_due_ever_more_seldom),
        in_world(a_replay_that_comes_out_otherwise_is_a_conflict),
        in_world(a_damaged_snapshot_is_refused_or_read_but_never_crashes),
        in_world(looking_up_says_what_a_search_is_told),
        in_world(the_files_of_a_study_are_named_with_their_digests),
        in_world(a_study_that_cannot_be_opened_says_why),
    };
    return TEST_RUN(tests);
}
