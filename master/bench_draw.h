/* bench_draw: the pictures of a bench, as SVG files in memory (plot.h). A picture that does not apply, or that would have more than
 * BENCH_PANELS_MAX panels, comes out as NULL without a failure. */
#ifndef HWNAS_MASTER_BENCH_DRAW_H
#define HWNAS_MASTER_BENCH_DRAW_H

#include "common/status.h"
#include "master/bench_print.h"

enum { BENCH_PANELS_MAX = 12 };

struct bench_picture {
    char *svg; /* owned by the caller; NULL: does not apply */
    size_t size;
};

/* One panel a setting: the true front, what the median run of each method found, published points. With one or two costs as
 * objectives; the first is drawn. */
enum status_code bench_draw_fronts(const struct bench_print *print, struct bench_picture *out, struct status *status);

/* One panel a setting: median and quartiles of hypervolume, or of regret where there are limits, over distinct evaluations; over
 * simulated hours. */
enum status_code bench_draw_evaluations(const struct bench_print *print, struct bench_picture *out, struct status *status);
enum status_code bench_draw_hours(const struct bench_print *print, struct bench_picture *out, struct status *status);

/* Where one axis of the settings is a limit: what is found over that limit, beside the best there is and what is published; one
 * panel for each combination of the other axes. Test figures where there is a test column. */
enum status_code bench_draw_limits(const struct bench_print *print, struct bench_picture *out, struct status *status);

/* Where every method has an answer of its own: one panel a setting, the mean of what each returns, joined in the methods' order,
 * and the best there is at that cost (bench_returned.h). Test figures where there is a test column. */
enum status_code bench_draw_returned(const struct bench_print *print, struct bench_picture *out, struct status *status);

#endif
