/* space_text: reading an architecture's text from left to right. Included by space_<name>.c alone.
 *
 * Every refusal names the text, the character (counted from 1) and what was expected there. */
#ifndef HWNAS_COMMON_SPACE_TEXT_H
#define HWNAS_COMMON_SPACE_TEXT_H

#include <stdint.h>

#include "common/status.h"

struct space_text {
    const char *text, *at; /* the whole, and the next character of it */
    struct status *status;
};

/* STATUS_BAD_INPUT: at the next character, EXPECTED was expected. */
enum status_code space_text_refuse(const struct space_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Steps over `wanted`, or refuses. */
enum status_code space_text_expect(struct space_text *text, const char *wanted);

/* Steps over one of the words, which ends where the text does or at one of the characters `ends`; *index receives its number.
 * Refuses with all of them. */
enum status_code space_text_word(struct space_text *text, const char *const *words, int count, const char *ends, uint8_t *index);

/* Nothing may follow. */
enum status_code space_text_end(const struct space_text *text);

#endif
