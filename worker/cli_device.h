/* cli_device: `hwnas device`: this host as a measuring device: what it is, what would disturb it, one measurement on it. */
#ifndef HWNAS_WORKER_CLI_DEVICE_H
#define HWNAS_WORKER_CLI_DEVICE_H

#include "common/cli.h"

extern const struct cli_verb cli_device_verb;

#endif
