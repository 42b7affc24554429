/* finals: the best of a search are scored once more when it has ended, by fresh draws alone; the search itself does not change, and
 * a restart in the middle ends the same. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/combine.h"
#include "master/finals.h"
#include "master/study_key.h"
#include "tests/support/study_world.h"

enum { FINALISTS = 5, BUDGET = 40 };

static struct study_candidate plain[WORLD_TOLD_MAX], told[WORLD_TOLD_MAX];

static const struct combine_finals *recipe(void)
{
    const struct combine_finals *found =
        combine_finals("nb201", protocol_kept_name("nb201", "rmi-fast", false), combine_finals_kept_name("final"));
    assert_non_null(found);
    return found;
}

/* RMI fitness, latency from the table with its limit, so many finalists. */
static void with_finals(struct world *world, uint32_t finalists)
{
    world->config.fitness.source = CONFIG_FITNESS_RMI;
    world->config.fitness.protocol = (char *)(uintptr_t)protocol_kept_name("nb201", "rmi-fast", false);
    world->config.fitness.finals = (char *)(uintptr_t)combine_finals_kept_name("final");
    world->config.fitness.finalists = finalists;
    world->config.budget.evaluations = BUDGET;
}

/* phi of a training: of the architecture, the network and the weights. The cell with a bad draw: in that one it trains badly. */
static struct study_value training(const struct study_want *want)
{
    struct digest_stream stream;
    struct digest digest;
    struct rng rng;
    digest_begin(&stream);
    digest_text(&stream, want->arch_text);
    digest_text(&stream, want->protocol.name);
    digest_u64(&stream, want->seed);
    digest_end(&stream, &digest);
    digest_rng(&digest, &rng);
    return (struct study_value){.feasible = true, .value = 2.5 + 0.4 * rng_uniform(&rng)};
}

/* Runs on with every want answered; wants of other seeds than the study's are the finals'. Returns how many were told in all. */
static size_t run(const struct world *world, struct study *study, size_t already, size_t *finals_wants)
{
    size_t count = already;
    struct study_want want;
    *finals_wants = 0;
    while (!study_finished(study)) {
        study_pump(study, 7);
        while (study_want(study, &want)) {
            bool final = want.seed != world->config.seed;
            assert_true(world_counts(study).finals == final);
            *finals_wants += final;
            struct study_value value = training(&want);
            study_provide(study, want.key, &value);
        }
        while (study_told(study, &told[count]))
            count++;
    }
    return count;
}

/* Final score of what was told, from its draws one by one. */
static double score_by_hand(const struct world *world, const struct study_candidate *candidate)
{
    double phi[COMBINE_FINAL_DRAWS_MAX], macs;
    size_t count = 0;
    for (uint32_t draw = 1; draw <= recipe()->draws; draw++) {
        struct study_want want = {.seed = study_key_draw_seed(world->config.seed, draw)};
        assert_int_equal(protocol_preset("nb201", recipe()->protocol, &want.protocol, NULL), STATUS_OK);
        memcpy(want.arch_text, candidate->canonical_text, sizeof want.arch_text);
        phi[count++] = training(&want).value;
    }
    assert_int_equal(study_exact_macs(&world->space, &candidate->arch, &macs, NULL), STATUS_OK);
    return combine_final(recipe(), phi, macs);
}

/* Places in `told` of the best FINALISTS of different canonical cells, found by sorting in mind. Returns how many. */
static size_t best_of(const struct world *world, size_t count, size_t limit, size_t *places)
{
    size_t found = 0;
    for (size_t n = 0; n < limit; n++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < count; i++) {
            bool taken = !told[i].satisfies;
            for (size_t k = 0; k < found; k++)
                taken |= strcmp(told[places[k]].canonical_text, told[i].canonical_text) == 0;
            if (!taken && (best == SIZE_MAX || study_better(&world->config, &told[i], &told[best])))
                best = i;
        }
        if (best != SIZE_MAX)
            places[found++] = best;
    }
    return found;
}

static void the_search_is_the_same_with_and_without_finals(void **state)
{
    struct world *world = *state;
    size_t wants, finals;
    with_finals(world, 0);
    struct study *study = world_study(world);
    size_t count = run(world, study, 0, &wants);
    assert_int_equal(wants, 0);
    assert_int_equal(study_final_trainings(study), 0);
    assert_null(study_final(study, &(double){0}));
    memcpy(plain, told, count * sizeof *told);
    study_close(study);
    with_finals(world, FINALISTS);
    study = world_study(world);
    size_t again = run(world, study, 0, &finals);
    world_assert_all_same(told, again, plain, count);
    assert_int_equal(finals, FINALISTS * recipe()->draws);
    struct study_counts counts = world_counts(study);
    assert_int_equal(counts.distinct, BUDGET);
    assert_int_equal(counts.finalists, FINALISTS);
    assert_int_equal(counts.finals_scored, FINALISTS);
    study_close(study);
}

/* Nothing of what the finalists were chosen by is used again. */
static void the_highest_final_score_among_the_best_is_the_answer(void **state)
{
    struct world *world = *state;
    size_t wants, places[FINALISTS], best = SIZE_MAX;
    double score, highest = -INFINITY;
    with_finals(world, FINALISTS);
    struct study *study = world_study(world);
    size_t count = run(world, study, 0, &wants), found = best_of(world, count, FINALISTS, places);
    assert_int_equal(found, FINALISTS);
    for (size_t i = 0; i < found; i++) {
        double now = score_by_hand(world, &told[places[i]]);
        best = now > highest ? places[i] : best;
        highest = fmax(highest, now);
    }
    const struct study_candidate *final = study_final(study, &score);
    assert_non_null(final);
    assert_string_equal(final->arch_text, told[best].arch_text);
    assert_near(score, highest, 0, 1e-12);
    assert_string_not_equal(final->arch_text, study_best(study)->arch_text); /* else the test says nothing */
    study_close(study);
}

static void every_draw_has_a_seed_of_its_own(void **state)
{
    struct world *world = *state;
    struct study_want want, wants[COMBINE_FINAL_DRAWS_MAX];
    size_t count = 0;
    with_finals(world, 1);
    world->config.budget.evaluations = 10;
    struct study *study = world_study(world);
    while (!world_counts(study).finals) {
        study_pump(study, SIZE_MAX);
        while (study_want(study, &want)) {
            if (want.seed != world->config.seed)
                wants[count++] = want;
            else
                study_provide(study, want.key, &(struct study_value){.feasible = true, .value = 2});
        }
        while (study_told(study, told))
            continue;
    }
    while (study_want(study, &want))
        wants[count++] = want;
    assert_int_equal(count, recipe()->draws);
    for (uint32_t at = 0; at < recipe()->draws; at++) {
        assert_string_equal(wants[at].protocol.name, recipe()->protocol);
        assert_true(wants[at].seed == study_key_draw_seed(world->config.seed, at + 1));
        assert_string_equal(wants[at].arch_text, wants[0].arch_text);
        for (size_t other = 0; other < at; other++)
            assert_string_not_equal(wants[other].key, wants[at].key);
    }
    study_close(study);
}

/* The one that would win, and then all of them. */
static void who_cannot_be_scored_does_not_win(void **state)
{
    struct world *world = *state;
    size_t wants;
    double score;
    char winner[ARCH_TEXT_BYTES];
    with_finals(world, FINALISTS);
    struct study *study = world_study(world);
    run(world, study, 0, &wants);
    memcpy(winner, study_final(study, &score)->canonical_text, sizeof winner);
    study_close(study);
    for (int all = 0; all < 2; all++) {
        struct study_want want;
        study = world_study(world);
        while (!study_finished(study)) {
            study_pump(study, SIZE_MAX);
            while (study_want(study, &want)) {
                struct study_value value = training(&want);
                bool spoilt = all != 0 || strcmp(want.arch_text, winner) == 0;
                value.feasible = want.seed == world->config.seed || !spoilt;
                study_provide(study, want.key, &value);
            }
            while (study_told(study, told))
                continue;
        }
        const struct study_candidate *final = study_final(study, &score);
        assert_true((final == NULL) == (all != 0));
        if (final != NULL)
            assert_string_not_equal(final->canonical_text, winner);
        assert_int_equal(world_counts(study).finals_scored, FINALISTS);
        study_close(study);
    }
}

static void fewer_than_wanted_are_all_finalists_and_none_is_no_obstacle(void **state)
{
    struct world *world = *state;
    size_t wants;
    double score;
    with_finals(world, 1000);
    struct study *study = world_study(world);
    size_t count = run(world, study, 0, &wants), *places = calloc(count, sizeof *places);
    assert_non_null(places);
    size_t found = best_of(world, count, count, places);
    assert_true(found > 1 && found < count);
    assert_int_equal(world_counts(study).finalists, found);
    assert_int_equal(wants, found * recipe()->draws);
    free(places);
    study_close(study);
    world->costs[0].max = 1e-6;
    study = world_study(world);
    run(world, study, 0, &wants);
    assert_int_equal(wants, 0);
    assert_int_equal(world_counts(study).finalists, 0);
    assert_null(study_final(study, &score));
    study_close(study);
}

/* Offers six candidates, two of one evaluation, the last of which satisfies only backwards. */
static void offer_six(const struct world *world, bool backwards, struct finals *finals)
{
    static const double fitness[] = {1, 2, 2, 3, 0, 4}, costs[] = {5, 9, 7, 5, 1, 6};
    static const char *const keys[] = {"a", "b", "b", "c", "d", "e"};
    struct status status;
    assert_ok(finals_open(finals, &world->config, &world->space, &world->bundle, &status), status);
    for (size_t n = 0; n < 6; n++) {
        size_t i = backwards ? 5 - n : n;
        struct study_candidate candidate = {.satisfies = i != 5 || backwards, .result = {true, fitness[i], {costs[i]}}};
        snprintf(candidate.fitness_key, sizeof candidate.fitness_key, "%s", keys[i]);
        finals_offer(finals, &candidate);
    }
}

static void assert_finalists(const struct finals *finals, const char *keys)
{
    assert_int_equal(finals->count, strlen(keys));
    for (size_t i = 0; i < finals->count; i++) {
        assert_true(finals->list[i].fitness_key[0] == keys[i]);
        if (keys[i] == 'b')
            assert_near(finals->list[i].result.costs[0], 7, 0, 0);
    }
}

/* Isomorphic cells have one evaluation; the better by its cost stands for both, whichever was told first. */
static void isomorphic_candidates_are_one_finalist(void **state)
{
    struct world *world = *state;
    static const char *const want[2][2] = {{"cba", "cbad"}, {"ecb", "ecbad"}};
    for (int room = 0; room < 2; room++) {
        for (int backwards = 0; backwards < 2; backwards++) {
            struct finals finals;
            with_finals(world, room ? 5 : 3);
            offer_six(world, backwards, &finals);
            assert_finalists(&finals, want[backwards][room]);
            finals_close(&finals);
        }
    }
}

/* A restart after every so many answers: what is known is not wanted again, and the answer is the same to the last bit. */
static void a_restart_in_the_finals_ends_the_same(void **state)
{
    struct world *world = *state;
    struct status status;
    size_t wants, none;
    double score, again;
    with_finals(world, FINALISTS);
    struct study *study = world_study(world);
    size_t count = run(world, study, 0, &wants);
    const struct study_candidate want = *study_final(study, &score);
    study_close(study);
    memcpy(plain, told, count * sizeof *told);
    for (size_t saved = 0; saved < 2; saved++) { /* from the last snapshot, or all from the beginning */
        void *data = NULL;
        size_t size = 0;
        uint64_t from = 0;
        struct study_want one;
        study = world_study(world);
        for (size_t i = 0; saved == 1 && i < count;) {
            study_pump(study, SIZE_MAX);
            while (study_want(study, &one)) {
                struct study_value value = training(&one);
                study_provide(study, one.key, &value);
            }
            while (study_told(study, &told[i])) {
                i++;
                if (!study_snapshot_due(study))
                    continue;
                free(data);
                assert_ok(study_save(study, &data, &size, &status), status);
                from = i;
            }
        }
        study_close(study);
        study = world_study(world);
        if (saved == 1) {
            assert_true(from > 0);
            assert_ok(study_load(study, data, size, &status), status);
        }
        for (size_t i = from; i < count; i++)
            assert_ok(study_replay(study, &plain[i], &status), status);
        run(world, study, count, &none);
        assert_int_equal(none, wants);
        world_assert_same(study_final(study, &again), &want);
        assert_true(again == score);
        study_close(study);
        free(data);
    }
}

static void finals_that_are_not_known_are_refused(void **state)
{
    struct world *world = *state;
    struct study *study = NULL;
    struct status status;
    with_finals(world, FINALISTS);
    world->config.fitness.finals = "nonsense";
    const struct study_inputs inputs = {.bundle = &world->bundle};
    assert_int_equal(study_open(&world->config, &world->space, &inputs, &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "nonsense"));
    assert_null(study);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(the_search_is_the_same_with_and_without_finals),
        in_world(the_highest_final_score_among_the_best_is_the_answer),
        in_world(every_draw_has_a_seed_of_its_own),
        in_world(who_cannot_be_scored_does_not_win),
        in_world(fewer_than_wanted_are_all_finalists_and_none_is_no_obstacle),
        in_world(isomorphic_candidates_are_one_finalist),
        in_world(a_restart_in_the_finals_ends_the_same),
        in_world(finals_that_are_not_known_are_refused),
    };
    return TEST_RUN(tests);
}
