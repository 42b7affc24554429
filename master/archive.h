/* archive: the set of architectures a search has asked for, in the order they were first asked. Pure.
 *
 * An architecture stands in it by its identity (strategy.h): the exact genes, or the canonical ones where the net itself is
 * evaluated. The strategy reads it to know what is not new; the study marks what really cost an evaluation. */
#ifndef HWNAS_MASTER_ARCHIVE_H
#define HWNAS_MASTER_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arch.h"

struct archive; /* NULL is the empty archive */

struct archive_entry {
    struct arch identity;
    size_t place;   /* in the order of addition, from 0 */
    bool evaluated; /* its fitness was asked for, since the last renewal: false for what was ruled out without evaluation */
};

/* The entry of that identity, or NULL. */
struct archive_entry *archive_find(const struct archive *archive, const struct arch *identity);

/* The entry of that identity, made if absent (*added tells; may be NULL). NULL without memory. */
struct archive_entry *archive_add(struct archive **archive, const struct arch *identity, bool *added);

/* From now on fitness is something else: whatever was evaluated costs an evaluation once more when it is asked again. */
void archive_renew(struct archive *archive);

size_t archive_count(const struct archive *archive);
void archive_free(struct archive **archive);

/* Calls `each` for every entry in the order of their addition. */
void archive_each(const struct archive *archive, void (*each)(void *context, const struct archive_entry *entry), void *context);

#endif
