/* message: a valid message of each type, for tests that send, change and refuse messages. */
#ifndef HWNAS_TESTS_SUPPORT_MESSAGE_H
#define HWNAS_TESTS_SUPPORT_MESSAGE_H

#include "common/wire.h"

#define MESSAGE_KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Nothing in it is owned. */
struct wire_message message_sample(enum wire_type type);

/* Those, and the ones of a type that have other fields: tasks of one-shot nets (with and without weights, schedule, architecture),
 * a result with an artifact. n is 0 .. MESSAGE_SAMPLES-1. */
enum { MESSAGE_SAMPLES = WIRE_TYPES - 1 + 4 };
struct wire_message message_numbered(unsigned n);

#endif
