/* bench_print: the table of a bench. Called by cli_bench.c. CSV and JSON are in bench_print_csv.c.
 *
 * The rule it keeps: what does not apply has no column; `asked` and `distinct` are always there. */
#include "master/bench_print.h"

#include <math.h>
#include <string.h>

#include "common/line.h"
#include "master/bench_grid.h"

/* What this bench has figures for. */
struct columns {
    bool limit, best, hypervolume, test, diversity, hours, boards, none;
};

/* Some limit is given as a share: the number it stands for is shown. */
static bool has_shares(const struct bench_matrix *matrix)
{
    size_t cost;
    double share;
    for (size_t i = 0; i < matrix->axis_count; i++)
        for (size_t c = 0; c < matrix->axes[i].choice_count; c++)
            for (size_t k = 0; k < matrix->axes[i].key_count; k++)
                if (bench_matrix_is_quantile(matrix->axes[i].keys[k], matrix->axes[i].choices[c].values[k], &cost, &share))
                    return true;
    return false;
}

static struct columns choose_columns(const struct bench_print *print)
{
    const struct bench *bench = print->bench;
    struct columns columns = {.limit = has_shares(bench->matrix),
                              .best = !bench_counts_hypervolume(bench),
                              .hypervolume = bench_counts_hypervolume(bench),
                              .test = bench_has_test(bench),
                              .hours = bench->options->times.simulated};
    for (size_t i = 0; i < bench->search_count; i++) {
        columns.diversity |= !columns.best && print->summaries[i].of[BENCH_DIVERSITY].count > 0;
        columns.boards |= print->summaries[i].of[BENCH_BOARDS_BUSY].count > 0;
        columns.none |= print->summaries[i].none > 0;
    }
    return columns;
}

/* --- headings --- */

static void head_settings(const struct bench *bench, struct bench_grid *grid)
{
    for (size_t i = 0; i < bench->matrix->axis_count; i++)
        if (!bench->matrix->axes[i].methods)
            bench_grid_column(grid, bench->matrix->axes[i].heading, true);
}

static void head_figures(const struct columns *columns, struct bench_grid *grid)
{
    bench_grid_column(grid, "asked", false);
    bench_grid_column(grid, "distinct", false);
    if (columns->best) {
        bench_grid_column(grid, "mean regret", false);
        bench_grid_column(grid, "median", false);
        bench_grid_column(grid, "worst", false);
    }
    if (columns->hypervolume) {
        bench_grid_column(grid, "hypervolume %", false);
        bench_grid_column(grid, "quartiles", false);
        bench_grid_column(grid, "least", false);
    }
    if (columns->test)
        bench_grid_column(grid, "test ± std", false);
    if (columns->diversity)
        bench_grid_column(grid, "chibar", false);
    if (columns->hours) {
        bench_grid_column(grid, "hours", false);
        bench_grid_column(grid, "busy %", false);
        if (columns->boards)
            bench_grid_column(grid, "boards %", false);
        bench_grid_column(grid, "speed-up", false);
    }
    if (columns->none)
        bench_grid_column(grid, "none found", false);
}

/* --- cells --- */

static void figure(struct bench_grid *grid, double value, int decimals)
{
    if (isnan(value))
        bench_grid_cell(grid, "%s", "");
    else
        bench_grid_cell(grid, "%.*f", decimals, value);
}

static void cells_of_setting(const struct bench *bench, const struct bench_search *search, struct bench_grid *grid)
{
    size_t choice[BENCH_AXES_MAX];
    bench_matrix_at(bench->matrix, search->setting, search->method, choice);
    for (size_t i = 0; i < bench->matrix->axis_count; i++)
        if (!bench->matrix->axes[i].methods)
            bench_grid_cell(grid, "%s", bench->matrix->axes[i].choices[choice[i]].label);
}

/* Every limit of the study, in its order. */
static void cell_of_limits(const struct config_study *config, struct bench_grid *grid)
{
    char text[128] = "";
    size_t used = 0;
    for (uint32_t c = 0; c < config->cost_count && used < sizeof text; c++)
        if (config->costs[c].has_max)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.4g", used > 0 ? ", " : "", config->costs[c].max);
    bench_grid_cell(grid, "%s", text);
}

static void cells_of_figures(const struct columns *columns, const struct bench_summary *summary, struct bench_grid *grid)
{
    const struct bench_stats *of = summary->of;
    figure(grid, of[BENCH_ASKED].median, 0);
    figure(grid, of[BENCH_DISTINCT].median, 0);
    if (columns->best) {
        figure(grid, of[BENCH_REGRET].mean, 3);
        figure(grid, of[BENCH_REGRET].median, 3);
        figure(grid, of[BENCH_REGRET].high, 3);
    }
    if (columns->hypervolume) {
        const struct bench_stats *ratio = &of[BENCH_RATIO];
        figure(grid, 100 * ratio->median, 2);
        bench_grid_cell(grid, "%.2f to %.2f", 100 * ratio->q1, 100 * ratio->q3);
        figure(grid, 100 * ratio->low, 2);
    }
    if (columns->test) {
        if (of[BENCH_TEST].count > 0)
            bench_grid_cell(grid, "%.2f ± %.2f", of[BENCH_TEST].mean, of[BENCH_TEST].std);
        else
            bench_grid_cell(grid, "%s", "");
    }
    if (columns->diversity)
        figure(grid, of[BENCH_DIVERSITY].median, 2);
    if (columns->hours) {
        figure(grid, of[BENCH_HOURS].median, 2);
        figure(grid, 100 * of[BENCH_WORKERS_BUSY].median, 0);
        if (columns->boards)
            figure(grid, 100 * of[BENCH_BOARDS_BUSY].median, 0);
        figure(grid, of[BENCH_SPEEDUP].median, 1);
    }
    if (columns->none)
        bench_grid_cell(grid, "%zu of %zu", summary->none, of[BENCH_ASKED].count);
}

/* "71.7 ±0.3 NAME, ...": the figures published for that setting as a whole. */
static void cell_of_published(const struct bench_print *print, size_t setting, struct bench_grid *grid)
{
    char name[BENCH_LABEL_BYTES], text[256] = "", line[sizeof text];
    size_t used = 0;
    bench_setting_name(print->bench, setting, name);
    for (size_t i = 0; i < print->published->count && used < sizeof text; i++) {
        const struct bench_figure *row = &print->published->figures[i];
        if (!isnan(row->cost) || !bench_published_fits(row, name))
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.4g", used > 0 ? "; " : "", row->value);
        if (!isnan(row->error) && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, " ±%.2g", row->error);
        if (used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, " %s", row->name);
    }
    line_of(text, line, sizeof line); /* cut, it may end within a character */
    bench_grid_cell(grid, "%s", line);
}

static struct bench_grid *fill_table(const struct bench_print *print)
{
    const struct bench *bench = print->bench;
    struct columns columns = choose_columns(print);
    struct bench_grid *grid = bench_grid_new();
    if (grid == NULL)
        return NULL;
    head_settings(bench, grid);
    bench_grid_column(grid, "limit", false);
    bench_grid_column(grid, "best", false);
    bench_grid_column(grid, "best test", false);
    bench_grid_column(grid, "strategy", true);
    head_figures(&columns, grid);
    bench_grid_column(grid, "published", true);
    for (size_t i = 0; i < bench->search_count; i++) {
        const struct bench_search *search = &bench->searches[i];
        char method[BENCH_LABEL_BYTES];
        bool first = search->method == 0;
        cells_of_setting(bench, search, grid);
        if (columns.limit)
            cell_of_limits(search->config, grid);
        else
            bench_grid_cell(grid, "%s", "");
        figure(grid, columns.best ? search->target.fitness : NAN, 2);
        figure(grid, columns.test ? search->target.best_test : NAN, 2);
        bench_method_name(bench, search->method, method);
        bench_grid_cell(grid, "%s", method);
        cells_of_figures(&columns, &print->summaries[i], grid);
        if (first)
            cell_of_published(print, search->setting, grid);
        else
            bench_grid_cell(grid, "%s", "");
    }
    return grid;
}

/* --- over all settings --- */

/* The mean of the settings' means (or medians), and the worst of them. */
static void cells_over_settings(const struct bench_print *print, size_t method, bool by_hypervolume, struct bench_grid *grid)
{
    const struct bench *bench = print->bench;
    double sum = 0, worst = by_hypervolume ? INFINITY : -INFINITY, distinct = 0;
    char worst_name[BENCH_LABEL_BYTES] = "", name[BENCH_LABEL_BYTES];
    for (size_t setting = 0; setting < bench->settings; setting++) {
        const struct bench_stats *of = print->summaries[setting * bench->methods + method].of;
        double value = by_hypervolume ? 100 * of[BENCH_RATIO].median : of[BENCH_REGRET].mean;
        sum += value;
        distinct += of[BENCH_DISTINCT].mean;
        if (by_hypervolume ? value < worst : value > worst) {
            worst = value;
            bench_setting_name(bench, setting, worst_name);
        }
    }
    bench_method_name(bench, method, name);
    bench_grid_cell(grid, "%s", name);
    figure(grid, distinct / (double)bench->settings, 0);
    figure(grid, sum / (double)bench->settings, by_hypervolume ? 2 : 3);
    figure(grid, worst, by_hypervolume ? 2 : 3);
    bench_grid_cell(grid, "%s", worst_name);
}

static struct bench_grid *fill_overview(const struct bench_print *print)
{
    bool by_hypervolume = bench_counts_hypervolume(print->bench);
    struct bench_grid *grid = bench_grid_new();
    if (grid == NULL)
        return NULL;
    bench_grid_column(grid, "strategy", true);
    bench_grid_column(grid, "distinct", false);
    bench_grid_column(grid, by_hypervolume ? "hypervolume %: mean of medians" : "mean regret", false);
    bench_grid_column(grid, "worst setting", false);
    bench_grid_column(grid, "which", true);
    for (size_t method = 0; method < print->bench->methods; method++)
        cells_over_settings(print, method, by_hypervolume, grid);
    return grid;
}

/* --- the whole --- */

static void introduce(const struct bench_print *print, FILE *out)
{
    const struct bench *bench = print->bench;
    const char *fitness = bench->searches[0].config->fitness.column;
    bool same_fitness = true;
    for (size_t i = 1; i < bench->search_count; i++)
        same_fitness &= strcmp(bench->searches[i].config->fitness.column, fitness) == 0;
    fprintf(out, "%s: %zu search%s x %u seed%s", bench->searches[0].config->name, bench->search_count,
            bench->search_count == 1 ? "" : "es", bench->options->seeds, bench->options->seeds == 1 ? "" : "s");
    if (same_fitness)
        fprintf(out, "; fitness %s", fitness);
    if (bench->options->test_column != NULL)
        fprintf(out, ", test %s", bench->options->test_column);
    if (bench_counts_hypervolume(bench)) {
        const struct bench_target *target = &bench->searches[0].target;
        fputs(bench->settings > 1 ? ", reference of the first setting (" : ", reference (", out);
        for (size_t i = 0; i < target->objectives; i++)
            fprintf(out, "%s%.6g", i > 0 ? ", " : "", i + 1 < target->objectives ? target->reference[i] : -target->reference[i]);
        fprintf(out, "), true hypervolume %.6g", target->hypervolume);
    }
    fputs("\n\n", out);
}

static bool print_grids(const struct bench_print *print, bool (*print_grid)(const struct bench_grid *, FILE *), FILE *out)
{
    struct bench_grid *grid = fill_table(print), *overview = NULL;
    bool done = grid != NULL && print_grid(grid, out);
    if (done && print->bench->settings > 1) {
        fputc('\n', out);
        overview = fill_overview(print);
        done = overview != NULL && print_grid(overview, out);
    }
    bench_grid_free(grid);
    bench_grid_free(overview);
    return done;
}

bool bench_print_table(const struct bench_print *print, FILE *out)
{
    introduce(print, out);
    return print_grids(print, bench_grid_print, out);
}

bool bench_print_markdown(const struct bench_print *print, FILE *out)
{
    return print_grids(print, bench_grid_markdown, out);
}
