/* tables: a list of loaded tables. Called by the study when it opens, and by whoever opens many studies. Looked through from its
 * start: there are a dozen files at most, and each is opened far more slowly than it is found here. */
#include "common/tables.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 5 };

struct entry {
    struct table *table;
    struct entry *next;
    char *words[WORDS]; /* what it was loaded by; owned, NULL where none was given */
};

struct tables {
    struct entry *first;
};

struct tables *tables_new(void)
{
    return calloc(1, sizeof(struct tables));
}

static void free_entry(struct entry *entry)
{
    if (entry == NULL)
        return;
    for (int i = 0; i < WORDS; i++)
        free(entry->words[i]);
    table_free(entry->table);
    free(entry);
}

void tables_free(struct tables *tables)
{
    if (tables == NULL)
        return;
    for (struct entry *entry = tables->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        free_entry(entry);
    }
    free(tables);
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const struct entry *find(const struct tables *tables, const char *const words[WORDS])
{
    for (const struct entry *entry = tables->first; entry != NULL; entry = entry->next) {
        int equal = 0;
        while (equal < WORDS && same(entry->words[equal], words[equal]))
            equal++;
        if (equal == WORDS)
            return entry;
    }
    return NULL;
}

static struct entry *new_entry(const char *const words[WORDS])
{
    struct entry *entry = calloc(1, sizeof *entry);
    bool whole = entry != NULL;
    for (int i = 0; i < WORDS && whole; i++)
        whole = words[i] == NULL || (entry->words[i] = strdup(words[i])) != NULL;
    if (whole)
        return entry;
    free_entry(entry);
    return NULL;
}

enum status_code tables_get(struct tables *tables, const struct space *space, const char *path, const char *device,
                            const char *dataset, const char *column, const struct table **out, struct status *status)
{
    const char *const words[WORDS] = {space->ops->name, path, device, dataset, column};
    const struct entry *known = find(tables, words);
    if (known != NULL) {
        *out = known->table;
        return STATUS_OK;
    }
    struct entry *entry = new_entry(words);
    if (entry == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory", path);
    enum status_code code = table_load(path, space, device, dataset, column, &entry->table, status);
    if (code != STATUS_OK) {
        free_entry(entry);
        return code;
    }
    entry->next = tables->first;
    tables->first = entry;
    *out = entry->table;
    return STATUS_OK;
}
