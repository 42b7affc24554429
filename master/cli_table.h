/* cli_table: `hwnas table show FILE`: what a CSV table of known figures holds for a search space. */
#ifndef HWNAS_MASTER_CLI_TABLE_H
#define HWNAS_MASTER_CLI_TABLE_H

#include "common/cli.h"

extern const struct cli_verb cli_table_verb;

#endif
