/* fuzz_wire: any bytes as a frame. What is let through keeps the rules, and is the same message when it is sent on. */
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"wire", 20000};

/* The corpus outlives versions of the wire: a small number where a frame's version stands is this version's. */
static uint8_t *of_this_version(const uint8_t *data, size_t size)
{
    uint8_t *frame = malloc(size > 0 ? size : 1);
    FUZZ_MUST(frame != NULL, "there is memory for the input");
    if (size > 0)
        memcpy(frame, data, size);
    if (size > 1 && frame[0] == 0x08 && frame[1] >= 1 && frame[1] < 32)
        frame[1] = WIRE_VERSION;
    return frame;
}

static void send_on(const struct wire_message *message)
{
    struct status status = {0};
    struct wire_message again;
    void *data, *twice;
    size_t size, twice_size;
    FUZZ_MUST(wire_encode(message, &data, &size, &status) == STATUS_OK, "what was read can be written");
    FUZZ_MUST(wire_decode(data, size, &again, &status) == STATUS_OK, "what was written can be read");
    FUZZ_MUST(again.type == message->type, "a message keeps its type");
    FUZZ_MUST(wire_encode(&again, &twice, &twice_size, &status) == STATUS_OK, "and be written again");
    FUZZ_MUST(size == twice_size && memcmp(data, twice, size) == 0, "to the same bytes");
    wire_free(&again);
    free(data);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire_message message; /* too large for a stack with red zones */
    struct status status = {0};
    uint8_t *frame = of_this_version(data, size);
    if (wire_decode(frame, size, &message, &status) == STATUS_OK) {
        FUZZ_MUST(wire_check(&message, &status) == STATUS_OK, "what is let through keeps the rules");
        send_on(&message);
        wire_free(&message);
    } else {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        FUZZ_MUST(status.code != STATUS_NO_MEMORY, "what wire_scan lets through can be unpacked within the budget");
        FUZZ_MUST(message.memory == NULL, "a refused message owns nothing");
    }
    free(frame);
    return 0;
}
