/* bench_draw_parts: what the files of bench_draw share. Included by bench_draw*.c alone. */
#ifndef HWNAS_MASTER_BENCH_DRAW_PARTS_H
#define HWNAS_MASTER_BENCH_DRAW_PARTS_H

#include "master/bench_draw.h"
#include "master/plot.h"

/* How the best there is and what others have published are drawn. */
extern const struct plot_style draw_truth, draw_published;

enum status_code draw_no_memory(struct status *status);

/* How many columns and rows so many panels make. */
void draw_shape(size_t panels, size_t *columns, size_t *rows);

/* A setting in words, its axis `without` left out (SIZE_MAX: none): labels, and limits as "latency_ms <= 4". */
void draw_title(const struct bench *bench, size_t setting, size_t without, char out[BENCH_LABEL_BYTES]);

/* "costs.N.max": the axis is a limit on that cost. */
bool draw_is_limit(const struct bench_axis *axis, size_t *cost);

/* A method's marker: each has its colour and shape, and the later ones are smaller, so that those beneath can be seen. */
struct plot_style draw_marker(const struct bench *bench, size_t method);

/* nested: with the markers of draw_marker. */
void draw_legend_of_methods(struct plot *plot, const struct bench *bench, enum plot_kind kind, bool nested);
void draw_legend_of_published(struct plot *plot, const struct bench_published *published, bool points);

/* Ends the picture and frees the plot, also after a failure. */
enum status_code draw_finish(struct plot *plot, struct bench_picture *out, struct status *status);

#endif
