/* space_text: steps through an architecture's text. Used by the spaces' parsers; pure. */
#include "common/space_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status_code space_text_refuse(const struct space_text *text, const char *format, ...)
{
    char expected[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    return status_set(text->status, STATUS_BAD_INPUT, "architecture \"%.80s\": character %zu: expected %s", text->text,
                      (size_t)(text->at - text->text) + 1, expected);
}

enum status_code space_text_expect(struct space_text *text, const char *wanted)
{
    size_t length = strlen(wanted);
    if (strncmp(text->at, wanted, length) != 0)
        return space_text_refuse(text, "\"%s\"", wanted);
    text->at += length;
    return STATUS_OK;
}

/* "a, b or c" */
static void list_words(const char *const *words, int count, char *out, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
}

enum status_code space_text_word(struct space_text *text, const char *const *words, int count, const char *ends, uint8_t *index)
{
    char all[224];
    size_t length = strcspn(text->at, ends);
    for (int i = 0; i < count; i++) {
        if (strlen(words[i]) != length || memcmp(words[i], text->at, length) != 0)
            continue;
        *index = (uint8_t)i;
        text->at += length;
        return STATUS_OK;
    }
    list_words(words, count, all, sizeof all);
    return space_text_refuse(text, "%s", all);
}

enum status_code space_text_end(const struct space_text *text)
{
    return *text->at == '\0' ? STATUS_OK : space_text_refuse(text, "the end");
}
