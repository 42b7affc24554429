/* bench_summary: what the runs of one search came to, over its seeds; and how they got there. Pure. */
#ifndef HWNAS_MASTER_BENCH_SUMMARY_H
#define HWNAS_MASTER_BENCH_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>

#include "master/bench.h"
#include "master/bench_stats.h"

/* What is measured of a run; NaN where it does not apply. */
enum bench_measure {
    BENCH_ASKED,
    BENCH_DISTINCT,
    BENCH_REGRET,
    BENCH_RATIO,
    BENCH_FITNESS, /* of what the search returns: its own answer, else the best it found */
    BENCH_TEST,    /* likewise */
    BENCH_POPULATION_TEST,
    BENCH_DIVERSITY,
    BENCH_HOURS,
    BENCH_WORKERS_BUSY,
    BENCH_BOARDS_BUSY,
    BENCH_SPEEDUP,
    BENCH_MEASURES
};

/* "regret", "hypervolume_ratio", ...: the heading in CSV files. */
const char *bench_measure_name(enum bench_measure measure);
double bench_measure_of(const struct bench_run *run, enum bench_measure measure);

struct bench_summary {
    struct bench_stats of[BENCH_MEASURES];
    size_t none;       /* runs that found nothing within the limits */
    size_t median_run; /* the run in the middle by hypervolume, or by regret where limits or a single objective decide */
};

/* False without memory. */
bool bench_summarise(const struct bench *bench, const struct bench_search *search, struct bench_summary *out);

/* Hypervolume is what counts: there is one, and no limit. */
bool bench_counts_hypervolume(const struct bench *bench);

/* Quartiles over the seeds along the search. */
struct bench_curve {
    size_t count;
    double *x, *q1, *median, *q3; /* owned */
};

/* Regret or ratio, after every sample_every distinct evaluations as far as any run went; or, by_hours, at 100 moments until
 * last_hours. A run that has ended counts with its end; before its first sample it counts not at all. False without memory. Free
 * with bench_curve_free. */
bool bench_curve_over_evaluations(const struct bench *bench, const struct bench_search *search, enum bench_measure measure,
                                  struct bench_curve *out);
bool bench_curve_over_hours(const struct bench *bench, const struct bench_search *search, enum bench_measure measure,
                            double last_hours, struct bench_curve *out);
void bench_curve_free(struct bench_curve *curve);

#endif
