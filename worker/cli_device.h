/* cli_device: the commands of `hwnas device` that measure, on this host or on the board a file describes: show, measure, check,
 * calibrate. */
#ifndef HWNAS_WORKER_CLI_DEVICE_H
#define HWNAS_WORKER_CLI_DEVICE_H

#include "common/cli.h"

enum { CLI_DEVICE_COMMANDS = 4 };

/* In the order in which help lists them; `show` is the first. */
extern const struct cli_verb cli_device_commands[CLI_DEVICE_COMMANDS];

#endif
