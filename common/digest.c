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

void digest_double(struct digest_stream *stream, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    digest_u64(stream, bits);
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

/* Not libsodium's: that takes the same time whatever the digits are, and much of it. Digests are no secrets. */
void digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[digest->bytes[i] >> 4];
        out[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    out[DIGEST_HEX_BYTES - 1] = '\0';
}

/* Of a hexadecimal digit, plus 1; 0 for anything else. */
static const uint8_t digit_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

int digest_parse(const char *text, struct digest *out)
{
    for (int i = 0; i < DIGEST_BYTES; i++) {
        unsigned high = digit_values[(unsigned char)text[2 * i]];
        unsigned low = high == 0 ? 0 : digit_values[(unsigned char)text[2 * i + 1]];
        if (low == 0)
            return -1;
        out->bytes[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return text[DIGEST_HEX_BYTES - 1] == '\0' ? 0 : -1;
}

void digest_rng(const struct digest *digest, struct rng *out)
{
    uint64_t words[4] = {0};
    for (int i = 0; i < DIGEST_BYTES; i++)
        words[i / 8] |= (uint64_t)digest->bytes[i] << (8 * (i % 8));
    rng_from_words(out, words);
}
