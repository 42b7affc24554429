/* fuzz_keys: any bytes as a public and as a secret key file, and as a list with that one file in it. */
#include <stdlib.h>
#include <string.h>

#include "common/fileio.h"
#include "common/keys.h"
#include "common/keys_list.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"keys", 3000};

static void look_at(const struct keys_public *key)
{
    struct status status = {0};
    uint8_t bytes[KEYS_BYTES];
    FUZZ_MUST(keys_check_name(key->name, &status) == STATUS_OK, "a key that was read has a proper name");
    FUZZ_MUST((unsigned)key->role < KEYS_ROLES, "and a role");
    FUZZ_MUST(keys_from_text(key->text, bytes) == 0 && memcmp(bytes, key->bytes, sizeof bytes) == 0, "its text is its bytes'");
    FUZZ_MUST(strlen(key->fingerprint) == KEYS_FINGERPRINT_BYTES - 1, "it has a whole fingerprint");
}

static void try_list(const char *folder)
{
    struct status status = {0};
    struct keys_list *list;
    if (keys_list_load(folder, &list, &status) != STATUS_OK) {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        return;
    }
    FUZZ_MUST(keys_list_count(list) == 1 && keys_list_owner(list, "key.1") != NULL, "the one file is in the list");
    keys_list_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct keys_public public_key;
    struct keys_secret *pair;
    const char *folder = fuzz_folder();
    char path[128];
    fuzz_write(folder, "key", 0600, data, size, path);
    if (keys_load_public(path, &public_key, &status) == STATUS_OK)
        look_at(&public_key);
    else
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
    if (keys_load_secret(path, &pair, &status) == STATUS_OK) {
        look_at(keys_public_of(pair));
        keys_free(pair);
    }
    try_list(folder);
    return 0;
}
