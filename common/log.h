/* log: one line a message on standard error, `TIME LEVEL program: sentence`, control characters escaped. No global state: each
 * program makes one struct logger in main and passes it down. */
#ifndef HWNAS_COMMON_LOG_H
#define HWNAS_COMMON_LOG_H

#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct logger {
    FILE *out;            /* where lines go; NULL drops them */
    enum log_level level; /* lines above this level are dropped */
    const char *program;  /* "hwnas-master", ...; borrowed */
};

/* Writes one line with a single write, so lines of several processes on one terminal do not mix. A NULL logger drops it.
 * Never fails: a full disk must not stop a search. */
void log_write(const struct logger *logger, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(logger, ...) log_write((logger), LOG_ERROR, __VA_ARGS__)
#define log_warn(logger, ...) log_write((logger), LOG_WARN, __VA_ARGS__)
#define log_info(logger, ...) log_write((logger), LOG_INFO, __VA_ARGS__)
#define log_debug(logger, ...) log_write((logger), LOG_DEBUG, __VA_ARGS__)

/* "error", "warn", "info" or "debug" into *out; returns 0, or -1 for another word. */
int log_parse_level(const char *word, enum log_level *out);

#endif
