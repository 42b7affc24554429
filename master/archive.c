/* archive: a uthash set keyed by genes. uthash keeps the order of addition, which makes saved archives reproducible. */
#include "master/archive.h"

#include <stdlib.h>

#include <uthash.h>

struct archive {
    struct archive_entry entry;
    UT_hash_handle hh;
};

struct archive_entry *archive_find(const struct archive *archive, const struct arch *identity)
{
    struct archive *found = NULL;
    HASH_FIND(hh, archive, identity->genes, identity->length, found);
    return found != NULL ? &found->entry : NULL;
}

struct archive_entry *archive_add(struct archive **archive, const struct arch *identity, bool *added)
{
    struct archive_entry *there = archive_find(*archive, identity);
    if (added != NULL)
        *added = there == NULL;
    if (there != NULL)
        return there;
    struct archive *item = calloc(1, sizeof *item);
    if (item == NULL)
        return NULL;
    item->entry.identity = *identity;
    item->entry.place = archive_count(*archive);
    HASH_ADD_KEYPTR(hh, *archive, item->entry.identity.genes, identity->length, item);
    if (item->hh.tbl != NULL)
        return &item->entry;
    free(item);
    return NULL;
}

void archive_renew(struct archive *archive)
{
    for (struct archive *item = archive; item != NULL; item = item->hh.next)
        item->entry.evaluated = false;
}

size_t archive_count(const struct archive *archive)
{
    return HASH_COUNT(archive);
}

void archive_free(struct archive **archive)
{
    struct archive *item, *next;
    HASH_ITER(hh, *archive, item, next)
    {
        HASH_DEL(*archive, item);
        free(item);
    }
}

void archive_each(const struct archive *archive, void (*each)(void *context, const struct archive_entry *entry), void *context)
{
    for (const struct archive *item = archive; item != NULL; item = item->hh.next)
        each(context, &item->entry);
}
