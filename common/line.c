/* line: see line.h. Called where a text that somebody else wrote goes into a message, a picture or a table. */
#include "common/line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Length of the valid UTF-8 character at text, or 0; one that XML takes too. */
static size_t utf8_length(const unsigned char *text, size_t size)
{
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf4 && text[1] > 0x8f);
    bool none = text[0] == 0xef && text[1] == 0xbf && text[2] >= 0xbe;
    return overlong || beyond || none ? 0 : length;
}

size_t line_character(const char *text, size_t size)
{
    return size == 0 ? 0 : utf8_length((const unsigned char *)text, size);
}

/* Of three bytes: U+2028 and 2029, 200E and 200F, 202A to 202E, 2066 to 2069; of two: C1, U+061C. */
static bool is_unseen(const unsigned char *text, size_t length)
{
    if (length == 1)
        return text[0] < 0x20 || text[0] == 0x7f;
    if (length == 2)
        return (text[0] == 0xc2 && text[1] < 0xa0) || (text[0] == 0xd8 && text[1] == 0x9c);
    if (length != 3 || text[0] != 0xe2)
        return false;
    if (text[1] == 0x80)
        return text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae);
    return text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9;
}

size_t line_shown(const char *text, size_t size)
{
    size_t length = line_character(text, size);
    return length > 0 && !is_unseen((const unsigned char *)text, length) ? length : 0;
}

size_t line_escape(const char *text, char *out, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t left = strlen(text), used = 0, fits = 0; /* fits: so much of it leaves room for the dots */
    while (left > 0) {
        size_t length = line_shown(text, left), needs = length > 0 ? length : 4;
        if (used + 4 <= size)
            fits = used;
        if (used + needs >= size)
            break;
        if (length > 0)
            memcpy(out + used, text, length);
        else
            memcpy(out + used, (char[]){'\\', 'x', hex[(unsigned char)*text >> 4], hex[*text & 15]}, 4);
        used += needs;
        text += length > 0 ? length : 1;
        left -= length > 0 ? length : 1;
    }
    if (left > 0 && size >= 4) {
        memcpy(out + fits, "...", 3);
        used = fits + 3;
    }
    out[used] = '\0';
    return used;
}

void line_of(const char *text, char *out, size_t size)
{
    size_t used = 0;
    const unsigned char *from = (const unsigned char *)text;
    while (*from != '\0') {
        size_t length = utf8_length(from, 4); /* the text's end is no continuation byte */
        bool plain = length == 1 && *from >= 0x20 && *from != 0x7f;
        size_t needs = length == 0 ? 1 : length;
        if (used + needs >= size)
            break;
        if (length > 1)
            memcpy(out + used, from, length);
        else
            out[used] = plain ? (char)*from : length == 0 ? '?' : ' ';
        used += needs;
        from += needs;
    }
    out[used] = '\0';
}

char *line_dup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *line = malloc(size);
    if (line != NULL)
        line_of(text, line, size);
    return line;
}
