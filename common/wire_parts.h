/* wire_parts: what the files of wire share. Included by wire*.c alone. */
#ifndef HWNAS_COMMON_WIRE_PARTS_H
#define HWNAS_COMMON_WIRE_PARTS_H

#include <string.h>

#include "common/wire.h"
#include "hwnas.pb-c.h"

static inline bool take_text(const char *text, char *out, size_t size)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (length >= size)
        return false;
    memcpy(out, text == NULL ? "" : text, length + 1);
    return true;
}

static inline bool take_digest(const ProtobufCBinaryData *bytes, struct digest *out)
{
    if (bytes->len != DIGEST_BYTES)
        return false;
    memcpy(out->bytes, bytes->data, DIGEST_BYTES);
    return true;
}

static inline bool take_key(const ProtobufCBinaryData *bytes, char out[DIGEST_HEX_BYTES])
{
    struct digest digest;
    if (!take_digest(bytes, &digest))
        return false;
    digest_hex(&digest, out);
    return true;
}

static inline ProtobufCBinaryData digest_data(struct digest *digest)
{
    return (ProtobufCBinaryData){.len = DIGEST_BYTES, .data = digest->bytes};
}

static inline ProtobufCBinaryData key_data(const char *key, struct digest *digest)
{
    digest_parse(key, digest); /* checked by wire_check */
    return digest_data(digest);
}

/* In place of a field's name: there was no memory. */
extern const char wire_no_memory[];

/* --- wire_task.c --- */

/* The name of the field that does not fit, or NULL. A schedule becomes the message's memory. */
const char *wire_take_task(const Hwnas__Task *from, struct wire_message *message);

/* A Task as protobuf-c packs it, with what it borrows. */
struct wire_packed_task {
    Hwnas__Task task;
    struct digest key, bundle, weights, validation;
    uint8_t mask[4 * SPACE_ROWS_MAX], pull[8 * SPACE_MATRIX_MAX];
    char **schedule; /* the caller frees, whatever is returned; NULL: none */
};

/* *from, which must outlive *out, holds what wire_check wants. STATUS_NO_MEMORY. */
enum status_code wire_pack_task(const struct wire_task *from, struct wire_packed_task *out, struct status *status);

#endif
