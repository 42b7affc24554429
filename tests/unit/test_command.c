/* command, warden and workdir: what a program is given, what comes out of it, how it ends, and that nothing of it is left. */
#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/try.h"

static void surroundings(const struct tried *tried, const char *wanted)
{
    if (strstr(tried->result.out.text, wanted) == NULL)
        fail_msg("no '%s' in:\n%s", wanted, tried->result.out.text);
}

static void arguments_arrive_as_they_are(void **state)
{
    (void)state;
    struct tried tried = try_tool("arguments", "", "two words", "$HOME `id` ;|&<>*?", "-x", "\"'\\", NULL);
    assert_ok(tried.code, tried.status);
    assert_string_equal(tried.result.out.text, "0:9:two words18:$HOME `id` ;|&<>*?2:-x3:\"'\\");
    try_free(&tried);
}

static void the_program_has_its_folder_its_session_and_its_environment_and_no_more(void **state)
{
    (void)state;
    char folder[PATH_MAX + 16];
    int strange = open("/dev/null", O_RDONLY); /* not close-on-exec: still not the program's */
    signal(SIGPIPE, SIG_IGN);
    struct tried tried = try_tool("surroundings", NULL);
    signal(SIGPIPE, SIG_DFL);
    assert_ok(tried.code, tried.status);
    snprintf(folder, sizeof folder, "folder=%s\n", tried.folder);
    surroundings(&tried, folder);
    surroundings(&tried, "stdin=/dev/null\n");
    surroundings(&tried, "descriptors=3\n");
    surroundings(&tried, "leader=1\nsession=1\n");
    surroundings(&tried, "core=0\n");
    surroundings(&tried, "pipe_ignored=0\nblocked=0\n");
    surroundings(&tried, "blocked=0\nenvironment=PATH=/usr/bin:/bin\nenvironment=WORD=one two\n");
    assert_string_equal(strstr(tried.result.out.text, "WORD="), "WORD=one two\n");
    try_free(&tried);
    close(strange);
}

static void output_and_errors_are_kept_apart(void **state)
{
    (void)state;
    struct tried tried = try_tool("complain", "0", "one", "two", NULL);
    assert_ok(tried.code, tried.status);
    assert_string_equal(tried.result.err.text, "one\ntwo\n");
    assert_int_equal(tried.result.out.size, 0);
    assert_int_equal(tried.result.err.total, 8);
    try_free(&tried);
}

static void all_bytes_come_through(void **state)
{
    (void)state;
    struct tried tried = try_tool("binary", NULL);
    assert_int_equal(tried.result.out.size, 256);
    for (int i = 0; i < 256; i++)
        assert_int_equal((unsigned char)tried.result.out.text[i], i);
    try_free(&tried);
}

/* 64 bytes are kept of 1 MiB and 8: half of them from each end. */
static void of_too_much_output_both_ends_are_kept_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct trial_options options = {.output_bytes = 64};
    struct tried tried = try_with(&options, "flood", "1", NULL);
    assert_ok(tried.code, tried.status);
    assert_int_equal(tried.result.out.total, (1 << 20) + 8);
    assert_string_equal(tried.result.out.text, "BEGINxxxxxxxxxxxxxxxxxxxxxxxxxxx\n[... 1048520 bytes left out ...]\n"
                                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxEND");
    try_free(&tried);
}

static void output_that_just_fits_is_whole(void **state)
{
    (void)state;
    static const size_t rooms[] = {8, 9};
    for (size_t i = 0; i < 2; i++) {
        struct trial_options options = {.output_bytes = rooms[i]};
        struct tried tried = try_with(&options, "say", "1234567", NULL);
        assert_string_equal(tried.result.out.text, "1234567\n");
        try_free(&tried);
    }
}

static void the_exit_code_and_the_last_line_are_told(void **state)
{
    (void)state;
    struct tried tried = try_tool("complain", "7", "first", "the \x1b[31mreason\xff  ", " ", NULL);
    assert_int_equal(tried.result.end, COMMAND_EXITED);
    assert_int_equal(tried.result.exit_code, 7);
    assert_int_equal(tried.code, STATUS_UNAVAILABLE);
    assert_non_null(strstr(tried.status.message, "tool: exit code 7; its last line: the ?[31mreason"));
    try_free(&tried);
}

static void a_signal_is_told_by_name(void **state)
{
    (void)state;
    struct tried tried = try_tool("signal", "11", NULL);
    assert_int_equal(tried.result.end, COMMAND_KILLED);
    assert_int_equal(tried.result.signal, SIGSEGV);
    assert_non_null(strstr(tried.status.message, "killed by signal 11 (Segmentation fault)"));
    try_free(&tried);
}

static void a_program_that_takes_too_long_is_ended(void **state)
{
    (void)state;
    struct trial_options options = {.timeout_ms = 50};
    struct tried tried = try_with(&options, "wait", NULL);
    assert_int_equal(tried.result.end, COMMAND_TIMED_OUT);
    assert_non_null(strstr(tried.status.message, "not done after 0.05 s"));
    try_free(&tried);
}

static void one_that_ignores_every_signal_it_can_is_ended_too(void **state)
{
    (void)state;
    struct trial_options options = {.timeout_ms = 50, .grace_ms = 50};
    struct tried tried = try_with(&options, "ignore", NULL);
    assert_int_equal(tried.result.end, COMMAND_TIMED_OUT);
    try_free(&tried);
}

static bool after_three(void *context)
{
    return ++*(int *)context >= 3;
}

static void a_program_is_ended_when_its_result_is_not_wanted(void **state)
{
    (void)state;
    int calls = 0;
    struct trial_options options = {.stop = after_three, .context = &calls};
    struct tried tried = try_with(&options, "wait", NULL);
    assert_int_equal(tried.result.end, COMMAND_CANCELLED);
    assert_int_equal(calls, 3);
    assert_non_null(strstr(tried.status.message, "no longer wanted"));
    try_free(&tried);
}

/* Whether the program, which is in the one folder of the test's temporary ones, is ready. */
static bool when_ready(void *context)
{
    DIR *folder = opendir(context);
    bool ready = false;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[PATH_MAX + 300];
        snprintf(path, sizeof path, "%s/%s/ready", (const char *)context, entry->d_name);
        ready |= access(path, F_OK) == 0;
    }
    closedir(folder);
    return ready;
}

static void one_that_has_stopped_may_still_end_well(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    struct status status;
    assert_ok(workdir_create(NULL, folder, &status), status);
    setenv("TMPDIR", folder, 1);
    struct trial_options options = {.stop = when_ready, .context = folder, .grace_ms = 15000};
    struct tried tried = try_with(&options, "stop-politely", NULL);
    unsetenv("TMPDIR");
    assert_int_equal(tried.result.end, COMMAND_CANCELLED);
    assert_string_equal(tried.result.out.text, "goodbye\n");
    try_free(&tried);
    assert_ok(workdir_remove(folder, &status), status);
}

static void memory_beyond_the_limit_is_refused_and_told_as_such(void **state)
{
    (void)state;
    struct trial_options options = {.memory_bytes = 64 << 20};
    struct tried tried = try_with(&options, "allocate", "256", NULL);
    assert_int_equal(tried.result.end, COMMAND_OUT_OF_MEMORY);
    assert_int_equal(tried.code, STATUS_NO_MEMORY);
    try_free(&tried);
    tried = try_with(&options, "allocate", "16", NULL);
    assert_ok(tried.code, tried.status);
    assert_true(tried.result.peak_bytes >= 16 << 20);
    try_free(&tried);
}

static void files_beyond_the_limit_are_refused(void **state)
{
    (void)state;
    struct trial_options options = {.file_bytes = 1 << 20};
    struct tried tried = try_with(&options, "write", "8", "large", NULL);
    assert_int_equal(tried.result.end, COMMAND_KILLED);
    assert_int_equal(tried.result.signal, SIGXFSZ);
    try_free(&tried);
}

static void what_cannot_be_run_is_told_by_name_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *program;
        enum status_code code;
        const char *said;
    } cases[] = {{"/nowhere/tool", STATUS_NOT_FOUND, "/nowhere/tool: No such file"},
                 {"no-such-tool", STATUS_NOT_FOUND, "no-such-tool: not found in PATH (/usr/bin:/bin)"},
                 {"/usr", STATUS_BAD_INPUT, "/usr: is not a program but a folder"},
                 {"/dev/null", STATUS_BAD_INPUT, "/dev/null: is not a program but a special file"},
                 {"/etc/passwd", STATUS_BAD_INPUT, "/etc/passwd: may not be executed"},
                 {"./tool", STATUS_BAD_INPUT, "./tool: a program is a full path, or a name"},
                 {"../tool", STATUS_BAD_INPUT, "../tool: a program is a full path, or a name"},
                 {"", STATUS_BAD_INPUT, "names no program"},
                 {"true; id", STATUS_NOT_FOUND, "true; id: not found in PATH"},
                 {"true\n", STATUS_NOT_FOUND, "not found in PATH"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tried tried = try_program(cases[i].program);
        assert_int_equal(tried.code, cases[i].code);
        assert_int_equal(tried.result.end, COMMAND_NOT_STARTED);
        if (strstr(tried.status.message, cases[i].said) == NULL)
            fail_msg("'%s' in place of '%s'", tried.status.message, cases[i].said);
        try_free(&tried);
    }
}

/* A file of text that may be executed: execvp and a shell would run it line by line. */
static void a_file_without_an_interpreter_is_not_given_to_a_shell(void **state)
{
    (void)state;
    char path[] = "/tmp/hwnas-script-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "echo shell\n", 11), 11);
    fchmod(fd, 0700);
    close(fd);
    struct tried tried = try_program(path);
    unlink(path);
    assert_int_equal(tried.result.end, COMMAND_NOT_STARTED);
    assert_non_null(strstr(tried.status.message, "neither a program for this machine nor a script"));
    try_free(&tried);
}

static void arguments_longer_than_the_kernel_takes_are_told(void **state)
{
    (void)state;
    char *large = malloc((4 << 20) + 1);
    memset(large, 'a', 4 << 20);
    large[4 << 20] = '\0';
    struct tried tried = try_tool("arguments", large, NULL);
    free(large);
    assert_int_equal(tried.result.end, COMMAND_NOT_STARTED);
    assert_non_null(strstr(tried.status.message, "are too long"));
    try_free(&tried);
}

/* The number a `daemon` action printed. */
static pid_t daemon_of(const struct tried *tried)
{
    const char *at = strstr(tried->result.out.text, "daemon=");
    assert_non_null(at);
    return (pid_t)strtol(at + 7, NULL, 10);
}

static void a_daemon_does_not_outlive_the_program_it_came_from(void **state)
{
    (void)state;
    struct tried tried = try_tool("daemon", NULL);
    assert_ok(tried.code, tried.status);
    assert_int_equal(kill(daemon_of(&tried), 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_true(tried.result.left >= 1);
    try_free(&tried);
}

static void a_daemon_does_not_outlive_a_time_out(void **state)
{
    (void)state;
    struct trial_options options = {.timeout_ms = 200};
    struct tried tried = try_with(&options, "daemon-and-wait", NULL);
    assert_int_equal(tried.result.end, COMMAND_TIMED_OUT);
    if (tried.result.out.size > 0)
        assert_int_equal(kill(daemon_of(&tried), 0), -1);
    try_free(&tried);
}

static void a_crowd_of_processes_is_ended(void **state)
{
    (void)state;
    static const char *const bombs[] = {"bomb", "bomb-apart"};
    for (size_t i = 0; i < 2; i++) {
        struct trial_options options = {.processes_max = 40};
        struct tried tried = try_with(&options, bombs[i], "8", NULL);
        assert_int_equal(tried.result.end, COMMAND_CROWDED);
        assert_int_equal(tried.result.stuck, 0);
        try_free(&tried);
    }
}

static void one_that_is_never_the_same_process_twice_is_caught(void **state)
{
    (void)state;
    struct tried tried = try_tool("comet", "20000", NULL);
    assert_ok(tried.code, tried.status);
    assert_int_equal(tried.result.stuck, 0);
    try_free(&tried);
}

static void a_stopped_warden_goes_on(void **state)
{
    (void)state;
    struct trial_options options = {.timeout_ms = 50, .grace_ms = 50};
    struct tried tried = try_with(&options, "stop-warden", NULL);
    assert_int_equal(tried.result.end, COMMAND_TIMED_OUT);
    try_free(&tried);
}

static void a_killed_warden_takes_the_program_with_it(void **state)
{
    (void)state;
    struct tried tried = try_tool("kill-warden", NULL);
    assert_int_equal(tried.result.end, COMMAND_NOT_STARTED);
    assert_non_null(strstr(tried.status.message, "was killed"));
    /* With its warden gone it is this process's child. */
    int how;
    assert_true(waitpid(-1, &how, 0) > 0);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    try_free(&tried);
}

/* A process that runs a command and is killed itself; its pipe is inherited by whatever it started, so the pipe's end says that all
 * of them are gone. */
static void what_runs_dies_with_the_process_that_runs_it(void **state)
{
    (void)state;
    int told[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char fifo[64];
        snprintf(fifo, sizeof fifo, "/proc/%d/fd/%d", (int)getpid(), told[1]);
        close(told[0]);
        const char *const argv[] = {"/bin/sh", "-c", "trap '' TERM; exec 3>$0; echo r >&3; setsid sleep 60 & sleep 60", fifo, NULL};
        const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
        const struct command command = {.argv = argv, .environment = environment, .folder = "/", .timeout_ms = 60000};
        struct command_result result;
        command_run(&command, &result, NULL);
        _exit(1);
    }
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    while (read(told[0], &byte, 1) > 0)
        continue;
    close(told[0]);
    while (waitpid(-1, NULL, 0) > 0)
        continue; /* where this process is the one that orphans come to */
}

static void folders_are_private_and_go_with_all_that_is_in_them(void **state)
{
    (void)state;
    struct trial_options options = {.timeout_ms = 20000};
    struct tried tried = try_with(&options, "litter", "300", NULL);
    struct stat info;
    assert_ok(tried.code, tried.status);
    assert_int_equal(stat(tried.folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    try_free(&tried); /* removes the folder, and fails when it cannot */
    assert_int_equal(access("/etc/passwd", R_OK), 0);
}

static void a_folder_that_has_become_a_link_is_removed_as_one(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    struct status status;
    assert_ok(workdir_create(NULL, folder, &status), status);
    char target[PATH_MAX];
    assert_ok(workdir_create(NULL, target, &status), status);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(symlink(target, folder), 0);
    assert_ok(workdir_remove(folder, &status), status);
    assert_int_equal(access(target, F_OK), 0);
    assert_int_equal(lstat(folder, &(struct stat){0}), -1);
    assert_ok(workdir_remove(target, &status), status);
    assert_ok(workdir_remove(target, &status), status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_arrive_as_they_are),
        cmocka_unit_test(the_program_has_its_folder_its_session_and_its_environment_and_no_more),
        cmocka_unit_test(output_and_errors_are_kept_apart),
        cmocka_unit_test(all_bytes_come_through),
        cmocka_unit_test(of_too_much_output_both_ends_are_kept_and_the_rest_is_counted),
        cmocka_unit_test(output_that_just_fits_is_whole),
        cmocka_unit_test(the_exit_code_and_the_last_line_are_told),
        cmocka_unit_test(a_signal_is_told_by_name),
        cmocka_unit_test(a_program_that_takes_too_long_is_ended),
        cmocka_unit_test(one_that_ignores_every_signal_it_can_is_ended_too),
        cmocka_unit_test(a_program_is_ended_when_its_result_is_not_wanted),
        cmocka_unit_test(one_that_has_stopped_may_still_end_well),
        cmocka_unit_test(memory_beyond_the_limit_is_refused_and_told_as_such),
        cmocka_unit_test(files_beyond_the_limit_are_refused),
        cmocka_unit_test(what_cannot_be_run_is_told_by_name_and_reason),
        cmocka_unit_test(a_file_without_an_interpreter_is_not_given_to_a_shell),
        cmocka_unit_test(arguments_longer_than_the_kernel_takes_are_told),
        cmocka_unit_test(a_daemon_does_not_outlive_the_program_it_came_from),
        cmocka_unit_test(a_daemon_does_not_outlive_a_time_out),
        cmocka_unit_test(a_crowd_of_processes_is_ended),
        cmocka_unit_test(one_that_is_never_the_same_process_twice_is_caught),
        cmocka_unit_test(a_stopped_warden_goes_on),
        cmocka_unit_test(a_killed_warden_takes_the_program_with_it),
        cmocka_unit_test(what_runs_dies_with_the_process_that_runs_it),
        cmocka_unit_test(folders_are_private_and_go_with_all_that_is_in_them),
        cmocka_unit_test(a_folder_that_has_become_a_link_is_removed_as_one),
    };
    return TEST_RUN(tests);
}
