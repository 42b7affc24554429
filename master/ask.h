/* ask: puts one question to a running master, as an operator, and waits for the answer. */
#ifndef HWNAS_MASTER_ASK_H
#define HWNAS_MASTER_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/bus.h"
#include "common/status.h"
#include "common/wire.h"

struct ask_options {
    const char *address;
    const struct bus_keys *keys; /* who asks, and which master; NULL: over a socket that needs none */
    int patience_ms;             /* without a sign of the master; an answer in work is one */
    /* A sentence about how far it is; NULL: nobody wants to know. */
    void (*progress)(void *context, const char *sentence);
    /* Whether the master has ended, so that no answer can come. Looked at once a second; NULL: who knows. */
    bool (*gone)(void *context);
    void *context;
};

struct ask_answer {
    char *text; /* owned; NUL-terminated */
    size_t size;
    char note[STATUS_MESSAGE_BYTES]; /* belongs on standard error beside it; may be empty */
};

/* Asks question (its id and offset are chosen here). Blocks, at most patience_ms without hearing from the master.
 * STATUS_UNAVAILABLE: it was not heard; else what the master said. STATUS_BAD_INPUT also for a question with texts that no name can
 * have. */
enum status_code ask_master(const struct ask_options *options, const struct wire_question *question, struct ask_answer *out,
                            struct status *status);

void ask_answer_free(struct ask_answer *answer);

#endif
