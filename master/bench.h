/* bench: a matrix of searches against tables, each with many seeds, on all cores. What `hwnas bench` does between its arguments and
 * its output.
 *
 *   bench_open: every study of the matrix, the tables, what there is to be found
 *   bench_go: all runs
 *   bench_summarise (bench_summary.h), bench_print*, bench_draw*: what they came to */
#ifndef HWNAS_MASTER_BENCH_H
#define HWNAS_MASTER_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/space.h"
#include "common/status.h"
#include "common/tables.h"
#include "master/bench_matrix.h"
#include "master/bench_run.h"
#include "master/bench_truth.h"

/* A key of axes that is none of study files: the test column, where it differs from search to search. */
#define BENCH_TEST_COLUMN "test-column"

struct bench_options {
    const char *study_path;
    const char *const *overrides; /* of --set */
    size_t override_count;
    uint32_t seeds;          /* 1 .. seeds */
    const char *test_column; /* NULL: none */
    struct bench_reference reference;
    struct bench_times times;
};

/* One search of the matrix with all its runs. */
struct bench_search {
    size_t setting, method;
    struct config_study *config; /* owned */
    const struct bench_truth *truth;
    struct bench_target target;
    struct bench_run *runs; /* owned, one a seed, in their order */
};

struct bench_known; /* a truth and its digest */

struct bench {
    const struct bench_options *options; /* borrowed */
    const struct bench_matrix *matrix;   /* borrowed */
    struct space space;
    struct tables *tables;
    struct bench_known *known;     /* owned list */
    struct bench_search *searches; /* by setting, then by method */
    size_t search_count, settings, methods;
    uint32_t sample_every;
    bool space_open;
};

/* STATUS_BAD_INPUT for what the matrix makes of the study file and is no study, for one whose parts are not all known from tables
 * or the network itself, and for limits that nothing satisfies. Free with bench_close, also after a failure. options and matrix
 * must outlive it. */
enum status_code bench_open(const struct bench_options *options, const struct bench_matrix *matrix, struct bench *out,
                            struct status *status);
void bench_close(struct bench *bench);

/* What a bench under way tells and asks, in the thread that called bench_go. */
struct bench_watch {
    void (*progress)(void *context, size_t done, size_t all); /* several times a second */
    bool (*interrupted)(void *context);
    void *context;
};

/* Runs everything on so many threads; blocks. The results do not depend on how many. STATUS_UNAVAILABLE when interrupted, else the
 * failure of the first run, in the matrix's order, that failed. */
enum status_code bench_go(struct bench *bench, uint32_t threads, const struct bench_watch *watch, struct status *status);

/* The search of that setting and method. */
struct bench_search *bench_search_at(const struct bench *bench, size_t setting, size_t method);

/* True when some search has a test column. */
bool bench_has_test(const struct bench *bench);

/* True when some search has a limit: then regret, not hypervolume, is what counts. */
bool bench_is_limited(const struct bench *bench);

/* What a method is called: its label, or without such an axis the strategy's name; what a setting is called, or empty. */
void bench_method_name(const struct bench *bench, size_t method, char out[BENCH_LABEL_BYTES]);
void bench_setting_name(const struct bench *bench, size_t setting, char out[BENCH_LABEL_BYTES]);

#endif
