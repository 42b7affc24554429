/* bench_draw_limits: what searches find over the limit they keep. Part of bench_draw. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/bench_draw_parts.h"

/* The axis that is a limit, and what the picture shows over it. */
struct limits {
    const struct bench_print *print;
    size_t axis, cost;
    bool shares;                          /* limits given as shares */
    const char *words[BENCH_CHOICES_MAX]; /* what they are called */
    bool test;                            /* test figures and the best there are; else regret */
    double *x, *y, *low, *high;
};

static bool find_axis(struct limits *limits)
{
    const struct bench *bench = limits->print->bench;
    const struct bench_matrix *matrix = bench->matrix;
    double share;
    for (limits->axis = 0; limits->axis < matrix->axis_count; limits->axis++) {
        const struct bench_axis *axis = &matrix->axes[limits->axis];
        if (!draw_is_limit(axis, &limits->cost) || axis->choice_count < 2)
            continue;
        if (limits->cost >= bench->searches[0].config->cost_count)
            continue; /* all its choices leave the limit out, so that nobody looked for the cost */
        limits->shares = true;
        for (size_t i = 0; i < axis->choice_count; i++) {
            limits->words[i] = axis->choices[i].label;
            limits->shares &= bench_matrix_is_quantile(axis->keys[0], axis->choices[i].values[0], &limits->cost, &share);
        }
        return true;
    }
    return false;
}

/* The settings that differ from `first` in the limit alone: their number for each choice of the limit. */
static size_t setting_at(const struct limits *limits, size_t panel, size_t level)
{
    const struct bench_matrix *matrix = limits->print->bench->matrix;
    size_t setting = 0, place = 1;
    for (size_t i = matrix->axis_count; i-- > 0;) {
        const struct bench_axis *axis = &matrix->axes[i];
        if (axis->methods)
            continue;
        size_t choice = i == limits->axis ? level : panel % axis->choice_count;
        if (i != limits->axis)
            panel /= axis->choice_count;
        setting += choice * place;
        place *= axis->choice_count;
    }
    return setting;
}

/* Shares lie too close together at the low end: they stand side by side. NaN, which is not drawn, for no limit at all. */
static double x_at(const struct limits *limits, size_t panel, size_t level)
{
    if (limits->shares)
        return (double)level;
    const struct bench_search *search = bench_search_at(limits->print->bench, setting_at(limits, panel, level), 0);
    const struct config_cost *cost = &search->config->costs[limits->cost];
    return cost->has_max ? cost->max : NAN;
}

static void values_of(const struct limits *limits, size_t panel, size_t level, size_t method)
{
    const struct bench *bench = limits->print->bench;
    size_t setting = setting_at(limits, panel, level);
    const struct bench_stats *of = limits->print->summaries[setting * bench->methods + method].of;
    limits->x[level] = x_at(limits, panel, level);
    if (limits->test) {
        limits->y[level] = of[BENCH_TEST].mean;
        limits->low[level] = of[BENCH_TEST].mean - of[BENCH_TEST].std;
        limits->high[level] = of[BENCH_TEST].mean + of[BENCH_TEST].std;
    } else {
        limits->y[level] = of[BENCH_REGRET].mean;
        limits->low[level] = of[BENCH_REGRET].q1;
        limits->high[level] = of[BENCH_REGRET].q3;
    }
}

static size_t level_count(const struct limits *limits)
{
    return limits->print->bench->matrix->axes[limits->axis].choice_count;
}

static struct plot_panel axes_of(const struct limits *limits, size_t panel, const char *title, char x_label[BENCH_LABEL_BYTES])
{
    const struct bench *bench = limits->print->bench;
    struct plot_range x = plot_range_none(), y = plot_range_none();
    const char *cost = bench->searches[0].config->costs[limits->cost].name;
    for (size_t level = 0; level < level_count(limits); level++) {
        for (size_t method = 0; method < bench->methods; method++) {
            values_of(limits, panel, level, method);
            plot_range_add(&y, limits->y[level]);
        }
        plot_range_add(&x, limits->x[level]);
        plot_range_add(&y, limits->test ? bench_search_at(bench, setting_at(limits, panel, level), 0)->target.best_test : 0);
    }
    plot_range_pad(&x, 0.05);
    plot_range_pad(&y, 0.06);
    snprintf(x_label, BENCH_LABEL_BYTES, limits->shares ? "limit on %s: share of networks within it" : "limit on %s", cost);
    return (struct plot_panel){.title = title,
                               .x_label = x_label,
                               .y_label = !limits->test                         ? "mean regret"
                                          : bench->options->test_column != NULL ? bench->options->test_column
                                                                                : "test",
                               .x_low = x.low,
                               .x_high = x.high,
                               .y_low = y.low,
                               .y_high = y.high,
                               .x_words = limits->words,
                               .x_word_count = limits->shares ? level_count(limits) : 0};
}

struct ranked {
    double cost, test;
};

static int by_cost(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    return (a->cost > b->cost) - (a->cost < b->cost);
}

/* All that the panel's settings allow but for the limit itself, by cost; NULL without memory. */
static struct ranked *rank_all(const struct limits *limits, const struct bench_search *search, size_t *count)
{
    const struct bench_truth *truth = search->truth;
    struct ranked *ranked = calloc(truth->count + 1, sizeof *ranked);
    double costs[CONFIG_COSTS_MAX];
    *count = 0;
    for (size_t i = 0; ranked != NULL && i < truth->count; i++) {
        memcpy(costs, &truth->cost[i * truth->costs], truth->costs * sizeof *costs);
        double cost = costs[limits->cost];
        costs[limits->cost] = 0;
        if (bench_target_satisfies(search->config, costs))
            ranked[(*count)++] = (struct ranked){cost, truth->test[i]};
    }
    if (ranked != NULL)
        qsort(ranked, *count, sizeof *ranked, by_cost);
    return ranked;
}

/* The best test figure within every limit that there could be: steps, as far as the axis goes. */
static bool draw_best(const struct limits *limits, struct plot *plot, size_t panel, double x_high)
{
    const struct bench_search *search = bench_search_at(limits->print->bench, setting_at(limits, panel, 0), 0);
    size_t count, kept = 0;
    struct ranked *ranked = rank_all(limits, search, &count);
    double best = -INFINITY, *x = calloc(count + 2, sizeof *x), *y = calloc(count + 2, sizeof *y);
    bool done = ranked != NULL && x != NULL && y != NULL;
    for (size_t i = 0; done && i < count; i++) {
        if (!(ranked[i].test > best))
            continue;
        x[kept] = ranked[i].cost;
        y[kept++] = best = ranked[i].test;
    }
    if (done && kept > 0) {
        x[kept] = fmax(x_high, x[kept - 1]);
        y[kept++] = best;
        plot_draw(plot, &draw_truth, x, y, kept);
    }
    free(ranked);
    free(x);
    free(y);
    return done;
}

/* Where limits are shares, the best at each of them. */
static void draw_best_at_levels(const struct limits *limits, struct plot *plot, size_t panel)
{
    const struct plot_style line = {.kind = PLOT_LINE, .colour = -1};
    for (size_t level = 0; level < level_count(limits); level++) {
        limits->x[level] = x_at(limits, panel, level);
        limits->y[level] = bench_search_at(limits->print->bench, setting_at(limits, panel, level), 0)->target.best_test;
    }
    plot_draw(plot, &line, limits->x, limits->y, level_count(limits));
}

static void draw_published_figures(const struct limits *limits, struct plot *plot, size_t panel)
{
    char setting[BENCH_LABEL_BYTES];
    for (size_t level = 0; level < level_count(limits); level++) {
        double x = x_at(limits, panel, level);
        bench_setting_name(limits->print->bench, setting_at(limits, panel, level), setting);
        for (size_t i = 0; i < limits->print->published->count; i++) {
            const struct bench_figure *row = &limits->print->published->figures[i];
            double low = row->value - row->error, high = row->value + row->error;
            if (!isnan(row->cost) || !bench_published_fits(row, setting))
                continue;
            plot_bars(plot, &draw_published, &x, &low, &high, 1);
            plot_draw(plot, &draw_published, &x, &row->value, 1);
        }
    }
}

/* Methods stand side by side at each limit, not on top of each other. */
static void draw_methods(const struct limits *limits, struct plot *plot, size_t panel, double distance)
{
    const struct bench *bench = limits->print->bench;
    for (size_t method = 0; method < bench->methods; method++) {
        const struct plot_style line = {.kind = PLOT_LINE, .colour = (int)method},
                                marks = {.kind = PLOT_POINTS, .colour = (int)method};
        for (size_t level = 0; level < level_count(limits); level++) {
            values_of(limits, panel, level, method);
            limits->x[level] += distance * ((double)method - (double)(bench->methods - 1) / 2);
        }
        plot_bars(plot, &marks, limits->x, limits->low, limits->high, level_count(limits));
        if (!limits->test)
            plot_draw(plot, &line, limits->x, limits->y, level_count(limits));
        plot_draw(plot, &marks, limits->x, limits->y, level_count(limits));
    }
}

static bool draw_panel(const struct limits *limits, struct plot *plot, size_t panel)
{
    const struct bench *bench = limits->print->bench;
    char title[BENCH_LABEL_BYTES], x_label[BENCH_LABEL_BYTES];
    bool done = true;
    draw_title(bench, setting_at(limits, panel, 0), limits->axis, title);
    struct plot_panel axes = axes_of(limits, panel, title, x_label);
    plot_panel(plot, &axes);
    if (limits->test && limits->shares)
        draw_best_at_levels(limits, plot, panel);
    else if (limits->test)
        done = draw_best(limits, plot, panel, axes.x_high);
    if (limits->test)
        draw_published_figures(limits, plot, panel);
    draw_methods(limits, plot, panel, (axes.x_high - axes.x_low) * (limits->shares ? 0.016 : 0.012));
    return done;
}

static void free_limits(struct limits *limits)
{
    free(limits->x);
    free(limits->y);
    free(limits->low);
    free(limits->high);
}

enum status_code bench_draw_limits(const struct bench_print *print, struct bench_picture *out, struct status *status)
{
    const struct bench *bench = print->bench;
    struct limits limits = {.print = print, .test = bench_has_test(bench)};
    size_t columns, rows;
    *out = (struct bench_picture){.svg = NULL};
    if (!find_axis(&limits))
        return STATUS_OK;
    size_t levels = level_count(&limits), panels = bench->settings / levels;
    if (panels > BENCH_PANELS_MAX)
        return STATUS_OK;
    draw_shape(panels, &columns, &rows);
    struct plot *plot = plot_new(columns, rows);
    limits.x = calloc(levels, sizeof(double));
    limits.y = calloc(levels, sizeof(double));
    limits.low = calloc(levels, sizeof(double));
    limits.high = calloc(levels, sizeof(double));
    if (plot == NULL || limits.x == NULL || limits.y == NULL || limits.low == NULL || limits.high == NULL) {
        plot_free(plot);
        free_limits(&limits);
        return draw_no_memory(status);
    }
    if (limits.test)
        plot_legend(plot, "best within the limit", &draw_truth);
    draw_legend_of_methods(plot, bench, PLOT_POINTS, false);
    if (limits.test)
        draw_legend_of_published(plot, print->published, false);
    bool done = true;
    for (size_t panel = 0; panel < panels && done; panel++)
        done = draw_panel(&limits, plot, panel);
    free_limits(&limits);
    if (done)
        return draw_finish(plot, out, status);
    plot_free(plot);
    return draw_no_memory(status);
}
