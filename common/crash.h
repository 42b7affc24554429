/* crash: named places where a test can have a program killed. In the product crash_point is nothing at all; in a test build (files
 * that include this header, compiled once more with HWNAS_CRASH_POINTS) it is tests/support/crash.c, which raises SIGKILL at the
 * n-th passage of the place that the environment names. Every place is killed in tests/chaos/crash_points.py, which lists them. */
#ifndef HWNAS_COMMON_CRASH_H
#define HWNAS_COMMON_CRASH_H

#ifdef HWNAS_CRASH_POINTS
void crash_point(const char *name);
#else
static inline void crash_point(const char *name)
{
    (void)name;
}
#endif

#endif
