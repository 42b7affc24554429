/* cli_study: `hwnas study list|show|resume`: the studies of a database. */
#ifndef HWNAS_MASTER_CLI_STUDY_H
#define HWNAS_MASTER_CLI_STUDY_H

#include "common/cli.h"

extern const struct cli_verb cli_study_verb;

#endif
