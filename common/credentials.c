/* credentials: options -> keys, for the mains and the verbs that talk to a master. */
#include "common/credentials.h"

#include <stdio.h>
#include <string.h>

static enum status_code load_own(const char *path, enum keys_role role, struct keys_secret **out, struct status *status)
{
    struct keys_secret *pair = NULL;
    enum status_code code = keys_load_secret(path, &pair, status);
    if (code != STATUS_OK)
        return code;
    enum keys_role is = keys_public_of(pair)->role;
    if (is != role) {
        keys_free(pair);
        return status_set(status, STATUS_BAD_INPUT, "--key %.300s: is a key of role %s; this needs one of role %s", path,
                          keys_role_name(is), keys_role_name(role));
    }
    *out = pair;
    return STATUS_OK;
}

enum status_code credentials_of_master(const char *key_path, const char *allow_path, struct credentials *out, struct status *status)
{
    *out = (struct credentials){0};
    if ((key_path == NULL) != (allow_path == NULL))
        return status_set(status, STATUS_BAD_INPUT,
                          "--key FILE and --allow FOLDER go together: who this master is, and whom it lets in");
    if (key_path == NULL)
        return STATUS_OK;
    enum status_code code = load_own(key_path, KEYS_MASTER, &out->own, status);
    if (code == STATUS_OK)
        code = keys_list_load(allow_path, &out->allow, status);
    if (code != STATUS_OK)
        credentials_free(out);
    return code;
}

static enum status_code load_server(const char *path, struct keys_public *out, struct status *status)
{
    enum status_code code = keys_load_public(path, out, status);
    if (code == STATUS_OK && out->role != KEYS_MASTER)
        code = status_set(status, STATUS_BAD_INPUT, "--server-key %.300s: is a key of role %s, not a master's", path,
                          keys_role_name(out->role));
    return code;
}

enum status_code credentials_of_peer(enum keys_role role, const char *address, const char *key_path, const char *server_path,
                                     struct credentials *out, struct status *status)
{
    *out = (struct credentials){0};
    if ((key_path == NULL) != (server_path == NULL))
        return status_set(status, STATUS_BAD_INPUT,
                          "--key FILE and --server-key FILE go together: who this is, and which master it trusts");
    enum status_code code = bus_check_address(BUS_CLIENT, address, key_path != NULL, status);
    if (code != STATUS_OK)
        return status_prefix(status, "--connect");
    if (key_path == NULL)
        return STATUS_OK;
    if (strncmp(address, "ipc://", 6) == 0)
        return status_set(
            status, STATUS_BAD_INPUT,
            "--connect: address %.200s: a socket's folder lets nobody else in and takes no keys; leave --key and --server-key out",
            address);
    code = load_own(key_path, role, &out->own, status);
    if (code == STATUS_OK)
        code = load_server(server_path, &out->server, status);
    if (code != STATUS_OK)
        credentials_free(out);
    return code;
}

void credentials_free(struct credentials *credentials)
{
    keys_free(credentials->own);
    keys_list_free(credentials->allow);
    *credentials = (struct credentials){0};
}

struct bus_keys credentials_for_bus(const struct credentials *credentials)
{
    return (struct bus_keys){.own = credentials->own, .allow = credentials->allow, .server = &credentials->server};
}

void credentials_name_node(const struct credentials *credentials, char *name, size_t size)
{
    char former[256];
    if (credentials->own == NULL)
        return;
    const char *key = keys_public_of(credentials->own)->name;
    snprintf(former, sizeof former, "%s", name);
    size_t needed = strlen(key) + 1 + strlen(former) + 1, excess = needed > size ? needed - size : 0;
    snprintf(name, size, "%s.%s", key, former + excess);
}
