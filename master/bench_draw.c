/* bench_draw: what the pictures of a bench show. Called by cli_bench.c. A method has one colour in all of them. The picture over
 * limits is in bench_draw_limits.c.
 *
 * The rule it keeps: axes show what there is to be told apart; what lies far off is cut, not squeezed in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/bench_draw_parts.h"

enum status_code draw_no_memory(struct status *status)
{
    return status_set(status, STATUS_NO_MEMORY, "no memory for a picture");
}

void draw_shape(size_t panels, size_t *columns, size_t *rows)
{
    *columns = panels == 4 ? 2 : panels < 3 ? panels : 3;
    *rows = (panels + *columns - 1) / *columns;
}

bool draw_is_limit(const struct bench_axis *axis, size_t *cost)
{
    char *end;
    if (axis->methods || strncmp(axis->keys[0], "costs.", strlen("costs.")) != 0)
        return false;
    *cost = strtoul(axis->keys[0] + strlen("costs."), &end, 10);
    return strcmp(end, ".max") == 0;
}

void draw_title(const struct bench *bench, size_t setting, size_t without, char out[BENCH_LABEL_BYTES])
{
    const struct bench_matrix *matrix = bench->matrix;
    const struct config_study *config = bench_search_at(bench, setting, 0)->config;
    size_t choice[BENCH_AXES_MAX], used = 0, cost;
    bench_matrix_at(matrix, setting, 0, choice);
    out[0] = '\0';
    for (size_t i = 0; i < matrix->axis_count && used < BENCH_LABEL_BYTES; i++) {
        const char *label = matrix->axes[i].choices[choice[i]].label, *before = used > 0 ? ", " : "";
        if (matrix->axes[i].methods || i == without)
            continue;
        if (draw_is_limit(&matrix->axes[i], &cost) && cost < config->cost_count)
            used +=
                (size_t)snprintf(out + used, BENCH_LABEL_BYTES - used, "%s%s \u2264 %s", before, config->costs[cost].name, label);
        else
            used += (size_t)snprintf(out + used, BENCH_LABEL_BYTES - used, "%s%s", before, label);
    }
}

struct plot_style draw_marker(const struct bench *bench, size_t method)
{
    double place = bench->methods > 1 ? (double)method / (double)(bench->methods - 1) : 1;
    return (struct plot_style){.kind = PLOT_POINTS, .colour = (int)method, .size = bench->methods > 1 ? 1.5 - 0.7 * place : 1};
}

void draw_legend_of_methods(struct plot *plot, const struct bench *bench, enum plot_kind kind, bool nested)
{
    char name[BENCH_LABEL_BYTES];
    for (size_t method = 0; method < bench->methods; method++) {
        bench_method_name(bench, method, name);
        const struct plot_style line = {.kind = kind, .colour = (int)method}, marker = draw_marker(bench, method);
        plot_legend(plot, name, nested ? &marker : &line);
    }
}

/* One entry for each name that published rows of that kind (points or figures of a setting) bear. */
void draw_legend_of_published(struct plot *plot, const struct bench_published *published, bool points)
{
    for (size_t i = 0; i < published->count; i++) {
        char label[128];
        bool told = isnan(published->figures[i].cost) == points;
        for (size_t before = 0; before < i && !told; before++)
            told = isnan(published->figures[before].cost) != points &&
                   strcmp(published->figures[before].name, published->figures[i].name) == 0;
        if (told)
            continue;
        snprintf(label, sizeof label, "%s (published)", published->figures[i].name);
        plot_legend(plot, label, &draw_published);
    }
}

enum status_code draw_finish(struct plot *plot, struct bench_picture *out, struct status *status)
{
    out->svg = plot_finish(plot, &out->size);
    plot_free(plot);
    return out->svg != NULL ? STATUS_OK : draw_no_memory(status);
}

const struct plot_style draw_truth = {.kind = PLOT_STEPS, .colour = -1};
const struct plot_style draw_published = {.kind = PLOT_POINTS, .colour = -1, .hollow = true};

/* --- fronts --- */

static void draw_points(struct plot *plot, const struct plot_style *style, const double *points, size_t count, size_t m, double *x,
                        double *y)
{
    for (size_t i = 0; i < count; i++) {
        x[i] = points[i * m];
        y[i] = -points[i * m + m - 1];
    }
    plot_draw(plot, style, x, y, count);
}

static void draw_published_points(struct plot *plot, const struct bench_print *print, const char *setting)
{
    for (size_t i = 0; i < print->published->count; i++) {
        const struct bench_figure *row = &print->published->figures[i];
        if (!isnan(row->cost) && bench_published_fits(row, setting))
            plot_draw(plot, &draw_published, &row->cost, &row->value, 1);
    }
}

/* From the true front's lowest point that counts to its highest, and as far as it goes. */
static struct plot_panel front_axes(const struct bench_search *search, const char *title)
{
    const struct bench_target *target = &search->target;
    size_t m = target->objectives;
    struct plot_range x = plot_range_none(), y = plot_range_none();
    for (size_t i = 0; i < target->front_count; i++) {
        if (!(target->front[i * m + m - 1] < target->reference[m - 1]))
            continue;
        plot_range_add(&x, target->front[i * m]);
        plot_range_add(&y, -target->front[i * m + m - 1]);
    }
    plot_range_pad(&x, 0.06);
    plot_range_pad(&y, 0.06);
    return (struct plot_panel){.title = title,
                               .x_label = search->config->costs[target->objective_cost[0]].name,
                               .y_label = search->config->fitness.column,
                               .x_low = x.low,
                               .x_high = x.high,
                               .y_low = y.low,
                               .y_high = y.high};
}

static enum status_code draw_front_panel(struct plot *plot, const struct bench_print *print, size_t setting, struct status *status)
{
    const struct bench *bench = print->bench;
    const struct bench_search *search = bench_search_at(bench, setting, 0);
    size_t m = search->target.objectives, most = search->target.front_count;
    char title[BENCH_LABEL_BYTES], name[BENCH_LABEL_BYTES];
    draw_title(bench, setting, SIZE_MAX, title);
    bench_setting_name(bench, setting, name);
    for (size_t method = 0; method < bench->methods; method++) {
        const struct bench_search *other = bench_search_at(bench, setting, method);
        size_t count = other->runs[print->summaries[setting * bench->methods + method].median_run].front_count;
        most = count > most ? count : most;
    }
    double *x = calloc(most + 1, sizeof *x), *y = calloc(most + 1, sizeof *y);
    if (x == NULL || y == NULL) {
        free(x);
        free(y);
        return draw_no_memory(status);
    }
    struct plot_panel axes = front_axes(search, title);
    plot_panel(plot, &axes);
    struct plot_style truth = draw_truth;
    if (m > 2)
        truth = (struct plot_style){.kind = PLOT_POINTS, .colour = -1};
    draw_points(plot, &truth, search->target.front, search->target.front_count, m, x, y);
    draw_published_points(plot, print, name);
    for (size_t method = 0; method < bench->methods; method++) {
        const struct bench_search *other = bench_search_at(bench, setting, method);
        const struct bench_run *run = &other->runs[print->summaries[setting * bench->methods + method].median_run];
        const struct plot_style style = draw_marker(bench, method);
        draw_points(plot, &style, run->front, run->front_count, m, x, y);
    }
    free(x);
    free(y);
    return STATUS_OK;
}

enum status_code bench_draw_fronts(const struct bench_print *print, struct bench_picture *out, struct status *status)
{
    const struct bench *bench = print->bench;
    size_t columns, rows;
    enum status_code code = STATUS_OK;
    *out = (struct bench_picture){.svg = NULL};
    if (!bench_counts_hypervolume(bench) || bench->settings > BENCH_PANELS_MAX)
        return STATUS_OK;
    draw_shape(bench->settings, &columns, &rows);
    struct plot *plot = plot_new(columns, rows);
    if (plot == NULL)
        return draw_no_memory(status);
    plot_legend(plot, "true front",
                bench->searches[0].target.objectives > 2 ? &(struct plot_style){.kind = PLOT_POINTS, .colour = -1} : &draw_truth);
    draw_legend_of_methods(plot, bench, PLOT_POINTS, true);
    draw_legend_of_published(plot, print->published, true);
    for (size_t setting = 0; setting < bench->settings && code == STATUS_OK; setting++)
        code = draw_front_panel(plot, print, setting, status);
    if (code == STATUS_OK)
        return draw_finish(plot, out, status);
    plot_free(plot);
    return code;
}

/* --- curves --- */

struct curves {
    const struct bench_print *print;
    enum bench_measure measure;
    bool by_hours;
    struct bench_curve *curves; /* of the setting at hand, one a method */
};

static double last_hours(const struct bench *bench, size_t setting)
{
    double last = 0;
    for (size_t method = 0; method < bench->methods; method++)
        for (uint32_t run = 0; run < bench->options->seeds; run++)
            last = fmax(last, bench_search_at(bench, setting, method)->runs[run].seconds / 3600);
    return last;
}

/* Per cent, where it is a share. */
static void to_per_cent(struct bench_curve *curve)
{
    for (size_t i = 0; i < curve->count; i++) {
        curve->q1[i] *= 100;
        curve->median[i] *= 100;
        curve->q3[i] *= 100;
    }
}

static bool make_curves(struct curves *curves, size_t setting)
{
    const struct bench *bench = curves->print->bench;
    double last = curves->by_hours ? last_hours(bench, setting) : 0;
    for (size_t method = 0; method < bench->methods; method++) {
        const struct bench_search *search = bench_search_at(bench, setting, method);
        struct bench_curve *curve = &curves->curves[method];
        if (!(curves->by_hours ? bench_curve_over_hours(bench, search, curves->measure, last, curve)
                               : bench_curve_over_evaluations(bench, search, curves->measure, curve)))
            return false;
        if (curves->measure == BENCH_RATIO)
            to_per_cent(curve);
    }
    return true;
}

/* The first tenth of the search, where everything is still far off, does not decide what the axis shows. */
static struct plot_panel curve_axes(const struct curves *curves, const char *title)
{
    const struct bench *bench = curves->print->bench;
    struct plot_range x = plot_range_none(), y = plot_range_none();
    plot_range_add(&x, 0);
    plot_range_add(&y, curves->measure == BENCH_RATIO ? 100 : 0);
    for (size_t method = 0; method < bench->methods; method++)
        if (curves->curves[method].count > 0)
            plot_range_add(&x, curves->curves[method].x[curves->curves[method].count - 1]);
    for (size_t method = 0; method < bench->methods; method++) {
        const struct bench_curve *curve = &curves->curves[method];
        for (size_t i = 0; i < curve->count; i++)
            if (curve->x[i] >= x.high / 10)
                plot_range_add(&y, curve->median[i]);
    }
    plot_range_pad(&y, 0.06);
    return (struct plot_panel){.title = title,
                               .x_label = curves->by_hours ? "simulated hours" : "distinct evaluations",
                               .y_label = curves->measure == BENCH_RATIO ? "hypervolume, % of the true" : "regret",
                               .x_low = x.low,
                               .x_high = x.high,
                               .y_low = y.low,
                               .y_high = y.high};
}

static bool draw_curve_panel(struct plot *plot, struct curves *curves, size_t setting)
{
    const struct bench *bench = curves->print->bench;
    char title[BENCH_LABEL_BYTES];
    bool done = make_curves(curves, setting);
    if (done) {
        draw_title(bench, setting, SIZE_MAX, title);
        struct plot_panel axes = curve_axes(curves, title);
        plot_panel(plot, &axes);
    }
    for (size_t method = 0; method < bench->methods && done; method++) {
        const struct bench_curve *curve = &curves->curves[method];
        const struct plot_style style = {.kind = PLOT_LINE, .colour = (int)method};
        plot_band(plot, &style, curve->x, curve->q1, curve->q3, curve->count);
    }
    for (size_t method = 0; method < bench->methods && done; method++) {
        const struct bench_curve *curve = &curves->curves[method];
        const struct plot_style style = {.kind = PLOT_STEPS, .colour = (int)method};
        plot_draw(plot, &style, curve->x, curve->median, curve->count);
    }
    for (size_t method = 0; method < bench->methods; method++)
        bench_curve_free(&curves->curves[method]);
    return done;
}

static enum status_code draw_curves(const struct bench_print *print, bool by_hours, struct bench_picture *out,
                                    struct status *status)
{
    const struct bench *bench = print->bench;
    size_t columns, rows;
    *out = (struct bench_picture){.svg = NULL};
    if (bench->settings > BENCH_PANELS_MAX)
        return STATUS_OK;
    draw_shape(bench->settings, &columns, &rows);
    struct curves curves = {print, bench_counts_hypervolume(bench) ? BENCH_RATIO : BENCH_REGRET, by_hours,
                            calloc(bench->methods, sizeof *curves.curves)};
    struct plot *plot = plot_new(columns, rows);
    bool done = plot != NULL && curves.curves != NULL;
    if (done)
        draw_legend_of_methods(plot, bench, PLOT_BAND, false);
    for (size_t setting = 0; setting < bench->settings && done; setting++)
        done = draw_curve_panel(plot, &curves, setting);
    free(curves.curves);
    if (done)
        return draw_finish(plot, out, status);
    plot_free(plot);
    return draw_no_memory(status);
}

enum status_code bench_draw_evaluations(const struct bench_print *print, struct bench_picture *out, struct status *status)
{
    return draw_curves(print, false, out, status);
}

enum status_code bench_draw_hours(const struct bench_print *print, struct bench_picture *out, struct status *status)
{
    *out = (struct bench_picture){.svg = NULL};
    return print->bench->options->times.simulated ? draw_curves(print, true, out, status) : STATUS_OK;
}
