/* failing_malloc: glibc's allocator behind a countdown. Single-threaded tests alone use it. */
#include "tests/support/failing_malloc.h"

#include <stdbool.h>
#include <stdlib.h>

static long calls_until_failure = FAILING_MALLOC_NEVER;
static bool from_then_on, failed;

static long set(long allocations)
{
    long left = calls_until_failure;
    calls_until_failure = allocations;
    failed = false;
    return left;
}

long failing_malloc_after(long allocations)
{
    from_then_on = false;
    return set(allocations);
}

long failing_malloc_from(long allocations)
{
    from_then_on = true;
    return set(allocations);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static bool fails_now(void)
{
    if (calls_until_failure == FAILING_MALLOC_NEVER)
        return failed && from_then_on;
    failed = calls_until_failure-- == 0;
    return failed;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    return fails_now() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __libc_realloc(old, size);
}

#endif
