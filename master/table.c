/* table: a CSV file of known figures, kept as a hash of genes. Called by the study at its start and by `hwnas table`. The file is
 * read once; rows of other devices and data sets are dropped before anything in them is parsed. */
#include "master/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/fileio.h"
#include "common/nearest.h"

enum { TABLE_COLUMNS_MAX = 256, TABLE_WORDS_MAX = 16 };
static const size_t table_bytes_max = (size_t)1 << 30;

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
    const char *path;
    const struct space *space;
    const char *device, *dataset, *column; /* as asked for */
    char *cursor;                          /* into the file's text, which is cut up in place */
    uint32_t line;
    char *field[TABLE_COLUMNS_MAX];
    size_t fields;
    size_t columns; /* of the header */
    size_t key_at, device_at, dataset_at, column_at;
    struct words devices, datasets;
    struct table *table;
};

static const size_t absent = SIZE_MAX;

static enum status_code too_many_fields(const struct reader *reader, struct status *status)
{
    return status_set(status, STATUS_BAD_INPUT, "%s line %u: more than %d columns", reader->path, reader->line, TABLE_COLUMNS_MAX);
}

/* Takes one field off *at (which stands behind the quote), unescaping it in place; *at then stands behind the closing quote. */
static bool unquote(char **at)
{
    char *in = *at, *out = *at;
    while (*in != '\0' && *in != '\n') {
        if (*in != '"') {
            *out++ = *in++;
            continue;
        }
        if (in[1] == '"') {
            *out++ = '"';
            in += 2;
            continue;
        }
        *at = in + 1;
        *out = '\0';
        return true;
    }
    return false;
}

/* Ends the field that *at stands behind: 1 when another field follows on this line, 0 at its end, -1 for anything else there. */
static int end_of_field(struct reader *reader, char *at)
{
    char end = *at;
    *at = '\0';
    reader->cursor = at + (end != '\0');
    if (end == '\r' && at[1] == '\n') {
        reader->cursor++;
        end = '\n';
    }
    return end == ',' ? 1 : end == '\n' || end == '\0' ? 0 : -1;
}

/* Cuts the next line into fields. False at the end of the file. */
static bool next_line(struct reader *reader, enum status_code *code, struct status *status)
{
    *code = STATUS_OK;
    reader->fields = 0;
    while (*reader->cursor == '\n' || (*reader->cursor == '\r' && reader->cursor[1] == '\n')) {
        reader->cursor += *reader->cursor == '\r' ? 2 : 1;
        reader->line++;
    }
    if (*reader->cursor == '\0')
        return false;
    reader->line++;
    for (int more = 1; more == 1;) {
        if (reader->fields == TABLE_COLUMNS_MAX) {
            *code = too_many_fields(reader, status);
            return true;
        }
        char *at = reader->cursor;
        bool quoted = *at == '"', closed = true;
        reader->field[reader->fields++] = at += quoted;
        if (quoted)
            closed = unquote(&at);
        else
            at += strcspn(at, ",\r\n");
        more = closed ? end_of_field(reader, at) : -1;
        if (more < 0) {
            *code = status_set(status, STATUS_BAD_INPUT,
                               "%s line %u column %zu: the field's end is not followed by a comma or a new line", reader->path,
                               reader->line, reader->fields);
            return true;
        }
    }
    return true;
}

static size_t find_column(const struct reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->columns; i++)
        if (strcmp(reader->field[i], name) == 0)
            return i;
    return absent;
}

static enum status_code need_column(const struct reader *reader, const char *name, size_t *at, struct status *status)
{
    *at = find_column(reader, name);
    if (*at != absent)
        return STATUS_OK;
    const char *nearest = reader->field[nearest_word(name, (const char *const *)reader->field, reader->columns)];
    return status_set(status, STATUS_BAD_INPUT, "%s: has no column \"%s\"; the nearest one is \"%s\"", reader->path, name, nearest);
}

static enum status_code read_header(struct reader *reader, struct status *status)
{
    enum status_code code;
    if (!next_line(reader, &code, status))
        return status_set(status, STATUS_BAD_INPUT, "%s: is empty; a header line with the columns' names was expected",
                          reader->path);
    if (code != STATUS_OK)
        return code;
    reader->columns = reader->fields;
    reader->key_at = find_column(reader, "arch_str");
    if (reader->key_at == absent)
        reader->key_at = find_column(reader, "ops");
    if (reader->key_at == absent)
        return status_set(status, STATUS_BAD_INPUT,
                          "%s: has neither a column \"arch_str\" nor a column \"ops\" that says which architecture a row is about",
                          reader->path);
    code = need_column(reader, reader->column, &reader->column_at, status);
    if (code == STATUS_OK && reader->device != NULL)
        code = need_column(reader, "device", &reader->device_at, status);
    if (code == STATUS_OK && reader->dataset != NULL)
        code = need_column(reader, "dataset", &reader->dataset_at, status);
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
        const char *device = reader->field[reader->device_at];
        remember(&reader->devices, device);
        keep = strcmp(device, reader->device) == 0;
    }
    if (reader->dataset != NULL) {
        const char *dataset = reader->field[reader->dataset_at];
        remember(&reader->datasets, dataset);
        keep = keep && strcmp(dataset, reader->dataset) == 0;
    }
    return keep;
}

static enum status_code read_value(const struct reader *reader, double *value, struct status *status)
{
    const char *text = reader->field[reader->column_at];
    char *end;
    *value = NAN;
    if (*text == '\0')
        return STATUS_OK;
    *value = strtod(text, &end);
    if (end != text && *end == '\0' && isfinite(*value))
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT, "%s line %u column \"%s\": \"%.40s\" is not a number", reader->path, reader->line,
                      reader->column, text);
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
    if (reader->fields != reader->columns)
        return status_set(status, STATUS_BAD_INPUT, "%s line %u: has %zu fields, the header has %zu", reader->path, reader->line,
                          reader->fields, reader->columns);
    if (!wanted(reader))
        return STATUS_OK;
    enum status_code code = grow(table, status);
    if (code != STATUS_OK)
        return code;
    struct row *row = &table->rows[table->count];
    memset(row, 0, sizeof *row);
    row->line = reader->line;
    code = space_parse(reader->space, reader->field[reader->key_at], &row->arch, status);
    if (code != STATUS_OK)
        return status_prefix(status, "%s line %u", reader->path, reader->line);
    code = read_value(reader, &row->value, status);
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
    return status_set(status, STATUS_BAD_INPUT, "%s: no row is left%s", reader->path, found);
}

static enum status_code read_rows(struct reader *reader, struct status *status)
{
    enum status_code code = read_header(reader, status);
    if (code != STATUS_OK)
        return code;
    while (next_line(reader, &code, status)) {
        if (code == STATUS_OK)
            code = read_row(reader, status);
        if (code != STATUS_OK)
            return code;
    }
    if (reader->table->count == 0)
        return nothing_left(reader, status);
    return index_rows(reader->table, reader->path, status);
}

enum status_code table_load(const char *path, const struct space *space, const char *device, const char *dataset,
                            const char *column, struct table **out, struct status *status)
{
    void *text = NULL;
    size_t size = 0;
    enum status_code code = fileio_read(path, table_bytes_max, &text, &size, status);
    if (code != STATUS_OK)
        return code;
    struct table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        code = status_set(status, STATUS_NO_MEMORY, "%s: no memory", path);
        goto done;
    }
    table->minimum = NAN;
    digest_of(text, size, &table->digest);
    if (memchr(text, '\0', size) != NULL) {
        code = status_set(status, STATUS_BAD_INPUT, "%s: is not a text file (it has a zero byte)", path);
        goto done;
    }
    struct reader reader = {
        .path = path, .space = space, .device = device, .dataset = dataset, .column = column, .cursor = text, .table = table};
    if (strncmp(reader.cursor, "\xef\xbb\xbf", 3) == 0)
        reader.cursor += 3;
    code = read_rows(&reader, status);
done:
    free(text);
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
