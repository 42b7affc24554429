/* keys: pairs in memory: making, naming, Z85, fingerprints. Files: keys_file.c; who is let in: keys_list.c. */
#include "common/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/keys_parts.h"

_Static_assert(KEYS_BYTES == crypto_box_PUBLICKEYBYTES && KEYS_BYTES == crypto_box_SECRETKEYBYTES, "CURVE's keys are Curve25519's");

/* Of ZeroMQ's RFC 32: five characters for four bytes, none of them a quote, a backslash or a blank. */
static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

static const char *const role_names[KEYS_ROLES] = {"master", "worker", "agent", "operator"};

const char *keys_role_name(enum keys_role role)
{
    return role_names[role];
}

int keys_parse_role(const char *word, enum keys_role *out)
{
    for (int i = 0; i < KEYS_ROLES; i++) {
        if (strcmp(word, role_names[i]) == 0) {
            *out = (enum keys_role)i;
            return 0;
        }
    }
    return -1;
}

enum status_code keys_check_name(const char *name, struct status *status)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length = strlen(name), suffix = strlen(KEYS_SECRET_SUFFIX);
    if (length == 0 || length >= KEYS_NAME_BYTES || strspn(name, alphabet) != length || name[0] == '-')
        return status_set(
            status, STATUS_BAD_INPUT,
            "'%.60s' cannot be a key's name: 1 to %d letters, digits, '_' and '-', not beginning with '-', and no dot", name,
            KEYS_NAME_BYTES - 1);
    if (length >= suffix && strcmp(name + length - suffix, KEYS_SECRET_SUFFIX) == 0)
        return status_set(status, STATUS_BAD_INPUT, "'%s' cannot be a key's name: NAME%s is the file of NAME's secret half", name,
                          KEYS_SECRET_SUFFIX);
    return STATUS_OK;
}

bool keys_owns(const struct keys_public *key, const char *node)
{
    size_t length = strlen(key->name);
    return strncmp(node, key->name, length) == 0 && (node[length] == '\0' || node[length] == '.');
}

/* --- texts of keys --- */

void keys_to_text(const uint8_t bytes[KEYS_BYTES], char out[KEYS_TEXT_BYTES])
{
    for (int group = 0; group < KEYS_BYTES / 4; group++) {
        const uint8_t *in = bytes + 4 * group;
        uint32_t value = (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
        for (int i = 4; i >= 0; i--) {
            out[5 * group + i] = z85[value % 85];
            value /= 85;
        }
    }
    out[KEYS_TEXT_BYTES - 1] = '\0';
}

int keys_from_text(const char *text, uint8_t out[KEYS_BYTES])
{
    if (strlen(text) != KEYS_TEXT_BYTES - 1)
        return -1;
    for (int group = 0; group < KEYS_BYTES / 4; group++) {
        uint64_t value = 0;
        for (int i = 0; i < 5; i++) {
            const char *at = strchr(z85, text[5 * group + i]);
            if (at == NULL)
                return -1;
            value = value * 85 + (uint64_t)(at - z85);
        }
        if (value > UINT32_MAX)
            return -1;
        for (int i = 0; i < 4; i++)
            out[4 * group + i] = (uint8_t)(value >> (24 - 8 * i));
    }
    return 0;
}

void keys_fingerprint(const uint8_t bytes[KEYS_BYTES], char out[KEYS_FINGERPRINT_BYTES])
{
    uint8_t hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof hash, bytes, KEYS_BYTES, NULL, 0);
    for (int i = 0; i < 8; i++)
        snprintf(out + 5 * i, 6, "%02x%02x%s", hash[2 * i], hash[2 * i + 1], i < 7 ? "-" : "");
}

void keys_describe(struct keys_public *key)
{
    keys_to_text(key->bytes, key->text);
    keys_fingerprint(key->bytes, key->fingerprint);
}

/* --- pairs --- */

struct keys_secret *keys_allocate(void)
{
    struct keys_secret *pair = sodium_init() < 0 ? NULL : sodium_malloc(sizeof *pair);
    if (pair != NULL)
        memset(pair, 0, sizeof *pair);
    return pair;
}

enum status_code keys_generate(const char *name, enum keys_role role, struct keys_secret **out, struct status *status)
{
    enum status_code code = keys_check_name(name, status);
    if (code != STATUS_OK)
        return code;
    struct keys_secret *pair = keys_allocate();
    if (pair == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a key");
    crypto_box_keypair(pair->open.bytes, pair->secret);
    snprintf(pair->open.name, sizeof pair->open.name, "%s", name);
    pair->open.role = role;
    keys_describe(&pair->open);
    *out = pair;
    return STATUS_OK;
}

bool keys_is_pair(const struct keys_secret *pair)
{
    uint8_t derived[KEYS_BYTES];
    return crypto_scalarmult_base(derived, pair->secret) == 0 && sodium_memcmp(derived, pair->open.bytes, sizeof derived) == 0;
}

void keys_free(struct keys_secret *pair)
{
    sodium_free(pair); /* wipes */
}

const struct keys_public *keys_public_of(const struct keys_secret *pair)
{
    return &pair->open;
}

const uint8_t *keys_secret_of(const struct keys_secret *pair)
{
    return pair->secret;
}
