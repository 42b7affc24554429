/* cli_display: where progress is shown: redrawn in place on a terminal, as plain lines now and then elsewhere; notes stand above
 * it. */
#ifndef HWNAS_MASTER_CLI_DISPLAY_H
#define HWNAS_MASTER_CLI_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "master/progress.h"

struct cli_display {
    FILE *out;
    bool redraws, colour;
    bool shown; /* the redrawn lines stand on the screen, the cursor at the end of the last */
    int64_t last_line_ms;
    struct progress last; /* the newest state shown */
    struct progress_rate rate;
    char screen[PROGRESS_TEXT_BYTES];
};

/* Looks whether `out` is a terminal. */
void cli_display_init(struct cli_display *display, FILE *out);

/* Redraws; or prints a line when the best changed, the study finished, or the last line is 5 s old. */
void cli_display_progress(struct cli_display *display, const struct progress *progress);

/* One line that stays. */
void cli_display_note(struct cli_display *display, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Leaves what is shown on the screen and the cursor below it. */
void cli_display_end(struct cli_display *display);

#endif
