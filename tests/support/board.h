/* board: a board that does not exist, for tests of the measuring protocol: noisy, spiky, cold, drifting, of two speeds, hot,
 * slowing its clock. Time is virtual: a run takes what it says. */
#ifndef HWNAS_TESTS_SUPPORT_BOARD_H
#define HWNAS_TESTS_SUPPORT_BOARD_H

#include "common/rng.h"
#include "worker/measure.h"

struct board {
    struct rng rng;
    double latency_ms, noise; /* of one inference; standard deviation as a fraction of it */
    double spike_share;       /* of the runs take up to three times as long */
    double drift;             /* as a fraction, from run drift_from over drift_over runs, then it stays */
    int drift_from, drift_over;
    int cold_runs, cold_flat_runs; /* the first ones: three times as long, falling; twice as long */
    double second_speed;           /* as a fraction of the latency; taken in second_share of all stretches of second_runs runs */
    double second_share;
    int second_runs;
    bool restless;      /* doubles and halves every few runs */
    int fails_at;       /* the run that fails; 0: none */
    int slow_attempts;  /* attempts at whose end `slow_view` is seen; the latency is then slow_factor times as long */
    int slow_from_look; /* or every look from this one on; 0: none */
    double slow_factor;
    struct measure_view view, slow_view;
    double temperature_c, cools_by_c; /* at each look; 0: not shown. Until it is room temperature, 25 */
    double power_every_s, energy_mj;  /* a power sample every so often; 0: none */
    int series;                       /* samples a run; 0: one */
    bool deterministic;
    int waits_until_called_off;          /* the wait that says so; 0: none */
    int runs, looks, waits;              /* counted */
    double waited_s, seconds, power_due; /* virtual time */
    bool on_second_speed;
};

/* 4 ms with 2 % noise; everything else is off. */
struct board board_new(uint64_t seed);

/* The next run's milliseconds; n of them. */
double board_run(struct board *board);
void board_fill(struct board *board, double *samples_ms, int n);

/* Measured by the protocol. */
enum status_code board_measure(struct board *board, const struct measure_options *options, struct measure_result *result,
                               struct status *status);

#endif
