/* line: any text as one line of UTF-8: for messages to peers, names in pictures and tables. Pure. */
#ifndef HWNAS_COMMON_LINE_H
#define HWNAS_COMMON_LINE_H

#include <stddef.h>

/* Copies text into out (size bytes, at least 1) as one line: control characters become spaces; bytes that are not UTF-8, and the
 * codes U+FFFE and U+FFFF, which XML does not take, become '?'; what does not fit is cut at a character's edge. */
void line_of(const char *text, char *out, size_t size);

/* Bytes of the UTF-8 character at text, of which `size` bytes are there; 0 when it is none, cut off, U+FFFE or U+FFFF. */
size_t line_character(const char *text, size_t size);

/* The same, and 0 too when it could drive a terminal or turn what stands around it: C0 and C1 controls, DEL, line and paragraph
 * separators, marks and overrides of writing direction. */
size_t line_shown(const char *text, size_t size);

/* Copies text into out (size bytes, at least 1) for people to read: what line_shown does not take becomes \xNN, a byte each. A text
 * that does not fit is cut at a character's edge and ends in "...". Returns the length. */
size_t line_escape(const char *text, char *out, size_t size);

/* line_of of the whole text, for the caller to free; NULL without memory. */
char *line_dup(const char *text);

#endif
