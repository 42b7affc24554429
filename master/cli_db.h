/* cli_db: the verb `db`: a database as a whole, and the master that holds it. */
#ifndef HWNAS_MASTER_CLI_DB_H
#define HWNAS_MASTER_CLI_DB_H

#include "common/cli.h"

extern const struct cli_verb cli_db_verb;

#endif
