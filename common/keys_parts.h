/* keys_parts: what the keys*.c files share; nobody else includes it. */
#ifndef HWNAS_COMMON_KEYS_PARTS_H
#define HWNAS_COMMON_KEYS_PARTS_H

#include "common/keys.h"

#define KEYS_SECRET_SUFFIX "_secret"

enum { KEYS_FILE_MAX = 4096 };

struct keys_secret {
    struct keys_public open;
    uint8_t secret[KEYS_BYTES];
};

/* Zeroed, in locked memory; NULL without it. keys_free frees it. */
struct keys_secret *keys_allocate(void);

/* Fills in text and fingerprint. */
void keys_describe(struct keys_public *key);

/* Whether the secret half belongs to the public one. */
bool keys_is_pair(const struct keys_secret *pair);

/* Reads the text of a key file (NUL-terminated; cut into pieces on the way). Role and public key are filled in; *has_secret:
 * the secret half too. Its sentences do not name the file. */
enum status_code keys_parse(char *text, struct keys_secret *out, bool *has_secret, struct status *status);

#endif
