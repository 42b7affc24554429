/* line: any text as one line of UTF-8: for messages to peers, names in pictures and tables. Pure. */
#ifndef HWNAS_COMMON_LINE_H
#define HWNAS_COMMON_LINE_H

#include <stddef.h>

/* Copies text into out (size bytes, at least 1) as one line: control characters become spaces; bytes that are not UTF-8, and the
 * codes U+FFFE and U+FFFF, which XML does not take, become '?'; what does not fit is cut at a character's edge. */
void line_of(const char *text, char *out, size_t size);

/* The same of the whole text, for the caller to free; NULL without memory. */
char *line_dup(const char *text);

#endif
