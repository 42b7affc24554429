/* Any allocation fails, once or from then on, in everything a master does with its database: SQLite's, and hwnas's own and those of
 * the libraries that read settings and bundles. */
#include <limits.h>
#include <sys/stat.h>

#include "tests/support/failing_malloc.h"
#include "tests/support/operations.h"

enum { MANY = 1 << 30 };

static long armed_with;

static void arm(long after, bool from_then_on)
{
    armed_with = after < MANY ? after : MANY;
    if (from_then_on)
        failing_malloc_from(armed_with);
    else
        failing_malloc_after(armed_with);
}

static bool disarm(long *calls)
{
    long left = failing_malloc_after(FAILING_MALLOC_NEVER);
    *calls = armed_with - left;
    return left == FAILING_MALLOC_NEVER;
}

/* To jansson a string that it has no memory for is a syntax error. */
enum { CODES = 1 << STATUS_NO_MEMORY | 1 << STATUS_BAD_INPUT };

static void try_all(const struct case_folder *folder, bool from_then_on, long tries)
{
    struct fault fault = {"failed allocations", NULL, NULL, arm, disarm, from_then_on, false, CODES, tries};
    for (size_t i = 0; operations_at(i) != NULL; i++) {
        struct case_folder own;
        snprintf(own.path, sizeof own.path, "%.200s/%zu", folder->path, i);
        assert_int_equal(mkdir(own.path, 0700), 0);
        long met = operations_try(operations_at(i), &own, &fault);
        print_message("# %s, %s: %ld\n", operations_name(operations_at(i)), fault.word, met);
        assert_true(met > 0);
    }
}

static void any_allocation_may_fail_once(void **state)
{
    try_all(*state, false, test_amount(10, 2000));
}

static void all_allocations_may_fail_from_any_on(void **state)
{
    try_all(*state, true, test_amount(6, 1000));
}

int main(void)
{
    FAILING_MALLOC_NEEDED();
    const struct CMUnitTest tests[] = {
        case_in_folder(any_allocation_may_fail_once),
        case_in_folder(all_allocations_may_fail_from_any_on),
    };
    return TEST_RUN(tests);
}
