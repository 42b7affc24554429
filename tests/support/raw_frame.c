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

static uint64_t take_varint(const struct raw_frame *message, size_t *at)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < message->size; shift += 7) {
        uint8_t byte = message->bytes[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    abort(); /* only what was written here is read */
}

/* The field that begins at *at, which moves behind it. */
static uint32_t take_field(const struct raw_frame *message, size_t *at, struct raw_frame *value)
{
    uint64_t tag = take_varint(message, at);
    *value = (struct raw_frame){.bytes = message->bytes + *at};
    switch (tag & 7) {
    case 0: take_varint(message, at); break;
    case 1: *at += 8; break;
    case 2:
        value->size = (size_t)take_varint(message, at);
        value->bytes = message->bytes + *at;
        *at += value->size;
        break;
    default: abort();
    }
    return (uint32_t)(tag >> 3);
}

struct raw_frame raw_body_of(const void *frame, size_t size, uint32_t *field)
{
    const struct raw_frame whole = {.bytes = (uint8_t *)frame, .size = size};
    struct raw_frame body = {0};
    for (size_t at = 0; at < size;)
        *field = take_field(&whole, &at, &body);
    return body;
}

struct raw_frame raw_without(const struct raw_frame *message, uint32_t field, struct raw_frame *taken)
{
    struct raw_frame rest = {0}, value;
    for (size_t at = 0; at < message->size;) {
        size_t from = at;
        uint32_t number = take_field(message, &at, &value);
        if (number != field)
            raw_bytes(&rest, message->bytes + from, at - from);
        else if (taken != NULL)
            *taken = value;
    }
    return rest;
}

void raw_free(struct raw_frame *frame)
{
    free(frame->bytes);
    *frame = (struct raw_frame){0};
}
