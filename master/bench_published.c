/* bench_published: reads a CSV file of published figures. Called by cli_bench.c. */
#include "master/bench_published.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/csv.h"
#include "common/line.h"

enum { SETTING, NAME, COST, VALUE, ERROR, SOURCE, COLUMNS };
static const char *const columns[COLUMNS] = {"setting", "name", "cost", "value", "error", "source"};

static enum status_code read_row(const struct csv *csv, const size_t at[COLUMNS], struct bench_published *out,
                                 struct status *status)
{
    struct bench_figure *grown = realloc(out->figures, (out->count + 1) * sizeof *grown);
    if (grown == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory", csv->path);
    out->figures = grown;
    struct bench_figure *figure = &grown[out->count++];
    *figure = (struct bench_figure){.setting = line_dup(csv->field[at[SETTING]]),
                                    .name = line_dup(csv->field[at[NAME]]),
                                    .source = line_dup(csv->field[at[SOURCE]])};
    if (figure->setting == NULL || figure->name == NULL || figure->source == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory", csv->path);
    enum status_code code = csv_number(csv, at[COST], columns[COST], &figure->cost, status);
    if (code == STATUS_OK)
        code = csv_number(csv, at[VALUE], columns[VALUE], &figure->value, status);
    if (code == STATUS_OK)
        code = csv_number(csv, at[ERROR], columns[ERROR], &figure->error, status);
    if (code == STATUS_OK && isnan(figure->value))
        code = status_set(status, STATUS_BAD_INPUT, "%s line %u: column \"value\" is empty", csv->path, csv->line);
    return code;
}

enum status_code bench_published_load(const char *path, struct bench_published *out, struct status *status)
{
    struct csv csv;
    size_t at[COLUMNS];
    bool more = true;
    *out = (struct bench_published){.count = 0};
    enum status_code code = csv_open(&csv, path, status);
    for (size_t i = 0; i < COLUMNS && code == STATUS_OK; i++)
        code = csv_need(&csv, columns[i], &at[i], status);
    while (code == STATUS_OK && (code = csv_next(&csv, &more, status)) == STATUS_OK && more)
        code = read_row(&csv, at, out, status);
    csv_close(&csv);
    return code;
}

void bench_published_free(struct bench_published *published)
{
    for (size_t i = 0; i < published->count; i++) {
        free(published->figures[i].setting);
        free(published->figures[i].name);
        free(published->figures[i].source);
    }
    free(published->figures);
    *published = (struct bench_published){.count = 0};
}

bool bench_published_fits(const struct bench_figure *figure, const char *setting)
{
    return *figure->setting == '\0' || strcmp(figure->setting, setting) == 0;
}

const char *bench_published_stranger(const struct bench_published *published, const char *const *settings, size_t count)
{
    for (size_t i = 0; i < published->count; i++) {
        bool fits = false;
        for (size_t setting = 0; setting < count && !fits; setting++)
            fits = bench_published_fits(&published->figures[i], settings[setting]);
        if (!fits)
            return published->figures[i].setting;
    }
    return NULL;
}
