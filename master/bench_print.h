/* bench_print: the figures of a bench as text: a table for people, Markdown for documents, CSV and JSON for programs. */
#ifndef HWNAS_MASTER_BENCH_PRINT_H
#define HWNAS_MASTER_BENCH_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "master/bench.h"
#include "master/bench_published.h"
#include "master/bench_summary.h"

/* A bench with its summaries, one a search in the bench's order. All borrowed. */
struct bench_print {
    const struct bench *bench;
    const struct bench_summary *summaries;
    const struct bench_published *published; /* may be empty */
};

/* One row a search; below, where there are several settings, one a method over all of them. False without memory. */
bool bench_print_table(const struct bench_print *print, FILE *out);
bool bench_print_markdown(const struct bench_print *print, FILE *out);

/* One row a search with all statistics; one row a run; one row a sample point of a search's curve (false without memory); the true
 * front, and of each search's median run the front it found. */
void bench_print_summary_csv(const struct bench_print *print, FILE *out);
void bench_print_runs_csv(const struct bench_print *print, FILE *out);
bool bench_print_curves_csv(const struct bench_print *print, FILE *out);
void bench_print_fronts_csv(const struct bench_print *print, FILE *out);

/* One object on one line. */
void bench_print_json(const struct bench_print *print, FILE *out);

#endif
