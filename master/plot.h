/* plot: charts as SVG: panels with axes, lines, steps, bands, points and one legend for all. Pure: draws into a buffer.
 *
 * Coordinates in calls are data coordinates of the panel begun last. Nothing outside the panel's axes is drawn. Colours are those
 * of Okabe and Ito (Color Universal Design, 2008), which people with colour-blindness can tell apart; markers differ too. Fonts are
 * whatever sans-serif the viewer has; no script, no file from elsewhere. */
#ifndef HWNAS_MASTER_PLOT_H
#define HWNAS_MASTER_PLOT_H

#include <stdbool.h>
#include <stddef.h>

enum { PLOT_COLOURS = 8, PLOT_LEGEND_MAX = 16 };

/* How something is drawn. */
enum plot_kind {
    PLOT_LINE,   /* straight from point to point */
    PLOT_STEPS,  /* each value holds until the next point */
    PLOT_POINTS, /* a marker at each point */
    PLOT_BAND    /* in the legend: a line with a band around it */
};

struct plot_style {
    enum plot_kind kind;
    int colour;  /* 0 .. PLOT_COLOURS - 1, taken modulo; -1: dark grey */
    bool dashed; /* lines */
    bool hollow; /* points */
    double size; /* of points, 1 being the usual; 0 counts as 1 */
};

struct plot_panel {
    const char *title; /* may be empty */
    const char *x_label, *y_label;
    double x_low, x_high, y_low, y_high;
    const char *const *x_words; /* NULL; or the ticks of the x axis at 0, 1, ... */
    size_t x_word_count;
};

struct plot;

/* A picture of columns x rows panels. NULL without memory. */
struct plot *plot_new(size_t columns, size_t rows);
void plot_free(struct plot *plot);

/* One entry of the legend. Before the first panel: the room it takes depends on the entries. */
void plot_legend(struct plot *plot, const char *label, const struct plot_style *style);

/* Begins the next panel, row by row: its frame, ticks and labels. A range without extent is widened. */
void plot_panel(struct plot *plot, const struct plot_panel *panel);

/* The points (x[i], y[i]); those that are not finite are left out, and lines have a gap there. */
void plot_draw(struct plot *plot, const struct plot_style *style, const double *x, const double *y, size_t count);

/* The area between low and high, light in the style's colour; and vertical bars from low to high. */
void plot_band(struct plot *plot, const struct plot_style *style, const double *x, const double *low, const double *high,
               size_t count);
void plot_bars(struct plot *plot, const struct plot_style *style, const double *x, const double *low, const double *high,
               size_t count);

/* Ends the picture: the whole SVG file, for the caller to free; NULL without memory. */
char *plot_finish(struct plot *plot, size_t *size);

/* Ticks at 1, 2 or 5 times a power of ten: their distance and the first at or above low, for about `wanted` of them. */
void plot_ticks(double low, double high, int wanted, double *first, double *distance);

/* A range that holds what it is told: starts with plot_range_none. plot_range_pad widens it by a share of its extent. */
struct plot_range {
    double low, high;
};
struct plot_range plot_range_none(void);
void plot_range_add(struct plot_range *range, double value);
void plot_range_pad(struct plot_range *range, double share);

#endif
