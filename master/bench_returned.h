/* bench_returned: what methods with an answer of their own return, beside the best there is at that cost: where the methods differ
 * by a weight, the trade-off curve that a sweep of weights draws. */
#ifndef HWNAS_MASTER_BENCH_RETURNED_H
#define HWNAS_MASTER_BENCH_RETURNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "master/bench_print.h"

/* Means over the runs of one search that returned something; NaN where none did. */
struct bench_returned {
    size_t count;
    double cost; /* the first that is an objective */
    double fitness, test;
    double best_fitness, best_test; /* of all architectures that cost at most `cost`; NaN where there is none, or no test column */
};

/* Every method of the bench has an answer of its own, and there is a cost to trade for fitness. */
bool bench_returned_applies(const struct bench *bench);

void bench_returned_of(const struct bench_search *search, const struct bench *bench, struct bench_returned *out);

/* One row a search: setting, method, how many runs, means, and the best at that cost. */
void bench_returned_csv(const struct bench_print *print, FILE *out);

#endif
