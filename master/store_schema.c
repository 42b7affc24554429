/* store_schema: the list of versions. Called by store.c. */
#include "master/store_schema.h"

/* master/schema.sql as a string literal, made by the Makefile. */
static const char schema_sql[] =
#include "schema.sql.h"
    ;

/* The next version goes to the end: {2, "ALTER TABLE ...; PRAGMA user_version = 2;"}. */
static const struct store_migration migrations[] = {
    {1, schema_sql},
};

const struct store_migration *store_migrations(size_t *count)
{
    *count = sizeof migrations / sizeof migrations[0];
    return migrations;
}
