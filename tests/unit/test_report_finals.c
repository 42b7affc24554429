/* report_finals: finalists and final scores out of the rows of a store, in every state the finals may be in. */
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "common/combine.h"
#include "common/protocol.h"
#include "common/space.h"
#include "master/report.h"
#include "master/study_key.h"
#include "tests/support/store_case.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char settings[] = "name: s\nspace: nb201\n"
                               "fitness: {source: rmi, bundle: /ref.bundle, protocol: rmi-fast-2, combine: macs+deep, finalists: 2,"
                               " finals: final-1}\n"
                               "costs: [{name: latency_ms, source: table, file: /b.csv, max: 4}]\nseed: 9\n";
static const char files[] = "{\"fitness.bundle\":{\"path\":\"/ref.bundle\",\"digest\":\"" DIGEST "\"}}";

/* Of the same MACs each; the second is over the limit. */
static const struct {
    const char *arch;
    double fitness, latency_ms;
} cells[] = {{"|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|", 0, 3},
             {"|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|", 4, 5},
             {"|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|skip_connect~1|none~2|", 1, 3},
             {"|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|none~2|", 3, 2},
             {"|nor_conv_3x3~0|+|none~0|none~1|+|avg_pool_3x3~0|skip_connect~1|none~2|", 2, 1}};
enum { BY_SEARCH = 3, SECOND = 4, CELLS = sizeof cells / sizeof cells[0] };

struct place {
    char db[64];
    struct space space;
    struct store *store;
    int64_t id;
    int changed; /* rows put so far */
};

static void canonical_of(const struct place *place, int cell, struct arch *arch, char text[ARCH_TEXT_BYTES])
{
    struct status status;
    struct arch exact;
    assert_ok(space_parse(&place->space, cells[cell].arch, &exact, &status), status);
    space_canonical(&place->space, &exact, arch);
    space_print(&place->space, arch, text);
}

static void put_candidate(struct place *place, int cell)
{
    struct status status;
    struct study_candidate candidate = {.ask = (uint64_t)cell, .told = (uint64_t)cell, .connected = true};
    struct arch canonical;
    candidate.result =
        (struct strategy_result){.feasible = true, .fitness = cells[cell].fitness, .costs = {cells[cell].latency_ms}};
    candidate.satisfies = cells[cell].latency_ms <= 4;
    assert_ok(space_parse(&place->space, cells[cell].arch, &candidate.arch, &status), status);
    snprintf(candidate.arch_text, sizeof candidate.arch_text, "%s", cells[cell].arch);
    canonical_of(place, cell, &canonical, candidate.canonical_text);
    snprintf(candidate.fitness_key, sizeof candidate.fitness_key, "%064d", cell);
    assert_ok(store_candidate_put(place->store, place->id, &candidate, 1, &status), status);
}

static int open_place(void **state)
{
    static struct place place;
    struct status status;
    const struct store_study study = {
        .name = "s", .settings = (char *)(uintptr_t)settings, .files = (char *)(uintptr_t)files, .state = STORE_STUDY_RUNNING};
    place = (struct place){.db = "/tmp/hwnas-test-finals-XXXXXX"};
    int file = mkstemp(place.db);
    if (file < 0)
        return -1;
    close(file);
    unlink(place.db);
    assert_ok(space_open("nb201", &place.space, &status), status);
    assert_ok(store_open(place.db, STORE_WRITE, &place.store, &status), status);
    assert_ok(store_begin(place.store, &status), status);
    assert_ok(store_study_create(place.store, &study, &place.id, &status), status);
    for (int cell = 0; cell < CELLS; cell++)
        put_candidate(&place, cell);
    assert_ok(store_commit(place.store, &status), status);
    *state = &place;
    return 0;
}

static int close_place(void **state)
{
    struct place *place = *state;
    store_close(place->store);
    space_close(&place->space);
    unlink(place->db);
    return 0;
}

static const struct combine_finals *recipe(void)
{
    return combine_finals("nb201", "rmi-fast-2", "final-1");
}

/* The rows of a finalist's draws from the first on, each with that phi; NAN: infeasible. */
static void put_draws(struct place *place, int cell, unsigned count, double phi)
{
    struct config_study config = {.space = "nb201"};
    struct status status;
    struct digest bundle, digest;
    struct protocol protocol;
    assert_int_equal(digest_parse(DIGEST, &bundle), 0);
    assert_ok(store_begin(place->store, &status), status);
    assert_ok(protocol_preset("nb201", recipe()->protocol, &protocol, &status), status);
    protocol_digest(&protocol, &digest);
    for (uint32_t draw = 1; draw <= count; draw++) {
        struct store_evaluation row = case_evaluation(place->changed++);
        struct arch arch;
        bool inserted;
        canonical_of(place, cell, &arch, row.arch);
        study_key_rmi(&config, row.arch, &bundle, &digest, study_key_draw_seed(9, draw), row.key);
        row.feasible = !isnan(phi);
        row.value = phi;
        snprintf(row.why_not, sizeof row.why_not, "%s", row.feasible ? "" : "a loss that is not finite");
        assert_ok(store_evaluation_put(place->store, &row, &inserted, &status), status);
        assert_true(inserted);
    }
    assert_ok(store_commit(place->store, &status), status);
}

static void finish(struct place *place)
{
    struct status status;
    assert_ok(store_begin(place->store, &status), status);
    assert_ok(store_study_update(place->store, place->id, STORE_STUDY_FINISHED, 1, 2, &status), status);
    assert_ok(store_commit(place->store, &status), status);
}

static struct report load(struct place *place)
{
    struct report report;
    struct status status;
    assert_ok(report_load(place->store, "s", &report, &status), status);
    assert_non_null(report.finals);
    assert_int_equal(report.finals->count, 2);
    return report;
}

static char *printed(const struct report *report, enum cli_format format)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report_print(report, format, out);
    fclose(out);
    return text;
}

static void the_final_scores_choose_when_all_are_there(void **state)
{
    struct place *place = *state;
    unsigned draws = recipe()->draws;
    put_draws(place, BY_SEARCH, draws, 2.6);
    put_draws(place, SECOND, draws, 2.8);
    finish(place);
    struct report report = load(place);
    assert_int_equal(report.finals->scored, 2);
    assert_string_equal(report.best->arch, cells[BY_SEARCH].arch);
    assert_string_equal(report.final->point.arch, cells[SECOND].arch);
    assert_int_equal(report.final->place, 2);
    double phi[COMBINE_FINAL_DRAWS_MAX], macs;
    struct arch arch;
    char text[ARCH_TEXT_BYTES];
    for (unsigned i = 0; i < draws; i++)
        phi[i] = 2.8;
    canonical_of(place, SECOND, &arch, text);
    assert_int_equal(study_exact_macs(&place->space, &arch, &macs, NULL), STATUS_OK);
    assert_near(report.final->score, combine_final(recipe(), phi, macs), 0, 1e-12);
    assert_near(report.final->point.costs[0], 1, 0, 0);
    report_free(&report);
}

static void json_has_both_orders(void **state)
{
    struct place *place = *state;
    put_draws(place, BY_SEARCH, recipe()->draws, 2.6);
    put_draws(place, SECOND, recipe()->draws, 2.8);
    finish(place);
    struct report report = load(place);
    char *text = printed(&report, CLI_JSON);
    json_error_t error;
    json_t *whole = json_loads(text, 0, &error);
    const char *best, *final, *first;
    int place_of, in_all, scored;
    double score, fitness;
    assert_non_null(whole);
    assert_int_equal(json_unpack_ex(whole, &error, 0, "{s:{s:s}, s:{s:s, s:i, s:F, s:F}, s:{s:i, s:i, s:[{s:s},{}]}}", "best",
                                    "arch", &best, "final", "arch", &final, "place", &place_of, "final", &score, "fitness",
                                    &fitness, "finalists", "in_all", &in_all, "scored", &scored, "list", "arch", &first),
                     0);
    assert_string_equal(best, cells[BY_SEARCH].arch);
    assert_string_equal(final, cells[SECOND].arch);
    assert_string_equal(first, final);
    assert_int_equal(place_of, 2);
    assert_int_equal(in_all, 2);
    assert_int_equal(scored, 2);
    assert_near(fitness, 2, 0, 0);
    assert_near(score, report.final->score, 0, 0);
    json_decref(whole);
    free(text);
    report_free(&report);
}

static void tables_and_csv_have_a_column_for_final_scores(void **state)
{
    struct place *place = *state;
    put_draws(place, BY_SEARCH, recipe()->draws, 2.6);
    put_draws(place, SECOND, recipe()->draws, 2.8);
    finish(place);
    struct report report = load(place);
    char *text = printed(&report, CLI_TABLE), *csv = printed(&report, CLI_CSV), last[32], ending[48];
    assert_non_null(strstr(text, "chosen by the finals, of the 2 best\n"));
    assert_non_null(strstr(text, "2 of 2 finalists scored once more\n"));
    assert_non_null(strstr(text, "best by the search's own score\n"));
    assert_int_equal(strncmp(csv, "arch,fitness,latency_ms,final\n", 30), 0);
    report_number(report.finals->list[1].score, last); /* the front ends with the one of higher fitness */
    snprintf(ending, sizeof ending, ",3,2,%s\n", last);
    assert_non_null(strstr(csv, ending));
    free(text);
    free(csv);
    report_free(&report);
}

static void before_the_study_is_finished_nobody_is_chosen(void **state)
{
    struct place *place = *state;
    struct report report = load(place);
    assert_int_equal(report.finals->scored, 0);
    char *text = printed(&report, CLI_TABLE);
    assert_null(strstr(text, "finalists"));
    free(text);
    report_free(&report);
    put_draws(place, SECOND, recipe()->draws, 2.8);
    report = load(place);
    assert_int_equal(report.finals->scored, 1);
    assert_null(report.final);
    text = printed(&report, CLI_TABLE);
    assert_non_null(strstr(text, "1 of 2 finalists scored once more; who is chosen is known when all are\n"));
    free(text);
    text = printed(&report, CLI_JSON);
    assert_non_null(strstr(text, ",\"final\":null,\"finalists\":{\"in_all\":2,\"scored\":1,"));
    free(text);
    report_free(&report);
}

/* A draw that nobody could compute has no row; one that ended in NaN has an infeasible one. */
static void who_lacks_a_draw_is_not_chosen(void **state)
{
    struct place *place = *state;
    put_draws(place, SECOND, recipe()->draws - 1, 2.9);
    put_draws(place, BY_SEARCH, recipe()->draws, 2.1);
    finish(place);
    struct report report = load(place);
    assert_string_equal(report.final->point.arch, cells[BY_SEARCH].arch);
    assert_int_equal(report.finals->scored, 1);
    assert_true(isnan(report.finals->list[1].score));
    char *text = printed(&report, CLI_JSON);
    assert_non_null(strstr(text, "\"place\":2,\"final\":null}"));
    free(text);
    report_free(&report);
}

static void when_none_could_be_scored_the_search_s_best_is_all_there_is(void **state)
{
    struct place *place = *state;
    put_draws(place, SECOND, recipe()->draws, NAN);
    put_draws(place, BY_SEARCH, recipe()->draws, NAN);
    finish(place);
    struct report report = load(place);
    assert_int_equal(report.finals->scored, 2);
    assert_int_equal(report.finals->list[0].place, 1);
    assert_null(report.final);
    assert_string_equal(report.best->arch, cells[BY_SEARCH].arch);
    report_free(&report);
}

static void files_without_a_bundle_are_refused(void **state)
{
    struct place *place = *state;
    struct report report;
    struct status status;
    int64_t id;
    const struct store_study other = {
        .name = "other", .settings = (char *)(uintptr_t)settings, .files = "{}", .state = STORE_STUDY_RUNNING};
    assert_ok(store_begin(place->store, &status), status);
    assert_ok(store_study_create(place->store, &other, &id, &status), status);
    assert_ok(store_commit(place->store, &status), status);
    assert_int_equal(report_load(place->store, "other", &report, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "names no bundle"));
}

#define in_place(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_place(the_final_scores_choose_when_all_are_there),
        in_place(json_has_both_orders),
        in_place(tables_and_csv_have_a_column_for_final_scores),
        in_place(before_the_study_is_finished_nobody_is_chosen),
        in_place(who_lacks_a_draw_is_not_chosen),
        in_place(when_none_could_be_scored_the_search_s_best_is_all_there_is),
        in_place(files_without_a_bundle_are_refused),
    };
    return TEST_RUN(tests);
}
