/* table: imported CSV tables of known figures (fitness or cost), looked up by the exact architecture. Pure after loading.
 *
 * The key column is `arch_str` (the space's text) or `ops` (digits) - the first of the two that the header has; rows are found by
 * the space's exact genes, never by isomorphism, because isomorphic strings carry different figures in the published tables. The
 * form is csv.h's. */
#ifndef HWNAS_COMMON_TABLE_H
#define HWNAS_COMMON_TABLE_H

#include <stddef.h>

#include "common/digest.h"
#include "common/space.h"
#include "common/status.h"

struct table;

/* Loads column `column` of the CSV file, keeping rows whose `device` and `dataset` columns equal the given words (NULL: the column
 * is not looked at). STATUS_BAD_INPUT names file, line and column: no such column (with the nearest one), a number that is not one,
 * two rows for one architecture, no row left after filtering (with the words that do occur). An empty field is a missing value.
 * Free with table_free. */
enum status_code table_load(const char *path, const struct space *space, const char *device, const char *dataset,
                            const char *column, struct table **out, struct status *status);
void table_free(struct table *table);

/* Looks up the exact architecture: 1 and *value; 0 when the table has no row or an empty field for it. */
int table_get(const struct table *table, const struct arch *arch, double *value);

/* Calls `each` for every row that has a value, in the file's order. */
void table_each(const struct table *table, void (*each)(void *context, const struct arch *arch, double value), void *context);

/* Rows kept, the smallest value among them (NaN when there is none), and the digest of the file's bytes. */
size_t table_rows(const struct table *table);
double table_minimum(const struct table *table);
const struct digest *table_digest(const struct table *table);

#endif
