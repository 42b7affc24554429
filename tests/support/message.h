/* message: a valid message of each type, for tests that send, change and refuse messages. */
#ifndef HWNAS_TESTS_SUPPORT_MESSAGE_H
#define HWNAS_TESTS_SUPPORT_MESSAGE_H

#include "common/wire.h"

#define MESSAGE_KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Nothing in it is owned. */
struct wire_message message_sample(enum wire_type type);

#endif
