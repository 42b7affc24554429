/* raw_frame: frames byte by byte, for what wire_encode would not write. */
#ifndef HWNAS_TESTS_SUPPORT_RAW_FRAME_H
#define HWNAS_TESTS_SUPPORT_RAW_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct raw_frame {
    uint8_t *bytes; /* owned; free with raw_free, unless borrowed */
    size_t size, room;
};

void raw_bytes(struct raw_frame *frame, const void *data, size_t size);

/* A field of that number. */
void raw_number(struct raw_frame *frame, uint32_t field, uint64_t value);
void raw_double(struct raw_frame *frame, uint32_t field, double value);
void raw_text(struct raw_frame *frame, uint32_t field, const void *data, size_t size);

/* A Frame of this wire version that holds the body as field `field`, which is one more than its enum wire_type. */
struct raw_frame raw_frame_of(uint32_t field, const struct raw_frame *body);

/* The body of such a frame, which stays where it is; *field: which. */
struct raw_frame raw_body_of(const void *frame, size_t size, uint32_t *field);

/* The fields of a message but for those of that number; *taken (may be NULL) becomes what the last of these held, borrowed. */
struct raw_frame raw_without(const struct raw_frame *message, uint32_t field, struct raw_frame *taken);

void raw_free(struct raw_frame *frame);

#endif
