/* cli_display: progress on standard error. Called by cli_launch.c. Text comes from progress.c; this file knows the terminal. */
#include "master/cli_display.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/clock.h"

enum { PLAIN_LINE_EVERY_MS = 5000, FALLBACK_COLUMNS = 80 };

void cli_display_init(struct cli_display *display, FILE *out)
{
    *display = (struct cli_display){.out = out, .redraws = cli_is_terminal(out), .colour = cli_wants_colour(out)};
}

/* One less than the terminal has: writing into the last column makes some of them wrap. */
static size_t columns_of(FILE *out)
{
    struct winsize size;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : FALLBACK_COLUMNS - 1;
}

/* Back to the first of the lines shown, and everything below gone. */
static void erase(struct cli_display *display)
{
    if (display->shown)
        fprintf(display->out, "\r\x1b[%dA\x1b[J", PROGRESS_LINES - 1);
    display->shown = false;
}

static void draw(struct cli_display *display)
{
    fputs(display->screen, display->out);
    fflush(display->out);
    display->shown = true;
}

void cli_display_progress(struct cli_display *display, const struct progress *progress)
{
    double per_second = progress_rate_update(&display->rate, progress);
    int64_t now_ms = clock_monotonic_ms();
    if (display->redraws) {
        progress_screen(progress, per_second, columns_of(display->out), display->colour, display->screen);
        erase(display);
        draw(display);
    } else if (display->last_line_ms == 0 || now_ms - display->last_line_ms >= PLAIN_LINE_EVERY_MS ||
               progress->finished != display->last.finished || progress_best_differs(&display->last, progress)) {
        progress_line(progress, per_second, display->screen);
        fprintf(display->out, "%s\n", display->screen);
        fflush(display->out);
        display->last_line_ms = now_ms;
        display->last = *progress;
    }
}

void cli_display_note(struct cli_display *display, const char *format, ...)
{
    char note[1024];
    bool was_shown = display->shown;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    erase(display);
    fputs("hwnas: ", display->out);
    cli_print_safe(display->out, note);
    fputc('\n', display->out);
    if (was_shown)
        draw(display);
    fflush(display->out);
}

void cli_display_end(struct cli_display *display)
{
    if (display->shown)
        fputc('\n', display->out);
    fflush(display->out);
    display->shown = false;
}
