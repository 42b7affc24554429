/* command: runs one program to its end, or ends it: a list of arguments, never a shell; nothing of it is left when it is over. */
#ifndef HWNAS_WORKER_COMMAND_H
#define HWNAS_WORKER_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum command_end {
    COMMAND_NOT_STARTED,   /* not found, not executable, no memory for a process */
    COMMAND_EXITED,        /* by itself; exit_code says how */
    COMMAND_KILLED,        /* by a signal nobody here sent */
    COMMAND_TIMED_OUT,     /* it was ended after timeout_ms */
    COMMAND_CANCELLED,     /* it was ended because `stop` said so */
    COMMAND_OUT_OF_MEMORY, /* it failed, and its last words were of memory */
    COMMAND_CROWDED        /* it was ended because it had more than processes_max processes */
};

struct command {
    /* argv[0] is a full path, or a name that is looked for in the PATH of `environment` (without one:
     * /usr/local/bin:/usr/bin:/bin). Both lists end with NULL; the program's environment is this list and no more. */
    const char *const *argv, *const *environment;
    const char *folder; /* where it begins; standard input is /dev/null */
    int64_t timeout_ms; /* then SIGTERM to its group, and after grace_ms SIGKILL to all that descends from it */
    int64_t grace_ms;
    uint64_t memory_bytes; /* of address space, for each process; 0: no limit */
    uint64_t file_bytes;   /* of each file it writes; 0: no limit */
    size_t output_bytes;   /* kept of standard output, and as many of standard error; more is counted and thrown away */
    int processes_max;     /* processes and threads it may have at one time, some more for a moment; 0: 1024 */
    /* Called every stop_every_ms (0: 50) while it runs, from the calling thread; may be NULL. True: end it. */
    bool (*stop)(void *context);
    void *context;
    int stop_every_ms;
};

/* What came out of one stream. */
struct command_text {
    char *text;     /* a NUL follows; may have others inside. Too long: its first and last halves, a line between them saying so */
    size_t size;    /* of text */
    uint64_t total; /* bytes the program wrote */
};

struct command_result {
    enum command_end end;
    int exit_code, signal;        /* where they apply, 0 elsewhere */
    struct command_text out, err; /* NULL text: it never ran */
    double seconds;
    int64_t peak_bytes; /* the largest resident set of one of its processes; 0: unknown */
    int left;           /* other processes that outlived it, and were killed */
    int stuck;          /* the number of one that could not even be killed; 0: none */
};

/* Runs the program and waits for its end; whatever it has started is dead and reaped when this returns, whether or not it has left
 * its group or session. The same happens when the calling process dies. Blocks for at most timeout_ms + grace_ms + 15 s (a process
 * that the kernel cannot end is waited for 10 s, then told of in `stuck`).
 * STATUS_OK when it exited 0. Otherwise a sentence with the program, what happened and its last line: NOT_FOUND, BAD_INPUT (cannot
 * be executed), UNAVAILABLE (timed out, cancelled, killed, failed), NO_MEMORY, IO. `result` is always filled, and the caller's to
 * free. May be called from several threads at once. */
enum status_code command_run(const struct command *command, struct command_result *result, struct status *status);

/* Looks for the program as command_run does, and writes the path of its file: NOT_FOUND, BAD_INPUT when it cannot be executed. */
enum status_code command_find(const char *name, const char *const *environment, char out[PATH_MAX], struct status *status);

/* Freeing a freed or zeroed result is fine. */
void command_result_free(struct command_result *result);

/* The last line of a text that is not blank, as printable ASCII, cut to fit; "" when there is none. */
void command_last_line(const struct command_text *text, char *out, size_t size);

#endif
