/* bench_clock: a cluster in virtual time: workers that evaluate, boards that measure, and the moment at which each candidate is
 * complete. Pure; hours of it pass in microseconds.
 *
 * A candidate that is started gets its place at once: its evaluation on the worker, its measurement on the board that is free first
 * (of several that are, the one with the lowest number). That is the order in which waiting tasks would be given to whoever becomes
 * free, first come, first served. Both parts run at the same time; the candidate is complete when both are. */
#ifndef HWNAS_MASTER_BENCH_CLOCK_H
#define HWNAS_MASTER_BENCH_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_clock_settings {
    uint32_t workers;  /* at least 1 */
    uint32_t boards;   /* 0: nothing is measured */
    double slow_board; /* the last board takes so many times as long; 1: like the others */
};

struct bench_clock;

/* At second 0, all idle. NULL without memory. */
struct bench_clock *bench_clock_new(const struct bench_clock_settings *settings);
void bench_clock_free(struct bench_clock *clock);

/* A candidate comes now and needs so many seconds of a worker and of a board (0: none of it). False without memory. */
bool bench_clock_start(struct bench_clock *clock, uint64_t ask, double worker_s, double board_s);

/* Moves on to the next moment at which a candidate is complete, and tells which; of several the one asked first. False when none is
 * under way. */
bool bench_clock_next(struct bench_clock *clock, uint64_t *ask);

/* Seconds since the start. */
double bench_clock_now(const struct bench_clock *clock);

/* The share of the time until now in which the workers, or the boards, were busy on average; NaN when there are none or no time has
 * passed. True when every candidate is complete, an upper bound before. */
double bench_clock_workers_busy(const struct bench_clock *clock);
double bench_clock_boards_busy(const struct bench_clock *clock);

/* How many times as long one worker and one board of normal speed, one thing at a time, would have taken. NaN at second 0. */
double bench_clock_speedup(const struct bench_clock *clock);

#endif
