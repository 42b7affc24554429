/* keys_list: who is let in: the folder of public key files, read anew when it is told to. No file, no entry. Not thread-safe. */
#ifndef HWNAS_COMMON_KEYS_LIST_H
#define HWNAS_COMMON_KEYS_LIST_H

#include <stddef.h>

#include "common/keys.h"
#include "common/log.h"

enum { KEYS_LIST_MAX = 100000 };

struct keys_list;

/* Reads every file of the folder but those whose names begin with a dot. Any that is not the public file of a worker's, agent's or
 * operator's key, named after that key, is an error; so are two files with one key, and a folder that others may write. The
 * caller gives *out to keys_list_free. Blocks. STATUS_NOT_FOUND, STATUS_BAD_INPUT, STATUS_IO, STATUS_NO_MEMORY. */
enum status_code keys_list_load(const char *folder, struct keys_list **out, struct status *status);
void keys_list_free(struct keys_list *list); /* NULL is fine */

/* Reads the folder again: keys whose files are gone are gone. A file that is wrong is logged and its key is not let in; the others
 * count all the same, so that one bad file undoes no removal. Entries handed out before are void. When the folder itself cannot be
 * read the list stays as it was: STATUS_*. */
enum status_code keys_list_reload(struct keys_list *list, const struct logger *logger, struct status *status);

/* The entry of a key, given in Z85; NULL: not let in. Valid until the next reload. */
const struct keys_public *keys_list_find(const struct keys_list *list, const char *text);

/* The entry that a node's (or board's) name belongs to; NULL: nobody's. */
const struct keys_public *keys_list_owner(const struct keys_list *list, const char *node);

size_t keys_list_count(const struct keys_list *list);
const char *keys_list_folder(const struct keys_list *list);

/* Calls `each` with every entry, in the order of their names. */
void keys_list_each(const struct keys_list *list, void (*each)(void *context, const struct keys_public *key), void *context);

#endif
