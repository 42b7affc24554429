/* no_threads: preloaded, it refuses the NO_THREADS-th thread and all after it, as a limit on processes would (which root has none
 * of). */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    static int made;
    union {
        void *plain;
        int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    } real = {.plain = dlsym(RTLD_NEXT, "pthread_create")};
    const char *first = getenv("NO_THREADS");
    if (first != NULL && __atomic_add_fetch(&made, 1, __ATOMIC_SEQ_CST) >= atoi(first))
        return EAGAIN;
    return real.create(thread, attributes, run, argument);
}
