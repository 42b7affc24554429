/* bench_draw_returned: what methods with an answer of their own return, as one curve beside the best there is at each cost. */
#include <math.h>
#include <stdlib.h>

#include "master/bench_draw_parts.h"
#include "master/bench_returned.h"

/* Both lines in one panel: fitness, or test where there is a test column. */
struct tradeoff {
    double *cost, *value, *best; /* (methods) */
};

static bool open_tradeoff(size_t methods, struct tradeoff *out)
{
    *out = (struct tradeoff){calloc(methods, sizeof(double)), calloc(methods, sizeof(double)), calloc(methods, sizeof(double))};
    return out->cost != NULL && out->value != NULL && out->best != NULL;
}

static void close_tradeoff(struct tradeoff *tradeoff)
{
    free(tradeoff->cost);
    free(tradeoff->value);
    free(tradeoff->best);
}

static void fill(const struct bench *bench, size_t setting, struct tradeoff *out, struct plot_range *x, struct plot_range *y)
{
    for (size_t method = 0; method < bench->methods; method++) {
        struct bench_returned returned;
        bench_returned_of(bench_search_at(bench, setting, method), bench, &returned);
        out->cost[method] = returned.cost;
        out->value[method] = bench_has_test(bench) ? returned.test : returned.fitness;
        out->best[method] = bench_has_test(bench) ? returned.best_test : returned.best_fitness;
        plot_range_add(x, returned.cost);
        plot_range_add(y, out->value[method]);
        plot_range_add(y, out->best[method]);
    }
    plot_range_pad(x, 0.06);
    plot_range_pad(y, 0.06);
}

static const struct plot_style line = {.kind = PLOT_LINE, .colour = 0}, marker = {.kind = PLOT_POINTS, .colour = 0},
                               best_marker = {.kind = PLOT_POINTS, .colour = -1, .hollow = true};

static void draw_panel(struct plot *plot, const struct bench *bench, size_t setting, struct tradeoff *tradeoff)
{
    const struct bench_search *search = bench_search_at(bench, setting, 0);
    struct plot_range x = plot_range_none(), y = plot_range_none();
    char title[BENCH_LABEL_BYTES];
    draw_title(bench, setting, SIZE_MAX, title);
    fill(bench, setting, tradeoff, &x, &y);
    const struct plot_panel panel = {.title = title,
                                     .x_label = search->config->costs[search->target.objective_cost[0]].name,
                                     .y_label = bench_has_test(bench) ? "test" : search->config->fitness.column,
                                     .x_low = x.low,
                                     .x_high = x.high,
                                     .y_low = y.low,
                                     .y_high = y.high};
    plot_panel(plot, &panel);
    plot_draw(plot, &best_marker, tradeoff->cost, tradeoff->best, bench->methods);
    plot_draw(plot, &line, tradeoff->cost, tradeoff->value, bench->methods);
    plot_draw(plot, &marker, tradeoff->cost, tradeoff->value, bench->methods);
}

enum status_code bench_draw_returned(const struct bench_print *print, struct bench_picture *out, struct status *status)
{
    const struct bench *bench = print->bench;
    struct tradeoff tradeoff = {NULL};
    size_t columns, rows;
    *out = (struct bench_picture){.svg = NULL};
    if (!bench_returned_applies(bench) || bench->methods < 2 || bench->settings > BENCH_PANELS_MAX)
        return STATUS_OK;
    draw_shape(bench->settings, &columns, &rows);
    struct plot *plot = plot_new(columns, rows);
    if (plot == NULL || !open_tradeoff(bench->methods, &tradeoff)) {
        close_tradeoff(&tradeoff);
        plot_free(plot);
        return draw_no_memory(status);
    }
    plot_legend(plot, "returned, mean", &marker);
    plot_legend(plot, "best at that cost", &best_marker);
    for (size_t setting = 0; setting < bench->settings; setting++)
        draw_panel(plot, bench, setting, &tradeoff);
    close_tradeoff(&tradeoff);
    return draw_finish(plot, out, status);
}
