/* look_text: what the printers of studies, boards and reasons share: times, numbers and texts in JSON and CSV. */
#ifndef HWNAS_MASTER_LOOK_TEXT_H
#define HWNAS_MASTER_LOOK_TEXT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "common/status.h"

enum { LOOK_TEXT_TIME_BYTES = 32 };

/* "2026-11-21T15:00:00Z", or "never" for 0. */
void look_text_time(int64_t wall_ms, char out[LOOK_TEXT_TIME_BYTES]);

/* A JSON number, null for NaN; a JSON text that is well-formed whatever the bytes. */
json_t *look_text_number(double value);
json_t *look_text_string(const char *text);

/* The object on one line, released. STATUS_NO_MEMORY when it is NULL, STATUS_IO when the stream did not take it. */
enum status_code look_text_print_json(json_t *object, FILE *out, struct status *status);

/* A comma and the number; nothing behind it for NaN. */
void look_text_csv_number(double value, FILE *out);

#endif
