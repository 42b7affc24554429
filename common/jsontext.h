/* jsontext: JSON out of text, told apart from having no memory for it. */
#ifndef HWNAS_COMMON_JSONTEXT_H
#define HWNAS_COMMON_JSONTEXT_H

#include <jansson.h>
#include <stddef.h>

#include "common/status.h"

/* Keys may not be given twice. The caller releases *out. STATUS_BAD_INPUT: "WHAT is not JSON: byte 12: ..."; STATUS_NO_MEMORY. */
enum status_code jsontext_read(const void *text, size_t size, const char *what, json_t **out, struct status *status);

#endif
