/* status: how every function of hwnas that can fail says so.
 *
 * A failing function returns a code other than STATUS_OK and leaves one sentence for a person in the struct status it was handed:
 * the input, the place in it, and what to do. Libraries return; only the mains turn a code into an exit code. */
#ifndef HWNAS_COMMON_STATUS_H
#define HWNAS_COMMON_STATUS_H

enum status_code {
    STATUS_OK = 0,
    STATUS_BAD_INPUT, /* a file, message, argument or setting is wrong: the person can mend it */
    STATUS_NOT_FOUND, /* what was named does not exist */
    STATUS_CONFLICT,  /* it exists already, with other contents, or somebody else holds it */
    STATUS_IO,        /* the operating system refused to read, write, send or map */
    STATUS_NO_MEMORY,
    STATUS_UNSUPPORTED, /* well-formed, but not something hwnas can do */
    STATUS_UNAVAILABLE, /* not now: try again later */
    STATUS_INTERNAL     /* a bug of ours */
};

enum { STATUS_MESSAGE_BYTES = 512 };

struct status {
    enum status_code code;
    char message[STATUS_MESSAGE_BYTES]; /* one sentence without a newline; empty when code is STATUS_OK */
};

/* Sets code and the printf-formatted sentence (truncated to fit) and returns code, so that a function can end with
 * `return status_set(status, STATUS_IO, "...")`. status may be NULL when the caller does not want the sentence. */
enum status_code status_set(struct status *status, enum status_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before the sentence already in status: how a caller adds the file or the key it was working on. Returns the code
 * that status holds. */
enum status_code status_prefix(struct status *status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The word for a code, for logs and for the wire: "ok", "bad_input", ... Never NULL. */
const char *status_name(enum status_code code);

/* The exit code of a program that ends with this status: 0 ok; 2 bad input, not found or unsupported; 3 conflict; 1 all else. */
int status_exit_code(enum status_code code);

#endif
