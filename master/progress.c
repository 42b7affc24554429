/* progress: reading the master's progress lines and drawing them. Called by cli_launch.c. Pure. */
#include "master/progress.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/line.h"

/* --- reading --- */

/* Copies with everything that could drive a terminal replaced; cut at a character's edge. */
static void copy_plain(const char *text, char *out, size_t size)
{
    size_t left = text != NULL ? strlen(text) : 0, used = 0;
    while (left > 0) {
        size_t shown = line_shown(text, left), length = shown > 0 ? shown : 1;
        if (used + length >= size)
            break;
        if (shown > 0)
            memcpy(out + used, text, length);
        else
            out[used] = '?';
        used += length;
        text += length;
        left -= length;
    }
    out[used] = '\0';
}

static void copy_text(const json_t *object, const char *key, char *out, size_t size)
{
    copy_plain(json_string_value(json_object_get(object, key)), out, size);
}

static uint64_t count_of(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static void read_best(const json_t *best, struct progress *out)
{
    const char *name;
    json_t *value;
    if (!json_is_object(best))
        return;
    out->has_best = true;
    out->best_fitness = json_number_value(json_object_get(best, "fitness"));
    copy_text(best, "arch", out->best_arch, sizeof out->best_arch);
    json_object_foreach(json_object_get(best, "costs"), name, value)
    {
        if (out->best_cost_count == CONFIG_COSTS_MAX)
            break;
        copy_plain(name, out->best_cost_names[out->best_cost_count], CONFIG_NAME_BYTES);
        out->best_costs[out->best_cost_count++] = json_is_number(value) ? json_number_value(value) : NAN;
    }
}

enum status_code progress_parse(const char *line, struct progress *out, struct status *status)
{
    json_error_t error;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    const char *state = json_string_value(json_object_get(object, "state"));
    if (state == NULL) {
        json_decref(object);
        return status_set(status, STATUS_BAD_INPUT, "not a progress line: %.80s", line);
    }
    const json_t *eta = json_object_get(object, "eta_seconds");
    *out = (struct progress){
        .finished = strcmp(state, "finished") == 0,
        .generation = count_of(object, "generation"),
        .generations = count_of(object, "generations"),
        .epoch = count_of(object, "epoch"),
        .epochs = count_of(object, "epochs"),
        .asked = count_of(object, "asked"),
        .total = count_of(object, "total"),
        .done = json_number_value(json_object_get(object, "done")),
        .fraction = json_number_value(json_object_get(object, "fraction")),
        .scored = count_of(object, "scored"),
        .distinct = count_of(object, "distinct"),
        .cached = count_of(object, "cached"),
        .running = count_of(object, "running"),
        .queued = count_of(object, "queued"),
        .measuring = count_of(object, "measuring"),
        .workers = count_of(object, "workers"),
        .agents = count_of(object, "agents"),
        .finalists = count_of(object, "finalists"),
        .finals_scored = count_of(object, "finals_scored"),
        .seconds = json_number_value(json_object_get(object, "seconds")),
        .eta_seconds = json_is_number(eta) ? json_number_value(eta) : -1,
    };
    copy_text(object, "study", out->study, sizeof out->study);
    copy_text(object, "waiting_for", out->waiting_for, sizeof out->waiting_for);
    read_best(json_object_get(object, "best"), out);
    json_decref(object);
    return STATUS_OK;
}

/* --- figures --- */

double progress_rate_update(struct progress_rate *rate, const struct progress *progress)
{
    static const double window_seconds = 10, window_results = 8;
    double passed = progress->seconds - rate->seconds;
    if (!rate->started || passed < 0 || progress->scored < rate->scored) {
        *rate = (struct progress_rate){.started = true, .seconds = progress->seconds, .scored = progress->scored};
        return 0;
    }
    double before = rate->count > 0 ? rate->count / rate->counted : 0;
    if (passed < 0.2) /* too short to say anything */
        return before;
    double kept = before > 0 ? exp(-passed / fmax(window_seconds, window_results / before)) : 0;
    double counted = rate->counted * kept + passed;
    if (progress->scored == rate->scored)
        return fmin(before, (rate->count * kept + fmax(1, (double)progress->running)) / counted);
    *rate = (struct progress_rate){.started = true,
                                   .seconds = progress->seconds,
                                   .count = rate->count * kept + (double)(progress->scored - rate->scored),
                                   .counted = counted,
                                   .scored = progress->scored};
    return rate->count / rate->counted;
}

/* As many proposals as there will be, and what the finalists take; 0 where that is unknown. A budget reaches as far as the share of
 * distinct ones says. */
static double expected_candidates(const struct progress_work *work)
{
    double by_budget = work->budget > 0 && work->distinct > 0 ? work->asked * work->budget / work->distinct : INFINITY;
    double expected = fmin(work->total > 0 ? work->total : INFINITY, by_budget);
    return isfinite(expected) ? expected + work->finals : 0;
}

double progress_fraction(const struct progress_work *work)
{
    double expected = expected_candidates(work);
    return expected > 0 ? fmin(1, (work->done + work->finals_done) / expected) : 0;
}

double progress_eta(const struct progress_work *work)
{
    double done = work->done + work->finals_done, new = done - work->done_at_start;
    if (work->total <= 0 || new <= 0 || work->done > work->total)
        return -1;
    return fmax(0, expected_candidates(work) - done) / new * work->seconds;
}

bool progress_best_differs(const struct progress *a, const struct progress *b)
{
    return a->has_best != b->has_best || (a->has_best && strcmp(a->best_arch, b->best_arch) != 0);
}

void progress_clock(double seconds, char out[24])
{
    unsigned long whole = seconds > 0 && seconds < 1e9 ? (unsigned long)(seconds + 0.5) : 0;
    if (whole >= 3600)
        snprintf(out, 24, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(out, 24, "%lu:%02lu", whole / 60, whole % 60);
}

static double fraction_done(const struct progress *progress)
{
    if (progress->finished)
        return 1;
    return progress->fraction > 0 ? fmin(progress->fraction, 1) : 0; /* neither NaN nor below 0 */
}

/* --- drawing --- */

/* Lines of a given width. What is not counted (colour) goes through add_raw. */
struct canvas {
    char *text;
    size_t used;
    size_t column, width; /* of the current line */
};

static void add_raw(struct canvas *canvas, const char *text)
{
    size_t length = strlen(text);
    if (canvas->used + length + 1 > PROGRESS_TEXT_BYTES)
        return;
    memcpy(canvas->text + canvas->used, text, length + 1);
    canvas->used += length;
}

/* As much of the text as the line still has room for. */
static void add(struct canvas *canvas, const char *text)
{
    char piece[PROGRESS_TEXT_BYTES];
    size_t room = canvas->width > canvas->column ? canvas->width - canvas->column : 0;
    snprintf(piece, sizeof piece, "%.*s", (int)(room < sizeof piece ? room : sizeof piece - 1), text);
    canvas->column += strlen(piece);
    add_raw(canvas, piece);
}

/* A part of a line, set off from the one before by two blanks; left out where it does not fit as a whole. */
static void __attribute__((format(printf, 2, 3))) add_part(struct canvas *canvas, const char *format, ...)
{
    char part[PROGRESS_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(part, sizeof part, format, arguments);
    va_end(arguments);
    if (canvas->column + (canvas->column > 0 ? 2 : 0) + strlen(part) > canvas->width)
        return;
    add(canvas, canvas->column > 0 ? "  " : "");
    add(canvas, part);
}

static void add_bar(struct canvas *canvas, double fraction, bool colour)
{
    enum { WIDEST = 24, NARROWEST = 10, NARROW_TERMINAL = 110 };
    char bar[WIDEST + 1];
    size_t columns = canvas->width < NARROW_TERMINAL ? NARROWEST : WIDEST;
    size_t full = (size_t)(fraction * (double)columns + 0.5);
    memset(bar, '#', full);
    memset(bar + full, '.', columns - full);
    bar[columns] = '\0';
    add(canvas, "  [");
    if (colour)
        add_raw(canvas, "\x1b[32m");
    add(canvas, bar);
    if (colour)
        add_raw(canvas, "\x1b[0m");
    add(canvas, "]");
}

/* The most telling first: the last ones are left out on narrow terminals. */
static void add_counts(struct canvas *canvas, const struct progress *progress, double per_second)
{
    add_part(canvas, "%ju scored", (uintmax_t)progress->scored);
    if (progress->finalists > 0)
        add_part(canvas, "finalists %ju of %ju scored", (uintmax_t)progress->finals_scored, (uintmax_t)progress->finalists);
    if (per_second > 0 && !progress->finished && progress->finalists == 0)
        add_part(canvas, per_second < 10 ? "%.2f/s" : "%.0f/s", per_second);
    if (progress->epochs > 0)
        add_part(canvas, "epoch %ju of %ju", (uintmax_t)progress->epoch, (uintmax_t)progress->epochs);
    if (progress->generations > 0)
        add_part(canvas, "generation %ju/%ju", (uintmax_t)progress->generation, (uintmax_t)progress->generations);
    if (progress->total > 0)
        add_part(canvas, "%.0f/%ju candidates", floor(progress->done), (uintmax_t)progress->total);
    else
        add_part(canvas, "%.0f candidates", floor(progress->done));
}

static void add_time(struct canvas *canvas, const struct progress *progress)
{
    char clock[24];
    if (progress->finished || progress->eta_seconds < 0) {
        progress_clock(progress->seconds, clock);
        add_part(canvas, "%s %s", progress->finished ? "done in" : "for", clock);
    } else {
        progress_clock(progress->eta_seconds, clock);
        add_part(canvas, "ETA %s", clock);
    }
}

static void add_best(struct canvas *canvas, const struct progress *progress)
{
    if (!progress->has_best) {
        add_part(canvas, "no candidate within the constraints yet");
        return;
    }
    add_part(canvas, "best %.6g", progress->best_fitness);
    for (size_t i = 0; i < progress->best_cost_count; i++)
        add_part(canvas, "%s %.5g", progress->best_cost_names[i], progress->best_costs[i]);
}

static void add_peers(struct canvas *canvas, const struct progress *progress)
{
    if (progress->finished)
        return;
    if (progress->workers > 0)
        add_part(canvas, "%ju worker%s", (uintmax_t)progress->workers, progress->workers == 1 ? "" : "s");
    if (progress->measuring > 0)
        add_part(canvas, "measuring");
    if (progress->waiting_for[0] != '\0')
        add_part(canvas, "waiting for %s", progress->waiting_for);
}

void progress_screen(const struct progress *progress, double per_second, size_t width, bool colour, char out[PROGRESS_TEXT_BYTES])
{
    struct canvas canvas = {.text = out, .width = width};
    bool bold = colour && progress->has_best;
    out[0] = '\0';
    add(&canvas, progress->study);
    add_bar(&canvas, fraction_done(progress), colour);
    add_part(&canvas, "%.0f %%", floor(100 * fraction_done(progress)));
    add_time(&canvas, progress);
    add_counts(&canvas, progress, per_second);
    add_raw(&canvas, "\n");
    canvas.column = 0;
    if (bold)
        add_raw(&canvas, "\x1b[1m");
    add_best(&canvas, progress);
    if (bold)
        add_raw(&canvas, "\x1b[0m");
    add_peers(&canvas, progress);
    if (progress->has_best) {
        add(&canvas, "  ");
        add(&canvas, progress->best_arch);
    }
}

void progress_line(const struct progress *progress, double per_second, char out[PROGRESS_TEXT_BYTES])
{
    struct canvas canvas = {.text = out, .width = PROGRESS_TEXT_BYTES};
    out[0] = '\0';
    add_part(&canvas, "%s: %.0f %%", progress->study, floor(100 * fraction_done(progress)));
    add_time(&canvas, progress);
    add_counts(&canvas, progress, per_second);
    add_best(&canvas, progress);
    add_peers(&canvas, progress);
    if (progress->has_best)
        add_part(&canvas, "%s", progress->best_arch);
}
