/* fileio: reading whole files, and replacing them atomically. */
#include "common/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status_code open_regular(const char *path, size_t max_bytes, int *out, size_t *size, struct status *status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer would block for ever */
    if (fd < 0) {
        enum status_code code = errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_IO;
        return status_set(status, code, "%s: cannot be opened: %s", path, strerror(errno));
    }
    struct stat info;
    enum status_code code = STATUS_OK;
    if (fstat(fd, &info) != 0)
        code = status_set(status, STATUS_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        code = status_set(status, STATUS_BAD_INPUT, "%s: is not a regular file", path);
    else if ((unsigned long long)info.st_size > max_bytes)
        code = status_set(status, STATUS_BAD_INPUT, "%s: has %lld bytes, more than the %zu that are read here", path,
                          (long long)info.st_size, max_bytes);
    if (code != STATUS_OK) {
        close(fd);
        return code;
    }
    *out = fd;
    *size = (size_t)info.st_size;
    return STATUS_OK;
}

enum status_code fileio_read(const char *path, size_t max_bytes, void **data, size_t *size, struct status *status)
{
    int fd = -1;
    size_t wanted = 0;
    enum status_code code = open_regular(path, max_bytes, &fd, &wanted, status);
    if (code != STATUS_OK)
        return code;
    char *buffer = malloc(wanted + 1);
    if (buffer == NULL) {
        close(fd);
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory for its %zu bytes", path, wanted);
    }
    size_t used = 0;
    while (used < wanted) {
        ssize_t got = read(fd, buffer + used, wanted - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(fd);
    if (used != wanted) {
        free(buffer);
        return status_set(status, STATUS_IO, "%s: only %zu of %zu bytes could be read", path, used, wanted);
    }
    buffer[used] = '\0';
    *data = buffer;
    *size = used;
    return STATUS_OK;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, data, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        data += put;
        size -= (size_t)put;
    }
    return 0;
}

void fileio_sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static enum status_code cannot_write(const char *path, int reason, struct status *status)
{
    return status_set(status, STATUS_IO, "%s: cannot be written: %s", path, strerror(reason));
}

static bool is_named(int fd, const char *path)
{
    struct stat here, there;
    return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* The lock, not the name, says whether somebody is at it. Who ends between open and lock takes the name away, and what was opened
 * may be his finished file: then once more. */
enum status_code fileio_claim(const char *temporary, int *out, struct status *status)
{
    for (;;) {
        int fd = open(temporary, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0)
            return cannot_write(temporary, errno, status);
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            close(fd);
            return status_set(status, STATUS_CONFLICT, "%s: another process writes it", temporary);
        }
        if (is_named(fd, temporary)) {
            *out = fd;
            return ftruncate(fd, 0) == 0 ? STATUS_OK : cannot_write(temporary, errno, status);
        }
        close(fd);
    }
}

/* Not every file system can rename without replacing; every one that can link does that instead. */
static int rename_new(const char *temporary, const char *path)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EEXIST || link(temporary, path) != 0)
        return -1;
    unlink(temporary);
    return 0;
}

enum status_code fileio_take_name(const char *temporary, const char *path, struct status *status)
{
    if (rename_new(temporary, path) != 0)
        return errno == EEXIST ? status_set(status, STATUS_CONFLICT, "%s: exists already, and nothing is overwritten", path)
                               : cannot_write(path, errno, status);
    fileio_sync_folder(path);
    return STATUS_OK;
}

/* A device or a pipe takes the bytes as they come; a file in its place would take it away from everybody. */
static enum status_code pour(const char *path, const void *data, size_t size, struct status *status)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot_write(path, errno, status);
    int failed = write_all(fd, data, size) != 0, reason = errno;
    if (close(fd) != 0 && !failed) {
        failed = 1;
        reason = errno;
    }
    return failed ? cannot_write(path, reason, status) : STATUS_OK;
}

/* A file under a name that nobody has, in the folder of path. */
static enum status_code open_beside(const char *path, char temporary[PATH_MAX], int *fd, struct status *status)
{
    if (snprintf(temporary, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
        return status_set(status, STATUS_BAD_INPUT, "%s: the path is too long", path);
    *fd = mkostemp(temporary, O_CLOEXEC);
    return *fd < 0 ? cannot_write(path, errno, status) : STATUS_OK;
}

static enum status_code replace(const char *path, const void *data, size_t size, mode_t mode, struct status *status)
{
    char temporary[PATH_MAX];
    int fd;
    enum status_code code = open_beside(path, temporary, &fd, status);
    if (code != STATUS_OK)
        return code;
    mode_t mask = umask(0);
    umask(mask);
    int failed = fchmod(fd, mode & ~mask) != 0 || write_all(fd, data, size) != 0 || fsync(fd) != 0;
    int reason = errno;
    if (close(fd) != 0 && !failed) {
        failed = 1;
        reason = errno;
    }
    if (!failed && rename(temporary, path) != 0) {
        failed = 1;
        reason = errno;
    }
    if (failed) {
        unlink(temporary);
        return cannot_write(path, reason, status);
    }
    fileio_sync_folder(path);
    return STATUS_OK;
}

enum status_code fileio_write(const char *path, const void *data, size_t size, struct status *status)
{
    char target[PATH_MAX];
    struct stat at;
    if (stat(path, &at) != 0)
        return replace(path, data, size, 0666, status);
    if (!S_ISREG(at.st_mode) && !S_ISDIR(at.st_mode))
        return pour(path, data, size, status);
    /* /dev/stdout of a shell's `> file` is a link too. */
    return replace(realpath(path, target) != NULL ? target : path, data, size, 0666, status);
}

enum status_code fileio_check_target(const char *path, struct status *status)
{
    char target[PATH_MAX], temporary[PATH_MAX];
    struct stat at;
    int fd;
    bool there = stat(path, &at) == 0;
    if (there && S_ISDIR(at.st_mode))
        return cannot_write(path, EISDIR, status);
    if (there && !S_ISREG(at.st_mode))
        return access(path, W_OK) == 0 ? STATUS_OK : cannot_write(path, errno, status);
    const char *name = there && realpath(path, target) != NULL ? target : path;
    enum status_code code = open_beside(name, temporary, &fd, status);
    if (code != STATUS_OK)
        return code;
    close(fd);
    unlink(temporary);
    return STATUS_OK;
}

enum status_code fileio_write_private(const char *path, const void *data, size_t size, struct status *status)
{
    return replace(path, data, size, 0600, status);
}
