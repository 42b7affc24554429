/* bench_truth: what there is to be found, by looking at all of it. Called by bench.c before any search runs, and by bench_run for
 * what a search found. */
#include "master/bench_truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cost.h"
#include "master/hypervolume.h"
#include "master/pareto.h"
#include "master/study.h"

enum { MACS_SAMPLE = 256 };

/* --- which truth --- */

static void digest_optional(struct digest_stream *stream, const char *text)
{
    digest_u64(stream, text != NULL);
    digest_text(stream, text != NULL ? text : "");
}

void bench_truth_digest(const struct config_study *config, const char *test_column, struct digest *out)
{
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, config->space);
    digest_optional(&stream, config->fitness.file);
    digest_optional(&stream, config->fitness.column);
    digest_optional(&stream, test_column);
    digest_bytes(&stream, &config->network, sizeof config->network);
    for (uint32_t i = 0; i < config->cost_count; i++) {
        const struct config_cost *cost = &config->costs[i];
        digest_u64(&stream, cost->source);
        digest_text(&stream, cost->name);
        digest_optional(&stream, cost->file);
        digest_optional(&stream, cost->device);
        digest_optional(&stream, cost->dataset);
        digest_optional(&stream, cost->column);
    }
    digest_end(&stream, out);
}

/* --- everything the tables hold --- */

struct walk {
    const struct study *study;
    struct bench_truth *truth;
};

static void keep_feasible(void *context, const struct arch *arch, double value)
{
    struct walk *walk = context;
    struct bench_truth *truth = walk->truth;
    struct strategy_result result;
    (void)value;
    if (!study_look_up(walk->study, arch, &result))
        return;
    truth->arch[truth->count] = *arch;
    truth->fitness[truth->count] = result.fitness;
    memcpy(&truth->cost[truth->count * truth->costs], result.costs, truth->costs * sizeof(double));
    truth->test[truth->count] = NAN;
    if (truth->test_table != NULL)
        table_get(truth->test_table, arch, &truth->test[truth->count]);
    truth->count++;
}

static void summarise(struct bench_truth *truth)
{
    truth->least_fitness = INFINITY;
    for (size_t i = 0; i < truth->count; i++) {
        truth->least_fitness = fmin(truth->least_fitness, truth->fitness[i]);
        for (size_t c = 0; c < truth->costs; c++) {
            double cost = truth->cost[i * truth->costs + c];
            truth->slowest[c] = fmax(truth->slowest[c], cost);
            truth->mean[c] += cost / (double)truth->count;
        }
    }
}

/* Every so many-th architecture is as good as all: building thousands of networks would take seconds. */
static double mean_macs(const struct study *study, const struct bench_truth *truth)
{
    size_t step = truth->count / MACS_SAMPLE + 1, count = 0;
    double sum = 0;
    struct cost cost;
    for (size_t i = 0; i < truth->count; i += step, count++) {
        if (study_paper_cost(study, &truth->arch[i], &cost, NULL) != STATUS_OK)
            return NAN;
        sum += (double)cost.macs;
    }
    return sum / (double)count;
}

static enum status_code make_room(struct bench_truth *truth, size_t rows, size_t costs, struct status *status)
{
    truth->costs = costs;
    truth->arch = calloc(rows + 1, sizeof *truth->arch);
    truth->fitness = calloc(rows + 1, sizeof *truth->fitness);
    truth->test = calloc(rows + 1, sizeof *truth->test);
    truth->cost = calloc((rows + 1) * (costs + 1), sizeof *truth->cost);
    if (truth->arch != NULL && truth->fitness != NULL && truth->test != NULL && truth->cost != NULL)
        return STATUS_OK;
    return status_set(status, STATUS_NO_MEMORY, "no memory for the figures of %zu architectures", rows);
}

enum status_code bench_truth_load(const struct config_study *config, const struct space *space, const char *test_column,
                                  struct tables *tables, struct bench_truth *out, struct status *status)
{
    const struct config_fitness *fitness = &config->fitness;
    const struct table *table = NULL;
    struct study *study = NULL;
    *out = (struct bench_truth){.count = 0};
    enum status_code code = study_open_shared(config, space, NULL, tables, &study, status);
    if (code == STATUS_OK)
        code = tables_get(tables, space, fitness->file, NULL, NULL, fitness->column, &table, status);
    if (code == STATUS_OK && test_column != NULL)
        code = tables_get(tables, space, fitness->file, NULL, NULL, test_column, &out->test_table, status);
    if (code == STATUS_OK)
        code = make_room(out, table_rows(table), config->cost_count, status);
    if (code == STATUS_OK) {
        table_each(table, keep_feasible, &(struct walk){study, out});
        summarise(out);
        out->mean_macs = mean_macs(study, out);
        if (out->count == 0)
            code = status_set(status, STATUS_BAD_INPUT, "%s: no architecture in it is connected and has a fitness and all costs",
                              fitness->file);
    }
    study_close(study);
    if (code != STATUS_OK)
        bench_truth_free(out);
    return code;
}

void bench_truth_free(struct bench_truth *truth)
{
    free(truth->arch);
    free(truth->fitness);
    free(truth->cost);
    free(truth->test);
    *truth = (struct bench_truth){.count = 0};
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

enum status_code bench_truth_limit(const struct bench_truth *truth, size_t cost, double share, double *limit, struct status *status)
{
    double *sorted = calloc(truth->count + 1, sizeof *sorted);
    if (sorted == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu costs", truth->count);
    for (size_t i = 0; i < truth->count; i++)
        sorted[i] = truth->cost[i * truth->costs + cost];
    qsort(sorted, truth->count, sizeof *sorted, by_value);
    double rank = ceil(share * (double)truth->count - 1e-9);
    *limit = sorted[(size_t)fmax(rank, 1) - 1];
    free(sorted);
    return STATUS_OK;
}

/* --- what there is within limits --- */

bool bench_target_satisfies(const struct config_study *config, const double *costs)
{
    for (uint32_t c = 0; c < config->cost_count; c++)
        if (config->costs[c].has_max && !(costs[c] <= config->costs[c].max))
            return false;
    return true;
}

void bench_target_point(const struct bench_target *target, const double *costs, double fitness, double *point)
{
    for (size_t i = 0; i + 1 < target->objectives; i++)
        point[i] = costs[target->objective_cost[i]];
    point[target->objectives - 1] = -fitness;
}

static enum status_code find_reference(const struct bench_truth *truth, const struct bench_reference *given,
                                       struct bench_target *target, struct status *status)
{
    size_t m = target->objectives;
    if (given->count != 0 && given->count != m)
        return status_set(
            status, STATUS_BAD_INPUT,
            "--reference has %zu numbers; %zu are needed here: one for each minimised cost, in the study's order, then "
            "the fitness",
            given->count, m);
    for (size_t i = 0; i < m; i++) {
        double value = given->count != 0 ? given->values[i] : NAN;
        if (i + 1 < m)
            target->reference[i] = isnan(value) ? truth->slowest[target->objective_cost[i]] : value;
        else
            target->reference[i] = -(isnan(value) ? truth->least_fitness : value);
    }
    return STATUS_OK;
}

/* The best by fitness (of equals the cheaper by the first cost), and the best by test. */
static void find_best(const struct bench_truth *truth, const struct config_study *config, struct bench_target *target)
{
    double cost_of_best = INFINITY;
    target->fitness = target->test = target->best_test = NAN;
    for (size_t i = 0; i < truth->count; i++) {
        const double *costs = &truth->cost[i * truth->costs];
        double cost = truth->costs > 0 ? costs[0] : 0;
        if (!bench_target_satisfies(config, costs))
            continue;
        target->feasible++;
        target->best_test = fmax(target->best_test, truth->test[i]);
        if (!(truth->fitness[i] < target->fitness) && (!(truth->fitness[i] == target->fitness) || cost < cost_of_best)) {
            target->fitness = truth->fitness[i];
            target->test = truth->test[i];
            cost_of_best = cost;
        }
    }
}

static enum status_code find_front(const struct bench_truth *truth, const struct config_study *config, struct bench_target *target,
                                   struct status *status)
{
    size_t m = target->objectives, count = 0;
    double *points = calloc((truth->count + 1) * m, sizeof *points);
    bool *marked = calloc(truth->count + 1, sizeof *marked);
    enum status_code code = STATUS_OK;
    if (points == NULL || marked == NULL) {
        code = status_set(status, STATUS_NO_MEMORY, "no memory for the front of %zu architectures", truth->count);
        goto done;
    }
    for (size_t i = 0; i < truth->count; i++)
        if (bench_target_satisfies(config, &truth->cost[i * truth->costs]))
            bench_target_point(target, &truth->cost[i * truth->costs], truth->fitness[i], &points[count++ * m]);
    pareto_front(points, count, m, marked);
    for (size_t i = 0; i < count; i++)
        if (marked[i])
            memmove(&points[target->front_count++ * m], &points[i * m], m * sizeof *points);
    qsort(points, target->front_count, m * sizeof *points, by_value); /* a row by its first number */
    target->front = points;
    points = NULL;
done:
    free(points);
    free(marked);
    return code;
}

enum status_code bench_target_find(const struct bench_truth *truth, const struct config_study *config,
                                   const struct bench_reference *reference, struct bench_target *out, struct status *status)
{
    *out = (struct bench_target){.hypervolume = NAN};
    for (uint32_t c = 0; c < config->cost_count; c++)
        if (!config->costs[c].limit_only)
            out->objective_cost[out->objectives++] = c;
    out->objectives++;
    find_best(truth, config, out);
    enum status_code code = find_reference(truth, reference, out, status);
    if (code == STATUS_OK && out->objectives >= 2 && out->objectives <= 3)
        code = find_front(truth, config, out, status);
    if (code != STATUS_OK || out->front == NULL)
        return code;
    if (!hypervolume_of(out->front, out->front_count, out->objectives, out->reference, &out->hypervolume))
        code = status_set(status, STATUS_NO_MEMORY, "no memory for the hypervolume of %zu points", out->front_count);
    else if (out->feasible > 0 && !(out->hypervolume > 0) && reference->count != 0)
        code =
            status_set(status, STATUS_BAD_INPUT,
                       "--reference: no architecture is better than it in everything at once, so nothing can be measured against "
                       "it; costs below it, fitness above it are needed (the slowest is %g, the least fit %g)",
                       truth->slowest[out->objective_cost[0]], truth->least_fitness);
    if (code != STATUS_OK)
        bench_target_free(out);
    return code;
}

void bench_target_free(struct bench_target *target)
{
    free(target->front);
    target->front = NULL;
}

bool bench_target_ratio(const struct bench_target *target, const double *points, size_t count, double *ratio)
{
    double volume;
    *ratio = NAN;
    if (!(target->hypervolume > 0))
        return true;
    if (!hypervolume_of(points, count, target->objectives, target->reference, &volume))
        return false;
    *ratio = volume / target->hypervolume;
    return true;
}
