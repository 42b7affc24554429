/* net_onnx_unpack: the border that an ONNX file crosses first.
 *
 * protobuf-c recurses without a limit and turns one byte into sixty, so the bytes are walked over before (bounded depth, no message
 * field twice where one is meant) and unpacked with an allocator that stops at a budget. */
#include "common/net_onnx_internal.h"

#include <stdlib.h>

enum {
    DEPTH_MAX = 10, /* the deepest that a classifier needs is 7: model, graph, output, type, tensor, shape, dimension */
    VARINT32_BYTES = 5,
    VARINT64_BYTES = 10
};

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire {
    const uint8_t *at, *end;
};

/* Reads a varint of at most max_bytes; 0, or -1 when it is cut short or too long. */
static int take_varint(struct wire *wire, int max_bytes, uint64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < max_bytes && wire->at < wire->end; i++) {
        uint8_t byte = *wire->at++;
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0) {
            *out = value;
            return 0;
        }
    }
    return -1;
}

static int skip(struct wire *wire, uint64_t bytes)
{
    if ((uint64_t)(wire->end - wire->at) < bytes)
        return -1;
    wire->at += bytes;
    return 0;
}

/* The place of the field with that number in the descriptor, or -1. */
static int find_field(const ProtobufCMessageDescriptor *message, uint64_t number)
{
    for (unsigned i = 0; i < message->n_fields; i++)
        if (message->fields[i].id == number)
            return (int)i;
    return -1;
}

static enum status_code walk(const ProtobufCMessageDescriptor *message, struct wire wire, int depth, struct status *status);

/* One length-delimited field: a message inside is walked too. `seen` has a bit for each single message met before. */
static enum status_code walk_bytes(const ProtobufCMessageDescriptor *message, uint64_t number, struct wire inside, int depth,
                                   uint64_t *seen, struct status *status)
{
    int place = find_field(message, number);
    if (place < 0 || message->fields[place].type != PROTOBUF_C_TYPE_MESSAGE)
        return STATUS_OK;
    const ProtobufCFieldDescriptor *field = &message->fields[place];
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        if ((*seen >> place & 1) != 0)
            return status_set(status, STATUS_BAD_INPUT, "not a sound ONNX file: %s holds two %s", message->short_name, field->name);
        *seen |= UINT64_C(1) << place;
    }
    return walk(field->descriptor, inside, depth + 1, status);
}

static enum status_code cut_short(const ProtobufCMessageDescriptor *message, struct status *status)
{
    return status_set(status, STATUS_BAD_INPUT, "not an ONNX file, or cut short or damaged (in a %s)", message->short_name);
}

static enum status_code walk(const ProtobufCMessageDescriptor *message, struct wire wire, int depth, struct status *status)
{
    uint64_t seen = 0;
    if (depth > DEPTH_MAX)
        return status_set(status, STATUS_UNSUPPORTED, "graphs or types are nested deeper than %d levels in this ONNX file",
                          DEPTH_MAX);
    while (wire.at < wire.end) {
        uint64_t tag = 0, value = 0;
        int failed = take_varint(&wire, VARINT32_BYTES, &tag) != 0 || tag >> 3 == 0;
        if (failed)
            return cut_short(message, status);
        switch ((enum wire_type)(tag & 7)) {
        case WIRE_VARINT: failed = take_varint(&wire, VARINT64_BYTES, &value); break;
        case WIRE_FIXED64: failed = skip(&wire, 8); break;
        case WIRE_FIXED32: failed = skip(&wire, 4); break;
        case WIRE_BYTES: failed = take_varint(&wire, VARINT32_BYTES, &value) != 0 || skip(&wire, value) != 0; break;
        default: failed = 1;
        }
        if (failed)
            return cut_short(message, status);
        if ((tag & 7) == WIRE_BYTES) {
            enum status_code code = walk_bytes(message, tag >> 3, (struct wire){wire.at - value, wire.at}, depth, &seen, status);
            if (code != STATUS_OK)
                return code;
        }
    }
    return STATUS_OK;
}

struct budget {
    size_t left;
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *budget = data;
    if (size > budget->left)
        return NULL;
    budget->left -= size;
    return malloc(size);
}

static void budget_free(void *data, void *pointer)
{
    (void)data;
    free(pointer);
}

/* Weights unpack one to one; a node of 100 bytes becomes structs of 1 to 3 KB. No file needs more than a megabyte of nodes, but a
 * larger one may have some. */
static size_t budget_for(size_t size)
{
    const size_t structure = (size_t)1 << 20;
    return 2 * size + 64 * (size < structure ? size : structure) + ((size_t)1 << 16);
}

Onnx__ModelProto *onnx_model_unpack(const void *data, size_t size, struct status *status)
{
    const uint8_t *bytes = data;
    if (size == 0) {
        status_set(status, STATUS_BAD_INPUT, "not an ONNX file: it is empty");
        return NULL;
    }
    if (walk(&onnx__model_proto__descriptor, (struct wire){bytes, bytes + size}, 1, status) != STATUS_OK)
        return NULL;
    struct budget budget = {.left = budget_for(size)};
    ProtobufCAllocator allocator = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
    Onnx__ModelProto *model = onnx__model_proto__unpack(&allocator, size, bytes);
    if (model == NULL)
        status_set(status, STATUS_BAD_INPUT, "not an ONNX file, or damaged, or made to unpack to more than %zu bytes",
                   budget_for(size));
    return model;
}

void onnx_model_free(Onnx__ModelProto *model)
{
    struct budget budget = {.left = 0};
    ProtobufCAllocator allocator = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
    if (model != NULL)
        onnx__model_proto__free_unpacked(model, &allocator);
}
