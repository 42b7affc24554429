/* store_schema: the list of versions. Called by store.c. */
#include "master/store_schema.h"

/* master/schema*.sql as string literals, made by the Makefile. */
static const char schema_sql[] =
#include "schema.sql.h"
    ;
static const char schema_2_sql[] =
#include "schema_2.sql.h"
    ;
static const char schema_3_sql[] =
#include "schema_3.sql.h"
    ;
static const char schema_4_sql[] =
#include "schema_4.sql.h"
    ;
static const char schema_5_sql[] =
#include "schema_5.sql.h"
    ;

/* The next version goes to the end. */
static const struct store_migration migrations[] = {
    {1, schema_sql}, {2, schema_2_sql}, {3, schema_3_sql}, {4, schema_4_sql}, {5, schema_5_sql},
};

const struct store_migration *store_migrations(size_t *count)
{
    *count = sizeof migrations / sizeof migrations[0];
    return migrations;
}
