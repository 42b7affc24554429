/* plot: charts as SVG text. Called by bench_draw. Ticks and ranges are in plot_axis.c.
 *
 * The rule it keeps: every number that goes into the file is finite, every text is a line of UTF-8 and escaped, so that the file is
 * well-formed whatever the figures and names are. */
#include "master/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/line.h"

/* Sizes in pixels. One panel alone is larger than one of many. */
enum { MARGIN_LEFT = 62, MARGIN_RIGHT = 16, MARGIN_TOP = 28, MARGIN_BOTTOM = 48, LEGEND_ROW = 20, LEGEND_MARK = 26 };
enum { ALONE_WIDTH = 640, ALONE_HEIGHT = 380, MANY_WIDTH = 300, MANY_HEIGHT = 210, OUTER = 10 };

static const char *const colours[PLOT_COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                  "#e69f00", "#56b4e9", "#7a5195", "#000000"};
static const char *const grey = "#555555";

struct entry {
    char label[96];
    struct plot_style style;
    double x, y; /* of its mark, in the picture */
};

struct plot {
    FILE *out; /* a buffer in memory */
    char *text;
    size_t size;
    size_t columns, rows, panel;     /* panels begun so far */
    double width, height, left, top; /* axes of the current panel, in the picture */
    struct plot_panel axes;
    bool framed; /* a panel's clipping group is open */
    bool started;
    struct entry legend[PLOT_LEGEND_MAX];
    size_t legend_count;
};

struct plot *plot_new(size_t columns, size_t rows)
{
    struct plot *plot = calloc(1, sizeof *plot);
    if (plot == NULL)
        return NULL;
    plot->out = open_memstream(&plot->text, &plot->size);
    if (plot->out == NULL) {
        free(plot);
        return NULL;
    }
    plot->columns = columns;
    plot->rows = rows;
    bool alone = columns * rows == 1;
    plot->width = alone ? ALONE_WIDTH : MANY_WIDTH;
    plot->height = alone ? ALONE_HEIGHT : MANY_HEIGHT;
    return plot;
}

void plot_free(struct plot *plot)
{
    if (plot == NULL)
        return;
    if (plot->out != NULL)
        fclose(plot->out);
    free(plot->text);
    free(plot);
}

/* --- text and marks --- */

static void escaped(struct plot *plot, const char *text)
{
    char line[256];
    line_of(text, line, sizeof line);
    for (const char *at = line; *at != '\0'; at++) {
        switch (*at) {
        case '&': fputs("&amp;", plot->out); break;
        case '<': fputs("&lt;", plot->out); break;
        case '>': fputs("&gt;", plot->out); break;
        case '"': fputs("&quot;", plot->out); break;
        default: fputc(*at, plot->out);
        }
    }
}

/* About how wide a text is in a sans-serif font of that size. */
static double text_width(const char *text, double size)
{
    return 0.56 * size * (double)strlen(text);
}

static void put_text(struct plot *plot, double x, double y, const char *attributes, const char *text)
{
    fprintf(plot->out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    escaped(plot, text);
    fputs("</text>\n", plot->out);
}

static const char *colour_of(const struct plot_style *style)
{
    return style->colour < 0 ? grey : colours[style->colour % PLOT_COLOURS];
}

/* A different shape for each colour, all about as large to the eye. */
static void put_marker(struct plot *plot, const struct plot_style *style, double x, double y)
{
    const double scale = style->size > 0 ? style->size : 1;
    const double triangle = 4.6 * scale, square = 3.4 * scale, diamond = 4.6 * scale, circle = 3.6 * scale;
    const char *colour = colour_of(style);
    char paint[96];
    snprintf(paint, sizeof paint, "fill=\"%s\" stroke=\"%s\" stroke-width=\"1.3\"", style->hollow ? "#ffffff" : colour,
             style->hollow ? colour : "#ffffff");
    if (!style->hollow)
        snprintf(paint, sizeof paint, "fill=\"%s\" stroke=\"#ffffff\" stroke-width=\"0.7\"", colour);
    switch (style->colour < 0 ? 0 : style->colour % 4) {
    case 0: fprintf(plot->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" %s/>\n", x, y, circle, paint); break;
    case 1:
        fprintf(plot->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" %s/>\n", x - square, y - square, 2 * square,
                2 * square, paint);
        break;
    case 2:
        fprintf(plot->out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fZ\" %s/>\n", x, y - triangle, x + triangle, y + 0.8 * triangle,
                x - triangle, y + 0.8 * triangle, paint);
        break;
    default:
        fprintf(plot->out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fL%.1f %.1fZ\" %s/>\n", x, y - diamond, x + diamond, y, x,
                y + diamond, x - diamond, y, paint);
    }
}

static void line_paint(struct plot *plot, const struct plot_style *style)
{
    fprintf(plot->out, "fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" stroke-linejoin=\"round\"%s", colour_of(style),
            style->dashed ? " stroke-dasharray=\"6 4\"" : "");
}

/* --- the whole picture --- */

void plot_legend(struct plot *plot, const char *label, const struct plot_style *style)
{
    if (plot->legend_count == PLOT_LEGEND_MAX)
        return;
    struct entry *entry = &plot->legend[plot->legend_count++];
    line_of(label, entry->label, sizeof entry->label);
    entry->style = *style;
}

static double picture_width(const struct plot *plot)
{
    return 2 * OUTER + (double)plot->columns * (MARGIN_LEFT + plot->width + MARGIN_RIGHT);
}

/* Rows of the legend that the picture's width makes; says where each entry goes. */
static double lay_legend_out(struct plot *plot, double top)
{
    double x = OUTER + MARGIN_LEFT, right = picture_width(plot) - OUTER;
    if (plot->legend_count == 0)
        return top;
    for (size_t i = 0; i < plot->legend_count; i++) {
        double wide = LEGEND_MARK + 8 + text_width(plot->legend[i].label, 12) + 16;
        if (x + wide > right && x > OUTER + MARGIN_LEFT) {
            x = OUTER + MARGIN_LEFT;
            top += LEGEND_ROW;
        }
        plot->legend[i].x = x;
        plot->legend[i].y = top + LEGEND_ROW / 2.0;
        x += wide;
    }
    return top + LEGEND_ROW + 4;
}

static void put_entry(struct plot *plot, const struct entry *entry)
{
    if (entry->style.kind == PLOT_BAND)
        fprintf(plot->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"12\" fill=\"%s\" fill-opacity=\"0.18\"/>\n", entry->x,
                entry->y - 6, LEGEND_MARK, colour_of(&entry->style));
    if (entry->style.kind != PLOT_POINTS) {
        fprintf(plot->out, "<path d=\"M%.1f %.1fh%d\" ", entry->x, entry->y, LEGEND_MARK);
        line_paint(plot, &entry->style);
        fputs("/>\n", plot->out);
    } else {
        put_marker(plot, &entry->style, entry->x + LEGEND_MARK / 2.0, entry->y);
    }
    put_text(plot, entry->x + LEGEND_MARK + 8, entry->y + 4, "font-size=\"12\"", entry->label);
}

static void start(struct plot *plot)
{
    double width = picture_width(plot);
    plot->top = lay_legend_out(plot, OUTER); /* until the first panel moves it: where panels begin */
    double height = plot->top + (double)plot->rows * (MARGIN_TOP + plot->height + MARGIN_BOTTOM) + OUTER;
    fprintf(plot->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" fill=\"#222222\">\n<rect width=\"100%%\" height=\"100%%\" "
            "fill=\"#ffffff\"/>\n",
            width, height, width, height);
    for (size_t i = 0; i < plot->legend_count; i++)
        put_entry(plot, &plot->legend[i]);
    plot->started = true;
}

/* --- a panel --- */

static double to_x(const struct plot *plot, double x)
{
    return plot->left + (x - plot->axes.x_low) / (plot->axes.x_high - plot->axes.x_low) * plot->width;
}

static double to_y(const struct plot *plot, double y)
{
    return plot->top + plot->height - (y - plot->axes.y_low) / (plot->axes.y_high - plot->axes.y_low) * plot->height;
}

static void put_x_tick(struct plot *plot, double value, const char *label)
{
    double x = to_x(plot, value), y = plot->top + plot->height;
    fprintf(plot->out, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#e6e6e6\" stroke-width=\"0.8\"/>\n", x, plot->top, y);
    put_text(plot, x, y + 16, "font-size=\"11\" text-anchor=\"middle\"", label);
}

static void put_y_tick(struct plot *plot, double value, const char *label)
{
    double y = to_y(plot, value);
    fprintf(plot->out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#e6e6e6\" stroke-width=\"0.8\"/>\n", plot->left, y,
            plot->left + plot->width);
    put_text(plot, plot->left - 6, y + 4, "font-size=\"11\" text-anchor=\"end\"", label);
}

static void put_ticks(struct plot *plot, double low, double high, int wanted, void (*put)(struct plot *, double, const char *))
{
    double first, distance;
    plot_ticks(low, high, wanted, &first, &distance);
    for (int i = 0; first + i * distance <= high + 1e-9 * distance; i++) {
        char label[32];
        double value = first + i * distance;
        snprintf(label, sizeof label, "%.6g", fabs(value) < 1e-9 * distance ? 0 : value);
        put(plot, value, label);
    }
}

static void put_all_ticks(struct plot *plot)
{
    const struct plot_panel *axes = &plot->axes;
    for (size_t i = 0; i < axes->x_word_count; i++)
        put_x_tick(plot, (double)i, axes->x_words[i]);
    if (axes->x_word_count == 0)
        put_ticks(plot, axes->x_low, axes->x_high, (int)(plot->width / 60), put_x_tick);
    put_ticks(plot, axes->y_low, axes->y_high, (int)(plot->height / 40), put_y_tick);
}

static void close_panel(struct plot *plot)
{
    if (plot->framed)
        fprintf(plot->out, "</g>\n<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#444444\"/>\n",
                plot->left, plot->top, plot->width, plot->height);
    plot->framed = false;
}

static void place_panel(struct plot *plot)
{
    size_t column = plot->panel % plot->columns;
    if (plot->panel == 0)
        plot->top += MARGIN_TOP;
    else if (column == 0)
        plot->top += plot->height + MARGIN_BOTTOM + MARGIN_TOP;
    plot->left = OUTER + MARGIN_LEFT + (double)column * (MARGIN_LEFT + plot->width + MARGIN_RIGHT);
    plot->panel++;
}

/* Room for what lies on the edge; a range that is one value, or none, becomes one around it. */
static void widen(double *low, double *high)
{
    if (!isfinite(*low) || !isfinite(*high))
        *low = 0, *high = 1;
    if (*high > *low)
        return;
    double around = fmax(1e-9, 0.05 * fabs(*low));
    *low -= around;
    *high += around;
}

void plot_panel(struct plot *plot, const struct plot_panel *panel)
{
    char attributes[128];
    if (!plot->started)
        start(plot);
    close_panel(plot);
    place_panel(plot);
    plot->axes = *panel;
    widen(&plot->axes.x_low, &plot->axes.x_high);
    widen(&plot->axes.y_low, &plot->axes.y_high);
    put_all_ticks(plot);
    double middle = plot->left + plot->width / 2, centre = plot->top + plot->height / 2, side = plot->left - 46;
    put_text(plot, middle, plot->top - 8, "font-size=\"13\" text-anchor=\"middle\"", panel->title);
    put_text(plot, middle, plot->top + plot->height + 35, "font-size=\"12\" text-anchor=\"middle\"", panel->x_label);
    snprintf(attributes, sizeof attributes, "font-size=\"12\" text-anchor=\"middle\" transform=\"rotate(-90 %.1f %.1f)\"", side,
             centre);
    put_text(plot, side, centre, attributes, panel->y_label);
    fprintf(plot->out,
            "<clipPath id=\"panel%zu\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/></clipPath>\n<g "
            "clip-path=\"url(#panel%zu)\">\n",
            plot->panel, plot->left - 0.5, plot->top - 0.5, plot->width + 1, plot->height + 1, plot->panel);
    plot->framed = true;
}

/* --- data --- */

/* Far outside the axes it does not matter where: keeps numbers in the file small. */
static double within(double value)
{
    return fmin(fmax(value, -10000), 20000);
}

static void put_path(struct plot *plot, const struct plot_style *style, const double *x, const double *y, size_t count)
{
    bool drawing = false;
    fputs("<path d=\"", plot->out);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) {
            drawing = false;
            continue;
        }
        double px = within(to_x(plot, x[i])), py = within(to_y(plot, y[i]));
        if (!drawing)
            fprintf(plot->out, "M%.1f %.1f", px, py);
        else if (style->kind == PLOT_STEPS)
            fprintf(plot->out, "H%.1fV%.1f", px, py);
        else
            fprintf(plot->out, "L%.1f %.1f", px, py);
        drawing = true;
    }
    fputs("\" ", plot->out);
    line_paint(plot, style);
    fputs("/>\n", plot->out);
}

void plot_draw(struct plot *plot, const struct plot_style *style, const double *x, const double *y, size_t count)
{
    if (style->kind != PLOT_POINTS) {
        put_path(plot, style, x, y, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (isfinite(x[i]) && isfinite(y[i]))
            put_marker(plot, style, within(to_x(plot, x[i])), within(to_y(plot, y[i])));
}

void plot_band(struct plot *plot, const struct plot_style *style, const double *x, const double *low, const double *high,
               size_t count)
{
    bool drawing = false;
    fputs("<path d=\"", plot->out);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(low[i]) || !isfinite(high[i]))
            continue;
        fprintf(plot->out, "%c%.1f %.1f", drawing ? 'L' : 'M', within(to_x(plot, x[i])), within(to_y(plot, high[i])));
        drawing = true;
    }
    for (size_t i = count; i-- > 0;)
        if (isfinite(x[i]) && isfinite(low[i]) && isfinite(high[i]))
            fprintf(plot->out, "L%.1f %.1f", within(to_x(plot, x[i])), within(to_y(plot, low[i])));
    fprintf(plot->out, "%s\" fill=\"%s\" fill-opacity=\"0.18\"/>\n", drawing ? "Z" : "", colour_of(style));
}

void plot_bars(struct plot *plot, const struct plot_style *style, const double *x, const double *low, const double *high,
               size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isfinite(x[i]) && isfinite(low[i]) && isfinite(high[i]) && high[i] > low[i])
            fprintf(plot->out, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"%s\" stroke-width=\"1.2\" stroke-opacity=\"0.7\"/>\n",
                    within(to_x(plot, x[i])), within(to_y(plot, low[i])), within(to_y(plot, high[i])), colour_of(style));
}

char *plot_finish(struct plot *plot, size_t *size)
{
    if (!plot->started)
        start(plot);
    close_panel(plot);
    fputs("</svg>\n", plot->out);
    bool failed = ferror(plot->out) != 0;
    failed |= fclose(plot->out) != 0;
    plot->out = NULL;
    if (failed)
        return NULL;
    char *text = plot->text;
    *size = plot->size;
    plot->text = NULL;
    return text;
}
