/* bench_published: published figures, to stand beside those of a bench.
 *
 * A CSV file with the columns setting, name, cost, value, error, source. `setting` is a setting of the bench as its table shows it
 * (labels joined by a blank), or empty for every one; `name` who published; `value` a fitness or test figure, `error` its
 * uncertainty (may be empty), `source` where it stands. With a number in `cost` a row is a point of a front, without one a figure
 * for the setting as a whole. */
#ifndef HWNAS_MASTER_BENCH_PUBLISHED_H
#define HWNAS_MASTER_BENCH_PUBLISHED_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

struct bench_figure {
    char *setting, *name, *source; /* owned */
    double cost, value, error;     /* NaN where the field is empty */
};

struct bench_published {
    struct bench_figure *figures; /* owned */
    size_t count;
};

/* STATUS_BAD_INPUT names file, line and column. Free with bench_published_free, also after a failure. */
enum status_code bench_published_load(const char *path, struct bench_published *out, struct status *status);
void bench_published_free(struct bench_published *published);

/* The row is about that setting. */
bool bench_published_fits(const struct bench_figure *figure, const char *setting);

/* The settings that rows name and that are not among `settings` (count names): the first of them, or NULL. A mistyped one would
 * otherwise go unseen. */
const char *bench_published_stranger(const struct bench_published *published, const char *const *settings, size_t count);

#endif
