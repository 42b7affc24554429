/* wire_scan: see wire_scan.h. Called by wire_decode. Knows messages by the descriptors that protobuf-c generates, so that a new
 * message needs no line here. */
#include "common/wire_scan.h"

#include <string.h>

#include "common/wire.h"
#include "hwnas.pb-c.h"

enum { DEPTH_MAX = 4, FIELD_MAX = (1 << 29) - 1 };
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* types on the wire */

/* A message, while its fields are looked at. */
struct level {
    const ProtobufCMessageDescriptor *descriptor;
    const uint8_t *end;
    uint64_t seen; /* a bit for each field */
    bool body;     /* an arm of the Frame's oneof */
};

/* A field as it stands in the bytes. */
struct item {
    uint32_t number;
    unsigned type;
    uint64_t value;       /* VARINT */
    const uint8_t *bytes; /* BYTES, of size */
    size_t size;
};

struct scan {
    struct level levels[DEPTH_MAX];
    int depth;
    const uint8_t *at;
    size_t size; /* of the whole frame */
    uint64_t version;
    unsigned unknown;
    size_t listed; /* items of lists */
    struct status *status;
};

static enum status_code refuse(struct scan *scan, const char *field, const char *what)
{
    return status_set(scan->status, STATUS_BAD_INPUT, "message %s: field %s %s", scan->levels[scan->depth].descriptor->short_name,
                      field, what);
}

/* False when it does not end within the bytes, or has more than 64 bits. */
static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool take_item(const uint8_t **at, const uint8_t *end, struct item *out)
{
    uint64_t tag;
    if (!take_varint(at, end, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
        return false;
    *out = (struct item){.number = (uint32_t)(tag >> 3), .type = (unsigned)(tag & 7)};
    size_t left;
    switch (out->type) {
    case VARINT: return take_varint(at, end, &out->value);
    case FIXED64: out->size = 8; break;
    case FIXED32: out->size = 4; break;
    case BYTES:
        if (!take_varint(at, end, &out->value))
            return false;
        left = (size_t)(end - *at);
        if (out->value > left)
            return false;
        out->size = (size_t)out->value;
        break;
    default: return false; /* groups, which nobody writes any more */
    }
    if (out->size > (size_t)(end - *at))
        return false;
    out->bytes = *at;
    *at += out->size;
    return true;
}

/* The type on the wire, and the largest number that fits. */
static unsigned wire_type_of(ProtobufCType type, uint64_t *max)
{
    *max = UINT64_MAX;
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL: *max = 1; return VARINT;
    case PROTOBUF_C_TYPE_ENUM: *max = INT32_MAX; return VARINT;
    case PROTOBUF_C_TYPE_UINT32: *max = UINT32_MAX; return VARINT;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return BYTES;
    default: return VARINT;
    }
}

/* Numbers one after the other in one field. */
static enum status_code scan_packed(struct scan *scan, const ProtobufCFieldDescriptor *field, const struct item *item)
{
    const uint8_t *at = item->bytes;
    uint64_t max, value;
    if (wire_type_of(field->type, &max) != VARINT)
        return refuse(scan, field->name, "has another type"); /* there are no such lists */
    while (at < item->bytes + item->size) {
        if (!take_varint(&at, item->bytes + item->size, &value) || value > max)
            return refuse(scan, field->name, "holds a number that does not fit");
        if (++scan->listed > WIRE_HELD_MAX)
            return refuse(scan, field->name, "is too long a list");
    }
    return STATUS_OK;
}

static enum status_code scan_list(struct scan *scan, const ProtobufCFieldDescriptor *field, const struct item *item)
{
    uint64_t max;
    unsigned type = wire_type_of(field->type, &max);
    if (item->type == BYTES && type != BYTES)
        return scan_packed(scan, field, item);
    size_t most = field->type == PROTOBUF_C_TYPE_STRING ? WIRE_SCHEDULE_MAX : WIRE_HELD_MAX;
    return ++scan->listed > most ? refuse(scan, field->name, "is too long a list") : STATUS_OK;
}

static enum status_code scan_known(struct scan *scan, struct level *level, const ProtobufCFieldDescriptor *field,
                                   const struct item *item)
{
    uint64_t max, bit = (uint64_t)1 << (field->id % 64); /* no message has so many fields */
    unsigned type = wire_type_of(field->type, &max);
    bool list = field->label == PROTOBUF_C_LABEL_REPEATED, arm = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    if (item->type != type && !(list && item->type == BYTES))
        return refuse(scan, field->name, "has another type");
    if (!list && ((level->seen & bit) != 0 || (arm && level->body)))
        return refuse(scan, field->name, "stands beside another of which there can be one");
    level->seen |= bit;
    level->body |= arm;
    if (item->type == VARINT && item->value > max)
        return refuse(scan, field->name, "is a number that does not fit");
    if (field->type == PROTOBUF_C_TYPE_STRING && memchr(item->bytes, '\0', item->size) != NULL)
        return refuse(scan, field->name, "has a NUL byte in it");
    return list ? scan_list(scan, field, item) : STATUS_OK;
}

/* One field of the message on top; a message in it becomes the top. */
static enum status_code scan_item(struct scan *scan)
{
    struct level *level = &scan->levels[scan->depth];
    struct item item;
    if (!take_item(&scan->at, level->end, &item))
        return status_set(scan->status, STATUS_BAD_INPUT, "message %s: malformed %zu bytes before the end of the frame",
                          level->descriptor->short_name, (size_t)(scan->levels[0].end - scan->at));
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(level->descriptor, item.number);
    if (field == NULL)
        return ++scan->unknown > WIRE_SCAN_UNKNOWN_MAX ? refuse(scan, "?", "is not known here, like too many others") : STATUS_OK;
    enum status_code code = scan_known(scan, level, field, &item);
    if (code != STATUS_OK || field->type != PROTOBUF_C_TYPE_MESSAGE || level->descriptor == &hwnas__frame__descriptor)
        return code;
    if (scan->depth + 1 == DEPTH_MAX)
        return refuse(scan, field->name, "is nested too deep");
    scan->levels[++scan->depth] = (struct level){.descriptor = field->descriptor, .end = item.bytes + item.size};
    scan->at = item.bytes;
    return STATUS_OK;
}

/* Until the messages from that depth on have ended. */
static enum status_code scan_messages(struct scan *scan, int depth)
{
    enum status_code code = STATUS_OK;
    while (code == STATUS_OK && scan->depth >= depth) {
        if (scan->at < scan->levels[scan->depth].end)
            code = scan_item(scan);
        else
            scan->depth--;
    }
    return code;
}

/* The Frame itself, whose messages are not looked into; then what they say about version and size. */
static enum status_code scan_frame(struct scan *scan, struct item *body, struct status *status)
{
    const struct level frame = scan->levels[0];
    const uint8_t *at = scan->at;
    enum status_code code = scan_messages(scan, 0);
    struct item item;
    if (code != STATUS_OK)
        return code;
    while (at < frame.end && take_item(&at, frame.end, &item)) {
        if (item.number == 1)
            scan->version = item.value;
        else if (protobuf_c_message_descriptor_get_field(frame.descriptor, item.number) != NULL)
            *body = item;
    }
    if (scan->version != WIRE_VERSION && body->number != HWNAS__FRAME__BODY_REFUSE)
        return status_set(status, STATUS_UNSUPPORTED, "the peer speaks wire version %llu, this program %d",
                          (unsigned long long)scan->version, WIRE_VERSION);
    if (body->number == 0)
        return status_set(status, STATUS_BAD_INPUT, "the frame holds no message that is known here");
    bool bulk = body->number == HWNAS__FRAME__BODY_TASK || body->number == HWNAS__FRAME__BODY_RESULT ||
                body->number == HWNAS__FRAME__BODY_BUNDLE_CHUNK || body->number == HWNAS__FRAME__BODY_ANSWER;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(frame.descriptor, body->number);
    if (!bulk && scan->size > WIRE_CONTROL_MAX)
        return status_set(status, STATUS_BAD_INPUT, "message %s of %zu bytes; at most %d are accepted",
                          ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name, scan->size, WIRE_CONTROL_MAX);
    scan->depth = 1;
    scan->levels[1] = (struct level){.descriptor = field->descriptor, .end = body->bytes + body->size};
    scan->at = body->bytes;
    return STATUS_OK;
}

enum status_code wire_scan(const void *data, size_t size, struct status *status)
{
    struct scan scan = {.at = data, .size = size, .status = status};
    struct item body = {0};
    scan.levels[0] = (struct level){.descriptor = &hwnas__frame__descriptor, .end = (const uint8_t *)data + size};
    if (size > WIRE_FRAME_MAX)
        return status_set(status, STATUS_BAD_INPUT, "a frame of %zu bytes; at most %d are accepted", size, WIRE_FRAME_MAX);
    enum status_code code = scan_frame(&scan, &body, status);
    return code == STATUS_OK ? scan_messages(&scan, 1) : code;
}
