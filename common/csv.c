/* csv: a file is read once and cut up in place, line by line. Fields are never copied: who reads them may keep the pointers until
 * the file is closed. */
#include "common/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fileio.h"
#include "common/nearest.h"

static const size_t csv_bytes_max = (size_t)1 << 30;

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

/* Ends the field that `at` stands behind: 1 when another field follows on this line, 0 at its end, -1 for anything else there. */
static int end_of_field(struct csv *csv, char *at)
{
    char end = *at;
    *at = '\0';
    csv->cursor = at + (end != '\0');
    if (end == '\r' && at[1] == '\n') {
        csv->cursor++;
        end = '\n';
    }
    return end == ',' ? 1 : end == '\n' || end == '\0' ? 0 : -1;
}

static void skip_empty_lines(struct csv *csv)
{
    while (*csv->cursor == '\n' || (*csv->cursor == '\r' && csv->cursor[1] == '\n')) {
        csv->cursor += *csv->cursor == '\r' ? 2 : 1;
        csv->line++;
    }
}

/* Cuts the line at the cursor into fields. */
static enum status_code cut_line(struct csv *csv, size_t *fields, struct status *status)
{
    *fields = 0;
    csv->line++;
    for (int more = 1; more == 1;) {
        if (*fields == CSV_COLUMNS_MAX)
            return status_set(status, STATUS_BAD_INPUT, "%s line %u: more than %d columns", csv->path, csv->line, CSV_COLUMNS_MAX);
        char *at = csv->cursor;
        bool quoted = *at == '"', closed = true;
        csv->field[(*fields)++] = at += quoted;
        if (quoted)
            closed = unquote(&at);
        else
            at += strcspn(at, ",\r\n");
        more = closed ? end_of_field(csv, at) : -1;
        if (more < 0)
            return status_set(status, STATUS_BAD_INPUT,
                              "%s line %u column %zu: the field's end is not followed by a comma or a new line", csv->path,
                              csv->line, *fields);
    }
    return STATUS_OK;
}

enum status_code csv_next(struct csv *csv, bool *more, struct status *status)
{
    size_t fields;
    skip_empty_lines(csv);
    *more = *csv->cursor != '\0';
    enum status_code code = *more ? cut_line(csv, &fields, status) : STATUS_OK;
    if (!*more || code != STATUS_OK || fields == csv->columns)
        return code;
    return status_set(status, STATUS_BAD_INPUT, "%s line %u: has %zu fields, the header has %zu", csv->path, csv->line, fields,
                      csv->columns);
}

enum status_code csv_open(struct csv *csv, const char *path, struct status *status)
{
    void *text = NULL;
    size_t size = 0;
    memset(csv, 0, sizeof *csv);
    csv->path = path;
    enum status_code code = fileio_read(path, csv_bytes_max, &text, &size, status);
    if (code != STATUS_OK)
        return code;
    csv->text = csv->cursor = text;
    digest_of(text, size, &csv->digest);
    if (memchr(text, '\0', size) != NULL)
        return status_set(status, STATUS_BAD_INPUT, "%s: is not a text file (it has a zero byte)", path);
    if (strncmp(csv->cursor, "\xef\xbb\xbf", 3) == 0)
        csv->cursor += 3;
    skip_empty_lines(csv);
    if (*csv->cursor == '\0')
        return status_set(status, STATUS_BAD_INPUT, "%s: is empty; a header line with the columns' names was expected", path);
    return cut_line(csv, &csv->columns, status);
}

void csv_close(struct csv *csv)
{
    free(csv->text);
    csv->text = csv->cursor = NULL;
}

size_t csv_find(const struct csv *csv, const char *name)
{
    for (size_t i = 0; i < csv->columns; i++)
        if (strcmp(csv->field[i], name) == 0)
            return i;
    return csv_absent;
}

enum status_code csv_need(const struct csv *csv, const char *name, size_t *column, struct status *status)
{
    *column = csv_find(csv, name);
    if (*column != csv_absent)
        return STATUS_OK;
    const char *nearest = csv->field[nearest_word(name, (const char *const *)csv->field, csv->columns)];
    return status_set(status, STATUS_BAD_INPUT, "%s: has no column \"%s\"; the nearest one is \"%s\"", csv->path, name, nearest);
}

enum status_code csv_number(const struct csv *csv, size_t column, const char *name, double *value, struct status *status)
{
    const char *text = csv->field[column];
    char *end;
    *value = NAN;
    if (*text == '\0')
        return STATUS_OK;
    *value = strtod(text, &end);
    if (end != text && *end == '\0' && isfinite(*value))
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT, "%s line %u column \"%s\": \"%.40s\" is not a number", csv->path, csv->line, name,
                      text);
}
