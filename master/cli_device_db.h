/* cli_device_db: the commands of `hwnas device` that look into a database or change what it holds of boards: list, show, why,
 * quarantine, trust, forget, withdraw. No master may hold the database meanwhile (exit code 3). */
#ifndef HWNAS_MASTER_CLI_DEVICE_DB_H
#define HWNAS_MASTER_CLI_DEVICE_DB_H

#include "common/cli.h"

enum { CLI_DEVICE_DB_COMMANDS = 6 };

/* All but show, in the order in which help lists them. */
extern const struct cli_verb cli_device_db_commands[CLI_DEVICE_DB_COMMANDS];

/* `hwnas device show BOARD --db FILE`. */
int cli_device_db_show(int argc, char **argv);

#endif
