/* cli_bench: `hwnas bench STUDY.yaml`: a matrix of searches against tables, with figures and pictures. */
#ifndef HWNAS_MASTER_CLI_BENCH_H
#define HWNAS_MASTER_CLI_BENCH_H

#include "common/cli.h"

extern const struct cli_verb cli_bench_verb;

#endif
