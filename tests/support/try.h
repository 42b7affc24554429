/* try: how tests run the program `tool` (tests/support/tool.c): each trial in a folder of its own, with nothing left behind. */
#ifndef HWNAS_TESTS_SUPPORT_TRY_H
#define HWNAS_TESTS_SUPPORT_TRY_H

#include <limits.h>

#include "worker/command.h"
#include "worker/workdir.h"

/* Zero: what a test has no opinion on. */
struct trial_options {
    int64_t timeout_ms, grace_ms;
    uint64_t memory_bytes, file_bytes;
    size_t output_bytes;
    int processes_max;
    bool (*stop)(void *context);
    void *context;
};

struct tried {
    enum status_code code;
    struct status status;
    struct command_result result;
    char folder[PATH_MAX];
    int descriptors; /* of this process, before */
};

/* Full path of the tool: it lies beside the test programs. */
const char *try_tool_path(void);

/* Runs `tool ACTION ...`, the arguments ended by NULL. */
struct tried try_tool(const char *action, ...) __attribute__((sentinel));
struct tried try_with(const struct trial_options *options, const char *action, ...) __attribute__((sentinel));
struct tried try_list(const struct trial_options *options, const char *const *argv);

/* Runs another program without arguments. */
struct tried try_program(const char *program);

/* Ends a trial: its folder is removed; fails the test when that cannot be done, or when a child or a descriptor is left. */
void try_free(struct tried *tried);

#endif
