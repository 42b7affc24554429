/* store_schema: the versions of the database and the way from each to the next. Included by store*.c and its test. */
#ifndef HWNAS_MASTER_STORE_SCHEMA_H
#define HWNAS_MASTER_STORE_SCHEMA_H

#include <stddef.h>

#include "common/status.h"
#include "master/store.h"

enum { STORE_APPLICATION_ID = 0x68776e61 }; /* "hwna"; schema.sql sets it */

/* The statements that lead from version - 1 to version; they end with `PRAGMA user_version = VERSION`. */
struct store_migration {
    int version;
    const char *sql;
};

/* The list in use, version 1 first and without gaps. */
const struct store_migration *store_migrations(size_t *count);

/* store_open with another list (what the next version of hwnas will do to this one's files). */
enum status_code store_open_with(const char *path, enum store_mode mode, const struct store_migration *migrations, size_t count,
                                 struct store **out, struct status *status);

#endif
