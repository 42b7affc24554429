/* jsontext: jansson's parser, which has a sentence for everything but missing memory; lists of numbers. */
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

json_t *jsontext_numbers(const double *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_real(values[i]));
    if (list != NULL && json_array_size(list) == count)
        return list;
    json_decref(list);
    return NULL;
}

bool jsontext_take_numbers(const json_t *list, double *values, size_t count)
{
    if (json_array_size(list) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_number(value))
            return false;
        values[i] = json_number_value(value);
    }
    return true;
}
