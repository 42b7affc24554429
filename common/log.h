/* log: one line an event on standard error: `TIME LEVEL program: sentence name=value name="a value" ...`.
 *
 * A sentence is this program's own words; what comes from elsewhere (names, reasons, paths) stands in fields. Whatever they hold, a
 * line is one line of at most LOG_LINE_BYTES, nothing in it drives a terminal, and no text can look like a field that is none:
 * values that are not plain words are quoted, in quotes `"`, `\` and what cannot be shown are \xNN, and so is an equals sign in a
 * sentence where a field's would stand. Under systemd's journal lines begin with its priority.
 *
 * No global state: each program makes one struct logger in main and passes it down. Any thread may log. */
#ifndef HWNAS_COMMON_LOG_H
#define HWNAS_COMMON_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum {
    LOG_LINE_BYTES = 4096,
    LOG_VALUE_BYTES = 512, /* of a field's text, escaped */
    LOG_SITES = 64,
    LOG_BURST = 50,  /* lines of one kind at once, ... */
    LOG_A_SECOND = 5 /* ... and after that */
};

/* What changes while a program runs: the level, and how much of each kind of line was written lately. */
struct log_control {
    atomic_int level;
    bool journal;
    pthread_mutex_t lock;
    struct log_site {
        const void *sentence; /* the literal that a kind of line is known by */
        double allowed;       /* lines that may be written now */
        int64_t since_ms;
        unsigned long long held_back;
    } sites[LOG_SITES];
};

struct logger {
    FILE *out;                   /* where lines go; NULL drops them */
    enum log_level level;        /* lines above this level are dropped, unless there is a control */
    const char *program;         /* "hwnas-master", ...; borrowed */
    struct log_control *control; /* borrowed; NULL: the level stays as it is, and every line is written */
};

/* A logger to standard error whose level can change, and of whose lines no kind fills a disk: of a kind that comes more often than
 * LOG_A_SECOND, the rest is counted, and the next one says so (`unlogged=N`). Debug lines are all written. Ignores SIGUSR1 and
 * SIGUSR2 until somebody handles them (log_step). */
void log_open(struct logger *logger, struct log_control *control, const char *program, enum log_level level);

/* Sets the level; with `by` moves it one way or the other, within error to debug, and says so in a line. Nothing without a control.
 */
void log_set_level(const struct logger *logger, enum log_level level);
void log_step(const struct logger *logger, int by);
enum log_level log_level_of(const struct logger *logger);

/* --- events --- */
struct log_field {
    const char *name; /* [a-z_]+; NULL ends a list */
    enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_REAL } kind;
    const char *text; /* NULL: the field is left out */
    unsigned most;    /* of a text: bytes; 0: LOG_VALUE_BYTES */
    uint64_t number;
    double real;
};

static inline struct log_field log_text(const char *name, const char *text)
{
    return (struct log_field){.name = name, .text = text};
}

/* The beginning of a key: enough to tell it apart. */
static inline struct log_field log_key(const char *name, const char *key)
{
    return (struct log_field){.name = name, .text = key, .most = 12};
}

static inline struct log_field log_count(const char *name, uint64_t number)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_NUMBER, .number = number};
}

static inline struct log_field log_real(const char *name, double real)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_REAL, .real = real};
}

/* log_event(logger, LOG_WARN, "a lease is lost", log_count("lease", id), log_text("node", node)): sentence is a literal. Writes one
 * line with a single write, so lines of several processes on one terminal do not mix. A NULL logger drops it. Never fails: a full
 * disk must not stop a search. */
#define log_event(logger, level, sentence, ...)                                                                                    \
    log_write_event((logger), (level), "" sentence, (const struct log_field[]){__VA_ARGS__, {.name = NULL}})
void log_write_event(const struct logger *logger, enum log_level level, const char *sentence, const struct log_field *fields);

/* The same, and never held back: for what cannot come often, because something else bounds it. */
#define log_each_event(logger, level, sentence, ...)                                                                               \
    log_write_each_event((logger), (level), "" sentence, (const struct log_field[]){__VA_ARGS__, {.name = NULL}})
void log_write_each_event(const struct logger *logger, enum log_level level, const char *sentence, const struct log_field *fields);

/* A sentence alone, formatted. */
void log_write(const struct logger *logger, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(logger, ...) log_write((logger), LOG_ERROR, __VA_ARGS__)
#define log_warn(logger, ...) log_write((logger), LOG_WARN, __VA_ARGS__)
#define log_info(logger, ...) log_write((logger), LOG_INFO, __VA_ARGS__)
#define log_debug(logger, ...) log_write((logger), LOG_DEBUG, __VA_ARGS__)

/* "error", "warn", "info" or "debug" into *out; returns 0, or -1 for another word. */
int log_parse_level(const char *word, enum log_level *out);
const char *log_level_name(enum log_level level);

#endif
