/* tables: loaded tables (table.h) shared by many studies, so that a file is read once however many of them look values up in it.
 *
 * tables_get changes the list: one thread at a time. The tables themselves never change: any number of threads may look values up
 * in them meanwhile. */
#ifndef HWNAS_COMMON_TABLES_H
#define HWNAS_COMMON_TABLES_H

#include "common/space.h"
#include "common/status.h"
#include "common/table.h"

struct tables;

/* An empty list; NULL without memory. tables_free frees the tables too, so studies that borrow from them are closed first. */
struct tables *tables_new(void);
void tables_free(struct tables *tables);

/* table_load the first time; the same pointer from then on for the same space, path, device, data set and column. device and
 * dataset may be NULL. Borrowed: the list owns it. Reads a file; fails as table_load does, and nothing is kept then. */
enum status_code tables_get(struct tables *tables, const struct space *space, const char *path, const char *device,
                            const char *dataset, const char *column, const struct table **out, struct status *status);

#endif
