/* failing_malloc: lets any one allocation of a test program fail. The programs named tests/.../..._memory.c are linked with it, so
 * that malloc and its kin are its own; the sanitizers bring theirs, and such a program skips there: main begins with
 * FAILING_MALLOC_NEEDED(). */
#ifndef HWNAS_TESTS_SUPPORT_FAILING_MALLOC_H
#define HWNAS_TESTS_SUPPORT_FAILING_MALLOC_H

#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAILING_MALLOC_NEEDED()                                                                                                    \
    do {                                                                                                                           \
        printf("1..0 # SKIP the sanitizer owns malloc\n");                                                                         \
        return 0;                                                                                                                  \
    } while (0)
#else
#define FAILING_MALLOC_NEEDED() ((void)0)
#endif

enum { FAILING_MALLOC_NEVER = -1 };

/* After this many more allocations that succeed, one fails; those after it succeed again. Returns what was left of the countdown so
 * far: FAILING_MALLOC_NEVER when none was set or its allocation has failed. */
long failing_malloc_after(long allocations);

/* The same, but all those after it fail, too, until failing_malloc_after(FAILING_MALLOC_NEVER). */
long failing_malloc_from(long allocations);

#endif
