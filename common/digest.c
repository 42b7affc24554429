/* digest: the doorway to libsodium's generic hash. */
#include "common/digest.h"

#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct digest_stream), "digest_stream must hold libsodium's hash state");
_Static_assert(crypto_generichash_BYTES == DIGEST_BYTES, "BLAKE2b-256");

static crypto_generichash_state *inner(struct digest_stream *stream)
{
    return (crypto_generichash_state *)(void *)stream->state;
}

void digest_begin(struct digest_stream *stream)
{
    crypto_generichash_init(inner(stream), NULL, 0, DIGEST_BYTES);
}

void digest_u64(struct digest_stream *stream, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    crypto_generichash_update(inner(stream), bytes, sizeof bytes);
}

void digest_bytes(struct digest_stream *stream, const void *data, size_t size)
{
    digest_u64(stream, size);
    crypto_generichash_update(inner(stream), data, size);
}

void digest_text(struct digest_stream *stream, const char *text)
{
    digest_bytes(stream, text, strlen(text));
}

void digest_end(struct digest_stream *stream, struct digest *out)
{
    crypto_generichash_final(inner(stream), out->bytes, DIGEST_BYTES);
}

void digest_of(const void *data, size_t size, struct digest *out)
{
    crypto_generichash(out->bytes, DIGEST_BYTES, data, size, NULL, 0);
}

void digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES])
{
    sodium_bin2hex(out, DIGEST_HEX_BYTES, digest->bytes, DIGEST_BYTES);
}

int digest_parse(const char *text, struct digest *out)
{
    size_t size = 0;
    if (strlen(text) != DIGEST_HEX_BYTES - 1)
        return -1;
    if (sodium_hex2bin(out->bytes, DIGEST_BYTES, text, DIGEST_HEX_BYTES - 1, NULL, &size, NULL) != 0 || size != DIGEST_BYTES)
        return -1;
    return 0;
}

void digest_rng(const struct digest *digest, struct rng *out)
{
    uint64_t words[4] = {0};
    for (int i = 0; i < DIGEST_BYTES; i++)
        words[i / 8] |= (uint64_t)digest->bytes[i] << (8 * (i % 8));
    rng_from_words(out, words);
}
