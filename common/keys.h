/* keys: CURVE key pairs and their files, in CZMQ's certificate format. sodium.h's second includer besides digest.
 *
 * A key has a name and a role. Whoever has its secret half may take part in that role, under node names that belong to the key's
 * name: NAME itself, or NAME.anything. A public file is called NAME; its secret half NAME_secret. Secret bytes stand in memory that
 * is locked where the system allows it, left out of core dumps, and wiped when it is freed; nothing prints them, and people are
 * shown fingerprints. All functions that touch files block. */
#ifndef HWNAS_COMMON_KEYS_H
#define HWNAS_COMMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum {
    KEYS_BYTES = 32,
    KEYS_TEXT_BYTES = 41,       /* Z85 with a terminating NUL */
    KEYS_NAME_BYTES = 32,       /* 1 .. 31 of [A-Za-z0-9_-]; no dot: that ends the key's part of a node's name */
    KEYS_FINGERPRINT_BYTES = 40 /* eight groups of four hexadecimal digits: 128 bits of BLAKE2b */
};

enum keys_role { KEYS_MASTER, KEYS_WORKER, KEYS_AGENT, KEYS_OPERATOR, KEYS_ROLES };

struct keys_public {
    char name[KEYS_NAME_BYTES];
    enum keys_role role;
    uint8_t bytes[KEYS_BYTES];
    char text[KEYS_TEXT_BYTES]; /* the same in Z85 */
    char fingerprint[KEYS_FINGERPRINT_BYTES];
};

struct keys_secret; /* a pair */

/* "master", "worker", "agent", "operator". Never NULL. */
const char *keys_role_name(enum keys_role role);
/* Returns 0, or -1 for another word. */
int keys_parse_role(const char *word, enum keys_role *out);

/* Whether a key may have that name; STATUS_BAD_INPUT with the alphabet. */
enum status_code keys_check_name(const char *name, struct status *status);

/* Whether that node (or board) belongs to the key's name. */
bool keys_owns(const struct keys_public *key, const char *node);

/* A fresh pair; keys_free wipes it. STATUS_NO_MEMORY. */
enum status_code keys_generate(const char *name, enum keys_role role, struct keys_secret **out, struct status *status);
void keys_free(struct keys_secret *pair); /* NULL is fine */

const struct keys_public *keys_public_of(const struct keys_secret *pair);
const uint8_t *keys_secret_of(const struct keys_secret *pair); /* KEYS_BYTES, while the pair lives */

/* The fingerprint of a public key. */
void keys_fingerprint(const uint8_t bytes[KEYS_BYTES], char out[KEYS_FINGERPRINT_BYTES]);

/* Z85 of the public half of a key, and back; keys_from_text returns 0, or -1 for anything that is not 40 characters of Z85. */
void keys_to_text(const uint8_t bytes[KEYS_BYTES], char out[KEYS_TEXT_BYTES]);
int keys_from_text(const char *text, uint8_t out[KEYS_BYTES]);

/* --- files (keys_file.c) --- */

/* Writes FOLDER/NAME (0644) and FOLDER/NAME_secret (0600) of a fresh pair, each whole or not at all; never over a file that is
 * there. The folder is made with mode 0700 if it is not there, and refused if others may enter it. *out receives the public half.
 * STATUS_CONFLICT: there is such a file; STATUS_BAD_INPUT; STATUS_IO. */
enum status_code keys_create(const char *folder, const char *name, enum keys_role role, struct keys_public *out,
                             struct status *status);

/* Reads a public file; its name is the file's. STATUS_NOT_FOUND; STATUS_BAD_INPUT: not such a file, one that holds a secret key,
 * one that others may write; STATUS_IO. */
enum status_code keys_load_public(const char *path, struct keys_public *out, struct status *status);

/* Reads a secret file. STATUS_BAD_INPUT also for a symbolic link, a file of another user, one that group or others may read or
 * write, and halves that are no pair. */
enum status_code keys_load_secret(const char *path, struct keys_secret **out, struct status *status);

#endif
