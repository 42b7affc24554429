/* cli_prune: `hwnas prune` (docs/SYSTEMS.md, Beta-VAE pruning). */
#ifndef HWNAS_WORKER_CLI_PRUNE_H
#define HWNAS_WORKER_CLI_PRUNE_H

#include "common/cli.h"

extern const struct cli_verb cli_prune_verb;

#endif
