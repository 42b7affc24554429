/* cli_prune_parts: the grid that `hwnas prune` fills and prints. Private to worker/cli_prune*.c. */
#ifndef HWNAS_WORKER_CLI_PRUNE_PARTS_H
#define HWNAS_WORKER_CLI_PRUNE_PARTS_H

#include <stdio.h>

#include "common/cli.h"
#include "common/wire.h"
#include "worker/prune_chain.h"

enum { CLI_PRUNE_BETAS_MAX = 32, CLI_PRUNE_SEEDS_MAX = 100 };

struct cli_prune_latency {
    double ms; /* NaN: not measured */
    bool steady;
};

struct cli_prune_grid {
    char arch[ARCH_TEXT_BYTES];
    const struct prune_plan *plan; /* of all cells, but for beta and seed; percents are the columns */
    double betas[CLI_PRUNE_BETAS_MAX];
    int beta_count, seed_count; /* seeds are plan->seed and those after it */
    size_t train_count, test_count;
    struct prune_level *levels;          /* owned: (beta,percent,seed) */
    struct cli_prune_latency *latencies; /* owned: (beta,percent), of the first seed's net */
    char device[WIRE_DEVICE_BYTES];      /* that they were measured on; empty: none was */
    double seconds;
};

/* The results of a cell, seed after seed. */
static inline struct prune_level *cli_prune_cell(const struct cli_prune_grid *grid, int beta, int percent)
{
    return grid->levels + ((size_t)beta * (size_t)grid->plan->level_count + (size_t)percent) * (size_t)grid->seed_count;
}

static inline struct cli_prune_latency *cli_prune_latency(const struct cli_prune_grid *grid, int beta, int percent)
{
    return grid->latencies + (size_t)beta * (size_t)grid->plan->level_count + (size_t)percent;
}

/* Writes the grid. STATUS_NO_MEMORY, or STATUS_IO when the stream does not take it. */
enum status_code cli_prune_print(const struct cli_prune_grid *grid, enum cli_format format, FILE *out, struct status *status);

#endif
