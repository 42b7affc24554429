/* look: what a person wants to see of a database, as the text that is printed: lists of studies and boards, one of them, a front. A
 * verb has it printed from a database it opened itself; a master answers questions with it, a few milliseconds at a time, while its
 * search goes on. Reads the store, changes nothing. */
#ifndef HWNAS_MASTER_LOOK_H
#define HWNAS_MASTER_LOOK_H

#include <stdbool.h>
#include <stdio.h>

#include "common/cli.h"
#include "common/wire.h"
#include "master/store.h"
#include "master/store_board.h"

struct look;

/* Whether questions of that kind are answered here. */
bool look_answers(enum wire_question_kind kind);

/* Begins an answer; all borrowed things must outlive it. STATUS_NOT_FOUND with what there is. */
enum status_code look_open(struct store *store, const struct wire_question *question, FILE *out, struct look **look,
                           struct status *status);

/* Goes on for some milliseconds. *more: call again. What was written before a failure is worth nothing. */
enum status_code look_step(struct look *look, bool *more, struct status *status);

/* What belongs on standard error beside the text; empty: nothing. Valid until look_close. */
const char *look_note(const struct look *look);

void look_close(struct look *look); /* NULL is fine */

/* The question's format. */
enum cli_format look_format(const struct wire_question *question);

/* The one board that a word (name or device key) and perhaps a device key mean. STATUS_NOT_FOUND with the nearest name, or what to
 * do when there are several. */
enum status_code look_board_find(struct store *store, const char *word, const char *device, struct store_board *out,
                                 struct status *status);

/* "kitchen (KEY) DID", or its state as CSV or JSON: what is said after something was done to a board. */
enum status_code look_board_done(const struct store_board *board, const char *did, const char *state, enum cli_format format,
                                 FILE *out, struct status *status);

/* What is said of a log level that was changed. */
enum status_code look_level_done(const struct wire_question *question, const char *before, FILE *out, struct status *status);

/* What is said of a backup that is done: question->text is the copy. */
enum status_code look_backup_done(const struct wire_question *question, FILE *out, struct status *status);

#endif
