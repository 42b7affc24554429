/* lut: a look-up table, kept as one array with a stretch for each gene. Called by the study at its start and for every candidate,
 * and by `hwnas table`. The rule it keeps: once loaded, every operation of the space has a figure or is known to have none. */
#include "master/lut.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/csv.h"

struct figure {
    double value;  /* NaN: an empty field */
    uint32_t line; /* of the file; 0: no row yet */
};

struct lut {
    struct figure *figures;           /* owned; the base first, then each gene's operations in order */
    size_t first[ARCH_GENES_MAX + 1]; /* where a gene's operations begin; one past the last gene's: the number of figures */
    size_t genes, values;
    struct digest digest;
};

struct reader {
    struct csv csv;
    const struct space *space;
    const char *column; /* as asked for */
    size_t layer_at, op_at, column_at;
    struct lut *lut;
};

/* Reads a whole number of the line that lies in -1 .. limit-1. */
static enum status_code read_index(const struct reader *reader, size_t at, const char *name, int limit, int *out,
                                   struct status *status)
{
    const char *text = reader->csv.field[at];
    char *end;
    long index = strtol(text, &end, 10);
    *out = -1;
    if (end == text || *end != '\0' || index < -1 || index >= limit)
        return status_set(status, STATUS_BAD_INPUT,
                          "%s line %u column \"%s\": \"%.40s\" is none of space %s: 0 to %d, or -1 for the base", reader->csv.path,
                          reader->csv.line, name, text, reader->space->ops->name, limit - 1);
    *out = (int)index;
    return STATUS_OK;
}

/* Where the line's figure belongs. */
static enum status_code place_of_line(struct reader *reader, struct figure **out, struct status *status)
{
    int layer, op;
    enum status_code code = read_index(reader, reader->layer_at, "layer", (int)reader->lut->genes, &layer, status);
    if (code != STATUS_OK)
        return code;
    int operations = layer < 0 ? 0 : space_choices(reader->space, (size_t)layer);
    if (layer < 0)
        code = strcmp(reader->csv.field[reader->op_at], "-1") == 0
                   ? STATUS_OK
                   : status_set(status, STATUS_BAD_INPUT, "%s line %u column \"op\": the base (layer -1) has op -1, not \"%.40s\"",
                                reader->csv.path, reader->csv.line, reader->csv.field[reader->op_at]);
    else
        code = read_index(reader, reader->op_at, "op", operations, &op, status);
    if (code != STATUS_OK)
        return code;
    if (layer >= 0 && op < 0)
        return status_set(status, STATUS_BAD_INPUT, "%s line %u column \"op\": -1 is the base's, whose layer is -1, not %d",
                          reader->csv.path, reader->csv.line, layer);
    *out = &reader->lut->figures[layer < 0 ? 0 : reader->lut->first[layer] + (size_t)op];
    return STATUS_OK;
}

static enum status_code read_row(struct reader *reader, struct status *status)
{
    struct figure *figure = NULL;
    enum status_code code = place_of_line(reader, &figure, status);
    if (code != STATUS_OK)
        return code;
    if (figure->line != 0)
        return status_set(status, STATUS_BAD_INPUT, "%s: lines %u and %u are both about layer %s op %s", reader->csv.path,
                          figure->line, reader->csv.line, reader->csv.field[reader->layer_at], reader->csv.field[reader->op_at]);
    figure->line = reader->csv.line;
    code = csv_number(&reader->csv, reader->column_at, reader->column, &figure->value, status);
    reader->lut->values += code == STATUS_OK && !isnan(figure->value);
    return code;
}

/* Every operation has its row, and no layer is without any figure. */
static enum status_code check_complete(const struct reader *reader, struct status *status)
{
    const struct lut *lut = reader->lut;
    const char *path = reader->csv.path;
    if (lut->figures[0].line == 0)
        return status_set(status, STATUS_BAD_INPUT, "%s: has no row for the base: layer -1, op -1, with 0 where there is none",
                          path);
    if (isnan(lut->figures[0].value))
        return status_set(status, STATUS_BAD_INPUT, "%s line %u column \"%s\": the base has no figure", path, lut->figures[0].line,
                          reader->column);
    for (size_t gene = 0; gene < lut->genes; gene++) {
        bool any = false;
        for (size_t at = lut->first[gene]; at < lut->first[gene + 1]; at++) {
            if (lut->figures[at].line == 0)
                return status_set(status, STATUS_BAD_INPUT,
                                  "%s: has no row for layer %zu op %zu; every operation of the %zu layers of %s is needed", path,
                                  gene, at - lut->first[gene], lut->genes, reader->space->ops->name);
            any |= !isnan(lut->figures[at].value);
        }
        if (!any)
            return status_set(status, STATUS_BAD_INPUT,
                              "%s: layer %zu has no figure in column \"%s\", so no architecture would have a cost", path, gene,
                              reader->column);
    }
    return STATUS_OK;
}

static enum status_code read_rows(struct reader *reader, struct status *status)
{
    bool more = true;
    enum status_code code = csv_need(&reader->csv, "layer", &reader->layer_at, status);
    if (code == STATUS_OK)
        code = csv_need(&reader->csv, "op", &reader->op_at, status);
    if (code == STATUS_OK)
        code = csv_need(&reader->csv, reader->column, &reader->column_at, status);
    while (code == STATUS_OK && more) {
        code = csv_next(&reader->csv, &more, status);
        if (code == STATUS_OK && more)
            code = read_row(reader, status);
    }
    return code == STATUS_OK ? check_complete(reader, status) : code;
}

/* The empty table with a place for every operation of the space. NULL without memory. */
static struct lut *new_lut(const struct space *space)
{
    struct lut *lut = calloc(1, sizeof *lut);
    if (lut == NULL)
        return NULL;
    lut->genes = space_gene_count(space);
    lut->first[0] = 1;
    for (size_t gene = 0; gene < lut->genes; gene++)
        lut->first[gene + 1] = lut->first[gene] + (size_t)space_choices(space, gene);
    lut->figures = calloc(lut->first[lut->genes], sizeof *lut->figures);
    if (lut->figures == NULL) {
        free(lut);
        return NULL;
    }
    return lut;
}

enum status_code lut_load(const char *path, const struct space *space, const char *column, struct lut **out, struct status *status)
{
    struct reader reader = {.space = space, .column = column, .lut = new_lut(space)};
    if (reader.lut == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory", path);
    enum status_code code = csv_open(&reader.csv, path, status);
    reader.lut->digest = reader.csv.digest;
    if (code == STATUS_OK)
        code = read_rows(&reader, status);
    csv_close(&reader.csv);
    if (code == STATUS_OK)
        *out = reader.lut;
    else
        lut_free(reader.lut);
    return code;
}

void lut_free(struct lut *lut)
{
    if (lut == NULL)
        return;
    free(lut->figures);
    free(lut);
}

int lut_get(const struct lut *lut, const struct arch *arch, double *value)
{
    double sum = lut->figures[0].value;
    assert(arch->length == lut->genes);
    for (size_t gene = 0; gene < lut->genes; gene++)
        sum += lut->figures[lut->first[gene] + arch->genes[gene]].value;
    if (!isfinite(sum))
        return 0;
    *value = sum;
    return 1;
}

/* Each gene's operation with the largest figure times `sign`, the first of equals. */
static void extreme(const struct lut *lut, double sign, struct arch *out)
{
    memset(out, 0, sizeof *out);
    out->length = (uint8_t)lut->genes;
    for (size_t gene = 0; gene < lut->genes; gene++) {
        double best = NAN;
        for (size_t at = lut->first[gene]; at < lut->first[gene + 1]; at++) {
            double value = sign * lut->figures[at].value;
            if (isnan(value) || value <= best)
                continue;
            best = value;
            out->genes[gene] = (uint8_t)(at - lut->first[gene]);
        }
    }
}

void lut_least(const struct lut *lut, struct arch *out)
{
    extreme(lut, -1, out);
}

void lut_most(const struct lut *lut, struct arch *out)
{
    extreme(lut, 1, out);
}

size_t lut_rows(const struct lut *lut)
{
    return lut->first[lut->genes];
}

size_t lut_values(const struct lut *lut)
{
    return lut->values;
}

const struct digest *lut_digest(const struct lut *lut)
{
    return &lut->digest;
}
