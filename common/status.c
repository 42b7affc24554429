/* status: codes, sentences, exit codes. Pure. */
#include "common/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status_code status_set(struct status *status, enum status_code code, const char *format, ...)
{
    if (status == NULL)
        return code;
    va_list arguments;
    va_start(arguments, format);
    status->code = code;
    vsnprintf(status->message, sizeof status->message, format, arguments);
    va_end(arguments);
    return code;
}

enum status_code status_prefix(struct status *status, const char *format, ...)
{
    if (status == NULL)
        return STATUS_INTERNAL;
    char sentence[STATUS_MESSAGE_BYTES];
    memcpy(sentence, status->message, sizeof sentence);
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(status->message, sizeof status->message, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof status->message)
        snprintf(status->message + used, sizeof status->message - (size_t)used, ": %s", sentence);
    return status->code;
}

const char *status_name(enum status_code code)
{
    switch (code) {
    case STATUS_OK: return "ok";
    case STATUS_BAD_INPUT: return "bad_input";
    case STATUS_NOT_FOUND: return "not_found";
    case STATUS_CONFLICT: return "conflict";
    case STATUS_IO: return "io";
    case STATUS_NO_MEMORY: return "no_memory";
    case STATUS_UNSUPPORTED: return "unsupported";
    case STATUS_UNAVAILABLE: return "unavailable";
    case STATUS_INTERNAL: return "internal";
    }
    return "unknown";
}

int status_exit_code(enum status_code code)
{
    switch (code) {
    case STATUS_OK: return 0;
    case STATUS_BAD_INPUT:
    case STATUS_NOT_FOUND:
    case STATUS_UNSUPPORTED: return 2;
    case STATUS_CONFLICT: return 3;
    default: return 1;
    }
}
