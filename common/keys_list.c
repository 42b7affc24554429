/* keys_list: the allow-list: a folder of public key files as two hashes, by key and by name. Used by the bus, which lets peers in,
 * and by the master, which holds each message against the key it came with. */
#include "common/keys_list.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

struct entry {
    struct keys_public key;
    UT_hash_handle hh;      /* by text */
    UT_hash_handle hh_name; /* by name */
};

struct keys_list {
    char folder[PATH_MAX];
    struct entry *by_text, *by_name;
};

static void clear(struct keys_list *list)
{
    struct entry *entry, *next;
    HASH_CLEAR(hh_name, list->by_name);
    HASH_ITER(hh, list->by_text, entry, next)
    {
        HASH_DEL(list->by_text, entry);
        free(entry);
    }
}

static enum status_code check_folder(const char *folder, struct status *status)
{
    struct stat info;
    if (stat(folder, &info) != 0)
        return status_set(status, errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_IO,
                          "%.300s: the folder of allowed keys cannot be read: %s", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return status_set(status, STATUS_BAD_INPUT, "%.300s: is not a folder of public key files", folder);
    if ((info.st_uid != geteuid() && info.st_uid != 0) || (info.st_mode & 022) != 0)
        return status_set(status, STATUS_BAD_INPUT,
                          "%.300s: others may put keys into this folder; it must belong to you or to root, with mode 755 or less",
                          folder);
    return STATUS_OK;
}

static enum status_code add(struct keys_list *list, const struct keys_public *key, struct status *status)
{
    const struct keys_public *same = keys_list_find(list, key->text);
    if (same != NULL)
        return status_set(status, STATUS_BAD_INPUT, "it has the same key as %s", same->name);
    struct entry *entry = HASH_COUNT(list->by_text) < KEYS_LIST_MAX ? calloc(1, sizeof *entry) : NULL;
    if (entry == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for more than %u keys", HASH_COUNT(list->by_text));
    entry->key = *key;
    HASH_ADD_STR(list->by_text, key.text, entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return status_set(status, STATUS_NO_MEMORY, "no memory for a key");
    }
    HASH_ADD(hh_name, list->by_name, key.name, strlen(entry->key.name), entry);
    if (entry->hh_name.tbl == NULL) {
        HASH_DEL(list->by_text, entry);
        free(entry);
        return status_set(status, STATUS_NO_MEMORY, "no memory for a key");
    }
    return STATUS_OK;
}

static enum status_code add_file(struct keys_list *list, const char *file, struct status *status)
{
    char path[PATH_MAX + NAME_MAX + 2];
    struct keys_public key;
    snprintf(path, sizeof path, "%s/%s", list->folder, file);
    enum status_code code = keys_load_public(path, &key, status);
    if (code != STATUS_OK)
        return code;
    if (strcmp(key.name, file) != 0)
        code = status_set(status, STATUS_BAD_INPUT, "it is the key of %s; the file must be named so", key.name);
    else if (key.role == KEYS_MASTER)
        code =
            status_set(status, STATUS_BAD_INPUT, "a master's key is not for this folder: give it to the peers, for --server-key");
    else
        code = add(list, &key, status);
    return code == STATUS_OK ? code : status_prefix(status, "key file %.300s", path);
}

static int is_key_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Into an empty list. logger: where wrong files are told and passed over; NULL: the first ends it. */
static enum status_code read_folder(struct keys_list *list, const struct logger *logger, struct status *status)
{
    struct dirent **files;
    enum status_code code = check_folder(list->folder, status);
    if (code != STATUS_OK)
        return code;
    int count = scandir(list->folder, &files, is_key_file, alphasort);
    if (count < 0)
        return status_set(status, STATUS_IO, "%.300s: the folder of allowed keys cannot be read: %s", list->folder,
                          strerror(errno));
    for (int i = 0; i < count; i++) {
        if (code == STATUS_OK)
            code = add_file(list, files[i]->d_name, status);
        if (code != STATUS_OK && code != STATUS_NO_MEMORY && logger != NULL) {
            log_event(logger, LOG_ERROR, "a key is not let in", log_text("reason", status->message));
            code = STATUS_OK;
        }
        free(files[i]);
    }
    free(files);
    return code;
}

enum status_code keys_list_load(const char *folder, struct keys_list **out, struct status *status)
{
    struct keys_list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the allowed keys");
    enum status_code code = STATUS_OK;
    if (snprintf(list->folder, sizeof list->folder, "%s", folder) >= (int)sizeof list->folder)
        code = status_set(status, STATUS_BAD_INPUT, "%.100s...: the path is too long", folder);
    if (code == STATUS_OK)
        code = read_folder(list, NULL, status);
    if (code == STATUS_OK)
        *out = list;
    else
        keys_list_free(list);
    return code;
}

void keys_list_free(struct keys_list *list)
{
    if (list == NULL)
        return;
    clear(list);
    free(list);
}

enum status_code keys_list_reload(struct keys_list *list, const struct logger *logger, struct status *status)
{
    static const struct logger nowhere = {0};
    struct keys_list *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the allowed keys");
    memcpy(fresh->folder, list->folder, sizeof fresh->folder);
    enum status_code code = read_folder(fresh, logger != NULL ? logger : &nowhere, status);
    if (code == STATUS_OK) {
        struct keys_list former = *list;
        *list = *fresh;
        *fresh = former;
    }
    keys_list_free(fresh);
    return code;
}

const struct keys_public *keys_list_find(const struct keys_list *list, const char *text)
{
    struct entry *entry;
    HASH_FIND_STR(list->by_text, text, entry);
    return entry == NULL ? NULL : &entry->key;
}

const struct keys_public *keys_list_owner(const struct keys_list *list, const char *node)
{
    struct entry *entry;
    HASH_FIND(hh_name, list->by_name, node, strcspn(node, "."), entry);
    return entry == NULL ? NULL : &entry->key;
}

size_t keys_list_count(const struct keys_list *list)
{
    return HASH_COUNT(list->by_text);
}

const char *keys_list_folder(const struct keys_list *list)
{
    return list->folder;
}

void keys_list_each(const struct keys_list *list, void (*each)(void *context, const struct keys_public *key), void *context)
{
    /* Files were read in the order of their names, and a hash keeps the order in which its elements came. */
    for (const struct entry *entry = list->by_text; entry != NULL; entry = entry->hh.next)
        each(context, &entry->key);
}
