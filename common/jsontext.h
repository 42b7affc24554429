/* jsontext: JSON out of text, told apart from having no memory for it. */
#ifndef HWNAS_COMMON_JSONTEXT_H
#define HWNAS_COMMON_JSONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

/* Keys may not be given twice. The caller releases *out. STATUS_BAD_INPUT: "WHAT is not JSON: byte 12: ..."; STATUS_NO_MEMORY. */
enum status_code jsontext_read(const void *text, size_t size, const char *what, json_t **out, struct status *status);

/* Finite numbers as a list (a new reference; NULL without memory) and back, equal to the last bit. Taking returns false for what is
 * no list of `count` numbers; values are then undefined. */
json_t *jsontext_numbers(const double *values, size_t count);
bool jsontext_take_numbers(const json_t *list, double *values, size_t count);

#endif
