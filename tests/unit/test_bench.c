/* bench: whole matrices in a made-up world (study_world.h), against what can be worked out by looking at all of it. */
#include <math.h>
#include <string.h>

#include "master/bench.h"
#include "master/bench_summary.h"
#include "tests/support/study_world.h"

struct fixture {
    struct world *world;
    char study[300]; /* path of the study file */
    struct bench_options options;
    struct bench_matrix matrix;
    const char *overrides[4];
};

static int fixture_open(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    void *world = NULL;
    if (fixture == NULL || world_open(&world) != 0)
        return -1;
    fixture->world = world;
    snprintf(fixture->study, sizeof fixture->study, "%s.yaml", fixture->world->path);
    FILE *out = fopen(fixture->study, "w");
    if (out == NULL)
        return -1;
    fprintf(out,
            "name: made-up\nspace: nb201\nstrategy: {generations: 15}\nnetwork: {cells: 1}\n"
            "fitness: {source: table, file: %s, column: accuracy}\ncosts: [{name: latency_ms, source: table, file: %s}]\n",
            fixture->world->path, fixture->world->path);
    fclose(out);
    fixture->options = (struct bench_options){.study_path = fixture->study, .overrides = fixture->overrides, .seeds = 3};
    fixture->options.times = (struct bench_times){.measurement_s = 10, .spread = 0.3, .cluster = {.workers = 10, .slow_board = 1}};
    *state = fixture;
    return 0;
}

static int fixture_close(void **state)
{
    struct fixture *fixture = *state;
    void *world = fixture->world;
    unlink(fixture->study);
    bench_matrix_free(&fixture->matrix);
    free(fixture);
    return world_close(&world);
}

static void over(struct fixture *fixture, const char *text)
{
    struct status status = {0};
    assert_ok(bench_matrix_add(&fixture->matrix, text, &status), status);
}

static void open_bench(struct fixture *fixture, struct bench *bench)
{
    struct status status = {0};
    assert_ok(bench_open(&fixture->options, &fixture->matrix, bench, &status), status);
}

static void no_progress(void *context, size_t done, size_t all)
{
    (void)context;
    assert_true(done <= all);
}

static bool constant(void *context)
{
    return *(bool *)context;
}

static enum status_code go(struct bench *bench, uint32_t threads, bool interrupted, struct status *status)
{
    return bench_go(bench, threads, &(struct bench_watch){no_progress, constant, &interrupted}, status);
}

static void run_bench(struct fixture *fixture, struct bench *bench, uint32_t threads)
{
    struct status status = {0};
    open_bench(fixture, bench);
    assert_ok(go(bench, threads, false, &status), status);
}

static void refused(struct fixture *fixture, const char *why)
{
    struct bench bench;
    struct status status = {0};
    assert_int_not_equal(bench_open(&fixture->options, &fixture->matrix, &bench, &status), STATUS_OK);
    if (strstr(status.message, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", status.message, why);
    bench_close(&bench);
}

/* --- what there is to be found --- */

static struct arch cell(int number)
{
    struct arch arch = {.length = 6};
    for (int edge = 0; edge < 6; edge++, number /= 5)
        arch.genes[edge] = (uint8_t)(number % 5);
    return arch;
}

/* Of all cells that are connected and have a latency (those of number 3 modulo 7 have none). */
static size_t count_within(const struct world *world, double max_ms, double *best)
{
    size_t count = 0;
    *best = 0;
    for (int number = 0; number < WORLD_CELLS; number++) {
        struct arch arch = cell(number);
        if (number % 7 == 3 || !space_connected(&world->space, &arch) || world_value(&arch, 1) > max_ms + 1e-6)
            continue;
        count++;
        *best = fmax(*best, world_value(&arch, 0));
    }
    return count;
}

static void the_best_within_a_limit_is_the_best_there_is(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    double best;
    over(fixture, "costs.0.max=6,12,20");
    open_bench(fixture, &bench);
    for (size_t i = 0; i < 3; i++) {
        const struct bench_search *search = bench_search_at(&bench, i, 0);
        assert_int_equal(search->target.feasible, count_within(fixture->world, search->config->costs[0].max, &best));
        assert_near(search->target.fitness, best, 0, 1e-5);
    }
    bench_close(&bench);
}

static void a_limit_given_as_a_share_is_the_least_that_holds_so_many(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    double best;
    static const double shares[] = {0.02, 0.5, 1};
    over(fixture, "costs.0.max=2%,50%,100%");
    open_bench(fixture, &bench);
    size_t all = count_within(fixture->world, INFINITY, &best);
    for (size_t i = 0; i < 3; i++) {
        double limit = bench_search_at(&bench, i, 0)->config->costs[0].max;
        assert_true((double)count_within(fixture->world, limit, &best) >= shares[i] * (double)all);
        assert_true((double)count_within(fixture->world, limit - 1e-4, &best) < shares[i] * (double)all);
    }
    bench_close(&bench);
}

static void searches_of_the_same_tables_share_what_is_known_of_them(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    over(fixture, "costs.0.max=6,12");
    over(fixture, "strategy.plain=true,false");
    open_bench(fixture, &bench);
    for (size_t i = 1; i < bench.search_count; i++)
        assert_ptr_equal(bench.searches[i].truth, bench.searches[0].truth);
    bench_close(&bench);
}

static void each_search_may_have_its_own_test_column(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    over(fixture, "test-column=energy_mj,latency_ms");
    run_bench(fixture, &bench, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct bench_run *run = &bench.searches[i].runs[0];
        assert_near(run->returned_test, world_value(&run->returned, i == 0 ? 2 : 1), 0, 1e-5);
    }
    bench_close(&bench);
}

static void the_true_front_has_the_whole_hypervolume_and_less_has_less(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    double ratio;
    fixture->options.reference = (struct bench_reference){.count = 2, .values = {1000, -1}};
    open_bench(fixture, &bench);
    const struct bench_target *target = &bench.searches[0].target;
    assert_true(target->front_count > 3);
    assert_true(bench_target_ratio(target, target->front, target->front_count, &ratio));
    assert_near(ratio, 1, 1e-12, 0);
    assert_true(bench_target_ratio(target, target->front, target->front_count - 1, &ratio));
    assert_true(ratio < 1);
    assert_true(bench_target_ratio(target, target->front, 0, &ratio));
    assert_true(ratio == 0);
    bench_close(&bench);
}

/* --- runs --- */

static void same_value(double a, double b)
{
    assert_true(a == b || (isnan(a) && isnan(b)));
}

static void same_run(const struct bench_run *a, const struct bench_run *b)
{
    for (enum bench_measure measure = 0; measure < BENCH_MEASURES; measure++)
        same_value(bench_measure_of(a, measure), bench_measure_of(b, measure));
    assert_true(arch_equal(&a->returned, &b->returned));
    assert_int_equal(a->sample_count, b->sample_count);
    for (size_t i = 0; i < a->sample_count; i++)
        assert_true(a->samples[i].distinct == b->samples[i].distinct && a->samples[i].regret == b->samples[i].regret &&
                    a->samples[i].seconds == b->samples[i].seconds);
    assert_int_equal(a->front_count, b->front_count);
    assert_memory_equal(a->front, b->front, 2 * a->front_count * sizeof(double));
}

static void the_number_of_threads_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct bench alone, together;
    over(fixture, "costs.0.max=5%,50%");
    over(fixture, "strategy.mode=generations,steady");
    fixture->options.times.simulated = true;
    fixture->options.times.evaluation_s = 30;
    fixture->options.times.cluster.boards = 2;
    run_bench(fixture, &alone, 1);
    run_bench(fixture, &together, 5);
    for (size_t i = 0; i < alone.search_count; i++)
        for (size_t seed = 0; seed < 3; seed++)
            same_run(&alone.searches[i].runs[seed], &together.searches[i].runs[seed]);
    bench_close(&alone);
    bench_close(&together);
}

static void a_run_is_what_the_study_finds_with_that_seed(void **state)
{
    static struct study_candidate told[WORLD_TOLD_MAX];
    struct fixture *fixture = *state;
    struct bench bench;
    fixture->overrides[0] = "costs.0.max=12";
    fixture->options.override_count = 1;
    run_bench(fixture, &bench, 2);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const struct bench_run *run = &bench.searches[0].runs[seed - 1];
        fixture->world->config.seed = seed;
        fixture->world->config.budget.evaluations = bench.searches[0].config->budget.evaluations;
        struct study *study = world_study(fixture->world);
        world_run(study, told);
        struct study_counts counts = world_counts(study);
        assert_int_equal(run->counts.asked, counts.asked);
        assert_int_equal(run->counts.distinct, counts.distinct);
        assert_true(arch_equal(&run->returned, &study_best(study)->arch));
        assert_near(run->regret, bench.searches[0].target.fitness - study_best(study)->result.fitness, 0, 1e-12);
        study_close(study);
    }
    bench_close(&bench);
}

static void samples_lead_to_the_result(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    run_bench(fixture, &bench, 2);
    for (size_t seed = 0; seed < 3; seed++) {
        const struct bench_run *run = &bench.searches[0].runs[seed];
        const struct bench_sample *last = &run->samples[run->sample_count - 1];
        for (size_t i = 1; i < run->sample_count; i++) {
            assert_true(run->samples[i].ratio >= run->samples[i - 1].ratio);
            assert_true(run->samples[i].regret <= run->samples[i - 1].regret);
        }
        assert_true(last->distinct == run->counts.distinct && last->asked == run->counts.asked);
        assert_true(last->ratio == run->ratio && last->regret == run->regret);
        assert_true(run->ratio > 0.5 && run->ratio <= 1);
    }
    bench_close(&bench);
}

static void time_changes_nothing_but_the_hours_of_a_search_by_generations(void **state)
{
    struct fixture *fixture = *state;
    struct bench at_once, timed;
    run_bench(fixture, &at_once, 2);
    fixture->options.times.simulated = true;
    fixture->options.times.evaluation_s = 60;
    run_bench(fixture, &timed, 2);
    const struct bench_run *a = &at_once.searches[0].runs[0], *b = &timed.searches[0].runs[0];
    assert_true(a->counts.asked == b->counts.asked && a->regret == b->regret && a->ratio == b->ratio);
    assert_true(isnan(a->seconds) && b->seconds > 0);
    assert_true(b->workers_busy > 0 && b->workers_busy <= 1);
    assert_near(b->speedup, 10 * b->workers_busy, 1e-9, 0);
    bench_close(&at_once);
    bench_close(&timed);
}

static void a_slow_board_holds_generations_up_more_than_a_steady_search(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    over(fixture, "strategy.mode=generations,steady");
    fixture->options.times.simulated = true;
    fixture->options.times.evaluation_s = 30;
    fixture->options.times.cluster = (struct bench_clock_settings){.workers = 10, .boards = 4, .slow_board = 8};
    run_bench(fixture, &bench, 2);
    for (size_t seed = 0; seed < 3; seed++) {
        const struct bench_run *generations = &bench.searches[0].runs[seed], *steady = &bench.searches[1].runs[seed];
        assert_true(steady->seconds / (double)steady->counts.asked < generations->seconds / (double)generations->counts.asked);
        assert_true(steady->workers_busy > generations->workers_busy);
    }
    bench_close(&bench);
}

static void a_bench_can_be_interrupted(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    struct status status = {0};
    over(fixture, "strategy.mutation=0.1,0.2,0.3");
    fixture->options.seeds = 200;
    open_bench(fixture, &bench);
    assert_int_equal(go(&bench, 2, true, &status), STATUS_UNAVAILABLE);
    bench_close(&bench);
}

static void the_run_in_the_middle_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct bench bench;
    struct bench_summary summary;
    fixture->options.seeds = 5;
    run_bench(fixture, &bench, 2);
    assert_true(bench_summarise(&bench, &bench.searches[0], &summary));
    assert_true(bench.searches[0].runs[summary.median_run].ratio == summary.of[BENCH_RATIO].median);
    assert_int_equal(summary.none, 0);
    bench_close(&bench);
}

/* --- refusals --- */

static void a_key_that_is_none_is_refused_with_the_nearest(void **state)
{
    struct fixture *fixture = *state;
    over(fixture, "strategy.mutatoin=0.1");
    refused(fixture, "mutation");
    bench_matrix_free(&fixture->matrix);
    over(fixture, "strategy.name=evrsnsa");
    refused(fixture, "evrsnas");
    bench_matrix_free(&fixture->matrix);
    over(fixture, "costs.1.max=2%");
    refused(fixture, "costs.1.max");
}

static void limits_that_nothing_satisfies_are_refused(void **state)
{
    struct fixture *fixture = *state;
    over(fixture, "costs.0.max=0.0001");
    refused(fixture, "no architecture in the tables satisfies");
}

static void a_reference_that_measures_nothing_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.reference = (struct bench_reference){.count = 2, .values = {10, 1000}};
    refused(fixture, "--reference");
    fixture->options.reference = (struct bench_reference){.count = 3, .values = {10, 1, 1}};
    refused(fixture, "2 are needed");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(the_best_within_a_limit_is_the_best_there_is),
        IN_WORLD(a_limit_given_as_a_share_is_the_least_that_holds_so_many),
        IN_WORLD(searches_of_the_same_tables_share_what_is_known_of_them),
        IN_WORLD(each_search_may_have_its_own_test_column),
        IN_WORLD(the_true_front_has_the_whole_hypervolume_and_less_has_less),
        IN_WORLD(the_number_of_threads_changes_nothing),
        IN_WORLD(a_run_is_what_the_study_finds_with_that_seed),
        IN_WORLD(samples_lead_to_the_result),
        IN_WORLD(time_changes_nothing_but_the_hours_of_a_search_by_generations),
        IN_WORLD(a_slow_board_holds_generations_up_more_than_a_steady_search),
        IN_WORLD(a_bench_can_be_interrupted),
        IN_WORLD(the_run_in_the_middle_is_found),
        IN_WORLD(a_key_that_is_none_is_refused_with_the_nearest),
        IN_WORLD(limits_that_nothing_satisfies_are_refused),
        IN_WORLD(a_reference_that_measures_nothing_is_refused),
    };
    return TEST_RUN(tests);
}
