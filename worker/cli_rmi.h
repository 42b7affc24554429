/* cli_rmi: `hwnas rmi`: scores one architecture on this machine and prints the whole trace (docs/REFERENCE.md). */
#ifndef HWNAS_WORKER_CLI_RMI_H
#define HWNAS_WORKER_CLI_RMI_H

#include "common/cli.h"

extern const struct cli_verb cli_rmi_verb;

#endif
