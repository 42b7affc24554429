/* space_check: what the tests of all search spaces ask of a space's text. */
#ifndef HWNAS_TESTS_SUPPORT_SPACE_CHECK_H
#define HWNAS_TESTS_SUPPORT_SPACE_CHECK_H

#include "common/space.h"

/* The architecture of that text; fails the test when it is none. */
struct arch space_check_parsed(const struct space *space, const char *text);

/* The text is refused, in a sentence that says both words, and what was to be filled stays as it was. */
void space_check_refused(const struct space *space, const char *text, const char *place, const char *expected);

/* So many random architectures print as `length` bytes and parse back. */
void space_check_round_trip(const struct space *space, uint64_t seed, int samples, size_t length);

#endif
