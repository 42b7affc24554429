/* raw_frame: see raw_frame.h. */
#include "tests/support/raw_frame.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire.h"

void raw_bytes(struct raw_frame *frame, const void *data, size_t size)
{
    if (frame->size + size > frame->room) {
        frame->room = 2 * (frame->size + size) + 64;
        frame->bytes = realloc(frame->bytes, frame->room);
        if (frame->bytes == NULL)
            abort();
    }
    if (size > 0)
        memcpy(frame->bytes + frame->size, data, size);
    frame->size += size;
}

static void varint(struct raw_frame *frame, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        raw_bytes(frame, &byte, 1);
        value >>= 7;
    } while (value != 0);
}

void raw_number(struct raw_frame *frame, uint32_t field, uint64_t value)
{
    varint(frame, (uint64_t)field << 3);
    varint(frame, value);
}

void raw_double(struct raw_frame *frame, uint32_t field, double value)
{
    varint(frame, (uint64_t)field << 3 | 1);
    raw_bytes(frame, &value, sizeof value);
}

void raw_text(struct raw_frame *frame, uint32_t field, const void *data, size_t size)
{
    varint(frame, (uint64_t)field << 3 | 2);
    varint(frame, size);
    raw_bytes(frame, data, size);
}

struct raw_frame raw_frame_of(uint32_t field, const struct raw_frame *body)
{
    struct raw_frame frame = {0};
    raw_number(&frame, 1, WIRE_VERSION);
    raw_text(&frame, field, body->bytes, body->size);
    return frame;
}

void raw_free(struct raw_frame *frame)
{
    free(frame->bytes);
    *frame = (struct raw_frame){0};
}
