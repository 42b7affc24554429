/* jsontext: jansson's parser. It has a sentence for everything but missing memory. */
#include "common/jsontext.h"

enum status_code jsontext_read(const void *text, size_t size, const char *what, json_t **out, struct status *status)
{
    json_error_t error = {.text = ""};
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (*out != NULL)
        return STATUS_OK;
    if (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to read it", what);
    return status_set(status, STATUS_BAD_INPUT, "%s is not JSON: byte %d: %s", what, error.position, error.text);
}
