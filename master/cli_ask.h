/* cli_ask: how a verb that looks into a database gets its answer: from the file itself, or, while a master holds it, from the
 * master. */
#ifndef HWNAS_MASTER_CLI_ASK_H
#define HWNAS_MASTER_CLI_ASK_H

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/cli.h"
#include "common/wire.h"

/* How a master is reached: what cli_ask_argp fills in. */
struct cli_ask_way {
    int patience_s;               /* 0: as long as is usual */
    const char *address;          /* of the master to ask; NULL: the one that holds the database, if one does */
    const char *key, *server_key; /* files (docs/SECURITY.md); NULL: none */
};

struct cli_ask {
    const char *command; /* "study show": for messages */
    const char *db;      /* NULL with way.address */
    struct cli_ask_way way;
    struct wire_question question; /* id and offset are chosen later */
    /* Answers from the database, which no master holds; NULL: look.h does. */
    enum status_code (*here)(const struct cli_ask *ask, FILE *out, struct status *status);
};

/* The argp child with the options of the way; its parser's input is a struct cli_ask_way. */
extern const struct argp cli_ask_argp;
#define CLI_ASK_WAY                                                                                                                \
    {                                                                                                                              \
        .patience_s = 10                                                                                                           \
    }

/* A word of the command line into a field of the question. STATUS_BAD_INPUT: longer than any name. */
enum status_code cli_ask_word(const char *word, char *out, size_t size, struct status *status);

/* The question's format. */
enum wire_format cli_ask_format(enum cli_format format);

/* Gets the answer, prints it on standard output and returns the exit code, messages printed. */
int cli_ask_run(const struct cli_ask *ask);

/* For verbs that no master answers: where *failed says that somebody holds the database, and a master is known to, says which one
 * must be stopped first. Returns the code that *failed holds. */
enum status_code cli_ask_who_holds(const char *db, struct status *failed);

#endif
