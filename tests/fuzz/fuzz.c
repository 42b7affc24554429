/* fuzz: what fuzz.h declares beside the target itself; part of both programs of a target. */
#include <dirent.h>
#include <fcntl.h>
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

static char folder[64];

static void remove_folder(void)
{
    char path[400];
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (entries != NULL)
        closedir(entries);
    rmdir(folder);
}

const char *fuzz_folder(void)
{
    if (folder[0] != '\0')
        return folder;
    snprintf(folder, sizeof folder, "%s/hwnas-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    FUZZ_MUST(mkdtemp(folder) != NULL, "a folder can be made");
    atexit(remove_folder);
    return folder;
}

void fuzz_write(const char *place, const char *name, unsigned mode, const void *data, size_t size, char *path)
{
    snprintf(path, 128, "%s/%s", place, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    FUZZ_MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0, "a file can be written");
}
