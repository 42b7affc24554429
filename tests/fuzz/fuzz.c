/* fuzz: what fuzz.h declares beside the target itself; part of both programs of a target. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

_Noreturn void fuzz_fail(const char *file, int line, const char *condition, const char *sentence)
{
    fprintf(stderr, "%s:%d: %s: does not hold: %s\n", file, line, condition, sentence);
    abort();
}

struct fuzz_file fuzz_file(const void *data, size_t size)
{
    struct fuzz_file file = {.fd = memfd_create("fuzz", MFD_CLOEXEC)};
    FUZZ_MUST(file.fd >= 0 && write(file.fd, data, size) == (ssize_t)size, "a file in memory can be made");
    snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
    return file;
}

void fuzz_file_close(struct fuzz_file *file)
{
    close(file->fd);
}
