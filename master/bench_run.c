/* bench_run: drives one study to its end as the coordinator would, with a simulated cluster in place of workers and agents. Called
 * by bench.c from several threads at once.
 *
 * The rule it keeps: nothing here depends on real time, on threads or on other runs. */
#include "master/bench_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "master/diversity.h"
#include "master/front.h"

struct driver {
    const struct bench_case *bench;
    const struct bench_target *target;
    struct bench_run *run;
    struct config_study config; /* the case's, with this run's seed */
    struct study *study;
    struct bench_clock *clock; /* NULL: nothing takes time */
    struct front *front;       /* NULL: there is no hypervolume to speak of */
    uint64_t asked, distinct;  /* of what was told */
    size_t sample_capacity;
    bool out_of_memory;
};

/* --- how long things take --- */

/* A factor of mean 1 that depends on the study's seed and the architecture alone. */
static double log_normal(const struct driver *driver, const struct study_candidate *candidate, const char *what)
{
    struct digest_stream stream;
    struct digest digest;
    struct rng rng;
    double spread = driver->bench->times->spread;
    digest_begin(&stream);
    digest_text(&stream, what);
    digest_u64(&stream, driver->config.seed);
    digest_text(&stream, candidate->arch_text);
    digest_end(&stream, &digest);
    digest_rng(&digest, &rng);
    return exp(spread * rng_normal(&rng) - spread * spread / 2);
}

/* What is known already, or ruled out, takes no time. */
static void seconds_of(const struct driver *driver, const struct study_candidate *candidate, double *worker_s, double *board_s)
{
    const struct bench_times *times = driver->bench->times;
    const struct bench_truth *truth = driver->bench->truth;
    struct cost cost;
    *worker_s = *board_s = 0;
    if (candidate->skipped || candidate->cached)
        return;
    if (times->evaluation_s > 0 && study_paper_cost(driver->study, &candidate->arch, &cost, NULL) == STATUS_OK)
        *worker_s = times->evaluation_s * (double)cost.macs / truth->mean_macs * log_normal(driver, candidate, "evaluation");
    if (times->measurement_s > 0 && truth->costs > 0)
        *board_s =
            times->measurement_s * candidate->result.costs[0] / truth->mean[0] * log_normal(driver, candidate, "measurement");
}

/* --- what is found --- */

static double now_s(const struct driver *driver)
{
    return driver->clock != NULL ? bench_clock_now(driver->clock) : 0;
}

/* What the run found, as a dense array for the caller to free; NULL without memory or without a front. */
static double *list_front(const struct driver *driver, size_t *count)
{
    size_t m = driver->target->objectives;
    *count = driver->front != NULL ? front_count(driver->front) : 0;
    struct front_entry *entries = calloc(*count + 1, sizeof *entries);
    double *points = calloc(*count * m + 1, sizeof *points);
    if (entries != NULL && points != NULL && driver->front != NULL) {
        front_list(driver->front, entries);
        for (size_t i = 0; i < *count; i++)
            memcpy(&points[i * m], entries[i].objectives, m * sizeof *points);
    }
    free(entries);
    return points;
}

static double regret_now(const struct driver *driver)
{
    const struct study_candidate *best = study_best(driver->study);
    return driver->target->fitness - (best != NULL ? best->result.fitness : 0);
}

static double ratio_now(struct driver *driver)
{
    size_t count;
    double *points = list_front(driver, &count), ratio = NAN;
    if (points == NULL || (driver->front != NULL && !bench_target_ratio(driver->target, points, count, &ratio)))
        driver->out_of_memory = true;
    free(points);
    return ratio;
}

static void sample(struct driver *driver)
{
    struct bench_run *run = driver->run;
    if (run->sample_count == driver->sample_capacity) {
        size_t capacity = 2 * driver->sample_capacity + 64;
        struct bench_sample *grown = realloc(run->samples, capacity * sizeof *grown);
        driver->out_of_memory |= grown == NULL;
        if (grown == NULL)
            return;
        run->samples = grown;
        driver->sample_capacity = capacity;
    }
    run->samples[run->sample_count++] = (struct bench_sample){.asked = driver->asked,
                                                              .distinct = driver->distinct,
                                                              .seconds = now_s(driver),
                                                              .regret = regret_now(driver),
                                                              .ratio = ratio_now(driver)};
}

static void take(struct driver *driver, const struct study_candidate *candidate)
{
    double point[BENCH_OBJECTIVES_MAX];
    driver->asked++;
    if (candidate->satisfies && driver->front != NULL) {
        bench_target_point(driver->target, candidate->result.costs, candidate->result.fitness, point);
        driver->out_of_memory |= front_offer(driver->front, point, candidate->ask) == FRONT_NO_MEMORY;
    }
    if (candidate->skipped || candidate->cached)
        return;
    driver->distinct++;
    if (driver->distinct % driver->bench->sample_every == 0)
        sample(driver);
}

/* --- driving --- */

/* Starts the clock of all that was asked since; false when there was nothing. */
static void start_asked(struct driver *driver)
{
    struct study_candidate candidate;
    double worker_s, board_s;
    while (driver->clock != NULL && study_asked(driver->study, &candidate)) {
        seconds_of(driver, &candidate, &worker_s, &board_s);
        driver->out_of_memory |= !bench_clock_start(driver->clock, candidate.ask, worker_s, board_s);
    }
}

/* Asks and tells, one at a time in between as a steady search wants it, until something has to become complete first. */
static bool go_on(struct driver *driver)
{
    struct study_candidate candidate;
    bool moved = false;
    do {
        moved |= study_pump(driver->study, SIZE_MAX) > 0;
        start_asked(driver);
        if (!study_told(driver->study, &candidate))
            return moved;
        take(driver, &candidate);
        moved = true;
    } while (!driver->out_of_memory && !study_out_of_memory(driver->study) && !atomic_load(driver->bench->stopped));
    return true;
}

static enum status_code drive(struct driver *driver, struct status *status)
{
    uint64_t ask;
    while (!study_finished(driver->study)) {
        bool moved = go_on(driver);
        if (driver->out_of_memory || study_out_of_memory(driver->study))
            return status_set(status, STATUS_NO_MEMORY, "no memory for a search of %llu candidates",
                              (unsigned long long)driver->asked);
        if (atomic_load(driver->bench->stopped))
            return status_set(status, STATUS_UNAVAILABLE, "interrupted");
        if (driver->clock != NULL && bench_clock_next(driver->clock, &ask))
            study_release(driver->study, ask);
        else if (!moved && !study_finished(driver->study))
            return status_set(status, STATUS_INTERNAL, "the search neither asks nor ends after %llu candidates",
                              (unsigned long long)driver->asked);
    }
    return STATUS_OK;
}

/* --- what it came to --- */

static void note_returned(struct driver *driver)
{
    struct bench_run *run = driver->run;
    const struct study_candidate *best = study_best(driver->study);
    struct strategy_result result;
    run->found = best != NULL;
    if (run->found)
        run->best = *best;
    run->has_answer = strategy_answer(study_strategy(driver->study), &run->returned);
    run->returned_fitness = run->returned_test = NAN;
    if (!run->has_answer && !run->found)
        return;
    if (!run->has_answer)
        run->returned = best->arch;
    if (!study_look_up(driver->study, &run->returned, &result))
        return;
    run->returned_fitness = result.fitness;
    memcpy(run->returned_costs, result.costs, sizeof run->returned_costs);
    if (driver->bench->truth->test_table != NULL)
        table_get(driver->bench->truth->test_table, &run->returned, &run->returned_test);
}

static double population_test(const struct driver *driver)
{
    const struct strategy *strategy = study_strategy(driver->study);
    struct arch arch;
    double best = NAN, value;
    for (size_t i = 0; driver->bench->truth->test_table != NULL && strategy_member(strategy, i, &arch); i++)
        if (table_get(driver->bench->truth->test_table, &arch, &value))
            best = fmax(best, value);
    return best;
}

/* chibar of the members of the last population that have a cost. */
static double population_diversity(struct driver *driver)
{
    const struct strategy *strategy = study_strategy(driver->study);
    struct strategy_result result;
    struct arch arch;
    size_t count = 0, members = 0;
    double chibar = NAN;
    if (driver->bench->truth->costs == 0)
        return NAN;
    while (strategy_member(strategy, members, &arch))
        members++;
    double *costs = calloc(members + 1, sizeof *costs);
    driver->out_of_memory |= costs == NULL;
    for (size_t i = 0; costs != NULL && i < members; i++)
        if (strategy_member(strategy, i, &arch) && study_look_up(driver->study, &arch, &result))
            costs[count++] = result.costs[0];
    if (costs != NULL && count > 0)
        chibar = diversity_mean(costs, count);
    free(costs);
    return chibar;
}

static enum status_code note_result(struct driver *driver, struct status *status)
{
    struct bench_run *run = driver->run;
    study_count(driver->study, &run->counts);
    if (run->sample_count == 0 || run->samples[run->sample_count - 1].asked != driver->asked)
        sample(driver);
    note_returned(driver);
    run->regret = regret_now(driver);
    run->ratio = ratio_now(driver);
    run->population_test = population_test(driver);
    run->diversity = population_diversity(driver);
    run->front = list_front(driver, &run->front_count);
    driver->out_of_memory |= run->front == NULL;
    if (driver->clock != NULL) {
        run->seconds = bench_clock_now(driver->clock);
        run->workers_busy = bench_clock_workers_busy(driver->clock);
        run->boards_busy = bench_clock_boards_busy(driver->clock);
        run->speedup = bench_clock_speedup(driver->clock);
    }
    return driver->out_of_memory ? status_set(status, STATUS_NO_MEMORY, "no memory for the result of a search") : STATUS_OK;
}

static enum status_code open_driver(struct driver *driver, struct status *status)
{
    const struct bench_case *bench = driver->bench;
    pthread_mutex_lock(bench->tables_lock);
    enum status_code code = study_open_shared(&driver->config, bench->space, NULL, bench->tables, &driver->study, status);
    pthread_mutex_unlock(bench->tables_lock);
    if (code != STATUS_OK)
        return code;
    if (bench->times->simulated) {
        study_hold(driver->study);
        driver->clock = bench_clock_new(&bench->times->cluster);
    }
    if (driver->target->front != NULL)
        driver->front = front_open(driver->target->objectives);
    if ((bench->times->simulated && driver->clock == NULL) || (driver->target->front != NULL && driver->front == NULL))
        return status_set(status, STATUS_NO_MEMORY, "no memory for a search");
    return STATUS_OK;
}

enum status_code bench_run(const struct bench_case *bench, uint64_t seed, struct bench_run *out, struct status *status)
{
    struct driver driver = {.bench = bench, .target = bench->target, .run = out, .config = *bench->config};
    driver.config.seed = seed;
    *out = (struct bench_run){.seed = seed, .seconds = NAN, .workers_busy = NAN, .boards_busy = NAN, .speedup = NAN};
    enum status_code code = open_driver(&driver, status);
    if (code == STATUS_OK)
        code = drive(&driver, status);
    if (code == STATUS_OK)
        code = note_result(&driver, status);
    study_close(driver.study);
    bench_clock_free(driver.clock);
    front_close(driver.front);
    return code;
}

void bench_run_free(struct bench_run *run)
{
    free(run->samples);
    free(run->front);
    *run = (struct bench_run){.samples = NULL};
}
