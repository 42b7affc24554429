/* csv: the lines of a CSV file, cut into fields. Called by what reads figures from files (table, lut).
 *
 * The form: one header line, comma-separated fields, decimal points; fields may stand in double quotes (a quote inside is doubled;
 * no line breaks inside); lines end with LF or CRLF; empty lines and a UTF-8 byte order mark are skipped. */
#ifndef HWNAS_COMMON_CSV_H
#define HWNAS_COMMON_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/status.h"

enum { CSV_COLUMNS_MAX = 256 };

/* What csv_find says when there is no such column. */
static const size_t csv_absent = SIZE_MAX;

/* A file being read. The fields of a line live until csv_close: they point into the file's text, which is cut up in place. */
struct csv {
    const char *path; /* borrowed */
    uint32_t line;    /* of the fields, from 1 */
    char *field[CSV_COLUMNS_MAX];
    size_t columns;       /* of the header; every further line has as many */
    struct digest digest; /* of the file's bytes */
    char *text;           /* owned */
    char *cursor;
};

/* Reads the whole file and its header line, whose names are then in field[]. STATUS_BAD_INPUT names file and line; what it says of
 * files that cannot be read is fileio_read's. path must outlive *csv. Close with csv_close, also after a failure. */
enum status_code csv_open(struct csv *csv, const char *path, struct status *status);
void csv_close(struct csv *csv);

/* Before the first csv_next: the column of that name; csv_absent, or STATUS_BAD_INPUT with the nearest name, when there is none. */
size_t csv_find(const struct csv *csv, const char *name);
enum status_code csv_need(const struct csv *csv, const char *name, size_t *column, struct status *status);

/* Cuts the next line: *more is false at the end of the file. STATUS_BAD_INPUT names file, line and column. */
enum status_code csv_next(struct csv *csv, bool *more, struct status *status);

/* The number in that column of the line, `name` for the message; NaN when the field is empty. STATUS_BAD_INPUT for what is no
 * finite number. */
enum status_code csv_number(const struct csv *csv, size_t column, const char *name, double *value, struct status *status);

#endif
