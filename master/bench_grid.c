/* bench_grid: aligned tables. Called by bench_print. Widths count characters, so that "±" takes one. */
#include "master/bench_grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 32, GAP = 2 };

struct column {
    char heading[64];
    bool text;
    int width; /* of the widest cell, the heading included */
    bool used;
};

struct bench_grid {
    struct column columns[COLUMNS_MAX];
    size_t column_count;
    char **cells; /* owned */
    size_t cell_count, capacity;
    bool out_of_memory;
};

/* Characters of a UTF-8 text: all bytes but those that continue one. */
static int characters(const char *text)
{
    int count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

struct bench_grid *bench_grid_new(void)
{
    return calloc(1, sizeof(struct bench_grid));
}

void bench_grid_free(struct bench_grid *grid)
{
    if (grid == NULL)
        return;
    for (size_t i = 0; i < grid->cell_count; i++)
        free(grid->cells[i]);
    free(grid->cells);
    free(grid);
}

void bench_grid_column(struct bench_grid *grid, const char *heading, bool text)
{
    if (grid->column_count == COLUMNS_MAX)
        return;
    struct column *column = &grid->columns[grid->column_count++];
    snprintf(column->heading, sizeof column->heading, "%s", heading);
    column->text = text;
    column->width = characters(heading);
}

void bench_grid_cell(struct bench_grid *grid, const char *format, ...)
{
    va_list arguments;
    char *cell = NULL;
    if (grid->cell_count == grid->capacity) {
        size_t capacity = 2 * grid->capacity + 64;
        char **grown = realloc(grid->cells, capacity * sizeof *grown);
        grid->out_of_memory |= grown == NULL;
        if (grown == NULL)
            return;
        grid->cells = grown;
        grid->capacity = capacity;
    }
    va_start(arguments, format);
    int length = vasprintf(&cell, format, arguments);
    va_end(arguments);
    grid->out_of_memory |= length < 0;
    if (length < 0)
        return;
    struct column *column = &grid->columns[grid->cell_count % grid->column_count];
    grid->cells[grid->cell_count++] = cell;
    column->used |= *cell != '\0';
    if (characters(cell) > column->width)
        column->width = characters(cell);
}

static void pad(FILE *out, int count)
{
    for (int i = 0; i < count; i++)
        fputc(' ', out);
}

/* In a cell of a Markdown table "|" would end it. */
static void put_markdown(const char *cell, FILE *out)
{
    for (; *cell != '\0'; cell++)
        fprintf(out, "%s%c", *cell == '|' ? "\\" : "", *cell);
}

static void print_row(const struct bench_grid *grid, const char *const *cells, bool markdown, FILE *out)
{
    bool first = true;
    int owed = 0; /* blanks that are only worth printing when something follows */
    for (size_t c = 0; c < grid->column_count; c++) {
        const struct column *column = &grid->columns[c];
        const char *cell = cells != NULL ? cells[c] : column->heading;
        int short_by = column->width - characters(cell);
        if (!column->used)
            continue;
        if (markdown) {
            fputs(first ? "| " : " ", out);
            put_markdown(cell, out);
            fputs(" |", out);
        } else {
            owed += (first ? 0 : GAP) + (column->text ? 0 : short_by);
            if (*cell != '\0') {
                pad(out, owed);
                fputs(cell, out);
                owed = 0;
            }
            owed += column->text ? short_by : 0;
        }
        first = false;
    }
    fputc('\n', out);
}

static void print_rows(const struct bench_grid *grid, bool markdown, FILE *out)
{
    for (size_t row = 0; (row + 1) * grid->column_count <= grid->cell_count; row++)
        print_row(grid, (const char *const *)&grid->cells[row * grid->column_count], markdown, out);
}

bool bench_grid_print(const struct bench_grid *grid, FILE *out)
{
    print_row(grid, NULL, false, out);
    print_rows(grid, false, out);
    return !grid->out_of_memory;
}

bool bench_grid_markdown(const struct bench_grid *grid, FILE *out)
{
    print_row(grid, NULL, true, out);
    fputc('|', out);
    for (size_t c = 0; c < grid->column_count; c++)
        if (grid->columns[c].used)
            fputs(grid->columns[c].text ? "---|" : "---:|", out);
    fputc('\n', out);
    print_rows(grid, true, out);
    return !grid->out_of_memory;
}
