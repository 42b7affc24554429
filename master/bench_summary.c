/* bench_summary: statistics over the seeds of one search. Called by bench_print and bench_draw. */
#include "master/bench_summary.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[BENCH_MEASURES] = {
    [BENCH_ASKED] = "asked",
    [BENCH_DISTINCT] = "distinct",
    [BENCH_REGRET] = "regret",
    [BENCH_RATIO] = "hypervolume_ratio",
    [BENCH_FITNESS] = "fitness",
    [BENCH_TEST] = "test",
    [BENCH_POPULATION_TEST] = "population_test",
    [BENCH_DIVERSITY] = "diversity",
    [BENCH_HOURS] = "hours",
    [BENCH_WORKERS_BUSY] = "workers_busy",
    [BENCH_BOARDS_BUSY] = "boards_busy",
    [BENCH_SPEEDUP] = "speedup",
};

const char *bench_measure_name(enum bench_measure measure)
{
    return names[measure];
}

double bench_measure_of(const struct bench_run *run, enum bench_measure measure)
{
    switch (measure) {
    case BENCH_ASKED: return (double)run->counts.asked;
    case BENCH_DISTINCT: return (double)run->counts.distinct;
    case BENCH_REGRET: return run->regret;
    case BENCH_RATIO: return run->ratio;
    case BENCH_FITNESS: return run->returned_fitness;
    case BENCH_TEST: return run->returned_test;
    case BENCH_POPULATION_TEST: return run->population_test;
    case BENCH_DIVERSITY: return run->diversity;
    case BENCH_HOURS: return run->seconds / 3600;
    case BENCH_WORKERS_BUSY: return run->workers_busy;
    case BENCH_BOARDS_BUSY: return run->boards_busy;
    case BENCH_SPEEDUP: return run->speedup;
    case BENCH_MEASURES: break;
    }
    return NAN;
}

bool bench_counts_hypervolume(const struct bench *bench)
{
    return !bench_is_limited(bench) && bench->searches[0].target.hypervolume > 0;
}

/* The first run whose value is the lower of the middle ones. */
static size_t middle_run(const struct bench_search *search, size_t runs, enum bench_measure measure, double *values)
{
    for (size_t i = 0; i < runs; i++) {
        size_t below = 0, equal = 0;
        for (size_t j = 0; j < runs; j++) {
            below += values[j] < values[i];
            equal += values[j] == values[i];
        }
        if (below <= (runs - 1) / 2 && below + equal > (runs - 1) / 2)
            for (size_t run = 0; run < runs; run++)
                if (bench_measure_of(&search->runs[run], measure) == values[i])
                    return run;
    }
    return 0;
}

bool bench_summarise(const struct bench *bench, const struct bench_search *search, struct bench_summary *out)
{
    size_t runs = bench->options->seeds;
    enum bench_measure deciding = bench_counts_hypervolume(bench) ? BENCH_RATIO : BENCH_REGRET;
    double *values = calloc(runs, sizeof *values);
    *out = (struct bench_summary){.none = 0};
    if (values == NULL)
        return false;
    for (enum bench_measure measure = 0; measure < BENCH_MEASURES; measure++) {
        for (size_t i = 0; i < runs; i++)
            values[i] = bench_measure_of(&search->runs[i], measure);
        bench_stats_of(values, runs, &out->of[measure]);
        if (measure == deciding)
            out->median_run = middle_run(search, runs, measure, values);
    }
    for (size_t i = 0; i < runs; i++)
        out->none += !search->runs[i].found;
    free(values);
    return true;
}

/* --- curves --- */

static double sample_position(const struct bench_sample *sample, bool by_hours)
{
    return by_hours ? sample->seconds / 3600 : (double)sample->distinct;
}

/* The run's value at x: that of its last sample at or before it; NaN before the first. */
static double value_at(const struct bench_run *run, bool by_hours, double x, enum bench_measure measure)
{
    size_t low = 0, high = run->sample_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sample_position(&run->samples[middle], by_hours) <= x)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NAN;
    return measure == BENCH_RATIO ? run->samples[low - 1].ratio : run->samples[low - 1].regret;
}

static bool make_curve(const struct bench *bench, const struct bench_search *search, enum bench_measure measure, bool by_hours,
                       double distance, size_t count, struct bench_curve *out)
{
    size_t runs = bench->options->seeds;
    double *values = calloc(runs, sizeof *values);
    *out = (struct bench_curve){.count = count,
                                .x = calloc(count + 1, sizeof *out->x),
                                .q1 = calloc(count + 1, sizeof *out->q1),
                                .median = calloc(count + 1, sizeof *out->median),
                                .q3 = calloc(count + 1, sizeof *out->q3)};
    if (values == NULL || out->x == NULL || out->q1 == NULL || out->median == NULL || out->q3 == NULL) {
        free(values);
        bench_curve_free(out);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct bench_stats stats;
        out->x[i] = (double)(i + 1) * distance;
        for (size_t run = 0; run < runs; run++)
            values[run] = value_at(&search->runs[run], by_hours, out->x[i] * (1 + 1e-12), measure);
        bench_stats_of(values, runs, &stats);
        out->q1[i] = stats.q1;
        out->median[i] = stats.median;
        out->q3[i] = stats.q3;
    }
    free(values);
    return true;
}

bool bench_curve_over_evaluations(const struct bench *bench, const struct bench_search *search, enum bench_measure measure,
                                  struct bench_curve *out)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < bench->options->seeds; i++)
        if (search->runs[i].counts.distinct > most)
            most = search->runs[i].counts.distinct;
    size_t count = (size_t)((most + bench->sample_every - 1) / bench->sample_every);
    return make_curve(bench, search, measure, false, bench->sample_every, count, out);
}

bool bench_curve_over_hours(const struct bench *bench, const struct bench_search *search, enum bench_measure measure,
                            double last_hours, struct bench_curve *out)
{
    enum { MOMENTS = 100 };
    return make_curve(bench, search, measure, true, last_hours / MOMENTS, MOMENTS, out);
}

void bench_curve_free(struct bench_curve *curve)
{
    free(curve->x);
    free(curve->q1);
    free(curve->median);
    free(curve->q3);
    *curve = (struct bench_curve){.count = 0};
}
