/* swarm_wire: protobuf by hand; field numbers are those of proto/hwnas.proto. */
#include "tests/support/swarm_wire.h"

#include <string.h>

#include "common/wire.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5, FRAME_FIXED = 16, HELD_BYTES = 64, TEXT_BYTES = 512 };

/* --- writing --- */

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

static uint8_t *put_number(uint8_t *out, unsigned field, uint64_t value)
{
    return value == 0 ? out : put_varint(put_varint(out, field << 3 | VARINT), value);
}

static uint8_t *put_bytes(uint8_t *out, unsigned field, const void *data, size_t size)
{
    out = put_varint(put_varint(out, field << 3 | BYTES), size);
    memcpy(out, data, size);
    return out + size;
}

static uint8_t *put_real(uint8_t *out, unsigned field, double value)
{
    out = put_varint(out, field << 3 | FIXED64);
    memcpy(out, &value, sizeof value);
    return out + sizeof value;
}

static uint8_t *put_held(uint8_t *out, unsigned field, const struct swarm_held *held, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t item[HELD_BYTES], *end = put_number(item, 1, held[i].lease_id);
        end = put_bytes(end, 2, held[i].key, SWARM_KEY_BYTES);
        out = put_bytes(out, field, item, (size_t)(end - item));
    }
    return out;
}

/* Puts the frame's own fields before a body that was written FRAME_FIXED bytes further on. */
static size_t close_frame(uint8_t *out, unsigned field, const uint8_t *end)
{
    const uint8_t *body = out + FRAME_FIXED;
    size_t size = (size_t)(end - body);
    uint8_t *at = put_varint(put_varint(put_number(out, 1, WIRE_VERSION), field << 3 | BYTES), size);
    memmove(at, body, size);
    return (size_t)(at - out) + size;
}

size_t swarm_wire_room(uint32_t held)
{
    return FRAME_FIXED + TEXT_BYTES + (size_t)held * (HELD_BYTES + 4);
}

size_t swarm_wire_hello(uint8_t *out, const char *node, const char *host, uint64_t incarnation, uint32_t slots, uint64_t sequence,
                        const struct swarm_held *held, uint32_t count)
{
    uint8_t *at = put_number(out + FRAME_FIXED, 1, WIRE_WORKER);
    at = put_bytes(at, 2, node, strlen(node));
    at = put_number(at, 3, incarnation);
    at = put_bytes(at, 4, host, strlen(host));
    at = put_number(at, 5, slots);
    at = put_number(at, 10, sequence);
    return close_frame(out, 2, put_held(at, 11, held, count));
}

size_t swarm_wire_heartbeat(uint8_t *out, uint32_t slots, uint64_t sequence, const struct swarm_held *held, uint32_t count)
{
    uint8_t *at = put_number(put_number(out + FRAME_FIXED, 1, sequence), 2, slots);
    return close_frame(out, 4, put_held(at, 3, held, count));
}

size_t swarm_wire_result(uint8_t *out, const struct swarm_held *held)
{
    uint8_t *at = put_number(out + FRAME_FIXED, 1, held->lease_id);
    at = put_number(at, 2, held->epoch);
    at = put_number(at, 3, held->attempt);
    at = put_bytes(at, 4, held->key, SWARM_KEY_BYTES);
    at = put_number(at, 5, WIRE_OK);
    return close_frame(out, 7, put_real(at, 6, swarm_value(held->key)));
}

/* --- reading --- */

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

struct field {
    unsigned number;
    uint64_t value;
    const uint8_t *data; /* BYTES: value is their size */
};

static uint64_t take_varint(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

static bool take_field(struct reader *reader, struct field *out)
{
    if (reader->failed || reader->at == reader->end)
        return false;
    uint64_t tag = take_varint(reader), skip = 0;
    *out = (struct field){.number = (unsigned)(tag >> 3)};
    switch (tag & 7) {
    case VARINT: out->value = take_varint(reader); break;
    case FIXED64: skip = 8; break;
    case FIXED32: skip = 4; break;
    case BYTES:
        skip = out->value = take_varint(reader);
        out->data = reader->at;
        break;
    default: reader->failed = true;
    }
    reader->failed |= skip > (uint64_t)(reader->end - reader->at);
    if (!reader->failed)
        reader->at += skip;
    return !reader->failed;
}

static void add_drops(const struct field *field, struct swarm_message *out)
{
    struct reader packed = {field->data, field->data + field->value, false};
    while (field->data != NULL && packed.at < packed.end && !packed.failed && out->drops < 64)
        out->drop[out->drops++] = take_varint(&packed);
    if (field->data == NULL && out->drops < 64)
        out->drop[out->drops++] = field->value;
}

/* Which member of *out a field of that message is. */
static void take_member(const struct field *field, struct swarm_message *out)
{
    unsigned n = field->number;
    switch (out->word) {
    case SWARM_WELCOME:
        if (n == 1)
            out->epoch = field->value;
        else if (n == 2)
            out->heartbeat_ms = (uint32_t)field->value;
        else if (n == 3)
            out->lease_ms = (uint32_t)field->value;
        else if (n == 4)
            out->sequence = field->value;
        else
            add_drops(field, out);
        break;
    case SWARM_ANSWER:
        if (n == 1)
            out->epoch = field->value;
        else if (n == 2)
            out->sequence = field->value;
        else
            add_drops(field, out);
        break;
    case SWARM_TASK:
        if (n == 1)
            out->lease_id = field->value;
        else if (n == 2)
            out->epoch = field->value;
        else if (n == 3)
            out->attempt = (uint32_t)field->value;
        else if (n == 7 && field->value == SWARM_KEY_BYTES)
            memcpy(out->key, field->data, SWARM_KEY_BYTES);
        break;
    case SWARM_ACK:
        if (n == 1)
            out->lease_id = field->value;
        else if (n == 2)
            out->code = (uint32_t)field->value;
        break;
    default:
        if (n == 1)
            out->code = (uint32_t)field->value;
        break;
    }
}

bool swarm_wire_read(const uint8_t *data, size_t size, struct swarm_message *out)
{
    static const enum swarm_word words[14] = {
        [3] = SWARM_WELCOME, [5] = SWARM_ANSWER, [6] = SWARM_TASK, [8] = SWARM_ACK, [12] = SWARM_GOODBYE, [13] = SWARM_REFUSE};
    struct reader reader = {data, data + size, false};
    struct field field;
    memset(out, 0, offsetof(struct swarm_message, drop));
    while (take_field(&reader, &field)) {
        if (field.number == 1)
            continue;
        out->word = field.number < 14 && field.data != NULL ? words[field.number] : SWARM_OTHER;
        struct reader body = {field.data, field.data + field.value, false};
        while (out->word != SWARM_OTHER && take_field(&body, &field))
            take_member(&field, out);
        return !body.failed;
    }
    return false;
}
