/* digest: BLAKE2b-256 content addresses and derived seeds. The only includer of sodium.h besides common/keys. */
#ifndef HWNAS_COMMON_DIGEST_H
#define HWNAS_COMMON_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/rng.h"

enum { DIGEST_BYTES = 32, DIGEST_HEX_BYTES = 65 };

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

/* A digest over a list of fields. Each field is length-prefixed, so ("ab","c") and ("a","bc") differ. Opaque; lives on the stack.
 */
struct digest_stream {
    _Alignas(64) unsigned char state[384];
};

void digest_begin(struct digest_stream *stream);
void digest_bytes(struct digest_stream *stream, const void *data, size_t size);
void digest_text(struct digest_stream *stream, const char *text);
void digest_u64(struct digest_stream *stream, uint64_t value);
void digest_double(struct digest_stream *stream, double value); /* its bits */
void digest_end(struct digest_stream *stream, struct digest *out);

/* The digest of one run of bytes, without a length prefix: the content address of a file or a bundle. */
void digest_of(const void *data, size_t size, struct digest *out);

/* Lower-case hexadecimal with a terminating NUL. */
void digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES]);

/* Reads 64 hexadecimal digits; returns 0, or -1 when the text is anything else. */
int digest_parse(const char *text, struct digest *out);

/* A generator that depends on every bit of the digest. */
void digest_rng(const struct digest *digest, struct rng *out);

#endif
