/* cli_device_db_parts: what the commands on a database's boards share: their command line, and which board a person means. Included
 * by cli_device_db*.c alone. */
#ifndef HWNAS_MASTER_CLI_DEVICE_DB_PARTS_H
#define HWNAS_MASTER_CLI_DEVICE_DB_PARTS_H

#include <argp.h>
#include <jansson.h>

#include "common/cli.h"
#include "master/cli_ask.h"
#include "master/store_board.h"

/* Keys from CLI_DEVICE_DB_KEY_OWN on are a command's own. */
enum { CLI_DEVICE_DB_KEY_DB = 256, CLI_DEVICE_DB_KEY_DEVICE, CLI_DEVICE_DB_KEY_OWN };

struct cli_device_db {
    const char *command; /* "device list": for messages */
    const char *db;      /* --db */
    const char *word;    /* the argument: a board or a study; NULL: none */
    const char *word_is; /* "board", "study"; NULL: the command takes none */
    const char *device;  /* --device; NULL: any */
    const char *reason;  /* quarantine, withdraw */
    const char *since;   /* withdraw */
    bool measurements;   /* forget */
    enum cli_format format;
    enum store_mode mode;
    struct cli_ask_way way;
    bool is_question; /* a master answers it: --connect does instead of --db */
    enum status_code (*here)(const struct cli_ask *ask, FILE *out, struct status *status); /* cli_ask.here; NULL: `run` does */
};

/* The argp child that every command has; the command's own parser hands its struct cli_device_db to it at ARGP_KEY_INIT. */
extern const struct argp cli_device_db_argp;

/* Parses, opens the database (which must be there), runs the command and closes. Returns the exit code. */
int cli_device_db_run(int argc, char **argv, const struct argp *argp, struct cli_device_db *command,
                      enum status_code (*run)(struct store *, const struct cli_device_db *, struct status *));

/* Parses; then the master that holds the database is asked that question, and where none does, `run` answers, or look.h where it is
 * NULL. Returns the exit code. */
int cli_device_db_ask(int argc, char **argv, const struct argp *argp, struct cli_device_db *command, enum wire_question_kind kind,
                      enum status_code (*run)(struct store *, const struct cli_device_db *, struct status *));

int cli_device_db_list(int argc, char **argv);
int cli_device_db_why(int argc, char **argv);
int cli_device_db_quarantine(int argc, char **argv);
int cli_device_db_trust(int argc, char **argv);
int cli_device_db_forget(int argc, char **argv);
int cli_device_db_withdraw(int argc, char **argv);

#endif
