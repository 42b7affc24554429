/* parse: what a tool printed or wrote -> milliseconds: one parser for each tool's format, chosen by the board file.
 *
 * The rule all parsers keep: a figure is believed only when it stands where that tool puts it and is a plain number from
 * PARSE_LATENCY_MS_MIN to PARSE_LATENCY_MS_MAX. Anything else is an error that names the format and what was looked for; never a
 * figure of 0. */
#ifndef HWNAS_WORKER_PARSE_H
#define HWNAS_WORKER_PARSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config_board.h"
#include "common/status.h"

/* 1 ns and 1 hour: less or more for one inference is a misread number. The energy: 1 MJ. */
#define PARSE_LATENCY_MS_MIN 1e-6
#define PARSE_LATENCY_MS_MAX 3.6e6
#define PARSE_ENERGY_MJ_MAX 1e9

enum { PARSE_BYTES_MAX = 64 << 20 }; /* of a text to parse */

/* How to read an output: the part of a board file that is about it. Everything is borrowed. */
struct parse_options {
    enum config_board_parser parser;
    const char *file;            /* in workdir: what to read in place of the text; NULL: the text */
    size_t file_bytes;           /* the file may be so large; 0: PARSE_BYTES_MAX */
    const char *pattern;         /* CONFIG_BOARD_REGEX: POSIX extended */
    enum config_board_unit unit; /* CONFIG_BOARD_REGEX */
    double clock_hz;             /* CONFIG_BOARD_TIMELOOP: cycles per second */
};

/* What an output says beside the samples. */
struct parse_extra {
    double energy_mj;  /* of one inference; NAN: the tool does not say */
    bool summary_only; /* the tool gives statistics, not samples: the one sample is its median, or its mean when it has no median */
    json_t *meta;      /* what else is worth keeping: an object, never NULL after success; the caller's to json_decref */
};

/* The options that a command runner's settings ask for. */
struct parse_options parse_options_of(const struct config_board_command *command);

/* Reads the output: text[0..size) (any bytes), or options->file in workdir. Writes at most `room` samples into samples_ms, in the
 * tool's order (when there are more, the last ones, which are furthest from the warm-up), and their number, at least 1, into
 * *count. On failure (STATUS_BAD_INPUT; STATUS_NOT_FOUND when the file is absent; STATUS_NO_MEMORY) *count is 0, the samples are
 * untouched and extra->meta is NULL. Blocks while reading the file. */
enum status_code parse_output(const struct parse_options *options, const char *text, size_t size, const char *workdir,
                              double *samples_ms, int room, int *count, struct parse_extra *extra, struct status *status);

#endif
