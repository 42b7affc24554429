/* line: see line.h. Called where a text that somebody else wrote goes into a message, a picture or a table. */
#include "common/line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Length of the valid UTF-8 character at text, or 0; one that XML takes too. */
static size_t utf8_length(const unsigned char *text)
{
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4)
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

void line_of(const char *text, char *out, size_t size)
{
    size_t used = 0;
    const unsigned char *from = (const unsigned char *)text;
    while (*from != '\0') {
        size_t length = utf8_length(from);
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
