/* test: what every C test starts with: cmocka with TAP output for prove, and loud skipping.
 *
 * A test program is one sentence after another that can be false. cmocka's own skip() counts as a failure under prove, so whole
 * programs skip: tests that need ../shared stand in programs of their own and begin main with TEST_NEEDS("../shared/..."). */
#ifndef HWNAS_TESTS_SUPPORT_TEST_H
#define HWNAS_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Skips the whole program, saying why, when the file or folder is absent. Tests run in the project's root. */
#define TEST_NEEDS(path)                                                                                                           \
    do {                                                                                                                           \
        if (access((path), R_OK) != 0) {                                                                                           \
            printf("1..0 # SKIP %s is absent\n", (path));                                                                          \
            return 0;                                                                                                              \
        }                                                                                                                          \
    } while (0)

/* Runs the tests of an array and is main's return value. TEST_ONLY=PATTERN (with * and ?) runs those of such names alone. */
#define TEST_RUN(tests)                                                                                                            \
    (setvbuf(stdout, NULL, _IOLBF, 0), cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_set_test_filter(getenv("TEST_ONLY")),      \
     cmocka_run_group_tests_name(__FILE__, (tests), NULL, NULL))

/* How often something is repeated: `quick` in make test, `full` in make test-all (HWNAS_FULL=1). */
long test_amount(long quick, long full);

/* got within rel*|want| or abs of want; NaN fails. Prints both. */
void test_near(double got, double want, double rel, double abs, const char *what, const char *file, int line);
#define assert_near(got, want, rel, abs) test_near((got), (want), (rel), (abs), #got, __FILE__, __LINE__)

/* The result (evaluated once) is STATUS_OK; prints the sentence of that struct status otherwise. */
#define assert_ok(result, sentence)                                                                                                \
    do {                                                                                                                           \
        enum status_code test_code_ = (result);                                                                                    \
        if (test_code_ != STATUS_OK)                                                                                               \
            fail_msg("%s: %s", status_name(test_code_), (sentence).message);                                                       \
    } while (0)

#endif
