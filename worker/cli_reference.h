/* cli_reference: `hwnas reference build|import|train` (docs/REFERENCE.md). */
#ifndef HWNAS_WORKER_CLI_REFERENCE_H
#define HWNAS_WORKER_CLI_REFERENCE_H

#include "common/cli.h"

extern const struct cli_verb cli_reference_verb;

#endif
