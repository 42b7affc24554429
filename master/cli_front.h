/* cli_front: `hwnas front STUDY`: the non-dominated candidates of a study. */
#ifndef HWNAS_MASTER_CLI_FRONT_H
#define HWNAS_MASTER_CLI_FRONT_H

#include "common/cli.h"

extern const struct cli_verb cli_front_verb;

#endif
