/* disk: see disk.h. The calls are made with syscall(2), which no other library stands in for. */
#undef _FORTIFY_SOURCE
#include "tests/support/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/disk_parts.h"

enum { FDS_MAX = 1024, FOLDER = -2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk *watched;
static char watched_folder[PATH_MAX];
static int file_of[FDS_MAX]; /* of an open descriptor; valid while watching */

static struct {
    unsigned kinds;
    long left, calls;
    enum disk_fault fault;
    int error;
    bool armed, met;
} failing;

/* The name within the watched folder; "" for the folder itself; NULL: elsewhere. */
static const char *inside(const char *path)
{
    size_t length = strlen(watched_folder);
    if (watched == NULL || strncmp(path, watched_folder, length) != 0)
        return NULL;
    if (path[length] == '\0')
        return "";
    return path[length] == '/' && strchr(path + length + 1, '/') == NULL ? path + length + 1 : NULL;
}

/* --- noting down --- */

static struct event *note(enum kind kind, int file)
{
    struct disk *disk = watched;
    if (disk->count == disk->capacity) {
        disk->capacity = disk->capacity == 0 ? 1024 : 2 * disk->capacity;
        disk->events = realloc(disk->events, disk->capacity * sizeof *disk->events);
        disk_must(disk->events != NULL, "no memory");
    }
    struct event *event = &disk->events[disk->count++];
    memset(event, 0, sizeof *event);
    event->kind = kind;
    event->file = file;
    return event;
}

static void note_write(int file, const void *data, size_t size, size_t offset)
{
    struct event *event = note(WRITE, file);
    event->data = malloc(size + 1);
    disk_must(event->data != NULL, "no memory");
    memcpy(event->data, data, size);
    event->size = size;
    event->offset = offset;
}

static void note_name(enum kind kind, int file, const char *from, const char *to)
{
    struct event *event = note(kind, file);
    snprintf(event->name, sizeof event->name, "%s", from);
    snprintf(event->to, sizeof event->to, "%s", to);
    disk_apply_name(&watched->now, event);
}

static void note_open(int fd, const char *word, int flags)
{
    disk_must(fd < FDS_MAX, "too many descriptors");
    if (*word == '\0') {
        file_of[fd] = FOLDER;
        return;
    }
    int place = disk_find(&watched->now, word);
    if (place == NONE) {
        disk_must(watched->files < FILES_MAX, "too many files");
        note_name(CREATE, watched->files++, word, "");
        place = disk_find(&watched->now, word);
    } else if ((flags & O_TRUNC) != 0) {
        note(TRUNCATE, watched->now.file[place]);
    }
    file_of[fd] = watched->now.file[place];
}

static int file_at(int fd)
{
    return watched != NULL && fd >= 0 && fd < FDS_MAX ? file_of[fd] : NONE;
}

/* --- calls that fail --- */

/* Whether this call is to fail; *lies: after it was done. With the lock held. */
static bool fails(unsigned kind, bool concerned, bool *lies)
{
    *lies = false;
    if (!failing.armed || !concerned || (failing.kinds & kind) == 0)
        return false;
    failing.calls++;
    if (failing.met && failing.fault != DISK_FAILS_FROM_THEN_ON)
        return false;
    if (!failing.met && failing.left-- > 0)
        return false;
    failing.met = true;
    *lies = failing.fault == DISK_LIES;
    errno = failing.error;
    return !*lies;
}

static long lied(bool lies, long result)
{
    if (!lies)
        return result;
    errno = failing.error;
    return -1;
}

/* --- the calls themselves --- */

static int open_it(const char *path, int flags, mode_t mode)
{
    pthread_mutex_lock(&lock);
    const char *word = inside(path);
    bool lies;
    int fd = -1;
    if (!fails(DISK_OPENS, word != NULL, &lies))
        fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && watched != NULL && fd < FDS_MAX)
        file_of[fd] = NONE;
    if (fd >= 0 && word != NULL)
        note_open(fd, word, flags);
    if (lies && fd >= 0)
        syscall(SYS_close, fd);
    fd = (int)lied(lies, fd);
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_it(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_it(path, flags, mode);
}

int close(int fd)
{
    pthread_mutex_lock(&lock);
    if (watched != NULL && fd >= 0 && fd < FDS_MAX)
        file_of[fd] = NONE;
    int result = (int)syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return result;
}

static ssize_t write_at(int fd, const void *data, size_t size, off64_t offset)
{
    pthread_mutex_lock(&lock);
    int file = file_at(fd);
    bool lies;
    ssize_t result = -1;
    if (!fails(DISK_WRITES, file >= 0, &lies)) {
        off64_t at = offset >= 0 || file < 0 ? offset : syscall(SYS_lseek, fd, 0, SEEK_CUR);
        result = offset >= 0 ? syscall(SYS_pwrite64, fd, data, size, offset) : syscall(SYS_write, fd, data, size);
        if (file >= 0 && result > 0)
            note_write(file, data, (size_t)result, (size_t)at);
    }
    result = lied(lies, result);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    return write_at(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return write_at(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return write_at(fd, data, size, -1);
}

static bool read_fails(int fd)
{
    pthread_mutex_lock(&lock);
    bool lies, failed = fails(DISK_READS, file_at(fd) >= 0, &lies) || lies;
    pthread_mutex_unlock(&lock);
    if (failed)
        errno = failing.error;
    return failed;
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, data, size, offset);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, data, size, offset);
}

ssize_t read(int fd, void *data, size_t size)
{
    return read_fails(fd) ? -1 : syscall(SYS_read, fd, data, size);
}

static int truncate_to(int fd, off64_t size)
{
    pthread_mutex_lock(&lock);
    int file = file_at(fd), result = -1;
    bool lies;
    if (!fails(DISK_WRITES, file >= 0, &lies)) {
        result = (int)syscall(SYS_ftruncate, fd, size);
        if (file >= 0 && result == 0)
            note(TRUNCATE, file)->size = (size_t)size;
    }
    result = (int)lied(lies, result);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate64(int fd, off64_t size)
{
    return truncate_to(fd, size);
}

int ftruncate(int fd, off_t size)
{
    return truncate_to(fd, size);
}

/* The real one is left out: this is about what was asked for. */
static int sync_it(int fd)
{
    pthread_mutex_lock(&lock);
    int file = file_at(fd), result = -1;
    bool lies;
    if (file == NONE) {
        result = (int)syscall(SYS_fsync, fd);
    } else if (!fails(DISK_SYNCS, true, &lies)) {
        note(file == FOLDER ? SYNC_FOLDER : SYNC, file);
        result = (int)lied(lies, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd)
{
    return sync_it(fd);
}

int fdatasync(int fd)
{
    return sync_it(fd);
}

int unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    const char *word = inside(path);
    int result = -1;
    bool lies;
    if (!fails(DISK_NAMES, word != NULL, &lies)) {
        result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
        if (word != NULL && result == 0)
            note_name(REMOVE, NONE, word, "");
    }
    result = (int)lied(lies, result);
    pthread_mutex_unlock(&lock);
    return result;
}

static int move(const char *from, const char *to, unsigned flags)
{
    pthread_mutex_lock(&lock);
    const char *old = inside(from), *fresh = inside(to);
    int result = -1;
    bool lies;
    if (!fails(DISK_NAMES, old != NULL, &lies)) {
        result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
        if (old != NULL && fresh != NULL && result == 0)
            note_name(MOVE, NONE, old, fresh);
    }
    result = (int)lied(lies, result);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to)
{
    return move(from, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    disk_must(from_folder == AT_FDCWD && to_folder == AT_FDCWD, "renameat2 within folders is not watched");
    return move(from, to, flags);
}

/* --- watching --- */

static void load(struct disk *disk, const char *word)
{
    char path[PATH_MAX + NAME_BYTES];
    unsigned char block[1 << 16];
    snprintf(path, sizeof path, "%s/%s", watched_folder, word);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    disk_must(fd >= 0 && disk->files < FILES_MAX, "a file cannot be read");
    for (ssize_t got; (got = syscall(SYS_read, fd, block, sizeof block)) > 0;)
        disk_put(&disk->contents[disk->files], disk->contents[disk->files].size, block, (size_t)got);
    syscall(SYS_close, fd);
    disk_name(&disk->before, word, disk->files++);
}

void disk_watch(const char *folder)
{
    if (watched != NULL) /* by a test that has failed */
        disk_free(disk_stop());
    failing.armed = false;
    struct disk *disk = calloc(1, sizeof *disk);
    disk_must(disk != NULL && watched == NULL && realpath(folder, watched_folder) != NULL, "cannot watch");
    for (int i = 0; i < FILES_MAX; i++)
        disk->before.file[i] = NONE;
    DIR *all = opendir(folder);
    disk_must(all != NULL, "the folder cannot be read");
    for (struct dirent *entry; (entry = readdir(all)) != NULL;)
        if (entry->d_type == DT_REG)
            load(disk, entry->d_name);
    closedir(all);
    disk->now = disk->before;
    for (int i = 0; i < FDS_MAX; i++)
        file_of[i] = NONE;
    watched = disk;
}

size_t disk_calls(void)
{
    return watched->count;
}

size_t disk_count(const struct disk *disk)
{
    return disk->count;
}

struct disk *disk_stop(void)
{
    struct disk *disk = watched;
    watched = NULL;
    return disk;
}

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++)
        free(disk->events[i].data);
    for (int i = 0; i < FILES_MAX; i++)
        free(disk->contents[i].data);
    free(disk->events);
    free(disk);
}

bool disk_wrote(const struct disk *disk, size_t call, const char *word)
{
    int place = disk_find(&disk->now, word);
    return place != NONE && disk->events[call].kind == WRITE && disk->events[call].file == disk->now.file[place];
}

void disk_fail_after(unsigned kinds, long calls, enum disk_fault fault, int error)
{
    failing.kinds = kinds;
    failing.left = calls;
    failing.calls = 0;
    failing.fault = fault;
    failing.error = error;
    failing.met = false;
    failing.armed = true;
}

bool disk_heal(long *calls)
{
    bool met = failing.armed && failing.met;
    failing.armed = false;
    *calls = failing.calls;
    return met;
}
