/* parse_internal: what the parsers share: the input, the samples found so far, strict numbers and refusals. Included by
 * worker/parse*.c alone. */
#ifndef HWNAS_WORKER_PARSE_INTERNAL_H
#define HWNAS_WORKER_PARSE_INTERNAL_H

#include "worker/parse.h"

struct parse_input {
    const struct parse_options *options;
    const char *name; /* of the parser, for messages */
    const char *text; /* what to parse; a NUL follows; without NUL bytes for parsers of text */
    size_t size;
    const char *printed; /* what the tool printed; a NUL follows; "" when that is the text itself */
    struct status *status;
};

/* What a parser found. */
struct parse_found {
    double *samples_ms;
    size_t count, room;
    struct parse_extra extra; /* meta is an empty object at first */
};

struct parse_ops {
    enum status_code (*parse)(const struct parse_input *, struct parse_found *);
    bool binary; /* NUL bytes are the parser's business */
};

extern const struct parse_ops parse_json, parse_trtexec_times, parse_trtexec_text, parse_tflite, parse_ort_perf, parse_timeloop,
    parse_hls_xml, parse_regex;

/* "json: SENTENCE", STATUS_BAD_INPUT. */
enum status_code parse_refuse(const struct parse_input *input, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum status_code parse_no_memory(const struct parse_input *input);

/* A decimal number at *at: sign, digits, point, exponent; no "inf", "nan" or hexadecimal. Steps over it. */
bool parse_number(const char **at, double *out);

/* Adds a sample of so many ms, or refuses what cannot be a latency; `what` says where it stood. */
enum status_code parse_add(const struct parse_input *input, struct parse_found *found, double ms, const char *what);

/* The energy of one inference, or a refusal. */
enum status_code parse_energy(const struct parse_input *input, struct parse_found *found, double mj);

/* Keeps a figure in meta. */
enum status_code parse_keep(const struct parse_input *input, struct parse_found *found, const char *key, double value);

/* The next line: *line and its length without the newline; false at the end. A last line without a newline is cut off: it is not
 * given. *at begins at the text. */
bool parse_line(const char **at, const char **line, size_t *length);

/* Where `wanted` begins in a line, or NULL. */
const char *parse_find(const char *line, size_t length, const char *wanted);

/* Steps over `wanted`; false when something else stands there. */
bool parse_skip(const char **at, const char *wanted);

#endif
