/* credentials: what the options --key, --allow and --server-key bring: the same words and the same checks in every program. */
#ifndef HWNAS_COMMON_CREDENTIALS_H
#define HWNAS_COMMON_CREDENTIALS_H

#include "common/bus.h"
#include "common/keys.h"
#include "common/keys_list.h"
#include "common/status.h"

/* Zeroed: no keys. */
struct credentials {
    struct keys_secret *own;   /* --key */
    struct keys_list *allow;   /* --allow: whoever listens */
    struct keys_public server; /* --server-key: whoever connects */
};

/* Whoever listens. The paths go together or are both NULL. Blocks. STATUS_BAD_INPUT, STATUS_NOT_FOUND and what keys_load_secret and
 * keys_list_load return; nothing is held then. */
enum status_code credentials_of_master(const char *key_path, const char *allow_path, struct credentials *out,
                                       struct status *status);

/* Whoever connects to `address` in that role; checks the address too. Likewise. */
enum status_code credentials_of_peer(enum keys_role role, const char *address, const char *key_path, const char *server_path,
                                     struct credentials *out, struct status *status);

void credentials_free(struct credentials *credentials);

/* As the bus takes them. Valid while the credentials live. */
struct bus_keys credentials_for_bus(const struct credentials *credentials);

/* Turns a node's default name into one that belongs to the own key, in place: KEY.NAME, at the most `size` bytes: the end of NAME
 * is what tells processes apart. Without keys nothing changes. */
void credentials_name_node(const struct credentials *credentials, char *name, size_t size);

#endif
