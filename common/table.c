/* table: a CSV file of known figures, kept as a hash of genes. Called by the study at its start and by `hwnas table`. The file is
 * read once; rows of other devices and data sets are dropped before anything in them is parsed. */
#include "common/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/csv.h"

enum { TABLE_WORDS_MAX = 16 };

struct row {
    struct arch arch;
    double value; /* NaN: an empty field */
    uint32_t line;
    UT_hash_handle hh;
};

struct table {
    struct row *rows; /* owned array; the hash threads through it once it has stopped growing */
    struct row *by_genes;
    size_t count, capacity;
    double minimum;
    struct digest digest;
};

/* Words seen in a filter column, for the sentence when no row is left. */
struct words {
    const char *word[TABLE_WORDS_MAX];
    size_t count;
    bool more;
};

struct reader {
    struct csv csv;
    const struct space *space;
    const char *device, *dataset, *column; /* as asked for */
    size_t key_at, device_at, dataset_at, column_at;
    struct words devices, datasets;
    struct table *table;
};

static enum status_code find_columns(struct reader *reader, struct status *status)
{
    const struct csv *csv = &reader->csv;
    reader->key_at = csv_find(csv, "arch_str");
    if (reader->key_at == csv_absent)
        reader->key_at = csv_find(csv, "ops");
    if (reader->key_at == csv_absent && csv_find(csv, "layer") != csv_absent && csv_find(csv, "op") != csv_absent)
        return status_set(status, STATUS_BAD_INPUT, "%s: is a look-up table (layer, op): read it as `source: lut`, or with --lut",
                          csv->path);
    if (reader->key_at == csv_absent)
        return status_set(status, STATUS_BAD_INPUT,
                          "%s: has neither a column \"arch_str\" nor a column \"ops\" that says which architecture a row is about",
                          csv->path);
    enum status_code code = csv_need(csv, reader->column, &reader->column_at, status);
    if (code == STATUS_OK && reader->device != NULL)
        code = csv_need(csv, "device", &reader->device_at, status);
    if (code == STATUS_OK && reader->dataset != NULL)
        code = csv_need(csv, "dataset", &reader->dataset_at, status);
    return code;
}

static void remember(struct words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->word[i], word) == 0)
            return;
    if (words->count < TABLE_WORDS_MAX)
        words->word[words->count++] = word;
    else
        words->more = true;
}

/* True when the row is one of those asked for; collects the words of the filter columns. */
static bool wanted(struct reader *reader)
{
    bool keep = true;
    if (reader->device != NULL) {
        const char *device = reader->csv.field[reader->device_at];
        remember(&reader->devices, device);
        keep = strcmp(device, reader->device) == 0;
    }
    if (reader->dataset != NULL) {
        const char *dataset = reader->csv.field[reader->dataset_at];
        remember(&reader->datasets, dataset);
        keep = keep && strcmp(dataset, reader->dataset) == 0;
    }
    return keep;
}

static enum status_code grow(struct table *table, struct status *status)
{
    if (table->count < table->capacity)
        return STATUS_OK;
    size_t capacity = table->capacity == 0 ? 4096 : 2 * table->capacity;
    struct row *rows = realloc(table->rows, capacity * sizeof *rows);
    if (rows == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a table of %zu rows", capacity);
    table->rows = rows;
    table->capacity = capacity;
    return STATUS_OK;
}

static enum status_code read_row(struct reader *reader, struct status *status)
{
    struct table *table = reader->table;
    if (!wanted(reader))
        return STATUS_OK;
    enum status_code code = grow(table, status);
    if (code != STATUS_OK)
        return code;
    struct row *row = &table->rows[table->count];
    memset(row, 0, sizeof *row);
    row->line = reader->csv.line;
    code = space_parse(reader->space, reader->csv.field[reader->key_at], &row->arch, status);
    if (code != STATUS_OK)
        return status_prefix(status, "%s line %u", reader->csv.path, reader->csv.line);
    code = csv_number(&reader->csv, reader->column_at, reader->column, &row->value, status);
    if (code != STATUS_OK)
        return code;
    table->count++;
    if (!(row->value >= table->minimum))
        table->minimum = isnan(row->value) ? table->minimum : row->value;
    return STATUS_OK;
}

static enum status_code index_rows(struct table *table, const char *path, struct status *status)
{
    for (size_t i = 0; i < table->count; i++) {
        struct row *row = &table->rows[i], *other = NULL;
        HASH_FIND(hh, table->by_genes, row->arch.genes, row->arch.length, other);
        if (other != NULL)
            return status_set(status, STATUS_BAD_INPUT,
                              "%s: lines %u and %u are about the same architecture; say which device and dataset are meant", path,
                              other->line, row->line);
        HASH_ADD_KEYPTR(hh, table->by_genes, row->arch.genes, row->arch.length, row);
        if (row->hh.tbl == NULL)
            return status_set(status, STATUS_NO_MEMORY, "%s: no memory for an index of %zu rows", path, table->count);
    }
    return STATUS_OK;
}

static void list_words(char *out, size_t size, const char *what, const char *asked, const struct words *words)
{
    size_t used = strlen(out);
    if (asked == NULL)
        return;
    used += (size_t)snprintf(out + used, size - used, "; %s asked for: \"%.40s\", there:", what, asked);
    for (size_t i = 0; i < words->count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s %.40s", i > 0 ? "," : "", words->word[i]);
    if (words->more && used < size)
        snprintf(out + used, size - used, ", ...");
}

static enum status_code nothing_left(const struct reader *reader, struct status *status)
{
    char found[STATUS_MESSAGE_BYTES] = "";
    list_words(found, sizeof found, "device", reader->device, &reader->devices);
    if (strlen(found) < sizeof found - 1)
        list_words(found, sizeof found, "dataset", reader->dataset, &reader->datasets);
    return status_set(status, STATUS_BAD_INPUT, "%s: no row is left%s", reader->csv.path, found);
}

static enum status_code read_rows(struct reader *reader, struct status *status)
{
    bool more = true;
    enum status_code code = find_columns(reader, status);
    while (code == STATUS_OK && more) {
        code = csv_next(&reader->csv, &more, status);
        if (code == STATUS_OK && more)
            code = read_row(reader, status);
    }
    if (code != STATUS_OK)
        return code;
    if (reader->table->count == 0)
        return nothing_left(reader, status);
    return index_rows(reader->table, reader->csv.path, status);
}

enum status_code table_load(const char *path, const struct space *space, const char *device, const char *dataset,
                            const char *column, struct table **out, struct status *status)
{
    struct table *table = calloc(1, sizeof *table);
    struct reader reader = {.space = space, .device = device, .dataset = dataset, .column = column, .table = table};
    if (table == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory", path);
    table->minimum = NAN;
    enum status_code code = csv_open(&reader.csv, path, status);
    if (code == STATUS_OK) {
        table->digest = reader.csv.digest;
        code = read_rows(&reader, status);
    }
    csv_close(&reader.csv);
    if (code == STATUS_OK)
        *out = table;
    else
        table_free(table);
    return code;
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    HASH_CLEAR(hh, table->by_genes);
    free(table->rows);
    free(table);
}

int table_get(const struct table *table, const struct arch *arch, double *value)
{
    const struct row *row = NULL;
    HASH_FIND(hh, table->by_genes, arch->genes, arch->length, row);
    if (row == NULL || isnan(row->value))
        return 0;
    *value = row->value;
    return 1;
}

void table_each(const struct table *table, void (*each)(void *context, const struct arch *arch, double value), void *context)
{
    for (size_t i = 0; i < table->count; i++)
        if (!isnan(table->rows[i].value))
            each(context, &table->rows[i].arch, table->rows[i].value);
}

size_t table_rows(const struct table *table)
{
    return table->count;
}

double table_minimum(const struct table *table)
{
    return table->minimum;
}

const struct digest *table_digest(const struct table *table)
{
    return &table->digest;
}
