/* command under more than 200 hostile arguments and tools: what reaches the program is what was written, no shell ever sees it, and
 * whatever the program does, its end comes and nothing of it is left (try_free looks for processes, descriptors and folders). */
#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/try.h"

static int cases;

/* --- arguments --- */

/* What a shell would do something with. Each has `touch canary` where it can. */
static const char *const strings[] = {
    "; touch canary",
    ";touch canary;",
    "& touch canary &",
    "&& touch canary",
    "|| touch canary",
    "| touch canary",
    "|& touch canary",
    "$(touch canary)",
    "`touch canary`",
    "\"$(touch canary)\"",
    "'; touch canary; '",
    "\"; touch canary; \"",
    "\n touch canary\n",
    "\r\ntouch canary",
    "a\nb\nc",
    "> canary",
    ">> canary",
    "2> canary",
    "&> canary",
    "< /etc/passwd",
    "<(touch canary)",
    ">(touch canary)",
    "<<< canary",
    "<< EOF",
    "$HOME",
    "${HOME}",
    "${IFS}touch${IFS}canary",
    "$PATH",
    "$0",
    "$$",
    "$?",
    "$!",
    "$@",
    "$((1+1))",
    "~",
    "~root",
    "*",
    "?",
    "[a-z]*",
    "{a,b}",
    "{1..9}",
    "/*",
    "/etc/*",
    "../*",
    "../../../../etc/passwd",
    "..",
    ".",
    "./",
    "/",
    "//",
    "/dev/stdin",
    "/proc/self/environ",
    "-",
    "--",
    "-x",
    "--help",
    "--version",
    "-c",
    "-exec",
    "--graph=--graph",
    "-rf",
    "",
    " ",
    "  leading and trailing  ",
    "\t",
    "a b c",
    "'",
    "\"",
    "\\",
    "\\\\",
    "\\n",
    "a\\",
    "'unbalanced",
    "\"unbalanced",
    "`unbalanced",
    "$(unbalanced",
    "#comment",
    "a # b",
    "!",
    "!!",
    "!$",
    "^a^b",
    "%s%s%s%n",
    "%d",
    "%",
    "%00",
    "\\0",
    "=",
    "A=B",
    "PATH=/tmp",
    "LD_PRELOAD=/tmp/x.so",
    "\x01\x02\x03\x04\x05\x06\x07\x08",
    "\x1b[31mred\x1b[0m",
    "\x7f",
    "\x80\x81\xfe\xff",
    "\xc0\xaf..\xc0\xaf",
    "\xef\xbb\xbf",
    "caf\xc3\xa9",
    "\xe2\x80\xae"
    "abc",
    "\xf0\x9f\x92\xa5",
    "if true; then touch canary; fi",
    "exec touch canary",
    "eval touch canary",
    ". canary",
    "source canary",
    "function f { touch canary; }; f",
    "() { :;}; touch canary",
    ":(){ :|:& };:",
    "null\\u0000byte",
    "http://127.0.0.1/",
    "\"><script>",
    "' OR 1=1 --",
    "{{7*7}}",
};

static int count_files(const char *folder)
{
    int count = -2; /* . and .. */
    DIR *open_folder = opendir(folder);
    assert_non_null(open_folder);
    while (readdir(open_folder) != NULL)
        count++;
    closedir(open_folder);
    return count;
}

/* The arguments come out as they went in, and nothing was made of them. */
static void arrives(const char *text)
{
    const struct trial_options none = {0};
    const char *const argv[] = {try_tool_path(), "arguments", text, "between", text, NULL};
    size_t size = strlen(text), room = 2 * size + 100;
    char *wanted = malloc(room);
    int length = snprintf(wanted, room, "%zu:%s7:between%zu:%s", size, text, size, text);
    struct tried tried = try_list(&none, argv);
    assert_ok(tried.code, tried.status);
    if (tried.result.out.size != (size_t)length || memcmp(tried.result.out.text, wanted, (size_t)length) != 0)
        fail_msg("'%.100s' in place of '%.100s'", tried.result.out.text, wanted);
    assert_int_equal(count_files(tried.folder), 0);
    try_free(&tried);
    free(wanted);
    cases++;
}

static void every_argument_reaches_the_program_unchanged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        arrives(strings[i]);
}

/* One byte less than the kernel's limit for an argument; more is refused by it. */
static void long_arguments_arrive_whole_or_not_at_all(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000, 4096, 16384, 65535};
    char *text = malloc(200001);
    memset(text, ';', 200001);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        text[sizes[i]] = '\0';
        const struct trial_options roomy = {.output_bytes = 200000};
        const char *const argv[] = {try_tool_path(), "arguments", text, NULL};
        struct tried tried = try_list(&roomy, argv);
        assert_ok(tried.code, tried.status);
        assert_non_null(strstr(tried.result.out.text, text));
        try_free(&tried);
        text[sizes[i]] = ';';
        cases++;
    }
    text[200000] = '\0';
    struct tried tried = try_tool("arguments", text, NULL);
    assert_int_equal(tried.result.end, COMMAND_NOT_STARTED);
    assert_int_equal(tried.code, STATUS_BAD_INPUT);
    try_free(&tried);
    cases++;
    free(text);
}

/* As the name of a program the same strings name nothing that exists. */
static void no_such_string_is_run_as_a_program(void **state)
{
    (void)state;
    static const char *const programs[] = {"true; touch canary",
                                           "true && touch canary",
                                           "true | touch canary",
                                           "$(which true)",
                                           "`which true`",
                                           "true\n",
                                           "true ",
                                           " true",
                                           "tru*",
                                           "~/true",
                                           "-c",
                                           "../true",
                                           "bin/true",
                                           "/bin/true --x",
                                           "/bin/../bin/true;",
                                           "/bin",
                                           "/dev/null",
                                           "/dev/full",
                                           "/nowhere",
                                           ""};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct tried tried = try_program(programs[i]);
        if (tried.result.end != COMMAND_NOT_STARTED || tried.code == STATUS_OK)
            fail_msg("'%s' ran", programs[i]);
        assert_int_equal(count_files(tried.folder), 0);
        try_free(&tried);
        cases++;
    }
}

/* --- tools --- */

static void ends_as(const struct trial_options *options, enum command_end end, const char *action, const char *argument,
                    const char *second)
{
    struct tried tried = try_with(options, action, argument, second, NULL);
    if (tried.result.end != end)
        fail_msg("%s %s: ended as %d (%s), not as %d", action, argument == NULL ? "" : argument, (int)tried.result.end,
                 tried.status.message, (int)end);
    assert_int_equal(tried.result.stuck, 0);
    assert_true(tried.result.out.size <= 65536 + 80 && tried.result.err.size <= 65536 + 80);
    assert_true(tried.code == STATUS_OK || strlen(tried.status.message) > 0);
    try_free(&tried);
    cases++;
}

/* How a raise of that signal ends: it kills, is ignored, or stops. The terminal's stops do not stop a session without one. */
static enum command_end end_by(int number)
{
    static const int ignored[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        if (number == ignored[i])
            return COMMAND_EXITED;
    }
    return number == SIGSTOP ? COMMAND_TIMED_OUT : COMMAND_KILLED;
}

static void a_program_may_end_by_any_signal(void **state)
{
    (void)state;
    for (int number = 1; number < NSIG; number++) {
        char text[12];
        if (number == 32 || number == 33)
            continue; /* the C library's own */
        snprintf(text, sizeof text, "%d", number);
        const struct trial_options options = {.timeout_ms = number == SIGSTOP ? 100 : 20000, .grace_ms = 50};
        ends_as(&options, end_by(number), "signal", text, NULL);
    }
}

static void a_program_may_end_with_any_code(void **state)
{
    (void)state;
    static const char *const codes[] = {"0", "1", "2", "64", "126", "127", "128", "137", "139", "255"};
    const struct trial_options none = {0};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        ends_as(&none, COMMAND_EXITED, "exit", codes[i], NULL);
}

static void a_program_that_does_not_end_is_ended(void **state)
{
    (void)state;
    static const char *const actions[] = {"wait", "wait-quietly", "ignore", "flood-for-ever", "daemon-and-wait", "stop-warden"};
    const struct trial_options options = {.timeout_ms = 150, .grace_ms = 50};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        ends_as(&options, COMMAND_TIMED_OUT, actions[i], NULL, NULL);
}

static bool at_once(void *context)
{
    (void)context;
    return true;
}

static void a_program_that_is_not_wanted_is_ended(void **state)
{
    (void)state;
    static const char *const actions[] = {"wait", "wait-quietly", "ignore", "flood-for-ever", "daemon-and-wait", "stop-warden"};
    const struct trial_options options = {.grace_ms = 50, .stop = at_once};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        ends_as(&options, COMMAND_CANCELLED, actions[i], NULL, NULL);
}

static void what_multiplies_is_ended(void **state)
{
    (void)state;
    const struct trial_options few = {.processes_max = 40};
    const struct trial_options short_time = {.timeout_ms = 50, .grace_ms = 50};
    ends_as(&few, COMMAND_CROWDED, "bomb", "9", NULL);
    ends_as(&few, COMMAND_CROWDED, "bomb-apart", "9", NULL);
    ends_as(&short_time, COMMAND_TIMED_OUT, "bomb", "6", NULL);
    ends_as(&short_time, COMMAND_TIMED_OUT, "bomb-apart", "6", NULL);
    ends_as(&few, COMMAND_EXITED, "comet", "20000", NULL);
    ends_as(&few, COMMAND_EXITED, "daemon", NULL, NULL);
}

static void what_is_too_much_is_bounded(void **state)
{
    (void)state;
    const struct trial_options none = {0};
    const struct trial_options small = {.memory_bytes = 64 << 20, .file_bytes = 1 << 20};
    struct tried tried = try_tool("flood", "1024", NULL);
    assert_ok(tried.code, tried.status);
    assert_int_equal(tried.result.out.total, ((uint64_t)1 << 30) + 8);
    assert_true(tried.result.out.size <= 65536 + 80);
    try_free(&tried);
    cases++;
    ends_as(&small, COMMAND_OUT_OF_MEMORY, "allocate", "100000", NULL);
    ends_as(&small, COMMAND_KILLED, "write", "1000", "file");
    ends_as(&none, COMMAND_EXITED, "binary", NULL, NULL);
    ends_as(&none, COMMAND_EXITED, "litter", "200", NULL);
}

static void what_a_program_does_to_its_surroundings_stays_there(void **state)
{
    (void)state;
    const struct trial_options none = {0};
    ends_as(&none, COMMAND_EXITED, "vanish", NULL, NULL);
    ends_as(&none, COMMAND_EXITED, "link", "/etc", "etc");
    ends_as(&none, COMMAND_EXITED, "link", "..", "up");
    ends_as(&none, COMMAND_EXITED, "link", "loop", "loop");
    ends_as(&none, COMMAND_EXITED, "write-stdin", NULL, NULL);
    assert_int_equal(access("/etc/passwd", R_OK), 0);
}

static void there_were_two_hundred_of_them(void **state)
{
    (void)state;
    print_message("# %d hostile cases\n", cases);
    assert_true(cases >= 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_argument_reaches_the_program_unchanged),
        cmocka_unit_test(long_arguments_arrive_whole_or_not_at_all),
        cmocka_unit_test(no_such_string_is_run_as_a_program),
        cmocka_unit_test(a_program_may_end_by_any_signal),
        cmocka_unit_test(a_program_may_end_with_any_code),
        cmocka_unit_test(a_program_that_does_not_end_is_ended),
        cmocka_unit_test(a_program_that_is_not_wanted_is_ended),
        cmocka_unit_test(what_multiplies_is_ended),
        cmocka_unit_test(what_is_too_much_is_bounded),
        cmocka_unit_test(what_a_program_does_to_its_surroundings_stays_there),
        cmocka_unit_test(there_were_two_hundred_of_them),
    };
    return TEST_RUN(tests);
}
