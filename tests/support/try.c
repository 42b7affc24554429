/* try: trials of the command runner; see the header. */
#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/support/try.h"

enum { ARGUMENTS_MAX = 32 };

const char *try_tool_path(void)
{
    static char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 32);
    assert_true(size > 0);
    path[size] = '\0';
    *strrchr(path, '/') = '\0';
    strcpy(strrchr(path, '/'), "/support/tool");
    return path;
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

struct tried try_list(const struct trial_options *options, const char *const *argv)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "WORD=one two", NULL};
    struct tried tried = {.descriptors = count_descriptors()};
    /* Whoever escapes its warden becomes a child of this process, and is found by try_free. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_ok(workdir_create(NULL, tried.folder, &tried.status), tried.status);
    const struct command command = {.argv = argv,
                                    .environment = environment,
                                    .folder = tried.folder,
                                    .timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : 20000,
                                    .grace_ms = options->grace_ms > 0 ? options->grace_ms : 5000,
                                    .memory_bytes = options->memory_bytes,
                                    .file_bytes = options->file_bytes,
                                    .output_bytes = options->output_bytes > 0 ? options->output_bytes : 65536,
                                    .processes_max = options->processes_max,
                                    .stop = options->stop,
                                    .context = options->context,
                                    .stop_every_ms = 1};
    tried.code = command_run(&command, &tried.result, &tried.status);
    return tried;
}

static struct tried try_arguments(const struct trial_options *options, const char *action, va_list list)
{
    const char *argv[ARGUMENTS_MAX] = {try_tool_path(), action};
    int count = 2;
    while (count < ARGUMENTS_MAX && (argv[count] = va_arg(list, const char *)) != NULL)
        count++;
    assert_true(count < ARGUMENTS_MAX);
    return try_list(options, argv);
}

struct tried try_with(const struct trial_options *options, const char *action, ...)
{
    va_list list;
    va_start(list, action);
    struct tried tried = try_arguments(options, action, list);
    va_end(list);
    return tried;
}

struct tried try_tool(const char *action, ...)
{
    const struct trial_options none = {0};
    va_list list;
    va_start(list, action);
    struct tried tried = try_arguments(&none, action, list);
    va_end(list);
    return tried;
}

struct tried try_program(const char *program)
{
    const struct trial_options none = {0};
    const char *const argv[] = {program, NULL};
    return try_list(&none, argv);
}

void try_free(struct tried *tried)
{
    struct status status;
    command_result_free(&tried->result);
    assert_ok(workdir_remove(tried->folder, &status), status);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(count_descriptors(), tried->descriptors);
}
