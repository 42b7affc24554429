/* cli_keygen: `hwnas keygen`: key pairs for masters, workers, agents and operators, and what a folder of them holds. */
#ifndef HWNAS_MASTER_CLI_KEYGEN_H
#define HWNAS_MASTER_CLI_KEYGEN_H

#include "common/cli.h"

extern const struct cli_verb cli_keygen_verb;

#endif
